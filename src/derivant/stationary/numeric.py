"""A problem with its data as functions of one flat vector: cost, gradient, Hessian, constraints.

Derivatives are exact: sweeps recorded as expressions once, evaluated at every point. Sums of
absolute values and of relus may be taken out of the cost and kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from derivant.base.dims import size_of
from derivant.base.errors import ArgumentError
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.draws import SYMMETRIC, along
from derivant.primitives import RECORD
from derivant.rewriting import pulled_back
from derivant.stationary.algebra import entry_sum, inner, slope, summed
from derivant.stationary.degrees import degree
from derivant.stationary.problem import Constraint
from derivant.stationary.program import Program

Numbers = npt.NDArray[np.float64]
MOST_DENSE = 600  # unknown numbers for which a Hessian is formed
REGULAR = frozenset(("invertible", "symmetric-invertible", "full-column-rank", "full-row-rank"))


class Flat:
    """The unknowns of a problem as one vector, and what the solvers ask of it."""

    def __init__(
        self,
        cost: Expr,
        unknowns: Sequence[Expr],
        constraints: Sequence[Constraint],
        data: Mapping[Expr, Numbers],
        sizes: Mapping[str, int],
        facts: Mapping[Expr, frozenset[str]] | None = None,
    ) -> None:
        self.facts = [(facts or {}).get(u, frozenset()) for u in unknowns]
        self.unknowns, self.data, self.sizes = tuple(unknowns), dict(data), dict(sizes)
        self.shapes = [tuple(size_of(s, sizes) for s in u.shape) for u in unknowns]
        self.counts = [int(np.prod(s)) for s in self.shapes]
        self.size = sum(self.counts)
        ends = np.cumsum([0, *self.counts]).tolist()
        self._places = list(zip(self.unknowns, ends, ends[1:], self.shapes, strict=False))
        self.equal = [c for c in constraints if c.relation == "=="]
        self.unequal = [c for c in constraints if c.relation != "=="]
        self.cost = cost
        lines = [c.gap for c in constraints]
        self.is_quadratic = degree(cost, unknowns) <= 2 and all(
            degree(gap, unknowns) <= 1 for gap in lines
        )
        self._gradients = [pulled_back(cost, u) for u in unknowns]
        self._gaps = [c.gap for c in self.equal] + [c.excess for c in self.unequal]
        self._jacobians = [[slope(g, u) for u in unknowns] for g in self._gaps]
        self._forces = [symbol(f"force{k}", g.shape) for k, g in enumerate(self._gaps)]
        self._way = [symbol(f"way{k}", u.shape) for k, u in enumerate(unknowns)]
        self._turns: list[Expr] = []  # made when they are first asked for
        self._programs: dict[tuple[int, ...], Program] = {}

    def _second(self) -> list[Expr]:
        """The Hessian of the Lagrangian times a direction."""
        parts = [RECORD.multiply(g, w) for g, w in zip(self._gradients, self._way, strict=True)]
        for gap, force in zip(self._gaps, self._forces, strict=True):
            pushed = inner(gap, force)
            slopes = [pulled_back(pushed, u) for u in self.unknowns]
            parts += [RECORD.multiply(s, w) for s, w in zip(slopes, self._way, strict=True)]
        whole = summed([entry_sum(p) for p in parts])
        return [pulled_back(whole, u) for u in self.unknowns]

    def split(self, z: Numbers) -> dict[Expr, Numbers]:
        """The unknowns of a flat vector."""
        return {u: z[a:b].reshape(s) for u, a, b, s in self._places}

    def joined(self, point: Mapping[Expr, Numbers]) -> Numbers:
        """The flat vector of the unknowns."""
        return np.concatenate([np.ravel(np.asarray(point[u], float)) for u in self.unknowns])

    def _at(
        self, expressions: Sequence[Expr], z: Numbers, more: Mapping[Expr, Numbers] | None = None
    ) -> list[Numbers]:
        point = {**self.split(z), **(more or {})}
        key = tuple(map(id, expressions))
        if key not in self._programs:
            self._programs[key] = Program(expressions, self.data, self.sizes, list(point))
        with np.errstate(all="ignore"):
            try:
                found = self._programs[key](point)
            except np.linalg.LinAlgError:
                return [np.full(tuple(size_of(s, self.sizes) for s in e.shape), np.nan)
                        for e in expressions]  # fmt: skip
        return found

    def value(self, z: Numbers) -> float:
        """The cost; infinite outside its domain."""
        value = float(self._at([self.cost], z)[0])
        return value if np.isfinite(value) and self._in_domain(z) else np.inf

    def _in_domain(self, z: Numbers) -> bool:
        """Whether matrices that must be positive definite, or semidefinite, are."""
        wanted = [f & {"spd", "psd"} for f in self.facts]
        if not any(wanted):
            return True
        return all(within(f, x) for f, x in zip(wanted, self.split(z).values(), strict=True) if f)

    def along(self, z: Numbers) -> Numbers:
        """The part of a flat vector along the structure of each unknown."""
        if not any(self.facts):
            return z
        parts = self.split(z).values()
        kept = [along(f, x) for f, x in zip(self.facts, parts, strict=True)]
        return np.concatenate([np.ravel(p) for p in kept])

    def value_and_gradient(self, z: Numbers) -> tuple[float, Numbers]:
        """The cost and its gradient, sharing work."""
        value, *slopes = self._at([self.cost, *self._gradients], z)
        number = float(value)
        flat = self.along(np.concatenate([np.ravel(s) for s in slopes]))
        return (number if np.isfinite(number) and self._in_domain(z) else np.inf), flat

    def gradient(self, z: Numbers) -> Numbers:
        """The gradient of the cost."""
        return self.along(np.concatenate([np.ravel(s) for s in self._at(self._gradients, z)]))

    def hvp(self, z: Numbers, way: Numbers, forces: Sequence[Numbers] = ()) -> Numbers:
        """The Hessian of the Lagrangian times a direction."""
        self._turns = self._turns or self._second()
        given = dict(zip(self._way, self.split(self.along(way)).values(), strict=True))
        given |= dict(zip(self._forces, forces or self.no_forces(z), strict=True))
        return self.along(np.concatenate([np.ravel(s) for s in self._at(self._turns, z, given)]))

    def no_forces(self, z: Numbers) -> list[Numbers]:
        """Zero multipliers."""
        return [np.zeros(tuple(size_of(s, self.sizes) for s in g.shape)) for g in self._gaps]

    def hessian(self, z: Numbers, forces: Sequence[Numbers] = ()) -> Numbers:
        """The Hessian of the Lagrangian, column by column; 1 across the structure of an unknown."""
        if self.is_quadratic:  # the gradient is affine, and costs less than a turn
            start = self.gradient(np.zeros(self.size))
            columns = [self.gradient(e) - start for e in np.eye(self.size)]
        else:
            columns = [self.hvp(z, e, forces) for e in np.eye(self.size)]
        whole = np.stack(columns, 1) if columns else np.zeros((0, 0))
        if any(self.facts):  # so that no step leaves the structure
            whole = whole + np.stack([e - self.along(e) for e in np.eye(self.size)], 1)
        return (whole + whole.T) / 2

    def gaps(self, z: Numbers) -> list[Numbers]:
        """Equalities (0 where they hold), then inequalities (at most 0 where they hold)."""
        return self._at(self._gaps, z) if self._gaps else []

    def jacobians(self, z: Numbers) -> list[Numbers]:
        """The derivative of each gap along the structure, its entries by the unknowns."""
        flat = [j for row in self._jacobians for j in row]
        found = self._at(flat, z) if flat else []
        rows, width = [], len(self.unknowns)
        for k in range(len(self._gaps)):
            parts = found[k * width : (k + 1) * width]
            whole = np.concatenate(
                [np.reshape(p, (-1, n)) for p, n in zip(parts, self.counts, strict=True)], 1
            )
            if any(self.facts):
                whole = np.array([self.along(row) for row in whole]).reshape(whole.shape)
            rows.append(whole)
        return rows


def within(facts: frozenset[str], value: Numbers) -> bool:
    """Whether a value of an unknown is what is declared of it; what is not finite is nothing."""
    if not np.all(np.isfinite(value)):
        return False
    scale = 1e-9 * max(1.0, float(np.max(np.abs(value), initial=0.0)))
    off = 1e3 * scale if facts & SYMMETRIC else 0.0
    if np.max(np.abs(value - along(facts, value)), initial=0.0) > off:
        return False
    if facts & {"spd", "psd"} and value.size:
        least = float(np.linalg.eigvalsh(value)[0])
        if least <= 0 and ("spd" in facts or least < -scale):
            return False
    if facts & {"positive", "gt1"} and not np.all(value > float("gt1" in facts)):
        return False
    if "unitint" in facts and not np.all((value >= 0) & (value <= 1)):
        return False
    if facts & REGULAR and np.linalg.matrix_rank(value, tol=scale) < min(value.shape):
        return False
    return "nonzero" not in facts or bool(np.all(np.abs(value) > scale))


@dataclass(frozen=True, slots=True)
class Data:
    """Numbers for the variables and the named sizes of a problem."""

    values: dict[Expr, Numbers]
    sizes: dict[str, int]


def first_bad(value: Numbers, name: str) -> ArgumentError:
    """The error for data that are not finite, with the place."""
    places = np.argwhere(~np.isfinite(value))
    place = tuple(int(k) for k in places[0])
    where = f" at {place}" if place else ""
    column = f", column {place[-1]}" if value.ndim == 2 else ""
    kind = "NaN" if np.isnan(value[place]) else "an infinity"
    return ArgumentError(
        f"{name} has {kind}{where}{column} ({len(places)} such numbers); "
        "remove these rows or fill them in before minimising"
    )
