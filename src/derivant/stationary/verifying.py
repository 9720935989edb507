"""An answer against numbers: feasible, stationary, and not beaten by feasible points nearby or far.

Random data of several sizes for which the conditions of the answer hold; no rule that found the
answer takes part, but for the gradient, which has its own check.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from derivant.base.dims import size_of
from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.derivation.draws import along, directed
from derivant.stationary.algebra import slope
from derivant.stationary.drawing import Draws
from derivant.stationary.found import Found
from derivant.stationary.measured import Measured
from derivant.stationary.numeric import within
from derivant.stationary.problem import Problem

Numbers = npt.NDArray[np.float64]
POINTS = 4  # data for which an answer must hold
STEPS = (1e-3, 0.05, 1.0, 10.0, 1e3)  # how far the points are that must not be better
DIRECTIONS = 2
ENTRIES = 3
FAR_OFF = 1e6
NEARLY_ZERO = (1e-3, 1e-12)  # of what a positive unknown is, where it is compared at step 1
NEWTON = 12  # steps back onto the constraints
TOLERANCE = 1e-6
LEAST_NORM = ". least_norm=True asks for the one of least norm among many, the pseudoinverse's"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an answer was compared: sizes, the worst residual, and points that were not better."""

    sizes: tuple[dict[str, int], ...]
    residual: float
    compared: int
    sample: Measured | None = field(default=None, repr=False, compare=False)
    everywhere: bool = True  # whether the answer was finite for all data that were drawn

    def __str__(self) -> str:
        return (
            f"checked at {len(self.sizes)} sizes: residual {self.residual:.0e}, "
            f"not beaten at {self.compared} feasible points"
        )


def verified(problem: Problem, found: Found, seed: int = 0) -> Verdict:
    """Check an answer; raises DerivantError, saying which part failed, where it does not hold."""
    draws = Draws(problem, found, np.random.default_rng(seed))
    slopes = _slopes(problem)
    seen: list[Measured] = []
    worst, compared, without = 0.0, 0, 0
    numbers = any(not v.shape for v in draws.leaves)
    points = POINTS if found.sure or not numbers else 3 * POINTS
    for measured in draws:
        if not _has_value(measured, found):
            without += 1
            continue
        if _is_far_off(measured, found):
            continue
        residual, count = _judged(measured, found, slopes, draws.rng)
        worst, compared = max(worst, residual), compared + count
        seen.append(measured)
        if len(seen) == points:
            break
    if without > len(seen):
        raise DerivantError("the answer or the objective there is not finite; it is not shown")
    if len(seen) < 2:
        why = f" ({draws.skipped})" if draws.skipped else ""
        needs = "; ".join(map(str, found.needs)) or "none"
        raise DerivantError(
            f"no data were found for which the conditions of the answer hold ({needs}){why}; "
            "it is not shown" + (LEAST_NORM if "column rank" in needs else "")
        )
    return Verdict(tuple(m.sizes for m in seen), worst, compared, seen[-1], not without)


def _has_value(measured: Measured, found: Found) -> bool:
    """Whether the objective is finite at a finite answer: it may lie on the edge of its domain."""
    values = measured(list(found.values.values()), {})
    if not all(np.all(np.isfinite(v)) for v in values):
        return False
    return bool(np.isfinite(measured.cost(dict(zip(found.values, values, strict=True)))))


def _is_far_off(measured: Measured, found: Found) -> bool:
    """Whether the numbers are so large that rounding hides whether a point is stationary."""
    values = measured(list(found.values.values()), {})
    cost = measured.cost(dict(zip(found.values, values, strict=True)))
    return max(abs(cost), *(float(np.max(np.abs(v), initial=0.0)) for v in values)) > FAR_OFF


# One draw


def _judged(
    measured: Measured, found: Found, slopes: Mapping[str, Expr], rng: np.random.Generator
) -> tuple[float, int]:
    """The worst residual, and how many points were compared."""
    problem = measured.problem
    values = measured([found.values[u] for u in problem.unknowns], {})
    point = dict(zip(problem.unknowns, values, strict=True))
    for u, value in point.items():
        name = u.params["name"]
        if value.shape != tuple(size_of(s, measured.sizes) for s in u.shape):
            raise DerivantError(f"the answer for {name} has the wrong shape; it is not shown")
        if not np.all(np.isfinite(value)):
            raise DerivantError(f"the answer for {name} is not finite; it is not shown")
        if not within(problem.facts(u), value):
            raise DerivantError(
                f"the stationary point is not {', '.join(sorted(problem.facts(u)))} "
                f"as {name} must be, for some data"
            )
    residual = _infeasible(measured, point)
    if residual > TOLERANCE:
        raise DerivantError("the answer does not keep a constraint for some data; it is not shown")
    residual = max(residual, _slope_left(measured, point, found, slopes))
    if residual > TOLERANCE:
        raise DerivantError("the answer is not stationary for some data; it is not shown")
    return residual, _compared(measured, point, slopes, rng)


def _infeasible(measured: Measured, point: Mapping[Expr, Numbers]) -> float:
    """The largest violation of a constraint, relative to the numbers in it."""
    worst = 0.0
    gaps = measured([c.gap for c in measured.problem.constraints], point)
    for c, gap in zip(measured.problem.constraints, gaps, strict=True):
        if not np.all(np.isfinite(gap)):
            return np.inf
        off = {"==": np.abs(gap), "<=": gap, ">=": -gap}[c.relation]
        worst = max(worst, float(np.max(off, initial=0.0)))
    scale = max([1.0, *(float(np.max(np.abs(v), initial=0.0)) for v in point.values())])
    return worst / scale


def _slopes(problem: Problem) -> dict[str, Expr]:
    """The derivatives of cost and constraints, by the kind, the constraint and the unknown."""
    found = {}
    for u in problem.unknowns:
        name = u.params["name"]
        with contextlib.suppress(DerivantError):
            found[f"cost {name}"] = slope(problem.cost, u)
        for k, c in enumerate(problem.constraints):
            found[f"{k} {name}"] = slope(c.gap, u)
    return found


def _slope_left(
    measured: Measured, point: Mapping[Expr, Numbers], found: Found, slopes: Mapping[str, Expr]
) -> float:
    """The gradient of the Lagrangian where all multipliers are known, relative to its parts."""
    problem = measured.problem
    keys = [c.key for c in problem.constraints]
    if any(k not in found.multipliers for k in keys) or "kink" in found.pattern:
        return 0.0
    lambdas = measured([found.multipliers[k] for k in keys], point)
    worst = 0.0
    for k, c in enumerate(problem.constraints):
        if c.relation != "==":
            (gap,) = measured([c.gap], point)
            worst = max(worst, float(np.max(np.abs(lambdas[k] * gap), initial=0.0)))
            worst = max(worst, float(np.max(-lambdas[k], initial=0.0)))
    for u in problem.unknowns:
        name = u.params["name"]
        if f"cost {name}" not in slopes:
            continue
        (total,) = measured([slopes[f"cost {name}"]], point)
        scale = max(1.0, float(np.max(np.abs(total), initial=0.0)))
        for k, c in enumerate(problem.constraints):
            (jacobian,) = measured([slopes[f"{k} {name}"]], point)
            sign = -1.0 if c.relation == ">=" else 1.0
            part = np.tensordot(lambdas[k], jacobian, np.ndim(lambdas[k]))
            scale = max(scale, float(np.max(np.abs(part), initial=0.0)))
            total = total + sign * part
        left = along(problem.facts(u), total)
        worst = max(worst, float(np.max(np.abs(left), initial=0.0)) / scale)
    return worst


# Other feasible points


def _compared(
    measured: Measured,
    point: Mapping[Expr, Numbers],
    slopes: Mapping[str, Expr],
    rng: np.random.Generator,
) -> int:
    """Compare with feasible points at several distances; raises where one is better."""
    problem = measured.problem
    best = measured.cost(point)
    if not np.isfinite(best):
        raise DerivantError("the objective is not finite at the answer; it is not shown")
    count = 0
    for step in STEPS:
        ways = _ways(measured, point, slopes, rng)
        for way in ways if step <= 1 else ways[:DIRECTIONS] + ways[-1:]:
            moved = {u: x + step * way[u] for u, x in point.items()}
            other = feasible(measured, moved, slopes)
            if other is None:
                continue
            value = measured.cost(other)
            if value < best - 1e-7 * (1 + abs(best)):
                raise DerivantError(
                    "the stationary point is no minimum: another feasible point is better "
                    f"({value:.6g} against {best:.6g})"
                    if problem.sign > 0
                    else "the stationary point is no maximum: another feasible point is better"
                )
            count += bool(np.isfinite(value))
    return count


def _ways(
    measured: Measured,
    point: Mapping[Expr, Numbers],
    slopes: Mapping[str, Expr],
    rng: np.random.Generator,
) -> list[dict[Expr, Numbers]]:
    """Directions to look in: random ones, single entries, and down the slope of the cost."""
    problem = measured.problem
    ways = [
        {u: directed(problem.declared[u], x.shape, rng) for u, x in point.items()}
        for _ in range(DIRECTIONS)
    ]
    for u, x in point.items():
        for k in rng.permutation(x.size)[:ENTRIES]:
            unit = np.zeros(x.size)
            unit[k] = 1.0
            one = along(problem.facts(u), unit.reshape(x.shape))
            ways += [
                {v: sign * one if v is u else np.zeros(y.shape) for v, y in point.items()}
                for sign in (1.0, -1.0)
            ]
    for u, x in point.items():
        if problem.facts(u) & {"positive"}:  # towards the edge of what it may be
            ways += [{v: (part - 1) * x if v is u else np.zeros(y.shape)
                      for v, y in point.items()} for part in NEARLY_ZERO]  # fmt: skip
    names = [f"cost {u.params['name']}" for u in point]
    if all(n in slopes for n in names):
        down = measured([slopes[n] for n in names], point)
        size = max([1e-12, *(float(np.linalg.norm(d)) for d in down)])
        ways.append(
            {u: along(problem.facts(u), -d / size) for u, d in zip(point, down, strict=True)}
        )
    return [w for w in ways if all(np.all(np.isfinite(v)) for v in w.values())]


def feasible(
    measured: Measured, point: dict[Expr, Numbers], slopes: Mapping[str, Expr]
) -> dict[Expr, Numbers] | None:
    """A point moved onto the constraints by Gauss-Newton steps; None where they fail."""
    problem = measured.problem
    declared = [(u, facts) for u in point if (facts := problem.facts(u))]
    for _ in range(NEWTON):
        if not all(within(facts, point[u]) for u, facts in declared):
            return None
        rows, gaps = _violated(measured, point, slopes)
        if not gaps or max(float(np.max(np.abs(g), initial=0.0)) for g in gaps) < 1e-11:
            return point
        matrix, gap = np.concatenate(rows), np.concatenate(gaps)
        if not (np.all(np.isfinite(matrix)) and np.all(np.isfinite(gap))):
            return None
        change: Numbers = np.asarray(np.linalg.lstsq(matrix, -gap, rcond=None)[0], float)
        start = 0
        for u, x in point.items():
            part: Numbers = np.reshape(change[start : start + x.size], x.shape)
            point = {**point, u: x + along(problem.facts(u), part)}
            start += x.size
    return point if _infeasible(measured, point) < 1e-9 else None


def _violated(
    measured: Measured, point: Mapping[Expr, Numbers], slopes: Mapping[str, Expr]
) -> tuple[list[Numbers], list[Numbers]]:
    """The rows and gaps of the equalities and of the inequalities that do not hold."""
    rows, gaps = list[Numbers](), list[Numbers]()
    constraints = measured.problem.constraints
    if not constraints:
        return rows, gaps
    keys = [f"{k} {u.params['name']}" for k in range(len(constraints)) for u in point]
    known = measured([*(c.gap for c in constraints), *(slopes[key] for key in keys)], point)
    jacobians = dict(zip(keys, known[len(constraints) :], strict=True))
    for k, (c, gap) in enumerate(zip(constraints, known, strict=False)):
        flat = np.ravel(gap)
        off = slice(None) if c.relation == "==" else flat > 0 if c.relation == "<=" else flat < 0
        left = np.abs(flat[off])
        if not left.size or left.max() < 1e-11:
            continue
        parts = [
            np.reshape(jacobians[f"{k} {u.params['name']}"], (flat.size, x.size))
            for u, x in point.items()
        ]
        rows.append(np.concatenate(parts, 1)[off])
        gaps.append(flat[off])
    return rows, gaps
