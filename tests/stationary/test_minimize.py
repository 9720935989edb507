"""Optima as numbers: against closed forms and SciPy; and problems without an optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.optimize

import derivant as dv

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 5))
Y = X @ np.array([1.0, -2.0, 0.0, 0.0, 3.0]) + 0.1 * RNG.standard_normal(30)


def solved(objective: str, over: Any, **stated: Any) -> Any:
    """The result of a problem that has an optimum."""
    m = dv.minimize(objective, over, **stated)
    assert m.success, m.message
    assert m.kkt_residual <= 1e-6
    return m


def test_closed_form_is_used_where_there_is_one() -> None:
    m = solved("norm2(X*w - y)^2", "w", data={"X": X, "y": Y})
    assert "closed form" in m.message
    assert m.multipliers == {}
    assert "kkt_residual" in repr(m)
    np.testing.assert_allclose(m.x["w"], np.linalg.lstsq(X, Y)[0])


@pytest.mark.parametrize("c", [0.01, 1.0, 20.0, 1e4])
def test_lasso_keeps_its_conditions(c: float) -> None:
    m = solved("norm2(X @ w - y)**2 + c * norm1(w)", "w", data={"X": X, "y": Y, "c": c})
    w, gradient = m.x["w"], 2 * X.T @ (X @ m.x["w"] - Y)
    on = w != 0
    np.testing.assert_allclose(gradient[on], -c * np.sign(w[on]), atol=1e-6)
    assert np.all(np.abs(gradient[~on]) <= c + 1e-6)


def test_absolute_values_of_a_residual() -> None:
    m = solved("norm1(X @ w - y)", "w", data={"X": X, "y": Y})
    m_, n = X.shape
    # the linear program with |r| <= t
    cost = np.concatenate([np.zeros(n), np.ones(m_)])
    rows = np.block([[X, -np.eye(m_)], [-X, -np.eye(m_)]])
    r = scipy.optimize.linprog(cost, rows, np.concatenate([Y, -Y]), bounds=(None, None))
    np.testing.assert_allclose(m.fun, r.fun, rtol=1e-7)


def test_least_sum_of_absolute_values_under_equations() -> None:
    A, b = RNG.standard_normal((3, 6)), RNG.standard_normal(3)
    m = solved("norm1(x)", "x", subject_to=["A @ x == b"], data={"A": A, "b": b})
    r = scipy.optimize.linprog(np.ones(12), A_eq=np.hstack([A, -A]), b_eq=b)
    np.testing.assert_allclose(m.fun, r.fun, rtol=1e-7)
    np.testing.assert_allclose(A @ m.x["x"], b, atol=1e-9)


def test_largest_absolute_value_of_a_residual() -> None:
    m = solved("max(abs(X @ w - y))", "w", data={"X": X, "y": Y})
    rows = np.block([[X, -np.ones((30, 1))], [-X, -np.ones((30, 1))]])
    cost = np.eye(6)[5]
    r = scipy.optimize.linprog(cost, rows, np.concatenate([Y, -Y]), bounds=(None, None))
    np.testing.assert_allclose(m.fun, r.fun, rtol=1e-7)


def test_absolute_values_in_a_constraint() -> None:
    m = solved("norm2(X @ w - y)**2", "w", subject_to=["norm1(w) <= 2"], data={"X": X, "y": Y})
    assert np.abs(m.x["w"]).sum() <= 2 + 1e-9
    pressure = m.multipliers["norm1(w) <= 2"]
    slope = 2 * X.T @ (X @ m.x["w"] - Y)
    on = np.abs(m.x["w"]) > 1e-7
    np.testing.assert_allclose(slope[on], -pressure * np.sign(m.x["w"][on]), atol=1e-6)
    assert np.all(np.abs(slope[~on]) <= pressure + 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_quadratic_programs_beside_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    L, q, A = rng.standard_normal((5, 3)), rng.standard_normal(5), rng.standard_normal((4, 5))
    Q = L @ L.T + (seed % 2) * np.eye(5)  # of full rank, or not
    b = A @ rng.standard_normal(5) + 0.1
    data = {"Q": Q, "q": q, "A": A, "b": b}
    bounds = ["A @ x <= b", "sum(x) == 1", "x >= -5", "x <= 5"]
    m = solved("0.5 * x @ Q @ x + q @ x", "x", subject_to=bounds, data=data)
    r = scipy.optimize.minimize(
        lambda x: 0.5 * x @ Q @ x + q @ x, np.full(5, 0.2), jac=lambda x: Q @ x + q,
        method="trust-constr", bounds=[(-5, 5)] * 5, options={"gtol": 1e-10, "xtol": 1e-12},
        constraints=[
            scipy.optimize.LinearConstraint(A, -np.inf, b),
            scipy.optimize.LinearConstraint(np.ones((1, 5)), 1, 1),
        ],
    )  # fmt: skip
    assert m.fun <= r.fun + 1e-6 * (1 + abs(r.fun))


def test_facts_that_are_equations_are_kept() -> None:
    z = np.array([0.9, 0.4, -1.0])
    m = solved("norm2(x - z)**2", "x", assume={"x": "simplex"}, data={"z": z})
    np.testing.assert_allclose(m.x["x"], [0.75, 0.25, 0.0], atol=1e-8)
    m = solved("norm2(x - z)**2", "x", assume={"x": "unit"}, data={"z": z})
    np.testing.assert_allclose(m.x["x"], z / np.linalg.norm(z), atol=1e-8)


def test_a_start_outside_the_domain_is_drawn_nearer_to_zero() -> None:
    A, b = RNG.standard_normal((12, 3)), np.ones(12)
    stated = {"data": {"A": A, "b": b}, "start": {"x": np.full(3, 9.0)}}
    m = solved("-sum(log(b - A @ x))", "x", **stated)
    np.testing.assert_allclose(A.T @ (1 / (b - A @ m.x["x"])), 0, atol=1e-6)
    with pytest.raises(dv.ArgumentError, match="not finite at the start"):
        dv.minimize("sum(log(-1 - x**2))", "x", notation="numpy", start={"x": np.ones(2)})


def test_an_infimum_that_is_not_attained_is_no_optimum() -> None:
    m = dv.minimize(
        "tr(A @ X)", "X", ["tr(X) == 1"], {"A": np.diag([1.0, 2.0])}, assume={"X": "spd"},
        notation="numpy",
    )  # fmt: skip
    assert not m.success
    assert "unbounded" not in m.message


def test_kinks_that_no_method_removes_are_refused() -> None:
    with pytest.raises(dv.DerivantError, match="falls with abs"):
        dv.minimize("-norm1(x) + norm2(x)^2", "x", data={}, start={"x": np.ones(3)})


def test_nonnegative_least_squares() -> None:
    m = solved("norm2(X @ w - y)**2", "w", subject_to=["w >= 0"], data={"X": X, "y": Y})
    wanted, _ = scipy.optimize.nnls(X, Y)
    np.testing.assert_allclose(m.x["w"], wanted, atol=1e-7)
    np.testing.assert_allclose(
        m.multipliers["w >= 0"], np.maximum(2 * X.T @ (X @ wanted - Y), 0), atol=1e-5
    )


def test_long_only_portfolio() -> None:
    S = X.T @ X / 30
    constraints = ["sum(x) == 1", "x >= 0"]
    m = solved("x @ S @ x", "x", subject_to=constraints, data={"S": S}, assume={"S": "spd"})
    x, lam, mu = m.x["x"], m.multipliers["sum(x) == 1"], m.multipliers["x >= 0"]
    assert np.all(x >= 0)
    np.testing.assert_allclose(2 * S @ x + lam - mu, 0, atol=1e-6)
    np.testing.assert_allclose(x * mu, 0, atol=1e-7)


def test_logistic_regression() -> None:
    labels = np.sign(Y)
    data = {"X": X, "y": labels, "c": 0.5}
    m = solved("sum(softplus(-y * (X @ w))) + c * norm2(w)**2", "w", data=data, notation="numpy")
    w = m.x["w"]
    slope = -X.T @ (labels / (1 + np.exp(labels * (X @ w)))) + w
    np.testing.assert_allclose(slope, 0, atol=1e-7)


def test_factors_that_are_not_negative() -> None:
    T = np.abs(RNG.standard_normal((6, 4)))
    start = {"U": np.abs(RNG.standard_normal((6, 2))), "V": np.abs(RNG.standard_normal((4, 2)))}
    m = solved(
        "norm2(T - U @ V.T)**2", ["U", "V"], subject_to=["U >= 0", "V >= 0"],
        data={"T": T}, start=start,
    )  # fmt: skip
    assert min(m.x["U"].min(), m.x["V"].min()) >= 0
    assert m.fun < np.linalg.norm(T - start["U"] @ start["V"].T) ** 2


def test_precision_matrix_under_a_constraint_of_one_entry() -> None:
    S = X.T @ X / 30 + np.eye(5)
    m = solved(
        "tr(S @ Q) - logdet(Q)", "Q", data={"S": S}, assume={"Q": "spd"}, closed_form=False,
        notation="numpy",
    )  # fmt: skip
    np.testing.assert_allclose(m.x["Q"], np.linalg.inv((S + S.T) / 2), rtol=1e-6, atol=1e-7)


def test_python_functions_and_trees() -> None:
    m = dv.minimize(lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, np.array([-1.2, 1]))
    assert m.success
    assert "success: True" in repr(m)
    np.testing.assert_allclose(m.x, [1.0, 1.0], atol=1e-7)
    tree = dv.minimize(lambda p: dv.sum((p["a"] - 2.0) ** 2) + p["b"] ** 2, {"a": X[0], "b": 3.0})
    np.testing.assert_allclose(tree.x["a"], 2.0)


@pytest.mark.parametrize(
    ("objective", "over", "stated", "message"),
    [
        (
            "norm2(w)**2", "w",
            {"subject_to": ["sum(w) == 1", "sum(w) == 2"], "start": {"w": np.ones(3)}},
            r"infeasible.*sum\(w\) ==",
        ),
        ("sum(X @ w)", "w", {"data": {"X": X}}, "unbounded"),
        ("norm2(x)**2", "x", {"subject_to": ["x >= 1", "x <= 0"], "start": {"x": np.ones(2)}},
         "infeasible.*'x >= 1', 'x <= 0'"),
        ("norm2(x)**2", "x", {"subject_to": ["x @ x <= -1"], "start": {"x": np.ones(2)}},
         "infeasible.*x @ x <= -1"),
    ],
)  # fmt: skip
def test_no_optimum_is_said(
    objective: str, over: str, stated: dict[str, Any], message: str
) -> None:
    m = dv.minimize(objective, over, notation="numpy", **stated)
    assert not m.success
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(m.message)


def test_data_that_do_not_fit() -> None:
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(dv.ArgumentError, match=r"X has NaN at .*column 2"):
        dv.minimize("norm2(X*w - y)^2", "w", data={"X": bad, "y": Y})
    with pytest.raises(dv.ShapeError, match="y has shape"):
        dv.minimize("norm2(X*w - y)^2", "w", data={"X": X, "y": Y[:5]})
    with pytest.raises(dv.ArgumentError, match="data has no y"):
        dv.minimize("norm2(X*w - y)^2", "w", data={"X": X})


def test_rank_deficient_least_squares_is_no_closed_form_but_has_numbers() -> None:
    wide = RNG.standard_normal((3, 5))
    m = solved("norm2(X*w - y)^2", "w", data={"X": wide, "y": Y[:3]})
    assert "closed form" not in m.message
    np.testing.assert_allclose(wide @ m.x["w"], Y[:3], atol=1e-6)


@pytest.mark.parametrize("weight", [0.5, 3.0, 50.0])
@pytest.mark.parametrize(
    "formula",
    [
        "norm2(A @ x - b)**2 + c * norm2(x)",
        "norm2(A @ x - b)**2 + c * norm2(x) + 0.3 * norm1(x)",
        "0.5 * norm2(x - d)**2 + 0.2 * norm1(x) + c * norm2(x)",
    ],
)
def test_a_norm_that_holds_the_unknown_at_zero(formula: str, weight: float) -> None:
    rng = np.random.default_rng(5)
    data = {"A": rng.standard_normal((8, 4)), "b": rng.standard_normal(8), "c": weight,
            "d": rng.standard_normal(4)}  # fmt: skip
    used = {k: v for k, v in data.items() if f"{k} " in formula or f"{k})" in formula}
    m = dv.minimize(formula, over="x", data=used, notation="numpy")
    assert m.success
    assert m.kkt_residual <= 1e-6

    def cost(x: npt.NDArray[np.float64]) -> float:
        ones = {"0.3": 0.3, "0.2": 0.2}
        one = next((v for k, v in ones.items() if f"{k} * norm1" in formula), 0.0)
        smooth = (
            0.5 * np.sum((x - data["d"]) ** 2)
            if formula[0] == "0"
            else np.sum((data["A"] @ x - data["b"]) ** 2)
        )
        return float(smooth + one * np.sum(np.abs(x)) + weight * np.linalg.norm(x))

    for size in (1e-4, 1e-2, 1.0):
        for _ in range(300):
            assert cost(m.x["x"] + size * rng.standard_normal(4)) >= m.fun - 1e-10
    if weight == 50.0:
        assert not np.any(m.x["x"])
