"""A function of a sum as a factor, after the laws that functions have: log(exp(u)) = u.

What functions are taken of is in normal form already, so that each law is looked for once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from derivant.carriers.expr import Expr
from derivant.primitives import TABLE
from derivant.rewriting.context import Context, Step
from derivant.rewriting.indexed import ONE, Atom, Sum, Term
from derivant.rewriting.lowering import lowered
from derivant.rewriting.rule import Rule

# Rows that commute with transposes, so that of a symmetric matrix they are symmetric.
OF_MATRICES = ("inv", "expm", "cofactor")
POSITIVE_FACTS = {"positive", "gt1", "big", "simplex"}
POSITIVE_ROWS = {"exp", "sigmoid", "softmax", "softplus", "cosh"}


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A row with its parameters and the sum that it is taken of."""

    row: str
    operand: Sum
    params: Mapping[str, Any]


def applied(context: Context, row: str, operand: Sum, **params: Any) -> Sum:
    """A function of a sum in normal form, the laws of the function applied."""
    call = Call(row, operand, params)
    at_zero = None if operand.terms else _at_zero(call)
    if at_zero is not None:
        return at_zero
    for rule in context.laws_of(row):
        found = rule.rewrite(context, call)
        if found is not None:
            found = context.normalised(context, found)
            context.steps.append(Step(rule.name, plain(context, call), found))
            return found
    return plain(context, call)


def _at_zero(call: Call) -> Sum | None:
    """A function of entries of 0 where that is a whole number: exp(0) = 1, sign(0) = 0."""
    if TABLE[call.row].family != "elementwise":
        return None
    with np.errstate(all="ignore"):
        value = float(TABLE[call.row].evaluate(np.zeros(()), **call.params))
    if value == 0:
        return call.operand
    return number(int(value), call.operand) if value.is_integer() else None


def plain(context: Context, call: Call) -> Sum:
    """A function of a sum as one factor."""
    row = TABLE[call.row]
    operand = call.operand
    if row.family == "elementwise":
        expr, index = context.upright(operand)
        payload = Expr.derivant_apply(row, (expr,), dict(call.params))
        context.enter(payload, _placed_upright(operand, index))
        if len(index) == 2:
            context.note_function(payload, _placed_upright(operand, index))
        return single(payload, index, operand.shape)
    payload = Expr.derivant_apply(row, (context.remembered(operand),), dict(call.params))
    context.enter(payload, operand)
    if row.name in OF_MATRICES:
        context.note_function(payload, operand)
    return single(payload, tuple(range(len(payload.shape))), payload.shape)


def _placed_upright(operand: Sum, index: tuple[int, ...]) -> Sum:
    """The operand as the function sees it: without axes it is the same along, perhaps turned."""
    slim, _ = operand.slim()
    return slim.transposed() if len(index) == 2 and index[0] > index[1] else slim


def single(
    payload: Expr, index: tuple[int, ...], shape: Any, power: Fraction = ONE, number: Fraction = ONE
) -> Sum:
    """A payload as a sum of one term."""
    return Sum(tuple(shape), payload.dtype, (Term(number, (Atom(payload, index, power),)),))


def number(value: Fraction | int, like: Sum) -> Sum:
    """A number with the axes of another sum."""
    return Sum(like.shape, like.dtype, (Term(Fraction(value), ()),))


def added(*sums: Sum) -> Sum:
    """Sums of one shape, added."""
    return replace(sums[0], terms=tuple(t for s in sums for t in s.terms))


def scaled(total: Sum, by: Fraction | int) -> Sum:
    """A sum times a number."""
    return replace(total, terms=tuple(t.scaled(Fraction(by)) for t in total.terms))


def broadcast(total: Sum, index: tuple[int, ...], shape: Any) -> Sum:
    """A sum over some letters as one over all axes of a shape."""
    rank = len(shape)
    terms = []
    for t in total.terms:
        names = dict(enumerate(index)) | {c: rank + k for k, (c, _) in enumerate(t.bound)}
        atoms = tuple(a.renamed(names) for a in t.atoms)
        terms.append(Term(t.coefficient, atoms, tuple((names[c], s) for c, s in t.bound)))
    return Sum(tuple(shape), total.dtype, tuple(terms))


def same(one: Sum, two: Sum) -> bool:
    """Whether two sums in normal form are one."""
    return one.shape == two.shape and lowered(one) is lowered(two)


def negated(context: Context, total: Sum) -> Sum:
    """Minus a sum, in normal form."""
    return context.tried(scaled(total, -1))


def only_atom(total: Sum) -> Atom | None:
    """The one factor of a sum that is nothing else, its number 1."""
    if len(total.terms) != 1 or total.terms[0].coefficient != 1:
        return None
    term = total.terms[0]
    return term.atoms[0] if len(term.atoms) == 1 and not term.bound else None


def is_row(payload: Expr | None, *names: str) -> bool:
    """Whether a payload is a function of one of these rows."""
    return payload is not None and payload.primitive.name in names


def is_positive(atom: Atom) -> bool:
    """Whether a factor is positive by its row, its facts or an even power."""
    payload = atom.payload
    if payload is None:
        return False
    if atom.power.denominator == 1 and atom.power.numerator % 2 == 0:
        return True
    name = payload.primitive.name
    if name == "variable":
        return not POSITIVE_FACTS.isdisjoint(payload.params["facts"])
    if name in ("det", "abs"):
        return name == "abs" or "spd" in payload.inputs[0].params.get("facts", ())
    return name in POSITIVE_ROWS


def one_plus_exp(context: Context, total: Sum) -> Sum | None:
    """The u of 1 + exp(u), None for any other sum."""
    if len(total.terms) != 2 or any(t.coefficient != 1 or t.bound for t in total.terms):
        return None
    sizes = sorted(total.terms, key=lambda t: len(t.atoms))
    if sizes[0].atoms or len(sizes[1].atoms) != 1:
        return None
    atom = sizes[1].atoms[0]
    inner = context.operand(atom.payload)
    if not is_row(atom.payload, "exp") or inner is None or len({*atom.index}) < len(atom.index):
        return None
    u = broadcast(inner, atom.index, total.shape)
    return u if atom.power == 1 else context.tried(scaled(u, atom.power))


# Logarithms


def _log_of_function(context: Context, call: Call) -> Sum | None:
    """log of factors that are functions with a logarithm of their own."""
    total = call.operand
    if len(total.terms) != 1 or total.terms[0].coefficient <= 0 or total.terms[0].bound:
        return None
    term = total.terms[0]
    parts, rest = list[Sum](), list[Atom]()
    for atom in term.atoms:
        found = _log_of_atom(context, atom, total)
        if found is None:
            rest.append(atom)
        else:
            parts.append(found)
    if not parts:
        return None
    if rest or term.coefficient != 1:
        if any(not is_positive(a) for a in term.atoms if a not in rest):
            return None
        left = replace(total, terms=(replace(term, atoms=tuple(rest)),))
        parts.append(applied(context, "log", context.normalised(context, left)))
    return added(*parts)


def _log_of_atom(context: Context, atom: Atom, total: Sum) -> Sum | None:
    """p times the logarithm of one factor where it has a plain one."""
    inner = context.operand(atom.payload)
    if inner is None or len({*atom.index}) < len(atom.index) or atom.payload is None:
        return None
    name = atom.payload.primitive.name
    if name == "exp":
        found = inner
    elif name == "sigmoid":
        found = scaled(applied(context, "softplus", negated(context, inner)), -1)
    elif name == "softmax":
        lse = applied(context, "logsumexp", inner, axis=(-1,), keepdims=False)
        found = added(inner, scaled(broadcast(lse, tuple(range(lse.rank)), inner.shape), -1))
    elif name == "det":
        found = applied(context, "logdet", inner)
    else:
        return None
    return scaled(broadcast(found, atom.index, total.shape), atom.power)


def _softplus(context: Context, call: Call) -> Sum | None:
    u = one_plus_exp(context, call.operand)
    return None if u is None else applied(context, "softplus", u)


def _logsumexp(context: Context, call: Call) -> Sum | None:
    found = summed_exp(context, call.operand)
    if found is None:
        return None
    inner, index = found
    return broadcast(
        applied(context, "logsumexp", inner, axis=(-1,), keepdims=False), index, call.operand.shape
    )


def summed_exp(context: Context, total: Sum) -> tuple[Sum, tuple[int, ...]] | None:
    """u and the other letters, where a sum is exp(u) summed along one axis; u has that axis last.

    The letters are those of the sum, in the order of the axes of u.
    """
    if len(total.terms) != 1 or len(total.terms[0].bound) != 1:
        return None
    term = total.terms[0]
    if term.coefficient != 1 or len(term.atoms) != 1:
        return None
    atom, bound = term.atoms[0], term.bound[0][0]
    inner = context.operand(atom.payload)
    if not is_row(atom.payload, "exp") or inner is None or len({*atom.index}) < len(atom.index):
        return None
    if atom.power != 1 or len(atom.index) > 2:
        return None
    if atom.index[-1] != bound:
        inner = context.tried(inner.transposed())
    return inner, tuple(c for c in atom.index if c != bound)


def _log_abs(context: Context, call: Call) -> Sum | None:
    """log|det X|; log|x^p| = p log|x| is left to the derivative."""
    atom = only_atom(call.operand)
    if atom is None or not is_row(atom.payload, "abs"):
        return None
    inner = context.operand(atom.payload)
    inside = None if inner is None else only_atom(inner)
    if inside is None or not is_row(inside.payload, "det"):
        return None
    matrix = context.operand(inside.payload)
    assert matrix is not None
    return scaled(applied(context, "logdet", matrix), inside.power * atom.power)


def _shifted(context: Context, call: Call) -> Sum | None:
    """softmax(u - c) = softmax(u) and logsumexp(u - c) = logsumexp(u) - c along its axis."""
    total, last = call.operand, call.operand.rank - 1
    if call.params.get("axis") != (-1,) or call.params.get("keepdims"):
        return None
    moves = [any(last in a.index for a in t.atoms) for t in total.terms]
    if all(moves) or not any(moves):
        return None
    kept = tuple(t for t, moving in zip(total.terms, moves, strict=True) if moving)
    inner = context.normalised(context, replace(total, terms=kept))
    found = applied(context, call.row, inner, **call.params)
    if call.row == "softmax":
        return found
    rest = tuple(t for t, moving in zip(total.terms, moves, strict=True) if not moving)
    names = {c: c - 1 for t in rest for c, _ in t.bound}
    lower = tuple(
        Term(
            t.coefficient,
            tuple(a.renamed(names) for a in t.atoms),
            tuple((names[c], size) for c, size in t.bound),
        )
        for t in rest
    )
    return added(found, replace(found, terms=lower))


# Exponentials, signs


def _exp_of_log(context: Context, call: Call) -> Sum | None:
    """exp(p log u) = u^p."""
    total = call.operand
    if len(total.terms) != 1 or total.terms[0].bound or len(total.terms[0].atoms) != 1:
        return None
    atom, power = total.terms[0].atoms[0], total.terms[0].coefficient
    inner = context.operand(atom.payload)
    if not is_row(atom.payload, "log") or inner is None or atom.power != 1:
        return None
    if len({*atom.index}) < len(atom.index):
        return None
    free = iter(range(total.rank + 64, total.rank + 128))
    factor = context.factor(inner, atom.index, power, lambda size: next(free))
    return None if factor is None else replace(total, terms=(factor,))


def _of_positive(context: Context, call: Call) -> Sum | None:
    """|u| = relu(u) = u, sign(u) = step(u) = 1 where u > 0."""
    total = call.operand
    if not total.terms:
        return None
    good = (t.coefficient > 0 and all(map(is_positive, t.atoms)) for t in total.terms)
    if not all(good):
        return None
    return total if call.row in ("abs", "relu") else number(1, total)


def _even(context: Context, call: Call) -> Sum | None:
    """|-u| = |u|, cos(-u) = cos(u), where u starts with a minus sign or a number."""
    total = call.operand
    if not total.terms:
        return None
    first = total.terms[0].coefficient
    if len(total.terms) == 1 and call.row == "abs" and abs(first) != 1:
        inner = scaled(total, 1 / first)
        return scaled(applied(context, "abs", inner), abs(first))
    if all(t.coefficient < 0 for t in total.terms):
        return applied(context, call.row, negated(context, total))
    return None


def _of_multiple(context: Context, call: Call) -> Sum | None:
    """sign(c u) = sign(c) sign(u), and step(c u) = step(u) where c > 0."""
    total = call.operand
    if len(total.terms) != 1 or abs(total.terms[0].coefficient) == 1:
        return None
    size = abs(total.terms[0].coefficient)
    return applied(context, call.row, context.tried(scaled(total, 1 / size)))


def _odd(context: Context, call: Call) -> Sum | None:
    """sign(-u) = -sign(u), where u starts with a minus sign."""
    if not call.operand.terms or any(t.coefficient > 0 for t in call.operand.terms):
        return None
    return scaled(applied(context, call.row, negated(context, call.operand)), -1)


ENTRYWISE_RULES: dict[str, tuple[Rule[Context, Call, Sum | None], ...]] = {
    "log": (
        Rule("log(1 + exp(u)) = softplus(u)", _softplus),
        Rule("log sum exp(u) = logsumexp(u)", _logsumexp),
        Rule("log|det X| = logdet(X)", _log_abs),
        Rule("a logarithm of factors", _log_of_function),
    ),
    "exp": (Rule("exp(p log u) = u^p", _exp_of_log, "u > 0"),),
    "abs": (
        Rule("|u| = u where u > 0", _of_positive, "u > 0"),
        Rule("|-u| = |u|", _even),
    ),
    "relu": (Rule("relu(u) = u where u > 0", _of_positive, "u > 0"),),
    "sign": (
        Rule("sign(u) = 1 where u > 0", _of_positive, "u > 0"),
        Rule("sign(c u) = sign(u) where c > 0", _of_multiple),
        Rule("sign(-u) = -sign(u)", _odd),
    ),
    "step": (
        Rule("step(u) = 1 where u > 0", _of_positive, "u > 0"),
        Rule("step(c u) = step(u) where c > 0", _of_multiple),
    ),
    "softmax": (Rule("softmax(u - c) = softmax(u)", _shifted),),
    "logsumexp": (Rule("logsumexp(u - c) = logsumexp(u) - c", _shifted),),
    "cosh": (Rule("cosh(-u) = cosh(u)", _even),),
    "cos": (Rule("cos(-u) = cos(u)", _even),),
}
