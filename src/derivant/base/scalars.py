"""The functions of the table's rows on plain Python numbers, under the rows' names.

What rules receive as `xp` where a node holds one number (Value). Integers stay integers. Every
function is total as IEEE arithmetic is: NaN outside a domain, infinity at a pole and on overflow.
It knows neither the table nor a carrier.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TypeAlias

import numpy as np

from derivant.base.errors import DTypeError

Scalar: TypeAlias = "int | float"
Unary: TypeAlias = Callable[[Scalar], Scalar]


def number(value: object, what: str = "Value") -> Scalar:
    """A real number of any origin as a Python int, float or bool.

    Raises DTypeError for what is not one real number; `what` names who asked.

    >>> number(np.int64(3)), number(np.float32(0.5)), number(np.array(2.0))
    (3, 0.5, 2.0)
    """
    if value.__class__ is float or value.__class__ is int or isinstance(value, bool):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (Real, np.floating)):
        return float(value)
    shape = getattr(value, "shape", None)
    came = type(value).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")
    raise DTypeError(
        f"{what} takes one real number, an int or a float, not {came}; "
        "for arrays use derivant.tensor"
    )


def guarded(quick: Callable[[float], float], total: np.ufunc) -> Unary:
    """A function of `math`; where that raises, NumPy's, which answers as IEEE says."""

    def function(x: Scalar) -> Scalar:
        try:
            return quick(x)
        except (ValueError, OverflowError):
            with np.errstate(all="ignore"):
                return float(total(np.float64(x)))

    return function


def plainly(function: Callable[..., object]) -> Callable[..., Scalar]:
    """A function of NumPy's with its one number as a Python number."""
    return lambda *args, **params: number(function(*args, **params))


_cosh = guarded(math.cosh, np.cosh)


def power(x: Scalar, exponent: Scalar) -> Scalar:
    """x to the power `exponent`; NaN where the result is not real.

    >>> power(2, 3), power(0.0, -1), power(-8.0, 1 / 3)
    (8, inf, nan)
    """
    try:
        result: Scalar | complex = x**exponent
    except (ZeroDivisionError, OverflowError):
        with np.errstate(all="ignore"):
            return float(np.power(np.float64(x), np.float64(exponent)))
    return math.nan if isinstance(result, complex) else result


def divide(x: Scalar, y: Scalar) -> Scalar:
    """x / y; infinity or NaN where y is 0."""
    return x / y if y else _by_numpy(np.divide, x, y)


def floor_divide(x: Scalar, y: Scalar) -> Scalar:
    """The largest integer not above x / y."""
    return x // y if y else _by_numpy(np.floor_divide, x, y)


def remainder(x: Scalar, y: Scalar) -> Scalar:
    """What floor division leaves, with the sign of y."""
    return x % y if y else _by_numpy(np.remainder, x, y)


def _by_numpy(function: np.ufunc, x: Scalar, y: Scalar) -> float:
    with np.errstate(all="ignore"):
        return float(function(np.float64(x), np.float64(y)))


def scale(g: Scalar, p: Scalar) -> Scalar:
    """g * p, exactly 0 where g is exactly 0 whatever p is."""
    return g * p if g != 0 else 0 * g


def strong(x: Scalar, y: Scalar) -> Scalar:
    """x * y, exactly 0 where either is exactly 0."""
    return x * y if x and y else 0 * (x and y)


def quotient(x: Scalar, y: Scalar) -> Scalar:
    """x / y; 0 where both are 0."""
    return 0.0 if x == 0 == y else divide(x, y)


def inside(x: Scalar, *, low: float, high: float) -> Scalar:
    """x where low <= x <= high, else NaN."""
    return math.nan if x < low or x > high else x


def sech2(x: Scalar) -> Scalar:
    """1 / cosh(x)**2, without overflow."""
    length = _cosh(x)
    return 1.0 / (length * length)


def sign(x: Scalar) -> Scalar:
    """-1, 0 or 1; NaN stays NaN."""
    return x if x != x else (x > 0) - (x < 0)


def step(x: Scalar) -> Scalar:
    """1 where x > 0, else 0; NaN stays NaN."""
    return x if x != x else int(x > 0)


def relu(x: Scalar) -> Scalar:
    """x, and 0 where x is negative; NaN stays NaN."""
    return 0 if x < 0 else x


def sigmoid(x: Scalar) -> Scalar:
    """1 / (1 + exp(-x)), without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def softplus(x: Scalar) -> Scalar:
    """log(1 + exp(x)), without overflow."""
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def maximum(x: Scalar, y: Scalar) -> Scalar:
    """The larger; NaN where either is."""
    return x if x > y or x != x else y


def minimum(x: Scalar, y: Scalar) -> Scalar:
    """The smaller; NaN where either is."""
    return x if x < y or x != x else y


def where(condition: Scalar, x: Scalar, y: Scalar) -> Scalar:
    """x where the condition holds, else y."""
    return x if condition else y


def _rounded(quick: Callable[[float], float]) -> Unary:
    """A rounding function; infinities, NaN and integers are their own result."""
    return lambda x: x if isinstance(x, int) or x - x != 0 else float(quick(x))


_MATH = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}

SCALARS: Mapping[str, Callable[..., Scalar]] = {
    **{name: guarded(getattr(math, name), total) for name, total in _MATH.items()},
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "negative": operator.neg,
    "positive": operator.pos,
    "scale": scale,
    "strong": strong,
    "quotient": quotient,
    "inside": inside,
    "sech2": sech2,
    "divide": divide,
    "reciprocal": lambda x: divide(1.0, x),
    "square": lambda x: x * x,
    "pow": power,
    "power": power,
    "floor_divide": floor_divide,
    "remainder": remainder,
    "maximum": maximum,
    "minimum": minimum,
    "where": where,
    "abs": abs,
    "sign": sign,
    "step": step,
    "relu": relu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "erf": math.erf,
    "erfc": math.erfc,
    "hypot": math.hypot,
    "atan2": math.atan2,
    "floor": _rounded(math.floor),
    "ceil": _rounded(math.ceil),
    "trunc": _rounded(math.trunc),
    "zeros_like": lambda x: 0,
    "ones_like": lambda x: 1,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "logical_and": lambda x, y: bool(x and y),
    "logical_or": lambda x, y: bool(x or y),
    "logical_xor": lambda x, y: bool(x) != bool(y),
    "logical_not": operator.not_,
    "isnan": lambda x: x != x,
    "isfinite": lambda x: x - x == 0,
    "isinf": lambda x: x == x and x - x != 0,
}
