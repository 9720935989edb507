"""What is wrong with a claim: the nearest thing to it that is right, found by trying.

Every answer here is a guess that has been evaluated at points of different sizes and is equal to
the derivative at all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from derivant.derivation.factors import Finding, constant, factor_said, ratio, scaled
from derivant.derivation.guesses import SYMMETRIC, Guess, guesses, said
from derivant.derivation.layouts import in_layout
from derivant.derivation.points import Point, Question, agree, points
from derivant.derivation.slips import edited, lacking, of_terms

Numbers = npt.NDArray[np.float64]
FEW = 3  # points that a guess must pass before it is looked at closely
MANY = 20  # points of a look that trusts the closed form


def diagnosed(question: Question, seen: Sequence[Point]) -> list[Finding]:
    """What makes a wrong claim right, the plainest first; empty where nothing was found."""
    if len(seen) < FEW:
        return []
    whole = scaled(question, seen) or in_layout(question, seen, False)
    if whole is not None:
        return [whole]
    if all(p.claim is not None and p.claim.shape != p.truth.shape for p in seen):
        found = [in_layout(question, seen, True) or edited(question, seen)]
        return [x for x in found if x is not None]
    slip = of_terms(question, seen, 1) or edited(question, seen) or of_terms(question, seen, 2)
    slip = slip or lacking(question, seen)
    # a claim that is wrong in a rare place alone seems right under any fact
    often = sum(not agree(p) for p in seen) > 1
    fact = _under_fact(question) if often else None
    if fact is not None and fact.kind == "symmetric":
        # that the claim has A for A' is then no news; a repair of the claim itself is
        again = slip if slip is not None and slip.repairs else None
        found = [Finding("fact", fact.text), again]
    elif slip is not None or fact is not None:
        found = [slip, fact]
    elif often:
        found = [_size_one(question) or in_layout(question, seen, True)]
        found = found if found[0] is not None else [_parallel(question, seen)]
    else:
        found = []
    return [x for x in found if x is not None]


# Facts and sizes


def _passes(question: Question, change: Callable[[str, Numbers], Numbers], scale: bool) -> float:
    """The number that the derivative times it is the claim wherever a guess holds; 0 for none."""
    found = _ratio_under(question, change, scale, True)
    return found and _ratio_under(question, change, scale, False)


def _ratio_under(
    question: Question, change: Callable[[str, Numbers], Numbers], scale: bool, trusting: bool
) -> float:
    ratios: list[float] = []
    for point in islice(points(question, change, trusting=trusting), MANY if trusting else 2 * FEW):
        if point.claim is None or point.claim.shape != point.truth.shape:
            return 0.0
        if agree(point):
            number: float | None = None if point.empty else 1.0
        else:
            number = ratio(point.claim, point.truth) if scale else None
            if number is None:
                return 0.0
        ratios += [] if number is None else [number]
    whole = constant(ratios) if len(ratios) >= FEW else None
    return whole or 0.0


def _giving(names: Sequence[str], guess: Guess) -> Callable[[str, Numbers], Numbers]:
    return lambda name, value: guess.give(value) if name in names else value


def _under_fact(question: Question) -> Finding | None:
    """A fact of one variable, or symmetry of several, under which the claim is right."""
    leaves = dict(question.leaves)
    tried = list(guesses(leaves))
    for name, guess in tried:
        if _passes(question, _giving([name], guess), False):
            kind = guess.fact if guess is SYMMETRIC else "fact"
            return Finding(kind, f"true if {said(name, guess)}")
    square = [name for name, guess in tried if guess is SYMMETRIC]
    if len(square) > 1 and _passes(question, _giving(square, SYMMETRIC), False):
        needed = list(square)
        for name in square:
            fewer = [n for n in needed if n != name]
            if _passes(question, _giving(fewer, SYMMETRIC), False):
                needed = fewer
        return Finding("symmetric", "true if " + " and ".join(said(n, SYMMETRIC) for n in needed))
    for name in square:
        number = _passes(question, _giving([name], SYMMETRIC), True)
        if number:
            factor = factor_said(number, "")
            return Finding("factor", f"with {said(name, SYMMETRIC)} it is {factor.text}")
    return None


def _size_one(question: Question) -> Finding | None:
    """A named size that the claim needs to be 1."""
    for name in question.names:
        few = list(islice(points(question, None, name), 2 * FEW))
        if sum(not p.empty for p in few) >= FEW and all(map(agree, few)):
            return Finding("size", f"right only for {name} = 1")
    return None


def _parallel(question: Question, seen: Sequence[Point]) -> Finding | None:
    """The claim points the way of the derivative and has another length."""
    big = [p for p in seen if p.truth.size > 1 and not p.empty]
    ratios = [ratio(p.claim, p.truth) for p in big]
    if len(big) < FEW or any(r is None for r in ratios):
        return None
    return Finding("factor", "off by a factor that is not the same everywhere")
