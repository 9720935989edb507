"""Least squares with more unknowns than equations: of all that solve them, the point of least norm.

Where the residual can be 0 the problem |r(x)|^2 has many least points; the one of least norm is
A'inv(A A') b, the pseudoinverse's. Golub and Van Loan, Matrix Computations, 5.5 and 5.6.
"""

from __future__ import annotations

from dataclasses import replace

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.stationary.algebra import depends, inner
from derivant.stationary.degrees import degree
from derivant.stationary.hessians import same
from derivant.stationary.problem import Constraint, Problem


def of_least_norm(problem: Problem) -> Problem:
    """The problem of the least norm among the points where the residual is 0.

    Raises DerivantError where the cost is no squared norm of something linear in one unknown.
    """
    residual = _residual(problem)
    if residual is None:
        raise DerivantError(
            "least_norm is for one unknown without constraints whose objective is a squared norm "
            "of something linear in it, as in norm2(A*x - b)^2"
        )
    (x,) = problem.unknowns
    equation = Constraint("residual", residual, "==")
    return replace(problem, cost=inner(x, x), objective=inner(x, x), constraints=(equation,))


def _residual(problem: Problem) -> Expr | None:
    if len(problem.unknowns) != 1 or problem.constraints or problem.sign < 0:
        return None
    (x,) = problem.unknowns
    nodes: list[Expr] = ancestors([problem.cost])
    for node in nodes:
        linear = node.shape and depends(node, [x]) and degree(node, [x]) == 1
        if linear and same(problem.cost, inner(node, node)):
            return node
    return None
