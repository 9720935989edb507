"""A program as native code: one call runs all of it, but for rows that NumPy does in between."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from derivant.compiler.driver import ARGS, MADE, NOTHING, Apart, Node, Words, signature
from derivant.compiler.engine import (
    addresses,
    chain_address,
    driver,
    product_address,
    start_workers,
)
from derivant.compiler.layout import LINE, Layout, Result, grain
from derivant.compiler.loops import Call, Loop
from derivant.compiler.numpy_target import evaluator
from derivant.compiler.ordering import Donated
from derivant.compiler.plan import Outside
from derivant.compiler.program import Program
from derivant.compiler.small import routine
from derivant.compiler.views import View

Types = tuple[type, ...]
SHORT = 400_000  # operations below which a call does not let other threads of Python run


class LlvmProgram:
    """Runs a plan: native segments, and rows that NumPy does between them.

    `donated` names values: an input, and the result that is to be put in its array.
    """

    def __init__(self, program: Program, donated: Donated) -> None:
        self.layout = Layout(program, donated)
        self.segments = self._segments()
        self.in_place = frozenset(self.layout.donated.values())
        self.single = len(self.segments) == 1 and all(r.direct for r in self.layout.results)
        layout = self.layout
        self.made = [(layout.values[r].shape, layout.values[r].dtype) for r in layout.fresh]
        self._given = [k for k, i in enumerate(program.inputs) if i in donated]
        self._signatures: dict[Types, Words] = {}
        self.frames: list[Frame] = []
        self.short = layout.work() < SHORT

    def _segments(self) -> list[Words | _Outside]:
        """Arrays of native records, and rows for NumPy, in order."""
        layout = self.layout
        kernels = [c.kernel for s in layout.steps if isinstance(s, Loop) for c in s.calls]
        found = dict(zip(kernels, addresses(kernels), strict=True)) if kernels else {}
        segments: list[Words | _Outside] = []
        records: list[list[int]] = []
        for group in layout.groups:
            step = group[0]
            if isinstance(step, Outside):
                segments += [_segment(records)] if records or not segments else []
                segments.append(_Outside(step))
                records = []
            elif isinstance(step, Loop):
                calls = [c for s in group if isinstance(s, Loop) for c in s.calls]
                records += self._loops(calls, [found[c.kernel] for c in calls], len(group) > 1)
            else:
                kind = layout.values[step.root].dtype.name
                records.append(layout.product(step, product_address(routine(step), kind)))
        return [*segments, _segment(records)] if records or not segments else segments

    def _loops(
        self, calls: Sequence[Call], kernels: Sequence[int], together: bool
    ) -> list[list[int]]:
        """The records of loops, one of all where they are run together."""
        if any(map(grain, [calls] if together else [[c] for c in calls])):
            start_workers()
        if together:
            return [self.layout.chain(calls, chain_address(), kernels)]
        return [self.layout.words(c, k) for c, k in zip(calls, kernels, strict=True)]

    def signature(
        self,
        nodes: Sequence[Node],
        arguments: int,
        containers: Sequence[tuple[Node, int]] = (),
        fixed: Sequence[Node] = (),
        apart: Sequence[Apart] = (),
    ) -> Words:
        """The words that say what the objects of a call must be, and how many arguments it has.

        `nodes` are those of the inputs; new arrays for results come first in what is made.
        """
        layout = self.layout
        results = [Node(MADE, k, np.ndarray) for k in range(len(layout.fresh))]
        values = [layout.values[root] for root in (*layout.inputs, *layout.fresh)]
        both = list(zip((*nodes, *results), values, strict=True))
        return signature(containers, fixed, both, self._given, apart, arguments)

    def kept_apart(self, operands: Sequence[Any]) -> list[Apart]:
        """Which arrays must not overlap, donated ones in the order that they lie in now."""
        donated = {k for k in self._given if operands[k].nbytes}
        given = sorted(donated, key=lambda k: int(operands[k].ctypes.data))
        others = [k for k, x in enumerate(operands) if type(x) is np.ndarray and k not in donated]
        found = [Apart(x, y, True) for x, y in pairwise(given)]
        return found + [Apart(x, y, False) for x in given for y in others]

    def plain_signature(self, types: Types) -> Words:
        """The same for operands that follow one another."""
        found = self._signatures.get(types)
        if found is None:
            nodes = [Node(ARGS, k, kind) for k, kind in enumerate(types)]
            found = self._signatures[types] = self.signature(nodes, len(types))
        return found

    def result(self, place: int) -> tuple[int, bool]:
        """Of a program that is one segment: the place of an output among the inputs and what is
        made, and whether it is handed out as a number."""
        view = self.layout.results[place].view
        assert isinstance(view, View)
        return self.layout.taken(view)

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs, as new arrays, or in arrays that were donated.

        Arrays that lie in another way than native code takes them are copied first.
        """
        plain = [
            _plain(x, self.layout.values[root].dtype)
            for x, root in zip(operands, self.layout.inputs, strict=True)
        ]
        words = self.plain_signature((np.ndarray,) * len(plain))
        found = self.run(words, plain)
        if found is None:
            raise AssertionError("the arrays of a call are not what its program was made for")
        for k in self.in_place:
            if plain[k] is not operands[k]:
                np.copyto(operands[k], plain[k])
                found = [operands[k] if x is plain[k] else x for x in found]
        return found

    def run(self, signature: Words, operands: Sequence[Any]) -> list[Any] | None:
        """The outputs; None, and nothing was done, where objects are not as the signature says."""
        return self.mixed(signature, tuple(operands), operands)

    def mixed(
        self, signature: Words, args: Any, operands: Sequence[Any], sources: Sequence[Any] = ()
    ) -> list[Any] | None:
        """The outputs for arguments that hold these operands, by native code and NumPy."""
        frame = self.taken()
        try:
            return frame.run(signature, args, operands, sources)
        finally:
            self.frames.append(frame)

    def taken(self) -> Frame:
        """Memory for one call, which goes back to `frames` afterwards."""
        try:
            return self.frames.pop()
        except IndexError:
            return Frame(self)


def _segment(records: Sequence[Sequence[int]]) -> Words:
    return np.array([len(records), *(w for record in records for w in record)], np.int64)


def _plain(x: Any, dtype: Any) -> Any:
    """An operand as an array that native code can read."""
    return np.require(np.asarray(x, dtype), dtype, ("C", "A"))


def _apart(result: Any, operands: Sequence[Any]) -> Any:
    """A row's result in memory of its own: that of its operands may be used again."""
    if isinstance(result, tuple):
        return tuple([_apart(x, operands) for x in result])
    if not isinstance(result, np.ndarray):
        return result
    arrays = (x for x in operands if isinstance(x, np.ndarray))
    return result.copy() if any(np.may_share_memory(result, x) for x in arrays) else result


class _Outside:
    """A row that NumPy does: its evaluator, and where its operands are."""

    __slots__ = ("evaluate", "operands", "output")

    def __init__(self, step: Outside) -> None:
        self.evaluate = evaluator(step.step)
        self.operands = step.operands
        self.output = step.step.output


class Frame:
    """The memory of one call at a time: the table of addresses and scratch space."""

    def __init__(self, program: LlvmProgram) -> None:
        layout = program.layout
        self._layout, self._segments = layout, program.segments
        self._program = program
        self._memory = np.empty(layout.scratch + LINE, np.uint8)
        start = -self._memory.ctypes.data % LINE
        self._scratch = self._memory[start : start + layout.scratch]
        self.table = np.zeros(layout.size + 1, np.int64)
        for root, offset in layout.offsets.items():
            self.table[layout.slots[root]] = self._scratch.ctypes.data + offset
        for root, array in layout.constants.items():
            self.table[layout.slots[root]] = array.ctypes.data
        self.call = driver()
        table, long = self.table.ctypes.data, int(not program.short)
        native = [s for s in self._segments if isinstance(s, np.ndarray)]
        self._blocks = [np.array([s.ctypes.data, table, long], np.int64) for s in native]
        self.block, self.words = self._blocks[0], native[0]

    def run(
        self, signature: Words, args: Any, operands: Sequence[Any], sources: Sequence[Any]
    ) -> list[Any] | None:
        """One call: fill the table, run the segments, hand out the results."""
        made = [np.empty(shape, dtype) for shape, dtype in self._program.made]
        if not self.call(self.block, signature, args, [*made, *sources]):
            return None
        return self._rest([*operands, *made])

    def _rest(self, objects: list[Any]) -> list[Any]:
        """What comes after the first native segment."""
        held: dict[int, Any] = {}
        blocks = iter(self._blocks[1:])
        for segment in self._segments[1:]:
            if isinstance(segment, _Outside):
                self._outside(segment, objects, held)
            else:
                self.call(next(blocks), NOTHING, (), [])
        return [self._result(r, objects, held) for r in self._layout.results]

    def _outside(self, row: _Outside, objects: list[Any], held: dict[int, Any]) -> None:
        operands = [self._array(x, objects, held) for x in row.operands]
        result = _apart(row.evaluate(*operands), operands)
        held[row.output] = result
        if not isinstance(result, tuple):
            kind = self._layout.values[row.output].dtype
            array = np.asarray(result, kind, order="C")
            result = array if np.ndim(result) else array[()]
            held[row.output] = result
            held[-1 - row.output] = array  # kept alive while its address is in the table
            self.table[self._layout.slots[row.output]] = array.ctypes.data

    def _array(self, view: View | int, objects: list[Any], held: dict[int, Any]) -> Any:
        """What a view shows, as an array; a number that gives way as a Python number."""
        layout = self._layout
        root = view if isinstance(view, int) else view.root
        if root in held:
            base = held[root]
        elif root in layout.offsets:
            value = layout.values[root]
            offset = layout.offsets[root]
            base = np.ndarray(value.shape, value.dtype, self._scratch, offset)
        elif root in layout.constants:
            base = layout.constants[root]
        else:
            base = objects[layout.slots[root]]
        if isinstance(view, int) or layout.values[root].weak:
            return base.item() if isinstance(base, (np.ndarray, np.generic)) else base
        base = np.asarray(base)
        if view.shape == base.shape and view.whole:
            return base if base.ndim else base[()]
        base = np.asarray(base, order="C")
        if not base.size:
            return np.empty(view.shape, base.dtype)
        found = np.ndarray(view.shape, base.dtype, base, view.offset, view.strides)
        return found if found.ndim else found[()]

    def _result(self, result: Result, objects: list[Any], held: dict[int, Any]) -> Any:
        if result.direct:
            assert isinstance(result.view, View)
            place, number = self._layout.taken(result.view)
            return objects[place][()] if number else objects[place]
        found = self._array(result.view, objects, held)
        return np.array(found)[()]
