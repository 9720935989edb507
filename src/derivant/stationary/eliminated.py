"""An equation solved for one number among the unknowns, and put into the rest.

What is left has one unknown and one constraint fewer; its optimum gives the number back. The
multiplier is what is left of the slope of the cost by that number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.notation import shown_name
from derivant.primitives import RECORD
from derivant.stationary.algebra import depends, over, shown, simple, slope, substituted, summed
from derivant.stationary.found import Found
from derivant.stationary.isolating import isolated
from derivant.stationary.problem import Constraint, Problem

MOST_TRIED = 4


def eliminated_problem(problem: Problem, solved: Callable[[Problem], Found]) -> Found | None:
    """The optimum of the problem with one unknown fewer; None where no equation gives one."""
    if len(problem.unknowns) < 2 or any(c.relation != "==" for c in problem.constraints):
        return None
    failed: DerivantError | None = None
    for count, (constraint, y, value) in enumerate(_ways(problem)):
        if count == MOST_TRIED:
            break
        try:
            return _put_in(problem, constraint, y, value, solved)
        except DerivantError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return None


def _ways(problem: Problem) -> Iterator[tuple[Constraint, Expr, Expr]]:
    """Each constraint with a number that it holds, the last unknown first, and its value."""
    for constraint in problem.constraints:
        for y in reversed(problem.unknowns):
            if y.shape or constraint.gap.shape or not depends(constraint.gap, [y]):
                continue
            for value in isolated(constraint.gap, y):
                yield constraint, y, value


def _put_in(
    problem: Problem,
    constraint: Constraint,
    y: Expr,
    value: Expr,
    solved: Callable[[Problem], Found],
) -> Found:
    rest = tuple(c for c in problem.constraints if c is not constraint)
    held = tuple(u for u in problem.unknowns if u is not y)
    known = problem.with_facts(y)
    plain = {problem.declared[u]: u for u in problem.unknowns}
    value = substituted(simple(problem.with_facts(value)), plain)
    other = replace(
        problem,
        cost=substituted(problem.cost, {y: value}),
        objective=substituted(problem.objective, {y: value}),
        unknowns=held,
        declared={u: problem.declared[u] for u in held},
        constraints=tuple(replace(c, gap=substituted(c.gap, {y: value})) for c in rest),
    )
    found = solved(other)
    values = {u: found.values[u] for u in held}
    values[y] = simple(substituted(value, dict(values)))
    return replace(
        found,
        values={u: values[u] for u in problem.unknowns},
        pattern=f"an equation put in, {found.pattern}",
        multipliers=_forces(problem, constraint, y, values, found),
        sure="",
        least=None,
        lines=lambda: (
            (
                f"{constraint.key} solved for {shown_name(str(y.params['name']))}",
                f"{shown_name(str(known.params['name']))} = {shown(value)}",
            ),
            *found.lines(),
        ),
    )


def _forces(
    problem: Problem, constraint: Constraint, y: Expr, values: dict[Expr, Expr], found: Found
) -> dict[str, Expr]:
    """The multipliers; none where those of the other constraints are not all known."""
    others = [c for c in problem.constraints if c is not constraint]
    if any(c.key not in found.multipliers for c in others):
        return {}
    pushed = [slope(problem.cost, y)]
    for c in others:
        if not c.gap.shape and depends(c.gap, [y]):
            pushed.append(RECORD.multiply(found.multipliers[c.key], slope(c.gap, y)))
        elif depends(c.gap, [y]):
            return {}
    force = RECORD.negative(over(summed(pushed), slope(constraint.gap, y)))
    return {**found.multipliers, constraint.key: simple(substituted(force, dict(values)))}
