"""Rows of the table as functions of a formula: which name a reader knows them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from derivant.carriers.expr import Expr
from derivant.notation.document import (
    SIGNS,
    Array,
    Call,
    Indexed,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Turned,
)
from derivant.notation.index_keys import key_texts
from derivant.notation.spectral_names import SPECTRAL
from derivant.notation.words import sized
from derivant.rewriting.choices import reached
from derivant.rewriting.placing import selected

SMALL = 6  # a constant array of at most so many entries is written out
NAMES = {"trace": "tr", "slogdet": "logdet"}
REDUCTIONS = ("sum", "prod", "max", "min", "mean", "logsumexp")


def called(node: Expr, operands: Sequence[Node]) -> Node:
    """A node as a part: a name, a number, an array, or a function of its operands."""
    row = node.primitive.name
    if not node.inputs:
        return _leaf(node)
    special = SPECIAL.get(row)
    found = special(node, operands) if special else None
    if found is not None:
        return found
    name, rank = NAMES.get(row, row), len(node.shape)
    plain = all(v in (None, 0, False) or v == () for v in node.params.values())
    if not plain:
        name += "[" + ", ".join(f"{k}={v}" for k, v in sorted(node.params.items())) + "]"
    return Call(name, tuple(operands), rank)


def _leaf(node: Expr) -> Node:
    rank = len(node.shape)
    if node.primitive.name == "variable":
        return Name(str(node.params["name"]), rank)
    if node.primitive.name == "const":
        value = np.asarray(node.params["value"])
        if not rank and np.isfinite(value):
            number = Number(abs(Fraction(value.item())))
            return number if value >= 0 else Sum(((-1, number),), 0)
        text = str(value.tolist()) if value.size <= SMALL else f"array{value.shape}"
        return Array(text, rank)
    return Array(f"captured{tuple(node.shape)}", rank)


def _reduction(node: Expr, operands: Sequence[Node]) -> Node | None:
    """A reduction over all axes, or over one."""
    rank = len(node.inputs[0].shape)
    axes = node.params.get("axis") or tuple(range(-rank, 0))
    if node.params.get("keepdims") and rank:
        return None
    if len(axes) == rank:
        return Call(node.primitive.name, tuple(operands), 0)
    if len(axes) > 1:
        return None
    return Call(node.primitive.name, tuple(operands), rank - 1, (rank + axes[0],))


def _softmax(node: Expr, operands: Sequence[Node]) -> Node | None:
    """Along the last axis; along the other one of a matrix the transpose of that."""
    rank, axes = len(node.shape), node.params.get("axis", (-1,))
    name = node.primitive.name
    if axes == (-1,):
        return Call(name, tuple(operands), rank)
    if axes == (-2,) and rank == 2:
        return Turned(Call(name, (Turned(operands[0], 2),), 2), 2)
    return None


def _pow(node: Expr, operands: Sequence[Node]) -> Node | None:
    base, exponent = operands
    fits = 0 in (base.rank, exponent.rank) or base.rank == exponent.rank
    return None if not fits else Power(base, exponent, len(node.shape))


def _power(node: Expr, operands: Sequence[Node]) -> Node:
    return Power(operands[0], Fraction(node.params["exponent"]), len(node.shape))


def _norm(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The Euclidean norm of all entries, or the sum of their sizes."""
    order = node.params.get("ord")
    whole = not node.shape and not node.params.get("keepdims")
    names = {2.0: "norm2", 1.0: "norm1"}
    if not whole or order not in names:
        return None
    return Call(names[order], tuple(operands), 0)


def _diagonal(node: Expr, operands: Sequence[Node]) -> Node | None:
    return None if node.params.get("offset") else Call("diag", tuple(operands), len(node.shape))


def _size(node: Expr, operands: Sequence[Node]) -> Node | None:
    """An array of one number."""
    if node.inputs[0].shape:
        return None
    filled = Call("ones", tuple(map(sized, node.shape)), len(node.shape))
    return filled if operands[0] == Number(Fraction(1)) else None


def _reached(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The entries that are the extremum, 1 - step(max(x) - x): 0 where it is larger."""
    name, (x, _) = reached(node), operands
    if not name:
        return None
    shape, extremum = node.inputs[0].shape, node.inputs[1]
    while extremum.primitive.name != name:
        extremum = extremum.inputs[0]
    top: Node = called(extremum, [x])
    if top.rank:
        axis = 1 if extremum.params["axis"] == (-1,) else 0
        ones = Call("ones", (sized(shape[axis]),), 1)
        top = Product((top, Turned(ones, 1)) if axis else (ones, Turned(top, 1)), 2)
    pair = ((1, top), (-1, x)) if name == "max" else ((1, x), (-1, top))
    behind = Call("step", (Sum(pair, len(shape)),), len(shape))
    return Sum(((1, Number(Fraction(1))), (-1, behind)), len(shape))


def _matrix_power(node: Expr, operands: Sequence[Node]) -> Node | None:
    exponent = node.params.get("n", node.params.get("exponent"))
    return Call("matpow", tuple(operands), 2, (int(exponent),)) if exponent is not None else None


def _cofactor(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The cofactors are the transpose of the adjugate."""
    return Turned(Call("adj", tuple(operands), 2), 2) if len(operands) == 1 else None


def _indexed(node: Expr, operands: Sequence[Node]) -> Node | None:
    """Entries at places and slices: an eigenvalue or eigenvector by its name, else by an index."""
    found = SPECTRAL["getitem"](node, operands)
    if found is not None:
        return found
    selection = selected(node)
    x = node.inputs[0]
    keys = key_texts(node.params["key"], x.shape)
    if keys is None:
        return None
    of = operands[0] if selection is None else Call("eye", (sized(selection[0]),), 2)
    return Indexed(of, keys, len(node.shape))


def _chosen(node: Expr, operands: Sequence[Node]) -> Node | None:
    """A choice or a comparison of arrays of one shape, and numbers."""
    if node.primitive.name == "equal" and (found := _reached(node, operands)) is not None:
        return found
    if any(x.shape not in ((), node.shape) for x in node.inputs):
        return Call(f"{node.primitive.name} of several shapes", tuple(operands), len(node.shape))
    return Call(node.primitive.name, tuple(operands), len(node.shape))


def _triangle(node: Expr, operands: Sequence[Node]) -> Node | None:
    """A triangle of a matrix; of ones, with their sizes."""
    k = int(node.params["k"])
    return Call(node.primitive.name, tuple(operands), 2, (k,) if k else ())


def _clipped(node: Expr, operands: Sequence[Node]) -> Node | None:
    """Bounds on both sides."""
    inner = operands[0]
    if not isinstance(inner, Call) or inner.name != "clip_low":
        return None
    return Call("clip", (*inner.arguments, operands[1]), len(node.shape))


def _expm(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The exponential; its derivative in a direction has no name."""
    return Call("slope of expm", tuple(operands), 2) if len(operands) > 1 else None


SPECIAL: dict[str, Callable[[Expr, Sequence[Node]], Node | None]] = {
    **SPECTRAL,
    **dict.fromkeys(REDUCTIONS, _reduction),
    "softmax": _softmax,
    "log_softmax": _softmax,
    "pow": _pow,
    "power": _power,
    "vector_norm": _norm,
    "diagonal": _diagonal,
    "diag_embed": _diagonal,
    "broadcast_to": _size,
    "cofactor": _cofactor,
    **dict.fromkeys(("where", *SIGNS), _chosen),
    "astype": lambda node, operands: operands[0] if node.dtype.kind == "f" else None,
    "expm": _expm,
    "clip_high": _clipped,
    **dict.fromkeys(("tril", "triu"), _triangle),
    "getitem": _indexed,
    "matrix_power": _matrix_power,
    "inv": lambda node, operands: Call("inv", tuple(operands), len(node.shape)),
    "reciprocal": lambda node, operands: Power(operands[0], Fraction(-1), len(node.shape)),
    "square": lambda node, operands: Power(operands[0], Fraction(2), len(node.shape)),
}
