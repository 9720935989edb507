"""Loops over the same rows, run one after the other for a few rows at a time.

What one hands on to the next is then still in the cache, and threads meet once for all of them.
Nothing changes in what is computed: a loop is run for some rows alone where threads share it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from derivant.compiler.driver import words_read
from derivant.compiler.ir import WIDTHS
from derivant.compiler.loops import Call, Loop, Slot
from derivant.compiler.plan import Step
from derivant.compiler.program import Ints

LEAST = 250_000  # cost from which it pays
NEAR = 1 << 17  # bytes that the loops of a chain touch before they go on to other rows

# The kernel that runs others for some rows at a time. Its record: how many there are, how many
# rows, then for each what a program has: address, length of its axis, of its record, grain, record.
CHAIN = f"""
define void @chain(ptr %chained, ptr %table, i64 %low, i64 %high) {{
entry:
{words_read("chained", "loops", "rows")}
  %firstloop = getelementptr i64, ptr %chained, i64 2
  br label %head
head:
  %begin = phi i64 [ %low, %entry ], [ %end, %body ]
  %begun = icmp slt i64 %begin, %high
  br i1 %begun, label %some, label %done
some:
  %then = add i64 %begin, %rows
  %cut = icmp slt i64 %then, %high
  %end = select i1 %cut, i64 %then, i64 %high
  br label %body
body:
  %n = phi i64 [ 0, %some ], [ %n1, %run ]
  %here = phi ptr [ %firstloop, %some ], [ %there, %run ]
  %left = icmp slt i64 %n, %loops
  br i1 %left, label %run, label %head
run:
  %code = load ptr, ptr %here
{words_read("here", "address", "length", "words", "grain")}
  %record = getelementptr i64, ptr %here, i64 4
  call void %code(ptr %record, ptr %table, i64 %begin, i64 %end)
  %there = getelementptr i64, ptr %record, i64 %words
  %n1 = add i64 %n, 1
  br label %body
done:
  ret void
}}
"""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a loop reads or writes a buffer: how far it is to the next row, and how long one is."""

    root: int
    writes: bool
    step: int
    start: int
    reach: int  # bytes from the first to the last of a row

    @property
    def inside(self) -> bool:
        """Whether rows do not run into one another."""
        return self.start >= 0 and self.start + self.reach <= self.step


def accesses(call: Call) -> Iterator[Access]:
    """All buffers of a loop, in the order of its record."""
    kernel, words = call.kernel, iter(call.record)
    sizes = [_number(next(words)) for _ in range(kernel.rank)]
    kept = sizes[: kernel.rank - kernel.reduced]
    reads = [(x.kind, sizes, False) for x in kernel.reads]
    stores = [(x.kind, sizes, True) for x in kernel.stores]
    results = [(x.kind, kept, True) for x in kernel.reduces]
    for kind, axes, writes in (*reads, *stores, *results):
        slot, offset = next(words), _number(next(words))
        step, *inner = [_number(next(words)) for _ in axes] or [0]
        reach = WIDTHS[kind]
        for size, stride in zip(axes[1:], inner, strict=True):
            offset += min(stride, 0) * (size - 1)
            reach += abs(stride) * (size - 1)
        assert isinstance(slot, Slot)
        yield Access(slot.root, writes, step, offset, reach)


def _number(word: int | Slot) -> int:
    assert isinstance(word, int)
    return word


def chains(steps: Sequence[Step], memory: Callable[[int], int]) -> list[tuple[Step, ...]]:
    """The steps in their order, those that can be run row by row together.

    `memory` says of a buffer whose memory it has.
    """
    found: list[tuple[Step, ...]] = []
    open_: list[Loop] = []
    for step in steps:
        if isinstance(step, Loop) and _by_rows(step):
            if not _apart([*open_, step], memory):
                found += _closed(open_)
                open_ = []
            open_.append(step)
        else:
            found += [*_closed(open_), (step,)]
            open_ = []
    return [*found, *_closed(open_)]


def _closed(loops: Sequence[Loop]) -> list[tuple[Step, ...]]:
    """One chain where it pays, else every loop for itself."""
    if sum(loop.calls[0].cost for loop in loops) >= LEAST:
        return [tuple(loops)]
    return [(loop,) for loop in loops]


def _by_rows(loop: Loop) -> bool:
    """Whether the outermost axis of a loop is one that its results have too."""
    kernel = loop.calls[0].kernel
    return len(loop.calls) == 1 and not kernel.columns and kernel.reduced < kernel.rank


def _apart(loops: Sequence[Loop], memory: Callable[[int], int]) -> bool:
    """Whether no row of a loop needs, or spoils, another row of a buffer that one of them fills."""
    calls = [loop.calls[0] for loop in loops]
    if len({call.count for call in calls}) > 1:
        return False
    every = [access for call in calls for access in accesses(call)]
    written = {memory(a.root) for a in every if a.writes}
    steps: dict[int, int] = {}
    return all(
        a.inside and steps.setdefault(memory(a.root), a.step) == a.step
        for a in every
        if memory(a.root) in written
    )


def rows_at_once(calls: Sequence[Call]) -> int:
    """How many rows are done by all loops of a chain before they go on."""
    steps = {a.root: abs(a.step) for call in calls for a in accesses(call)}
    return max(1, NEAR // max(sum(steps.values()), 1))


def spare(loop: Loop, root: int) -> Ints:
    """The buffers that a loop reads entry by entry where it fills this one entry by entry."""
    sums = {a.root for call in loop.calls for a in _results(call)}
    if root in sums or root not in loop.writes:
        return ()
    return tuple(x for x in loop.reads if not loop.crosses(x))


def _results(call: Call) -> list[Access]:
    found = list(accesses(call))
    return found[len(found) - len(call.kernel.reduces) :]
