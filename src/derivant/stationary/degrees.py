"""The degree of a polynomial as it is written: what tells early that a pattern cannot hold.

Looks at the graph alone, without a derivative and without a normal form, so that it costs nothing
where these would be long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr

SUMS = frozenset(("add", "subtract", "negative"))
PRODUCTS = frozenset(("multiply", "matmul", "einsum", "square"))
QUOTIENTS = frozenset(("divide", "quotient"))


def degree(value: Expr, unknowns: Iterable[Expr]) -> float:
    """A bound on the degree of a value in all unknowns together; infinite for no polynomial."""
    own = {id(u) for u in unknowns}
    degrees: dict[int, float] = {}
    for node in ancestors([value]):
        below = [degrees[id(x)] for x in node.inputs]
        degrees[id(node)] = 1.0 if id(node) in own else _degree(node, below)
    return degrees[id(value)]


def _degree(node: Expr, below: list[float]) -> float:
    name, row = node.primitive.name, node.primitive
    if not any(below):
        return 0.0
    if name in SUMS or (row.family in ("linear", "layout") and len(below) == 1):
        return max(below)
    if name in PRODUCTS or row.family == "contraction":
        return 2 * below[0] if name == "square" else sum(below)
    if name in QUOTIENTS:
        return math.inf if below[1] else below[0]
    if name == "power":
        exponent = node.params.get("exponent", -1)
        whole = exponent >= 0 and float(exponent).is_integer()
        return float(exponent) * below[0] if whole else math.inf
    return math.inf
