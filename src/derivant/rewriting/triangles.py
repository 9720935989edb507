"""Triangles and running sums as products with a triangle of ones.

tril(X) is X times, entry by entry, the lower triangle T of a matrix of ones, and cumsum(x) is T x.
A triangle is an expression, `tril` or `triu` of ones; lowering makes running sums of it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD
from derivant.rewriting.indexed import Atom, Letter

ROWS = ("tril", "triu")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def is_triangle(payload: Expr | None) -> bool:
    """Whether an expression is a triangle of ones."""
    if payload is None or payload.primitive.name not in ROWS or payload.ndim != 2:
        return False
    ones = payload.inputs[0]
    if ones.primitive.name != "broadcast_to" or ones.inputs[0].primitive.name != "const":
        return False
    value = ones.inputs[0].params["value"]
    return not ones.inputs[0].shape and bool(value == 1)


def as_product(node: Expr, x: Expr) -> Expr | None:
    """A triangle or a running sum as a product; None where it is one already."""
    if node.dtype.kind != "f" or is_triangle(node):
        return None
    found: Expr
    if node.primitive.name in ROWS:
        ones = RECORD.broadcast_to(as_expr(np.ones((), node.dtype)), shape=node.shape[-2:])
        mask = Expr.derivant_apply(node.primitive, (ones,), node.params)
        found = RECORD.multiply(x, mask)
        return found
    axis, size = node.params["axis"] % node.ndim, node.shape[node.params["axis"]]
    ones = RECORD.broadcast_to(as_expr(np.ones((), node.dtype)), shape=(size, size))
    inside, new = LETTERS[: node.ndim], LETTERS[node.ndim]
    old = inside[axis]
    pair = old + new if node.params["reverse"] else new + old
    outside = inside.replace(old, new)
    found = RECORD.einsum(RECORD.tril(ones, k=0), x, spec=f"{pair},{inside}->{outside}")
    return found


def running(
    atom: Atom, indices: Sequence[tuple[Letter, ...]], rank: int
) -> tuple[int, Letter, Letter, bool] | None:
    """How a triangle is a running sum of one other factor, given the letters of all others.

    The place of that factor, the letter that it is summed along, the new letter, and whether from
    the end; None where it is a matrix like any other.
    """
    payload = atom.payload
    if payload is None or not is_triangle(payload) or atom.power != 1:
        return None
    square = payload.shape[0] == payload.shape[1]
    if payload.primitive.name != "tril" or payload.params["k"] or not square:
        return None
    row, column = atom.index
    for old, new, reverse in ((column, row, False), (row, column, True)):
        users = [place for place, index in enumerate(indices) if old in index]
        if old >= rank and len(users) == 1 and new not in indices[users[0]]:
            return users[0], old, new, reverse
    return None
