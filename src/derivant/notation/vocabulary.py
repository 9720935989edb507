"""The functions that formulas may call: how many arguments, which shapes, and the row they are.

Knows nothing of texts. Lowerings take the operands and the fixed argument: an axis, a power,
sizes or a pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from derivant.base.dims import Size, total
from derivant.carriers.expr import Expr, as_expr
from derivant.ops.contraction import dot, einsum, kron, outer
from derivant.ops.linalg import adjugate, matrix_power
from derivant.ops.norms import norm
from derivant.ops.reductions import logsumexp, max, mean, min, prod, softmax, sum
from derivant.ops.rows import call

Lowering: TypeAlias = Callable[..., Any]


class Function(NamedTuple):
    """How a function is read: its family of shapes, its number of arrays, its fixed argument."""

    family: str
    lower: Lowering
    arrays: int = 1
    fixed: str = ""  # "axis", "whole", "sizes" or "pattern"


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


def _row(name: str) -> Lowering:
    return lambda x: call(name, x)


def _pair(name: str) -> Lowering:
    return lambda x, y: call(name, x, y)


def _along(function: Callable[..., Any]) -> Lowering:
    return lambda x, axis=None: function(x, axis)


def _last(function: Callable[..., Any]) -> Lowering:
    return lambda x, axis=-1: function(x, axis)


def _eigenvalue(place: int) -> Lowering:
    return lambda x: call("eigvalsh", x)[place]


MAPS = (
    "exp log sqrt sin cos tan tanh sinh cosh asin acos atan abs sign erf sigmoid relu softplus step"
)
ALIASES = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "trace": "tr",
    "fmax": "maximum",
    "fmin": "minimum",
}
FUNCTIONS: dict[str, Function] = {
    **{name: Function("same", _row(name)) for name in MAPS.split()},
    "sum": Function("total", _along(sum), fixed="axis"),
    "mean": Function("total", _along(mean), fixed="axis"),
    "prod": Function("total", _along(prod), fixed="axis"),
    "max": Function("total", _along(max), fixed="axis"),
    "min": Function("total", _along(min), fixed="axis"),
    "norm1": Function("total", lambda x: sum(call("abs", x))),
    "norm2": Function("total", norm),
    "logsumexp": Function("along", _last(logsumexp), fixed="axis"),
    "softmax": Function("soft", _last(softmax), fixed="axis"),
    "tr": Function("square to number", lambda x: call("trace", x, offset=0)),
    "det": Function("square to number", _row("det")),
    "logdet": Function("square to number", _row("logdet")),
    "lambda_max": Function("square to number", _eigenvalue(-1)),
    "lambda_min": Function("square to number", _eigenvalue(0)),
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
    "eye": Function("constant", lambda sizes: identity(sizes[0]), 0, "sizes"),
    "ones": Function("constant", lambda sizes: filled(1.0, sizes), 0, "sizes"),
    "zeros": Function("constant", lambda sizes: filled(0.0, sizes), 0, "sizes"),
    "K": Function("constant", lambda sizes: commutation(*sizes), 0, "sizes"),
    "einsum": Function("einsum", lambda *x: einsum(x[-1], *x[:-1]), -1, "pattern"),
}
SYMMETRIC_ONLY = ("lambda_max", "lambda_min")
SIZE_COUNTS = {"eye": (1,), "ones": (1, 2), "zeros": (1, 2), "K": (2,)}
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip
LATIN = {letter: name for name, letter in GREEK.items()} | {"ϵ": "epsilon", "ϕ": "phi"}


def canonical_name(name: str) -> str:
    """The one spelling of a name: a Greek letter is its Latin name.

    >>> canonical_name("θ"), canonical_name("W1")
    ('theta', 'W1')
    """
    return LATIN.get(name, name)


def shown_name(name: str) -> str:
    """The name as a reader sees it: theta is θ."""
    return GREEK.get(name, name)
