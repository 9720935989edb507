"""Layout and joining: NumPy's values on many shapes, gradients, named sizes, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, AxisError, ShapeError


def numbers(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).standard_normal(shape)


X = {shape: numbers(*shape) for shape in [(), (4,), (0,), (2, 3), (1, 3, 1), (2, 3, 4), (2, 0)]}

SAME: list[tuple[str, tuple[int, ...], tuple[Any, ...], dict[str, Any]]] = [
    ("reshape", (2, 3), ((3, 2),), {}),
    ("reshape", (2, 3), (-1,), {}),
    ("reshape", (2, 3, 4), ((4, -1),), {}),
    ("reshape", (2, 0), ((0, 5),), {}),
    ("reshape", (), ((1, 1),), {}),
    ("ravel", (2, 3, 4), (), {}),
    ("ravel", (), (), {}),
    ("permute_dims", (2, 3, 4), ((2, 0, 1),), {}),
    ("transpose", (2, 3, 4), (), {}),
    ("transpose", (2, 3, 4), ((0, -1, 1),), {}),
    ("matrix_transpose", (2, 3, 4), (), {}),
    ("moveaxis", (2, 3, 4), (0, -1), {}),
    ("moveaxis", (2, 3, 4), ((0, 1), (-1, 0)), {}),
    ("swapaxes", (2, 3, 4), (0, -1), {}),
    ("expand_dims", (2, 3), (0,), {}),
    ("expand_dims", (2, 3), ((0, -1),), {}),
    ("squeeze", (1, 3, 1), (), {}),
    ("squeeze", (1, 3, 1), (0,), {}),
    ("flip", (2, 3), (), {}),
    ("flip", (2, 3, 4), ((0, -1),), {}),
    ("roll", (2, 3), (1,), {}),
    ("roll", (2, 3), ((1, -5),), {"axis": (0, 1)}),
    ("roll", (2, 3), (2,), {"axis": (0, 1)}),
    ("roll", (0,), (1,), {}),
    ("tril", (2, 3), (), {}),
    ("triu", (2, 3, 4), (1,), {}),
    ("tril", (2, 3), (-1,), {}),
    ("broadcast_to", (4,), ((2, 4),), {}),
    ("broadcast_to", (1, 3, 1), ((2, 3, 5),), {}),
    ("repeat", (2, 3), (2,), {}),
    ("repeat", (2, 3), (3,), {"axis": 1}),
    ("repeat", (2, 3), ([1, 0, 2],), {"axis": 1}),
    ("tile", (2, 3), (2,), {}),
    ("tile", (2, 3), ((2, 1, 3),), {}),
    ("tile", (), (3,), {}),
    ("pad", (4,), (2,), {}),
    ("pad", (2, 3), ((1, 0),), {"constant_values": 7.0}),
    ("pad", (2, 3), (((1, 0), (2, 3)),), {"mode": "edge"}),
    ("pad", (2, 3), (((1, 1), (2, 2)),), {"mode": "reflect"}),
    ("pad", (2, 3), (((1, 1), (5, 4)),), {"mode": "reflect"}),
    ("pad", (4,), (6,), {"mode": "wrap"}),
    ("pad", (4,), ((5, 3),), {"mode": "symmetric"}),
    ("pad", (), (1,), {}),
    ("pad", (0,), (1,), {}),
]


@pytest.mark.parametrize(("name", "shape", "args", "settings"), SAME)
def test_values_are_numpys(
    name: str, shape: tuple[int, ...], args: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    for x in (X[shape], X[shape].astype(np.float32), np.flip(X[shape])):
        want = getattr(np, name)(x, *args, **settings)
        got = getattr(dv, name)(x, *args, **settings)
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype
        t = getattr(dv, name)(dv.tensor(x), *args, **settings)
        np.testing.assert_array_equal(t.numpy(), want)


@pytest.mark.parametrize(("name", "shape", "args", "settings"), SAME)
def test_gradients_count_where_entries_went(
    name: str, shape: tuple[int, ...], args: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    x = X[shape]
    f: Callable[[Any], Any] = lambda v: getattr(dv, name)(v, *args, **settings)  # noqa: E731
    out, pull = dv.vjp(f, x)
    w = np.random.default_rng(7).standard_normal(np.shape(out))
    labels = np.arange(x.size).reshape(shape) + 1.0
    plain = {k: v for k, v in settings.items() if k != "constant_values"}
    went = getattr(np, name)(labels, *args, **plain)
    want = [w[went == label].sum() for label in labels.ravel()]
    np.testing.assert_allclose(np.ravel(pull(w)[0]), want, rtol=1e-13, atol=1e-14)


def test_named_sizes() -> None:
    n, m = Dim.named("n"), Dim.named("m")
    x = dv.symbol("x", (n, m))
    assert dv.concat([x, x[:2]]).shape == (n + 2, m)
    assert dv.concat([x, x], axis=1).shape == (n, m * 2)
    assert dv.repeat(x, 3, axis=0).shape == (n * 3, m)
    assert dv.tile(x, (2, 1)).shape == (n * 2, m)
    assert dv.pad(x, 1).shape == (n + 2, m + 2)
    assert dv.diff(x).shape == (n, m - 1)
    assert dv.reshape(x, (-1,)).shape == (n * m,)
    assert dv.reshape(x, (m, -1)).shape == (m, n)
    assert dv.reshape(dv.concat([x, x]), (2, -1, m)).shape == (2, n, m)
    assert dv.stack([x, x], axis=-1).shape == (n, m, 2)
    assert dv.broadcast_to(x[:1], (n, m)).shape == (n, m)
    with pytest.raises(ShapeError, match="reshape"):
        dv.reshape(x, (3, -1))
    with pytest.raises(ArgumentError, match="named size"):
        dv.unstack(x)


def test_named_sizes_evaluate() -> None:
    def g(x: Any) -> Any:
        joined = dv.concat([dv.flip(x), dv.tile(x, (2, 1)), dv.repeat(x, 2, axis=0)], axis=0)
        return dv.sum(dv.diff(dv.roll(dv.pad(joined, 1, mode="reflect"), 1, axis=0), axis=0) ** 2)

    e = dv.trace_graph(dv.grad(g), "n m")
    for shape in [(2, 3), (4, 2), (3, 5)]:
        x = numbers(*shape)
        np.testing.assert_allclose(dv.evaluate(e, {"x": x}), dv.grad(g)(x), rtol=1e-12)


# Several arrays


def test_joining_is_numpys() -> None:
    a, b, v = X[(2, 3)], numbers(1, 3), numbers(3)
    for got, want in [
        (dv.concat([a, b]), np.concatenate([a, b])),
        (dv.concatenate([a, a], axis=-1), np.concatenate([a, a], axis=-1)),
        (dv.concat([a, v], axis=None), np.concatenate([a, v], axis=None)),
        (dv.stack([a, a], axis=1), np.stack([a, a], axis=1)),
        (dv.stack([1.0, 2.0]), np.stack([1.0, 2.0])),
        (dv.stack(a), a),
        (dv.hstack([a, a]), np.hstack([a, a])),
        (dv.hstack([v, v, 1.0]), np.hstack([v, v, 1.0])),
        (dv.vstack([a, v]), np.vstack([a, v])),
    ]:
        np.testing.assert_array_equal(got, want)
    assert dv.concat([a.astype("f4"), [[1, 2, 3]]]).dtype == np.float64
    assert dv.stack([dv.tensor(np.float32(1)), 2.0]).dtype == np.float32


def test_unstack_and_split() -> None:
    x = X[(2, 3, 4)]
    for i, part in enumerate(dv.unstack(x, axis=1)):
        np.testing.assert_array_equal(part, x[:, i])
    assert len(dv.unstack(X[(0,)])) == 0
    for given in (2, [1, 3], [-1], [3, 1], [9]):
        for ours, theirs in zip(
            dv.split(x, given, axis=2), np.split(x, given, axis=2), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_gradient_of_joined_arrays() -> None:
    a, b = X[(2, 3)], numbers(1, 3)
    w = numbers(3, 3)
    ga, gb = dv.grad(lambda a, b: dv.sum(w * dv.concat([a, b])), argnums=(0, 1))(a, b)
    np.testing.assert_array_equal(ga, w[:2])
    np.testing.assert_array_equal(gb, w[2:])
    g = dv.grad(lambda s: dv.sum(np.arange(3.0) * dv.stack([s, 1.0, s * s])))(2.0)
    assert g == 8.0


def test_grids() -> None:
    x, y, z = numbers(2), numbers(3), numbers(4)
    for arrays in ([x], [x, y], [x, y, z], []):
        for indexing in ("xy", "ij"):
            got = dv.meshgrid(*arrays, indexing=indexing)
            want = np.meshgrid(*arrays, indexing=indexing)  # type: ignore[call-overload]
            for a, b in zip(got, want, strict=True):
                np.testing.assert_array_equal(a, b)
    a, b = dv.broadcast_arrays(dv.tensor(numbers(2, 1)), numbers(3))
    assert a.shape == b.shape == (2, 3)


def test_under_vmap() -> None:
    x = numbers(5, 2, 3)
    for f in (
        lambda v: dv.reshape(v, (-1,)),
        lambda v: dv.tile(v, (2, 2, 1)),
        lambda v: dv.concat([v, v[:1]], axis=0),
        lambda v: dv.stack([v, np.ones((2, 3))], axis=-1),
        lambda v: dv.pad(v, ((1, 0), (0, 2)), mode="wrap"),
        lambda v: dv.roll(v, (1, 1), axis=(0, 1)),
        lambda v: dv.broadcast_to(v[0], (4, 3)),
        lambda v: dv.tril(v.T),
    ):
        want = np.stack([f(dv.tensor(part)).numpy() for part in x])
        np.testing.assert_array_equal(dv.vmap(f)(x), want)


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: dv.reshape(np.ones(6), (4, -1)), ShapeError, "6 entries"),
        (lambda: dv.reshape(np.ones(6), (-1, -1)), ShapeError, "only one"),
        (lambda: dv.reshape(np.ones(6), (4, 2)), ShapeError, "do not fill"),
        (lambda: dv.permute_dims(np.ones((2, 3)), (0, 0)), AxisError, "order"),
        (lambda: dv.moveaxis(np.ones((2, 3)), (0, 1), 0), ArgumentError, "pair"),
        (lambda: dv.squeeze(np.ones((2, 3)), 0), ShapeError, "size 2"),
        (lambda: dv.matrix_transpose(np.ones(3)), ShapeError, "matrix"),
        (lambda: dv.tril(np.ones(3)), ShapeError, "two axes"),
        (lambda: dv.broadcast_to(np.ones(3), (2, 4)), ShapeError, "broadcast"),
        (lambda: dv.broadcast_arrays(np.ones(3), np.ones(4)), ShapeError, "common"),
        (lambda: dv.meshgrid(np.ones(2), indexing="yx"), ArgumentError, "indexing"),
        (lambda: dv.repeat(np.ones(3), [1, 2]), ArgumentError, "2 repeats for 3"),
        (lambda: dv.repeat(np.ones(3), -1), ArgumentError, "negative"),
        (lambda: dv.tile(np.ones(3), -1), ArgumentError, "negative"),
        (lambda: dv.concat([]), ArgumentError, "no arrays"),
        (lambda: dv.concat([np.ones(2), np.ones((2, 2))]), ShapeError, "agree"),
        (lambda: dv.stack([np.ones(2), np.ones(3)]), ShapeError, "one shape"),
        (lambda: dv.stack([np.ones(2)], axis=3), AxisError, "afterwards"),
        (lambda: dv.split(np.ones(5), 2), ArgumentError, "equal parts"),
        (lambda: dv.pad(np.ones(3), 1, mode="mean"), ArgumentError, "mode"),
        (lambda: dv.pad(np.ones(3), (1, -1)), ArgumentError, "negative"),
        (lambda: dv.pad(np.ones(3), ((1, 1), (1, 1))), ArgumentError, "axes"),
        (lambda: dv.pad(np.ones(0), 1, mode="edge"), ShapeError, "no entries"),
        (lambda: dv.pad(np.arange(3), 1, constant_values=0.5), ArgumentError, "0.5"),
    ],
)
def test_bad_input(call: Callable[[], Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        call()


def test_what_equals_a_size_or_an_axis_is_not_taken_for_one_after_another_call() -> None:
    """Settings are remembered by their arguments, and 1, 1.0 and True are equal to a dict."""
    x = np.arange(6.0).reshape(2, 3)
    x_t = dv.tensor(x)
    assert dv.reshape(x, (2, 3)).shape == dv.reshape(x, (np.int64(2), 3)).shape
    for bad in ((2.0, 3), (2, 3.0)):
        with pytest.raises(ArgumentError, match="a size is an integer"):
            dv.reshape(x, bad)
    assert dv.sum(x, axis=1).shape == (2,)
    assert dv.sum(x, axis=np.int64(1)).shape == (2,)
    with pytest.raises(ArgumentError, match="an axis is an integer"):
        dv.sum(x, axis=1.0)
    assert x_t[slice(0, 1)].shape == (1, 3)
    with pytest.raises(ArgumentError, match="cannot be read"):
        x_t[slice(0.0, 1)]  # type: ignore[index]  # a float on purpose
    assert dv.concat([x, x], axis=1).shape == (2, 6)
    with pytest.raises(ArgumentError, match="an axis is an integer"):
        dv.concat([x, x], axis=1.0)
