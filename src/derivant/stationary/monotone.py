"""An increasing function of a simpler cost: log(1 + q), sqrt(q), exp(q), a norm. q has its optimum.

The least point of h(q(x)) with h increasing is that of q. A product of positive parts is the
exponential of the sum of their logarithms. What the multipliers are is not said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.stationary.algebra import depends, inner, summed
from derivant.stationary.conditions import sign_of
from derivant.stationary.found import Found
from derivant.stationary.joining import factors_of, log_of
from derivant.stationary.problem import Problem

INCREASING = frozenset(("log", "exp", "sqrt", "log1p", "expm1", "sinh", "asinh", "atan", "tanh"))
MOST_LAYERS = 12


def monotone_problem(problem: Problem, solved: Callable[[Problem], Found]) -> Found | None:
    """The optimum of what an increasing function is of; None where there is no such function."""
    inner_cost, changed = _peeled(problem)
    core = inner_cost if changed else _in_logs(inner_cost, problem)
    if core is None:
        return None
    found = solved(replace(problem, cost=core, objective=core, sign=1))
    kept = found.multipliers if not problem.constraints else {}
    pattern = f"an increasing function, {found.pattern}"
    return replace(found, multipliers=kept, least=None, sure="", pattern=pattern)


def is_increasing(problem: Problem) -> bool:
    """Whether the cost is an increasing function of a simpler one."""
    return _peeled(problem)[1]


def _peeled(problem: Problem) -> tuple[Expr, bool]:
    """What the cost rises with, and whether it is more than an affine function of it."""
    core, changed = problem.cost, False
    for _ in range(MOST_LAYERS):
        inside = _inside(core, problem)
        if inside is None:
            break
        core, changed = inside[0], changed or inside[1]
    return core, changed


def _in_logs(cost: Expr, problem: Problem) -> Expr | None:
    """The logarithm of a product, or minus that of minus one; None where the cost is none.

    That its parts are positive is left to the comparison of the answer.
    """
    sign = 1.0
    while cost.primitive.name == "negative":
        (cost,), sign = cost.inputs, -sign
    factors = [f for f in factors_of(cost) if depends(f[0], problem.unknowns)]
    if len(factors) < 2 and cost.primitive.name != "prod":
        return None
    return summed([RECORD.multiply(RECORD.multiply(sign, p), log_of(f)) for f, p in factors])


def _inside(cost: Expr, problem: Problem) -> tuple[Expr, bool] | None:
    """What a cost rises with, and whether it is a function of it that is not affine."""
    own = [x for x in cost.inputs if depends(x, problem.unknowns)]
    if len(own) != 1 or cost.shape:
        return None
    (x,), name, inputs = own, cost.primitive.name, cost.inputs
    if name == "vector_norm" and cost.params.get("ord") == 2.0:
        return inner(x, x), True
    if x.shape:
        return None
    if name in INCREASING or (name == "power" and cost.params.get("exponent") == 0.5):
        return x, True
    first = x is inputs[0]
    if name == "add" or (name == "subtract" and first):
        return x, False
    other = inputs[-1] if first else inputs[0]
    if name in ("multiply", "divide") and (first or name == "multiply") and len(inputs) == 2:
        sign = sign_of(other)
        return (x, False) if sign is not None and sign.strict and not sign.needs else None
    return None
