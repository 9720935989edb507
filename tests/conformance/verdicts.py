"""What became of the samples of one operator: right, an exception, skipped, or wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from tests.conformance.checks import (
    Directions,
    arrays,
    disagreements,
    quiet,
    tangents_of,
    theirs,
)
from tests.conformance.errors import refusals, verdict
from tests.conformance.exceptions import ACCEPTED, DIFFERENCES, Difference
from tests.conformance.samples import Problem, problems
from tests.conformance.words import NoCounterpartError

import derivant as dv

STEPS = (1e-2, 5e-3, 2.5e-3, 1.25e-3)
PROVEN = 1e-9


@dataclass(slots=True)
class Report:
    """The samples and the error samples of one operator."""

    name: str
    right: int = 0
    refused: int = 0
    excepted: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def report(name: str) -> Report:
    """Run every sample and every error sample of an operator."""
    result = Report(name)
    for p in problems(name):
        judge(p, result)
    for r in refusals(name):
        found = verdict(r)
        if found.wrong:
            result.wrong.append(f"{r.text}: PyTorch refuses ({r.says}), we: {found.wrong}")
        elif found.skipped:
            result.accepted[found.skipped] += 1
        else:
            result.refused += 1
    result.wrong += stale(result)
    return result


def judge(p: Problem, result: Report) -> None:
    """Put one sample where it belongs."""
    try:
        found = disagreements(p)
    except NoCounterpartError as reason:
        result.skipped[str(reason)] += 1
        return
    reasons = []
    for check, text in found.items():
        listed = exception_for(p, check)
        unproven = f"{text}; nothing lists it" if listed is None else disproof(p, check, listed)
        if unproven:
            result.wrong.append(f"{p.text}: {check}: {unproven}")
        elif listed is not None:
            reasons.append(listed.reason)
    if reasons:
        result.excepted[reasons[0]] += 1
    elif not found:
        result.right += 1


def exception_for(p: Problem, check: str) -> Difference | None:
    """The entry of the written list that covers this sample in this check."""
    first, args, kwargs = p.arguments
    for listed in DIFFERENCES:
        covered = listed.entry == p.name and check in listed.checks
        if covered and listed.where(first, *args, **kwargs):
            return listed
    return None


def disproof(p: Problem, check: str, listed: Difference) -> str:
    """Why an exception that claims PyTorch to be wrong does not hold; empty if it does."""
    if listed.proof in ("convention", "refused"):
        return ""
    with quiet():
        expected, ways = theirs(p)
        if listed.proof == "differences":
            exact = np.vdot(ways.outputs[0], differences(p, ways))
        else:
            slopes = expected["vjp"] or []
            exact = sum(np.vdot(u, g) for u, g in zip(ways.inputs, slopes, strict=True))
        claimed = np.vdot(ways.outputs[0], arrays(tangents_of(p, ways))[0])
        pulled = arrays(dv.vjp(p.ours, *p.primals)[1](ways.outputs))
        back = sum(np.vdot(u, g) for u, g in zip(ways.inputs, pulled, strict=True))
    worst = max(abs(claimed - exact), abs(back - exact)) / max(abs(exact), 1.0)
    return f"{listed.proof} says {worst:.2g}" if worst > PROVEN else ""


def differences(p: Problem, ways: Directions) -> np.ndarray:
    """The derivative of our value along a direction, by Richardson's extrapolation."""

    def central(step: float) -> np.ndarray:
        ends = [
            arrays(p.ours(*(x + h * u for x, u in zip(p.primals, ways.inputs, strict=True))))[0]
            for h in (step, -step)
        ]
        return (ends[0] - ends[1]) / (2 * step)

    row = [central(step) for step in STEPS]
    factor = 4.0
    while len(row) > 1:
        row = [(factor * b - a) / (factor - 1) for a, b in pairwise(row)]
        factor *= 4
    return row[0]


def stale(result: Report) -> list[str]:
    """The entries of the written lists that no sample of this operator needs."""
    needed = set(result.excepted) | set(result.accepted)
    listed = [e.reason for e in (*DIFFERENCES, *ACCEPTED) if e.entry == result.name]
    unused = [reason for reason in listed if reason not in needed]
    return [f"{result.name}: no sample needs the exception {reason!r}" for reason in unused]
