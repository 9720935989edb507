"""The parts that every kernel's text is made of: words of the record, loops, loads and stores."""

from __future__ import annotations

from derivant.compiler.ir import TYPES, WIDTHS, Block, Reg
from derivant.compiler.ir_rows import emit
from derivant.compiler.kernels import NEXT, STAYS, Apply, Kernel, Read


class Writer:
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
        """Keep a value at a place of the last axis; without a stride, places are neighbours."""
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
        operands = [
            block.cast(values[k], kind) for k, kind in zip(step.operands, step.kinds, strict=True)
        ]
        found = emit(block, step.row, operands, dict(step.params))
        found = block.cast(found, step.kind)
        self.lines += block.lines
        self.intrinsics |= block.intrinsics
        return found
