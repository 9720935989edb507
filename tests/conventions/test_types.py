"""Layout, dtypes and identity: what has which shape and kind, and what is refused."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pytest

import derivant as dv


def f(x):
    return dv.sum(dv.tanh(x) * 1.5 + x**2 / 3 - 2 * x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_order_keeps_the_dtype(dtype):
    x = np.linspace(-1, 1, 4, dtype=dtype)
    g = lambda x: dv.grad(f)(x)  # noqa: E731 - a formula
    for _ in range(3):
        assert g(x).dtype == dtype
        g = dv.grad(lambda x, g=g: dv.sum(g(x)))
    assert dv.jacfwd(dv.grad(f))(x).dtype == dtype
    assert dv.jacrev(dv.grad(f))(x).dtype == dtype
    assert dv.hvp(f, x, x).dtype == dtype


def test_a_mixed_product_casts_each_cotangent():
    a, b = np.ones(3, np.float32), np.ones(3)
    by_a, by_b = dv.grad(lambda a, b: dv.sum(a * b), (0, 1))(a, b)
    assert (by_a.dtype, by_b.dtype) == (np.float32, np.float64)


def test_python_numbers_are_weak():
    x = np.ones(3, np.float32)
    assert dv.grad(lambda a: dv.sum(a * x))(2.0) == 3
    value, slope = dv.value_and_grad(lambda x, a: dv.sum(a * x))(x, 2.0)
    assert value.dtype == np.float32
    assert slope.dtype == np.float32
    bound = dv.vjp(lambda a: a * x, 2.0)[0]
    assert bound.dtype == np.float32


@pytest.mark.parametrize("kind", [np.array([1, 2]), np.array([True]), 3, True, np.int64(3)])
def test_integers_are_refused_with_the_cast(kind):
    with pytest.raises(TypeError, match=r"float|3\.0|1\.0"):
        dv.grad(f)(kind)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_other_floats_are_refused(dtype):
    with pytest.raises(TypeError, match="float32 and float64"):
        dv.grad(f)(np.ones(2, dtype))
    with pytest.raises(TypeError, match="float32 and float64"):
        dv.tensor(np.ones(2, dtype), requires_grad=True)


def test_complex_is_refused():
    with pytest.raises(dv.DerivantError, match="complex"):
        dv.grad(f)(1j)
    with pytest.raises(dv.DerivantError):
        dv.grad(f)(np.ones(2, complex))
    with pytest.raises(dv.DerivantError, match="complex"):
        dv.tensor([1j])


@pytest.mark.parametrize(
    "operate",
    [
        lambda z: dv.exp(z),
        lambda z: dv.abs(z),
        lambda z: dv.where(z, 1.0, 2.0),
        lambda z: dv.linalg.expm(dv.diag(z)),
        lambda z: dv.tensor([1.0, 2.0]) * z,
        lambda z: z * dv.tensor([1.0, 2.0], requires_grad=True),
        lambda z: dv.vmap(lambda x: x * z)(np.ones(3)),
        lambda z: dv.evaluate(dv.trace_graph(dv.exp, "n"), {"x": z}),
    ],
)
def test_complex_arrays_are_refused_by_every_operation(operate):
    with pytest.raises(dv.DerivantError, match=r"complex numbers are not supported yet"):
        operate(np.array([1.0, 1j]))


def test_results_have_the_kind_that_was_given():
    x = np.array([1.0, 2.0])
    assert type(dv.grad(f)(x)) is np.ndarray
    assert type(dv.grad(f)(dv.tensor(x))) is dv.Tensor
    assert type(dv.grad(lambda a: a * a)(2.0)) is np.float64
    assert type(dv.grad(lambda a: a * a)(np.float32(2.0))) is np.float32
    assert type(dv.exp(x)) is np.ndarray
    assert type(dv.exp(dv.tensor(x))) is dv.Tensor
    t = dv.tensor(x, requires_grad=True)
    f(t).backward()
    assert type(t.grad) is np.ndarray


def test_results_are_the_callers_own():
    x = np.ones(3)
    a, b = dv.grad(lambda x, y: dv.sum(x + y), (0, 1))(x, x)
    a[0] = 7
    assert b[0] == 1
    g = dv.grad(dv.sum)(x)
    g += 1  # not a read-only view of one number
    c = np.ones(3)
    out, pull = dv.vjp(lambda x: dv.exp(x), x)
    out[:] = 0
    np.testing.assert_allclose(pull(c)[0], np.e)
    same = dv.vjp(lambda x: x, x)[1](c)[0]
    same[:] = 5
    assert c[0] == 1
    moved = dv.jvp(lambda x: x, (x,), (c,))[1]
    moved[:] = 5
    assert c[0] == 1
    assert x[0] == 1


@dataclass
class Model:
    weight: np.ndarray
    bias: float
    name: str = dv.static(default="linear")
    sizes: tuple = field(default=(1, 2))


class Pair(NamedTuple):
    left: np.ndarray
    right: np.ndarray


def test_trees():
    tree = {
        "w": [np.ones(2), (np.ones(3), None)],
        "n": 3,
        "act": dv.tanh,
        "flag": True,
        "s": "text",
    }
    loss = lambda t: dv.sum(t["act"](t["w"][0])) * t["n"] + dv.sum(t["w"][1][0] ** 2)  # noqa: E731
    g = dv.grad(loss)(tree)
    assert list(g) == list(tree)
    np.testing.assert_allclose(g["w"][0], 3 / np.cosh(1) ** 2)
    np.testing.assert_allclose(g["w"][1][0], 2)
    assert g["w"][1][1] is None
    assert g["n"] is None
    assert g["act"] is None


def test_dataclasses_and_namedtuples():
    model = Model(np.ones(2), 0.5)
    g = dv.grad(lambda m: dv.sum(m.weight * 2) + m.bias**2)(model)
    assert isinstance(g, Model)
    np.testing.assert_array_equal(g.weight, 2)
    assert g.bias == 1
    assert g.name == "linear"
    pair = dv.grad(lambda p: dv.sum(p.left * p.right))(Pair(np.ones(2), np.full(2, 3.0)))
    assert isinstance(pair, Pair)
    np.testing.assert_array_equal(pair.left, 3)


def test_shapes_of_jacobians_and_hessians():
    x = np.ones((2, 3))
    g = lambda x: x @ np.ones((3, 4))  # noqa: E731 - a formula
    assert dv.jacobian(g)(x).shape == (2, 4, 2, 3)
    assert dv.hessian(lambda x: dv.sum(g(x) ** 2))(x).shape == (2, 3, 2, 3)


def test_a_tensor_compares_entries_and_hashes_by_identity():
    t = dv.tensor([1.0, 2.0])
    np.testing.assert_array_equal((t == dv.tensor([1.0, 3.0])).numpy(), [True, False])
    assert len({t, dv.tensor([1.0, 2.0])}) == 2


def test_promotion_follows_numpy():
    kinds = [np.float32, np.float64, np.int32, np.int64, np.bool_, np.uint8]
    for a in kinds:
        for b in kinds:
            ours = (dv.tensor(np.ones(2, a)) * dv.tensor(np.ones(2, b))).dtype
            assert ours == np.result_type(a, b)
            assert (dv.tensor(np.ones(2, a)) + 1).dtype == (np.ones(2, a) + 1).dtype


def test_numpy_functions_on_tensors():
    x = np.array([[0.1, 0.7], [0.4, -0.3]])

    def loss(x):
        y = np.maximum(np.exp(x) @ np.array([1.0, -2.0]), 0.1) + np.float64(2) * np.sum(x, axis=0)
        return np.mean(np.where(y > 0, y, 0.5 * y)) + np.linalg.norm(x)

    def ours(x):
        y = dv.maximum(dv.exp(x) @ np.array([1.0, -2.0]), 0.1) + 2.0 * dv.sum(x, axis=0)
        return dv.mean(dv.where(y > 0, y, 0.5 * y)) + dv.linalg.norm(x)

    np.testing.assert_allclose(dv.grad(loss)(x), dv.grad(ours)(x), rtol=1e-14)
    t = dv.tensor(x, requires_grad=True)
    with pytest.raises(dv.DerivantError, match="numpy"):
        np.asarray(t * 2)
    with pytest.raises(dv.DerivantError, match="not among"):
        np.fft.fft(t)
    assert isinstance(x * t, dv.Tensor)
    assert isinstance(np.add.reduce(t), dv.Tensor)
