"""Costs with kinks, in closed form, against SciPy's bounded search and one-dimensional searches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import scipy.optimize

import derivant as dv

Numbers = npt.NDArray[np.float64]
SHAPES = "x: n, z: n, y: n, e: n, l: n, u: n, a:, b:, c:"
POSITIVE = dict.fromkeys("abc", "positive")


def data() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {"z": 2 * rng.standard_normal(6), "y": rng.standard_normal(6),
            "e": rng.standard_normal(6), "l": -rng.random(6), "u": rng.random(6),
            "a": 0.4, "b": 0.7, "c": 0.5}  # fmt: skip


def solution(objective: str, constraints: tuple[str, ...] = (), **options: Any) -> Any:
    used = {n: s for n, _, s in (p.partition(":") for p in SHAPES.split(", "))}
    s = dv.solve(objective, over="x", subject_to=constraints, shapes=used, assume=POSITIVE,
                 notation="numpy", **options)  # fmt: skip
    return dv.evaluate(s.solution["x"], data())


@pytest.mark.parametrize(
    ("objective", "entry"),
    [
        ("sum(a * relu(x) + b * relu(-x))", lambda x, d: d["a"] * max(x, 0) + d["b"] * max(-x, 0)),
        ("c * sum(max(x, 0))", lambda x, d: d["c"] * max(x, 0)),
        ("c * sum(relu(-x))", lambda x, d: d["c"] * max(-x, 0)),
        ("c * norm1(2 * x) + a * norm1(x)", lambda x, d: (2 * d["c"] + d["a"]) * abs(x)),
    ],
)
def test_a_kink_in_each_entry(objective: str, entry: Any) -> None:
    d = data()
    found = solution(f"0.5 * norm2(x - z)**2 + {objective}")
    for value, z in zip(found, d["z"], strict=True):
        best = scipy.optimize.minimize_scalar(
            lambda x, z=z: 0.5 * (x - z) ** 2 + entry(x, d), bounds=(-9, 9), method="bounded",
            options={"xatol": 1e-12},
        )  # fmt: skip
        assert value == pytest.approx(best.x, abs=1e-6)


@pytest.mark.parametrize(
    ("kinks", "center", "low"),
    [
        ("a * norm1(x) + c * norm2(x)", False, -np.inf),
        ("a * norm1(x - y) + c * norm2(x - y)", True, -np.inf),
        ("c * norm2(x)", False, 0.0),
        ("c * norm2(2 * x - y)", True, -np.inf),
    ],
)
def test_norms_of_the_whole_vector(kinks: str, center: bool, low: float) -> None:
    d = data()
    found = solution(f"0.5 * norm2(x - z)**2 + {kinks}", ("x >= 0",) if low == 0 else ())

    def cost(x: Numbers) -> float:
        weight = d["a"] * np.sum(np.abs(x - center * d["y"])) if "norm1" in kinks else 0.0
        inside = 2 * x - d["y"] if "2 * x" in kinks else x - center * d["y"]
        return float(0.5 * np.sum((x - d["z"]) ** 2) + weight + d["c"] * np.linalg.norm(inside))

    rng = np.random.default_rng(0)
    best = cost(found)
    assert np.all(found >= low)
    for size in (1e-4, 1e-2, 1.0):
        for _ in range(400):
            other = np.maximum(found + size * rng.standard_normal(6), low)
            assert cost(other) >= best - 1e-12


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_linear_in_a_box(sense: str) -> None:
    d = data()
    found = solution("e @ x", ("x >= l", "x <= u"), sense=sense)
    sign = 1 if sense == "minimize" else -1
    best = scipy.optimize.linprog(sign * d["e"], bounds=list(zip(d["l"], d["u"], strict=True)))
    np.testing.assert_allclose(found, best.x, atol=1e-12)


@pytest.mark.parametrize("kind", ["relu", "abs"])
@pytest.mark.parametrize("offset", [-5.0, 0.1, 5.0])
@pytest.mark.parametrize("constraint", ["", "sum(x) == 1"])
def test_a_kink_across_a_plane(kind: str, offset: float, constraint: str) -> None:
    d = data() | {"b": offset}
    s = dv.solve(f"0.5 * norm2(x - z)**2 + c * {kind}(e @ x - b)", over="x",
                 subject_to=[constraint] if constraint else [],
                 shapes="x: n, z: n, e: n, b:, c:", assume={"c": "positive"},
                 notation="numpy")  # fmt: skip
    found = dv.evaluate(s.solution["x"], {k: d[k] for k in "zebc"})
    # the same with a new unknown t that is at least r (and -r)
    bounds = [d["e"], *([-d["e"]] if kind == "abs" else [])]
    rows = [{"type": "ineq", "fun": lambda v, e=e, s=s: v[-1] - e @ v[:-1] + s * offset}
            for e, s in zip(bounds, (1, -1), strict=False)]  # fmt: skip
    if kind == "relu":
        rows.append({"type": "ineq", "fun": lambda v: v[-1]})
    if constraint:
        rows.append({"type": "eq", "fun": lambda v: np.sum(v[:-1]) - 1})
    best = scipy.optimize.minimize(
        lambda v: 0.5 * np.sum((v[:-1] - d["z"]) ** 2) + d["c"] * v[-1],
        np.zeros(7), method="SLSQP", constraints=rows, options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    np.testing.assert_allclose(found, best.x[:-1], atol=1e-6)


def test_near_a_matrix_and_away_from_singular_ones() -> None:
    rng = np.random.default_rng(1)
    z = rng.standard_normal((4, 4))
    z = z + z.T
    s = dv.solve("0.5 * norm2(X - Z)**2 - c * logdet(X)", over="X", shapes="X: n n, Z: n n, c:",
                 assume={"c": "positive", "Z": "symmetric", "X": "spd"},
                 notation="numpy")  # fmt: skip
    found = dv.evaluate(s.solution["X"], {"Z": z, "c": 0.7})
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    assert np.linalg.eigvalsh(found)[0] > 0
    np.testing.assert_allclose(found - z - 0.7 * np.linalg.inv(found), 0, atol=1e-10)


def test_the_geometric_mean_of_two_matrices() -> None:
    rng = np.random.default_rng(6)
    a, b = (m @ m.T + np.eye(4) for m in rng.standard_normal((2, 4, 4)))
    s = dv.solve("tr(A @ inv(X)) + tr(B @ X)", over="X", shapes="X: n n, A: n n, B: n n",
                 assume={"A": "spd", "B": "spd", "X": "spd"}, notation="numpy")  # fmt: skip
    found = dv.evaluate(s.solution["X"], {"A": a, "B": b})
    np.testing.assert_allclose(found, found.T, atol=1e-10)
    assert np.linalg.eigvalsh(found)[0] > 0
    np.testing.assert_allclose(found @ b @ found, a, atol=1e-9)


def test_a_metric_that_needs_full_rank() -> None:
    rng = np.random.default_rng(2)
    a, m = rng.standard_normal(3), rng.standard_normal((5, 3))
    s = dv.solve("a @ x", over="x", subject_to="norm2(A @ x) <= 2", shapes="a: n, x: n, A: m n",
                 notation="numpy")  # fmt: skip
    assert "A has full column rank" in s.conditions
    x = dv.evaluate(s.solution["x"], {"a": a, "A": m})
    root = scipy.linalg.cholesky(m.T @ m)
    w = scipy.linalg.solve(root.T, a)
    np.testing.assert_allclose(x, scipy.linalg.solve(root, -2 * w / np.linalg.norm(w)), rtol=1e-9)


def test_a_convex_cost_is_greatest_on_the_edge_of_a_ball() -> None:
    rng = np.random.default_rng(4)
    m = rng.standard_normal((5, 3))
    s = dv.solve("norm2(A @ x)**2", over="x", subject_to="norm2(x) <= 3", shapes="x: n, A: m n",
                 notation="numpy", sense="maximize")  # fmt: skip
    x = dv.evaluate(s.solution["x"], {"A": m})
    assert np.linalg.norm(m @ x) == pytest.approx(3 * np.linalg.svd(m)[1][0])
    with pytest.raises(dv.DerivantError):  # of A nothing is known: it may be least inside
        dv.solve("x @ A @ x", over="x", subject_to="norm2(x) <= 3", shapes="x: n, A: n n",
                 assume={"A": "symmetric"}, notation="numpy")  # fmt: skip


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("constraint", ["", "sum(x) == 1"])
def test_between_two_planes(shift: float, constraint: str) -> None:
    d = data()
    s = dv.solve("norm2(x - z)**2", over="x",
                 subject_to=["low: e @ x >= b", "-2 * e @ x >= -2 * b - 2 * c",
                             *([constraint] if constraint else [])],
                 shapes="x: n, z: n, e: n, b:, c:", assume={"c": "positive"},
                 notation="numpy")  # fmt: skip
    b = float(d["e"] @ d["z"]) + shift
    given = {"e": d["e"], "z": d["z"], "b": b, "c": d["c"]}
    found = dv.evaluate(s.solution["x"], given)
    rows = [{"type": "ineq", "fun": lambda x: d["e"] @ x - b},
            {"type": "ineq", "fun": lambda x: b + d["c"] - d["e"] @ x}]  # fmt: skip
    if constraint:
        rows.append({"type": "eq", "fun": lambda x: np.sum(x) - 1})
    best = scipy.optimize.minimize(lambda x: np.sum((x - d["z"]) ** 2), d["z"], method="SLSQP",
                                   constraints=rows, options={"ftol": 1e-14})  # fmt: skip
    np.testing.assert_allclose(found, best.x, atol=1e-6)
    assert float(dv.evaluate(s.multipliers["low"], given)) >= 0
