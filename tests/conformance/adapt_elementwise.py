"""PyTorch's elementwise operators in derivant's words."""

from __future__ import annotations

import numpy as np
from tests.conformance.words import Table

import derivant as dv
from derivant.base.types import Array, Operand

RENAMED: Table = {
    "abs": dv.abs,
    "acos": dv.acos,
    "acosh": dv.acosh,
    "asin": dv.asin,
    "asinh": dv.asinh,
    "atan": dv.atan,
    "atan2": dv.atan2,
    "atanh": dv.atanh,
    "ceil": dv.ceil,
    "clamp": dv.clip,
    "conj": dv.conj,
    "conj_physical": dv.conj,
    "copysign": dv.copysign,
    "cos": dv.cos,
    "cosh": dv.cosh,
    "deg2rad": dv.deg2rad,
    "digamma": dv.special.digamma,
    "div/floor_rounding": lambda x, y, rounding_mode: dv.floor_divide(x, y),
    "div/no_rounding_mode": dv.divide,
    "erf": dv.special.erf,
    "erfc": dv.special.erfc,
    "exp": dv.exp,
    "exp2": dv.exp2,
    "expm1": dv.expm1,
    "float_power": dv.pow,
    "floor": dv.floor,
    "fmax": dv.fmax,
    "fmin": dv.fmin,
    "fmod": dv.fmod,
    "hypot": dv.hypot,
    "lgamma": dv.special.lgamma,
    "log": dv.log,
    "log10": dv.log10,
    "log1p": dv.log1p,
    "log2": dv.log2,
    "logaddexp": dv.logaddexp,
    "logaddexp2": dv.logaddexp2,
    "max/binary": dv.maximum,
    "maximum": dv.maximum,
    "min/binary": dv.minimum,
    "minimum": dv.minimum,
    "mul": dv.multiply,
    "nan_to_num": dv.nan_to_num,
    "neg": dv.negative,
    "nextafter": dv.nextafter,
    "positive": dv.positive,
    "pow": dv.pow,
    "rad2deg": dv.rad2deg,
    "real": dv.real,
    "reciprocal": dv.reciprocal,
    "remainder": dv.remainder,
    "round": dv.round,
    "round/decimals_0": dv.round,
    "round/decimals_3": dv.round,
    "round/decimals_neg_3": dv.round,
    "sgn": dv.sign,
    "sigmoid": dv.special.expit,
    "sign": dv.sign,
    "sin": dv.sin,
    "sinc": dv.sinc,
    "sinh": dv.sinh,
    "special.entr": dv.special.entr,
    "special.ndtr": dv.special.ndtr,
    "special.xlog1py": dv.special.xlog1py,
    "sqrt": dv.sqrt,
    "square": dv.square,
    "tan": dv.tan,
    "tanh": dv.tanh,
    "true_divide": dv.divide,
    "trunc": dv.trunc,
    "xlogy": dv.special.xlogy,
    "__radd__": lambda x, y: dv.add(y, x),
    "__rdiv__": lambda x, y: dv.divide(y, x),
    "__rmatmul__": lambda x, y: dv.matmul(y, x),
    "__rmod__": lambda x, y: dv.remainder(y, x),
    "__rmul__": lambda x, y: dv.multiply(y, x),
    "__rpow__": lambda x, y: dv.pow(y, x),
}


def add(x: Operand, y: Operand, alpha: float = 1) -> Array:
    return dv.add(x, y) if alpha == 1 else dv.add(x, dv.multiply(alpha, y))


def sub(x: Operand, y: Operand, alpha: float = 1) -> Array:
    return dv.subtract(x, y) if alpha == 1 else dv.subtract(x, dv.multiply(alpha, y))


def rsub(x: Operand, y: Operand, alpha: float = 1) -> Array:
    return sub(y, x, alpha)


def clamp_min(x: Operand, bound: Operand) -> Array:
    return dv.clip(x, bound, None)


def clamp_max(x: Operand, bound: Operand) -> Array:
    return dv.clip(x, None, bound)


def where(x: Operand, condition: Operand, y: Operand) -> Array:
    # the sample leads with the chosen values, since its first tensor has the gradient
    return dv.where(condition, x, y)


def masked_fill(x: Operand, mask: Operand, value: Operand) -> Array:
    return dv.where(mask, value, x)


def logit(x: Operand, eps: float | None = None) -> Array:
    return dv.special.logit(x if eps is None else dv.clip(x, eps, 1 - eps))


def fill(x: Operand, value: Operand) -> Array:
    return dv.full_like(x, value)


RENAMED |= {
    "add": add,
    "sub": sub,
    "rsub": rsub,
    "__rsub__": rsub,
    "clamp_min": clamp_min,
    "clamp_max": clamp_max,
    "where": where,
    "masked_fill": masked_fill,
    "logit": logit,
    "fill": fill,
}


def div_trunc(x: Operand, y: Operand, rounding_mode: str) -> Array:
    return dv.trunc(dv.divide(x, y))


def frac(x: Operand) -> Array:
    return x - dv.trunc(x)


def rsqrt(x: Operand) -> Array:
    return dv.reciprocal(dv.sqrt(x))


def ldexp(x: Operand, exponent: Operand) -> Array:
    return x * dv.exp2(exponent)


def lerp(start: Operand, end: Operand, weight: Operand) -> Array:
    return start + weight * (end - start)


def addcmul(x: Operand, left: Operand, right: Operand, value: float = 1) -> Array:
    return x + value * (left * right)


def addcdiv(x: Operand, left: Operand, right: Operand, value: float = 1) -> Array:
    return x + value * (left / right)


def mvlgamma(x: Operand, p: int) -> Array:
    parts = [dv.special.lgamma(x - j / 2) for j in range(p)]
    return dv.sum(dv.stack(parts), axis=0) + p * (p - 1) / 4 * np.log(np.pi)


COMPOSED: Table = {
    "div/trunc_rounding": div_trunc,
    "frac": frac,
    "rsqrt": rsqrt,
    "ldexp": ldexp,
    "lerp": lerp,
    "addcmul": addcmul,
    "addcdiv": addcdiv,
    "mvlgamma/mvlgamma_p_1": mvlgamma,
    "mvlgamma/mvlgamma_p_3": mvlgamma,
    "mvlgamma/mvlgamma_p_5": mvlgamma,
}
