"""Activations of networks: rectifiers, sigmoids and what is made of them."""

from __future__ import annotations

import math

from derivant.base.errors import ArgumentError
from derivant.base.types import Array, Operand
from derivant.ops.arguments import plain_number
from derivant.ops.elementwise import abs, add, divide, multiply
from derivant.ops.logic import greater, greater_equal
from derivant.ops.rows import call, read
from derivant.ops.selection import clip, where
from derivant.ops.trigonometry import tanh
from derivant.primitives.explain import refusal

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
]


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
GELU_SCALE = 2.0 * math.sqrt(2.0 / math.pi)


def relu(x: Operand) -> Array:
    """The positive part max(x, 0) of each entry; its derivative at 0 is 0.

    >>> from derivant.ops.activations import relu
    >>> relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return call("relu", x)


def relu6(x: Operand) -> Array:
    """min(max(x, 0), 6) of each entry; its derivative at both bounds is 0.

    >>> from derivant.ops.activations import relu6
    >>> relu6([-1.0, 2.0, 9.0])
    array([0., 2., 6.])
    """
    return clip(x, 0.0, 6.0)


def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Array:
    """x where it is positive, negative_slope times x elsewhere.

    The derivative at 0 is the smaller of the two slopes.

    >>> from derivant.ops.activations import leaky_relu
    >>> leaky_relu([-1.0, 2.0], 0.1)
    array([-0.1,  2. ])
    """
    positive = greater(x, 0) if negative_slope <= 1 else greater_equal(x, 0)
    return where(positive, x, multiply(negative_slope, x))


def elu(x: Operand, alpha: float = 1.0) -> Array:
    """x where it is positive, alpha (e^x - 1) elsewhere.

    The derivative at 0 is the smaller of 1 and alpha. Raises ArgumentError where alpha is
    negative. Source: Clevert, Unterthiner, Hochreiter, arXiv:1511.07289.

    >>> from derivant.ops.activations import elu
    >>> elu([-1.0, 2.0])
    array([-0.63212056,  2.        ])
    """
    if plain_number("elu", "alpha", alpha) < 0:
        raise ArgumentError(f"elu: alpha is 0 or more, not {alpha!r}")
    return call("elu", x, alpha=float(alpha))


def selu(x: Operand) -> Array:
    """The self-normalising scaled elu: 1.0507 elu(x, 1.6733).

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, arXiv:1706.02515.

    >>> from derivant.ops.activations import selu
    >>> selu([0.0, 1.0])
    array([0.        , 1.05070099])
    """
    return multiply(SELU_SCALE, elu(x, SELU_ALPHA))


def sigmoid(x: Operand) -> Array:
    """The logistic function 1 / (1 + e^-x) of each entry, without overflow.

    Its derivative is sigmoid(x) sigmoid(-x).

    >>> from derivant.ops.activations import sigmoid
    >>> sigmoid([0.0, 1.0])
    array([0.5       , 0.73105858])
    """
    return call("sigmoid", x)


def log_sigmoid(x: Operand) -> Array:
    """log(1 / (1 + e^-x)) of each entry, without overflow; its derivative is sigmoid(-x).

    >>> from derivant.ops.activations import log_sigmoid
    >>> float(log_sigmoid(-1e4))
    -10000.0
    """
    return call("log_sigmoid", x)


def softplus(x: Operand) -> Array:
    """log(1 + e^x) of each entry, without overflow; its derivative is sigmoid(x).

    >>> from derivant.ops.activations import softplus
    >>> float(softplus(1e4))
    10000.0
    """
    return call("softplus", x)


def softsign(x: Operand) -> Array:
    """x / (1 + |x|) of each entry.

    >>> from derivant.ops.activations import softsign
    >>> softsign([-1.0, 3.0])
    array([-0.5 ,  0.75])
    """
    return divide(x, add(1.0, abs(x)))


def silu(x: Operand) -> Array:
    """x sigmoid(x) of each entry, known as swish too.

    Source: Hendrycks and Gimpel, arXiv:1606.08415.

    >>> from derivant.ops.activations import silu
    >>> silu([0.0, 1.0])
    array([0.        , 0.73105858])
    """
    return call("silu", x)


def gelu(x: Operand, approximate: str = "none") -> Array:
    """x times the standard normal distribution function at x.

    `approximate="tanh"` is 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), computed as x
    sigmoid(2 ...), so that the tail keeps its digits. Raises ArgumentError for another word
    than "none" or "tanh". Source: Hendrycks and Gimpel, arXiv:1606.08415.

    >>> from derivant.ops.activations import gelu
    >>> gelu([0.0, 1.0])
    array([0.        , 0.84134475])
    """
    if approximate == "none":
        return call("gelu", x)
    if approximate != "tanh":
        error = ArgumentError("approximate is 'none' or 'tanh'")
        raise refusal("gelu", (read(x),), [f"approximate={approximate!r}"], error)
    inner = add(x, multiply(0.044715, call("power", x, exponent=3)))
    return call("scale", sigmoid(multiply(GELU_SCALE, inner)), x)


def mish(x: Operand) -> Array:
    """x tanh(softplus(x)) of each entry. Source: Misra, arXiv:1908.08681.

    >>> from derivant.ops.activations import mish
    >>> mish([0.0, 1.0])
    array([0.        , 0.86509839])
    """
    return multiply(x, tanh(softplus(x)))
