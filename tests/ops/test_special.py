"""Special functions: SciPy's values, twelve digits, smoothness at 0, slopes at hard points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special

from derivant.base.errors import DerivantError, ShapeError
from derivant.calculus.transforms import grad, jvp, vjp
from derivant.carriers.leaves import tensor
from derivant.ops import special
from derivant.primitives import TABLE, apply
from derivant.primitives.domains import sample

INF, NAN = math.inf, math.nan
UNARY = [
    ("erf", "real"),
    ("erfc", "real"),
    ("ndtr", "real"),
    ("lgamma", "positive"),
    ("digamma", "positive"),
    ("logit", "probability"),
    ("expit", "real"),
    ("entr", "positive"),
    ("sinc", "nonzero"),
]
SCIPY_NAMES = {"lgamma": "gammaln"}


def reference(name: str) -> Callable[..., Any]:
    """The function of that name in SciPy, or in NumPy."""
    return getattr(np if name == "sinc" else scipy.special, SCIPY_NAMES.get(name, name))


def agree(ours: Any, theirs: Any) -> None:
    assert np.shape(ours) == np.shape(theirs)
    assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    narrow = np.asarray(theirs).dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=5e-6 if narrow else 1e-14, atol=0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,), (1, 4)])
@pytest.mark.parametrize(("name", "domain"), UNARY)
def test_as_scipy(name: str, domain: str, shape: tuple[int, ...], dtype: str) -> None:
    x = sample(domain, shape, np.random.default_rng(1), dtype)
    for array in (x, np.flip(x)):
        agree(getattr(special, name)(array), reference(name)(array))
        agree(getattr(special, name)(tensor(array)).numpy(), reference(name)(array))


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_two_operands_as_scipy(name: str, dtype: str) -> None:
    f, theirs = getattr(special, name), getattr(scipy.special, name)
    x = np.array([[0.0], [2.0], [-3.0]], dtype)
    y = np.array([0.5, 1.0, 4.0], dtype)
    agree(f(x, y), theirs(x, y))
    assert f(x, 0.3).dtype == f(0.3, y).dtype == np.dtype(dtype)
    with pytest.raises(ShapeError, match=name):
        f(np.ones(2), np.ones(3))


@pytest.mark.parametrize("name", [name for name, _ in UNARY])
@pytest.mark.parametrize("dtype", ["int64", "int8", "bool"])
def test_integers_give_float64(name: str, dtype: str) -> None:
    out = getattr(special, name)(np.ones(2, dtype) if name != "logit" else np.zeros(2, dtype))
    assert out.dtype == np.float64


def test_aliases_and_lists() -> None:
    assert special.gammaln is special.lgamma
    assert special.psi is special.digamma
    assert special.__all__ == sorted(special.__all__)
    assert special.erf([0.0, 0.0]).tolist() == [0.0, 0.0]
    with pytest.raises(DerivantError):
        special.erf(1j)


# Digits


def derivative(f: Callable[[Any], Any], order: int) -> Callable[[float], Any]:
    """The derivative of that order, by reverse mode throughout."""
    for _ in range(order):
        f = grad(f)
    return f


def exact_sinc(x: float, order: int) -> Any:
    """The series of the derivative of sin(pi x) / (pi x), which converges everywhere."""
    t = mpmath.pi * mpmath.mpf(x)
    terms = (
        (-1) ** m * t ** (2 * m - order) / ((2 * m + 1) * mpmath.factorial(2 * m - order))
        for m in range((order + 1) // 2, 150)
    )
    return mpmath.pi**order * mpmath.fsum(terms)


NEAR_ZERO = [1e-300, 1e-12, 1e-5, 0.01, 0.3, 0.63, 0.64, 0.9]
NEAR_INTEGERS = [1 - 1e-9, 1 + 1e-13, 2.0 + 1e-9, 5.5, 7.0, 12.25, -3.0 + 1e-7]


@pytest.mark.parametrize("order", range(5))
def test_sinc_and_its_derivatives(order: int) -> None:
    f = derivative(special.sinc, order)
    with mpmath.mp.workdps(120):
        for x in [*NEAR_ZERO, *(-x for x in NEAR_ZERO), *NEAR_INTEGERS]:
            wanted = exact_sinc(x, order)
            # Between its zeros the function is of the size pi^k / x; only sinc itself, and odd
            # orders at 0, are held to their own size.
            size = abs(wanted) if order == 0 or abs(x) < 0.1 else max(abs(wanted), 1)
            assert abs(mpmath.mpf(float(f(x))) - wanted) <= 1e-12 * size + mpmath.mpf("1e-110"), x


def test_sinc_at_zero_and_at_whole_numbers() -> None:
    expected = [1.0, 0.0, -(math.pi**2) / 3, 0.0, math.pi**4 / 5, 0.0, -(math.pi**6) / 7]
    found = [derivative(special.sinc, k)(0.0) for k in range(7)]
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert jvp(special.sinc, (0.0,), (1.0,))[1] == 0.0
    np.testing.assert_allclose(jvp(grad(special.sinc), (0.0,), (1.0,))[1], expected[2])
    assert special.sinc(np.array([1.0, -2.0, 50.0])).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_digamma(order: int) -> None:
    f = derivative(special.digamma, order)
    points = [1e-8, 0.1, 1.0, 1.46, 7.5, 1e5, -0.3, -2.75, -40.1]
    with mpmath.mp.workdps(40):
        for x in points:
            wanted = mpmath.psi(order, mpmath.mpf(x))
            assert abs(mpmath.mpf(float(f(x))) - wanted) <= 1e-12 * max(abs(wanted), 1e-30), x


def test_polygamma_far_left_and_at_poles() -> None:
    row = TABLE["polygamma"]
    far = apply(row, (np.array([-1e9 + 0.25, -1e9 + 0.5]),), {"order": 1})
    np.testing.assert_allclose(far, [2 * math.pi**2, math.pi**2], rtol=1e-8)
    assert apply(row, (-1.0,), {"order": 1}) == INF
    assert apply(row, (0.0,), {"order": 1}) == INF


DIGITS: list[tuple[Any, list[float], Any, Any]] = [
    (
        special.erf,
        [1e-300, 1e-9, 0.5, 3.0, 26.0],
        mpmath.erf,
        lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x),
    ),
    (
        special.erfc,
        [-26.0, -1.0, 1e-9, 2.0, 15.0, 26.0],
        mpmath.erfc,
        lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x),
    ),
    (
        special.ndtr,
        [-35.0, -8.0, -0.1, 0.3, 6.0],
        mpmath.ncdf,
        mpmath.npdf,
    ),
    (
        special.logit,
        [1e-300, 1e-9, 0.25, 0.499, 0.501, 0.9, 1 - 1e-12],
        lambda p: mpmath.log(p / (1 - p)),
        lambda p: 1 / (p * (1 - p)),
    ),
    (
        special.expit,
        [-700.0, -40.0, -1e-9, 1.0, 40.0, 700.0],
        lambda x: 1 / (1 + mpmath.exp(-x)),
        lambda x: mpmath.exp(-x) / (1 + mpmath.exp(-x)) ** 2,
    ),
]


@pytest.mark.parametrize(("f", "points", "value", "slope"), DIGITS)
def test_twelve_digits(f: Any, points: list[float], value: Any, slope: Any) -> None:
    with mpmath.mp.workdps(400):
        for x in points:
            out, pull = vjp(f, x)
            for found, exact in ((out, value), (pull(1.0)[0], slope)):
                wanted = exact(mpmath.mpf(x))
                error = abs(mpmath.mpf(float(found)) - wanted)
                assert error <= 1e-12 * abs(wanted) + mpmath.mpf("1e-303"), x


# Hard points


@pytest.mark.parametrize(
    ("point", "slopes"),
    [
        ((0.0, 1.0), (0.0, 0.0)),
        ((0.0, 0.0), (-INF, 0.0)),
        ((0.0, -1.0), (NAN, 0.0)),
        ((1.0, -1.0), (NAN, NAN)),
        ((2.0, 4.0), (math.log(4.0), 0.5)),
    ],
)
def test_slopes_of_xlogy(point: tuple[float, float], slopes: tuple[float, float]) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(vjp(special.xlogy, *point)[1](1.0), slopes)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (special.logit, 0.0, INF),
        (special.logit, 1.0, INF),
        (special.logit, 2.0, NAN),
        (special.entr, 0.0, INF),
        (special.entr, 1.0, -1.0),
        (special.expit, 1e4, 0.0),
        (special.expit, -1e4, 0.0),
        (special.erf, INF, 0.0),
        (special.ndtr, -INF, 0.0),
    ],
)
def test_slopes_at_hard_points(f: Callable[[Any], Any], x: float, slope: float) -> None:
    np.testing.assert_array_equal([grad(f)(x), jvp(f, (x,), (1.0,))[1]], [slope, slope])
