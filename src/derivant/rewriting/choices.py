"""The slopes of extrema in names that formulas have: step and sign in the place of comparisons.

Of two operands the larger one has the derivative, as a textbook writes it, where ties are rare;
where they may fill a region, each has half of it there. An extremum of one array shares it evenly
among the entries that reach it, and the comparison that finds them is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD

# Meromorphic in all operands: two functions of such rows tie everywhere or almost nowhere. Rows
# with branches are so of variables alone: sqrt(x^2) and x tie where x > 0.
ANALYTIC = frozenset(
    ("variable", "const", "add", "subtract", "negative", "multiply", "divide", "square", "erf")
    + ("matmul", "einsum", "sum", "mean", "trace", "over_size", "matrix_transpose", "permute_dims")
    + ("expand_dims", "broadcast_to", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh")
    + ("sigmoid", "softmax", "inv", "det", "reciprocal")
)
BRANCHED = ("log", "sqrt", "power", "softplus", "logsumexp")
MOVED = ("reshape", "expand_dims", "broadcast_to")
EXTREMA = ("max", "min")


def share_of_larger(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """where(x = y, 1/2, step(x - y)), which the larger of two has of the derivative."""
    condition, half, other = operands
    if condition.primitive.name != "equal" or other.primitive.name != "step":
        return None
    lead = other.inputs[0]
    pair = {id(x) for x in condition.inputs}
    if lead.primitive.name != "subtract" or {id(x) for x in lead.inputs} != pair:
        return None
    if half.primitive.name != "const" or half.params["value"] != 0.5:
        return None
    if len(pair) == 1:
        return _wide(half, node)
    if all(_is_analytic(x) and _is_free(x) for x in ancestors([lead])):
        return _wide(other, node)
    found: Expr = RECORD.multiply(0.5, RECORD.add(1.0, RECORD.sign(lead)))
    return _wide(found, node)


def share_of_extremum(node: Expr, operands: Sequence[Expr]) -> Expr | None:
    """[x = max(x)] / sum([x = max(x)]) with the brackets as numbers."""
    ties, count = operands
    if count.primitive.name != "sum" or not (reached(ties) and _counts(count, ties)):
        return None
    bracket = RECORD.astype(ties, dtype=node.dtype)
    axis = count.params["axis"]
    below = RECORD.sum(bracket, axis=axis, keepdims=False)
    if below.shape:
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


def _is_analytic(x: Expr) -> bool:
    name = x.primitive.name
    if name == "power" and float(x.params["exponent"]).is_integer():
        return True
    if name in BRANCHED:
        return x.inputs[0].primitive.name == "variable"
    return name in ANALYTIC


def _is_free(x: Expr) -> bool:
    """Whether a leaf has values that fill a region: no fact makes its entries whole numbers."""
    if x.primitive.name == "variable":
        return not {"mask", "onehot", "pm1", "unitint", "diagonal"} & {*x.params["facts"]}
    return x.primitive.name != "const" or not x.shape


def _wide(x: Expr, like: Expr) -> Expr:
    found: Expr = x if x.shape == like.shape else RECORD.broadcast_to(x, shape=like.shape)
    return found
