"""Claims with random slips of the pen: none that is wrong by numbers is called right."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.dims import Dim
from derivant.carriers.evaluate import evaluate
from derivant.derivation import Derivative
from derivant.derivation.checking import shape_at
from derivant.derivation.claims import read_claim
from derivant.derivation.draws import drawn

FORMULAS = [
    ("a'*exp(A*x)", "x", ""),
    ("norm2(A*x - b)^2 + c*norm2(x)^2", "x", "c:"),
    ("sum(log(1 + exp(-y .* (X*w))))", "w", "X: m n"),
    ("tr(A*X*B*X')", "X", "A: n n, X: n m, B: m m"),
    ("logdet(X'*X + c*I)", "X", "X: m n, c:"),
    ("softmax(W*x)", "x", ""),
    ("sum(tanh(W*x + b).^2)", "W", "x: n"),
    ("norm2(relu(X*W1)*W2 - Y)^2", "W1", "X: N D, W1: D H, W2: H M"),
    ("(x'*A*x)/(x'*B*x)", "x", ""),
    ("sum(x.^3 ./ y)", "x", ""),
    ("exp(-norm2(x - u)^2/(2*s^2))", "x", "s:"),
    ("a'*inv(X)*b", "X", ""),
    ("norm1(A*x - b)", "x", ""),
    ("sum(max(A*x, y))", "x", ""),
    ("sum(x.*log(x./y))", "x", ""),
    ("sqrt(x'*A*x)", "x", ""),
    ("(a'*x)*(b'*x)^2", "x", ""),
    ("X*W", "W", "X: N D, W: D M"),
    ("sin(a)*b + a^b", "a", "a:, b:"),
    ("logsumexp(A*x + b)", "x", ""),
]
WORD = re.compile(r"[A-Za-zθ_]\w*|\d+\.\d+|\d+|\.\^|\./|[-+'^*/∘(),]|\s+|.")
FUNCTIONS = ["exp", "sin", "tanh", "abs", "sigmoid", "relu", "log", "sqrt", "sign", "inv", "step"]
EXACT = 1e-7


@cache
def answer(formula: str, wrt: str, shapes: str) -> Derivative:
    r = dv.derive(formula, wrt=wrt, shapes=shapes or None, notation="matrix")
    assert isinstance(r, Derivative)
    return r


def slipped(text: str, rng: random.Random) -> str:
    """A text with one word changed."""
    while True:
        words = WORD.findall(text)
        k = rng.randrange(len(words))
        old = words[k]
        called = k + 1 < len(words) and words[k + 1] == "("
        names = sorted({*re.findall(r"\b[A-Za-z]\w*\b(?!\()", text)})
        if old[0].isdigit():
            words[k] = rng.choice(["2", "3", "0.5", "1", "4", "1.5"])
        elif old in ("+", "-", "'", "∘", "/"):
            words[k] = {"+": "-", "-": "+", "'": "", "∘": " ", "/": "*"}[old]
        elif old[0].isalpha() and called:
            words[k] = rng.choice(FUNCTIONS)
        elif old[0].isalpha():
            words[k] = rng.choice([f"{old}'", f"({old} + 1)", f"({old} - {old}/3)", *names])
        changed = "".join(words)
        if changed != text:
            return changed


def differs(claim: str, r: Derivative) -> bool:
    """Whether a claim has other numbers than the derivative somewhere."""
    known = {str(v.params["name"]): v for v in r.question.variables}
    shapes = [s for v in known.values() for s in v.shape if isinstance(s, Dim)]
    names = sorted({str(s) for s in shapes})
    expr = read_claim(claim, known, {}, r.shape, names, None, "matrix")
    for k in range(6):
        rng = np.random.default_rng(k)
        sizes = {n: 2 + (3 * i + k) % 4 for i, n in enumerate(names)}
        at: dict[str, Any] = {}
        for n, v in known.items():
            value = drawn(v, shape_at(v, sizes), rng)
            at[n] = np.abs(value) + 0.3 if k % 2 else value
        try:
            with np.errstate(all="ignore"):
                found, right = np.asarray(evaluate(expr, at, sizes)), np.asarray(r(sizes, **at))
        except dv.DerivantError:  # a singular matrix
            continue
        if not np.all(np.isfinite(right)):
            continue
        if found.shape != right.shape or not np.all(np.isfinite(found)):
            return True
        if np.max(np.abs(found - right), initial=0) > EXACT * np.max(np.abs(right), initial=1e-3):
            return True
    return False


def called_right(seed: int, count: int) -> tuple[list[str], int]:
    """The wrong claims that are called right, and how many claims could be read."""
    rng, wrong, read = random.Random(seed), list[str](), 0
    for _ in range(count):
        formula, wrt, shapes = rng.choice(FORMULAS)
        r = answer(formula, wrt, shapes)
        claim = slipped(r.text, rng)
        try:
            v = dv.verify(formula, wrt, claim, shapes or None, notation="matrix")
        except dv.DerivantError:
            continue
        read += 1
        if v.right and differs(claim, r):
            wrong.append(f"{formula} by {wrt}: {claim}")
    return wrong, read


def test_no_slip_is_called_right() -> None:
    wrong, read = called_right(11, 40)
    assert not wrong
    assert read > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_slip_of_many_is_called_right(seed: int) -> None:
    wrong, read = called_right(seed, 300)
    assert not wrong
    assert read > 150
