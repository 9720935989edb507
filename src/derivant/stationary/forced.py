"""Unknowns that their own equations give by the multiplier: it is fixed by the constraint.

With L = f + λ g and ∂L/∂u free of the other unknowns, each u is a function of λ alone, and
g(u(λ)) = 0 is one equation in one number. An array that is a direction times a number that λ makes
takes that number in place of λ.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr, symbol
from derivant.notation import shown_name
from derivant.primitives import RECORD
from derivant.stationary.algebra import depends, inner, over, shown, simple, slope, substituted
from derivant.stationary.entrywise import falls_apart, shape_of
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks
from derivant.stationary.isolating import isolated
from derivant.stationary.problem import Problem
from derivant.stationary.quadratics import lagrangian, multipliers_of
from derivant.stationary.verifying import verified

MOST_TRIED = 8


def forced_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.constraints) != 1 or any(has_kinks(problem.cost, u) for u in problem.unknowns):
        return None
    (constraint,) = problem.constraints
    if constraint.gap.shape or constraint.relation != "==":
        return None
    (force,) = multipliers_of([constraint])
    value = lagrangian(problem.cost, [(force, constraint.gap)])
    found: list[list[Expr]] = []
    for u in problem.unknowns:
        gradient = slope(value, u)
        others = [v for v in problem.unknowns if v is not u]
        if depends(gradient, others) or not depends(gradient, [u]):
            return None
        if u.shape and not falls_apart(value, gradient, u):
            return None
        found.append(isolated(gradient, u))
    failed: DerivantError | None = None
    for values in islice(_fixed(problem, force, found), MOST_TRIED):
        answer = _answer(problem, values)
        try:
            verified(problem, answer)
        except DerivantError as error:
            failed = error
            continue
        return answer
    if failed is not None:
        raise failed
    return None


def _fixed(problem: Problem, force: Expr, found: list[list[Expr]]) -> Iterator[dict[Expr, Expr]]:
    """The unknowns where the constraint has fixed the multiplier."""
    (constraint,) = problem.constraints
    for choice in product(*found):
        by_force = dict(zip(problem.unknowns, choice, strict=True))
        free = force
        if len(choice) == 1 and choice[0].shape:
            shape = shape_of(choice[0], force)
            if shape is None or depends(shape, [force]):
                continue
            free = symbol("t", ())
            by_force = {problem.unknowns[0]: RECORD.multiply(free, shape)}
        gap = simple(substituted(constraint.gap, dict(by_force)))
        for number in isolated(gap, free):
            yield {u: simple(substituted(x, {free: number})) for u, x in by_force.items()}


def _answer(problem: Problem, values: dict[Expr, Expr]) -> Found:
    (constraint,) = problem.constraints
    u = next(u for u in problem.unknowns if depends(constraint.gap, [u]))
    pull, push = slope(problem.cost, u), slope(constraint.gap, u)
    size = over(inner(pull, push), inner(push, push)) if u.shape else over(pull, push)
    force = simple(substituted(RECORD.negative(size), dict(values)))
    names = ", ".join(shown_name(str(v.params["name"])) for v in problem.unknowns)
    return Found(
        values,
        "the unknowns by the multiplier, then the constraint",
        (),
        {constraint.key: force},
        lines=lambda: (
            ("∂L = 0", f"{names} by the multiplier λ of {constraint.key}"),
            ("the constraint fixes the multiplier", f"λ = {shown(force)}"),
        ),
    )
