"""The laws of sums of contractions: each a named rewrite of a whole sum that keeps its value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count

from derivant.rewriting.cancelling import adjugates, inverses_cancelled
from derivant.rewriting.canonical import Code
from derivant.rewriting.context import Context
from derivant.rewriting.entries import entries_joined, softmax_read
from derivant.rewriting.factoring import factored
from derivant.rewriting.facts import facts_used
from derivant.rewriting.functions import ENTRYWISE_RULES
from derivant.rewriting.identities import identities_used
from derivant.rewriting.indexed import ONE, Atom, Sum, Term
from derivant.rewriting.inverses import INVERSE_RULES
from derivant.rewriting.regions import MOST_SHARED_TERMS
from derivant.rewriting.rule import Rule
from derivant.rewriting.settling import deltas_merged, ones_counted, singles_merged, with_terms

# Factors


def powers_joined(context: Context, total: Sum) -> Sum:
    """x^p x^q = x^(p + q), where x is one entry with the same letters."""
    return with_terms(total, [_joined_powers(context, t) for t in total.terms])


def _joined_powers(context: Context, term: Term) -> Term:
    powers: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for atom in map(context.namer.sorted_index, term.atoms):
        key = (id(atom.payload), atom.index)
        known = powers.get(key)
        if known is None or atom.payload is None:
            powers[key] = atom
        else:
            powers[key] = replace(atom, power=known.power + atom.power)
    atoms = tuple(a for a in powers.values() if a.power)
    same = len(atoms) == len(term.atoms) and all(map(_is_same, atoms, term.atoms))
    return term if same else replace(term, atoms=atoms)


def _is_same(one: Atom, two: Atom) -> bool:
    return one.payload is two.payload and one.index == two.index and one.power == two.power


# Sums


def parentheses_opened(context: Context, total: Sum) -> Sum:
    """c (a + b) in a sum is c a + c b; alone too, unless c is what both have in common."""
    opened = [_opened(context, term, total) for term in total.terms]
    if all(found is None for found in opened):
        return total
    pairs = zip(total.terms, opened, strict=True)
    terms = [t for term, found in pairs for t in ([term] if found is None else found)]
    return replace(total, terms=tuple(terms))


def _opened(context: Context, term: Term, total: Sum) -> list[Term] | None:
    """The terms of a sum that is a term by itself, None where it is a factor of something."""
    if len(term.atoms) != 1:
        return None
    atom = term.atoms[0]
    known = context.opened.get(id(atom.payload))
    if known is None or atom.power != 1 or not 1 < len(known[1].terms) <= MOST_SHARED_TERMS:
        return None
    if any(c >= total.rank for c in atom.index):
        return None
    if any(atom.index.count(c) > 1 and total.shape[c] != 1 for c in atom.index):
        return None
    terms = []
    for inner in known[1].terms:
        fresh = count(total.rank)
        names = {**dict(enumerate(atom.index)), **{c: next(fresh) for c, _ in inner.bound}}
        bound = tuple((names[c], size) for c, size in inner.bound)
        atoms = tuple(a.renamed(names) for a in inner.atoms)
        terms.append(Term(inner.coefficient * term.coefficient, atoms, bound))
    stays = len(total.terms) == 1 and term.coefficient not in (1, -1)
    return None if stays and _common_number(terms) == abs(term.coefficient) else terms


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
    number = _common_number(total.terms)
    if number == 1:
        return total
    inner = replace(total, terms=tuple(t.scaled(1 / number) for t in total.terms))
    factor = context.factor(inner, tuple(range(total.rank)), ONE, lambda size: total.rank)
    assert factor is not None
    return replace(total, terms=(factor.scaled(number),))


def _common_number(terms: Sequence[Term]) -> Fraction:
    """What all numbers are multiples of, where they are whole; where they are not, what all are."""
    sizes = [abs(t.coefficient) for t in terms]
    number = min(sizes)
    whole = all(s.denominator == 1 for s in sizes)
    fits = all(not s % number for s in sizes) if whole else max(sizes) == number
    return number if fits else ONE


def factors_extracted(context: Context, total: Sum) -> Sum:
    """A x + B x = (A + B) x, where it makes the sum shorter."""
    return factored(context, total)


LAUE = "Laue, Mitterreiter, Giesen, A Simple and Efficient Tensor Calculus, 2.3"
RULES: tuple[Rule[Context, Sum, Sum], ...] = (
    Rule("a unit tensor merges two letters", lambda _, total: deltas_merged(total), "", LAUE),
    Rule("axes of size 1 have one letter", lambda _, total: singles_merged(total)),
    Rule("a sum of ones is their number", lambda _, total: ones_counted(total)),
    Rule("powers of one base are joined", powers_joined),
    Rule("a matrix times its inverse is the identity", inverses_cancelled),
    Rule("exp(u) / sum exp(u) = softmax(u)", softmax_read),
    Rule("functions of one entry are joined", entries_joined, "u not 0 where a sign goes"),
    Rule("a fact of the entries is used", facts_used, "the fact is declared"),
    Rule("parentheses in a sum are opened", parentheses_opened),
    Rule("like terms are added", like_terms_added),
    Rule("two functions are one", identities_used),
    Rule("det(A) inv(A) = adj(A)", adjugates),
    Rule("a common factor is extracted", factors_extracted),
    Rule("a common number is extracted", number_extracted),
)
MULTIPLIED_OUT = "parentheses are multiplied out"
FUNCTION_RULES = {
    row: (*INVERSE_RULES.get(row, ()), *ENTRYWISE_RULES.get(row, ()))
    for row in (*INVERSE_RULES, *ENTRYWISE_RULES)
}

__all__ = ["FUNCTION_RULES", "MULTIPLIED_OUT", "RULES", "Rule"]
