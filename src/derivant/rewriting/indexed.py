"""Sums of contractions as data: letters, atoms, terms, sums, and the exact numbers before them.

A letter is an int. The free letters of a sum are 0, 1, ... in the order of its axes; every other
letter of a term is bound, that is, summed over. A free letter that no atom of a term carries means
that the term is the same along that axis. Knows nothing of how expressions are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from derivant.base.dims import Shape, Size
from derivant.carriers.expr import Expr

Letter: TypeAlias = int
Index: TypeAlias = tuple[Letter, ...]
Product: TypeAlias = tuple[tuple[object, ...], tuple[tuple[Letter, Size], ...]]
ONE = Fraction(1)
UNIT, FACT, BELOW = "a unit tensor", "a fact", "a quotient"  # beside the rows of factors
LARGEST_INT = 2**53
MOST_BITS = 4096  # exact numbers beyond this are far outside the floats and would only grow


@dataclass(frozen=True, slots=True, eq=False)
class Atom:
    """One factor: an expression read entry by entry, raised to a power; no payload: a unit tensor.

    `Atom(A, (0, 2))` is A[i, k], `Atom(x, (1,), 2)` is x[j]**2, `Atom(None, (0, 1))` is
    delta[i, j].
    """

    payload: Expr | None
    index: Index
    power: Fraction = ONE

    @property
    def key(self) -> tuple[int, ...]:
        """Equal atoms have equal keys as long as their payloads live."""
        return id(self.payload), *self.power.as_integer_ratio(), *self.index

    def renamed(self, names: Mapping[Letter, Letter]) -> Atom:
        """The atom with letters replaced."""
        if not self.index:
            return self
        return Atom(self.payload, tuple(names.get(c, c) for c in self.index), self.power)


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A number times a product of atoms, summed over its bound letters."""

    coefficient: Fraction
    atoms: tuple[Atom, ...]
    bound: tuple[tuple[Letter, Size], ...] = ()
    _product: Product | None = field(default=None, init=False, repr=False)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal terms have equal keys as long as their payloads live."""
        return self.coefficient.as_integer_ratio(), *self.product

    @property
    def product(self) -> Product:
        """The key of the term without its number, made once."""
        if self._product is None:
            object.__setattr__(self, "_product", (tuple([a.key for a in self.atoms]), self.bound))
        assert self._product is not None
        return self._product

    def scaled(self, number: Fraction) -> Term:
        """The term times a number."""
        return self if number == 1 else self.numbered(self.coefficient * number)

    def numbered(self, number: Fraction) -> Term:
        """The term with another number before it."""
        term = Term(number, self.atoms, self.bound)
        object.__setattr__(term, "_product", self._product)
        return term


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """Terms over the same free letters, with the shape and the dtype of the whole."""

    shape: Shape
    dtype: np.dtype[np.generic]
    terms: tuple[Term, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """Equal sums have equal keys as long as their payloads live."""
        return self.shape, self.dtype, tuple([t.key for t in self.terms])

    @property
    def marks(self) -> set[str]:
        """The rows of the factors; UNIT, FACT and BELOW where there are such."""
        marks = set()
        for term in self.terms:
            for atom in term.atoms:
                payload = atom.payload
                if payload is None:
                    marks.add(UNIT)
                else:
                    marks.add(payload.primitive.name)
                    if payload.params.get("facts"):
                        marks.add(FACT)
                    if atom.power is not ONE and atom.power < 0:
                        marks.add(BELOW)
        return marks

    @property
    def rank(self) -> int:
        """The number of free letters."""
        return len(self.shape)

    def transposed(self) -> Sum:
        """A sum over two free letters with these exchanged."""
        names = {0: 1, 1: 0}
        terms = (replace(t, atoms=tuple(a.renamed(names) for a in t.atoms)) for t in self.terms)
        return Sum(self.shape[::-1], self.dtype, tuple(terms))

    def slim(self) -> tuple[Sum, Index]:
        """The sum over those of its free letters that it depends on, and which these are."""
        if not self.shape:
            return self, ()
        carried = {c for t in self.terms for a in t.atoms for c in a.index}
        kept = tuple(c for c in range(self.rank) if c in carried)
        if len(kept) == self.rank:
            return self, kept
        names = {c: k for k, c in enumerate(kept)}
        less = self.rank - len(kept)
        names |= {c: c - less for t in self.terms for c, _ in t.bound}
        terms = tuple(
            Term(
                t.coefficient,
                tuple(a.renamed(names) for a in t.atoms),
                tuple((names[c], size) for c, size in t.bound),
            )
            for t in self.terms
        )
        return Sum(tuple(self.shape[c] for c in kept), self.dtype, terms), kept


def letters_of(atoms: Iterable[Atom]) -> dict[Letter, None]:
    """The letters that atoms carry, in order of first appearance."""
    return dict.fromkeys(c for atom in atoms for c in atom.index)


def as_exact(value: object) -> Fraction | None:
    """A real number as it is, exactly; None for what is no finite number."""
    if isinstance(value, (int, np.integer, np.bool_)):
        return Fraction(int(value))
    if isinstance(value, (float, np.floating)) and math.isfinite(value):
        return Fraction(float(value))
    return None


def is_moderate(value: Fraction) -> bool:
    """Whether a number is of a size that exact arithmetic should go on with."""
    if value is ONE:
        return True
    return max(value.numerator.bit_length(), value.denominator.bit_length()) <= MOST_BITS


def as_number(value: Fraction) -> int | float:
    """An exact number as Python's: an int where it is one, else the nearest float."""
    if value.denominator == 1 and abs(value.numerator) <= LARGEST_INT:
        return value.numerator
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
