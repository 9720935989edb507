"""Sums in parentheses multiplied out, and quotients brought to one denominator, where that helps.

Products of sums stay as they are written; only where most of what comes out cancels is the result
kept: x - (x - y), t (1 - s) - (1 - t) s, 1 / (1 + x) - x / (1 + x)^2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count

from derivant.rewriting.context import Context
from derivant.rewriting.functions import is_row, negated, same
from derivant.rewriting.indexed import ONE, Atom, Sum, Term

MOST_TERMS = 12  # of the sum, and of each sum inside it
MOST_PRODUCTS = 40  # terms that come out
MOST_ATOMS = 48
# A tenth at least must go: the size is an estimate, and what the writer put in parentheses stays
# there where little is won.
SHORTEST = 6  # what is shorter is as short as it can be
LONGEST = 2  # times the size; common factors never won more than that back
MOST_LEVELS = 3  # of sums inside sums

Settle = Callable[[Context, Sum], Sum]


def shortened(context: Context, total: Sum, cancel: Settle, settle: Settle) -> Sum:
    """The sum with parentheses multiplied out where it is shorter then; itself otherwise.

    `cancel` applies the laws that take something away: where they find nothing, no more is tried.
    """
    best, size = None, context.sizes.measure(total)
    if size < SHORTEST or (len(total.terms) == 1 and len(total.terms[0].atoms) == 1):
        return total  # what is inside one factor was looked at when that was made
    context.trying = True
    for raw in _attempts(context, total, cancel):
        if context.sizes.measure(raw) > LONGEST * size:
            continue
        length = context.sizes.measure(settle(context, raw))
        if length * 10 <= size * 9:
            best, size = raw, length
    context.trying = False
    # once more, for sums inside a try are not shortened
    return total if best is None else settle(context, best)


def _attempts(context: Context, total: Sum, cancel: Settle) -> Iterator[Sum]:
    """The sum over one denominator, and with sums multiplied out, one level after the other."""
    found = _over_one_denominator(context, total, cancel)
    if found is not None:
        yield found
    for _ in range(MOST_LEVELS):
        found = _expanded(context, total)
        if found is None:
            break
        total, raw = cancel(context, found), found
        if _count(total) < _count(raw):
            yield total


def _count(total: Sum) -> int:
    """The number of terms and factors."""
    return sum(1 + len(t.atoms) for t in total.terms)


def _expanded(context: Context, total: Sum) -> Sum | None:
    """All sums that are factors multiplied out; None where there is none, or too much comes out."""
    if len(total.terms) > MOST_TERMS or sum(len(t.atoms) for t in total.terms) > MOST_ATOMS:
        return None
    terms, changed = list[Term](), False
    for term in total.terms:
        found = _multiplied(context, term, total.rank)
        if found is None:
            return None
        changed = changed or len(found) > 1
        terms += found
        if len(terms) > MOST_PRODUCTS:
            return None
    plain = _complements(context, terms)
    if not changed and plain is None:
        return None
    return replace(total, terms=tuple(terms if plain is None else plain))


def _multiplied(context: Context, term: Term, rank: int) -> list[Term] | None:
    """A term with its sums multiplied out."""
    fresh = count(1 + max([rank, *(c for c, _ in term.bound)]))
    products = [Term(term.coefficient, (), term.bound)]
    for atom in term.atoms:
        inside = context.inside(atom.payload)
        times = int(atom.power) if atom.power in (1, 2) else 0
        if inside is None or not times or not 1 < len(inside.terms) <= MOST_TERMS:
            products = [Term(p.coefficient, (*p.atoms, atom), p.bound) for p in products]
            continue
        for _ in range(times):
            placed = [placed_term(t, atom, fresh) for t in inside.terms]
            products = [
                Term(p.coefficient * t.coefficient, p.atoms + t.atoms, p.bound + t.bound)
                for p in products
                for t in placed
            ]
            if len(products) > MOST_PRODUCTS:
                return None
            placed = []
    return products


def placed_term(inner: Term, atom: Atom, fresh: count[int]) -> Term:
    """A term of a sum by the letters that the sum has as a factor."""
    names = {**dict(enumerate(atom.index)), **{c: next(fresh) for c, _ in inner.bound}}
    bound = tuple((names[c], size) for c, size in inner.bound)
    return Term(inner.coefficient, tuple(a.renamed(names) for a in inner.atoms), bound)


def _complements(context: Context, terms: list[Term]) -> list[Term] | None:
    """sigmoid(-u) = 1 - sigmoid(u) where sigmoid(u) is there too; None where nothing changes."""
    found = [
        a
        for t in terms
        for a in t.atoms
        if is_row(a.payload, "sigmoid") and context.operand(a.payload) is not None
    ]
    payloads = list({id(a.payload): a.payload for a in found}.values())
    if len(payloads) != 2:
        return None
    one, two = (context.operand(p) for p in payloads)
    if one is None or two is None or not same(negated(context, one), two):
        return None
    keep, drop = payloads if one.terms and one.terms[0].coefficient > 0 else payloads[::-1]
    out = list[Term]()
    for t in terms:
        places = [k for k, a in enumerate(t.atoms) if a.payload is drop]
        if len(places) != 1 or t.atoms[places[0]].power != 1:
            if places:
                return None
            out.append(t)
            continue
        a = t.atoms[places[0]]
        rest = tuple(x for k, x in enumerate(t.atoms) if k != places[0])
        out.append(replace(t, atoms=rest))
        out.append(Term(-t.coefficient, (*rest, Atom(keep, a.index)), t.bound))
    return out


def _over_one_denominator(context: Context, total: Sum, cancel: Settle) -> Sum | None:
    """a / E + b / E^2 = (a E + b) / E^2, with E multiplied out."""
    if not 2 <= len(total.terms) <= MOST_TERMS:
        return None
    powers: dict[tuple[int, tuple[int, ...]], dict[int, Fraction]] = {}
    atoms: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for k, term in enumerate(total.terms):
        for a in term.atoms:
            if a.power < 0 and a.payload is not None and all(c < total.rank for c in a.index):
                powers.setdefault((id(a.payload), a.index), {})[k] = a.power
                atoms[id(a.payload), a.index] = a
    for key, found in powers.items():
        lowest, highest = min(found.values()), max(found.values())
        if len(found) < len(total.terms) and lowest == highest == -1:
            highest = Fraction(0)
            found |= {k: highest for k in range(len(total.terms)) if k not in found}
        if len(found) < 2 or (lowest - highest).denominator > 1 or not 0 < highest - lowest <= 2:
            continue
        atom = atoms[key]
        inside = context.inside(atom.payload)
        if inside is None or len(inside.terms) < 2:
            continue
        raised = [k for k in found if found[k] > lowest]
        inner = _raised(context, total, found, atom, lowest, cancel)
        if inner is not None and raised:
            return inner
    return None


def _raised(
    context: Context,
    total: Sum,
    found: dict[int, Fraction],
    atom: Atom,
    lowest: Fraction,
    cancel: Settle,
) -> Sum | None:
    """The terms over E^p brought to the lowest p as one product; the others as they are."""
    inner, others = list[Term](), list[Term]()
    for k, term in enumerate(total.terms):
        if k not in found:
            others.append(term)
            continue
        rest = tuple(
            a for a in term.atoms if not (a.payload is atom.payload and a.index == atom.index)
        )
        times = int(found[k] - lowest)
        factors = (replace(atom, power=ONE),) * times
        out = _multiplied(context, replace(term, atoms=(*rest, *factors)), total.rank)
        if out is None:
            return None
        inner += out
    group = replace(total, terms=tuple(inner))
    left = context.without_steps(lambda: cancel(context, group))
    if _count(left) == _count(group):
        return None
    settled = context.tried(left)
    below = replace(atom, power=lowest)
    terms = [replace(t, atoms=(*t.atoms, below)) for t in settled.terms]
    return replace(total, terms=(*terms, *others))
