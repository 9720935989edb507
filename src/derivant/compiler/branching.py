"""Branches that are cheap on both sides: both are computed, and one is chosen, entry by entry.

So a program has no call of Python for them, and a loop around them runs in one native call. It
knows of a branch only that it is a parameter of a row and has the graphs `yes` and `no`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr
from derivant.compiler.graph import Graph
from derivant.compiler.ir import TYPES
from derivant.compiler.ir_rows import ROWS
from derivant.compiler.loops import REDUCES
from derivant.compiler.pieces import PIECES
from derivant.compiler.views import MOVES
from derivant.primitives import RECORD

# Rows that never fail, whatever the numbers are that were meant for the other side.
TOTAL = frozenset({*ROWS, *REDUCES, *PIECES, *MOVES, "variable", "const"})
# Those of them that NumPy does where they give whole numbers, and that may fail then.
NOT_WHOLE = frozenset(("pow", "power", "reciprocal", "astype"))
CHEAP = 4096  # entries that both sides compute together


def unbranched(outputs: Sequence[Expr]) -> list[Expr]:
    """The expressions without cheap branches."""
    found = list(outputs)
    while changes := _changes(found):
        found = replaced(found, changes)
    return found


def _changes(outputs: Sequence[Expr]) -> dict[Expr, Expr]:
    """The results of one such branch, and what stands for them."""
    for node in ancestors(outputs):
        branch = node.params.get("branch")
        if branch is not None and not node.levels and _is_cheap(branch.yes, branch.no):
            test, *operands = node.inputs
            chosen = RECORD.not_equal(test, 0)
            sides = [side.inlined(operands) for side in (branch.yes, branch.no)]
            own = node.parts() if node.primitive.outputs > 1 else (node,)
            results = [RECORD.where(chosen, a, b) for a, b in zip(*sides, strict=True)]
            return dict(zip(own, results, strict=True))
    return {}


def _is_cheap(yes: Graph, no: Graph) -> bool:
    pairs = zip(yes.outputs, no.outputs, strict=True)
    alike = all(a.dtype == b.dtype and not (a.weak or b.weak) for a, b in pairs)
    return alike and _entries(yes) + _entries(no) <= CHEAP


def _entries(graph: Graph) -> int:
    """How many entries are computed; more than is cheap where a row may fail."""
    nodes = ancestors(graph.outputs)
    if not all(map(_is_total, nodes)):
        return CHEAP + 1
    return sum(prod(node.shape) for node in nodes if node.inputs)


def _is_total(node: Expr) -> bool:
    name = node.primitive.name
    native = name in TOTAL and isinstance(node.dtype, np.dtype) and node.dtype.name in TYPES
    return native and not (name in NOT_WHOLE and node.dtype.kind in "iu")
