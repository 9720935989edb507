"""A number that is a sum and stands in a term often is a power: (x'y)^6, as powers are read.

A low power of it stays factors that stand so often, so that what they share is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import count

from derivant.carriers.expr import Expr
from derivant.rewriting.canonical import components
from derivant.rewriting.context import Context
from derivant.rewriting.indexed import ONE, Atom, Sum, Term
from derivant.rewriting.regions import REPEATED
from derivant.rewriting.settling import with_terms


def repeated_numbers(context: Context, total: Sum) -> Sum:
    """(x'y) (x'y) ... = (x'y)^p, where p is more than the factors that are read as such."""
    return with_terms(total, [_joined(context, t, total) for t in total.terms])


def _joined(context: Context, term: Term, total: Sum) -> Term:
    if not term.bound:
        return term
    high = {a.payload for a in term.atoms if not a.index and a.power > REPEATED[-1]}
    if len(term.bound) <= REPEATED[-1] and not high:
        return term
    groups = [g for g in components(term.atoms, total.rank) if _is_sum(g, total.rank)]
    if len(groups) <= REPEATED[-1] and not high:
        return term
    found: dict[Expr, list[Atom]] = {}
    for group in groups:
        found.setdefault(_number(context, term, group, total), []).extend(group)
    for number, atoms in found.items():
        times = sum(g[0] in atoms for g in groups)
        if times > REPEATED[-1] or number in high:
            letters = {c for a in atoms for c in a.index}
            rest = tuple(a for a in term.atoms if a not in atoms)
            bound = tuple(pair for pair in term.bound if pair[0] not in letters)
            term = Term(term.coefficient, (*rest, Atom(number, (), Fraction(times))), bound)
    return term


def _is_sum(group: Sequence[Atom], rank: int) -> bool:
    """Whether factors are a number together, and one that is summed."""
    letters = {c for a in group for c in a.index}
    return bool(letters) and min(letters) >= rank


def _number(context: Context, term: Term, group: Sequence[Atom], total: Sum) -> Expr:
    """Factors that are a number together, as an expression."""
    letters = {c: None for a in group for c in a.index}
    names = dict(zip(letters, count(), strict=False))
    bound = tuple((names[c], size) for c, size in term.bound if c in names)
    inner = Term(ONE, tuple(a.renamed(names) for a in group), bound)
    form = context.normalised(context, Sum((), total.dtype, (inner,)))
    return context.remembered(form)
