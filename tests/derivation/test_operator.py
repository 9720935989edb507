"""A derivative in closed form as an operator, and the chain rule of formulas."""

import numpy as np
import pytest

import derivant as dv

RNG = np.random.default_rng(2)


def test_an_operator_keeps_the_structure_of_the_formula():
    r = dv.derive("norm2(T - U*V')^2", wrt="U", shapes="T: m n, U: m k, V: n k", order=2)
    T, U, V = (RNG.standard_normal(s) for s in ((6, 7), (6, 2), (7, 2)))
    H = r.operator(T=T, U=U, V=V)
    assert H.structure == "2 delta[i,k] V[m,j] V[m,l]"
    G = RNG.standard_normal(U.shape)
    np.testing.assert_allclose(H.solve(G), G @ np.linalg.inv(2 * V.T @ V), rtol=1e-10)
    np.testing.assert_allclose(H.materialize(), r(T=T, U=U, V=V, sizes={"m": 6}), rtol=1e-12)


def test_operators_of_derivatives_compose():
    A, B, x = RNG.standard_normal((3, 2)), RNG.standard_normal((4, 3)), RNG.standard_normal(2)
    ry = dv.derive("sin(A*x)", wrt="x", shapes="A: m n, x: n")
    rz = dv.derive("B*y", wrt="y", shapes="B: p m, y: m")
    J = rz.operator(B=B) @ ry.operator(A=A, x=x)
    exact = B @ (np.cos(A @ x)[:, None] * A)
    np.testing.assert_allclose(J.materialize(), exact, rtol=1e-12)
    chain = rz @ ry
    assert chain.shape == (rz.shape[0], ry.shape[1])
    np.testing.assert_allclose(chain(A=A, B=B, x=x), exact, rtol=1e-12)
    assert chain.check.max_relative_error < 1e-6
    assert (
        dv.derive("B*y", wrt="y", shapes="B: p m, y: m")
        @ dv.derive("A*x", wrt="x", shapes="A: m n, x: n")
    ).text == "B A"


def test_sizes_of_a_variable_that_is_gone():
    r = dv.derive("X*W", wrt="X", shapes="X: N D, W: D M")
    W = RNG.standard_normal((4, 3))
    assert r.operator(X=np.ones((2, 4)), W=W).shape == (2, 3, 2, 4)
    with pytest.raises(dv.ArgumentError, match="size N"):
        r.operator(W=W)
    with pytest.raises(dv.ArgumentError, match="array for W"):
        r.operator(X=np.ones((2, 4)))
    with pytest.raises(dv.ShapeError, match="X has the shape"):
        r.operator(X=np.ones((2, 5)), W=W)
    with pytest.raises(dv.ShapeError, match="chain rule"):
        r @ r
