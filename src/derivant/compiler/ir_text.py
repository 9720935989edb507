"""The text of one function of LLVM's language: blocks, loops, words of its record.

Knows no kernels: what is read, computed and stored is written by who uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from derivant.compiler.ir import TYPES, Block, Reg, typed


@dataclass(frozen=True, slots=True)
class Loop:
    """An open loop: its index, and the labels of its head, its latch and what follows."""

    index: str
    step: int
    head: str
    latch: str
    after: str


class Text:
    """The lines of a function, and what it keeps on the stack; vectors have `width` numbers."""

    def __init__(self, width: int) -> None:
        self.lines: list[str] = []
        self.top: list[str] = []  # places on the stack
        self.width = width
        self.many = Block("v", self.width, self.lines)
        self.one = Block("s", 1, self.lines)
        self._more: list[Block] = [self.many, self.one]
        self._count = 0
        self._word = 0

    @property
    def intrinsics(self) -> set[str]:
        """What the function declares."""
        return set[str]().union(*(block.intrinsics for block in self._more))

    # names, places, branches

    def block(self, width: int) -> Block:
        """Instructions on so many numbers at once."""
        self._count += 1
        self._more.append(Block(f"h{self._count}_", width, self.lines))
        return self._more[-1]

    def _put(self, text: str) -> str:
        self._count += 1
        name = f"%q{self._count}"
        self.lines.append(f"{name} = {text}")
        return name

    def _place(self, kind: str) -> str:
        """Room on the stack."""
        self._count += 1
        name = f"%a{self._count}"
        self.top.append(f"{name} = alloca {kind}, align 64")
        return name

    def _label(self, hint: str) -> str:
        self._count += 1
        return f"{hint}{self._count}"

    def _branch(self, condition: str, yes: str, no: str) -> None:
        self.lines.append(f"br i1 {condition}, label %{yes}, label %{no}")

    def _goto(self, label: str, here: str) -> None:
        """Go to a label; what follows is written at another."""
        self.lines += [f"br label %{label}", f"{here}:"]

    def _next_word(self) -> str:
        """The next number of the record."""
        place = self._put(f"getelementptr i64, ptr %rec, i64 {self._word}")
        self._word += 1
        return self._put(f"load i64, ptr {place}")

    def _stepped(self, base: str, index: str, stride: str) -> str:
        offset = self._put(f"mul i64 {index}, {stride}")
        return self._put(f"getelementptr i8, ptr {base}, i64 {offset}")

    # loops

    def _loop(self, low: str, high: str, step: int = 1) -> Loop:
        """Open a loop."""
        head, body, latch, after = (self._label(h) for h in ("head", "body", "latch", "after"))
        before = self._label("before")
        self.lines += [f"br label %{before}", f"{before}:", f"br label %{head}", f"{head}:"]
        self._count += 1
        index = f"%i{self._count}"
        self.lines += [
            f"{index} = phi i64 [ {low}, %{before} ], [ {index}.n, %{latch} ]",
            f"{index}.more = icmp slt i64 {index}, {high}",
        ]
        self._branch(f"{index}.more", body, after)
        self.lines.append(f"{body}:")
        return Loop(index, step, head, latch, after)

    def _end(self, loop: Loop) -> None:
        self._goto(loop.latch, loop.latch)
        self.lines.append(f"{loop.index}.n = add nsw i64 {loop.index}, {loop.step}")
        self._goto(loop.head, loop.after)

    # many numbers

    def _numbers(self, kind: str) -> Reg:
        """0, 1, 2, ..."""
        steps = ", ".join(f"{TYPES[kind]} {k}" for k in range(self.width))
        return Reg(f"<{steps}>", kind, self.width)

    def _spread(self, x: Reg) -> Reg:
        """One number so many times."""
        word = typed(x.kind, self.width)
        first = self._put(f"insertelement {word} poison, {x.type} {x.name}, i64 0")
        zeros = f"<{self.width} x i32> zeroinitializer"
        return self.many.put(f"shufflevector {word} {first}, {word} poison, {zeros}", x.kind)
