"""What a Jacobian is made of: terms of factors over letters, and how they are renamed and joined.

A term is a number times a product of factors, each read at letters, like a contraction: `rows` are
the letters of the output's axes, `cols` those of the input's. A letter that stands in both is a
unit tensor between the two axes; one that no factor carries stands for ones. Factors name slots;
what is in a slot (an expression here, an array later) the term does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from derivant.base.dims import Size
from derivant.carriers.expr import Expr
from derivant.primitives import Primitive
from derivant.primitives.primitive import Params

Letters: TypeAlias = tuple[int, ...]


class Kind(Enum):
    """How a factor is held."""

    DENSE = 1  # an array with one axis a letter
    SELECT = 2  # 1 + the place that is read, for each entry of what reads; 0 for none
    MAP = 3  # a row that is linear in one operand, known by its two products


@dataclass(frozen=True, slots=True, eq=False)
class MapOf:
    """A row on operands of which one is left open; the others are in slots."""

    row: Primitive
    params: Params
    place: int
    operands: tuple[int, ...]
    in_shape: tuple[Size, ...]
    out_shape: tuple[Size, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """One factor: its slot and letters. Of a selection and a map the first `split` letters are
    what it gives, the others what it reads; walking to the input, it reads what came before.
    """

    slot: int
    index: Letters
    kind: Kind = Kind.DENSE
    split: int = 0
    map: MapOf | None = None
    band: bool = False

    @property
    def gives(self) -> Letters:
        """The letters of the result."""
        return self.index[: self.split]

    @property
    def reads(self) -> Letters:
        """The letters of the operand."""
        return self.index[self.split :]

    def renamed(self, names: Mapping[int, int]) -> Factor:
        """The factor with letters replaced."""
        return replace(self, index=tuple(names.get(c, c) for c in self.index))

    def moved(self, slots: Mapping[int, int]) -> Factor:
        """The factor with other slots."""
        of = self.map
        if of is not None:
            of = replace(of, operands=tuple(slots[s] for s in of.operands))
        return replace(self, slot=slots[self.slot] if of is None else -1, map=of)

    @property
    def slots(self) -> tuple[int, ...]:
        """All slots that the factor reads."""
        return (self.slot,) if self.map is None else self.map.operands


@dataclass(frozen=True, slots=True, eq=False)
class LinearTerm:
    """A number times a product of factors; letters that stand in neither rows nor cols are summed.

    The factors stand in the order in which a cotangent meets them.
    """

    number: float
    rows: Letters
    cols: Letters
    factors: tuple[Factor, ...] = ()

    def renamed(self, names: Mapping[int, int]) -> LinearTerm:
        """The term with letters replaced."""
        return LinearTerm(
            self.number,
            tuple(names.get(c, c) for c in self.rows),
            tuple(names.get(c, c) for c in self.cols),
            tuple(f.renamed(names) for f in self.factors),
        )

    @property
    def letters(self) -> dict[int, None]:
        """All letters, in order of first appearance."""
        found = dict.fromkeys((*self.rows, *self.cols))
        for factor in self.factors:
            found.update(dict.fromkeys(factor.index))
        return found

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for terms that differ in their number and the names of letters alone."""
        names = {c: k for k, c in enumerate(self.letters)}
        one = self.renamed(names)
        factors = tuple((f.slot, f.index, f.kind, f.split, id(f.map)) for f in one.factors)
        return one.rows, one.cols, factors


@dataclass(frozen=True, slots=True, eq=False)
class LinearForm:
    """A sum of terms, the size of each letter, and the expressions in the slots."""

    out_shape: tuple[Size, ...]
    in_shape: tuple[Size, ...]
    terms: tuple[LinearTerm, ...]
    sizes: Mapping[int, Size] = field(default_factory=dict)
    slots: tuple[Expr, ...] = ()


def unified(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """What each letter is called after the letters of each pair have been made one."""
    names: dict[int, int] = {}

    def last(c: int) -> int:
        while c in names:
            c = names[c]
        return c

    for a, b in pairs:
        one, other = last(a), last(b)
        if one != other:
            names[max(one, other)] = min(one, other)
    return {c: last(c) for c in names}


def like_added(terms: Sequence[LinearTerm]) -> tuple[LinearTerm, ...]:
    """Terms that differ in their number alone made one; what is 0 goes."""
    found: dict[tuple[object, ...], LinearTerm] = {}
    for term in terms:
        known = found.get(term.shape)
        number = term.number + (known.number if known else 0.0)
        found[term.shape] = replace(known or term, number=number)
    return tuple(t for t in found.values() if t.number)


def counted(term: LinearTerm, gone: Iterable[int], sizes: Mapping[int, Size]) -> LinearTerm | None:
    """The term with a factor n for each letter of size n that was summed and that nothing carries.

    None where such a size is a name.
    """
    number = term.number
    known = term.letters
    for c in dict.fromkeys(gone):
        if c not in known:
            size = sizes[c]
            if not isinstance(size, int):
                return None
            number *= size
    return replace(term, number=number)
