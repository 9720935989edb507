"""Derivatives of high order by one number: each is a sum of products of powers of the same factors.

The factors of a formula and of their derivatives are soon closed under differentiation (tanh(x) and
1 - tanh(x)^2; x and exp(x^2)), so that the next derivative is found term by term, with exact
numbers, and like terms are added. Sums in parentheses stay whole: written out in powers of tanh
alone, the numbers would be large and cancel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr
from derivant.rewriting.context import Context
from derivant.rewriting.indexed import ONE, Atom, Sum, Term
from derivant.rewriting.laws import like_terms_added, powers_joined
from derivant.rewriting.normal_form import Form, form_of
from derivant.rewriting.plainer import plainer
from derivant.rewriting.settling import settled
from derivant.sweeps import pushforward

MOST_FACTORS = 600


def successive_forms(value: Expr, wrt: Expr) -> Iterator[Form]:
    """The derivatives of a number by a number, of order 1, 2, 3 and so on.

    Raises DerivantError where one has more than 600 factors in all.

    >>> from derivant.carriers.trace import symbols
    >>> import derivant as dv
    >>> x = symbols("x:")
    >>> [len(form.sum.terms) for form, _ in zip(successive_forms(dv.tanh(x), x), range(4))]
    [1, 1, 2, 2]
    """
    start = form_of(plainer(value, value))
    slopes = _Slopes(start.context, wrt)
    total = start.sum
    while True:
        total = slopes.of(total)
        if sum(len(term.atoms) for term in total.terms) > MOST_FACTORS:
            raise DerivantError(
                f"a derivative by {wrt.params['name']} has more than {MOST_FACTORS} factors; "
                "take a lower order"
            )
        yield Form(total, start.context)


class _Slopes:
    """Derivatives of sums and of the expressions in them by one number, each made once."""

    def __init__(self, context: Context, wrt: Expr) -> None:
        self._context, self._wrt = context, wrt
        self._known: dict[int, tuple[Expr, Sum]] = {}

    def of(self, total: Sum) -> Sum:
        """The derivative of a sum; those of the expressions in it come first, without recursion."""
        stack = [total]
        while stack:
            payloads = {id(p): p for p in _payloads(stack[-1]) if id(p) not in self._known}
            below = []
            for payload in payloads.values():
                inside = self._context.opened.get(id(payload))
                if inside is None:
                    self._known[id(payload)] = (payload, self._of_function(payload))
                elif all(id(p) in self._known for p in _payloads(inside[1])):
                    self._known[id(payload)] = (payload, self._of_terms(inside[1]))
                else:
                    below.append(inside[1])
            if below:
                stack += below
            elif not payloads:
                stack.pop()
        return self._of_terms(total)

    def _of_function(self, payload: Expr) -> Sum:
        """The derivative of a variable or of a function by the rule of its row."""
        none = Sum(tuple(payload.shape), np.dtype(payload.dtype), ())
        if payload is self._wrt:
            return replace(none, terms=(Term(ONE, ()),))
        if not any(node is self._wrt for node in ancestors([payload])):
            return none
        slope = pushforward([payload], [self._wrt], [as_expr(np.ones((), self._wrt.dtype))], 0)[0]
        if slope is None:
            return none
        form = form_of(plainer(as_expr(slope), payload), context=self._context).sum
        if len(form.terms) < 2:
            return form
        letters = count(form.rank)
        whole = self._context.factor(form, tuple(range(form.rank)), ONE, lambda _: next(letters))
        return none if whole is None else replace(none, terms=(whole,))

    def _of_terms(self, total: Sum) -> Sum:
        """The product rule, term by term."""
        terms: list[Term] = []
        for term in total.terms:
            for place, atom in enumerate(term.atoms):
                if atom.payload is not None:
                    terms += self._of_atom(term, place, atom, total.rank)
        found = settled(replace(total, terms=tuple(terms)))
        return like_terms_added(self._context, powers_joined(self._context, found))

    def _of_atom(self, term: Term, place: int, atom: Atom, rank: int) -> Iterator[Term]:
        """The terms that come from one factor: p x^(p - 1) times its derivative."""
        others = term.atoms[:place] + term.atoms[place + 1 :]
        if atom.power != 1:
            others += (Atom(atom.payload, atom.index, atom.power - 1),)
        for inner in self._known[id(atom.payload)][1].terms:
            fresh = count(1 + max([rank, *(c for c, _ in term.bound)]))
            names = {**dict(enumerate(atom.index)), **{c: next(fresh) for c, _ in inner.bound}}
            bound = tuple((names[c], size) for c, size in inner.bound)
            atoms = others + tuple(a.renamed(names) for a in inner.atoms)
            number = term.coefficient * inner.coefficient * atom.power
            yield Term(number, atoms, term.bound + bound)


def _payloads(total: Sum) -> Iterator[Expr]:
    return (a.payload for t in total.terms for a in t.atoms if a.payload is not None)
