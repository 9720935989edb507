"""The functions that formulas may call: how many arguments, which shapes, and the row they are.

Knows nothing of texts. Lowerings take the operands and the fixed argument: an axis, a power,
sizes or a pattern.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from derivant.base.dims import Size, total
from derivant.base.errors import ArgumentError
from derivant.carriers.expr import Expr, as_expr
from derivant.ops.contraction import dot, einsum, kron, outer
from derivant.ops.indexing import diff
from derivant.ops.joining import concat
from derivant.ops.layout import expand_dims
from derivant.ops.linalg import adjugate, matrix_power
from derivant.ops.norms import norm
from derivant.ops.reductions import logsumexp, max, mean, min, prod, softmax, std, sum, var
from derivant.ops.rows import call
from derivant.ops.running import cumsum
from derivant.ops.selection import clip
from derivant.ops.spectral import eigh, eigvalsh, sqrtm

Lowering: TypeAlias = Callable[..., Any]


class Function(NamedTuple):
    """How a function is read: its family of shapes, its number of arrays, its fixed argument."""

    family: str
    lower: Lowering
    arrays: int = 1
    fixed: str = ""  # "axis", "whole", "place", "sizes" or "pattern"
    sizes: tuple[int, ...] = ()  # how many sizes may stand behind the arrays
    symmetric: bool = False  # whether it is of a symmetric matrix only


def filled(value: float, sizes: tuple[Size, ...]) -> Any:
    """An array of one number; sizes may be named."""
    return call("broadcast_to", as_expr(value), shape=sizes)


def identity(size: Size) -> Any:
    """The identity matrix of a size that may be named."""
    return call("diag_embed", filled(1.0, (size,)), offset=0)


def size_number(size: Size) -> Any:
    """A named size as a number: the sum of so many ones."""
    return sum(filled(1.0, (size,)))


def commutation(rows: Size, columns: Size) -> Any:
    """K(m, n), which takes vec(X) to vec(X') for X of m by n."""
    units = einsum("ik,jl->ijlk", identity(rows), identity(columns))
    return call("reshape", units, shape=(rows * columns, rows * columns))


def vec(x: Expr) -> Any:
    """The columns of a matrix below each other; a vector as it is."""
    if len(x.shape) == 1:
        return x
    return call("reshape", call("matrix_transpose", x), shape=(total(x.shape),))


def diag(x: Expr) -> Any:
    """A vector to the matrix with that diagonal, a matrix to its diagonal."""
    return call("diag_embed" if len(x.shape) == 1 else "diagonal", x, offset=0)


def unvec(x: Expr, sizes: tuple[Size, ...]) -> Any:
    """The matrix of m by n whose columns below each other are the vector."""
    rows, columns = sizes
    return call("matrix_transpose", call("reshape", x, shape=(columns, rows)))


def hcat(x: Expr, y: Expr) -> Any:
    """Two matrices side by side; a vector is a column."""
    return concat([x, expand_dims(y, 1) if len(y.shape) == 1 else y], 1)


def greater(x: Expr, y: Expr) -> Any:
    """1 where x > y, else 0."""
    return call("step", x - y)


def as_number(condition: Any) -> Any:
    """1 where a condition holds, else 0."""
    return call("astype", condition, dtype=np.dtype(np.float64))


def condition(x: Expr) -> Any:
    """Where a number is not 0; of a condition as a number, the condition."""
    if x.primitive.name == "astype" and x.inputs[0].dtype.kind == "b":
        return x.inputs[0]
    return call("not_equal", x, as_expr(0.0))


def choice(x: Expr, one: Expr, other: Expr) -> Any:
    """One value where a condition holds, else the other."""
    return call("where", condition(x), one, other)


def _logic(name: str) -> Lowering:
    return lambda *x: as_number(call(name, *map(condition, x)))


def quotient(x: Expr, y: Expr) -> Any:
    """The solution of X z = y."""
    return call("matmul", call("inv", x), y)


def top_eigenvectors(x: Expr, sizes: tuple[Size, ...]) -> Any:
    """The eigenvectors of the largest eigenvalues as columns, the largest first."""
    return call("top_values", eigh(x).eigenvectors, count=sizes[0])


def pseudoinverse(x: Expr) -> Any:
    """The pseudoinverse of a matrix whose rank is known from a fact."""
    turned = x.primitive.name == "matrix_transpose"
    base = x.inputs[0] if turned else x
    facts = base.params["facts"] if base.primitive.name == "variable" else ()
    result = _pseudoinverse(base, {*facts})
    return call("matrix_transpose", result) if turned else result


def _pseudoinverse(x: Expr, facts: set[str]) -> Any:
    turned = call("matrix_transpose", x)
    if facts & {"invertible", "spd", "symmetric-invertible"}:
        return call("inv", x)
    if "orthonormal" in facts:
        return turned
    if "full-column-rank" in facts:
        return call("matmul", call("inv", call("matmul", turned, x)), turned)
    if "full-row-rank" in facts:
        return call("matmul", turned, call("inv", call("matmul", x, turned)))
    raise ArgumentError(
        "pinv is read of a variable whose rank is known: say so, as in "
        'assume={"A": "full-column-rank"}, or write inv(A\'*A)*A\''
    )


def _triangle(name: str) -> Lowering:
    return lambda x, k: call(name, x, k=k)


def _row(name: str) -> Lowering:
    return lambda x: call(name, x)


def _pair(name: str) -> Lowering:
    return lambda x, y: call(name, x, y)


def _along(function: Callable[..., Any]) -> Lowering:
    return lambda x, axis=None: function(x, axis)


def _last(function: Callable[..., Any]) -> Lowering:
    return lambda x, axis=-1: function(x, axis)


MAPS = (
    "exp log sqrt sin cos tan tanh sinh cosh asin acos atan abs sign erf sigmoid relu softplus step"
)
ALIASES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "ln": "log", "trace": "tr",
    "fmax": "maximum", "fmin": "minimum", "amax": "max", "amin": "min", "norm": "norm2",
    "||": "norm2", "||_F": "norm2", "identity": "eye", "matrix_power": "matpow",
}  # fmt: skip
# Functions that are another spelling of an operator, and the number of their operands.
OPERATORS = {
    "add": ("+", 2), "subtract": ("-", 2), "multiply": (".*", 2), "divide": ("./", 2),
    "power": (".^", 2), "matmul": ("@", 2), "negative": ("neg", 1), "transpose": ("transpose", 1),
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e}  # behind np.; pi alone too, where it is no variable
FUNCTIONS: dict[str, Function] = {
    **{name: Function("same", _row(name)) for name in MAPS.split()},
    "sum": Function("total", _along(sum), fixed="axis"),
    "mean": Function("total", _along(mean), fixed="axis"),
    "prod": Function("total", _along(prod), fixed="axis"),
    "max": Function("total", _along(max), fixed="axis"),
    "min": Function("total", _along(min), fixed="axis"),
    "norm1": Function("total", lambda x: sum(call("abs", x))),
    "norm2": Function("total", norm),
    "||_1": Function("length", lambda x: sum(call("abs", x))),
    "||_2": Function("length", norm),
    "logsumexp": Function("along", _last(logsumexp), fixed="axis"),
    "softmax": Function("soft", _last(softmax), fixed="axis"),
    "tr": Function("square to number", lambda x: call("trace", x, offset=0)),
    "det": Function("square to number", _row("det")),
    "logdet": Function("square to number", _row("logdet")),
    "lambda_max": Function("square to number", lambda x: eigvalsh(x)[-1], symmetric=True),
    "lambda_min": Function("square to number", lambda x: eigvalsh(x)[0], symmetric=True),
    "lam": Function("square to number", lambda x, i: eigvalsh(x)[i], fixed="place", symmetric=True),
    "eigv": Function(
        "square to vector", lambda x, i: eigh(x).eigenvectors[:, i], fixed="place", symmetric=True
    ),
    "eigvecs": Function(
        "square to columns", top_eigenvectors, fixed="sizes", sizes=(1,), symmetric=True
    ),
    "sqrtm": Function("square", sqrtm, symmetric=True),
    "pinv": Function("turned", pseudoinverse),
    "solve": Function("solve", quotient, 2),
    "hcat": Function("beside", hcat, 2),
    "where": Function("choice", choice, 3),
    "logical_and": Function("pair", _logic("logical_and"), 2),
    "logical_or": Function("pair", _logic("logical_or"), 2),
    "logical_not": Function("same", _logic("logical_not")),
    "gt": Function("pair", greater, 2),
    "array": Function("same", lambda x: x),
    "log1p": Function("same", _row("log1p")),
    "expm1": Function("same", _row("expm1")),
    "logaddexp": Function("pair", _pair("logaddexp"), 2),
    "clip": Function("choice", clip, 3),
    "var": Function("total", var),
    "std": Function("total", std),
    "inner": Function("inner", dot, 2),
    "vdot": Function("inner", dot, 2),
    "diff": Function("difference", diff),
    "cumsum": Function("running", cumsum),
    "square": Function("same", lambda x: call("power", x, exponent=2)),
    "unvec": Function("unvec", unvec, fixed="sizes", sizes=(2,)),
    "reshape": Function(
        "reshape", lambda x, sizes: call("reshape", x, shape=sizes), fixed="sizes", sizes=(2, 3, 4)
    ),
    **{
        name: Function("same", _triangle(name), fixed="place")  # of a matrix
        for name in ("tril", "triu")
    },
    "inv": Function("square", _row("inv")),
    "adj": Function("square", adjugate),
    "expm": Function("square", _row("expm")),
    "matpow": Function("square", matrix_power, fixed="whole"),
    "maximum": Function("pair", _pair("maximum"), 2),
    "minimum": Function("pair", _pair("minimum"), 2),
    "outer": Function("outer", outer, 2),
    "dot": Function("dot", dot, 2),
    "kron": Function("kron", kron, 2),
    "diag": Function("diag", diag),
    "vec": Function("vec", vec),
    "eye": Function("constant", lambda sizes: identity(sizes[0]), 0, "sizes", (1,)),
    "ones": Function("constant", lambda sizes: filled(1.0, sizes), 0, "sizes", (1, 2)),
    "zeros": Function("constant", lambda sizes: filled(0.0, sizes), 0, "sizes", (1, 2)),
    "K": Function("constant", lambda sizes: commutation(*sizes), 0, "sizes", (2,)),
    "einsum": Function("einsum", lambda *x: einsum(x[-1], *x[:-1]), -1, "pattern"),
}
