"""A fused loop with its sizes: axes joined where they can be, reductions cut into fixed pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from derivant.compiler.groups import Group
from derivant.compiler.ir import WIDTHS
from derivant.compiler.ir_rows import HEAVY
from derivant.compiler.kernels import NEXT, STAYS, STRIDED, Apply, Kernel, Read, Reduce, Store
from derivant.compiler.program import Ints, Value
from derivant.compiler.views import View, ordered

CHUNK = 1 << 14  # numbers of one piece of a sum over everything
LONG = 64  # entries of the innermost axis from which what stays along it is prepared
COLUMNS = 128  # as in ir_loops: the strip that a kernel for reduced rows works on
REDUCES = {"sum": "sum", "trace": "sum", "max": "max", "min": "min"}


@dataclass(frozen=True, slots=True)
class Slot:
    """A word of a record: the place in the table of a value's buffer."""

    root: int


Word = int | Slot


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a kernel: its record and the length of its outermost axis."""

    kernel: Kernel
    record: tuple[Word, ...]
    count: int
    work: int  # entries

    @property
    def cost(self) -> int:
        """About how long it takes, to decide whether threads pay."""
        kernel = self.kernel
        heavy = sum(step.row in HEAVY for step in kernel.body)
        kinds = {x.kind for x in kernel.reads} | {x.kind for x in kernel.stores}
        wide = any(WIDTHS[kind] == 8 for kind in kinds)
        return self.work * (1 + len(kernel.body) // 4 + 4 * heavy) * (1 + wide)


@dataclass(frozen=True, slots=True)
class Moving:
    """A buffer seen along the axes of a loop: where it starts and the strides."""

    root: int
    offset: int
    strides: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """The runs that a group of instructions became; what they read and write."""

    calls: tuple[Call, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    rows: tuple[str, ...]
    elsewhere: frozenset[int]  # buffers read at other places than those that are written

    @property
    def computes(self) -> bool:
        """Whether it does more than put numbers at places."""
        kernel = self.calls[0].kernel
        return bool(kernel.body or kernel.reduces)

    def crosses(self, root: int) -> bool:
        """Whether what is written must not be the buffer that is read."""
        return root in self.elsewhere


def planned(
    group: Group,
    stored: Sequence[tuple[View, int]],
    values: list[Value],
) -> Loop:
    """The loop of a group; `stored` are where numbers are kept entry by entry, with their places
    in the group.

    Buffers of partial results are added to `values`.
    """
    return _Builder(group, stored, values).loop()


class _Builder:
    """Numbers the values of a group as its kernel has them, and lays out its axes."""

    def __init__(
        self,
        group: Group,
        stored: Sequence[tuple[View, int]],
        values: list[Value],
    ) -> None:
        self.group, self.values = group, values
        self.kinds = [values[v.root].dtype.name for v in group.reads]
        self.axes = group.axes
        rank = len(group.shape)
        self.kept_axes = [a for a in range(rank) if a not in self.axes]
        self.reads = [Moving(v.root, v.offset, v.strides) for v in group.reads]
        self.stored = [
            (Moving(v.root, v.offset, v.strides), place, values[v.root].dtype.name)
            for v, place in stored
        ]
        self._whole = all(v.whole for v, _ in stored)

    def loop(self) -> Loop:
        """The runs of the kernel."""
        group, before = self.group, len(self.values)
        calls = self._reducing() if group.reduces else [self._entrywise()]
        reads = tuple(dict.fromkeys(m.root for m in self.reads))
        results = tuple(step.output for step, _ in group.reduces)
        partial = tuple(range(before, len(self.values)))
        writes = (*(m.root for m, _, _ in self.stored), *results, *partial)
        rows = tuple(a.row for a in group.body) + tuple(s.row.name for s, _ in group.reduces)
        elsewhere = frozenset(
            v.root for v in group.reads if not (self._whole and v.whole and v.shape == group.shape)
        )
        return Loop(tuple(calls), reads, writes, rows, elsewhere)

    # numbering

    def _number(self, place: int) -> int:
        """The number in the kernel: reads, literals, rows."""
        reads, literals = len(self.group.reads), len(self.group.literals)
        if place >= 0:
            return reads + literals + place
        return -1 - place if place > -1000 else reads + (-1000 - place)

    def _body(self) -> tuple[Apply, ...]:
        return tuple(
            Apply(a.row, tuple(map(self._number, a.operands)), a.kinds, a.kind, a.params)
            for a in self.group.body
        )

    def _kernel(
        self,
        rank: int,
        reduced: int,
        columns: bool,
        width: int,
        inner: Sequence[int],
        reduces: Sequence[Reduce],
    ) -> Kernel:
        """The kernel for reads, then stores, that move by these strides along the last axis, which
        has so many entries."""
        count = len(self.reads)
        reads = tuple(
            Read(kind, STAYS if s == 0 else NEXT if s == WIDTHS[kind] else STRIDED)
            for kind, s in zip(self.kinds, inner[:count], strict=True)
        )
        stores = tuple(
            Store(self._number(place), kind, NEXT if s == WIDTHS[kind] else STRIDED)
            for (_, place, kind), s in zip(self.stored, inner[count:], strict=True)
        )
        literals = tuple(self.group.literals)
        kernel = Kernel(
            rank, reduced, columns, reads, literals, self._body(), stores, tuple(reduces)
        )
        return replace(kernel, long=True) if width >= LONG and kernel.divisors() else kernel

    # axes

    def _joined(
        self, axes: Sequence[int], shape: Sequence[int], moving: Sequence[Moving]
    ) -> tuple[list[int], list[list[int]]]:
        """Axes of size 1 dropped, neighbours joined that are one axis for all buffers: the sizes,
        and the strides of each buffer."""
        sizes: list[int] = []
        strides: list[list[int]] = [[] for _ in moving]
        for axis in axes:
            size = shape[axis]
            if size == 1:
                continue
            steps = [m.strides[axis] for m in moving]
            if sizes and all(s[-1] == t * size for s, t in zip(strides, steps, strict=True)):
                sizes[-1] *= size
                for s, t in zip(strides, steps, strict=True):
                    s[-1] = t
            else:
                sizes.append(size)
                for s, t in zip(strides, steps, strict=True):
                    s.append(t)
        return sizes, strides

    def _entrywise(self) -> Call:
        shape = self.group.shape
        moving = [*self.reads, *(m for m, _, _ in self.stored)]
        sizes, strides = self._joined(range(len(shape)), shape, moving)
        if not sizes:
            sizes, strides = [1], [[0] for _ in moving]
            strides = [[self._unit(m)] for m in moving]
        inner = [s[-1] for s in strides]
        kernel = self._kernel(len(sizes), 0, False, sizes[-1], inner, ())
        record = [*sizes, *self._words(moving, strides)]
        return Call(kernel, tuple(record), sizes[0], int(np.prod(shape, dtype=np.int64)))

    def _unit(self, m: Moving) -> int:
        """The stride along an axis of size 1: that of the next number, so that kernels are few."""
        return int(self.values[m.root].dtype.itemsize)

    @staticmethod
    def _words(moving: Sequence[Moving], strides: Sequence[Sequence[int]]) -> list[Word]:
        words: list[Word] = []
        for m, steps in zip(moving, strides, strict=True):
            words += [Slot(m.root), m.offset, *steps]
        return words

    # reductions

    def _reducing(self) -> list[Call]:
        shape = self.group.shape
        moving = [*self.reads, *(m for m, _, _ in self.stored)]
        kept, kept_strides = self._joined(self.kept_axes, shape, [*moving, *self._results()])
        reduced, strides = self._joined(self.axes, shape, moving)
        if not reduced:
            reduced, strides = [1], [[self._unit(m)] for m in moving]
        work = int(np.prod(shape, dtype=np.int64))
        if not kept and len(reduced) == 1 and reduced[0] >= 2 * CHUNK:
            return self._in_pieces(reduced[0], moving, strides)
        if kept and len(reduced) == 1 and self._by_columns(kept_strides, strides):
            return [self._columns(kept, reduced[0], moving, kept_strides, strides, work)]
        results = self._results()
        own, theirs = kept_strides[: len(moving)], kept_strides[len(moving) :]
        joined = [[*a, *b] for a, b in zip(own, strides, strict=True)]
        inner = [s[-1] for s in joined]
        kernel = self._kernel(
            len(kept) + len(reduced), len(reduced), False, reduced[-1], inner, self._reduces(None)
        )
        words = [*kept, *reduced, *self._words(moving, joined), *self._words(results, theirs)]
        return [Call(kernel, tuple(words), (kept or reduced)[0], work)]

    def _results(self) -> list[Moving]:
        """The buffers of the reduced values along the axes of the loop; kept ones have strides."""
        found = []
        sizes = [self.group.shape[a] for a in self.kept_axes]
        for step, _ in self.group.reduces:
            item = self.values[step.output].dtype.itemsize
            steps = dict(zip(self.kept_axes, ordered(sizes, item), strict=True))
            strides = tuple(steps.get(a, 0) for a in range(len(self.group.shape)))
            found.append(Moving(step.output, 0, strides))
        return found

    def _reduces(self, kind: str | None) -> list[Reduce]:
        return [
            Reduce(
                REDUCES[step.row.name],
                self._number(place),
                kind or self.values[step.output].dtype.name,
            )
            for step, place in self.group.reduces
        ]

    def _by_columns(self, kept: Sequence[Sequence[int]], reduced: Sequence[Sequence[int]]) -> bool:
        """Whether the numbers of the kept axis lie side by side, and those of the other do not."""
        reads = range(len(self.reads))
        sizes = [self.values[m.root].dtype.itemsize for m in self.reads]
        rows = any(reduced[k][0] not in (0, sizes[k]) for k in reads)
        return rows and all(kept[k][-1] in (0, sizes[k]) for k in reads)

    def _columns(
        self,
        sizes: Sequence[int],
        rows: int,
        moving: Sequence[Moving],
        kept: Sequence[Sequence[int]],
        reduced: Sequence[Sequence[int]],
        work: int,
    ) -> Call:
        own, theirs = kept[: len(moving)], kept[len(moving) :]
        steps = [[*a[:-1], *b, a[-1]] for a, b in zip(own, reduced, strict=True)]
        inner = [s[-1] for s in steps]
        kernel = self._kernel(1 + len(sizes), 1, True, sizes[-1], inner, self._reduces(None))
        *outer, width = sizes
        words: list[Word] = [*outer, rows, width]
        words += [*self._words(moving, steps), *self._words(self._results(), theirs)]
        return Call(kernel, tuple(words), outer[0] if outer else -(-width // COLUMNS), work)

    def _in_pieces(
        self, length: int, moving: Sequence[Moving], strides: Sequence[Sequence[int]]
    ) -> list[Call]:
        """A sum over everything: pieces of fixed length, then the sum of the pieces."""
        pieces, rest = divmod(length, CHUNK)
        cells = pieces + (rest > 0)
        buffers = [self._partial(cells) for _ in self.group.reduces]
        steps = [s[0] for s in strides]
        kernel = self._kernel(2, 1, False, CHUNK, steps, self._reduces("float64"))
        calls = [self._piece(kernel, moving, steps, buffers, 0, pieces, CHUNK)]
        if rest:
            calls.append(self._piece(kernel, moving, steps, buffers, pieces, 1, rest))
        for buffer, (step, _) in zip(buffers, self.group.reduces, strict=True):
            kind = self.values[step.output].dtype.name
            last = Kernel(1, 1, False, (Read("float64", NEXT),), (), (), (),
                          (Reduce(REDUCES[step.row.name], 0, kind),))  # fmt: skip
            record = (cells, Slot(buffer.root), 0, 8, Slot(step.output), 0)
            calls.append(Call(last, record, cells, cells))
        return calls

    def _partial(self, cells: int) -> Moving:
        """A buffer for the sums of the pieces."""
        self.values.append(Value((cells,), np.dtype(np.float64)))
        return Moving(len(self.values) - 1, 0, ())

    def _piece(
        self,
        kernel: Kernel,
        moving: Sequence[Moving],
        steps: Sequence[int],
        buffers: Sequence[Moving],
        first: int,
        count: int,
        length: int,
    ) -> Call:
        words: list[Word] = [count, length]
        for m, step in zip(moving, steps, strict=True):
            words += [Slot(m.root), m.offset + first * CHUNK * step, CHUNK * step, step]
        for buffer in buffers:
            words += [Slot(buffer.root), 8 * first, 8]
        return Call(kernel, tuple(words), count, count * length)
