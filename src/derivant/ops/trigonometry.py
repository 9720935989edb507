"""Trigonometric and hyperbolic functions of each entry, and their inverses; angles in radians."""

from __future__ import annotations

import math

from derivant.base.types import Array, Operand
from derivant.ops.elementwise import multiply
from derivant.ops.rows import call

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "rad2deg",
    "radians",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


def sin(x: Operand, /) -> Array:
    """The sine of each entry.

    >>> from derivant.ops.trigonometry import sin
    >>> sin([0.0, 1.0])
    array([0.        , 0.84147098])
    """
    return call("sin", x)


def cos(x: Operand, /) -> Array:
    """The cosine of each entry.

    >>> from derivant.ops.trigonometry import cos
    >>> cos([0.0, 1.0])
    array([1.        , 0.54030231])
    """
    return call("cos", x)


def tan(x: Operand, /) -> Array:
    """The tangent of each entry; its derivative is 1 + tan(x)^2.

    >>> from derivant.ops.trigonometry import tan
    >>> tan([0.0, 1.0])
    array([0.        , 1.55740772])
    """
    return call("tan", x)


def asin(x: Operand, /) -> Array:
    """The inverse sine of each entry, from -pi/2 to pi/2; NaN outside of [-1, 1].

    Its derivative is 1 / sqrt(1 - x^2).

    >>> from derivant.ops.trigonometry import asin
    >>> asin([0.0, 1.0])
    array([0.        , 1.57079633])
    """
    return call("asin", x)


def acos(x: Operand, /) -> Array:
    """The inverse cosine of each entry, from 0 to pi; NaN outside of [-1, 1].

    Its derivative is -1 / sqrt(1 - x^2).

    >>> from derivant.ops.trigonometry import acos
    >>> acos([1.0, 0.0])
    array([0.        , 1.57079633])
    """
    return call("acos", x)


def atan(x: Operand, /) -> Array:
    """The inverse tangent of each entry, from -pi/2 to pi/2.

    Its derivative is 1 / (1 + x^2).

    >>> from derivant.ops.trigonometry import atan
    >>> atan([0.0, 1.0])
    array([0.        , 0.78539816])
    """
    return call("atan", x)


def atan2(x1: Operand, x2: Operand, /) -> Array:
    """The angle of the point with the ordinate x1 and the abscissa x2, from -pi to pi.

    At (0, 0) the derivatives are 0. `x1` and `x2` broadcast to one shape; raises ShapeError
    where they do not.

    >>> from derivant.ops.trigonometry import atan2
    >>> atan2([0.0, 1.0], [-1.0, 0.0])
    array([3.14159265, 1.57079633])
    """
    return call("atan2", x1, x2)


def sinh(x: Operand, /) -> Array:
    """The hyperbolic sine of each entry.

    >>> from derivant.ops.trigonometry import sinh
    >>> sinh([0.0, 1.0])
    array([0.        , 1.17520119])
    """
    return call("sinh", x)


def cosh(x: Operand, /) -> Array:
    """The hyperbolic cosine of each entry.

    >>> from derivant.ops.trigonometry import cosh
    >>> cosh([0.0, 1.0])
    array([1.        , 1.54308063])
    """
    return call("cosh", x)


def tanh(x: Operand, /) -> Array:
    """The hyperbolic tangent of each entry.

    Its derivative is 1 / cosh(x)^2, exact also where tanh rounds to 1.

    >>> from derivant.ops.trigonometry import tanh
    >>> tanh([0.0, 1.0])
    array([0.        , 0.76159416])
    """
    return call("tanh", x)


def asinh(x: Operand, /) -> Array:
    """The inverse hyperbolic sine of each entry; its derivative is 1 / sqrt(1 + x^2).

    >>> from derivant.ops.trigonometry import asinh
    >>> asinh([0.0, 1.0])
    array([0.        , 0.88137359])
    """
    return call("asinh", x)


def acosh(x: Operand, /) -> Array:
    """The inverse hyperbolic cosine of each entry; NaN below 1.

    Its derivative is 1 / sqrt(x^2 - 1).

    >>> from derivant.ops.trigonometry import acosh
    >>> acosh([1.0, 2.0])
    array([0.       , 1.3169579])
    """
    return call("acosh", x)


def atanh(x: Operand, /) -> Array:
    """The inverse hyperbolic tangent of each entry; NaN outside of [-1, 1].

    Its derivative is 1 / (1 - x^2).

    >>> from derivant.ops.trigonometry import atanh
    >>> atanh([0.0, 0.5])
    array([0.        , 0.54930614])
    """
    return call("atanh", x)


def deg2rad(x: Operand, /) -> Array:
    """Each angle from degrees to radians, x pi / 180.

    >>> from derivant.ops.trigonometry import deg2rad
    >>> deg2rad([0.0, 180.0])
    array([0.        , 3.14159265])
    """
    return multiply(x, math.pi / 180.0)


def rad2deg(x: Operand, /) -> Array:
    """Each angle from radians to degrees, x 180 / pi.

    >>> from derivant.ops.trigonometry import rad2deg
    >>> float(rad2deg(math.pi))
    180.0
    """
    return multiply(x, 180.0 / math.pi)


# NumPy's own names.
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctan2 = atan2
arctanh = atanh
degrees = rad2deg
radians = deg2rad
