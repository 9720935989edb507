"""Why a problem has no optimum, in words: constraints that contradict, a cost without a bound.

Asked only where no closed form was found. What is not sure for all data is said as "unless".
"""

from __future__ import annotations

from itertools import combinations

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.notation import shown_name
from derivant.primitives import RECORD
from derivant.rewriting import as_number
from derivant.stationary.algebra import at_zero, depends, formed, is_zero, shown, simple, slope
from derivant.stationary.conditions import entries_sign
from derivant.stationary.degrees import degree
from derivant.stationary.hessians import convex, quadratic, same
from derivant.stationary.problem import Constraint, Problem
from derivant.stationary.quadratics import BARE

OPEN = frozenset(
    ("positive",)
)  # facts under which an unknown has neither a least nor a largest value
EVERYWHERE = frozenset(
    ("add", "subtract", "negative", "multiply", "sum", "exp", "tanh", "sinh", "cosh", "atan", "erf",
     "sigmoid", "softplus", "square", "variable", "einsum", "matmul", "scale", "broadcast_to")
)  # fmt: skip
WHOLE = range(1, 100)
NONE = "there is no optimum, since the objective"


def why_impossible(problem: Problem) -> str:
    """What stands in the way of every optimum; empty where nothing is seen."""
    for constraint in problem.constraints:
        if _holds_nowhere(problem, constraint):
            return (
                f"infeasible: the constraint {constraint.key!r} holds nowhere, since "
                f"{shown(simple(constraint.gap))} has one sign whatever the unknowns are"
            )
    for one, other in combinations(problem.constraints, 2):
        why = _clash(problem, one, other)
        if why:
            return why
    return _without_bound(problem)


def _positive(value: Expr) -> bool:
    """Whether every entry is surely more than 0."""
    sign = entries_sign(value)
    return sign is not None and sign.strict and not sign.needs


def _holds_nowhere(problem: Problem, constraint: Constraint) -> bool:
    sides = [constraint.excess]
    if constraint.relation == "==":
        sides.append(RECORD.negative(constraint.gap))
    return any(_positive(simple(problem.with_facts(side))) for side in sides)


def _clash(problem: Problem, one: Constraint, other: Constraint) -> str:
    """Why two constraints on the same multiple of the unknowns cannot both be kept, or need not."""
    pair = f"{one.key!r} and {other.key!r}"
    if one.relation != "==":
        one, other = other, one
    found = difference(problem, one, other)
    if found is None:
        return ""
    number, rest = found
    if other.relation != "==":  # then rest is at most what must not be positive
        apart = _positive(rest) and (one.relation == "==" or number < 0)
        return f"infeasible: {pair} contradict one another" if apart else ""
    if is_zero(rest):
        return f"{pair} say the same, which leaves their multipliers open: leave one of them out"
    sure = _positive(rest) or _positive(simple(RECORD.negative(rest)))
    unless = "" if sure else f" unless {shown(rest)} = 0"
    return f"infeasible: {pair} contradict one another{unless}"


def difference(problem: Problem, one: Constraint, other: Constraint) -> tuple[float, Expr] | None:
    """k and r of other = k one + r with no unknown in r; None where there are none."""
    values, unknowns = [one.excess, other.excess], problem.unknowns
    if values[0].shape != values[1].shape or any(degree(v, unknowns) != 1 for v in values):
        return None
    known = [at_zero(v, unknowns) for v in values]
    parts = [simple(RECORD.subtract(v, k)) for v, k in zip(values, known, strict=True)]
    terms = [formed(p).sum.terms for p in parts]
    if not all(terms):
        return None
    number = as_number(terms[1][0].coefficient / terms[0][0].coefficient)
    if not same(parts[1], RECORD.multiply(number, parts[0])):
        return None
    return number, simple(RECORD.subtract(known[1], RECORD.multiply(number, known[0])))


def _without_bound(problem: Problem) -> str:
    """Why the cost falls without end, where no inequality and no fact stops it."""
    unknowns = problem.unknowns
    if any(c.relation != "==" for c in problem.constraints):
        return ""
    if not problem.constraints and (steady := _steady(problem)):
        return steady
    if any(problem.facts(u) - BARE for u in unknowns):
        return ""
    if degree(problem.cost, unknowns) <= 1:
        return _linear(problem)
    return "" if problem.constraints else _curved(problem)


def _steady(problem: Problem) -> str:
    """What is said of a cost that rises everywhere, or falls, with an unknown that has no end."""
    for u in problem.unknowns:
        if problem.facts(u) - OPEN or degree(problem.cost, problem.unknowns) <= 1:
            continue
        if not _is_defined_everywhere(problem, u):
            continue
        rate = simple(slope(problem.objective, u))
        for what, sign in (("rises", rate), ("falls", RECORD.negative(rate))):
            if _positive(simple(problem.with_facts(sign))):
                name = shown_name(str(u.params["name"]))
                text = shown(simple(problem.objective))
                return f"{NONE} {text} {what} with {name} everywhere, and {name} has no end"
    return ""


def _is_defined_everywhere(problem: Problem, unknown: Expr) -> bool:
    """Whether the cost surely has a value wherever the unknown may be: no root of 1 - x in it."""
    for node in ancestors([problem.objective]):
        row = node.primitive.name
        if row in EVERYWHERE or not depends(node, [unknown]):
            continue
        if row == "power" and float(node.params["exponent"]) in WHOLE:
            continue
        parts = [x for x in node.inputs if depends(x, [unknown])]
        if "positive" not in problem.facts(unknown) or any(x is not unknown for x in parts):
            return False
    return True


def _side(problem: Problem) -> str:
    return "below" if problem.sign > 0 else "above"


def _linear(problem: Problem) -> str:
    """What is said of a linear cost, under linear equations or none."""
    text = shown(simple(problem.objective))
    names = ", ".join(shown_name(str(u.params["name"])) for u in problem.unknowns)
    if not depends(simple(problem.cost), problem.unknowns):
        return f"the objective {text} does not depend on {names}: no point is better than others"
    endless = f"so that it has no bound {_side(problem)}"
    if problem.constraints:
        if any(degree(c.gap, problem.unknowns) > 1 for c in problem.constraints):
            return ""
        same_ = "unless it is the same wherever they hold"
        return f"{NONE} {text} is linear in {names}, and the constraints are, {endless} {same_}"
    rates = [slope(problem.objective, u) for u in problem.unknowns]
    sure = any(_positive(r) or _positive(simple(RECORD.negative(r))) for r in rates)
    unless = "" if sure else f" unless {' and '.join(map(shown, rates))} = 0"
    return f"{NONE} {text} is linear in {names}, {endless}{unless}"


def _curved(problem: Problem) -> str:
    """What is said of a quadratic cost whose Hessian has the wrong sign."""
    for u in problem.unknowns:
        turned = quadratic(RECORD.negative(problem.cost), u)
        sign = None if turned is None else convex(turned.hessian)
        if sign is None or not sign[0]:
            continue
        needs = f" where {'; '.join(map(str, sign[1]))}" if sign[1] else ""
        kind = "concave" if problem.sign > 0 else "convex"
        text, name = shown(simple(problem.objective)), shown_name(str(u.params["name"]))
        return f"{NONE} {text} is {kind} in {name}{needs}, and has no bound {_side(problem)}"
    return ""
