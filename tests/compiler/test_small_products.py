"""Small products by native code of ours, and factors that are read at the call, against NumPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.compiler.small import DEEPEST, PANEL

EPS = {"float32": 2.0**-23, "float64": 2.0**-52}


def close(found: Any, left: Any, right: Any, wanted: Any) -> None:
    """Within the bound of a sum of products in any order."""
    size = np.abs(left).astype(float) @ np.abs(right).astype(float)
    room = (left.shape[-1] + 2) * EPS[left.dtype.name] * (size + np.abs(wanted)) + 1e-300
    assert found.dtype == left.dtype
    assert np.all(np.abs(found - wanted) <= room)


def laid(rng: np.random.Generator, rows: int, columns: int, way: int, kind: str) -> Any:
    """A matrix as it is, or one that the program turns over: its transpose is the argument."""
    shape = (columns, rows) if way else (rows, columns)
    return rng.standard_normal(shape).astype(kind)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("ways", list(itertools.product((0, 1), (0, 1))))
def test_every_size_around_a_panel(kind: str, ways: tuple[int, int]) -> None:
    rng, panel = np.random.default_rng(0), PANEL[kind]
    for m, n, k in itertools.product((2, 3, 5, 9), (2, panel - 1, panel, panel + 3), (1, 2, 7, 33)):
        x, y = laid(rng, m, k, ways[0], kind), laid(rng, k, n, ways[1], kind)
        product = dv.jit(lambda x, y: (x.T if ways[0] else x) @ (y.T if ways[1] else y))
        left, right = x.T if ways[0] else x, y.T if ways[1] else y
        wanted = left.astype(float) @ right.astype(float)
        for _ in range(2):
            close(product(x, y), left, right, wanted)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("inner", [DEEPEST - 1, DEEPEST, DEEPEST + 1])
def test_a_stack_and_the_deepest_inner_size(kind: str, inner: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 21, inner)).astype(kind)
    y = rng.standard_normal((3, inner, 6)).astype(kind)
    wanted = x.astype(float) @ y.astype(float)
    close(dv.jit(lambda x, y: x @ y)(x, y), x, y, wanted)
    turned = dv.jit(lambda x, y: x @ dv.matrix_transpose(y))
    close(turned(x, np.ascontiguousarray(np.swapaxes(y, 1, 2))), x, y, wanted)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_what_is_not_finite_stays_in_its_row_and_column(kind: str) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((19, 7)).astype(kind), rng.standard_normal((7, 21)).astype(kind)
    x[3, 2], x[18, 0], y[5, 20] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        wanted = x @ y
    found = dv.jit(lambda x, y: x @ y)(x, y)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_array_equal(found[np.isinf(wanted)], wanted[np.isinf(wanted)])


def step(W: Any, X: Any, G: Any, rate: Any) -> Any:
    """What a descent does; the rate is an argument."""
    return W - rate * (X.T @ (2.0 * G))


# Small by its sizes, deep, and large.
SIZES = [(30, 20, 10), (30, 20, 500), (130, 90, 70)]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_rate_that_is_an_argument_is_the_factor_of_one_product(
    kind: str, sizes: tuple[int, int, int]
) -> None:
    m, n, k = sizes
    rng = np.random.default_rng(3)
    W, X, G = (rng.standard_normal(s).astype(kind) for s in ((m, n), (k, m), (k, n)))
    compiled = dv.jit(step, donate_argnums=0)
    number = np.dtype(kind).type
    for rate in (0.25, number(0.125), np.array(-0.5, kind), 0.0):
        before = W.copy()
        wanted = step(W.astype(float), X.astype(float), G.astype(float), float(rate))
        found = compiled(before, X, G, rate)
        assert found is before
        close(found, X.T, G, wanted)
    plan = dv.explain(compiled, W, X, G, 0.25)
    assert [s.what for s in plan.steps if s.rows == ("product",)] == [
        {"float32": "sgemm", "float64": "dgemm"}[kind]
    ]


@pytest.mark.parametrize("rate", [0.0, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("sizes", SIZES)
def test_rates_that_blas_does_not_take(sizes: tuple[int, int, int], rate: float) -> None:
    m, n, k = sizes
    rng = np.random.default_rng(4)
    W, X, G = (rng.standard_normal(s) for s in ((m, n), (k, m), (k, n)))
    X[0, 0], G[0, 1] = np.inf, np.nan
    with np.errstate(all="ignore"):
        wanted = step(W, X, G, rate)
    found = dv.jit(step, donate_argnums=0)(W.copy(), X, G, rate)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


def test_a_number_that_the_program_computes_is_the_factor_too() -> None:
    rng = np.random.default_rng(5)
    W, X, G = (rng.standard_normal(s) for s in ((12, 20), (9, 12), (9, 20)))

    def clipped(W: Any, X: Any, G: Any) -> Any:
        return W + (X.T @ G) * (0.1 / dv.sqrt(dv.sum(G**2)))

    wanted = W + (X.T @ G) * (0.1 / np.sqrt(np.sum(G**2)))
    found = dv.jit(clipped, donate_argnums=0)(W.copy(), X, G)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_a_donated_number_is_read_before_it_is_written() -> None:
    rng = np.random.default_rng(6)
    W, X, G = (rng.standard_normal(s) for s in ((12, 20), (9, 12), (9, 20)))

    def both(state: Any, X: Any, G: Any) -> Any:
        W, rate = state
        return W - rate * (X.T @ G), 0.5 * rate

    compiled = dv.jit(both, donate_argnums=0)
    first, second = compiled((W.copy(), np.array(0.5)), X, G)
    np.testing.assert_allclose(first, W - 0.5 * (X.T @ G), rtol=1e-12)
    assert second == 0.25
