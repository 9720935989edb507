"""What kernels of products that we write ourselves have in common.

Numbers of a record have their names in the text; which kernel does what is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from derivant.compiler.ir import TYPES, WIDTHS, Reg, typed
from derivant.compiler.ir_text import Text

PANEL = {"float64": 8, "float32": 16}  # numbers in a vector


class Matrices(Text):
    """The text of a kernel for one dtype."""

    def __init__(self, dtype: str) -> None:
        super().__init__(PANEL[dtype])
        self.kind, self.word, self.bytes = dtype, TYPES[dtype], WIDTHS[dtype]
        self.full = typed(dtype, self.width)

    @contextmanager
    def _over(self, low: str, high: str, step: int = 1) -> Iterator[str]:
        """A loop around what is written inside."""
        loop = self._loop(low, high, step)
        yield loop.index
        self._end(loop)

    def _steps(self, lead: str, turned: str) -> tuple[str, str, str]:
        """Bytes to the next row and to the next column of a matrix, and whether it is turned."""
        far = self._put(f"mul i64 {lead}, {self.bytes}")
        flag = self._put(f"icmp ne i64 {turned}, 0")
        down = self._put(f"select i1 {flag}, i64 {far}, i64 {self.bytes}")
        return down, self._put(f"select i1 {flag}, i64 {self.bytes}, i64 {far}"), flag

    def _write(self, x: Reg, at: str) -> None:
        self.lines.append(f"store {x.type} {x.name}, ptr {at}, align {self.bytes}")

    def _number(self, at: str) -> str:
        return self._put(f"load {self.word}, ptr {at}, align {self.bytes}")
