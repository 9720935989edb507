"""Reductions: NumPy's values, exact derivatives at the hard points, named sizes, bad input."""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import numpy as np
import pytest

import derivant as dv
from derivant.base.errors import ArgumentError, AxisError, ShapeError

SHAPES = [(), (1,), (4,), (0,), (3, 4), (0, 3), (2, 1, 3), (2, 3, 4, 2)]
NAMES = ["sum", "prod", "mean", "var", "std", "median", "max", "min", "all", "any", "count_nonzero"]


def axes_of(rank: int) -> list[Any]:
    """None, every axis counted both ways, and every set of axes."""
    sets = [s for k in range(2, rank + 1) for s in itertools.combinations(range(rank), k)]
    return [None, *range(-rank, rank), *sets, *([()] if rank else [])]


def numbers(shape: tuple[int, ...], dtype: str = "float64") -> Any:
    return (np.random.default_rng(len(shape)).standard_normal(shape) * 3).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_numpys(name: str, shape: tuple[int, ...]) -> None:
    ours, theirs = getattr(dv, name), getattr(np, name)
    for dtype in ("float64", "float32", "int64", "int8", "bool"):
        x = numbers(shape, dtype)
        for axis in axes_of(len(shape)):
            no_entries = axis != () and 0 in (
                shape if axis is None else [shape[a] for a in np.atleast_1d(axis)]
            )
            if name in ("mean", "var", "std", "median", "max", "min") and no_entries:
                continue
            if name == "median" and axis == ():
                continue
            for keepdims in (False, True):
                got = ours(x, axis=axis, keepdims=keepdims)
                if name == "std" and axis == ():
                    want = np.zeros(shape, np.result_type(got))
                else:
                    want = theirs(x, axis=axis, keepdims=keepdims)
                assert np.shape(got) == np.shape(want)
                assert np.result_type(got) == np.result_type(want)
                tolerance = 1e-5 if dtype == "float32" else 1e-12
                np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
                on_tensor = ours(dv.tensor(x[::-1] if shape else x), axis=axis, keepdims=keepdims)
                assert on_tensor.shape == np.shape(want)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("shape", [(1,), (4,), (3, 4), (2, 1, 3)])
def test_places_are_numpys(name: str, shape: tuple[int, ...]) -> None:
    x = numbers(shape)
    for axis in [None, *range(-len(shape), len(shape))]:
        for keepdims in (False, True):
            got = getattr(dv, name)(dv.tensor(x), axis=axis, keepdims=keepdims)
            want = getattr(np, name)(x, axis=axis, keepdims=keepdims)
            np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("shape", [(), (1,), (4,), (0,), (3, 4), (2, 0)])
def test_running_values_are_numpys(name: str, shape: tuple[int, ...]) -> None:
    for dtype in ("float64", "float32", "int8"):
        x = numbers(shape, dtype)
        for axis in [None, *range(-len(shape), len(shape))]:
            want = getattr(np, name)(x, axis=axis)
            got = getattr(dv, name)(x, axis=axis)
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype


def test_running_totals_from_nothing() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    first = dv.cumulative_sum(x, axis=1, include_initial=True)
    np.testing.assert_array_equal(first, [[0, 1, 3], [0, 3, 7]])
    second = dv.cumulative_prod(x, axis=0, include_initial=True)
    np.testing.assert_array_equal(second, [[1, 1], [1, 2], [3, 8]])
    assert dv.cumulative_sum(np.arange(3, dtype=np.int8), include_initial=True).dtype == np.int64
    g = dv.grad(lambda x: dv.sum(dv.cumulative_prod(x, axis=1, include_initial=True)))(x)
    np.testing.assert_array_equal(g, [[3, 1], [5, 3]])


def test_statistics_with_a_correction() -> None:
    x = numbers((3, 5))
    for correction in (0, 1, 0.5):
        want = np.var(x, axis=1, ddof=correction)
        np.testing.assert_allclose(dv.var(x, 1, correction=correction), want, rtol=1e-13)
        np.testing.assert_allclose(dv.std(x, 1, correction=correction), np.sqrt(want), rtol=1e-13)
    with pytest.warns(RuntimeWarning, match="divide|invalid"):
        assert np.isnan(dv.var(np.ones(1), correction=1))


def test_sum_casts_first() -> None:
    assert dv.sum([1, 2], dtype="float32").dtype == np.float32
    assert dv.prod(np.ones(3, bool)).dtype == np.int64


# Products at zeros


def product_derivatives(x: list[float]) -> tuple[Any, Any]:
    """Gradient and Hessian of a product, each entry the product of what is left."""
    n = len(x)
    left = lambda gone: float(np.prod([v for i, v in enumerate(x) if i not in gone]))  # noqa: E731
    gradient = [left({i}) for i in range(n)]
    hessian = [[0.0 if i == j else left({i, j}) for j in range(n)] for i in range(n)]
    return gradient, hessian


@pytest.mark.parametrize(
    "x", [[2.0, 0.0, 3.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [0.0], [1.0, 2.0, 3.0], [-2.0, 0.0]]
)
def test_prod_is_exact_at_zeros(x: list[float]) -> None:
    gradient, hessian = product_derivatives(x)
    np.testing.assert_array_equal(dv.grad(dv.prod)(np.array(x)), gradient)
    h = dv.jacfwd(dv.grad(dv.prod))(np.array(x))
    np.testing.assert_array_equal(h, hessian)
    np.testing.assert_array_equal(dv.jacrev(dv.grad(dv.prod))(np.array(x)), hessian)


def test_third_derivative_of_a_product_of_zeros() -> None:
    third = dv.jacfwd(dv.jacfwd(dv.grad(dv.prod)))(np.zeros(3))
    want = np.zeros((3, 3, 3))
    for places in itertools.permutations(range(3)):
        want[places] = 1.0
    np.testing.assert_array_equal(third, want)


def test_prod_over_several_axes_at_zeros() -> None:
    x = np.array([[[2.0, 0.0], [3.0, 4.0]], [[1.0, 5.0], [0.0, 0.0]]])
    g = dv.grad(lambda x: dv.sum(dv.prod(x, axis=(0, 2))))(x)
    np.testing.assert_array_equal(g, [[[0, 10], [0, 0]], [[0, 0], [0, 0]]])


def test_cumprod_is_exact_at_zeros() -> None:
    x = np.array([2.0, 0.0, 3.0, 0.0, 5.0])
    jacobian = dv.jacrev(dv.cumprod)(x)
    want = [
        [np.prod(np.delete(x[: i + 1], j)) if j <= i else 0 for j in range(5)] for i in range(5)
    ]
    np.testing.assert_array_equal(jacobian, want)
    np.testing.assert_array_equal(dv.jacfwd(dv.cumprod)(x), want)
    second = dv.jacfwd(dv.grad(lambda x: dv.sum(dv.cumprod(x))))(x)
    want2 = [
        [
            sum(np.prod(np.delete(x[: k + 1], [i, j])) for k in range(max(i, j), 5))
            if i != j
            else 0
            for j in range(5)
        ]
        for i in range(5)
    ]
    np.testing.assert_array_equal(second, want2)


def test_no_overflow_that_the_product_does_not_have() -> None:
    x = np.array([1e-300, 1e200, 1e200, 1.0])
    assert np.isfinite(dv.grad(lambda x: dv.cumprod(x)[-1])(x)[1:]).all()


# Extrema


def test_ties_share_one() -> None:
    np.testing.assert_array_equal(dv.grad(dv.max)(np.array([1.0, 2.0, 2.0])), [0, 0.5, 0.5])
    np.testing.assert_array_equal(dv.grad(dv.min)(np.array([1.0, 1.0, 2.0])), [0.5, 0.5, 0])
    x = np.array([[1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(dv.grad(dv.max)(x), [[1 / 3, 1 / 3], [1 / 3, 0]])
    assert dv.grad(dv.max)(np.ones(3, np.float32)).dtype == np.float32
    np.testing.assert_array_equal(dv.hessian(dv.max)(np.ones(2)).materialize(), np.zeros((2, 2)))


def test_nan_is_the_largest() -> None:
    x = np.array([1.0, np.nan, 2.0])
    assert np.isnan(dv.max(x)) and np.isnan(dv.min(x)) and np.isnan(dv.median(x))


def test_running_extrema() -> None:
    x = np.array([1.0, 3.0, 3.0, 2.0])
    np.testing.assert_array_equal(dv.cummax(x), [1, 3, 3, 3])
    np.testing.assert_array_equal(dv.cummin(x[::-1]), [2, 2, 2, 1])
    np.testing.assert_array_equal(dv.grad(lambda x: dv.sum(dv.cummax(x)))(x), [1, 1, 2, 0])


def test_no_entries_no_extremum() -> None:
    for name in ("max", "min", "argmax"):
        with pytest.raises(ShapeError, match=name):
            getattr(dv, name)(np.zeros((2, 0)), axis=1)
    assert dv.max(np.zeros((2, 0)), axis=0).shape == (0,)


# Spread


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 + 0.1, -1 / 3])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_std_of_a_constant_is_flat(value: float, count: int) -> None:
    x = np.full(count, value)
    assert dv.std(x) == 0
    np.testing.assert_array_equal(dv.grad(dv.std)(x), np.zeros(count))
    np.testing.assert_array_equal(dv.jvp(dv.std, (x,), (np.ones(count),))[1], 0)


def test_std_of_some_constant_rows() -> None:
    x = np.array([[1.0, 1.0], [1.0, 3.0]])
    g = dv.grad(lambda x: dv.sum(dv.std(x, axis=1)))(x)
    np.testing.assert_allclose(g, [[0, 0], [-0.5, 0.5]], atol=1e-15)


def test_median_of_ties_takes_the_stable_middle() -> None:
    np.testing.assert_array_equal(dv.grad(dv.median)(np.array([2.0, 2.0, 2.0])), [0, 1, 0])
    np.testing.assert_array_equal(
        dv.grad(dv.median)(np.array([3.0, 1.0, 2.0, 5.0])), [0.5, 0, 0.5, 0]
    )


# Softmax and its kin

FAR = [[1e4, -1e4], [-1e4, -1e4 + 1], [1e4, 1e4 - 30, 3.0], [0.0, -40.0], [-700.0, -745.5], [3.0]]


@pytest.mark.parametrize("x", FAR)
def test_softmax_family_against_mpmath(x: list[float]) -> None:
    with mpmath.workdps(60):
        weights = [mpmath.exp(mpmath.mpf(v)) for v in x]
        total = sum(weights)
        value = float(mpmath.log(total))
        logs = [float(mpmath.log(w / total)) for w in weights]
        soft = [float(w / total) for w in weights]
        rows = range(len(x))
        slopes = [[float((i == j) - weights[j] / total) for j in rows] for i in rows]
        chances = [w / total for w in weights]
        jacobian = [
            [float(p * ((i == j) - chances[j])) for j in rows] for i, p in enumerate(chances)
        ]
    a = np.array(x)
    np.testing.assert_allclose(dv.logsumexp(a), value, rtol=1e-12)
    np.testing.assert_allclose(dv.log_softmax(a), logs, rtol=1e-12)
    np.testing.assert_allclose(dv.softmax(a), soft, rtol=1e-12)
    np.testing.assert_allclose(dv.grad(dv.logsumexp)(a), soft, rtol=1e-12)
    np.testing.assert_allclose(dv.jacrev(dv.softmax)(a), jacobian, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(dv.jacfwd(dv.softmax)(a), jacobian, rtol=1e-12, atol=1e-300)
    ulps = 4 * np.finfo(float).eps
    np.testing.assert_allclose(dv.jacrev(dv.log_softmax)(a), slopes, rtol=1e-12)
    np.testing.assert_allclose(dv.jacfwd(dv.log_softmax)(a), slopes, rtol=1e-12, atol=ulps)


def test_nothing_but_minus_infinity() -> None:
    low = np.full(2, -np.inf)
    assert dv.logsumexp(low) == -np.inf
    np.testing.assert_array_equal(dv.grad(dv.logsumexp)(low), [0, 0])
    second = dv.jacfwd(dv.grad(dv.logsumexp))(low)
    np.testing.assert_array_equal(second, np.zeros((2, 2)))
    np.testing.assert_array_equal(dv.grad(lambda x: dv.softmax(x)[0])(low), [0, 0])
    np.testing.assert_array_equal(dv.jacfwd(dv.softmax)(low), np.zeros((2, 2)))


def test_minus_infinity_among_others() -> None:
    x = np.array([-np.inf, 0.0, 1.0])
    p = np.exp([0.0, 1.0]) / np.exp([0.0, 1.0]).sum()
    np.testing.assert_allclose(dv.grad(dv.logsumexp)(x), [0, *p], rtol=1e-15)
    assert np.isfinite(dv.grad(lambda x: dv.softmax(x)[1])(x)).all()
    assert np.isfinite(dv.jacfwd(dv.grad(dv.logsumexp))(x)).all()


def test_logsumexp_of_nothing_and_over_several_axes() -> None:
    assert dv.logsumexp(np.zeros(0)) == -np.inf
    x = numbers((2, 3, 4))
    want = np.log(np.exp(x).sum(axis=(0, 2)))
    np.testing.assert_allclose(dv.logsumexp(x, axis=(0, 2)), want, rtol=1e-13)
    np.testing.assert_allclose(dv.softmax(x, axis=(0, 2)).sum(axis=(0, 2)), 1, rtol=1e-13)
    assert dv.softmax(x.astype(np.float32)).dtype == np.float32
    assert dv.logsumexp([1, 2]).dtype == np.float64


# Named sizes, and bad input


@pytest.mark.parametrize("name", ["mean", "var", "std", "median", "prod", "logsumexp", "max"])
def test_named_sizes(name: str) -> None:
    f = getattr(dv, name)
    for axis in (None, 0, 1):
        e = dv.trace_graph(
            lambda x, a=axis: dv.sum(dv.grad(lambda y: dv.sum(f(y, axis=a) ** 2))(x)), "n m"
        )
        whole = dv.trace_graph(lambda x, a=axis: f(x, axis=a), "n m")
        for shape in [(2, 3), (4, 1), (3, 5)]:
            x = numbers(shape)
            np.testing.assert_allclose(dv.evaluate(whole, {"x": x}), f(x, axis=axis), rtol=1e-13)
            want = dv.sum(dv.grad(lambda y, a=axis: dv.sum(f(y, axis=a) ** 2))(x))
            np.testing.assert_allclose(dv.evaluate(e, {"x": x}), want, rtol=1e-10, atol=1e-12)


def test_correction_of_a_named_size() -> None:
    e = dv.trace_graph(lambda x: dv.var(x, correction=1) + dv.std(x, correction=1), "n")
    x = numbers((5,))
    want = np.var(x, ddof=1) + np.std(x, ddof=1)
    np.testing.assert_allclose(dv.evaluate(e, {"x": x}), want, rtol=1e-13)
    with pytest.raises(ArgumentError, match="whole number"):
        dv.trace_graph(lambda x: dv.var(x, correction=0.5), "n")


def test_bad_axes() -> None:
    x = np.zeros((2, 3))
    for name in ("sum", "prod", "max", "mean", "std", "median", "logsumexp", "softmax"):
        with pytest.raises(AxisError, match=name):
            getattr(dv, name)(x, axis=2)
        with pytest.raises(AxisError, match="twice"):
            getattr(dv, name)(x, axis=(0, -2))
    with pytest.raises(ArgumentError, match="integer"):
        dv.sum(x, axis=1.5)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="axis"):
        dv.cumulative_sum(x)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("correction", [0, 1, 0.5, 2.0])
def test_the_variance_of_numbers_is_that_of_its_formula(axis: Any, correction: float) -> None:
    x = np.random.default_rng(1).standard_normal((3, 2, 4))
    f = lambda x: dv.sum(dv.var(x, axis=axis, correction=correction) ** 2)  # noqa: E731
    written = dv.trace_graph(f, (3, 2, 4))
    np.testing.assert_allclose(f(x), dv.evaluate(written, {"x": x}), rtol=1e-13)
    slope = dv.trace_graph(dv.grad(f), (3, 2, 4))
    np.testing.assert_allclose(dv.grad(f)(x), dv.evaluate(slope, {"x": x}), rtol=1e-11)
    curve = dv.hessian(f)(x).materialize()
    t = np.random.default_rng(2).standard_normal(x.shape)
    bent = dv.jvp(dv.grad(f), (x,), (t,))[1]
    np.testing.assert_allclose(np.tensordot(curve, t, 3), bent, rtol=1e-10, atol=1e-12)
