"""What a compiled call costs beside its work: an empty one, one more argument, small gradients."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import derivant as dv
from benchmarks.timing import Row, excess, interleaved, ratio

US = 1e-6
LEAVES = 20


def rows() -> Iterator[Row]:
    """The lines of the table."""
    yield from calls()
    yield from chain()


def calls() -> Iterator[Row]:
    """The time of a call that adds 1 to ten numbers, and of each further argument."""
    x = np.ones(10)
    one = dv.jit(lambda x: x + 1.0)
    many = dv.jit(lambda *xs: xs[0] + 1.0)
    nested = dv.jit(lambda layers: layers[0][0] + 1.0)
    xs = [x] * (LEAVES + 1)
    layers = [(x, x)] * (LEAVES // 2) + [(x,)]
    np.testing.assert_array_equal(one(x), x + 1)
    np.testing.assert_array_equal(many(*xs), x + 1)
    np.testing.assert_array_equal(nested(layers), x + 1)
    times = interleaved(
        {"one": lambda: one(x), "many": lambda: many(*xs), "nested": lambda: nested(layers)}, 2000
    )
    value, spread = excess(times["one"], [0.0] * len(times["one"]), US)
    yield Row("compiled call, one array", f"{value:.2f} us", spread, "<= 3.3 us", value <= 3.3)
    for name, what in (("many", "each further array"), ("nested", "each further array, nested")):
        more = [t / LEAVES for t in times[name]]
        value, spread = excess(more, [t / LEAVES for t in times["one"]], US)
        yield Row(f"compiled call, {what}", f"{value:.3f} us", spread, "<= 0.3 us", value <= 0.3)


def loss(x: Any, tanh: Any, total: Any) -> Any:
    """25 times tanh and times 1.1, then the sum; the same text for all systems."""
    for _ in range(25):
        x = tanh(x) * 1.1
    return total(x)


def chain() -> Iterator[Row]:
    """The gradient of 51 operations on ten numbers."""
    x = np.linspace(-1, 1, 10).astype(np.float32)
    ours = dv.jit(dv.grad(lambda x: loss(x, dv.tanh, dv.sum)))
    contestants: dict[str, Callable[[], Any]] = {"ours": lambda: ours(x)}
    try:
        import jax
        import jax.numpy as jnp

        theirs = jax.jit(jax.grad(lambda x: loss(x, jnp.tanh, jnp.sum)))
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4)
        contestants["jax"] = lambda: theirs(x).block_until_ready()
    except ImportError:
        pass
    times = interleaved(contestants, 200)
    if "jax" in times:
        value, spread = ratio(times["ours"], times["jax"])
        yield Row("51-operation gradient / JAX", f"{value:.3f}", spread, "<= 0.5", value <= 0.5)
    else:
        value = statistics.median(times["ours"]) / US
        yield Row("51-operation gradient", f"{value:.1f} us", "", "", True)
