"""Which program runs a graph: planned once for each graph, kept as long as the graph is."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

from derivant.compiler.graph import Graph
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.lowering import lowered
from derivant.compiler.numpy_target import NumpyProgram

Run = Callable[[Sequence[Any]], list[Any]]
_RUNNERS: WeakKeyDictionary[Graph, Run] = WeakKeyDictionary()
_LOCK = threading.RLock()


def runner(graph: Graph) -> Run:
    """What computes the outputs of a graph from arrays for its inputs."""
    with _LOCK:
        found = _RUNNERS.get(graph)
        if found is None:
            target = LlvmProgram if has_llvm() else NumpyProgram
            found = _RUNNERS[graph] = target(lowered(graph.inputs, graph.outputs))
    return found


@lru_cache(maxsize=1)
def has_llvm() -> bool:
    """Whether programs become native code; says once where they do not."""
    found = find_spec("llvmlite") is not None
    if not found:
        warnings.warn(
            "llvmlite is not installed: compiled functions run by NumPy, row by row, which is "
            "slower; pip install llvmlite",
            RuntimeWarning,
            stacklevel=2,
        )
    return found
