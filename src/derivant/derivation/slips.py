"""A claim with one slip in it: a term, a sign, a transpose, a factor, a product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from derivant.carriers.expr import Expr
from derivant.derivation.edits import Edit, addends, completed, edits
from derivant.derivation.factors import LONGEST_NAME, TERM_ERROR, Finding, named, number_said
from derivant.derivation.points import Point, Question, close, evaluated

Numbers = npt.NDArray[np.float64]
MOST_EDITS = 400


def of_terms(question: Question, seen: Sequence[Point], most: int) -> Finding | None:
    """The claim is made of the terms of the derivative with other numbers, or the other way."""
    off = _off(_weights(question.terms, seen, lambda p: p.claim), most)
    if off:
        return _missing(off)
    off = _off(_weights(addends(question.claim), seen, lambda p: p.truth), most)
    return _too_many(off) if off else None


Weights = list[tuple[Expr, float]] | None


def _weights(
    terms: Sequence[Expr], seen: Sequence[Point], target: Callable[[Point], Numbers | None]
) -> Weights:
    """Numbers before the terms that make their sum the target at all points; None where none do."""
    if len(terms) < 2:
        return None
    rows, wanted = [], []
    for p in seen:
        values = [evaluated(t, p.values, p.sizes) for t in terms]
        goal = target(p)
        if goal is None or any(v is None or v.shape != goal.shape for v in values):
            return None
        size = p.near or 1.0
        rows.append(np.stack([np.ravel(v) for v in values if v is not None], axis=1) / size)
        wanted.append(goal.ravel() / size)
    matrix, right = np.concatenate(rows), np.concatenate(wanted)
    found, _, rank, _ = np.linalg.lstsq(matrix, right, rcond=1e-10)
    if rank < len(terms) or np.max(np.abs(matrix @ found - right), initial=0.0) > TERM_ERROR:
        return None
    return list(zip(terms, map(float, found), strict=True))


def _off(weights: Weights, most: int) -> list[tuple[Expr, float]]:
    """The terms whose number is not 1, where most are right."""
    if weights is None:
        return []
    off = [(t, w) for t, w in weights if abs(w - 1) > TERM_ERROR]
    return off if len(off) < len(weights) and len(off) <= most else []


def _missing(off: list[tuple[Expr, float]]) -> Finding:
    parts = []
    for term, weight in off:
        text = named(term)
        if abs(weight) < TERM_ERROR:
            parts.append(("term", f"the term {text} is missing"))
        elif abs(weight + 1) < TERM_ERROR:
            parts.append(("sign", f"a sign: the term {text} has the wrong sign"))
        else:
            parts.append(
                ("factor", f"a factor: the term {text} has a factor {number_said(weight)}")
            )
    return _joined(parts)


def _too_many(off: list[tuple[Expr, float]]) -> Finding:
    parts = []
    for term, weight in off:
        text = named(term)
        if abs(weight) < TERM_ERROR:
            parts.append(("term", f"the term {text} is one too many"))
        elif abs(weight + 1) < TERM_ERROR:
            parts.append(("sign", f"a sign: the term {text} has the wrong sign"))
        else:
            number = number_said(weight)
            parts.append(("factor", f"a factor: the term {text} lacks a factor {number}"))
    return _joined(parts)


def _joined(parts: list[tuple[str, str]]) -> Finding:
    return Finding(parts[0][0], "; ".join(text for _, text in parts))


ORDER = ("term", "sign", "transpose", "factor", "part", "order", "entries", "matrices", "power")


def edited(question: Question, seen: Sequence[Point]) -> Finding | None:
    """The claim with one place changed is right, or the derivative with one is the claim."""
    repairs = _fitting(question.claim, seen, lambda p: p.truth, question)
    found = [(_rank(e), Finding(*_repair_said(e), True)) for e in repairs]
    if question.shown is not None:
        slips = _fitting(question.shown, seen, lambda p: p.claim, question)
        found += [(_rank(e), Finding(*_slip_said(e))) for e in slips]
    return min(found, key=lambda f: f[0])[1] if found else None


def _rank(edit: Edit) -> tuple[int, int]:
    """The plainest kind first, and the smallest part."""
    return ORDER.index(edit.kind), len(named(edit.old))


def _fitting(
    root: Expr,
    seen: Sequence[Point],
    target: Callable[[Point], Numbers | None],
    question: Question,
) -> Iterator[Edit]:
    """The edits that make an expression the target at all points."""
    goals = [(p, target(p)) for p in seen]
    for count, edit in enumerate(edits(root)):
        if count > MOST_EDITS:
            return
        if len(edit.whole.shape) == len(question.shape) and all(
            _makes(edit.whole, p, goal) for p, goal in goals
        ):
            yield edit


def lacking(question: Question, seen: Sequence[Point]) -> Finding | None:
    """A part of the claim lacks a term that it has in the formula."""
    for edit in completed(question.claim, question.value):
        if all(_makes(edit.whole, p, p.truth) for p in seen):
            assert edit.new is not None
            new, old = named(edit.new), named(edit.old)
            return Finding("term", f"a term is missing: {new} has to stand for {old}", True)
    return None


def _makes(whole: Expr, point: Point, goal: Numbers | None) -> bool:
    if goal is None:
        return False
    found = evaluated(whole, point.values, point.sizes)
    return found is not None and close(point, found, goal)


def _repair_said(edit: Edit) -> tuple[str, str]:
    """What in the claim has to be another way."""
    old = named(edit.old)
    new = "" if edit.new is None else named(edit.new)
    whole = named(edit.whole)
    right = f": right is {whole}" if len(whole) < LONGEST_NAME else ""
    return {
        "term": ("term", f"the term {old} is one too many{right}"),
        "sign": ("sign", f"a sign: the term {old} has the wrong sign{right}"),
        "transpose": ("transpose", f"a transpose: {new} has to stand for {old}{right}"),
        "factor": ("factor", f"a factor: the term {old} lacks a factor {new}{right}"),
        "part": ("factor", f"a factor: {old} is one too many{right}"),
        "order": ("order", f"the order of a product: {new} has to stand for {old}{right}"),
        "entries": ("product", f"a product by entries has to stand for {old}{right}"),
        "matrices": ("product", f"a matrix product has to stand for {old}{right}"),
        "power": ("power", f"a power: {new} has to stand for {old}{right}"),
    }[edit.kind]


def _slip_said(edit: Edit) -> tuple[str, str]:
    """What of the derivative is another way in the claim."""
    old = named(edit.old)
    new = "" if edit.new is None else named(edit.new)
    return {
        "term": ("term", f"the term {old} is missing"),
        "sign": ("sign", f"a sign: the term {old} has the wrong sign"),
        "transpose": ("transpose", f"a transpose: the claim has {new} for {old}"),
        "factor": ("factor", f"a factor: the term {old} has a factor {new}"),
        "part": ("factor", f"a factor: {old} is missing"),
        "order": ("order", f"the order of a product: the claim has {new} for {old}"),
        "entries": ("product", f"the claim has a product by entries for the product {old}"),
        "matrices": ("product", f"the claim has a matrix product for the one by entries, {old}"),
        "power": ("power", f"a power: the claim has {new} for {old}"),
    }[edit.kind]
