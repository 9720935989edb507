"""micrograd's moons demo on derivant and on micrograd: the same code, step by step in turn."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import derivant.micrograd.engine
import derivant.micrograd.nn
from benchmarks.timing import REPEATS, Row, ratio
from derivant.base.loader import load


def training(value: Any, mlp: Any) -> Iterator[tuple[float, float]]:
    """The demo as in micrograd's notebook; each step yields its loss and its seconds."""
    np.random.seed(1337)
    random.seed(1337)
    points, labels = load("sklearn.datasets").make_moons(n_samples=100, noise=0.1)
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


def rows() -> Iterator[Row]:
    """The line of the table: micrograd's time over ours, step by step, losses equal to 1e-9."""
    try:
        import micrograd.engine
        import micrograd.nn
        import sklearn.datasets  # noqa: F401 - whether the data is there
    except ImportError:
        return
    ours = training(derivant.micrograd.engine.Value, derivant.micrograd.nn.MLP)
    theirs = training(micrograd.engine.Value, micrograd.nn.MLP)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(REPEATS):
        (mine, spent), (reference, waited) = next(ours), next(theirs)
        np.testing.assert_allclose(mine, reference, atol=1e-9, rtol=0)
        seconds["ours"].append(spent)
        seconds["theirs"].append(waited)
    value, spread = ratio(seconds["theirs"], seconds["ours"])
    yield Row("micrograd / Value, moons demo", f"{value:.1f}", spread, ">= 10", value >= 10)
