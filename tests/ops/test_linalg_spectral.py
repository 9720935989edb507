"""Eigenvalues, singular values and functions of matrices: against SciPy, and where values tie."""

from __future__ import annotations

import itertools
from typing import Any

import mpmath
import numpy as np
import pytest

from derivant import linalg as la
from derivant.base.errors import ArgumentError, LinAlgError
from derivant.calculus.transforms import grad, jvp
from derivant.primitives.matrix_functions import divided_differences

scipy_linalg = pytest.importorskip("scipy.linalg")
RNG = np.random.default_rng(1)
EYE = np.eye(3)
SCALAR: dict[str, Any] = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
}


def symmetric(n: int) -> Any:
    a = RNG.standard_normal((n, n))
    return a + a.T


def spd(n: int) -> Any:
    a = RNG.standard_normal((n, n))
    return a @ a.T + np.eye(n)


def rotation(n: int) -> Any:
    return np.linalg.qr(RNG.standard_normal((n, n)))[0]


def hessian(f: Any, x: Any) -> Any:
    columns = []
    for place in np.ndindex(x.shape):
        v = np.zeros_like(x)
        v[place] = 1
        columns.append(jvp(grad(f), (x,), (v,))[1].ravel())
    return np.array(columns)


def along(f: Any, x: Any, *directions: Any) -> Any:
    """The derivative in these directions, forward mode nested."""
    for v in directions:
        f = (lambda g, t: lambda y: jvp(g, (y,), (t,))[1])(f, v)
    return f(x)


# eigenvalues


def test_values_are_numpys() -> None:
    for n in (0, 1, 4):
        a = symmetric(n)
        w, v = la.eigh(a)
        np.testing.assert_allclose(w, np.linalg.eigvalsh(a), atol=1e-13)
        np.testing.assert_allclose((v * w) @ v.T, a, atol=1e-12)
        np.testing.assert_allclose(la.eigvalsh(a), w, atol=1e-13)
    b = RNG.standard_normal((2, 3, 4))
    np.testing.assert_allclose(la.svdvals(b), np.linalg.svd(b, compute_uv=False), rtol=1e-12)


def test_eigenvalue_gradients() -> None:
    a, g = symmetric(4), RNG.standard_normal(4)
    v = np.linalg.eigh(a)[1]
    for f in (la.eigvalsh, lambda x: la.eigh(x).eigenvalues):
        found = grad(lambda x, f=f: (f(x) * g).sum())(a)
        np.testing.assert_allclose(found, (v * g) @ v.T, atol=1e-12)


def test_equal_eigenvalues_share_evenly() -> None:
    top = np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(grad(lambda x: (la.eigvalsh(x) * top).sum())(EYE), EYE / 3)
    np.testing.assert_allclose(grad(lambda x: la.eigvalsh(x).sum())(EYE), EYE, atol=1e-15)
    q = rotation(3)
    a = (q * [1.0, 2.0, 2.0]) @ q.T
    part = q[:, 1:] @ q[:, 1:].T / 2
    np.testing.assert_allclose(grad(lambda x: (la.eigvalsh(x) * top).sum())(a), part, atol=1e-13)


def test_second_derivative_beside_equal_eigenvalues() -> None:
    """That of the largest exists where the others are equal: 2 v'Ev u'Eu / gap."""
    a, top = np.diag([1.0, 1.0, 3.0]), np.array([0.0, 0.0, 1.0])
    v = symmetric(3)
    found = grad(lambda x: (grad(lambda y: (la.eigvalsh(y) * top).sum())(x) * v).sum())(a)
    value = (found * v).sum()
    np.testing.assert_allclose(value, 2 * (v[2, 0] ** 2 + v[2, 1] ** 2) / 2, rtol=1e-12)


def test_what_depends_on_the_choice_of_eigenvectors_is_refused() -> None:
    top = np.array([0.0, 0.0, 1.0])
    weights = RNG.standard_normal((3, 3))
    with pytest.raises(LinAlgError, match="depends on the choice of eigenvectors"):
        grad(lambda x: (la.eigh(x).eigenvectors * weights).sum())(EYE)
    with pytest.raises(LinAlgError, match="no second derivative"):
        hessian(lambda x: (la.eigvalsh(x) * top).sum(), EYE)
    with pytest.raises(LinAlgError):
        jvp(lambda x: la.eigh(x).eigenvectors, (EYE,), (weights,))


def test_vectors_of_equal_eigenvalues_are_refused_even_where_the_choice_cancels() -> None:
    """A cotangent alone cannot tell a projector from an entry of one vector; both are refused."""
    keep = np.array([1.0, 1.0, 0.0])
    q = rotation(3)
    a = (q * [1.0, 1.0, 2.0]) @ q.T

    def projector(x: Any) -> Any:
        v = la.eigh(x).eigenvectors
        return (((v * keep) @ v.T) * a).sum()

    for f, x in [(projector, a), (lambda x: la.eigh(x).eigenvectors[0, 0], EYE)]:
        with pytest.raises(LinAlgError, match="equal"):
            grad(f)(x)
    single = grad(lambda x: (la.eigh(x).eigenvectors[:, 2] ** 2 * keep).sum())(a)
    assert np.isfinite(single).all()  # the vector of the single eigenvalue is free to move


# singular values


def test_singular_value_gradients() -> None:
    a, g = RNG.standard_normal((3, 5)), RNG.standard_normal(3)
    u, _, vt = np.linalg.svd(a, full_matrices=False)
    found = grad(lambda x: (la.svdvals(x) * g).sum())(a)
    np.testing.assert_allclose(found, (u * g) @ vt, atol=1e-12)


def test_nuclear_norm_of_a_deficient_matrix() -> None:
    x, y = RNG.standard_normal(4), RNG.standard_normal(3)
    g = grad(lambda a: la.matrix_norm(a, ord="nuc"))(np.outer(x, y))
    wanted = np.outer(x, y) / np.linalg.norm(x) / np.linalg.norm(y)
    np.testing.assert_allclose(g, wanted, atol=1e-12)
    zero = np.zeros((2, 3))
    for ord in ("nuc", 2, -2, "fro", 1, -1, np.inf, -np.inf):
        np.testing.assert_array_equal(grad(lambda a, o=ord: la.matrix_norm(a, ord=o))(zero), zero)


def test_spectral_norm_at_a_tie() -> None:
    np.testing.assert_allclose(grad(lambda a: la.matrix_norm(a, ord=2))(EYE), EYE / 3, atol=1e-15)


# functions of a symmetric matrix


@pytest.mark.parametrize(
    ("function", "exponent", "reference"),
    [
        ("exp", 0.0, scipy_linalg.expm),
        ("log", 0.0, scipy_linalg.logm),
        ("power", 0.5, scipy_linalg.sqrtm),
        ("power", -2.0, lambda a: np.linalg.matrix_power(a, -2)),
        ("power", 0.3, lambda a: scipy_linalg.fractional_matrix_power(a, 0.3)),
        ("sin", 0.0, scipy_linalg.sinm),
        ("cos", 0.0, scipy_linalg.cosm),
    ],
)
def test_matrix_functions(function: str, exponent: float, reference: Any) -> None:
    a = spd(4)
    wanted = reference(a)
    np.testing.assert_allclose(
        la.matrix_function(a, function, exponent), wanted, atol=1e-11 * abs(wanted).max()
    )
    total = la.spectral_sum(a, function, exponent)
    np.testing.assert_allclose(total, np.trace(wanted), rtol=1e-10)


@pytest.mark.parametrize("p", [0.5, -1.0, 3.0])
def test_powers_at_the_identity(p: float) -> None:
    """Every derivative of A^p at I in commuting directions is that of x^p at 1."""
    v = np.diag([1.0, 2.0, -1.0])
    f = lambda a: la.matrix_function(a, "power", p)  # noqa: E731
    for order, factor in [(1, p), (2, p * (p - 1)), (3, p * (p - 1) * (p - 2))]:
        found = along(f, EYE, *[v] * order)
        np.testing.assert_allclose(found, factor * np.linalg.matrix_power(v, order), atol=1e-12)


def test_square_and_inverse_in_directions_that_do_not_commute() -> None:
    u, v = symmetric(3), symmetric(3)
    a = 2 * EYE
    square = along(lambda x: la.matrix_function(x, "power", 2.0), a, u, v)
    np.testing.assert_allclose(square, u @ v + v @ u, atol=1e-12)
    inverse = along(lambda x: la.matrix_function(x, "power", -1.0), a, u, v)
    np.testing.assert_allclose(inverse, (u @ v + v @ u) / 8, atol=1e-12)


def test_spectral_sum_at_equal_eigenvalues() -> None:
    np.testing.assert_allclose(grad(lambda x: la.spectral_sum(x, "log"))(2 * EYE), EYE / 2)
    v = symmetric(3)
    h = hessian(lambda x: la.spectral_sum(x, "exp"), EYE)
    np.testing.assert_allclose(v.ravel() @ h @ v.ravel(), np.e * (v * v).sum(), rtol=1e-12)
    log = hessian(lambda x: la.spectral_sum(x, "log"), EYE)
    np.testing.assert_allclose(log @ v.ravel(), -v.ravel(), atol=1e-12)
    third = along(lambda x: la.spectral_sum(x, "exp"), EYE, v, v, v)
    np.testing.assert_allclose(third, np.e * np.trace(v @ v @ v), rtol=1e-12)


def test_roots_where_they_begin() -> None:
    ones = np.ones((3, 3))
    np.testing.assert_allclose(la.sqrtm(ones), ones / np.sqrt(3), atol=1e-12)
    assert np.isnan(la.sqrtm(-EYE)).all()
    assert np.isnan(la.logm(np.diag([1.0, -1.0]))).any()
    with pytest.raises(ArgumentError, match="no function 'tan'"):
        la.matrix_function(EYE, "tan")


def exact_difference(points: list[float], f: Any) -> Any:
    """f[x0, ..., xk] at 150 digits, equal points moved apart by 1e-18."""
    with mpmath.workdps(150):
        xs = [mpmath.mpf(x) * (1 + mpmath.mpf(10) ** -18 * i) for i, x in enumerate(points)]
        d = [f(x) for x in xs]
        for k in range(1, len(xs)):
            d = [(d[i + 1] - d[i]) / (xs[i + k] - xs[i]) for i in range(len(d) - 1)]
        return d[0]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(
    ("function", "exponent"),
    [("exp", 0.0), ("log", 0.0), ("cos", 0.0), ("power", 0.5), ("power", -1.5), ("power", 5.0)]
    + [("power", -20.0)],
)
def test_divided_differences(function: str, exponent: float, order: int) -> None:
    """Close, equal and far points, in every mixture, against 150 digits."""
    f = SCALAR.get(function, lambda x: x ** mpmath.mpf(exponent))
    for spread in 10.0 ** np.arange(-13, 1):
        w = 1.3 + np.array([0.0, 0.0, spread, 0.7 * spread, 1.1])
        table = divided_differences(w, order, function, exponent)
        for place in itertools.combinations_with_replacement(range(5), order + 1):
            wanted = exact_difference([float(w[i]) for i in place], f)
            assert abs(table[place] - wanted) <= 3e-13 * abs(wanted) + 1e-15


# exp of any square matrix


def test_expm() -> None:
    a = RNG.standard_normal((2, 4, 4))
    np.testing.assert_allclose(la.expm(a), scipy_linalg.expm(a), rtol=1e-12)
    u, v = RNG.standard_normal((2, 4, 4))
    moved = jvp(la.expm, (a[0],), (u,))[1]
    np.testing.assert_allclose(moved, scipy_linalg.expm_frechet(a[0], u)[1], atol=1e-11)
    g = grad(lambda x: (la.expm(x) * v).sum())(a[0])
    np.testing.assert_allclose(g, scipy_linalg.expm_frechet(a[0].T, v)[1], atol=1e-11)


def test_expm_of_nilpotent_directions() -> None:
    """At 0 the k-th derivative is the mean of the products in all orders."""
    u, v, w = RNG.standard_normal((3, 3, 3))
    found = along(la.expm, np.zeros((3, 3)), u, v, w)
    wanted = sum(a @ b @ c for a, b, c in itertools.permutations([u, v, w])) / 6
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    scaled = jvp(la.expm, (np.zeros((3, 3)),), (1e12 * u,))[1]
    np.testing.assert_allclose(scaled, 1e12 * u, rtol=1e-13)
