"""A convex quadratic under linear constraints: one constraint after the other is made to hold.

The dual method of Goldfarb and Idnani, A numerically stable dual method for solving strictly convex
quadratic programs, Mathematical Programming 27 (1983): it starts at the least point of all and
keeps the multipliers of inequalities from becoming negative. Where the quadratic is flat in some
directions, squared distances from the last point are added (Rockafellar's proximal points). Knows
nothing of formulas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from derivant.base.loader import LazyModule

linalg = LazyModule("scipy.linalg")
Numbers = npt.NDArray[np.float64]
SMALL = 1e-10
DEPENDENT = 1e-6  # a pivot, beside the largest, at which rows depend on one another
NEAR = 1e-4  # the weight of the squared distance, relative to the Hessian
ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Rows:
    """Conditions A z = b, the first `equal` ones, and A z <= b, all others."""

    matrix: Numbers
    side: Numbers
    equal: int


def least_convex(hessian: Numbers, slope: Numbers, rows: Rows, z: Numbers) -> Numbers | None:
    """The least point of z'Hz/2 + slope'z under the rows; None where H or they do not allow it."""
    found = least_quadratic(hessian, slope, rows)
    if found is not None:
        return found
    weight = NEAR * max(1.0, float(np.max(np.abs(hessian), initial=0.0)))
    near = hessian + weight * np.eye(len(z))
    for _ in range(ROUNDS):
        other = least_quadratic(near, slope - weight * z, rows)
        if other is None or np.max(np.abs(other - z)) <= SMALL * (1 + np.max(np.abs(z))):
            return other
        z = other
    return z


def least_quadratic(hessian: Numbers, slope: Numbers, rows: Rows) -> Numbers | None:
    """The same for a positive definite H, None for any other."""
    try:
        factor = linalg.cho_factor(hessian)
        start = linalg.cho_solve(factor, -slope)
        pushed = linalg.cho_solve(factor, rows.matrix.T)  # columns inv(H) a of all rows
    except (np.linalg.LinAlgError, ValueError):
        return None
    state = _State(rows, np.asarray(start), np.asarray(pushed))
    for row in range(rows.equal):
        if not state.made_to_hold(row):
            return None
    for _ in range(20 * (len(rows.side) + 1)):
        gap = rows.matrix @ state.z - rows.side
        gap[: rows.equal] = 0.0
        worst = int(np.argmax(gap)) if gap.size else 0
        if not gap.size or gap[worst] <= state.scale * SMALL:
            return state.z
        if not state.made_to_hold(worst):
            return None
    return None


def _solved(gram: Numbers, side: Numbers) -> Numbers:
    """Forces for the rows that are held; of least norm where these depend on one another."""
    try:
        factor = linalg.cho_factor(gram, check_finite=False)
    except (np.linalg.LinAlgError, ValueError):
        return np.asarray(np.linalg.lstsq(gram, side, rcond=None)[0])
    sizes = np.abs(np.diag(factor[0]))
    if sizes.min() <= DEPENDENT * sizes.max():
        return np.asarray(np.linalg.lstsq(gram, side, rcond=None)[0])
    return np.asarray(linalg.cho_solve(factor, side, check_finite=False))


class _State:
    """The point, the rows that hold with equality, and their multipliers."""

    def __init__(self, rows: Rows, z: Numbers, pushed: Numbers) -> None:
        self.rows, self.z, self.pushed = rows, z, pushed
        self.active: list[int] = []
        self.forces = np.zeros(0)
        self.scale = 1.0 + float(np.max(np.abs(rows.side), initial=0.0))

    def made_to_hold(self, row: int) -> bool:
        """Move until a violated row holds with equality; False where no point keeps it."""
        a, force = self.rows.matrix[row], 0.0
        for _ in range(len(self.active) + 2):
            way, turn = self._direction(row)
            rate, gap = float(a @ way), float(a @ self.z - self.rows.side[row])
            sign = 1.0 if gap >= 0 else -1.0
            free = abs(rate) > SMALL * (1 + float(a @ a))
            whole = abs(gap / rate) if free else np.inf
            if not free and abs(gap) <= SMALL * self.scale:
                return True  # it holds already wherever the others do
            step, blocking = self._blocked(sign * turn, whole)
            if not np.isfinite(step):
                return False
            if free:
                self.z = self.z + sign * step * way
            self.forces, force = self.forces + sign * step * turn, force + sign * step
            if blocking < 0:
                self.active.append(row)
                self.forces = np.append(self.forces, force)
                return True
            del self.active[blocking]
            self.forces = np.delete(self.forces, blocking)
        return False

    def _direction(self, row: int) -> tuple[Numbers, Numbers]:
        """How the point and the forces move as the force of a row grows."""
        own = self.pushed[:, row]
        if not self.active:
            return -own, np.zeros(0)
        held, moved = self.rows.matrix[self.active], self.pushed[:, self.active]
        turn = _solved(held @ moved, held @ own)
        return np.asarray(moved @ turn - own), np.asarray(-turn, float)

    def _blocked(self, turn: Numbers, whole: float) -> tuple[float, int]:
        """How far until the row holds, or until the force of an inequality is used up."""
        found: Sequence[tuple[float, int]] = [
            (float(-force / rate), k)
            for k, (row, force, rate) in enumerate(zip(self.active, self.forces, turn, strict=True))
            if row >= self.rows.equal and rate < -SMALL
        ]
        step, blocking = min(found, default=(np.inf, -1))
        return (step, blocking) if step < whole else (whole, -1)
