"""Bodies of loops and branches: functions run once on variables, made graphs that stand alone.

What a body uses from around it becomes an operand of the loop. It does not know how loops are run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.base.tree import flatten, matching_leaves, unflatten
from derivant.carriers.evaluate import rebuilt
from derivant.carriers.expr import VARIABLE, Expr, as_expr, intern
from derivant.carriers.mode import serial
from derivant.compiler.graph import Graph
from derivant.primitives import RECORD

Kind = tuple[Any, Any, bool]  # shape, dtype, whether it gives way


def kind_of(x: Expr) -> Kind:
    """What of an expression a variable in its place must have; hidden axes are not seen inside."""
    return tuple(x.shape), x.dtype, x.weak


def described(kind: Kind) -> str:
    """A kind in words."""
    shape, dtype, weak = kind
    return f"a Python {dtype.name}" if weak else f"{dtype} of shape {shape}"


def variable(kind: Kind, name: str) -> Expr:
    """A fresh variable of a kind."""
    shape, dtype, weak = kind
    return intern(VARIABLE, (), {"name": name, "facts": (), "serial": serial()}, shape, dtype, weak)


def strong(x: Expr, dtype: Any = None) -> Expr:
    """The same number in a dtype of its own, which does not give way to others."""
    made: Expr = RECORD.multiply(x, (dtype or x.dtype).type(1)) if x.weak else x
    return made


class Tree:
    """A tree of numbers, as expressions, and of what is static."""

    def __init__(self, value: Any) -> None:
        self.leaves, self.structure = flatten(value)
        self.places = [k for k, leaf in enumerate(self.leaves) if _is_number(leaf)]
        self.numbers = [as_expr(self.leaves[k]) for k in self.places]

    def with_numbers(self, numbers: Sequence[Any]) -> Any:
        """The tree with these numbers in place of its own."""
        leaves = list(self.leaves)
        for place, number in zip(self.places, numbers, strict=True):
            leaves[place] = number
        return unflatten(self.structure, leaves)

    def matching(self, value: Any, what: str) -> Tree:
        """Another tree that must have this structure, and the same where this is static."""
        try:
            matching_leaves(self.structure, value)
        except ArgumentError as error:
            raise ArgumentError(f"{what}: {error}") from None
        other = Tree(value)
        still = set(range(len(self.leaves))) - set(self.places)
        for place in still | (set(range(len(self.leaves))) - set(other.places)):
            a, b = self.leaves[place], other.leaves[place]
            if place in self.places or (a is not b and a != b):
                raise ArgumentError(
                    f"{what}: a leaf is {a!r} in one and {b!r} in the other; what is not a number "
                    "stays the same"
                )
        return other


def _is_number(leaf: Any) -> bool:
    plain = isinstance(leaf, (bool, int, float, np.ndarray, np.generic))
    return plain or hasattr(leaf, "derivant_rank")


def closed(
    bodies: Sequence[tuple[Sequence[Expr], Sequence[Expr]]], start: int, certain: bool
) -> tuple[list[Graph], list[Expr]]:
    """Graphs of bodies, each (variables, results), and the operands that all of them begin with.

    An operand is what was there before `start`, the moment when the first body began to run, or is
    captured. Where a body is `certain` to run, what its variables do not change is one too: it is
    computed once, before the loop.
    """
    outputs = [x for _, results in bodies for x in results]
    inside = {id(v) for variables, _ in bodies for v in variables}
    nodes = young(outputs, start)
    if certain:
        nodes = _dependent(nodes, inside, start)
    known = inside | {id(node) for node in nodes}
    edge: dict[Expr, Expr] = {}
    for x in [*outputs, *(x for node in nodes for x in node.inputs)]:
        if id(x) not in known and x.primitive.name != "const" and x not in edge:
            edge[x] = variable(kind_of(x), f"c{len(edge)}")
    changes = {id(old): new for old, new in edge.items()}
    graphs = []
    for variables, results in bodies:
        made = substituted(results, changes, nodes)
        graphs.append(Graph((*edge.values(), *variables), made))
    return graphs, list(edge)


def young(outputs: Sequence[Expr], start: int) -> list[Expr]:
    """The nodes made since `start` that the outputs depend on, operands before results."""
    found: dict[int, Expr] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if id(node) in found or not _isyoung(node, start):
            continue
        found[id(node)] = node
        stack += node.inputs
    return sorted(found.values(), key=lambda node: node.serial)


def _isyoung(node: Expr, start: int) -> bool:
    name = node.primitive.name
    if name == "part":
        return node.inputs[0].serial > start
    return node.serial > start and name not in ("const", "capture")


def _dependent(nodes: Sequence[Expr], inside: set[int], start: int) -> list[Expr]:
    """The nodes that variables change; with them those that hide an axis, which stays inside."""
    moving = set(inside)
    for node in nodes:
        kept = any(level > start for level in node.levels) or node.primitive.outputs > 1
        if kept or not node.inputs or any(id(x) in moving for x in node.inputs):
            moving.add(id(node))
    return [node for node in nodes if id(node) in moving]


def substituted(
    outputs: Sequence[Expr], changes: Mapping[int, Any], nodes: Sequence[Expr]
) -> list[Expr]:
    """The outputs with nodes replaced, by their ids; only `nodes` are looked at, in order."""
    new: dict[int, Any] = dict(changes)
    for node in nodes:
        if id(node) not in new and any(id(x) in new for x in node.inputs):
            new[id(node)] = rebuilt(node, tuple(new.get(id(x), x) for x in node.inputs))
    return [new.get(id(x), x) for x in outputs]
