"""Random losses of slices, choices, joins and running sums, against the eager engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv

Loss = Callable[..., Any]
MAPS: list[Callable[[Any], Any]] = [
    np.tanh,
    np.exp,
    np.cumsum,
    np.sin,
    lambda t: np.maximum(t, 0),
]


def _vector(rng: np.random.Generator, x: Any, y: Any, A: Any, depth: int) -> Any:
    """A random array of the shape of x."""
    kind = rng.integers(0, 9 if depth else 3)
    if kind < 3:
        return (x, y, x * float(rng.integers(1, 4)))[kind]
    a = _vector(rng, x, y, A, depth - 1)
    b = _vector(rng, x, y, A, depth - 1)
    if kind == 5 and rng.random() < 0.5:
        return np.where(a > b, np.sin(a), b * b)
    if kind == 7:
        return MAPS[rng.integers(0, len(MAPS))](0.3 * a)
    if kind == 8:
        parts = [[a[1:], b[:1]], [b[:1], a[:-1]]][int(rng.random() < 0.5)]
        return a[::-1] if rng.random() < 0.3 else np.concatenate(parts)
    return {3: a * b, 4: a - b, 5: np.where(a > 0.3, a**2, b), 6: A @ a}[int(kind)]


def _loss(seed: int) -> Loss:
    def loss(x: Any, y: Any, A: Any) -> Any:
        rng = np.random.default_rng(seed)
        a, b = _vector(rng, x, y, A, 3), _vector(rng, x, y, A, 2)
        losses: list[Callable[[], Any]] = [
            lambda: np.sum((a[1:] - b[:-1]) ** 2),
            lambda: a[0] * b[2],
            lambda: np.sum(np.diff(a) * b[1:]),
            lambda: np.sum(np.where(a > b, a * b, a)),
            lambda: a[1:] @ b[:-1],
            lambda: np.sum(np.abs(a[2:] - b[:-2])),
            lambda: np.log(1 + np.sum(a[:2] ** 2)) + b[-1],
        ]
        return losses[rng.integers(0, len(losses))]()

    return loss


@pytest.mark.parametrize("seed", [*range(60), 131, 608, 961])
def test_the_closed_form_is_the_gradient(seed: int) -> None:
    loss, shapes = _loss(seed), "x: n, y: n, A: n n" if seed % 2 else "x: 5, y: 5, A: 5 5"
    r = dv.derive(loss, wrt="x", shapes=shapes)
    assert isinstance(r, dv.Derivative)
    assert r.check.samples >= 1
    rng = np.random.default_rng(seed)
    x, y, A = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(5, 5))
    with np.errstate(all="ignore"):
        truth = dv.grad(loss)(x, y, A)
        np.testing.assert_allclose(r(x=x, y=y, A=A), truth, 1e-6, 1e-8)
        space: dict[str, Callable[..., Any]] = {}
        exec(r.code("numpy"), space)
        others = [{"y": y, "A": A}[v] for v in ("y", "A")]
        np.testing.assert_allclose(space["derivative"](x, *others), truth, 1e-6, 1e-8)
