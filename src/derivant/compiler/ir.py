"""Text of LLVM's intermediate language, one instruction a call. Knows types, no mathematics.

Registers are typed by what NumPy calls their dtype: "float64", "float32", "int64", "bool".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

TYPES = {"float64": "double", "float32": "float", "int64": "i64", "int32": "i32", "bool": "i1",
         "byte": "i8"}  # fmt: skip
WIDTHS = {"float64": 8, "float32": 4, "int64": 8, "int32": 4, "bool": 1, "byte": 1}
BITS = {"float64": ("int64", 64), "float32": ("int32", 32)}
ORDERED = {"less": "olt", "less_equal": "ole", "greater": "ogt", "greater_equal": "oge",
           "equal": "oeq", "not_equal": "une"}  # fmt: skip
SIGNED = {"less": "slt", "less_equal": "sle", "greater": "sgt", "greater_equal": "sge",
          "equal": "eq", "not_equal": "ne"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reg:
    """A value: its name in the text, or a literal, its kind, and how many numbers it is."""

    name: str
    kind: str
    width: int = 1

    @property
    def type(self) -> str:
        """LLVM's word for the kind."""
        return typed(self.kind, self.width)


def typed(kind: str, width: int) -> str:
    """LLVM's word for some numbers of a kind."""
    return TYPES[kind] if width == 1 else f"<{width} x {TYPES[kind]}>"


def literal(value: float, kind: str) -> str:
    """A number as it is written, exact to the bit."""
    if kind == "bool":
        return "true" if value else "false"
    if kind in ("int64", "int32"):
        return str(int(value))
    if kind == "float32":  # LLVM writes these by the bits of the double of the same value
        (value,) = struct.unpack("<f", struct.pack("<f", value))
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return f"0x{bits:016X}"


def repeated(text: str, kind: str, width: int) -> Reg:
    """A literal as the number of a kind, so many times."""
    return Reg(text if width == 1 else f"splat ({TYPES[kind]} {text})", kind, width)


class Block:
    """Instructions in order, on so many numbers at once, and the intrinsics that they call."""

    def __init__(self, prefix: str = "v", width: int = 1, lines: list[str] | None = None) -> None:
        self.lines: list[str] = [] if lines is None else lines
        self.intrinsics: set[str] = set()
        self.width = width
        self._prefix = prefix
        self._count = 0

    def fresh(self) -> str:
        """A name that nothing has."""
        self._count += 1
        return f"%{self._prefix}{self._count}"

    def put(self, text: str, kind: str) -> Reg:
        """The result of an instruction."""
        name = self.fresh()
        self.lines.append(f"{name} = {text}")
        return Reg(name, kind, self.width)

    def number(self, value: float, kind: str) -> Reg:
        """A literal, exact to the bit."""
        return repeated(literal(value, kind), kind, self.width)

    # arithmetic

    def binary(self, op: str, x: Reg, y: Reg) -> Reg:
        """add, sub, mul, div of two values of one kind."""
        word = ("f" if x.kind in BITS else "") + op
        return self.put(f"{word} {x.type} {x.name}, {y.name}", x.kind)

    def add(self, x: Reg, y: Reg) -> Reg:
        """x + y."""
        return self.binary("add", x, y)

    def sub(self, x: Reg, y: Reg) -> Reg:
        """x - y."""
        return self.binary("sub", x, y)

    def mul(self, x: Reg, y: Reg) -> Reg:
        """x y."""
        return self.binary("mul", x, y)

    def div(self, x: Reg, y: Reg) -> Reg:
        """x / y."""
        return self.binary("div", x, y)

    def neg(self, x: Reg) -> Reg:
        """-x."""
        if x.kind in BITS:
            return self.put(f"fneg {x.type} {x.name}", x.kind)
        return self.sub(self.number(0, x.kind), x)

    def call(self, name: str, *operands: Reg) -> Reg:
        """An intrinsic on floats of one kind."""
        kind = operands[0].kind
        suffix = "f64" if kind == "float64" else "f32"
        suffix = suffix if self.width == 1 else f"v{self.width}{suffix}"
        types = ", ".join(x.type for x in operands)
        self.intrinsics.add(f"declare {operands[0].type} @llvm.{name}.{suffix}({types})")
        inside = ", ".join(f"{x.type} {x.name}" for x in operands)
        return self.put(f"call {operands[0].type} @llvm.{name}.{suffix}({inside})", kind)

    def muladd(self, x: Reg, y: Reg, z: Reg) -> Reg:
        """x y + z, with one rounding where the machine can."""
        return self.call("fmuladd", x, y, z)

    def polynomial(self, coefficients: tuple[float, ...], x: Reg) -> Reg:
        """c0 + x (c1 + x (c2 + ...))."""
        total = self.number(coefficients[-1], x.kind)
        for c in coefficients[-2::-1]:
            total = self.muladd(total, x, self.number(c, x.kind))
        return total

    # choice

    def compare(self, how: str, x: Reg, y: Reg) -> Reg:
        """A truth value."""
        if x.kind in BITS:
            return self.put(f"fcmp {ORDERED[how]} {x.type} {x.name}, {y.name}", "bool")
        word = SIGNED[how]
        if x.kind == "bool":
            word = word.replace("s", "u") if word[0] == "s" else word
        return self.put(f"icmp {word} {x.type} {x.name}, {y.name}", "bool")

    def unordered(self, x: Reg) -> Reg:
        """Whether x is NaN."""
        return self.put(f"fcmp uno {x.type} {x.name}, {x.name}", "bool")

    def logic(self, word: str, x: Reg, y: Reg) -> Reg:
        """and, or, xor, bit by bit."""
        return self.put(f"{word} {x.type} {x.name}, {y.name}", x.kind)

    def select(self, condition: Reg, x: Reg, y: Reg) -> Reg:
        """x where the condition holds, else y."""
        which = f"{condition.type} {condition.name}"
        return self.put(f"select {which}, {x.type} {x.name}, {y.type} {y.name}", x.kind)

    # one of many

    def lane(self, x: Reg, place: int) -> str:
        """One of the numbers."""
        if self.width == 1:
            return x.name
        return self.put(f"extractelement {x.type} {x.name}, i64 {place}", x.kind).name

    def with_lane(self, x: str, kind: str, place: int, one: str) -> str:
        """The numbers with one of them replaced."""
        if self.width == 1:
            return one
        word = typed(kind, self.width)
        return self.put(f"insertelement {word} {x}, {TYPES[kind]} {one}, i64 {place}", kind).name

    # conversion

    def bits(self, x: Reg) -> Reg:
        """The bits of a float as an integer."""
        kind = BITS[x.kind][0]
        return self.put(f"bitcast {x.type} {x.name} to {typed(kind, self.width)}", kind)

    def from_bits(self, x: Reg) -> Reg:
        """The float that has these bits."""
        kind = "float64" if x.kind == "int64" else "float32"
        return self.put(f"bitcast {x.type} {x.name} to {typed(kind, self.width)}", kind)

    def shift(self, word: str, x: Reg, count: int) -> Reg:
        """shl, lshr, ashr."""
        by = self.number(count, x.kind)
        return self.put(f"{word} {x.type} {x.name}, {by.name}", x.kind)

    def cast(self, x: Reg, kind: str) -> Reg:
        """The value in another kind, as NumPy's astype has it for values that fit."""
        if x.kind == kind:
            return x
        if kind == "bool":
            return self.compare("not_equal", x, self.number(0, x.kind))
        return self.put(
            f"{_word(x.kind, kind)} {x.type} {x.name} to {typed(kind, self.width)}", kind
        )


def _word(old: str, new: str) -> str:
    """LLVM's instruction for a conversion."""
    if old in BITS and new in BITS:
        return "fpext" if WIDTHS[new] > WIDTHS[old] else "fptrunc"
    if new in BITS:
        return "uitofp" if old == "bool" else "sitofp"
    if old in BITS:
        return "fptosi"
    if old == "bool":
        return "zext"
    return "sext" if WIDTHS[new] > WIDTHS[old] else "trunc"
