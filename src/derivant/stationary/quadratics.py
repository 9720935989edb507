"""Quadratic objectives under affine constraints: linear equations by elimination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from derivant.carriers.expr import Expr, symbol
from derivant.carriers.trace import variables
from derivant.derivation.structured import projected
from derivant.notation import Forms, shown_name, text_of
from derivant.primitives import RECORD
from derivant.stationary.algebra import (
    at_zero,
    contracted,
    depends,
    derived,
    formed,
    inner,
    inverse,
    over,
    shown,
    simple,
    slope,
    substituted,
    summed,
)
from derivant.stationary.conditions import Condition, definite, needs_of, without_number
from derivant.stationary.degrees import degree
from derivant.stationary.found import Found, Lines
from derivant.stationary.hessians import convex, has_kinks, quadratic
from derivant.stationary.problem import Constraint, Problem
from derivant.stationary.systems import Answer, equations, solved

SYMMETRIC = frozenset(("symmetric", "spd", "psd", "symmetric-invertible"))
BARE = frozenset(("full-column-rank", "full-row-rank", "nonzero", "invertible"))


def lagrangian(cost: Expr, terms: Sequence[tuple[Expr, Expr]]) -> Expr:
    """The cost plus the inner product of each multiplier with its gap."""
    return summed([cost, *(inner(multiplier, gap) for multiplier, gap in terms)])


def multipliers_of(constraints: Sequence[Constraint]) -> list[Expr]:
    """A symbol for the multiplier of each constraint; no name that a text could have."""
    return [
        symbol(c.key if c.key.isidentifier() else f"λ[{c.key}]", c.gap.shape) for c in constraints
    ]


def quadratic_problem(problem: Problem) -> Found | None:
    """The pattern; None where the equations are not linear or an inequality stands in the way."""
    unequal = [c for c in problem.constraints if c.relation != "=="]
    if len(unequal) > 1 or any(c.gap.shape for c in unequal):
        return None
    if any(has_kinks(problem.cost, x) for x in problem.unknowns):
        return None
    if any(f - BARE - SYMMETRIC for f in map(problem.facts, problem.unknowns)):
        return None
    equal = [c for c in problem.constraints if c.relation == "=="]
    lambdas = multipliers_of(equal)
    terms = list(zip(lambdas, (c.gap for c in equal), strict=True))
    if unequal:
        return _one_inequality(problem, equal, lambdas, unequal[0])
    answer = stationary(problem, lagrangian(problem.cost, terms), lambdas)
    if answer is None:
        return None
    sure, needs = kind_of(problem, bool(equal))
    return Found(
        {u: answer.values[u] for u in problem.unknowns},
        "linear equations",
        tuple(dict.fromkeys((*answer.needs, *needs))),
        {c.key: answer.values[v] for c, v in zip(equal, lambdas, strict=True)},
        sure,
        lambda: written_out(problem, equal),
        least=least_cost(problem, answer.values, terms),
    )


def least_cost(
    problem: Problem, values: Mapping[Expr, Expr], terms: Sequence[tuple[Expr, Expr]]
) -> Expr:
    """The cost where its gradient and the multipliers cancel: linear in the point.

    With f = f0 + <g, x> + <x, H x>/2 and H x = -g - Σ A'λ, the product <x, H x> is
    -<g, x> - Σ <λ, A x>, and A x is minus the gap at 0.
    """
    parts = [at_zero(problem.cost, problem.unknowns)]
    for u in problem.unknowns:
        rate = at_zero(slope(problem.cost, u), problem.unknowns)
        parts.append(RECORD.multiply(0.5, inner(rate, values[u])))
    for force, gap in terms:
        parts.append(RECORD.multiply(0.5, inner(values[force], at_zero(gap, problem.unknowns))))
    return simple(summed(parts))


def stationary(problem: Problem, value: Expr, lambdas: Sequence[Expr]) -> Answer | None:
    """Where the derivatives of a quadratic are 0; None where the equations are not linear."""
    unknowns = [*problem.unknowns, *lambdas]
    if degree(value, unknowns) > 2:
        return None
    gradients = [slope(value, v) for v in unknowns]
    structured = [u for u in problem.unknowns if problem.facts(u) & SYMMETRIC]
    if structured:
        gradients = [
            _projected(problem, g, u) if u in structured else g
            for g, u in zip(gradients, unknowns, strict=True)
        ]
    found = equations(gradients, unknowns)
    return None if found is None else solved(found)


def _projected(problem: Problem, gradient: Expr, unknown: Expr) -> Expr:
    """The symmetric part of a gradient, with the unknown symmetric in it."""
    declared = problem.declared[unknown]
    known = simple(substituted(gradient, {unknown: declared}))
    part = simple(projected(known, declared, "riesz"))
    return substituted(part, {declared: unknown})


def kind_of(problem: Problem, constrained: bool) -> tuple[str, tuple[Condition, ...]]:
    """What proves the minimum, and what else it needs where nothing does."""
    if len(problem.unknowns) > 1:
        return "", ()
    (x,) = problem.unknowns
    found = quadratic(problem.cost, x)
    assert found is not None
    sign = convex(found.hessian)
    if sign is not None and (sign[0] or constrained):
        what = "positive definite" if sign[0] else "positive semidefinite"
        text = shown(found.hessian.to_expr())
        return f"the Hessian {text} is {what}: the one global minimum", ()
    if sign is not None:
        return (
            "the Hessian is positive semidefinite: the one global minimum where it is regular",
            (),
        )
    if constrained or len(x.shape) > 1:
        return "", ()
    return "", (definite(found.hessian.to_expr()),)


def written_out(problem: Problem, equal: Sequence[Constraint]) -> Lines:
    """The Lagrangian by indices, its derivatives, and the equations that they come to."""
    lambdas = multipliers_of(equal)
    value = lagrangian(problem.cost, list(zip(lambdas, (c.gap for c in equal), strict=True)))
    form = formed(value)
    name = "L" if equal else "f" if problem.sign > 0 else "-f"
    lines = [("write with indices", f"{name} = {text_of(Forms(form).indexed(form.sum))}")]
    unknowns = [*problem.unknowns, *lambdas]
    for u in problem.unknowns:
        own = derived(value, u)
        sign = f"∂{name}/∂{shown_name(str(u.params['name']))}"
        letters = "_" + "ij"[: len(u.shape)] if u.shape else ""
        lines.append((f"product rule, {sign}{letters}", text_of(Forms(own).indexed(own.sum))))
        size = " x ".join(map(str, u.shape)) or "one number"
        lines.append((f"set to zero, all together ({size})", shown(own.to_expr()) + " = 0"))
        lines.append(("what is known to the right", _equation(own.to_expr(), u, unknowns)))
    if len(problem.unknowns) == 1 and len(problem.unknowns[0].shape) == 1:
        (x,) = problem.unknowns
        gradient = derived(value, x).to_expr()
        lines += _put_in(x, gradient, equal) if equal else _regular(x, gradient)
    return tuple({result: (rule, result) for rule, result in reversed(lines)}.values())[::-1]


def _regular(x: Expr, gradient: Expr) -> Lines:
    """Why the matrix of the equations is invertible."""
    matrix = slope(gradient, x)
    proved, needs = needs_of(matrix)
    if not proved:
        return ()
    core = shown(without_number(matrix))
    facts = [f"{v.params['name']} {f}" for v in variables(matrix) for f in v.params["facts"]]
    given = f" [{', '.join(facts)}]" if facts else ""
    ranks = "; ".join(map(str, needs)) or "always"
    why = f"v ≠ 0: v' ({core}) v > 0 where {ranks}{given}, so that {core} is invertible"
    return (("solvable?", why),)


def _put_in(x: Expr, gradient: Expr, equal: Sequence[Constraint]) -> Lines:
    """The unknown by the multipliers, and the constraints with that in place of it."""
    matrix = slope(gradient, x)
    if not needs_of(matrix)[0]:
        return ()
    point = simple(contracted(inverse(matrix), 1, RECORD.negative(at_zero(gradient, [x]))))
    name = shown_name(str(x.params["name"]))
    lines = [(f"solved for {name}", f"{name} = {shown(point)}")]
    for c in equal:
        gap = shown(simple(substituted(c.gap, {x: point})))
        lines.append((f"put into {c.key}", f"{gap} = 0"))
    return tuple(lines)


def _equation(gradient: Expr, u: Expr, unknowns: Sequence[Expr]) -> str:
    """The unknown's terms on the left, what has none of it on the right."""
    right = at_zero(gradient, [u])
    left = simple(RECORD.subtract(gradient, right))
    total = formed(left).sum
    number = abs(total.terms[0].coefficient) if len(total.terms) == 1 else 1
    sides = [simple(RECORD.multiply(s / float(number), e)) for s, e in ((1.0, left), (-1.0, right))]
    return f"{shown(sides[0])} = {shown(sides[1])}"


def _one_inequality(
    problem: Problem, equal: Sequence[Constraint], lambdas: Sequence[Expr], active: Constraint
) -> Found | None:
    """A strictly convex quadratic under one affine inequality: its multiplier is a relu."""
    excess = active.excess
    if any(depends(slope(excess, u), problem.unknowns) for u in problem.unknowns):
        return None
    pressure = symbol(f"μ[{active.key}]")
    terms = [*zip(lambdas, (c.gap for c in equal), strict=True), (pressure, excess)]
    answer = stationary(problem, lagrangian(problem.cost, terms), lambdas)
    if answer is None or not answer.proved:
        return None
    sure, _ = kind_of(problem, bool(equal))
    if not sure:
        return None
    excess_at = substituted(excess, {u: answer.values[u] for u in problem.unknowns})
    rate = simple(RECORD.negative(slope(excess_at, pressure)))
    if depends(rate, [pressure]):
        return None
    force = over(RECORD.relu(at_zero(excess_at, [pressure])), rate)
    values = {u: simple(substituted(x, {pressure: force})) for u, x in answer.values.items()}
    return Found(
        {u: values[u] for u in problem.unknowns},
        "linear equations, the inequality active or not",
        (*answer.needs, Condition("nonzero", without_number(rate))),
        {
            **{c.key: values[v] for c, v in zip(equal, lambdas, strict=True)},
            active.key: simple(force),
        },
        sure,
        lambda: written_out(problem, equal),
        least=least_cost(problem, {**values, pressure: force}, terms),
    )
