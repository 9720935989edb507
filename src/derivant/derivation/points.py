"""Points at which a claim and the derivative are compared, and what both are there.

The derivative at a point is the one in closed form where there is one, held against differences of
the value in a random direction at the same point; else all differences. A point where a value is
not finite, or where the differences say that the value has a kink, is no point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape
from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr
from derivant.derivation.checking import shape_at, slope
from derivant.derivation.draws import drawn, least_size, sizes_for
from derivant.derivation.guesses import holds
from derivant.derivation.smooth import is_kink, may_have_kinks

Numbers = npt.NDArray[np.float64]
Values = dict[Expr, Numbers]
Change = Callable[[str, Numbers], Numbers]

TRUSTED = 1e-6  # relative, between the closed form and differences
EXACT = 1e-9  # relative, between the claim and the closed form
NEAR = 3e-8  # relative, between the claim and differences alone
NESTED = 1e-2  # the step of differences of differences
ROUNDING = 1e-13
LEAST = 1e-250  # numbers below it lose their digits
TRIES = 3  # draws at the same sizes
STYLES = (0.7, 3.0, 0.2, 0.0)  # the spread of the numbers; 0 for positive numbers


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is claimed of what: the value, the variable, the closed form where there is one."""

    value: Expr  # of `free`
    free: Expr  # the variable without its facts
    variable: Expr
    order: int
    closed: Expr | None  # axes of the value first, not projected
    shown: Expr | None  # the closed form in the layout, projected
    terms: tuple[Expr, ...]  # that add up to it
    claim: Expr
    leaves: Mapping[str, Expr]  # the variables that matter, by name
    names: tuple[str, ...]  # the named dimensions
    layout: str
    structured: str

    @property
    def least(self) -> int:
        """The least size of the named dimensions at which all places that are read exist."""
        return least_size([self.value, self.claim]) if self.names else 1

    @property
    def shape(self) -> Shape:
        """The shape of the derivative in the layout."""
        full = (*self.value.shape, *self.variable.shape * self.order)
        return arranged_shape(full, self.layout, len(self.value.shape))

    def arranged(self, full: Numbers) -> Numbers:
        """The derivative in the layout, projected where that is asked."""
        if self.structured != "none":
            own = np.diag(np.diag(full))
            if "diagonal" in self.variable.params["facts"]:
                return own
            both = full + full.T
            return both - own if self.structured == "independent" else both / 2
        flat = arranged_shape(full.shape, self.layout, len(self.value.shape)) != full.shape
        return stacked(full) if flat else full


def arranged_shape(full: Shape, layout: str, rank: int) -> Shape:
    """The shape of a derivative in a layout, of a value with so many axes."""
    if layout == "vec" and len(full) == 4:
        return (full[0] * full[1], full[2] * full[3])
    if layout == "vec" and len(full) == 3 and rank == 1:
        return (full[0], full[1] * full[2])
    return full


def stacked(full: Numbers, order: str = "F") -> Numbers:
    """Four axes as a matrix, columns below each other (F) or rows behind each other (C)."""
    full = full if full.ndim == 4 else full[:, None]  # a vector is a column
    p, q, k, m = full.shape
    turned = full.transpose(1, 0, 3, 2) if order == "F" else full
    return turned.reshape(p * q, k * m)


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Values of the variables, and the derivative and the claim there."""

    values: Values
    sizes: dict[str, int]
    full: Numbers
    truth: Numbers
    claim: Numbers | None  # None where the claim is not finite
    relative: float  # to what the derivative is known
    floor: float  # what rounding leaves where the terms of the derivative cancel

    @property
    def empty(self) -> bool:
        """Whether derivative and claim are zero, up to rounding."""
        return self.near <= self.floor

    @property
    def near(self) -> float:
        """The largest number of the derivative and the claim."""
        claim = 0.0 if self.claim is None else float(np.max(np.abs(self.claim), initial=0.0))
        return max(float(np.max(np.abs(self.truth), initial=0.0)), claim)


def points(
    question: Question, change: Change | None = None, fixed: str = "", trusting: bool = False
) -> Iterator[Point]:
    """Points at different sizes, first ordinary ones, then those of narrower domains.

    `change` makes a value into one for which a guess holds; `fixed` is a dimension of size 1. A
    trusting look, which can only rule a guess out, takes the closed form without differences.
    """
    names = question.names
    for style in STYLES:
        for turn in range(6 if names else 2):
            sizes = sizes_for(names, turn, question.least)
            if question.closed is None and question.least == 1:
                least, wide = (1, 3) if turn % 2 else (2, 2)  # small, and none of size 1 at times
                sizes = {n: least + (s + turn) % wide for n, s in sizes.items()}
            if fixed:
                sizes[fixed] = 1
            for again in range(TRIES):
                rng = np.random.default_rng((turn, again))
                found = random_point(question, sizes, style, rng, change, trusting)
                if found is not None:
                    yield found
                    break


def random_point(
    question: Question,
    sizes: dict[str, int],
    style: float,
    rng: np.random.Generator,
    change: Change | None,
    trusting: bool,
) -> Point | None:
    """A point with numbers of this spread (0 for positive ones), and the facts declared."""
    values: Values = {}
    for name, variable in question.leaves.items():
        try:
            value = drawn(variable, shape_at(variable, sizes), rng)
        except (DerivantError, np.linalg.LinAlgError, ValueError):
            return None
        if not variable.params["facts"]:
            value = value * (style / 0.7) if style else 0.4 + np.abs(value)
        if change is not None:
            value = np.asarray(change(name, value), float)
            if not all(holds(fact, value) for fact in variable.params["facts"]):
                return None
        values[variable] = value
    return at(question, values, sizes, None if trusting else rng)


def at(
    question: Question,
    values: Values,
    sizes: dict[str, int],
    rng: np.random.Generator | None,
    reach: float = 1.0,
) -> Point | None:
    """The point with these values, None where it is none; without directions it is trusted.

    `reach` is the length of the directions in which differences are taken.
    """
    values = {**values, question.free: values[question.variable]}
    with np.errstate(all="ignore"):
        full = _closed(question, values, sizes, rng, reach)
        if full is None:
            return None
        truth = question.arranged(full)
        if 0 < np.max(np.abs(truth), initial=0.0) < LEAST:
            return None
        claim = evaluated(question.claim, values, sizes)
        relative = NEAR if question.closed is None else EXACT
        terms = [evaluated(t, values, sizes) for t in question.terms]
        size = max([np.max(np.abs(t), initial=0.0) for t in terms if t is not None], default=0.0)
        return Point(values, sizes, full, truth, claim, relative, ROUNDING * float(size))


def evaluated(expr: Expr, values: Values, sizes: dict[str, int]) -> Numbers | None:
    """The value of an expression, None where it has none or it is not finite."""
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(evaluate_all([expr], values, sizes)[0], float)
    except (DerivantError, np.linalg.LinAlgError):
        return None
    return found if np.all(np.isfinite(found)) else None


def _closed(
    question: Question,
    values: Values,
    sizes: dict[str, int],
    rng: np.random.Generator | None,
    reach: float,
) -> Numbers | None:
    """The closed form where differences agree with it; else all differences."""
    value = evaluated(question.value, values, sizes)
    if value is None:
        return None
    if question.closed is None:
        return _differences(question, values, sizes)
    full = evaluated(question.closed, values, sizes)
    if full is None or rng is None:
        return full
    shape = values[question.free].shape
    moves = [reach * rng.standard_normal(shape) for _ in range(question.order)]
    found = full
    for move in moves:
        found = np.sum(found * move, axis=tuple(range(-len(shape), 0)))
    seen = _directional(question, values, sizes, moves)
    if seen is None:
        return None
    length = float(np.prod([1 + np.abs(m).sum() / reach for m in moves])) * reach**question.order
    bound = TRUSTED * np.max(np.abs(full), initial=0.0) * length
    noise = 1e-10 * 1e3 ** (question.order - 1) * np.max(np.abs(value), initial=0.0)
    return full if np.all(np.abs(found - seen[0]) <= bound + noise) else None


def _directional(
    question: Question, values: Values, sizes: dict[str, int], moves: list[Numbers]
) -> tuple[Numbers, float] | None:
    """The derivative along directions, one for each order, by differences of the value."""
    origin = values[question.free]

    def value(point: Numbers) -> Numbers:
        found = evaluated(question.value, {**values, question.free: point}, sizes)
        return np.asarray(np.nan) if found is None else found

    if len(moves) == 1:
        if may_have_kinks(question.value) and is_kink(lambda t: value(origin + t * moves[0])):
            return None
        found = slope(lambda t: value(origin + t * moves[0]))
    else:
        one, two = moves
        found = slope(
            lambda t: slope(lambda s: value(origin + t * one + s * two), NESTED)[0], NESTED
        )
    return found if np.all(np.isfinite(found[0])) else None


def _differences(question: Question, values: Values, sizes: dict[str, int]) -> Numbers | None:
    """The whole derivative by differences; None near a kink, where refinement changes it."""
    shape = values[question.free].shape
    units = [u.reshape(shape) for u in np.eye(int(np.prod(shape)))]
    pairs = [[u] for u in units] if question.order == 1 else [[u, w] for u in units for w in units]
    columns, doubt = [], 0.0
    for moves in pairs:
        found = _directional(question, values, sizes, moves)
        if found is None:
            return None
        columns.append(found[0])
        doubt = max(doubt, found[1])
    full = np.stack(columns, axis=-1) if columns else np.zeros(0)
    if doubt > 1e-4 * np.max(np.abs(full), initial=1e-6):
        return None
    return np.asarray(full.reshape(full.shape[:-1] + shape * question.order))


def agree(point: Point) -> bool:
    """Whether the claim is the derivative at a point."""
    return point.claim is not None and close(point, point.claim, point.truth)


def close(point: Point, found: Numbers, truth: Numbers, relative: float = 0.0) -> bool:
    """Whether two arrays are equal up to what the derivative at a point is known to."""
    if found.shape != truth.shape:
        return False
    size = max(np.max(np.abs(truth), initial=0.0), np.max(np.abs(found), initial=0.0))
    return bool(np.all(np.abs(found - truth) <= max(point.relative, relative) * size + point.floor))
