"""Kernels as text of LLVM's language: loop nests around the instructions of one entry.

Reductions go in blocks of a fixed length, so that what they give does not depend on the machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from derivant.compiler.ir_sums import STARTS, Cell, Sums
from derivant.compiler.ir_writer import Heavy, Operand
from derivant.compiler.kernels import Kernel

SUM_BLOCK = 512
COLUMNS = 128  # kept entries worked on at once where the reduced axis is outside
ROW_BLOCK = 32


def kernel_text(kernel: Kernel, name: str, fuses: bool) -> tuple[str, set[str], Counter[Heavy]]:
    """The function of a kernel, the intrinsics it declares, and the functions that it calls.

    `void name(i64* record, i8** table, i64 low, i64 high)`: the part of the outermost axis from
    low up to high.
    """
    loops = _Loops(kernel, fuses)
    loops.columns() if kernel.columns else loops.nest()
    head = f"define void @{name}(ptr %rec, ptr %table, i64 %low, i64 %high) {{"
    text = "\n".join([head, "entry:", *loops.top, *loops.lines, "ret void", "}"])
    return text, loops.intrinsics, loops.functions


class _Loops(Sums):
    """Writes one kernel: loops over its axes around the instructions of one entry."""

    # the usual nest: kept axes outside, reduced ones inside

    def nest(self) -> None:
        """Loops over the kept axes, then over the reduced ones; stores and sums inside."""
        kernel = self.kernel
        sizes = [self._next_word() for _ in range(kernel.rank)]
        reads = [self._operand(kernel.rank) for _ in kernel.reads]
        stores = [self._operand(kernel.rank) for _ in kernel.stores]
        kept, last = kernel.rank - kernel.reduced, kernel.rank - 1
        results = [self._operand(kept) for _ in kernel.reduces]
        loops = []
        deep = last - 1 if kernel.reduced > 1 else last
        for axis in range(deep):
            if axis == kept:
                self._cleared()
            loops.append(self._loop(*(("%low", "%high") if axis == 0 else ("0", sizes[axis]))))
            index = loops[-1].index
            reads, stores = self._moved(reads, index, axis), self._moved(stores, index, axis)
            if axis < kept:
                results = self._moved(results, index, axis)
        if kernel.reduced and deep == kept:
            self._cleared()
        low, high = ("%low", "%high") if deep == 0 else ("0", sizes[deep])
        if kernel.reduced > 1:
            self._reducing_rows((low, high), sizes[last], reads, stores)
        elif kernel.reduced:
            self._reducing_row(low, high, reads, stores)
        else:
            self._row(low, high, reads, stores)
        for axis in reversed(range(deep)):
            if kernel.reduced and axis == kept - 1:
                self._finish(results)
            self._end(loops[axis])
        if kernel.reduced and kept == 0:
            self._finish(results)

    def _row(
        self, low: str, high: str, reads: Sequence[Operand], stores: Sequence[Operand]
    ) -> None:
        """The innermost loop of a kernel that reduces nothing."""
        fixed = self._fixed(reads)
        lanes = self._lanes(low, high)
        self._entry(fixed, reads, stores, lanes)
        self._end(lanes.loop)

    def _reducing_row(
        self, low: str, high: str, reads: Sequence[Operand], stores: Sequence[Operand]
    ) -> None:
        """The innermost reduced axis, in blocks of a fixed length."""
        fixed = self._fixed(reads)
        outer = self._loop(low, high, SUM_BLOCK)
        end = self._put(f"add i64 {outer.index}, {SUM_BLOCK}")
        short = self._put(f"icmp slt i64 {end}, {high}")
        stop = self._put(f"select i1 {short}, i64 {end}, i64 {high}")
        self._block_begun()
        lanes = self._lanes(outer.index, stop)
        self._lanes_added(self._entry(fixed, reads, stores, lanes), lanes)
        self._end(lanes.loop)
        self._block_ended()
        self._end(outer)

    def _reducing_rows(
        self, rows: tuple[str, str], width: str, reads: Sequence[Operand], stores: Sequence[Operand]
    ) -> None:
        """The two innermost reduced axes: as many rows in a block as a block has room for."""
        low, high = rows
        padded = self._put(f"add i64 {width}, {self.width - 1}")
        padded = self._put(f"and i64 {padded}, {-self.width}")
        share = self._put(f"sdiv i64 {SUM_BLOCK}, {padded}")
        some = self._put(f"icmp sgt i64 {share}, 1")
        share = self._put(f"select i1 {some}, i64 {share}, i64 1")
        length = self._put(f"sub i64 {high}, {low}")
        more = self._put(f"add i64 {length}, {share}")
        count = self._put(f"sdiv i64 {self._put(f'sub i64 {more}, 1')}, {share}")
        blocks = self._loop("0", count)
        start = self._put(f"add i64 {low}, {self._put(f'mul i64 {blocks.index}, {share}')}")
        stop = self._smaller(self._put(f"add i64 {start}, {share}"), high)
        outer = self._loop("0", width, SUM_BLOCK)
        end = self._smaller(self._put(f"add i64 {outer.index}, {SUM_BLOCK}"), width)
        self._block_begun()
        row = self._loop(start, stop)
        axis = self.kernel.rank - 2
        here, kept = self._moved(reads, row.index, axis), self._moved(stores, row.index, axis)
        fixed = self._fixed(here)
        lanes = self._lanes(outer.index, end)
        self._lanes_added(self._entry(fixed, here, kept, lanes), lanes)
        self._end(lanes.loop)
        self._end(row)
        self._block_ended()
        self._end(outer)
        self._end(blocks)

    def _smaller(self, x: str, y: str) -> str:
        return self._put(f"select i1 {self._put(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    # the reduced axis outside, the kept one inside: a strip of columns at a time

    def columns(self) -> None:
        """Strips of kept entries; rows in blocks, each block added to the totals of its strip."""
        kernel = self.kernel
        deep = kernel.rank - 2  # kept axes outside of both
        outer = [self._next_word() for _ in range(deep)]
        rows, width = self._next_word(), self._next_word()
        reads = [self._operand(kernel.rank) for _ in kernel.reads]
        stores = [self._operand(kernel.rank) for _ in kernel.stores]
        results = [self._operand(kernel.rank - 1) for _ in kernel.reduces]
        strips = [self._strip(r.how) for r in kernel.reduces]
        loops = []
        for axis in range(deep):
            loops.append(self._loop(*(("%low", "%high") if axis == 0 else ("0", outer[axis]))))
            index = loops[-1].index
            reads, stores = self._moved(reads, index, axis), self._moved(stores, index, axis)
            results = self._moved(results, index, axis)
        low, high = "%low", "%high"
        if deep:
            more = self._put(f"add i64 {width}, {COLUMNS - 1}")
            low, high = "0", self._put(f"udiv i64 {more}, {COLUMNS}")
        loops.append(self._loop(low, high))
        self._strips(loops[-1].index, rows, width, (reads, stores, results), strips)
        for loop in reversed(loops):
            self._end(loop)

    def _strips(
        self,
        number: str,
        rows: str,
        width: str,
        operands: tuple[Sequence[Operand], Sequence[Operand], Sequence[Operand]],
        strips: Sequence[Cell],
    ) -> None:
        """One strip: its totals begun, added to by all rows, and stored."""
        reads, stores, results = operands
        last = self.kernel.rank - 1
        start = self._put(f"mul i64 {number}, {COLUMNS}")
        left = self._put(f"sub i64 {width}, {start}")
        fits = self._put(f"icmp slt i64 {left}, {COLUMNS}")
        count = self._put(f"select i1 {fits}, i64 {left}, i64 {COLUMNS}")
        reads, stores = self._moved(reads, start, last), self._moved(stores, start, last)
        results = self._moved(results, start, last - 1)
        loop = self._loop("0", count, self.width)
        for strip in strips:
            first = STARTS[strip.how]
            self._set(self.many, first, self._at(strip.total, loop.index))
            self._set(self.many, -0.0, self._at(strip.lost, loop.index))
        self._end(loop)
        self._blocks(rows, count, reads, stores, strips)
        self._strips_stored(count, results, strips)

    def _strip(self, how: str) -> Cell:
        """Totals, lost errors and block totals of a strip of columns, full lanes at its end."""
        word = f"[{COLUMNS + self.width} x double]"
        total, lost, lanes = (self._place(word) for _ in range(3))
        return Cell(how, "float64", total, lost, lanes, self.width)

    def _at(self, strip: str, index: str) -> str:
        return self._put(f"getelementptr inbounds double, ptr {strip}, i64 {index}")

    def _blocks(
        self,
        rows: str,
        count: str,
        reads: Sequence[Operand],
        stores: Sequence[Operand],
        strips: Sequence[Cell],
    ) -> None:
        """Rows in blocks: sums of a block in places of their own, extrema in the totals."""
        blocks = self._loop("0", rows, ROW_BLOCK)
        end = self._put(f"add i64 {blocks.index}, {ROW_BLOCK}")
        short = self._put(f"icmp slt i64 {end}, {rows}")
        stop = self._put(f"select i1 {short}, i64 {end}, i64 {rows}")
        sums = [strip for strip in strips if strip.how == "sum"]
        loop = self._loop("0", count, self.width)
        for strip in sums:
            self._set(self.many, -0.0, self._at(strip.lanes, loop.index))
        self._end(loop)
        row = self._loop(blocks.index, stop)
        axis = self.kernel.rank - 2
        here, kept = self._moved(reads, row.index, axis), self._moved(stores, row.index, axis)
        fixed = self._fixed(here)
        lanes = self._lanes("0", count)
        values = self._entry(fixed, here, kept, lanes)
        for r, strip in zip(self.kernel.reduces, strips, strict=True):
            place = self._at(strip.lanes if r.how == "sum" else strip.total, lanes.loop.index)
            self._accumulated(self.many, r.how, values[r.value], place, "float64")
        self._end(lanes.loop)
        self._end(row)
        loop = self._loop("0", count, self.width)
        for strip in sums:
            x = self._get(self.many, self._at(strip.lanes, loop.index))
            total, lost = (self._at(s, loop.index) for s in (strip.total, strip.lost))
            self._neumaier(self.many, total, lost, x)
        self._end(loop)
        self._end(blocks)

    def _strips_stored(
        self, count: str, results: Sequence[Operand], strips: Sequence[Cell]
    ) -> None:
        """The totals of a strip as results."""
        b = self.many
        lanes = self._lanes("0", count)
        kept = []
        for r, strip, (base, _) in zip(self.kernel.reduces, strips, results, strict=True):
            total, lost = (self._at(s, lanes.loop.index) for s in (strip.total, strip.lost))
            value = self._settled(b, total, lost) if r.how == "sum" else self._get(b, total)
            kept.append((b.cast(value, r.kind), base, True, ""))
        self._stored(kept, lanes)
        self._end(lanes.loop)
