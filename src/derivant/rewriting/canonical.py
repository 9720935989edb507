"""One name for equal terms: bound letters renumbered, atoms sorted, whatever order they came in.

Letters are coloured by what they join, again and again until the colours say no more; letters that
still look alike are told apart by trying each, and the smallest result counts. Parts of a term that
share no bound letter are named one by one, so that equal parts cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from derivant.base.dims import Size
from derivant.rewriting.indexed import Atom, Index, Letter, Term
from derivant.rewriting.labels import Label, Labels

Colours: TypeAlias = dict[Letter, int]
Entry: TypeAlias = tuple[Label, Fraction, Index]
Code: TypeAlias = tuple[Entry, ...]
Join: TypeAlias = tuple[Entry, int]
# Trying every letter of a class that looks alike is needed only for rare networks; in cycles and
# other symmetric ones all choices give the same, so that a few are enough.
TRIED = 512


@dataclass(frozen=True, slots=True)
class Namer:
    """Names terms; `symmetric` holds the ids of payloads whose two axes may be exchanged."""

    labels: Labels
    symmetric: set[int]
    _known: dict[tuple[int, int, int], tuple[Term, Term, Code]] = field(default_factory=dict)

    def term(self, term: Term, rank: int) -> tuple[Term, Code]:
        """The term with canonical letters and order of atoms, and a code equal for equal terms.

        A term that has both is given back itself.
        """
        key = id(term), rank, len(self.symmetric)
        known = self._known.get(key)
        if known is None:
            named, code = self._named(term, rank)
            if named.key == term.key:
                named = term
            known = self._known[key] = term, named, code
            self._known[id(named), rank, len(self.symmetric)] = named, named, code
        return known[1], known[2]

    def _named(self, term: Term, rank: int) -> tuple[Term, Code]:
        parts = [self._part(part, rank, dict(term.bound)) for part in components(term.atoms, rank)]
        parts.sort(key=lambda part: part[0])
        sizes, atoms, code = dict(term.bound), list[Atom](), list[Entry]()
        bound: list[tuple[Letter, Size]] = []
        for entries, members, order in parts:
            names = {c: rank + len(bound) + i for i, c in enumerate(order)}
            bound += [(names[c], sizes[c]) for c in order]
            for (label, power, _), atom in zip(entries, members, strict=True):
                atom = self.sorted_index(atom.renamed(names))
                atoms.append(atom)
                code.append((label, power, atom.index))
        return Term(term.coefficient, tuple(atoms), tuple(bound)), tuple(code)

    def sorted_index(self, atom: Atom) -> Atom:
        """A symmetric atom with its letters in order."""
        if atom.payload is None or id(atom.payload) in self.symmetric:
            return Atom(atom.payload, tuple(sorted(atom.index)), atom.power)
        return atom

    def _part(
        self, atoms: Sequence[Atom], rank: int, sizes: Mapping[Letter, Size]
    ) -> tuple[Code, list[Atom], list[Letter]]:
        """The smallest code of a connected part, its atoms in that order, its bound letters."""
        if len(atoms) == 1 and all(c < rank for c in atoms[0].index):
            atom = self.sorted_index(atoms[0])
            return ((self.labels.of(atom.payload), atom.power, atom.index),), [atom], []
        web = _Web(self, atoms, rank)
        classes = {s: i for i, s in enumerate(sorted({repr(sizes[c]) for c in web.bound}))}
        stack = [web.refined({c: classes[repr(sizes[c])] for c in web.bound})]
        best, left = None, max(1, TRIED // len(atoms))
        while stack and (left or best is None):
            colours = stack.pop()
            alike = _smallest_class(colours)
            if alike:
                for letter in alike:
                    split = {c: 2 * k + 1 for c, k in colours.items()}
                    split[letter] -= 1
                    stack.append(web.refined(split))
                stack = stack[-left - 1 :]
                continue
            found = web.coded(colours)
            best = found if best is None or found[0] < best[0] else best
            left -= 1
        assert best is not None
        return best


class _Web:
    """A connected part of a term as a graph of letters and atoms."""

    __slots__ = ("_atoms", "_labels", "_loose", "_rank", "bound")

    def __init__(self, namer: Namer, atoms: Sequence[Atom], rank: int) -> None:
        self._atoms, self._rank = atoms, rank
        self._labels: list[tuple[Label, Fraction]] = [
            (namer.labels.of(a.payload), a.power) for a in atoms
        ]
        self._loose = [a.payload is None or id(a.payload) in namer.symmetric for a in atoms]
        self.bound = list(dict.fromkeys(c for a in atoms for c in a.index if c >= rank))

    def refined(self, colours: Colours) -> Colours:
        """Colours that differ wherever what letters join differs."""
        count = len(set(colours.values()))
        while count < len(colours):
            seen: dict[Letter, list[Join]] = {c: [] for c in colours}
            for i, atom in enumerate(self._atoms):
                sign = (*self._labels[i], self._shades(i, colours))
                for place, c in enumerate(atom.index):
                    if c in seen:
                        seen[c].append((sign, 0 if self._loose[i] else place))
            signs = {c: (colours[c], tuple(sorted(s))) for c, s in seen.items()}
            ranks = {s: i for i, s in enumerate(sorted(set(signs.values())))}
            colours = {c: ranks[s] for c, s in signs.items()}
            if len(ranks) == count:
                break
            count = len(ranks)
        return colours

    def coded(self, colours: Colours) -> tuple[Code, list[Atom], list[Letter]]:
        """The atoms sorted by label and colours, and the bound letters in order of appearance."""
        rows = sorted(
            range(len(self._atoms)), key=lambda i: (self._labels[i], self._shades(i, colours))
        )
        atoms = [self._atoms[i] for i in rows]
        order: dict[Letter, int] = {}
        for i in rows:
            index = self._atoms[i].index
            if self._loose[i]:
                index = tuple(sorted(index, key=lambda c: self._shade(c, colours)))
            for c in index:
                if c >= self._rank:
                    order.setdefault(c, len(order) + self._rank)
        code = tuple((*self._labels[i], self._named(i, order)) for i in rows)
        return code, atoms, list(order)

    def _named(self, place: int, order: Mapping[Letter, int]) -> Index:
        """The letters of an atom by their new names."""
        index = tuple(order.get(c, c) for c in self._atoms[place].index)
        return tuple(sorted(index)) if self._loose[place] else index

    def _shade(self, letter: Letter, colours: Colours) -> int:
        """A number for any letter: free ones by their place, bound ones by their colour."""
        return letter if letter < self._rank else self._rank + colours[letter]

    def _shades(self, place: int, colours: Colours) -> tuple[int, ...]:
        """The numbers of an atom's letters, sorted where their order says nothing."""
        shades = [self._shade(c, colours) for c in self._atoms[place].index]
        return tuple(sorted(shades) if self._loose[place] else shades)


def _smallest_class(colours: Colours) -> list[Letter]:
    """The letters of the first colour that several have; empty where there is none."""
    classes: dict[int, list[Letter]] = {}
    for letter, colour in colours.items():
        classes.setdefault(colour, []).append(letter)
    shared = [colour for colour, members in classes.items() if len(members) > 1]
    return classes[min(shared)] if shared else []


def components(atoms: Iterable[Atom], rank: int) -> list[list[Atom]]:
    """The atoms in groups that share no bound letter."""
    groups: list[list[Atom]] = []
    home: dict[Letter, int] = {}
    for atom in atoms:
        bound = {c for c in atom.index if c >= rank}
        joined = sorted({home[c] for c in bound if c in home})
        place = joined[0] if joined else len(groups)
        if not joined:
            groups.append([])
        for other in joined[1:]:
            groups[place] += groups[other]
            home |= dict.fromkeys((c for a in groups[other] for c in a.index if c >= rank), place)
            groups[other] = []
        groups[place].append(atom)
        home |= dict.fromkeys(bound, place)
    return [group for group in groups if group]
