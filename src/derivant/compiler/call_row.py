"""A compiled graph as one row: what a jitted function is on Tensors, to any order of derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.carriers.expr import Expr
from derivant.compiler.arguments import native
from derivant.compiler.donation import Pairs
from derivant.compiler.graph import Graph, mapped, pulled, pushed
from derivant.compiler.lanes import results_of
from derivant.compiler.running import STRICT, runner, strictness
from derivant.primitives import Primitive
from derivant.primitives.primitive import Data, Names, Params


def call_row(graph: Graph) -> Primitive:
    """The row that runs a graph; made anew at each call, since its rules hold the graph."""
    return _CallRow(graph).row()


class _CallRow:
    """The columns of the row; a result alone stands for itself, several for a tuple."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.strict = STRICT.get()  # as it was at the call: rules run later
        self.several = len(graph.outputs) > 1

    def row(self) -> Primitive:
        """The row."""
        shapes = tuple(tuple(out.shape) for out in self.graph.outputs)
        kinds = tuple(out.dtype for out in self.graph.outputs)
        return Primitive(
            name="call",
            family="general",
            evaluate=self._evaluate,
            shape=lambda *s: shapes if self.several else shapes[0],
            dtype=lambda *d: kinds if self.several else kinds[0],
            push=self._push,
            pull=self._pull,
            batch=self._batch,
            outputs=len(shapes),
        )

    def _result(self, found: Sequence[Any]) -> Any:
        return tuple(found) if self.several else found[0]

    def _evaluate(self, *arrays: Data) -> Data:
        with strictness(self.strict):
            return self._result(runner(self.graph)(arrays))

    def _pull(
        self,
        xp: Names,
        g: Data,
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
        wanted: tuple[bool, ...],
    ) -> tuple[Data, ...]:
        seeds = g if self.several else (g,)
        given = tuple(s is not None for s in seeds)
        moving = tuple(
            w and x.dtype.kind == "f" for w, x in zip(wanted, self.graph.inputs, strict=True)
        )
        below = pulled(self.graph, given, moving)
        with strictness(self.strict):
            found = iter(applied(below, (*inputs, *(s for s in seeds if s is not None))))
        return tuple(next(found) if w else None for w in moving)

    def _push(
        self,
        xp: Names,
        tangents: tuple[Data, ...],
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
    ) -> Data:
        below = pushed(self.graph, tuple(t is not None for t in tangents))
        with strictness(self.strict):
            return self._result(applied(below, (*inputs, *(t for t in tangents if t is not None))))

    def _batch(self, row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
        leading = tuple(
            None if x.weak and not np.ndim(a) else np.shape(a)[:count]
            for a, x in zip(arrays, self.graph.inputs, strict=True)
        )
        full = np.broadcast_shapes(*(sizes for sizes in leading if sizes is not None))
        with strictness(self.strict):
            return self._result(runner(mapped(self.graph, leading, full))(arrays))


def applied(
    graph: Graph,
    operands: Sequence[Any],
    donated: Pairs = (),
    sources: Sequence[Any] | None = None,
) -> list[Any]:
    """The results of a graph: in line where an operand is an expression, else by its row.

    `operands` are those of its variables; what it captured is added, or the `sources` that stand
    there now. Plain arrays that are donated may be written to.
    """
    captured = graph.sources if sources is None else sources
    values = (*operands, *map(native, captured))
    if any(isinstance(x, Expr) for x in values):
        return list(graph.inlined(values))
    if not any(hasattr(x, "derivant_rank") for x in values):
        return runner(graph, donated)(values)
    return results_of(call_row(graph), values)
