"""One quadratic constraint: eigenvectors, linear functions on an ellipsoid, projections on a ball.

With y = x - center the constraint is y'K y <= 2 ρ (or =), and the cost y'A y/2 + b'y. Either A is
a multiple of K, then y is parallel to inv(K) b; or b = 0, then y is an eigenvector.
"""

from __future__ import annotations

from dataclasses import dataclass

from derivant.carriers.expr import Expr, symbol
from derivant.notation.vocabulary import FUNCTIONS
from derivant.primitives import RECORD
from derivant.rewriting import Sum, form_of, lowered
from derivant.stationary.algebra import (
    constant,
    contracted,
    depends,
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
    """A positive Hessian: a number times the identity, or a matrix."""

    scale: Expr | None
    matrix: Expr | None

    def inverted(self, b: Expr) -> Expr:
        """inv(K) b."""
        if self.scale is not None:
            return over(b, self.scale)
        assert self.matrix is not None
        return contracted(inverse(self.matrix), 1, b)


@dataclass(frozen=True, slots=True)
class Ball:
    """The constraint y'K y <= 2 radius (or =) with y = x - center; `rate` scales its multiplier."""

    metric: Metric
    center: Expr | None
    radius: Expr  # ρ
    rate: Expr
    needs: tuple[Condition, ...]


def inner(a: Expr, b: Expr) -> Expr:
    """The sum of all products of entries of the same place."""
    product = RECORD.multiply(a, b)
    axes = tuple(range(-len(a.shape), 0))
    found: Expr = RECORD.sum(product, axis=axes, keepdims=False) if axes else product
    return simple(found)


def on_a_ball(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.constraints) != 1 or len(problem.unknowns) != 1:
        return None
    (constraint,), (x,) = problem.constraints, problem.unknowns
    if constraint.gap.shape or not x.shape or problem.facts(x):
        return None
    ball = _ball(constraint.excess, x)
    if ball is None or (kinked(problem.cost, x) and quadratic(problem.cost, x) is None):
        return None
    cost = quadratic(problem.cost, x)
    if cost is None:
        return None
    open_inside = constraint.relation != "=="
    b = cost.slope
    hessian = cost.hessian.to_expr()
    if ball.center is not None:
        if len(x.shape) > 1 and scale_of(cost.hessian.sum) is None:
            return None
        own = scale_of(cost.hessian.sum)
        moved = (
            RECORD.multiply(own, ball.center)
            if own is not None
            else RECORD.matmul(hessian, ball.center)
        )
        b = simple(b + moved)
    times = _multiple(cost.hessian.sum, hessian, ball.metric)
    if times is not None and not is_zero(b):
        return _parallel(problem, x, ball, b, times, open_inside)
    if is_zero(b) and len(x.shape) == 1 and not open_inside:
        return _eigenvector(problem, x, ball, hessian)
    return None


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
    scale = scale_of(found.hessian.sum)
    if scale is None and len(x.shape) > 1:
        return None
    metric = Metric(scale, None) if scale is not None else Metric(None, found.hessian.to_expr())
    sign = sign_of(scale if scale is not None else found.hessian.to_expr())
    if sign is None or not sign.strict:
        return None
    needs = sign.needs
    if is_zero(found.slope):
        radius = simple(RECORD.negative(found.rest))
        center = None
    else:
        center = simple(RECORD.negative(metric.inverted(found.slope)))
        radius = simple(RECORD.negative(substituted(excess, {x: center})))
    positive = sign_of(radius)
    if positive is None or not positive.strict:
        needs = (*needs, definite(radius))
    return Ball(metric, center, radius, rate, needs)


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
    return gap, simple(over(RECORD.multiply(2.0, length), rise))


def _multiple(total: Sum, hessian: Expr, metric: Metric) -> Expr | None:
    """The number t with A = t K, None where there is none."""
    if is_zero(hessian):
        return constant(0.0)
    if metric.scale is not None:
        own = scale_of(total)
        return None if own is None else simple(over(own, metric.scale))
    assert metric.matrix is not None
    for number in _numbers(hessian, metric.matrix):
        if same(hessian, RECORD.multiply(number, metric.matrix)):
            return number
    return None


def _numbers(a: Expr, b: Expr) -> list[Expr]:
    """Quotients of the numbers before two matrices."""
    parts = []
    for one in (a, b):
        total = form_of(one).sum
        if len(total.terms) != 1:
            return []
        parts.append(split_scalars(total, total.terms[0])[0])
    return [simple(over(parts[0], parts[1]))]


def _parallel(
    problem: Problem, x: Expr, ball: Ball, b: Expr, times: Expr, open_inside: bool
) -> Found | None:
    """(t + λ) K y = -b, so y is parallel to inv(K) b, and its length is known."""
    way = simple(ball.metric.inverted(b))
    size = RECORD.sqrt(inner(b, way))  # sqrt(b' inv(K) b)
    reach = RECORD.sqrt(RECORD.multiply(2.0, ball.radius))
    force = RECORD.subtract(over(size, reach), times)
    strength = over(reach, size)
    needs = (*ball.needs, Condition("nonzero", b))
    if open_inside and not is_zero(times):
        sign = sign_of(times)
        if sign is None or not sign.strict:
            return None
        needs = ball.needs
        force = RECORD.relu(force)
        strength = RECORD.minimum(over(constant(1.0), times), strength)
        needs = (*needs, Condition("nonzero", b))
    y = RECORD.negative(RECORD.multiply(strength, way))
    value = simple(y if ball.center is None else RECORD.add(ball.center, y))
    (constraint,) = problem.constraints
    force = simple(RECORD.multiply(force, ball.rate))
    return Found(
        {x: value},
        "a direction on an ellipsoid",
        needs,
        {constraint.key: force},
        lines=(
            ("∂L/∂x = 0", f"the point is parallel to {shown(way)}"),
            ("the constraint", "fixes its length"),
        ),
    )


def _eigenvector(problem: Problem, x: Expr, ball: Ball, hessian: Expr) -> Found:
    """A y + λ K y = 0: the eigenvector of the least eigenvalue."""
    reach = RECORD.sqrt(RECORD.multiply(2.0, ball.radius))
    vector, value = least_eigenvector(hessian, ball.metric)
    y = simple(RECORD.multiply(reach, vector))
    point = y if ball.center is None else simple(RECORD.add(ball.center, y))
    (constraint,) = problem.constraints
    force = simple(RECORD.multiply(RECORD.negative(value), ball.rate))
    return Found(
        {x: point},
        "an eigenvector",
        ball.needs,
        {constraint.key: force},
        unique="sign",
        lines=(("∂L/∂x = 0", f"{shown(hessian)} x = -λ K x, an eigenvector"),),
    )


def least_eigenvector(hessian: Expr, metric: Metric) -> tuple[Expr, Expr]:
    """y with y'K y = 1 that makes y'A y least, and that least value."""
    if metric.scale is not None:
        number, core, place = oriented(hessian)
        vector = FUNCTIONS["eigv"].lower(core, place)
        value = over(RECORD.multiply(number, FUNCTIONS["lam"].lower(core, place)), metric.scale)
        return over(vector, RECORD.sqrt(metric.scale)), simple(value)
    assert metric.matrix is not None
    root = FUNCTIONS["sqrtm"].lower(inverse(metric.matrix))
    number, core, place = oriented(hessian)
    whitened = RECORD.matmul(RECORD.matmul(root, core), root)
    vector = RECORD.matmul(root, FUNCTIONS["eigv"].lower(whitened, place))
    return vector, simple(RECORD.multiply(number, FUNCTIONS["lam"].lower(whitened, place)))


def oriented(hessian: Expr) -> tuple[Expr, Expr, int]:
    """A matrix as a number times a core, and the place of the core's eigenvalue wanted."""
    total = form_of(hessian).sum
    if len(total.terms) == 1:
        number, rest = split_scalars(total, total.terms[0])
        sign = sign_of(number)
        if sign is not None and sign.strict:
            return number, lowered(rest), 0
        sign = sign_of(RECORD.negative(number))
        if sign is not None and sign.strict:
            return number, lowered(rest), -1
    return constant(1.0), hessian, 0
