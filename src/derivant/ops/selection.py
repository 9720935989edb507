"""Choosing, bounding and rounding entries: what is constant in pieces or has a kink."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from derivant.base.types import Array, Operand
from derivant.ops.logic import equal, isnan
from derivant.ops.rows import call, read
from derivant.primitives import NO_PARAMS, TABLE, apply

__all__ = [
    "around",
    "ceil",
    "clip",
    "copysign",
    "floor",
    "fmax",
    "fmin",
    "heaviside",
    "maximum",
    "minimum",
    "nan_to_num",
    "nextafter",
    "rint",
    "round",
    "sign",
    "step",
    "trunc",
    "where",
]
WHERE = TABLE["where"]


def where(condition: Operand, x1: Operand, x2: Operand, /) -> Array:
    """Entries of `x1` where the condition holds, of `x2` elsewhere.

    The branch not taken contributes exactly 0 to derivatives of every order, whatever its own
    slope. The three operands broadcast; raises ShapeError where they do not.

    >>> from derivant.ops.selection import where
    >>> where([True, False], [1.0, 2.0], 0.0)
    array([1., 0.])
    """
    carrier: Any = x1 if getattr(x1, "derivant_rank", 0) == 1 else None  # it reads the others
    applied = apply if carrier is None else carrier.derivant_apply
    result: Array = applied(WHERE, (condition, x1, x2), NO_PARAMS)
    return result


def maximum(x1: Operand, x2: Operand, /) -> Array:
    """The larger of each pair of entries; NaN where either is.

    The derivative is shared evenly at a tie. `x1` and `x2` broadcast to one shape; raises
    ShapeError where they do not.

    >>> from derivant.ops.selection import maximum
    >>> maximum([1.0, 5.0], 2.0)
    array([2., 5.])
    """
    return call("maximum", x1, x2)


def minimum(x1: Operand, x2: Operand, /) -> Array:
    """The smaller of each pair of entries; NaN where either is.

    The derivative is shared evenly at a tie. `x1` and `x2` broadcast to one shape; raises
    ShapeError where they do not.

    >>> from derivant.ops.selection import minimum
    >>> minimum([1.0, 5.0], 2.0)
    array([1., 2.])
    """
    return call("minimum", x1, x2)


def fmax(x1: Operand, x2: Operand, /) -> Array:
    """The larger of each pair of entries; where one is NaN, the other.

    The derivative is shared evenly at a tie. `x1` and `x2` broadcast to one shape; raises
    ShapeError where they do not.

    >>> from derivant.ops.selection import fmax
    >>> fmax([1.0, math.nan], 2.0)
    array([2., 2.])
    """
    return where(isnan(x1), x2, where(isnan(x2), x1, maximum(x1, x2)))


def fmin(x1: Operand, x2: Operand, /) -> Array:
    """The smaller of each pair of entries; where one is NaN, the other.

    The derivative is shared evenly at a tie. `x1` and `x2` broadcast to one shape; raises
    ShapeError where they do not.

    >>> from derivant.ops.selection import fmin
    >>> fmin([1.0, math.nan], 2.0)
    array([1., 2.])
    """
    return where(isnan(x1), x2, where(isnan(x2), x1, minimum(x1, x2)))


def clip(x: Operand, /, min: Operand | None = None, max: Operand | None = None) -> Array:
    """Each entry, or the bound that it is beyond: min(max(x, low), high).

    A bound that is None is not there. At a bound the derivative by x is 0, and by the bound 1.
    x and the bounds broadcast; raises ShapeError where they do not.

    >>> from derivant.ops.selection import clip
    >>> clip([-1.0, 0.5, 9.0], 0.0, 1.0)
    array([0. , 0.5, 1. ])
    """
    bounded = read(x) if min is None else call("clip_low", x, min)
    return bounded if max is None else call("clip_high", bounded, max)


def sign(x: Operand, /) -> Array:
    """-1, 0 or 1 as each entry is negative, zero or positive. Its derivative is 0.

    >>> from derivant.ops.selection import sign
    >>> sign([-2.0, 0.0, 3.0])
    array([-1.,  0.,  1.])
    """
    return call("sign", x)


def copysign(x1: Operand, x2: Operand, /) -> Array:
    """Each entry of `x1` with the sign of that of `x2`: |x1| sign(x2).

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.selection import copysign
    >>> copysign([1.0, -2.0], -1.0)
    array([-1., -2.])
    """
    return call("copysign", x1, x2)


def heaviside(x1: Operand, x2: Operand, /) -> Array:
    """0 where x1 is negative, 1 where it is positive, x2 where it is 0.

    The derivative by x1 is 0. `x1` and `x2` broadcast to one shape; raises ShapeError where
    they do not.

    >>> from derivant.ops.selection import heaviside
    >>> heaviside([-1.0, 0.0, 2.0], 0.5)
    array([0. , 0.5, 1. ])
    """
    return call("heaviside", x1, x2)


def step(x: Operand, /) -> Array:
    """1 where x > 0, else 0: the derivative of `relu`. Its own derivative is 0.

    >>> from derivant.ops.selection import step
    >>> step([-1.0, 0.0, 2.0])
    array([0., 0., 1.])
    """
    return call("step", x)


def nextafter(x1: Operand, x2: Operand, /) -> Array:
    """The floating-point number next to x1 in the direction of x2; the derivative by x1 is 1.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.selection import nextafter
    >>> float(nextafter(1.0, 2.0)) - 1.0
    2.220446049250313e-16
    """
    return call("nextafter", x1, x2)


def floor(x: Operand, /) -> Array:
    """The largest whole number not above each entry. Its derivative is 0.

    >>> from derivant.ops.selection import floor
    >>> floor([1.5, -1.5])
    array([ 1., -2.])
    """
    return call("floor", x)


def ceil(x: Operand, /) -> Array:
    """The smallest whole number not below each entry. Its derivative is 0.

    >>> from derivant.ops.selection import ceil
    >>> ceil([1.5, -1.5])
    array([ 2., -1.])
    """
    return call("ceil", x)


def trunc(x: Operand, /) -> Array:
    """Each entry without what follows the point. Its derivative is 0.

    >>> from derivant.ops.selection import trunc
    >>> trunc([1.5, -1.5])
    array([ 1., -1.])
    """
    return call("trunc", x)


def round(x: Operand, /, decimals: int = 0) -> Array:
    """Each entry rounded to a number of decimals, halves to even. Its derivative is 0.

    >>> from derivant.ops.selection import round
    >>> round([0.5, 1.5, 2.4])
    array([0., 2., 2.])
    """
    return call("round", x, decimals=decimals)


def nan_to_num(
    x: Operand, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """Each entry, with numbers in place of NaN and the infinities.

    `posinf` and `neginf` are the largest and smallest number of the dtype where not given. The
    derivative is 0 where an entry was replaced.

    >>> from derivant.ops.selection import nan_to_num
    >>> nan_to_num([1.0, math.nan, -math.inf], neginf=-9.0)
    array([ 1.,  0., -9.])
    """
    array = read(x)
    if array.dtype.kind != "f":
        return array
    kind: Any = array.dtype
    limits = np.finfo(kind)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    finite = where(equal(array, math.inf), high, where(equal(array, -math.inf), low, array))
    return where(isnan(array), nan, finite)


# NumPy's own names.
around = round
rint = round
