"""A graph run again and again on arrays of the same kinds, with as little work a step as can be.

What a step only hands on is taken from its operands; the rest is one native call where the program
is one. It knows nothing of loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.carriers.expr import Expr
from derivant.compiler.graph import Graph
from derivant.compiler.lanes import settled
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.running import runner


@lru_cache(maxsize=512)
def computed(graph: Graph) -> tuple[Graph, tuple[int, ...]]:
    """The graph of the results that are computed, each once, and where each result is then.

    Results are counted after the inputs.
    """
    places = {id(x): k for k, x in enumerate(graph.inputs)}
    made: list[Expr] = []
    for out in graph.outputs:
        if id(out) not in places:
            places[id(out)] = len(graph.inputs) + len(made)
            made.append(out)
    return Graph(graph.inputs, made), tuple(places[id(out)] for out in graph.outputs)


class Step:
    """Runs a graph; `ready` brings operands into the form that a call takes."""

    def __init__(self, graph: Graph) -> None:
        inner, self._places = computed(graph)
        self._kinds = graph.inputs
        self._run = runner(inner) if inner.outputs else None
        self._program: LlvmProgram | None = None
        if isinstance(self._run, LlvmProgram):
            self._program = self._run
            self._words = self._run.plain_signature((np.ndarray,) * len(graph.inputs))

    def ready(self, place: int, value: Any) -> Any:
        """An operand, for the input of that place."""
        kind = self._kinds[place]
        if self._program is None:
            return settled(value, kind)
        return np.require(np.asarray(value, kind.dtype), kind.dtype, ("C", "A"))

    def again(self, place: int, result: Any) -> Any:
        """A result of a step as an operand of the next one."""
        as_it_is = result.__class__ is np.ndarray and not self._kinds[place].weak
        if self._program is not None and as_it_is:
            return result
        return self.ready(place, result)

    def rows(self, place: int, values: Any) -> Any:
        """An array whose entries along the first axis are operands in turn."""
        return np.require(np.asarray(values, self._kinds[place].dtype), None, ("C", "A"))

    def entry(self, place: int, rows: Any, k: int) -> Any:
        """The operand of one turn."""
        return rows[k, ...] if self._program is not None else settled(rows[k], self._kinds[place])

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The results, which may be operands."""
        every = (*operands, *self._made(tuple(operands)))
        return [every[k] for k in self._places]

    def _made(self, operands: tuple[Any, ...]) -> Sequence[Any]:
        """The results that are computed."""
        if self._program is not None:
            found = self._program.run(self._words, operands)
            if found is not None:
                return found
        return () if self._run is None else self._run(operands)
