"""What the solvers share: derivatives, zeros, inverses and products of expressions.

Everything goes through the normal form. A square matrix that stands alone is inverted by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from derivant.base.dims import Shape
from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, as_expr
from derivant.notation import Forms, Node, text_of
from derivant.primitives import RECORD
from derivant.rewriting import (
    Atom,
    Form,
    Sum,
    Term,
    components,
    derivative_form,
    form_of,
    lowered,
)

Letter = int
MOST_OPENED = 24
FORMS = 128  # of each kind that are kept: forms, derivatives and documents


def depends(expression: Expr, variables: Iterable[Expr]) -> bool:
    """Whether any of the variables occurs."""
    wanted = {id(v) for v in variables}
    return any(id(node) in wanted for node in ancestors([expression]))


def constant(value: float, shape: Shape = ()) -> Expr:
    """A number, or an array of it."""
    number = as_expr(np.float64(value))
    filled: Expr = RECORD.broadcast_to(number, shape=tuple(shape)) if shape else number
    return filled


def substituted(expression: Expr, changes: dict[Expr, Expr]) -> Expr:
    """The expression with variables replaced."""
    return replaced([expression], changes)[0]


def at_zero(expression: Expr, variables: Iterable[Expr]) -> Expr:
    """The expression where the variables are 0, in normal form."""
    return simple(substituted(expression, {v: constant(0.0, v.shape) for v in variables}))


@lru_cache(maxsize=FORMS)
def formed(expression: Expr) -> Form:
    """The normal form with its parts. Most are asked for more than once."""
    return form_of(expression)


def simple(expression: Expr) -> Expr:
    """The normal form, with a matrix beside its own inverse gone."""
    form = formed(expression)
    total = _cancelled(form.sum)
    return lowered(total) if total is form.sum else formed(lowered(total)).to_expr()


@lru_cache(maxsize=FORMS)
def derived(value: Expr, variable: Expr) -> Form:
    """The normal form of a derivative: axes of the value first. Several patterns ask for it."""
    return derivative_form(value, variable)


def slope(value: Expr, variable: Expr) -> Expr:
    """The derivative: axes of the value first."""
    return derived(value, variable).to_expr()


def is_zero(expression: Expr) -> bool:
    """Whether the normal form has no term."""
    return not formed(expression).sum.terms


@lru_cache(maxsize=FORMS)
def documented(expression: Expr, anyhow: bool = False) -> Node:
    """The document of an expression, by its letters or as one einsum where it has no matrices."""
    form = formed(expression)
    forms = Forms(form)
    found = forms.matrix(form.sum)
    if found is None:
        found = forms.indexed(form.sum) if anyhow else forms.contractions(form.sum)
    return found


def shown(expression: Expr) -> str:
    """The text of an expression."""
    return text_of(documented(expression, anyhow=True))


def _cancelled(total: Sum) -> Sum:
    """The sum with X inv(X) = I where the two meet in one letter."""
    terms = tuple(_without_pairs(term) for term in total.terms)
    if all(new is old for new, old in zip(terms, total.terms, strict=True)):
        return total
    return Sum(total.shape, total.dtype, terms)


def _without_pairs(term: Term) -> Term:
    """A term without one pair X[a, c] inv(X)[c, b] after the other."""
    while (found := _pair(term)) is not None:
        i, j, met, unit = found
        atoms = tuple(a for k, a in enumerate(term.atoms) if k not in (i, j))
        bound = tuple((c, s) for c, s in term.bound if c != met)  # left in, it would count
        term = Term(term.coefficient, (*atoms, unit), bound)
    return term


def _pair(term: Term) -> tuple[int, int, Letter, Atom] | None:
    bound = {c for c, _ in term.bound}
    for i, a in enumerate(term.atoms):
        if a.payload is None or a.payload.primitive.name != "inv" or a.power != 1:
            continue
        inner = a.payload.inputs[0]
        symmetric = bool({*inner.params.get("facts", ())} & {"spd", "symmetric-invertible"})
        for j, b in enumerate(term.atoms):
            if b.payload is not inner or b.power != 1:
                continue
            sides = [(0, 1), (1, 0)] + [(0, 0), (1, 1)] * symmetric
            for p, q in sides:
                c = a.index[p]
                users = sum(x.index.count(c) for x in term.atoms)
                if c in bound and b.index[q] == c and users == 2:
                    return i, j, c, Atom(None, (a.index[1 - p], b.index[1 - q]))
    return None


def opened(form: Form, wanted: Callable[[Atom], bool]) -> Sum | None:
    """The sum with those parentheses multiplied out; None where they are too many."""
    total = form.sum
    for _ in range(MOST_OPENED):
        place = next(
            (
                (k, a)
                for k, t in enumerate(total.terms)
                for a in t.atoms
                if a.payload is not None
                and a.power in (1, 2)
                and form.inside(a.payload) is not None
                and wanted(a)
            ),
            None,
        )
        if place is None:
            return total
        k, atom = place
        inner = form.inside(payload_of(atom))
        assert inner is not None
        term = total.terms[k]
        once = (replace(atom, power=Fraction(1)),) if atom.power == 2 else ()
        others = tuple(a for a in term.atoms if a is not atom) + once
        start = 1 + max([total.rank, *(c for c, _ in term.bound), *letters_in(others)])
        made = [_joined(term, others, atom, one, start) for one in inner.terms]
        total = replace(total, terms=(*total.terms[:k], *made, *total.terms[k + 1 :]))
    return None


def letters_in(atoms: Sequence[Atom]) -> list[int]:
    """All letters of atoms."""
    return [c for a in atoms for c in a.index]


def payload_of(atom: Atom) -> Expr:
    """The payload of an atom that is no unit tensor."""
    assert atom.payload is not None
    return atom.payload


def _joined(term: Term, others: tuple[Atom, ...], atom: Atom, one: Term, start: int) -> Term:
    names = dict(enumerate(atom.index))
    bound = list(term.bound)
    for k, (c, size) in enumerate(one.bound):
        names[c] = start + k
        bound.append((start + k, size))
    atoms = tuple(a.renamed(names) for a in one.atoms)
    return Term(term.coefficient * one.coefficient, others + atoms, tuple(bound))


# Products and inverses of blocks: numbers, vectors and matrices


def turned(block: Expr) -> Expr:
    """The transpose of a matrix."""
    found: Expr = RECORD.matrix_transpose(block)
    return found


def contracted(block: Expr, core: int, x: Expr) -> Expr:
    """A block with `core` axes of the operand behind, times the operand."""
    if core:
        found: Expr = RECORD.matmul(block, x)
        return found
    if not block.shape or not x.shape:
        scaled: Expr = RECORD.multiply(block, x)
        return scaled
    return outer(block, x)


def outer(x: Expr, y: Expr) -> Expr:
    """All products of the entries of two arrays; their axes in order."""
    letters = "abcdefgh"
    first, second = letters[: len(x.shape)], letters[len(x.shape) : len(x.shape) + len(y.shape)]
    found: Expr = RECORD.einsum(x, y, spec=f"{first},{second}->{first}{second}")
    return found


def split_scalars(total: Sum, term: Term) -> tuple[Expr, Sum]:
    """A term as a number times what has the free letters."""
    groups = components(term.atoms, total.rank)
    loose = [a for g in groups for a in g if not any(c < total.rank for b in g for c in b.index)]
    names = {id(a) for a in loose}
    rest = tuple(a for a in term.atoms if id(a) not in names)
    used = {c for a in loose for c in a.index}
    inner = tuple((c, s) for c, s in term.bound if c in used)
    shift = {c: k for k, (c, _) in enumerate(inner)}
    number = Sum(
        (),
        total.dtype,
        (
            Term(
                term.coefficient,
                tuple(a.renamed(shift) for a in loose),
                tuple((shift[c], s) for c, s in inner),
            ),
        ),
    )
    bound = tuple((c, s) for c, s in term.bound if c not in used)
    return lowered(number), Sum(total.shape, total.dtype, (Term(Fraction(1), rest, bound),))


def inverse(block: Expr) -> Expr:
    """The inverse of a number or a square matrix, by parts where it is a product by a number."""
    if not block.shape:
        return over(constant(1.0), block)
    form = formed(block)
    if len(form.sum.terms) != 1:
        own = diagonal_of(form.sum)
        found: Expr = RECORD.inv(block) if own is None else _reciprocal(own)
        return found
    number, rest = split_scalars(form.sum, form.sum.terms[0])
    (term,) = rest.terms
    return over(_inverse_of(term, rest), number)


def diagonal_of(total: Sum) -> Expr | None:
    """The vector v of a matrix that is diag(v) by its form, None for any other."""
    terms = []
    for term in total.terms:
        units = [a for a in term.atoms if a.payload is None and {*a.index} == {0, 1}]
        if len(units) != 1 or total.rank != 2:
            return None
        names = {1: 0, **{c: 1 + k for k, (c, _) in enumerate(term.bound)}}
        atoms = tuple(a.renamed(names) for a in term.atoms if a is not units[0])
        bound = tuple((names[c], s) for c, s in term.bound)
        terms.append(Term(term.coefficient, atoms, bound))
    return lowered(Sum(total.shape[:1], total.dtype, tuple(terms)))


def _reciprocal(diagonal: Expr) -> Expr:
    """The diagonal matrix with one over each entry."""
    found: Expr = RECORD.diag_embed(over(constant(1.0, diagonal.shape), diagonal), offset=0)
    return found


def _inverse_of(term: Term, rest: Sum) -> Expr:
    atoms = term.atoms
    units = [a for a in atoms if a.payload is None]
    others = [a for a in atoms if a.payload is not None]
    if units and not others:
        return lowered(rest)
    own = diagonal_of(rest)
    if own is not None:
        return _reciprocal(own)
    if len(others) == 1 and not units and others[0].power == 1 and others[0].payload is not None:
        payload = others[0].payload
        flipped = others[0].index == (1, 0)
        known = payload.inputs[0] if payload.primitive.name == "inv" else RECORD.inv(payload)
        return turned(known) if flipped else known
    found: Expr = RECORD.inv(lowered(rest))
    return found


def inner(a: Expr, b: Expr) -> Expr:
    """The sum of all products of entries of the same place."""
    return entry_sum(RECORD.multiply(a, b))


def entry_sum(x: Expr) -> Expr:
    """The sum of all entries; of a number itself."""
    axes = tuple(range(-len(x.shape), 0))
    found: Expr = RECORD.sum(x, axis=axes, keepdims=False) if axes else x
    return found


def over(x: Expr, number: Expr) -> Expr:
    """The quotient by a number."""
    found: Expr = RECORD.divide(x, number)
    return found


def summed(parts: Sequence[Expr]) -> Expr:
    """The sum of expressions of one shape."""
    total = parts[0]
    for part in parts[1:]:
        total = RECORD.add(total, part)
    return total
