"""The graph of a Value, as sets and as a drawing: micrograd's `trace` and `draw_dot`.

With the graphviz package the drawing is its Digraph; without it an object with the same `.source`
that draws small graphs as SVG by itself.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Protocol, TypeAlias

from derivant.base.drawing import Drawing, Part
from derivant.base.errors import ArgumentError, MissingExtraError
from derivant.base.loader import load
from derivant.carriers.value import Value

Edge: TypeAlias = "tuple[Value, Value]"
DIRECTIONS = ("LR", "TB")


class Dot(Protocol):
    """What a graphviz Digraph and our own Drawing have in common."""

    @property
    def source(self) -> str: ...
    def render(self, filename: str) -> str: ...


def trace(root: Value) -> tuple[set[Value], set[Edge]]:
    """All Values that `root` depends on, itself among them, and the edges (operand, result).

    >>> x = Value(1.0)
    >>> nodes, edges = trace((x * 2 + 1).relu())
    >>> len(nodes), len(edges)
    (6, 5)
    """
    nodes, edges = {root}, set()
    stack = [root]
    while stack:
        value = stack.pop()
        for operand in value._prev:
            edges.add((operand, value))
            if operand not in nodes:
                nodes.add(operand)
                stack.append(operand)
    return nodes, edges


def draw_dot(root: Value, format: str = "svg", rankdir: str = "LR") -> Dot:
    """A drawing of everything that `root` depends on: each Value, and each operation.

    `rankdir` is LR (left to right) or TB (top to bottom). Raises ArgumentError for another one.

    >>> print(draw_dot(Value(2.0, label="x")).source.splitlines()[1].strip())
    graph [rankdir=LR]
    """
    if rankdir not in DIRECTIONS:
        raise ArgumentError(f"rankdir is LR or TB, not {rankdir!r}")
    parts, edges = _parts(root)
    try:
        library = load("graphviz")
    except MissingExtraError:
        return Drawing(parts, edges, format=format, rankdir=rankdir)
    dot = library.Digraph(format=format, graph_attr={"rankdir": rankdir})
    for part in parts:
        dot.node(name=part.name, label=part.label, shape=None if part.operation else "record")
    for tail, head in edges:
        dot.edge(tail, head)
    return dot  # type: ignore[no-any-return]  # graphviz has no types


def _parts(root: Value) -> tuple[list[Part], list[tuple[str, str]]]:
    """What is drawn, in the order in which it was computed; each leaf just before its first use."""
    nodes, _ = trace(root)
    order: dict[Value, None] = {}
    for value in sorted((v for v in nodes if v.inputs), key=attrgetter("serial")):
        order.update(dict.fromkeys((*value.inputs, value)))
    order.setdefault(root)
    parts, edges = [], []
    for value in order:
        name = str(id(value))
        parts.append(Part(name, _cells(value), operation=False))
        if value._op:
            parts.append(Part(name + value._op, (value._op,), operation=True))
            edges.append((name + value._op, name))
    for head in order:
        into = str(id(head)) + head._op
        edges += [(str(id(tail)), into) for tail in dict.fromkeys(head.inputs)]
    return parts, edges


def _cells(value: Value) -> tuple[str, ...]:
    """The fields of a record: the user's label where there is one, the number, the gradient."""
    numbers = (f"data {value.data:.4f}", f"grad {value.grad:.4f}")
    return (value.label, *numbers) if value.label else numbers
