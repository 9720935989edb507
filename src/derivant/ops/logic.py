"""Comparisons, logic and bits of each entry: results without derivatives."""

from __future__ import annotations

from derivant.base.types import Array, Operand
from derivant.ops.rows import call

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "left_shift",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "right_shift",
    "signbit",
]


def equal(x1: Operand, x2: Operand, /) -> Array:
    """Whether x1 = x2, for each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import equal
    >>> equal([1, 2, 3], 2)
    array([False,  True, False])
    """
    return call("equal", x1, x2)


def not_equal(x1: Operand, x2: Operand, /) -> Array:
    """Whether x1 ≠ x2, for each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import not_equal
    >>> not_equal([1, 2, 3], 2)
    array([ True, False,  True])
    """
    return call("not_equal", x1, x2)


def less(x1: Operand, x2: Operand, /) -> Array:
    """Whether x1 < x2, for each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import less
    >>> less([1, 2, 3], 2)
    array([ True, False, False])
    """
    return call("less", x1, x2)


def less_equal(x1: Operand, x2: Operand, /) -> Array:
    """Whether x1 ≤ x2, for each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import less_equal
    >>> less_equal([1, 2, 3], 2)
    array([ True,  True, False])
    """
    return call("less_equal", x1, x2)


def greater(x1: Operand, x2: Operand, /) -> Array:
    """Whether x1 > x2, for each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import greater
    >>> greater([1, 2, 3], 2)
    array([False, False,  True])
    """
    return call("greater", x1, x2)


def greater_equal(x1: Operand, x2: Operand, /) -> Array:
    """Whether x1 ≥ x2, for each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import greater_equal
    >>> greater_equal([1, 2, 3], 2)
    array([False,  True,  True])
    """
    return call("greater_equal", x1, x2)


def logical_and(x1: Operand, x2: Operand, /) -> Array:
    """Whether both entries of each pair are true (not 0).

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import logical_and
    >>> logical_and([True, True], [True, False])
    array([ True, False])
    """
    return call("logical_and", x1, x2)


def logical_or(x1: Operand, x2: Operand, /) -> Array:
    """Whether an entry of each pair is true (not 0).

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import logical_or
    >>> logical_or([True, False], [False, False])
    array([ True, False])
    """
    return call("logical_or", x1, x2)


def logical_xor(x1: Operand, x2: Operand, /) -> Array:
    """Whether exactly one entry of each pair is true (not 0).

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import logical_xor
    >>> logical_xor([True, True], [True, False])
    array([False,  True])
    """
    return call("logical_xor", x1, x2)


def logical_not(x: Operand, /) -> Array:
    """Whether each entry is false (0).

    >>> from derivant.ops.logic import logical_not
    >>> logical_not([True, False])
    array([False,  True])
    """
    return call("logical_not", x)


def isfinite(x: Operand, /) -> Array:
    """Whether each entry is a number, not NaN or infinite.

    >>> from derivant.ops.logic import isfinite
    >>> isfinite([1.0, float('inf'), float('nan')])
    array([ True, False, False])
    """
    return call("isfinite", x)


def isinf(x: Operand, /) -> Array:
    """Whether each entry is infinite.

    >>> from derivant.ops.logic import isinf
    >>> isinf([1.0, float('inf'), float('nan')])
    array([False,  True, False])
    """
    return call("isinf", x)


def isnan(x: Operand, /) -> Array:
    """Whether each entry is NaN.

    >>> from derivant.ops.logic import isnan
    >>> isnan([1.0, float('inf'), float('nan')])
    array([False, False,  True])
    """
    return call("isnan", x)


def signbit(x: Operand, /) -> Array:
    """Whether each entry has a minus sign, -0.0 included.

    >>> from derivant.ops.logic import signbit
    >>> signbit([1.0, -0.0])
    array([False,  True])
    """
    return call("signbit", x)


def bitwise_and(x1: Operand, x2: Operand, /) -> Array:
    """The bits that are set in both entries of each pair of integers.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import bitwise_and
    >>> int(bitwise_and(12, 10))
    8
    """
    return call("bitwise_and", x1, x2)


def bitwise_or(x1: Operand, x2: Operand, /) -> Array:
    """The bits that are set in an entry of each pair of integers.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import bitwise_or
    >>> int(bitwise_or(12, 10))
    14
    """
    return call("bitwise_or", x1, x2)


def bitwise_xor(x1: Operand, x2: Operand, /) -> Array:
    """The bits that are set in exactly one entry of each pair of integers.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import bitwise_xor
    >>> int(bitwise_xor(12, 10))
    6
    """
    return call("bitwise_xor", x1, x2)


def bitwise_invert(x: Operand, /) -> Array:
    """The bits that are not set in each integer.

    >>> from derivant.ops.logic import bitwise_invert
    >>> int(bitwise_invert(12))
    -13
    """
    return call("bitwise_invert", x)


def bitwise_left_shift(x1: Operand, x2: Operand, /) -> Array:
    """The bits of each integer moved x2 places up: x1 2^x2.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import bitwise_left_shift
    >>> int(bitwise_left_shift(3, 2))
    12
    """
    return call("bitwise_left_shift", x1, x2)


def bitwise_right_shift(x1: Operand, x2: Operand, /) -> Array:
    """The bits of each integer moved x2 places down: floor(x1 / 2^x2).

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.logic import bitwise_right_shift
    >>> int(bitwise_right_shift(13, 2))
    3
    """
    return call("bitwise_right_shift", x1, x2)


# NumPy's own names.
bitwise_not = bitwise_invert
invert = bitwise_invert
left_shift = bitwise_left_shift
right_shift = bitwise_right_shift
