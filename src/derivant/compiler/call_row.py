"""A compiled graph as one row: what a jitted function is on Tensors, to any order of derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.carriers.expr import Expr
from derivant.compiler.graph import Graph, mapped, pulled, pushed
from derivant.compiler.running import runner
from derivant.primitives import Primitive, apply
from derivant.primitives.primitive import Data, Names, Params


def call_row(graph: Graph) -> Primitive:
    """The row that runs a graph; made anew at each call, since its rules hold the graph."""
    several = len(graph.outputs) > 1
    shapes = tuple(tuple(out.shape) for out in graph.outputs)
    kinds = tuple(out.dtype for out in graph.outputs)

    def evaluate(*arrays: Data) -> Data:
        results = runner(graph)(arrays)
        return tuple(results) if several else results[0]

    def pull(
        xp: Names,
        g: Data,
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
        wanted: tuple[bool, ...],
    ) -> tuple[Data, ...]:
        seeds = g if several else (g,)
        given = tuple(s is not None for s in seeds)
        moving = tuple(w and x.dtype.kind == "f" for w, x in zip(wanted, graph.inputs, strict=True))
        below = pulled(graph, given, moving)
        found = iter(applied(below, (*inputs, *(s for s in seeds if s is not None))))
        return tuple(next(found) if w else None for w in moving)

    def push(
        xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
    ) -> Data:
        below = pushed(graph, tuple(t is not None for t in tangents))
        found = applied(below, (*inputs, *(t for t in tangents if t is not None)))
        return tuple(found) if several else found[0]

    def batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
        leading = tuple(
            None if x.weak and not np.ndim(a) else np.shape(a)[:count]
            for a, x in zip(arrays, graph.inputs, strict=True)
        )
        full = np.broadcast_shapes(*(sizes for sizes in leading if sizes is not None))
        results = runner(mapped(graph, leading, full))(arrays)
        return tuple(results) if several else results[0]

    return Primitive(
        name="call",
        family="general",
        evaluate=evaluate,
        shape=lambda *s: shapes if several else shapes[0],
        dtype=lambda *d: kinds if several else kinds[0],
        push=push,
        pull=pull,
        batch=batch,
        outputs=len(graph.outputs),
    )


def applied(graph: Graph, operands: Sequence[Any]) -> list[Any]:
    """The results of a graph: in line where an operand is an expression, else by its row.

    `operands` are those of its variables; what it captured is added.
    """
    values = (*operands, *graph.sources)
    if any(isinstance(x, Expr) for x in values):
        return list(graph.inlined(values))
    if not any(hasattr(x, "derivant_rank") for x in values):
        return runner(graph)(values)
    result = apply(call_row(graph), values)
    return list(result) if len(graph.outputs) > 1 else [result]
