"""A derivative is right or refused: the ways in which one could be lost without a word."""

import math

import numpy as np
import pytest

import derivant as dv


@pytest.mark.parametrize(
    "f",
    [
        lambda t: math.exp(t) * t,
        lambda t: float(t) * t,
        lambda t: dv.tensor(t) * t,
        lambda t: dv.elu(-1.5, t),
        lambda t: dv.std(np.arange(3.0), correction=t),
        lambda t: dv.var(np.arange(3.0), correction=t),
    ],
)
def test_numbers_made_of_a_variable_are_refused(f):
    with pytest.raises(dv.DerivantError):
        dv.grad(f)(1.5)


def test_assignment_into_a_numpy_array_is_refused():
    def loss(t):
        z = np.zeros(3)
        z[0] = t[0]
        return dv.sum(z * t)

    with pytest.raises((dv.DerivantError, ValueError)):
        dv.grad(loss)(np.ones(3))


def test_settings_that_are_leaves_are_refused():
    leaf = dv.tensor(0.5, requires_grad=True)
    with pytest.raises(dv.DerivantError, match="plain number"):
        dv.elu(-1.5, leaf)


def test_expressions_beside_numbers_at_any_depth():
    e = dv.symbol("e", (3,))
    slope = dv.grad(lambda x: dv.sum(x * x * e))(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(dv.evaluate(slope, {"e": np.ones(3)}), [2, 4, 6])
    e = dv.symbol("e")
    w = dv.tensor(2.0, requires_grad=True)
    nested = dv.grad(lambda a: dv.grad(lambda y: (a * y) * e)(2.0))(3.0)
    assert dv.evaluate(nested, {"e": 5.0}) == 5
    beside = dv.evaluate(dv.grad(lambda a: (w * a) * e)(3.0), {"e": 5.0})
    assert beside.item() == 10
    assert dv.evaluate(dv.jvp(lambda a: a * a * e, (3.0,), (1.0,))[1], {"e": 5.0}) == 30


def test_perturbation_confusion_of_an_expression_and_a_number():
    for outer in (dv.grad, lambda f: lambda x: dv.jvp(f, (x,), (1.0,))[1]):
        for inner in (dv.grad, lambda f: lambda x: dv.jvp(f, (x,), (1.0,))[1]):
            expression = dv.trace_graph(
                outer(lambda x, inner=inner: x * inner(lambda y: x + y)(1.0)), ()
            )
            assert float(dv.evaluate(expression, {"x": 1.0})) == 1


def test_auxiliary_results_are_the_callers_own():
    def f(x):
        h = dv.exp(x)
        return dv.sum(h), h

    _, pull, aux = dv.vjp(f, np.ones(2), has_aux=True)
    aux[:] = 0
    np.testing.assert_allclose(pull(1.0)[0], math.e)


def test_transforms_inside_no_grad_take_their_derivative():
    with dv.no_grad():
        assert dv.grad(lambda t: t**2)(3.0) == 6
        assert dv.jvp(lambda t: t**2, (3.0,), (1.0,))[1] == 6
        assert dv.grad(dv.grad(lambda t: t**3))(3.0) == 18
        assert dv.jacfwd(lambda t: t**2)(3.0) == 6
        assert dv.hvp(lambda t: t**3, 3.0, 1.0) == 18


def test_backward_through_vmap_to_a_leaf_outside():
    w = dv.tensor(2.0, requires_grad=True)
    dv.sum(dv.vmap(lambda z: z * w * w)(np.array([1.0, 2.0]))).backward()
    assert w.grad == 12
    v = dv.tensor([1.0, 2.0, 3.0], requires_grad=True)
    dv.sum(dv.vmap(lambda z: dv.sum(z * v * v))(np.ones((2, 3)))).backward()
    np.testing.assert_array_equal(v.grad, [4, 8, 12])


@pytest.mark.parametrize("argnums", [(0, 0), (1, -1)])
def test_an_argument_named_twice(argnums):
    with pytest.raises(dv.DerivantError, match="twice"):
        dv.grad(lambda a, b: a * b, argnums=argnums)(2.0, 3.0)


def test_complex_seeds_and_tangents_are_refused():
    x = np.ones(2)
    _, pull = dv.vjp(dv.sin, x)
    for call in (
        lambda: pull(x * 1j),
        lambda: dv.jvp(dv.sin, (x,), (x * 1j,)),
        lambda: dv.sin(dv.tensor(x, requires_grad=True)).backward(x * 1j),
        lambda: dv.tensor([1.0], dtype=complex),
    ):
        with pytest.raises(dv.DerivantError, match="complex"):
            call()


def test_a_stated_cotangent_has_the_shape_of_its_operand():
    wrong = dv.primitive("wrong", lambda x, y: x * y, vjp=lambda g, o, x, y: (g * y, g * x))
    with pytest.raises(ValueError, match=r"shape \(3,\) for operand 0"):
        dv.grad(lambda x: dv.sum(wrong(x, np.ones(3))))(2.0)


def test_setting_everything_keeps_the_dtype_rule():
    x = np.zeros(2)
    assert dv.at(x)[:].set(np.ones(2, np.float32)).dtype == dv.at(x)[0:1].set(np.float32(1)).dtype
    v = np.ones(2)
    out = dv.at(x)[:].set(v)
    out[0] = 5
    assert v[0] == 1


@pytest.mark.parametrize("axis", [3, -3])
def test_a_place_for_the_mapped_axis_that_is_not_there(axis):
    with pytest.raises(dv.DerivantError, match="out_axes"):
        dv.vmap(lambda x: x, out_axes=axis)(np.ones((2, 3)))


def test_a_branch_not_taken_does_not_stop_a_rule_that_refuses_nan():
    def f(b):
        return dv.sum(dv.where(b > 0, dv.sqrt(dv.linalg.solve(2 * np.eye(2), b)), 0.0))

    b = np.array([0.0, 2.0])
    np.testing.assert_allclose(dv.grad(f)(b), [0, 0.25])
    assert dv.jvp(f, (b,), (np.ones(2),))[1] == pytest.approx(0.25)
