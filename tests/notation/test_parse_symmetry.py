"""What is taken for a symmetric matrix is one: checked by numbers on random formulas."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import numpy as np
import pytest

from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import evaluate
from derivant.notation import read_formula
from derivant.notation.symmetry import seems_symmetric

RNG = np.random.default_rng(5)
A, B, S = (RNG.uniform(0.5, 1.5, size=(3, 3)) for _ in range(3))
VALUES = {"A": A, "B": B, "S": S + S.T, "x": RNG.uniform(0.5, 1.5, 3), "c": np.asarray(0.7)}
SHAPES = "A: n n, B: n n, S: n n, x: n, c:"
FACTS = {"S": "symmetric"}
LEAVES = ("A", "B", "S", "A'", "B'", "I", "ones(n, n)", "x*x'", "(A*x)*x'", "diag(x)", "c*S")
FORMS = (
    "({0} + {1})", "({0} - {1})", "({0}*{1})", "({0}*{1}*{0}')", "({0} + {0}')", "({0}*{0}')",
    "({0}.*{1})", "({0}./{1})", "-{0}", "{0}'", "({0}/c)", "exp({0})", "({0}.^2)", "({0}^2)",
    "inv({0} + 9*I)", "expm({0})", "({0} + c)", "adj({0})", "hcat({0}, x)*hcat({1}, x)'",
    "maximum({0}, {1})", "{0}.^{1}",
)  # fmt: skip


def matrix(random: Random, depth: int) -> str:
    if depth == 0:
        return random.choice(LEAVES)
    inner = [matrix(random, depth - 1 - random.randrange(depth)) for _ in range(2)]
    if random.random() < 0.4:
        inner[1] = inner[0] + "'"
    return random.choice(FORMS).format(*inner)


@pytest.mark.parametrize("seed", range(4))
def test_a_yes_is_right(seed: int) -> None:
    random, yes = Random(seed), 0
    for _ in range(400):
        text = matrix(random, random.randrange(1, 5))
        with suppress(DerivantError):
            e = read_formula(f"0*norm2(x)*S + {text}", SHAPES, FACTS, "matrix").expression
            if not seems_symmetric(e):
                continue
            with np.errstate(all="ignore"):
                value = evaluate(e, VALUES, {"n": 3})
            if np.all(np.isfinite(value)):
                yes += 1
                scale = max(1.0, float(np.max(np.abs(value))))
                np.testing.assert_allclose(value / scale, value.T / scale, atol=1e-9, err_msg=text)
    assert yes > 30


@pytest.mark.parametrize(
    "text",
    ["A'*A/n", "(A + A')/2", "A*S*A'", "S*S*S", "A*B + B'*A'", "S - A*B - B'*A' + c*I", "-(A + A')"]
    + [
        "hcat(A, x)*hcat(A, x)'",
        "x*x'.*S",
        "inv(A'*A + c*I)",
        "A'*diag(x)*A",
        "exp(-S/c)",
        "A.*A'",
    ],
)
def test_a_symmetric_matrix_is_seen(text: str) -> None:
    assert seems_symmetric(read_formula(text, SHAPES, FACTS, "matrix").expression)


@pytest.mark.parametrize("text", ["A", "A*B", "S*A", "A - A'", "x*(A*x)'", "S*diag(x)", "A.*B'"])
def test_any_other_is_not(text: str) -> None:
    assert not seems_symmetric(read_formula(text, SHAPES, FACTS, "matrix").expression)
