"""Special functions of each entry: error functions, log-gamma, logit, entropies, sinc."""

from __future__ import annotations

import math

from derivant.base.types import Array, Operand
from derivant.ops.elementwise import multiply
from derivant.ops.logic import less
from derivant.ops.rows import call
from derivant.ops.selection import where

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "expit",
    "gammaln",
    "lgamma",
    "logit",
    "ndtr",
    "psi",
    "sinc",
    "xlog1py",
    "xlogy",
]


ROOT_HALF = math.sqrt(0.5)


def erf(x: Operand, /) -> Array:
    """The error function 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    >>> from derivant.ops.special import erf
    >>> erf([0.0, 1.0])
    array([0.        , 0.84270079])
    """
    return call("erf", x)


def erfc(x: Operand, /) -> Array:
    """The complement 1 - erf(x), exact also where it is tiny.

    >>> from derivant.ops.special import erfc
    >>> erfc([0.0, 10.0])
    array([1.00000000e+00, 2.08848758e-45])
    """
    return call("erfc", x)


def ndtr(x: Operand, /) -> Array:
    """The standard normal distribution function: the probability of a value below x.

    >>> from derivant.ops.special import ndtr
    >>> float(ndtr(0.0))
    0.5
    """
    return multiply(0.5, erfc(multiply(-ROOT_HALF, x)))


def lgamma(x: Operand, /) -> Array:
    """The logarithm of |Gamma(x)|; its derivative is `digamma`.

    >>> from derivant.ops.special import lgamma
    >>> float(lgamma(1.0))
    0.0
    """
    return call("lgamma", x)


def digamma(x: Operand, /) -> Array:
    """The derivative of log Gamma(x).

    >>> from derivant.ops.special import digamma
    >>> digamma([1.0, 2.0])
    array([-0.57721566,  0.42278434])
    """
    return call("digamma", x)


def logit(x: Operand, /) -> Array:
    """The logarithm of the odds, log(x / (1 - x)): the inverse of `expit`.

    Its derivative is 1 / (x (1 - x)); outside of [0, 1] both are NaN.

    >>> from derivant.ops.special import logit
    >>> float(logit(0.5))
    0.0
    """
    return call("logit", x)


def expit(x: Operand, /) -> Array:
    """The logistic function 1 / (1 + exp(-x)), without overflow.

    >>> from derivant.ops.special import expit
    >>> float(expit(0.0))
    0.5
    """
    return call("sigmoid", x)


def xlogy(x1: Operand, x2: Operand, /) -> Array:
    """x1 log x2 of each pair of entries, and 0 where x1 is 0.

    The derivative is log x2 by x1, and x1 / x2 by x2, which is 0 where x1 is. `x1` and `x2`
    broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.special import xlogy
    >>> xlogy([0.0, 2.0], [0.0, 1.0])
    array([0., 0.])
    """
    return call("xlogy", x1, x2)


def xlog1py(x1: Operand, x2: Operand, /) -> Array:
    """x1 log(1 + x2) of each pair of entries, and 0 where x1 is 0.

    `x1` and `x2` broadcast to one shape; raises ShapeError where they do not.

    >>> from derivant.ops.special import xlog1py
    >>> xlog1py([0.0, 2.0], [-1.0, 0.0])
    array([0., 0.])
    """
    return call("xlog1py", x1, x2)


def entr(x: Operand, /) -> Array:
    """The entropy -x log x of each entry, 0 at 0 and -inf below.

    >>> from derivant.ops.special import entr
    >>> entr([0.0, 0.5, -1.0])
    array([0.        , 0.34657359,       -inf])
    """
    return where(less(x, 0), -math.inf, xlogy(multiply(-1.0, x), x))


def sinc(x: Operand, /) -> Array:
    """sin(pi x) / (pi x) of each entry, and 1 at 0; exactly 0 at the other whole numbers.

    Smooth at 0: the derivatives there are 0, -pi^2 / 3, 0, pi^4 / 5 and so on.

    >>> from derivant.ops.special import sinc
    >>> sinc([0.0, 0.5])
    array([1.        , 0.63661977])
    """
    return call("sinc", x)


# NumPy's own names.
gammaln = lgamma
psi = digamma
