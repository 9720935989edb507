"""`jit(strict=True)`: NumPy's numbers to the bit, in derivatives and loops too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv


def program(x: Any, W: Any) -> Any:
    hidden = dv.tanh(x @ W) * dv.exp(-x[:, :1])
    rows = dv.logsumexp(hidden, axis=1) * dv.sum(dv.log1p(hidden**2), axis=1)
    return dv.mean(rows) + dv.mean(dv.special.erf(x))


@pytest.fixture
def arrays() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((40, 30)), rng.standard_normal((30, 20))


def same_bits(found: Any, wanted: Any) -> None:
    first, second = (np.asarray(x).view(np.uint64) for x in (found, wanted))
    np.testing.assert_array_equal(first, second)


def test_value_is_numpys(arrays: tuple[Any, Any]) -> None:
    same_bits(dv.jit(program, strict=True)(*arrays), program(*arrays))


def test_gradient_inside_and_outside(arrays: tuple[Any, Any]) -> None:
    x, W = arrays
    wanted = dv.grad(program, argnums=1)(x, W)
    same_bits(dv.jit(dv.grad(program, argnums=1), strict=True)(x, W), wanted)
    same_bits(dv.grad(dv.jit(program, strict=True), argnums=1)(x, W), wanted)


def test_loops_are_strict_too(arrays: tuple[Any, Any]) -> None:
    x, W = arrays

    def run(x: Any) -> Any:
        return dv.fori_loop(0, 3, lambda k, v: dv.tanh(v @ W @ W.T), x)

    same_bits(dv.jit(run, strict=True)(x), run(x))


def test_others_are_not_made_strict(arrays: tuple[Any, Any]) -> None:
    strict, free = dv.jit(program, strict=True), dv.jit(program)
    strict(*arrays)
    free(*arrays)
    assert free(*arrays) == pytest.approx(strict(*arrays), rel=1e-13)
