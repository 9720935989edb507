"""What is declared of an unknown holds at every answer: in closed form, and in numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.optimize

import derivant as dv

Numbers = npt.NDArray[np.float64]
RNG = np.random.default_rng(3)
B = RNG.standard_normal((3, 3))
S, Y = RNG.standard_normal(3), RNG.standard_normal(3)
LOW, HIGH = np.tril_indices(3), np.triu_indices(3)


def symmetric(z: Numbers) -> Numbers:
    whole = np.zeros((3, 3))
    whole[HIGH] = z
    return np.asarray(whole + whole.T - np.diag(np.diag(whole)))


def lower(z: Numbers) -> Numbers:
    whole = np.zeros((3, 3))
    whole[LOW] = z
    return whole


STRUCTURES: list[tuple[str, Callable[[Numbers], Numbers], int]] = [
    ("symmetric", symmetric, 6),
    ("lower", lower, 6),
    ("upper", lambda z: lower(z).T, 6),
    ("diagonal", np.diag, 3),
]
CONSTRAINTS: list[tuple[str, str, Callable[[Numbers], Numbers]]] = [
    ("X*S = Y", "eq", lambda X: X @ S - Y),
    ("sum(X) = 1", "eq", lambda X: np.atleast_1d(X.sum() - 1)),
    ("X*S <= Y", "ineq", lambda X: Y - X @ S),
    ("X <= U", "ineq", lambda X: np.ravel(np.abs(B) - X)),
]


@pytest.mark.parametrize("quartic", [False, True], ids=["quadratic", "quartic"])
@pytest.mark.parametrize("text", [c[0] for c in CONSTRAINTS])
@pytest.mark.parametrize("fact", [s[0] for s in STRUCTURES])
def test_structure_is_kept_under_constraints(fact: str, text: str, quartic: bool) -> None:
    build, count = next((f, n) for name, f, n in STRUCTURES if name == fact)
    kind, gap = next((k, g) for name, k, g in CONSTRAINTS if name == text)
    if fact == "diagonal" and (text == "X <= U" or quartic):
        return  # one case of it for each kind of method
    m = dv.minimize(
        "norm2(X - B)^2" + " + sum(X.^4)" * quartic, "X", [text],
        {"B": B, **({"S": S, "Y": Y} if "S" in text else {"U": np.abs(B)} if "U" in text else {})},
        assume={"X": fact}, closed_form=False,
    )  # fmt: skip

    def cost(z: Numbers) -> float:
        X = build(z)
        return float(((X - B) ** 2).sum() + quartic * (X**4).sum())

    r = scipy.optimize.minimize(
        cost, np.zeros(count), method="SLSQP", options={"ftol": 1e-15, "maxiter": 500},
        constraints=[{"type": kind, "fun": lambda z: gap(build(z))}],
    )  # fmt: skip
    assert m.success, m.message
    np.testing.assert_allclose(m.x["X"], build(r.x), atol=1e-5)


@pytest.mark.parametrize("fact", ["lower", "upper"])
def test_triangular_unknowns_have_no_full_answer(fact: str) -> None:
    with pytest.raises(dv.DerivantError, match=f"not {fact}"):
        dv.solve("norm2(X - B)^2", "X", assume={"X": fact}, shapes="B: n n")
    m = dv.minimize("norm2(X - B)^2", "X", data={"B": B}, assume={"X": fact})
    np.testing.assert_allclose(m.x["X"], np.tril(B) if fact == "lower" else np.triu(B))


@pytest.mark.parametrize("fact", ["psd", "spd"])
def test_a_matrix_that_would_not_be_positive_is_not_shown(fact: str) -> None:
    with pytest.raises(dv.DerivantError, match=f"not {fact}"):
        dv.solve("norm2(X - B)^2", "X", assume={"X": fact}, shapes="B: n n")
    m = dv.minimize("norm2(X - B)^2", "X", data={"B": -np.eye(3)}, assume={"X": fact})
    assert not m.success
    good = B @ B.T + np.eye(3)
    m = dv.minimize("norm2(X - B)^2", "X", data={"B": good}, assume={"X": fact})
    np.testing.assert_allclose(m.x["X"], good)


def test_more_than_one_stays_more_than_one() -> None:
    stated: dict[str, Any] = {"assume": {"x": "gt1"}, "shapes": "x: n"}
    with pytest.raises(dv.DerivantError, match="not gt1"):
        dv.solve("sum(x.^2) - sum(x)/2", "x", **stated)
    m = dv.minimize("sum(x.^2) - sum(x)/2", "x", data={"n": 3}, **stated)
    np.testing.assert_allclose(m.x["x"], 1.0)
    assert np.all(m.x["x"] > 1)
    m = dv.minimize("sum(x.^2) - 6*sum(x)", "x", data={"n": 3}, **stated)
    np.testing.assert_allclose(m.x["x"], 3.0)


@pytest.mark.parametrize("fact", ["mask", "pm1", "onehot", "big", "distance"])
def test_what_is_no_region_is_refused(fact: str) -> None:
    for find in (dv.solve, dv.minimize):
        with pytest.raises(dv.ArgumentError, match=f"X is {fact}, which is no region"):
            find("norm2(X - B)^2", "X", assume={"X": fact}, shapes="X: n n, B: n n")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "fact", "shape"), [("x'*x", "nonzero", "x: n"), ("norm2(x)^2", "invertible", "x: n n")]
)
def test_no_zero_where_none_may_be(text: str, fact: str, shape: str) -> None:
    with pytest.raises(dv.DerivantError, match=f"not {fact}"):
        dv.solve(text, "x", assume={"x": fact}, shapes=shape)
    m = dv.minimize(text, "x", data={"n": 3}, assume={"x": fact}, shapes=shape)
    assert not m.success
    assert fact in m.message
