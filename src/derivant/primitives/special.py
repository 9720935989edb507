"""Rows of special functions: the error function, log-gamma and its derivatives, logit, sinc.

SciPy computes most of them; it is loaded when the first is evaluated.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from derivant.base.loader import LazyModule
from derivant.primitives.families import elementwise
from derivant.primitives.primitive import Case, Data, Names

special: Any = LazyModule("scipy.special")
INF = math.inf
ROOT_PI = math.sqrt(math.pi)


def real_numbers(x: Data) -> Data:
    """Integers and booleans as float64, as NumPy's functions take them; floats as they are."""
    kind = getattr(x, "dtype", None)
    return x if kind is None or kind.kind == "f" else x.astype(np.float64)


def _alike(x: Data, y: Data) -> tuple[Data, Data]:
    """Both as floats of their common dtype; SciPy would widen float32 for a Python number."""
    kind = np.result_type(x, y)
    kind = kind if kind.kind == "f" else np.dtype(np.float64)
    return np.asarray(x, kind), np.asarray(y, kind)


erf = elementwise(
    "erf",
    lambda x: special.erf(real_numbers(x)),
    lambda xp, out, x: (2.0 / ROOT_PI) * xp.exp(-xp.square(x)),
    text="erf({0})",
    latex=r"\operatorname{{erf}}({0})",
)
erfc = elementwise(
    "erfc",
    lambda x: special.erfc(real_numbers(x)),
    lambda xp, out, x: (-2.0 / ROOT_PI) * xp.exp(-xp.square(x)),
    text="erfc({0})",
    latex=r"\operatorname{{erfc}}({0})",
)
lgamma = elementwise(
    "lgamma",
    lambda x: special.gammaln(real_numbers(x)),
    lambda xp, out, x: xp.digamma(x),
    text="gammaln({0})",
    latex=r"\log|\Gamma({0})|",
    domain=("positive",),
)
digamma = elementwise(
    "digamma",
    lambda x: special.digamma(real_numbers(x)),
    lambda xp, out, x: xp.polygamma(x, order=1),
    text="digamma({0})",
    latex=r"\psi({0})",
    domain=("positive",),
)


def _polygamma(x: Data, *, order: int) -> Data:
    """The derivative of digamma of that order, 1 or higher; by reflection where x < 0."""
    x = real_numbers(x)
    below = np.less(x, 0)
    factor = math.factorial(order) * (-1.0) ** (order + 1)
    right = factor * special.zeta(order + 1.0, np.where(below, 1.0 - x, x))
    if not np.any(below):
        return right
    left = (-1.0) ** order * right - _cotangent_slope(np.where(below, x, 0.5), order)
    return np.where(below, left, right)[()]


def _cotangent_slope(x: Data, order: int) -> Data:
    """The derivative of pi cot(pi x) of that order: a polynomial in the cotangent c.

    Each derivative by x takes p(c) to -pi (1 + c^2) p'(c).
    """
    polynomial = np.array([0.0, math.pi])
    for _ in range(order):
        slope = polynomial[1:] * np.arange(1, polynomial.size)
        polynomial = -math.pi * np.convolve(slope, [1.0, 0.0, 1.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        cotangent = 1.0 / np.tan(math.pi * (x - np.rint(x)))
        total = polynomial[-1]
        for coefficient in polynomial[-2::-1].tolist():
            total = total * cotangent + coefficient
    return total


polygamma = elementwise(
    "polygamma",
    _polygamma,
    lambda xp, out, x, *, order: xp.polygamma(x, order=order + 1),
    text="polygamma({order}, {0})",
    latex=r"\psi^{{({order})}}({0})",
    domain=("positive",),
    cases=(
        Case((("n", "m"),), {"order": 1}),
        Case(((),), {"order": 2}),
        Case(((0,),), {"order": 1}),
    ),
    source="Abramowitz and Stegun 6.4.7 (reflection), 6.4.10 (zeta)",
)


def _logit_slope(xp: Names, out: Data, x: Data) -> Data:
    within = xp.inside(x, low=0.0, high=1.0)
    return xp.divide(1.0, within * (1.0 - within))


logit = elementwise(
    "logit",
    lambda x: special.logit(real_numbers(x)),
    _logit_slope,
    text="logit({0})",
    latex=r"\operatorname{{logit}}({0})",
    domain=("probability",),
)
# Where x is 0 they are 0 whatever y is, so the slope by y is 0 there too: the strong zero.
xlogy = elementwise(
    "xlogy",
    lambda x, y: special.xlogy(*_alike(x, y)),
    lambda xp, out, x, y: xp.log(y),
    lambda xp, out, x, y: xp.scale(x, xp.divide(1.0, xp.inside(y, low=0.0, high=INF))),
    text="xlogy({0}, {1})",
    latex=r"{0} \log {1}",
    domain=("real", "positive"),
)
xlog1py = elementwise(
    "xlog1py",
    lambda x, y: special.xlog1py(*_alike(x, y)),
    lambda xp, out, x, y: xp.log1p(y),
    lambda xp, out, x, y: xp.scale(x, xp.divide(1.0, 1.0 + xp.inside(y, low=-1.0, high=INF))),
    text="xlog1py({0}, {1})",
    latex=r"{0} \log(1 + {1})",
    domain=("real", "positive"),
)


def _sinc(x: Data, *, order: int = 0) -> Data:
    """The derivative of that order of sin(pi x) / (pi x).

    Differentiating x sinc(x) = sin(pi x) / pi gives each order from the one before; near 0, where
    that loses digits, the Taylor series is summed.
    """
    x = real_numbers(x)
    reach = max(2.0, 0.5 * order)
    near = np.less(np.abs(x), reach / math.pi)
    series = _sinc_series(np.where(near, x, 0.0), order, reach)
    result: Data = np.where(near, series, _sinc_recurrence(np.where(near, 1.0, x), order))
    return result[()]


def _sinc_series(x: Data, order: int, reach: float) -> Data:
    """The sum over m of (-1)^m t^(2m-k) / ((2m + 1) (2m - k)!), t = pi x, times pi^k."""
    t = math.pi * x
    square = t * t
    first = (order + 1) // 2
    total = 0.0 * t
    for m in range(first + 10 + int(2 * reach), first - 1, -1):
        total = total * square + (-1) ** m / ((2 * m + 1) * math.factorial(2 * m - order))
    return math.pi**order * (total * t if order % 2 else total)


def _sinc_recurrence(x: Data, order: int) -> Data:
    whole = np.rint(x)
    sign = 1.0 - 2.0 * np.remainder(whole, 2.0)  # sin and cos change sign from n to n + 1
    angle = math.pi * (x - whole)  # the subtraction is exact, so sinc(n) is exactly 0
    sine, cosine = sign * np.sin(angle), sign * np.cos(angle)
    waves = (sine, cosine, -sine, -cosine)
    result = sine / (math.pi * x)
    for k in range(1, order + 1):
        result = (math.pi ** (k - 1) * waves[k % 4] - k * result) / x
    return result


sinc = elementwise(
    "sinc",
    _sinc,
    lambda xp, out, x: xp.sinc_slope(x, order=1),
    text="sinc({0})",
    latex=r"\operatorname{{sinc}}({0})",
)
sinc_slope = elementwise(
    "sinc_slope",
    _sinc,
    lambda xp, out, x, *, order: xp.sinc_slope(x, order=order + 1),
    text="sinc_slope({0}, {order})",
    latex=r"\operatorname{{sinc}}^{{({order})}}({0})",
    cases=(
        Case((("n", "m"),), {"order": 1}),
        Case(((),), {"order": 2}),
        Case(((0,),), {"order": 1}),
        Case((("n",),), {"order": 3}),
    ),
)
