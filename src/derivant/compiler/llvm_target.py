"""A program as native code: one call runs all of it, but for rows that NumPy does in between."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.compiler.engine import addresses, driver, product_address
from derivant.compiler.layout import LINE, Layout, Result
from derivant.compiler.loops import Loop
from derivant.compiler.numpy_target import evaluator
from derivant.compiler.plan import Outside, Plan
from derivant.compiler.program import Program
from derivant.compiler.views import View

BOXED = (np.ndarray, int, bool)  # numbers whose bits are not where those of a float are
Words = npt.NDArray[np.int64]


class LlvmProgram:
    """Runs a plan: native segments, and rows that NumPy does between them."""

    def __init__(self, program: Program) -> None:
        self.layout = Layout(Plan(program))
        self.segments = self._segments()
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
                segments += [self._segment(records)] if records else []
                segments.append(_Outside(step))
                records = []
            elif isinstance(step, Loop):
                records += [layout.words(call, found[call.kernel]) for call in step.calls]
            else:
                kind = layout.values[step.root].dtype.name
                records.append(layout.product(step, product_address(step.kind, kind)))
        return [*segments, self._segment(records)] if records else segments

    def _segment(self, records: list[list[int]]) -> Words:
        layout = self.layout
        kinds = [int(layout.values[root].shape == ()) for root in layout.inputs]
        kinds += [0] * len(layout.fresh)
        words = [len(kinds), len(records), *kinds, *(w for record in records for w in record)]
        return np.array(words, np.int64)

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs, as new arrays."""
        frame = getattr(self._local, "frame", None)
        if frame is None or frame.busy:
            frame = self._local.frame = Frame(self)
        frame.busy = True
        try:
            return frame.run(operands)
        finally:
            frame.busy = False


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
        self._table = np.zeros(len(layout.slots) + 1, np.int64)
        for root, offset in layout.offsets.items():
            self._table[layout.slots[root]] = self._scratch.ctypes.data + offset
        for root, array in layout.constants.items():
            self._table[layout.slots[root]] = array.ctypes.data
        self._ids = (ctypes.c_void_p * (len(layout.inputs) + len(layout.fresh)))()
        self._fresh = [(layout.values[r].shape, layout.values[r].dtype) for r in layout.fresh]
        self._drive = driver()
        self._places = self._table.ctypes.data
        self._starts = [s.ctypes.data if isinstance(s, np.ndarray) else 0 for s in self._segments]
        self._numbers = [k for k, r in enumerate(layout.inputs) if layout.values[r].shape == ()]

    def run(self, operands: Sequence[Any]) -> list[Any]:
        """One call: fill the table, run the segments, hand out the results."""
        made = [np.empty(shape, dtype) for shape, dtype in self._fresh]
        objects = [*operands, *made]
        for k in self._numbers:
            if objects[k].__class__ in BOXED:
                objects[k] = np.asarray(objects[k])[()]
        self._ids[:] = [id(x) for x in objects]
        held: dict[int, Any] = {}
        for segment, start in zip(self._segments, self._starts, strict=True):
            if start:
                while bad := self._drive(start, ctypes.addressof(self._ids), self._places):
                    objects[bad - 1] = np.ascontiguousarray(objects[bad - 1])
                    self._ids[bad - 1] = id(objects[bad - 1])
            else:
                assert isinstance(segment, _Outside)
                self._outside(segment, objects, held)
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
        place = layout.slots.get(root, -1)
        if root in held:
            base = held[root]
        elif root in layout.offsets:
            value = layout.values[root]
            offset = layout.offsets[root]
            base = np.ndarray(value.shape, value.dtype, self._scratch, offset)
        elif root in layout.constants:
            base = layout.constants[root]
        else:
            base = objects[place]
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
            place = self._layout.slots[result.view.root]
            array = objects[place]
            return array if array.ndim else array[()]
        found = self._array(result.view, objects, held)
        return np.array(found)[()]
