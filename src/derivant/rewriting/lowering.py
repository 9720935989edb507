"""From a sum of contractions back to an expression that can be evaluated.

Factors are joined pair by pair, the pair with the fewest letters first, so that vectors meet before
matrices do; named sizes need not be known. The order depends on the sum alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count

import numpy as np

from derivant.base.dims import Shape
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD
from derivant.rewriting.indexed import LARGEST_INT, ONE, Atom, Index, Letter, Sum, Term, as_number
from derivant.rewriting.placing import (
    in_parts,
    placed_at,
    read_at,
    selected_by,
    selections_of,
)
from derivant.rewriting.settling import settled
from derivant.rewriting.triangles import is_triangle, running

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An expression and the letter of each of its axes."""

    expr: Expr
    index: Index

    def in_order(self, index: Index) -> Part:
        """The same with its axes in another order."""
        if index == self.index:
            return self
        if index == self.index[::-1] and len(index) == 2:
            return Part(RECORD.matrix_transpose(self.expr), index)
        axes = tuple(self.index.index(c) - len(index) for c in index)
        return Part(RECORD.permute_dims(self.expr, axes=axes), index)

    def summed(self, letters: Iterable[Letter]) -> Part:
        """The same with letters summed over."""
        gone = set(letters)
        axes = tuple(i - len(self.index) for i, c in enumerate(self.index) if c in gone)
        if not axes:
            return self
        kept = tuple(c for c in self.index if c not in gone)
        return Part(RECORD.sum(self.expr, axis=axes, keepdims=False), kept)

    def padded(self, index: Index) -> Expr:
        """The expression with an axis of size 1 where it lacks a letter, none in front."""
        if self.index == index:
            return self.expr
        part = self.in_order(tuple(c for c in index if c in self.index))
        lacking = [i - len(index) for i, c in enumerate(index) if c not in part.index]
        first = -len(part.index) - len(lacking)
        while lacking and lacking[0] == first:
            lacking, first = lacking[1:], first + 1
        return RECORD.expand_dims(part.expr, axis=tuple(lacking)) if lacking else part.expr


def lowered(total: Sum) -> Expr:
    """The expression of a sum, of its shape and dtype."""
    total = settled(total)
    free = tuple(range(total.rank))
    parts = [p for term in total.terms for p in _apart(term, total)]
    total = total if len(parts) == len(total.terms) else replace(total, terms=tuple(parts))
    if not any(term.atoms for term in total.terms):
        number = sum((term.coefficient for term in total.terms), Fraction(0))
        constant = as_expr(np.asarray(as_number(number)).astype(total.dtype)[()])
        return RECORD.broadcast_to(constant, shape=total.shape) if total.shape else constant
    result: Expr | None = None
    for term in total.terms:
        value = _product(term, total).padded(free) if term.atoms else None
        result = _added(result, value, term.coefficient)
    assert result is not None
    if result.shape != total.shape:
        result = RECORD.broadcast_to(_typed(result, total.dtype), shape=total.shape)
    return _typed(result, total.dtype)


def _apart(term: Term, total: Sum) -> list[Term]:
    """(S - T)' v as S' v - T' v, which need no matrix where S and T select places."""
    if len(term.atoms) < 2:
        return [term]
    for place, atom in enumerate(term.atoms):
        found = in_parts(atom.payload) if atom.payload is not None and atom.power == 1 else None
        if found is None:
            continue
        terms = []
        for number, payload in found:
            atoms = list(term.atoms)
            atoms[place] = replace(atom, payload=payload)
            terms.append(Term(number * term.coefficient, tuple(atoms), term.bound))
        if all(selections_of(t.atoms, total.rank) for t in terms):
            return terms
    return [term]


def _typed(value: Expr, dtype: np.dtype[np.generic]) -> Expr:
    return value if value.dtype == dtype and not value.weak else RECORD.astype(value, dtype=dtype)


def _added(total: Expr | None, value: Expr | None, number: Fraction) -> Expr:
    """A term of this number added to what there is; no value is the number alone."""
    if total is None:
        return _scaled(value, number)
    positive = number is ONE or number > 0
    scaled = _scaled(value, number if positive else -number)
    joined: Expr = (RECORD.add if positive else RECORD.subtract)(total, scaled)
    return joined


def _scaled(value: Expr | None, number: Fraction) -> Expr:
    """A value times a number; a number that no float is exactly stays a quotient."""
    if value is not None and number is ONE:
        return value
    size, below = as_number(number), 1
    if number != size and max(abs(number.numerator), number.denominator) <= LARGEST_INT:
        size, below = number.numerator, number.denominator
    if value is None:
        scaled = as_expr(size)
    elif size == -1:
        scaled = -value
    else:
        scaled = value if size == 1 else RECORD.multiply(size, value)
    return scaled if below == 1 else RECORD.divide(scaled, below)


def _product(term: Term, total: Sum) -> Part:
    """All atoms of a term as one expression over free letters in rising order."""
    ends = {a.index[1]: a.index[0] for a in term.atoms if a.payload is None}
    moves = selections_of(term.atoms, total.rank)
    parts = [_ready(a, total.dtype) for a in term.atoms if a.payload is not None and a not in moves]
    free = set(range(total.rank))
    if not moves:
        parts = _summed_along(term, parts, total)
    for move in moves:
        parts = _read_at(parts, move, total.dtype)
        free = free - {move.index[-1]} | set(move.index[:-1]) if move.index[-1] in free else free
    joined = _joined(parts, free)
    for move in moves:
        joined = _placed_at(joined, move) if move.index[-1] < total.rank else joined
    for end, start in sorted(ends.items()):
        joined = _with_delta(joined, start, end, total.shape, total.dtype)
    return joined.in_order(tuple(sorted(joined.index)))


def _summed_along(term: Term, parts: list[Part], total: Sum) -> list[Part]:
    """The parts with running sums in the place of triangles of ones."""
    atoms = [a for a in term.atoms if a.payload is not None]
    for place, atom in enumerate(atoms):
        if not is_triangle(atom.payload):
            continue
        others = [part.index if k != place else () for k, part in enumerate(parts)]
        found = running(atom, others, total.rank)
        if found is None:
            continue
        user, old, new, reverse = found
        part = parts[user]
        axis = part.index.index(old) - len(part.index)
        expr = RECORD.cumsum(part.expr, axis=axis, reverse=reverse)
        made = Part(expr, tuple(new if c == old else c for c in part.index))
        return [made if k == user else p for k, p in enumerate(parts) if k != place]
    return parts


def _read_at(parts: list[Part], move: Atom, dtype: np.dtype[np.generic]) -> list[Part]:
    """The parts with what carries the letter of a selection read at its places."""
    _, item = selected_by(move)
    *new, letter = move.index
    found = []
    for part in parts:
        if letter in part.index:
            axis = part.index.index(letter)
            index = (*part.index[:axis], *new, *part.index[axis + 1 :])
            part = Part(read_at(part.expr, axis, item), index)
            if any(index.count(c) > 1 for c in new):  # it has the other letter too
                part = _diagonal(part, new[0])
        found.append(part)
    if not any(set(new) <= set(part.index) for part in found if part.index) and (new or not found):
        ones = as_expr(np.ones((), dtype))
        shape = move.payload.shape[:-1] if move.payload is not None else ()
        found.append(Part(RECORD.broadcast_to(ones, shape=shape) if shape else ones, tuple(new)))
    return found


def _placed_at(part: Part, move: Atom) -> Part:
    """A part put at the places of a selection."""
    size, item = selected_by(move)
    *new, letter = move.index
    axis = part.index.index(new[0]) if new else sum(c < letter for c in part.index)
    rest = part.index[axis + len(new) :]
    return Part(placed_at(part.expr, axis, item, size), (*part.index[:axis], letter, *rest))


def _ready(atom: Atom, dtype: np.dtype[np.generic]) -> Part:
    """An atom as an expression in which each letter stands once."""
    value = atom.payload
    assert value is not None
    if value.dtype.kind != "f" and value.dtype != dtype:
        value = RECORD.astype(value, dtype=dtype)
    part = Part(value, atom.index)
    twice = len(set(atom.index)) < len(atom.index)
    for letter in dict.fromkeys(c for c in atom.index if atom.index.count(c) > 1) if twice else ():
        for _ in range(atom.index.count(letter) - 1):
            part = _diagonal(part, letter)
    if atom.power is ONE or atom.power == 1:
        return part
    return Part(RECORD.power(part.expr, exponent=as_number(atom.power)), part.index)


def _diagonal(part: Part, letter: Letter) -> Part:
    """Two axes with one letter made one."""
    places = [i for i, c in enumerate(part.index) if c == letter][:2]
    rest = [i for i in range(len(part.index)) if i not in places]
    order, expr = [*rest, *places], part.expr
    if order != sorted(order):
        expr = RECORD.permute_dims(expr, axes=tuple(i - len(order) for i in order))
    kept = (*(part.index[i] for i in rest), letter)
    return Part(RECORD.diagonal(expr, offset=0), kept)


def _with_delta(
    part: Part, start: Letter, end: Letter, shape: Shape, dtype: np.dtype[np.generic]
) -> Part:
    """The part times a unit tensor between a free letter and another that nothing else carries."""
    rest = tuple(c for c in part.index if c != start)
    if start in part.index:
        expr = part.in_order((*rest, start)).expr
    else:
        like = RECORD.broadcast_to(as_expr(np.ones((), dtype)), shape=(shape[start],))
        expr = (
            RECORD.multiply(RECORD.expand_dims(part.expr, axis=(-1,)), like) if part.index else like
        )
        expr = expr if part.index else RECORD.multiply(part.expr, like)
    return Part(RECORD.diag_embed(expr, offset=0), (*rest, start, end))


# Joining pairs


def _joined(parts: Sequence[Part], free: set[Letter]) -> Part:
    """The product of all parts, summed over the letters that are not free."""
    if not parts:
        return Part(as_expr(1), ())
    scalars = [p for p in parts if not p.index]
    if len(scalars) == len(parts):
        return _side_by_side(parts)
    alive = dict(enumerate(_alike_joined([p for p in parts if p.index])))
    fresh = count(len(parts))
    users: dict[Letter, set[int]] = {}
    for place, part in alive.items():
        for c in part.index:
            users.setdefault(c, set()).add(place)
    for place, part in alive.items():
        alive[place] = part.summed(c for c in part.index if c not in free and users[c] == {place})
    queue = _pairs(alive, users, alive, free)
    while queue:
        _, i, j = heapq.heappop(queue)
        if i not in alive or j not in alive:
            continue
        new = next(fresh)
        left, right = alive.pop(i), alive.pop(j)
        kept = {c for c in (*left.index, *right.index) if c in free or users[c] - {i, j}}
        alive[new] = _pair(left, right, kept)
        for c in (*left.index, *right.index):
            users[c] = (users[c] - {i, j}) | ({new} if c in kept else set())
        for entry in _pairs([new], users, alive, free):
            heapq.heappush(queue, entry)
    return _side_by_side([*scalars, *alive.values()])


def _alike_joined(parts: Sequence[Part]) -> list[Part]:
    """Parts with the same letters multiplied until two are left: all pairs would be too many."""
    groups: dict[Index, list[Part]] = {}
    for part in parts:
        groups.setdefault(tuple(sorted(part.index)), []).append(part)
    for letters, group in groups.items():
        while len(group) > 2:
            group[:2] = [_pair(group[0], group[1], {*letters})]
    return [part for group in groups.values() for part in group]


def _pairs(
    some: Iterable[int],
    users: dict[Letter, set[int]],
    alive: dict[int, Part],
    free: set[Letter],
) -> list[tuple[tuple[int, int], int, int]]:
    """Pairs of parts that share a letter, those first whose product has the fewest letters."""
    found = set()
    for i in some:
        for c in alive[i].index:
            for j in users[c]:
                if j != i and j in alive:
                    found.add((min(i, j), max(i, j)))
    queue = []
    for i, j in found:
        both = {*alive[i].index, *alive[j].index}
        alone = sum(1 for c in both if c not in free and users[c] <= {i, j})
        queue.append(((len(both), -alone), i, j))
    heapq.heapify(queue)
    return queue


def _pair(left: Part, right: Part, kept: set[Letter]) -> Part:
    """Two parts as one: a product of matrices, a product entry by entry, or a contraction."""
    shared = [c for c in left.index if c in right.index]
    summed = [c for c in shared if c not in kept]
    if len(summed) == 1 and len(left.index) <= 2 and len(right.index) <= 2 and len(shared) == 1:
        return _matmul(left, right, summed[0])
    index = tuple(sorted({*left.index, *right.index}))
    if not summed:
        return Part(RECORD.multiply(left.padded(index), right.padded(index)), index)
    rest = tuple(c for c in index if c not in summed)
    names = dict(zip(index, LETTERS, strict=False))
    terms = ["".join(names[c] for c in letters) for letters in (left.index, right.index, rest)]
    spec = f"{terms[0]},{terms[1]}->{terms[2]}"
    return Part(RECORD.einsum(left.expr, right.expr, spec=spec), rest)


def _matmul(left: Part, right: Part, letter: Letter) -> Part:
    """A product of matrices or vectors over one letter."""
    rows = tuple(c for c in left.index if c != letter)
    columns = tuple(c for c in right.index if c != letter)
    if columns and not rows:
        left, right, rows, columns = right, left, columns, rows
    first, second = left.in_order((*rows, letter)), right.in_order((letter, *columns))
    return Part(RECORD.matmul(first.expr, second.expr), rows + columns)


def _side_by_side(parts: Sequence[Part]) -> Part:
    """Parts that share no letter, multiplied; numbers with numbers first."""
    result = parts[0]
    for part in parts[1:]:
        if not part.index:
            result = Part(RECORD.multiply(result.expr, part.expr), result.index)
            continue
        index = tuple(sorted((*result.index, *part.index)))
        result = Part(RECORD.multiply(result.padded(index), part.padded(index)), index)
    return result
