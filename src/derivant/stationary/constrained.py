"""General constraints: SLSQP or an augmented Lagrangian come near, Newton on the active set ends.

The residual is that of the Karush-Kuhn-Tucker conditions: the gradient of the Lagrangian, the
violations, negative multipliers, and multipliers of inequalities that are not active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from derivant.stationary.descent import Region, Report, optimize
from derivant.stationary.dual_steps import Rows, least_convex
from derivant.stationary.numeric import MOST_DENSE, Flat

Numbers = npt.NDArray[np.float64]
MOST_SLSQP = 250
ROUNDS = 40
DUAL = "Goldfarb and Idnani's dual method"
ACTIVE = 1e-6


@dataclass(frozen=True, slots=True)
class Optimum:
    """A point, the multipliers of equalities then inequalities, the residual, the iterations."""

    z: Numbers
    forces: tuple[Numbers, ...]
    residual: float
    count: int
    method: str = "SLSQP and an augmented Lagrangian"


def constrained(flat: Flat, z: Numbers, region: Region, most: int, report: Report) -> Optimum:
    """The least point near a start under general constraints."""
    z = region.inside(z)
    best = Optimum(z, tuple(flat.no_forces(z)), np.inf, 0)
    if flat.is_quadratic and flat.size <= MOST_DENSE:
        exact = _by_rows(flat, z, region)
        if exact is not None:
            best = finished(flat, exact, region, 1)
            best = replace(best, method=DUAL)
    if flat.size <= MOST_SLSQP and not best.residual <= 1e-7:
        z, count = _slsqp(flat, z, region, most, report)
        best = finished(flat, z, region, count)
    if not best.residual <= 1e-7:
        start = best.z if np.isfinite(best.residual) and violation(flat, best.z) < 1e-3 else z
        other, count = _augmented(flat, start, region, most, report)
        found = finished(flat, other, region, best.count + count)
        if found.residual < best.residual or not np.isfinite(best.residual):
            best = found
    return best


def _by_rows(flat: Flat, z: Numbers, region: Region) -> Numbers | None:
    """The least point of a convex quadratic under linear constraints; None where it is another."""
    gaps, jacobians = flat.gaps(z), flat.jacobians(z)
    matrices, sides = list(jacobians), [
        j @ z - np.ravel(g) for g, j in zip(gaps, jacobians, strict=True)
    ]  # fmt: skip
    equal = sum(np.size(g) for g in gaps[: len(flat.equal)])
    for side, sign in ((region.lower, -1.0), (region.upper, 1.0)):
        bounded = np.isfinite(side)
        matrices.append(sign * np.eye(flat.size)[bounded])
        sides.append(sign * side[bounded])
    hessian = flat.hessian(z)
    rows = Rows(np.concatenate(matrices), np.concatenate(sides), equal)
    return least_convex(hessian, flat.gradient(z) - hessian @ z, rows, z)


def free_way(flat: Flat, z: Numbers, region: Region, way: Numbers) -> Numbers:
    """The part of a direction that leaves the active constraints as they are."""
    rows = _rows(flat, z, region)[0]
    if not len(rows) or not np.all(np.isfinite(rows)):
        return way
    return np.asarray(way - np.linalg.lstsq(rows, rows @ way, rcond=None)[0])


def violation(flat: Flat, z: Numbers) -> float:
    """The largest violation of a constraint."""
    worst = 0.0
    for k, gap in enumerate(flat.gaps(z)):
        off = np.abs(gap) if k < len(flat.equal) else gap
        if not np.all(np.isfinite(gap)):
            return np.inf
        worst = max(worst, float(np.max(off, initial=0.0)))
    return worst


def _slsqp(
    flat: Flat, z: Numbers, region: Region, most: int, report: Report
) -> tuple[Numbers, int]:
    edge = len(flat.equal)

    def stacked(x: Numbers, first: bool) -> Numbers:
        parts = flat.gaps(x)[:edge] if first else [-g for g in flat.gaps(x)[edge:]]
        return np.concatenate([np.ravel(p) for p in parts])

    def slopes(x: Numbers, first: bool) -> Numbers:
        parts = flat.jacobians(x)
        return np.concatenate(parts[:edge]) if first else -np.concatenate(parts[edge:])

    def watched(x: Numbers) -> tuple[float, Numbers]:
        value, slope = flat.value_and_gradient(x)
        report(value, violation(flat, x))
        return (value if np.isfinite(value) else 1e30), np.nan_to_num(slope)

    conditions = []
    for first, exists in ((True, flat.equal), (False, flat.unequal)):
        if exists:
            conditions.append(
                {"type": "eq" if first else "ineq", "fun": stacked, "jac": slopes, "args": (first,)}
            )
    r = optimize.minimize(
        watched, z, jac=True, method="SLSQP", constraints=conditions,
        bounds=optimize.Bounds(region.lower, region.upper),
        options={"maxiter": min(most, 500), "ftol": 1e-15},
    )  # fmt: skip
    x = np.asarray(r.x, float)
    return (region.inside(x) if np.all(np.isfinite(x)) else z), int(r.nit)


class _Augmented:
    """The cost with multipliers and squared violations, as `descended` asks for it."""

    def __init__(self, flat: Flat, forces: Sequence[Numbers], weight: float) -> None:
        self.flat, self.forces, self.weight = flat, list(forces), weight
        self.edge = len(flat.equal)

    def shifted(self, z: Numbers) -> list[Numbers]:
        """What each multiplier would become."""
        made = []
        for k, (gap, force) in enumerate(zip(self.flat.gaps(z), self.forces, strict=True)):
            moved = force + self.weight * gap
            made.append(moved if k < self.edge else np.maximum(moved, 0.0))
        return made

    def value_and_gradient(self, z: Numbers) -> tuple[float, Numbers]:
        """Rockafellar's augmented Lagrangian."""
        value, slopes = self.flat.value_and_gradient(z)
        if not np.isfinite(value):
            return np.inf, slopes
        for moved, force, jacobian in zip(
            self.shifted(z), self.forces, self.flat.jacobians(z), strict=True
        ):
            value += float(np.sum(moved**2 - force**2)) / (2 * self.weight)
            slopes = slopes + jacobian.T @ np.ravel(moved)
        return value, slopes


def _augmented(
    flat: Flat, z: Numbers, region: Region, most: int, report: Report
) -> tuple[Numbers, int]:
    forces, weight, before, total = flat.no_forces(z), 10.0, np.inf, 0
    bounds = optimize.Bounds(region.lower, region.upper)
    for _ in range(ROUNDS):
        inner = _Augmented(flat, forces, weight)
        r = optimize.minimize(
            inner.value_and_gradient, z, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": most, "ftol": 1e-15, "gtol": 1e-8},
        )  # fmt: skip
        if np.all(np.isfinite(r.x)) and np.isfinite(r.fun):
            z = np.asarray(r.x, float)
        total += int(r.nit)
        off = violation(flat, z)
        report(flat.value(z), off)
        forces = inner.shifted(z)
        if off < 1e-9:
            break
        weight = min(weight * (1.0 if off < 0.25 * before else 5.0), 1e9)
        before = off
    return z, total


# The end: which constraints are active, Newton on them, multipliers, the residual


def finished(flat: Flat, z: Numbers, region: Region, count: int) -> Optimum:
    """The point after Newton steps on the active constraints, with the best residual seen."""
    best = judged(flat, _kept(flat, z, region), region, count)
    if flat.size > MOST_DENSE:
        return best
    for _ in range(12):
        if best.residual <= region.goal:
            break
        moved = _newton(flat, best, region)
        if moved is None:
            break
        found = judged(flat, _kept(flat, moved, region), region, best.count + 1)
        if not found.residual < best.residual:
            break
        best = found
    return best


def _kept(flat: Flat, z: Numbers, region: Region) -> Numbers:
    """A point with the structure of the unknowns and within the bounds."""
    return region.snapped(region.inside(flat.along(z)))


def _rows(flat: Flat, z: Numbers, region: Region) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Active rows, their gaps, whether each is an inequality, and each row's place among all.

    Bounds come last, as rows of their own.
    """
    gaps, jacobians = flat.gaps(z), flat.jacobians(z)
    rows, values, signed, places, start = [np.zeros((0, flat.size))], [], [], [], 0
    for k, (gap, jacobian) in enumerate(zip(gaps, jacobians, strict=True)):
        flat_gap = np.ravel(gap)
        scale = 1 + np.max(np.abs(z), initial=0.0)
        on = np.full(flat_gap.shape, True) if k < len(flat.equal) else flat_gap > -ACTIVE * scale
        rows.append(jacobian[on])
        values.append(flat_gap[on])
        signed.append(np.full(int(on.sum()), float(k >= len(flat.equal))))
        places.append(start + np.flatnonzero(on))
        start += flat_gap.size
    for side, sign in ((region.lower, -1.0), (region.upper, 1.0)):
        gap = sign * (z - side)
        on = np.flatnonzero(gap > -ACTIVE * (1 + np.abs(z)))
        rows.append(sign * np.eye(flat.size)[on])
        values.append(gap[on])
        signed.append(np.ones(on.size))
        places.append(np.full(on.size, -1))
    joined = [np.concatenate(v) if v else np.zeros(0) for v in (values, signed, places)]
    return np.concatenate(rows), joined[0], joined[1], joined[2].astype(int)


def _multipliers(gradient: Numbers, rows: Numbers, signed: Numbers) -> Numbers:
    """The multipliers that leave least of the gradient; those of inequalities not negative."""
    if not len(rows):
        return np.zeros(0)
    found = np.linalg.lstsq(rows.T, -gradient, rcond=None)[0]
    if np.all(found[signed > 0] >= 0):
        return np.asarray(found)
    low = np.where(signed > 0, 0.0, -np.inf)
    r = optimize.lsq_linear(rows.T, -gradient, (low, np.full(len(low), np.inf)), tol=1e-14)
    return np.asarray(r.x)


def judged(flat: Flat, z: Numbers, region: Region, count: int) -> Optimum:
    """The multipliers and the residual at a point."""
    gradient = flat.gradient(z)
    if not np.all(np.isfinite(gradient)):
        return Optimum(z, tuple(flat.no_forces(z)), np.inf, count)
    rows, values, signed, places = _rows(flat, z, region)
    forces = _multipliers(gradient, rows, signed)
    left = gradient + rows.T @ forces
    residual = float(np.max(np.abs(left), initial=0.0))
    residual = max(residual, violation(flat, z))
    slack = np.abs(forces * values)[signed > 0]
    residual = max(residual, float(np.max(slack, initial=0.0)))
    return Optimum(z, tuple(_spread(flat, z, forces, places)), residual, count)


def _spread(flat: Flat, z: Numbers, forces: Numbers, places: Numbers) -> list[Numbers]:
    """The multipliers by constraint; 0 where one is not active."""
    shapes = [np.shape(g) for g in flat.gaps(z)]
    whole = np.zeros(sum(int(np.prod(s)) for s in shapes))
    own = places >= 0
    whole[places[own].astype(int)] = forces[own]
    cuts = np.cumsum([int(np.prod(s)) for s in shapes])[:-1]
    return (
        [p.reshape(s) for p, s in zip(np.split(whole, cuts), shapes, strict=True)] if shapes else []
    )


def _newton(flat: Flat, best: Optimum, region: Region) -> Numbers | None:
    """One Newton step of the equations of the active constraints."""
    z = best.z
    gradient = flat.gradient(z)
    rows, values, signed, _ = _rows(flat, z, region)
    forces = _multipliers(gradient, rows, signed)
    keep = (signed == 0) | (forces > 1e-12)
    rows, values = rows[keep], values[keep]
    hessian = flat.hessian(z, best.forces)
    size, count = flat.size, len(rows)
    whole = np.block([[hessian, rows.T], [rows, np.zeros((count, count))]])
    side = np.concatenate([-gradient, -values])
    if not (np.all(np.isfinite(whole)) and np.all(np.isfinite(side))):
        return None
    step = np.linalg.lstsq(whole, side, rcond=1e-13)[0][:size]
    return np.asarray(z + step, float)
