"""One equation in one number, or the same in every entry: the unknown alone on one side.

The equation is opened until the unknown is under one function, which is undone; or it is rational
and of degree 1 or 2 when its denominators are multiplied out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Form, Sum, Term, as_number, lowered, pulled_back
from derivant.stationary.algebra import (
    at_zero,
    constant,
    depends,
    formed,
    is_zero,
    opened,
    over,
    payload_of,
    simple,
)

DEEPEST = 6
UNDONE: dict[str, Callable[[Expr], Expr]] = {
    "log": lambda v: RECORD.exp(v),
    "exp": lambda v: RECORD.log(v),
    "sqrt": lambda v: RECORD.multiply(v, v),
    "tanh": lambda v: RECORD.multiply(
        0.5, RECORD.log(over(RECORD.add(1.0, v), RECORD.subtract(1.0, v)))
    ),
    "sigmoid": lambda v: RECORD.log(over(v, RECORD.subtract(1.0, v))),
    "sinh": lambda v: RECORD.log(
        RECORD.add(v, RECORD.sqrt(RECORD.add(RECORD.multiply(v, v), 1.0)))
    ),
}


def isolated(equation: Expr, x: Expr) -> list[Expr]:
    """The candidates for x where the equation is 0, entry by entry; empty where none is seen."""
    for _ in range(DEEPEST):
        form = formed(equation)
        total = opened(form, lambda a: a.payload is not x and depends(payload_of(a), [x]))
        if total is None:
            return []
        kinds = {(id(a.payload), a.power): a for t in total.terms for a in _own(t, x)}
        if not kinds:
            return []
        if len(kinds) > 1 or any(len(_own(t, x)) > 1 for t in total.terms):
            return _rational(total, form, x)
        (atom,) = kinds.values()
        value = _solved_for(total, x)
        if value is None or atom.payload is None:
            return []
        value = _root(value, atom.power)
        payload = atom.payload
        if payload is x:
            return [simple(value)]
        undo = UNDONE.get(payload.primitive.name)
        if undo is not None:
            payload, value = payload.inputs[0], undo(simple(value))
            if payload is x:
                return [simple(value)]
        equation = RECORD.subtract(payload, value)
    return []


def _own(term: Term, x: Expr) -> list[Atom]:
    return [a for a in term.atoms if a.payload is not None and depends(a.payload, [x])]


def _solved_for(total: Sum, x: Expr) -> Expr | None:
    """The value of the one function of the unknown, -rest / factor; its letters must be free."""
    factors, rests = [], []
    for term in total.terms:
        own = _own(term, x)
        if not own:
            rests.append(term)
            continue
        if any(c >= total.rank for c in own[0].index):
            return None
        factors.append(replace(term, atoms=tuple(a for a in term.atoms if a is not own[0])))
    factor = lowered(replace(total, terms=tuple(factors)))
    rest = lowered(replace(total, terms=tuple(rests))) if rests else constant(0.0, total.shape)
    return simple(RECORD.negative(over(rest, factor)))


def _root(value: Expr, power: Fraction) -> Expr:
    if power == 1:
        return value
    inverse = 1 / power
    found: Expr = RECORD.power(value, exponent=as_number(inverse))
    return found


# Rational equations


def _rational(total: Sum, form: Form, x: Expr) -> list[Expr]:
    """The roots of a polynomial of degree 1 or 2 that the equation is after its denominators."""
    lowest: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for term in total.terms:
        for a in _own(term, x):
            inside = form.inside(payload_of(a))
            if a.power.denominator != 1 or (a.payload is not x and inside is None):
                return []
            if any(c >= total.rank for c in a.index):
                return []
            key = (id(a.payload), a.index)
            if a.power < 0 and (key not in lowest or a.power < lowest[key].power):
                lowest[key] = a
    clear = tuple(replace(a, power=-a.power) for a in lowest.values())
    terms = tuple(_merged(replace(t, atoms=(*t.atoms, *clear))) for t in total.terms)
    polynomial = simple(lowered(replace(total, terms=terms)))
    return _roots(polynomial, x)


def _merged(term: Term) -> Term:
    powers: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for a in term.atoms:
        key = (id(a.payload), a.index)
        known = powers.get(key)
        same = known is not None and a.payload is not None
        powers[key] = replace(a, power=a.power + known.power) if same and known else a
    return replace(term, atoms=tuple(a for a in powers.values() if a.power))


def _roots(polynomial: Expr, x: Expr) -> list[Expr]:
    """Of a polynomial of degree 1 or 2, the larger root first."""
    first = _entry_slope(polynomial, x)
    second = _entry_slope(first, x)
    if depends(second, [x]):
        return []
    c, b, a = at_zero(polynomial, [x]), at_zero(first, [x]), simple(RECORD.divide(second, 2.0))
    if is_zero(a):
        return [] if is_zero(b) else [simple(RECORD.negative(over(c, b)))]
    if is_zero(b):
        root = RECORD.sqrt(simple(RECORD.negative(over(c, a))))
        return [simple(root), simple(RECORD.negative(root))]
    inside = RECORD.subtract(RECORD.multiply(b, b), RECORD.multiply(4.0, RECORD.multiply(a, c)))
    root = RECORD.sqrt(simple(inside))
    double = RECORD.multiply(2.0, a)
    return [
        simple(over(RECORD.subtract(root, b), double)),
        simple(over(RECORD.negative(RECORD.add(root, b)), double)),
    ]


def _entry_slope(value: Expr, x: Expr) -> Expr:
    """The derivative of each entry by its own entry of the unknown."""
    if not depends(value, [x]):
        return constant(0.0, value.shape)
    seed = constant(1.0, value.shape) if value.shape else None
    return simple(pulled_back(value, x, seed))
