"""A matrix with orthonormal columns, X'X = I: polar factors (Procrustes) and top eigenvectors.

Where the quadratic part of the cost is the same on all such X, the best one is the polar factor of
-C, C the linear part: -C inv(sqrtm(C'C)). Golub and Van Loan, Matrix Computations, 6.4.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from derivant.carriers.expr import Expr
from derivant.notation.vocabulary import FUNCTIONS
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Form, Term, lowered
from derivant.stationary.algebra import (
    constant,
    depends,
    formed,
    inverse,
    is_zero,
    opened,
    over,
    payload_of,
    shown,
    simple,
    slope,
    substituted,
    turned,
)
from derivant.stationary.conditions import Condition, sign_of
from derivant.stationary.degrees import degree
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks, quadratic, same, scale_of
from derivant.stationary.problem import Problem
from derivant.stationary.spheres import oriented
from derivant.stationary.systems import core_of, pair_of, spread

MOST_DEGREE = 4


def frame_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1:
        return None
    (x,) = problem.unknowns
    if len(x.shape) != 2:
        return None
    frame = _orthonormal(problem, x)
    if frame is None or has_kinks(problem.cost, x) or degree(problem.cost, [x]) > MOST_DEGREE:
        return None
    plain = problem.cost if frame.metric is not None else _on_frame(problem.cost, x)
    cost = quadratic(plain, x)
    if cost is None:
        return None
    if is_zero(cost.slope):
        return _eigenvectors(x, cost.hessian, frame)
    if frame.metric is None and _same_everywhere(cost.hessian, x):
        return _polar(problem, x, cost.slope, frame.key)
    return None


@dataclass(frozen=True, slots=True)
class Frame:
    """X'K X = I: the key of the constraint; K, None for the identity."""

    key: str
    metric: Expr | None = None


def _orthonormal(problem: Problem, x: Expr) -> Frame | None:
    """The constraint X'K X = I, None where there is none."""
    if len(problem.constraints) != 1 or problem.constraints[0].relation != "==":
        return None
    (constraint,) = problem.constraints
    gap = constraint.gap
    if gap.shape != x.shape[1:] * 2 or degree(gap, [x]) != 2:
        return None
    total = quadratic(RECORD.trace(gap, offset=0), x)
    pair = pair_of(total.hessian.sum, 0) if total and len(total.hessian.sum.terms) == 1 else None
    if pair is None or not _is_unit(pair[1]):
        return None
    unit = RECORD.diag_embed(constant(1.0, x.shape[1:]), offset=0)
    for sign in (0.5, -0.5):
        core = simple(RECORD.multiply(sign, pair[0]))
        square = RECORD.matmul(RECORD.matmul(turned(x), core), x)
        if same(RECORD.multiply(2 * sign, gap), RECORD.subtract(square, unit)):
            metric = None if same(core, _unit(x)) else core
            positive = metric is None or sign_of(metric)
            return Frame(constraint.key, metric) if positive else None
    return None


def _unit(x: Expr) -> Expr:
    found: Expr = RECORD.diag_embed(constant(1.0, x.shape[:1]), offset=0)
    return found


def _on_frame(cost: Expr, x: Expr) -> Expr:
    """The cost with X'X = I wherever the two meet in it."""
    form = formed(cost)
    total = opened(form, lambda a: a.payload is not x and depends(payload_of(a), [x]))
    if total is None:
        return cost
    return simple(lowered(replace(total, terms=tuple(_met(t, x) for t in total.terms))))


def _met(term: Term, x: Expr) -> Term:
    """A term without any pair X[c, i] X[c, j] summed over c, which is δ[i, j]."""
    for c in [c for c, _ in term.bound]:
        users = [a for a in term.atoms if c in a.index]
        if any(a.payload is not x or a.index[0] != c or a.index[1] == c for a in users):
            continue
        rest = tuple(a for a in term.atoms if c not in a.index)
        bound = tuple((d, s) for d, s in term.bound if d != c)
        if len(users) == 2 and all(a.power == 1 for a in users):
            unit = Atom(None, (users[0].index[1], users[1].index[1]))
            term = Term(term.coefficient, (*rest, unit), bound)
        elif len(users) == 1 and users[0].power == 2:
            term = Term(term.coefficient, rest, bound)
    return term


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
    return scale_of(formed(matrix).sum) is not None


def _polar(problem: Problem, x: Expr, linear: Expr, key: str) -> Found:
    terms = formed(linear).sum.terms
    if len(terms) == 1:  # a positive number does not turn the polar factor
        linear = simple(over(linear, constant(float(abs(terms[0].coefficient)))))
    gram = RECORD.matmul(turned(linear), linear)
    root = FUNCTIONS["sqrtm"].lower(simple(gram))
    answer = simple(RECORD.negative(RECORD.matmul(linear, RECORD.inv(root))))
    at = substituted(slope(problem.cost, x), {x: answer})
    force = simple(RECORD.divide(RECORD.negative(RECORD.matmul(turned(answer), at)), 2.0))
    return Found(
        {x: answer},
        "a polar factor",
        (Condition("column", linear),),
        {key: force},
        lines=lambda: (("∂L/∂X = 0", f"{shown(linear)} + X (Λ + Λ') = 0: X is a polar factor"),),
    )


def _eigenvectors(x: Expr, hessian: Form, frame: Frame) -> Found | None:
    """tr(X'A X): the eigenvectors of the largest eigenvalues of A, or of -A."""
    if x.shape[0] == x.shape[1]:
        return None
    core = core_of(spread(hessian), 1, 3)
    if core is None:
        return None
    _, core, place = oriented(core)
    core = core if place == -1 else simple(RECORD.negative(core))
    name = "eigvecs"
    if frame.metric is None:
        answer = FUNCTIONS[name].lower(core, x.shape[1:])
    else:
        factor = FUNCTIONS["sqrtm"].lower(simple(inverse(frame.metric)))
        whitened = RECORD.matmul(RECORD.matmul(factor, core), factor)
        answer = RECORD.matmul(factor, FUNCTIONS[name].lower(whitened, x.shape[1:]))
    metric = "" if frame.metric is None else f"{shown(frame.metric)} "
    return Found(
        {x: answer},
        "eigenvectors",
        (Condition("tall", constant(1.0, x.shape)),),
        unique="rotation",
        lines=lambda: (("∂L/∂X = 0", f"{shown(core)} X = {metric}X (Λ + Λ')"),),
    )
