"""Products that are symmetric, and products with I: what they are, and that no other is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv

Function = Callable[..., Any]
EPS = {"float32": 2.0**-23, "float64": 2.0**-52}
SYMMETRIC: dict[str, Function] = {
    "weights by hand": lambda X, s: X.T @ (s[:, None] * X),
    "weights first": lambda X, s: (X * s[:, None]).T @ X,
    "none": lambda X, s: X.T @ X,
    "two of them, and a sign": lambda X, s: X.T @ (-(s[:, None] * (X * 2.0 * s[:, None]))),
    "an einsum": lambda X, s: dv.einsum("ki,kj->ij", s[:, None] * X, X),
}
OTHERS: dict[str, Function] = {
    "weights of columns": lambda X, s: X.T @ (X * X[0]),
    "both": lambda X, s: X.T @ ((s[:, None] * X) * X[0]),
    "another matrix": lambda X, s: X.T @ (s[:, None] * dv.tanh(X)),
    "rows turned": lambda X, s: X.T @ (s[:, None] * X[::-1]),
    "weights of every entry": lambda X, s: X.T @ (X * X),
    "a part": lambda X, s: X[:, 1:].T @ (s[:, None] * X[:, :-1]),
}
SIZES = [(1000, 63), (500, 64), (300, 65), (70, 129), (33, 200), (90, 321)]


def numbers(kind: str, rows: int, columns: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(rows)
    return rng.standard_normal((rows, columns)).astype(kind), rng.standard_normal(rows).astype(kind)


def whats(f: Function, *args: Any) -> list[str]:
    return [s.rows[0] for s in dv.explain(f, *args).steps if s.what in ("dgemm", "sgemm")]


def reference(f: Function, X: Any, s: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(f(X, s))


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", SYMMETRIC)
@pytest.mark.parametrize("sizes", SIZES)
def test_half_of_a_symmetric_product(name: str, kind: str, sizes: tuple[int, int]) -> None:
    X, s = numbers(kind, *sizes)
    f = SYMMETRIC[name]
    assert whats(f, X, s) == ["symmetric product"]
    found = dv.jit(f)(X, s)
    wide = np.abs(X).T.astype(float) @ (np.maximum(1, 2 * s**2)[:, None] * np.abs(X))
    room = (sizes[0] + 4) * EPS[kind] * wide
    assert (np.abs(found - reference(f, X.astype(float), s.astype(float))) <= room).all()
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("sizes", SIZES)
def test_products_that_are_not_symmetric(name: str, sizes: tuple[int, int]) -> None:
    X, s = numbers("float64", *sizes)
    f = OTHERS[name]
    assert whats(f, X, s) == ["product"]
    np.testing.assert_allclose(dv.jit(f)(X, s), reference(f, X, s), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SYMMETRIC)
@pytest.mark.parametrize("what", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", ["X", "s", "both"])
def test_what_is_not_finite_spreads_as_in_the_whole_product(
    name: str, what: float, place: str
) -> None:
    X, s = numbers("float64", 300, 129)
    X[5, 3:] = 0.0
    if place != "s":
        X[5, 2] = what
    if place != "X":
        s[5] = what
    found, wanted = dv.jit(SYMMETRIC[name])(X, s), reference(SYMMETRIC[name], X, s)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


# I


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("poison", [0.0, -0.0, np.nan, np.inf])
def test_products_with_a_unit_matrix(kind: str, poison: float) -> None:
    X, _ = numbers(kind, 301, 130)
    X[7, 9] = poison
    columns = {
        "columns": lambda X: dv.vmap(lambda e: X @ e)(np.eye(130, dtype=kind)),
        "rows": lambda X: dv.vmap(lambda e: e @ X)(np.eye(301, dtype=kind)),
        "turned": lambda X: dv.vmap(lambda e: e @ X.T)(np.eye(130, dtype=kind)),
    }
    for f in columns.values():
        with np.errstate(all="ignore"):
            wanted = np.asarray(f(X))
        assert whats(f, X) == ["copy"]
        found = dv.jit(f)(X)
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(np.signbit(found)[found == 0], np.signbit(wanted)[found == 0])


def test_matrices_that_are_nearly_units() -> None:
    X, _ = numbers("float64", 301, 130)
    others: list[Callable[[], Any]] = [
        lambda: np.eye(130) + 1e-300 * np.eye(130, k=1),
        lambda: np.eye(130)[::-1].copy(),
        lambda: np.eye(130, k=1),
        lambda: 2 * np.eye(130),
    ]
    for other in others:
        f = lambda X, e=other: dv.vmap(lambda v: X @ v)(e())  # noqa: E731
        assert whats(f, X) == ["product"]
        np.testing.assert_allclose(dv.jit(f)(X), f(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sizes", [(200, 80), (300, 129)])
def test_a_compiled_hessian_is_a_copy_and_half_a_product(sizes: tuple[int, int]) -> None:
    X, y = numbers("float64", *sizes)
    w = np.linspace(-0.1, 0.1, sizes[1])

    def loss(w: Any) -> Any:
        return dv.sum(dv.softplus(-y * (X @ w)))

    compiled = dv.jit(lambda w: dv.hessian(loss)(w).materialize())
    p = 1 / (1 + np.exp(-y * (X @ w)))
    wanted = X.T @ ((y * y * p * (1 - p))[:, None] * X)
    np.testing.assert_allclose(compiled(w), wanted, rtol=1e-10, atol=1e-12)
    assert sorted(whats(compiled, w)) == ["copy", "symmetric product"]
