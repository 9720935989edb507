"""Problems without an optimum: what stands in the way is said, with the constraint concerned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.stationary.impossible import why_impossible
from derivant.stationary.problem import read_problem

SAID: list[tuple[str, dict[str, Any], str]] = [
    ("x'*x", {"subject_to": ["sum(x) = 1", "sum(x) = 2"]},
     r"infeasible: 'sum\(x\) = 1' and 'sum\(x\) = 2' contradict"),
    ("x'*x", {"subject_to": ["sum(x) = 1", "p: 3*sum(x) = 4"]},
     r"infeasible: 'sum\(x\) = 1' and 'p' contradict one another$"),
    ("norm1(x)", {"subject_to": ["sum(x) = 1", "sum(x) = 2"]}, "infeasible"),
    ("x'*x + y'*y", {"over": ["x", "y"], "subject_to": ["x + y = 1", "2*x + 2*y = 3"]},
     "infeasible"),
    ("x'*x", {"subject_to": ["sum(x) >= 1", "sum(x) <= 0"]},
     r"infeasible: 'sum\(x\) >= 1' and 'sum\(x\) <= 0'"),
    ("x'*x", {"subject_to": ["sum(x) >= 2", "sum(x) = 1"]}, "infeasible"),
    ("x'*x", {"subject_to": ["-sum(x) >= 2", "sum(x) >= 1"]}, "infeasible"),
    ("x'*x", {"subject_to": ["A*x = b", "A*x = d"], "shapes": "A: m n, b: m, d: m"},
     "infeasible: .* contradict one another unless b - d = 0"),
    ("x'*x", {"subject_to": ["sum(x) = 1", "2*sum(x) = 2"]}, "say the same"),
    ("x'*x", {"subject_to": ["x'*x = -1"]}, r"infeasible: .*\"x'\*x = -1\" holds nowhere"),
    ("c'*x", {"subject_to": ["norm2(x) <= -1"]}, "infeasible: .*holds nowhere"),
    ("c'*x", {"subject_to": ["sum(x) = -1"], "assume": "x: positive"}, "holds nowhere"),
    ("c'*x", {}, "linear in x, so that it has no bound below unless c = 0"),
    ("c'*x", {"sense": "maximize"}, "no bound above unless c = 0"),
    ("sum(x) + 3", {"shapes": "x: n"}, "no bound below$"),
    ("c'*x", {"subject_to": ["sum(x) = 1"]}, "linear in x, and the constraints are"),
    ("-norm2(A*x - b)^2", {}, "concave in x where A has full column rank.*no bound below"),
    ("norm2(x - z)^2", {"sense": "maximize"}, "convex in x, and has no bound above"),
    ("b'*b + 0*sum(x)", {}, "does not depend on x"),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "stated", "message"), SAID)
def test_it_is_said_why(objective: str, stated: dict[str, Any], message: str) -> None:
    with pytest.raises(dv.DerivantError, match=message):
        dv.solve(objective, **{"over": "x", **stated})


@pytest.mark.parametrize(
    ("objective", "constraints", "facts"),
    [
        ("x'*x", ["sum(x) >= 1", "sum(x) <= 2"], ""),
        ("x'*x", ["sum(x) >= 2", "sum(x) >= 1"], ""),
        ("x'*x", ["sum(x) <= -2", "sum(x) <= 1"], ""),
        ("x'*x", ["sum(x) = 1", "sum(x) <= 2"], ""),
        ("c'*x", ["x >= 0"], ""),
        ("c'*x", [], "x: positive"),
        ("c'*x", ["x'*x <= 1", "sum(x) = 1"], ""),
        ("-x'*x", ["x >= 0", "x <= 1"], ""),
        ("x'*x - norm2(x - z)^2 + norm1(x)", [], ""),
    ],
)
def test_what_may_have_an_optimum_is_not_called_impossible(
    objective: str, constraints: list[str], facts: str
) -> None:
    problem = read_problem(objective, "x", constraints, facts or None, "x: n")
    assert why_impossible(problem) == ""


def test_the_numbers_say_so_too() -> None:
    stated: dict[str, Any] = {"shapes": "x: n", "data": {"n": 3}}
    m = dv.minimize("x'*x", "x", ["sum(x) = 1", "sum(x) = 2"], **stated)
    assert not m.success
    assert "infeasible" in m.message
    m = dv.minimize("c'*x", "x", data={"c": np.array([1.0, -2.0])})
    assert not m.success
    assert "unbounded" in m.message


@pytest.mark.parametrize(
    ("objective", "facts", "said"),
    [
        ("exp(x)", None, "rises with x everywhere"),
        ("1/x", {"x": "positive"}, "falls with x everywhere"),
        ("log(x) - 1/x", {"x": "positive"}, "rises with x everywhere"),
    ],
)
def test_a_cost_that_only_rises_or_falls_is_said_so(
    objective: str, facts: dict[str, str] | None, said: str
) -> None:
    with pytest.raises(dv.DerivantError, match=said):
        dv.solve(objective, over="x", shapes="x:", assume=facts)


def test_what_was_not_found_is_said_once() -> None:
    with pytest.raises(dv.DerivantError) as caught:
        dv.solve("exp(-x'*x)", over="x")
    assert str(caught.value).count("no closed form was found") == 1
    assert str(caught.value).count("dv.minimize has the numbers") == 1


@pytest.mark.parametrize("objective", ["sqrt(1 - x)", "(1 - x)^1.5", "x + sqrt(x - 1)", "asin(x)"])
def test_a_cost_that_has_no_value_everywhere_is_not_said_to_have_no_end(objective: str) -> None:
    problem = read_problem(objective, "x", (), {"x": "positive"}, "x:", "auto", "minimize")
    assert why_impossible(problem) == ""
