"""A claim that is right at a few points is held against many, and beside each kink.

Where no normal form says that a claim is right, it may still be wrong where few random points
fall: at small or large numbers, or between two kinks. Points beside the kinks of claim, value and
derivative are found by bisection.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.derivation.draws import sizes_for
from derivant.derivation.points import Point, Question, Values, at, close, evaluated, random_point
from derivant.derivation.residue import is_lost, is_steady
from derivant.primitives import RECORD

MANY, FEW = 48, 6  # points, with a closed form and without
POWERS = (-3.0, 2.5)  # of ten, for the sizes of numbers
LOOSE = 1e-5  # relative: beyond what rounding does at numbers of any size
REACHES = (1.0, 1e-2, 1e-4)  # of the differences that confirm, shorter beside a kink
ONE_SIDED = frozenset(("abs", "sign", "relu", "step", "floor", "ceil", "round", "trunc"))
TWO_SIDED = frozenset(("maximum", "minimum", "greater", "less", "greater_equal", "less_equal"))
MOST_KINKS = 6
BISECTIONS = 36
SPREADS = (1.0, 1e3, 1.0, 10.0)  # of the numbers between which a kink is looked for
SIDES = (-1e-3, 1e-3, -1e-6, 1e-6)


def scrutinised(question: Question) -> Point | None:
    """A point at which the claim is not the derivative, confirmed by differences there."""
    for point in chain(_many(question), _beside_kinks(question)):
        if not _differs(point) or is_lost(question, point) or not is_steady(question, point):
            continue
        for reach in REACHES:
            rng = np.random.default_rng(5)
            found = at(question, point.values, point.sizes, rng, reach)
            if found is not None and _differs(found):
                return found
    return None


def _differs(point: Point) -> bool:
    return point.claim is not None and not close(point, point.claim, point.truth, LOOSE)


def _many(question: Question) -> Iterator[Point]:
    """Points with numbers of many sizes."""
    rng = np.random.default_rng(17)
    for turn in range(MANY if question.closed is not None else FEW):
        sizes = sizes_for(question.names, turn % 6, question.least)
        if question.closed is None:
            sizes = dict.fromkeys(sizes, 2)
        found = random_point(question, sizes, float(10 ** rng.uniform(*POWERS)), rng, None, True)
        if found is not None:
            yield found


def _kinks(question: Question) -> list[Expr]:
    """What is zero at the kinks of the claim, the value and the derivative."""
    found = []
    roots = [e for e in (question.claim, question.closed, question.value) if e is not None]
    for node in ancestors(roots):
        name = node.primitive.name
        if name in ONE_SIDED:
            found.append(node.inputs[0])
        elif name in TWO_SIDED:
            found.append(RECORD.subtract(*node.inputs))
    return list(dict.fromkeys(found))[:MOST_KINKS]


def _beside_kinks(question: Question) -> Iterator[Point]:
    """Points on both sides of a zero of each kink, near to it and nearer."""
    if question.closed is None:
        return
    rng = np.random.default_rng(23)
    for kink in _kinks(question):
        for turn, spread in enumerate(SPREADS):
            sizes = sizes_for(question.names, turn, question.least)
            ends = [random_point(question, sizes, s, rng, None, True) for s in (1.0, spread)]
            if ends[0] is not None and ends[1] is not None:
                yield from _crossing(question, kink, ends[0], ends[1])


def _crossing(question: Question, kink: Expr, one: Point, two: Point) -> Iterator[Point]:
    """The points where an entry of what is zero at a kink changes its sign between two points."""
    sizes = one.sizes

    def between(t: float) -> Values:
        loose = [v for v in question.leaves.values() if not v.params["facts"]]
        moved = {v: (1 - t) * one.values[v] + t * two.values[v] for v in loose}
        values = {**one.values, **moved}
        return {**values, question.free: values[question.variable]}

    left, right = (evaluated(kink, between(t), sizes) for t in (0.0, 1.0))
    if left is None or right is None:
        return
    places = np.flatnonzero(np.ravel(left) * np.ravel(right) < 0)
    for place in places[:2]:
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            here = evaluated(kink, between(middle), sizes)
            if here is None:
                return
            same = here.flat[place] * left.flat[place] > 0
            low, high = (middle, high) if same else (low, middle)
        for side in SIDES:
            found = at(question, between(low + side), sizes, None)
            if found is not None:
                yield found
