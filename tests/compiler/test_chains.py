"""Loops that are run row by row together give what they give alone, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv

Function = Callable[[Any], Any]
ROWS, COLUMNS = 700, 333  # long enough to be run together, and by threads


def layer_norm(x: Any) -> Any:
    center = x - dv.mean(x, axis=1, keepdims=True)
    return center / dv.sqrt(dv.mean(center**2, axis=1, keepdims=True) + 1e-5)


def norms_twice(x: Any) -> Any:
    """Two sums a row, of which the second needs the first, and a result a row."""
    y = dv.exp(x - dv.max(x, axis=1, keepdims=True))
    y = y / dv.sum(y, axis=1, keepdims=True)
    return y * x, dv.sum(y * dv.tanh(x), axis=1)


BY_ROWS: dict[str, Function] = {
    "softmax": lambda x: dv.softmax(x, axis=1),
    "log_softmax": lambda x: dv.log_softmax(x, axis=1),
    "softmax twice": lambda x: dv.softmax(x * dv.softmax(x, axis=1), axis=1),
    "layer norm": layer_norm,
    "norms twice": norms_twice,
}
# Rows that need other rows: nothing here may be run row by row together.
ACROSS: dict[str, Function] = {
    "columns, then rows": lambda x: dv.softmax(dv.softmax(x, axis=0), axis=1),
    "turned": lambda x: dv.softmax(x, axis=1) * dv.softmax(x[::-1], axis=1)[::-1],
    "neighbours": lambda x: dv.softmax(x, axis=1)[1:] - dv.softmax(x, axis=1)[:-1],
    "sum of a row for all": lambda x: x - dv.sum(x, axis=1),
}


def data(kind: str, rows: int = ROWS, columns: int = COLUMNS) -> Any:
    return np.random.default_rng(0).standard_normal((rows, columns)).astype(kind)


def leaves(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", BY_ROWS)
def test_all_rows_are_what_each_is_alone(name: str, kind: str) -> None:
    x, f = data(kind), dv.jit(BY_ROWS[name])
    whole = leaves(f(x))
    for k in (0, 1, 15, 16, 31, 32, ROWS // 2, ROWS - 1):
        for wide, alone in zip(whole, leaves(f(x[k : k + 1])), strict=True):
            np.testing.assert_array_equal(wide[k : k + 1], alone)


@pytest.mark.parametrize("name", BY_ROWS)
def test_in_the_array_that_was_donated(name: str) -> None:
    x = data("float64")
    wanted = leaves(dv.jit(BY_ROWS[name])(x))
    given = x.copy()
    found = leaves(dv.jit(BY_ROWS[name], donate_argnums=0)(given))
    assert found[0] is given
    for wide, alone in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(wide, alone)


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", ACROSS)
@pytest.mark.parametrize("shape", [(600, 600), (3000, 3)])
def test_rows_that_need_others(name: str, kind: str, shape: tuple[int, int]) -> None:
    if name == "sum of a row for all":
        shape = (600, 600)
    x, f = data(kind, *shape), ACROSS[name]
    for _ in range(2):
        np.testing.assert_allclose(
            dv.jit(f)(x), f(x), rtol=200 * np.finfo(kind).eps, atol=200 * np.finfo(kind).eps
        )


@pytest.mark.parametrize("layout", ["F", "strided", "reversed"])
def test_arguments_that_lie_otherwise(layout: str) -> None:
    x = data("float64")
    laid = {
        "F": np.asfortranarray(x),
        "strided": np.repeat(x, 2, axis=1)[:, ::2],
        "reversed": np.ascontiguousarray(x[::-1])[::-1],
    }[layout]
    np.testing.assert_array_equal(dv.jit(layer_norm)(laid), dv.jit(layer_norm)(x))


def test_no_scratch_for_what_is_put_where_the_result_will_be() -> None:
    plan = dv.explain(lambda x: dv.softmax(x, axis=1), data("float64"))
    assert plan.scratch < 4 * ROWS * 8
    assert "where result0 will be" in str(plan)
