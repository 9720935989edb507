"""Least points under bounds and with sums of absolute values: quasi-Newton, then Newton.

SciPy's L-BFGS-B comes near (sums of absolute values by splitting x = p - q with p, q >= 0); Newton
steps on the entries that are free make the residual as small as rounding lets it be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from derivant.base.loader import LazyModule
from derivant.stationary.numeric import MOST_DENSE, Flat

optimize = LazyModule("scipy.optimize")
sparse_linalg = LazyModule("scipy.sparse.linalg")
Numbers = npt.NDArray[np.float64]
Report = Callable[[float, float], None]
GOAL = 1e-9  # the residual at which no more steps are taken
MOST_NEWTON = 60


@dataclass(frozen=True, slots=True)
class Region:
    """Bounds of each entry, the weight of its absolute value in the cost, and where to stop.

    `rounds` are the places of vectors whose Euclidean norm the cost has, with its weight.
    """

    lower: Numbers
    upper: Numbers
    weights: Numbers
    goal: float = GOAL
    rounds: tuple[tuple[int, int, float], ...] = ()

    def inside(self, z: Numbers) -> Numbers:
        """The nearest point within the bounds."""
        return np.clip(z, self.lower, self.upper)

    def reflected(self, z: Numbers) -> Numbers:
        """A point within the bounds: what is beyond one comes back as far on its inner side."""
        z = np.where(z < self.lower, 2 * self.lower - z, z)
        return self.inside(np.where(z > self.upper, 2 * self.upper - z, z))

    def snapped(self, z: Numbers) -> Numbers:
        """A point with the entries that are a rounding away from a bound on it."""
        near = 1e-9 * (1 + np.abs(z))
        z = np.where(np.abs(z - self.lower) <= near, self.lower, z)
        return np.where(np.abs(z - self.upper) <= near, self.upper, z)

    def kinks(self, z: Numbers) -> float:
        """The weighted sum of absolute values."""
        return float(np.sum(self.weights * np.abs(z)))

    def residual(self, z: Numbers, gradient: Numbers) -> Numbers:
        """How far each entry is from optimal: what is left of the gradient that no side absorbs."""
        signed = gradient + self.weights * np.sign(z)
        at_zero = (z == 0) & (self.weights > 0)
        held = np.sign(gradient) * np.maximum(np.abs(gradient) - self.weights, 0)
        left = np.where(at_zero, held, signed)
        for start, stop, weight in self.rounds:
            if not np.any(z[start:stop]):
                size = float(np.linalg.norm(left[start:stop]))
                left[start:stop] *= max(0.0, 1 - weight / size) if size else 0.0
        left = np.where((z <= self.lower) & (left > 0), 0.0, left)
        return np.where((z >= self.upper) & (left < 0), 0.0, left)


def descended(
    flat: Flat, z: Numbers, region: Region, most: int, report: Report
) -> tuple[Numbers, int]:
    """The least point near a start, and the number of iterations."""
    z = region.inside(z)
    if np.any(region.weights):
        z, count = _split(flat, z, region, most, report)
    else:
        z, count = _quasi(flat, z, region, most, report)
    z, more = polished(flat, z, region)
    return z, count + more


def _quasi(
    flat: Flat, z: Numbers, region: Region, most: int, report: Report
) -> tuple[Numbers, int]:
    bounds = optimize.Bounds(region.lower, region.upper)

    def watched(x: Numbers) -> tuple[float, Numbers]:
        value, slopes = flat.value_and_gradient(x)
        report(value, float(np.max(np.abs(slopes), initial=0.0)))
        return value, slopes

    r = optimize.minimize(
        watched, z, jac=True, method="L-BFGS-B", bounds=bounds,
        options=_options(most, region),
    )  # fmt: skip
    better = np.isfinite(r.fun) and r.fun <= flat.value(z)
    return (np.asarray(r.x) if better else z), int(r.nit)


def _options(most: int, region: Region) -> dict[str, float]:
    """What L-BFGS-B is told: to go on until the gradient is small."""
    return {
        "maxiter": most, "maxfun": 2 * most, "ftol": 1e-15, "gtol": region.goal, "maxcor": 20
    }  # fmt: skip


def _split(
    flat: Flat, z: Numbers, region: Region, most: int, report: Report
) -> tuple[Numbers, int]:
    """x = p - q, where |x| is p + q at the least point."""
    size, weights = z.size, region.weights

    def doubled(pq: Numbers) -> tuple[float, Numbers]:
        value, slopes = flat.value_and_gradient(pq[:size] - pq[size:])
        total = value + float(np.sum(weights * (pq[:size] + pq[size:])))
        report(total, float(np.max(np.abs(slopes), initial=0.0)))
        return total, np.concatenate([slopes + weights, weights - slopes])

    upper = np.maximum(region.upper, 0.0)
    lower = np.maximum(-region.lower, 0.0)
    r = optimize.minimize(
        doubled,
        np.concatenate([np.maximum(z, 0), np.maximum(-z, 0)]),
        jac=True, method="L-BFGS-B",
        bounds=optimize.Bounds(np.zeros(2 * size), np.concatenate([upper, lower])),
        options=_options(most, region),
    )  # fmt: skip
    x = r.x[:size] - r.x[size:]
    return region.inside(
        np.where(np.abs(x) < 1e-10 * (1 + np.max(np.abs(x), initial=0)), 0, x)
    ), int(r.nit)


def polished(flat: Flat, z: Numbers, region: Region) -> tuple[Numbers, int]:
    """Newton steps on the free entries, each followed by a look at which entries are free."""
    for count in range(MOST_NEWTON):
        z = region.snapped(z)
        gradient = flat.gradient(z)
        left = region.residual(z, gradient)
        size = float(np.max(np.abs(left), initial=0.0))
        if not np.isfinite(size) or size <= region.goal:
            return z, count
        stuck = ((z <= region.lower) & (left >= 0)) | ((z >= region.upper) & (left <= 0))
        stuck |= (z == 0) & (left == 0) & (region.weights > 0)
        free = np.flatnonzero(~stuck)
        moved = _line(flat, z, left, free, region)
        if moved is None:
            return z, count
        z = moved
    return z, MOST_NEWTON


def _line(
    flat: Flat, z: Numbers, left: Numbers, free: npt.NDArray[np.intp], region: Region
) -> Numbers | None:
    """The best point along the Newton step; None where no step is better."""
    way = np.zeros_like(z)
    way[free] = _newton(flat, z, left, free)
    here = flat.value(z) + region.kinks(z)
    for step in (1.0, 0.5, 0.25, 0.1, 0.01, 1e-3):
        other = region.inside(z + step * way)
        crossed = (region.weights > 0) & (np.sign(other) * np.sign(z) < 0)
        other = np.where(crossed, 0.0, other)
        value = flat.value(other) + region.kinks(other)
        if value < here - 1e-14 * abs(here):
            return other
        if np.isfinite(value) and value <= here + 1e-12 * (1 + abs(here)):
            new = region.residual(other, flat.gradient(other))
            if np.max(np.abs(new), initial=0.0) < 0.9 * np.max(np.abs(left), initial=0.0):
                return other
    return None


def _newton(flat: Flat, z: Numbers, left: Numbers, free: npt.NDArray[np.intp]) -> Numbers:
    """The Newton step of the free entries; damped where the Hessian is not positive."""
    if free.size > MOST_DENSE:

        def times(v: Numbers) -> Numbers:
            whole = np.zeros_like(z)
            whole[free] = v
            return flat.hvp(z, whole)[free] + 1e-10 * v

        shape = (free.size, free.size)
        operator = sparse_linalg.LinearOperator(shape, matvec=times, dtype=float)
        step = sparse_linalg.cg(operator, -left[free], rtol=1e-10, maxiter=200)[0]
        return np.asarray(step) if step @ left[free] < 0 else -left[free]
    columns = []
    for k in free:
        e = np.zeros_like(z)
        e[k] = 1.0
        columns.append(flat.hvp(z, e)[free])
    hessian = np.stack(columns, 1) if columns else np.zeros((0, 0))
    if not np.all(np.isfinite(hessian)):
        return -left[free]
    w, v = np.linalg.eigh((hessian + hessian.T) / 2)
    floor = 1e-9 * max(1.0, float(np.max(np.abs(w), initial=0.0)))
    step = v @ ((v.T @ left[free]) / np.maximum(np.abs(w), floor))
    return np.asarray(-step, float)
