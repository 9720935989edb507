"""Optima of a few numbers against the textbook's formula for them, evaluated in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest

import derivant as dv

Data = Mapping[str, float]
Case = tuple[str, str, str, str, Callable[..., tuple[float, ...]]]
DATA = {"a": 1.3, "b": 0.7, "c": 2.1, "d": 3.4, "p": 0.9, "q": 1.6, "r": 0.4}

# sense, objective, unknowns, constraint or "", the formula: of positive data and unknowns
POSITIVE: list[Case] = [
    ("min", "x + a / x", "x", "", lambda a: (sqrt(a),)),
    ("min", "x**2 + 2 * a / x", "x", "", lambda a: (a ** (1 / 3),)),
    ("min", "a * x**2 + b / x**2", "x", "", lambda a, b: ((b / a) ** 0.25,)),
    ("min", "x**4 - 4 * a * x", "x", "", lambda a: (a ** (1 / 3),)),
    ("min", "(x - a)**2 / x", "x", "", lambda a: (a,)),
    ("max", "x / (x**2 + a)", "x", "", lambda a: (sqrt(a),)),
    ("max", "x**a * exp(-b * x)", "x", "", lambda a, b: (a / b,)),
    ("max", "x * exp(-x / a)", "x", "", lambda a: (a,)),
    ("max", "log(x) / x", "x", "", lambda: (exp(1),)),
    ("min", "x**x", "x", "", lambda: (exp(-1),)),
    ("max", "p * x**r - q * x", "x", "", lambda p, q, r: ((q / (p * r)) ** (1 / (r - 1)),)),
    ("max", "x * y", "x y", "2 * x + 2 * y == c", lambda c: (c / 4, c / 4)),
    ("min", "2 * x + 2 * y", "x y", "x * y == c", lambda c: (sqrt(c), sqrt(c))),
    ("min", "p * x + q * y", "x y", "x * y == c",
     lambda p, q, c: (sqrt(c * q / p), sqrt(c * p / q))),
    ("max", "a * log(x) + b * log(y)", "x y", "p * x + q * y == c",
     lambda a, b, p, q, c: (a * c / (a + b) / p, b * c / (a + b) / q)),
    ("max", "x**a * y**b", "x y", "p * x + q * y == c",
     lambda a, b, p, q, c: (a * c / (a + b) / p, b * c / (a + b) / q)),
    ("min", "p * x + q * y", "x y", "x**a * y**b == c",
     lambda a, b, p, q, c: (
         (c * (a * q / (b * p)) ** b) ** (1 / (a + b)),
         (c * (b * p / (a * q)) ** a) ** (1 / (a + b)),
     )),
    ("max", "x * y", "x y", "x**2 / a**2 + y**2 / b**2 == 1",
     lambda a, b: (a / sqrt(2), b / sqrt(2))),
    ("max", "x * y * z", "x y z", "x + y + z == c", lambda c: (c / 3, c / 3, c / 3)),
    ("min", "x*y + 2*x*z + 2*y*z", "x y z", "x * y * z == c",
     lambda c: ((2 * c) ** (1 / 3), (2 * c) ** (1 / 3), (2 * c) ** (1 / 3) / 2)),
    ("min", "2 * pi * x**2 + 2 * pi * x * y", "x y", "pi * x**2 * y == c",
     lambda c: ((c / (2 * pi)) ** (1 / 3), 2 * (c / (2 * pi)) ** (1 / 3))),
    ("min", "sqrt(a**2 + x**2) / b + (d - x) / a", "x", "",  # the light's way
     lambda a, b: (a * b / sqrt(a**2 - b**2),)),
]  # fmt: skip

# the same of data of any sign
ANY: list[Case] = [
    ("max", "a * x + b * y", "x y", "x**2 + y**2 == 1",
     lambda a, b: (a / sqrt(a * a + b * b), b / sqrt(a * a + b * b))),
    ("min", "a * x + b * y", "x y", "x**2 + 4 * y**2 == c**2",
     lambda a, b, c: (
         -abs(c) * a / sqrt(a * a + b * b / 4), -abs(c) * b / 4 / sqrt(a * a + b * b / 4),
     )),
    ("min", "(x - a)**2 + (y - b)**2", "x y", "x**2 + y**2 == 1",
     lambda a, b: (a / sqrt(a * a + b * b), b / sqrt(a * a + b * b))),
    ("min", "x**4 - 4 * a * x", "x", "", lambda a: (np.cbrt(a),)),
    ("max", "x * y", "x y", "x + y == c", lambda c: (c / 2, c / 2)),
]  # fmt: skip


@cache
def solved(case: Case, facts: bool) -> dv.Solution:
    sense, objective, unknowns, constraint, formula = case
    names = [*unknowns.split(), *formula.__code__.co_varnames, *("d" if "d -" in objective else "")]
    return dv.solve(
        objective,
        over=unknowns.split(),
        subject_to=[constraint] if constraint else [],
        shapes=dict.fromkeys(names, ""),
        assume={k: "unitint" if k == "r" else "positive" for k in names} if facts else None,
        notation="numpy",
        sense={"min": "minimize", "max": "maximize"}[sense],
    )


def compared(case: Case, s: dv.Solution, data: Data) -> None:
    formula, unknowns = case[4], case[2].split()
    known = [data[k] for k in formula.__code__.co_varnames]
    given = {str(v.params["name"]): data[str(v.params["name"])] for v in s.data}
    found = [float(dv.evaluate(s.solution[u], given)) for u in unknowns]
    np.testing.assert_allclose(found, formula(*known), rtol=1e-9)


@pytest.mark.parametrize("case", POSITIVE, ids=[c[1] + " " + c[3] for c in POSITIVE])
def test_positive_numbers(
    case: Case,
) -> None:
    s = solved(case, facts=True)
    compared(case, s, DATA)


@pytest.mark.parametrize("case", ANY, ids=[c[1] + " " + c[3] for c in ANY])
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, 1), (-1, -1, -1)])
def test_numbers_of_any_sign(case: Case, signs: tuple[int, ...]) -> None:
    data = {k: s * DATA[k] for k, s in zip("abc", signs, strict=True)}
    compared(case, solved(case, facts=False), data)


def test_a_number_between_0_and_1_is_not_only_0_or_1() -> None:
    s = dv.solve("log(1 + exp(x)) - a * x", over="x", shapes={"x": "", "a": ""},
                 assume={"a": "unitint"}, notation="numpy")  # fmt: skip
    assert float(dv.evaluate(s.solution["x"], {"a": 0.3})) == pytest.approx(log(0.3 / 0.7))


@pytest.mark.parametrize(
    ("objective", "constraint"),
    [
        ("x**2 + a / x", ""),  # falls without end on one side of 0
        ("a / x + b * x", ""),
        ("x**3 / 3 - a * x", ""),
        ("2 * x + 2 * y", "x * y == c"),
        ("x * y", "x + y == c"),
    ],
)
def test_what_has_no_least_point_is_refused(objective: str, constraint: str) -> None:
    unknowns = [u for u in "xy" if u in objective]
    with pytest.raises(dv.DerivantError):
        dv.solve(objective, over=unknowns, subject_to=[constraint] if constraint else [],
                 shapes=dict.fromkeys("abcxy", ""), notation="numpy")  # fmt: skip


def test_the_multiplier_of_an_equation_that_was_put_in() -> None:
    s = dv.solve("p * x + q * y", over=["x", "y"], subject_to="lam: x * y = c",
                 shapes=dict.fromkeys("pqcxy", ""), assume=dict.fromkeys("pqcxy", "positive"),
                 notation="numpy")  # fmt: skip
    data = {k: DATA[k] for k in "pqc"}
    # the value is 2 sqrt(p q c), and its slope by c is minus the multiplier of x y - c
    found = float(dv.evaluate(s.multipliers["lam"], data))
    assert found == pytest.approx(-sqrt(data["p"] * data["q"] / data["c"]))


def test_a_direction_and_its_length_by_a_curved_constraint() -> None:
    rng = np.random.default_rng(0)
    a = 0.3 + rng.random(5)
    s = dv.solve("a @ x", over="x", subject_to="sum(1 / x) == c", shapes="a: n, x: n, c:",
                 assume={"a": "positive", "c": "positive", "x": "positive"},
                 notation="numpy")  # fmt: skip
    x = dv.evaluate(s.solution["x"], {"a": a, "c": 2.5})
    np.testing.assert_allclose(x, np.sum(np.sqrt(a)) / (2.5 * np.sqrt(a)), rtol=1e-12)


@pytest.mark.parametrize(
    ("objective", "facts"),
    [
        ("(x - a)**2 + a * log(x)", "x"),  # falls without end towards 0 where a > 0
        ("c * (x - b)**2 + b * x**2 - a * log(x)", "abx"),  # not convex where c < -b
        ("c * x**4 - x**a", "acx"),  # falls without end where a > 4
        ("-x**a - b / x**2", ""),
    ],
)
def test_what_holds_for_some_signs_and_sizes_only_is_refused(objective: str, facts: str) -> None:
    with pytest.raises(dv.DerivantError):
        dv.solve(objective, over="x", shapes={k: "" for k in "abcx" if k in objective},
                 assume=dict.fromkeys(facts, "positive"), notation="numpy")  # fmt: skip


@pytest.mark.parametrize(
    ("objective", "cost", "facts", "given"),
    [
        (
            "(x - a)**2 + b * x**2",
            lambda x, a, b: (x - a) ** 2 + b * x**2,
            "x",
            {"a": (0.1, 3.0), "b": (-0.9, 3.0)},
        ),
        (
            "-a * x**2 + b * x",
            lambda x, a, b: -a * x**2 + b * x,
            "",
            {"a": (-3.0, -0.1), "b": (-3.0, -0.1)},
        ),
    ],
)
def test_what_holds_for_some_data_says_that_the_cost_bends_up(
    objective: str,
    cost: Callable[..., Any],
    facts: str,
    given: dict[str, tuple[float, float]],
) -> None:
    s = dv.solve(objective, over="x", shapes={k: "" for k in "abcx" if k in objective},
                 assume=dict.fromkeys(facts, "positive"), notation="numpy")  # fmt: skip
    assert s.conditions
    assert all("is positive" in c for c in s.conditions)
    rng = np.random.default_rng(0)
    for _ in range(50):
        data = {k: rng.uniform(*bounds) for k, bounds in given.items()}
        x = float(dv.evaluate(s.solution["x"], data))
        others = np.geomspace(1e-3, 1e3, 500)
        assert cost(x, **data) <= np.min(cost(others, **data)) + 1e-9


def test_a_cost_of_one_term_is_flat_where_a_part_of_its_slope_is_0() -> None:
    s = dv.solve("a * sqrt(1 + x**2)", over="x", shapes={"a": "", "x": ""},
                 assume={"a": "positive"}, notation="numpy")  # fmt: skip
    assert float(dv.evaluate(s.solution["x"], {})) == 0
