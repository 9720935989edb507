"""micrograd's moons demo on derivant and on micrograd: the same code, step by step in turn."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import derivant as dv
import derivant.micrograd.engine
import derivant.micrograd.nn
from benchmarks.timing import REPEATS, Row, ratio
from derivant.base.loader import load

STEPS = 100


def training(value: Any, mlp: Any) -> Iterator[tuple[float, float]]:
    """The demo as in micrograd's notebook; each step yields its loss and its seconds."""
    np.random.seed(1337)
    random.seed(1337)
    points, labels = load("sklearn.datasets").make_moons(n_samples=100, noise=0.1)
    labels = labels * 2 - 1
    model = mlp(2, [16, 16, 1])
    for k in range(STEPS):
        start = time.perf_counter()
        inputs = [list(map(value, row)) for row in points]
        scores = list(map(model, inputs))
        losses = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / STEPS) * p.grad
        yield total.data, time.perf_counter() - start


def tensor_training(mlp: Any) -> Callable[[], tuple[list[float], float]]:
    """The same demo, from the same weights, as one compiled step on arrays.

    A call trains once more from the start: the losses, and seconds a step.
    """
    np.random.seed(1337)
    random.seed(1337)
    points, labels = load("sklearn.datasets").make_moons(n_samples=100, noise=0.1)
    signs = (labels * 2 - 1).astype(float)[:, None]
    layers = [
        (
            np.array([[w.data for w in neuron.w] for neuron in layer.neurons]).T.copy(),
            np.array([neuron.b.data for neuron in layer.neurons], float),
        )
        for layer in mlp(2, [16, 16, 1]).layers
    ]

    def loss(layers: Any) -> Any:
        x = points
        for W, b in layers[:-1]:
            x = dv.relu(x @ W + b)
        W, b = layers[-1]
        margins = dv.mean(dv.relu(1 - signs * (x @ W + b)))
        return margins + 1e-4 * sum(dv.sum(p * p) for layer in layers for p in layer)

    def step(layers: Any, rate: float) -> Any:
        value, slopes = dv.value_and_grad(loss)(layers)
        return value, [
            (W - rate * dW, b - rate * db) for (W, b), (dW, db) in zip(layers, slopes, strict=True)
        ]

    compiled = dv.jit(step, donate_argnums=0)

    def run() -> tuple[list[float], float]:
        own = [(W.copy(), b.copy()) for W, b in layers]
        losses = []
        start = time.perf_counter()
        for k in range(STEPS):
            value, _ = compiled(own, 1.0 - 0.9 * k / STEPS)
            losses.append(value)
        return losses, (time.perf_counter() - start) / STEPS

    run()
    return run


def chain(length: int = 1_000_000) -> float:
    """Seconds of the processor for a chain of Values: forward, backward and freeing."""
    start = time.process_time()
    x = y = derivant.micrograd.engine.Value(1.0)
    for _ in range(length):
        y = y * 1.000001
    y.backward()
    y = None
    assert x.grad > 2
    return time.process_time() - start


def rows() -> Iterator[Row]:
    """A long chain; then micrograd's time over ours, step by step: same code, then compiled."""
    times = [chain() for _ in range(3)]
    middle, spread = statistics.median(times), f"{min(times):.1f} to {max(times):.1f}"
    yield Row("a chain of 1,000,000 Values", f"{middle:.1f} s", spread, "<= 8 s", middle <= 8)
    try:
        import micrograd.engine
        import micrograd.nn
        import sklearn.datasets  # noqa: F401 - whether the data is there
    except ImportError:
        return
    ours = training(derivant.micrograd.engine.Value, derivant.micrograd.nn.MLP)
    theirs = training(micrograd.engine.Value, micrograd.nn.MLP)
    compiled = tensor_training(derivant.micrograd.nn.MLP)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": [], "compiled": []}
    for k in range(REPEATS):
        (mine, spent), (reference, waited) = next(ours), next(theirs)
        losses, quick = compiled()
        np.testing.assert_allclose([mine, losses[k]], reference, atol=1e-9, rtol=0)
        seconds["compiled"].append(quick)
        seconds["ours"].append(spent)
        seconds["theirs"].append(waited)
    value, spread = ratio(seconds["theirs"], seconds["ours"])
    yield Row("micrograd / Value, moons demo", f"{value:.1f}", spread, ">= 10", value >= 10)
    value, spread = ratio(seconds["theirs"], seconds["compiled"])
    name = "micrograd / compiled tensor program, moons demo"
    yield Row(name, f"{value:.0f}", spread, ">= 25000", value >= 25000)
