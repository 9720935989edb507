"""Costs with kinks that fall apart: soft thresholds, boxes, and both.

For h/2 |y|^2 + g'y + c |y|_1 the least point is sign(u) relu(|u| - c/h) with u = -g/h; with the
Euclidean norm in its place it is relu(1 - c/(h |u|)) u, and with both the second of the first.
Parikh, Boyd, Proximal Algorithms, 6.5. What is linear in a box is least at one of its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derivant.carriers.expr import Expr, as_expr, symbol
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
    summed,
)
from derivant.stationary.conditions import Condition, entries_sign, sign_of
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks, kinked, quadratic, same, scale_of
from derivant.stationary.problem import Constraint, Problem


@dataclass(frozen=True, slots=True)
class Kink:
    """c |y| with y = x - center: order 2, or order 1 with weights below and above 0."""

    order: int
    below: Expr
    above: Expr
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
    if not found.hessian.sum.terms:
        return None if kinks else _at_an_end(x, found.slope, box)
    scale = scale_of(found.hessian.sum) if x.shape else found.hessian.to_expr()
    widths = None
    if scale is None:
        widths = diagonal_of(found.hessian.sum) if len(x.shape) == 1 else None
        if widths is None:
            return None
    sign = sign_of(scale if scale is not None else _squares(widths))
    if sign is None or not sign.strict or not _together(kinks, box):
        return None
    size = scale if scale is not None else widths
    assert size is not None
    point, needs = _least(found.slope, size, kinks, box)
    value = simple(point)
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


def _at_an_end(x: Expr, slope_: Expr, box: Box) -> Found | None:
    """A linear cost in a box: the end that the slope points away from, the middle where it is 0."""
    if box.lower is None or box.upper is None:
        return None
    middle = RECORD.multiply(0.5, RECORD.add(box.lower, box.upper))
    half = simple(RECORD.multiply(0.5, RECORD.subtract(box.upper, box.lower)))
    positive = entries_sign(half)
    needs = () if positive is not None else (Condition("nonnegative", half),)
    moved = RECORD.multiply(RECORD.sign(slope_), half)
    return Found(
        {x: simple(RECORD.subtract(middle, moved))},
        "linear in a box, at a kink of it",
        needs,
        sure="linear: least at the end of each interval that its slope points away from",
        lines=lambda: (("the cost", "is linear, and each entry has its own bounds"),),
    )


def _together(kinks: Sequence[Kink], box: Box) -> bool:
    """Whether the least point of all together is that of one after the other."""
    centers = {None if k.center is None else id(k.center) for k in kinks}
    round_ = [k for k in kinks if k.order == 2]
    if len(centers) > 1 or len(round_) > 1:
        return False
    free = box.lower is None or (is_zero(box.lower) and centers == {None})
    return not round_ or (free and box.upper is None)


def _least(
    slope_: Expr, size: Expr, kinks: Sequence[Kink], box: Box
) -> tuple[Expr, tuple[Condition, ...]]:
    """The least point of h/2 |x|^2 + g'x and kinks at one center: order 1, the box, order 2."""
    at = simple(RECORD.negative(over(slope_, size)))
    center = kinks[0].center if kinks else None
    if center is not None:
        at = simple(at - center)
    flat = [k for k in kinks if k.order == 1]
    if flat:
        sides = (summed([k.below for k in flat]), summed([k.above for k in flat]))
        at = _thresholded(at, *(simple(over(side, size)) for side in sides))
    if center is not None:
        at = RECORD.add(at, center)
    at = _clipped(at, box)
    for kink in (k for k in kinks if k.order == 2):
        moved = simple(at if center is None else RECORD.subtract(at, center))
        sure = bool(flat) or box.lower is not None
        part, needs = _shrinkage(moved, simple(over(kink.above, size)), often_zero=sure)
        at = RECORD.multiply(part, moved)
        return (at if center is None else RECORD.add(at, center)), needs
    return at, ()


def _shrinkage(y: Expr, limit: Expr, often_zero: bool) -> tuple[Expr, tuple[Condition, ...]]:
    """relu(1 - c/|y|); where y is often 0 as 1 - c/max(|y|, c), which is 0 there."""
    axes = tuple(range(-len(y.shape), 0))
    length = RECORD.vector_norm(y, axis=axes, ord=2.0, keepdims=False)
    sign = sign_of(limit)
    if often_zero and sign is not None and sign.strict and not sign.needs:
        least = RECORD.maximum(length, limit)
        return as_expr(RECORD.subtract(1.0, over(limit, least))), ()
    return RECORD.relu(RECORD.subtract(1.0, over(limit, length))), (Condition("nonzero", y),)


def _thresholded(at: Expr, below: Expr, above: Expr) -> Expr:
    """The least point of |y - u|^2/2 + above relu(y) + below relu(-y)."""
    if same(below, above):
        shrunk = RECORD.relu(RECORD.subtract(RECORD.abs(at), above))
        found: Expr = RECORD.multiply(RECORD.sign(at), shrunk)
        return found
    high = RECORD.relu(simple(RECORD.subtract(at, above)))
    low = RECORD.relu(simple(RECORD.negative(RECORD.add(at, below))))
    return as_expr(RECORD.subtract(high, low))


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
        order, operand, rate = _norm_of(node, x)
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
            if order == 1 and sided and operand is x and node.primitive.name != "relu":
                whole = x if total.shape else entry_sum(x)
                cost = substituted(cost, {total: whole if sided > 0 else RECORD.negative(whole)})
                continue
            cost = substituted(cost, {total: constant(0.0, total.shape)})
            kinks.append(_kink(node, order, operand, rate, weight, x))
    return cost, kinks


def _kink(node: Expr, order: int, operand: Expr, rate: Expr, weight: Expr, x: Expr) -> Kink:
    """The kink of a norm or relu of rate (x - center) with a weight."""
    rises = sign_of(rate) is not None
    size = simple(rate if rises else RECORD.negative(rate))
    weight = simple(RECORD.multiply(weight, size))
    offset = at_zero(operand, [x])
    center = None if is_zero(offset) else simple(RECORD.negative(over(offset, rate)))
    if node.primitive.name != "relu":
        return Kink(order, weight, weight, center)
    none = constant(0.0, weight.shape)
    return Kink(order, none if rises else weight, weight if rises else none, center)


def _norm_of(node: Expr, x: Expr) -> tuple[int, Expr | None, Expr]:
    """The order of a norm, what of, and its number k where that is k (x - center).

    Nothing of anything else; a relu is of order 1.
    """
    name, order = node.primitive.name, 1 if node.primitive.name in ("abs", "relu") else 0
    if name == "vector_norm" and not node.shape:
        order = {1.0: 1, 2.0: 2}.get(node.params.get("ord") or 0.0, 0)
    nothing = (0, None, constant(0.0))
    if not order or node.inputs[0].shape != x.shape:
        return nothing
    form = derived(node.inputs[0], x)
    number = scale_of(form.sum) if x.shape else form.to_expr()
    if number is None or depends(number, [x]):
        return nothing
    signs = (sign_of(number), sign_of(RECORD.negative(number)))
    if not any(s is not None and s.strict and not s.needs for s in signs):
        return nothing
    return order, node.inputs[0], number


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
