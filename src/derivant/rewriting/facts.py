"""What is known of the entries of a variable or function together: rows sum to 1, Q'Q = I."""

from __future__ import annotations

from collections import Counter

from derivant.rewriting.context import Context
from derivant.rewriting.functions import is_row
from derivant.rewriting.indexed import Atom, Letter, Sum, Term
from derivant.rewriting.settling import with_terms

SUM_TO_ONE = {"simplex", "onehot"}


def facts_used(context: Context, total: Sum) -> Sum:
    """Sums over entries that are known, in each term."""
    return with_terms(total, [_known(context, t, total) for t in total.terms])


def _known(context: Context, term: Term, total: Sum) -> Term:
    if not any(map(_has_fact, term.atoms)):
        return term
    degrees = Counter(c for a in term.atoms for c in a.index)
    for k, a in enumerate(term.atoms):
        alone = [c for c in a.index if c >= total.rank and degrees[c] == 1]
        if _sums_to_one(a) and a.index[-1] in alone:
            return _without(term, k)
        if _is_unit(a) and len(alone) == len(a.index):
            return _without(term, k)
        found = _orthonormal(term, k, degrees, total)
        if found is not None:
            return found
    return term


def _has_fact(atom: Atom) -> bool:
    payload = atom.payload
    if payload is None:
        return False
    facts = set(payload.params.get("facts", ()))
    return bool(facts & {*SUM_TO_ONE, "unit", "orthonormal"}) or is_row(payload, "softmax")


def _facts(atom: Atom) -> set[str]:
    return set(atom.payload.params.get("facts", ())) if atom.payload is not None else set()


def _sums_to_one(atom: Atom) -> bool:
    """Whether the entries along the last axis sum to 1."""
    if atom.power != 1 or not atom.index or atom.payload is None:
        return False
    if is_row(atom.payload, "softmax"):
        return bool(atom.payload.params.get("axis", (-1,)) == (-1,))
    return bool(_facts(atom) & SUM_TO_ONE)


def _is_unit(atom: Atom) -> bool:
    """Whether the squares of all entries sum to 1."""
    return atom.power == 2 and "unit" in _facts(atom) and len({*atom.index}) == len(atom.index)


def _without(term: Term, place: int) -> Term:
    """The term without a factor; letters that only it carried are no sum any more."""
    rest = tuple(a for k, a in enumerate(term.atoms) if k != place)
    gone = set(term.atoms[place].index) - {c for a in rest for c in a.index}
    payload = term.atoms[place]
    last = {payload.index[-1]} if payload.power == 1 else gone
    return Term(term.coefficient, rest, tuple((c, s) for c, s in term.bound if c not in last))


def _orthonormal(term: Term, place: int, degrees: Counter[Letter], total: Sum) -> Term | None:
    """Q'Q = I, and QQ' = I where Q is square."""
    a = term.atoms[place]
    if "orthonormal" not in _facts(a) or len(a.index) != 2 or a.payload is None:
        return None
    square = a.payload.shape[0] == a.payload.shape[1]
    for axis in (0, 1) if square else (0,):
        c, other = a.index[axis], a.index[1 - axis]
        if c < total.rank or c == other:
            continue
        if a.power == 2 and degrees[c] == 1:
            rest = tuple(x for k, x in enumerate(term.atoms) if k != place)
            return Term(term.coefficient, rest, tuple(b for b in term.bound if b[0] != c))
        for k, b in enumerate(term.atoms):
            if k == place or b.payload is not a.payload or a.power != 1 or b.power != 1:
                continue
            if b.index[axis] != c or degrees[c] != 2:
                continue
            unit = Atom(None, (other, b.index[1 - axis]))
            rest = tuple(x for i, x in enumerate(term.atoms) if i not in (k, place))
            bound = tuple(x for x in term.bound if x[0] != c)
            return Term(term.coefficient, (unit, *rest), bound)
    return None
