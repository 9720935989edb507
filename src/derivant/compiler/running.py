"""Which program runs a graph: planned once for each graph, kept as long as the graph is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from derivant.compiler.graph import Graph
from derivant.compiler.lowering import lowered
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.numpy_target import NumpyProgram

Run = Callable[[Sequence[Any]], list[Any]]
_RUNNERS: WeakKeyDictionary[Graph, Run] = WeakKeyDictionary()
_LOCK = threading.RLock()


def runner(graph: Graph) -> Run:
    """What computes the outputs of a graph from arrays for its inputs."""
    with _LOCK:
        found = _RUNNERS.get(graph)
        if found is None:
            found = _RUNNERS[graph] = LlvmProgram(lowered(graph.inputs, graph.outputs))
    return found
