"""The lecture's results: value, gradient and generalized Jacobian, as numbers."""

import numpy as np
import pytest

import derivant as dv

RNG = np.random.default_rng(0)
x, A = RNG.standard_normal(4), RNG.standard_normal((4, 4))
W = RNG.standard_normal((3, 4))
X, V = RNG.standard_normal((5, 4)), RNG.standard_normal((4, 3))
G = RNG.standard_normal((5, 3))


def dense(f, at):
    """The three ways to the same Jacobian, compared."""
    object_ = dv.jacobian(f)(at)
    rows, columns = dv.jacrev(f)(at), dv.jacfwd(f)(at)
    np.testing.assert_allclose(rows, columns, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(object_.materialize(), rows, rtol=1e-12, atol=1e-14)
    return rows


def test_inner_product_of_a_vector_with_itself():
    value, slope = dv.value_and_grad(lambda x: x @ x)(x)
    assert value == pytest.approx(np.sum(x**2))
    np.testing.assert_allclose(slope, 2 * x)
    np.testing.assert_allclose(dense(lambda x: x @ x, x), 2 * x)
    np.testing.assert_allclose(dv.hessian(lambda x: x @ x)(x).materialize(), 2 * np.eye(4))


def test_sum():
    np.testing.assert_array_equal(dv.grad(dv.sum)(x), np.ones(4))


def test_matrix_times_vector():
    J = dv.jacobian(lambda x: W @ x)(x)
    assert J.shape == (3, 4)
    np.testing.assert_allclose(dense(lambda x: W @ x, x), W)
    assert J[2, 3] == pytest.approx(W[2, 3])


def test_vector_times_matrix():
    np.testing.assert_allclose(dense(lambda x: x @ V, x), V.T)


def test_quadratic_form_by_vector_and_by_matrix():
    f = lambda x, A: x @ (A @ x)  # noqa: E731 - a formula
    by_x, by_a = dv.grad(f, argnums=(0, 1))(x, A)
    np.testing.assert_allclose(by_x, (A + A.T) @ x)
    np.testing.assert_allclose(by_a, np.outer(x, x))
    np.testing.assert_allclose(dv.jacrev(dv.grad(f))(x, A), A + A.T)


@pytest.mark.parametrize("seed", range(3))
def test_linear_layer_rows_are_samples(seed):
    G = np.random.default_rng(seed).standard_normal((5, 3))
    Y, pull = dv.vjp(lambda X, V: X @ V, X, V)
    by_x, by_v = pull(G)
    np.testing.assert_allclose(Y, X @ V)
    np.testing.assert_allclose(by_x, G @ V.T)
    np.testing.assert_allclose(by_v, X.T @ G)


def test_linear_layer_columns_are_samples():
    samples = RNG.standard_normal((4, 6))
    upstream = RNG.standard_normal((3, 6))
    _, pull = dv.vjp(lambda W, S: W @ S, W, samples)
    by_w, by_s = pull(upstream)
    np.testing.assert_allclose(by_s, W.T @ upstream)
    np.testing.assert_allclose(by_w, upstream @ samples.T)


def test_linear_layer_jacobian_is_delta_times_weights():
    J = dense(lambda X: X @ V, X)
    assert J.shape == (5, 3, 5, 4)
    np.testing.assert_allclose(J, np.einsum("ik,lj->ijkl", np.eye(5), V))


def test_the_jacobian_of_256_gib_is_never_formed():
    W = np.ones((4096, 4096), np.float32)
    J = dv.jacobian(lambda X: X @ W)(np.ones((64, 4096), np.float32))
    assert J.shape == (64, 4096, 64, 4096)
    assert J.dense_nbytes == 274877906944
    with pytest.raises(dv.DerivantError, match="256 GiB"):
        J.materialize()
    assert J[3, 7, 3, 9] == W[9, 7]
    assert (np.ones((64, 4096), np.float32) @ J).shape == (64, 4096)


def test_relu_with_four_numbers():
    z, pull = dv.vjp(dv.relu, np.array([1.0, -2.0, 3.0, -1.0]))
    np.testing.assert_array_equal(z, [1, 0, 3, 0])
    np.testing.assert_array_equal(pull(np.array([4.0, -1.0, 5.0, 9.0]))[0], [4, 0, 5, 0])
    J = dense(dv.relu, np.array([1.0, -2.0, 3.0, -1.0]))
    np.testing.assert_array_equal(J, np.diag([1, 0, 1, 0]))


def test_squared_norm_of_matrix_times_vector():
    f = lambda W, x: dv.sum((W @ x) ** 2)  # noqa: E731 - a formula
    by_w, by_x = dv.grad(f, argnums=(0, 1))(W, x)
    np.testing.assert_allclose(by_w, 2 * np.outer(W @ x, x))
    np.testing.assert_allclose(by_x, 2 * W.T @ (W @ x))


def test_cs231n_numbers_of_the_squared_norm():
    W, x = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])
    value, (by_w, by_x) = dv.value_and_grad(lambda W, x: dv.sum((W @ x) ** 2), (0, 1))(W, x)
    assert value == pytest.approx(0.116)
    np.testing.assert_allclose(by_w, [[0.088, 0.176], [0.104, 0.208]])
    np.testing.assert_allclose(by_x, [-0.112, 0.636])


def test_two_layer_network():
    W1, W2 = RNG.standard_normal((4, 6)), RNG.standard_normal((6, 3))

    def loss(W1, W2):
        return dv.sum((dv.relu(X @ W1) @ W2) ** 2)

    value, (g1, g2) = dv.value_and_grad(loss, (0, 1))(W1, W2)
    z = X @ W1
    h = np.maximum(z, 0)
    y = h @ W2
    assert value == pytest.approx(np.sum(y**2))
    np.testing.assert_allclose(g1, 2 * X.T @ ((y @ W2.T) * (z > 0)))
    np.testing.assert_allclose(g2, 2 * h.T @ y)


def test_least_squares_gradient_vanishes_at_the_normal_equations():
    y = RNG.standard_normal(5)
    cost = lambda t: dv.sum((X @ t - y) ** 2) / (2 * len(y))  # noqa: E731 - a formula
    theta = np.linalg.solve(X.T @ X, X.T @ y)
    np.testing.assert_allclose(dv.grad(cost)(theta), 0, atol=1e-14)
    t = RNG.standard_normal(4)
    np.testing.assert_allclose(dv.grad(cost)(t), X.T @ (X @ t - y) / 5)
    np.testing.assert_allclose(dv.hessian(cost)(t).materialize(), X.T @ X / 5)


def test_the_readme_of_micrograd():
    def g(a, b):
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + dv.relu(b + a)
        d += 3 * d + dv.relu(b - a)
        f = (c - d) ** 2
        return f / 2.0 + 10.0 / f

    value, (by_a, by_b) = dv.value_and_grad(g, (0, 1))(-4.0, 2.0)
    assert f"{value:.4f} {by_a:.4f} {by_b:.4f}" == "24.7041 138.8338 645.5773"
