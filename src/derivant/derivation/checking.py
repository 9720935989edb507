"""A derivative against differences of the value: no rule of the table takes part.

The difference quotient is central with two Richardson levels, so that its error is O(h^6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Dim
from derivant.base.errors import DerivantError, ShapeError
from derivant.base.graph import ancestors
from derivant.carriers.evaluate import evaluate, evaluate_all, varied
from derivant.carriers.expr import Expr
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
    leaves = {v.params["name"]: v for v in variables([value, derivative, wrt])}
    if upstream is not None:
        leaves[upstream.params["name"]] = upstream
    names = sorted({n for v in leaves.values() for s in v.shape for n in names_in(s)})
    worst, sizes, least = 0.0, [], least_size([value, derivative])
    for turn in range(ROUNDS if names else 2):
        here = sizes_for(names, turn, least)
        with np.errstate(all="ignore"):  # a random point may lie outside the domain
            error = _error(value, wrt, derivative, upstream, list(leaves.values()), here, turn)
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


def _error(
    value: Expr,
    wrt: Expr,
    derivative: Expr,
    upstream: Expr | None,
    leaves: Sequence[Expr],
    sizes: dict[str, int],
    seed: int,
) -> float | None:
    """The relative error in one direction; None where the value is not finite there."""
    rng = np.random.default_rng(seed)
    try:
        point = {v: drawn(v, shape_at(v, sizes), rng) for v in leaves}
        step = directed(wrt, shape_at(wrt, sizes), rng)
        there = _computed(derivative, value, point, sizes)
        if there is None:
            return float("inf")
        found = np.asarray(np.sum(there * step, axis=tuple(range(-step.ndim, 0))))
        error = None
        for finer in FINER:
            truth = _difference(value, wrt, point, step, sizes, STEP * finer)
            if truth is not None and upstream is not None:
                truth = np.asarray(np.sum(truth * point[upstream]))
            last, error = error, None if truth is None else _apart(found, truth)
            if error is None:  # rough there: a matrix that is singular but for rounding
                return last
            if error <= TOLERANCE:
                break
        outside = error is not None and error > TOLERANCE and _is_singular(value, point, sizes)
    except (DerivantError, np.linalg.LinAlgError):
        return None
    return None if outside else error


def _computed(
    derivative: Expr, value: Expr, point: dict[Expr, Numbers], sizes: dict[str, int]
) -> Numbers | None:
    """The derivative at a point; None, a fault, where shapes do not fit though the value's do."""
    try:
        return np.asarray(evaluate(derivative, point, sizes))
    except ShapeError:
        evaluate(value, point, sizes)
        return None


def _is_singular(value: Expr, point: dict[Expr, Numbers], sizes: dict[str, int]) -> bool:
    """Whether a matrix that is inverted is singular but for rounding, as X'X of a wide X."""
    inverted = [n.inputs[0] for n in ancestors([value]) if n.primitive.name in INVERTED]
    found = evaluate_all(inverted, point, sizes)
    return any(np.max(np.linalg.cond(x), initial=0.0) > SINGULAR for x in found)


def _apart(found: Numbers, truth: Numbers) -> float | None:
    """How far two slopes are apart, relatively; None where one is not finite."""
    if not (np.all(np.isfinite(truth)) and np.all(np.isfinite(found))):
        return None
    scale = max(1.0, float(np.max(np.abs(truth), initial=0.0)))
    return float(np.max(np.abs(found - truth), initial=0.0)) / scale


def shape_at(variable: Expr, sizes: dict[str, int]) -> tuple[int, ...]:
    """The shape of a variable where the named dimensions have these sizes."""
    return tuple(_size(s, sizes) for s in variable.shape)


def _size(size: object, sizes: dict[str, int]) -> int:
    if not isinstance(size, Dim):
        assert isinstance(size, int)
        return size
    return sum(n * prod(sizes[k] for k in names) for names, n in size.terms)


def _difference(
    value: Expr,
    wrt: Expr,
    point: dict[Expr, Numbers],
    step: Numbers,
    sizes: dict[str, int],
    reach: float,
) -> Numbers | None:
    """The derivative of the value along a direction; None where differences do not settle."""
    moved = varied(value, point, wrt, sizes)

    def at(t: float) -> Numbers:
        return np.asarray(moved(point[wrt] + t * step))

    best, change = slope(at, reach)
    # 15 times that change is how far the two finer quotients lie apart
    rough = 15 * change > ROUGH * max(1, np.max(np.abs(best), initial=0))
    if rough or (may_have_kinks(value) and is_kink(at)):
        return None
    return best


def slope(at: Callable[[float], Numbers], step: float = STEP) -> tuple[Numbers, float]:
    """The derivative at 0 of a function of a number, and what the last refinement changed."""
    a, b, c = ((at(h) - at(-h)) / (2 * h) for h in (step, step / 2, step / 4))
    rough, fine = (4 * b - a) / 3, (4 * c - b) / 3
    best = np.asarray((16 * fine - rough) / 15)
    return best, float(np.max(np.abs(best - fine), initial=0.0))
