"""One quadratic constraint: eigenvectors, linear functions on an ellipsoid, projections on a ball.

With y = x - center the constraint is y'K y <= 2 ρ (or =), and the cost y'A y/2 + b'y. Either A is
a multiple of K, then y is parallel to inv(K) b; or b = 0, then y is an eigenvector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, symbol
from derivant.notation.vocabulary import FUNCTIONS
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Form, Term, as_number, lowered
from derivant.stationary.algebra import (
    constant,
    contracted,
    depends,
    formed,
    inner,
    inverse,
    is_zero,
    over,
    shown,
    simple,
    slope,
    split_scalars,
    substituted,
)
from derivant.stationary.conditions import Condition, definite, sign_of
from derivant.stationary.found import Found
from derivant.stationary.hessians import kinked, quadratic, same, scale_of
from derivant.stationary.problem import Problem


@dataclass(frozen=True, slots=True)
class Metric:
    """A positive Hessian K: a number times the identity, or times a matrix."""

    scale: Expr
    matrix: Expr | None  # None for the identity
    needs: tuple[Condition, ...] = ()

    def inverted(self, b: Expr) -> Expr:
        """The inverse of the matrix, without the number, times b."""
        return b if self.matrix is None else contracted(inverse(self.matrix), 1, b)


def metric_of(hessian: Form) -> Metric | None:
    """The metric of a Hessian that is seen to be positive definite; None for any other."""
    scale = scale_of(hessian.sum)
    if scale is not None:
        sign = sign_of(scale)
        return Metric(scale, None) if sign is not None and sign.strict else None
    if hessian.sum.rank != 2:
        return None
    matrix = hessian.to_expr()
    sign = sign_of(matrix)
    if sign is None or not sign.strict:
        return None
    if len(hessian.sum.terms) == 1:
        number, rest = split_scalars(hessian.sum, hessian.sum.terms[0])
        return Metric(number, lowered(rest), sign.needs)
    return Metric(constant(1.0), matrix, sign.needs)


@dataclass(frozen=True, slots=True)
class Ball:
    """The constraint y'K0 y <= reach^2 (or =) with y = x - center and K = scale K0."""

    metric: Metric
    center: Expr | None
    reach: Expr
    rate: Expr  # of the multiplier: that of the constraint as it stands by that of its square
    needs: tuple[Condition, ...]


def on_a_ball(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.constraints) != 1 or len(problem.unknowns) != 1:
        return None
    (constraint,), (x,) = problem.constraints, problem.unknowns
    if constraint.gap.shape or not x.shape or problem.facts(x):
        return None
    ball = _ball(constraint.excess, x)
    if ball is None:
        return None
    cost = quadratic(problem.cost, x)
    if cost is None:
        squared = _squared_cost(problem, x)
        found = None if squared is None else on_a_ball(squared)
        return None if found is None else replace(found, multipliers={})
    open_inside = constraint.relation != "=="
    b = cost.slope
    hessian = cost.hessian.to_expr()
    if ball.center is not None:
        if len(x.shape) > 1 and scale_of(cost.hessian.sum) is None:
            return None
        own = scale_of(cost.hessian.sum)
        moved = RECORD.matmul(hessian, ball.center) if own is None else own * ball.center
        b = simple(b + moved)
    times = _multiple(cost.hessian, ball.metric)
    if times is not None and not is_zero(b):
        return _parallel(problem, x, ball, b, times, open_inside)
    if is_zero(b) and len(x.shape) == 1 and (not open_inside or _falls_outwards(hessian)):
        return _eigenvector(problem, x, ball, hessian)
    return None


def _falls_outwards(hessian: Expr) -> bool:
    """Whether y'A y is nowhere positive, so that it is least on the edge of a ball."""
    return sign_of(simple(RECORD.negative(hessian))) is not None


def _ball(excess: Expr, x: Expr) -> Ball | None:
    """The constraint as a ball; a norm on the left is squared."""
    rate = constant(1.0)
    for node in kinked(excess, x):
        if node.primitive.name == "vector_norm" and quadratic(excess, x) is None:
            squared = _squared(excess, node)
            if squared is None:
                return None
            excess, rate = squared
    found = quadratic(excess, x)
    if found is None or not found.hessian.sum.terms:
        return None
    metric = metric_of(found.hessian)
    if metric is None:
        return None
    center = None
    radius = simple(RECORD.negative(found.rest))
    if not is_zero(found.slope):
        center = simple(over(RECORD.negative(metric.inverted(found.slope)), metric.scale))
        radius = simple(RECORD.negative(substituted(excess, {x: center})))
    positive = sign_of(radius)
    needs = () if positive is not None and positive.strict else (definite(radius),)
    square = simple(over(RECORD.multiply(2.0, radius), metric.scale))
    return Ball(metric, center, root(square), rate, (*metric.needs, *needs))


def root(square: Expr) -> Expr:
    """The square root of a positive number, taken where it is seen."""
    total = formed(square).sum
    if all(t.coefficient < 0 and not t.atoms for t in total.terms):
        raise DerivantError("the constraint holds nowhere, or at one point only")
    if len(total.terms) == 1 and not total.terms[0].bound and total.terms[0].coefficient > 0:
        (term,) = total.terms
        number = Fraction(
            math.isqrt(term.coefficient.numerator), math.isqrt(term.coefficient.denominator)
        )
        halves = tuple(replace(a, power=a.power / 2) for a in term.atoms)
        whole = all(a.power.denominator == 1 and _is_positive(a) for a in halves)
        if number * number == term.coefficient and whole:
            return lowered(replace(total, terms=(Term(number, halves, ()),)))
    found: Expr = RECORD.sqrt(square)
    return found


def _is_positive(atom: Atom) -> bool:
    sign = None if atom.payload is None else sign_of(atom.payload)
    return sign is not None and sign.strict and not sign.needs


def _squared_cost(problem: Problem, x: Expr) -> Problem | None:
    """The problem with the square of a norm or a root that its cost is a multiple of."""
    for node in ancestors([problem.cost]):
        square = None if node.shape else _square_of(node)
        if square is None or not depends(node, [x]):
            continue
        t = symbol("norm", ())
        line = substituted(problem.cost, {node: t})
        if depends(line, [x]):
            continue
        rise = slope(line, t)
        return None if depends(rise, [t]) else replace(problem, cost=rise * simple(square))
    return None


def _square_of(node: Expr) -> Expr | None:
    """The square of a root or of a Euclidean norm, None of anything else."""
    name, params = node.primitive.name, node.params
    if name == "sqrt" or (name == "power" and params.get("exponent") == 0.5):
        return node.inputs[0]
    if name == "vector_norm" and params.get("ord") == 2.0:
        return inner(node.inputs[0], node.inputs[0])
    return None


def _squared(excess: Expr, norm: Expr) -> tuple[Expr, Expr] | None:
    """c norm + d <= 0 as norm^2 - (d/c)^2 <= 0, and the slope of the square by the norm."""
    t = symbol("norm", ())
    line = substituted(excess, {norm: t})
    rise = slope(line, t)
    if depends(rise, [t]) or norm.params.get("ord") != 2.0:
        return None
    sign = sign_of(rise)
    if sign is None or not sign.strict:
        return None
    length = simple(over(RECORD.negative(substituted(line, {t: constant(0.0)})), rise))
    gap: Expr = RECORD.subtract(
        inner(norm.inputs[0], norm.inputs[0]), RECORD.multiply(length, length)
    )
    return gap, simple(over(rise, RECORD.multiply(2.0, length)))


def _multiple(hessian: Form, metric: Metric) -> Expr | None:
    """The number t with A = t K, None where there is none."""
    if not hessian.sum.terms:
        return constant(0.0)
    if metric.matrix is None:
        own = scale_of(hessian.sum)
        return None if own is None else simple(over(own, metric.scale))
    if len(hessian.sum.terms) != 1:
        return None
    number, rest = split_scalars(hessian.sum, hessian.sum.terms[0])
    return simple(over(number, metric.scale)) if same(lowered(rest), metric.matrix) else None


def _parallel(
    problem: Problem, x: Expr, ball: Ball, b: Expr, times: Expr, open_inside: bool
) -> Found | None:
    """(t + λ) K y = -b, so y is parallel to inv(K0) b, and its length is known."""
    way = simple(ball.metric.inverted(b))
    size = _length(ball.metric, b, way)  # sqrt(b' inv(K0) b)
    force = RECORD.subtract(over(size, RECORD.multiply(ball.metric.scale, ball.reach)), times)
    strength = over(ball.reach, size)
    if open_inside and not is_zero(times):
        sign = sign_of(times)
        if sign is None or not sign.strict:
            return None
        force = RECORD.relu(force)
        free = over(constant(1.0), simple(RECORD.multiply(times, ball.metric.scale)))
        strength = RECORD.minimum(simple(free), strength)
    y = RECORD.negative(RECORD.multiply(strength, way))
    value = simple(y if ball.center is None else RECORD.add(ball.center, y))
    (constraint,) = problem.constraints
    return Found(
        {x: value},
        "a direction on an ellipsoid",
        (*ball.needs, Condition("nonzero", b)),
        {constraint.key: simple(over(force, ball.rate))},
        least=_linear_least(problem.cost, x, ball, size) if is_zero(times) else None,
        lines=lambda: (
            (f"∂L/∂{x.params['name']} = 0", f"the point is parallel to {shown(way)}"),
            ("the constraint", "fixes its length"),
        ),
    )


def _linear_least(cost: Expr, x: Expr, ball: Ball, size: Expr) -> Expr:
    """A linear cost at its least: what it is at the center, less the reach times the slope."""
    middle = constant(0.0, x.shape) if ball.center is None else ball.center
    at_middle = simple(substituted(cost, {x: middle}))
    return simple(RECORD.subtract(at_middle, RECORD.multiply(ball.reach, size)))


def _length(metric: Metric, b: Expr, way: Expr) -> Expr:
    if metric.matrix is None:
        axes = tuple(range(-len(b.shape), 0))
        total = formed(b).sum
        size = abs(total.terms[0].coefficient) if len(total.terms) == 1 else Fraction(1)
        sign = -1 if all(t.coefficient < 0 for t in total.terms) else 1
        core = lowered(replace(total, terms=tuple(t.scaled(sign / size) for t in total.terms)))
        norm: Expr = RECORD.vector_norm(core, axis=axes, ord=2.0, keepdims=False)
        return norm if size == 1 else RECORD.multiply(as_number(size), norm)
    found: Expr = RECORD.sqrt(simple(inner(b, way)))
    return found


def _eigenvector(problem: Problem, x: Expr, ball: Ball, hessian: Expr) -> Found:
    """A y + λ K y = 0: the eigenvector of the least eigenvalue."""
    vector, value = least_eigenvector(hessian, ball.metric)
    y = simple(RECORD.multiply(ball.reach, vector))
    point = y if ball.center is None else simple(RECORD.add(ball.center, y))
    (constraint,) = problem.constraints
    least = over(RECORD.negative(value), RECORD.multiply(ball.metric.scale, ball.rate))
    return Found(
        {x: point},
        "an eigenvector",
        ball.needs,
        {constraint.key: simple(least)},
        unique="sign",
        lines=lambda: (
            (f"∂L/∂{x.params['name']} = 0", f"{shown(hessian)} {x.params['name']} = -λ K x"),
        ),
    )


def least_eigenvector(hessian: Expr, metric: Metric) -> tuple[Expr, Expr]:
    """y with y'K0 y = 1 that makes y'A y least, and that least value."""
    number, core, place = oriented(hessian)
    if metric.matrix is None:
        vector = FUNCTIONS["eigv"].lower(core, place)
        least = FUNCTIONS["lam"].lower(core, place)
    else:
        factor = FUNCTIONS["sqrtm"].lower(simple(inverse(metric.matrix)))
        whitened = RECORD.matmul(RECORD.matmul(factor, core), factor)
        vector = RECORD.matmul(factor, FUNCTIONS["eigv"].lower(whitened, place))
        least = FUNCTIONS["lam"].lower(whitened, place)
    return vector, simple(RECORD.multiply(number, least))


def oriented(hessian: Expr) -> tuple[Expr, Expr, int]:
    """A matrix as a number times a core, and the place of the core's eigenvalue wanted."""
    total = formed(hessian).sum
    if len(total.terms) == 1:
        number, rest = split_scalars(total, total.terms[0])
        sign = sign_of(number)
        if sign is not None and sign.strict:
            return number, lowered(rest), 0
        sign = sign_of(RECORD.negative(number))
        if sign is not None and sign.strict:
            return number, lowered(rest), -1
    return constant(1.0), hessian, 0
