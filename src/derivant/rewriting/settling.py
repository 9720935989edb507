"""Letters settled: unit tensors merged, axes of size 1 given one letter, sums of ones counted.

After this every bound letter of a term stands on one of its atoms, and a unit tensor joins two free
letters of which nothing else carries the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from operator import is_not

import numpy as np

from derivant.base.dims import Dim, Size
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD
from derivant.rewriting.indexed import ONE, Atom, Letter, Sum, Term, letters_of


def with_terms(total: Sum, terms: Sequence[Term]) -> Sum:
    """The sum with other terms; itself where each term is what it was."""
    if any(map(is_not, terms, total.terms)):
        return Sum(total.shape, total.dtype, tuple(terms))
    return total


def settled(total: Sum) -> Sum:
    """The sum with all letters settled."""
    return ones_counted(singles_merged(deltas_merged(total)))


def deltas_merged(total: Sum) -> Sum:
    """delta[i, j] with j summed: j becomes i. With both free it stays, and only it carries j."""
    return with_terms(total, [_delta_free(t, total) for t in total.terms])


def _delta_free(term: Term, total: Sum) -> Term:
    if all(a.payload is not None for a in term.atoms):
        return term
    rank = total.rank
    names: dict[Letter, Letter] = {}
    ends: list[Atom] = []
    for delta in (a for a in term.atoms if a.payload is None):
        low, high = sorted(_last(names, c) for c in delta.index)
        if low == high:
            continue
        names[high] = low  # free letters are the low ones
        if high < rank and total.shape[high] != 1:
            ends.append(Atom(None, (low, high)))
    names = {c: _last(names, c) for c in names}
    kept = sorted((names.get(a.index[0], a.index[0]), a.index[1]) for a in ends)
    atoms = [Atom(None, index) for index in kept]  # first, as canonical order has them
    atoms += [a.renamed(names) for a in term.atoms if a.payload is not None]
    bound = tuple((c, size) for c, size in term.bound if c not in names)
    return Term(term.coefficient, tuple(atoms), bound)


def _last(names: Mapping[Letter, Letter], letter: Letter) -> Letter:
    while letter in names:
        letter = names[letter]
    return letter


def singles_merged(total: Sum) -> Sum:
    """Axes of size 1 have one entry: one letter stands for all of them, a free one if there is."""
    if total.rank < 2 and not any(t.bound for t in total.terms):
        return total
    return with_terms(total, [_single_merged(t, total) for t in total.terms])


def _single_merged(term: Term, total: Sum) -> Term:
    singles = [c for c, size in enumerate(total.shape) if size.__class__ is int and size == 1]
    singles += [c for c, size in term.bound if size.__class__ is int and size == 1]
    if len(singles) < 2:
        return term
    names = dict.fromkeys(singles[1:], singles[0])
    bound = tuple((c, size) for c, size in term.bound if c not in names)
    return Term(term.coefficient, tuple(a.renamed(names) for a in term.atoms), bound)


def ones_counted(total: Sum) -> Sum:
    """A sum over a letter that no factor carries is a factor n."""
    return with_terms(total, [_counted(t) for t in total.terms])


def _counted(term: Term) -> Term:
    if not term.bound:
        return term
    carried = letters_of(term.atoms)
    if all(c in carried for c, _ in term.bound):
        return term
    number, atoms = term.coefficient, list(term.atoms)
    for c, size in term.bound:
        if c in carried:
            continue
        if isinstance(size, int):
            number *= size
        else:
            count, factors = size_factors(size, ONE)
            number *= count
            atoms += factors
    bound = tuple((c, size) for c, size in term.bound if c in carried)
    return Term(number, tuple(atoms), bound)


def size_factors(size: Dim, power: Fraction) -> tuple[Fraction, list[Atom]]:
    """A named size to a whole power as a number and factors: 2 m n is three of them."""
    if len(size.terms) > 1:
        return ONE, [Atom(size_as_number(size), (), power)]
    ((names, count),) = size.terms
    factors = [Atom(size_as_number(Dim.named(name)), (), power) for name in names]
    return Fraction(count) ** int(power), factors


def size_as_number(size: Size) -> Expr:
    """A named size as an expression: so many ones, added."""
    ones = RECORD.broadcast_to(as_expr(np.float64(1.0)), shape=(size,))
    total: Expr = RECORD.sum(ones, axis=(-1,), keepdims=False)
    return total


def size_of_number(payload: Expr) -> Size | None:
    """The size that `size_as_number` made an expression of, None for any other expression."""
    if payload.primitive.name != "sum" or payload.inputs[0].primitive.name != "broadcast_to":
        return None
    source = payload.inputs[0].inputs[0]
    is_one = source.primitive.name == "const" and source.shape == () and source.params["value"] == 1
    size: Size = payload.inputs[0].shape[0] if len(payload.inputs[0].shape) == 1 else 1
    return size if is_one and not isinstance(size, int) else None
