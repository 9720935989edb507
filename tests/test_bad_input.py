"""Wrong input: one clear error each, with names, shapes and what to do."""

import numpy as np
import pytest

import derivant as dv

X = dv.tensor(np.ones((64, 784)))
W = dv.tensor(np.ones((728, 128)))


def says(error, *parts):
    text = str(error.value)
    for part in parts:
        assert part in text, text
    assert isinstance(error.value, dv.DerivantError)


def test_matmul_names_operands_shapes_and_axes():
    with pytest.raises(ValueError) as error:
        X @ W
    says(error, "matmul", "X (64, 784)", "W (728, 128)", "784", "728")


def test_broadcasting():
    a, b = dv.tensor(np.ones((2, 3))), dv.tensor(np.ones((4,)))
    with pytest.raises(ValueError) as error:
        a + b
    says(error, "add", "a (2, 3)", "b (4,)")


def test_einsum_repeats_the_pattern():
    with pytest.raises(ValueError) as error:
        dv.einsum("ij,jk->ik", X, W)
    says(error, "ij,jk->ik", "(64, 784)", "(728, 128)", "j")


def test_concat_and_stack():
    with pytest.raises(ValueError) as error:
        dv.concat([X, W], axis=0)
    says(error, "(64, 784)", "(728, 128)")
    with pytest.raises(ValueError) as error:
        dv.stack([X, W])
    says(error, "(64, 784)", "(728, 128)")


def test_reshape():
    with pytest.raises(ValueError) as error:
        dv.reshape(X, (3, 5))
    says(error, "(3, 5)", "50176")


@pytest.mark.parametrize(
    "call",
    [
        lambda x: dv.sum(x, axis=2),
        lambda x: dv.mean(x, axis=-3),
        lambda x: dv.softmax(x, axis=5),
        lambda x: dv.cumulative_sum(x, axis=4),
        lambda x: dv.sort(x, axis=2),
        lambda x: dv.flip(x, axis=2),
        lambda x: dv.concat([x, x], axis=2),
        lambda x: dv.expand_dims(x, axis=4),
        lambda x: dv.squeeze(x, axis=7),
        lambda x: dv.max(x, axis=(0, 2)),
    ],
)
@pytest.mark.parametrize("carrier", [np.ones, lambda s: dv.tensor(np.ones(s))])
def test_axes_out_of_range(call, carrier):
    with pytest.raises((IndexError, ValueError)) as error:
        call(carrier((2, 3)))
    says(error, "(2, 3)")


def test_an_axis_named_twice():
    with pytest.raises(ValueError) as error:
        dv.sum(X, axis=(0, -2))
    says(error, "twice")


@pytest.mark.parametrize("key", [5, -3, (0, 9), np.array([0, 2]), (slice(None), np.array([3]))])
def test_indices_out_of_range(key):
    x = dv.tensor(np.ones((2, 3)))
    with pytest.raises(IndexError) as error:
        x[key]
    says(error, "(2, 3)")


def test_too_many_indices():
    with pytest.raises(IndexError) as error:
        dv.tensor(np.ones((2, 3)))[0, 0, 0]
    says(error, "(2, 3)")


def test_ragged_lists():
    with pytest.raises(ValueError) as error:
        dv.tensor([[1.0, 2.0], [3.0]])
    says(error, "ragged")
    with pytest.raises(ValueError) as error:
        dv.exp([[1.0], [2.0, 3.0]])
    says(error, "ragged")


def test_lists_that_hold_what_is_recorded():
    t = dv.tensor([1.0, 2.0], requires_grad=True)
    for run in (
        lambda: dv.sum([t, t]),
        lambda: dv.grad(lambda x: dv.mean([x, x * x]))(2.0),
        lambda: dv.trace_graph(lambda x: dv.sum([x, x]), "n"),
        lambda: dv.vmap(lambda x: dv.sum([x, x]))(np.ones(3)),
    ):
        with pytest.raises(dv.ArgumentError) as error:
            run()
        says(error, "stack([...])")
        assert "ragged" not in str(error.value)


@pytest.mark.parametrize("data", ["text", [None], [object()], [{}]])
def test_not_numbers(data):
    with pytest.raises(TypeError) as error:
        dv.tensor(data)
    says(error, "numbers")


def test_backward_of_an_array_without_a_seed():
    t = dv.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError) as error:
        (t * 2).backward()
    says(error, "(2,)", "sum", "backward(gradient)")
    with pytest.raises(ValueError) as error:
        (t * 2).backward(np.ones(3))
    says(error, "(3,)", "(2,)")


def test_backward_of_what_depends_on_nothing():
    with pytest.raises(dv.DerivantError) as error:
        (dv.tensor(2.0) * 3).backward()
    says(error, "requires_grad=True")


def test_gradient_of_an_array_output():
    def loss(x):
        return x * 2

    with pytest.raises(ValueError) as error:
        dv.grad(loss)(np.ones(3))
    says(error, "loss", "(3,)", "jacobian")


def test_argnums_that_are_not_there():
    with pytest.raises(dv.DerivantError) as error:
        dv.grad(lambda x: x, argnums=1)(1.0)
    says(error, "argnums", "1")


def test_the_argument_is_named():
    def loss(weights, count):
        return dv.sum(weights) * count

    with pytest.raises(TypeError) as error:
        dv.grad(loss, argnums=1)(np.ones(2), 3)
    says(error, "count", "loss", "3.0")


def test_cotangents_and_tangents_of_wrong_shape():
    _, pull = dv.vjp(lambda x: x * 2, np.ones(3))
    with pytest.raises(ValueError) as error:
        pull(np.ones(2))
    says(error, "(3,)", "(2,)")
    with pytest.raises(ValueError) as error:
        dv.jvp(lambda x: x * 2, (np.ones(3),), (np.ones(2),))
    says(error, "(3,)", "(2,)")
    with pytest.raises(dv.DerivantError):
        dv.jvp(lambda x: x * 2, (np.ones(3),), ())


def test_vmap_over_sizes_that_differ():
    with pytest.raises(ValueError) as error:
        dv.vmap(lambda x, y: x + y)(np.ones(3), np.ones(4))
    says(error, "3", "4")
    with pytest.raises((IndexError, ValueError)):
        dv.vmap(lambda x: x)(1.0)
    with pytest.raises(dv.DerivantError):
        dv.vmap(lambda x: x, in_axes=None)(np.ones(3))


def test_a_leaf_assigned_outside_no_grad():
    p = dv.tensor([1.0], requires_grad=True)
    with pytest.raises(dv.DerivantError) as error:
        p -= 1.0
    says(error, "no_grad")


def test_a_condition_on_an_expression():
    with pytest.raises(dv.DerivantError) as error:
        dv.trace_graph(lambda x: x if x > 0 else -x, ())
    says(error, "where")


def test_an_expression_without_values():
    e = dv.trace_graph(lambda x, y: x + y, "n", "n")
    with pytest.raises(dv.DerivantError) as error:
        dv.evaluate(e, {"x": np.ones(2)})
    says(error, "y")
    with pytest.raises(ValueError) as error:
        dv.evaluate(e, {"x": np.ones(2), "y": np.ones(3)})
    says(error, "n", "2")


def test_a_user_operation_without_a_derivative():
    with pytest.raises(dv.DerivantError) as error:
        dv.primitive("mine", np.exp)
    says(error, "partials")


def test_a_wrong_user_rule_is_caught():
    wrong = dv.primitive("wrong", np.exp, partials=(lambda out, x: 2 * out,))
    with pytest.raises(dv.DerivantError) as error:
        dv.check_grads(wrong, (np.array([0.3, 0.4]),))
    says(error, "order 1", "wrong")


def test_debug_nans_names_the_operation_and_the_line():
    with dv.debug_nans(), np.errstate(all="ignore"), pytest.raises(FloatingPointError) as error:
        dv.log(dv.tensor([0.0, 1.0]))
    says(error, "log", "test_bad_input.py")
    with dv.debug_nans(), pytest.raises(FloatingPointError) as error:
        dv.grad(dv.sqrt)(0.0)
    says(error, "sqrt", "test_bad_input.py")


def test_named_sizes_that_no_variable_shows():
    e = dv.trace_graph(dv.grad(dv.sum), "n")
    with pytest.raises(dv.DerivantError) as error:
        dv.evaluate(e, {})
    says(error, "n", "size")
    np.testing.assert_array_equal(dv.evaluate(e, {}, {"n": 3}), [1, 1, 1])
