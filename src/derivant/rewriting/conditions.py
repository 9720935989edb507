"""What must hold of the variables for a form to be read as it stands.

A form in index letters is equal to its expression at generic points; what divides there and what
is inverted must not vanish. What the declared facts grant is not listed.
"""

from __future__ import annotations

from collections.abc import Iterator

from derivant.carriers.expr import Expr
from derivant.rewriting.choices import reached
from derivant.rewriting.context import Condition, Context
from derivant.rewriting.functions import POSITIVE_ROWS
from derivant.rewriting.indexed import Sum
from derivant.rewriting.settling import size_of_number

GRANTS = {
    "invertible": {"invertible", "symmetric-invertible", "spd", "orthonormal"},
    "nonzero": {"nonzero", "positive", "gt1", "big", "pm1", "unit", "simplex"},
}


def conditions_of(context: Context, total: Sum) -> tuple[Condition, ...]:
    """The conditions of the rewrites that were applied, and those of the form itself."""
    found = dict(context.conditions)
    for condition in _needed(context, total):
        found.setdefault((condition.kind, id(condition.payload)), condition)
    return tuple(c for c in found.values() if not _is_granted(c))


def _needed(context: Context, total: Sum) -> Iterator[Condition]:
    """Inverses and divisors of a sum and of all sums inside it."""
    stack, seen = [total], set[int]()
    while stack:
        for term in stack.pop().terms:
            for atom in term.atoms:
                payload = atom.payload
                if payload is None:
                    continue
                if atom.power < 0:
                    yield Condition("nonzero", payload)
                if id(payload) in seen:
                    continue
                seen.add(id(payload))
                if payload.primitive.name == "inv":
                    yield Condition("invertible", payload.inputs[0])
                inner = (context.inside(payload), context.operand(payload))
                stack += [s for s in inner if s is not None]


def _is_granted(condition: Condition) -> bool:
    payload = condition.payload
    if GRANTS[condition.kind].intersection(payload.params.get("facts", ())):
        return True
    return condition.kind == "nonzero" and _is_positive(payload)


def _is_positive(payload: Expr) -> bool:
    """Whether a number is seen to be positive: a size, an exponential, 1 + a square."""
    if size_of_number(payload) is not None:
        return True
    name = payload.primitive.name
    if name in ("add", "multiply", "divide"):
        return all(_is_leaf_positive(x) for x in payload.inputs)
    if name == "sum":
        return _is_leaf_positive(payload.inputs[0]) or bool(reached(payload.inputs[0]))
    return _is_leaf_positive(payload)


def _is_leaf_positive(x: Expr) -> bool:
    name = x.primitive.name
    if name == "const":
        return (
            bool((x.params["value"] > 0).all())
            if hasattr(x.params["value"], "all")
            else bool(x.params["value"] > 0)
        )
    if name in ("variable",):
        return bool(GRANTS["nonzero"] & {*x.params["facts"]} - {"nonzero", "pm1", "unit"})
    return name in POSITIVE_ROWS or size_of_number(x) is not None
