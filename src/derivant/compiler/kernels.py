"""What one fused loop does, free of sizes and addresses: one kernel serves all that look alike.

A kernel runs over the entries of an iteration space. It reads operands, applies rows entry by
entry, stores some results and sums or takes extrema of others over the last axes. Sizes, strides
and places of buffers come at run time in a record of 64-bit integers.
"""

from __future__ import annotations

from dataclasses import dataclass

# How an operand moves along the innermost axis: it stays, goes entry by entry, or has a stride.
STAYS, NEXT, STRIDED = "stays", "next", "strided"


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

    `columns`: one reduced axis, then one kept axis as the innermost. Values are numbered: reads,
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

    def kind_of(self, value: int) -> str:
        """The kind of a value, by its number."""
        reads, literals = ([x.kind for x in part] for part in (self.reads, self.literals))
        return [*reads, *literals, *(step.kind for step in self.body)][value]
