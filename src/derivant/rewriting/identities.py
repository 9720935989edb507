"""Sums of functions that are one: 1 - sigmoid(u) = sigmoid(-u), exp(u) - exp(-u) = 2 sinh(u)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from derivant.rewriting.context import Context
from derivant.rewriting.functions import applied, broadcast, is_row, negated, number, same, scaled
from derivant.rewriting.indexed import Atom, Sum, Term

# c (1 + s f(u)^2) = c p g(u)^2: by the row f and the sign s, the row g, its sign and power.
SQUARES = {
    ("sin", -1): ("cos", 1, 2),
    ("cos", -1): ("sin", 1, 2),
    ("tan", 1): ("cos", 1, -2),
    ("sinh", 1): ("cosh", 1, 2),
    ("cosh", -1): ("sinh", -1, 2),
}
PAIRS = {("cos", "sin"): 1, ("cosh", "sinh"): -1}  # f^2 + s g^2 = 1


def identities_used(context: Context, total: Sum) -> Sum:
    """A sum of two terms that is one."""
    if len(total.terms) != 2:
        return total
    one, two = sorted(total.terms, key=lambda t: len(t.atoms))
    if one.bound or two.bound or len(two.atoms) != 1 or len(one.atoms) > 1:
        return total
    found = (
        _with_one(context, one, two, total) if not one.atoms else _of_two(context, one, two, total)
    )
    return total if found is None else found


def _whole(context: Context, atom: Atom, total: Sum) -> Sum | None:
    """What a function is taken of, over the axes of the sum."""
    inner = context.operand(atom.payload)
    if inner is None or len({*atom.index}) < len(atom.index):
        return None
    return broadcast(inner, atom.index, total.shape)


def _with_one(context: Context, one: Term, two: Term, total: Sum) -> Sum | None:
    (atom,) = two.atoms
    u, sign = _whole(context, atom, total), two.coefficient / one.coefficient
    if u is None or atom.payload is None or abs(sign) != 1:
        return None
    name = atom.payload.primitive.name
    if name == "sigmoid" and atom.power == 1 and sign == -1:
        return scaled(applied(context, "sigmoid", negated(context, u)), one.coefficient)
    known = SQUARES.get((name, int(sign)))
    if known is None or atom.power != 2:
        return None
    row, factor, power = known
    return _power(context, row, u, power, one.coefficient * factor)


def _power(context: Context, row: str, u: Sum, power: int, by: Fraction) -> Sum | None:
    found = applied(context, row, u)
    if len(found.terms) != 1:
        return None
    term = found.terms[0]
    atoms = tuple(replace(a, power=a.power * power) for a in term.atoms)
    return replace(found, terms=(Term(by * term.coefficient**power, atoms, term.bound),))


def _of_two(context: Context, one: Term, two: Term, total: Sum) -> Sum | None:
    a, b = one.atoms[0], two.atoms[0]
    u, v = _whole(context, a, total), _whole(context, b, total)
    if u is None or v is None or a.payload is None or b.payload is None:
        return None
    ratio = two.coefficient / one.coefficient
    if is_row(a.payload, "exp") and is_row(b.payload, "exp") and a.power == b.power == 1:
        if abs(ratio) != 1 or not same(negated(context, u), v):
            return None
        row = "cosh" if ratio == 1 else "sinh"
        return scaled(applied(context, row, u), 2 * one.coefficient)
    if a.power != 2 or b.power != 2 or not same(u, v):
        return None
    for names, sign in PAIRS.items():
        rows = a.payload.primitive.name, b.payload.primitive.name
        if rows == names and ratio == sign:
            return number(one.coefficient, total)
        if rows == names[::-1] and ratio == sign:
            return number(one.coefficient * sign, total)
    return None
