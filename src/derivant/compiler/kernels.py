"""What one fused loop does, free of sizes and addresses: one kernel serves all that look alike.

A kernel runs over the entries of an iteration space. It reads operands, applies rows entry by
entry, stores some results and sums or takes extrema of others over the last axes. Sizes, strides
and places of buffers come at run time in a record of 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

# How an operand moves along the innermost axis: it stays, goes entry by entry, or has a stride.
STAYS, NEXT, STRIDED = "stays", "next", "strided"
FLOATS = ("float64", "float32")


@dataclass(frozen=True, slots=True)
class Read:
    """An operand: the kind of its numbers, and how it moves along the innermost axis."""

    kind: str
    inner: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number that is known, by its bits; `weak` gives way to the kind of the others."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A row on earlier values: their places, the kinds they are brought to, the result's kind."""

    row: str
    operands: tuple[int, ...]
    kinds: tuple[str, ...]
    kind: str
    params: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Store:
    """A value that is kept entry by entry, and how its buffer moves along the innermost axis."""

    value: int
    kind: str
    inner: str


@dataclass(frozen=True, slots=True)
class Reduce:
    """A value summed, or its extremum taken, over the reduced axes; `columns` where these come
    first and the kept axis is the innermost one."""

    how: str  # "sum", "max", "min"
    value: int
    kind: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """One loop nest: `rank` axes, of which the last `reduced` are reduced.

    `columns`: one reduced axis, then one kept axis as the innermost. `long`: the innermost axis has
    so many entries that what stays along it is worth preparing. Values are numbered: reads,
    literals, then applications.
    """

    rank: int
    reduced: int
    columns: bool
    reads: tuple[Read, ...]
    literals: tuple[Literal, ...]
    body: tuple[Apply, ...]
    stores: tuple[Store, ...]
    reduces: tuple[Reduce, ...]
    long: bool = False

    def kind_of(self, value: int) -> str:
        """The kind of a value, by its number."""
        reads, literals = ([x.kind for x in part] for part in (self.reads, self.literals))
        return [*reads, *literals, *(step.kind for step in self.body)][value]

    @property
    def applied(self) -> Iterator[tuple[int, Apply]]:
        """The applications with the numbers of their values."""
        return zip(count(len(self.reads) + len(self.literals)), self.body, strict=False)

    def moving(self) -> frozenset[int]:
        """The values that differ along the innermost axis."""
        found = {k for k, read in enumerate(self.reads) if read.inner != STAYS}
        for k, step in self.applied:
            if not found.isdisjoint(step.operands):
                found.add(k)
        return frozenset(found)

    def divisors(self) -> frozenset[int]:
        """The values that stay while others are divided by them; no known numbers."""
        moving, first, last = self.moving(), len(self.reads), len(self.reads) + len(self.literals)
        divided = (
            step.operands[1]
            for k, step in self.applied
            if step.row == "divide" and k in moving and step.kinds[1] in FLOATS
        )
        found = {y for y in divided if y not in moving and not first <= y < last}
        return frozenset(y for y in found if self.kind_of(y) in FLOATS)
