"""The least point that can be found from a start: one run, other runs where it may be beaten.

A run ends where no step is left. That is no proof: the cost may fall on beyond the point, far out,
or in another place that the bounds and constraints allow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from derivant.stationary.constrained import (
    DUAL,
    Optimum,
    constrained,
    finished,
    free_way,
    violation,
)
from derivant.stationary.descent import Region, Report, descended, polished
from derivant.stationary.endless import GOOD, UNBOUNDED, falls_far_out, is_lower, lower_beyond
from derivant.stationary.numeric import Data, Flat
from derivant.stationary.problem import Problem
from derivant.stationary.reduced import Reduced

Numbers = npt.NDArray[np.float64]
MOST_CURVED = 120  # unknown numbers for which other starts are tried
FEW, STARTS = 30, 5  # unknown numbers for which so many are tried
CLOSE = 1e-9  # what a constraint may be off by at a lower point
AGAIN = 2  # runs from lower points that lie beyond the end of the last one
FAR_OUT = (1e2, 1e5)  # how far random points are that must not be lower, by the size of the point
WAYS = 3


@dataclass(frozen=True, slots=True)
class Ready:
    """A problem with its data, kinks and bounds apart, as functions of one vector."""

    problem: Problem
    known: Data
    apart: Reduced
    flat: Flat
    region: Region


def searched(ready: Ready, z: Numbers, most: int, report: Report) -> tuple[Optimum, bool]:
    """The best point, and whether the cost is seen to fall on beyond it."""
    start, best = z, _run(ready, z, most, report)
    if best.method == DUAL and best.residual <= GOOD:  # it is of convex quadratics alone
        return best, False
    curved = any(_is_curved_down(ready, p) for p in _looked_at(ready, start, best.z))
    other = None
    if curved or not ready.flat.is_quadratic or np.any(ready.region.weights):
        other = _lower_point(ready, start, best.z)
    for _ in range(AGAIN):
        if other is None or _without_bound(ready, best.z):
            break
        best = _after(best, _run(ready, other, most, report))
        other = _lower_point(ready, start, best.z)
    endless = other is not None or _falls_on(ready, start, best.z)
    if curved and not _without_bound(ready, best.z):
        for other in _elsewhere(ready, start, best.z):
            found = _run(ready, other, most, report)
            falls = _falls_on(ready, other, found.z)
            if _cost(ready, found.z) < _cost(ready, best.z) and (falls or found.residual <= GOOD):
                best, endless = _after(best, found), falls
    return best, endless


def _without_bound(ready: Ready, z: Numbers) -> bool:
    return ready.flat.value(z) < -UNBOUNDED or bool(np.max(np.abs(z), initial=0.0) > UNBOUNDED)


def _after(best: Optimum, found: Optimum) -> Optimum:
    return replace(found, count=best.count + found.count)


def _run(ready: Ready, z: Numbers, most: int, report: Report) -> Optimum:
    """The least point near one start."""
    if ready.apart.constraints:
        return constrained(ready.flat, z, ready.region, most, report)
    tip = z.copy()
    for start, stop, _ in ready.region.rounds:
        tip[start:stop] = 0.0
    if ready.region.rounds and _left(ready, tip) <= ready.region.goal:
        z = tip  # where a quasi-Newton method would only creep to
    z, count = descended(ready.flat, z, ready.region, most, report)
    return replace(polished_at(ready, z, count), method="L-BFGS-B")


def polished_at(ready: Ready, z: Numbers, count: int) -> Optimum:
    """The point after Newton steps, and what is left of the conditions there."""
    if ready.apart.constraints:
        return finished(ready.flat, z, ready.region, count)
    flat, region = ready.flat, ready.region
    z, more = polished(flat, region.inside(z), region)
    count, left = count + more, _left(ready, z)
    for start, stop, _ in region.rounds:  # the steps come near to the tip of a norm, not to it
        other = np.where((start <= np.arange(z.size)) & (np.arange(z.size) < stop), 0.0, z)
        other, more = polished(flat, other, region)
        at_tip = _left(ready, other)
        if at_tip < left and _cost(ready, other) <= _cost(ready, z) + GOOD:
            z, left, count = other, at_tip, count + more
    return Optimum(z, (), left, count)


def _left(ready: Ready, z: Numbers) -> float:
    left = ready.region.residual(z, ready.flat.gradient(z))
    return float(np.max(np.abs(left), initial=0.0))


def _cost(ready: Ready, z: Numbers) -> float:
    return ready.flat.value(z) + ready.region.kinks(z)


def _kept(ready: Ready, point: Numbers, off: float = CLOSE) -> float:
    """The cost within the bounds, infinite where a constraint is off by more."""
    inside = ready.region.inside(point)
    return _cost(ready, inside) if violation(ready.flat, inside) <= off else np.inf


def _falls_on(ready: Ready, start: Numbers, z: Numbers) -> bool:
    """Whether the cost falls on beyond a point, far out or nearer to the edge of the domain."""
    flat, region = ready.flat, ready.region
    nearer = ready.apart.at_the_edge(flat, z)
    if is_lower(flat.value(nearer), flat.value(z)):
        return True
    way = free_way(flat, z, region, z - start)
    if not ready.apart.constraints:
        return falls_far_out(lambda p: _kept(ready, p), z, way)

    def value(point: Numbers) -> float:
        return _kept(ready, point, GOOD * (1 + float(np.max(np.abs(point), initial=0.0))))

    return falls_far_out(value, z, way, GOOD)  # what a constraint may be off by is no fall


def _lower_point(ready: Ready, start: Numbers, z: Numbers) -> Numbers | None:
    """A lower point beyond the end of a run, or far from it; None where none is seen."""
    way = free_way(ready.flat, z, ready.region, z - start)
    beyond = lower_beyond(lambda p: _kept(ready, p), z, way)
    points = [0.5 * z, 2 * z, *(() if beyond is None else (beyond,))]
    if not ready.apart.constraints and not ready.flat.is_quadratic:
        rng = np.random.default_rng(0)
        size = 1 + float(np.max(np.abs(z), initial=0.0))
        ways = [ready.flat.along(rng.standard_normal(z.size)) for _ in range(WAYS)]
        points += [z + sign * far * size * w for w in ways for sign in (1, -1) for far in FAR_OUT]
    values = [_kept(ready, p) for p in points]
    if not is_lower(min(values), _kept(ready, z)):
        return None
    return ready.region.inside(points[int(np.argmin(values))])


def _looked_at(ready: Ready, start: Numbers, best: Numbers) -> list[Numbers]:
    """Points whose Hessian tells: one of them where it is the same everywhere."""
    return [start] if ready.flat.is_quadratic else [start, best]


def _is_curved_down(ready: Ready, z: Numbers) -> bool:
    """Whether a problem with bounds or constraints is seen not to be convex at a point."""
    flat, region = ready.flat, ready.region
    bounded = ready.apart.constraints or np.any(np.isfinite([region.lower, region.upper]))
    if not bounded or flat.size > MOST_CURVED:
        return False
    hessian = flat.hessian(z)
    if not np.all(np.isfinite(hessian)):
        return False
    curves = np.linalg.eigvalsh(hessian)
    return bool(curves[0] < -1e-6 * max(1.0, float(curves[-1])))


def _elsewhere(ready: Ready, start: Numbers, best: Numbers) -> list[Numbers]:
    """Other starts for a problem that has several least points, within the bounds and domain."""
    rng = np.random.default_rng(0)
    size = 1e-3 + float(np.max(np.abs(start), initial=0.0))
    count = STARTS if start.size <= FEW else 2
    points = [start + size * rng.standard_normal(start.size) for _ in range(count)]
    points += [best + 0.3 * size * rng.standard_normal(start.size)]
    inside = [ready.region.reflected(ready.flat.along(p)) for p in points]
    return [p for p in inside if np.isfinite(ready.flat.value(p))]
