"""Recorded operations: what is remembered between them never gives an answer of another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.errors import ArgumentError
from derivant.carriers.numpy_protocol import UFUNC_ROWS
from derivant.ops import functions


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, shape))


def leaf(x: Any) -> Any:
    return dv.tensor(x, requires_grad=True)


@pytest.mark.parametrize("ufunc", UFUNC_ROWS, ids=lambda u: u.__name__)
def test_a_function_of_numpys_is_the_public_one(ufunc: Any) -> None:
    row, integer = UFUNC_ROWS[ufunc], "bitwise" in ufunc.__name__
    x = numbers(3).astype(int) if integer else numbers(3)
    given = (dv.tensor(x, requires_grad=not integer),) * ufunc.nin
    by_numpy, by_us = ufunc(*given), functions()[row.name](*given)
    assert by_numpy.primitive is by_us.primitive
    np.testing.assert_array_equal(by_numpy.numpy(), by_us.numpy())
    if ufunc.nin == 2 and not integer:
        np.testing.assert_array_equal(ufunc(x, given[0]).numpy(), ufunc(x, x))


CHANGED_LATER = {
    "array first": (lambda c, t: c * t, numbers(4, 4)),
    "array second": (lambda c, t: t * c, numbers(4, 4)),
    "where": (lambda c, t: dv.where(c, t, 2.0 * t), numbers(4, 4) > 1),
    "einsum": (lambda c, t: dv.einsum("ij,jk,k->i", c, t, c[0]), numbers(4, 4)),
    "indices": (lambda c, t: t[c], np.array([0, 2, 1])),
    "two indices": (lambda c, t: t[c, c], np.array([0, 2, 1])),
    "mask": (lambda c, t: t[c], numbers(4, 4) > 1),
    "indices and a mask": (lambda c, t: t[c[0] > 0, c[1]], np.array([[1, 0, 1, 1], [2, 0, 1, 3]])),
}


@pytest.mark.parametrize("name", CHANGED_LATER)
def test_an_array_that_changes_later_changes_no_derivative(name: str) -> None:
    f, constant = CHANGED_LATER[name]
    if name == "indices and a mask":
        f = lambda c, t: t[c[0] > 0, c[1, :3]]  # noqa: E731
    changing, found = constant.copy(), []
    for changes in (False, True):
        t = leaf(numbers(4, 4, seed=1))
        out = f(changing, t)
        if changes:
            changing[...] = ~changing if changing.dtype == bool else 1
        out.backward(np.ones(out.shape))
        found.append(t.grad)
    np.testing.assert_array_equal(*found)


def test_keys_that_are_equal_and_not_the_same() -> None:
    x = numbers(3, 3)
    t = leaf(x)
    keys: list[Any] = [(1, 0), (True, 0), (np.int64(1), 0), (1, None), (True, None), 1, True]
    keys += [(slice(None), 1), (slice(1, None), 1), (slice(True, None), 1), (..., 1), (":",)]
    for key in keys[:-1] * 2:
        np.testing.assert_array_equal(t[key].numpy(), x[key])
    with pytest.raises(ArgumentError, match="not numbers"):
        t[":", 1]


def test_exponents_that_are_equal_and_not_the_same() -> None:
    t = leaf(numbers(3))
    for exponent in (2, 2.0, 0, 0.0, -0.0, 2):
        node = t**exponent
        assert repr(node.params["exponent"]) == repr(exponent)
    whole = dv.tensor(np.arange(3))
    assert (whole**2).dtype == np.int64
    assert (whole**2.0).dtype == np.float64


def test_remembered_parameters_stay_as_they_were() -> None:
    t = leaf(numbers(3, 3))
    for f in (dv.sum, dv.softmax, dv.var, lambda x: x[:, None], lambda x: x**3):
        node = f(t)
        before, shared = dict(node.params), f(t).params
        assert shared is node.params
        dv.sum(dv.square(f(t))).backward()
        assert dict(node.params) == before


def test_a_python_number_gives_way_on_either_side() -> None:
    t = dv.tensor(np.ones(3, np.float32), requires_grad=True)
    for out in (2.0 * t, t * 2.0, np.ones(3, np.float32) * t, 1 - t, t / 3):
        assert out.dtype == np.float32
        (out * 1.0).backward(np.ones(3, np.float32))
    assert t.grad is not None and t.grad.dtype == np.float32


def test_nothing_is_recorded_where_nothing_is_asked_for() -> None:
    x = numbers(4)
    with dv.no_grad():
        assert (x * leaf(x)).primitive is None
    free = dv.tensor(x)
    assert (x * free).primitive is None and (free[np.array([1, 2])]).primitive is None
