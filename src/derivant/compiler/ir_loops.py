"""Kernels as text of LLVM's language: loop nests around the instructions of one entry.

Reductions go in blocks of a fixed length, so that what they give does not depend on the machine.
"""

from __future__ import annotations

from typing import Any

from derivant.compiler.ir import Reg
from derivant.compiler.ir_sums import ZERO, Sums
from derivant.compiler.kernels import NEXT, STAYS, Kernel

SUM_BLOCK = 512
COLUMNS = 128  # kept entries worked on at once where the reduced axis is outside
ROW_BLOCK = 32
PARALLEL = ", !llvm.access.group !0"  # of a loop whose entries are independent
NOTE = ", !llvm.loop !1"


def kernel_text(kernel: Kernel, name: str) -> tuple[str, set[str]]:
    """The function of a kernel, and the intrinsics it declares.

    `void name(i64* record, i8** table, i64 low, i64 high)`: the part of the outermost axis from
    low up to high.
    """
    loops = _Loops(kernel)
    lines = loops.columns() if kernel.columns else loops.nest()
    head = f"define void @{name}(ptr %rec, ptr %table, i64 %low, i64 %high) {{"
    return "\n".join([head, *lines, "}"]), loops.intrinsics


class _Loops(Sums):
    """Writes one kernel: loops over its axes around the instructions of one entry."""

    # the usual nest: kept axes outside, reduced ones inside

    def nest(self) -> list[str]:
        """Loops over the kept axes, then over the reduced ones; stores and sums inside."""
        kernel = self.kernel
        sizes = [self._next_word() for _ in range(kernel.rank)]
        reads = [self._operand(kernel.rank) for _ in kernel.reads]
        stores = [self._operand(kernel.rank) for _ in kernel.stores]
        kept = kernel.rank - kernel.reduced
        results = [self._operand(kept) for _ in kernel.reduces]
        cells = [self._cells(r.how) for r in kernel.reduces]
        loops = []
        for axis in range(kernel.rank - 1):
            if axis == kept:
                self._cleared(cells)
            loop = self._loop(*(("%low", "%high") if axis == 0 else ("0", sizes[axis])))
            loops.append(loop)
            reads = [(self._stepped(b, loop[0], s[axis]), s) for b, s in reads]
            stores = [(self._stepped(b, loop[0], s[axis]), s) for b, s in stores]
            if axis < kept:
                results = [(self._stepped(b, loop[0], s[axis]), s) for b, s in results]
        last = kernel.rank - 1
        if kernel.reduced and last == kept:
            self._cleared(cells)
        low, high = ("%low", "%high") if last == 0 else ("0", sizes[last])
        if kernel.reduced:
            self._reducing_row(low, high, reads, stores, cells)
        else:
            self._row(low, high, reads, stores)
        for axis in reversed(range(kernel.rank - 1)):
            if kernel.reduced and axis == kept - 1:
                self._finish(cells, results)
            self._end(loops[axis])
        if kernel.reduced and kept == 0:
            self._finish(cells, results)
        self.lines.append("ret void")
        return self.lines

    def _row(self, low: str, high: str, reads: Any, stores: Any) -> None:
        """The innermost loop of a kernel that reduces nothing; its entries are independent."""
        fixed = self._fixed(reads)
        loop = self._loop(low, high)
        self._entry(fixed, reads, stores, loop[0], PARALLEL)
        self._end(loop, NOTE)

    def _fixed(self, reads: Any) -> list[Reg | None]:
        """The operands that stay along the innermost axis, read once."""
        return [
            self._load(r, b, None, "", "") if r.inner == STAYS else None
            for r, (b, _) in zip(self.kernel.reads, reads, strict=True)
        ]

    def _entry(self, fixed: Any, reads: Any, stores: Any, index: str, note: str) -> list[Reg]:
        """All values of one entry, those that are stored stored."""
        values = [
            f if f is not None else self._load(r, b, index, s[-1], note)
            for f, r, (b, s) in zip(fixed, self.kernel.reads, reads, strict=True)
        ]
        values = self._body(values)
        for store, (base, s) in zip(self.kernel.stores, stores, strict=True):
            stride = "" if store.inner == NEXT else s[-1]
            self._store(values[store.value], base, index, note, stride)
        return values

    def _reducing_row(self, low: str, high: str, reads: Any, stores: Any, cells: Any) -> None:
        """The innermost reduced axis: blocks of a fixed length, each block one vector loop."""
        kernel = self.kernel
        fixed = self._fixed(reads)
        length = self._put(f"sub i64 {high}, {low}")
        blocks = self._put(
            f"udiv i64 {self._put(f'add i64 {length}, {SUM_BLOCK - 1}')}, {SUM_BLOCK}"
        )
        outer = self._loop("0", blocks)
        start = self._put(f"add i64 {low}, {self._put(f'mul i64 {outer[0]}, {SUM_BLOCK}')}")
        end = self._put(f"add i64 {start}, {SUM_BLOCK}")
        short = self._put(f"icmp slt i64 {end}, {high}")
        stop = self._put(f"select i1 {short}, i64 {end}, i64 {high}")
        locals_ = [
            self._fresh_block(r.how, cell) for r, cell in zip(kernel.reduces, cells, strict=True)
        ]
        loop = self._loop(start, stop)
        values = self._entry(fixed, reads, stores, loop[0], "")
        for r, place in zip(kernel.reduces, locals_, strict=True):
            self._accumulate(r.how, values[r.value], place)
        self._end(loop)
        for r, cell, place in zip(kernel.reduces, cells, locals_, strict=True):
            self._block_added(r.how, cell, place)
        self._end(outer)

    # the reduced axis outside, the kept one inside: a strip of columns at a time

    def columns(self) -> list[str]:
        """Strips of kept entries; rows in blocks, each block added to the totals of its strip."""
        kernel = self.kernel
        rows, width = self._next_word(), self._next_word()
        reads = [self._operand(2) for _ in kernel.reads]
        stores = [self._operand(2) for _ in kernel.stores]
        results = [self._operand(1) for _ in kernel.reduces]
        strips = [self._strips() for _ in kernel.reduces]
        outer = self._loop("%low", "%high")
        start = self._put(f"mul i64 {outer[0]}, {COLUMNS}")
        left = self._put(f"sub i64 {width}, {start}")
        fits = self._put(f"icmp slt i64 {left}, {COLUMNS}")
        count = self._put(f"select i1 {fits}, i64 {left}, i64 {COLUMNS}")
        reads = [(self._stepped(b, start, s[1]), s) for b, s in reads]
        stores = [(self._stepped(b, start, s[1]), s) for b, s in stores]
        results = [(self._stepped(b, start, s[0]), s) for b, s in results]
        loop = self._loop("0", count)
        for r, (total, lost, _) in zip(kernel.reduces, strips, strict=True):
            self._cleared_at(r.how, self._at(total, loop[0]), self._at(lost, loop[0]))
        self._end(loop)
        self._blocks(rows, count, reads, stores, strips)
        loop = self._loop("0", count)
        for r, (total, lost, _), (base, _) in zip(kernel.reduces, strips, results, strict=True):
            value = self._settled(self._at(total, loop[0]), self._at(lost, loop[0]))
            self._store(self._narrowed(value, r.kind), base, loop[0], "")
        self._end(loop)
        self._end(outer)
        self.lines.append("ret void")
        return self.lines

    def _strips(self) -> tuple[str, str, str]:
        """Totals, lost errors and block totals of a strip of columns."""
        one, two, three = (self._put(f"alloca [{COLUMNS} x double]") for _ in range(3))
        return one, two, three

    def _at(self, strip: str, index: str) -> str:
        return self._put(f"getelementptr inbounds double, ptr {strip}, i64 {index}")

    def _cleared_at(self, how: str, total: str, lost: str) -> None:
        start = {"sum": ZERO, "max": "0xFFF0000000000000", "min": "0x7FF0000000000000"}[how]
        self.lines.append(f"store double {start}, ptr {total}")
        self.lines.append(f"store double {ZERO}, ptr {lost}")

    def _blocks(self, rows: str, count: str, reads: Any, stores: Any, strips: Any) -> None:
        """Rows in blocks: sums of a block in places of their own, extrema in the totals."""
        kernel = self.kernel
        wide = self._put(f"add i64 {rows}, {ROW_BLOCK - 1}")
        blocks = self._loop("0", self._put(f"udiv i64 {wide}, {ROW_BLOCK}"))
        start = self._put(f"mul i64 {blocks[0]}, {ROW_BLOCK}")
        end = self._put(f"add i64 {start}, {ROW_BLOCK}")
        short = self._put(f"icmp slt i64 {end}, {rows}")
        stop = self._put(f"select i1 {short}, i64 {end}, i64 {rows}")
        loop = self._loop("0", count)
        for _, _, block in strips:
            self.lines.append(f"store double {ZERO}, ptr {self._at(block, loop[0])}")
        self._end(loop)
        row = self._loop(start, stop)
        here = [(self._stepped(b, row[0], s[0]), s) for b, s in reads]
        kept = [(self._stepped(b, row[0], s[0]), s) for b, s in stores]
        fixed = self._fixed(here)
        loop = self._loop("0", count)
        values = self._entry(fixed, here, kept, loop[0], PARALLEL)
        for r, (total, _, block) in zip(kernel.reduces, strips, strict=True):
            place = self._at(block if r.how == "sum" else total, loop[0])
            self._accumulate(r.how, values[r.value], place, PARALLEL)
        self._end(loop, NOTE)
        self._end(row)
        loop = self._loop("0", count)
        for r, (total, lost, block) in zip(kernel.reduces, strips, strict=True):
            if r.how == "sum":
                x = self._put(f"load double, ptr {self._at(block, loop[0])}")
                self._neumaier(self._at(total, loop[0]), self._at(lost, loop[0]), x)
        self._end(loop)
        self._end(blocks)
