"""Several unknowns one after the other: each solved with the others held, and put into the rest.

The least over all unknowns is the least over the last of them of what is least over the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.stationary.algebra import depends, simple, substituted
from derivant.stationary.found import Found
from derivant.stationary.problem import Problem

MOST_UNKNOWNS = 3
Pattern = Callable[[Problem], Found | None]


def one_by_one(problem: Problem, patterns: Sequence[Pattern]) -> Found | None:
    """The pattern; None where the problem has one unknown or no order works."""
    if not 1 < len(problem.unknowns) <= MOST_UNKNOWNS:
        return None
    for order in permutations(problem.unknowns):
        found = _in_order(problem, order, patterns)
        if found is not None:
            return found
    return None


def _in_order(problem: Problem, order: Sequence[Expr], patterns: Sequence[Pattern]) -> Found | None:
    cost, held = problem.cost, list(order)
    solved: list[tuple[Expr, Found]] = []
    left = list(problem.constraints)
    for x in order:
        held.remove(x)
        own = [c for c in left if depends(c.gap, [x])]
        if any(depends(c.gap, held) for c in own):
            return None
        left = [c for c in left if c not in own]
        part = replace(
            problem,
            cost=_known(problem, cost, held),
            objective=cost,
            unknowns=(x,),
            declared={x: problem.declared[x]},
            constraints=tuple(own),
        )
        found = _first(part, patterns)
        if found is None:
            return None
        back = {problem.declared[u]: u for u in held if problem.declared[u] is not u}
        value = substituted(found.values[x], dict(back))
        needs = tuple(replace(n, of=substituted(n.of, dict(back))) for n in found.needs)
        forces = {k: substituted(v, dict(back)) for k, v in found.multipliers.items()}
        kept = replace(found, values={x: value}, needs=needs, multipliers=forces)
        solved.append((x, kept))
        least = None if found.least is None else substituted(found.least, dict(back))
        cost = simple(substituted(cost, {x: value}) if least is None else least)
    return _together(problem, solved, cost)


def _together(problem: Problem, solved: Sequence[tuple[Expr, Found]], cost: Expr) -> Found:
    """All unknowns, the last ones put into those before them."""
    values: dict[Expr, Expr] = {}
    for x, found in reversed(solved):
        values[x] = simple(substituted(found.values[x], dict(values)))
    needs = tuple(
        replace(n, of=simple(substituted(n.of, dict(values)))) for _, f in solved for n in f.needs
    )
    forces = {
        k: simple(substituted(v, dict(values))) for _, f in solved for k, v in f.multipliers.items()
    }
    kinks = any("kink" in f.pattern for _, f in solved)
    pattern = "one unknown after the other" + (", with kinks" if kinks else "")
    return Found(
        {u: values[u] for u in problem.unknowns}, pattern, needs, forces, "",
        lambda: tuple(line for _, f in solved for line in f.lines()),
        next((f.unique for _, f in solved if f.unique), ""), least=cost,
    )  # fmt: skip


def _known(problem: Problem, cost: Expr, held: Sequence[Expr]) -> Expr:
    """The cost with the facts of the unknowns that are held."""
    changes = {u: problem.declared[u] for u in held if problem.declared[u] is not u}
    return substituted(cost, changes) if changes else cost


def _first(problem: Problem, patterns: Sequence[Pattern]) -> Found | None:
    for pattern in patterns:
        try:
            found = pattern(problem)
        except DerivantError:
            continue
        if found is not None:
            return found
    return None
