"""SAFE rewrites: what may be done to a graph that is run. Every value stays, bit for bit.

Nothing here may change a value at a kink, the sign of a zero, an infinity or a NaN; that is ALGEBRA
and belongs to reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import rebuilt
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD

LARGEST_FOLDED = 1 << 12  # numbers in a constant that is computed at once

Rewrite = Callable[[Expr, tuple[Expr, ...]], "Expr | None"]


def simplified(outputs: Sequence[Expr]) -> list[Expr]:
    """The expressions with work left out that changes nothing."""
    made: dict[int, Expr] = {}
    for node in ancestors(outputs):
        operands = tuple(made[id(x)] for x in node.inputs)
        made[id(node)] = _simpler(node, operands)
    return [made[id(e)] for e in outputs]


def _simpler(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The node on simpler operands, or something simpler that has its values."""
    if not operands:
        return node
    operands = _narrow(node, operands)
    for rewrite in (REWRITES.get(node.primitive.name), _folded):
        found = rewrite(node, operands) if rewrite else None
        if found is not None and _alike(found, node):
            return found
    same = all(a is b for a, b in zip(operands, node.inputs, strict=True))
    return node if same else rebuilt(node, operands)


def _alike(x: Expr, node: Expr) -> bool:
    """Whether one may stand for the other wherever it is used."""
    same = x.shape == node.shape and x.dtype == node.dtype
    return same and x.weak == node.weak and x.levels == node.levels


def _narrow(node: Expr, operands: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Operands that were repeated to a shape that the others have anyway, before that."""
    if node.primitive.family != "elementwise" or len(operands) < 2 or node.levels:
        return operands
    found = list(operands)
    for k, x in enumerate(found):
        if x.primitive.name == "broadcast_to" and not x.levels:
            inner = x.inputs[0]
            others = [y.shape for i, y in enumerate(found) if i != k]
            if not inner.weak and np.broadcast_shapes(inner.shape, *others) == node.shape:
                found[k] = inner
    return tuple(found)


def _folded(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """The number or small array that a node of constants is."""
    row = node.primitive
    small = row.outputs == 1 and int(np.prod(node.shape)) <= LARGEST_FOLDED
    if not small or row.family == "level" or row.name in ("part", "broadcast_to") or node.levels:
        return None
    if not all(x.primitive.name == "const" for x in operands):
        return None
    with np.errstate(all="ignore"):
        try:
            value = row.evaluate(*(x.params["value"] for x in operands), **node.params)
        except Exception:
            return None  # it fails when it is run, with what it then says
    if node.weak and np.ndim(value) == 0:
        return as_expr(np.asarray(value).item())
    return as_expr(np.asarray(value)[()])


def _identity(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """What hands its operand on."""
    return operands[0]


def _one(x: Expr) -> bool:
    """Whether an expression is the number 1, or an array of ones."""
    if x.primitive.name == "broadcast_to":
        x = x.inputs[0]
    if x.primitive.name != "const":
        return False
    value = np.asarray(x.params["value"])
    return value.size <= LARGEST_FOLDED and bool(np.all(value == 1))


def _factor(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """1 x = x, and g p with a g that is known and never 0 is the plain product."""
    g, p = operands
    if _one(g):
        return p
    if _one(p):
        return g
    known = g.inputs[0] if g.primitive.name == "broadcast_to" else g
    if node.primitive.name != "scale" or known.primitive.name != "const":
        return None
    if np.all(np.asarray(known.params["value"]) != 0):
        product: Expr = RECORD.multiply(g, p)
        return product
    return None


def _over_one(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    return operands[0] if _one(operands[1]) else None


def _permuted(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """A transpose of a transpose, where that is none."""
    (x,) = operands
    if node.primitive.name == x.primitive.name == "matrix_transpose" and x.levels == node.levels:
        return x.inputs[0]
    return None


def _zeros(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """Zeros of a known shape, whatever they were to be like."""
    if node.levels or node.weak:
        return None
    zero = as_expr(np.zeros((), node.dtype)[()])
    filled: Expr = RECORD.broadcast_to(zero, shape=node.shape) if node.shape else zero
    return filled


REWRITES: dict[str, Rewrite] = {
    "bind": _identity,
    "positive": _identity,
    "astype": _identity,
    "multiply": _factor,
    "scale": _factor,
    "divide": _over_one,
    "reshape": _identity,
    "broadcast_to": _identity,
    "matrix_transpose": _permuted,
    "zeros_like": _zeros,
}
