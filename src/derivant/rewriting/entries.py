"""Factors of one entry joined: exp(u) / (1 + exp(u)) = sigmoid(u), relu(u) step(u) = relu(u).

All factors that carry the same letters are functions of the same entry, or powers of it; each law
looks at two or three of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting.context import Context
from derivant.rewriting.functions import (
    applied,
    is_row,
    negated,
    one_plus_exp,
    only_atom,
    same,
    scaled,
    summed_exp,
)
from derivant.rewriting.indexed import ONE, Atom, Index, Sum, Term
from derivant.rewriting.lowering import lowered
from derivant.rewriting.settling import with_terms
from derivant.rewriting.triangles import is_triangle

Joined = tuple[Fraction, list[Atom]]
TANGENTS = {("sinh", "cosh"): "tanh", ("sin", "cos"): "tan"}
MASKS = {"mask", "onehot", "unitint"}
SIZED = ("abs", "sign", "step", "relu")
ROWS = {"exp", "tril", "triu", *SIZED, *(row for pair in TANGENTS for row in pair)}


def entries_joined(context: Context, total: Sum) -> Sum:
    """Functions of one entry joined in each term."""
    return with_terms(total, [_joined(context, t) for t in total.terms])


def _joined(context: Context, term: Term) -> Term:
    """The term with its factors joined until nothing changes."""
    if not any(_matters(context, a) for a in term.atoms):
        return term
    changed = True
    while changed:
        changed = False
        for group in _groups(term):
            found = _first(context, group) if any(_matters(context, a) for a in group) else None
            if found is not None:
                gone = {id(a) for a in group}
                rest = [a for a in term.atoms if id(a) not in gone]
                number, atoms = found
                kept = tuple(a for a in (*rest, *atoms) if a.power)
                term = Term(term.coefficient * number, kept, term.bound)
                changed = True
                break
    return term


def _matters(context: Context, atom: Atom) -> bool:
    """Whether a law may have something to say of a factor."""
    payload = atom.payload
    if payload is None:
        return False
    if payload.primitive.name in ROWS or payload.params.get("facts"):
        return True
    if id(payload) in context.exponents:
        return True
    inside = context.inside(payload)
    return inside is not None and len(inside.terms) == 2 and atom.power < 0


def _groups(term: Term) -> Iterator[list[Atom]]:
    """The factors of each entry."""
    groups: dict[Index, list[Atom]] = {}
    for a in term.atoms:
        if a.payload is not None:
            groups.setdefault(a.index, []).append(a)
    yield from groups.values()


def _first(context: Context, group: list[Atom]) -> Joined | None:
    for law in LAWS:
        found = law(context, group)
        if found is not None:
            return found
    return None


def _but(group: list[Atom], *gone: Atom) -> list[Atom]:
    return [a for a in group if all(a is not g for g in gone)]


def _made(found: Sum, index: Index, power: Fraction) -> Joined | None:
    """A function that is one factor, on the letters of the entry."""
    if len(found.terms) != 1 or found.terms[0].bound or len(found.terms[0].atoms) != 1:
        return None
    term = found.terms[0]
    names = dict(enumerate(index))
    atom = term.atoms[0].renamed(names)
    if power.denominator > 1 and term.coefficient != 1:
        return None
    number = ONE if term.coefficient == 1 else term.coefficient ** int(power)
    return number, [replace(atom, power=atom.power * power)]


def _of_whole(context: Context, row: str, u: Sum, index: Index, power: Fraction) -> Joined | None:
    return _made(applied(context, row, u), index, power)


# Facts of single factors


def _fact(context: Context, group: list[Atom]) -> Joined | None:
    """y^2 = 1 for y of 1 and -1, m^2 = m for m of 0 and 1, step(u)^2 = step(u)."""
    for a in group:
        assert a.payload is not None
        facts = set(a.payload.params.get("facts", ()))
        whole = a.power.denominator == 1
        if "pm1" in facts and whole and not 0 <= a.power <= 1:
            return ONE, [*_but(group, a), replace(a, power=a.power % 2)]
        zero_one = facts & MASKS or is_row(a.payload, "step") or is_triangle(a.payload)
        if zero_one and a.power > 1:
            return ONE, [*_but(group, a), replace(a, power=ONE)]
        if is_row(a.payload, "sign") and whole and not 0 <= a.power <= 1:
            context.require("nonzero", a.payload.inputs[0])
            return ONE, [*_but(group, a), replace(a, power=a.power % 2)]
    return None


# Exponentials


def _logistic(context: Context, group: list[Atom]) -> Joined | None:
    """1 / (1 + exp(u)) = sigmoid(-u)."""
    for a in group:
        inside = context.inside(a.payload)
        if inside is None or a.power >= 0 or a.power.denominator > 1:
            continue
        u = one_plus_exp(context, inside)
        if u is None:
            continue
        found = _of_whole(context, "sigmoid", negated(context, u), a.index, -a.power)
        if found is not None:
            return found[0], [*_but(group, a), *found[1]]
    return None


def _exp_sigmoid(context: Context, group: list[Atom]) -> Joined | None:
    """exp(u) sigmoid(-u) = sigmoid(u)."""
    for a in group:
        if not is_row(a.payload, "exp"):
            continue
        u = context.operand(a.payload)
        for b in group:
            v = context.operand(b.payload)
            if not is_row(b.payload, "sigmoid") or u is None or v is None or b.power < 0:
                continue
            sign = 1 if a.power > 0 else -1
            if not same(u, negated(context, v) if sign > 0 else v):
                continue
            power = min(abs(a.power), b.power)
            w = u if sign > 0 else negated(context, u)
            found = _of_whole(context, "sigmoid", w, a.index, power)
            if found is None:
                continue
            rest = [replace(a, power=a.power - sign * power), replace(b, power=b.power - power)]
            return found[0], [*_but(group, a, b), *rest, *found[1]]
    return None


def _exp_exp(context: Context, group: list[Atom]) -> Joined | None:
    """exp(p u) exp(q u) = exp((p + q) u)."""
    exps = [a for a in group if is_row(a.payload, "exp") and context.operand(a.payload)]
    for a, b in combinations(exps, 2):
        u, v = context.operand(a.payload), context.operand(b.payload)
        if u is None or v is None or not u.terms or not v.terms:
            continue
        ratio = v.terms[0].coefficient / u.terms[0].coefficient
        if len(u.terms) != len(v.terms) or not same(context.tried(scaled(u, ratio)), v):
            continue
        power = a.power + ratio * b.power
        if not power:
            return ONE, _but(group, a, b)
        found = _of_whole(context, "exp", context.tried(scaled(u, power)), a.index, ONE)
        if found is not None:
            return found[0], [*_but(group, a, b), *found[1]]
    return None


def _tangent(context: Context, group: list[Atom]) -> Joined | None:
    """sinh(u) / cosh(u) = tanh(u), sin(u) / cos(u) = tan(u)."""
    for (above, below), row in TANGENTS.items():
        for a in group:
            if not is_row(a.payload, above) or a.power <= 0:
                continue
            for b in group:
                u, v = context.operand(a.payload), context.operand(b.payload)
                if not is_row(b.payload, below) or b.power >= 0 or u is None or v is None:
                    continue
                if not same(u, v):
                    continue
                power = min(a.power, -b.power)
                found = _of_whole(context, row, u, a.index, power)
                if found is None:
                    continue
                rest = [replace(a, power=a.power - power), replace(b, power=b.power + power)]
                return found[0], [*_but(group, a, b), *rest, *found[1]]
    return None


def _power_of_power(context: Context, group: list[Atom]) -> Joined | None:
    """u^v u^k = u^(v + k)."""
    for a in group:
        known = context.exponents.get(id(a.payload))
        if known is None or a.power.denominator > 1:
            continue
        _, base, exponent = known
        inner = only_atom(base)
        if inner is None or inner.power != 1 or exponent.rank:
            continue
        own = tuple(a.index[c] for c in inner.index)
        for b in group:
            if b.payload is not inner.payload or b.index != own or b.power.denominator > 1:
                continue
            more = Term(b.power, ())
            total = replace(exponent, terms=(*scaled(exponent, a.power).terms, more))
            total = context.tried(total)
            made = RECORD.pow(lowered(base), context.remembered(total))
            context.exponents[id(made)] = (made, base, total)
            return ONE, [*_but(group, a, b), Atom(made, a.index)]
    return None


# Signs and sizes


def _sized(context: Context, group: list[Atom]) -> Joined | None:
    """u = sign(u) |u|: the sign and the size of one entry, each once; u step(u) = relu(u)."""
    for a in group:
        u = context.operand(a.payload)
        if not is_row(a.payload, *SIZED) or u is None or a.payload is None:
            continue
        mates = [b for b in group if is_row(b.payload, *SIZED) and _same_operand(a, b)]
        powers = {b.payload.primitive.name: b.power for b in mates if b.payload is not None}
        base = _base(context, u, a.index)
        own = next((b for b in group if base and b.payload is base[1] and b.index == base[2]), None)
        found = _gated(context, powers, base, own) or _signed(
            context, a.payload, u, powers, base, own
        )
        if found is None:
            continue
        number, names, power = found
        atoms = _but(group, *mates, *([own] if own else []))
        for row, exponent in names.items():
            if exponent:
                made = _of_whole(context, row, u, a.index, exponent)
                assert made is not None
                number, atoms = number * made[0], atoms + made[1]
        if power and base is not None:
            number *= base[0] ** int(power)
            atoms.append(Atom(base[1], base[2], power))
        return number, atoms
    return None


def _same_operand(a: Atom, b: Atom) -> bool:
    assert a.payload is not None and b.payload is not None
    return a.payload.inputs[0] is b.payload.inputs[0]


Base = tuple[Fraction, Expr, Index]
Sized = tuple[Fraction, dict[str, Fraction], Fraction]  # a number, powers by row, power of u


def _base(context: Context, u: Sum, index: Index) -> Base | None:
    """u as a number times one factor."""
    atom = only_atom(u)
    if atom is not None and atom.power == 1 and atom.payload is not None:
        return ONE, atom.payload, tuple(index[c] for c in atom.index)
    if len(u.terms) < 2 or u.rank != len(index):
        return None
    number, payload, flipped = context.payload(u)
    return number, payload, index[::-1] if flipped else index


def _gated(
    context: Context, powers: dict[str, Fraction], base: Base | None, own: Atom | None
) -> Sized | None:
    """relu(u)^p step(u) = relu(u)^p, u^p step(u) = relu(u)^p and relu(u) u = relu(u)^2."""
    others = {row: p for row, p in powers.items() if row not in ("relu", "step")}
    rectified, step = powers.get("relu", Fraction(0)), powers.get("step", Fraction(0))
    if rectified > 0 and step > 0:
        return ONE, {**others, "relu": rectified}, own.power if own else Fraction(0)
    if base is None or own is None or own.power <= 0 or own.power.denominator > 1:
        return None
    if rectified > 0 or step > 0:
        number = (1 / base[0]) ** int(own.power)
        return number, {**others, "relu": rectified + own.power}, Fraction(0)
    return None


def _signed(
    context: Context,
    payload: Expr,
    u: Sum,
    powers: dict[str, Fraction],
    base: Base | None,
    own: Atom | None,
) -> Sized | None:
    """sign(u)^s |u|^p u^k with as few factors as there can be."""
    if base is None or "step" in powers or "relu" in powers:
        return None
    size, sign = powers.get("abs", Fraction(0)), powers.get("sign", Fraction(0))
    k = own.power if own else Fraction(0)
    if any(p.denominator > 1 for p in (size, sign, k)):
        return None
    even = size.numerator % 2 == 0
    if not (size and even) and (size != 0) + (sign != 0) + (k != 0) < 2:
        return None
    number = (1 / base[0]) ** int(k)  # of u^k, what the factor alone is
    whole, odd = size + k, (sign + k) % 2 == 1
    if (whole.numerator % 2 == 1) == odd:
        found: Sized = number, {}, whole
    elif not whole:
        found = number, {"sign": ONE}, Fraction(0)
    elif whole in (1, -1):
        found = number, {"abs": whole}, Fraction(0)
    elif odd and whole < 0:
        found = number, {"sign": ONE}, whole
    else:
        found = number, {"abs": ONE}, whole - 1
    before = {row: p for row, p in powers.items() if p}
    if found[1] == before and found[2] == k:
        return None
    if sign or size < 0:
        context.require("nonzero", payload.inputs[0])
    return found


Law = Callable[[Context, list[Atom]], Joined | None]
LAWS: tuple[Law, ...] = (
    _fact,
    _power_of_power,
    _logistic,
    _exp_sigmoid,
    _exp_exp,
    _tangent,
    _sized,
)


# Softmax: factors of different letters


def softmax_read(context: Context, total: Sum) -> Sum:
    """exp(u) / sum exp(u) = softmax(u), the sum along one axis."""
    return with_terms(total, [_softmax(context, t) for t in total.terms])


def _softmax(context: Context, term: Term) -> Term:
    below = [a for a in term.atoms if a.power <= -1 and context.inside(a.payload) is not None]
    for b in below:
        inside = context.inside(b.payload)
        found = summed_exp(context, inside) if inside is not None else None
        if found is None or inside is None:
            continue
        u, letters = found
        exp = inside.terms[0].atoms[0]
        axis = len(exp.index) - 1 if exp.index[-1] == inside.terms[0].bound[0][0] else 0
        outer = tuple(b.index[c] for c in letters)
        for a in term.atoms:
            if a.payload is not exp.payload or a.power < 1:
                continue
            here = tuple(c for k, c in enumerate(a.index) if k != axis)
            if here != outer:
                continue
            power = min(a.power, -b.power)
            (made,) = applied(context, "softmax", u, axis=(-1,)).terms[0].atoms
            index = (*here, a.index[axis])
            new = Atom(made.payload, tuple(index[c] for c in made.index), power)
            rest = [x for x in term.atoms if x is not a and x is not b]
            rest += [replace(a, power=a.power - power), replace(b, power=b.power + power)]
            return replace(term, atoms=(*(x for x in rest if x.power), new))
    return term
