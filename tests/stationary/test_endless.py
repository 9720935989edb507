"""An objective that falls on where its slope is small already has no optimum there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.stationary.endless import falls_far_out

A = np.array([[1.0, 0.5], [0.2, 1.0], [-0.1, 0.3]])


@pytest.mark.parametrize(
    ("objective", "stated", "way"),
    [
        ("-sum(log(x))", {}, "falls"),
        ("-log(1 + x'*x)", {}, "falls"),
        ("log(1 + x'*x)", {"sense": "maximize"}, "rises"),
        ("-log(1 + x'*x)", {"subject_to": ["sum(x) = 1"]}, "falls"),
        ("-log(1 + x'*x)", {"subject_to": ["x >= 0"]}, "falls"),
        ("-sum(log(ones(3) + A*x))", {"data": {"A": np.abs(A)}}, "falls"),
        ("sum(log(x))", {"assume": {"x": "positive"}}, "falls"),
        ("-sum(log(1 - x))", {"assume": {"x": "unitint"}, "sense": "maximize"}, "rises"),
    ],
)
def test_it_is_said_and_not_called_optimal(
    objective: str, stated: dict[str, Any], way: str
) -> None:
    m = dv.minimize(objective, "x", **stated, start={"x": np.full(2, 0.9)})
    assert not m.success
    assert f"still {way}" in m.message or "unbounded" in m.message


@pytest.mark.parametrize(
    ("objective", "stated"),
    [
        ("norm2(A*x - b)^2", {"data": {"A": A.T, "b": np.ones(2)}}),  # flat in one direction
        ("norm1(x)", {}),
        ("-log(1 + x'*x)", {"subject_to": ["sum(x) = 1", "x >= 0"]}),
        ("sum(x)", {"assume": {"x": "positive"}}),
        ("x'*x/2 - 1e6*sum(x)", {}),
        ("sum(x.^4 - x.^2)", {}),
    ],
)
def test_an_optimum_stays_one(objective: str, stated: dict[str, Any]) -> None:
    size = 3 if "A" in objective else 2
    m = dv.minimize(objective, "x", **stated, start={"x": np.full(size, 0.9)}, closed_form=False)
    assert m.success, m.message


def test_python_functions_too() -> None:
    m = dv.minimize(lambda x: -dv.log(x), 2.0)
    assert not m.success
    assert "unbounded" in m.message
    assert dv.minimize(lambda x: dv.exp(x) - 1e4 * x, 2.0).success


def test_a_way_that_rises_first_is_no_end() -> None:
    way = np.ones(1)
    assert falls_far_out(lambda z: float(-z[0]), np.zeros(1), way)
    assert not falls_far_out(lambda z: float(z[0] - 1e-2 * z[0] ** 2), np.zeros(1), way)
    assert falls_far_out(lambda z: float(-min(z[0], 2.0)), np.zeros(1), way)  # lower, then level
    assert not falls_far_out(lambda z: float(-min(z[0], 0.0)), np.zeros(1), way)  # level at once


@pytest.mark.parametrize(
    ("objective", "facts"),
    [
        ("exp(x)", ""),
        ("tanh(x)", ""),
        ("1 / x", ""),
        ("log(1 + exp(-x))", ""),
        ("-log(x)", "positive"),
        ("exp(-x) + exp(-2 * x)", ""),
    ],
)
def test_what_comes_to_its_bound_nowhere_is_no_optimum(objective: str, facts: str) -> None:
    m = dv.minimize(objective, over="x", data={}, shapes="x:", notation="numpy",
                    assume={"x": facts} if facts else None)  # fmt: skip
    assert not m.success
    assert m.message.startswith(("no optimum", "unbounded"))


def test_classes_that_a_plane_parts_have_no_best_weights() -> None:
    data = {"X": np.array([[1.0], [2.0], [-1.0], [-3.0]]), "y": np.array([1.0, 1, -1, -1])}
    plain = "sum(log(1 + exp(-y * (X @ w))))"
    assert not dv.minimize(plain, over="w", data=data, notation="numpy").success
    assert dv.minimize(plain + " + 0.1 * w @ w", over="w", data=data, notation="numpy").success


@pytest.mark.parametrize("start", [0.1, 5.0, -1.0])
def test_a_turning_point_that_is_no_least_point_is_left(start: float) -> None:
    m = dv.minimize("x**3", over="x", data={}, shapes="x:", subject_to="x >= -2",
                    start={"x": start}, notation="numpy")  # fmt: skip
    assert m.success
    assert m.x["x"] == pytest.approx(-2)


def test_a_least_point_nearby_is_not_taken_where_the_cost_has_no_bound() -> None:
    m = dv.minimize("norm1(x) - norm2(x)**2", over="x", data={"n": 2}, shapes="x: n",
                    notation="numpy")  # fmt: skip
    assert not m.success
    assert "unbounded" in m.message


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_eigenvalue_is_least_or_refused(seed: int) -> None:
    a = np.random.default_rng(seed).standard_normal((4, 4))
    a = a + a.T
    try:
        m = dv.minimize("lambda_max(A + diag(x))", over="x", subject_to="sum(x) == 0",
                        data={"A": a}, assume={"A": "symmetric"}, notation="numpy")  # fmt: skip
    except dv.DerivantError:
        return
    assert m.success
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(100):
            step = size * rng.standard_normal(4)
            other = np.diag(m.x["x"] + step - step.mean())
            assert np.linalg.eigvalsh(a + other)[-1] > m.fun - 1e-9
