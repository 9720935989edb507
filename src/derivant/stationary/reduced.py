"""A problem made ready for numbers: bounds read off, absolute values and relus taken out.

|r| in the cost becomes a new unknown t with r <= t and -r <= t; of an unknown itself it becomes a
weight. What is maximised over entries, and relus, are treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr, symbol
from derivant.primitives import RECORD
from derivant.rewriting import pulled_back
from derivant.stationary.algebra import at_zero, constant, depends, derived, substituted
from derivant.stationary.descent import Region
from derivant.stationary.hessians import kinked, scale_of
from derivant.stationary.numeric import Data, Flat, Numbers
from derivant.stationary.problem import Constraint, Problem

EDGE = 1e-12  # how near an open bound may be come


@dataclass(slots=True)
class Reduced:
    """The cost without kinks, unknowns with the new ones, constraints that are no bounds."""

    cost: Expr
    unknowns: list[Expr]
    constraints: list[Constraint]
    bounds: list[tuple[Constraint, Expr]] = field(default_factory=list)
    lower: dict[Expr, list[Numbers]] = field(default_factory=dict)
    upper: dict[Expr, list[Numbers]] = field(default_factory=dict)
    weights: dict[Expr, Numbers] = field(default_factory=dict)
    made: dict[Expr, tuple[str, tuple[Expr, ...]]] = field(default_factory=dict)

    def region(self, flat: Flat) -> Region:
        """Bounds and weights of the flat vector."""
        sides = []
        for bounds, open_, pick in (
            (self.lower, -np.inf, np.maximum),
            (self.upper, np.inf, np.minimum),
        ):
            parts = []
            for u, shape in zip(flat.unknowns, flat.shapes, strict=True):
                whole = np.full(shape, open_)
                for bound in bounds.get(u, []):
                    whole = pick(whole, bound)
                parts.append(np.ravel(whole))
            sides.append(np.concatenate(parts))
        weights = [
            np.ravel(np.broadcast_to(self.weights.get(u, np.zeros(())), shape))
            for u, shape in zip(flat.unknowns, flat.shapes, strict=True)
        ]
        return Region(sides[0], sides[1], np.concatenate(weights).astype(float))


def reduced(problem: Problem, data: Data) -> Reduced:
    """The problem with bounds and kinks apart."""
    found = Reduced(problem.cost, list(problem.unknowns), [])
    for constraint in problem.constraints:
        if not _bound(found, constraint, problem.unknowns, data):
            found.constraints.append(constraint)
    for u in problem.unknowns:
        _facts(found, u, problem.facts(u))
    for u in problem.unknowns:
        for node in kinked(found.cost, u):
            if depends(found.cost, [node]):
                _take_out(found, node, data)
    return found


def _facts(found: Reduced, u: Expr, facts: frozenset[str]) -> None:
    if facts & {"positive", "gt1", "big"}:
        found.lower.setdefault(u, []).append(np.asarray(EDGE))
    if facts & {"unitint", "simplex", "mask"}:
        found.lower.setdefault(u, []).append(np.asarray(EDGE))
        found.upper.setdefault(u, []).append(np.asarray(1 - EDGE))


def _number(expression: Expr, data: Data) -> Numbers:
    return np.asarray(evaluate_all([expression], data.values, data.sizes)[0], float)


def _bound(found: Reduced, constraint: Constraint, unknowns: Sequence[Expr], data: Data) -> bool:
    """Whether a constraint is a bound on the entries of one unknown; then it is noted."""
    own = [u for u in unknowns if depends(constraint.gap, [u])]
    if constraint.relation == "==" or len(own) != 1 or own[0].shape != constraint.gap.shape:
        return False
    (u,) = own
    form = derived(constraint.excess, u)
    number = scale_of(form.sum) if u.shape else form.to_expr()
    if number is None or depends(number, unknowns):
        return False
    rate = float(_number(number, data))
    side = -_number(at_zero(constraint.excess, [u]), data) / rate if rate else None
    if side is None or not np.all(np.isfinite(side)):
        return False
    (found.upper if rate > 0 else found.lower).setdefault(u, []).append(side)
    found.bounds.append((constraint, u))
    return True


def _take_out(found: Reduced, node: Expr, data: Data) -> None:
    """One function with a kink, where the cost rises with it and what it is of is affine."""
    name, norm = node.primitive.name, node
    if name not in ("abs", "relu", "maximum", "max", "vector_norm"):
        return
    if name == "vector_norm" and node.params.get("ord") != 1.0:
        return
    operands = node.inputs
    if not all(_affine(x, found.unknowns) for x in operands):
        return
    shape = operands[0].shape if name == "vector_norm" else node.shape
    t = symbol(f" t{len(found.made)}", shape)
    total: Expr = t
    if name == "vector_norm":
        total = RECORD.sum(t, axis=tuple(range(-len(shape), 0)), keepdims=False)
        if len(node.shape):
            return
    cost = substituted(found.cost, {norm: total})
    weight = pulled_back(cost, t)
    if depends(weight, [t, *found.unknowns]):
        return
    rate = _number(weight, data)
    if np.any(rate < 0):
        raise DerivantError(
            f"the objective falls with {name}(...), so that it is not convex there and has kinks; "
            "no method here finds its minimum surely"
        )
    if name in ("abs", "vector_norm") and any(operands[0] is u for u in found.unknowns):
        known = found.weights.get(operands[0], np.zeros(()))
        found.weights[operands[0]] = known + rate
        found.cost = substituted(cost, {t: constant(0.0, t.shape)})
        return
    found.cost = cost
    found.unknowns.append(t)
    found.made[t] = (name, operands)
    _above(found, name, operands, t)


def _above(found: Reduced, name: str, operands: Sequence[Expr], t: Expr) -> None:
    """t is at least each of the parts that the function is the greatest of."""
    parts = list(operands)
    if name in ("abs", "vector_norm"):
        parts.append(RECORD.negative(operands[0]))
    if name == "relu":
        found.lower.setdefault(t, []).append(np.zeros(()))
    for k, part in enumerate(parts):
        gap = RECORD.subtract(part, t)
        found.constraints.append(Constraint(f" {t.params['name']}{k}", gap, "<="))


def _affine(value: Expr, unknowns: Sequence[Expr]) -> bool:
    own = [u for u in unknowns if depends(value, [u])]
    return all(not depends(derived(value, u).to_expr(), unknowns) for u in own)


def started(found: Reduced, point: dict[Expr, Numbers], data: Data) -> dict[Expr, Numbers]:
    """The start with values for the new unknowns: those of the functions they stand for."""
    values = dict(point)
    for t, (name, operands) in found.made.items():
        parts = [
            np.asarray(v, float)
            for v in evaluate_all(list(operands), {**data.values, **values}, data.sizes)
        ]
        if name in ("abs", "vector_norm"):
            values[t] = np.abs(parts[0])
        elif name == "relu":
            values[t] = np.maximum(parts[0], 0)
        elif name == "maximum":
            values[t] = np.maximum(parts[0], parts[1])
        else:
            values[t] = np.broadcast_to(np.max(parts[0]), t.shape).astype(float)
    return values
