"""Derivatives of order 3 and more: against mpmath at 60 digits, and by arrays with indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import derivant as dv
from derivant.base.graph import ancestors
from derivant.derivation import Derivative

SCALARS: dict[str, tuple[str, Callable[[Any], Any], tuple[float, ...]]] = {
    "tanh": ("tanh(x)", mpmath.tanh, (0.0, 0.3, -0.7, 2.5, -6.0)),
    "a gaussian's inverse": ("exp(x^2)", lambda t: mpmath.exp(t * t), (0.0, 0.4, -1.1, 2.0)),
    "a gaussian": ("exp(-x^2)", lambda t: mpmath.exp(-t * t), (0.3, -1.1)),
    "a rational function": ("1/(1 + x^2)", lambda t: 1 / (1 + t * t), (0.0, 0.3, -0.7, 1.0)),
    "a logarithm": ("log(1 + x^2)", lambda t: mpmath.log(1 + t * t), (0.3, -0.8)),
    "a root": ("sqrt(1 + x^2)", lambda t: mpmath.sqrt(1 + t * t), (0.3, -0.8)),
    "atan": ("atan(x)", mpmath.atan, (0.3, -0.8)),
    "softplus": ("softplus(x)", lambda t: mpmath.log(1 + mpmath.exp(t)), (0.3, -1.0)),
    "a product": ("sin(x)*cos(x^2)", lambda t: mpmath.sin(t) * mpmath.cos(t * t), (0.3, 1.2)),
    "a composition": ("exp(sin(x))", lambda t: mpmath.exp(mpmath.sin(t)), (0.3, -2.0)),
    "a power": ("x^20", lambda t: t**20, (0.3, -2.0)),
    "a polynomial of lower degree": ("x^3 - 2*x", lambda t: t**3 - 2 * t, (0.3,)),
}


def one(what: str, **options: Any) -> Derivative:
    found = dv.derive(what, **options)
    assert isinstance(found, Derivative)
    return found


@pytest.mark.parametrize("name", SCALARS)
def test_the_twentieth_derivative(name: str) -> None:
    text, function, points = SCALARS[name]
    r = one(text, wrt="x", shapes="x:", order=20)
    assert r.shape == () and len(ancestors([r.expr])) < 500
    with mpmath.workdps(60):
        for x in points:
            expected = float(mpmath.diff(function, mpmath.mpf(x), 20))
            # the scale of nearby values: a derivative that is 0 at a point is not 0 beside it
            near = abs(float(mpmath.diff(function, mpmath.mpf(x + 0.05), 20)))
            tolerance = 1e-9 * max(1.0, abs(expected), near)
            assert float(r(x=np.float64(x))) == pytest.approx(expected, rel=0, abs=tolerance)


@pytest.mark.parametrize("order", range(1, 9))
def test_each_order_is_the_derivative_of_the_one_before(order: int) -> None:
    text, shapes = "sin(x*y)/(1 + x^2)", "x:, y:"
    lower = one(text, wrt="x", shapes=shapes, order=order)
    higher = one(text, wrt="x", shapes=shapes, order=order + 1)
    expected = dv.grad(lambda x: lower(x=x, y=0.7))(0.4)
    assert float(higher(x=0.4, y=0.7)) == pytest.approx(float(expected), rel=1e-10)


def test_sums_stay_whole_so_that_nothing_cancels() -> None:
    r = one("tanh(x)", wrt="x", shapes="x:", order=3)
    assert r.text == "-4 (tanh(x)^2 - 1) tanh(x)^2 - 2 (tanh(x)^2 - 1)^2"
    # in powers of tanh alone this would be wrong by 2e+02
    far = one("tanh(x)", wrt="x", shapes="x:", order=20)
    with mpmath.workdps(60):
        expected = float(mpmath.diff(mpmath.tanh, 6, 20))
    assert float(far(x=6.0)) == pytest.approx(expected, rel=1e-9)


def test_a_number_among_arrays() -> None:
    r = one("sum(exp(s*a))", wrt="s", shapes="s:, a: n", order=5)
    a = np.array([0.3, -1.2, 0.8])
    assert float(r(s=0.4, a=a)) == pytest.approx(float(np.sum(a**5 * np.exp(0.4 * a))), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "order", "index"),
    [("sum(x.^4)", 3, "24 δ_ij δ_ik x_i"), ("sum(x.^4)", 4, "24 δ_ij δ_ik δ_il")],
)
def test_tensors_in_index_form(text: str, order: int, index: str) -> None:
    r = one(text, wrt="x", order=order)
    assert r.text == index and len(r.shape) == order
    assert r(x=np.array([1.0, 2.0])).shape == (2,) * order


def test_a_third_derivative_of_a_norm() -> None:
    r = one("norm2(x)", wrt="x", order=3)
    x = np.array([0.3, -0.7, 1.1])
    expected = dv.jacrev(lambda x: dv.jacrev(dv.grad(lambda y: dv.linalg.norm(y)))(x))(x)
    np.testing.assert_allclose(r(x=x), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "shapes", "order", "message"),
    [
        ("sum(x)", "x: n", 5, "up to order 4 and 4 axes"),
        ("tr(X @ X @ X)", "X: n n", 3, "has 6 axes"),
        ("(1 + x^2)^x", "x:", 20, "more than 600 factors; take a lower order"),
        ("x^2", "x:", 21, "the order is 1 to 20"),
        ("x^2", "x:", 0, "the order is 1 to 20"),
    ],
)
def test_what_is_too_large_is_said(text: str, shapes: str, order: int, message: str) -> None:
    with pytest.raises(dv.DerivantError, match=message):
        dv.derive(text, wrt="X" if "X" in text else "x", shapes=shapes, order=order)


def test_the_order_is_shown() -> None:
    r = one("exp(2*x)", wrt="x", shapes="x:", order=12)
    assert str(r).startswith("∂¹²/∂x¹² = 4096 exp(2 x)")
    with pytest.raises(dv.ArgumentError, match="derivations are shown for orders 1 and 2"):
        _ = r.derivation
