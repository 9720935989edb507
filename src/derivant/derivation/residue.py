"""What is left of claim minus derivative where no law makes it 0 and random points do not see it.

Rounding looks different at points that hardly differ; a function that is small there does not. So
a term such as exp(-1000 (x - 3)^2) is told from an identity that the laws do not know, and the
place where it matters is found by climbing.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np
import numpy.typing as npt

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.derivation.draws import sizes_for
from derivant.derivation.edits import addends
from derivant.derivation.points import Point, Question, Values, at, evaluated, random_point

Numbers = npt.NDArray[np.float64]
POINTS, FEWEST = 6, 3
UNEVEN = inf
NEARBY = (1e-12, 3e-11, 1e-9, 2e-8)  # relative moves
LOST = 1e-13  # relative, what rounding leaves of terms that cancel
DUST = 1e-3  # relative, of what rounding may leave where a claim cancels
COHERENT = 0.05  # relative change of a function that is smooth at such moves
ALIKE = 1e3  # spread of the shares of a number that was rounded
STEPS, STARTS = 160, 6
SPREADS = (0.7, 3.0, 10.0, 30.0, 100.0, 1000.0)
LEAST = 1e-7  # a share of the derivative that is no rounding


def share_left(question: Question, difference: Expr) -> float | None:
    """The share of the derivative that claim minus derivative is at points, where it is a function.

    UNEVEN where it differs from point to point, None where it is the dust of rounding.
    """
    shares, coherent, tried = list[float](), 0, 0
    for point in _around(question):
        here = evaluated(difference, point.values, point.sizes)
        if here is None:
            continue
        tried += 1
        if not np.any(here):
            coherent += not _cancels(difference, point)
        elif is_steady(question, point, difference):
            coherent += 1
            shares.append(float(np.max(np.abs(here)) / max(point.near, 1e-300)))
    if tried < FEWEST or coherent < tried - 1:
        return None
    even = len(shares) == tried and max(shares) < ALIKE * min(shares)
    return max(shares) if even else UNEVEN


def _around(question: Question) -> Iterator[Point]:
    rng = np.random.default_rng(31)
    for turn in range(POINTS):
        sizes = sizes_for(question.names, turn, question.least)
        found = random_point(question, sizes, SPREADS[turn % 3], rng, None, True)
        if found is not None:
            yield found


def is_dust(question: Question, point: Point) -> bool:
    """Whether claim and derivative differ by rounding alone, more than its share as it may be."""
    if point.claim is None or point.claim.shape != point.truth.shape:
        return False
    least = DUST * point.near
    small = float(np.max(np.abs(point.claim - point.truth), initial=0.0)) < least
    return small and not is_steady(question, point)


def is_steady(question: Question, point: Point, difference: Expr | None = None) -> bool:
    """Whether claim minus derivative hardly changes where the variables hardly do; dust does."""

    def measure(values: Values) -> Numbers | None:
        if difference is not None:
            return evaluated(difference, values, point.sizes)
        found = at(question, values, point.sizes, None)
        if found is None or found.claim is None or found.claim.shape != found.truth.shape:
            return None
        return np.asarray(found.claim - found.truth)

    here = measure(point.values)
    if here is None:
        return False
    size = float(np.max(np.abs(here), initial=0.0))
    for reach in NEARBY:
        rng = np.random.default_rng(int(-np.log10(reach)))
        there = measure(_moved(question, point.values, rng, reach, relative=True))
        if there is None or not float(np.max(np.abs(there - here))) < COHERENT * size:
            return False
    return True


def _moved(
    question: Question, values: Values, rng: np.random.Generator, reach: float, relative: bool
) -> Values:
    """Values aside by random steps; those with facts stay."""
    moved = dict(values)
    for variable in question.leaves.values():
        if not variable.params["facts"]:
            here = values[variable]
            step = reach * rng.standard_normal(here.shape)
            moved[variable] = here + here * step if relative else here + step
    return {**moved, question.free: moved[question.variable]}


def _cancels(difference: Expr, point: Point) -> bool:
    """Whether a sum inside is 0 although what it adds is not."""
    for node in ancestors([difference]):
        if node.primitive.name in ("add", "subtract", "sum"):
            inner = [evaluated(x, point.values, point.sizes) for x in (node, *node.inputs)]
            if any(x is None for x in inner):
                continue
            whole, *parts = (x for x in inner if x is not None)
            if not np.any(whole) and any(np.any(x) for x in parts):
                return True
    return False


def climbed(question: Question, difference: Expr) -> Point | None:
    """A point where claim minus derivative is no longer small, confirmed by differences there."""
    rng = np.random.default_rng(37)
    for turn in (2, 0):  # all sizes 1, then unequal ones
        sizes = sizes_for(question.names, turn, question.least)
        for spread in SPREADS[:STARTS]:
            start = random_point(question, sizes, spread, rng, None, True)
            if start is None:
                continue
            found = _climb(question, difference, start, rng)
            if found is not None:
                return found
    return None


def _climb(
    question: Question, difference: Expr, start: Point, rng: np.random.Generator
) -> Point | None:
    """Random steps that grow where they lead up and shrink where they do not."""
    values, reach = start.values, 0.3
    best = _height(difference, values, start.sizes)
    for _ in range(STEPS):
        aside = _moved(question, values, rng, reach, relative=False)
        height = _height(difference, aside, start.sizes)
        up = height > best
        reach = min(reach * 2.0, 1e3) if up else max(reach * 0.8, 1e-6)
        if up:
            values, best = aside, height
        if best > np.log(LEAST):
            found = at(question, values, start.sizes, np.random.default_rng(5), min(1.0, reach))
            if (
                found is not None
                and found.claim is not None
                and _differs(found)
                and not is_lost(question, found)
            ):
                return found
    return None


def _height(difference: Expr, values: Values, sizes: dict[str, int]) -> float:
    """The logarithm of the largest entry."""
    found = evaluated(difference, values, sizes)
    size = 0.0 if found is None else float(np.max(np.abs(found), initial=0.0))
    return float(np.log(size)) if size > 0 else -np.inf


def is_lost(question: Question, point: Point) -> bool:
    """Whether the claim adds numbers so large that its digits are lost."""
    assert point.claim is not None
    found = [evaluated(t, point.values, point.sizes) for t in addends(question.claim)]
    largest = max(
        (float(np.max(np.abs(x), initial=0.0)) for x in found if x is not None), default=0
    )
    off = float(np.max(np.abs(point.claim - point.truth), initial=0.0))
    return off < LOST * largest


def _differs(point: Point) -> bool:
    assert point.claim is not None
    return bool(np.max(np.abs(point.claim - point.truth), initial=0.0) > LEAST * point.near)
