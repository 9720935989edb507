"""Costs with kinks that fall apart: soft thresholds, boxes, and both.

For h/2 |y|^2 + g'y + c |y|_1 the least point is sign(u) relu(|u| - c/h) with u = -g/h; with the
Euclidean norm in its place it is relu(1 - c/(h |u|)) u. Parikh, Boyd, Proximal Algorithms, 6.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derivant.carriers.expr import Expr, symbol
from derivant.primitives import RECORD
from derivant.stationary.algebra import (
    at_zero,
    constant,
    depends,
    derived,
    diagonal_of,
    entry_sum,
    is_zero,
    over,
    simple,
    slope,
    substituted,
)
from derivant.stationary.conditions import Condition, entries_sign, sign_of
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks, kinked, quadratic, scale_of
from derivant.stationary.problem import Constraint, Problem


@dataclass(frozen=True, slots=True)
class Kink:
    """A multiple of a norm of y = x - center in the cost: order 1 or 2; 0 for a sum of relus."""

    order: int
    weight: Expr
    center: Expr | None


@dataclass(frozen=True, slots=True)
class Box:
    """Bounds by entries, and the constraints that they come from."""

    lower: Expr | None
    upper: Expr | None


def kinked_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1:
        return None
    (x,) = problem.unknowns
    if problem.facts(x) - {"positive"}:
        return None
    box = _box(problem.constraints, x)
    if box is None:
        return None
    smooth, kinks = _parted(problem.cost, x, _sided(box))
    if smooth is None or (not kinks and box.lower is None and box.upper is None):
        return None
    found = quadratic(smooth, x)
    if found is None or has_kinks(smooth, x):
        return None
    scale = scale_of(found.hessian.sum) if x.shape else found.hessian.to_expr()
    widths = None
    if scale is None:
        widths = diagonal_of(found.hessian.sum) if len(x.shape) == 1 else None
        if widths is None:
            return None
    sign = sign_of(scale if scale is not None else _squares(widths))
    if sign is None or not sign.strict or len(kinks) > 1:
        return None
    size = scale if scale is not None else widths
    assert size is not None
    point, needs = _least(found.slope, size, kinks)
    value = simple(_clipped(point, box))
    return Found(
        {x: value},
        "entries that fall apart, with kinks",
        (*sign.needs, *needs),
        _forces(problem, smooth, x, value) if not kinks else {},
        "convex, and strictly: the one global minimum",
        lambda: (("the cost", "is a sum over the entries of the unknown"),),
    )


def _squares(widths: Expr | None) -> Expr:
    assert widths is not None
    return simple(RECORD.diag_embed(widths, offset=0))


def _least(slope_: Expr, size: Expr, kinks: Sequence[Kink]) -> tuple[Expr, tuple[Condition, ...]]:
    """The least point of h/2 |x|^2 + g'x and at most one kink."""
    if not kinks:
        return simple(RECORD.negative(over(slope_, size))), ()
    (kink,) = kinks
    at = simple(RECORD.negative(over(slope_, size)))
    if kink.center is not None:
        at = simple(at - kink.center)
    limit = simple(over(kink.weight, size))
    if kink.order == 0:
        above = RECORD.relu(RECORD.subtract(at, limit))
        moved = RECORD.subtract(above, RECORD.relu(RECORD.negative(at)))
    elif kink.order == 1:
        shrunk = RECORD.relu(RECORD.subtract(RECORD.abs(at), limit))
        moved = RECORD.multiply(RECORD.sign(at), shrunk)
    else:
        length = RECORD.vector_norm(
            at, axis=tuple(range(-len(at.shape), 0)), ord=2.0, keepdims=False
        )
        moved = RECORD.multiply(RECORD.relu(RECORD.subtract(1.0, over(limit, length))), at)
    if kink.center is not None:
        moved = RECORD.add(moved, kink.center)
    return moved, (Condition("nonzero", at),) if kink.order == 2 else ()


def _clipped(point: Expr, box: Box) -> Expr:
    if box.lower is not None:
        point = RECORD.relu(point) if is_zero(box.lower) else RECORD.maximum(point, box.lower)
    return point if box.upper is None else RECORD.minimum(point, box.upper)


def _sided(box: Box) -> int:
    """1 where the unknown is known not to be negative, -1 not to be positive, else 0."""
    if box.lower is not None and (is_zero(box.lower) or _not_negative(box.lower)):
        return 1
    return -1 if box.upper is not None and is_zero(box.upper) else 0


def _not_negative(value: Expr) -> bool:
    """Whether a number, or every entry of an array, is seen not to be negative."""
    return entries_sign(value) is not None


def _box(constraints: Sequence[Constraint], x: Expr) -> Box | None:
    """Bounds on the entries of the unknown; None where a constraint is something else."""
    lower: Expr | None = None
    upper: Expr | None = None
    for constraint in constraints:
        if constraint.relation == "==" or constraint.gap.shape != x.shape:
            return None
        form = derived(constraint.excess, x)
        number = scale_of(form.sum) if x.shape else form.to_expr()
        if number is None or depends(number, [x]):
            return None
        sign, other = sign_of(number), sign_of(RECORD.negative(number))
        bound = simple(over(RECORD.negative(at_zero(constraint.excess, [x])), number))
        if sign is not None and sign.strict and upper is None:
            upper = bound
        elif other is not None and other.strict and lower is None:
            lower = bound
        else:
            return None
    return Box(lower, upper)


def _parted(cost: Expr, x: Expr, sided: int) -> tuple[Expr | None, list[Kink]]:
    """The cost without its norms, and these; a norm of what has one sign is a sum."""
    kinks: list[Kink] = []
    for node in kinked(cost, x):
        order, operand = _norm_of(node, x)
        if operand is None:
            continue
        total = node if node.primitive.name == "vector_norm" else _total_of(node, cost)
        t = symbol("kink", total.shape)
        line = substituted(cost, {total: t})
        if depends(line, [t]):
            weight = slope(line, t)
            if depends(weight, [t]):
                continue
            if depends(weight, [x]) or not _not_negative(weight):
                return None, []
            if order == 1 and sided and operand is x:
                whole = x if total.shape else entry_sum(x)
                cost = substituted(cost, {total: whole if sided > 0 else RECORD.negative(whole)})
                continue
            cost = substituted(cost, {total: constant(0.0, total.shape)})
            center = at_zero(operand, [x])
            kinks.append(
                Kink(order, weight, None if is_zero(center) else simple(RECORD.negative(center)))
            )
    return cost, kinks


def _norm_of(node: Expr, x: Expr) -> tuple[int, Expr | None]:
    """The order of a norm and x - center that it is of; (0, None) for anything else."""
    name, order = node.primitive.name, -1
    if name in ("abs", "relu"):
        order = int(name == "abs")
    elif name == "vector_norm" and not node.shape:
        order = {1.0: 1, 2.0: 2}.get(node.params.get("ord") or 0.0, -1)
    if order < 0 or node.inputs[0].shape != x.shape:
        return 0, None
    form = derived(node.inputs[0], x)
    number = scale_of(form.sum) if x.shape else form.to_expr()
    if number is None or not is_zero(RECORD.subtract(number, 1.0)):
        return 0, None
    return order, node.inputs[0]


def _total_of(node: Expr, cost: Expr) -> Expr:
    """The sum of all entries of a node, where the cost has it; else the node."""
    if not node.shape:
        return node
    found = entry_sum(node)
    return found if depends(cost, [found]) else node


def _forces(problem: Problem, smooth: Expr, x: Expr, value: Expr) -> dict[str, Expr]:
    """The multiplier of a single bound: what is left of the gradient."""
    if len(problem.constraints) != 1:
        return {}
    (constraint,) = problem.constraints
    left = simple(substituted(slope(smooth, x), {x: value}))
    rate = derived(constraint.excess, x)
    number = scale_of(rate.sum) if x.shape else rate.to_expr()
    assert number is not None
    return {constraint.key: simple(RECORD.negative(over(left, number)))}
