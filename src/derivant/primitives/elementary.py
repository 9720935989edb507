"""Rows of the elementary functions: exponentials, logarithms, trigonometry, roots, rounding.

Slopes are written so that no digits cancel and nothing overflows where the slope itself does not:
1/cosh^2 rather than 1 - tanh^2, (1 - x)(1 + x) rather than 1 - x^2, hypot(x, 1).
"""

from __future__ import annotations

import math

import numpy as np

from derivant.primitives.arithmetic import resolved
from derivant.primitives.families import elementwise
from derivant.primitives.primitive import Case, Data, Names
from derivant.primitives.rules import promoted

LN2, LN10 = math.log(2), math.log(10)
INF = math.inf


def _inside(x: Data, *, low: float, high: float) -> Data:
    beyond = np.less(x, low) if high == INF else np.logical_or(np.less(x, low), np.greater(x, high))
    return np.where(beyond, math.nan, x)[()]


# x where a function is defined, NaN elsewhere: the slope of log at -1 is NaN as the value is, not
# the number that 1/x happens to give there.
inside = elementwise(
    "inside",
    _inside,
    1,
    text="{0}",
    latex="{0}",
    domain=("probability",),
    cases=(
        Case((("n", "m"),), {"low": 0.0, "high": INF}),
        Case(((),), {"low": -1.0, "high": 1.0}),
        Case(((0,),), {"low": 0.0, "high": 1.0}),
        Case(((2, 1, "n"),), {"low": 0.0, "high": 1.0}),
    ),
)

exp = elementwise(
    "exp",
    np.exp,
    lambda xp, out, x: out,
    dtype=resolved(np.exp),
    text="exp({0})",
    latex="e^{{{0}}}",
)
exp2 = elementwise(
    "exp2",
    np.exp2,
    lambda xp, out, x: LN2 * out,
    dtype=resolved(np.exp2),
    text="exp2({0})",
    latex="2^{{{0}}}",
)
expm1 = elementwise(
    "expm1",
    np.expm1,
    lambda xp, out, x: xp.exp(x),
    dtype=resolved(np.expm1),
    text="expm1({0})",
    latex="(e^{{{0}}} - 1)",
)
log = elementwise(
    "log",
    np.log,
    lambda xp, out, x: xp.divide(1.0, xp.inside(x, low=0.0, high=INF)),
    dtype=resolved(np.log),
    text="log({0})",
    latex=r"\log {0}",
    domain=("positive",),
)
log2 = elementwise(
    "log2",
    np.log2,
    lambda xp, out, x: xp.divide(1.0 / LN2, xp.inside(x, low=0.0, high=INF)),
    dtype=resolved(np.log2),
    text="log2({0})",
    latex=r"\log_2 {0}",
    domain=("positive",),
)
log10 = elementwise(
    "log10",
    np.log10,
    lambda xp, out, x: xp.divide(1.0 / LN10, xp.inside(x, low=0.0, high=INF)),
    dtype=resolved(np.log10),
    text="log10({0})",
    latex=r"\log_{{10}} {0}",
    domain=("positive",),
)
log1p = elementwise(
    "log1p",
    np.log1p,
    lambda xp, out, x: xp.divide(1.0, 1.0 + xp.inside(x, low=-1.0, high=INF)),
    dtype=resolved(np.log1p),
    text="log1p({0})",
    latex=r"\log(1 + {0})",
    domain=("positive",),
)


def _share_of(xp: Names, out: Data, ahead: Data) -> Data:
    """The share of the operand that is ahead; 0 where both are -inf, as for logsumexp."""
    return xp.where(xp.equal(out, -INF), 0.0, xp.sigmoid(ahead))


logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda xp, out, x, y: _share_of(xp, out, x - y),
    lambda xp, out, x, y: _share_of(xp, out, y - x),
    dtype=resolved(np.logaddexp),
    text="logaddexp({0}, {1})",
    latex=r"\log(e^{{{0}}} + e^{{{1}}})",
)
logaddexp2 = elementwise(
    "logaddexp2",
    np.logaddexp2,
    lambda xp, out, x, y: _share_of(xp, out, LN2 * (x - y)),
    lambda xp, out, x, y: _share_of(xp, out, LN2 * (y - x)),
    dtype=resolved(np.logaddexp2),
    text="logaddexp2({0}, {1})",
    latex=r"\log_2(2^{{{0}}} + 2^{{{1}}})",
)
sqrt = elementwise(
    "sqrt",
    np.sqrt,
    lambda xp, out, x: xp.divide(0.5, out),
    dtype=resolved(np.sqrt),
    text="sqrt({0})",
    latex=r"\sqrt{{{0}}}",
    domain=("positive",),
)
cbrt = elementwise(
    "cbrt",
    np.cbrt,
    lambda xp, out, x: xp.divide(1.0 / 3.0, out * out),
    dtype=resolved(np.cbrt),
    text="cbrt({0})",
    latex=r"\sqrt[3]{{{0}}}",
    domain=("nonzero",),
)
hypot = elementwise(
    "hypot",
    np.hypot,
    lambda xp, out, x, y: xp.quotient(x, out),
    lambda xp, out, x, y: xp.quotient(y, out),
    dtype=resolved(np.hypot),
    text="hypot({0}, {1})",
    latex=r"\sqrt{{{0}^2 + {1}^2}}",
    domain=("nonzero", "nonzero"),
)

sin = elementwise(
    "sin",
    np.sin,
    lambda xp, out, x: xp.cos(x),
    dtype=resolved(np.sin),
    text="sin({0})",
    latex=r"\sin {0}",
)
cos = elementwise(
    "cos",
    np.cos,
    lambda xp, out, x: -xp.sin(x),
    dtype=resolved(np.cos),
    text="cos({0})",
    latex=r"\cos {0}",
)
tan = elementwise(
    "tan",
    np.tan,
    lambda xp, out, x: 1.0 + out * out,
    dtype=resolved(np.tan),
    text="tan({0})",
    latex=r"\tan {0}",
    domain=("unit",),
)
asin = elementwise(
    "asin",
    np.asin,
    lambda xp, out, x: xp.divide(1.0, xp.sqrt((1.0 - x) * (1.0 + x))),
    dtype=resolved(np.asin),
    text="arcsin({0})",
    latex=r"\arcsin {0}",
    domain=("unit",),
)
acos = elementwise(
    "acos",
    np.acos,
    lambda xp, out, x: xp.divide(-1.0, xp.sqrt((1.0 - x) * (1.0 + x))),
    dtype=resolved(np.acos),
    text="arccos({0})",
    latex=r"\arccos {0}",
    domain=("unit",),
)
atan = elementwise(
    "atan",
    np.atan,
    lambda xp, out, x: xp.divide(1.0, 1.0 + x * x),
    dtype=resolved(np.atan),
    text="arctan({0})",
    latex=r"\arctan {0}",
)


def _angle_slope(xp: Names, across: Data, y: Data, x: Data) -> Data:
    """across / (x^2 + y^2), without overflow; 0 at the origin, where the angle has no slope."""
    length = xp.hypot(y, x)
    return xp.quotient(xp.quotient(across, length), length)


atan2 = elementwise(
    "atan2",
    np.atan2,
    lambda xp, out, y, x: _angle_slope(xp, x, y, x),
    lambda xp, out, y, x: _angle_slope(xp, -y, y, x),
    dtype=resolved(np.atan2),
    text="arctan2({0}, {1})",
    latex=r"\operatorname{{atan2}}({0}, {1})",
    domain=("nonzero", "positive"),
)
sinh = elementwise(
    "sinh",
    np.sinh,
    lambda xp, out, x: xp.cosh(x),
    dtype=resolved(np.sinh),
    text="sinh({0})",
    latex=r"\sinh {0}",
)
cosh = elementwise(
    "cosh",
    np.cosh,
    lambda xp, out, x: xp.sinh(x),
    dtype=resolved(np.cosh),
    text="cosh({0})",
    latex=r"\cosh {0}",
)
tanh = elementwise(
    "tanh",
    np.tanh,
    lambda xp, out, x: xp.sech2(x),
    dtype=resolved(np.tanh),
    text="tanh({0})",
    latex=r"\tanh {0}",
)


def _sech2(x: Data) -> Data:
    c = np.cosh(x)
    if c.__class__ is np.ndarray:  # in its own memory: at every tanh of a network this runs
        return np.reciprocal(np.square(c, c), c)
    return np.reciprocal(np.square(c))


# The slope of tanh. 1 - tanh^2 has no correct digit left beyond x = 19.
sech2 = elementwise(
    "sech2",
    _sech2,
    lambda xp, out, x: -2.0 * out * xp.tanh(x),
    dtype=resolved(np.cosh),
    text="1 / cosh({0})**2",
    latex=r"\operatorname{{sech}}^2 {0}",
)
asinh = elementwise(
    "asinh",
    np.asinh,
    lambda xp, out, x: xp.divide(1.0, xp.hypot(x, 1.0)),
    dtype=resolved(np.asinh),
    text="arcsinh({0})",
    latex=r"\operatorname{{arsinh}} {0}",
)
acosh = elementwise(
    "acosh",
    np.acosh,
    lambda xp, out, x: xp.divide(1.0, xp.sqrt(x - 1.0) * xp.sqrt(x + 1.0)),
    dtype=resolved(np.acosh),
    text="arccosh({0})",
    latex=r"\operatorname{{arcosh}} {0}",
    domain=("gt1",),
)


def _atanh_slope(xp: Names, out: Data, x: Data) -> Data:
    within = xp.inside(x, low=-1.0, high=1.0)
    return xp.divide(1.0, (1.0 - within) * (1.0 + within))


atanh = elementwise(
    "atanh",
    np.atanh,
    _atanh_slope,
    dtype=resolved(np.atanh),
    text="arctanh({0})",
    latex=r"\operatorname{{artanh}} {0}",
    domain=("unit",),
)

# Kinks and jumps: the subgradient of least norm, and slope 0 wherever the function is constant.
abs_ = elementwise(
    "abs",
    np.abs,
    lambda xp, out, x: xp.sign(x),
    dtype=resolved(np.abs),
    text="abs({0})",
    latex=r"\left|{0}\right|",
    domain=("nonzero",),
)
sign = elementwise(
    "sign",
    np.sign,
    None,
    dtype=resolved(np.sign),
    text="sign({0})",
    latex=r"\operatorname{{sign}} {0}",
)
# The derivative of relu: 1 where x > 0, else 0 (least norm at the kink), NaN where x is.
step = elementwise(
    "step",
    lambda x: np.sign(np.maximum(x, 0.0)),
    None,
    dtype=lambda kind: resolved(np.maximum)(kind, float),
    text="step({0})",
    latex=r"\mathbf{{1}}[{0} > 0]",
)
heaviside = elementwise(
    "heaviside",
    np.heaviside,
    None,
    lambda xp, out, x, y: xp.where(xp.equal(x, 0), 1.0, 0.0),
    dtype=resolved(np.heaviside),
    text="heaviside({0}, {1})",
    latex="H_{{{1}}}({0})",
    domain=("nonzero", "real"),
)
floor = elementwise(
    "floor",
    np.floor,
    None,
    dtype=resolved(np.floor),
    text="floor({0})",
    latex=r"\lfloor {0} \rfloor",
)
ceil = elementwise(
    "ceil",
    np.ceil,
    None,
    dtype=resolved(np.ceil),
    text="ceil({0})",
    latex=r"\lceil {0} \rceil",
)
trunc = elementwise(
    "trunc",
    np.trunc,
    None,
    dtype=resolved(np.trunc),
    text="trunc({0})",
    latex=r"\operatorname{{trunc}} {0}",
)
round_ = elementwise(
    "round",
    lambda x, *, decimals: np.round(x, decimals),
    None,
    dtype=promoted,
    text="round({0}, {decimals})",
    latex=r"\operatorname{{round}}({0})",
    cases=(
        Case((("n", "m"),), {"decimals": 0}),
        Case(((),), {"decimals": 1}),
        Case(((0,),), {"decimals": 0}),
    ),
)
