"""Kernels as text of LLVM's language: loop nests around the instructions of one entry.

Sums take blocks of a fixed length in double precision and add the blocks with the error kept
(Neumaier, *Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen*, 1974), so that
the result depends neither on the number of threads nor on how a loop was vectorised.
"""

from __future__ import annotations

from typing import Any

from derivant.compiler.ir import TYPES, WIDTHS, Block, Reg
from derivant.compiler.ir_rows import emit
from derivant.compiler.kernels import NEXT, STAYS, Apply, Kernel, Read

SUM_BLOCK = 512
COLUMNS = 128  # kept entries worked on at once where the reduced axis is outside
ROW_BLOCK = 32
ZERO = "0x8000000000000000"  # -0.0: what a sum starts from, so that -0.0 alone stays itself


def kernel_text(kernel: Kernel, name: str) -> tuple[str, set[str]]:
    """The function of a kernel, and the intrinsics it declares.

    `void name(i64* record, i8** table, i64 low, i64 high)`: the part of the outermost axis from
    low up to high.
    """
    loops = _Loops(kernel)
    lines = loops.columns() if kernel.columns else loops.nest()
    head = f"define void @{name}(ptr %rec, ptr %table, i64 %low, i64 %high) {{"
    return "\n".join([head, *lines, "}"]), loops.intrinsics


class _Loops:
    """Writes one kernel. The record: sizes; for each read its place in the table, its offset in
    bytes, its strides in bytes; the same for each store, then for each reduction."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.lines: list[str] = ["entry:"]
        self.intrinsics: set[str] = set()
        self._count = 0
        self._word = 0

    # small pieces

    def _new(self, hint: str = "q") -> str:
        self._count += 1
        return f"%{hint}{self._count}"

    def _put(self, text: str, hint: str = "q") -> str:
        name = self._new(hint)
        self.lines.append(f"{name} = {text}")
        return name

    def _label(self, hint: str) -> str:
        self._count += 1
        return f"{hint}{self._count}"

    def _next_word(self) -> str:
        """The next number of the record."""
        place = self._put(f"getelementptr i64, ptr %rec, i64 {self._word}")
        self._word += 1
        return self._put(f"load i64, ptr {place}")

    def _operand(self, rank: int) -> tuple[str, list[str]]:
        """The base address and the strides of the next operand of the record."""
        slot, offset = self._next_word(), self._next_word()
        strides = [self._next_word() for _ in range(rank)]
        place = self._put(f"getelementptr ptr, ptr %table, i64 {slot}")
        base = self._put(f"load ptr, ptr {place}")
        return self._put(f"getelementptr i8, ptr {base}, i64 {offset}"), strides

    def _stepped(self, base: str, index: str, stride: str) -> str:
        offset = self._put(f"mul i64 {index}, {stride}")
        return self._put(f"getelementptr i8, ptr {base}, i64 {offset}")

    def _loop(self, low: str, high: str) -> tuple[str, str, str, str]:
        """Open a loop: its index, and the labels of its head, its latch and what follows."""
        head, body, latch, after = (self._label(h) for h in ("head", "body", "latch", "after"))
        before = self._label("before")
        self.lines += [f"br label %{before}", f"{before}:", f"br label %{head}", f"{head}:"]
        index = self._new("i")
        self.lines += [
            f"{index} = phi i64 [ {low}, %{before} ], [ {index}.n, %{latch} ]",
            f"{index}.more = icmp slt i64 {index}, {high}",
            f"br i1 {index}.more, label %{body}, label %{after}",
            f"{body}:",
        ]
        return index, head, latch, after

    def _end(self, loop: tuple[str, str, str, str], note: str = "") -> None:
        index, head, latch, after = loop
        self.lines += [
            f"br label %{latch}",
            f"{latch}:",
            f"{index}.n = add nsw i64 {index}, 1",
            f"br label %{head}{note}",
            f"{after}:",
        ]

    def _load(self, read: Read, address: str, index: str | None, stride: str, group: str) -> Reg:
        """The entry of an operand at a place of the innermost axis."""
        memory = "i8" if read.kind == "bool" else TYPES[read.kind]
        if index is not None and read.inner == NEXT:
            address = self._put(f"getelementptr inbounds {memory}, ptr {address}, i64 {index}")
        elif index is not None and read.inner != STAYS:
            address = self._stepped(address, index, stride)
        align = WIDTHS[read.kind]
        value = self._put(f"load {memory}, ptr {address}, align {align}{group}", "x")
        if read.kind == "bool":
            value = self._put(f"icmp ne i8 {value}, 0", "x")
        return Reg(value, read.kind)

    def _store(
        self, value: Reg, address: str, index: str | None, group: str, stride: str = ""
    ) -> None:
        """Keep a value at a place of the innermost axis; without a stride, places are neighbours."""
        memory, name = TYPES[value.kind], value.name
        if value.kind == "bool":
            memory, name = "i8", self._put(f"zext i1 {name} to i8")
        if index is not None and stride:
            address = self._stepped(address, index, stride)
        elif index is not None:
            address = self._put(f"getelementptr inbounds {memory}, ptr {address}, i64 {index}")
        align = WIDTHS[value.kind]
        self.lines.append(f"store {memory} {name}, ptr {address}, align {align}{group}")

    def _body(self, values: list[Reg]) -> list[Reg]:
        """All values of one entry: reads as they are given, literals, then the rows."""
        kernel = self.kernel
        values = [*values, *(Reg(x.text, x.kind) for x in kernel.literals)]
        for step in kernel.body:
            values.append(self._applied(step, values))
        return values

    def _applied(self, step: Apply, values: list[Reg]) -> Reg:
        self._count += 1
        block = Block(f"w{self._count}_")
        operands = [block.cast(values[k], kind) for k, kind in zip(step.operands, step.kinds, strict=True)]
        found = emit(block, step.row, operands, dict(step.params))
        assert found is not None  # the plan asked before
        found = block.cast(found, step.kind)
        self.lines += block.lines
        self.intrinsics |= block.intrinsics
        return found

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
        fixed = [
            self._load(r, b, None, "", "") if r.inner == STAYS else None
            for r, (b, _) in zip(self.kernel.reads, reads, strict=True)
        ]
        loop = self._loop(low, high)
        values = [
            f if f is not None else self._load(r, b, loop[0], s[-1], ", !llvm.access.group !0")
            for f, r, (b, s) in zip(fixed, self.kernel.reads, reads, strict=True)
        ]
        values = self._body(values)
        for store, (base, s) in zip(self.kernel.stores, stores, strict=True):
            stride = "" if store.inner == NEXT else s[-1]
            self._store(values[store.value], base, loop[0], ", !llvm.access.group !0", stride)
        self._end(loop, ", !llvm.loop !1")

    def _reducing_row(self, low: str, high: str, reads: Any, stores: Any, cells: Any) -> None:
        """The innermost reduced axis: blocks of a fixed length, each block one vector loop."""
        kernel = self.kernel
        fixed = [
            self._load(r, b, None, "", "") if r.inner == STAYS else None
            for r, (b, _) in zip(kernel.reads, reads, strict=True)
        ]
        length = self._put(f"sub i64 {high}, {low}")
        blocks = self._put(f"udiv i64 {self._put(f'add i64 {length}, {SUM_BLOCK - 1}')}, {SUM_BLOCK}")
        outer = self._loop("0", blocks)
        start = self._put(f"add i64 {low}, {self._put(f'mul i64 {outer[0]}, {SUM_BLOCK}')}")
        end = self._put(f"add i64 {start}, {SUM_BLOCK}")
        short = self._put(f"icmp slt i64 {end}, {high}")
        stop = self._put(f"select i1 {short}, i64 {end}, i64 {high}")
        locals_ = [self._fresh_block(r.how, cell) for r, cell in zip(kernel.reduces, cells, strict=True)]
        loop = self._loop(start, stop)
        values = [
            f if f is not None else self._load(r, b, loop[0], s[-1], "")
            for f, r, (b, s) in zip(fixed, kernel.reads, reads, strict=True)
        ]
        values = self._body(values)
        for store, (base, s) in zip(kernel.stores, stores, strict=True):
            stride = "" if store.inner == NEXT else s[-1]
            self._store(values[store.value], base, loop[0], "", stride)
        for r, place in zip(kernel.reduces, locals_, strict=True):
            self._accumulate(r.how, values[r.value], place)
        self._end(loop)
        for r, cell, place in zip(kernel.reduces, cells, locals_, strict=True):
            self._block_added(r.how, cell, place)
        self._end(outer)

    # accumulators: places on the stack, which LLVM turns into registers

    def _cells(self, how: str) -> tuple[str, str, str]:
        """A total, the error that it has lost so far, and the total of one block."""
        return self._put("alloca double"), self._put("alloca double"), self._put("alloca double")

    def _cleared(self, cells: Any) -> None:
        for r, (total, lost, _) in zip(self.kernel.reduces, cells, strict=True):
            start = {"sum": ZERO, "max": "0xFFF0000000000000", "min": "0x7FF0000000000000"}[r.how]
            self.lines.append(f"store double {start}, ptr {total}")
            self.lines.append(f"store double {ZERO}, ptr {lost}")

    def _fresh_block(self, how: str, cell: tuple[str, str, str]) -> str:
        """Where a block adds up: sums from 0, extrema go on from the total."""
        total, _, place = cell
        if how != "sum":
            return total
        self.lines.append(f"store double {ZERO}, ptr {place}")
        return place

    def _accumulate(self, how: str, value: Reg, place: str, group: str = "") -> None:
        wide = value.name
        if value.kind != "float64":
            word = {"float32": "fpext", "bool": "uitofp"}.get(value.kind, "sitofp")
            wide = self._put(f"{word} {value.type} {value.name} to double")
        old = self._put(f"load double, ptr {place}{group}")
        if how == "sum":
            new = self._put(f"fadd reassoc double {old}, {wide}")
        else:
            word = "maximum" if how == "max" else "minimum"
            self.intrinsics.add(f"declare double @llvm.{word}.f64(double, double)")
            new = self._put(f"call double @llvm.{word}.f64(double {old}, double {wide})")
        self.lines.append(f"store double {new}, ptr {place}{group}")

    def _block_added(self, how: str, cell: tuple[str, str, str], place: str) -> None:
        """total += block, the rounding error added to what is lost (Neumaier)."""
        if how != "sum":
            return
        total, lost, _ = cell
        self._neumaier(total, lost, self._put(f"load double, ptr {place}"))

    def _neumaier(self, total: str, lost: str, x: str) -> None:
        self.intrinsics.add("declare double @llvm.fabs.f64(double)")
        s = self._put(f"load double, ptr {total}")
        t = self._put(f"fadd double {s}, {x}")
        size_s = self._put(f"call double @llvm.fabs.f64(double {s})")
        size_x = self._put(f"call double @llvm.fabs.f64(double {x})")
        first = self._put(f"fcmp oge double {size_s}, {size_x}")
        one = self._put(f"fadd double {self._put(f'fsub double {s}, {t}')}, {x}")
        two = self._put(f"fadd double {self._put(f'fsub double {x}, {t}')}, {s}")
        error = self._put(f"select i1 {first}, double {one}, double {two}")
        old = self._put(f"load double, ptr {lost}")
        more = self._put(f"fadd double {old}, {error}")
        self.lines.append(f"store double {more}, ptr {lost}")
        self.lines.append(f"store double {t}, ptr {total}")

    def _settled(self, total: str, lost: str) -> str:
        """total + lost; the total alone where it is not finite, or nothing was lost."""
        self.intrinsics.add("declare double @llvm.fabs.f64(double)")
        s = self._put(f"load double, ptr {total}")
        e = self._put(f"load double, ptr {lost}")
        both = self._put(f"fadd double {s}, {e}")
        size = self._put(f"call double @llvm.fabs.f64(double {s})")
        finite = self._put(f"fcmp olt double {size}, 0x7FF0000000000000")
        lossy = self._put(f"fcmp une double {e}, 0.0")
        joined = self._put(f"and i1 {finite}, {lossy}")
        return self._put(f"select i1 {joined}, double {both}, double {s}")

    def _finish(self, cells: Any, results: Any) -> None:
        for r, (total, lost, _), (base, _) in zip(self.kernel.reduces, cells, results, strict=True):
            value = self._settled(total, lost)
            self._store(self._narrowed(value, r.kind), base, None, "")

    def _narrowed(self, value: str, kind: str) -> Reg:
        if kind == "float32":
            value = self._put(f"fptrunc double {value} to float")
        return Reg(value, kind)

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
        fixed = [
            self._load(r, b, None, "", "") if r.inner == STAYS else None
            for r, (b, _) in zip(kernel.reads, here, strict=True)
        ]
        loop = self._loop("0", count)
        group = ", !llvm.access.group !0"
        values = [
            f if f is not None else self._load(r, b, loop[0], s[1], group)
            for f, r, (b, s) in zip(fixed, kernel.reads, here, strict=True)
        ]
        values = self._body(values)
        for store, (base, s) in zip(kernel.stores, kept, strict=True):
            stride = "" if store.inner == NEXT else s[1]
            self._store(values[store.value], base, loop[0], group, stride)
        for r, (total, _, block) in zip(kernel.reduces, strips, strict=True):
            place = self._at(block if r.how == "sum" else total, loop[0])
            self._accumulate(r.how, values[r.value], place, group)
        self._end(loop, ", !llvm.loop !1")
        self._end(row)
        loop = self._loop("0", count)
        for r, (total, lost, block) in zip(kernel.reduces, strips, strict=True):
            if r.how == "sum":
                x = self._put(f"load double, ptr {self._at(block, loop[0])}")
                self._neumaier(self._at(total, loop[0]), self._at(lost, loop[0]), x)
        self._end(loop)
        self._end(blocks)
