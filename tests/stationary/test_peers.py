"""The same optimum as scikit-learn and cvxpy on scikit-learn's data, to 1e-6, with KKT <= 1e-6."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.optimize

import derivant as dv

Numbers = npt.NDArray[np.float64]
datasets = pytest.importorskip("sklearn.datasets")
linear = pytest.importorskip("sklearn.linear_model")
decomposition = pytest.importorskip("sklearn.decomposition")


def scaled(X: Numbers) -> Numbers:
    """Columns of mean 0 and deviation 1."""
    return np.asarray((X - X.mean(0)) / X.std(0), float)


def diabetes() -> tuple[Numbers, Numbers]:
    """Ten columns, and a target of mean 0 and deviation 1."""
    X, y = datasets.load_diabetes(return_X_y=True)
    return scaled(X), (y - y.mean()) / y.std()


def cancer() -> tuple[Numbers, Numbers]:
    """Thirty columns, and labels -1 and 1."""
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return scaled(X), 2.0 * y - 1.0


def optimum(objective: str, over: Any, subject_to: Any = (), **stated: Any) -> Any:
    """The result of a problem that has an optimum."""
    m = dv.minimize(objective, over, subject_to, notation="numpy", **stated)
    assert m.success, m.message
    assert m.kkt_residual <= 1e-6
    return m


@pytest.mark.parametrize("c", [0.1, 10.0])
def test_ridge(c: float) -> None:
    X, y = diabetes()
    data = {"X": X, "y": y, "c": c}
    m = optimum(
        "norm2(X @ w - y)**2 + c * norm2(w)**2", "w", data=data, assume={"c": "positive"}
    )  # fmt: skip
    wanted = linear.Ridge(alpha=c, fit_intercept=False, solver="svd").fit(X, y).coef_
    np.testing.assert_allclose(m.x["w"], wanted, atol=1e-6)


@pytest.mark.parametrize("c", [0.01, 0.1])
def test_lasso(c: float) -> None:
    X, y = diabetes()
    m = optimum(
        "norm2(X @ w - y)**2 / (2 * m) + c * norm1(w)", "w", data={"X": X, "y": y, "c": c},
        shapes="X: m n",
    )  # fmt: skip
    model = linear.Lasso(alpha=c, fit_intercept=False, tol=1e-14, max_iter=10**6).fit(X, y)
    np.testing.assert_allclose(m.x["w"], model.coef_, atol=1e-6)
    np.testing.assert_array_equal(m.x["w"] == 0, model.coef_ == 0)


def test_elastic_net() -> None:
    X, y = diabetes()
    data = {"X": X, "y": y, "c": 0.1, "r": 0.4}
    cost = "norm2(X @ w - y)**2 / (2 * m) + c * r * norm1(w) + 0.5 * c * (1 - r) * norm2(w)**2"
    m = optimum(cost, "w", data=data, shapes="X: m n")
    model = linear.ElasticNet(
        alpha=0.1, l1_ratio=0.4, fit_intercept=False, tol=1e-14, max_iter=10**6
    )
    np.testing.assert_allclose(m.x["w"], model.fit(X, y).coef_, atol=1e-6)


def test_logistic_regression_with_an_intercept() -> None:
    X, y = cancer()
    cost = "sum(softplus(-y * (X @ w + b))) + 0.5 * c * norm2(w)**2"
    m = optimum(cost, ["w", "b"], data={"X": X, "y": y, "c": 1.0}, shapes="b:")
    model = linear.LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    model.fit(X, y)
    np.testing.assert_allclose(m.x["w"], model.coef_[0], atol=1e-6)
    np.testing.assert_allclose(m.x["b"], model.intercept_[0], atol=1e-6)


def test_nonnegative_least_squares() -> None:
    X, y = diabetes()
    m = optimum("norm2(X @ w - y)**2", "w", "w >= 0", data={"X": X, "y": y})
    model = linear.LinearRegression(positive=True, fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(m.x["w"], model.coef_, atol=1e-6)
    np.testing.assert_allclose(m.x["w"], scipy.optimize.nnls(X, y)[0], atol=1e-6)


def portfolio_data() -> dict[str, Numbers]:
    """The covariance of thirty columns."""
    X, _ = cancer()
    return {"S": X.T @ X / len(X) + 1e-3 * np.eye(X.shape[1])}


def test_long_only_portfolio_is_optimal() -> None:
    data = portfolio_data()
    m = optimum("x @ S @ x", "x", ["sum(x) == 1", "x >= 0"], data=data)
    x, slope = m.x["x"], 2 * data["S"] @ m.x["x"]
    np.testing.assert_allclose(x.sum(), 1.0)
    assert x.min() >= 0
    held = x > 1e-9
    np.testing.assert_allclose(slope[held], slope[held].mean(), atol=1e-8)
    assert slope[~held].min() >= slope[held].mean() - 1e-8


def test_long_only_portfolio_beside_cvxpy() -> None:
    cp = pytest.importorskip("cvxpy")
    data = portfolio_data()
    m = optimum("x @ S @ x", "x", ["sum(x) == 1", "x >= 0"], data=data)
    x = cp.Variable(len(data["S"]))
    cost = cp.quad_form(x, cp.psd_wrap(data["S"]))
    cp.Problem(cp.Minimize(cost), [cp.sum(x) == 1, x >= 0]).solve()
    np.testing.assert_allclose(m.x["x"], x.value, atol=1e-6)


def test_nonnegative_factors_are_at_least_as_good() -> None:
    X, _ = datasets.load_breast_cancer(return_X_y=True)
    T = X[:40, :12] / X[:40, :12].max(0)
    rng = np.random.default_rng(0)
    start = {"U": rng.random((40, 3)), "V": rng.random((12, 3))}
    m = optimum(
        "norm2(T - U @ V.T)**2", ["U", "V"], ["U >= 0", "V >= 0"], data={"T": T}, start=start
    )  # fmt: skip
    model = decomposition.NMF(3, init="custom", tol=1e-10, max_iter=5000, solver="cd")
    W = model.fit_transform(T, W=start["U"].copy(), H=start["V"].T.copy())
    theirs = np.linalg.norm(T - W @ model.components_) ** 2
    assert min(m.x["U"].min(), m.x["V"].min()) >= 0
    assert m.fun <= theirs * (1 + 1e-6)
