"""An unknown that is a diagonal matrix: its diagonal is the unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from derivant.carriers.expr import Expr, symbol
from derivant.primitives import RECORD
from derivant.stationary.algebra import simple, substituted
from derivant.stationary.found import Found
from derivant.stationary.problem import Problem


def diagonal_problem(problem: Problem, solved: Callable[[Problem], Found]) -> Found | None:
    """The problem in the diagonals, solved, and put back; None where no unknown is diagonal."""
    changes: dict[Expr, Expr] = {}
    for u in problem.unknowns:
        if "diagonal" in problem.facts(u) and len(u.shape) == 2:
            changes[u] = symbol(f"{u.params['name']}_diagonal", u.shape[:1])
    if not changes:
        return None
    whole = {u: RECORD.diag_embed(d, offset=0) for u, d in changes.items()}
    unknowns = tuple(changes.get(u, u) for u in problem.unknowns)
    other = replace(
        problem,
        cost=substituted(problem.cost, dict(whole)),
        objective=substituted(problem.objective, dict(whole)),
        unknowns=unknowns,
        declared={v: problem.declared.get(v, v) for v in unknowns},
        constraints=tuple(
            replace(c, gap=substituted(c.gap, dict(whole))) for c in problem.constraints
        ),
    )
    found = solved(other)
    own = {id(u) for u in changes}
    values = {
        u: _whole(found, changes[u]) if id(u) in own else found.values[u] for u in problem.unknowns
    }
    return replace(found, values=values)


def _whole(found: Found, diagonal: Expr) -> Expr:
    return simple(RECORD.diag_embed(found.values[diagonal], offset=0))
