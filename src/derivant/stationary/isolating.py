"""One equation in one number, or the same in every entry: the unknown alone on one side.

The equation is opened until the unknown is under one function, which is undone; or it is rational
and, when its denominators are multiplied out, of degree 1 or 2 in a power of the unknown; or it has
two parts, of which a power or the logarithm is taken (`joining.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import gcd

from derivant.carriers.expr import Expr, as_expr
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
from derivant.stationary.conditions import entries_sign
from derivant.stationary.joining import joined, own_atoms

DEEPEST = 8
LARGEST_PART = 10_000  # of a fraction that is written for the root of a number
HIGHEST = 6  # degree of a polynomial that is looked at
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
    found: list[Expr] = []
    waiting = [(equation, 0)]
    while waiting:
        one, depth = waiting.pop(0)
        if depth < DEEPEST:
            values, more = _opened_once(one, x)
            found += values
            waiting += [(e, depth + 1) for e in more]
    return found


def _opened_once(equation: Expr, x: Expr) -> tuple[list[Expr], list[Expr]]:
    """The values that an equation gives, and the equations that are left to solve for others."""
    form = formed(equation)
    total = opened(form, lambda a: a.payload is not x and depends(payload_of(a), [x]))
    if total is None:
        return [], []
    total = replace(total, terms=tuple(map(_merged, total.terms)))
    kinds = {(id(a.payload), a.power): a for t in total.terms for a in own_atoms(t, x)}
    if not kinds:
        return [], []
    if len(kinds) > 1 or any(len(own_atoms(t, x)) > 1 for t in total.terms):
        values = _rational(total, form, x)
        return values, [] if values else joined(total, x)
    (atom,) = kinds.values()
    value = _solved_for(total, x)
    if value is None or atom.payload is None:
        return [], []
    payload, sides = atom.payload, _roots_of(value, atom.power)
    undo = _undoing(payload, x)
    if undo is not None:
        payload, sides = payload.inputs[0], [undo(simple(v)) for v in sides]
    if payload is x:
        return [simple(v) for v in sides], []
    return [], [RECORD.subtract(payload, v) for v in sides]


def _undoing(payload: Expr, x: Expr) -> Callable[[Expr], Expr] | None:
    """The inverse of the function that a part is of its first operand."""
    if payload.primitive.name == "pow" and not depends(payload.inputs[1], [x]):
        back = over(constant(1.0), payload.inputs[1])
        return lambda v: as_expr(RECORD.pow(v, back))
    return UNDONE.get(payload.primitive.name)


def _solved_for(total: Sum, x: Expr) -> Expr | None:
    """The value of the one function of the unknown, -rest / factor; its letters must be free."""
    factors, rests = [], []
    for term in total.terms:
        own = own_atoms(term, x)
        if not own:
            rests.append(term)
            continue
        if any(c >= total.rank for c in own[0].index):
            return None
        factors.append(replace(term, atoms=tuple(a for a in term.atoms if a is not own[0])))
    factor = lowered(replace(total, terms=tuple(factors)))
    rest = lowered(replace(total, terms=tuple(rests))) if rests else constant(0.0, total.shape)
    return simple(RECORD.negative(over(rest, factor)))


def _roots_of(value: Expr, power: Fraction) -> list[Expr]:
    """The numbers whose power is the value, the positive one first."""
    if power < 0:
        value, power = over(constant(1.0, value.shape), simple(value)), -power
    if power == 1:
        return [value]
    value = simple(value)
    plain = _root(value, 1 / power)
    if power.numerator % 2 == 0:
        return [plain, RECORD.negative(plain)]
    if power.denominator > 1 or abs(power.numerator) == 1 or entries_sign(value) is not None:
        return [plain]
    size = RECORD.power(RECORD.abs(value), exponent=as_number(1 / power))
    return [RECORD.multiply(RECORD.sign(value), size)]


def _root(value: Expr, power: Fraction) -> Expr:
    """A power of a value, taken of its number and of each part that is not negative."""
    found: Expr
    total = formed(value).sum
    if len(total.terms) != 1 or total.terms[0].coefficient < 0 or total.terms[0].bound:
        return _power(value, power)
    (term,) = total.terms
    units = [a for a in term.atoms if a.payload is None]
    sure = [a for a in term.atoms if a not in units and _not_negative(a)]
    left = tuple(a for a in term.atoms if a not in sure and a not in units)
    outside = (*units, *(replace(a, power=a.power * power) for a in sure))
    found = RECORD.multiply(
        _number_root(term.coefficient, power),
        lowered(replace(total, terms=(Term(Fraction(1), outside, ()),))),
    )
    if left:
        inside = lowered(replace(total, terms=(Term(Fraction(1), (*units, *left), ()),)))
        found = RECORD.multiply(found, _power(inside, power))
    return found


def _power(value: Expr, power: Fraction) -> Expr:
    found: Expr = RECORD.power(value, exponent=as_number(power))
    return found


def _not_negative(atom: Atom) -> bool:
    return entries_sign(payload_of(atom)) is not None


def _number_root(number: Fraction, power: Fraction) -> Expr:
    """A power of a number, as a number where it is one of few digits."""
    if number == 1:
        return constant(1.0)
    exact = Fraction(float(number) ** float(power)).limit_denominator(LARGEST_PART)
    if power.numerator == 1 and exact**power.denominator == number:
        return constant(as_number(exact))
    return _power(constant(as_number(number)), power)


# Rational equations


def _rational(total: Sum, form: Form, x: Expr) -> list[Expr]:
    """The roots of the polynomial that the equation is after its denominators."""
    lowest: dict[tuple[int, tuple[int, ...]], Atom] = {}
    for term in total.terms:
        for a in own_atoms(term, x):
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
    """Of a polynomial of degree 1 or 2 in a power of the unknown, the larger root first."""
    factors, rate, number = list[Expr](), polynomial, 1
    for k in range(HIGHEST + 1):
        factors.append(simple(over(at_zero(rate, [x]), constant(float(number)))))
        if not depends(rate, [x]):
            break
        rate, number = _entry_slope(rate, x), number * (k + 1)
    else:
        return []
    there = [k for k, factor in enumerate(factors) if not is_zero(factor)]
    if len(there) < 2:
        return []
    lowest, step = there[0], gcd(*(k - there[0] for k in there))
    degree = (there[-1] - lowest) // step
    if degree > 2:
        return []
    c, *middle, a = (factors[lowest + step * k] for k in range(degree + 1))
    powers = _of_degree_2(c, middle[0], a) if middle else [RECORD.negative(over(c, a))]
    found = [simple(v) for p in powers for v in _roots_of(p, Fraction(step))]
    return [*found, constant(0.0, x.shape)] if lowest else found


def _of_degree_2(c: Expr, b: Expr, a: Expr) -> list[Expr]:
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
