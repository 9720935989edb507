"""Closed forms against dense algebra, and what must be refused.

Each case has data, and the optimum by an independent way: NumPy's solvers, or SciPy's from several
starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import scipy.optimize

import derivant as dv

Numbers = npt.NDArray[np.float64]
SIZES = {"m": 7, "n": 4, "p": 2, "k": 2, "r": 3}


def drawn(shapes: str, facts: Mapping[str, str], seed: int = 0) -> dict[str, Numbers]:
    """Data of shapes such as "A: m n, c:" with the facts spd, symmetric and positive."""
    rng, data = np.random.default_rng(seed), {}
    for part in shapes.split(","):
        name, _, letters = part.partition(":")
        value = rng.standard_normal([SIZES[s] for s in letters.split()])
        fact = facts.get(name.strip(), "")
        if fact == "spd":
            value = value @ value.T + 2 * np.eye(len(value))
        elif fact == "symmetric":
            value = value + value.T
        elif fact == "positive":
            value = 0.3 + np.abs(value)
        data[name.strip()] = value
    return data


def values(s: dv.Solution, data: Mapping[str, Any]) -> dict[str, Numbers]:
    """The solution for data; sizes that no array shows are those of SIZES."""
    used = dict(data)
    shown = {str(d) for v in s.data for d in v.shape}
    sizes = {k: v for k, v in SIZES.items() if k not in shown}
    return {n: np.asarray(dv.evaluate(x, used, sizes)) for n, x in s.solution.items()}


# objective, unknown, constraints, shapes, facts of the data and of the unknowns
PROBLEMS: list[tuple[str, str, list[str], str, dict[str, str]]] = [
    ("norm2(A @ x - b)**2", "x", [], "A: m n, b: m, x: n", {}),
    ("norm2(A @ x - b)**2 + c * norm2(x - z)**2", "x", [], "A: m n, b: m, x: n, z: n, c:",
     {"c": "positive"}),
    ("0.5 * x.T @ Q @ x + q.T @ x", "x", ["A @ x == b"], "Q: n n, q: n, x: n, A: p n, b: p",
     {"Q": "spd"}),
    ("norm2(A @ x - b)**2", "x", ["C @ x == d"], "A: m n, b: m, x: n, C: p n, d: p", {}),
    ("x.T @ S @ x", "x", ["sum(x) == 1", "u @ x == c"], "S: n n, x: n, u: n, c:", {"S": "spd"}),
    ("norm2(A @ X - B)**2", "X", ["C @ X == D"], "A: m n, X: n r, B: m r, C: p n, D: p r", {}),
    ("norm2(X - B)**2", "X", ["X @ s == y"], "X: n n, B: n n, s: n, y: n", {}),
    ("norm2(X - A)**2", "X", ["tr(X) == 1"], "X: n n, A: n n", {}),
    ("norm2(X - A)**2", "X", ["X == X.T"], "X: n n, A: n n", {}),
    ("norm2(X - A)**2", "X", ["X == -X.T"], "X: n n, A: n n", {}),
    ("norm2(X - B)**2", "X", ["X == X.T", "X @ s == y"], "X: n n, B: n n, s: n, y: n",
     {"B": "symmetric"}),
    ("tr((X - B).T @ W @ (X - B) @ W)", "X", ["X @ s == y"],
     "X: n n, B: n n, W: n n, s: n, y: n", {"W": "spd"}),
    ("tr(G @ S @ G.T)", "G", ["G @ A == eye(n)"], "G: n m, S: m m, A: m n", {"S": "spd"}),
    ("norm2(A @ X - X @ B - C)**2", "X", [], "A: n n, B: p p, C: n p, X: n p", {}),
    ("log(1 + norm2(A @ x - b)**2)", "x", [], "A: m n, b: m, x: n", {}),
    ("sum(a * exp(-x))", "x", ["sum(x) == c"], "a: n, x: n, c:", {"a": "positive"}),
    ("norm2(A * X - B)**2", "X", [], "A: m n, X: m n, B: m n", {"A": "positive"}),
    ("0.5 * norm2(x - z)**2 + c * sum(relu(x))", "x", [], "x: n, z: n, c:", {"c": "positive"}),
    ("norm2(A @ X - B)**2 + norm2(X @ C - D)**2", "X", [],
     "A: m n, X: n p, B: m p, C: p r, D: n r", {}),
    ("norm2(X @ w + c * ones(m) - y)**2", "w c", [], "X: m n, w: n, c:, y: m", {}),
    ("norm2(x - z)**2", "x", ["a @ x <= c"], "x: n, z: n, a: n, c:", {}),
    ("norm2(x - z)**2", "x", ["norm2(x) <= c"], "x: n, z: n, c:", {"c": "positive"}),
    ("norm2(x - z)**2", "x", ["x >= l", "x <= l + u"], "x: n, z: n, l: n, u: n",
     {"u": "positive"}),
    ("a @ x", "x", ["x @ Q @ x <= 1"], "a: n, x: n, Q: n n", {"Q": "spd"}),
    ("sum(x * log(x / y)) - a @ x", "x", ["sum(x) == 1"], "x: n, y: n, a: n",
     {"x": "positive", "y": "positive"}),
    ("c * sum(x * log(x)) + a @ x", "x", ["sum(x) == 1"], "x: n, a: n, c:",
     {"x": "positive", "c": "positive"}),
    ("sum(a / x)", "x", ["w @ x == c"], "a: n, x: n, w: n, c:",
     {"a": "positive", "x": "positive", "w": "positive", "c": "positive"}),
    ("m * log(c) + norm2(A @ x - b)**2 / c", "c", [], "A: m n, x: n, b: m, c:", {"c": "positive"}),
    ("tr(S @ Q) - logdet(Q)", "Q", [], "S: n n, Q: n n", {"S": "spd", "Q": "spd"}),
    ("tr(inv(S) @ A) + 3 * logdet(S)", "S", [], "A: n n, S: n n", {"A": "spd", "S": "spd"}),
]  # fmt: skip


@cache
def solved_place(place: int) -> dv.Solution:
    """The answer of a problem, found once for the tests that look at it."""
    objective, over, constraints, shapes, facts = PROBLEMS[place]
    return dv.solve(objective, over.split(), constraints, facts, shapes, notation="numpy")


NAMES = [f"{p[0]} | {'; '.join(p[2])}" for p in PROBLEMS]


@pytest.mark.parametrize("place", range(len(PROBLEMS)), ids=NAMES)
def test_no_solver_finds_a_better_point(place: int) -> None:
    objective, over, constraints, shapes, facts = PROBLEMS[place]
    s = solved_place(place)
    data = drawn(shapes, facts)
    given = {n: v for n, v in data.items() if n not in over.split()}
    found = values(s, given)
    m = dv.minimize(
        objective, over.split(), constraints, given, {n: data[n] for n in found}, facts, shapes,
        notation="numpy", closed_form=False,
    )  # fmt: skip
    assert m.success, m.message
    for name, value in found.items():
        np.testing.assert_allclose(value, m.x[name], rtol=1e-4, atol=1e-5)
    value = dv.evaluate(s.value, given, SIZES)
    np.testing.assert_allclose(value, m.fun, rtol=1e-7, atol=1e-8)


def test_least_norm_of_the_lecture() -> None:
    s = dv.solve("x'*x", over="x", subject_to=["lam: A*x = y"])
    assert s.text == "x = A' inv(A A') y"
    assert s.expression("numpy", of="multipliers") == {"lam": "-2 * inv(A @ A.T) @ y"}
    assert s.conditions == ("A has full row rank",)
    assert "global minimum" in s.kind
    rng = np.random.default_rng(1)
    A, y = rng.standard_normal((2, 5)), rng.standard_normal(2)
    np.testing.assert_allclose(values(s, {"A": A, "y": y})["x"], np.linalg.pinv(A) @ y)


def test_weighted_least_squares_of_the_lecture() -> None:
    s = dv.solve("(X*theta - y)'*W*(X*theta - y)", over="theta", assume={"W": "spd"})
    assert s.text == "θ = inv(X' W X) X' W y"
    steps = [str(step.result) for step in s.steps]
    assert "2 X' W (X θ - y) = 0" in steps
    assert "X' W X θ = X' W y" in steps
    why = "v ≠ 0: v' (X' W X) v > 0 where X has full column rank [W spd], so that X' W X is "
    assert why + "invertible" in steps


def test_precision_with_a_matrix_that_is_not_symmetric() -> None:
    s = dv.solve("tr(S @ Q) - logdet(Q)", "Q", assume={"Q": "spd"}, shapes="S: n n, Q: n n")
    S = np.array([[2.0, 0.7], [-0.3, 1.0]])
    np.testing.assert_allclose(values(s, {"S": S})["Q"], np.linalg.inv((S + S.T) / 2))
    assert s.conditions == ("S + S' is positive definite",)


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_eigenvectors(sense: str) -> None:
    data = drawn("A: n n, B: n n", {"A": "symmetric", "B": "spd"})
    place = 0 if sense == "minimize" else -1
    facts = {"A": "symmetric", "B": "spd"}
    s = dv.solve("x.T @ A @ x", "x", ["x.T @ B @ x == 1"], facts, sense=sense)
    wanted = scipy.linalg.eigh(data["A"], data["B"])[0][place]
    np.testing.assert_allclose(dv.evaluate(s.value, data), wanted)
    np.testing.assert_allclose(
        dv.evaluate(s.multipliers["x.T @ B @ x == 1"], data),
        -wanted if sense == "minimize" else wanted,
    )


def test_procrustes() -> None:
    shapes = "A: m n, X: n n, B: m n"
    s = dv.solve("norm2(A @ X - B)**2", "X", ["X.T @ X == eye(n)"], shapes=shapes)
    data = drawn("A: m n, B: m n", {})
    wanted = scipy.linalg.orthogonal_procrustes(data["A"], data["B"])[0]
    np.testing.assert_allclose(values(s, data)["X"], wanted, atol=1e-10)


def test_top_eigenvectors_span_the_principal_subspace() -> None:
    shapes = "A: n n, X: n k"
    s = dv.solve(
        "tr(X.T @ A @ X)", "X", ["X.T @ X == eye(k)"], {"A": "symmetric"}, shapes, sense="maximize"
    )
    data = drawn("A: n n", {"A": "symmetric"})
    X = values(s, data)["X"]
    top = np.linalg.eigvalsh(data["A"])[-2:]
    np.testing.assert_allclose(np.trace(X.T @ data["A"] @ X), top.sum())


def test_singular_vectors() -> None:
    constraints = ["u.T @ u == 1", "v.T @ v == 1"]
    s = dv.solve("u.T @ A @ v", ["u", "v"], constraints, shapes="A: m n", sense="maximize")
    A = drawn("A: m n", {})["A"]
    found = values(s, {"A": A})
    left, sizes, right = np.linalg.svd(A)
    np.testing.assert_allclose(found["u"] @ A @ found["v"], sizes[0])
    np.testing.assert_allclose(abs(found["u"] @ left[:, 0]), 1.0)
    np.testing.assert_allclose(abs(found["v"] @ right[0]), 1.0)
    assert "sign" in s.kind


def test_canonical_correlation() -> None:
    data = drawn("A: m n, P: m m, Q: n n", {"P": "spd", "Q": "spd"})
    constraints = ["x.T @ P @ x == 1", "y.T @ Q @ y == 1"]
    facts = {"P": "spd", "Q": "spd"}
    s = dv.solve("x.T @ A @ y", ["x", "y"], constraints, facts, "A: m n", sense="maximize")
    root_p, root_q = (np.linalg.inv(scipy.linalg.sqrtm(data[k])) for k in "PQ")
    wanted = np.linalg.svd(root_p @ data["A"] @ root_q, compute_uv=False)[0]
    np.testing.assert_allclose(dv.evaluate(s.value, data), wanted)


@pytest.mark.parametrize("metric", ["", "B @ "])
def test_frames_with_a_metric(metric: str) -> None:
    facts = {"A": "symmetric", "B": "spd"} if metric else {"A": "symmetric"}
    data = drawn("A: n n, B: n n", {"A": "symmetric", "B": "spd"})
    s = dv.solve(
        "tr(X.T @ A @ X)", "X", [f"X.T @ {metric}X == eye(k)"], facts, "A: n n, X: n k",
        sense="maximize",
    )  # fmt: skip
    X = values(s, {k: data[k] for k in facts})["X"]
    core = data["B"] if metric else np.eye(len(data["A"]))
    np.testing.assert_allclose(X.T @ core @ X, np.eye(2), atol=1e-10)
    wanted = scipy.linalg.eigvalsh(data["A"], core)[-2:].sum()
    np.testing.assert_allclose(np.trace(X.T @ data["A"] @ X), wanted)


def test_principal_components_by_what_they_leave() -> None:
    s = dv.solve("norm2(Y - Y @ X @ X.T)**2", "X", ["X.T @ X == eye(k)"], shapes="Y: m n, X: n k")
    Y = drawn("Y: m n", {})["Y"]
    X = values(s, {"Y": Y})["X"]
    left = np.linalg.svd(Y, compute_uv=False)[2:] ** 2
    np.testing.assert_allclose(np.linalg.norm(Y - Y @ X @ X.T) ** 2, left.sum())


def test_soft_threshold_and_softmax_have_their_names() -> None:
    s = dv.solve("0.5*norm2(x - z)^2 + c*norm1(x)", "x", assume="c: positive", shapes="x: n, c:")
    assert s.text == "x = relu(abs(z) - c) ∘ sign(z)"
    s = dv.solve("sum(x * log(x)) - a.T @ x", "x", ["sum(x) == 1"], {"x": "positive"})
    assert s.text == "x = softmax(a)"


def test_weights_of_absolute_values_stay_with_their_entries() -> None:
    shapes = "x: n, z: n, w: n"
    s = dv.solve("0.5*norm2(x - z)**2 + sum(w * abs(x))", "x", (), {"w": "positive"}, shapes)
    z, w = np.array([3.0, -1.0, 0.2, -5.0]), np.array([1.0, 2.0, 0.1, 4.0])
    found = values(s, {"z": z, "w": w})["x"]
    np.testing.assert_allclose(found, [2.0, 0.0, 0.1, -1.0])


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("c**3 - c", {"over": "c", "shapes": "c:"}),  # has no least value
    ("c + 1/c", {"over": "c", "shapes": "c:"}),
    ("a @ x", {"over": "x"}),
    ("a @ x", {"over": "x", "subject_to": ["sum(x) == 1"]}),
    ("x @ y", {"over": ["x", "y"]}),
    ("x @ Q @ x", {"over": "x", "assume": {"Q": "spd"}, "sense": "maximize"}),
    ("norm2(A @ x - b)**2", {"over": "x", "assume": {"A": "full-row-rank"}}),
    ("norm2(A @ x - b)**2", {"over": "x", "subject_to": ["sum(x) == 1", "sum(x) == 2"]}),
    ("sum((x - z)**2)", {"over": "x", "assume": {"x": "positive"}}),
    ("-norm2(x - z)**2", {"over": "x", "subject_to": ["x >= 0"]}),
]


@pytest.mark.parametrize(("objective", "stated"), REFUSED)
def test_what_has_no_optimum_there_is_refused(objective: str, stated: dict[str, Any]) -> None:
    with pytest.raises(dv.DerivantError, match="no closed form"):
        dv.solve(objective, notation="numpy", **stated)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"over": "w"}, "not in the formula"),
        ({"over": "x", "sense": "least"}, "sense"),
        ({"over": "x", "subject_to": ["A*x"]}, "0 relations"),
        ({"over": "x", "subject_to": ["A*x = b", "A*x = b"]}, "two constraints"),
        ({"over": "x", "subject_to": ["A: x = b"]}, "name of a variable"),
        ({"over": []}, "no unknown"),
    ],
)
def test_problems_that_cannot_be_read(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(dv.ArgumentError, match=message):
        dv.solve("norm2(A*x - b)^2", **stated)


def test_sensitivity_is_the_derivative_of_the_solution() -> None:
    s = dv.solve("x'*x", over="x", subject_to="A*x = y")
    assert dv.derive(s.solution["x"], wrt="y").text == "A' inv(A A')"


def test_more_unknowns_than_equations_is_refused_or_the_least_norm_as_asked() -> None:
    objective, facts = "norm2(A*x - b)^2", {"A": "full-row-rank"}
    with pytest.raises(dv.DerivantError, match="least_norm=True"):
        dv.solve(objective, "x", assume=facts)
    s = dv.solve(objective, "x", assume=facts, least_norm=True)
    rng = np.random.default_rng(2)
    A, b = rng.standard_normal((2, 5)), rng.standard_normal(2)
    np.testing.assert_allclose(values(s, {"A": A, "b": b})["x"], np.linalg.pinv(A) @ b)
    np.testing.assert_allclose(run_code(s, A=A, b=b), np.linalg.pinv(A) @ b)
    with pytest.raises(dv.DerivantError, match="squared norm"):
        dv.solve("norm2(A*x - b)^2 + c*norm1(x)", "x", least_norm=True, shapes="c:")


def test_code_of_least_squares_gives_the_pseudoinverse_at_any_rank() -> None:
    rng = np.random.default_rng(4)
    A = rng.standard_normal((7, 2)) @ rng.standard_normal((2, 5))
    b = rng.standard_normal(7)
    found = run_code(dv.solve("norm2(A*x - b)^2", "x"), A=A, b=b)
    np.testing.assert_allclose(found, np.linalg.pinv(A) @ b, atol=1e-10)


def test_workflow_of_the_least_norm() -> None:
    """Workflow 4: the answer, its multiplier, value, conditions, code and sensitivity."""
    s = dv.solve("x'*x", over="x", subject_to=["lam: A*x = y"])
    told = str(s)
    for line in ("x = A' inv(A A') y", "lam = -2 inv(A A') y", "value = y' inv(A A') y"):
        assert line in told
    assert "A has full row rank" in told
    assert "one global minimum" in told
    assert s.expression("numpy", of="value") == "y @ inv(A @ A.T) @ y"
    code = s.code("numpy")
    assert "qr(A.T" in code and "solve_triangular" in code and "inv(" not in code
    assert dv.derive(s.solution["x"], wrt="y").text == "A' inv(A A')"
    results = [step.result for step in s.steps]
    assert any("lam" in r and "= 0" in r for r in results)
    assert "lam = -2 inv(A A') y" in results
    assert "-0.5 A A' lam - y = 0" in results
    assert results[-2] == s.kind


# Code


def run_code(answer: dv.Solution, /, **data: Numbers) -> Any:
    """What the generated function returns."""
    names: dict[str, Any] = {}
    exec(answer.code("numpy"), names)
    return names["solution"](**data)


def test_code_is_as_exact_as_lstsq_at_condition_1e10() -> None:
    rng = np.random.default_rng(3)
    u, _ = np.linalg.qr(rng.standard_normal((40, 6)))
    v, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    A = (u * np.logspace(0, -10, 6)) @ v.T
    x = rng.standard_normal(6)
    b = A @ x
    s = dv.solve("norm2(A*x - b)^2", over="x")
    error = np.linalg.norm(run_code(s, A=A, b=b) - x)
    bar = np.linalg.norm(scipy.linalg.lstsq(A, b)[0] - x)
    assert error <= 10 * bar
    assert error < 1e-4 * np.linalg.norm(values(s, {"A": A, "b": b})["x"] - x)


@pytest.mark.parametrize("place", range(len(PROBLEMS)), ids=NAMES)
def test_code_computes_the_formula(place: int) -> None:
    _, _, _, shapes, facts = PROBLEMS[place]
    s = solved_place(place)
    data = drawn(shapes, facts, seed=5)
    given = {str(v.params["name"]): data[str(v.params["name"])] for v in s.data}
    found = run_code(s, **given)
    parts = found if isinstance(found, tuple) else (found,)
    for part, value in zip(parts, values(s, given).values(), strict=True):
        np.testing.assert_allclose(part, value, rtol=1e-7, atol=1e-9)


def test_code_forms_no_inverse_of_a_gram_matrix() -> None:
    for objective, constraints in [("norm2(A*x - b)^2", []), ("x'*x", ["A*x = b"])]:
        assert "inv(" not in dv.solve(objective, "x", constraints).code("numpy")
    weighted = dv.solve("(A*x - b)'*W*(A*x - b)", "x", assume={"W": "spd"}).code("numpy")
    assert "cholesky(W)" in weighted
    assert "lstsq" in weighted


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_code_of_an_eigenvector(sense: str) -> None:
    s = dv.solve("x'*A*x", "x", "x'*x = 1", "A: symmetric", sense=sense)
    A = drawn("A: n n", {"A": "symmetric"})["A"]
    found = run_code(s, A=A)
    wanted = np.linalg.eigvalsh(A)[0 if sense == "minimize" else -1]
    np.testing.assert_allclose(found @ A @ found, wanted)


@pytest.mark.parametrize("size", ["n", "z", "z2", "C", "R", "r"])
def test_a_size_keeps_its_name_in_code(size: str) -> None:
    s = dv.solve("x'*S*x", "x", "sum(x) = 1", "S: spd", f"S: {size} {size}")
    S = drawn("S: n n", {"S": "spd"})["S"]
    wanted = np.linalg.solve(S, np.ones(len(S)))
    np.testing.assert_allclose(run_code(s, S=S), wanted / wanted.sum())
    plain = dv.solve("norm2(A*x - b)^2 + c*norm2(x)^2", "x", (), "c: positive", f"A: m {size}")
    A, b = np.linalg.qr(np.vander(np.arange(1.0, 5.0)))[0], np.ones(4)
    np.testing.assert_allclose(run_code(plain, A=A, b=b, c=1.0), A.T @ b / 2)
