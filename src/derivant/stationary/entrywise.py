"""Gradients that fall apart by entries: g(x_i) + λ a_i = 0, each solved alone.

The constraint gives λ: softmax, y / sum(y), 1/n. Also all unknowns that are one number.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Sum, Term, lowered
from derivant.stationary.algebra import (
    at_zero,
    constant,
    depends,
    derived,
    entry_sum,
    formed,
    inner,
    is_zero,
    opened,
    over,
    payload_of,
    shown,
    simple,
    slope,
    substituted,
    summed,
)
from derivant.stationary.conditions import Condition, definite, entries_sign, sign_of
from derivant.stationary.found import Found, Lines
from derivant.stationary.hessians import has_kinks, same
from derivant.stationary.isolating import isolated
from derivant.stationary.monotone import is_increasing
from derivant.stationary.problem import Constraint, Problem
from derivant.stationary.quadratics import multipliers_of
from derivant.stationary.verifying import verified

LONGEST_NEED = 30  # characters of a condition on how a cost bends
SHIFTED = "entry by entry with a number added, then the constraint"


def entrywise_problem(problem: Problem) -> Found | None:
    """The pattern; None where the problem has another form."""
    if len(problem.unknowns) != 1 or len(problem.constraints) > 1:
        return None
    (x,) = problem.unknowns
    if has_kinks(problem.cost, x) or (not x.shape and is_increasing(problem)):
        return None
    gradient = slope(problem.cost, x)
    if not depends(gradient, [x]) or (x.shape and not falls_apart(problem.cost, gradient, x)):
        return None
    if problem.constraints:
        return _normalised(problem, gradient, x)
    rule = f"∂f/∂{x.params['name']} = 0"

    def lines() -> Lines:
        return ((rule, f"{shown(gradient)} = 0, entry by entry"),)

    candidates = [
        Found({x: v}, "entry by entry", _bends_up(gradient, x, v), lines=lines)
        for v in isolated(gradient, x)
    ]
    return _first(problem, candidates)


def _bends_up(gradient: Expr, x: Expr, value: Expr) -> tuple[Condition, ...]:
    """That the slope rises at a point which is one number, where that is easily said.

    Where it is not, an answer that needs it is found wrong at some data, and refused.
    """
    if x.shape:
        return ()
    curvature = simple(substituted(slope(gradient, x), {x: value}))
    plain = sign_of(curvature) is not None or len(shown(curvature)) > LONGEST_NEED
    return () if plain else (definite(curvature),)


def _first(problem: Problem, candidates: list[Found]) -> Found | None:
    """The first candidate that holds at random data."""
    failed: DerivantError | None = None
    for found in candidates:
        (x,) = found.values
        (value,) = found.values.values()
        tries = [found]
        if problem.facts(x) & {"positive", "unitint"} and sign_of(value) is None:
            needs = (*found.needs, definite(value)) if not value.shape else found.needs
            tries.append(replace(found, needs=needs))
        for one in tries:
            try:
                verified(problem, one)
            except DerivantError as error:
                failed = error
                continue
            return one
    if failed is not None:
        raise failed
    return None


def falls_apart(cost: Expr, gradient: Expr, x: Expr) -> bool:
    """Whether each entry of the gradient depends on its own entry of the unknown only.

    Where a factor of it is one number that all entries share, the Hessian is not looked at.
    """
    rank = len(x.shape)
    atoms = [a for t in derived(cost, x).sum.terms for a in t.atoms if a.payload is not None]
    if any(not {*range(rank)} <= {*a.index} and depends(payload_of(a), [x]) for a in atoms):
        return False
    form = derived(gradient, x)
    return all(
        all(
            any(a.payload is None and {*a.index} == {c, c + rank} for a in t.atoms)
            for c in range(rank)
        )
        for t in form.sum.terms
    )


# One affine constraint


def _normalised(problem: Problem, gradient: Expr, x: Expr) -> Found | None:
    """g(x_i) + λ a_i = 0 where x = w t for some number t: the constraint fixes t."""
    (constraint,) = problem.constraints
    if constraint.gap.shape or constraint.relation != "==" or not x.shape:
        return None
    weights = slope(constraint.gap, x)
    if depends(weights, [x]) or is_zero(weights):
        return None
    (force,) = multipliers_of(problem.constraints)
    equation = RECORD.add(gradient, RECORD.multiply(force, weights))
    for value in isolated(equation, x):
        found = _scaled(constraint, weights, gradient, x, simple(value), force)
        if found is not None:
            return _positive(problem, x, found)
    return None


def _positive(problem: Problem, x: Expr, found: Found) -> Found:
    """An answer with the condition that it is positive where x must be and a number is added."""
    (value,) = found.values.values()
    open_ = found.pattern == SHIFTED and problem.facts(x) & {"positive"}
    if not open_ or entries_sign(value) is not None:
        return found
    return replace(found, needs=(*found.needs, Condition("positive", value)))


def _scaled(
    constraint: Constraint, weights: Expr, gradient: Expr, x: Expr, value: Expr, force: Expr
) -> Found | None:
    """The value where the multiplier is gone, its size fixed by the constraint."""
    total = simple(RECORD.negative(at_zero(constraint.gap, [x])))
    shape = shape_of(value, force)
    if shape is None:
        return _shifted(constraint, weights, gradient, x, value, force)
    size = over(total, simple(inner(weights, shape)))
    answer = _soft(shape, weights, total)
    if answer is None:
        answer = simple(RECORD.multiply(size, shape))
    left = simple(substituted(gradient, {x: answer}))
    pushed = simple(RECORD.negative(over(simple(inner(left, answer)), total)))
    return Found(
        {x: answer},
        "entry by entry, then the constraint",
        (),
        {constraint.key: pushed},
        lines=lambda: (
            (f"∂L/∂{x.params['name']} = 0", f"x is a multiple of {shown(shape)}"),
            ("the constraint fixes the multiple", ""),
        ),
    )


def _shifted(
    constraint: Constraint, weights: Expr, gradient: Expr, x: Expr, value: Expr, force: Expr
) -> Found | None:
    """x = w + s for some number s, the same for all entries: the constraint fixes s."""
    base = _base_of(value, force)
    if base is None:
        return None
    total = simple(RECORD.negative(at_zero(constraint.gap, [x])))
    whole = simple(entry_sum(weights))
    shift = over(RECORD.subtract(total, simple(inner(weights, base))), whole)
    answer = simple(RECORD.add(base, shift))
    left = simple(substituted(gradient, {x: answer}))
    return Found(
        {x: answer},
        SHIFTED,
        (),
        {constraint.key: simple(RECORD.negative(over(entry_sum(left), whole)))},
        lines=lambda: (
            (f"∂L/∂{x.params['name']} = 0", f"x is {shown(base)} and a number for all entries"),
            ("the constraint fixes the number", ""),
        ),
    )


def _base_of(value: Expr, force: Expr) -> Expr | None:
    """w of w + s(λ): the value without the terms that are one number, λ among them."""
    form = formed(value)
    kept: list[Expr] = []
    for term in form.sum.terms:
        own = [a for a in term.atoms if a.payload is not None and depends(a.payload, [force])]
        free = any(c < form.sum.rank for a in term.atoms for c in a.index)
        if own and not free:
            continue
        whole = lowered(Sum(form.sum.shape, form.sum.dtype, (term,)))
        if own:
            logarithm = _log_base(payload_of(own[0]), force) if len(own) == 1 else None
            if logarithm is None:
                return None
            whole = substituted(whole, {payload_of(own[0]): logarithm})
        kept.append(whole)
    return simple(summed(kept)) if kept else constant(0.0, value.shape)


def _log_base(value: Expr, force: Expr) -> Expr | None:
    """log(u) of log(u t(λ)) with t one number: what is left when log t goes to the shift."""
    if value.primitive.name != "log":
        return None
    shape = shape_of(value.inputs[0], force)
    if shape is None:
        return None
    found: Expr = RECORD.log(shape)
    return found


def shape_of(value: Expr, force: Expr) -> Expr | None:
    """w of w t(λ): the value where λ is a number at which it stands for its direction."""
    form = formed(value)
    if len(form.sum.terms) == 1:
        (term,) = form.sum.terms
        own = [a for a in term.atoms if a.payload is not None and depends(a.payload, [force])]
        if all(not a.index for a in own) and own:
            rest = tuple(a for a in term.atoms if a not in own)
            bound = {c for a in rest for c in a.index}
            one = Term(Fraction(1), rest, tuple((c, s) for c, s in term.bound if c in bound))
            return simple(lowered(Sum(form.sum.shape, form.sum.dtype, (one,))))
        if len(own) == 1 and own[0].payload is not None:
            inner_ = own[0].payload
            if inner_.primitive.name == "exp" and own[0].power == 1:
                exponent = _without_numbers(inner_.inputs[0], force)
                if exponent is None:
                    return None
                return simple(substituted(value, {inner_: exponent}))
            if inner_.primitive.name != "exp":
                line = _factor_of(inner_, force)
                if line is not None:
                    return simple(substituted(value, {inner_: line}))
    return None


def _factor_of(value: Expr, force: Expr) -> Expr | None:
    """v of λ v."""
    rate = slope(value, force)
    if depends(rate, [force]) or not is_zero(at_zero(value, [force])):
        return None
    return rate


def _without_numbers(exponent: Expr, force: Expr) -> Expr | None:
    """exp of an exponent without the terms that are one number for all entries, λ among them."""
    form = formed(exponent)
    total = opened(form, lambda a: depends(payload_of(a), [force]))
    if total is None:
        return None
    kept = []
    for term in total.terms:
        free = any(c < form.sum.rank for a in term.atoms for c in a.index)
        if any(a.payload is not None and depends(a.payload, [force]) for a in term.atoms):
            if free:
                return None
        elif free:
            kept.append(term)
    if not kept:
        return constant(1.0, exponent.shape)
    rest = lowered(Sum(form.sum.shape, form.sum.dtype, tuple(kept)))
    found: Expr = RECORD.exp(simple(rest))
    return found


def _soft(shape: Expr, weights: Expr, total: Expr) -> Expr | None:
    """softmax(a) times the total where the shape is exp(a) and the weights are ones."""
    if (
        shape.primitive.name != "exp"
        or len(shape.shape) > 1
        or not same(weights, constant(1.0, weights.shape))
    ):
        return None
    soft = RECORD.softmax(shape.inputs[0], axis=(-1,))
    return simple(RECORD.multiply(total, soft))
