"""The Jacobian as an object agrees with the dense array in every question it answers."""

import numpy as np
import pytest

import derivant as dv

RNG = np.random.default_rng(3)
W = RNG.standard_normal((4, 3))


def f(x):
    return dv.tanh(x @ W) * dv.sum(x)


X = RNG.standard_normal((2, 4))


@pytest.fixture
def J():
    return dv.jacobian(f)(X)


@pytest.fixture
def dense():
    return dv.jacfwd(f)(X)


def test_products(J, dense):
    t, g = RNG.standard_normal((2, 4)), RNG.standard_normal((2, 3))
    np.testing.assert_allclose(J @ t, np.tensordot(dense, t, 2), rtol=1e-12)
    np.testing.assert_allclose(J.T @ g, np.tensordot(g, dense, 2), rtol=1e-12)
    np.testing.assert_allclose(g @ J, np.tensordot(g, dense, 2), rtol=1e-12)
    np.testing.assert_allclose(J.T.T @ t, J @ t)


def test_entries(J, dense):
    assert J[1, 2, 0, 3] == pytest.approx(dense[1, 2, 0, 3])
    np.testing.assert_allclose(J[1, 2], dense[1, 2])
    np.testing.assert_allclose(J[:, :, 0, 3], dense[:, :, 0, 3])
    np.testing.assert_allclose(J[1], dense[1])
    np.testing.assert_allclose(J[0, 1, :, 2], dense[0, 1, :, 2])
    for wrong in [(2, 0), (0, 3), (0, 0, -3, 0), (0, 0, 0, 0, 0)]:
        with pytest.raises(IndexError):
            J[wrong]


def test_sizes_and_dense(J, dense):
    assert J.shape == (2, 3, 2, 4)
    assert J.dense_nbytes == dense.nbytes
    assert J.nbytes == 8 + W.nbytes + 2 * 48  # sum(x), W, sech2 and tanh of x W
    np.testing.assert_allclose(J.materialize(), dense, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(J), dense, rtol=1e-12)
    np.testing.assert_allclose(J.T.materialize(), dense.transpose(2, 3, 0, 1), rtol=1e-12)
    with pytest.raises(dv.DerivantError, match="384 bytes"):
        J.materialize(limit=100)


def test_chain_rule(J, dense):
    g = lambda y: dv.exp(y)[0]  # noqa: E731 - a formula
    outer = dv.jacobian(g)(f(X))
    chained = outer @ J
    assert chained.shape == (3, 2, 4)
    exact = dv.jacfwd(lambda x: g(f(x)))(X)
    np.testing.assert_allclose(chained.materialize(), exact, rtol=1e-12)
    t = RNG.standard_normal((2, 4))
    np.testing.assert_allclose(chained @ t, np.tensordot(exact, t, 2), rtol=1e-12)
    with pytest.raises(dv.DerivantError, match="takes tangents"):
        J @ outer


def test_square_maps():
    a = RNG.standard_normal((3, 3)) + 3 * np.eye(3)
    J = dv.jacobian(lambda x: a @ x + dv.sin(x))(np.ones(3))
    dense = a + np.diag(np.cos(np.ones(3)))
    b = RNG.standard_normal(3)
    np.testing.assert_allclose(J.solve(b), np.linalg.solve(dense, b), rtol=1e-12)
    assert J.logdet() == pytest.approx(np.linalg.slogdet(dense)[1])
    np.testing.assert_allclose(J.diagonal(), np.diag(dense), rtol=1e-12)
    operator = J.to_scipy()
    np.testing.assert_allclose(operator @ b, dense @ b, rtol=1e-12)
    np.testing.assert_allclose(operator.T @ b, dense.T @ b, rtol=1e-12)
    np.testing.assert_allclose(J.to_sparse().toarray(), dense, rtol=1e-12)


def test_what_does_not_fit(J):
    for call in (lambda: J @ np.ones(3), lambda: np.ones(3) @ J, J.diagonal, J.logdet):
        with pytest.raises(ValueError, match=r"\(2, 3\)"):
            call()


def test_trees_of_jacobians():
    out = dv.jacobian(lambda p: {"a": p["w"] * p["b"], "s": dv.sum(p["w"])})(
        {"w": np.ones(3), "b": 2.0}
    )
    np.testing.assert_allclose(out["a"]["w"].materialize(), 2 * np.eye(3))
    np.testing.assert_allclose(out["a"]["b"].materialize(), np.ones(3))
    np.testing.assert_allclose(out["s"]["w"].materialize(), np.ones(3))
    both = dv.jacrev(lambda x, y: x * y, argnums=(0, 1))(np.ones(2), np.full(2, 3.0))
    np.testing.assert_allclose(both[0], 3 * np.eye(2))
    np.testing.assert_allclose(both[1], np.eye(2))


def test_scalars_in_and_out():
    J = dv.jacobian(lambda x: x**3)(2.0)
    assert J.shape == ()
    assert J.materialize() == 12
    assert J @ 2.0 == 24
    assert dv.jacfwd(lambda x: dv.stack([x, x * x]))(3.0).tolist() == [1, 6]


def test_empty_arrays():
    assert dv.jacrev(lambda x: x * 2)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert dv.jacfwd(lambda x: dv.sum(x, axis=0))(np.zeros((0, 2))).shape == (2, 0, 2)


def test_hessian_products():
    g = lambda x: dv.sum(dv.sin(x) * x**2)  # noqa: E731 - a formula
    x, v = RNG.standard_normal(4), RNG.standard_normal(4)
    H = dv.hessian(g)(x)
    exact = np.diag(-np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x))
    np.testing.assert_allclose(H.materialize(), exact, atol=1e-12)
    np.testing.assert_allclose(H @ v, exact @ v, rtol=1e-11)
    np.testing.assert_allclose(dv.hvp(g, x, v), exact @ v, rtol=1e-11)
