"""Structured Jacobians beside the products they are, and how their cost grows."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np

import derivant as dv
from benchmarks.timing import Row, interleaved, ratio

MS = 1e-3


def rows() -> Iterator[Row]:
    """The lines of the table."""
    yield from linear_layer()
    yield from factorisation()
    yield from logistic_regression()
    yield from growth()


def against(name: str, times: dict[str, list[float]], target: float) -> Row:
    """One line: ours over theirs."""
    value, spread = ratio(times["ours"], times["theirs"])
    return Row(name, f"{value:.3f}", spread, f"<= {target:g}", value <= target)


def linear_layer() -> Iterator[Row]:
    """dY/dX of Y = X W, N = 64, D = M = 4096, float32: each product is one GEMM."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((4096, 4096), dtype=np.float32)
    X, G = (rng.standard_normal((64, 4096), dtype=np.float32) for _ in range(2))
    J = dv.jacobian(lambda X: X @ W)(X)
    assert J.dense_nbytes == 274877906944 and J[3, 7, 3, 9] == W[9, 7]
    calls: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "J @ dX": (lambda: J @ X, lambda: X @ W),
        "J.T @ dY": (lambda: J.T @ G, lambda: G @ W.T),
        "dY @ J": (lambda: G @ J, lambda: G @ W.T),
    }
    held = 2 * X.nbytes + W.nbytes
    for name, (ours, theirs) in calls.items():
        np.testing.assert_allclose(ours(), theirs(), rtol=1e-4, atol=1e-2)
        times = interleaved({"ours": ours, "theirs": theirs})
        yield against(f"d(XW)/dX, 256 GiB dense: {name} / the GEMM", times, 1.1)
        tracemalloc.start()
        result = ours()
        extra = tracemalloc.get_traced_memory()[1] - result.nbytes  # type: ignore[attr-defined]
        tracemalloc.stop()
        share = extra / held
        yield Row(f"{name}: extra memory", f"{share:.2%}", "", "<= 10 %", share <= 0.1)


def factorisation() -> Iterator[Row]:
    """The Hessian of ||T - U V'||^2 by U, n = 200, k = 5."""
    rng = np.random.default_rng(1)
    n, k = 200, 5
    T, U, V = (rng.standard_normal(s) for s in ((n, n), (n, k), (n, k)))
    loss = lambda U: dv.sum((T - U @ V.T) ** 2)  # noqa: E731 - a formula
    H, G = dv.hessian(loss)(U), rng.standard_normal((n, k))

    def floor() -> object:
        out, core = np.zeros((n, k, n, k)), 2 * V.T @ V
        np.einsum("ijil->ijl", out)[...] = core[None]
        return out

    def by_hand() -> object:
        return np.linalg.solve(2 * V.T @ V, G.T).T

    np.testing.assert_allclose(H.materialize(), floor(), rtol=1e-12)
    np.testing.assert_allclose(H.solve(G), by_hand(), rtol=1e-8)
    times = interleaved({"ours": H.materialize, "theirs": floor}, 5)
    yield against("Hessian of ||T - UV'||^2: dense / writing it", times, 1.3)
    filled = interleaved({"ours": H.materialize, "theirs": lambda: np.full((n, k, n, k), 0.5)}, 5)
    yield against("Hessian of ||T - UV'||^2: dense / filling the array", filled, 1.3)
    times = interleaved({"ours": lambda: H.solve(G), "theirs": by_hand}, 20)
    yield against("Hessian of ||T - UV'||^2: solve / by hand", times, 5)
    times = interleaved({"ours": lambda: H @ G, "theirs": lambda: G @ (2 * (V.T @ V))}, 50)
    yield against("Hessian of ||T - UV'||^2: product / by hand", times, 5)
    seconds = sorted(interleaved({"ours": lambda: dv.hessian(loss)(U)}, 5)["ours"])
    value = seconds[len(seconds) // 2] / MS
    spread = f"{seconds[5] / MS:.2f} to {seconds[15] / MS:.2f} ms"
    yield Row("dv.hessian(f)(U), called again", f"{value:.2f} ms", spread, "<= 2 ms", value <= 2)
    T *= 2
    V += 1
    np.testing.assert_allclose(dv.hessian(loss)(U).materialize(), floor(), rtol=1e-12)


def logistic_regression() -> Iterator[Row]:
    """X' diag(s) X, which is half the work of a product of two matrices."""
    rng = np.random.default_rng(2)
    for n, m, target in ((400, 800, 0.8), (1000, 2000, 0.7)):
        X, w = rng.standard_normal((m, n)), 0.1 * rng.standard_normal(n)
        y = (rng.random(m) > 0.5).astype(float)

        def loss(w, X=X, y=y):  # type: ignore[no-untyped-def]
            z = X @ w
            return dv.sum(dv.softplus(z) - y * z)

        def by_hand(X=X, w=w):  # type: ignore[no-untyped-def]
            p = 1 / (1 + np.exp(-(X @ w)))
            return X.T @ ((p * (1 - p))[:, None] * X)

        derived = dv.hessian(loss)
        np.testing.assert_allclose(derived(w).materialize(), by_hand(), rtol=1e-10, atol=1e-10)
        whole = lambda d=derived, w=w: d(w).materialize()  # noqa: E731
        times = interleaved({"ours": whole, "theirs": by_hand})
        yield against(f"Hessian of logistic regression, n = {n} / by hand", times, target)


def growth() -> Iterator[Row]:
    """Eight times the size: the cost of a product grows with the structure, not with its square."""
    rng = np.random.default_rng(3)
    W, b = rng.standard_normal((32, 32)), rng.standard_normal(32)
    points = rng.standard_normal((2000, 2))
    kernel = rng.standard_normal((4, 3, 5))

    def clusters(centers):  # type: ignore[no-untyped-def]
        distances = dv.sum((points[:, None, :] - centers) ** 2, axis=2)
        return dv.sum(dv.min(distances, axis=1))

    cases = {
        "relu(W x + b), batched": (
            lambda X: dv.relu(X @ W + b),
            lambda n: rng.standard_normal((64 * n, 32)),
        ),
        "(x[1:] - x[:-1])**2": (
            lambda x: (x[1:] - x[:-1]) ** 2,
            lambda n: rng.standard_normal(20000 * n),
        ),
        "a convolution": (
            lambda x: dv.conv1d(x, kernel),
            lambda n: rng.standard_normal((2, 3, 2000 * n)),
        ),
        "softmax rows": (
            lambda X: dv.softmax(X, axis=1),
            lambda n: rng.standard_normal((500 * n, 32)),
        ),
        "k-means' Hessian": (
            dv.grad(clusters),
            lambda n: rng.standard_normal((8 * n, 2)),
        ),
    }
    for name, (f, argument) in cases.items():
        small, large = (argument(n) for n in (1, 8))
        J1, J8 = dv.jacobian(f)(small), dv.jacobian(f)(large)
        t1, t8 = (rng.standard_normal(x.shape) for x in (small, large))
        np.testing.assert_allclose(J8 @ t8, dv.jvp(f, (large,), (t8,))[1], rtol=1e-9, atol=1e-9)
        times = interleaved({"theirs": lambda J=J1, t=t1: J @ t, "ours": lambda J=J8, t=t8: J @ t})
        yield against(f"{name}: a product, 8 x the size / 1 x (dense: 64)", times, 20)
