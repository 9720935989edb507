"""Matrices whose rows or columns are normalised, against the softmax of each row by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import derivant as dv

SHAPES = {"X": "m n", "C": "m n", "Y": "m n", "p": "m", "q": "n", "c": ""}


def data() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"C": rng.standard_normal((5, 3)), "Y": 0.1 + rng.random((5, 3)),
            "p": 0.5 + rng.random(5), "q": 0.5 + rng.random(3), "c": 0.7}  # fmt: skip


def softmax(z: Any, axis: int) -> Any:
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


CASES: list[tuple[str, str, Any]] = [
    ("sum(X * log(X)) + sum(C * X)", "sum(X, 1) == p",
     lambda d: d["p"][:, None] * softmax(-d["C"], 1)),
    ("sum(X * log(X)) - sum(C * X)", "X @ ones(n) == ones(m)", lambda d: softmax(d["C"], 1)),
    ("c * sum(X * log(X)) - sum(C * X)", "sum(X, 0) == 1", lambda d: softmax(d["C"] / d["c"], 0)),
    ("sum(X * log(X / Y)) + sum(C * X)", "sum(X, 0) == q",
     lambda d: d["q"] * softmax(np.log(d["Y"]) - d["C"], 0)),
    ("-sum(Y * log(X))", "sum(X, 1) == 1", lambda d: d["Y"] / d["Y"].sum(1, keepdims=True)),
    ("-sum(Y * log(X))", "sum(X, 0) == q", lambda d: d["q"] * d["Y"] / d["Y"].sum(0)),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "constraint", "formula"), CASES)
def test_each_row_by_its_constraint(objective: str, constraint: str, formula: Any) -> None:
    d = data()
    words = set(re.findall(r"[A-Za-z]\w*", f"{objective} {constraint}"))
    shapes = {k: v for k, v in SHAPES.items() if k in words}
    facts = dict.fromkeys(words & set("XYpqc"), "positive")
    s = dv.solve(objective, over="X", subject_to=f"lam: {constraint}", assume=facts,
                 shapes=shapes, notation="numpy")  # fmt: skip
    used = {str(v.params["name"]): d[str(v.params["name"])] for v in s.data}
    found = dv.evaluate(s.solution["X"], used)
    np.testing.assert_allclose(found, formula(d), rtol=1e-10)
    # the multipliers make the gradient of the Lagrangian 0
    force = np.asarray(dv.evaluate(s.multipliers["lam"], used))
    entries = {"X": found, **{k: d[k] for k in "CYc"}}
    slope = np.zeros_like(found)
    for place in np.ndindex(found.shape):
        step = np.zeros_like(found)
        step[place] = 1e-6
        high, low = (cost(objective, {**entries, "X": found + t * step}) for t in (1, -1))
        slope[place] = (high - low) / 2e-6
    left = slope + (force[:, None] if len(force) == 5 else force)
    np.testing.assert_allclose(left, 0, atol=1e-7)


def cost(objective: str, d: dict[str, Any]) -> float:
    x, c = d["X"], d["C"]
    if objective.startswith("-"):
        return float(-np.sum(d["Y"] * np.log(x)))
    prior = d["Y"] if "/ Y" in objective else 1.0
    weight = d["c"] if objective.startswith("c") else 1.0
    sign = 1.0 if "+ sum(C" in objective else -1.0
    return float(weight * np.sum(x * np.log(x / prior)) + sign * np.sum(c * x))
