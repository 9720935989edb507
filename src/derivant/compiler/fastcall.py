"""A call like an earlier one, in a few microseconds: plain arrays and numbers, nested as before.

What is nested in lists and tuples is compared natively, header by header; dicts and static values
that equality tells apart are taken apart first. Whatever differs is left to the full path, which
knows all cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

FastCall = Callable[[Any], Any]
EMPTY = np.empty
MISS = object()  # the answer to a call that is not like the earlier one
PLAIN = (np.ndarray, float)
ALONE = (bool, type(None))  # static values of which there is one object each
KEYWORDS = object()  # what comes after it are the arguments by keyword


def called(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of a call as one tuple."""
    return (*args, KEYWORDS, keywords) if keywords else args


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a quick call needs. `entry` keeps alive what the words name by identity."""

    entry: Traced
    program: LlvmProgram
    words: Words
    apart: Apart | None
    build: Build
    same: Callable[[], bool]
    operands: Callable[[Any], list[Any]]


def native_call(prepared: Prepared) -> FastCall:
    """The call of a program that is native throughout."""
    p = prepared  # names of the function's own are what is quickest to look up
    words, apart, build, same, sources = p.words, p.apart, p.build, p.same, p.entry.sources
    made_as, frames = p.program.made, p.program.frames

    def call(args: Any) -> Any:
        if apart is not None:
            args = apart(args)
            if args is None:
                return MISS
        if not same():
            return MISS
        made = [EMPTY(shape, dtype) for shape, dtype in made_as]
        try:
            frame = frames.pop()
        except IndexError:
            frame = p.program.taken()  # so the call holds `p`, and with it `entry`
        try:
            if not frame.call(frame.block, words, args, [*made, *sources] if sources else made):
                return MISS
        finally:
            frames.append(frame)
        return build(args, made)

    return call


def mixed_call(prepared: Prepared) -> FastCall:
    """The call of a program of which NumPy does a part."""
    p, sources = prepared, prepared.entry.sources

    def call(args: Any) -> Any:
        if p.apart is not None:
            args = p.apart(args)
            if args is None:
                return MISS
        if not p.same():
            return MISS
        results = p.program.mixed(p.words, args, [*p.operands(args), *sources], sources)
        return MISS if results is None else p.build(args, results)

    return call


def fast_call(
    function: Callable[..., Any], items: tuple[Any, ...], given: Arguments, entry: Traced
) -> FastCall | None:
    """The quick way for calls like this one; None where there is none."""
    program = runner(entry.graph, entry.donated)
    if not isinstance(program, LlvmProgram) or len(program.in_place) < len(entry.donated):
        return None
    if not all(type(x) in PLAIN or isinstance(x, np.generic) for x in given.values):
        return None
    if not all(type(x) is np.ndarray for x in entry.sources):
        return None
    if entry.is_fixed:  # numbers are compared that nobody watches
        return None
    watched = watch(function, given.statics)
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
        program, sources = self.program, self.entry.sources
        if len(self.inputs) + len(sources) != len(program.layout.inputs):
            return None  # some are in containers that are not read natively
        nodes = [self.inputs[k][0] for k in range(len(self.inputs))]
        mixed = not program.single
        nodes += [Node(MADE, len(program.made) + k, np.ndarray) for k in range(len(sources))]
        operands = [at(self.args, self.inputs[k][1]) for k in range(len(self.inputs))]
        apart = program.kept_apart([*operands, *sources])
        words = program.signature(nodes, len(self.args), self.containers, self.fixed, apart)
        build = builder(self.entry.structure, self._sources(mixed), self.args)
        if build is None:
            return None
        paths = [path for _, path in (self.inputs[k] for k in range(len(self.inputs)))]
        prepared = Prepared(
            self.entry,
            program,
            words,
            self.apart,
            build,
            watched.same,
            lambda args: [at(args, p) for p in paths],
        )
        return mixed_call(prepared) if mixed else native_call(prepared)

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
