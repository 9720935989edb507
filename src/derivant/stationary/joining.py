"""An equation that holds the unknown in two parts, as one in which fewer functions of it stand.

log u - log v = c is u = e^c v; u = v is u^2 = v^2 where these are roots, and log u = log v where
they are products of powers and exponentials. What is lost on the way is only which side is
positive, so that each solution is a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Sum, Term, as_number, lowered
from derivant.stationary.algebra import (
    constant,
    depends,
    entry_sum,
    over,
    payload_of,
    simple,
    summed,
)
from derivant.stationary.hessians import same

POWERS = frozenset(("exp", "pow"))


def own_atoms(term: Term, x: Expr) -> list[Atom]:
    """The atoms of a term that depend on an unknown."""
    return [a for a in term.atoms if a.payload is not None and depends(a.payload, [x])]


def joined(total: Sum, x: Expr) -> list[Expr]:
    """Equations with the same solutions and others, each perhaps easier; empty where none is."""
    whole = tuple(range(total.rank))
    with_x = [t for t in total.terms if own_atoms(t, x)]
    atoms = [a for t in with_x for a in own_atoms(t, x)]
    if any(a.index != whole for a in atoms):
        return []
    names = {payload_of(a).primitive.name for a in atoms}
    if names == {"log"} and len(atoms) == len(with_x) and all(a.power == 1 for a in atoms):
        return _without_logs(total, x, with_x)
    rest = [t for t in total.terms if t not in with_x]
    if len(with_x) > 2 or (len(with_x) == 2 and rest):
        return _without_common(total, x)
    if len(with_x) == 1 and not rest:
        return [payload_of(a) for a in atoms if a.power > 0]  # a product is 0 where a part is
    sides = (_part(total, with_x[:1]), RECORD.negative(_part(total, with_x[1:] or rest)))
    if any(a.power.denominator == 2 for a in atoms) and not names & POWERS:
        return [RECORD.subtract(*(_squared(total, x, [t]) for t in with_x))] if not rest else [
            RECORD.subtract(_squared(total, x, with_x), RECORD.multiply(sides[1], sides[1]))
        ]  # fmt: skip
    if names & POWERS:
        return [_in_logs(total, x, with_x[:1], with_x[1:] or rest)]
    return _without_common(total, x)


def _without_common(total: Sum, x: Expr) -> list[Expr]:
    """The equation without the function of the unknown that is a factor of all its terms."""
    first, *others = ({(id(a.payload), a.power): a for a in own_atoms(t, x)} for t in total.terms)
    common = [a for key, a in first.items() if all(key in other for other in others)]
    if not common:
        return []
    keys = {(id(a.payload), a.power) for a in common}
    terms = tuple(
        replace(t, atoms=tuple(a for a in t.atoms if (id(a.payload), a.power) not in keys))
        for t in total.terms
    )
    return [_part(total, terms)]


def _part(total: Sum, terms: Sequence[Term]) -> Expr:
    if not terms:
        return constant(0.0, total.shape)
    return lowered(replace(total, terms=tuple(terms)))


def _without_logs(total: Sum, x: Expr, terms: Sequence[Term]) -> list[Expr]:
    """The sum of k_i log u_i + rest as the product of the u_i^(k_i / k_1) = exp(-rest / k_1)."""
    factors = [_factor(total, t, x) for t in terms]
    above, below = list[Expr](), list[Expr]()
    for term, factor in zip(terms, factors, strict=True):
        ratio = term.coefficient / terms[0].coefficient
        if ratio not in (1, -1) or not same(factor, RECORD.multiply(float(ratio), factors[0])):
            return []
        (atom,) = own_atoms(term, x)
        (above if ratio > 0 else below).append(payload_of(atom).inputs[0])
    rest = _part(total, [t for t in total.terms if t not in terms])
    side = RECORD.exp(simple(RECORD.negative(over(rest, factors[0]))))
    return [RECORD.subtract(_product(above), RECORD.multiply(simple(side), _product(below)))]


def _product(parts: Sequence[Expr]) -> Expr:
    found = constant(1.0)
    for part in parts:
        found = RECORD.multiply(found, part)
    return found


def _factor(total: Sum, term: Term, x: Expr) -> Expr:
    """A term without its functions of the unknown."""
    return _part(total, [_without(term, x)])


def _without(term: Term, x: Expr) -> Term:
    own = own_atoms(term, x)
    return replace(term, atoms=tuple(a for a in term.atoms if a not in own))


def _squared(total: Sum, x: Expr, terms: Sequence[Term]) -> Expr:
    """The square of a term, its roots undone."""
    (term,) = terms
    factor = _factor(total, term, x)
    own = own_atoms(term, x)
    squares = [RECORD.power(payload_of(a), exponent=as_number(2 * a.power)) for a in own]
    return _product([factor, factor, *squares])


def _in_logs(total: Sum, x: Expr, one: Sequence[Term], other: Sequence[Term]) -> Expr:
    """log of one part less log of minus the other, each one term or free of the unknown."""
    parts = [_part(total, [_without(t, x) for t in terms]) for terms in (one, other)]
    logs: list[Expr] = [RECORD.log(simple(RECORD.negative(over(*parts))))]
    for terms, sign in ((one, 1), (other, -1)):
        for a in (a for t in terms for a in own_atoms(t, x)):
            power = constant(as_number(sign * a.power))
            logs.append(RECORD.multiply(power, logarithm(payload_of(a))))
    return simple(summed(logs))


def logarithm(value: Expr) -> Expr:
    """The logarithm of a positive value, of each part where it is a product or a power."""
    return summed([RECORD.multiply(power, log_of(part)) for part, power in factors_of(value)])


def log_of(value: Expr) -> Expr:
    """The logarithm of a value that is no product by its name, or of all entries of one."""
    name, inputs = value.primitive.name, value.inputs
    if name == "exp":
        return inputs[0]
    if name == "prod" and not value.shape:
        return entry_sum(RECORD.log(inputs[0]))
    found: Expr = RECORD.log(value)
    return found


def factors_of(value: Expr) -> list[tuple[Expr, Expr]]:
    """The factors of a product, of products within it too, each with its power."""
    found, waiting = list[tuple[Expr, Expr]](), [(value, constant(1.0))]
    while waiting:
        one, power = waiting.pop()
        name, inputs = one.primitive.name, one.inputs
        if name in ("multiply", "divide") and all(x.shape == one.shape for x in inputs):
            sign = -1.0 if name == "divide" else 1.0
            waiting += [(inputs[1], RECORD.multiply(sign, power)), (inputs[0], power)]
        elif name == "pow" and all(x.shape == one.shape for x in inputs):
            waiting.append((inputs[0], RECORD.multiply(power, inputs[1])))
        elif name in ("power", "sqrt"):
            exponent = 0.5 if name == "sqrt" else float(one.params["exponent"])
            waiting.append((inputs[0], RECORD.multiply(exponent, power)))
        else:
            found.append((one, power))
    return found
