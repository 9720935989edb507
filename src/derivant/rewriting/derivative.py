"""The derivative of an expression by a variable, as a sum of contractions.

One reverse sweep with a symbol for the cotangent gives an expression that is linear in it. In its
normal form the symbol stands once in each term; unit tensors in its place make the terms of the
generalized Jacobian, its axes those of the value, then those of the variable.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import count

import numpy as np

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.primitives import RECORD
from derivant.rewriting.context import Context
from derivant.rewriting.indexed import Atom, Sum, Term
from derivant.rewriting.laws import FUNCTION_RULES
from derivant.rewriting.normal_form import Form, form_of, normalised
from derivant.rewriting.plainer import plainer
from derivant.sweeps import pullback

MOST_TERMS = 512  # of a Jacobian whose sums had to be multiplied out
COTANGENT = " g"  # no name that a reader could write


def derivative_form(value: Expr, wrt: Expr, upstream: Expr | None = None) -> Form:
    """The normal form of the derivative: axes of the value first, then those of the variable.

    With `upstream`, a cotangent of the value's shape, that of the vector-Jacobian product.

    Raises DerivantError where the derivative has a factor that is no contraction of known ones.

    >>> from derivant.carriers.trace import symbols
    >>> x, A = symbols("x: n, A: m n")
    >>> derivative_form(A @ x, x).to_expr() is A
    True
    """
    seed = upstream
    if seed is None and value.shape:
        seed = symbol(COTANGENT, value.shape, value.dtype)
    plain, known = plainer(value), None
    if any(node.primitive.name in FUNCTION_RULES for node in ancestors([plain])):
        known = form_of(plain)
        plain = plainer(known.to_expr())
    form = form_of(plainer(pulled_back(plain, wrt, seed), plain))
    if known is not None:
        form.context.follow(known.context)
    if seed is None or seed is upstream:
        return form
    return Form(_stripped(form, seed, value, wrt), form.context)


def pulled_back(value: Expr, wrt: Expr, seed: Expr | None = None) -> Expr:
    """The vector-Jacobian product with a cotangent; without one, that of the number 1."""
    start = as_expr(np.ones((), value.dtype)) if seed is None else seed
    found = pullback([value], [start], [wrt], 0)[0] if value is not wrt else start
    if found is not None:
        result: Expr = as_expr(found)
        return result
    zeros: Expr = as_expr(np.zeros((), wrt.dtype))
    filled: Expr = RECORD.broadcast_to(zeros, shape=wrt.shape) if wrt.shape else zeros
    return filled


def _stripped(form: Form, seed: Expr, value: Expr, wrt: Expr) -> Sum:
    """The sum with unit tensors in the place of the seed."""
    rank = len(value.shape)
    terms = [_without(term, seed, rank) for term in _linear(form.context, form.sum, seed)]
    total = Sum((*value.shape, *wrt.shape), np.dtype(wrt.dtype), tuple(terms))
    return normalised(form.context, total)


def _without(term: Term, seed: Expr, rank: int) -> Term:
    """A term over the letters of the value, then its own: the seed's letters are the value's."""
    atoms = [replace(a, index=tuple(c + rank for c in a.index)) for a in term.atoms]
    place = next(k for k, a in enumerate(atoms) if a.payload is seed)
    units = [Atom(None, (k, c)) for k, c in enumerate(atoms.pop(place).index)]
    bound = tuple((c + rank, size) for c, size in term.bound)
    return Term(term.coefficient, (*units, *atoms), bound)


def _linear(context: Context, total: Sum, seed: Expr) -> list[Term]:
    """The terms with the sums that hold the seed multiplied out, until it is a factor of each."""
    carries = _Carries(seed)
    queue, done = deque(total.terms), list[Term]()
    while queue:
        term = queue.popleft()
        place = next(k for k, a in enumerate(term.atoms) if carries(a.payload))
        atom = term.atoms[place]
        if atom.payload is seed and atom.power == 1:
            done.append(term)
        elif atom.payload is not None:
            queue.extend(_opened(context, term, place, total.rank))
        if len(queue) + len(done) > MOST_TERMS:
            raise DerivantError(
                f"the derivative has more than {MOST_TERMS} terms; derive it by parts"
            )
    return done


def _opened(context: Context, term: Term, place: int, rank: int) -> list[Term]:
    """A term with one sum inside it multiplied out."""
    atom = term.atoms[place]
    known = context.opened.get(id(atom.payload))
    if known is None or atom.power != 1:
        assert atom.payload is not None
        raise DerivantError(
            f"the derivative has a factor from {atom.payload.primitive.name} that is no "
            "contraction and has no closed form here; dv.jacobian has it as numbers"
        )
    others = term.atoms[:place] + term.atoms[place + 1 :]
    fresh = count(1 + max([rank, *(c for c, _ in term.bound)]))
    terms = []
    for inner in known[1].terms:
        names = {**dict(enumerate(atom.index)), **{c: next(fresh) for c, _ in inner.bound}}
        bound = tuple((names[c], size) for c, size in inner.bound)
        atoms = tuple(a.renamed(names) for a in inner.atoms)
        terms.append(Term(inner.coefficient * term.coefficient, others + atoms, term.bound + bound))
    return terms


class _Carries:
    """Whether an expression depends on the seed; asked often of the same ones."""

    def __init__(self, seed: Expr) -> None:
        self._seed = seed
        self._known: dict[int, tuple[Expr, bool]] = {}

    def __call__(self, payload: Expr | None) -> bool:
        if payload is None:
            return False
        known = self._known.get(id(payload))
        if known is None:
            depends = any(node is self._seed for node in ancestors([payload]))
            known = self._known[id(payload)] = (payload, depends)
        return known[1]
