"""The parts that every kernel's text is made of: words of the record, loops, loads and stores.

The innermost axis is done some numbers at a time, whatever its length: what is left at the end is
read and stored under a mask, by the same instructions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derivant.compiler.ir import TYPES, WIDTHS, Block, Reg, repeated, typed
from derivant.compiler.ir_quotient import Divisor, divisor, quotient
from derivant.compiler.ir_rows import HEAVY, emit
from derivant.compiler.ir_text import Loop, Text
from derivant.compiler.kernels import NEXT, STAYS, Apply, Kernel, Read

Operand = tuple[str, list[str]]  # an address, and the strides from there


@dataclass(frozen=True, slots=True)
class Heavy:
    """A row of many instructions, as a function of some numbers at once."""

    row: str
    kind: str
    width: int
    params: tuple[tuple[str, object], ...]
    operands: int = 1

    @property
    def name(self) -> str:
        """Its name in a module."""
        extra = "".join(f".{key}.{value!r}" for key, value in self.params)
        return f'@"{self.row}.{self.kind}.{self.width}{extra}"'

    def text(self, inline: bool) -> tuple[str, set[str]]:
        """The function, and the intrinsics it declares."""
        block = Block("v", self.width)
        word = typed(self.kind, self.width)
        operands = [Reg(f"%x{k}", self.kind, self.width) for k in range(self.operands)]
        found = emit(block, self.row, operands, dict(self.params))
        how = "alwaysinline" if inline else "noinline"
        inside = ", ".join(f"{word} {x.name}" for x in operands)
        head = f"define internal fastcc {word} {self.name}({inside}) {how} {{"
        return "\n".join([head, *block.lines, f"ret {word} {found.name}", "}"]), block.intrinsics


@dataclass(frozen=True, slots=True)
class Lanes:
    """Some numbers of the innermost axis: the loop over them, and where the axis ends."""

    loop: Loop
    high: str
    full: str  # whether all of them


@dataclass(frozen=True, slots=True)
class Fixed:
    """What stays along the innermost axis: values by number, and what is known of divisors."""

    values: dict[int, Reg]
    divisors: dict[int, Divisor]


class Writer(Text):
    """Writes one kernel. The record: sizes; for each read its place in the table, its offset in
    bytes, its strides in bytes; the same for each store, then for each reduction.

    `fuses`: whether the machine multiplies and adds with one rounding.
    """

    def __init__(self, kernel: Kernel, fuses: bool) -> None:
        super().__init__(8 if _wide(kernel) else 16)
        self.kernel = kernel
        self.fuses = fuses
        self.functions: Counter[Heavy] = Counter()

    def _operand(self, rank: int) -> Operand:
        """The base address and the strides of the next operand of the record."""
        slot, offset = self._next_word(), self._next_word()
        strides = [self._next_word() for _ in range(rank)]
        place = self._put(f"getelementptr ptr, ptr %table, i64 {slot}")
        base = self._put(f"load ptr, ptr {place}")
        return self._put(f"getelementptr i8, ptr {base}, i64 {offset}"), strides

    def _moved(self, operands: Sequence[Operand], index: str, axis: int) -> list[Operand]:
        """The operands at an index of an axis."""
        return [(self._stepped(base, index, s[axis]), s) for base, s in operands]

    # the innermost axis

    def _lanes(self, low: str, high: str) -> Lanes:
        """Open the loop over the innermost axis."""
        loop = self._loop(low, high, self.width)
        rest = self._put(f"sub i64 {high}, {loop.index}")
        return Lanes(loop, high, self._put(f"icmp sge i64 {rest}, {self.width}"))

    def _mask(self, lanes: Lanes) -> Reg:
        """Which numbers there are, where they are not all."""
        rest = self._put(f"sub i64 {lanes.high}, {lanes.loop.index}")
        kind = "int64" if self.width == 8 else "int32"  # as wide as the numbers
        short = self.one.cast(Reg(rest, "int64"), kind)
        return self.many.compare("less", self._numbers(kind), self._spread(short))

    def _fixed(self, reads: Sequence[Operand]) -> Fixed:
        """The values that stay along the innermost axis, computed once."""
        kernel, moving = self.kernel, self.kernel.moving()
        found = {
            k: self._everywhere(r, base)
            for k, (r, (base, _)) in enumerate(zip(kernel.reads, reads, strict=True))
            if r.inner == STAYS
        }
        for k, x in enumerate(kernel.literals, len(kernel.reads)):
            found[k] = repeated(x.text, x.kind, self.width)
        for k, step in kernel.applied:
            if k not in moving:
                found[k] = self._applied(step, found, {})
        divisors = kernel.divisors() if kernel.long and self.fuses else ()
        return Fixed(found, {y: divisor(self.many, found[y]) for y in divisors})

    def _everywhere(self, read: Read, address: str) -> Reg:
        """One number for all lanes."""
        memory = TYPES[_memory(read.kind)]
        value = self._put(f"load {memory}, ptr {address}, align {WIDTHS[read.kind]}")
        if read.kind == "bool":
            value = self._put(f"icmp ne i8 {value}, 0")
        return self._spread(Reg(value, read.kind))

    def _entry(
        self,
        fixed: Fixed,
        reads: Sequence[Operand],
        stores: Sequence[Operand],
        lanes: Lanes,
    ) -> dict[int, Reg]:
        """All values at these places, those that are stored stored."""
        values = {**fixed.values, **self._read(reads, lanes)}
        for k, step in self.kernel.applied:
            if k not in values:
                values[k] = self._applied(step, values, fixed.divisors)
        kept = [
            (values[s.value], base, s.inner == NEXT, strides[-1])
            for s, (base, strides) in zip(self.kernel.stores, stores, strict=True)
        ]
        if kept:
            self._stored(kept, lanes)
        return values

    def _read(self, reads: Sequence[Operand], lanes: Lanes) -> dict[int, Reg]:
        """The operands that move: all numbers at once, or under a mask."""
        near = [
            (k, r, base)
            for k, (r, (base, _)) in enumerate(zip(self.kernel.reads, reads, strict=True))
            if r.inner == NEXT
        ]
        all_, some, then = self._label("all"), self._label("some"), self._label("then")
        self._branch(lanes.full, all_, some)
        self.lines.append(f"{all_}:")
        whole = [self._near(r.kind, base, lanes, None) for _, r, base in near]
        self._goto(then, some)
        mask = self._mask(lanes)
        part = [self._near(r.kind, base, lanes, mask) for _, r, base in near]
        self._goto(then, then)
        pairs = zip((k for k, _, _ in near), whole, part, strict=True)
        found = {k: self._joined(x, all_, y, some) for k, x, y in pairs}
        for k, r, _ in near:
            if r.kind == "bool":
                found[k] = self._truth(found[k])
        for k, (r, (base, strides)) in enumerate(zip(self.kernel.reads, reads, strict=True)):
            if r.inner not in (NEXT, STAYS):
                found[k] = self._gathered(r.kind, base, strides[-1], lanes)
        return found

    def _joined(self, x: Reg, first: str, y: Reg, second: str) -> Reg:
        text = f"phi {x.type} [ {x.name}, %{first} ], [ {y.name}, %{second} ]"
        name = self._put(text)
        return Reg(name, x.kind, x.width)

    def _truth(self, x: Reg) -> Reg:
        """Bytes as truth values."""
        return self.many.put(f"icmp ne {x.type} {x.name}, zeroinitializer", "bool")

    def _near(self, kind: str, base: str, lanes: Lanes, mask: Reg | None) -> Reg:
        """Numbers that lie side by side, 0 where the mask has none; bytes for truth values."""
        kind, align = _memory(kind), WIDTHS[kind]
        word = typed(kind, self.width)
        at = self._put(f"getelementptr {TYPES[kind]}, ptr {base}, i64 {lanes.loop.index}")
        if mask is None:
            return self.many.put(f"load {word}, ptr {at}, align {align}", kind)
        name = f"@llvm.masked.load.{_suffix(kind, self.width)}.p0"
        self.many.intrinsics.add(f"declare {word} {name}(ptr, i32, {mask.type}, {word})")
        inside = f"ptr {at}, i32 {align}, {mask.type} {mask.name}, {word} zeroinitializer"
        return self.many.put(f"call {word} {name}({inside})", kind)

    def _places(self, base: str, stride: str, lanes: Lanes) -> str:
        """The addresses of numbers that lie apart; after the last comes the last again."""
        b = self.many
        last = self._spread(Reg(self._put(f"sub i64 {lanes.high}, 1"), "int64"))
        index = b.add(self._spread(Reg(lanes.loop.index, "int64")), self._numbers("int64"))
        index = b.select(b.compare("less", index, last), index, last)
        offset = b.mul(index, self._spread(Reg(stride, "int64")))
        return self._put(f"getelementptr i8, ptr {base}, {offset.type} {offset.name}")

    def _gathered(self, kind: str, base: str, stride: str, lanes: Lanes) -> Reg:
        """Numbers that lie apart."""
        memory, align = _memory(kind), WIDTHS[kind]
        word = typed(memory, self.width)
        all_ = repeated("true", "bool", self.width)
        name = f"@llvm.masked.gather.{_suffix(memory, self.width)}.v{self.width}p0"
        places = f"<{self.width} x ptr>"
        self.many.intrinsics.add(f"declare {word} {name}({places}, i32, {all_.type}, {word})")
        at = self._places(base, stride, lanes)
        inside = f"{places} {at}, i32 {align}, {all_.type} {all_.name}, {word} zeroinitializer"
        found = self.many.put(f"call {word} {name}({inside})", memory)
        return self._truth(found) if kind == "bool" else found

    def _stored(self, kept: Sequence[tuple[Reg, str, bool, str]], lanes: Lanes) -> None:
        """Values at their places: all numbers at once, or under a mask."""
        all_, some, then = self._label("all"), self._label("some"), self._label("then")
        kept = [(self._bytes(x), base, near, stride) for x, base, near, stride in kept]
        self._branch(lanes.full, all_, some)
        self.lines.append(f"{all_}:")
        for x, base, near, stride in kept:
            self._store(x, base, stride, near, lanes, None)
        self._goto(then, some)
        mask = self._mask(lanes)
        for x, base, near, stride in kept:
            self._store(x, base, stride, near, lanes, mask)
        self._goto(then, then)

    def _bytes(self, x: Reg) -> Reg:
        """A value as it is in memory."""
        if x.kind != "bool":
            return x
        block = self.many if x.width > 1 else self.one
        return block.put(f"zext {x.type} {x.name} to {typed('byte', x.width)}", "byte")

    def _store(
        self, x: Reg, base: str, stride: str, near: bool, lanes: Lanes, mask: Reg | None
    ) -> None:
        align = WIDTHS[x.kind]
        if not near:
            mask = repeated("true", "bool", self.width) if mask is None else mask
            name = f"@llvm.masked.scatter.{_suffix(x.kind, self.width)}.v{self.width}p0"
            places = f"<{self.width} x ptr>"
            at = self._places(base, stride, lanes)
        else:
            name = f"@llvm.masked.store.{_suffix(x.kind, self.width)}.p0"
            places = "ptr"
            at = self._put(f"getelementptr {TYPES[x.kind]}, ptr {base}, i64 {lanes.loop.index}")
        if mask is None:
            self.lines.append(f"store {x.type} {x.name}, ptr {at}, align {align}")
            return
        self.many.intrinsics.add(f"declare void {name}({x.type}, {places}, i32, {mask.type})")
        inside = f"{x.type} {x.name}, {places} {at}, i32 {align}, {mask.type} {mask.name}"
        self.lines.append(f"call void {name}({inside})")

    def _applied(
        self, step: Apply, values: Mapping[int, Reg], divisors: Mapping[int, Divisor]
    ) -> Reg:
        b = self.many
        operands = [
            b.cast(values[k], kind) for k, kind in zip(step.operands, step.kinds, strict=True)
        ]
        if step.row == "divide" and step.operands[1] in divisors:
            return b.cast(quotient(b, operands[0], divisors[step.operands[1]]), step.kind)
        if step.row not in HEAVY:
            return b.cast(emit(b, step.row, operands, dict(step.params)), step.kind)
        x = operands[0]
        heavy = Heavy(step.row, x.kind, self.width, step.params, len(operands))
        self.functions[heavy] += 1
        inside = ", ".join(f"{x.type} {x.name}" for x in operands)
        found = b.put(f"call fastcc {x.type} {heavy.name}({inside})", x.kind)
        return b.cast(found, step.kind)


def _wide(kernel: Kernel) -> bool:
    """Whether numbers of eight bytes are in it."""
    kinds = {kind for step in kernel.body for kind in (*step.kinds, step.kind)}
    kinds |= {x.kind for x in kernel.reads} | {x.kind for x in kernel.stores}
    return any(WIDTHS[kind] == 8 for kind in kinds)


def _memory(kind: str) -> str:
    """The kind that numbers have in memory."""
    return "byte" if kind == "bool" else kind


def _suffix(kind: str, width: int) -> str:
    """How the names of LLVM's functions end for so many numbers of a kind."""
    word = {"float64": "f64", "float32": "f32", "byte": "i8"}.get(kind, TYPES[kind])
    return f"v{width}{word}"
