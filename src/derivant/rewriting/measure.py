"""How much there is to read in a sum, to choose between equal forms before they are written out.

An estimate of the size of the document (names, numbers, signs, functions) from letters alone.
"""

from __future__ import annotations

from derivant.carriers.expr import Expr
from derivant.rewriting.indexed import ONE, Atom, Sum, Term
from derivant.rewriting.settling import size_of_number

FUNCTION = 2  # a function's name and its call


class Sizes:
    """The sizes of payloads, each entered once, inner ones first."""

    __slots__ = ("_known", "_terms")

    def __init__(self) -> None:
        self._known: dict[int, tuple[Expr, int]] = {}
        self._terms: dict[tuple[int, int, bool], tuple[Term, int]] = {}

    def of(self, payload: Expr | None) -> int:
        """The size of a payload as it stands in a term."""
        if payload is None:
            return 1 + FUNCTION
        known = self._known.get(id(payload))
        if known is not None:
            return known[1]
        plain = not payload.inputs or size_of_number(payload) is not None
        return 1 if plain else FUNCTION + len(payload.inputs)

    def enter(self, payload: Expr, inside: Sum, more: int = 0) -> None:
        """Note the size of a payload that is a sum, or a function of one."""
        if id(payload) not in self._known:
            self._known[id(payload)] = (payload, self.measure(inside) + more)

    def measure(self, total: Sum) -> int:
        """The size of a sum."""
        if not total.terms:
            return 1
        return self.unsigned(total) + all(t.coefficient < 0 for t in total.terms)

    def unsigned(self, total: Sum) -> int:
        """The size of a sum or of its negative: a sign in front is not counted."""
        return sum(self.term(t, total) for t in total.terms) + len(total.terms) - 1

    def term(self, term: Term, total: Sum) -> int:
        """The size of a term without its sign, found once."""
        key = id(term), len(total.shape), len(total.terms) == 1
        known = self._terms.get(key)
        if known is None:
            known = self._terms[key] = term, self._term(term, total)
        return known[1]

    def _term(self, term: Term, total: Sum) -> int:
        rank, number = total.rank, term.coefficient
        numbers = (
            0 if number is ONE else (number.numerator not in (1, -1)) + (number.denominator != 1)
        )
        size, units = numbers, 0
        degrees, joined, lone = dict[int, int](), dict[int, int](), set[int]()
        for a in term.atoms:
            units += a.payload is None
            size += self._atom(a)
            for c in a.index:
                degrees[c] = degrees.get(c, 0) + 1
                if len(a.index) > 1:
                    joined[c] = joined.get(c, 0) + 1
            if len(a.index) == 1:
                lone.add(a.index[0])
        size += max(0, len(term.atoms) + numbers - 1)
        for c, n in degrees.items():
            if n == 1 and c >= rank:
                size += FUNCTION
        for c in lone:  # diag(v) M
            size += FUNCTION * (joined.get(c, 0) + (c < rank) > 1)
        if 0 < units < len(term.atoms):
            size -= FUNCTION
        lacking = sum(c not in degrees for c in range(rank)) if rank == 2 else 0
        if lacking and (lacking < rank or len(total.terms) == 1):
            size += lacking * (1 + FUNCTION)  # ones; a number beside arrays needs none
        return max(size, 1)

    def _atom(self, atom: Atom) -> int:
        size = self.of(atom.payload)
        return size if atom.power is ONE or abs(atom.power) == 1 else size + FUNCTION
