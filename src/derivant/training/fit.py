"""The training loop: mini-batches, one value and gradient each, one update each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from derivant.base.errors import DifferentiationError
from derivant.base.loader import load
from derivant.base.tree import tree_map
from derivant.base.types import Function
from derivant.calculus.transforms import value_and_grad
from derivant.training.optimisers import Optimiser

Tree = TypeVar("Tree")


@dataclass(slots=True)
class History:
    """The mean training loss of each epoch."""

    losses: list[float] = field(default_factory=list)


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.intp]]:
    """The indices of one epoch in random order, in pieces of `size`."""
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def fit(
    loss: Function,
    params: Tree,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    optimiser: Optimiser,
    *,
    epochs: int = 30,
    batch_size: int = 32,
    seed: int = 0,
    progress: bool = True,
) -> tuple[Tree, History]:
    """Minimise the mean of `loss(params, x, y)` over the data by mini-batches.

    Returns the parameters and the history. Shows a progress bar where `progress`. Raises
    DifferentiationError where the loss becomes NaN or infinite, with the epoch.
    """
    step = value_and_grad(loss)
    rng = np.random.default_rng(seed)
    state = optimiser.init(params)
    history = History()
    bar = load("tqdm").tqdm(range(epochs), disable=not progress, unit="epoch")
    for epoch in bar:
        total = 0.0
        for places in batches(len(x), batch_size, rng):
            value, grads = step(params, x[places], y[places])
            steps, state = optimiser.update(grads, state)
            params = cast(Tree, tree_map(np.add, params, steps))
            total += float(np.asarray(value)) * len(places)
        mean = total / len(x)
        if not np.isfinite(mean):
            raise DifferentiationError(
                f"the loss is {mean} in epoch {epoch}; lower the learning rate, "
                "or run under debug_nans() to see the first operation that made it"
            )
        history.losses.append(mean)
        bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
    return params, history


def accuracy(logits: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """The fraction of rows whose largest entry is at the label.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    0.5
    """
    return float(np.mean(np.argmax(logits, axis=-1) == labels))
