"""Order: NumPy's values, stable permutations at ties, places in sorted numbers, unique values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.errors import ArgumentError, AxisError, ShapeError


def numbers(*shape: int) -> Any:
    return np.asarray(np.random.default_rng(1).standard_normal(shape))


@pytest.mark.parametrize("shape", [(1,), (5,), (0,), (3, 4), (2, 0), (2, 3, 4)])
def test_order_is_numpys(shape: tuple[int, ...]) -> None:
    for x in (numbers(*shape), numbers(*shape).round(), np.flip(numbers(*shape))):
        for axis in [None, *range(-len(shape), len(shape))]:
            want = np.sort(x, axis=axis)
            np.testing.assert_array_equal(dv.sort(x, axis=axis), want)
            np.testing.assert_array_equal(dv.sort(dv.tensor(x), axis=axis).numpy(), want)
            places = np.argsort(x, axis=axis, kind="stable")
            np.testing.assert_array_equal(dv.argsort(x, axis=axis), places)
            line = -1 if axis is None else axis
            down = dv.sort(x, axis=axis, descending=True)
            np.testing.assert_array_equal(down, np.flip(want, line))
            flat = x.ravel() if axis is None else x
            places = dv.argsort(x, axis=axis, descending=True)
            np.testing.assert_array_equal(np.take_along_axis(flat, places, line), down)


def test_equal_entries_keep_their_order() -> None:
    x = np.array([2.0, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(dv.argsort(x), [1, 3, 0, 2])
    np.testing.assert_array_equal(dv.argsort(x, descending=True), [0, 2, 1, 3])
    w = np.array([1.0, 2.0, 3.0, 4.0])
    g = dv.grad(lambda x: dv.sum(w * dv.sort(x)))(x)
    np.testing.assert_array_equal(g, [3, 1, 4, 2])
    g = dv.grad(lambda x: dv.sum(w * dv.sort(x, descending=True)))(x)
    np.testing.assert_array_equal(g, [1, 3, 2, 4])
    t = dv.jvp(dv.sort, (x,), (w,))[1]
    np.testing.assert_array_equal(t, [2, 4, 1, 3])


def test_nan_counts_as_largest() -> None:
    x = np.array([np.nan, 1.0, 3.0])
    np.testing.assert_array_equal(dv.sort(x), [1, 3, np.nan])
    np.testing.assert_array_equal(dv.sort(x, descending=True), [np.nan, 3, 1])


def test_second_derivative_through_sort() -> None:
    x = np.array([3.0, 1.0, 2.0])
    h = dv.jacfwd(dv.grad(lambda x: dv.sum(dv.sort(x) ** 3 * np.array([1.0, 2.0, 3.0]))))(x)
    np.testing.assert_allclose(h, np.diag([54.0, 6.0, 24.0]))


def test_searchsorted() -> None:
    line, v = np.sort(numbers(6)), numbers(2, 3)
    for side in ("left", "right"):
        want = np.searchsorted(line, v, side=side)
        np.testing.assert_array_equal(dv.searchsorted(line, v, side=side), want)
    mixed = line[[3, 1, 2, 0, 5, 4]]
    got = dv.searchsorted(mixed, v, sorter=np.argsort(mixed))
    np.testing.assert_array_equal(got, np.searchsorted(mixed, v, sorter=np.argsort(mixed)))
    stacked = dv.vmap(lambda a: dv.searchsorted(line, a))(v)
    np.testing.assert_array_equal(stacked, np.searchsorted(line, v))


def test_unique() -> None:
    x = np.array([[2.0, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(dv.unique_values(x), [1, 2, 3])
    every, theirs = dv.unique_all(dv.tensor(x)), np.unique_all(x)
    for ours, numpys in zip(every, theirs, strict=True):
        np.testing.assert_array_equal(ours, numpys)
    np.testing.assert_array_equal(dv.unique_counts(x).counts, [1, 2, 1])
    np.testing.assert_array_equal(dv.unique_inverse(x).inverse_indices, [[1, 0], [1, 2]])
    assert dv.unique_values([np.nan, np.nan]).size == 2


def test_bad_input() -> None:
    with pytest.raises(AxisError, match="sort"):
        dv.sort(numbers(3), axis=1)
    with pytest.raises(AxisError, match="sort"):
        dv.sort(3.0)
    with pytest.raises(ArgumentError, match="side"):
        dv.searchsorted([1.0], [1.0], side="middle")
    with pytest.raises(ShapeError, match="one axis"):
        dv.searchsorted(numbers(2, 2), [1.0])
