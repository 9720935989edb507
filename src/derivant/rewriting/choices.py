"""The slopes of extrema in names that formulas have: step and sign in the place of comparisons.

Of two operands the larger one has the derivative, and each half of it at a tie, as the row says. An
extremum of one array shares it evenly among the entries that reach it, and the comparison that
finds them is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD

MOVED = ("reshape", "expand_dims", "broadcast_to")
EXTREMA = ("max", "min")


def share_of_larger(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """where(x = y, 1/2, step(x - y)), the share of the larger of two: (1 + sign(x - y)) / 2."""
    condition, half, other = operands
    if condition.primitive.name != "equal" or other.primitive.name != "step":
        return None
    lead = other.inputs[0]
    pair = {id(x) for x in condition.inputs}
    if lead.primitive.name != "subtract" or {id(x) for x in lead.inputs} != pair:
        return None
    if half.primitive.name != "const" or half.params["value"] != 0.5:
        return None
    share = half if len(pair) == 1 else RECORD.multiply(0.5, RECORD.add(1.0, RECORD.sign(lead)))
    if share.shape == node.shape:
        return share
    wide: Expr = RECORD.broadcast_to(share, shape=node.shape)
    return wide


def share_of_extremum(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """[x = max(x)] / sum([x = max(x)]) with the brackets as numbers."""
    ties, count = operands
    if count.primitive.name != "sum" or not (reached(ties) and _counts(count, ties)):
        return None
    bracket = RECORD.astype(ties, dtype=node.dtype)
    axis = count.params["axis"]
    below = RECORD.sum(bracket, axis=axis, keepdims=False)
    if below.shape and count.params["keepdims"]:
        below = RECORD.expand_dims(below, axis=axis)
    found: Expr = RECORD.divide(bracket, below)
    return found


def _counts(count: Expr, ties: Expr) -> bool:
    counted = count.inputs[0]
    return counted is ties or (counted.primitive.name == "astype" and counted.inputs[0] is ties)


def reached(node: Expr) -> str:
    """max or min where a comparison asks which entries of an array are that; else nothing."""
    if node.primitive.name == "astype":
        node = node.inputs[0]
    if node.primitive.name != "equal":
        return ""
    x, found = node.inputs
    while found.primitive.name in MOVED:
        found = found.inputs[0]
    name = found.primitive.name
    return name if name in EXTREMA and found.inputs[0] is x else ""
