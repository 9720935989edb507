"""The laws of sums of contractions: each a named rewrite of a whole sum that keeps its value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count

from derivant.rewriting.cancelling import adjugates, inverses_cancelled
from derivant.rewriting.canonical import Code
from derivant.rewriting.context import Context
from derivant.rewriting.entries import ROWS, entries_joined, softmax_read
from derivant.rewriting.expanding import placed_term
from derivant.rewriting.factoring import factored
from derivant.rewriting.facts import facts_used
from derivant.rewriting.functions import ENTRYWISE_RULES
from derivant.rewriting.identities import identities_used
from derivant.rewriting.indexed import BELOW, FACT, ONE, UNIT, Atom, Index, Sum, Term
from derivant.rewriting.inverses import INVERSE_RULES
from derivant.rewriting.numbers import added_numbers, told
from derivant.rewriting.regions import MOST_SHARED_FACTORS, MOST_SHARED_TERMS, REPEATED
from derivant.rewriting.repeated import repeated_numbers
from derivant.rewriting.rule import Rule
from derivant.rewriting.selecting import selections_read
from derivant.rewriting.settling import deltas_merged, ones_counted, singles_merged, with_terms

# Factors


def powers_joined(context: Context, total: Sum) -> Sum:
    """x^p x^q = x^(p + q), where x is one entry with the same letters."""
    return with_terms(total, [_joined_powers(context, t) for t in total.terms])


def _joined_powers(context: Context, term: Term) -> Term:
    atoms, symmetric = term.atoms, context.namer.symmetric
    if len({(id(a.payload), a.index) for a in atoms}) == len(atoms) and not any(
        a.payload is None or not a.power or id(a.payload) in symmetric for a in atoms
    ):
        return term
    powers: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for atom in map(context.namer.sorted_index, atoms):
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


def powers_written_out(context: Context, total: Sum) -> Sum:
    """(a b)^2 = a b a b, where a b is a sum over letters too: as such powers are read."""
    return with_terms(total, [_written_out(context, t, total.rank) for t in total.terms])


def _written_out(context: Context, term: Term, rank: int) -> Term:
    for place, atom in enumerate(term.atoms):
        inside = context.inside(atom.payload)
        if inside is None or len(inside.terms) != 1 or atom.power not in (1, *REPEATED):
            continue
        if len(inside.terms[0].atoms) > MOST_SHARED_FACTORS:
            continue
        fresh = count(1 + max([rank, *(c for c, _ in term.bound)]))
        number, atoms, bound = term.coefficient, list(term.atoms), term.bound
        del atoms[place]
        for _ in range(int(atom.power)):
            copy = placed_term(inside.terms[0], atom, fresh)
            number, bound = number * copy.coefficient, bound + copy.bound
            atoms += copy.atoms
        return Term(number, tuple(atoms), bound)
    return term


# Sums


def diagonals_entered(context: Context, total: Sum) -> Sum:
    """(A + B)[i, i] is the sum of the diagonals."""
    return with_terms(total, [_on_diagonals(context, term, total) for term in total.terms])


def _on_diagonals(context: Context, term: Term, total: Sum) -> Term:
    for place, atom in enumerate(term.atoms):
        if len(set(atom.index)) == len(atom.index):
            continue
        letters = tuple(dict.fromkeys(atom.index))
        inside = context.inside(atom.payload)
        if inside is None:
            continue
        factor = _on_diagonal(context, inside, atom, letters, total.rank, term)
        others = term.atoms[:place] + term.atoms[place + 1 :]
        number = term.coefficient * factor.coefficient
        return Term(number, others + factor.atoms, term.bound + factor.bound)
    return term


def _on_diagonal(
    context: Context, inside: Sum, atom: Atom, letters: Index, rank: int, term: Term
) -> Term:
    """A sum of which several axes have one letter, as a factor by its letters."""
    names = {k: letters.index(c) for k, c in enumerate(atom.index)}
    shape = tuple(inside.shape[atom.index.index(c)] for c in letters)
    terms = []
    for t in inside.terms:
        inner = {**names, **{c: c + len(letters) - inside.rank for c, _ in t.bound}}
        bound = tuple((inner[c], size) for c, size in t.bound)
        terms.append(Term(t.coefficient, tuple(a.renamed(inner) for a in t.atoms), bound))
    form = context.normalised(context, Sum(shape, inside.dtype, tuple(terms)))
    fresh = count(1 + max([rank, *(c for c, _ in term.bound)]))
    factor = context.factor(form, letters, atom.power, lambda _: next(fresh))
    return Term(Fraction(0), ()) if factor is None else factor


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
    if any(size != 1 for _, size in term.bound):
        return None
    terms = []
    for inner in known[1].terms:
        fresh = count(1 + max([total.rank, *atom.index]))
        names = {**dict(enumerate(atom.index)), **{c: next(fresh) for c, _ in inner.bound}}
        bound = tuple((names[c], size) for c, size in inner.bound)
        atoms = tuple(a.renamed(names) for a in inner.atoms)
        terms.append(Term(inner.coefficient * term.coefficient, atoms, term.bound + bound))
    stays = len(total.terms) == 1 and term.coefficient not in (1, -1)
    return None if stays and _common_number(terms) == abs(term.coefficient) else terms


def like_terms_added(context: Context, total: Sum) -> Sum:
    """Terms that differ in nothing but the names of bound letters are added; zeros vanish."""
    found: dict[Code, Term] = {}
    for term in total.terms:
        named, code = context.namer.term(term, total.rank)
        known = found.get(code)
        if known is not None:
            named = known.numbered(added_numbers(known.coefficient, named.coefficient))
        found[code] = named
    kept = [(code, _told(term)) for code, term in found.items() if term.coefficient]
    kept.sort(key=lambda entry: (-len(entry[0]), entry[0]))
    if len(kept) == len(total.terms):
        return with_terms(total, [term for _, term in kept])
    return replace(total, terms=tuple(term for _, term in kept))


def _told(term: Term) -> Term:
    """The term with the number that is read where it is written."""
    number = term.coefficient
    if number is ONE:
        return term
    said = told(number)
    return term if said is number else term.numbered(said)


def number_extracted(context: Context, total: Sum) -> Sum:
    """c a + c b = c (a + b), and 2 a + 4 b = 2 (a + 2 b)."""
    if len(total.terms) < 2:
        return total
    number = _common_number(total.terms)
    if number == 1:
        return total
    inner = replace(total, terms=tuple(t.scaled(1 / number) for t in total.terms))
    fresh = count(total.rank)
    inner = context.normalised(context, inner)
    factor = context.factor(inner, tuple(range(total.rank)), ONE, lambda _: next(fresh))
    return replace(total, terms=() if factor is None else (factor.scaled(number),))


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


def of(*rows: str) -> frozenset[str]:
    """The rows that a law looks for."""
    return frozenset(rows)


MATTER = of(*ROWS, "pow", FACT, BELOW)
RULES: tuple[Rule[Context, Sum, Sum], ...] = (
    Rule(
        "a unit tensor merges two letters",
        lambda _, total: deltas_merged(total),
        "",
        LAUE,
        of(UNIT),
    ),
    Rule("axes of size 1 have one letter", lambda _, total: singles_merged(total)),
    Rule("a sum of ones is their number", lambda _, total: ones_counted(total)),
    Rule("the diagonal of a sum is taken term by term", diagonals_entered),
    Rule("powers of one base are joined", powers_joined),
    Rule("a selection is read", selections_read),
    Rule("a power of a product is a product", powers_written_out),
    Rule("a number that stands often is a power", repeated_numbers),
    Rule("a matrix times its inverse is the identity", inverses_cancelled, rows=of("inv")),
    Rule("exp(u) / sum exp(u) = softmax(u)", softmax_read, rows=of("exp")),
    Rule(
        "functions of one entry are joined",
        entries_joined,
        "u not 0 where a sign goes",
        rows=MATTER,
    ),
    Rule(
        "a fact of the entries is used",
        facts_used,
        "the fact is declared",
        rows=of("softmax", FACT),
    ),
    Rule("parentheses in a sum are opened", parentheses_opened),
    Rule("like terms are added", like_terms_added),
    Rule("two functions are one", identities_used),
    Rule("det(A) inv(A) = adj(A)", adjugates, rows=of("det")),
    Rule("a common number is extracted", number_extracted),
    Rule("a common factor is extracted", factors_extracted),
)
# What takes factors and terms away; the last two rules only put together what is left.
SETTLING_RULES = RULES[:-2]
# What a large graph is settled by: the others look at pairs of terms or of factors.
DEEP_RULES = tuple(
    rule for rule in RULES if rule.rewrite in (powers_joined, like_terms_added) or rule in RULES[:3]
)
MULTIPLIED_OUT = "parentheses are multiplied out"
FUNCTION_RULES = {
    row: (*INVERSE_RULES.get(row, ()), *ENTRYWISE_RULES.get(row, ()))
    for row in (*INVERSE_RULES, *ENTRYWISE_RULES)
}

__all__ = ["DEEP_RULES", "FUNCTION_RULES", "MULTIPLIED_OUT", "RULES", "SETTLING_RULES", "Rule"]
