"""micrograd's moons demo on derivant and on micrograd: the same code, step by step in turn.

Run: python benchmarks/micrograd_demo.py [steps]. The answers are compared before any time counts.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

import micrograd.engine
import micrograd.nn
import numpy as np
from sklearn.datasets import make_moons

import derivant.micrograd.engine
import derivant.micrograd.nn

GOAL = 10.0


def training(value: Any, mlp: Any) -> Iterator[tuple[float, float]]:
    """The demo as in micrograd's notebook; each step yields its loss and its seconds."""
    np.random.seed(1337)
    random.seed(1337)
    points, labels = make_moons(n_samples=100, noise=0.1)
    labels = labels * 2 - 1
    model = mlp(2, [16, 16, 1])
    for k in range(100):
        start = time.perf_counter()
        inputs = [list(map(value, row)) for row in points]
        scores = list(map(model, inputs))
        losses = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        yield total.data, time.perf_counter() - start


def main(steps: int) -> int:
    """Print both medians and their ratio; 1 where the ratio misses its goal."""
    sides = {
        "derivant": training(derivant.micrograd.engine.Value, derivant.micrograd.nn.MLP),
        "micrograd": training(micrograd.engine.Value, micrograd.nn.MLP),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for k in range(steps):
        results = {name: next(side) for name, side in sides.items()}
        losses = [loss for loss, _ in results.values()]
        if abs(losses[0] - losses[1]) > 1e-9:
            sys.stdout.write(f"step {k}: the losses differ: {losses}\n")
            return 1
        for name, (_, spent) in results.items():
            seconds[name].append(spent)
    ours, theirs = (statistics.median(spent) for spent in seconds.values())
    sys.stdout.write(
        f"moons demo, {steps} steps in turn, losses equal to 1e-9\n"
        f"derivant  {ours * 1e3:9.2f} ms a step\n"
        f"micrograd {theirs * 1e3:9.2f} ms a step\n"
        f"micrograd / derivant = {theirs / ours:.1f} (goal: at least {GOAL:.0f})\n"
    )
    return int(theirs / ours < GOAL)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
