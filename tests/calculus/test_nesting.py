"""Nested transforms never confuse whose variable is whose: in any mix, in every carrier."""

import itertools

import numpy as np
import pytest

import derivant as dv


def reverse(f):
    return dv.grad(f)


def forward(f):
    return lambda x: dv.jvp(f, (x,), (np.ones(()) if not isinstance(x, dv.Tensor) else 1.0,))[1]


def by_vjp(f):
    return lambda x: dv.vjp(f, x)[1](1.0)[0]


def linear(f):
    return lambda x: dv.linearize(f, x)[1](1.0)


def dense(f):
    return dv.jacrev(f)


def dense_forward(f):
    return dv.jacfwd(f)


TRANSFORMS = [reverse, forward, by_vjp, linear, dense, dense_forward]
MIXES = list(itertools.product(TRANSFORMS, repeat=2))
KINDS = [float, np.float64, np.array, dv.tensor]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("outer", "inner"), MIXES)
def test_perturbation_confusion(outer, inner, kind):
    def with_sum(x):
        return x * inner(lambda y: x + y)(kind(1.0))

    def passed_again(x):
        return x * inner(lambda y: x * y)(x)

    def passed_constant(x):
        return x * inner(lambda y: x * y)(kind(1.0))

    assert float(outer(with_sum)(kind(1.0))) == 1.0
    assert float(outer(passed_again)(kind(4.0))) == 8.0
    assert float(outer(passed_constant)(kind(4.0))) == 8.0


@pytest.mark.parametrize(("outer", "inner"), MIXES)
def test_perturbation_confusion_in_formulas(outer, inner):
    def passed_again(x):
        return x * inner(lambda y: x * y)(x)

    expression = dv.trace_graph(lambda x: outer(passed_again)(x), ())
    assert float(dv.evaluate(expression, {"x": 4.0})) == 8.0


@pytest.mark.parametrize("mix", list(itertools.product([reverse, forward], repeat=3)))
def test_third_derivatives_in_any_mix(mix):
    f = lambda x: dv.exp(x) * x**3  # noqa: E731 - a formula
    for transform in mix:
        f = transform(f)
    x = 0.7
    exact = np.exp(x) * (x**3 + 9 * x**2 + 18 * x + 6)
    assert float(f(x)) == pytest.approx(exact, rel=1e-13)


def test_a_closed_over_variable_of_an_outer_transform():
    inner_only = dv.grad(lambda x: dv.grad(lambda y: x * x * y)(2.0))(3.0)
    assert inner_only == 6.0


def test_a_pullback_is_differentiable_in_its_cotangent():
    _, pull = dv.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    g = dv.grad(lambda c: dv.sum(pull(c)[0] ** 2))(np.array([1.0, 1.0]))
    assert isinstance(g, np.ndarray)
    np.testing.assert_allclose(g, 8 * np.array([1.0, 2.0]) ** 2)


def test_a_pullback_under_vmap_gives_the_rows_of_the_jacobian():
    f = lambda x: dv.tanh(x) * x[0]  # noqa: E731 - a formula
    x = np.array([0.3, -0.8, 1.1])
    _, pull = dv.vjp(f, x)
    rows = dv.vmap(lambda c: pull(c)[0])(np.eye(3))
    np.testing.assert_allclose(rows, dv.jacfwd(f)(x), rtol=1e-14)


def test_leaves_inside_a_transform_keep_their_history():
    w = dv.tensor([2.0, 3.0], requires_grad=True)
    slope = dv.grad(lambda x: dv.sum(w * x**2))(np.array([1.0, 5.0]))
    assert isinstance(slope, dv.Tensor)
    slope.sum().backward()
    np.testing.assert_array_equal(w.grad, [2.0, 10.0])


def test_results_of_a_plain_call_hold_no_graph():
    value, slope = dv.value_and_grad(lambda x: dv.sum(x**2))(dv.tensor([1.0, 2.0]))
    assert value.primitive is None
    assert slope.primitive is None
    np.testing.assert_array_equal(slope.numpy(), [2.0, 4.0])


def test_vmap_inside_and_outside_of_grad():
    weights = np.arange(6.0).reshape(2, 3) / 7
    rows = np.arange(12.0).reshape(4, 3) / 5 - 1
    f = lambda w, x: dv.sum(dv.tanh(w @ x) ** 2)  # noqa: E731 - a formula
    inside = dv.grad(lambda w: dv.sum(dv.vmap(lambda x: f(w, x))(rows)))(weights)
    outside = dv.vmap(dv.grad(f), in_axes=(None, 0))(weights, rows)
    assert outside.shape == (4, 2, 3)
    np.testing.assert_allclose(outside.sum(axis=0), inside, rtol=1e-13)
    each = np.stack([dv.grad(f)(weights, x) for x in rows])
    np.testing.assert_allclose(outside, each, rtol=1e-13)


def test_jacobian_of_vmap_and_vmap_of_jacobian():
    a = np.arange(12.0).reshape(3, 4) / 9
    rows = np.arange(8.0).reshape(2, 4) / 8
    f = lambda x: dv.sin(a @ x)  # noqa: E731 - a formula
    each = np.stack([dv.jacrev(f)(x) for x in rows])
    np.testing.assert_allclose(dv.vmap(dv.jacrev(f))(rows), each, rtol=1e-14)
    np.testing.assert_allclose(dv.vmap(dv.jacfwd(f))(rows), each, rtol=1e-14)
    whole = dv.jacrev(dv.vmap(f))(rows)
    assert whole.shape == (2, 3, 2, 4)
    np.testing.assert_allclose(whole[1, :, 1], each[1], rtol=1e-14)
    np.testing.assert_array_equal(whole[0, :, 1], 0)


def test_vmap_in_vmap():
    x, y = np.arange(3.0), np.arange(4.0)
    table = dv.vmap(lambda a: dv.vmap(lambda b: a * b + a)(y))(x)
    np.testing.assert_array_equal(table, np.outer(x, y) + x[:, None])


def test_a_second_derivative_that_vanishes_in_a_formula():
    f = lambda x: dv.sum(dv.sort(x) * np.arange(3.0))  # noqa: E731 - a formula
    e = dv.trace_graph(dv.jacfwd(dv.grad(f)), (3,))
    np.testing.assert_array_equal(dv.evaluate(e, {"x": np.array([3.0, 1.0, 2.0])}), 0)


def test_vmap_over_an_axis_whose_size_is_a_name():
    X = np.arange(6.0).reshape(2, 3)
    f = lambda r, w: dv.sum(r * r) * w  # noqa: E731 - a formula
    e = dv.trace_graph(lambda x: dv.vmap(lambda r: f(r, 2.0))(x), "n m")
    np.testing.assert_array_equal(dv.evaluate(e, {"x": X}), 2 * (X * X).sum(axis=1))
    slope = dv.trace_graph(lambda x: dv.grad(lambda y: dv.sum(dv.vmap(dv.sum)(y * y)))(x), "n m")
    np.testing.assert_array_equal(dv.evaluate(slope, {"x": X}), 2 * X)
    rows = dv.trace_graph(lambda x: dv.vmap(dv.grad(lambda r: dv.sum(r**3)))(x), "n m")
    np.testing.assert_array_equal(dv.evaluate(rows, {"x": X}), 3 * X**2)
    with pytest.raises(dv.ShapeError, match="differ in size"):
        dv.trace_graph(lambda x, y: dv.vmap(lambda a, b: a * b)(x, y), "n", "m")


def test_a_bound_number_can_what_an_array_can():
    for f in (
        lambda a: a.astype(float) * 2,
        lambda a: a.T * 2,
        lambda a: dv.transpose(a) * 2,
        lambda a: (a[None] * 2).sum(),
        lambda a: dv.sum(a.reshape(1, 1) * 2),
        lambda a: dv.expand_dims(a, 0).sum() * 2,
        lambda a: dv.broadcast_to(a, (2,)).sum(),
    ):
        assert dv.grad(f)(3.0) == 2
        assert dv.jacfwd(f)(3.0) == 2
    single = np.ones(2, np.float32)
    assert dv.value_and_grad(lambda a: (a * single).sum())(2.0)[0].dtype == np.float32
    # a dtype that was asked for does not give way
    wide = lambda a: dv.sum(a.astype(np.float64) * single)  # noqa: E731 - a formula
    assert dv.value_and_grad(wide)(2.0)[0].dtype == np.float64
    assert dv.trace_graph(lambda x: dv.grad(lambda a: wide(a))(2.0) * x, ()).dtype == np.float64


def test_an_operation_of_the_user_keeps_single_precision_under_vmap():
    scaled = dv.primitive("scaled", lambda x, s: x * s, partials=(lambda out, x, s: s, None))
    x = np.arange(3, dtype=np.float32)
    for run in (scaled, dv.grad(scaled)):
        found = dv.vmap(lambda v, run=run: run(v, 2.0))(x)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, [run(v, 2.0) for v in x])
    assert dv.vmap(lambda v: scaled(v, 2.0))(np.zeros((0,), np.float32)).dtype == np.float32
