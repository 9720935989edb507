"""Sums and products of structured maps: terms renamed apart, then joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from derivant.rewriting.jacobian_form import MOST_FACTORS, MOST_TERMS
from derivant.rewriting.linear_form import (
    LinearForm,
    LinearTerm,
    counted,
    like_added,
    unified,
)

Joined = tuple[LinearForm, list[Any]]


def combined(
    one: LinearForm, parts: Sequence[Any], two: LinearForm, more: Sequence[Any], sign: int
) -> Joined | None:
    """The sum of two maps; None where it has too many terms."""
    two, joined = _apart(one, parts, two, more)
    terms = [*one.terms, *(replace(t, number=sign * t.number) for t in two.terms)]
    if len(terms) > MOST_TERMS:
        return None
    return _form(one, two.in_shape, terms, two), joined


def after(
    second: LinearForm, parts: Sequence[Any], first: LinearForm, more: Sequence[Any]
) -> Joined | None:
    """The chain rule; None where it has too many terms or factors."""
    first, joined = _apart(second, parts, first, more)
    terms = list[LinearTerm]()
    if len(second.terms) * len(first.terms) > MOST_TERMS:
        return None
    sizes = {**second.sizes, **first.sizes}
    for outer in second.terms:
        for inner in first.terms:
            names = unified(zip(outer.cols, inner.rows, strict=True))
            outer_, inner_ = outer.renamed(names), inner.renamed(names)
            factors = outer_.factors + inner_.factors
            term = LinearTerm(outer.number * inner.number, outer_.rows, inner_.cols, factors)
            found = counted(term, outer_.cols, sizes)
            if found is None or len(factors) > MOST_FACTORS:
                return None
            terms.append(found)
    return _form(second, first.in_shape, terms, first), joined


def _form(
    one: LinearForm, in_shape: Any, terms: Sequence[LinearTerm], two: LinearForm
) -> LinearForm:
    return LinearForm(
        one.out_shape,
        in_shape,
        like_added(terms),
        {**one.sizes, **two.sizes},
        one.slots + two.slots,
    )


def _apart(
    one: LinearForm, parts: Sequence[Any], two: LinearForm, more: Sequence[Any]
) -> tuple[LinearForm, list[Any]]:
    """The second form with letters and slots of its own; an array that both have keeps its slot."""
    start = 1 + max(one.sizes, default=-1)
    letters = {c: c + start for c in two.sizes}
    known: Mapping[int, int] = {id(part): slot for slot, part in enumerate(parts)}
    slots = {k: known.get(id(part), k + len(parts)) for k, part in enumerate(more)}
    terms = [
        replace(
            t.renamed(letters), factors=tuple(f.renamed(letters).moved(slots) for f in t.factors)
        )
        for t in two.terms
    ]
    sizes = {letters[c]: size for c, size in two.sizes.items()}
    return replace(two, terms=tuple(terms), sizes=sizes), [*parts, *more]
