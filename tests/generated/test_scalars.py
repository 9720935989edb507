"""Scalar rows against mpmath, 50 digits and more: value and first derivative on a log grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import mpmath
import numpy as np
import pytest

from derivant.calculus.transforms import vjp
from derivant.primitives import TABLE, apply

Reference: TypeAlias = Callable[[Any], Any]
# Fifty digits of a slope of 1e-300 by differences of numbers near 1 with steps of 1e-30.
DIGITS = 400
STEP = 30
TOLERANCE = 1e-12
SMALLEST = (
    1e-300  # below it lie the subnormals, which have fewer digits than the tolerance asks for
)
POINTS = 31
mp = mpmath.mp


@dataclass(frozen=True)
class Spec:
    """A function in mpmath, where it is compared, and the row's parameters."""

    reference: Reference
    low: float = 1e-10
    high: float = 1e10
    negative: bool = True
    params: dict[str, Any] = field(default_factory=dict)
    slope: Reference | None = None  # where mpmath's own differences would step over a kink


def on_positive(reference: Reference, low: float = 1e-10, high: float = 1e10) -> Spec:
    """A function of positive numbers."""
    return Spec(reference, low, high, negative=False)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x))


def normal_cdf(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def sinc(x: Any) -> Any:
    return mpmath.sin(mpmath.pi * x) / (mpmath.pi * x)


def sinc_slope(x: Any) -> Any:
    return (mpmath.cos(mpmath.pi * x) - sinc(x)) / x


SPECS: dict[str, list[Spec]] = {
    "exp": [Spec(mpmath.exp, high=700)],
    "exp2": [Spec(lambda x: mpmath.mpf(2) ** x, high=1000)],
    "expm1": [Spec(mpmath.expm1, high=700)],
    "log": [on_positive(mpmath.log, 1e-300, 1e300)],
    "log2": [on_positive(lambda x: mpmath.log(x, 2), 1e-300, 1e300)],
    "log10": [on_positive(mpmath.log10, 1e-300, 1e300)],
    "log1p": [on_positive(mpmath.log1p, 1e-300, 1e300), Spec(mpmath.log1p, 1e-10, 0.9)],
    "sqrt": [on_positive(mpmath.sqrt, 1e-300, 1e300)],
    "cbrt": [on_positive(mpmath.cbrt, 1e-100, 1e100)],
    "square": [Spec(lambda x: x * x, 1e-100, 1e100)],
    "reciprocal": [Spec(lambda x: 1 / x, 1e-100, 1e100)],
    "negative": [Spec(lambda x: -x, 1e-300, 1e300)],
    "positive": [Spec(lambda x: x, 1e-300, 1e300)],
    "abs": [Spec(abs, 1e-300, 1e300, slope=mpmath.sign)],
    "sin": [Spec(mpmath.sin)],
    "cos": [Spec(mpmath.cos)],
    "tan": [Spec(mpmath.tan)],
    "asin": [Spec(mpmath.asin, high=0.99)],
    "acos": [Spec(mpmath.acos, high=0.99)],
    "atan": [Spec(mpmath.atan, high=1e100)],
    "sinh": [Spec(mpmath.sinh, high=700)],
    "cosh": [Spec(mpmath.cosh, high=700)],
    "tanh": [Spec(mpmath.tanh, high=340)],
    "sech2": [Spec(lambda x: mpmath.sech(x) ** 2, high=340)],
    "asinh": [Spec(mpmath.asinh, high=1e100)],
    "acosh": [on_positive(mpmath.acosh, 1.01, 1e100)],
    "atanh": [Spec(mpmath.atanh, high=0.99)],
    "sinc": [Spec(sinc, 1e-10, 1e3)],
    "sinc_slope": [Spec(sinc_slope, 1e-10, 1e3, params={"order": 1})],
    "sigmoid": [Spec(sigmoid, high=690)],
    "logit": [on_positive(lambda x: mpmath.log(x / (1 - x)), 1e-300, 0.45)],
    "softplus": [Spec(softplus, high=690)],
    "log_sigmoid": [Spec(lambda x: -softplus(-x), high=690)],
    "silu": [Spec(lambda x: x * sigmoid(x), high=690)],
    "gelu": [Spec(lambda x: x * normal_cdf(x), high=30)],
    "relu": [Spec(lambda x: max(x, mpmath.mpf(0)), slope=lambda x: mpmath.mpf(x > 0))],
    "elu": [Spec(lambda x: x if x > 0 else mpmath.expm1(x), high=690, params={"alpha": 1.0})],
    "erf": [Spec(mpmath.erf, high=26)],
    "erfc": [Spec(mpmath.erfc, high=26)],
    "lgamma": [on_positive(mpmath.loggamma, 1e-10, 1e10)],
    "digamma": [on_positive(mpmath.digamma, 1e-10, 1e10)],
    "polygamma": [
        Spec(lambda x: mpmath.psi(1, x), negative=False, params={"order": 1}),
        Spec(lambda x: mpmath.psi(2, x), negative=False, params={"order": 2}),
    ],
    "inside": [Spec(lambda x: x, high=0.99, params={"low": -1.0, "high": 1.0})],
    "power": [
        Spec(lambda x: x**3, 1e-50, 1e50, params={"exponent": 3}),
        Spec(lambda x: x**-2, 1e-50, 1e50, params={"exponent": -2}),
        Spec(lambda x: x**0.5, 1e-100, 1e100, negative=False, params={"exponent": 0.5}),
        Spec(lambda x: x**-1.5, 1e-50, 1e50, negative=False, params={"exponent": -1.5}),
    ],
}
# Rows of one operand that need no reference of 50 digits, and why.
WITHOUT: dict[str, str] = {}


def scalar_rows() -> list[str]:
    """The elementwise rows of one operand that have a derivative."""
    return [
        name
        for name, row in TABLE.items()
        if row.family == "elementwise" and len(row.domain) == 1 and not row.constant
    ]


def grid(spec: Spec) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Points in equal ratios, of both signs where the function has both."""
    points = np.geomspace(spec.low, spec.high, POINTS)
    return np.concatenate([-points[::-1], points]) if spec.negative else points


def exact(spec: Spec, x: float) -> tuple[Any, Any]:
    """The value and the slope to at least 50 digits."""
    with mp.workdps(DIGITS):
        point = mp.mpf(x)
        if spec.slope:
            return spec.reference(point), spec.slope(point)
        h = point * mp.mpf(10) ** -STEP
        rise = spec.reference(point + h) - spec.reference(point - h)
        return spec.reference(point), rise / (2 * h)


def wrong_at(what: str, x: float, found: float, wanted: Any) -> list[str]:
    """A complaint where a number is off by more than the tolerance."""
    error = abs(mp.mpf(float(found)) - wanted)
    if error <= TOLERANCE * abs(wanted) + SMALLEST:
        return []
    return [f"{what} at {x!r} is {found!r}, not {mp.nstr(wanted, 17)}"]


@pytest.mark.parametrize("name", list(SPECS))
def test_scalar_row_to_twelve_digits(name: str) -> None:
    row, wrong = TABLE[name], []
    for spec in SPECS[name]:
        points = grid(spec)
        out, pull = vjp(lambda x: apply(row, (x,), spec.params), points)  # noqa: B023 - used at once
        slopes = pull(np.ones_like(out))[0]
        for x, value, slope in zip(points.tolist(), out, slopes, strict=True):
            exact_value, exact_slope = exact(spec, x)
            wrong += wrong_at("value", x, value, exact_value)
            wrong += wrong_at("slope", x, slope, exact_slope)
    assert not wrong, f"{len(wrong)} numbers:\n" + "\n".join(wrong[:12])


def test_every_scalar_row_has_a_reference() -> None:
    missing = [name for name in scalar_rows() if name not in SPECS and name not in WITHOUT]
    assert not missing, f"give SPECS a function of mpmath for {missing}, or WITHOUT a reason"
