"""Is my formula right? A claim compared with the derivative, and what is wrong with it.

The answer is numeric first: differences of the value, in which no rule of the table takes part,
decide at random points and sizes; normal forms then say whether it is right for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from derivant.base.dims import Shape
from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.base.graph import ancestors
from derivant.base.types import Function
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.carriers.trace import variables
from derivant.derivation.checking import names_in
from derivant.derivation.claims import read_claim
from derivant.derivation.counterexample import Counterexample, counterexample, exception
from derivant.derivation.derive import derive, name_of, read_value
from derivant.derivation.diagnosis import diagnosed
from derivant.derivation.edits import addends
from derivant.derivation.points import Point, Question, agree, arranged_shape, close, points
from derivant.derivation.residue import UNEVEN, climbed, is_dust, share_left
from derivant.derivation.result import Derivative
from derivant.derivation.scrutiny import scrutinised
from derivant.derivation.stacking import unstacked
from derivant.derivation.turning import turned_claims
from derivant.notation import Facts, Forms, Shapes, canonical_name, text_of
from derivant.primitives import RECORD
from derivant.rewriting import Form, form_of

ENOUGH = 9  # points at which a right claim is right
FEWEST = 3  # fewer than so many finite points decide nothing
LONGEST = 100  # characters of a difference that is shown
ROUNDING = 1e-9
ROUNDED = 1e-14  # a share that a number with all its digits may be off
UNSEEN = "claim − derivative is not 0 by any law, and too small to be seen at random points"


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Whether a claimed derivative is right, and what is wrong with it where it is not.

    `kind` is a word for the diagnosis: right, fact, layout, factor, sign, transpose, term,
    product, order, power, size, shape, domain, rounded, wrong or undecided. A claim in decimals
    that is off by more than rounding is "rounded" and not right; the diagnosis says how far.

    >>> from derivant.derivation import verify
    >>> print(verify("x'*A*x", wrt="x", claim="2*A*x"))
    not true in general; true if A = A'.   derivative (A + A') x;  claim − derivative = (A - A') x
    counterexample x = [1, 0], A = [[0, 1], [0, 0]]: derivative [0, 1], claim [0, 0]
    """

    right: bool
    kind: str
    diagnosis: str
    wrt: str
    said: str
    derivative: str | None
    difference: str | None
    counterexample: Counterexample | None

    def __str__(self) -> str:
        told = self.derivative is None or self.kind == "layout"
        parts = [] if told else [f"derivative {self.derivative}"]
        if self.difference is not None:
            parts.append(f"claim − derivative = {self.difference}")
        line = self.diagnosis + (".   " + ";  ".join(parts) if parts else "")
        found = self.counterexample
        return line if found is None else f"{line}\ncounterexample {found}"


def verify(
    what: str | Expr | Function,
    wrt: str | Expr,
    claim: str | Expr,
    shapes: Shapes = None,
    assume: Facts = None,
    order: int = 1,
    cotangent: str | None = None,
    notation: str = "auto",
    layout: str = "tensor",
    structured: str = "none",
) -> Verdict:
    """Whether a claimed derivative of a formula is right, and if not, what is wrong with it.

    The arguments are those of `derive`; the claim may be in either notation, with the variables
    of the formula, its sizes and the names that a program gives. Shape: that of the value, then
    that of the variable, once for each order. The claim is compared with differences of the value
    (central, Richardson's extrapolation) and with the closed form at random points of different
    sizes; where it is wrong, facts, layouts, factors, signs, transposes and terms are tried, and a
    counterexample of small numbers is given. Where nothing can be compared the answer is "not
    decided", never right.

    Raises ArgumentError or ShapeError, with the place marked, where formula or claim cannot be
    read.

    >>> verify("A*x", wrt="x", claim="A'").diagnosis
    'right in the other (denominator) layout; here, shape of the value first: A'
    >>> verify("norm2(x)^2", wrt="x", claim="x").diagnosis
    'off by a constant factor, a factor 2 is missing: the claim is 1/2 times the derivative'
    """
    if order not in (1, 2):
        raise ArgumentError(f"a claim is of order 1 or 2, not {order!r:.40}")
    value, known, read = read_value(what, shapes, assume, notation, cotangent)
    name = name_of(wrt, known, read)
    options = {"order": order, "cotangent": cotangent, "layout": layout, "structured": structured}
    plain = _derived(what, name, shapes, assume, notation, {**options, **PLAIN})
    answer = plain
    if layout != "tensor" or structured != "none":
        answer = _derived(what, name, shapes, assume, notation, options)
    if cotangent is not None:
        value, known = _paired(value, known, cotangent)
    value = unstacked(value) if layout == "vec" else value
    full = (*value.shape, *known[name].shape * order)
    shape = arranged_shape(full, layout, len(value.shape))
    sizes = _dimensions([value, *known.values()])
    assigned = {} if isinstance(read, str) else read.assignments
    written = "numpy" if isinstance(read, str) else read.notation
    said = read if isinstance(read, str) else read.said

    def asked(claim: str | Expr) -> Question:
        claimed = read_claim(claim, known, assigned, shape, sizes, assume, written)
        question = _question(value, known, name, plain, claimed)
        question = replace(question, order=order, layout=layout, structured=structured)
        if answer is None:
            return question
        return replace(question, shown=answer.expr, terms=tuple(addends(answer.expr)))

    return _answered(claim, asked, answer, name, said)


def _answered(
    claim: str | Expr,
    asked: Callable[[str | Expr], Question],
    answer: Derivative | None,
    name: str,
    said: str,
) -> Verdict:
    """The verdict; on a claim whose shapes do not fit, what makes it right if that is found."""
    try:
        question = asked(claim)
    except ShapeError:
        found = _turned(claim, asked, answer, name, said)
        if found is None:
            raise
        return found
    return _judged(question, answer, name, said)


def _turned(
    claim: str | Expr,
    asked: Callable[[str | Expr], Question],
    answer: Derivative | None,
    name: str,
    said: str,
) -> Verdict | None:
    """The transposes that make a claim right whose shapes do not fit; None where none do."""
    if not isinstance(claim, str):
        return None
    for turned in turned_claims(claim):
        try:
            question = asked(turned.text)
        except DerivantError:
            continue
        seen = list(islice(points(question), ENOUGH))
        if not _undecided(seen, False) and all(map(agree, seen)):
            text = f"wrong, its shapes do not fit: {turned.said}: right is {turned.text}"
            shown = None if answer is None else answer.text
            return Verdict(False, turned.kind, text, name, said, shown, None, None)
    return None


def _paired(value: Expr, known: Mapping[str, Expr], cotangent: str) -> tuple[Expr, dict[str, Expr]]:
    """The number <G, value>, whose gradient is the product with the cotangent G."""
    upstream = symbol(canonical_name(cotangent), value.shape, value.dtype)
    axes = tuple(range(-len(value.shape), 0))
    paired: Expr = RECORD.sum(RECORD.multiply(value, upstream), axis=axes, keepdims=False)
    return paired, {**known, str(upstream.params["name"]): upstream}


PLAIN = {"layout": "tensor", "structured": "none"}


def _derived(
    what: Any, name: str, shapes: Any, assume: Any, notation: str, options: dict[str, Any]
) -> Derivative | None:
    """The closed form; None where there is none, and differences alone must decide."""
    try:
        found = derive(what, name, shapes, assume, notation=notation, **options)
    except ArgumentError:
        raise
    except DerivantError:
        return None
    assert isinstance(found, Derivative)
    return found


def _question(
    value: Expr, known: Mapping[str, Expr], name: str, plain: Derivative | None, claim: Expr
) -> Question:
    """What is asked; the variable is free of its facts where it moves."""
    variable, closed = known[name], None if plain is None else plain.expr
    free = symbol(name, variable.shape, variable.dtype)
    moving = value if free is variable else replaced([value], {variable: free})[0]
    roots = [e for e in (value, closed, claim, variable) if e is not None]
    used = {str(v.params["name"]) for v in variables(roots)}
    leaves = {n: v for n, v in known.items() if n in used}
    names = _dimensions(roots)
    return Question(moving, free, variable, 1, closed, None, (), claim, leaves, names, "", "")


def _dimensions(roots: list[Expr]) -> tuple[str, ...]:
    """The named sizes that occur."""
    shapes = [node.shape for node in ancestors(roots) if node.primitive.outputs == 1]
    return tuple(sorted({n for shape in shapes for size in shape for n in names_in(size)}))


def _judged(question: Question, answer: Derivative | None, name: str, said: str) -> Verdict:
    """The verdict at points where everything is finite."""
    seen = list(islice(points(question), ENOUGH))
    difference, left = _difference(question, answer)
    proved = left is not None and not left.sum.terms
    shown = None if answer is None else answer.text
    undecided = _undecided(seen, proved)
    if undecided:
        text = f"not decided: {undecided}"
        return Verdict(False, "undecided", text, name, said, shown, difference, None)
    off = [p for p in seen if not _right_at(question, p, proved)]
    if not off or (len(seen) - len(off) >= FEWEST and all(is_dust(question, p) for p in off)):
        kind, text, found = _confirmed(question, left, seen, answer)
        if kind != "rare":
            differs = None if kind == "right" else difference
            return Verdict(kind == "right", kind, text, name, said, shown, differs, found)
    kind, text = _wrong_said(question, seen, shown)
    example = counterexample(question, seen)
    return Verdict(False, kind, text, name, said, shown, difference, example)


def _confirmed(
    question: Question, left: Form | None, seen: list[Point], answer: Derivative | None
) -> tuple[str, str, Counterexample | None]:
    """The verdict on a claim that is right at random points, which are not all points.

    Where the claim is wrong at a rare point, that is added to those seen.
    """
    proved = left is not None and not left.sum.terms
    if not proved and _asks_for_equality(question):
        asks = "the value asks whether numbers are equal, and random ones never are"
        return "undecided", f"not decided: {asks}", None
    rare = None if proved else scrutinised(question)
    found, kink = exception(question) if rare is None else (None, "")
    if found is not None:
        return "wrong", "right at random points and wrong at special ones", found
    rest = None if left is None or proved or rare is not None else left.to_expr()
    share = None if rest is None else share_left(question, rest)
    if rest is not None and share == UNEVEN:
        rare = climbed(question, rest)
        if rare is None:
            return "undecided", f"not decided: {UNSEEN}", None
    if rare is not None:
        seen.append(rare)
        return "rare", "", None
    said = _right_said(seen, answer, proved)
    if share is not None and share > ROUNDED:
        return "rounded", f"not quite {said}, up to {share:.0e} of it{kink}", None
    return "right", said + kink, None


def _asks_for_equality(question: Question) -> bool:
    """Whether a choice hangs on two numbers being equal, which no random point shows."""
    roots = [question.value, question.claim]
    return any(node.primitive.name in ("equal", "not_equal") for node in ancestors(roots))


def _difference(question: Question, answer: Derivative | None) -> tuple[str | None, Form | None]:
    """The normal form of claim minus derivative, as text where it is short."""
    claim = question.claim
    if answer is None or claim.shape not in ((), answer.expr.shape):
        return None, None
    whole = claim
    if claim.shape != answer.expr.shape:
        whole = RECORD.broadcast_to(claim, shape=answer.expr.shape)
    try:
        form = form_of(RECORD.subtract(whole, answer.expr))
        text = text_of(Forms(form).best(form.sum))
    except DerivantError:
        return None, None
    shown = whole is claim and len(text) <= LONGEST and "reshape" not in text
    return (text if shown else None), form


def _undecided(seen: list[Point], proved: bool) -> str:
    """Why the points say nothing, if they do not: too few, all of size 1, or all zero."""
    wide = [p for p in seen if all(n > 1 for n in p.sizes.values())]
    if len(seen) < FEWEST or len(wide) < 2:
        return "too few random points had finite values and a derivative"
    if not proved and not any(not p.empty for p in seen):
        return "the derivative and the claim are zero at all random points"
    return ""


def _right_at(question: Question, point: Point, proved: bool) -> bool:
    """Whether the claim is the derivative; a number 0 stands for an array of zeros."""
    if agree(point):
        return True
    if point.claim is None:
        return False
    if point.claim.shape == ():
        return not np.any(point.claim) and not np.any(point.truth)
    same = point.claim.shape == point.truth.shape
    # what cancels exactly leaves rounding behind, which no relative bound allows
    return proved and same and bool(np.all(np.abs(point.claim - point.truth) < ROUNDING))


def _right_said(seen: list[Point], answer: Derivative | None, proved: bool) -> str:
    sizes = len({tuple(p.sizes.items()) for p in seen})
    where = f"{len(seen)} points" + (f" of {sizes} sizes" if sizes > 1 else "")
    if answer is None:
        return f"right: compared with differences alone at {where}; there is no closed form here"
    same = ", and the normal forms are equal" if proved else ""
    return f"right: equal to the derivative and to differences at {where}{same}"


def _wrong_said(question: Question, seen: list[Point], shown: str | None) -> tuple[str, str]:
    """The kind of the mistake, and all that is said of it."""
    finite = [p for p in seen if p.claim is not None]
    if len(finite) < len(seen) and finite and all(map(agree, finite)):
        return "domain", "right where the claim is a number, which it is not everywhere"
    found = diagnosed(question, finite)
    claim = question.claim
    if not found and claim.shape != question.shape:
        return "shape", _shapes_said(question, claim, seen)
    if not found:
        return "wrong", "wrong"
    text = "; ".join(f.text for f in found)
    if found[0].kind == "fact":
        text = f"not true in general; {text}"
    elif found[0].kind == "layout" and shown is not None:
        text = f"{text}: {shown}"
    elif found[0].kind not in ("layout", "size"):
        text = f"wrong: {text}" if not found[0].text.startswith("off by") else text
    return found[0].kind, text


def _shapes_said(question: Question, claim: Expr, seen: list[Point]) -> str:
    what = f"wrong shape: the claim is {_shape_said(claim.shape)}"
    text = f"{what}, the derivative {_shape_said(question.shape)}"
    if claim.shape == () and all(
        p.claim is not None and close(p, np.full(p.truth.shape, p.claim), p.truth) for p in seen
    ):
        return f"{text}, each entry of which is the claim"
    if all(_is_diagonal_of(p) for p in seen):
        whole = all(not np.any(p.truth - np.diag(np.diag(p.truth))) for p in seen)
        rest = "right is diag of the claim" if whole else "the claim is its diagonal alone"
        return f"{text}; {rest}"
    return text


def _is_diagonal_of(point: Point) -> bool:
    """Whether a claim that is a vector is the diagonal of a derivative that is a matrix."""
    square = point.truth.ndim == 2 and point.truth.shape[0] == point.truth.shape[1]
    if point.claim is None or not square or point.claim.shape != point.truth.shape[:1]:
        return False
    return close(point, point.claim, np.diag(point.truth))


def _shape_said(shape: Shape) -> str:
    return f"of shape ({', '.join(map(str, shape))})" if shape else "a number"
