"""Products that are half the work, X' diag(w) X, and products that are none, X I.

Both look at their numbers: where one is not finite the whole product is done by BLAS, so that it
spreads as it would. They take the record that the kernel of gemm takes.
"""

from __future__ import annotations

from derivant.compiler.blas import gemm_function, matrix_lines, record_lines
from derivant.compiler.ir import Reg
from derivant.compiler.matrices import Matrices

BLOCK = 64  # the size of the blocks on the diagonal
LEVELS = 40  # how often it is doubled: beyond all sizes there are
TILE = 32  # columns that are copied to the other side of the diagonal at once


def square_text(kind: str, dtype: str) -> str:
    """The kernel `square` of a symmetric product, `unit0` or `unit1` of one whose operand is I."""
    kernel = _Squares(dtype)
    kernel.square() if kind == "square" else kernel.unit(kind)
    head = f"define void @{kind}_{dtype}(ptr %rec, ptr %table, i64 %low, i64 %high) {{"
    body = ["entry:", *record_lines(), *kernel.top, *kernel.lines, "ret void", "}"]
    return "\n".join([gemm_function(dtype), head, *body])


class _Squares(Matrices):
    """Writes the loops of one kernel."""

    def square(self) -> None:
        """Blocks on the diagonal, then ever larger ones beside it, and what lies opposite."""
        down, across = self._steps("%lda", "%ta")[0], self._steps("%ldb", "%tb")[1]
        step = self._put(f"mul i64 %ldc, {self.bytes}")
        diagonal = self._put(f"add i64 {step}, {self.bytes}")
        steps = (down, across, step)
        with self._over("%low", "%high") as i:
            self.lines += [f"%i = add i64 {i}, 0", *matrix_lines()]
            with self._over("0", "%n", BLOCK) as start:
                self._block(start, start, str(BLOCK), steps)
            with self._over("0", str(LEVELS)) as level:
                size = self._put(f"shl i64 {BLOCK}, {level}")
                pairs = self._put(f"sdiv i64 {self._put(f'add i64 %n, {size}')}, {size}")
                with self._over("0", self._put(f"sdiv i64 {pairs}, 2")) as pair:
                    start = self._put(f"mul i64 {self._put(f'shl i64 {pair}, 1')}, {size}")
                    self._block(self._put(f"add i64 {start}, {size}"), start, size, steps)
            total = self._begun()
            with self._over("0", "%n") as j:
                self._seen(self._number(self._stepped("%C.at", j, diagonal)), total)
            after = self._unless_finite(total)
            self._mirrored(step)
            self._goto(after, after)

    def _block(self, row: str, column: str, size: str, steps: tuple[str, str, str]) -> None:
        """A block of the product, as far as there are rows and columns."""
        down, across, step = steps
        rows, columns = (self._left(start, size) for start in (row, column))
        c = self._stepped(self._stepped("%C.at", row, str(self.bytes)), column, step)
        a, b = self._stepped("%A.at", row, down), self._stepped("%B.at", column, across)
        self._gemm(a, b, c, rows, columns)

    def _left(self, start: str, size: str) -> str:
        """How many there are from a place on, at most so many; 0 where it is the end."""
        left = self._put(f"sub i64 %n, {start}")
        left = self._put(f"select i1 {self._put(f'icmp slt i64 {left}, 0')}, i64 0, i64 {left}")
        few = self._put(f"icmp slt i64 {left}, {size}")
        return self._put(f"select i1 {few}, i64 {left}, i64 {size}")

    def _mirrored(self, step: str) -> None:
        """What is below the diagonal, above it; some columns at a time, for the cache."""
        with self._over("0", "%n", TILE) as first:
            end = self._put(f"add i64 {first}, {TILE}")
            with self._over(first, "%n") as r:
                near = self._put(f"icmp slt i64 {r}, {end}")
                stop = self._put(f"select i1 {near}, i64 {r}, i64 {end}")
                source = self._stepped("%C.at", r, str(self.bytes))
                target = self._stepped("%C.at", r, step)
                with self._over(first, stop) as j:
                    x = Reg(self._number(self._stepped(source, j, step)), self.kind)
                    self._write(x, self._stepped(target, j, str(self.bytes)))

    def unit(self, kind: str) -> None:
        """A copy of the operand that is not I; -0 becomes 0, as in a sum that begins with 0."""
        turned = kind == "unit0"
        down, across, _ = self._steps("%ldb", "%tb") if turned else self._steps("%lda", "%ta")
        step = self._put(f"mul i64 %ldc, {self.bytes}")
        zero = self.one.number(0.0, self.kind)
        with self._over("%low", "%high") as i:
            self.lines += [f"%i = add i64 {i}, 0", *matrix_lines()]
            total = self._begun()
            with self._over("0", "%n") as j:
                source = self._stepped("%B.at" if turned else "%A.at", j, across)
                target = self._stepped("%C.at", j, step)
                with self._over("0", "%m") as r:
                    x = self._number(self._stepped(source, r, down))
                    self._seen(x, total)
                    place = self._stepped(target, r, str(self.bytes))
                    self._write(self.one.add(Reg(x, self.kind), zero), place)
            after = self._unless_finite(total)
            self._goto(after, after)

    # numbers that are not finite

    def _begun(self) -> str:
        """A place for 0 times all numbers that are seen."""
        total = self._place(self.word)
        self._write(self.one.number(0.0, self.kind), total)
        return total

    def _seen(self, x: str, total: str) -> None:
        zero = self.one.mul(Reg(x, self.kind), self.one.number(0.0, self.kind))
        self._write(self.one.add(Reg(self._number(total), self.kind), zero), total)

    def _unless_finite(self, total: str) -> str:
        """The whole product where something was not finite; the label after what follows here."""
        odd, usual, after = map(self._label, ("odd", "usual", "after"))
        nan = self.one.unordered(Reg(self._number(total), self.kind))
        self._branch(nan.name, odd, usual)
        self.lines.append(f"{odd}:")
        self._gemm("%A.at", "%B.at", "%C.at", "%m", "%n")
        self._goto(after, usual)
        return after

    def _gemm(self, a: str, b: str, c: str, rows: str, columns: str) -> None:
        sizes = f"i64 {rows}, i64 {columns}, i64 %k, i64 %lda, i64 %ldb, i64 %ldc"
        inside = f"ptr {a}, ptr {b}, ptr {c}, {sizes}, i64 %ta, i64 %tb"
        self.lines.append(f"call fastcc void @gemm({inside})")
