"""A matrix unknown that its multipliers fix by a formula: X(λ) put into the constraints.

With a Hessian X -> P X R' the gradient gives X = -inv(P) G(λ) inv(R'), and the constraints become
linear equations in the multipliers alone. Symmetric and antisymmetric unknowns have the gradient
projected; that commutes with the Hessian where P = R.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Form
from derivant.stationary.algebra import (
    at_zero,
    depends,
    inverse,
    over,
    simple,
    slope,
    substituted,
    turned,
)
from derivant.stationary.conditions import Condition, needs_of
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks, quadratic, same, scale_of
from derivant.stationary.problem import Constraint, Problem
from derivant.stationary.quadratics import (
    BARE,
    SYMMETRIC,
    lagrangian,
    least_cost,
    multipliers_of,
    written_out,
)
from derivant.stationary.systems import Answer, equations, pair_of, solved


@dataclass(frozen=True, slots=True)
class Mirror:
    """X = X' (sign 1) or X = -X' (sign -1), and the constraint that says so, if one does."""

    sign: int
    constraint: Constraint | None = None
    times: float = 1.0  # the gap is so often X - sign X'


@dataclass(frozen=True, slots=True)
class Own:
    """The inverse of a Hessian: a number, or P and R."""

    scale: Expr | None
    pair: tuple[Expr, Expr] | None
    needs: tuple[Condition, ...]
    proved: bool

    def applied(self, x: Expr) -> Expr:
        """Where the Hessian takes what is returned, there it gives x."""
        if self.pair is None:
            assert self.scale is not None
            return over(x, self.scale)
        left, right = map(inverse, self.pair)
        found: Expr = RECORD.matmul(RECORD.matmul(left, x), turned(right))
        return found


def explicit_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1 or any(c.relation != "==" for c in problem.constraints):
        return None
    (x,) = problem.unknowns
    if not problem.constraints or len(x.shape) != 2 or problem.facts(x) - BARE - SYMMETRIC:
        return None
    cost = None if has_kinks(problem.cost, x) else quadratic(problem.cost, x)
    own = None if cost is None else _own(cost.hessian)
    mirror = _mirror(problem, x)
    if own is None or (mirror is not None and own.pair is not None and not same(*own.pair)):
        return None
    rest = [c for c in problem.constraints if mirror is None or c is not mirror.constraint]
    if any(depends(slope(c.gap, x), [x]) for c in rest):
        return None
    return _solved(problem, x, own, mirror, rest)


def _own(hessian: Form) -> Own | None:
    scale = scale_of(hessian.sum)
    if scale is not None:
        proved, needs = needs_of(scale)
        return Own(scale, None, needs, proved)
    pair = pair_of(hessian.sum, 0) if len(hessian.sum.terms) == 1 else None
    if pair is None:
        return None
    (sure, needs), (other, more) = map(needs_of, pair)
    return Own(None, pair, (*needs, *more), sure and other)


def _mirror(problem: Problem, x: Expr) -> Mirror | None:
    if problem.facts(x) & SYMMETRIC:
        return Mirror(1)
    if x.shape[0] != x.shape[1]:
        return None
    for constraint in problem.constraints:
        if constraint.gap.shape != x.shape:
            continue
        for sign in (1, -1):
            gap = RECORD.subtract(x, RECORD.multiply(float(sign), turned(x)))
            for times in (1.0, -1.0):
                if same(constraint.gap, RECORD.multiply(times, gap)):
                    return Mirror(sign, constraint, times)
    return None


def _solved(
    problem: Problem, x: Expr, own: Own, mirror: Mirror | None, rest: list[Constraint]
) -> Found:
    forces = multipliers_of(rest)
    terms = list(zip(forces, (c.gap for c in rest), strict=True))
    gradient = slope(lagrangian(problem.cost, terms), x)
    pushed = at_zero(gradient, [x])
    if mirror is not None:
        both = RECORD.add(pushed, RECORD.multiply(float(mirror.sign), turned(pushed)))
        pushed = RECORD.multiply(0.5, both)
    point = simple(RECORD.negative(own.applied(simple(pushed))))
    answer = Answer({}, ())
    if rest:
        gaps = [simple(substituted(c.gap, {x: point})) for c in rest]
        found = equations(gaps, forces)
        if found is None:
            raise DerivantError("the constraints are not linear in their multipliers")
        answer = solved(found)
    values = {x: simple(substituted(point, dict(answer.values)))}
    multipliers = {c.key: answer.values[f] for c, f in zip(rest, forces, strict=True)}
    if mirror is not None and mirror.constraint is not None:
        left = substituted(gradient, {**values, **answer.values})
        half = -0.5 * mirror.times
        multipliers[mirror.constraint.key] = simple(RECORD.multiply(half, left))
    sure = "the Hessian is positive definite: the one global minimum" if own.proved else ""
    plain = replace(problem, constraints=tuple(rest))
    known = {**values, **answer.values}
    return Found(
        values,
        "the multipliers, then the unknown",
        tuple(dict.fromkeys((*own.needs, *answer.needs))),
        multipliers,
        sure,
        lambda: written_out(plain, rest),
        least=None if mirror else least_cost(problem, known, terms),
    )
