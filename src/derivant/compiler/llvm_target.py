"""A program as native code: one call runs all of it, but for rows that NumPy does in between."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.compiler.driver import NOTHING, Words, signature
from derivant.compiler.engine import addresses, driver, product_address
from derivant.compiler.layout import LINE, Layout, Result
from derivant.compiler.loops import Loop
from derivant.compiler.numpy_target import evaluator
from derivant.compiler.ordering import Donated
from derivant.compiler.plan import Outside
from derivant.compiler.program import Program
from derivant.compiler.views import View

Types = tuple[type, ...]


class LlvmProgram:
    """Runs a plan: native segments, and rows that NumPy does between them.

    `donated` names values: an input, and the result that is to be put in its array.
    """

    def __init__(self, program: Program, donated: Donated) -> None:
        self.layout = Layout(program, donated)
        self.segments = self._segments()
        self.in_place = frozenset(self.layout.donated.values())
        self._given = [k for k, i in enumerate(program.inputs) if i in donated]
        self._signatures: dict[Types, Words] = {}
        self._local = threading.local()

    def _segments(self) -> list[Words | _Outside]:
        """Arrays of native records, and rows for NumPy, in order."""
        layout = self.layout
        kernels = [c.kernel for s in layout.steps if isinstance(s, Loop) for c in s.calls]
        found = dict(zip(kernels, addresses(kernels), strict=True)) if kernels else {}
        segments: list[Words | _Outside] = []
        records: list[list[int]] = []
        for step in layout.steps:
            if isinstance(step, Outside):
                segments += [_segment(records)] if records or not segments else []
                segments.append(_Outside(step))
                records = []
            elif isinstance(step, Loop):
                records += [layout.words(call, found[call.kernel]) for call in step.calls]
            else:
                kind = layout.values[step.root].dtype.name
                records.append(layout.product(step, product_address(step.kind, kind)))
        return [*segments, _segment(records)] if records or not segments else segments

    def signature(self, types: Types) -> int:
        """The place of the words that say what the objects of a call must be."""
        found = self._signatures.get(types)
        if found is None:
            layout = self.layout
            inputs = [layout.values[root] for root in layout.inputs]
            made = [layout.values[root] for root in layout.fresh]
            arrays = [k for k, kind in enumerate(types) if kind is np.ndarray]
            pairs = [(x, y) for x in self._given for y in arrays if x != y]
            found = signature(inputs, types, made, self._given, pairs)
            self._signatures[types] = found
        return int(found.ctypes.data)

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs, as new arrays, or in arrays that were donated.

        Arrays that lie in another way than native code takes them are copied first.
        """
        plain = [
            _plain(x, self.layout.values[root].dtype)
            for x, root in zip(operands, self.layout.inputs, strict=True)
        ]
        found = self.run(self.signature((np.ndarray,) * len(plain)), plain)
        if found is None:
            raise AssertionError("the arrays of a call are not what its program was made for")
        for k in self.in_place:
            if plain[k] is not operands[k]:
                np.copyto(operands[k], plain[k])
                found = [operands[k] if x is plain[k] else x for x in found]
        return found

    def run(self, place: int, operands: Sequence[Any]) -> list[Any] | None:
        """The outputs; None, and nothing was done, where objects are not as the signature says."""
        frame: Frame | None = getattr(self._local, "frame", None)
        if frame is None or frame.busy:
            frame = self._local.frame = Frame(self)
        frame.busy = True
        try:
            return frame.run(place, operands)
        finally:
            frame.busy = False


def _segment(records: Sequence[Sequence[int]]) -> Words:
    return np.array([len(records), *(w for record in records for w in record)], np.int64)


def _plain(x: Any, dtype: Any) -> Any:
    """An operand as an array that native code can read."""
    return np.require(np.asarray(x, dtype), dtype, ("C", "A"))


class _Outside:
    """A row that NumPy does: its evaluator, and where its operands are."""

    __slots__ = ("evaluate", "operands", "output")

    def __init__(self, step: Outside) -> None:
        self.evaluate = evaluator(step.step)
        self.operands = step.operands
        self.output = step.step.output


class Frame:
    """The memory of one thread for one program: the table of addresses and scratch space."""

    def __init__(self, program: LlvmProgram) -> None:
        layout = program.layout
        self.busy = False
        self._layout, self._segments = layout, program.segments
        self._memory = np.empty(layout.scratch + LINE, np.uint8)
        start = -self._memory.ctypes.data % LINE
        self._scratch = self._memory[start : start + layout.scratch]
        self._table = np.zeros(layout.size + 1, np.int64)
        for root, offset in layout.offsets.items():
            self._table[layout.slots[root]] = self._scratch.ctypes.data + offset
        for root, array in layout.constants.items():
            self._table[layout.slots[root]] = array.ctypes.data
        self._fresh = [(layout.values[r].shape, layout.values[r].dtype) for r in layout.fresh]
        self._drive = driver()
        self._places = ctypes.c_void_p(self._table.ctypes.data)
        self._starts = [
            ctypes.c_void_p(s.ctypes.data) if isinstance(s, np.ndarray) else None
            for s in self._segments
        ]
        self._nothing = ctypes.c_void_p(NOTHING.ctypes.data)
        self._single = len(self._starts) == 1 and all(r.direct for r in layout.results)
        self._takes = [self._taken(r) for r in layout.results] if self._single else []

    def _taken(self, result: Result) -> tuple[int, bool]:
        """Where a result is among the objects, and whether it is handed out as a number."""
        assert isinstance(result.view, View)
        root = result.view.root
        number = not result.view.shape and root not in self._layout.donated
        return self._layout.slots[root], number

    def run(self, signature: int, operands: Sequence[Any]) -> list[Any] | None:
        """One call: fill the table, run the segments, hand out the results."""
        made = [np.empty(shape, dtype) for shape, dtype in self._fresh]
        objects = [*operands, *made]
        start = self._starts[0]
        if self._drive(start, signature, objects, self._places):
            return None
        if self._single:
            return [objects[k][()] if number else objects[k] for k, number in self._takes]
        return self._rest(objects)

    def _rest(self, objects: list[Any]) -> list[Any]:
        """What comes after the first native segment."""
        held: dict[int, Any] = {}
        for segment, start in zip(self._segments[1:], self._starts[1:], strict=True):
            if isinstance(segment, _Outside):
                self._outside(segment, objects, held)
            else:
                self._drive(start, self._nothing, objects, self._places)
        return [self._result(r, objects, held) for r in self._layout.results]

    def _outside(self, row: _Outside, objects: list[Any], held: dict[int, Any]) -> None:
        result = row.evaluate(*[self._array(x, objects, held) for x in row.operands])
        held[row.output] = result
        if not isinstance(result, tuple):
            kind = self._layout.values[row.output].dtype
            array = np.asarray(result, kind, order="C")
            result = array if np.ndim(result) else array[()]
            held[row.output] = result
            held[-1 - row.output] = array  # kept alive while its address is in the table
            self._table[self._layout.slots[row.output]] = array.ctypes.data

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
            return base.item() if isinstance(base, np.ndarray) and not base.ndim else base
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
            place, number = self._taken(result)
            return objects[place][()] if number else objects[place]
        found = self._array(result.view, objects, held)
        return np.array(found)[()]
