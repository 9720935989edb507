"""A matrix with orthonormal columns, X'X = I: polar factors (Procrustes) and top eigenvectors.

Where the quadratic part of the cost is the same on all such X, the best one is the polar factor of
-C, C the linear part: -C inv(sqrtm(C'C)). Golub and Van Loan, Matrix Computations, 6.4.1.
"""

from __future__ import annotations

from derivant.carriers.expr import Expr
from derivant.notation.vocabulary import FUNCTIONS
from derivant.primitives import RECORD
from derivant.rewriting import Form, form_of
from derivant.stationary.algebra import constant, is_zero, shown, simple, slope, substituted, turned
from derivant.stationary.conditions import Condition, sign_of
from derivant.stationary.found import Found
from derivant.stationary.hessians import quadratic, same, scale_of
from derivant.stationary.problem import Problem
from derivant.stationary.spheres import oriented
from derivant.stationary.systems import pair_of, spread


def frame_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1:
        return None
    (x,) = problem.unknowns
    if len(x.shape) != 2:
        return None
    key = _orthonormal(problem, x)
    if key is None:
        return None
    cost = quadratic(problem.cost, x)
    if cost is None:
        return None
    if _same_everywhere(cost.hessian, x) and not is_zero(cost.slope):
        return _polar(problem, x, cost.slope, key)
    if is_zero(cost.slope):
        return _eigenvectors(x, cost.hessian)
    return None


def _orthonormal(problem: Problem, x: Expr) -> str | None:
    """The key of the constraint X'X = I, or "" where it is a fact; None where it is neither."""
    if not problem.constraints and "orthonormal" in problem.facts(x):
        return ""
    if len(problem.constraints) != 1 or problem.constraints[0].relation != "==":
        return None
    unit = RECORD.diag_embed(constant(1.0, x.shape[1:]), offset=0)
    wanted = RECORD.subtract(RECORD.matmul(turned(x), x), unit)
    gap = problem.constraints[0].gap
    if gap.shape != wanted.shape:
        return None
    fits = same(gap, wanted) or same(gap, RECORD.negative(wanted))
    return problem.constraints[0].key if fits else None


def _same_everywhere(hessian: Form, x: Expr) -> bool:
    """Whether X'HX is constant where X'X = I: tr(X N X'), or tr(X'M X) with X square."""
    square = x.shape[0] == x.shape[1]
    total = spread(hessian)
    for place in range(len(total.terms)):
        pair = pair_of(total, place)
        if pair is None:
            return False
        left, right = pair
        if not _is_unit(left) and not (square and _is_unit(right)):
            return False
    return True


def _is_unit(matrix: Expr) -> bool:
    """Whether a matrix is a number times the identity."""
    return scale_of(form_of(matrix).sum) is not None


def _polar(problem: Problem, x: Expr, linear: Expr, key: str) -> Found:
    gram = RECORD.matmul(turned(linear), linear)
    root = FUNCTIONS["sqrtm"].lower(simple(gram))
    answer = simple(RECORD.negative(RECORD.matmul(linear, RECORD.inv(root))))
    at = substituted(slope(problem.cost, x), {x: answer})
    force = simple(RECORD.divide(RECORD.negative(RECORD.matmul(turned(answer), at)), 2.0))
    return Found(
        {x: answer},
        "a polar factor",
        (Condition("column", linear),),
        {key: force} if key else {},
        lines=lambda: (("∂L/∂X = 0", f"{shown(linear)} + X (Λ + Λ') = 0: X is a polar factor"),),
    )


def _eigenvectors(x: Expr, hessian: Form) -> Found | None:
    """tr(X'A X): the eigenvectors of the largest eigenvalues of A, or of -A."""
    if len(hessian.sum.terms) != 1 or x.shape[0] == x.shape[1]:
        return None
    pair = pair_of(hessian.sum, 0)
    if pair is None or not _is_unit(pair[1]):
        return None
    _, core, place = oriented(pair[0])
    if sign_of(pair[1]) is None:
        return None
    core = core if place == -1 else simple(RECORD.negative(core))
    answer = FUNCTIONS["eigvecs"].lower(core, x.shape[1:])
    return Found(
        {x: answer},
        "eigenvectors",
        (Condition("tall", constant(1.0, x.shape)),),
        unique="rotation",
        lines=lambda: (("∂L/∂X = 0", f"{shown(core)} X = X (Λ + Λ')"),),
    )
