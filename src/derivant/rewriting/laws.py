"""The laws of sums of contractions: each a named rewrite of a whole sum that keeps its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count

from derivant.rewriting.canonical import Code
from derivant.rewriting.context import Context
from derivant.rewriting.factoring import factored
from derivant.rewriting.indexed import ONE, Atom, Letter, Sum, Term, letters_of
from derivant.rewriting.lowering import size_as_number


@dataclass(frozen=True, slots=True)
class Rule:
    """A rewrite with the name that it is shown by."""

    name: str
    rewrite: Callable[[Context, Sum], Sum]


# Unit tensors


def deltas_merged(context: Context, total: Sum) -> Sum:
    """delta[i, j] with j summed: j becomes i. With both free it stays, and only it carries j."""
    return replace(total, terms=tuple(_delta_free(t, total) for t in total.terms))


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
    atoms = [a.renamed(names) for a in term.atoms if a.payload is not None]
    atoms += [Atom(None, (names.get(a.index[0], a.index[0]), a.index[1])) for a in ends]
    bound = tuple((c, size) for c, size in term.bound if c not in names)
    return Term(term.coefficient, tuple(atoms), bound)


def _last(names: Mapping[Letter, Letter], letter: Letter) -> Letter:
    while letter in names:
        letter = names[letter]
    return letter


# Factors


def powers_joined(context: Context, total: Sum) -> Sum:
    """x^p x^q = x^(p + q), where x is one entry with the same letters."""
    return replace(total, terms=tuple(_joined_powers(context, t) for t in total.terms))


def _joined_powers(context: Context, term: Term) -> Term:
    powers: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for atom in map(context.namer.sorted_index, term.atoms):
        key = (id(atom.payload), atom.index)
        known = powers.get(key)
        if known is None or atom.payload is None:
            powers[key] = atom
        else:
            powers[key] = replace(atom, power=known.power + atom.power)
    return replace(term, atoms=tuple(a for a in powers.values() if a.power))


def ones_counted(context: Context, total: Sum) -> Sum:
    """A sum over a letter that no factor carries is a factor n."""
    return replace(total, terms=tuple(map(_counted, total.terms)))


def _counted(term: Term) -> Term:
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
            atoms.append(Atom(size_as_number(size), ()))
    bound = tuple((c, size) for c, size in term.bound if c in carried)
    return Term(number, tuple(atoms), bound)


# Sums


def parentheses_opened(context: Context, total: Sum) -> Sum:
    """c (a + b) as a term of a sum, or alone without a number, is c a + c b."""
    terms: list[Term] = []
    for term in total.terms:
        opened = _opened(context, term, total)
        terms += [term] if opened is None else opened
    return replace(total, terms=tuple(terms))


def _opened(context: Context, term: Term, total: Sum) -> list[Term] | None:
    """The terms of a sum that is a term by itself, None where it is a factor of something."""
    if len(term.atoms) != 1 or (len(total.terms) == 1 and abs(term.coefficient) != 1):
        return None
    atom = term.atoms[0]
    known = context.opened.get(id(atom.payload))
    if known is None or atom.power != 1 or len(known[1].terms) < 2:
        return None
    if len(set(atom.index)) < len(atom.index) or any(c >= total.rank for c in atom.index):
        return None
    terms = []
    for inner in known[1].terms:
        fresh = count(total.rank)
        names = {**dict(enumerate(atom.index)), **{c: next(fresh) for c, _ in inner.bound}}
        bound = tuple((names[c], size) for c, size in inner.bound)
        atoms = tuple(a.renamed(names) for a in inner.atoms)
        terms.append(Term(inner.coefficient * term.coefficient, atoms, bound))
    return terms


def like_terms_added(context: Context, total: Sum) -> Sum:
    """Terms that differ in nothing but the names of bound letters are added; zeros vanish."""
    found: dict[Code, Term] = {}
    for term in total.terms:
        named, code = context.namer.term(term, total.rank)
        known = found.get(code)
        number = named.coefficient + (known.coefficient if known else 0)
        found[code] = replace(known or named, coefficient=number)
    kept = [(code, term) for code, term in found.items() if term.coefficient]
    kept.sort(key=lambda entry: (-len(entry[0]), entry[0]))
    return replace(total, terms=tuple(term for _, term in kept))


def number_extracted(context: Context, total: Sum) -> Sum:
    """c a + c b = c (a + b), and 2 a + 4 b = 2 (a + 2 b)."""
    if len(total.terms) < 2:
        return total
    sizes = [abs(t.coefficient) for t in total.terms]
    number = min(sizes)
    whole = all(s.denominator == 1 for s in sizes)
    fits = all(not s % number for s in sizes) if whole else max(sizes) == number
    if number == 1 or not fits:
        return total
    inner = replace(total, terms=tuple(t.scaled(1 / number) for t in total.terms))
    factor = context.factor(inner, tuple(range(total.rank)), ONE, lambda size: total.rank)
    assert factor is not None
    return replace(total, terms=(factor.scaled(number),))


def factors_extracted(context: Context, total: Sum) -> Sum:
    """A x + B x = (A + B) x, where it makes the sum shorter."""
    return factored(context, total)


RULES = (
    Rule("a unit tensor merges two letters", deltas_merged),
    Rule("powers of one base are joined", powers_joined),
    Rule("a sum of ones is their number", ones_counted),
    Rule("parentheses in a sum are opened", parentheses_opened),
    Rule("like terms are added", like_terms_added),
    Rule("a common factor is extracted", factors_extracted),
    Rule("a common number is extracted", number_extracted),
)

__all__ = ["RULES", "Rule"]
