"""Arithmetic on each entry: sums, products, quotients, powers, with operands broadcast.

Anything array-like is taken; ArgumentError is raised for what is not real numbers.
"""

from __future__ import annotations

import numpy as np

from derivant.base.types import Array, Operand
from derivant.ops.rows import call, read

__all__ = [
    "abs",
    "absolute",
    "add",
    "conj",
    "conjugate",
    "divide",
    "floor_divide",
    "fmod",
    "imag",
    "mod",
    "multiply",
    "negative",
    "positive",
    "pow",
    "power",
    "real",
    "reciprocal",
    "remainder",
    "square",
    "subtract",
    "true_divide",
]


def _fixed_exponent(base: Operand, exponent: Operand) -> int | float | None:
    """An exponent that is one number, in Python's type; None where it is an operand like others.

    A NumPy scalar counts only where its dtype would not widen the result.
    """
    if isinstance(exponent, bool | int | float) and not isinstance(exponent, np.generic):
        return int(exponent) if isinstance(exponent, bool) else exponent
    if not isinstance(exponent, np.integer | np.floating):
        return None
    kind = read(base).dtype
    number: int | float = exponent.item()
    same = np.result_type(kind, exponent.dtype) == np.result_type(kind, number)
    return number if same else None


def add(x1: Operand, x2: Operand, /) -> Array:
    """The sum x1 + x2 of each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import add
    >>> add([1.0, 2.0], 10.0)
    array([11., 12.])
    """
    return call("add", x1, x2)


def subtract(x1: Operand, x2: Operand, /) -> Array:
    """The difference x1 - x2 of each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import subtract
    >>> subtract([1.0, 2.0], 10.0)
    array([-9., -8.])
    """
    return call("subtract", x1, x2)


def multiply(x1: Operand, x2: Operand, /) -> Array:
    """The product x1 x2 of each pair of entries.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import multiply
    >>> multiply([1.0, 2.0], [3.0, 4.0])
    array([3., 8.])
    """
    return call("multiply", x1, x2)


def divide(x1: Operand, x2: Operand, /) -> Array:
    """The quotient x1 / x2 of each pair of entries, a float also for integers.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import divide
    >>> divide([1, 2], 4)
    array([0.25, 0.5 ])
    """
    return call("divide", x1, x2)


def floor_divide(x1: Operand, x2: Operand, /) -> Array:
    """The largest whole number not above x1 / x2. Its derivative is 0.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import floor_divide
    >>> floor_divide([7.0, -7.0], 2.0)
    array([ 3., -4.])
    """
    return call("floor_divide", x1, x2)


def remainder(x1: Operand, x2: Operand, /) -> Array:
    """What floor division leaves, x1 - floor(x1 / x2) x2, with the sign of x2.

    Its derivative is 1 by x1 and -floor(x1 / x2) by x2. `x1` and `x2` broadcast to one shape;
    raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import remainder
    >>> remainder([7.0, -7.0], 2.0)
    array([1., 1.])
    """
    return call("remainder", x1, x2)


def fmod(x1: Operand, x2: Operand, /) -> Array:
    """What truncating division leaves, x1 - trunc(x1 / x2) x2, with the sign of x1.

    Its derivative is 1 by x1 and -trunc(x1 / x2) by x2. `x1` and `x2` broadcast to one shape;
    raises ShapeError where they do not.

    >>> from derivant.ops.elementwise import fmod
    >>> fmod([7.0, -7.0], 2.0)
    array([ 1., -1.])
    """
    return call("fmod", x1, x2)


def negative(x: Operand, /) -> Array:
    """Each entry with the other sign, -x.

    >>> from derivant.ops.elementwise import negative
    >>> negative([1.0, -2.0])
    array([-1.,  2.])
    """
    return call("negative", x)


def positive(x: Operand, /) -> Array:
    """Each entry as it is, +x.

    >>> from derivant.ops.elementwise import positive
    >>> positive([1.0, -2.0])
    array([ 1., -2.])
    """
    return call("positive", x)


def reciprocal(x: Operand, /) -> Array:
    """The reciprocal 1 / x of each entry, a float also for integers.

    >>> from derivant.ops.elementwise import reciprocal
    >>> reciprocal([2, 4])
    array([0.5 , 0.25])
    """
    return call("reciprocal", x)


def square(x: Operand, /) -> Array:
    """The square x^2 of each entry.

    >>> from derivant.ops.elementwise import square
    >>> square([3.0, -4.0])
    array([ 9., 16.])
    """
    return call("square", x)


def abs(x: Operand, /) -> Array:
    """The absolute value |x| of each entry; its derivative at 0 is 0.

    >>> from derivant.ops.elementwise import abs
    >>> abs([3.0, -4.0])
    array([3., 4.])
    """
    return call("abs", x)


def pow(x1: Operand, x2: Operand, /) -> Array:
    """The power x1^x2 of each pair of entries.

    By x1 the derivative is x2 x1^(x2 - 1), also at x1 = 0, and 0 for the power 0. By x2 it is
    x1^x2 log x1, and 0 where x1 is 0 and x2 is not negative. `x1` and `x2` broadcast to one
    shape; raises ShapeError where they do not. Raises ArgumentError for an integer to a
    negative integer power.

    >>> from derivant.ops.elementwise import pow
    >>> pow([1.0, 2.0, 3.0], 2)
    array([1., 4., 9.])
    """
    exponent = _fixed_exponent(x1, x2)
    if exponent is None:
        return call("pow", x1, x2)
    return call("power", x1, exponent=exponent)


def real(x: Operand, /) -> Array:
    """The real part of each entry: the entry itself, as numbers here are real.

    >>> from derivant.ops.elementwise import real
    >>> real([1.0, 2.0])
    array([1., 2.])
    """
    return call("positive", x)


def imag(x: Operand, /) -> Array:
    """The imaginary part of each entry: 0, as numbers here are real.

    >>> from derivant.ops.elementwise import imag
    >>> imag([1.0, 2.0])
    array([0., 0.])
    """
    return call("zeros_like", x)


def conj(x: Operand, /) -> Array:
    """The complex conjugate of each entry: the entry itself, as numbers here are real.

    >>> from derivant.ops.elementwise import conj
    >>> conj([1.0, 2.0])
    array([1., 2.])
    """
    return call("positive", x)


# NumPy's own names.
absolute = abs
conjugate = conj
mod = remainder
power = pow
true_divide = divide
