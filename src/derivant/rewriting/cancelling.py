"""An inverse beside its own matrix is the identity, and det(X) beside inv(X) the adjugate.

Works on the terms of a sum; what an inverse is of, and of what shape, it asks the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derivant.rewriting.context import Context
from derivant.rewriting.functions import (
    Call,
    is_row,
    plain,
)
from derivant.rewriting.indexed import ONE, Atom, Letter, Sum, Term
from derivant.rewriting.settling import with_terms

MOST_TRIES = 64  # ways to lay the inside of an inverse over a term


def inverses_cancelled(context: Context, total: Sum) -> Sum:
    """A inv(A) = I, where A is any product or sum."""
    return with_terms(total, [_cancelled(context, t, total) for t in total.terms])


def _cancelled(context: Context, term: Term, total: Sum) -> Term:
    for place, atom in enumerate(term.atoms):
        if not is_row(atom.payload, "inv") or atom.power != 1 or atom.payload is None:
            continue
        if atom.payload.inputs[0] is atom.payload or len(atom.index) != 2:
            continue
        found = _beside(context, term, place, total.rank)
        if found is not None:
            return found
    return term


def _beside(context: Context, term: Term, place: int, rank: int) -> Term | None:
    """The term without an inverse and its matrix, None where the matrix is not beside it."""
    atom = term.atoms[place]
    assert atom.payload is not None
    inner = context.operand(atom.payload)
    pattern: tuple[Atom, ...] = (Atom(atom.payload.inputs[0], (0, 1)),)
    value = ONE
    if inner is not None and len(inner.terms) == 1:
        pattern, value = inner.terms[0].atoms, inner.terms[0].coefficient
    if any(a.payload is None for a in pattern) or len(pattern) >= len(term.atoms):
        return None
    others = [a for k, a in enumerate(term.atoms) if k != place]
    known = {id(a.payload) for a in others}
    if any(id(a.payload) not in known for a in pattern):
        return None
    loose = id(atom.payload) in context.namer.symmetric
    rows, columns = atom.index
    sides = [(1, rows, columns), (0, columns, rows)]  # M[., r] inv[r, c], and inv[r, c] M[c, .]
    if loose:
        sides += [(0, rows, columns), (1, columns, rows)]
    for end, inside, outside in sides:
        if inside < rank or inside == outside:
            continue
        found = _laid(context, pattern, others, {end: inside}, rank)
        if found is None:
            continue
        used, names = found
        rest = [a for k, a in enumerate(others) if k not in used]
        gone = {inside, *(names[c] for c in names if c > 1)}
        if any(c in gone for a in rest for c in a.index) or outside in gone:
            continue
        unit = Atom(None, (names[1 - end], outside))
        bound = tuple((c, s) for c, s in term.bound if c not in gone)
        return Term(term.coefficient / value, (unit, *rest), bound)
    return None


def _laid(
    context: Context,
    pattern: Sequence[Atom],
    atoms: Sequence[Atom],
    start: dict[Letter, Letter],
    rank: int,
) -> tuple[set[int], dict[Letter, Letter]] | None:
    """Which atoms the pattern lies on, and the letters that its letters stand for."""
    order = _ordered(pattern, start)
    stack: list[tuple[dict[Letter, Letter], tuple[int, ...]]] = [(start, ())]
    for _ in range(MOST_TRIES):
        if not stack:
            break
        names, used = stack.pop()
        if len(used) == len(pattern):
            return {*used}, names
        wanted = pattern[order[len(used)]]
        for k, a in enumerate(atoms):
            if k in used or a.payload is not wanted.payload or a.power != wanted.power:
                continue
            indices = [a.index]
            if id(a.payload) in context.namer.symmetric:
                indices.append(a.index[::-1])
            for index in indices:
                trial = _named(wanted.index, index, names, rank)
                if trial is not None:
                    stack.append((trial, (*used, k)))
    return None


def _ordered(pattern: Sequence[Atom], start: dict[Letter, Letter]) -> list[int]:
    """The atoms of a pattern so that each joins those before it, where it can."""
    known, left, order = {*start}, list(range(len(pattern))), list[int]()
    while left:
        k = max(left, key=lambda i: sum(c in known for c in pattern[i].index))
        left.remove(k)
        order.append(k)
        known |= {*pattern[k].index}
    return order


def _named(
    mine: Sequence[Letter], theirs: Sequence[Letter], names: dict[Letter, Letter], rank: int
) -> dict[Letter, Letter] | None:
    """The names with those that lay one index over another, None where they do not fit."""
    trial = dict(names)
    for c, d in zip(mine, theirs, strict=True):
        known = trial.get(c)
        if known is None:
            if c > 1 and (d < rank or d in trial.values()):
                return None
            trial[c] = d
        elif known != d:
            return None
    return trial


def adjugates(context: Context, total: Sum) -> Sum:
    """det(A) inv(A) = adj(A), which a singular matrix has too."""
    return with_terms(total, [_adjugate(context, t) for t in total.terms])


def _adjugate(context: Context, term: Term) -> Term:
    for k, d in enumerate(term.atoms):
        if not is_row(d.payload, "det") or d.power < 1 or d.payload is None:
            continue
        for j, a in enumerate(term.atoms):
            if not is_row(a.payload, "inv") or a.power != 1 or a.payload is None:
                continue
            if a.payload.inputs[0] is not d.payload.inputs[0]:
                continue
            operand = context.operand(a.payload)
            if operand is None:
                continue
            (made,) = plain(context, Call("cofactor", operand, {})).terms[0].atoms
            atoms = list(term.atoms)
            atoms[j] = Atom(made.payload, a.index[::-1])
            atoms[k] = replace(d, power=d.power - 1)
            return replace(term, atoms=tuple(x for x in atoms if x.power))
    return term
