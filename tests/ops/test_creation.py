"""Making arrays, dtypes and casts: NumPy's arrays, the carrier of `*_like`, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, DTypeError


@pytest.mark.parametrize(
    ("name", "args", "settings"),
    [
        ("zeros", (3,), {}),
        ("zeros", ((2, 0),), {"dtype": "float32"}),
        ("ones", ((2, 3),), {"dtype": int}),
        ("full", ((2, 2), 3), {}),
        ("full", (2, 1.5), {"dtype": "float32"}),
        ("eye", (3,), {}),
        ("eye", (2, 4, 1), {"dtype": "int8"}),
        ("arange", (5,), {}),
        ("arange", (1, 2, 0.25), {}),
        ("arange", (5, 0, -2), {"dtype": "float32"}),
        ("linspace", (0, 1, 5), {}),
        ("linspace", (0.0, 1.0, 4), {"endpoint": False}),
        ("linspace", (2.0, 3.0, 1), {}),
        ("linspace", (0, 1, 0), {}),
        ("asarray", ([[1, 2], [3, 4]],), {"dtype": "float32"}),
        ("zeros_like", (np.ones((2, 3), np.float32),), {}),
        ("ones_like", ([1, 2],), {}),
        ("ones_like", ([1.0, np.nan],), {}),
        ("full_like", (np.ones((2, 3), np.float32), 2.5), {}),
        ("full_like", (np.ones(2), 2), {"dtype": int}),
    ],
)
def test_arrays_are_numpys(name: str, args: tuple[Any, ...], settings: dict[str, Any]) -> None:
    got, want = getattr(dv, name)(*args, **settings), getattr(np, name)(*args, **settings)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype and type(got) is type(want)


def test_empty() -> None:
    assert dv.empty((2, 3), dtype="float32").dtype == np.float32
    assert dv.empty_like(np.ones((2, 3))).shape == (2, 3)


def test_like_a_tensor_or_an_expression() -> None:
    t = dv.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for f in (dv.zeros_like, dv.ones_like, dv.empty_like, lambda x: dv.full_like(x, 2.0)):
        assert isinstance(f(t), dv.Tensor)
        assert f(t).shape == (2, 3) and f(t).dtype == np.float32
    e = dv.ones_like(dv.symbol("x", (Dim.named("n"), 2)))
    assert e.shape == (Dim.named("n"), 2)
    np.testing.assert_array_equal(dv.evaluate(e, {"x": np.zeros((3, 2))}), np.ones((3, 2)))


def test_full_and_linspace_are_differentiable() -> None:
    assert dv.grad(lambda v: dv.sum(dv.full((2, 3), v)))(2.0) == 6.0
    w = np.array([1.0, 2.0, 3.0])
    g = dv.grad(lambda a, b: dv.sum(w * dv.linspace(a, b, 3)), argnums=(0, 1))(0.0, 1.0)
    np.testing.assert_allclose(g, [2.0, 4.0])
    line = dv.linspace(dv.tensor([0.1, 0.2]), 3.0, 4, endpoint=False).numpy()
    np.testing.assert_allclose(line, np.linspace([0.1, 0.2], 3.0, 4, endpoint=False), rtol=1e-15)


def test_asarray_keeps_carriers() -> None:
    t = dv.tensor([1.0])
    assert dv.asarray(t) is t
    assert dv.asarray(t, dtype="float32").dtype == np.float32
    x = np.ones(2)
    assert dv.asarray(x) is x and dv.asarray(x, copy=True) is not x


def test_casts() -> None:
    x = dv.tensor([1.5, 2.5], requires_grad=True)
    y = dv.astype(x, "float32")
    assert y.dtype == np.float32
    dv.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, [3.0, 5.0])
    assert x.grad.dtype == np.float64
    assert dv.astype(x, float, copy=False) is x
    assert dv.astype(3.7, int) == 3


def test_dtypes() -> None:
    assert dv.result_type(np.float32, 1.0) == np.float32
    assert dv.result_type(dv.tensor([1.0]), np.ones(2, np.float32)) == np.float64
    assert dv.can_cast(np.ones(1, np.int8), "int64") and not dv.can_cast(float, int)
    assert dv.isdtype("int8", "integral") and not dv.isdtype(np.float32, ("bool", "integral"))
    assert dv.finfo(dv.tensor([1.0])).eps == np.finfo(float).eps
    assert dv.iinfo(np.int16).max == 32767


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: dv.zeros(-1), ArgumentError, "negative"),
        (lambda: dv.zeros((2, 1.5)), ArgumentError, "integer"),
        (lambda: dv.ones((Dim.named("n"),)), ArgumentError, "named size n"),
        (lambda: dv.zeros(2, dtype=complex), DTypeError, "real"),
        (lambda: dv.zeros(2, dtype="no"), DTypeError, "no dtype"),
        (lambda: dv.astype([1.0], "complex128"), DTypeError, "real"),
        (lambda: dv.asarray([[1], [2, 3]]), ArgumentError, "ragged"),
        (lambda: dv.asarray("text"), ArgumentError, "numbers"),
        (lambda: dv.arange(dv.tensor(3.0)), ArgumentError, "plain number"),
        (lambda: dv.linspace(0, 1, -1), ArgumentError, "negative"),
        (lambda: dv.finfo(int), DTypeError, "finfo"),
        (lambda: dv.iinfo(float), DTypeError, "iinfo"),
        (lambda: dv.isdtype(float, "round"), DTypeError, "isdtype"),
    ],
)
def test_bad_input(call: Callable[[], Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        call()
