"""A problem made ready for numbers: bounds read off, absolute values and relus taken out.

|r| becomes a new unknown t with r <= t and -r <= t; of an unknown itself it becomes a weight. What
is maximised over entries, relus, and one of these of another, are treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from derivant.base.dims import size_of
from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.draws import SYMMETRIC
from derivant.primitives import RECORD
from derivant.rewriting import pulled_back
from derivant.stationary.algebra import (
    constant,
    depends,
    derived,
    entry_sum,
    inner,
    is_zero,
    substituted,
)
from derivant.stationary.descent import Region
from derivant.stationary.hessians import kinked, scale_of
from derivant.stationary.numeric import Data, Flat, Numbers
from derivant.stationary.problem import Constraint, Problem

TAKEN = frozenset(("abs", "relu", "maximum", "max", "vector_norm"))
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
    made: dict[Expr, tuple[Expr, ...]] = field(default_factory=dict)
    open: dict[Expr, list[tuple[float, float]]] = field(default_factory=dict)
    rounds: dict[Expr, float] = field(default_factory=dict)

    def region(self, flat: Flat) -> Region:
        """Bounds and weights of the flat vector."""
        sides = []
        for bounds, open_, pick in (
            (self.lower, -np.inf, np.maximum),
            (self.upper, np.inf, np.minimum),
        ):
            parts = []
            for u, shape, facts in zip(flat.unknowns, flat.shapes, flat.facts, strict=True):
                whole = np.full(shape, open_)
                for bound in bounds.get(u, []):
                    whole = pick(whole, bound)
                if facts & SYMMETRIC:
                    whole = pick(whole, whole.T)
                parts.append(np.ravel(whole))
            sides.append(np.concatenate(parts))
        weights = [
            np.ravel(np.broadcast_to(self.weights.get(u, np.zeros(())), shape))
            for u, shape in zip(flat.unknowns, flat.shapes, strict=True)
        ]
        ends = np.cumsum([0, *flat.counts]).tolist()
        rounds = tuple(
            (ends[k], ends[k + 1], self.rounds[u])
            for k, u in enumerate(flat.unknowns)
            if u in self.rounds
        )
        whole = np.concatenate(weights).astype(float)
        return Region(sides[0], sides[1], whole, rounds=rounds)

    def at_the_edge(self, flat: Flat, z: Numbers) -> Numbers:
        """The point, with what is as near to an open bound as may be still nearer to it."""
        parts = []
        for u, x in flat.split(z).items():
            for low, high in self.open.get(u, []):
                x = np.where(x <= low + EDGE, np.nextafter(low, np.inf), x)
                x = np.where(x >= high - EDGE, np.nextafter(high, -np.inf), x)
            parts.append(np.ravel(x))
        return np.concatenate(parts)


def reduced(problem: Problem, data: Data) -> Reduced:
    """The problem with bounds and kinks apart."""
    found = Reduced(problem.cost, list(problem.unknowns), [])
    for constraint in problem.constraints:
        if not _bound(found, constraint, problem.unknowns, data):
            found.constraints.append(constraint)
    for u in problem.unknowns:
        _facts(found, u, problem.facts(u))
    for node in _kinks(found):
        if any(depends(root, [node]) for root in (found.cost, *(c.gap for c in found.constraints))):
            _take_out(found, node, data)
    if found.constraints:
        _weights_out(found, data)
    else:
        _rounds(found, data)
    return found


def _rounds(found: Reduced, data: Data) -> None:
    """The Euclidean norms of whole unknowns in the cost, which stay in it, and their weights."""
    for u in found.unknowns:
        free = not (found.lower.get(u) or found.upper.get(u))
        for node in kinked(found.cost, u) if free else ():
            own = node.primitive.name == "vector_norm" and node.inputs[0] is u
            if not own or node.shape or node.params.get("ord") != 2.0:
                continue
            t = symbol(" norm", ())
            rate = pulled_back(substituted(found.cost, {node: t}), t)
            if not depends(rate, [t, *found.unknowns]) and float(_number(rate, data)) >= 0:
                found.rounds[u] = float(_number(rate, data))


def _weights_out(found: Reduced, data: Data) -> None:
    """Absolute values of unknowns as new unknowns too: beside constraints no weight is kept."""
    for u, weight in found.weights.items():
        t = symbol(f" t{len(found.made)}", u.shape)
        shape = tuple(size_of(s, data.sizes) for s in u.shape)
        known = symbol(f" w{len(found.made)}", u.shape)
        data.values[known] = np.array(np.broadcast_to(weight, shape), float)
        found.cost = RECORD.add(found.cost, inner(known, t))
        found.made[t] = (u, RECORD.negative(u))
        _stand_in(found, t, found.made[t])
    found.weights.clear()


def _facts(found: Reduced, u: Expr, facts: frozenset[str]) -> None:
    """The open bounds that are declared of an unknown."""
    for fact, low, high in (("positive", 0.0, np.inf), ("gt1", 1.0, np.inf), ("unitint", 0.0, 1.0)):
        if fact in facts:
            found.open.setdefault(u, []).append((low, high))
            found.lower.setdefault(u, []).append(np.asarray(low + EDGE))
            found.upper.setdefault(u, []).append(np.asarray(high - EDGE))


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
    zero = np.zeros(tuple(size_of(s, data.sizes) for s in u.shape))
    at_zero = evaluate_all([constraint.excess], {**data.values, u: zero}, data.sizes)[0]
    side = -np.asarray(at_zero, float) / rate if rate else None
    if side is None or not np.all(np.isfinite(side)):
        return False
    (found.upper if rate > 0 else found.lower).setdefault(u, []).append(side)
    found.bounds.append((constraint, u))
    return True


def _kinks(found: Reduced) -> list[Expr]:
    """The functions with kinks in the cost and in the inequalities, outer ones first."""
    roots = [found.cost, *(c.gap for c in found.constraints if c.relation != "==")]
    nodes = [n for root in roots for u in found.unknowns for n in reversed(kinked(root, u))]
    return list({id(n): n for n in nodes}.values())


def _take_out(found: Reduced, node: Expr, data: Data) -> None:
    """One function with a kink, where all rises with it and what it is of is affine."""
    name = node.primitive.name
    parts = _parts(node, found.unknowns)
    if name not in TAKEN or parts is None or (name == "vector_norm" and node.shape):
        return
    if any(c.relation == "==" and depends(c.gap, [node]) for c in found.constraints):
        return
    shape = node.inputs[0].shape if name == "vector_norm" else node.shape
    t = symbol(f" t{len(found.made)}", shape)
    whole = entry_sum(t) if name == "vector_norm" else t
    held = [c for c in found.constraints if depends(c.gap, [node])]
    cost = substituted(found.cost, {node: whole})
    excesses = [substituted(c.excess, {node: whole}) for c in held]
    if not _rise([cost, *excesses], t, found.unknowns, name, data):
        return
    own = next((u for u in found.unknowns if node.inputs[0] is u), None)
    if name in ("abs", "vector_norm") and own is not None and not held:
        known = found.weights.get(own, np.zeros(()))
        found.weights[own] = known + _number(pulled_back(cost, t), data)
        found.cost = substituted(cost, {t: constant(0.0, t.shape)})
        return
    changed = dict(zip(map(id, held), excesses, strict=True))
    found.constraints = [
        Constraint(c.key, changed[id(c)], "<=") if id(c) in changed else c
        for c in found.constraints
    ]
    found.cost = cost
    _stand_in(found, t, parts)


def _rise(roots: Sequence[Expr], t: Expr, unknowns: Sequence[Expr], name: str, data: Data) -> bool:
    """Whether all rise with a function at rates that are known; refused where one falls."""
    rates = [derived(root, t).to_expr() for root in roots]
    if any(depends(rate, [t, *unknowns]) for rate in rates):
        return False
    if any(np.any(_number(rate, data) < 0) for rate in rates):
        raise DerivantError(
            f"the objective or a constraint falls with {name}(...), so that the problem is not "
            "convex there and has kinks; no method here finds its minimum surely"
        )
    return True


def _stand_in(found: Reduced, t: Expr, parts: tuple[Expr, ...]) -> None:
    """A new unknown that is at least each of the parts."""
    found.unknowns.append(t)
    found.made[t] = parts
    for k, part in enumerate(parts):
        if not depends(part, found.unknowns) and is_zero(part):
            found.lower.setdefault(t, []).append(np.zeros(()))
        else:
            gap = RECORD.subtract(part, t)
            found.constraints.append(Constraint(f" {t.params['name']}{k}", gap, "<="))


def _parts(node: Expr, unknowns: Sequence[Expr]) -> tuple[Expr, ...] | None:
    """The affine parts of which a function is the greatest, None where it is of another kind."""
    name = node.primitive.name
    below: tuple[Expr, ...] = node.inputs
    if name == "abs" or (name == "vector_norm" and node.params.get("ord") == 1.0):
        below = (node.inputs[0], RECORD.negative(node.inputs[0]))
    elif name == "relu":
        below = (node.inputs[0], constant(0.0, node.shape))
    elif name not in ("maximum", "max"):
        return (node,) if _affine(node, unknowns) else None
    found = [_parts(x, unknowns) for x in below]
    if any(f is None for f in found):
        return None
    return tuple(part for f in found if f is not None for part in f)


def _affine(value: Expr, unknowns: Sequence[Expr]) -> bool:
    own = [u for u in unknowns if depends(value, [u])]
    return all(not depends(derived(value, u).to_expr(), unknowns) for u in own)


def started(found: Reduced, point: dict[Expr, Numbers], data: Data) -> dict[Expr, Numbers]:
    """The start with values for the new unknowns: those of the functions they stand for."""
    values = dict(point)
    for t, parts in found.made.items():
        numbers = evaluate_all(list(parts), {**data.values, **values}, data.sizes)
        shape = tuple(size_of(s, data.sizes) for s in t.shape)
        least = np.full(shape, -np.inf)
        for x in numbers:
            least = np.maximum(least, np.asarray(x, float) if shape else np.max(x))
        values[t] = least
    return values
