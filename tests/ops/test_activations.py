"""Activations: torch's formulas in mpmath, the slopes at kinks, the tails to twelve digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from derivant.base.errors import ArgumentError
from derivant.calculus.transforms import grad, jvp, vjp
from derivant.carriers.leaves import tensor
from derivant.ops import activations

INF = math.inf


def mp_sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def mp_softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x))


def mp_elu(x: Any, alpha: Any = 1) -> Any:
    return x if x > 0 else alpha * mpmath.expm1(x)


def mp_gelu_tanh(x: Any) -> Any:
    inner = mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(0.044715) * x**3)
    return x / 2 * (1 + mpmath.tanh(inner))


def tanh_gelu(x: Any) -> Any:
    return activations.gelu(x, approximate="tanh")


REFERENCES: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (activations.relu, lambda x: max(x, mpmath.mpf(0))),
    (activations.relu6, lambda x: min(max(x, mpmath.mpf(0)), mpmath.mpf(6))),
    (activations.leaky_relu, lambda x: x if x > 0 else mpmath.mpf(0.01) * x),
    (activations.elu, mp_elu),
    (
        activations.selu,
        lambda x: mpmath.mpf(1.0507009873554805) * mp_elu(x, mpmath.mpf(1.6732632423543772)),
    ),
    (activations.sigmoid, mp_sigmoid),
    (activations.log_sigmoid, lambda x: -mp_softplus(-x)),
    (activations.softplus, mp_softplus),
    (activations.softsign, lambda x: x / (1 + abs(x))),
    (activations.silu, lambda x: x * mp_sigmoid(x)),
    (activations.gelu, lambda x: x * mpmath.ncdf(x)),
    (tanh_gelu, mp_gelu_tanh),
    (activations.mish, lambda x: x * mpmath.tanh(mp_softplus(x))),
]
NAMES = list(activations.__all__)
SIZES = [1e-9, 0.01, 0.7, 3.0, 18.0, 21.0, 30.0]
POINTS = SIZES + [-x for x in SIZES]
TAILS = [(activations.sigmoid, mp_sigmoid), (activations.softplus, mp_softplus)] + [
    (activations.log_sigmoid, lambda x: -mp_softplus(-x)),
    (activations.silu, lambda x: x * mp_sigmoid(x)),
]


def check_digits(f: Callable[[Any], Any], exact: Callable[[Any], Any], points: list[float]) -> None:
    """Value, slope and slope of the slope to twelve digits."""
    with mpmath.mp.workdps(450):
        for x in points:
            point, h = mpmath.mpf(x), abs(mpmath.mpf(x)) * mpmath.mpf(10) ** -20
            low, here, high = exact(point - h), exact(point), exact(point + h)
            found = [*vjp_at(f, x), float(grad(grad(f))(x))]
            wanted = [here, (high - low) / (2 * h), (high - 2 * here + low) / (h * h)]
            for ours, theirs in zip(found, wanted, strict=True):
                error = abs(mpmath.mpf(ours) - theirs)
                # Near a zero of the second derivative its parts cancel; 1e-16 is their rounding.
                floor = mpmath.mpf(1e-14) if abs(x) < 5 else mpmath.mpf("1e-303")
                assert error <= 1e-12 * abs(theirs) + floor, (x, ours, theirs)


def vjp_at(f: Callable[[Any], Any], x: float) -> tuple[float, float]:
    out, pull = vjp(f, x)
    return float(out), float(pull(1.0)[0])


@pytest.mark.parametrize(("f", "exact"), REFERENCES)
def test_value_and_slopes(f: Callable[[Any], Any], exact: Callable[[Any], Any]) -> None:
    check_digits(f, exact, POINTS)


@pytest.mark.parametrize(("f", "exact"), TAILS)
def test_tails(f: Callable[[Any], Any], exact: Callable[[Any], Any]) -> None:
    check_digits(f, exact, [-690.0, -100.0, -40.0, 40.0, 100.0, 690.0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_shapes_and_dtypes(name: str, dtype: str) -> None:
    f = getattr(activations, name)
    for shape in [(), (3,), (0,), (2, 1, 3)]:
        x = np.linspace(-2, 2, int(np.prod(shape)), dtype=dtype).reshape(shape)
        out, pull = vjp(f, x)
        assert np.shape(out) == np.shape(pull(out)[0]) == shape
        assert out.dtype == pull(out)[0].dtype == np.dtype(dtype)
        np.testing.assert_array_equal(f(np.flip(x)), np.flip(out))
        np.testing.assert_array_equal(f(tensor(x)).numpy(), out)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_near_float64(name: str) -> None:
    f = getattr(activations, name)
    x = np.linspace(-6, 6, 41)
    np.testing.assert_allclose(f(x.astype(np.float32)), f(x), rtol=2e-5, atol=1e-7)


def test_integers_as_floats() -> None:
    whole = np.array([-1, 0, 2])
    assert activations.relu(whole).dtype == np.int64
    for name in NAMES:
        out = getattr(activations, name)(whole)
        np.testing.assert_allclose(out, getattr(activations, name)(whole.astype(float)))


# The values at ends and kinks; warnings are errors here.

HARD: list[tuple[Callable[[Any], Any], float, float, float, float]] = [
    (activations.relu, 0.0, 0.0, 0.0, 0.0),
    (activations.relu, INF, INF, 1.0, 0.0),
    (activations.relu6, 0.0, 0.0, 0.0, 0.0),
    (activations.relu6, 6.0, 6.0, 0.0, 0.0),
    (activations.leaky_relu, 0.0, 0.0, 0.01, 0.0),
    (lambda x: activations.leaky_relu(x, 3.0), 0.0, 0.0, 1.0, 0.0),
    (activations.elu, -1e4, -1.0, 0.0, 0.0),
    (activations.elu, 1e4, 1e4, 1.0, 0.0),
    (lambda x: activations.elu(x, 0.5), 0.0, 0.0, 0.5, 0.5),
    (lambda x: activations.elu(x, 2.0), 0.0, 0.0, 1.0, 0.0),
    (activations.sigmoid, 1e4, 1.0, 0.0, 0.0),
    (activations.sigmoid, -1e4, 0.0, 0.0, 0.0),
    (activations.softplus, 1e4, 1e4, 1.0, 0.0),
    (activations.softplus, -1e4, 0.0, 0.0, 0.0),
    (activations.softplus, -INF, 0.0, 0.0, 0.0),
    (activations.log_sigmoid, 1e4, 0.0, 0.0, 0.0),
    (activations.log_sigmoid, -1e4, -1e4, 1.0, 0.0),
    (activations.silu, 1e4, 1e4, 1.0, 0.0),
    (activations.silu, -1e4, 0.0, 0.0, 0.0),
    (activations.gelu, 1e4, 1e4, 1.0, 0.0),
    (activations.gelu, -1e4, 0.0, 0.0, 0.0),
    (tanh_gelu, 1e4, 1e4, 1.0, 0.0),
    (tanh_gelu, -1e4, 0.0, 0.0, 0.0),
    (activations.mish, -1e4, 0.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("f", "x", "value", "first", "second"), HARD)
def test_hard_points(
    f: Callable[[Any], Any], x: float, value: float, first: float, second: float
) -> None:
    assert f(x) == value
    assert [grad(f)(x), jvp(f, (x,), (1.0,))[1]] == [first, first]
    assert [grad(grad(f))(x), jvp(grad(f), (x,), (1.0,))[1]] == [second, second]


def test_infinities_of_silu_and_gelu() -> None:
    for f in (activations.silu, activations.gelu):
        assert f(-INF) == 0.0
        assert f(INF) == INF
        assert grad(f)(-INF) == 0.0
        assert grad(f)(INF) == 1.0


def test_silu_where_others_underflow() -> None:
    np.testing.assert_allclose(grad(activations.silu)(-709.0), -8.614807714413834e-306, rtol=1e-12)


def test_relu_of_itself_keeps_the_values_of_the_rows() -> None:
    """The chain rule of the values at the kink, also where the whole is smooth."""
    assert grad(lambda x: activations.relu(x) - activations.relu(-x))(0.0) == 0.0


def test_nan_stays_nan() -> None:
    for name in NAMES:
        f = getattr(activations, name)
        assert math.isnan(f(math.nan)), name
        # Of the two straight pieces of leaky_relu one is chosen, and its slope is a number.
        assert math.isnan(grad(f)(math.nan)) or name == "leaky_relu", name


def test_bad_settings() -> None:
    with pytest.raises(ArgumentError, match="alpha"):
        activations.elu(1.0, -1.0)
    with pytest.raises(ArgumentError, match="approximate"):
        activations.gelu(1.0, approximate="erf")


def test_list_is_sorted() -> None:
    assert activations.__all__ == sorted(activations.__all__)
