"""Inverses and determinants of products, and an inverse beside what it is the inverse of.

A product of square matrices of one size has an inverse only where each factor has one, so that
none of these laws asks for more than what stood there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count

from derivant.base.dims import Size
from derivant.carriers.expr import Expr
from derivant.primitives import TABLE
from derivant.rewriting.context import Context
from derivant.rewriting.functions import (
    Call,
    added,
    applied,
    broadcast,
    is_row,
    plain,
    scaled,
    single,
)
from derivant.rewriting.indexed import ONE, Atom, Letter, Sum, Term
from derivant.rewriting.lowering import lowered
from derivant.rewriting.rule import Rule
from derivant.rewriting.settling import size_as_number, size_factors

LONGEST = 12  # factors of a product whose inverse is looked into


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A product of square matrices: what stands on its way from the rows to the columns."""

    number: Fraction
    numbers: tuple[Atom, ...]  # factors without letters
    links: tuple[tuple[Atom, bool], ...]  # matrices, each as it stands or turned
    scales: tuple[tuple[int, Atom], ...]  # vectors as diagonal matrices, and how far on the way

    @property
    def is_one(self) -> bool:
        """Whether it is one matrix and nothing else."""
        return len(self.links) == 1 and not self.scales and not self.numbers and self.number == 1


def chain_of(total: Sum) -> Chain | None:
    """A sum as a product of square matrices of one size, None where it is none."""
    if len(total.terms) != 1 or total.rank != 2 or total.shape[0] != total.shape[1]:
        return None
    term, size = total.terms[0], total.shape[0]
    if len(term.atoms) > LONGEST or any(s != size for _, s in term.bound):
        return None
    numbers = tuple(a for a in term.atoms if not a.index)
    vectors = [a for a in term.atoms if len(a.index) == 1]
    matrices = [a for a in term.atoms if len(a.index) == 2]
    if len(numbers) + len(vectors) + len(matrices) < len(term.atoms):
        return None
    here, links, letters = 0, list[tuple[Atom, bool]](), [0]
    while here != 1:
        found = [a for a in matrices if here in a.index]
        if len(found) != 1 or found[0].index == (here, here) or found[0].power != 1:
            return None
        (atom,) = found
        matrices.remove(atom)
        turned = atom.index[1] == here
        here = atom.index[0] if turned else atom.index[1]
        links.append((atom, turned))
        letters.append(here)
    if matrices or any(a.index[0] not in letters for a in vectors):
        return None
    scales = tuple((letters.index(a.index[0]), a) for a in vectors)
    return Chain(term.coefficient, numbers, tuple(links), scales)


def _inverse_of_product(context: Context, call: Call) -> Sum | None:
    """inv(c A B) = inv(B) inv(A) / c; a vector on the diagonal goes below."""
    chain = chain_of(call.operand)
    if chain is None or (chain.is_one and not _special(chain.links[0])):
        return None
    size, count = call.operand.shape[0], len(chain.links)
    atoms = [replace(a, power=-a.power) for a in chain.numbers]
    coefficient, bound = 1 / chain.number, list[tuple[Letter, Size]]()
    ends = [0, *range(2, count + 1), 1]  # the letters of the inverse, from its rows on
    for place, (atom, turned) in enumerate(reversed(chain.links)):
        rows, columns = ends[place : place + 2]
        letters = (columns, rows) if turned else (rows, columns)
        factor = _inverted(context, atom, call.operand)
        term = broadcast(factor, letters, (size,) * (count + 1)).terms[0]
        fresh = 100 * (place + 1)
        names = {c: c + fresh for c, _ in term.bound}
        atoms += [a.renamed(names) for a in term.atoms]
        bound += [(names[c], s) for c, s in term.bound]
        coefficient *= term.coefficient
    for place, atom in chain.scales:
        atoms.append(Atom(atom.payload, (ends[count - place],), -atom.power))
    bound += [(c, size) for c in range(2, count + 1)]
    return replace(call.operand, terms=(Term(coefficient, tuple(atoms), tuple(bound)),))


def _special(link: tuple[Atom, bool]) -> bool:
    """Whether the inverse of one matrix is no inverse, or that of its transpose."""
    atom, turned = link
    return turned or atom.payload is None or is_row(atom.payload, "inv") or _orthonormal(atom)


def _orthonormal(atom: Atom) -> bool:
    payload = atom.payload
    return payload is not None and "orthonormal" in payload.params.get("facts", ())


def _inverted(context: Context, atom: Atom, like: Sum) -> Sum:
    """The inverse of one matrix of a product."""
    if atom.payload is None:
        return replace(like, terms=(Term(ONE, (Atom(None, (0, 1)),)),))
    matrix = single(atom.payload, (0, 1), like.shape)
    if _orthonormal(atom):
        return single(atom.payload, (1, 0), like.shape)
    inner = context.operand(atom.payload) if is_row(atom.payload, "inv") else None
    if inner is not None:
        return _one_term(context, inner)
    inside = context.inside(atom.payload)
    return plain(context, Call("inv", matrix if inside is None else inside, {}))


def _one_term(context: Context, total: Sum) -> Sum:
    """A sum as a factor."""
    if len(total.terms) == 1:
        return total
    value, payload, flipped = context.payload(total)
    index = (1, 0) if flipped else (0, 1)
    return single(payload, index, total.shape, number=value)


def _inverse_of_sum(context: Context, call: Call) -> Sum | None:
    """inv(c M') = inv(M)' / c, where M is the side of a sum that is easier to read."""
    if len(call.operand.terms) < 2:
        return None
    value, payload, flipped = context.payload(call.operand)
    inside = context.inside(payload)
    if inside is None or (value == 1 and not flipped):
        return None
    found = plain(context, Call("inv", inside, {}))
    return scaled(found.transposed() if flipped else found, 1 / value)


# Determinants


def _det_of_product(context: Context, call: Call) -> Sum | None:
    """det(c A B) = c^n det(A) det(B)."""
    chain, size = chain_of(call.operand), call.operand.shape[0]
    if chain is None or (chain.is_one and not _special_for_det(chain.links[0])):
        return None
    factors = [_to_size(chain, size, call.operand)]
    for atom, _ in chain.links:
        if atom.payload is None:
            continue
        inner = context.operand(atom.payload)
        if inner is None or not is_row(atom.payload, "inv", "expm"):
            factors.append((_det_of_one(context, atom, "det"), ONE))
        elif atom.payload.primitive.name == "inv":
            factors.append((applied(context, "det", inner), -ONE))
        else:
            trace = context.normalised(context, _trace(inner))
            factors.append((applied(context, "exp", trace), ONE))
    for _, atom in chain.scales:
        assert atom.payload is not None
        vector = single(atom.payload, (0,), (size,))
        product = applied(context, "prod", vector, axis=(-1,), keepdims=False)
        factors.append((product, atom.power))
    return _multiplied(context, call.operand, factors)


def _multiplied(context: Context, like: Sum, factors: Sequence[tuple[Sum, Fraction]]) -> Sum | None:
    """Numbers to powers as one term."""
    term, fresh = Term(ONE, ()), count(1)
    for factor, power in factors:
        found = context.factor(factor, (), power, lambda size: next(fresh))
        if found is None:
            return None
        value = term.coefficient * found.coefficient
        term = Term(value, term.atoms + found.atoms, term.bound + found.bound)
    return Sum((), like.dtype, (term,))


def _to_size(chain: Chain, size: Size, like: Sum) -> tuple[Sum, Fraction]:
    """The number before a matrix, to the power n."""
    factor = Sum((), like.dtype, (Term(chain.number, chain.numbers),))
    if isinstance(size, int):
        return factor, Fraction(size)
    if not chain.numbers and chain.number == 1:
        return factor, ONE
    payload = Expr.derivant_apply(TABLE["pow"], (lowered(factor), size_as_number(size)), {})
    return single(payload, (), ()), ONE


def _special_for_det(link: tuple[Atom, bool]) -> bool:
    atom, turned = link
    return turned or atom.payload is None or is_row(atom.payload, "inv", "expm")


def _det_of_one(context: Context, atom: Atom, row: str) -> Sum:
    """The determinant of one matrix, or the logarithm of its size."""
    assert atom.payload is not None
    inside = context.inside(atom.payload)
    matrix = single(atom.payload, (0, 1), atom.payload.shape) if inside is None else inside
    return plain(context, Call(row, matrix, {}))


def _logdet_of_product(context: Context, call: Call) -> Sum | None:
    """log|det(c A B)| = n log|c| + log|det A| + log|det B|."""
    chain, size = chain_of(call.operand), call.operand.shape[0]
    if chain is None:
        return None
    if chain.is_one and not _special_for_det(chain.links[0]):
        return None
    total, parts = Sum((), call.operand.dtype, ()), list[Sum]()
    for atom, _ in chain.links:
        if atom.payload is None:
            continue
        inner = context.operand(atom.payload)
        if inner is not None and is_row(atom.payload, "inv"):
            parts.append(scaled(applied(context, "logdet", inner), -1))
        elif inner is not None and is_row(atom.payload, "expm"):
            parts.append(_trace(inner))
        else:
            parts.append(_det_of_one(context, atom, "logdet"))
    factors = Sum((), total.dtype, (Term(abs(chain.number), chain.numbers),))
    if chain.numbers or chain.number not in (1, -1):
        size_of = applied(context, "abs", factors)
        parts.append(_times_size(applied(context, "log", size_of), size))
    for _, atom in chain.scales:
        if atom.payload is None:
            return None
        vector = single(atom.payload, (0,), (size,), atom.power)
        logs = applied(context, "log", applied(context, "abs", vector))
        parts.append(_summed(logs, size))
    return added(total, *parts)


def _trace(total: Sum) -> Sum:
    """The sum of the diagonal entries."""
    terms = []
    for t in total.terms:
        names = {0: 0, 1: 0}
        atoms = tuple(a.renamed(names) for a in t.atoms)
        terms.append(Term(t.coefficient, atoms, ((0, total.shape[0]), *t.bound)))
    return Sum((), total.dtype, tuple(terms))


def _summed(total: Sum, size: Size) -> Sum:
    """The sum of the entries of a vector."""
    terms = [replace(t, bound=((0, size), *t.bound)) for t in total.terms]
    return Sum((), total.dtype, tuple(terms))


def _times_size(total: Sum, size: Size) -> Sum:
    if isinstance(size, int):
        return scaled(total, size)
    value, factors = size_factors(size, ONE)
    terms = [Term(t.coefficient * value, (*factors, *t.atoms), t.bound) for t in total.terms]
    return replace(total, terms=tuple(terms))


def _det_of_rank_one(context: Context, call: Call) -> Sum | None:
    """det(I + x y') = 1 + y'x."""
    total = call.operand
    units = [t for t in total.terms if len(t.atoms) == 1 and t.atoms[0].payload is None]
    if len(total.terms) != 2 or len(units) != 1 or units[0].coefficient != 1:
        return None
    (other,) = [t for t in total.terms if t is not units[0]]
    sides = [{c for c in a.index if c < 2} for a in other.atoms]
    if any(len(s) > 1 for s in sides) or any(a.payload is None for a in other.atoms):
        return None
    if any(len(a.index) > 1 for a in other.atoms) or {0, 1} - {c for s in sides for c in s}:
        return None
    atoms = tuple(a.renamed({1: 0}) for a in other.atoms)
    inner = Term(other.coefficient, atoms, ((0, total.shape[0]), *other.bound))
    return Sum((), total.dtype, (Term(ONE, ()), inner))


def _log_of_det_of_rank_one(context: Context, call: Call) -> Sum | None:
    found = _det_of_rank_one(context, call)
    if found is None:
        return None
    return applied(context, "log", applied(context, "abs", context.normalised(context, found)))


MAGNUS = "Magnus and Neudecker, Matrix Differential Calculus, chapter 1"
INVERSE_RULES: dict[str, tuple[Rule[Context, Call, Sum | None], ...]] = {
    "inv": (
        Rule("inv(A B) = inv(B) inv(A)", _inverse_of_product, "A, B square", MAGNUS),
        Rule("inv(A') = inv(A)'", _inverse_of_sum, "", MAGNUS),
    ),
    "det": (
        Rule("det(A B) = det(A) det(B)", _det_of_product, "A, B square", MAGNUS),
        Rule("det(I + x y') = 1 + y'x", _det_of_rank_one, "", MAGNUS),
    ),
    "logdet": (
        Rule("log|det(A B)| = log|det A| + log|det B|", _logdet_of_product, "A, B square", MAGNUS),
        Rule("det(I + x y') = 1 + y'x", _log_of_det_of_rank_one, "", MAGNUS),
    ),
}
