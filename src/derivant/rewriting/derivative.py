"""The derivative of an expression by a variable, as a sum of contractions.

One reverse sweep with a symbol for the cotangent gives an expression that is linear in it. In its
normal form the symbol stands once in each term; unit tensors in its place make the terms of the
generalized Jacobian, its axes those of the value, then those of the variable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np

from derivant.base.dims import Size
from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors, enter_all, inputs_of
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.primitives import RECORD
from derivant.rewriting.branching import branched
from derivant.rewriting.context import LONGEST_SHARED, Context
from derivant.rewriting.indexed import ONE, Atom, Index, Letter, Sum, Term
from derivant.rewriting.joins import parted
from derivant.rewriting.laws import FUNCTION_RULES
from derivant.rewriting.merged import opened
from derivant.rewriting.normal_form import Form, form_of, normalised
from derivant.rewriting.plainer import plainer
from derivant.rewriting.regions import MANY_NODES
from derivant.sweeps import pullback

MOST_TERMS = 64  # of a Jacobian whose sums are multiplied out
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
    plain, known = opened(plainer(value), wrt), None
    nodes = ancestors([plain])
    is_deep = len(nodes) > MANY_NODES
    if not is_deep and any(node.primitive.name in FUNCTION_RULES for node in nodes):
        known = form_of(plain)
        plain = plainer(known.to_expr())
    form = form_of(parted(branched(plainer(pulled_back(plain, wrt, seed), plain), plain)))
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
    opened = _linear(form.context, form.sum, seed)
    if opened is None:
        return _by_parts(form.context, form.sum, seed)
    terms = [_without(term, seed, rank) for term in opened]
    total = Sum((*value.shape, *wrt.shape), np.dtype(wrt.dtype), tuple(terms))
    return normalised(form.context, total)


def _without(term: Term, seed: Expr, rank: int) -> Term:
    """A term over the letters of the value, then its own: the seed's letters are the value's."""
    place = next(k for k, a in enumerate(term.atoms) if a.payload is seed)
    rest, index = _shifted(term, place, rank)
    units = [Atom(None, (k, c)) for k, c in enumerate(index)]
    return replace(rest, atoms=(*units, *rest.atoms))


def _shifted(term: Term, place: int, rank: int) -> tuple[Term, Index]:
    """A term without one of its atoms, and the letters of that; all letters higher by a rank."""
    atoms = [replace(a, index=tuple(c + rank for c in a.index)) for a in term.atoms]
    index = atoms.pop(place).index
    bound = tuple((c + rank, size) for c, size in term.bound)
    return Term(term.coefficient, tuple(atoms), bound), index


def _linear(context: Context, total: Sum, seed: Expr) -> list[Term] | None:
    """The terms with the sums that hold the seed multiplied out, until it is a factor of each.

    None where these are too many.
    """
    carries = _Carries(seed)
    queue, done = deque(total.terms), list[Term]()
    while queue:
        term = queue.popleft()
        place = carries.place(term)
        if place is None:  # linear in the seed: what does not have it adds up to 0
            continue
        if term.atoms[place].payload is seed:
            done.append(term)
        else:
            queue.extend(_opened(context, term, place, total.rank))
        if len(queue) + len(done) > MOST_TERMS:
            return None
    return done


# Deep graphs: a shared sum that holds the seed becomes one matrix, and is not multiplied out


def _by_parts(context: Context, total: Sum, seed: Expr) -> Sum:
    """The sum with unit tensors in the place of the seed, part after part."""
    carries = _Carries(seed)
    known: dict[int, Sum] = {}

    def inner(part: Sum) -> list[Sum]:
        return [
            _inside(context, t.atoms[place])
            for t in part.terms
            if (place := carries.place(t)) is not None and t.atoms[place].payload is not seed
        ]

    enter_all(known, [total], inner, lambda part: _by_seed(context, part, seed, carries, known))
    return known[id(total)]


def _by_seed(
    context: Context, part: Sum, seed: Expr, carries: _Carries, known: Mapping[int, Sum]
) -> Sum:
    """One sum with the unit tensors; those inside it are known."""
    rank = len(seed.shape)
    terms = []
    for term in part.terms:
        place = carries.place(term)
        if place is None:
            continue
        if term.atoms[place].payload is seed:
            terms.append(_without(term, seed, rank))
            continue
        inner = known[id(_inside(context, term.atoms[place]))]
        rest, index = _shifted(term, place, rank)
        letters = count(1 + max([rank + part.rank, *(c for c, _ in rest.bound)]))
        fresh = partial(_next, letters)
        factor = context.factor(inner, (*range(rank), *index), ONE, fresh, LONGEST_SHARED)
        if factor is not None:
            atoms, bound = rest.atoms + factor.atoms, rest.bound + factor.bound
            terms.append(Term(rest.coefficient * factor.coefficient, atoms, bound))
    return normalised(context, Sum((*seed.shape, *part.shape), part.dtype, tuple(terms)))


def _next(letters: Iterator[Letter], size: Size) -> Letter:
    return next(letters)


def _inside(context: Context, atom: Atom) -> Sum:
    """The sum that an atom with the seed in it stands for."""
    known = context.opened.get(id(atom.payload))
    if known is None or atom.power != 1:
        assert atom.payload is not None
        raise DerivantError(
            f"the derivative has a factor from {atom.payload.primitive.name} that is no "
            "contraction and has no closed form here; dv.jacobian has it as numbers"
        )
    return known[1]


def _opened(context: Context, term: Term, place: int, rank: int) -> list[Term]:
    """A term with one sum inside it multiplied out."""
    atom = term.atoms[place]
    inside = _inside(context, atom)
    others = term.atoms[:place] + term.atoms[place + 1 :]
    fresh = count(1 + max([rank, *(c for c, _ in term.bound)]))
    terms = []
    for inner in inside.terms:
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

    def place(self, term: Term) -> int | None:
        """Where in a term the seed is; None where it is not."""
        return next((k for k, a in enumerate(term.atoms) if self(a.payload)), None)

    def __call__(self, payload: Expr | None) -> bool:
        if payload is None:
            return False
        enter_all(self._known, [payload], inputs_of, self._seen)
        return self._known[id(payload)][1]

    def _seen(self, node: Expr) -> tuple[Expr, bool]:
        return node, node is self._seed or any(self._known[id(x)][1] for x in node.inputs)
