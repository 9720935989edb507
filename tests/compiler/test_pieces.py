"""Rows that put operands at places of an array: native, and what NumPy makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv

X = np.random.default_rng(2).standard_normal((3, 4))
V = np.random.default_rng(3).standard_normal(4)
ROWS: dict[str, Callable[[Any], Any]] = {
    "concat": lambda x: dv.concat([x, 2 * x[:1], x], axis=0),
    "concat of columns": lambda x: dv.concat([x[:, :0], x.T[:3].T, x], axis=1),
    "stack": lambda x: dv.stack([x, x * x], axis=1),
    "pad": lambda x: dv.pad(x, ((1, 0), (2, 3)), constant_values=1.5),
    "slices": lambda x: (x[1:] - x[:-1]) * x[::2],
    "steps back": lambda x: x[::-2, ::-1],
    "set": lambda x: dv.at(x)[1, ::2].set(V[:2]),
    "flip": lambda x: dv.flip(x, axis=(0, 1)) + x,
    "roll": lambda x: dv.roll(x, (2, -5), axis=(0, 1)),
    "roll by nothing": lambda x: dv.roll(x, 4, axis=1),
    "diagonal": lambda x: dv.linalg.diagonal(x, offset=1) + dv.linalg.diagonal(x, offset=-1)[:1],
    "trace": lambda x: dv.trace(x @ x.T),
    "diag": lambda x: dv.diag(x[0], 2) + dv.diag(x[1], -2),
    "tile": lambda x: dv.tile(x, (2, 1, 3)),
    "repeat": lambda x: dv.repeat(x, 3, axis=0),
    "another shape": lambda x: dv.reshape(x.T, (2, 6)) * 2,
    "triangles": lambda x: dv.tril(x, -1) + dv.triu(x, 2),
    "norm": lambda x: dv.linalg.vector_norm(x, axis=1),
    "std": lambda x: dv.std(x, axis=0) + dv.std(x, correction=1),
    "a power": lambda x: dv.abs(x) ** 1.7,
    "an operand": lambda x: (x, x.T, x[0], x),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_eager_and_all_of_it_native(name: str) -> None:
    f = ROWS[name]
    plan = dv.explain(f, X)
    assert all(step.what != "numpy" for step in plan.steps), plan.text
    found, wanted = dv.jit(f)(X), f(X)
    found, wanted = (x if isinstance(x, tuple) else (x,) for x in (found, wanted))
    for a, b in zip(found, wanted, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-14)
        assert not np.may_share_memory(a, X)


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"an operand"}))
def test_derivatives_and_mapped(name: str) -> None:
    f = ROWS[name]
    loss = lambda x: dv.sum(f(x) ** 2 + f(x))  # noqa: E731 - a formula
    np.testing.assert_allclose(dv.jit(dv.grad(loss))(X), dv.grad(loss)(X), rtol=1e-12, atol=1e-12)
    many = np.stack([X, 2 * X - 1, X**2])
    found = dv.jit(dv.vmap(f))(many)
    np.testing.assert_allclose(found, np.stack([f(x) for x in many]), rtol=1e-13, atol=1e-13)


def test_results_in_place_and_pieces_of_what_is_donated() -> None:
    x = X.copy()
    step = dv.jit(lambda x: dv.at(x)[0].set(x[1] * 2), donate_argnums=0)
    wanted = X.copy()
    wanted[0] = X[1] * 2
    found = step(x)
    np.testing.assert_array_equal(found, wanted)
    shifted = dv.jit(lambda x: dv.concat([x[1:], x[:1]]), donate_argnums=0)
    np.testing.assert_array_equal(shifted(X.copy()), np.roll(X, -1, axis=0))


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200, 0.0])
def test_norms_out_of_the_range_of_squares(scale: float) -> None:
    norm = lambda x: dv.sum(dv.linalg.vector_norm(x, axis=1))  # noqa: E731 - a formula
    x = X * scale
    np.testing.assert_allclose(dv.jit(norm)(x), norm(x), rtol=1e-14)
    np.testing.assert_allclose(dv.jit(dv.grad(norm))(x), dv.grad(norm)(x), rtol=1e-13)
