"""Which program runs a graph: planned once for each graph, kept as long as the graph is."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

from derivant.compiler.branching import unbranched
from derivant.compiler.composites import spelled_out
from derivant.compiler.donation import Pairs
from derivant.compiler.driver import objects_lie_as_thought
from derivant.compiler.graph import Graph
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.lowering import lowered
from derivant.compiler.numpy_target import NumpyProgram
from derivant.compiler.program import Program

Run = Callable[[Sequence[Any]], list[Any]]
_RUNNERS: WeakKeyDictionary[Graph, dict[tuple[Pairs, bool], Run]] = WeakKeyDictionary()
_LOCK = threading.RLock()
# Whether programs are to give NumPy's own numbers, bit for bit: asked for by `jit(strict=True)`.
STRICT: ContextVar[bool] = ContextVar("derivant_strict", default=False)


@contextmanager
def strictness(on: bool) -> Iterator[None]:
    """Programs that are looked up inside are strict, or are not."""
    token = STRICT.set(on)
    try:
        yield
    finally:
        STRICT.reset(token)


def runner(graph: Graph, donated: Pairs = ()) -> Run:
    """What computes the outputs of a graph from arrays for its inputs.

    `donated` are places of inputs and outputs: where it can, the output is put into the input.
    """
    with _LOCK:
        programs = _RUNNERS.setdefault(graph, {})
        key = (donated, STRICT.get())
        found = programs.get(key)
        if found is None:
            found = programs[key] = _made(graph, donated)
    return found


def _made(graph: Graph, donated: Pairs) -> Run:
    program = program_of(graph)
    if not is_native():
        return NumpyProgram(program)
    return LlvmProgram(program, places_of(program, donated))


def is_native() -> bool:
    """Whether programs that are made now are native code."""
    return not STRICT.get() and has_llvm()


def program_of(graph: Graph) -> Program:
    """The program of a graph as it is run."""
    if not is_native():
        return lowered(graph.inputs, graph.outputs)
    return spelled_out(lowered(graph.inputs, unbranched(graph.outputs)))


def places_of(program: Program, donated: Pairs) -> dict[int, int]:
    """Which inputs of a program are given for which results."""
    return {program.inputs[i]: program.outputs[o] for i, o in donated}


@lru_cache(maxsize=1)
def has_llvm() -> bool:
    """Whether programs become native code; says once where they do not."""
    why = why_not_native()
    if why is not None:
        text = f"compiled functions are run by NumPy, row by row, which is slower: {why}"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return why is None


def why_not_native() -> str | None:
    """What keeps programs from becoming native code here; None where they do."""
    if find_spec("llvmlite") is None:
        return "llvmlite is not installed; pip install llvmlite"
    if not objects_lie_as_thought():
        return "this Python keeps its objects in a way that native code here cannot read"
    return None
