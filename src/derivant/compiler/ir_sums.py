"""Sums and extrema in a kernel's text: totals, the errors they lost, what is stored at the end.

Sums take blocks of a fixed length in double precision and add the blocks with the error kept
(Neumaier, *Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen*, 1974), so that
the result depends neither on the number of threads nor on how long the machine's vectors are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derivant.compiler.ir import WIDTHS, Block, Reg, typed
from derivant.compiler.ir_writer import Lanes, Operand, Writer
from derivant.compiler.kernels import Kernel

# What a reduction starts from; a sum from -0, so that -0 alone stays itself.
STARTS = {"sum": -0.0, "max": -math.inf, "min": math.inf}


@dataclass(frozen=True, slots=True)
class Cell:
    """Places on the stack: a total, the error that it has lost, and one number for each lane.

    Lanes of sums are double, one for two numbers that are not; extrema are as exact in the kind of
    the values.
    """

    how: str
    kind: str  # of the lanes
    total: str
    lost: str
    lanes: str
    width: int  # how many lanes


class Sums(Writer):
    """Accumulators: places on the stack, which LLVM turns into registers."""

    def __init__(self, kernel: Kernel, fuses: bool) -> None:
        super().__init__(kernel, fuses)
        self.cells = [
            self._cell(r.how, kernel.kind_of(r.value))
            for r in ([] if kernel.columns else kernel.reduces)
        ]

    def _cell(self, how: str, kind: str) -> Cell:
        width = self.width // 2 if how == "sum" and kind != "float64" else self.width
        kind = "float64" if how == "sum" else kind
        lanes = self._place(typed(kind, width))
        return Cell(how, kind, self._place("double"), self._place("double"), lanes, width)

    def _lanes_of(self, cell: Cell) -> Block:
        return self.many if cell.width == self.width else self.block(cell.width)

    def _set(self, b: Block, value: float, place: str, kind: str = "float64") -> None:
        number = b.number(value, kind)
        self.lines.append(f"store {number.type} {number.name}, ptr {place}")

    def _get(self, b: Block, place: str, kind: str = "float64") -> Reg:
        return b.put(f"load {typed(kind, b.width)}, ptr {place}, align {WIDTHS[kind]}", kind)

    def _cleared(self) -> None:
        """Before the first entry of a result."""
        for cell in self.cells:
            if cell.how == "sum":
                self._set(self.one, -0.0, cell.total)
                self._set(self.one, -0.0, cell.lost)
            else:
                self._set(self.many, STARTS[cell.how], cell.lanes, cell.kind)

    def _block_begun(self) -> None:
        for cell in self.cells:
            if cell.how == "sum":
                self._set(self._lanes_of(cell), -0.0, cell.lanes)

    def _accumulated(self, b: Block, how: str, value: Reg, place: str, kind: str) -> None:
        """One more number in each lane."""
        new = _joined(b, how, self._get(b, place, kind), b.cast(value, kind))
        self.lines.append(f"store {new.type} {new.name}, ptr {place}, align {WIDTHS[kind]}")

    def _lanes_added(self, values: Mapping[int, Reg], lanes: Lanes) -> None:
        """One more number in each lane that there is; others get what changes nothing."""
        reduces = self.kernel.reduces
        all_, some, then = self._label("all"), self._label("some"), self._label("then")
        self._branch(lanes.full, all_, some)
        self.lines += [f"{all_}:", f"br label %{then}"]
        self.lines.append(f"{some}:")
        mask, part = self._mask(lanes), []
        for r in reduces:
            x = values[r.value]
            part.append(self.many.select(mask, x, self.many.number(STARTS[r.how], x.kind)))
        self._goto(then, then)
        for r, cell, y in zip(reduces, self.cells, part, strict=True):
            x = self._joined(values[r.value], all_, y, some)
            b = self._lanes_of(cell)
            if x.width > b.width:
                x = self._folded(b, r.how, x)
            self._accumulated(b, r.how, x, cell.lanes, cell.kind)

    def _block_ended(self) -> None:
        """total += block, the rounding error added to what is lost."""
        for cell in self.cells:
            if cell.how == "sum":
                x = self._across(cell)
                self._neumaier(self.one, cell.total, cell.lost, x)

    def _across(self, cell: Cell) -> Reg:
        """All lanes as one number: halves joined until one is left."""
        x = self._get(self._lanes_of(cell), cell.lanes, cell.kind)
        while x.width > 1:
            x = self._folded(self.block(x.width // 2), cell.how, x)
        return x

    def _folded(self, b: Block, how: str, x: Reg) -> Reg:
        """The two halves joined."""
        low, high = (self._half(b, x, start) for start in (0, b.width))
        return _joined(b, how, low, high)

    @staticmethod
    def _half(b: Block, x: Reg, start: int) -> Reg:
        if b.width == 1:
            return b.put(f"extractelement {x.type} {x.name}, i64 {start}", x.kind)
        steps = ", ".join(f"i32 {start + k}" for k in range(b.width))
        text = f"shufflevector {x.type} {x.name}, {x.type} poison, <{b.width} x i32> <{steps}>"
        return b.put(text, x.kind)

    def _neumaier(self, b: Block, total: str, lost: str, x: Reg) -> None:
        s = self._get(b, total)
        t = b.add(s, x)
        first = b.compare("greater_equal", b.call("fabs", s), b.call("fabs", x))
        one, two = b.add(b.sub(s, t), x), b.add(b.sub(x, t), s)
        more = b.add(self._get(b, lost), b.select(first, one, two))
        self.lines.append(f"store {more.type} {more.name}, ptr {lost}, align 8")
        self.lines.append(f"store {t.type} {t.name}, ptr {total}, align 8")

    def _settled(self, b: Block, total: str, lost: str) -> Reg:
        """total + lost; the total alone where it is not finite, or nothing was lost."""
        s, e = self._get(b, total), self._get(b, lost)
        finite = b.compare("less", b.call("fabs", s), b.number(math.inf, "float64"))
        lossy = b.compare("not_equal", e, b.number(0.0, "float64"))
        return b.select(b.logic("and", finite, lossy), b.add(s, e), s)

    def _finish(self, results: Sequence[Operand]) -> None:
        """Store the results."""
        for r, cell, (base, _) in zip(self.kernel.reduces, self.cells, results, strict=True):
            if cell.how == "sum":
                value = self._settled(self.one, cell.total, cell.lost)
            else:
                value = self._across(cell)
            value = Block.cast(self.one, value, r.kind)
            self.lines.append(
                f"store {value.type} {value.name}, ptr {base}, align {WIDTHS[value.kind]}"
            )


def _joined(b: Block, how: str, x: Reg, y: Reg) -> Reg:
    """x + y, or the larger or smaller of them, NaN where either is."""
    if how == "sum":
        return b.add(x, y)
    return b.call("maximum" if how == "max" else "minimum", x, y)
