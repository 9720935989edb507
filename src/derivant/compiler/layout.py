"""Where each buffer of a plan is: in an argument, a result, a constant, or in scratch memory.

The table of addresses has arguments first, then results, constants, what NumPy made in between,
and pieces of scratch memory; pieces are used again once nothing reads them any more.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from derivant.compiler.chains import chains, rows_at_once, spare
from derivant.compiler.loops import Call, Loop, Slot
from derivant.compiler.ordering import Donated, Schedule
from derivant.compiler.plan import Outside, Step
from derivant.compiler.pool import workers_wanted
from derivant.compiler.products import Product
from derivant.compiler.program import Program
from derivant.compiler.views import View

LINE = 64  # bytes of a line of the cache: pieces begin on one
LONG = 250_000  # cost, about a third of a nanosecond each, from which threads share a loop
CHUNKS = 12  # for each thread


@dataclass(frozen=True, slots=True)
class Result:
    """How an output comes: as a buffer of its own, or as a copy of what a view shows."""

    view: View | int
    direct: bool


class Layout:
    """The table of a plan: which entry is which buffer, and what fills it when."""

    def __init__(self, program: Program, donated: Donated) -> None:
        schedule = Schedule(program, donated)
        plan = self.plan = schedule.plan
        self.values, self.steps = plan.values, schedule.steps
        self.inputs = program.inputs
        self.slots: dict[int, int] = {root: k for k, root in enumerate(self.inputs)}
        self.donated = {o: self.slots[i] for i, o in schedule.in_place.items()}
        self.slots |= self.donated
        self.outside = {root for s in self.steps if isinstance(s, Outside) for root in s.writes}
        native = {r for s in self.steps if not isinstance(s, Outside) for r in s.writes}
        self.results: list[Result] = []
        self._given: set[int] = set()  # roots that a result is
        self.fresh: list[int] = []  # roots that a new array is made for at each call
        for view, value in zip(plan.results, program.outputs, strict=True):
            self.results.append(self._result(view, value, native))
        self.constants = {root: np.asarray(x, order="C") for root, x in program.constants}
        self.size = len(self.inputs)  # of the table
        for root in (*self.fresh, *self.constants, *sorted(self.outside)):
            self._enter(root)
        self.offsets: dict[int, int] = {}
        pieces = native - {*self.fresh} - {*self.donated}
        self.guests = self._guests(pieces)
        self.slots |= {guest: self.slots[host] for guest, host in self.guests.items()}
        self.groups = chains(self.steps, lambda root: self.slots.get(root, -1 - root))
        self.scratch = self._assign(pieces - {*self.guests})

    def _result(self, view: View | int, value: int, native: set[int]) -> Result:
        """The buffer of a value itself where a step fills just that, and no other result has it."""
        if isinstance(view, View) and view.root in native and view.root not in self._given:
            own = self.values[view.root]
            if view.whole and own.shape == view.shape == self.values[value].shape:
                self._given.add(view.root)
                if view.root not in self.donated:
                    self.fresh.append(view.root)
                return Result(view, True)
        return Result(view, False)

    def _enter(self, root: int) -> None:
        """The next entry of the table."""
        if root not in self.slots:
            self.slots[root] = self.size
            self.size += 1

    def _uses(self, groups: Sequence[Sequence[Step]]) -> tuple[dict[int, int], dict[int, int]]:
        """The places of the first and the last of some groups of steps that use each buffer."""
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for k, group in enumerate(groups):
            for step in group:
                for root in step.writes:
                    first.setdefault(root, k)
                for root in (*step.reads, *step.writes):
                    last[root] = k
        for result in self.results:
            root = result.view.root if isinstance(result.view, View) else result.view
            last[root] = len(groups)
        return first, last

    def _guests(self, roots: set[int]) -> dict[int, int]:
        """Buffers that are in the array of a result until the loop that fills it reads them."""
        first, last = self._uses([(step,) for step in self.steps])
        found: dict[int, int] = {}
        for host in self.fresh:
            own, place = self.values[host], first[host]
            step = self.steps[place]
            likely = spare(step, host) if isinstance(step, Loop) else ()
            for guest in likely:
                value = self.values[guest]
                alike = value.shape == own.shape and value.dtype == own.dtype
                if guest in roots and guest not in found and alike and last[guest] == place:
                    found[guest] = host
                    break
        return found

    def _assign(self, roots: set[int]) -> int:
        """Give each buffer a piece of scratch memory while it is needed; the size of all."""
        first, last = self._uses(self.groups)
        free: list[tuple[int, int]] = []  # offset and size of holes
        busy: list[tuple[int, int, int]] = []  # last use, offset, size
        end = 0
        for root in sorted(roots, key=lambda r: (first[r], r)):
            size = -(-max(self.values[root].nbytes, 1) // LINE) * LINE
            for item in [b for b in busy if b[0] < first[root]]:
                busy.remove(item)
                free.append(item[1:])
            free = _merged(free)
            hole = min((h for h in free if h[1] >= size), key=lambda h: h[1], default=None)
            if hole is None:
                offset, end = end, end + size
            else:
                free.remove(hole)
                offset = hole[0]
                if hole[1] > size:
                    free.append((offset + size, hole[1] - size))
            busy.append((last[root], offset, size))
            self.offsets[root] = offset
            self._enter(root)
        return end

    def taken(self, view: View) -> tuple[int, bool]:
        """Where a direct result is in the table, and whether it is handed out as a number."""
        return self.slots[view.root], not view.shape and view.root not in self.donated

    def work(self) -> int:
        """About how many operations a call does."""
        total = 0
        for step in self.steps:
            if isinstance(step, Product):
                total += step.flops
            elif isinstance(step, Loop):
                total += sum(c.cost for c in step.calls)
        return total

    # records

    def words(self, call: Call, address: int) -> list[int]:
        """The record of a loop, with the address of its kernel in front."""
        record = [self.slots[w.root] if isinstance(w, Slot) else w for w in call.record]
        return [address, call.count, len(record), grain([call]), *record]

    def chain(self, calls: Sequence[Call], address: int, kernels: Sequence[int]) -> list[int]:
        """The record of loops that are run together: how many, rows at once, then their own."""
        record = [len(calls), rows_at_once(calls)]
        for call, kernel in zip(calls, kernels, strict=True):
            record += self.words(call, kernel)
        return [address, calls[0].count, len(record), grain(calls), *record]

    def product(self, product: Product, address: int) -> list[int]:
        """The record of a product."""
        p = product
        (n, m, k), (lda, ldb, ldc), (sa, sb, sc) = p.sizes, p.leading, p.steps
        turned = [int(t) for t in p.turned]
        a = [self.slots[p.first.root], p.first.offset]
        b = [self.slots[p.second.root], p.second.offset]
        c = self.slots[p.root]
        if p.kind == "gemm":
            record = [*a, *b, c, n, m, k, lda, ldb, ldc, *turned, sa, sb, sc]
        elif n == 1:  # y = F2' x: the second operand is the matrix
            shape = [m, k] if p.turned[1] else [k, m]
            trans = int(not p.turned[1])
            record = [*b, *a, c, *shape, 0, ldb, lda, ldc, trans, 0, sb, sa, sc]
        else:
            shape = [k, n] if p.turned[0] else [n, k]
            step = ldb if p.turned[1] else 1
            record = [*a, *b, c, *shape, 0, lda, step, 1, turned[0], 0, sa, sb, sc]
        (factor,) = struct.unpack("<q", struct.pack("<d", p.factor))
        scale = [self.slots[p.scale.root], p.scale.itemsize] if p.scale is not None else [0, 0]
        record += [factor, int(p.onto is not None), *scale]
        return [address, p.stack, len(record), 0, *record]


def grain(calls: Sequence[Call]) -> int:
    """How much of the outermost axis one thread takes at a time; 0 where threads do not pay."""
    kernel, count = calls[0].kernel, calls[0].count
    if sum(c.cost for c in calls) < LONG or count < 2 or kernel.reduced == kernel.rank:
        return 0
    pieces = CHUNKS * (1 + max(workers_wanted(), 0))
    step = -(-count // pieces)
    return -(-step // LINE) * LINE if kernel.rank == 1 and len(calls) == 1 else step


def _merged(free: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Holes that touch one another as one."""
    found: list[tuple[int, int]] = []
    for offset, size in sorted(free):
        if found and sum(found[-1]) == offset:
            found[-1] = (found[-1][0], found[-1][1] + size)
        else:
            found.append((offset, size))
    return found
