"""Rows of the activations of networks: rectifiers and sigmoids, exact where others overflow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from derivant.base.loader import LazyModule
from derivant.primitives.arithmetic import resolved
from derivant.primitives.families import elementwise
from derivant.primitives.primitive import Case, Data, Names
from derivant.primitives.special import real_numbers

special: Any = LazyModule("scipy.special")
ROOT_HALF = math.sqrt(0.5)
DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
FAR = -1e30  # there the other factor is 0, which times -inf would be NaN

relu = elementwise(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda xp, out, x: xp.step(x),
    dtype=lambda kind: resolved(np.maximum)(kind, int),
    text="relu({0})",
    latex=r"\mathrm{{relu}}({0})",
    domain=("nonzero",),
)
# The slope has 1 - out as sigmoid(-x): the subtraction has no digits left where out is near 1.
sigmoid = elementwise(
    "sigmoid",
    lambda x: special.expit(real_numbers(x)),
    lambda xp, out, x: out * xp.sigmoid(-x),
    text="sigmoid({0})",
    latex=r"\sigma({0})",
)


def _log1p_exp(x: Data) -> Data:
    """log(1 + e^-|x|)."""
    return np.log1p(np.exp(-np.abs(x)))


def _softplus(x: Data) -> Data:
    x = real_numbers(x)
    return np.maximum(x, 0) + _log1p_exp(x)


def _log_sigmoid(x: Data) -> Data:
    x = real_numbers(x)
    return np.minimum(x, 0) - _log1p_exp(x)


softplus = elementwise(
    "softplus",
    _softplus,
    lambda xp, out, x: xp.sigmoid(x),
    text="softplus({0})",
    latex=r"\log(1 + e^{{{0}}})",
)
log_sigmoid = elementwise(
    "log_sigmoid",
    _log_sigmoid,
    lambda xp, out, x: xp.sigmoid(-x),
    text="log_sigmoid({0})",
    latex=r"\log \sigma({0})",
)


def _silu(x: Data) -> Data:
    x = real_numbers(x)
    return special.expit(x) * np.maximum(x, FAR)


def _silu_slope(xp: Names, out: Data, x: Data) -> Data:
    """s(x) (1 + x s(-x)); a factor that has become 0 decides, also against an infinite x."""
    return xp.scale(xp.sigmoid(x), 1.0 + xp.scale(xp.sigmoid(-x), x))


silu = elementwise(
    "silu",
    _silu,
    _silu_slope,
    text="silu({0})",
    latex=r"\mathrm{{silu}}({0})",
    source="Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415",
)


def _gelu(x: Data) -> Data:
    x = real_numbers(x)
    return 0.5 * special.erfc(-ROOT_HALF * x) * np.maximum(x, FAR)


def _gelu_slope(xp: Names, out: Data, x: Data) -> Data:
    """The normal distribution at x, plus x times its density."""
    density = DENSITY * xp.exp(-0.5 * (x * x))
    return 0.5 * xp.erfc(-ROOT_HALF * x) + xp.scale(density, x)


gelu = elementwise(
    "gelu",
    _gelu,
    _gelu_slope,
    text="gelu({0})",
    latex=r"\mathrm{{gelu}}({0})",
    source="Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415",
)


def _elu(x: Data, *, alpha: float) -> Data:
    x = real_numbers(x)
    return np.where(np.greater(x, 0), x, alpha * np.expm1(np.minimum(x, 0)))[()]


def _elu_slope(xp: Names, out: Data, x: Data, *, alpha: float) -> Data:
    """1 above 0, alpha e^x below; at 0 the smaller of 1 and alpha."""
    above = xp.greater(x, 0) if alpha <= 1 else xp.greater_equal(x, 0)
    return xp.where(above, 1.0, alpha * xp.exp(x))


elu = elementwise(
    "elu",
    _elu,
    _elu_slope,
    text="elu({0}, {alpha})",
    latex=r"\mathrm{{elu}}_{{{alpha}}}({0})",
    domain=("nonzero",),
    cases=(
        Case((("n", "m"),), {"alpha": 1.0}),
        Case(((),), {"alpha": 0.5}),
        Case(((0,),), {"alpha": 1.0}),
        Case((("n",),), {"alpha": 1.7}),
    ),
    source="Clevert, Unterthiner, Hochreiter, Exponential Linear Units, arXiv:1511.07289",
)
