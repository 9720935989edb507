"""A matrix whose rows, or columns, are each normalised: g(X_ij) + λ_i W_ij = 0, entry by entry.

Where X_ij = t_i V_ij for numbers t_i that the multipliers make, the constraint fixes these row by
row: the softmax of each row, Y_ij / sum_j Y_ij.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from derivant.carriers.expr import Expr, symbol
from derivant.primitives import RECORD
from derivant.rewriting import Term, lowered
from derivant.stationary.algebra import (
    at_zero,
    constant,
    depends,
    formed,
    inner,
    opened,
    over,
    payload_of,
    shown,
    simple,
    slope,
    substituted,
    turned,
)
from derivant.stationary.entrywise import falls_apart
from derivant.stationary.found import Found
from derivant.stationary.hessians import has_kinks, same
from derivant.stationary.isolating import isolated
from derivant.stationary.problem import Problem

ONE = Fraction(1)
SPECS = ("a,ab->ab", "b,ab->ab")


def row_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1 or len(problem.constraints) != 1:
        return None
    (x,), (constraint,) = problem.unknowns, problem.constraints
    gap = constraint.gap
    if len(x.shape) != 2 or len(gap.shape) != 1 or constraint.relation != "==":
        return None
    if has_kinks(problem.cost, x):
        return None
    force = symbol("row force", gap.shape)
    gradient, pushed = slope(problem.cost, x), slope(inner(force, gap), x)
    if depends(pushed, [x]) or not falls_apart(problem.cost, gradient, x):
        return None
    for axis in (k for k in (0, 1) if x.shape[k] == gap.shape[0]):
        for value in isolated(RECORD.add(gradient, pushed), x):
            found = _normalised(problem, gradient, value, force, axis)
            if found is not None:
                return found
    return None


def _normalised(
    problem: Problem, gradient: Expr, value: Expr, force: Expr, axis: int
) -> Found | None:
    (x,), (constraint,) = problem.unknowns, problem.constraints
    shape = _shape_of(value, force, axis)
    if shape is None:
        return None
    total = at_zero(RECORD.negative(constraint.gap), [x])
    weight = simple(RECORD.add(substituted(constraint.gap, {x: shape}), total))
    plain = same(weight, RECORD.sum(shape, axis=(-1 - axis,), keepdims=False))
    soft = shape.primitive.name == "exp" and plain
    if soft:
        (exponent,) = shape.inputs
        rows = exponent if axis == 0 else turned(exponent)
        core = RECORD.softmax(rows, axis=(-1,))
        size, core = total, core if axis == 0 else turned(core)
    else:
        size, core = simple(over(total, weight)), shape
    one = same(size, constant(1.0, size.shape))
    answer = core if one else simple(RECORD.einsum(size, core, spec=SPECS[axis]))
    left = simple(substituted(gradient, {x: answer}))
    kept = RECORD.multiply(left, answer)
    along = RECORD.sum(kept, axis=(-1 - axis,), keepdims=False)
    name = "row" if axis == 0 else "column"
    return Found(
        {x: answer},
        f"entry by entry, each {name} by its constraint",
        (),
        {constraint.key: simple(RECORD.negative(over(along, total)))},
        lines=lambda: (
            (f"∂L/∂{x.params['name']} = 0", f"each {name} is a multiple of that of {shown(shape)}"),
            ("the constraint fixes the multiples", ""),
        ),
    )


def _shape_of(value: Expr, force: Expr, axis: int) -> Expr | None:
    """V of t_i V_ij: the value without what the multipliers make the same along each row."""
    total = formed(value).sum
    if len(total.terms) != 1:
        return None
    (term,) = total.terms
    own = [a for a in term.atoms if a.payload is not None and depends(a.payload, [force])]
    rest = tuple(a for a in term.atoms if a not in own)
    if own and all({*a.index} <= {axis} for a in own):
        bound = {c for a in rest for c in a.index}
        kept = tuple((c, s) for c, s in term.bound if c in bound)
        return simple(lowered(replace(total, terms=(Term(ONE, rest, kept),))))
    if len(own) != 1 or own[0].payload is None or own[0].payload.primitive.name != "exp":
        return None
    inside = formed(own[0].payload.inputs[0])
    exponent = opened(inside, lambda a: depends(payload_of(a), [force]))
    if exponent is None:
        return None
    terms = []
    for t in exponent.terms:
        moving = [a for a in t.atoms if a.payload is not None and depends(a.payload, [force])]
        if any(not {*a.index} <= {axis} for a in moving):
            return None
        if not moving and any(c < 2 for a in t.atoms for c in a.index):
            terms.append(t)
    core = lowered(replace(exponent, terms=tuple(terms))) if terms else constant(0.0, value.shape)
    changed: Expr = RECORD.exp(simple(core))
    return simple(substituted(value, {own[0].payload: changed}))
