"""How long compiling takes: from process start to the first gradient, and with depth."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

import derivant as dv
from benchmarks.startup import process
from benchmarks.timing import Row, excess, interleaved, ratio

OURS = """
import numpy as np, derivant as dv
f = lambda w, x: dv.mean(dv.tanh(x @ w) ** 2)
g = dv.jit(dv.grad(f))(np.ones(3), np.ones((5, 3)))
assert abs(g.sum() - 0.0588) < 1e-3, g
"""
JAX = """
import numpy as np, jax, jax.numpy as jnp
f = lambda w, x: jnp.mean(jnp.tanh(x @ w) ** 2)
jax.jit(jax.grad(f))(np.ones(3), np.ones((5, 3))).block_until_ready()
"""
DEPTHS = (50, 200)


def rows() -> Iterator[Row]:
    """The lines of the table."""
    yield from first_gradient()
    yield from depth()


def first_gradient() -> Iterator[Row]:
    """A process that imports, compiles one gradient and runs it."""
    contestants: dict[str, Any] = {"ours": lambda: process(OURS)}
    if find_spec("jax") is not None:
        contestants["jax"] = lambda: process(JAX)
    times = interleaved(contestants, repeats=11)
    value, spread = excess(times["ours"], [0.0] * len(times["ours"]), 1.0)
    name = "process start to first compiled gradient"
    yield Row(name, f"{value:.3f} s", spread, "<= 0.6 s", value <= 0.6)
    if "jax" in times:
        value, spread = ratio(times["ours"], times["jax"])
        yield Row(f"{name} / JAX", f"{value:.3f}", spread, "<= 0.33", value <= 0.33)


def depth() -> Iterator[Row]:
    """A training step of deep networks, traced, planned and run once; four times the depth."""
    seconds: dict[int, list[float]] = {layers: [] for layers in DEPTHS}
    compiled_step(2)()  # what all share is there
    for _ in range(7):
        for layers in DEPTHS:
            step = compiled_step(layers)
            started = time.perf_counter()
            step()
            seconds[layers].append(time.perf_counter() - started)
    shallow, deep = (seconds[layers] for layers in DEPTHS)
    value, spread = excess(deep, [0.0] * len(deep), 1.0)
    yield Row("compile of 200 layers", f"{value:.2f} s", spread, "<= 1.5 s", value <= 1.5)
    value = statistics.median(deep) / statistics.median(shallow)
    yield Row("compile of 200 layers / of 50", f"{value:.2f}", "", "<= 4.6", value <= 4.6)


def compiled_step(layers: int) -> Any:
    """A step of a network of so many layers, not compiled yet."""
    rng = np.random.default_rng(0)
    params = [
        ((rng.standard_normal((32, 32)) / 8).astype(np.float32), np.zeros(32, np.float32))
        for _ in range(layers)
    ]
    x = rng.standard_normal((16, 32)).astype(np.float32)

    def loss(params: Any, x: Any) -> Any:
        for W, b in params:
            x = dv.tanh(x @ W + b)
        return dv.mean(x**2)

    def step(params: Any, x: Any) -> Any:
        value, slopes = dv.value_and_grad(loss)(params, x)
        return value, [
            (W - 0.01 * dW, b - 0.01 * db) for (W, b), (dW, db) in zip(params, slopes, strict=True)
        ]

    compiled = dv.jit(step, donate_argnums=0)
    return lambda: compiled(params, x)
