"""Random compositions of structured maps: every question agrees with the dense array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv

Map = Callable[[Any], Any]
Rng = np.random.Generator


def matrix_from_left(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    A = rng.standard_normal((int(rng.integers(1, 4)), shape[0] if shape else 1))
    return (lambda x: A @ x) if len(shape) in (1, 2) else None


def matrix_from_right(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    A = rng.standard_normal((shape[-1] if shape else 1, int(rng.integers(1, 4))))
    return (lambda x: x @ A) if shape else None


def square_matrix(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    A = rng.standard_normal((shape[-1],) * 2) + 2 * np.eye(shape[-1]) if shape else np.eye(1)
    return (lambda x: x @ A) if shape else None


def entrywise(rng: Rng, shape: tuple[int, ...]) -> Map:
    return [dv.tanh, dv.exp, dv.sin, lambda x: 0.5 * x**2 + x, dv.relu, dv.sigmoid][rng.integers(6)]


def scaled(rng: Rng, shape: tuple[int, ...]) -> Map:
    weights = rng.standard_normal(shape)
    return lambda x: weights * x


def shifted_by_mean(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    axis = int(rng.integers(len(shape))) if shape else 0
    return (lambda x: x - dv.mean(x, axis=axis, keepdims=True)) if shape else None


def summed(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    axis = int(rng.integers(len(shape))) if shape else 0
    return (lambda x: dv.sum(x, axis=axis)) if shape else None


def sliced(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    if not shape or shape[0] < 2:
        return None
    return [lambda x: x[1:], lambda x: x[::-1], lambda x: x[0], lambda x: x[1:] - x[:-1]][
        rng.integers(4)
    ]


def gathered(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    if not shape:
        return None
    index = rng.integers(-shape[0], shape[0], int(rng.integers(1, 5)))
    return lambda x: dv.take(x, index % shape[0], axis=0)


def transposed(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: x.T) if len(shape) == 2 else None


def flattened(rng: Rng, shape: tuple[int, ...]) -> Map:
    return lambda x: dv.reshape(x, (-1,))


def split(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    if len(shape) != 1 or shape[0] % 2:
        return None
    return lambda x: dv.reshape(x, (2, shape[0] // 2))


def softmax(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.softmax(x, axis=-1)) if shape else None


def joined(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.concat([x, x * x], axis=0)) if shape else None


def stacked(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.stack([x, 2 * x], axis=-1)) if len(shape) < 2 else None


def sorted_(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.sort(x, axis=-1)) if shape else None


def running(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    axis = int(rng.integers(len(shape))) if shape else 0
    return (lambda x: dv.cumulative_sum(x, axis=axis)) if shape else None


def chosen(rng: Rng, shape: tuple[int, ...]) -> Map:
    mask = rng.random(shape) > 0.5
    return lambda x: dv.where(mask, x * x, 3.0 * x)


def padded(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.pad(x, 1)) if len(shape) == 1 else None


def normed(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: x / dv.linalg.norm(x)) if shape else None


def low_rank(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: x * dv.sum(x)) if shape else None


def triangle(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.tril(x)) if len(shape) == 2 else None


def diagonal(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    if len(shape) == 1:
        return lambda x: dv.diag(x)
    return (lambda x: dv.linalg.diagonal(x)) if len(shape) == 2 else None


def repeated(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.repeat(x, 2, axis=0)) if len(shape) == 1 else None


def largest(rng: Rng, shape: tuple[int, ...]) -> Map | None:
    return (lambda x: dv.max(x, axis=0)) if shape else None


MAPS = [
    matrix_from_left, matrix_from_right, square_matrix, entrywise, scaled, shifted_by_mean, summed,
    sliced, gathered, transposed, flattened, split, softmax, joined, stacked, sorted_, running,
    chosen, padded, normed, low_rank, triangle, diagonal, repeated, largest,
]  # fmt: skip
MOST = 60  # entries of a value, so that the dense array stays small


def composed(rng: Rng, shape: tuple[int, ...], count: int) -> list[Map]:
    """Random maps, each on what the one before gives."""
    found, x = list[Map](), rng.standard_normal(shape)
    while len(found) < count:
        made = MAPS[rng.integers(len(MAPS))](rng, np.shape(x))
        if made is None:
            continue
        value = np.asarray(made(x))
        if value.size <= MOST:
            found, x = [*found, made], value
    return found


def chain(maps: list[Map]) -> Map:
    def function(x: Any) -> Any:
        for one in maps:
            x = one(x)
        return x

    return function


def agrees(J: Any, dense: np.ndarray, rng: Rng) -> None:
    """Every question to J against the dense array."""
    scale = max(1.0, float(np.abs(dense).max(initial=0.0)))
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12 * scale)  # noqa: E731
    rows, cols = len(J.out_shape), len(J.in_shape)
    t, g = rng.standard_normal(J.in_shape), rng.standard_normal(J.out_shape)
    close(J @ t, np.tensordot(dense, t, cols))
    close(g @ J, np.tensordot(g, dense, rows))
    close(J.T @ g, np.tensordot(g, dense, rows))
    close(J.T.T @ t, np.tensordot(dense, t, cols))
    close(J.materialize(), dense)
    close(J.T.materialize(), np.moveaxis(dense, range(rows), range(cols, cols + rows)))
    close(J.row_sums(), dense.sum(axis=tuple(range(rows, rows + cols))))
    close(J.column_sums(), dense.sum(axis=tuple(range(rows))))
    flat = dense.reshape(int(np.prod(J.out_shape)), int(np.prod(J.in_shape)))
    close(J.to_sparse().toarray(), flat)
    close((2.0 * J - J + J).materialize(), 2.0 * dense)
    for place in [tuple(int(rng.integers(s)) for s in J.shape) for _ in range(4)]:
        close(J[place], dense[place])
        close(J[place[:rows]], dense[place[:rows]])
        whole = (slice(None),) * rows + place[rows:]
        close(J[whole], dense[whole])
        some = tuple(p if rng.random() < 0.5 else slice(None) for p in place)
        close(J[some], dense[some])
    if J.out_shape == J.in_shape:
        close(np.ravel(J.diagonal()), np.diag(flat))
    smallest = np.linalg.svd(flat, compute_uv=False).min(initial=np.inf) if flat.size else 0
    if flat.shape[0] == flat.shape[1] and smallest > 1e-6 * scale:
        found = J.solve(g)
        assert np.shape(found) == J.in_shape
        np.testing.assert_allclose(J @ found, g, rtol=1e-7, atol=1e-7 * scale)
        assert J.logdet() == pytest.approx(np.linalg.slogdet(flat)[1], rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("seed", range(120))
def test_a_random_composition(seed):
    rng = np.random.default_rng(seed)
    shape = [(4,), (2, 3), (3, 3), (6,), (2, 2, 2)][seed % 5]
    maps = composed(rng, shape, 1 + seed % 4)
    f, x = chain(maps), rng.standard_normal(shape)
    J = dv.jacobian(f)(x)
    assert type(J).__name__ == "Structured"
    agrees(J, np.asarray(dv.jacrev(f)(x)), rng)


@pytest.mark.parametrize("seed", range(40))
def test_the_chain_rule_keeps_structure(seed):
    rng = np.random.default_rng(1000 + seed)
    maps = composed(rng, (4,), 4)
    inner, outer, x = chain(maps[:2]), chain(maps[2:]), rng.standard_normal(4)
    J = dv.jacobian(outer)(np.asarray(inner(x))) @ dv.jacobian(inner)(x)
    assert type(J).__name__ == "Structured"
    agrees(J, np.asarray(dv.jacrev(chain(maps))(x)), rng)


@pytest.mark.parametrize("seed", range(40))
def test_a_hessian(seed):
    rng = np.random.default_rng(2000 + seed)
    f = chain(composed(rng, (2, 3), 1 + seed % 3))
    loss = lambda x: dv.sum(f(x) ** 2) / 7  # noqa: E731 - a formula
    x = rng.standard_normal((2, 3))
    H = dv.hessian(loss)(x)  # without structure where it would have too many terms
    agrees(H, np.asarray(dv.jacfwd(dv.grad(loss))(x)), rng)
