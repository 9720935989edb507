"""A claim that is the derivative times a number: which number, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.derivation.points import Point, Question, evaluated
from derivant.notation import matrix_text

Numbers = npt.NDArray[np.float64]
POWERS = (1, -1, 2, -2, 3, -3, 0.5, -0.5)
LARGEST_FRACTION = 1000
LONGEST_NAME = 60
TIGHT = re.compile(r"\w+(\([^()]*\))?|\([^()]*\)")  # what a power may stand behind
TERM_ERROR = 1e-7  # of a number that is fitted


@dataclass(frozen=True, slots=True)
class Finding:
    """A kind of mistake, and what is said of it."""

    kind: str
    text: str
    repairs: bool = False  # whether it says how the claim itself becomes right


def ratio(claim: Numbers | None, truth: Numbers) -> float | None:
    """The number that the truth times it is the claim; None where there is none."""
    if claim is None or claim.shape != truth.shape or not np.any(truth):
        return None
    size = np.max(np.abs(truth))
    number = float(np.vdot(truth / size, claim / size) / np.vdot(truth / size, truth / size))
    near = np.max(np.abs(claim - number * truth), initial=0.0)
    fits = near <= 1e-8 * np.max(np.abs(claim), initial=0.0)
    return number if fits and number else None


def scaled(question: Question, seen: Sequence[Point]) -> Finding | None:
    """The claim is the derivative times a number, a size, or a number of the formula."""
    known = [p for p in seen if not p.empty]
    ratios = [ratio(p.claim, p.truth) for p in known]
    numbers = [r for r in ratios if r is not None]
    if not numbers or len(numbers) < len(ratios):
        return None
    whole = constant(numbers)
    if whole is not None:
        return None if abs(whole - 1) < TERM_ERROR else factor_said(whole, "")
    found = sorted(_scalars(question, known), key=lambda pair: len(pair[0]))
    for power in POWERS:
        for name, values in found:
            with np.errstate(all="ignore"):
                rest = constant(list(np.asarray(numbers) / np.asarray(values) ** power))
            if rest is not None:
                return factor_said(rest, name, power)
    return None


def constant(numbers: Sequence[float]) -> float | None:
    """The number that all are; None where they differ."""
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


def factor_said(number: float, name: str, power: float = 1) -> Finding:
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
    raised = f"({name})" if " " in name else name
    if abs(power) != 1:
        raised = f"{raised if TIGHT.fullmatch(raised) else f'({name})'}^{abs(power):g}"
    (above if power > 0 else below).append(raised)
    above = [x for x in above if x != "1"] or ["1"]
    under = " ".join(below)
    return " ".join(above) + (f"/{under}" if len(below) == 1 else f"/({under})" if below else "")


def named(expr: Expr) -> str:
    """An expression in matrix notation, a word for it where that fails or is long."""
    try:
        text = matrix_text(expr).replace(" ones(1)'", "")  # a column is read as its vector
    except DerivantError:
        return "a part"
    return text if len(text) <= 2 * LONGEST_NAME else text[:LONGEST_NAME] + " ..."
