"""Determinants, systems and factors against NumPy and PyTorch's values, and their hard points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derivant import linalg as la
from derivant.base.errors import ArgumentError, LinAlgError, ShapeError
from derivant.calculus.transforms import grad, jvp, vjp
from derivant.carriers.leaves import tensor
from derivant.carriers.tensor import Tensor
from derivant.primitives import lapack

RNG = np.random.default_rng(0)
STACKS = [(3, 3), (1, 1), (0, 0), (2, 3, 3), (2, 1, 2, 2), (0, 3, 3)]
SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


def random(shape: tuple[int, ...]) -> Any:
    """Well conditioned where it is square."""
    return RNG.standard_normal(shape) + 3 * np.eye(*shape[-2:])


def spd(shape: tuple[int, ...]) -> Any:
    a = random(shape)
    return a @ a.swapaxes(-1, -2) + np.eye(shape[-1])


def hessian(f: Any, x: Any) -> Any:
    """Forward over reverse, one column each entry."""
    columns = []
    for place in np.ndindex(x.shape):
        v = np.zeros_like(x)
        v[place] = 1
        columns.append(jvp(grad(f), (x,), (v,))[1].ravel())
    return np.array(columns)


@pytest.mark.parametrize("shape", STACKS)
def test_values_are_numpys(shape: tuple[int, ...]) -> None:
    a, b = random(shape), RNG.standard_normal(shape)
    np.testing.assert_allclose(la.det(a), np.linalg.det(a), rtol=1e-13)
    np.testing.assert_allclose(la.logdet(a), np.linalg.slogdet(a)[1], rtol=1e-13)
    for ours, theirs in zip(la.slogdet(a), np.linalg.slogdet(a), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(la.inv(a), np.linalg.inv(a))
    np.testing.assert_array_equal(la.solve(a, b), np.linalg.solve(a, b))
    np.testing.assert_allclose(la.cholesky(spd(shape)).shape, shape)
    if 0 not in shape:
        np.testing.assert_array_equal(la.matrix_rank(a), np.linalg.matrix_rank(a))


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 7])
@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2), (0, 0)])
def test_matrix_power(shape: tuple[int, ...], n: int) -> None:
    a = random(shape)
    np.testing.assert_allclose(la.matrix_power(a, n), np.linalg.matrix_power(a, n), rtol=1e-10)
    g = grad(lambda x: la.matrix_power(x, n).sum())(a)
    assert g.shape == shape


def test_matrix_power_is_differentiated() -> None:
    a, v = random((3, 3)), RNG.standard_normal((3, 3))
    product = jvp(lambda x: la.matrix_power(x, 3), (a,), (v,))[1]
    np.testing.assert_allclose(product, v @ a @ a + a @ v @ a + a @ a @ v, rtol=1e-12)
    inverse = jvp(lambda x: la.matrix_power(x, -2), (a,), (v,))[1]
    i = np.linalg.inv(a)
    np.testing.assert_allclose(inverse, -i @ v @ i @ i - i @ i @ v @ i, rtol=1e-10)
    assert isinstance(la.matrix_power(tensor(a), 0), Tensor)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 3), (3,)), ((2, 3, 3), (3,)), ((3, 3), (2, 3, 1)), ((2, 1, 3, 3), (4, 3, 2))],
)
def test_solve_reads_a_vector_only_of_one_axis(a: Any, b: Any) -> None:
    x, y = random(a), RNG.standard_normal(b)
    np.testing.assert_allclose(la.solve(x, y), np.linalg.solve(x, y), rtol=1e-12)
    gx, gy = grad(lambda p, q: la.solve(p, q).sum(), argnums=(0, 1))(x, y)
    assert gx.shape == a and gy.shape == b


def test_solve_triangular_reads_one_triangle() -> None:
    a, b = random((2, 3, 3)), RNG.standard_normal((3, 2))
    for lower, part in [(True, np.tril), (False, np.triu)]:
        wanted = np.linalg.solve(part(a), b)
        np.testing.assert_allclose(la.solve_triangular(a, b, lower=lower), wanted, rtol=1e-12)
        g = grad(lambda x, low=lower: la.solve_triangular(x, b, lower=low).sum())(a)
        np.testing.assert_array_equal(g, part(g))
    unit = la.solve_triangular(a, b, lower=True, unit_diagonal=True)
    np.testing.assert_allclose(unit, np.linalg.solve(np.tril(a, -1) + np.eye(3), b), rtol=1e-12)
    with pytest.raises(LinAlgError, match=r"matrix \[1\] of the batch"):
        la.solve_triangular(np.stack([np.eye(2), SINGULAR - np.eye(2)]), np.ones(2), lower=True)


# the determinant and its gradient, the cofactors


def test_det_at_a_singular_matrix() -> None:
    np.testing.assert_allclose(grad(la.det)(SINGULAR), [[4, -2], [-2, 1]], atol=1e-14)
    wanted = [[0, 0, 0, 1], [0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0]]
    np.testing.assert_allclose(hessian(la.det, SINGULAR), wanted, atol=1e-14)


def minors(a: Any) -> Any:
    n = a.shape[-1]
    return np.array(
        [
            [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)]
            for i in range(n)
        ]
    )


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_cofactors_at_every_rank(rank: int) -> None:
    a = RNG.standard_normal((4, rank)) @ RNG.standard_normal((rank, 4))
    np.testing.assert_allclose(la.cofactor(a), minors(a), atol=1e-12)
    eps = np.finfo(float).eps
    scale = np.linalg.norm(a) * (np.linalg.norm(la.adjugate(a)) + eps * np.linalg.norm(a) ** 3)
    residual = a @ la.adjugate(a) - np.linalg.det(a) * np.eye(4)
    assert np.linalg.norm(residual) <= 1e-14 * scale  # backward stable: relative to the factors
    v, h = RNG.standard_normal((4, 4)), 1e-3
    moved = jvp(la.cofactor, (a,), (v,))[1]
    steps = [minors(a + s * v) for s in (h, -h, 2 * h, -2 * h)]
    wanted = (8 * (steps[0] - steps[1]) - (steps[2] - steps[3])) / (12 * h)
    np.testing.assert_allclose(moved, wanted, atol=1e-9)


def test_third_derivative_of_det_at_zero() -> None:
    """det is a cubic form of a 3 by 3 matrix: its third derivative at 0 along v is 6 det v."""
    v = RNG.standard_normal((3, 3))
    f: Any = la.det
    for _ in range(3):
        f = (lambda g: lambda x: jvp(g, (x,), (v,))[1])(f)
    np.testing.assert_allclose(f(np.zeros((3, 3))), 6 * np.linalg.det(v), rtol=1e-12)


def test_det_of_small_ones() -> None:
    assert la.det(np.zeros((0, 0))) == 1
    assert grad(la.det)(np.zeros((0, 0))).shape == (0, 0)
    np.testing.assert_array_equal(grad(la.det)(np.array([[7.0]])), [[1.0]])


def test_slogdet() -> None:
    a = random((2, 3, 3))
    g = grad(lambda x: la.slogdet(x).logabsdet.sum())(a)
    np.testing.assert_allclose(g, np.linalg.inv(a).swapaxes(-1, -2), rtol=1e-12)
    for f in (la.logdet, lambda x: la.slogdet(x)[1]):
        assert np.isnan(grad(f)(SINGULAR)).all()
    sign, pull = vjp(lambda x: la.slogdet(x)[0], SINGULAR + np.eye(2))
    assert sign == np.sign(np.linalg.det(SINGULAR + np.eye(2)))
    np.testing.assert_array_equal(pull(1.0)[0], np.zeros((2, 2)))
    both = grad(lambda x: la.logdet(x).sum())(np.stack([SINGULAR, np.eye(2)]))
    assert np.isnan(both[0]).all()
    np.testing.assert_array_equal(both[1], np.eye(2))


def test_cholesky_gradient_is_symmetric() -> None:
    a, w = spd((3, 3)), RNG.standard_normal((3, 3))
    g = grad(lambda x: (la.cholesky(x) * w).sum())(a)
    np.testing.assert_array_equal(g, g.T)
    v, h = RNG.standard_normal((3, 3)), 1e-5
    moved = a + h * v, a - h * v
    plus, minus = (np.linalg.cholesky((m + m.T) / 2) for m in moved)
    np.testing.assert_allclose((g * v).sum(), ((plus - minus) * w).sum() / (2 * h), rtol=1e-7)
    upper = la.cholesky(a, upper=True)
    np.testing.assert_allclose(upper.T @ upper, a, rtol=1e-12)


# errors


def test_singular_matrices_are_named() -> None:
    batch = np.stack([np.eye(2), SINGULAR])
    for f in (la.inv, lambda A: la.solve(A, np.ones(2)), lambda A: la.matrix_power(A, -1)):
        with pytest.raises(LinAlgError, match=r"matrix \[1\] of the batch of shape \(2,\) is sing"):
            f(batch)
        with pytest.raises(np.linalg.LinAlgError, match="the matrix is singular"):
            f(SINGULAR)
    with pytest.raises(LinAlgError, match=r"matrix \[0, 1\] .* is not positive definite"):
        la.cholesky(np.stack([np.eye(2), -np.eye(2)])[None])
    with pytest.raises(LinAlgError, match="the matrix is singular"):
        la.inv(np.array([[1e-320]]))


def test_nan_passes_through() -> None:
    a = np.array([[np.nan, 1.0], [1.0, 2.0]])
    for f in (la.inv, la.det, la.eigvalsh, la.svdvals, la.expm, la.cofactor):
        with np.errstate(invalid="ignore"):  # NumPy's det warns
            assert np.isnan(f(a)).any()


@pytest.mark.parametrize(
    "f",
    [la.det, la.slogdet, la.logdet, la.inv, la.cofactor, la.cholesky, la.eigh, la.eigvalsh, la.expm]
    + [la.sqrtm, la.logm, lambda A: la.matrix_power(A, 2), lambda A: la.matrix_power(A, 0)]
    + [lambda A: la.solve(A, np.ones(3))],
)
def test_matrices_must_be_square(f: Any) -> None:
    A = np.ones((3, 4))
    with pytest.raises(ShapeError, match=r"A \(3, 4\).*: the last two axes must be equal"):
        f(A)
    with pytest.raises(ShapeError, match="two axes"):
        f(np.ones(3))


def test_other_bad_input() -> None:
    with pytest.raises(ShapeError, match="right side has 4 entries"):
        la.solve(np.eye(3), np.ones(4))
    with pytest.raises(ShapeError, match="only a right side with one axis is a vector"):
        la.solve(np.stack([np.eye(3)] * 2), np.ones((2, 3)))
    with pytest.raises(ShapeError, match="must have size 3, it is 2"):
        la.cross([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match="the power is an integer"):
        la.matrix_power(np.eye(2), 0.5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="two arrays or more"):
        la.multi_dot([np.eye(2)])
    with pytest.raises(ShapeError, match="array 1 has shape"):
        la.multi_dot([np.eye(2), np.ones(2), np.eye(2)])


# products


@pytest.mark.parametrize(
    ("x", "y", "axis"), [((3,), (3,), -1), ((4, 3), (3,), -1), ((3, 4), (3, 1), 0)]
)
def test_cross(x: Any, y: Any, axis: int) -> None:
    a, b = RNG.standard_normal(x), RNG.standard_normal(y)
    np.testing.assert_allclose(la.cross(a, b, axis=axis), np.cross(a, b, axis=axis))


@pytest.mark.parametrize(
    "shapes",
    [[(2, 3), (3, 4)], [(10, 2), (2, 30), (30, 3), (3, 1)], [(3,), (3, 4), (4,)], [(3,), (3,)]],
)
def test_multi_dot(shapes: Any) -> None:
    arrays = [RNG.standard_normal(s) for s in shapes]
    wanted = arrays[0]
    for a in arrays[1:]:
        wanted = wanted @ a
    np.testing.assert_allclose(la.multi_dot(arrays), wanted, rtol=1e-10)


@pytest.mark.parametrize("f", [la.det, la.inv, la.cholesky, la.eigvalsh, la.expm, la.svdvals])
def test_float32_stays(f: Any) -> None:
    a = spd((3, 3)).astype(np.float32)
    assert f(a).dtype == np.float32
    assert grad(lambda x: f(x).sum())(a).dtype == np.float32
    assert f(a.astype(np.int64)).dtype == np.float64


def test_numpys_own_lapack_is_called_with_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    a = rng.standard_normal((2, 4, 4)) + 4 * np.eye(4)
    spd, b, v = a @ a.swapaxes(-1, -2), rng.standard_normal((4, 3)), rng.standard_normal(4)

    def answers() -> list[Any]:
        one = [la.inv(a[0]), la.solve(a[0], b), la.solve(a[0], v), la.cholesky(spd[0])]
        return [*one, la.inv(a), la.solve(a, b), la.cholesky(spd), la.inv(a.astype(np.float32))]

    quick = answers()
    monkeypatch.setattr(lapack, "NATIVE", {})
    for x, y in zip(quick, answers(), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("state", ["ignore", "warn", "raise"])
def test_what_lapack_refuses_raises_in_every_error_state(state: Any) -> None:
    singular, plain = np.ones((3, 3)), np.ones(3)
    with np.errstate(all=state):
        for call in (
            lambda: la.inv(singular),
            lambda: la.solve(singular, plain),
            lambda: la.solve(np.stack([np.eye(3), singular]), np.full((2, 3, 1), np.nan)),
            lambda: la.cholesky(-np.eye(3)),
            lambda: la.cholesky(np.stack([np.eye(3), -np.eye(3)])),
        ):
            with pytest.raises(LinAlgError):
                call()
    np.testing.assert_array_equal(la.cholesky(np.full((1, 1), np.inf)), np.inf)
