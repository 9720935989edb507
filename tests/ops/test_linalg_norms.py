"""Norms against NumPy's, at 0, at ties, and at the ends of the range of floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derivant import linalg as la
from derivant.base.errors import ArgumentError, AxisError, ShapeError
from derivant.calculus.transforms import grad, jvp

RNG = np.random.default_rng(2)
ORDERS = [2, 1, 3, 1.5, 0.5, -1, -2, 0, np.inf, -np.inf]


def hessian(f: Any, x: Any) -> Any:
    return np.array([jvp(grad(f), (x,), (v,))[1] for v in np.eye(x.size)])


@pytest.mark.parametrize("ord", ORDERS)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, 0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_vector_norm(ord: float, axis: Any, keepdims: bool) -> None:
    x = RNG.standard_normal((2, 3, 4))
    wanted = np.linalg.vector_norm(x, ord=ord, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(
        la.vector_norm(x, ord=ord, axis=axis, keepdims=keepdims), wanted, rtol=1e-13
    )


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 3), (1, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norm(ord: Any, shape: tuple[int, ...], keepdims: bool) -> None:
    x = RNG.standard_normal(shape)
    wanted = np.linalg.matrix_norm(x, ord=ord, keepdims=keepdims)
    np.testing.assert_allclose(la.matrix_norm(x, ord=ord, keepdims=keepdims), wanted, rtol=1e-12)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "ord", "axis"),
    [((3, 4), None, None), ((5,), 3, None), ((3, 4), "nuc", None), ((2, 3, 4), None, None)]
    + [((2, 3, 4), 1, 1), ((2, 3, 4), 1, (0, 2)), ((2, 3, 4), np.inf, (2, 0))]
    + [((2, 3, 4), None, (2, 0)), ((2, 3, 4), 2, (-1, 1)), ((2, 3, 4), None, 0)],
)
def test_norm_is_numpys(shape: Any, ord: Any, axis: Any, keepdims: bool) -> None:
    x = RNG.standard_normal(shape)
    wanted = np.linalg.norm(x, ord, axis, keepdims)
    np.testing.assert_allclose(la.norm(x, ord, axis, keepdims), wanted, rtol=1e-12)


@pytest.mark.parametrize("ord", ORDERS)
def test_gradient_at_zero_is_zero(ord: float) -> None:
    zero, x = np.zeros(3), np.array([1.0, -2.0, 0.5])
    norm = lambda v: la.vector_norm(v, ord=ord)  # noqa: E731
    np.testing.assert_array_equal(grad(norm)(zero), zero)
    np.testing.assert_array_equal(grad(lambda v: norm(v - v))(x), zero)
    assert jvp(norm, (zero,), (x,))[1] == 0


def test_hessian_of_the_norm() -> None:
    x = np.array([3.0, 4.0])
    wanted = (np.eye(2) - np.outer(x, x) / 25) / 5
    np.testing.assert_allclose(hessian(la.norm, x), wanted, atol=1e-15)
    assert np.isnan(hessian(la.norm, np.zeros(2))).all()
    y = np.abs(RNG.standard_normal(4)) + 0.1
    n, p = np.linalg.norm(y, 3), 3
    slope = (y / n) ** (p - 1)
    wanted = (p - 1) * (np.diag((y / n) ** (p - 2)) - np.outer(slope, slope)) / n
    np.testing.assert_allclose(hessian(lambda v: la.norm(v, p), y), wanted, rtol=1e-12)


def test_extrema_share_ties() -> None:
    x = np.array([2.0, -2.0, 1.0, 1.0])
    np.testing.assert_array_equal(grad(lambda v: la.norm(v, np.inf))(x), [0.5, -0.5, 0, 0])
    np.testing.assert_array_equal(grad(lambda v: la.norm(v, -np.inf))(x), [0, 0, 0.5, 0.5])


@pytest.mark.parametrize("size", [1e200, 1e-200, 1e-310, 1e308])
@pytest.mark.parametrize("ord", [2, 3, 1.5, -2])
def test_no_overflow(size: float, ord: float) -> None:
    x = np.array([0.3, -0.4])
    wanted = np.linalg.norm(x, ord)
    tolerance = 1e-12 if size > 1e-300 else 1e-3
    np.testing.assert_allclose(la.norm(x * size, ord) / size, wanted, rtol=tolerance)
    slope = grad(lambda v: la.norm(v, ord))
    np.testing.assert_allclose(slope(x * size), slope(x), rtol=tolerance)


def test_third_powers_keep_their_digits_where_they_are_denormal() -> None:
    x = np.array([1.1e-106, 0.7e-106])
    np.testing.assert_allclose(la.norm(x, 3), np.linalg.norm(x * 1e106, 3) * 1e-106, rtol=1e-14)


def test_infinite_and_missing_entries() -> None:
    assert la.norm([np.inf, 1.0]) == np.inf
    assert np.isnan(la.norm([np.nan, 1.0]))
    assert la.norm(np.zeros(0)) == 0
    assert la.norm([0.0, 1.0], -2) == 0


def test_float32_stays() -> None:
    x = RNG.standard_normal((3, 4)).astype(np.float32)
    for ord in ORDERS:
        assert la.vector_norm(x, ord=ord).dtype == np.float32
        assert grad(lambda v, o=ord: la.vector_norm(v, ord=o))(x).dtype == np.float32
    assert la.norm(np.array([3, 4])).dtype == np.float64
    np.testing.assert_allclose(la.norm(np.float32([3e30, 4e30])), 5e30, rtol=1e-6)


def test_cond() -> None:
    x = RNG.standard_normal((2, 3, 3))
    for p in (None, 2, -2, "fro", 1, np.inf):
        np.testing.assert_allclose(la.cond(x, p), np.linalg.cond(x, p), rtol=1e-10)


def test_bad_input() -> None:
    x = np.ones((2, 3, 4))
    with pytest.raises(ArgumentError, match="a matrix norm is one of"):
        la.matrix_norm(x, ord=3)
    with pytest.raises(ArgumentError, match="a vector norm is a number"):
        la.norm(x, "fro", 0)
    with pytest.raises(ArgumentError, match="x has 3 axes"):
        la.norm(x, 2)
    with pytest.raises(ArgumentError, match="one or two different ones"):
        la.norm(x, 2, (0, 1, 2))
    with pytest.raises(AxisError, match="axis 5"):
        la.norm(x, axis=5)
    with pytest.raises(ShapeError, match="at least two axes"):
        la.matrix_norm(np.ones(3))


@pytest.mark.parametrize("rows", [3, 100])
@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_norms_of_few_and_of_many_lines(rows: int, axis: Any) -> None:
    x = np.random.default_rng(0).standard_normal((rows, 5))
    for size in (1.0, 1e200, 1e-200):
        one = x.copy()
        one[1] *= size
        scale = np.abs(one).max(axis=axis, keepdims=True)
        plain = np.linalg.norm(one / scale, axis=axis)
        want = plain * scale.reshape(plain.shape)
        for given in (one, np.asfortranarray(one), one[::-1][::-1]):
            np.testing.assert_allclose(la.norm(given, axis=axis), want, rtol=1e-13)
    x[0, 0] = np.nan
    assert np.isnan(np.asarray(la.norm(x, axis=axis)).reshape(-1)[0])
