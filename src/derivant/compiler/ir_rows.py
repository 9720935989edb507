"""Rows of the table as instructions on one entry: what a fused loop is made of.

Each function gets the block, the operands in the kind that NumPy would compute in, and the row's
parameters; a row that is not here is evaluated by NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from derivant.compiler import ir_math as m
from derivant.compiler.ir import BITS, TYPES, Block, Reg
from derivant.compiler.libm import SUFFIX, libm_address
from derivant.primitives.primitive import Params

Emit = Callable[..., Reg]
INF = math.inf


def _binary(op: str) -> Emit:
    return lambda b, x, y: b.binary(op, x, y)


def _compare(how: str) -> Emit:
    return lambda b, x, y: b.compare(how, x, y)


def _logic(word: str) -> Emit:
    return lambda b, x, y: b.logic(word, x, y)


def _intrinsic(name: str) -> Emit:
    return lambda b, x: b.call(name, x)


def _extremum(b: Block, how: str, x: Reg, y: Reg) -> Reg:
    """The larger or smaller; NaN where either is."""
    found = b.select(b.compare(how, x, y), x, y)
    if x.kind not in BITS:
        return found
    return b.select(b.unordered(x), x, found)  # a NaN in y is chosen, since it compares false


def _scale(b: Block, g: Reg, p: Reg) -> Reg:
    """g p, and 0 where g is 0."""
    zero = b.number(0.0, g.kind)
    product = b.mul(g, p)
    absent = b.logic("and", b.unordered(product), b.compare("equal", g, zero))
    return b.select(absent, zero, product)


def _strong(b: Block, x: Reg, y: Reg) -> Reg:
    zero = b.number(0.0, x.kind)
    product = b.mul(x, y)
    either = b.logic("or", b.compare("equal", x, zero), b.compare("equal", y, zero))
    absent = b.logic("and", b.unordered(product), either)
    return b.select(absent, zero, product)


def _quotient(b: Block, x: Reg, y: Reg) -> Reg:
    zero = b.number(0.0, x.kind)
    both = b.logic("and", b.compare("equal", x, zero), b.compare("equal", y, zero))
    return b.select(both, zero, b.div(x, y))


def _square(b: Block, x: Reg) -> Reg:
    return b.mul(x, x)


def _power(b: Block, x: Reg, exponent: float) -> Reg:
    """A fixed power; those that the row itself has short forms for are short here too."""
    quick: dict[float, Callable[[], Reg]] = {
        -1: lambda: b.div(b.number(1.0, x.kind), x),
        0.5: lambda: b.call("sqrt", x),
        2: lambda: b.mul(x, x),
        3: lambda: b.mul(b.mul(x, x), x),
    }
    if exponent in quick:
        return quick[exponent]()
    return _library("pow")(b, x, b.number(exponent, x.kind))


def _relu(b: Block, x: Reg) -> Reg:
    return _extremum(b, "greater", x, b.number(0, x.kind))


def _softplus(b: Block, x: Reg) -> Reg:
    return b.add(_relu(b, x), m.log1p_exp(b, x))


def _log_sigmoid(b: Block, x: Reg) -> Reg:
    return b.sub(_extremum(b, "less", x, b.number(0.0, x.kind)), m.log1p_exp(b, x))


def _above(b: Block, x: Reg) -> Reg:
    """max(x, -1e30): the other factor is 0 there."""
    return _extremum(b, "greater", x, b.number(-1e30, x.kind))


def _silu(b: Block, x: Reg) -> Reg:
    return b.mul(m.sigmoid(b, x), _above(b, x))


def _elu(b: Block, x: Reg, alpha: float) -> Reg:
    zero = b.number(0.0, x.kind)
    below = b.mul(b.number(alpha, x.kind), m.expm1(b, _extremum(b, "less", x, zero)))
    return b.select(b.compare("greater", x, zero), x, below)


def _inside(b: Block, x: Reg, low: float, high: float) -> Reg:
    nan = b.number(math.nan, x.kind)
    found = b.select(b.compare("less", x, b.number(low, x.kind)), nan, x)
    if high == INF:
        return found
    return b.select(b.compare("greater", x, b.number(high, x.kind)), nan, found)


def _sign(b: Block, x: Reg) -> Reg:
    zero, one = b.number(0, x.kind), b.number(1, x.kind)
    found = b.select(b.compare("greater", x, zero), one, zero)
    found = b.select(b.compare("less", x, zero), b.number(-1, x.kind), found)
    return b.select(b.unordered(x), x, found) if x.kind in BITS else found


def _step(b: Block, x: Reg) -> Reg:
    """1 above 0, else 0; NaN stays."""
    zero, one = b.number(0.0, x.kind), b.number(1.0, x.kind)
    found = b.select(b.compare("greater", x, zero), one, zero)
    return b.select(b.unordered(x), x, found)


def _sech2(b: Block, x: Reg) -> Reg:
    """1/cosh(x)^2 = 4 e / (1 + e)^2, e = e^(-2|x|)."""
    one = b.number(1.0, x.kind)
    e = m.exp(b, b.mul(b.number(-2.0, x.kind), b.call("fabs", x)))
    whole = b.add(one, e)
    return b.div(b.mul(b.number(4.0, x.kind), e), b.mul(whole, whole))


def _finite(b: Block, x: Reg) -> Reg:
    return b.compare("less", b.call("fabs", x), b.number(INF, x.kind))


def _where(b: Block, condition: Reg, x: Reg, y: Reg) -> Reg:
    return b.select(condition, x, y)


def _library(name: str) -> Emit:
    """A function of the C library, on one number after the other."""

    def emitted(b: Block, *operands: Reg) -> Reg:
        kind = operands[0].kind
        address = libm_address(name + SUFFIX[kind])
        word = operands[0].type if b.width == 1 else TYPES[kind]
        found = "poison"
        for k in range(b.width):
            ones = [b.lane(x, k) for x in operands]
            inside = ", ".join(f"{word} {x}" for x in ones)
            one = b.put(f"call {word} inttoptr (i64 {address} to ptr)({inside})", kind).name
            found = b.with_lane(found, kind, k, one)
        return Reg(found, kind, b.width)

    return emitted


def _logaddexp(b: Block, x: Reg, y: Reg) -> Reg:
    """log(e^x + e^y); equal infinities and numbers have no difference."""
    gap = m.log1p_exp(b, b.sub(x, y))
    apart = b.add(_extremum(b, "greater", x, y), gap)
    return b.select(b.compare("equal", x, y), b.add(x, b.number(math.log(2), x.kind)), apart)


def _times_log(log: Callable[[Block, Reg], Reg]) -> Emit:
    """x log(y), and 0 where x is 0 and y is a number."""

    def emitted(b: Block, x: Reg, y: Reg) -> Reg:
        zero = b.number(0.0, x.kind)
        absent = b.logic("and", b.compare("equal", x, zero), b.compare("equal", y, y))
        return b.select(absent, zero, b.mul(x, log(b, y)))

    return emitted


LIBRARY = {
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan",
    "atan2": "atan2", "sinh": "sinh", "cosh": "cosh", "asinh": "asinh", "acosh": "acosh",
    "atanh": "atanh", "exp2": "exp2", "log2": "log2", "log10": "log10", "cbrt": "cbrt",
    "hypot": "hypot", "pow": "pow", "fmod": "fmod",
}  # fmt: skip
ROWS: dict[str, Emit] = {
    **{row: _library(name) for row, name in LIBRARY.items()},
    "logaddexp": _logaddexp,
    "xlogy": _times_log(m.log),
    "xlog1py": _times_log(m.log1p),
    "over_size": lambda b, x, size: b.div(x, b.number(size, x.kind)),
    "add": _binary("add"),
    "subtract": _binary("sub"),
    "multiply": _binary("mul"),
    "divide": _binary("div"),
    "negative": lambda b, x: b.neg(x),
    "positive": lambda b, x: x,
    "stop_gradient": lambda b, x: x,
    "bind": lambda b, x: x,
    "astype": lambda b, x, dtype: x,
    "reciprocal": lambda b, x: b.div(b.number(1.0, x.kind), x),
    "square": _square,
    "quotient": _quotient,
    "power": _power,
    "scale": _scale,
    "strong": _strong,
    "maximum": lambda b, x, y: _extremum(b, "greater", x, y),
    "minimum": lambda b, x, y: _extremum(b, "less", x, y),
    "clip_low": lambda b, x, y: _extremum(b, "greater", x, y),
    "clip_high": lambda b, x, y: _extremum(b, "less", x, y),
    "where": _where,
    "relu": _relu,
    "sigmoid": lambda b, x: m.sigmoid(b, x),
    "softplus": _softplus,
    "log_sigmoid": _log_sigmoid,
    "silu": _silu,
    "gelu": lambda b, x: m.gelu(b, x),
    "elu": _elu,
    "inside": _inside,
    "exp": lambda b, x: m.exp(b, x),
    "expm1": lambda b, x: m.expm1(b, x),
    "log": lambda b, x: m.log(b, x),
    "log1p": lambda b, x: m.log1p(b, x),
    "tanh": lambda b, x: m.tanh(b, x),
    "sech2": _sech2,
    "erf": lambda b, x: m.erf(b, x),
    "erfc": lambda b, x: m.erfc(b, x),
    "sqrt": _intrinsic("sqrt"),
    "abs": _intrinsic("fabs"),
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "sign": _sign,
    "step": _step,
    "copysign": lambda b, x, y: b.call("copysign", x, y),
    "isfinite": _finite,
    "isnan": lambda b, x: b.unordered(x),
    "isinf": lambda b, x: b.compare("equal", b.call("fabs", x), b.number(INF, x.kind)),
    "logical_and": _logic("and"),
    "logical_or": _logic("or"),
    "logical_xor": _logic("xor"),
    "logical_not": lambda b, x: b.logic("xor", x, b.number(1, "bool")),
    **{how: _compare(how) for how in
       ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")},
}  # fmt: skip
FLOATS_ONLY = frozenset(ROWS) - {
    "add", "subtract", "multiply", "negative", "positive", "stop_gradient", "bind", "astype",
    "square", "maximum", "minimum", "clip_low", "clip_high", "where", "relu", "sign",
    "logical_and", "logical_or", "logical_xor", "logical_not",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
}  # fmt: skip
HEAVY = frozenset(
    ("sigmoid", "softplus", "log_sigmoid", "silu", "gelu", "elu", "exp", "expm1", "log", "log1p",
     "tanh", "sech2", "erf", "erfc", "logaddexp", "xlogy", "xlog1py", *LIBRARY)
)  # fmt: skip
LOGICAL = frozenset(("logical_and", "logical_or", "logical_xor", "logical_not"))


def operand_kinds(row: str, kinds: tuple[Any, ...], out: str) -> tuple[str, ...] | None:
    """The kinds that the operands are brought to first; None where the row is not for them.

    `kinds` has a dtype an operand, a Python type for one that gives way.
    """
    if row not in ROWS:
        return None
    if row == "where":
        return ("bool", out, out)
    if row in LOGICAL:
        return ("bool",) * len(kinds)
    common = np.result_type(*(k(0) if isinstance(k, type) else k for k in kinds)).name
    if row not in ("astype", "isfinite", "isnan", "isinf") and out != "bool":
        common = out
    if row in FLOATS_ONLY and common not in BITS:
        return None
    if common == "bool" and row not in ("positive", "stop_gradient", "bind", "equal", "not_equal",
                                        "astype"):  # fmt: skip
        return None
    return (common,) * len(kinds)


def emits(row: str, kinds: tuple[str, ...], params: Params) -> bool:
    """Whether a row with these parameters has instructions."""
    if row == "power":
        return kinds[0] in BITS and libm_address("pow" + SUFFIX[kinds[0]]) is not None
    if row == "astype":
        return kinds[0] not in BITS or np.dtype(params["dtype"]).kind in "fb"
    if row in LIBRARY:
        return libm_address(LIBRARY[row] + SUFFIX[kinds[0]]) is not None
    return row != "elu" or isinstance(params["alpha"], float)


def emit(b: Block, row: str, operands: list[Reg], params: Params) -> Reg:
    """The result on one entry, for parameters that have instructions."""
    return ROWS[row](b, *operands, **params)
