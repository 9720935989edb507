"""Quotients of two quadratics: Rayleigh's, Fisher's discriminant, total least squares."""

from __future__ import annotations

from collections.abc import Callable

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, symbol
from derivant.notation.vocabulary import FUNCTIONS
from derivant.primitives import RECORD
from derivant.rewriting import Sum, components, lowered
from derivant.stationary.algebra import (
    at_zero,
    depends,
    inner,
    is_zero,
    shown,
    simple,
    slope,
    substituted,
    turned,
)
from derivant.stationary.conditions import Condition, definite, sign_of
from derivant.stationary.found import Found, Lines
from derivant.stationary.hessians import Quadratic, quadratic, same
from derivant.stationary.problem import Problem
from derivant.stationary.spheres import Metric, least_eigenvector, metric_of


def ratio_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1 or problem.constraints:
        return None
    (x,) = problem.unknowns
    if len(x.shape) != 1 or problem.facts(x):
        return None
    for node in ancestors([problem.cost]):
        if node.primitive.name in ("divide", "quotient") and depends(node.inputs[1], [x]):
            return _of_quotient(problem, x, node)
    return None


def _of_quotient(problem: Problem, x: Expr, node: Expr) -> Found | None:
    t = symbol("ratio", ())
    line = substituted(problem.cost, {node: t})
    rate = slope(line, t)
    if depends(line, [x]) or depends(rate, [t]):
        return None
    sign, other = sign_of(rate), sign_of(RECORD.negative(rate))
    up = sign is not None and sign.strict
    if not up and not (other is not None and other.strict):
        return None
    above, below = quadratic(node.inputs[0], x), quadratic(_squared(node.inputs[1], x), x)
    if below is not None and _squared(node.inputs[1], x) is not node.inputs[1]:
        return None if above is None else _over_root(x, above, below, up)
    if above is None or below is None or not is_zero(below.slope):
        return None
    metric = metric_of(below.hessian)
    if metric is None:
        return None
    if is_zero(below.rest) and is_zero(above.slope) and is_zero(above.rest):
        return _homogeneous(x, above, metric, up)
    return _total_squares(x, node.inputs[0], above, below, metric) if up else None


def _squared(value: Expr, x: Expr) -> Expr:
    """The square of a root or a norm; anything else as it is."""
    name = value.primitive.name
    if name == "sqrt" or (name in ("power", "pow") and value.params.get("exponent") == 0.5):
        return value.inputs[0]
    if name == "vector_norm" and value.params.get("ord") == 2.0 and not value.shape:
        return simple(inner(value.inputs[0], value.inputs[0]))
    return value


def _over_root(x: Expr, above: Quadratic, below: Quadratic, up: bool) -> Found | None:
    """a'x over sqrt(x'K x): inv(K) a where it is greatest, -inv(K) a where it is least."""
    homogeneous = is_zero(above.rest) and is_zero(below.rest) and is_zero(below.slope)
    metric = metric_of(below.hessian)
    if above.hessian.sum.terms or not homogeneous or metric is None:
        return None
    way = simple(metric.inverted(above.slope))
    value = simple(RECORD.negative(way)) if up else way
    needs = (*metric.needs, Condition("nonzero", above.slope))
    return Found(
        {x: value}, "a quotient of quadratics", needs, unique="scale", lines=_parallel_to(way)
    )


def _parallel_to(way: Expr) -> Callable[[], Lines]:
    return lambda: (("∂f/∂x = 0", f"the point is parallel to {shown(way)}"),)


def _homogeneous(x: Expr, above: Quadratic, metric: Metric, up: bool) -> Found | None:
    """x'A x over x'K x: an eigenvector; where A = a a' and it is maximised, inv(K) a."""
    hessian = above.hessian.to_expr()
    direction = _direction(above.hessian.sum)

    def lines() -> Lines:
        return (("∂f/∂x = 0", f"{shown(hessian)} x = f K x"),)

    if direction is not None and not up:
        way = simple(metric.inverted(direction))
        needs = (*metric.needs, Condition("nonzero", direction))
        return Found({x: way}, "a quotient of quadratics", needs, unique="scale", lines=lines)
    signed = hessian if up else simple(RECORD.negative(hessian))
    vector, _ = least_eigenvector(signed, metric)
    pattern = "a quotient of quadratics"
    return Found({x: vector}, pattern, metric.needs, unique="scale", lines=lines)


def _direction(total: Sum) -> Expr | None:
    """a of a matrix that is a multiple of a a'."""
    if len(total.terms) != 1:
        return None
    (term,) = total.terms
    sides: list[Expr] = []
    for group in components(term.atoms, 2):
        free = {c for a in group for c in a.index if c < 2}
        if len(free) > 1:
            return None
        if not free:
            continue
        used = {c for a in group for c in a.index}
        bound = [(c, s) for c, s in term.bound if c in used]
        names = {free.pop(): 0, **{c: 1 + k for k, (c, _) in enumerate(bound)}}
        atoms = tuple(a.renamed(names) for a in group)
        one = type(term)(
            term.coefficient / term.coefficient, atoms, tuple((names[c], s) for c, s in bound)
        )
        sides.append(lowered(Sum(total.shape[:1], total.dtype, (one,))))
    return sides[0] if len(sides) == 2 and same(*sides) else None


def _total_squares(
    x: Expr, value: Expr, above: Quadratic, below: Quadratic, metric: Metric
) -> Found | None:
    """|A x - b|^2 / (x'x + d): the least eigenvalue of [A b]'[A b], Golub and Van Loan, 6.3."""
    if metric.matrix is not None or depends(below.rest, [x]):
        return None
    sign = sign_of(below.rest)
    if sign is None or not sign.strict or not same(metric.scale, RECORD.multiply(2.0, below.rest)):
        return None
    residual = next((r for r in ancestors([value]) if _is_residual(r, value, x)), None)
    if residual is None:
        return None
    matrix, side = slope(residual, x), at_zero(residual, [x])
    both = FUNCTIONS["hcat"].lower(matrix, simple(RECORD.negative(side)))
    gram = RECORD.matmul(turned(both), both)
    least = FUNCTIONS["lam"].lower(gram, 0)
    unit = FUNCTIONS["eye"].lower(x.shape)
    inside = RECORD.subtract(RECORD.matmul(turned(matrix), matrix), RECORD.multiply(least, unit))
    answer = RECORD.matmul(RECORD.inv(inside), RECORD.matmul(turned(matrix), RECORD.negative(side)))
    return Found(
        {x: simple(answer)},
        "a quotient of quadratics",
        (definite(inside),),
        lines=lambda: (
            ("∂f/∂x = 0", "(A'A - f I) x = A'b, f the least eigenvalue of [A b]'[A b]"),
        ),
    )


def _is_residual(node: Expr, value: Expr, x: Expr) -> bool:
    if len(node.shape) != 1 or not depends(node, [x]) or depends(slope(node, x), [x]):
        return False
    return same(value, inner(node, node))
