"""A call like an earlier one, in a few microseconds: plain arrays and numbers, nested as before.

What is nested in lists and tuples is compared natively, header by header; dicts and static values
that equality tells apart are taken apart first. Whatever differs is left to the full path, which
knows all cases.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivant.compiler.arguments import Arguments
from derivant.compiler.driver import ARGS, MADE, Node, Words
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.nesting import (
    CONTAINERS,
    Apart,
    Build,
    Given,
    Known,
    Made,
    Path,
    Source,
    at,
    builder,
    everything,
)
from derivant.compiler.running import runner
from derivant.compiler.tracing import Output, Traced
from derivant.compiler.watch import Watch, watch

MISS = object()  # the answer to a call that is not like the earlier one
PLAIN = (np.ndarray, float)
ALONE = (bool, type(None))  # static values of which there is one object each
KEYWORDS = object()  # what comes after it are the arguments by keyword


def called(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of a call as one tuple."""
    return (*args, KEYWORDS, keywords) if keywords else args


class FastCall:
    """Runs the program of an entry for arguments like those that it was made for."""

    __slots__ = ("_apart", "_build", "_made", "_program", "_same", "_signature", "_sources",
                 "_words")  # fmt: skip

    def __init__(
        self,
        program: LlvmProgram,
        words: Words,
        apart: Apart | None,
        build: Build,
        watched: Watch,
        sources: Sequence[Any],
    ) -> None:
        self._program, self._made = program, program.made
        self._words, self._signature = words, ctypes.c_void_p(words.ctypes.data)
        self._apart, self._build, self._same = apart, build, watched.same
        self._sources = sources

    def __call__(self, args: Any) -> Any:
        """The result, or MISS where anything is not as it was."""
        if self._apart is not None:
            args = self._apart(args)
            if args is None:
                return MISS
        if not self._same():
            return MISS
        made = [np.empty(shape, dtype) for shape, dtype in self._made]
        if self._sources:
            made = [*made, *self._sources]
        if not self._program.native(self._signature, args, made):
            return MISS
        return self._build(args, made)


class MixedCall(FastCall):
    """The same where NumPy does part of the program."""

    __slots__ = ("_operands",)

    def __init__(self, fast: FastCall, operands: Callable[[Any], list[Any]], build: Build) -> None:
        for name in FastCall.__slots__:
            setattr(self, name, getattr(fast, name))
        self._operands, self._build = operands, build

    def __call__(self, args: Any) -> Any:
        """The result, or MISS where anything is not as it was."""
        if self._apart is not None:
            args = self._apart(args)
            if args is None:
                return MISS
        if not self._same():
            return MISS
        operands = self._operands(args)
        results = self._program.mixed(self._signature, args, operands, self._sources)
        return MISS if results is None else self._build(args, results)


def fast_call(
    function: Callable[..., Any], items: tuple[Any, ...], given: Arguments, entry: Traced
) -> FastCall | None:
    """The quick way for calls like this one; None where there is none."""
    program = runner(entry.graph, entry.donated)
    if not isinstance(program, LlvmProgram) or len(program.in_place) < len(entry.donated):
        return None
    if not all(type(x) in PLAIN or isinstance(x, np.generic) for x in given.values):
        return None
    if not all(type(x) is np.ndarray for x in entry.graph.sources):
        return None
    watched = watch(function)
    return None if watched is None else _Preparing(items, given, entry, program).call(watched)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Stands for an input among arguments."""

    number: int


class _Preparing:
    """Finds where inputs and static values are, and how results are built."""

    def __init__(
        self, items: tuple[Any, ...], given: Arguments, entry: Traced, program: LlvmProgram
    ) -> None:
        self.entry, self.program, self.args = entry, program, items
        args, keywords = given.rebuilt([_Mark(k) for k in range(len(given.values))])
        marked: Any = called(tuple(args), keywords)
        every = list(zip(everything(marked), everything(items), strict=True))
        statics = [
            (place, item)
            for place, (mark, item) in enumerate(every)
            if type(mark) is not _Mark and type(item) not in CONTAINERS
        ]
        self.apart: Apart | None = None
        compared = any(type(x) in (int, str, bytes) for _, x in statics)
        if compared or any(type(item) is dict for _, item in every):
            self.apart = Apart(items, statics)
            self.args, marked = tuple(x for _, x in every), tuple(x for x, _ in every)
        self.containers: list[tuple[Node, int]] = []
        self.fixed: list[Node] = []
        self.inputs: dict[int, tuple[Node, Path]] = {}
        self._walk(marked)

    def _walk(self, marked: Any) -> None:
        """Number the containers, level by level; note inputs and what is fixed."""
        waiting: list[tuple[int, Path]] = [(ARGS, ())]
        for number, path in waiting:
            mark, item = at(marked, path), at(self.args, path)
            for k, (inner, value) in enumerate(zip(mark, item, strict=True)):
                if type(inner) is _Mark:
                    self.inputs[inner.number] = Node(number, k, type(value)), (*path, k)
                elif self.apart is not None:
                    continue
                elif type(value) in CONTAINERS:
                    waiting.append((2 + len(self.containers), (*path, k)))
                    self.containers.append((Node(number, k, type(value)), len(value)))
                else:
                    self.fixed.append(Node(number, k, value))

    def call(self, watched: Watch) -> FastCall | None:
        """The quick call."""
        program, sources = self.program, self.entry.graph.sources
        if len(self.inputs) + len(sources) != len(program.layout.inputs):
            return None  # some are in containers that are not read natively
        nodes = [self.inputs[k][0] for k in range(len(self.inputs))]
        mixed = not program.single
        nodes += [Node(MADE, len(program.made) + k, np.ndarray) for k in range(len(sources))]
        operands = [at(self.args, self.inputs[k][1]) for k in range(len(self.inputs))]
        apart = program.kept_apart([*operands, *sources])
        words = program.signature(nodes, self.containers, self.fixed, apart)
        build = builder(self.entry.structure, self._sources(mixed), self.args)
        if build is None:
            return None
        fast = FastCall(program, words, self.apart, build, watched, sources)
        if not mixed:
            return fast
        paths = [path for _, path in (self.inputs[k] for k in range(len(self.inputs)))]
        return MixedCall(fast, lambda args: [*(at(args, p) for p in paths), *sources], build)

    def _sources(self, mixed: bool) -> list[Source]:
        """Where each leaf of the results comes from."""
        found: list[Source] = []
        inputs = len(self.program.layout.inputs)
        for leaf in self.entry.leaves:
            if not isinstance(leaf, Output):
                found.append(Known(leaf))
            elif mixed:
                found.append(Made(leaf.place, False))
            else:
                place, number = self.program.result(leaf.place)
                given = place < inputs
                found.append(
                    Given(self.inputs[place][1]) if given else Made(place - inputs, number)
                )
        return found
