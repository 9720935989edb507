"""A quadratic with one kink across a plane, c relu(r) or c |r|, or between two planes.

The kink is a force along the slope of r, between 0 and c or between -c and c: where it makes r = 0
within these bounds it does, else it is the bound. Two planes push with what makes the one that is
crossed hold. Rockafellar, Convex Analysis, section 31.
"""

from __future__ import annotations

from dataclasses import replace

from derivant.carriers.expr import Expr, symbol
from derivant.primitives import RECORD
from derivant.stationary.algebra import (
    at_zero,
    constant,
    depends,
    over,
    shown,
    simple,
    slope,
    substituted,
)
from derivant.stationary.conditions import Condition, sign_of, without_number
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks, kinked
from derivant.stationary.impossible import difference
from derivant.stationary.problem import Constraint, Problem
from derivant.stationary.quadratics import (
    BARE,
    kind_of,
    lagrangian,
    multipliers_of,
    stationary,
)


def hinged_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1 or any(c.relation != "==" for c in problem.constraints):
        return None
    (x,) = problem.unknowns
    kinks = kinked(problem.cost, x)
    if len(kinks) != 1 or kinks[0].shape or problem.facts(x) - BARE:
        return None
    (kink,) = kinks
    if kink.primitive.name not in ("abs", "relu") or depends(slope(kink.inputs[0], x), [x]):
        return None
    t = symbol("kink", ())
    line = substituted(problem.cost, {kink: t})
    weight = slope(line, t)
    sign = sign_of(weight)
    if depends(weight, [t, x]) or sign is None:
        return None
    smooth = replace(problem, cost=substituted(line, {t: constant(0.0)}))
    return None if has_kinks(smooth.cost, x) else _hinged(smooth, x, kink, weight)


def _hinged(problem: Problem, x: Expr, kink: Expr, weight: Expr) -> Found | None:
    lambdas = multipliers_of(problem.constraints)
    force = symbol("kink's force", ())
    (across,) = kink.inputs
    terms = [*zip(lambdas, (c.gap for c in problem.constraints), strict=True), (force, across)]
    answer = stationary(problem, lagrangian(problem.cost, terms), lambdas)
    if answer is None or not answer.proved:
        return None
    sure, _ = kind_of(problem, bool(problem.constraints))
    if not sure:
        return None
    left = substituted(across, {x: answer.values[x]})
    rate = simple(RECORD.negative(slope(left, force)))
    if depends(rate, [force]):
        return None
    wanted = over(at_zero(left, [force]), rate)
    low = RECORD.negative(weight)
    bounded = RECORD.relu(wanted) if kink.primitive.name == "relu" else RECORD.maximum(wanted, low)
    known = simple(RECORD.minimum(weight, bounded))
    values = {u: simple(substituted(v, {force: known})) for u, v in answer.values.items()}
    return Found(
        {x: values[x]},
        "linear equations, a kink as a force within bounds",
        (*answer.needs, Condition("nonzero", without_number(rate))),
        {c.key: values[v] for c, v in zip(problem.constraints, lambdas, strict=True)},
        sure,
        lambda: (("the kink", f"pushes against {shown(across)} with at most {shown(weight)}"),),
    )


def slab_problem(problem: Problem) -> Found | None:
    """The pattern of two inequalities on the same linear number, from below and from above."""
    equal = [c for c in problem.constraints if c.relation == "=="]
    unequal = [c for c in problem.constraints if c.relation != "=="]
    if len(problem.unknowns) != 1 or len(unequal) != 2 or any(c.gap.shape for c in unequal):
        return None
    (x,) = problem.unknowns
    if has_kinks(problem.cost, x) or problem.facts(x) - BARE:
        return None
    one, other = unequal
    found = difference(problem, one, other)  # other = k one + rest
    if found is None or found[0] >= 0:
        return None
    return _between(problem, equal, unequal, -found[0], found[1])


def _between(
    problem: Problem, equal: list[Constraint], planes: list[Constraint], number: float, rest: Expr
) -> Found | None:
    """The least point between two planes, the second of which is -number times the first + rest."""
    (x,), (one, other) = problem.unknowns, planes
    room = simple(RECORD.negative(rest))
    lambdas = multipliers_of(equal)
    force = symbol("the planes' force", ())
    terms = [*zip(lambdas, (c.gap for c in equal), strict=True), (force, one.excess)]
    answer = stationary(problem, lagrangian(problem.cost, terms), lambdas)
    if answer is None or not answer.proved:
        return None
    sure, _ = kind_of(problem, bool(equal))
    if not sure:
        return None
    left = substituted(one.excess, {x: answer.values[x]})
    rate = simple(RECORD.negative(slope(left, force)))
    if depends(rate, [force]):
        return None
    free = at_zero(left, [force])
    above = over(RECORD.relu(free), rate)
    beyond = RECORD.subtract(rest, RECORD.multiply(number, free))
    below = over(RECORD.relu(simple(beyond)), RECORD.multiply(number, rate))
    known = simple(RECORD.subtract(above, below))
    values = {u: simple(substituted(v, {force: known})) for u, v in answer.values.items()}
    sign = sign_of(room)
    return Found(
        {x: values[x]},
        "linear equations, between two planes",
        (*answer.needs, Condition("nonzero", without_number(rate)),
         *(() if sign is not None else (Condition("nonnegative", room),))),
        {
            **{c.key: values[v] for c, v in zip(equal, lambdas, strict=True)},
            one.key: simple(above),
            other.key: simple(over(below, constant(number))),
        },
        sure,
        lambda: (("the planes", f"{one.key} and {other.key}: at most one of them is active"),),
    )  # fmt: skip
