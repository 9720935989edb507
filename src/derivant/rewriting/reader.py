"""From a node of a graph to a sum of contractions, its operands being known.

Letters are handed down from the result to the operands, so that transposes, traces and diagonals
are names only; a place that has two letters becomes a unit tensor between them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

from derivant.base.dims import Shape, Size
from derivant.carriers.expr import Expr
from derivant.rewriting.indexed import ONE, Atom, Index, Letter, Sum, Term, as_exact
from derivant.rewriting.readings import Reading
from derivant.rewriting.regions import ADDED, REPEATED, SIGNS, Kind, Regions, exponent_of
from derivant.rewriting.settling import size_factors

EXACT_SIGNS = {row: [ONE if s > 0 else -ONE for s in signs] for row, signs in SIGNS.items()}
# An operand's axis of size 1 that is repeated: each place where it ends has a letter of its own.
SINGLE: Letter = -1
Fresh: TypeAlias = Callable[[Size], Letter]
Powered: TypeAlias = Callable[[Expr, Index, Fraction, Fresh], Term | None]


class Reader:
    """Reads one region at a time; what stands at its ends is asked of `powered`."""

    __slots__ = ("_next", "_powered", "_regions", "_sizes")

    def __init__(self, regions: Regions, powered: Powered) -> None:
        self._regions = regions
        self._powered = powered
        self._next = 0
        self._sizes: dict[Letter, Size] = {}

    def read(self, node: Expr) -> Sum:
        """The terms of a node as they stand; unit tensors and bound letters not yet settled."""
        self._next, self._sizes = len(node.shape), {}
        terms = []
        for part, index, number in self._summands(node):
            term = self._product(part, index, is_top=part is node)
            if term is not None and number:
                terms.append(term if number is ONE else term.scaled(number))
        return Sum(tuple(node.shape), node.dtype, tuple(terms))

    def fresh(self, size: Size) -> Letter:
        """A new bound letter."""
        self._next += 1
        self._sizes[self._next - 1] = size
        return self._next - 1

    def _summands(self, root: Expr) -> list[tuple[Expr, Index, Fraction]]:
        """What is added, each node and index once with its number, users before operands."""
        start = (-root.serial, id(root), tuple(range(len(root.shape))))
        numbers, nodes, queue = {start: ONE}, {id(root): root}, [start]
        found = []
        while queue:
            place = heapq.heappop(queue)
            node, number = nodes[place[1]], numbers.pop(place)
            below = self._addends(node, place[2], node is root)
            if below is None:
                found.append((node, place[2], number))
                continue
            for x, index, factor in below:
                key = (-x.serial, id(x), index)
                if key not in numbers:
                    heapq.heappush(queue, key)
                nodes[id(x)] = x
                added = factor if number is ONE else number * factor
                numbers[key] = numbers[key] + added if key in numbers else added
        return found

    def _addends(
        self, node: Expr, index: Index, is_top: bool
    ) -> list[tuple[Expr, Index, Fraction]] | None:
        """What a node is a sum, a multiple or a rearrangement of; None where it is a product."""
        kind, reading, _ = self._regions.known[id(node)]
        if id(node) in self._regions.large and not is_top:
            return None
        if kind in ADDED:
            signs = EXACT_SIGNS[node.primitive.name]
            return [
                (x, _tail(x.shape, node.shape, index), sign)
                for x, sign in zip(node.inputs, signs, strict=True)
            ]
        if kind is Kind.QUOTIENT and self._regions.known[id(node.inputs[1])].number:
            x, divisor = node.inputs
            number = self._regions[divisor].number or ONE
            return [(x, _tail(x.shape, node.shape, index), 1 / number)]
        if kind is Kind.SHARE:
            share = as_exact(node.params["size"])
            return [(node.inputs[0], index, 1 / share)] if share else None
        if kind is not Kind.PRODUCT or reading is None or len(set(reading.output)) < node.ndim:
            return None
        return self._multiple(node, reading, index)

    def _multiple(
        self, node: Expr, reading: Reading, index: Index
    ) -> list[tuple[Expr, Index, Fraction]] | None:
        """A product with at most one operand that is no number, whose entries are only moved."""
        rest = [i for i, x in enumerate(node.inputs) if not self._regions.is_number(x)]
        moves = all(reading.only_moves(i, x.shape) for i, x in enumerate(node.inputs))
        if len(rest) != 1 or not moves:
            return None
        x, letters = node.inputs[rest[0]], reading.operands[rest[0]]
        given = dict(zip(reading.output, index, strict=True))
        number = ONE
        for i, operand in enumerate(node.inputs):
            number *= ONE if i == rest[0] else self._regions[operand].number or Fraction(0)
        return [(x, tuple(given.get(c, SINGLE) for c in letters), number)]

    def _product(self, root: Expr, index: Index, is_top: bool) -> Term | None:
        """One term: all factors of a region of products; None where it is zero."""
        number, atoms = ONE, list[Atom]()
        start = set(self._sizes)
        stack = [(root, index)]
        while stack:
            node, index = stack.pop()
            kind, reading, value = self._regions.known[id(node)]
            if value is not None:
                number *= value
                continue
            ends = self._ends(node, kind, is_top and node is root)
            if not ends and kind is Kind.PRODUCT and reading is not None:
                stack += self._operands(node, reading, index, atoms)
                continue
            if ends:
                factor = self._powered(node, index, ONE, self.fresh)
            else:
                factor = self._other(node, kind, index, stack)
            if factor is None:
                return None
            if factor.coefficient is not ONE:
                number *= factor.coefficient
            atoms += factor.atoms
        singled = tuple(map(self._single, atoms))
        bound = tuple((c, s) for c, s in self._sizes.items() if c not in start)
        return Term(number, singled, bound) if number else None

    def _ends(self, node: Expr, kind: Kind, is_top: bool) -> bool:
        """Whether a node stands as a factor of its own here."""
        if kind in (Kind.ATOM, Kind.SUM):
            return True
        return not is_top and id(node) in self._regions.whole

    def _operands(
        self, node: Expr, reading: Reading, index: Index, atoms: list[Atom]
    ) -> list[tuple[Expr, Index]]:
        """The operands with their letters; a letter given twice is a unit tensor."""
        names: dict[int, Letter] = {}
        for local, letter in zip(reading.output, index, strict=True):
            if names.setdefault(local, letter) != letter and SINGLE not in (names[local], letter):
                atoms.append(Atom(None, (names[local], letter)))
        below = []
        for x, letters in zip(node.inputs, reading.operands, strict=False):
            for local, size in zip(letters, x.shape, strict=True):
                if local not in names:
                    names[local] = SINGLE if size == 1 else self.fresh(size)
            below.append((x, tuple(names[c] for c in letters)))
        return below

    def _other(
        self, node: Expr, kind: Kind, index: Index, stack: list[tuple[Expr, Index]]
    ) -> Term | None:
        """A sign, a quotient, a share or a power: factors repeated, or one with an exponent."""
        if kind is Kind.NEGATIVE:
            stack.append((node.inputs[0], index))
            return Term(-ONE, ())
        if kind is Kind.QUOTIENT:
            x, y = node.inputs
            stack.append((x, _tail(x.shape, node.shape, index)))
            number, y, below = self._numbered(y, _tail(y.shape, node.shape, index))
            found = self._powered(y, below, -ONE, self.fresh)
            return found if found is None or number is ONE else found.scaled(1 / number)
        if kind is Kind.SHARE:
            stack.append((node.inputs[0], index))
            share = as_exact(node.params["size"])
            if share:
                return Term(1 / share, ())
            number, sizes = size_factors(node.params["size"], -ONE)
            return Term(number, tuple(sizes))
        exponent = exponent_of(node)
        base = node.inputs[0]
        if exponent is None or not exponent:  # x^0 = 1, also where x is 0
            return Term(ONE, ())
        if exponent in REPEATED:
            stack += [(base, index)] * int(exponent)
            return Term(ONE, ())
        return self._powered(base, index, exponent, self.fresh)

    def _numbered(self, node: Expr, index: Index) -> tuple[Fraction, Expr, Index]:
        """A divisor as a number times a sum: 2 (x + y / 7) is not multiplied out there."""
        below = self._addends(node, index, is_top=False)
        if below is None or len(below) > 1 or id(node) in self._regions.large:
            return ONE, node, index
        ((x, letters, number),) = below
        if self._regions[x].kind is not Kind.SUM or not number or SINGLE in letters:
            return ONE, node, index
        return number, x, letters

    def _single(self, atom: Atom) -> Atom:
        """Each repeated axis of size 1 by a letter of its own."""
        if SINGLE not in atom.index:
            return atom
        index = tuple(self.fresh(1) if c == SINGLE else c for c in atom.index)
        return replace(atom, index=index)


def _tail(shape: Shape, out: Shape, index: Index) -> Index:
    """The letters of an operand that is broadcast to the shape `out`."""
    if not shape:
        return ()
    skip = len(out) - len(shape)
    return tuple(
        c if size == wide else SINGLE
        for c, size, wide in zip(index[skip:], shape, out[skip:], strict=True)
    )
