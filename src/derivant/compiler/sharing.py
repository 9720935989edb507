"""Loops that compute what others compute too: a program runs one of them.

A derivative of a loop needs the states of the loop, and so contains a loop with more results. It
knows of loops only that: which other one a loop covers, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr


@dataclass(frozen=True, slots=True)
class Cover:
    """That a loop on some of its operands gives all results of another: the places of both."""

    other: object
    operands: tuple[int, ...]
    results: tuple[int, ...]


def shared(outputs: Sequence[Expr]) -> list[Expr]:
    """The expressions with each loop that another one covers taken from that."""
    found = list(outputs)
    while changes := _changes(found):
        found = replaced(found, changes)
    return found


def _changes(outputs: Sequence[Expr]) -> dict[Expr, Expr]:
    """Results of a covered loop, and those that stand for them."""
    nodes = ancestors(outputs)
    loops = [node for node in nodes if node.primitive.family == "graph"]
    wide: dict[tuple[int, ...], tuple[Expr, Cover]] = {}
    for node in loops:
        cover = getattr(node.params.get("loop"), "cover", None)
        if isinstance(cover, Cover):
            operands = (id(node.inputs[k]) for k in cover.operands)
            wide[id(cover.other), *operands] = node, cover
    for node in loops:
        key = (id(node.params.get("loop")), *map(id, node.inputs))
        if key in wide and not _above(node, wide[key][0]):
            instead, cover = wide[key]
            results = instead.parts() if instead.primitive.outputs > 1 else (instead,)
            own = node.parts() if node.primitive.outputs > 1 else (node,)
            return {old: results[k] for old, k in zip(own, cover.results, strict=True)}
    return {}


def _above(node: Expr, other: Expr) -> bool:
    """Whether one needs the other."""
    return any(x is node for x in ancestors([other]))
