"""A derivative against differences of the value: no rule of the table takes part.

The difference quotient is central with two Richardson levels, so that its error is O(h^6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Dim, size_of
from derivant.base.errors import DerivantError, ShapeError
from derivant.base.graph import ancestors
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr
from derivant.carriers.many_points import ManyPoints
from derivant.carriers.trace import variables
from derivant.derivation.draws import directed, drawn, least_size, sizes_for
from derivant.derivation.smooth import is_kink, may_have_kinks

Numbers = npt.NDArray[np.float64]
ROUNDS = 6
STEP = 2e-3
FINER = (1, 1 / 16, 1 / 256)  # of that step, where the value bends too sharply for it
TOLERANCE = 1e-6
INVERTED = ("inv", "solve")
SINGULAR = 1e12  # the condition of a matrix whose inverse is all rounding
ROUGH = 1e-3  # differences at two steps that are farther apart say nothing


@dataclass(frozen=True, slots=True)
class Check:
    """How well a derivative agreed with differences of the value."""

    max_relative_error: float
    sizes: tuple[dict[str, int], ...]
    samples: int

    def __str__(self) -> str:
        if not self.samples:
            return "not checked: at no random point did differences of the value settle"
        count = len(self.sizes)
        where = f" at {count} sizes" if count > 1 else ""
        return f"checked{where}, error {self.max_relative_error:.0e}"


def checked(value: Expr, wrt: Expr, derivative: Expr, upstream: Expr | None = None) -> Check:
    """Compare a derivative with differences of the value at random points.

    Raises DerivantError where they differ: what is shown must be right.
    """
    question = _Question(value, wrt, derivative, upstream)
    names = sorted({n for v in question.leaves for s in v.shape for n in names_in(s)})
    worst, sizes, rng = 0.0, list[dict[str, int]](), np.random.default_rng(0)
    least = least_size([value, derivative])
    with np.errstate(all="ignore"):  # a random point may lie outside the domain
        for turn in range(ROUNDS if names else 2):
            here = sizes_for(names, turn, least)
            error = question.error(here, rng)
            if error is not None:
                worst = max(worst, error)
                sizes.append(here)
    if worst > TOLERANCE:
        raise DerivantError(
            f"the derivative by {wrt.params['name']} differs from differences of the value by "
            f"{worst:.0e}; it is not shown. This is a fault of derivant: please report the formula"
        )
    return Check(worst, tuple(sizes), len(sizes))


def names_in(size: object) -> list[str]:
    """The named dimensions of a size."""
    return [n for names, _ in size.terms for n in names] if isinstance(size, Dim) else []


class _Question:
    """A value and what is said to be its derivative, looked at once for all points."""

    __slots__ = ("_graph", "_has_kinks", "_upstream", "_value", "_wrt", "leaves")

    def __init__(self, value: Expr, wrt: Expr, derivative: Expr, upstream: Expr | None) -> None:
        self._value, self._wrt, self._upstream = value, wrt, upstream
        self._graph = ManyPoints(value, derivative, wrt)
        self._has_kinks = may_have_kinks(value)
        leaves = {v.params["name"]: v for v in variables([value, derivative, wrt])}
        if upstream is not None:
            leaves[upstream.params["name"]] = upstream
        self.leaves = list(leaves.values())

    def error(self, sizes: dict[str, int], rng: np.random.Generator) -> float | None:
        """The relative error in one direction; None where the value is not finite there."""
        wrt = self._wrt
        try:
            point = {v: drawn(v, shape_at(v, sizes), rng) for v in self.leaves}
            step = directed(wrt, shape_at(wrt, sizes), rng)
            try:
                there, moved = self._graph.at(point, sizes)
            except ShapeError:
                evaluate_all([self._value], point, sizes)  # raises where the value's do not fit
                return float("inf")
            found = np.asarray((np.asarray(there) * step).sum(axis=tuple(range(-step.ndim, 0))))
            start, error = point[wrt], None
            for finer in FINER:
                truth = self._difference(lambda t: moved(start + t * step), STEP * finer)
                if truth is not None and self._upstream is not None:
                    truth = np.asarray(np.sum(truth * point[self._upstream]))
                last, error = error, None if truth is None else _apart(found, truth)
                if error is None:  # rough there: a matrix that is singular but for rounding
                    return last
                if error <= TOLERANCE:
                    return error
            return None if _is_singular(self._value, point, sizes) else error
        except (DerivantError, np.linalg.LinAlgError):
            return None

    def _difference(self, moved: Callable[[float], Any], reach: float) -> Numbers | None:
        """The derivative along a direction; None where differences do not settle."""

        def at(t: float) -> Numbers:
            return np.asarray(moved(t))

        best, change = slope(at, reach)
        # 15 times that change is how far the two finer quotients lie apart
        rough = 15 * change > ROUGH * max(1, np.max(np.abs(best), initial=0))
        return None if rough or (self._has_kinks and is_kink(at)) else best


def _is_singular(value: Expr, point: dict[Expr, Numbers], sizes: dict[str, int]) -> bool:
    """Whether a matrix that is inverted is singular but for rounding, as X'X of a wide X."""
    inverted = [n.inputs[0] for n in ancestors([value]) if n.primitive.name in INVERTED]
    found = evaluate_all(inverted, point, sizes)
    return any(np.max(np.linalg.cond(x), initial=0.0) > SINGULAR for x in found)


def _apart(found: Numbers, truth: Numbers) -> float | None:
    """How far two slopes are apart, relatively; None where one is not finite."""
    size = float(np.abs(truth).max(initial=0.0))
    apart = float(np.abs(found - truth).max(initial=0.0))
    return apart / max(1.0, size) if isfinite(size) and isfinite(apart) else None


def shape_at(variable: Expr, sizes: dict[str, int]) -> tuple[int, ...]:
    """The shape of a variable where the named dimensions have these sizes."""
    return tuple([size_of(s, sizes) for s in variable.shape])


def slope(at: Callable[[float], Numbers], step: float = STEP) -> tuple[Numbers, float]:
    """The derivative at 0 of a function of a number, and what the last refinement changed."""
    a, b, c = ((at(h) - at(-h)) / (2 * h) for h in (step, step / 2, step / 4))
    rough, fine = (4 * b - a) / 3, (4 * c - b) / 3
    best = np.asarray((16 * fine - rough) / 15)
    return best, float(np.max(np.abs(best - fine), initial=0.0))
