"""A graph run again and again in one native call: carries go on, rows of arrays go by.

Nothing is moved in between where it can be helped: a carry has two buffers that change places, or
one that is written in place, and rows are found by addresses that go on. It knows nothing of what
rows call it, nor of derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.compiler.engine import repeater
from derivant.compiler.graph import Graph
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.running import is_native, runner
from derivant.compiler.stepping import computed

AT_ONCE = 100_000_000  # operations after which Python may look whether it was interrupted


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a result of one turn is: an entry of the table, and what is copied there.

    A result that is an operand is copied before the turn, one that has another place as well after
    it; one that is computed there is not copied.
    """

    slot: int
    source: int = -1
    before: bool = False


class Repeat:
    """The program of one turn. Its operands are constants, carries and rows; its results carries,
    rows, and at the end, if it is to decide that, whether there is another turn."""

    def __init__(
        self, program: LlvmProgram, places: Sequence[int], constants: int, carries: int
    ) -> None:
        self._program = program
        self._first, self._carries = constants, carries
        layout = program.layout
        self._inputs = len(layout.inputs)
        self._values = [layout.values[root] for root in layout.inputs]
        self.size = layout.size + 1
        self._taken: set[int] = set()
        self._cells = [self._cell(k, place) for k, place in enumerate(places)]
        self.at_once = max(1, AT_ONCE // max(layout.work(), 100))

    def _cell(self, result: int, place: int) -> Cell | None:
        """Where a result is; None for a carry that stays what it is."""
        if result < self._carries and place == self._first + result:
            return None
        slot = place if place < self._inputs else self._program.result(place - self._inputs)[0]
        if place < self._inputs or place in self._taken:
            self.size += 1
            return Cell(self.size - 1, slot, place < self._inputs)
        self._taken.add(place)
        return Cell(slot)

    def __call__(
        self, operands: Sequence[Any], ys: Sequence[Any], turns: int, reverse: bool = False
    ) -> list[Any]:
        """The carries after so many turns; the rows of the results are put into `ys`."""
        run = self._run(operands, reverse)
        cells = self._cells[self._carries :]
        for y, cell in zip(ys, cells, strict=True):
            assert cell is not None
            run.rows(cell.slot, y, reverse)
            run.copied(cell, y[0].nbytes if turns else 0)
        return self._turned(run, turns, None)

    def until(self, operands: Sequence[Any]) -> list[Any]:
        """The carries when the last result has become false."""
        run = self._run(operands, False)
        cell, on = self._cells[-1], np.ones((), np.bool_)
        assert cell is not None
        run.put(cell.slot, on)
        run.copied(cell, on.nbytes)
        run.stop = cell.slot
        return self._turned(run, None, on)

    def _run(self, operands: Sequence[Any], reverse: bool) -> _Run:
        run = _Run(self.size)
        last = self._first + self._carries
        arrays = [
            np.require(np.asarray(x, v.dtype), v.dtype, ("C", "A"))
            for x, v in zip(operands, self._values, strict=True)
        ]
        for k, x in enumerate(arrays):
            if k < last:
                run.put(k, x)
            else:
                run.rows(k, x, reverse)
        for k, cell in enumerate(self._cells[: self._carries], self._first):
            if cell is not None:
                run.carry(k, cell, arrays[k])
        return run

    def _turned(self, run: _Run, turns: int | None, on: Any) -> list[Any]:
        frame = self._program.taken()
        try:
            run.begin(frame.table, frame.words)
            done = 0
            while (turns is None and on) or (turns is not None and done < turns):
                left = self.at_once if turns is None else min(turns - done, self.at_once)
                done += run.turned(left)
        finally:
            self._program.frames.append(frame)
        first = self._first
        return [run.now(k, done) for k in range(first, first + self._carries)]


class _Run:
    """The memory of one loop: a table of addresses, and what happens to it between turns."""

    def __init__(self, size: int) -> None:
        self.stop = -1
        self._size = size
        self._put: dict[int, Any] = {}  # arrays, kept alive
        self._pairs: dict[int, tuple[Any, Any]] = {}
        self._before: list[int] = []
        self._after: list[int] = []
        self._swaps: list[int] = []
        self._moves: list[int] = []
        self._addresses: dict[int, int] = {}

    def put(self, slot: int, array: Any) -> None:
        """An array for an entry of the table."""
        self._put[slot] = array
        self._addresses[slot] = array.ctypes.data

    def rows(self, slot: int, array: Any, reverse: bool) -> None:
        """The rows of an array, one a turn."""
        self.put(slot, array)
        step = array.strides[0] if len(array) else 0
        if reverse:
            self._addresses[slot] += step * (len(array) - 1)
        self._moves += [slot, -step if reverse else step]

    def copied(self, cell: Cell, nbytes: int) -> None:
        """A result that is copied to its place."""
        if cell.source >= 0:
            part = self._before if cell.before else self._after
            part += [cell.source, cell.slot, nbytes]

    def carry(self, slot: int, cell: Cell, begin: Any) -> None:
        """An operand that a result takes the place of."""
        if cell.slot == slot:
            self.put(slot, begin.copy())
            return
        pair = np.empty_like(begin), np.empty_like(begin)
        one, other = (x.ctypes.data for x in pair)
        self.put(cell.slot, pair[0])
        self._pairs[slot] = pair
        self._swaps += [slot, cell.slot, one ^ other]
        self.copied(cell, begin.nbytes)

    def now(self, slot: int, turns: int) -> Any:
        """A carry after so many turns."""
        if turns and slot in self._pairs:
            return self._pairs[slot][(turns - 1) % 2]
        return self._put[slot]

    def begin(self, table: Any, words: Any) -> None:
        """The table as it is for the first turn."""
        self._table = np.zeros(self._size, np.int64)
        self._table[: len(table)] = table
        for slot, address in self._addresses.items():
            self._table[slot] = address
        parts = (self._before, self._after, self._swaps, self._moves)
        widths = (3, 3, 3, 2)
        counts = [len(part) // width for part, width in zip(parts, widths, strict=True)]
        self._changes = np.array([self.stop, *counts, *(x for p in parts for x in p)], np.int64)
        self._frame = np.array([words.ctypes.data, self._table.ctypes.data, 0], np.int64)
        self._words = words

    def turned(self, turns: int) -> int:
        """Run at most so many turns; how many there were."""
        return int(repeater()(self._frame.ctypes.data, self._changes.ctypes.data, turns))


def repeat(graph: Graph, constants: int, carries: int) -> Repeat | None:
    """The native loop around a graph; None where a turn is not one native call."""
    return _repeat(graph, constants, carries) if is_native() else None


@lru_cache(maxsize=512)
def _repeat(graph: Graph, constants: int, carries: int) -> Repeat | None:
    inner, places = computed(graph)
    if not inner.outputs:
        return None
    size = len(graph.inputs)
    own: dict[int, int] = {}  # the carry that a result takes the place of
    for k, place in enumerate(places[:carries], constants):
        own.setdefault(place, k)
    pairs = tuple((k, place - size) for place, k in own.items() if place >= size)
    program = runner(inner, pairs)
    if isinstance(program, LlvmProgram) and program.single:
        return Repeat(program, places, constants, carries)
    return None
