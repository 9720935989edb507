"""Deep graphs: derivatives share what the value shares, so that nothing is written out.

The times of the same graphs: python -m benchmarks closed_forms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.carriers.trace import symbols
from derivant.rewriting import derivative_form

MOST = 8  # nodes of a derivative for each node of the value
BLOCKS = 12
S, X, A = symbols("s:, x: n, A: n n")
FACTORS = symbols(", ".join(f"a{k}:" for k in range(1000)))


def repeated(step: Callable[[Any], Any], times: int, start: Any) -> Any:
    return reduce(lambda e, _: step(e), range(times), start)


def product(factors: list[Any]) -> Any:
    return reduce(lambda a, b: a * b, factors)


def balanced(factors: list[Any]) -> Any:
    """A product of products: the same value, in a graph that is not deep."""
    while len(factors) > 1:
        pairs = [a * b for a, b in zip(factors[::2], factors[1::2], strict=False)]
        factors = pairs + factors[2 * len(pairs) :]
    return factors[0]


def near_one(v: Any, k: int) -> Any:
    """Factors whose product of 1,000 is a number of moderate size."""
    return 1.0 + dv.sin(float(k) * v) / 500.0


PRODUCTS: dict[str, tuple[Any, Expr]] = {
    "of sums": (product([1.0 + S / (k + 1000.0) for k in range(1000)]), S),
    "of functions": (product([near_one(S, k) for k in range(1000)]), S),
    "of functions, balanced": (balanced([near_one(S, k) for k in range(1000)]), S),
    "of functions of vectors": (dv.sum(product([near_one(X, k) for k in range(1000)])), X),
    "of different numbers": (product(list(FACTORS)), FACTORS[500]),
    "of one number": (product([S] * 1000), S),
    "of matrices": (dv.sum(repeated(lambda e: A @ e, 1000, X)), X),
    "of one matrix": (dv.sum(repeated(lambda e: A @ e, 1000, X)), A),
}
COMPOSITIONS: dict[str, tuple[Any, Expr]] = {
    "tanh": (repeated(dv.tanh, 1000, S), S),
    "sin of a vector": (dv.sum(repeated(dv.sin, 1000, X)), X),
    "a polynomial": (repeated(lambda e: e * e / 2.0 + 0.1, 1000, S), S),
    "a quotient": (repeated(lambda e: 1.0 / (1.0 + e), 1000, S), S),
    "a sum": (repeated(lambda e: 0.5 * e + dv.sin(e), 1000, S), S),
    "layers by their input": (dv.sum(repeated(lambda e: dv.tanh(A @ e), 1000, X)), X),
    "layers by their weights": (dv.sum(repeated(lambda e: dv.tanh(A @ e), 1000, X)), A),
    "residual layers": (dv.sum(repeated(lambda e: dv.tanh(A @ e) / 50.0 + e, 1000, X)), A),
}
DEEP = {**{f"a product {n}": c for n, c in PRODUCTS.items()}, **COMPOSITIONS}


def nodes(e: Expr) -> int:
    return len(ancestors([e]))


def assert_right(value: Expr, wrt: Expr, derivative: Expr) -> None:
    """The derivative is what the reverse sweep gives on numbers."""
    rng = np.random.default_rng(4)
    leaves = [v for v in ancestors([value, derivative]) if v.primitive.name == "variable"]
    given = {v.params["name"]: 0.3 + rng.random([3] * len(v.shape)) for v in leaves}
    given |= {f"a{k}": np.float64(0.9 + 0.2 * rng.random()) for k in range(len(FACTORS))}
    given["A"] = given.get("A", 0.0) / 2.0  # keeps the length of vectors moderate
    name = wrt.params["name"]
    found = dv.evaluate(derivative, given, {"n": 3})
    expected = dv.grad(lambda x: dv.evaluate(value, {**given, name: x}, {"n": 3}))(given[name])
    scale = max(1e-12, float(np.max(np.abs(expected))))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * scale)


LONG = ("layers by their weights", "residual layers", "a product of functions of vectors")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in DEEP]
)
def test_a_derivative_of_a_deep_graph_stays_small(name: str) -> None:
    value, wrt = DEEP[name]
    derivative = derivative_form(value, wrt).to_expr()
    assert nodes(derivative) < MOST * nodes(value)
    assert_right(value, wrt, derivative)


def attention(x: Any, weights: Any) -> Any:
    queries, keys, values, out = weights
    scores = (x @ queries) @ (x @ keys).T / 2.0
    return dv.softmax(scores, axis=-1) @ (x @ values) @ out


def normed(x: Any, gain: Any) -> Any:
    centred = x - dv.mean(x, axis=1, keepdims=True)
    return gain * centred / dv.sqrt(dv.mean(centred * centred, axis=1, keepdims=True) + 1e-5)


def block(x: Any, weights: Any) -> Any:
    *four, wide, narrow, gain, bias = weights
    x = x + attention(normed(x, gain), four)
    return x + dv.gelu(normed(x, gain) @ wide + bias) @ narrow


def transformer() -> tuple[Expr, dict[str, Expr]]:
    """The squared error of 12 blocks of attention and two layers, each with weights of its own."""
    shapes = "Q: d d, K: d d, V: d d, O: d d, W: d h, U: h d, g: d, b: h"
    texts = [
        ", ".join(
            f"{name}{k}:{sizes}" for name, sizes in (s.split(":") for s in shapes.split(", "))
        )
        for k in range(BLOCKS)
    ]
    x, target = symbols("X: t d, Y: t d")
    known = {"X": x}
    value: Any = x
    for text in texts:
        weights = symbols(text)
        known |= {str(w.params["name"]): w for w in weights}
        value = block(value, weights)
    return dv.sum((value - target) ** 2), known


@pytest.mark.parametrize("name", ["X", "Q0", "b5"])
def test_the_loss_of_a_transformer_does_not_blow_up(name: str) -> None:
    value, known = transformer()
    derivative = derivative_form(value, known[name]).to_expr()
    assert nodes(derivative) < MOST * nodes(value)


def test_the_gradient_of_a_transformer_is_right() -> None:
    value, known = transformer()
    rng = np.random.default_rng(2)
    sizes = {"t": 3, "d": 4, "h": 5}
    leaves = [v for v in ancestors([value]) if v.primitive.name == "variable"]
    given = {
        v.params["name"]: rng.standard_normal([sizes[str(s)] for s in v.shape]) / 2 for v in leaves
    }
    for name in ("g0", "U11"):
        found = dv.evaluate(derivative_form(value, known[name]).to_expr(), given)
        expected = dv.grad(lambda x, n=name: dv.evaluate(value, {**given, n: x}))(given[name])
        scale = float(np.max(np.abs(expected)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * scale)
