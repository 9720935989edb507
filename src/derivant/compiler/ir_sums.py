"""Sums and extrema in a kernel's text: totals, the errors they lost, what is stored at the end.

Sums take blocks of a fixed length in double precision and add the blocks with the error kept
(Neumaier, *Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen*, 1974), so that
the result depends neither on the number of threads nor on how a loop was vectorised.
"""

from __future__ import annotations

from typing import Any

from derivant.compiler.ir import Reg
from derivant.compiler.ir_writer import Writer

ZERO = "0x8000000000000000"  # -0.0: what a sum starts from, so that -0.0 alone stays itself


class Sums(Writer):
    """Accumulators: places on the stack, which LLVM turns into registers."""

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
