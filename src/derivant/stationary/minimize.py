"""Optima as numbers: the closed form where there is one, else exact derivatives and SciPy."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from derivant.base.dims import size_of
from derivant.base.errors import ArgumentError, DerivantError
from derivant.base.graph import ancestors
from derivant.base.loader import load
from derivant.base.types import Function
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr
from derivant.derivation.draws import along
from derivant.notation import Facts, Shapes, canonical_name
from derivant.stationary.constrained import Optimum
from derivant.stationary.descent import GOAL, Region, optimize
from derivant.stationary.endless import GOOD, UNBOUNDED
from derivant.stationary.functions import minimize_function
from derivant.stationary.given import with_data
from derivant.stationary.hessians import kinked
from derivant.stationary.numeric import Data, Flat, Numbers, first_bad, within
from derivant.stationary.problem import Constraint, Problem, read_problem
from derivant.stationary.reduced import Reduced, reduced, started
from derivant.stationary.searching import Ready, polished_at, searched
from derivant.stationary.solve import solved_problem

SPECTRAL = frozenset(("eigvalsh", "svdvals"))  # they have kinks where two values meet
QUIET = 2.0  # seconds before a progress line is shown


class MinimizeResult(Protocol):
    """What `minimize` gives: SciPy's OptimizeResult with multipliers and the residual."""

    x: Mapping[str, npt.NDArray[np.float64]]
    fun: float
    nit: int
    success: bool
    message: str
    multipliers: Mapping[str, npt.NDArray[np.float64]]
    kkt_residual: float


def minimize(
    objective: str | Function,
    over: object = None,
    subject_to: str | Sequence[str] = (),
    data: Mapping[str, npt.ArrayLike] | None = None,
    start: Mapping[str, npt.ArrayLike] | None = None,
    assume: Facts = None,
    shapes: Shapes = None,
    notation: str = "auto",
    sense: str = "minimize",
    max_iterations: int = 5000,
    closed_form: bool = True,
    tolerance: float = GOAL,
) -> MinimizeResult:
    """The least point of an objective as numbers, by exact derivatives.

    A text has its unknowns in `over` and values for all other names in `data`, sizes too where no
    array shows them. Where `solve` has a closed form that the data allow, it is used; else L-BFGS-B
    under bounds and norm1, SLSQP or an augmented Lagrangian under constraints, then Newton steps on
    what is active. A Python function of one argument takes a start instead:
    `minimize(f, x0)`. The result is SciPy's OptimizeResult: `x` by name, `fun`, `nit`, `success`,
    `message`, `multipliers` by constraint, and `kkt_residual`, the largest part of the gradient of
    the Lagrangian, of a violation, or of a multiplier times its slack; below `tolerance` no more
    steps are taken.

    Raises ArgumentError or ShapeError where a text cannot be read or data do not fit it or are not
    finite; a problem that is infeasible, unbounded or not solved to 1e-6 has `success` False and a
    message that says so.

    >>> m = minimize("norm2(A*x - b)^2", over="x", data={"A": np.eye(2), "b": [1.0, 2.0]})
    >>> m.x["x"], m.success
    (array([1., 2.]), True)
    """
    if not isinstance(objective, str):
        if data or subject_to:
            raise ArgumentError("a Python function takes a start, as in minimize(f, x0)")
        begin = over if over is not None else start
        found: MinimizeResult = minimize_function(objective, begin, max_iterations)
        return found
    names = over if isinstance(over, (str, list, tuple)) else ()
    if not names:
        raise ArgumentError("over names the unknowns, as in over='x'")
    given = {"data": dict(data or {}), "start": dict(start or {})}
    problem, known = with_data(
        given,
        lambda sizes: read_problem(objective, names, subject_to, assume, sizes, notation, sense),
        shapes,
    )
    ready = _ready(problem, known, tolerance)
    if closed_form:
        result: MinimizeResult | None = _by_formula(ready)
        if result is not None:
            return result
    begun = _start(problem, known, dict(start or {}))
    last: MinimizeResult = _by_numbers(ready, begun, max_iterations)
    return last


def _ready(problem: Problem, known: Data, goal: float) -> Ready:
    facts = {u: problem.facts(u) for u in problem.unknowns}
    apart = reduced(problem, known)
    flat = Flat(apart.cost, apart.unknowns, apart.constraints, known.values, known.sizes, facts)
    return Ready(problem, known, apart, flat, replace(apart.region(flat), goal=goal))


def _start(problem: Problem, known: Data, start: dict[str, Any]) -> dict[Expr, Numbers]:
    """The start that is given, or one inside the declared domain."""
    begun = {canonical_name(k): v for k, v in start.items()}
    rng = np.random.default_rng(0)
    point = {}
    for u in problem.unknowns:
        shape = tuple(size_of(s, known.sizes) for s in u.shape)
        facts, name = problem.facts(u), str(u.params["name"])
        if name in begun:
            value = np.array(begun[name], float)
            if not np.all(np.isfinite(value)):
                raise first_bad(value, f"the start of {name}")
        elif facts & {"spd", "psd", "symmetric-invertible"}:
            value = np.eye(shape[0])
        elif facts & {"positive", "unitint"}:
            value = np.full(shape, 1.0 / max(2, int(np.prod(shape))))
        elif "gt1" in facts:
            value = np.full(shape, 10.0)
        else:
            value = 0.1 * np.abs(rng.standard_normal(shape))
        point[u] = along(facts, value)
    return point


# The closed form


def _by_formula(ready: Ready) -> Any:
    """The closed form where there is one and the data allow it; else None."""
    known = ready.known
    try:
        found, _ = solved_problem(ready.problem)
        needs = evaluate_all([c.of for c in found.needs], known.values, known.sizes)
        if not all(c.holds(np.asarray(v, float)) for c, v in zip(found.needs, needs, strict=True)):
            return None
        values = evaluate_all(list(found.values.values()), known.values, known.sizes)
    except (DerivantError, np.linalg.LinAlgError):
        return None
    point = {u: np.asarray(v, float) for u, v in zip(found.values, values, strict=True)}
    if not all(np.all(np.isfinite(v)) for v in point.values()):
        return None
    z = ready.flat.joined(started(ready.apart, point, known))
    result = _ended(ready, polished_at(ready, z, 0), "the closed form")
    return result if result.success else None


# Numbers


class _Progress:
    """A line of progress once a run is long."""

    def __init__(self) -> None:
        self.begun, self.bar = time.monotonic(), None

    def __call__(self, value: float, left: float) -> None:
        if self.bar is None and time.monotonic() - self.begun > QUIET:
            self.bar = load("tqdm").tqdm(desc="minimize", unit="step", leave=False)
        if self.bar is not None:
            self.bar.update(1)
            self.bar.set_postfix(value=f"{value:.6g}", left=f"{left:.1e}", refresh=False)

    def close(self) -> None:
        """Take the line away."""
        if self.bar is not None:
            self.bar.close()


def _by_numbers(ready: Ready, point: dict[Expr, Numbers], most: int) -> Any:
    flat, region, report = ready.flat, ready.region, _Progress()
    values = started(ready.apart, point, ready.known)
    z = region.reflected(flat.joined(values))
    if np.any(region.lower > region.upper):
        return _ended(ready, Optimum(z, tuple(flat.no_forces(z)), np.inf, 0), "")
    nearer = (region.reflected(z * part) for part in (1.0, 0.3, 0.1, 0.01, 0.0))
    z = next((p for p in nearer if np.isfinite(flat.value(p))), z)
    if not np.isfinite(flat.value(z)):
        raise ArgumentError("the objective is not finite at the start; give another one in start")
    try:
        best, endless = searched(ready, z, most, report)
    finally:
        report.close()
    return _ended(ready, best, f"{best.method}, then Newton steps", endless)


def _ended(ready: Ready, best: Optimum, method: str, endless: bool = False) -> Any:
    """The result at a point, judged and told in words; `endless` where the cost falls on."""
    problem, apart, flat, region = ready.problem, ready.apart, ready.flat, ready.region
    values = flat.split(best.z)
    forces = _named_forces(flat, apart, best, region)
    fun = float(evaluate_all([problem.objective], {**flat.data, **values}, flat.sizes)[0])
    message, success = _said(ready, best, fun, method, endless)
    return optimize.OptimizeResult(
        x={str(u.params["name"]): _plain(values[u]) for u in problem.unknowns},
        fun=fun,
        nit=best.count,
        success=success,
        status=0 if success else 1,
        message=message,
        multipliers=forces or MappingProxyType({}),  # SciPy prints no empty dict
        kkt_residual=best.residual,
    )


def _plain(value: Numbers) -> Any:
    return value if value.ndim else float(value)


def _named_forces(flat: Flat, apart: Reduced, best: Optimum, region: Region) -> dict[str, Any]:
    """The multipliers by the constraint; those of bounds are what is left of the gradient."""
    named = [*flat.equal, *flat.unequal]
    found = {c.key: _plain(f) for c, f in zip(named, best.forces, strict=False) if c.key[0] != " "}
    if not apart.bounds:
        return found
    gradient = flat.gradient(best.z)
    for force, jacobian in zip(best.forces, flat.jacobians(best.z), strict=True):
        gradient = gradient + jacobian.T @ np.ravel(force)
    gradient = gradient + region.weights * np.sign(best.z)
    near = 1e-9 * (1 + np.abs(best.z))
    low = flat.split(np.where(best.z <= region.lower + near, np.maximum(gradient, 0), 0.0))
    high = flat.split(np.where(best.z >= region.upper - near, np.maximum(-gradient, 0), 0.0))
    for constraint, u in apart.bounds:
        rises = _rises(constraint.excess, u, flat)
        found[constraint.key] = _plain((high if rises else low)[u])
    return found


def _rises(excess: Expr, u: Expr, flat: Flat) -> bool:
    """Whether a bound is from above."""
    shape = flat.shapes[[id(v) for v in flat.unknowns].index(id(u))]
    at = [
        evaluate_all([excess], {**flat.data, u: np.full(shape, t)}, flat.sizes)[0]
        for t in (0.0, 1.0)
    ]
    return bool(np.sum(at[1]) > np.sum(at[0]))


def _said(ready: Ready, best: Optimum, fun: float, method: str, endless: bool) -> tuple[str, bool]:
    """Why it stopped, and whether the point is an optimum."""
    why = _why_none(ready, best, fun, endless)
    if why:
        return why, False
    if best.residual <= max(GOOD, ready.region.goal):
        return f"optimal: {method}; residual of the conditions {best.residual:.0e}", True
    apart, left = ready.apart, f"residual {best.residual:.1e}"
    marks = {n.primitive.name for u in apart.unknowns for n in kinked(apart.cost, u)}
    marks |= {n.primitive.name for n in ancestors([apart.cost])} & SPECTRAL
    if marks:
        raise DerivantError(
            f"{', '.join(sorted(marks))} of the objective have kinks, and none of the methods "
            f"here came to an optimum: {left} at value {fun:.6g}"
        )
    return f"stopped ({method}) before the conditions of an optimum held: {left}", False


def _why_none(ready: Ready, best: Optimum, fun: float, endless: bool) -> str:
    """Why the best point is no optimum though no step may be left; empty where nothing says so."""
    flat, sign = ready.flat, ready.problem.sign
    if np.any(ready.region.lower > ready.region.upper):
        names = ", ".join(repr(c.key) for c, _ in ready.apart.bounds)
        return f"infeasible: the bounds leave no number for some entry; they are {names}"
    gap, broken = _worst_gap(flat, best)
    size = float(np.max(np.abs(best.z), initial=0.0))
    if not np.isfinite(flat.value(best.z)):
        return "stopped outside the domain of the objective or of what its unknowns must be"
    if sign * fun < -UNBOUNDED or size > UNBOUNDED:
        way = "below" if sign > 0 else "above"
        at = f"the objective is {fun:.1e} at a point of size {size:.1e}"
        return f"unbounded: {at}, and has no bound {way}"
    if broken is not None and gap > 1e-5 * (1 + size):
        off = f"it is violated by {gap:.1e} at the best one"
        return f"infeasible: no point was found that keeps {broken.key!r}; {off}"
    if endless:
        way = "falls" if sign > 0 else "rises"
        return (
            f"no optimum: the objective still {way} beyond the best point that was found, where it "
            f"is {fun:.6g}; it has no bound there, or comes to it nowhere"
        )
    for u, facts, value in zip(flat.unknowns, flat.facts, flat.split(best.z).values(), strict=True):
        if not within(facts, value):
            wanted = ", ".join(sorted(facts))
            return f"no optimum: the best {u.params['name']} that was found is not {wanted}"
    return ""


def _worst_gap(flat: Flat, best: Optimum) -> tuple[float, Constraint | None]:
    """How far the constraint that is kept worst is off, and which it is."""
    gaps = zip(flat.gaps(best.z), [*flat.equal, *flat.unequal], strict=True)
    off = [
        (float(np.max(np.abs(g) if k < len(flat.equal) else g, initial=0.0)), c)
        for k, (g, c) in enumerate(gaps)
        if not c.key.startswith(" ")  # what stands for a kink is no constraint of the problem
    ]
    return max(off, key=lambda pair: pair[0], default=(0.0, None))
