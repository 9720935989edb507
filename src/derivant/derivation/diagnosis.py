"""What is wrong with a claim: the nearest thing to it that is right, found by trying.

Every answer here is a guess that has been evaluated at points of different sizes and is equal to
the derivative at all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
import numpy.typing as npt

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.derivation.edits import Edit, addends, completed, edits
from derivant.derivation.guesses import SYMMETRIC, Guess, guesses, said
from derivant.derivation.points import (
    Point,
    Question,
    agree,
    close,
    evaluated,
    points,
    stacked,
)
from derivant.notation import matrix_text, shown_name

Numbers = npt.NDArray[np.float64]
POWERS = (1, -1, 2, -2, 3, -3, 0.5, -0.5)
LARGEST_FRACTION = 1000
LONGEST_NAME = 60
MOST_EDITS = 400
FEW = 3  # points that a guess must pass before it is looked at closely
MANY = 20  # points of a look that trusts the closed form
TERM_ERROR = 1e-7


@dataclass(frozen=True, slots=True)
class Finding:
    """A kind of mistake, and what is said of it."""

    kind: str
    text: str
    repairs: bool = False  # whether it says how the claim itself becomes right


def diagnosed(question: Question, seen: Sequence[Point]) -> list[Finding]:
    """What makes a wrong claim right, the plainest first; empty where nothing was found."""
    if len(seen) < FEW:
        return []
    whole = _scaled(question, seen) or _in_layout(question, seen, False)
    if whole is not None:
        return [whole]
    if all(p.claim is not None and p.claim.shape != p.truth.shape for p in seen):
        found = [_in_layout(question, seen, True) or _edited(question, seen)]
        return [x for x in found if x is not None]
    slip = _terms(question, seen, 1) or _edited(question, seen) or _terms(question, seen, 2)
    slip = slip or _lacking(question, seen)
    fact = _under_fact(question)
    if fact is not None and fact.kind == "symmetric":
        # that the claim has A for A' is then no news; a repair of the claim itself is
        again = slip if slip is not None and slip.repairs else None
        found = [Finding("fact", fact.text), again]
    elif slip is not None or fact is not None:
        found = [slip, fact]
    else:
        found = [_size_one(question) or _in_layout(question, seen, True)]
        found = found if found[0] is not None else [_parallel(question, seen)]
    return [x for x in found if x is not None]


# A factor for the whole


def _ratio(claim: Numbers | None, truth: Numbers) -> float | None:
    """The number that the truth times it is the claim; None where there is none."""
    if claim is None or claim.shape != truth.shape or not np.any(truth):
        return None
    size = np.max(np.abs(truth))
    number = float(np.vdot(truth / size, claim / size) / np.vdot(truth / size, truth / size))
    near = np.max(np.abs(claim - number * truth), initial=0.0)
    fits = near <= 1e-8 * np.max(np.abs(claim), initial=0.0)
    return number if fits and number else None


def _scaled(question: Question, seen: Sequence[Point]) -> Finding | None:
    """The claim is the derivative times a number, a size, or a number of the formula."""
    known = [p for p in seen if not p.empty]
    ratios = [_ratio(p.claim, p.truth) for p in known]
    numbers = [r for r in ratios if r is not None]
    if not numbers or len(numbers) < len(ratios):
        return None
    whole = _constant(numbers)
    if whole is not None:
        return None if abs(whole - 1) < TERM_ERROR else _factor_said(whole, "")
    for name, values in _scalars(question, known):
        for power in POWERS:
            with np.errstate(all="ignore"):
                rest = _constant(list(np.asarray(numbers) / np.asarray(values) ** power))
            if rest is not None:
                return _factor_said(rest, name, power)
    return None


def _constant(numbers: Sequence[float]) -> float | None:
    first = numbers[0]
    if not np.isfinite(first) or not first:
        return None
    same = all(abs(n - first) <= 1e-7 * abs(first) for n in numbers)
    return first if same else None


def _scalars(question: Question, known: Sequence[Point]) -> Iterator[tuple[str, list[float]]]:
    """Sizes, and the numbers that occur in the formula, with their values at the points."""
    for name in question.names:
        yield name, [float(p.sizes[name]) for p in known]
    roots = [e for e in (question.value, question.shown, question.claim) if e is not None]
    for node in ancestors(roots):
        if node.shape != () or node.primitive.name == "const":
            continue
        values = [evaluated(node, p.values, p.sizes) for p in known]
        if all(v is not None for v in values):
            yield named(node), [float(v) for v in values if v is not None]


def number_said(value: float) -> str:
    """A number as a whole one, a quotient or a decimal."""
    near = Fraction(value).limit_denominator(LARGEST_FRACTION)
    exact = abs(float(near) - value) <= 1e-9 * abs(value)
    return str(near) if exact else f"{value:.6g}"


def _factor_said(number: float, name: str, power: float = 1) -> Finding:
    """The claim is number * name^power times the derivative."""
    if not name and abs(number + 1) < 1e-7:
        return Finding("sign", "the sign is wrong: the claim is minus the derivative")
    sign = " and the sign is wrong" if number < 0 else ""
    times = _times_said(abs(number), name, power)
    if abs(number) > 1 and not name:
        text = f"a factor {times} is too much"
    else:
        text = f"a factor {_times_said(1 / abs(number), name, -power)} is missing"
    off = "off by a factor" if name else "off by a constant factor"
    return Finding("factor", f"{off}, {text}: the claim is {times} times the derivative{sign}")


def _times_said(number: float, name: str, power: float) -> str:
    """number * name^power, with what is below behind a stroke."""
    near = Fraction(number).limit_denominator(LARGEST_FRACTION)
    exact = abs(float(near) - number) <= TERM_ERROR * number
    if not name:
        return number_said(number)
    above = [str(near.numerator) if exact else number_said(number)]
    below = [str(near.denominator)] if exact and near.denominator != 1 else []
    base = f"({name})" if " " in name else name
    raised = base if abs(power) == 1 else f"{base}^{abs(power):g}"
    (above if power > 0 else below).append(raised)
    above = [x for x in above if x != "1"] or ["1"]
    under = " ".join(below)
    return " ".join(above) + (f"/{under}" if len(below) == 1 else f"/({under})" if below else "")


# Another layout


def _in_layout(question: Question, seen: Sequence[Point], scale: bool) -> Finding | None:
    """The claim is the derivative with its axes in another order, or stacked in another way.

    With `scale` a number times that.
    """
    for kind, said_, turn in _layouts(question):
        arranged = [(p, turn(p.full)) for p in seen]
        pairs = [(p, new) for p, new in arranged if new is not None]
        if len(pairs) < len(seen):
            continue
        if not scale:
            if all(p.claim is not None and close(p, p.claim, new) for p, new in pairs):
                return Finding(kind, said_)
            continue
        ratios = [_ratio(p.claim, new) for p, new in pairs if not p.empty]
        numbers = [r for r in ratios if r is not None]
        number = _constant(numbers) if numbers and len(numbers) == len(ratios) else None
        if number is not None:
            return Finding(kind, f"{said_}; there it is {_factor_said(number, '').text}")
    return None


Turn = Callable[[Numbers], Numbers | None]


def _layouts(question: Question) -> Iterator[tuple[str, str, Turn]]:
    """Other conventions: how each is said, and what it makes of the full derivative."""
    rank = len(question.value.shape)

    def swapped(full: Numbers) -> Numbers:
        return np.moveaxis(full, range(rank), range(full.ndim - rank, full.ndim))

    def own(full: Numbers) -> Numbers:
        return question.arranged(full)

    def turned(full: Numbers) -> Numbers | None:
        found = own(full)
        return found.T if found.ndim == 2 else None

    def below(order: str, back: bool = False) -> Turn:
        def turn(full: Numbers) -> Numbers | None:
            if full.ndim == 2 and rank == 0:
                return full.ravel(order="F" if order == "F" else "C")
            if full.ndim != 4:
                return None
            found = stacked(full, order)
            return found.T if back else found

        return turn

    if rank and question.order == 1:
        text = "right in the other (denominator) layout; here, shape of the value first"
        yield "layout", text, swapped
    text = "right in the other layout, transposed; here a gradient has the shape of its variable"
    yield "layout", text if not rank else "right when transposed", turned
    text = 'right with columns stacked, as layout="vec" has it'
    yield "layout", text if question.layout == "tensor" else "right", below("F")
    yield "layout", "right with columns stacked, transposed (denominator layout)", below("F", True)
    yield "layout", "right with rows stacked; here columns are stacked", below("C")
    yield "layout", "right with rows stacked, transposed", below("C", True)
    if question.structured != "none" or {*question.variable.params["facts"]}:
        yield from _projections(question)


def _projections(question: Question) -> Iterator[tuple[str, str, Turn]]:
    """The gradients in spaces of structured matrices."""
    name = shown_name(str(question.variable.params["name"]))

    def independent(full: Numbers) -> Numbers | None:
        square = full.ndim == 2 and full.shape[0] == full.shape[1]
        return full + full.T - np.diag(np.diag(full)) if square else None

    def riesz(full: Numbers) -> Numbers | None:
        square = full.ndim == 2 and full.shape[0] == full.shape[1]
        return (full + full.T) / 2 if square else None

    text = f'with {name} symmetric right as structured="{{}}" has it; here the entries of {name} '
    yield "layout", text.format("independent") + "count as free", independent
    yield "layout", text.format("riesz") + "count as free", riesz
    yield "layout", 'right as structured="none" has it', lambda full: full


# A slip in one place


def _terms(question: Question, seen: Sequence[Point], most: int) -> Finding | None:
    """The claim is made of the terms of the derivative with other numbers, or the other way."""
    off = _off(_weights(question.terms, seen, lambda p: p.claim), most)
    if off:
        return _missing(off)
    off = _off(_weights(addends(question.claim), seen, lambda p: p.truth), most)
    return _too_many(off) if off else None


Weights = list[tuple[Expr, float]] | None


def _weights(
    terms: Sequence[Expr], seen: Sequence[Point], target: Callable[[Point], Numbers | None]
) -> Weights:
    """Numbers before the terms that make their sum the target at all points; None where none do."""
    if len(terms) < 2:
        return None
    rows, wanted = [], []
    for p in seen:
        values = [evaluated(t, p.values, p.sizes) for t in terms]
        goal = target(p)
        if goal is None or any(v is None or v.shape != goal.shape for v in values):
            return None
        size = p.near or 1.0
        rows.append(np.stack([np.ravel(v) for v in values if v is not None], axis=1) / size)
        wanted.append(goal.ravel() / size)
    matrix, right = np.concatenate(rows), np.concatenate(wanted)
    found, _, rank, _ = np.linalg.lstsq(matrix, right, rcond=1e-10)
    if rank < len(terms) or np.max(np.abs(matrix @ found - right), initial=0.0) > TERM_ERROR:
        return None
    return list(zip(terms, map(float, found), strict=True))


def _off(weights: Weights, most: int) -> list[tuple[Expr, float]]:
    """The terms whose number is not 1, where most are right."""
    if weights is None:
        return []
    off = [(t, w) for t, w in weights if abs(w - 1) > TERM_ERROR]
    return off if len(off) < len(weights) and len(off) <= most else []


def _missing(off: list[tuple[Expr, float]]) -> Finding:
    parts = []
    for term, weight in off:
        text = named(term)
        if abs(weight) < TERM_ERROR:
            parts.append(("term", f"the term {text} is missing"))
        elif abs(weight + 1) < TERM_ERROR:
            parts.append(("sign", f"a sign: the term {text} has the wrong sign"))
        else:
            parts.append(
                ("factor", f"a factor: the term {text} has a factor {number_said(weight)}")
            )
    return _joined(parts)


def _too_many(off: list[tuple[Expr, float]]) -> Finding:
    parts = []
    for term, weight in off:
        text = named(term)
        if abs(weight) < TERM_ERROR:
            parts.append(("term", f"the term {text} is one too many"))
        elif abs(weight + 1) < TERM_ERROR:
            parts.append(("sign", f"a sign: the term {text} has the wrong sign"))
        else:
            number = number_said(weight)
            parts.append(("factor", f"a factor: the term {text} lacks a factor {number}"))
    return _joined(parts)


def _joined(parts: list[tuple[str, str]]) -> Finding:
    return Finding(parts[0][0], "; ".join(text for _, text in parts))


ORDER = ("term", "sign", "transpose", "factor", "part", "order", "entries", "matrices", "power")


def _edited(question: Question, seen: Sequence[Point]) -> Finding | None:
    """The claim with one place changed is right, or the derivative with one is the claim."""
    repairs = _fitting(question.claim, seen, lambda p: p.truth, question)
    found = [(_rank(e), Finding(*_repair_said(e), True)) for e in repairs]
    if question.shown is not None:
        slips = _fitting(question.shown, seen, lambda p: p.claim, question)
        found += [(_rank(e), Finding(*_slip_said(e))) for e in slips]
    return min(found, key=lambda f: f[0])[1] if found else None


def _rank(edit: Edit) -> tuple[int, int]:
    """The plainest kind first, and the smallest part."""
    return ORDER.index(edit.kind), len(named(edit.old))


def _fitting(
    root: Expr,
    seen: Sequence[Point],
    target: Callable[[Point], Numbers | None],
    question: Question,
) -> Iterator[Edit]:
    """The edits that make an expression the target at all points."""
    goals = [(p, target(p)) for p in seen]
    for count, edit in enumerate(edits(root)):
        if count > MOST_EDITS:
            return
        if len(edit.whole.shape) == len(question.shape) and all(
            _makes(edit.whole, p, goal) for p, goal in goals
        ):
            yield edit


def _lacking(question: Question, seen: Sequence[Point]) -> Finding | None:
    """A part of the claim lacks a term that it has in the formula."""
    for edit in completed(question.claim, question.value):
        if all(_makes(edit.whole, p, p.truth) for p in seen):
            assert edit.new is not None
            new, old = named(edit.new), named(edit.old)
            return Finding("term", f"a term is missing: {new} has to stand for {old}", True)
    return None


def _makes(whole: Expr, point: Point, goal: Numbers | None) -> bool:
    if goal is None:
        return False
    found = evaluated(whole, point.values, point.sizes)
    return found is not None and close(point, found, goal)


def _repair_said(edit: Edit) -> tuple[str, str]:
    """What in the claim has to be another way."""
    old = named(edit.old)
    new = "" if edit.new is None else named(edit.new)
    whole = named(edit.whole)
    right = f": right is {whole}" if len(whole) < LONGEST_NAME else ""
    return {
        "term": ("term", f"the term {old} is one too many{right}"),
        "sign": ("sign", f"a sign: the term {old} has the wrong sign{right}"),
        "transpose": ("transpose", f"a transpose: {new} has to stand for {old}{right}"),
        "factor": ("factor", f"a factor: the term {old} lacks a factor {new}{right}"),
        "part": ("factor", f"a factor: {old} is one too many{right}"),
        "order": ("order", f"the order of a product: {new} has to stand for {old}{right}"),
        "entries": ("product", f"a product by entries has to stand for {old}{right}"),
        "matrices": ("product", f"a matrix product has to stand for {old}{right}"),
        "power": ("power", f"a power: {new} has to stand for {old}{right}"),
    }[edit.kind]


def _slip_said(edit: Edit) -> tuple[str, str]:
    """What of the derivative is another way in the claim."""
    old = named(edit.old)
    new = "" if edit.new is None else named(edit.new)
    return {
        "term": ("term", f"the term {old} is missing"),
        "sign": ("sign", f"a sign: the term {old} has the wrong sign"),
        "transpose": ("transpose", f"a transpose: the claim has {new} for {old}"),
        "factor": ("factor", f"a factor: the term {old} has a factor {new}"),
        "part": ("factor", f"a factor: {old} is missing"),
        "order": ("order", f"the order of a product: the claim has {new} for {old}"),
        "entries": ("product", f"the claim has a product by entries for the product {old}"),
        "matrices": ("product", f"the claim has a matrix product for the one by entries, {old}"),
        "power": ("power", f"a power: the claim has {new} for {old}"),
    }[edit.kind]


# Facts and sizes


def _passes(question: Question, change: Callable[[str, Numbers], Numbers], scale: bool) -> float:
    """The number that the derivative times it is the claim wherever a guess holds; 0 for none."""
    found = _ratio_under(question, change, scale, True)
    return found and _ratio_under(question, change, scale, False)


def _ratio_under(
    question: Question, change: Callable[[str, Numbers], Numbers], scale: bool, trusting: bool
) -> float:
    ratios: list[float] = []
    for point in islice(points(question, change, trusting=trusting), MANY if trusting else 2 * FEW):
        if point.claim is None or point.claim.shape != point.truth.shape:
            return 0.0
        if agree(point):
            ratio: float | None = None if point.empty else 1.0
        else:
            ratio = _ratio(point.claim, point.truth) if scale else None
            if ratio is None:
                return 0.0
        ratios += [] if ratio is None else [ratio]
    whole = _constant(ratios) if len(ratios) >= FEW else None
    return whole or 0.0


def _giving(names: Sequence[str], guess: Guess) -> Callable[[str, Numbers], Numbers]:
    return lambda name, value: guess.give(value) if name in names else value


def _under_fact(question: Question) -> Finding | None:
    """A fact of one variable, or symmetry of several, under which the claim is right."""
    leaves = dict(question.leaves)
    tried = list(guesses(leaves))
    for name, guess in tried:
        if _passes(question, _giving([name], guess), False):
            kind = guess.fact if guess is SYMMETRIC else "fact"
            return Finding(kind, f"true if {said(name, guess)}")
    square = [name for name, guess in tried if guess is SYMMETRIC]
    if len(square) > 1 and _passes(question, _giving(square, SYMMETRIC), False):
        needed = list(square)
        for name in square:
            fewer = [n for n in needed if n != name]
            if _passes(question, _giving(fewer, SYMMETRIC), False):
                needed = fewer
        return Finding("symmetric", "true if " + " and ".join(said(n, SYMMETRIC) for n in needed))
    for name in square:
        number = _passes(question, _giving([name], SYMMETRIC), True)
        if number:
            factor = _factor_said(number, "")
            return Finding("factor", f"with {said(name, SYMMETRIC)} it is {factor.text}")
    return None


def _size_one(question: Question) -> Finding | None:
    """A named size that the claim needs to be 1."""
    for name in question.names:
        few = list(islice(points(question, None, name), 2 * FEW))
        if sum(not p.empty for p in few) >= FEW and all(map(agree, few)):
            return Finding("size", f"right only for {name} = 1")
    return None


def _parallel(question: Question, seen: Sequence[Point]) -> Finding | None:
    """The claim points the way of the derivative and has another length."""
    big = [p for p in seen if p.truth.size > 1 and not p.empty]
    ratios = [_ratio(p.claim, p.truth) for p in big]
    if len(big) < FEW or any(r is None for r in ratios):
        return None
    return Finding("factor", "off by a factor that is not the same everywhere")


def named(expr: Expr) -> str:
    """An expression in matrix notation, a word for it where that fails or is long."""
    try:
        text = matrix_text(expr)
    except DerivantError:
        return "a part"
    return text if len(text) <= 2 * LONGEST_NAME else text[:LONGEST_NAME] + " ..."
