"""Optima beside scikit-learn and cvxpy on scikit-learn's data, and how long a closed form takes.

Both sides reach the same gradient norm; cvxpy has its default solver. scikit-learn and cvxpy are
in the extra `peers`; without cvxpy its lines are left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

import derivant as dv
from benchmarks.timing import Row, interleaved, ratio

Numbers = npt.NDArray[np.float64]
PENALTY = 1.0
TURNS = 11
LIMIT = 0.3
LOGISTIC = "sum(softplus(-y * (X @ w))) + 0.5 * c * norm2(w)**2"
# Objective, unknowns, constraints, facts, shapes.
FORMS: list[tuple[str, list[str], list[str], dict[str, str], str]] = [
    ("norm2(A @ x - b)**2", ["x"], [], {}, "A: m n"),
    ("norm2(A @ x - b)**2 + c * norm2(x)**2", ["x"], [], {"c": "positive"}, "A: m n, c:"),
    ("(A @ x - b) @ W @ (A @ x - b)", ["x"], [], {"W": "spd"}, "A: m n"),
    ("norm2(A @ X @ B - C)**2", ["X"], [], {}, "A: m n, X: n p, B: p r"),
    ("norm2(A @ X - B)**2 + norm2(X @ C - D)**2", ["X"], [], {}, "A: m n, X: n p, C: p r"),
    ("norm2(X @ w + c * ones(m) - y)**2", ["w", "c"], [], {}, "X: m n, c:"),
    ("x @ x", ["x"], ["A @ x == b"], {}, "A: p n"),
    ("0.5 * x @ Q @ x + q @ x", ["x"], ["A @ x == b"], {"Q": "spd"}, "A: p n"),
    ("norm2(A @ x - b)**2", ["x"], ["C @ x == d"], {}, "A: m n, C: p n"),
    ("x @ S @ x", ["x"], ["sum(x) == 1", "u @ x == c"], {"S": "spd"}, "S: n n, c:"),
    ("norm2(X - B)**2", ["X"], ["X == X.T", "X @ s == y"], {"B": "symmetric"}, "X: n n"),
    ("x @ A @ x", ["x"], ["x @ B @ x == 1"], {"A": "symmetric", "B": "spd"}, "A: n n"),
    ("norm2(A @ X - B)**2", ["X"], ["X.T @ X == eye(n)"], {}, "A: m n, X: n n, B: m n"),
    ("u @ A @ v", ["u", "v"], ["u @ u == 1", "v @ v == 1"], {}, "A: m n"),
    ("norm2(A @ x - b)**2 / (1 + x @ x)", ["x"], [], {}, "A: m n"),
    ("tr(S @ Q) - logdet(Q)", ["Q"], [], {"Q": "spd"}, "S: n n, Q: n n"),
    ("sum(x * log(x)) - a @ x", ["x"], ["sum(x) == 1"], {"x": "positive"}, "x: n"),
    ("0.5 * norm2(x - z)**2 + c * norm1(x)", ["x"], [], {"c": "positive"}, "x: n, c:"),
    ("norm2(x - z)**2", ["x"], ["a @ x <= c"], {}, "x: n, c:"),
    ("norm2(x - z)**2", ["x"], ["norm2(x) <= c"], {"c": "positive"}, "x: n, c:"),
]  # fmt: skip


def rows() -> Iterator[Row]:
    """The lines of the table."""
    yield from beside_scikit_learn()
    if importlib.util.find_spec("cvxpy"):
        yield from beside_cvxpy()
    yield from closed_forms()


def _scaled(X: Numbers) -> Numbers:
    return np.asarray((X - X.mean(0)) / X.std(0), float)


def cancer() -> tuple[Numbers, Numbers]:
    """The breast cancer data, scaled, with labels -1 and 1."""
    X, y = importlib.import_module("sklearn.datasets").load_breast_cancer(return_X_y=True)
    return _scaled(X), 2.0 * y - 1.0


def diabetes() -> tuple[Numbers, Numbers]:
    """The diabetes data, centred."""
    X, y = importlib.import_module("sklearn.datasets").load_diabetes(return_X_y=True)
    return _scaled(X), y - y.mean()


def _logistic_slope(X: Numbers, y: Numbers, w: Numbers) -> float:
    return float(np.linalg.norm(-X.T @ (y / (1 + np.exp(y * (X @ w)))) + PENALTY * w))


def beside_scikit_learn() -> Iterator[Row]:
    """Logistic regression to the gradient norm that scikit-learn ends with; ridge exactly."""
    linear = importlib.import_module("sklearn.linear_model")
    X, y = cancer()

    def theirs() -> Numbers:
        model = linear.LogisticRegression(
            C=1 / PENALTY, fit_intercept=False, tol=1e-8, max_iter=10_000
        )
        return np.asarray(model.fit(X, y).coef_[0])

    bar = _logistic_slope(X, y, theirs())
    goal = bar
    data = {"X": X, "y": y, "c": PENALTY}

    def ours() -> Numbers:
        found = dv.minimize(LOGISTIC, "w", data=data, notation="numpy", tolerance=goal)
        return np.asarray(found.x["w"])

    while _logistic_slope(X, y, ours()) > bar:
        goal /= 2
    yield _row("logistic regression, scikit-learn", ours, theirs, 2.0)
    A, b = diabetes()
    code: dict[str, Callable[[Numbers, Numbers, float], Numbers]] = {}
    ridge = dv.solve("norm2(X @ w - y)**2 + c * norm2(w)**2", "w", (), {"c": "positive"})
    exec(compile(ridge.code("numpy"), "ridge", "exec"), code)  # noqa: S102 - our own code
    model = linear.Ridge(alpha=PENALTY, fit_intercept=False)
    yield _row(
        "ridge, scikit-learn", lambda: code["solution"](A, b, PENALTY),
        lambda: model.fit(A, b).coef_, 2.0,
    )  # fmt: skip


def beside_cvxpy() -> Iterator[Row]:
    """Problems with constraints, each read and solved from its text, beside cvxpy's default."""
    cp = importlib.import_module("cvxpy")
    A, b = diabetes()
    X, _ = cancer()
    S = X.T @ X / len(X) + 1e-3 * np.eye(X.shape[1])

    def least_squares() -> object:
        x = cp.Variable(A.shape[1])
        return cp.Problem(cp.Minimize(cp.sum_squares(A @ x - b)), [x >= 0]).solve()

    def portfolio() -> object:
        x = cp.Variable(len(S))
        problem = cp.Problem(cp.Minimize(cp.quad_form(x, cp.psd_wrap(S))), [cp.sum(x) == 1, x >= 0])
        return problem.solve()

    yield _row(
        "non-negative least squares, cvxpy",
        lambda: dv.minimize("norm2(A @ x - b)**2", "x", "x >= 0", {"A": A, "b": b}),
        least_squares, 1.0,
    )  # fmt: skip
    yield _row(
        "long-only minimum variance, cvxpy",
        lambda: dv.minimize("x @ S @ x", "x", ["sum(x) == 1", "x >= 0"], {"S": S}),
        portfolio, 1.0,
    )  # fmt: skip


def closed_forms() -> Iterator[Row]:
    """The slowest closed form in seconds of one core, the best of three, its texts written."""
    worst, where = 0.0, ""
    for objective, over, constraints, facts, shapes in FORMS:
        times = []
        for _ in range(3):
            begun = time.process_time()
            found = dv.solve(objective, over, constraints, facts, shapes, notation="numpy")
            for part in ("solution", "multipliers", "value"):
                found.expression("numpy", of=part)
            times.append(time.process_time() - begun)
        if min(times) > worst:
            worst, where = min(times), f"{objective}  {'; '.join(constraints)}"
    yield Row(
        f"slowest of {len(FORMS)} closed forms", f"{worst * 1e3:.0f} ms", where.replace("|", "/"),
        "<= 300 ms", worst <= LIMIT,
    )  # fmt: skip


def _row(name: str, ours: Callable[[], object], theirs: Callable[[], object], most: float) -> Row:
    times = interleaved({"derivant": ours, "peer": theirs}, repeats=TURNS)
    value, spread = ratio(times["derivant"], times["peer"])
    return Row(name, f"{value:.2f} x", spread, f"<= {most:g} x", value <= most)
