"""One name for equal terms: bound letters renumbered, atoms sorted, whatever order they came in.

Letters are coloured by what they join, again and again until the colours say no more; letters that
still look alike are told apart by trying each, and the smallest result counts. Parts of a term that
share no bound letter are named one by one, so that equal parts cost nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

from derivant.base.dims import Size
from derivant.rewriting.indexed import Atom, Index, Letter, Term
from derivant.rewriting.labels import Label, Labels

Colours: TypeAlias = dict[Letter, int]
Entry: TypeAlias = tuple[Label, Fraction, Index]
Code: TypeAlias = tuple[Entry, ...]
Join: TypeAlias = tuple[tuple[int, tuple[int, ...]], int]
# Trying every letter of a class that looks alike is needed only for rare networks; in cycles and
# other symmetric ones all choices give the same, so that a few are enough.
TRIED = 512
FEW = 32  # letters that look alike: so many are told apart at once


@dataclass(frozen=True, slots=True)
class Namer:
    """Names terms; `symmetric` holds the ids of payloads whose two axes may be exchanged."""

    labels: Labels
    symmetric: set[int]
    _known: dict[object, tuple[Term, bool, Code]] = field(default_factory=dict)

    def term(self, term: Term, rank: int) -> tuple[Term, Code]:
        """The term with canonical letters and order of atoms, and a code equal for equal terms.

        A term that has both is given back itself.
        """
        product = term.product
        key = rank, len(self.symmetric), product
        known = self._known.get(key)
        if known is None:
            named, code = self._named(term, rank)
            same = named.product == product
            known = self._known[key] = term if same else named, same, code
            if not same:
                self._known[rank, len(self.symmetric), named.product] = named, True, code
        named, same, code = known
        return term if same else named.numbered(term.coefficient), code

    def _named(self, term: Term, rank: int) -> tuple[Term, Code]:
        if not term.bound:
            return self._ordered(term)
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

    def _ordered(self, term: Term) -> tuple[Term, Code]:
        """A term without bound letters: each of its atoms is a part."""
        atoms = list(map(self.sorted_index, term.atoms))
        entries = [(self.labels.of(a.payload), a.power, a.index) for a in atoms]
        order = sorted(range(len(atoms)), key=entries.__getitem__)
        placed = tuple(atoms[k] for k in order)
        same = all(new is old for new, old in zip(placed, term.atoms, strict=True))
        code = tuple(entries[k] for k in order)
        return term if same else replace(term, atoms=placed), code

    def sorted_index(self, atom: Atom) -> Atom:
        """A symmetric atom with its letters in order."""
        if atom.payload is not None and id(atom.payload) not in self.symmetric:
            return atom
        index = tuple(sorted(atom.index))
        return atom if index == atom.index else replace(atom, index=index)

    def _part(
        self, atoms: Sequence[Atom], rank: int, sizes: Mapping[Letter, Size]
    ) -> tuple[Code, list[Atom], list[Letter]]:
        """The smallest code of a connected part, its atoms in that order, its bound letters."""
        if len(atoms) == 1 and all(c < rank for c in atoms[0].index):
            atom = self.sorted_index(atoms[0])
            return ((self.labels.of(atom.payload), atom.power, atom.index),), [atom], []
        web = _Web(self, atoms, rank)
        stack = [web.refined(*web.by_size(sizes))]
        best, left = None, max(1, TRIED // len(atoms))
        while stack and (left or best is None):
            colours = stack.pop()
            alike = _smallest_class(colours)
            if alike:
                last = colours[alike[0]] + len(alike) - 1
                stack += [web.refined({**colours, letter: last}, [letter]) for letter in alike]
                stack = stack[-left - 1 :]
                continue
            found = web.coded(colours)
            best = found if best is None or found[0] < best[0] else best
            left -= 1
        assert best is not None
        return best


class _Web:
    """A connected part of a term as a graph of letters and atoms.

    The colour of a letter is the number of letters with smaller colours. So a colour stays while
    others split, and only what joins a new colour has to be looked at again.
    """

    __slots__ = ("_atoms", "_kinds", "_labels", "_loose", "_rank", "_users", "bound")

    def __init__(self, namer: Namer, atoms: Sequence[Atom], rank: int) -> None:
        self._atoms, self._rank = atoms, rank
        self._labels: list[tuple[Label, Fraction]] = [
            (namer.labels.of(a.payload), a.power) for a in atoms
        ]
        self._kinds = _ranks(self._labels)
        self._loose = [a.payload is None or id(a.payload) in namer.symmetric for a in atoms]
        users: dict[Letter, list[int]] = {}
        for i, atom in enumerate(atoms):
            for c in dict.fromkeys(atom.index):
                if c >= rank:
                    users.setdefault(c, []).append(i)
        self._users, self.bound = users, list(users)

    def by_size(self, sizes: Mapping[Letter, Size]) -> tuple[Colours, list[Letter]]:
        """Letters coloured by the sizes of their axes; all of these colours are new."""
        names = {c: repr(sizes[c]) for c in self.bound}
        starts: dict[str, int] = {}
        for k, name in enumerate(sorted(names.values())):
            starts.setdefault(name, k)
        return {c: starts[name] for c, name in names.items()}, self.bound

    def refined(self, colours: Colours, new: Sequence[Letter]) -> Colours:
        """Colours that differ wherever what letters join differs; some letters have new ones."""
        colours = dict(colours)
        counts = Counter(colours.values())
        while new and len(counts) < len(colours):
            joins: dict[Letter, list[Join]] = {}
            for i in {i: None for c in new for i in self._users[c]}:
                sign = (self._kinds[i], self._shades(i, colours))
                for place, c in enumerate(self._atoms[i].index):
                    if c in colours:
                        joins.setdefault(c, []).append((sign, 0 if self._loose[i] else place))
            classes: dict[int, dict[tuple[Join, ...], list[Letter]]] = {}
            for c, found in joins.items():
                groups = classes.setdefault(colours[c], {})
                groups.setdefault(tuple(sorted(found)), []).append(c)
            new = [
                c for old, groups in classes.items() for c in _split(old, groups, counts, colours)
            ]
        return colours

    def coded(self, colours: Colours) -> tuple[Code, list[Atom], list[Letter]]:
        """The atoms sorted by label and colours, and the bound letters in order of appearance."""
        rows = sorted(
            range(len(self._atoms)), key=lambda i: (self._kinds[i], self._shades(i, colours))
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


def _ranks(labels: Sequence[tuple[Label, Fraction]]) -> list[int]:
    """Where each label stands among all of them, equal ones together."""
    order = sorted(range(len(labels)), key=labels.__getitem__)
    ranks, rank = [0] * len(labels), 0
    for before, place in zip([order[0], *order], order, strict=False):
        rank += labels[before] != labels[place]
        ranks[place] = rank
    return ranks


def _split(
    old: int,
    groups: Mapping[tuple[Join, ...], list[Letter]],
    counts: Counter[int],
    colours: Colours,
) -> Iterator[Letter]:
    """Give the groups of a colour colours of their own, behind the letters that are in none.

    Gives the letters that others have to be told apart by: where all letters of the colour are in
    groups, one group says no more than the others do. Of many letters it is the largest.
    """
    colour = old + counts[old] - sum(map(len, groups.values()))
    ordered = [letters for _, letters in sorted(groups.items())]
    silent = None if colour != old else ordered[0]
    if silent is not None and counts[old] > FEW:
        silent = max(ordered, key=len)
    for letters in ordered:
        if colour != old:
            counts[old] -= len(letters)
            counts[colour] += len(letters)
            colours.update(dict.fromkeys(letters, colour))
        if letters is not silent:
            yield from letters
        colour += len(letters)


def _smallest_class(colours: Colours) -> list[Letter]:
    """The letters of the first colour that several have; empty where there is none."""
    classes: dict[int, list[Letter]] = {}
    for letter, colour in colours.items():
        classes.setdefault(colour, []).append(letter)
    shared = [colour for colour, members in classes.items() if len(members) > 1]
    return classes[min(shared)] if shared else []


def components(atoms: Iterable[Atom], rank: int) -> list[list[Atom]]:
    """The atoms in groups that share no bound letter."""
    atoms = list(atoms)
    if len(atoms) == 1:
        return [atoms]
    groups: list[list[Atom]] = []
    home: dict[Letter, int] = {}
    for atom in atoms:
        bound = [c for c in atom.index if c >= rank]
        joined = sorted({home[c] for c in bound if c in home}) if bound else []
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
