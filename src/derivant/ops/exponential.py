"""Exponentials, logarithms and roots of each entry."""

from __future__ import annotations

from derivant.base.types import Array, Operand
from derivant.ops.rows import call

__all__ = [
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "sqrt",
]


def exp(x: Operand, /) -> Array:
    """The exponential e^x of each entry.

    >>> from derivant.ops.exponential import exp
    >>> exp([0.0, 1.0])
    array([1.        , 2.71828183])
    """
    return call("exp", x)


def exp2(x: Operand, /) -> Array:
    """The power 2^x of each entry.

    >>> from derivant.ops.exponential import exp2
    >>> exp2([0.0, 3.0])
    array([1., 8.])
    """
    return call("exp2", x)


def expm1(x: Operand, /) -> Array:
    """e^x - 1 of each entry, exact also near 0.

    >>> from derivant.ops.exponential import expm1
    >>> float(expm1(1e-20))
    1e-20
    """
    return call("expm1", x)


def log(x: Operand, /) -> Array:
    """The natural logarithm of each entry.

    Its derivative is 1 / x; at 0 that is infinity, below 0 it is NaN as the value is.

    >>> from derivant.ops.exponential import log
    >>> log([1.0, 2.0])
    array([0.        , 0.69314718])
    """
    return call("log", x)


def log2(x: Operand, /) -> Array:
    """The logarithm of each entry to the base 2, with the derivative 1 / (x log 2).

    >>> from derivant.ops.exponential import log2
    >>> log2([1.0, 8.0])
    array([0., 3.])
    """
    return call("log2", x)


def log10(x: Operand, /) -> Array:
    """The logarithm of each entry to the base 10, with the derivative 1 / (x log 10).

    >>> from derivant.ops.exponential import log10
    >>> log10([1.0, 100.0])
    array([0., 2.])
    """
    return call("log10", x)


def log1p(x: Operand, /) -> Array:
    """log(1 + x) of each entry, exact also near 0; its derivative is 1 / (1 + x).

    >>> from derivant.ops.exponential import log1p
    >>> float(log1p(1e-20))
    1e-20
    """
    return call("log1p", x)


def logaddexp(x1: Operand, x2: Operand, /) -> Array:
    """log(e^x1 + e^x2) of each pair of entries, without overflow.

    Where both are -inf the derivatives are 0. `x1` and `x2` broadcast to one shape; raises
    ShapeError where they do not.

    >>> from derivant.ops.exponential import logaddexp
    >>> logaddexp([1000.0], [1000.0])
    array([1000.69314718])
    """
    return call("logaddexp", x1, x2)


def logaddexp2(x1: Operand, x2: Operand, /) -> Array:
    """log2(2^x1 + 2^x2) of each pair of entries, without overflow.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.exponential import logaddexp2
    >>> logaddexp2([1000.0], [1000.0])
    array([1001.])
    """
    return call("logaddexp2", x1, x2)


def sqrt(x: Operand, /) -> Array:
    """The square root of each entry, NaN below 0.

    Its derivative is 1 / (2 sqrt x), infinity at 0.

    >>> from derivant.ops.exponential import sqrt
    >>> sqrt([4.0, 9.0])
    array([2., 3.])
    """
    return call("sqrt", x)


def cbrt(x: Operand, /) -> Array:
    """The real cube root of each entry, of negative numbers too.

    Its derivative is infinity at 0.

    >>> from derivant.ops.exponential import cbrt
    >>> cbrt([8.0, -27.0])
    array([ 2., -3.])
    """
    return call("cbrt", x)


def hypot(x1: Operand, x2: Operand, /) -> Array:
    """The length sqrt(x1^2 + x2^2) of each pair of entries, without overflow.

    At (0, 0) the derivatives are 0. `x1` and `x2` broadcast to one shape; raises ShapeError
    where they do not.

    >>> from derivant.ops.exponential import hypot
    >>> hypot([3.0, 0.0], [4.0, 0.0])
    array([5., 0.])
    """
    return call("hypot", x1, x2)
