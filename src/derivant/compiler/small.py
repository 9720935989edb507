"""Products of small matrices as native code of ours: BLAS takes longer to begin than they take.

A panel of rows, as long as a vector, is read where it lies if its numbers lie side by side, else
from a copy on the stack; some columns are made at once, each number of the second matrix meeting
the whole panel. It takes the record that the kernel of gemm takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from derivant.compiler.blas import alpha_lines, matrix_lines, record_lines, scaled_text
from derivant.compiler.ir import WIDTHS, Reg, typed
from derivant.compiler.ir_text import Text
from derivant.compiler.matrices import PANEL, Matrices
from derivant.compiler.products import Product

TOGETHER = 4  # columns done at once
DEEPEST = 256  # inner size: a panel of so many columns is put on the stack
MOST = 1 << 18  # multiplications, above which BLAS is ahead


def routine(product: Product) -> str:
    """The kernel of a product."""
    n, m, k = product.sizes
    if product.kind == "gemm" and k <= DEEPEST and n * m * k <= MOST:
        return "small"
    return product.form or (product.kind if product.scale is None else "scaled")


def matrix_text(kind: str, dtype: str) -> str:
    """The kernel of small products, or of products with a factor that is read at the call."""
    if kind == "small":
        return _Small(dtype).text()
    return "\n".join([_Each(dtype).text(), scaled_text(dtype, f"@each_{dtype}")])


class _Each(Matrices):
    """Writes C + alpha A B one number after the other, for factors that BLAS does not take."""

    def text(self) -> str:
        """The function, of a record, three addresses and the factor."""
        a, b = self._steps("%lda", "%ta"), self._steps("%ldb", "%tb")
        across = self._put(f"mul i64 %ldc, {self.bytes}")
        total = self._place(self.word)
        with self._over("0", "%m") as r, self._over("0", "%n") as j:
            self.lines.append(f"store {self.word} 0.0, ptr {total}")
            with self._over("0", "%k") as p:
                left = self._number(self._stepped(self._stepped("%A.at", r, a[0]), p, a[1]))
                right = self._number(self._stepped(self._stepped("%B.at", p, b[0]), j, b[1]))
                product = self.one.mul(Reg(left, self.kind), Reg(right, self.kind))
                more = self.one.add(Reg(self._number(total), self.kind), product)
                self._write(more, total)
            place = self._stepped(self._stepped("%C.at", r, str(self.bytes)), j, across)
            part = self.one.mul(Reg("%alpha", self.kind), Reg(self._number(total), self.kind))
            self._write(self.one.add(Reg(self._number(place), self.kind), part), place)
        inside = f"ptr %rec, ptr %A.at, ptr %B.at, ptr %C.at, {self.word} %alpha"
        head = f"define internal void @each_{self.kind}({inside}) noinline {{"
        text = [head, "entry:", *record_lines(), *self.top, *self.lines, "ret void", "}"]
        return "\n".join(text)


class _Small(Matrices):
    """Writes the kernel of small products."""

    def __init__(self, dtype: str) -> None:
        super().__init__(dtype)
        self.column = str(self.width * self.bytes)  # bytes of a column of a panel
        self.pack = self._place(f"[{DEEPEST} x {self.full}]")
        self.tile = self._place(f"[{TOGETHER} x {self.full}]")
        self.old = self._place(self.full)

    def text(self) -> str:
        """The function, with what it declares."""
        alpha = self._spread(Reg("%alpha", self.kind))
        adds = self._put("icmp ne i64 %adds, 0")
        down_a, across_a, turned = self._steps("%lda", "%ta")
        down_b, across_b, _ = self._steps("%ldb", "%tb")
        across_c = self._put(f"mul i64 %ldc, {self.bytes}")
        with self._over("%low", "%high") as i:
            self.lines += [f"%i = add i64 {i}, 0", *matrix_lines()]
            with self._over("0", "%m", self.width) as r:
                left = self._put(f"sub i64 %m, {r}")
                own = self._stepped("%A.at", r, down_a)
                panel = self._panel(own, left, down_a, across_a, turned)
                target = self._stepped("%C.at", r, str(self.bytes))
                with self._over("0", "%n", TOGETHER) as j:
                    b = self._stepped("%B.at", j, across_b)
                    count = self._smaller(self._put(f"sub i64 %n, {j}"), TOGETHER)
                    self._made(count, panel, b, down_b, across_b)
                    c = self._stepped(target, j, across_c)
                    self._kept(count, c, across_c, left, alpha, adds)
        head = f"define void @small_{self.kind}(ptr %rec, ptr %table, i64 %low, i64 %high) {{"
        before = [*record_lines(), *self.top, *alpha_lines(self.word)]
        text = [head, "entry:", *before, *self.lines, "ret void", "}"]
        return "\n".join([*sorted(self.intrinsics), *_Some(1).text(self.kind), *text])

    def _smaller(self, x: str, y: int) -> str:
        return self._put(f"select i1 {self._put(f'icmp slt i64 {x}, {y}')}, i64 {x}, i64 {y}")

    # the panel

    def _panel(self, own: str, left: str, down: str, across: str, turned: str) -> tuple[str, str]:
        """Where the panel is, and how far it is to its next column."""
        short = self._put(f"icmp slt i64 {left}, {self.width}")
        copied = self._put(f"or i1 {short}, {turned}")
        copy, apart, near, ready = map(self._label, ("copy", "apart", "near", "ready"))
        self._branch(copied, copy, ready)
        self.lines.append(f"{copy}:")
        with self._over("0", self._put(f"select i1 {short}, i64 %k, i64 0")) as p:
            zero = self.many.number(0.0, self.kind)
            self._write(zero, self._stepped(self.pack, p, self.column))
        self._branch(turned, apart, near)
        self.lines.append(f"{near}:")
        with self._over("0", "%k") as p:
            self._some(
                self._stepped(own, p, across), self._stepped(self.pack, p, self.column), left
            )
        self._goto(ready, apart)
        self._turned_over(own, self._smaller(left, self.width), down)
        self._goto(ready, ready)
        base = self._put(f"select i1 {copied}, ptr {self.pack}, ptr {own}")
        return base, self._put(f"select i1 {copied}, i64 {self.column}, i64 {across}")

    def _turned_over(self, own: str, rows: str, down: str) -> None:
        """The copy of a panel whose rows have their numbers side by side."""
        with self._over("0", rows) as r:
            source = self._stepped(own, r, down)
            target = self._stepped(self.pack, r, str(self.bytes))
            with self._over("0", "%k") as p:
                at = self._stepped(source, p, str(self.bytes))
                x = self._number(at)
                at = self._stepped(target, p, self.column)
                self.lines.append(f"store {self.word} {x}, ptr {at}, align {self.bytes}")

    def _some(self, source: str, target: str, left: str) -> None:
        self.lines.append(f"call fastcc void @some(ptr {source}, ptr {target}, i64 {left})")

    # the columns

    def _made(self, count: str, panel: tuple[str, str], b: str, down: str, across: str) -> None:
        """So many columns of the product, for the rows of the panel: together, or one by one."""
        some, all_, after = map(self._label, ("some", "all", "after"))
        self._branch(self._put(f"icmp slt i64 {count}, {TOGETHER}"), some, all_)
        self.lines.append(f"{some}:")
        with self._over("0", count) as k:
            tile = self._stepped(self.tile, k, self.column)
            self._columns([(self._stepped(b, k, across), tile)], panel, down)
        self._goto(after, all_)
        columns = map(str, range(TOGETHER))
        pairs = [
            (self._stepped(b, k, across), self._stepped(self.tile, k, self.column)) for k in columns
        ]
        self._columns(pairs, panel, down)
        self._goto(after, after)

    def _columns(self, pairs: Sequence[tuple[str, str]], panel: tuple[str, str], down: str) -> None:
        """Sums over the inner axis: each column of the second matrix, and where its sum is put."""
        totals = [self._place(self.full) for _ in pairs]
        zero = self.many.number(0.0, self.kind)
        for total in totals:
            self._write(zero, total)
        with self._over("0", "%k") as p:
            a = self._read(self._stepped(panel[0], p, panel[1]))
            offset = self._put(f"mul i64 {p}, {down}")
            for (start, _), total in zip(pairs, totals, strict=True):
                at = self._put(f"getelementptr i8, ptr {start}, i64 {offset}")
                x = self._number(at)
                many = self._spread(Reg(x, self.kind))
                self._write(self.many.muladd(a, many, self._read(total)), total)
        for (_, tile), total in zip(pairs, totals, strict=True):
            self._write(self._read(total), tile)

    def _read(self, at: str) -> Reg:
        return self.many.put(f"load {self.full}, ptr {at}, align {self.bytes}", self.kind)

    # the result

    def _kept(self, count: str, c: str, across: str, left: str, alpha: Reg, adds: str) -> None:
        """The columns put where they belong, or added to what is there."""
        short = self._put(f"icmp slt i64 {left}, {self.width}")
        with self._over("0", count) as k:
            at, tile = self._stepped(c, k, across), self._stepped(self.tile, k, self.column)
            new = self._put(f"select i1 {short}, ptr {tile}, ptr {at}")
            more, alone, done, some, after = map(
                self._label, ("more", "alone", "done", "some", "after")
            )
            x = self._read(tile)
            self._branch(adds, more, alone)
            self.lines.append(f"{more}:")
            self._write(self.many.muladd(alpha, x, self._before(at, short, left)), new)
            self._goto(done, alone)
            self._write(self.many.mul(alpha, x), new)
            self._goto(done, done)
            self._branch(short, some, after)
            self.lines.append(f"{some}:")
            self._some(tile, at, left)
            self._goto(after, after)

    def _before(self, at: str, short: str, left: str) -> Reg:
        """What is there, as far as it is there."""
        some, after = self._label("some"), self._label("after")
        self._branch(short, some, after)
        self.lines.append(f"{some}:")
        self._some(at, self.old, left)
        self._goto(after, after)
        return self._read(self._put(f"select i1 {short}, ptr {self.old}, ptr {at}"))


class _Some(Text):
    """Writes a function that copies the first numbers of a panel's column, half by half.

    Loads and stores under a mask would do it too, and are slow on some processors.
    """

    def text(self, kind: str) -> list[str]:
        """The function."""
        offset, size, item = "0", PANEL[kind] // 2, WIDTHS[kind]
        while size:
            yes, then = self._label("yes"), self._label("then")
            bit = self._put(f"and i64 %left, {size}")
            self._branch(self._put(f"icmp ne i64 {bit}, 0"), yes, then)
            self.lines.append(f"{yes}:")
            source, target = (self._stepped(x, offset, str(item)) for x in ("%from", "%to"))
            x = self._put(f"load {typed(kind, size)}, ptr {source}, align {item}")
            self.lines.append(f"store {typed(kind, size)} {x}, ptr {target}, align {item}")
            self._goto(then, then)
            offset = self._put(f"add i64 {offset}, {bit}")
            size //= 2
        head = "define internal fastcc void @some(ptr %from, ptr %to, i64 %left) noinline {"
        return [head, "entry:", *self.lines, "ret void", "}"]
