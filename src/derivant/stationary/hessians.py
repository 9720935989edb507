"""Second derivatives in index form: multiples of the identity, quadratics, and positivity."""

from __future__ import annotations

from dataclasses import dataclass

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Form, Sum, lowered
from derivant.stationary.algebra import at_zero, constant, depends, derived, is_zero, simple
from derivant.stationary.conditions import Condition, sign_of
from derivant.stationary.degrees import degree
from derivant.stationary.systems import core_of, pair_of, spread

KINKS = frozenset(
    ("abs", "sign", "relu", "step", "max", "min", "maximum", "minimum", "vector_norm", "sort")
    + ("clip", "floor", "ceil", "round", "where")
)


@dataclass(frozen=True, slots=True)
class Quadratic:
    """x'Hx/2 + <slope, x> + rest; `hessian` has the axes of x twice."""

    hessian: Form
    slope: Expr
    rest: Expr


def quadratic(value: Expr, x: Expr) -> Quadratic | None:
    """A number as a quadratic function of one unknown, None where it is none."""
    if degree(value, [x]) > 2:
        return None
    gradient = derived(value, x).to_expr()
    hessian = derived(gradient, x)
    if depends(hessian.to_expr(), [x]):
        return None
    return Quadratic(hessian, at_zero(gradient, [x]), at_zero(value, [x]))


def scale_of(hessian: Sum) -> Expr | None:
    """The number h of a Hessian that is h times the identity; None for any other."""
    rank = hessian.rank // 2
    wanted = {frozenset((c, c + rank)) for c in range(rank)}
    numbers = []
    for term in hessian.terms:
        units = [a for a in term.atoms if a.payload is None]
        rest = [a for a in term.atoms if a.payload is not None]
        if {frozenset(a.index) for a in units} != wanted or len(units) != rank:
            return None
        if any(c < 2 * rank for a in rest for c in a.index):
            return None
        names = {c: k for k, (c, _) in enumerate(term.bound)}
        atoms = tuple(a.renamed(names) for a in rest)
        bound = tuple((names[c], s) for c, s in term.bound)
        numbers.append(type(term)(term.coefficient, atoms, bound))
    return simple(lowered(Sum((), hessian.dtype, tuple(numbers)))) if numbers else constant(0.0)


def convex(hessian: Form) -> tuple[bool, tuple[Condition, ...]] | None:
    """Whether x'Hx >= 0 is seen, and > 0; None where neither is."""
    total = spread(hessian)
    if not total.terms:
        return False, ()
    rank = total.rank // 2
    if rank < 2:
        found = sign_of(hessian.to_expr())
        return None if found is None else (found.strict, found.needs)
    for axis in range(2):
        core = core_of(total, axis, axis + 2)
        if core is not None:
            found = sign_of(core)
            return None if found is None else (found.strict, found.needs)
    strict, needs = False, list[Condition]()
    for place in range(len(total.terms)):
        pair = pair_of(total, place)
        signs = [None] if pair is None else [sign_of(m) for m in pair]
        if any(s is None for s in signs):
            return None
        both = all(s.strict for s in signs if s is not None)
        needs += [n for s in signs if s is not None for n in s.needs] if both else []
        strict = strict or both
    return strict, tuple(needs)


def has_kinks(value: Expr, x: Expr) -> bool:
    """Whether a function that has kinks is taken of the unknown."""
    return bool(kinked(value, x))


def kinked(value: Expr, x: Expr) -> list[Expr]:
    """The nodes of functions with kinks that depend on the unknown, operands first."""
    from_x = {id(x)}
    found = []
    for node in ancestors([value]):
        if any(id(y) in from_x for y in node.inputs):
            from_x.add(id(node))
            if node.primitive.name in KINKS:
                found.append(node)
    return found


def same(a: Expr, b: Expr) -> bool:
    """Whether the difference vanishes in normal form."""
    return is_zero(RECORD.subtract(a, b))
