"""Operations of the user's own, stated in any of the three ways, behave as the table's rows do."""

import numpy as np
import pytest

import derivant as dv

x = np.array([0.3, -0.7, 1.2])
by_partials = dv.primitive(
    "softsquare",
    lambda x, y: np.sqrt(x * x + y * y),
    partials=(lambda o, x, y: x / o, lambda o, x, y: y / o),
)
by_vjp = dv.primitive(
    "softsquare",
    lambda x, y: np.sqrt(x * x + y * y),
    vjp=lambda g, o, x, y: (g * x / o, g * y / o),
)
by_jvp = dv.primitive(
    "softsquare",
    lambda x, y: np.sqrt(x * x + y * y),
    jvp=lambda t, o, x, y: sum((t[i] * (x, y)[i] / o for i in range(2) if t[i] is not None), 0.0),
)
WAYS = [by_partials, by_vjp, by_jvp]


@pytest.mark.parametrize("op", WAYS)
def test_values_and_all_orders(op):
    y = np.array([1.0, 2.0, -0.5])
    np.testing.assert_allclose(op(x, y), np.hypot(x, y))
    dv.check_grads(op, (x, y), order=2)
    ours = dv.jacfwd(dv.grad(lambda x: dv.sum(op(x, y) ** 3)))(x)
    exact = dv.jacfwd(dv.grad(lambda x: dv.sum(dv.hypot(x, y) ** 3)))(x)
    np.testing.assert_allclose(ours, exact, rtol=1e-10)


@pytest.mark.parametrize("op", WAYS)
def test_in_formulas_under_vmap_and_as_tensors(op):
    e = dv.trace_graph(lambda x, y: dv.grad(lambda x: dv.sum(op(x, y)))(x), (3,), (3,))
    np.testing.assert_allclose(dv.evaluate(e, {"x": x, "y": x}), np.sign(x) / np.sqrt(2))
    rows = np.stack([x, 2 * x])
    np.testing.assert_allclose(dv.vmap(op, in_axes=(0, None))(rows, x), np.hypot(rows, x))
    t = dv.tensor(x, requires_grad=True)
    op(t, 1.0).sum().backward()
    np.testing.assert_allclose(t.grad, x / np.hypot(x, 1))


def test_parameters():
    scaled = dv.primitive("scaled", lambda x, k: k * np.exp(x), partials=(lambda o, x, k: o,))
    np.testing.assert_allclose(dv.grad(lambda x: dv.sum(scaled(x, k=3.0)))(x), 3 * np.exp(x))


def test_a_vjp_with_the_wrong_number_of_cotangents():
    wrong = dv.primitive("wrong", lambda x, y: x * y, vjp=lambda g, o, x, y: (g * y,))
    with pytest.raises(dv.DerivantError, match="1 cotangents for 2 operands"):
        dv.grad(lambda x: dv.sum(wrong(x, x)))(x)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_check_grads_finds_a_wrong_second_order(mode):
    cheat = dv.primitive("cheat", np.exp, partials=(lambda o, x: dv.stop_gradient(o),))
    dv.check_grads(cheat, (x,), order=1, modes=(mode,))
    with pytest.raises(dv.DerivantError, match="order 2"):
        dv.check_grads(cheat, (x,), order=2, modes=(mode,))


def test_check_grads_takes_trees_and_float32():
    dv.check_grads(
        lambda p: dv.sum(p["w"] @ p["v"]) * p["s"], ({"w": np.eye(2), "v": np.ones(2), "s": 2.0},)
    )
    dv.check_grads(lambda v: dv.tanh(v), (x.astype(np.float32),), order=1)
    with pytest.raises(dv.DerivantError, match="sideways"):
        dv.check_grads(dv.exp, (x,), modes=("sideways",))
