"""`derivant train digits`: a network that learns to read handwritten digits."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.base.loader import load
from derivant.base.types import Array, Operand
from derivant.ops.losses import cross_entropy
from derivant.training.data import digits
from derivant.training.fit import History, accuracy, fit
from derivant.training.mlp import Layers, init_mlp, mlp
from derivant.training.optimisers import adam


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.add_argument("data", choices=["digits"], help="scikit-learn's 8 x 8 digits")
    command.add_argument("--hidden", default="256", help="sizes of the hidden layers, as in 128,64")
    command.add_argument("--epochs", type=int, default=60)
    command.add_argument("--batch-size", type=int, default=32)
    command.add_argument("--learning-rate", type=float, default=2e-3)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--plot", type=Path, metavar="FILE", help="draw the loss curve to a file")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.set_defaults(run=run)


def loss(layers: Layers, x: Operand, labels: Operand) -> Array:
    """The mean cross entropy of the network's logits."""
    return cross_entropy(mlp(layers, x), labels)


def run(options: argparse.Namespace) -> int:
    """Train on the fixed split, print the accuracy on images never trained on."""
    sizes = hidden_sizes(options.hidden)
    check_numbers(options)
    figure = blank_figure(options.plot) if options.plot else None
    data = digits()
    layers = init_mlp([data.x_train.shape[1], *sizes, 10], seed=options.seed)
    started = time.perf_counter()
    layers, history = fit(
        loss,
        layers,
        data.x_train,
        data.y_train,
        adam(options.learning_rate),
        epochs=options.epochs,
        batch_size=options.batch_size,
        seed=options.seed,
        progress=not options.quiet,
    )
    seconds = time.perf_counter() - started
    right = accuracy(np.asarray(mlp(layers, data.x_test)), data.y_test)
    print(f"digits: {len(data.y_train)} images trained on, {len(data.y_test)} held out")
    print(f"network 64-{'-'.join(map(str, sizes))}-10, {options.epochs} epochs in {seconds:.1f} s")
    print(f"training loss {history.losses[-1]:.4f}")
    print(f"test accuracy {100 * right:.2f} %")
    if figure is not None:
        draw(history, figure, options.plot)
        print(f"loss curve drawn to {options.plot}")
    return 0


def hidden_sizes(text: str) -> list[int]:
    """The sizes of the hidden layers, from "128,64"."""
    parts = [p for p in text.replace("-", ",").split(",") if p]
    if not parts or not all(p.strip().isdigit() and int(p) > 0 for p in parts):
        raise ArgumentError(f"--hidden takes sizes such as 128,64, not {text!r}")
    return [int(p) for p in parts]


def check_numbers(options: argparse.Namespace) -> None:
    """Refuse numbers that nothing can be trained with."""
    for name in ("epochs", "batch_size"):
        if getattr(options, name) < 1:
            raise ArgumentError(
                f"--{name.replace('_', '-')} is {getattr(options, name)}; at least 1"
            )
    if options.seed < 0:
        raise ArgumentError(f"--seed is {options.seed}; at least 0")
    if not 0 < options.learning_rate < math.inf:
        raise ArgumentError(f"--learning-rate is {options.learning_rate}; a number above 0")


def blank_figure(path: Path) -> Any:
    """What to draw on, asked for before the training, so that no result is lost to a bad name."""
    figure: Any = load("matplotlib.figure").Figure(figsize=(6, 4), layout="constrained")
    kinds = sorted(figure.canvas.get_supported_filetypes())
    if path.suffix.lower().removeprefix(".") not in kinds:
        raise ArgumentError(f"--plot {path}: the name must end in one of {', '.join(kinds)}")
    if path.is_dir() or not path.parent.is_dir():
        raise ArgumentError(f"--plot {path}: not a file in a directory that exists")
    return figure


def draw(history: History, figure: Any, path: Path) -> None:
    """The loss curve as a picture; the ending of the name says which kind."""
    axes = figure.add_subplot()
    axes.semilogy(range(1, len(history.losses) + 1), history.losses)
    axes.set(xlabel="epoch", ylabel="mean cross entropy", title="digits: training loss")
    axes.grid(True, which="both", alpha=0.3)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise ArgumentError(f"--plot {path}: {error}") from error
