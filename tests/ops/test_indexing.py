"""Reading and writing at places: NumPy's meaning of every key, what repeats, what is outside."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.dims import Dim
from derivant.base.errors import (
    ArgumentError,
    BoundsError,
    DifferentiationError,
    DTypeError,
    ShapeError,
)
from derivant.ops.indexing import index

KEYS = 400


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def random_item(rng: random.Random, size: int) -> Any:
    """An int, a slice, an array of indices, a mask or a number as an array, for an axis."""
    kind = rng.randrange(7)
    place = lambda: rng.randrange(-size, size)  # noqa: E731
    bound = lambda: rng.choice([None, *range(-size - 2, size + 3)])  # noqa: E731
    if kind == 0:
        return place()
    if kind < 3:
        return slice(bound(), bound(), rng.choice([None, 1, 2, -1, -2, 3]))
    if kind == 3:
        return np.array([place() for _ in range(3)])
    if kind == 4:
        return [[place()] for _ in range(2)]
    if kind == 5:
        return np.array([rng.random() < 0.5 for _ in range(size)])
    return np.array(place())


def random_key(rng: random.Random, shape: tuple[int, ...]) -> Any:
    """A key with or without an ellipsis, new axes and single booleans."""
    count = rng.randrange(len(shape) + 1)
    front = rng.randrange(count + 1) if rng.random() < 0.4 else count
    items = [random_item(rng, size) for size in shape[:front]]
    if front < count or rng.random() < 0.2:
        tail = shape[len(shape) - (count - front) :]
        items += [Ellipsis, *(random_item(rng, size) for size in tail)]
    if rng.random() < 0.3:
        items.insert(rng.randrange(len(items) + 1), None)
    if rng.random() < 0.05:
        items.insert(rng.randrange(len(items) + 1), rng.random() < 0.7)
    return items[0] if len(items) == 1 and rng.random() < 0.5 else tuple(items)


def random_cases() -> list[tuple[Any, Any]]:
    """Arrays and keys that NumPy accepts."""
    rng = random.Random(3)
    found = []
    while len(found) < KEYS:
        shape = tuple(rng.choice([1, 2, 3, 4]) for _ in range(rng.randrange(1, 5)))
        x, key = numbers(*shape), random_key(rng, shape)
        try:
            x[key]
        except IndexError:  # index arrays that do not broadcast
            continue
        found.append((x, key))
    return found


CASES = random_cases()


def test_every_key_reads_as_in_numpy() -> None:
    for x, key in CASES:
        np.testing.assert_array_equal(index(x, key), x[key])
        t = dv.tensor(x)[key]
        assert t.shape == np.shape(x[key])
        np.testing.assert_array_equal(t.numpy(), x[key])


def test_every_key_writes_as_in_numpy() -> None:
    for x, key in CASES:
        v = numbers(*np.shape(x[key]), seed=1)
        places = np.arange(x.size).reshape(x.shape)[key]
        put, added, multiplied = x.copy(), x.copy().ravel(), x.copy().ravel()
        put[key] = v
        np.add.at(added, np.ravel(places), np.ravel(v))
        np.multiply.at(multiplied, np.ravel(places), np.ravel(v))
        np.testing.assert_array_equal(dv.at(x)[key].set(v), put)
        np.testing.assert_allclose(np.ravel(dv.at(x)[key].add(v)), added, rtol=1e-13, atol=1e-15)
        product = np.ravel(dv.at(x)[key].multiply(v))
        np.testing.assert_allclose(product, multiplied, rtol=1e-13)


def test_cotangents_of_every_key_accumulate() -> None:
    for x, key in CASES:
        v = numbers(*np.shape(x[key]), seed=2)
        places = np.arange(x.size).reshape(x.shape)[key]
        want = np.zeros(x.size)
        np.add.at(want, np.ravel(places), np.ravel(v))
        g = dv.vjp(lambda a, k=key: index(a, k), x)[1](v)[0]
        np.testing.assert_allclose(g, want.reshape(x.shape), rtol=1e-13, atol=1e-15)


def test_every_key_in_a_trace_and_under_vmap() -> None:
    for x, key in CASES[:120]:
        e = dv.trace_graph(lambda a, k=key: index(a, k), x)
        assert e.shape == np.shape(x[key])
        np.testing.assert_array_equal(dv.evaluate(e, {"a": x}), x[key])
        both = np.stack([x, 2 * x])
        got = dv.vmap(lambda a, k=key: index(a, k))(both)
        np.testing.assert_array_equal(got, np.stack([x[key], 2 * x[key]]))


# Writing


@pytest.mark.parametrize("way", ["set", "add", "multiply"])
@pytest.mark.parametrize(
    "key", [1, slice(0, 2), [0, 0, 2], (slice(None), [1, 1]), ([0, 2, 0], [1, 1, 1]), [], True]
)
def test_writing_is_differentiable(way: str, key: Any) -> None:
    x, v = numbers(3, 2), numbers(*np.shape(numbers(3, 2)[key]), seed=4)

    def f(x: Any, v: Any) -> Any:
        return dv.sum(dv.sin(getattr(dv.at(x)[key], way)(v)) * numbers(3, 2, seed=5))

    dv.check_grads(f, (x, v), order=2)


def test_of_several_values_the_last_is_set_and_has_the_gradient() -> None:
    f = lambda v: dv.sum(dv.at(np.zeros(3))[[1, 1, 2]].set(v) * np.array([1.0, 2.0, 3.0]))  # noqa: E731
    np.testing.assert_array_equal(dv.grad(f)(np.array([5.0, 6.0, 7.0])), [0, 2, 3])
    g = dv.grad(lambda x: dv.sum(dv.at(x)[[1, 1]].set([5.0, 6.0])))(np.ones(3))
    np.testing.assert_array_equal(g, [1, 0, 1])


def test_multiplying_by_zeros_is_exact() -> None:
    f = lambda v: dv.at(np.array([2.0, 3.0]))[[0, 0, 0]].multiply(v)[0]  # noqa: E731
    v = np.array([0.0, 5.0, 7.0])
    np.testing.assert_array_equal(dv.grad(f)(v), [70, 0, 0])
    second = dv.jacfwd(dv.grad(f))(v)
    np.testing.assert_array_equal(second, [[0, 14, 10], [14, 0, 0], [10, 0, 0]])


def test_multiply_where_indices_are_not_known_yet() -> None:
    e = dv.trace_graph(
        lambda x, v, i: dv.at(x)[i].multiply(v), np.zeros(3), np.zeros(4), np.zeros(4, int)
    )
    x, v, i = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 5.0, 7.0]), np.array([0, 2, 0, -1])
    got = dv.evaluate(e, {"x": x, "v": v, "i": i})
    np.testing.assert_array_equal(got, [10, 2, 63])


def test_dtypes_of_written_arrays() -> None:
    x = np.ones(3, np.float32)
    for way in ("set", "add", "multiply"):
        for key in (0, [0, 0]):
            assert getattr(dv.at(x)[key], way)(2.0).dtype == np.float32
            assert getattr(dv.at(np.ones(3, int))[key], way)(2.5).dtype == np.float64
    assert dv.at(np.zeros(3, int))[0].set(1.5)[0] == 1.5


def test_the_array_itself_stays() -> None:
    x = np.ones(3)
    dv.at(x)[0].set(5.0)
    np.testing.assert_array_equal(x, 1)


# Taking


def test_take() -> None:
    x = numbers(3, 4)
    for indices in ([0, 0, -1], 2, [[1], [2]], [], np.array([1, 0], np.uint8)):
        want = np.take(x, np.asarray(indices, int), axis=1)
        np.testing.assert_array_equal(dv.take(x, indices, axis=1), want)
        np.testing.assert_array_equal(dv.take(dv.tensor(x), indices, axis=1).numpy(), want)
    np.testing.assert_array_equal(dv.take(x, [5, 11]), np.take(x, [5, 11]))


def test_take_along_axis_broadcasts() -> None:
    x = numbers(3, 4)
    for indices, axis in [
        (np.argsort(x, axis=0), 0),
        (np.array([[1, 0]]), 1),
        (np.array([[1], [0], [-1]]), 1),
        (np.array([[1, 0, 2, 2]]), 0),
    ]:
        want = np.take_along_axis(x, indices, axis)
        np.testing.assert_array_equal(dv.take_along_axis(x, indices, axis), want)
    row = numbers(1, 4)
    i = np.array([[1], [2]])
    g = dv.grad(lambda r: dv.sum(dv.take_along_axis(r, i, 1)))(row)
    np.testing.assert_array_equal(g, [[0, 1, 1, 0]])


def test_indices_of_each_example_under_vmap() -> None:
    x, i = numbers(5, 4), np.array([[0, 0], [1, -1], [3, 2], [2, 2], [0, 1]])
    got = dv.vmap(lambda row, k: row[k])(x, i)
    np.testing.assert_array_equal(got, np.take_along_axis(x, i, 1))
    g = dv.vmap(lambda row, k: dv.grad(lambda r: dv.sum(r[k]))(row))(x, i)
    want = np.zeros((5, 4))
    np.add.at(want, (np.arange(5)[:, None], i), 1.0)
    np.testing.assert_array_equal(g, want)
    shared = dv.vmap(lambda k: dv.take(x, k, axis=1))(i)
    np.testing.assert_array_equal(shared, np.stack([x[:, k] for k in i]))


def test_a_tensor_as_an_index() -> None:
    x = dv.tensor(numbers(4), requires_grad=True)
    np.testing.assert_array_equal(x[dv.argmax(x)].numpy(), x.numpy().max())
    np.testing.assert_array_equal(x[dv.tensor([1, 1])].numpy(), x.numpy()[[1, 1]])
    np.testing.assert_array_equal(x[x > 0].numpy(), x.numpy()[x.numpy() > 0])


# Differences and places


def test_diff() -> None:
    x = numbers(3, 5)
    for n in (0, 1, 2, 5):
        for axis in (0, -1):
            np.testing.assert_allclose(dv.diff(x, n, axis), np.diff(x, n, axis), rtol=1e-14)
    got = dv.diff(x, prepend=0.0, append=numbers(3, 2))
    np.testing.assert_array_equal(got, np.diff(x, prepend=0.0, append=numbers(3, 2)))
    got = dv.diff(np.array([True, False, False]))
    np.testing.assert_array_equal(got, [True, False])


def test_nonzero() -> None:
    x = np.array([[0.0, 2.0], [3.0, 0.0]])
    for got, want in zip(dv.nonzero(dv.tensor(x)), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ArgumentError, match="without axes"):
        dv.nonzero(3.0)


# Named sizes


def test_slices_of_named_sizes() -> None:
    n = Dim.named("n")
    x = dv.symbol("x", (n, 4))
    assert x[1:].shape == (n - 1, 4)
    assert x[:-2].shape == (n - 2, 4)
    assert x[-3:].shape == (3, 4)
    assert x[::-1].shape == (n, 4)
    assert x[:3].shape == (3, 4)
    assert x[1 : n - 1].shape == (n - 2, 4)
    assert x[-1].shape == (4,)
    assert dv.concat([x, x])[::2].shape == (n, 4)
    with pytest.raises(ArgumentError, match="depends on the size"):
        x[::2]
    keys = [
        slice(1, None),
        slice(None, -2),
        slice(-3, None),
        slice(None, None, -1),
        slice(1, 3),
        -1,
    ]
    for key in keys:
        e = dv.trace_graph(dv.grad(lambda x, k=key: dv.sum(x[k] ** 3)), "n 4")
        for size in (3, 4, 6):
            values = numbers(size, 4)
            want = np.zeros((size, 4))
            want[key] = 3 * values[key] ** 2
            np.testing.assert_allclose(dv.evaluate(e, {"x": values}), want, rtol=1e-14)
    with pytest.raises(BoundsError, match="size 2"):
        dv.evaluate(x[:3], {"x": numbers(2, 4)})
    with pytest.raises(BoundsError, match="size 2"):
        dv.evaluate(x[3:], {"x": numbers(2, 4)})


# Bad input

X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: index(X, 2), BoundsError, "index 2 is out of bounds for axis 0 with size 2"),
        (
            lambda: index(X, (0, -4)),
            BoundsError,
            "index -4 is out of bounds for axis 1 with size 3",
        ),
        (lambda: index(X, (0, [3])), BoundsError, "index 3 is out of bounds for axis"),
        (lambda: index(dv.tensor(X), [5]), BoundsError, "index 5 is out of bounds for axis 0"),
        (lambda: index(X, (0, 0, 0)), BoundsError, "3 axes are indexed"),
        (lambda: index(X, (..., ...)), ArgumentError, "ellipsis"),
        (lambda: index(X, 1.0), DTypeError, "integers or a mask"),
        (lambda: index(X, np.ones(2)), DTypeError, "integers or a mask"),
        (lambda: index(X, slice(0, 1, 0)), ArgumentError, "zero"),
        (lambda: index(X, slice(0.5, 1)), ArgumentError, "slice"),
        (lambda: index(X, np.ones(3, bool)), BoundsError, "mask of shape"),
        (lambda: index(X, ([0, 1], [0, 1, 2])), ShapeError, "do not broadcast"),
        (lambda: dv.at(X)[5].set(1.0), BoundsError, "out of bounds"),
        (lambda: dv.at(X)[[0, 5]].set(1.0), BoundsError, "index 5"),
        (lambda: dv.at(X)[[0, -5]].multiply(1.0), BoundsError, "index -5"),
        (lambda: dv.at(X)[0].set(np.ones(2)), ShapeError, "broadcast"),
        (lambda: dv.take(X, [0.5], axis=0), DTypeError, "integers"),
        (lambda: dv.take(X, [3], axis=1), BoundsError, "index 3"),
        (lambda: dv.take_along_axis(X, [0]), ShapeError, "equally many axes"),
        (lambda: dv.diff(X, -1), ArgumentError, "negative"),
    ],
)
def test_bad_input(call: Callable[[], Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        call()


def test_a_mask_that_is_an_expression_is_refused() -> None:
    x = dv.symbol("x", (3,))
    for call in (lambda: x[x > 0], lambda: dv.nonzero(x), lambda: dv.unique_values(x)):
        with pytest.raises(DifferentiationError, match="where"):
            call()
    e = x[np.array([True, False, True])]
    assert e.shape == (2,)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kept", [0.0, 0.4, 1.0])
def test_a_mask_of_all_axes(turned: bool, kept: float) -> None:
    x, mask = numbers(3, 4, 2), numbers(3, 4, 2, seed=1) < [-9, 0, 9][int(2 * kept + 0.5)]
    if turned:
        x, mask = x.T[::-1], mask.T[::-1]
    t = dv.tensor(x, requires_grad=True)
    out = t[mask]
    np.testing.assert_array_equal(out.numpy(), x[mask])
    g = numbers(*out.shape, seed=2)
    out.backward(g)
    want = np.zeros_like(x)
    want[mask] = g
    np.testing.assert_array_equal(t.grad, want)
    many = numbers(5, *x.shape, seed=3)
    np.testing.assert_array_equal(dv.vmap(lambda x: x[mask])(many), many[:, mask])
    f = lambda x: dv.sum(x[mask] ** 3)  # noqa: E731
    np.testing.assert_allclose(
        dv.evaluate(dv.trace_graph(f, x.shape), {"x": x}), f(x), rtol=1e-13, atol=1e-13
    )
    np.testing.assert_allclose(dv.hvp(f, x, x), np.where(mask, 6 * x * x, 0), atol=1e-13)
