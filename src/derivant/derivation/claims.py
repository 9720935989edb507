"""A claimed derivative as an expression in the variables of the formula.

Reads a text in the notation of the formula, or in the other one where its marks say so. A size
that the claim alone leaves open, as in 2*I, is that of the derivative. Knows not what is right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from derivant.base.dims import Dim, Shape
from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.notation import Facts, Formula, canonical_name, read_formula
from derivant.notation.grammar import value_span
from derivant.notation.lexer import pointed, tokens_of

BESIDE = "Derivative_0"  # a name beside which the claim is read; no word of a formula
SIZES, MOST_AXES = "Sizes_0", 8  # a name that has the named sizes
NOT_THIS = "which was asked for"  # of a notation that was tried, and that the marks rule out


def read_claim(
    claim: str | Expr,
    known: Mapping[str, Expr],
    assigned: Mapping[str, Expr],
    shape: Shape,
    dimensions: Sequence[str],
    assume: Facts,
    notation: str,
) -> Expr:
    """The expression of a claim, its variables those that are known, its sizes the formula's.

    `shape` is that of the derivative; `assigned` are names of a program, which stand for their
    values. Raises ArgumentError or ShapeError, with the place marked in the claim, where it cannot
    be read.
    """
    if isinstance(claim, Expr):
        return _in_known(claim, known, {})
    if not isinstance(claim, str):
        raise ArgumentError(f"a claim is a text or an Expr, not {type(claim).__name__}")
    names = {**known, **assigned}
    given = {name: expr.shape for name, expr in names.items()}
    given[SIZES] = tuple(Dim.named(n) for n in dimensions[:MOST_AXES])
    errors: list[DerivantError] = []
    for reading in dict.fromkeys((notation, "auto")):
        for beside in (False, True):
            try:
                found = _read(claim, given, shape, assume, reading, beside)
            except DerivantError as error:
                if not beside and NOT_THIS not in str(error):
                    errors.append(error)
                continue
            if set(found.variables) <= {*names, BESIDE}:
                expr = found.expression.inputs[0] if beside else found.expression
                return _in_known(expr, known, assigned)
    _check_names(claim, names, dimensions)
    if errors:
        raise errors[0]
    raise ShapeError(f"the size of I is open in the claim {claim!r:.60}; write eye(n)")


def _read(
    claim: str,
    given: Mapping[str, Shape],
    shape: Shape,
    assume: Facts,
    notation: str,
    beside: bool,
) -> Formula:
    """The claim alone, or beside an array of the derivative's shape."""
    if not beside:
        return read_formula(claim, given, assume, notation)
    start, stop = value_span(claim)
    text = f"{claim[:start]}({claim[start:stop]}) + {BESIDE}{claim[stop:]}"
    found = read_formula(text, {**given, BESIDE: shape}, assume, notation)
    if found.expression.primitive.name != "add":
        raise ShapeError("the claim cannot be read beside the derivative")
    return found


def _in_known(claim: Expr, known: Mapping[str, Expr], assigned: Mapping[str, Expr]) -> Expr:
    """The claim over the variables that are known, and what names of a program stand for."""
    names = {**known, **assigned}
    changes = {}
    for variable in variables(claim):
        name = str(variable.params["name"])
        if name not in names:
            raise ArgumentError(f"{name} is not in the formula; it has {', '.join(known)}")
        if variable.shape != names[name].shape:
            raise ShapeError(f"{name} has shape {names[name].shape}, in the claim {variable.shape}")
        changes[variable] = names[name]
    return replaced([claim], changes)[0]


def _check_names(claim: str, names: Mapping[str, Expr], dimensions: Sequence[str]) -> None:
    """Refuse a name that the formula does not have, where the claim has it."""
    tokens = tokens_of(claim)
    own = {
        canonical_name(a.text) for a, b in pairwise(tokens) if a.kind == "name" and b.text == "="
    }
    for token, after in pairwise(tokens):
        name = canonical_name(token.text)
        if (
            token.kind != "name"
            or after.text == "("
            or name in {*names, *dimensions, *own, "I", "pi", "where"}
        ):
            continue
        has = ", ".join([*names, *dimensions]) or "no names"
        message = f"{token.text} is in the claim and not in the formula, which has {has}"
        raise pointed(claim, token.start, token.end, message)
