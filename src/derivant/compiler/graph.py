"""A traced function: its variables, what it captured, its results. Its derivatives are such too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, as_expr, intern
from derivant.carriers.mode import serial
from derivant.compiler.safe import simplified
from derivant.compiler.sharing import shared
from derivant.primitives import RECORD, TABLE
from derivant.sweeps import pullback, pushforward

VARIABLE = TABLE["variable"]


class Graph:
    """Expressions of some variables. Captured Tensors and arrays are inputs after the variables.

    Every captured array is an input whose value is its content at the call; `sources` are these.
    """

    __slots__ = ("__weakref__", "inputs", "outputs", "sources", "variables")

    def __init__(self, variables: Sequence[Expr], outputs: Sequence[Expr]) -> None:
        found = [n for n in ancestors(outputs) if n.primitive.name == "capture"]
        names = {node: placeholder(node, f"capture{k}") for k, node in enumerate(found)}
        self.variables = tuple(variables)
        self.sources = tuple(node.params["source"] for node in found)
        self.inputs = (*self.variables, *names.values())
        self.outputs = tuple(simplified(shared(replaced(outputs, names) if names else outputs)))

    def inlined(self, operands: Sequence[Any]) -> list[Expr]:
        """The results as expressions of these operands."""
        return replaced(self.outputs, dict(zip(self.inputs, map(as_expr, operands), strict=True)))


def placeholder(like: Expr, name: str) -> Expr:
    """A fresh variable of the shape, dtype and weakness of an expression."""
    params = {"name": name, "facts": (), "serial": serial()}
    return intern(VARIABLE, (), params, like.shape, like.dtype, like.weak, like.levels, like.hidden)


@lru_cache(maxsize=1024)
def pulled(graph: Graph, given: tuple[bool, ...], wanted: tuple[bool, ...]) -> Graph:
    """The pullback: inputs, then one cotangent for each given output; the cotangents wanted.

    A cotangent that is zero by structure is an expression of zeros.
    """
    seeds = [placeholder(out, f"g{k}") for k, out in enumerate(graph.outputs)]
    some = [
        (out, g) for out, g, is_given in zip(graph.outputs, seeds, given, strict=True) if is_given
    ]
    targets = [x for x, w in zip(graph.inputs, wanted, strict=True) if w]
    found = pullback([out for out, _ in some], [g for _, g in some], targets, 0)
    filled = [
        RECORD.zeros_like(x) if g is None else as_expr(g)
        for g, x in zip(found, targets, strict=True)
    ]
    return Graph((*graph.inputs, *(g for _, g in some)), filled)


@lru_cache(maxsize=1024)
def pushed(graph: Graph, moving: tuple[bool, ...]) -> Graph:
    """The pushforward: inputs, then one tangent for each that moves; a tangent for each output."""
    tangents = [placeholder(x, f"t{k}") for k, x in enumerate(graph.inputs)]
    some = [(x, t) for x, t, moves in zip(graph.inputs, tangents, moving, strict=True) if moves]
    found = pushforward(graph.outputs, [x for x, _ in some], [t for _, t in some], 0)
    filled = [
        RECORD.zeros_like(out) if t is None else as_expr(t)
        for t, out in zip(found, graph.outputs, strict=True)
    ]
    return Graph((*graph.inputs, *(t for _, t in some)), filled)


@lru_cache(maxsize=256)
def mapped(
    graph: Graph, leading: tuple[tuple[int, ...] | None, ...], full: tuple[int, ...]
) -> Graph:
    """The graph under leading axes: None for an operand that has none, else their sizes."""
    levels = [serial() for _ in full]
    variables, changes = [], {}
    for x, sizes in zip(graph.inputs, leading, strict=True):
        if sizes is None:
            variables.append(placeholder(x, str(x.params["name"])))
            changes[x] = variables[-1]
            continue
        wide = placeholder(x, str(x.params["name"]))
        shape = (*sizes, *x.shape)
        wide = intern(VARIABLE, (), wide.params, shape, x.dtype, False)
        variables.append(wide)
        changes[x] = _hidden(wide, levels, sizes, full)
    outputs = replaced(graph.outputs, changes)
    return Graph(variables, [_revealed(out, levels, full) for out in outputs])


def _hidden(wide: Expr, levels: Sequence[int], sizes: Sequence[int], full: Sequence[int]) -> Expr:
    """The leading axes out of sight; one of size 1 that others are longer along is dropped."""
    node: Any = wide
    for level, size, whole in zip(levels, sizes, full, strict=True):
        axis = -len(node.shape)
        if size == whole:
            node = RECORD.hide(node, axis=axis, level=level)
        else:
            node = RECORD.squeeze(node, axis=(axis,))
    result: Expr = node
    return result


def _revealed(out: Expr, levels: Sequence[int], full: Sequence[int]) -> Expr:
    node: Any = out
    for level, size in zip(reversed(levels), reversed(full), strict=True):
        node = RECORD.reveal(node, axis=-1 - len(node.shape), level=level, size=size)
    result: Expr = node
    return result
