"""PyTorch's products and linear algebra in derivant's words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tests.conformance.words import NoCounterpartError, Table, rank_of, shape_of

import derivant as dv
from derivant.base.types import Array, Axes, Operand


def bmm(x: Operand, y: Operand) -> Array:
    return dv.matmul(x, y)


def dot(x: Operand, y: Operand) -> Array:
    """PyTorch's dot is of vectors alone."""
    if rank_of(x) != 1 or rank_of(y) != 1:
        raise NoCounterpartError("dot of other than vectors, which NumPy's dot takes")
    return dv.dot(x, y)


def einsum(arrays: Sequence[Operand], pattern: str) -> Array:
    return dv.einsum(pattern, *arrays)


def tensordot(x: Operand, y: Operand, dims: int | Sequence[Sequence[int]]) -> Array:
    return dv.tensordot(x, y, axes=dims if isinstance(dims, int) else tuple(dims))  # type: ignore[arg-type]


def vecdot(x: Operand, y: Operand, dim: int = -1) -> Array:
    return dv.vecdot(x, y, axis=dim)


def cross(x: Operand, y: Operand, dim: int | None = None) -> Array:
    """Without an axis the first of size 3 is meant."""
    shape = shape_of(x)
    return dv.linalg.cross(x, y, axis=shape.index(3) if dim is None else dim)


def linalg_cross(x: Operand, y: Operand, dim: int = -1) -> Array:
    return dv.linalg.cross(x, y, axis=dim)


def symmetric(x: Operand) -> Array:
    """The check wraps these operators in op(x + x'), so that steps keep the symmetry."""
    return x + dv.matrix_transpose(x)


def cholesky(x: Operand, upper: bool = False) -> Array:
    return dv.linalg.cholesky(symmetric(x), upper=upper)


def cholesky_ex(x: Operand, upper: bool = False, check_errors: bool = False) -> Array:
    return cholesky(x, upper)


def eigh(x: Operand, UPLO: str = "L") -> tuple[Array, Array]:
    values, vectors = dv.linalg.eigh(symmetric(x))
    return values, dv.abs(vectors)  # the sample asks for |V|: signs are free


def eigvalsh(x: Operand, UPLO: str = "L") -> Array:
    return dv.linalg.eigvalsh(symmetric(x))


def solve(a: Operand, b: Operand, left: bool = True) -> Array:
    """A right side with as many axes as the batch of A, and its shape, is a batch of vectors."""
    if not left:
        turned = dv.linalg.solve(dv.matrix_transpose(a), dv.matrix_transpose(b))
        return dv.matrix_transpose(turned)
    if rank_of(b) > 1 and shape_of(b) == shape_of(a)[:-1]:
        return dv.squeeze(dv.linalg.solve(a, dv.expand_dims(b, -1)), -1)
    return dv.linalg.solve(a, b)


def solve_triangular(
    a: Operand, b: Operand, upper: bool, left: bool = True, unitriangular: bool = False
) -> Array:
    if left:
        return dv.linalg.solve_triangular(a, b, lower=not upper, unit_diagonal=unitriangular)
    turned = dv.linalg.solve_triangular(
        dv.matrix_transpose(a), dv.matrix_transpose(b), lower=upper, unit_diagonal=unitriangular
    )
    return dv.matrix_transpose(turned)


def triangular_solve(
    b: Operand,
    a: Operand,
    upper: bool = False,
    transpose: bool = False,
    unitriangular: bool = False,
) -> tuple[Array, Array]:
    """PyTorch's check takes one triangle of A first."""
    half = dv.triu(a) if upper else dv.tril(a)
    matrix = dv.matrix_transpose(half) if transpose else half
    lower = upper if transpose else not upper
    found = dv.linalg.solve_triangular(matrix, b, lower=lower, unit_diagonal=unitriangular)
    return found, half  # PyTorch gives a copy of the matrix back


def cholesky_solve(b: Operand, factor: Operand, upper: bool = False) -> Array:
    lower = dv.matrix_transpose(factor) if upper else factor
    half = dv.linalg.solve_triangular(lower, b, lower=True)
    return dv.linalg.solve_triangular(dv.matrix_transpose(lower), half)


def slogdet(x: Operand) -> tuple[Array, Array]:
    return tuple(dv.linalg.slogdet(x))  # type: ignore[return-value]


def logdet(x: Operand) -> Array:
    """PyTorch's logdet is of det, ours of |det|: equal where det is positive."""
    sign, value = dv.linalg.slogdet(x)
    if np.any(np.asarray(dv.stop_gradient(sign).numpy() if hasattr(sign, "numpy") else sign) <= 0):
        raise NoCounterpartError("the logarithm of a negative determinant; ours is of its size")
    return value


def multi_dot(arrays: Sequence[Operand]) -> Array:
    return dv.linalg.multi_dot(arrays)


def vector_norm(x: Operand, ord: float = 2, dim: Axes = None, keepdim: bool = False) -> Array:
    axes = None if not rank_of(x) or dim == [] else dim
    return dv.linalg.vector_norm(x, ord=ord, axis=axes, keepdims=keepdim)


def matrix_norm(
    x: Operand, ord: float | str = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False
) -> Array:
    return dv.linalg.norm(x, ord=ord, axis=tuple(dim), keepdims=keepdim)


def linalg_norm(
    x: Operand, ord: float | str | None = None, dim: Axes = None, keepdim: bool = False
) -> Array:
    if not rank_of(x):
        return vector_norm(x, 2 if ord is None else ord)  # type: ignore[arg-type]
    axis = tuple(dim) if isinstance(dim, list) else dim
    return dv.linalg.norm(x, ord=ord, axis=axis, keepdims=keepdim)


def norm(x: Operand, p: float | str = "fro", dim: Axes = None, keepdim: bool = False) -> Array:
    """torch.norm: of all entries as one vector, "fro" among them; "nuc" alone is of matrices."""
    if p == "nuc":
        return matrix_norm(x, "nuc", (-2, -1) if dim is None else tuple(dim), keepdim)  # type: ignore[arg-type]
    return vector_norm(x, 2 if p == "fro" else p, dim, keepdim)  # type: ignore[arg-type]


def cond(x: Operand, p: float | str | None = None) -> Array:
    return dv.linalg.cond(x, p)


def trace(x: Operand) -> Array:
    if rank_of(x) != 2:
        raise NoCounterpartError("trace of a stack, which ours takes matrix by matrix")
    return dv.trace(x)


RENAMED: Table = {
    "matmul": dv.matmul,
    "mm": dv.matmul,
    "bmm": bmm,
    "mv": dv.matmul,
    "dot": dot,
    "vdot": dv.vdot,
    "inner": dv.inner,
    "outer": dv.outer,
    "kron": dv.kron,
    "einsum": einsum,
    "tensordot": tensordot,
    "linalg.vecdot": vecdot,
    "cross": cross,
    "linalg.cross": linalg_cross,
    "trace": trace,
    "linalg.det": dv.linalg.det,
    "linalg.slogdet": slogdet,
    "logdet": logdet,
    "linalg.inv": dv.linalg.inv,
    "linalg.inv_ex": dv.linalg.inv,
    "linalg.solve": solve,
    "linalg.solve_ex": solve,
    "linalg.solve_triangular": solve_triangular,
    "cholesky": cholesky,
    "linalg.cholesky": cholesky,
    "linalg.cholesky_ex": cholesky_ex,
    "linalg.eigh": eigh,
    "linalg.eigvalsh": eigvalsh,
    "linalg.svdvals": dv.linalg.svdvals,
    "linalg.matrix_power": dv.linalg.matrix_power,
    "linalg.multi_dot": multi_dot,
    "matrix_exp": dv.linalg.expm,
    "linalg.vector_norm": vector_norm,
    "linalg.matrix_norm": matrix_norm,
    "linalg.norm": linalg_norm,
    "linalg.norm/subgradients_at_zero": linalg_norm,
    "norm": norm,
    "norm/nuc": norm,
    "norm/fro": norm,
    "norm/inf": norm,
    "linalg.cond": cond,
}


def addmm(x: Operand, a: Operand, b: Operand, beta: float = 1, alpha: float = 1) -> Array:
    return beta * dv.asarray(x) + alpha * dv.matmul(a, b)


def addbmm(x: Operand, a: Operand, b: Operand, beta: float = 1, alpha: float = 1) -> Array:
    return beta * dv.asarray(x) + alpha * dv.sum(dv.matmul(a, b), axis=0)


def addr(x: Operand, a: Operand, b: Operand, beta: float = 1, alpha: float = 1) -> Array:
    return beta * dv.asarray(x) + alpha * dv.outer(a, b)


def dist(x: Operand, y: Operand, p: float = 2) -> Array:
    return dv.linalg.vector_norm(dv.subtract(x, y), ord=p)


def cholesky_inverse(factor: Operand, upper: bool = False) -> Array:
    """PyTorch's check makes the factor triangular with a unit diagonal first."""
    count = shape_of(factor)[-1]
    diagonal = dv.diag_embed(dv.diagonal(factor))
    unit = factor - diagonal + np.eye(count)
    lower = dv.matrix_transpose(dv.triu(unit)) if upper else dv.tril(unit)
    half = dv.linalg.solve_triangular(
        lower, np.broadcast_to(np.eye(count), lower.shape), lower=True
    )
    return dv.matmul(dv.matrix_transpose(half), half)


def tensorinv(x: Operand, ind: int = 2) -> Array:
    shape = shape_of(x)
    size = int(np.prod(shape[ind:]))
    return dv.reshape(dv.linalg.inv(dv.reshape(x, (-1, size))), shape[ind:] + shape[:ind])


COMPOSED: Table = {
    "triangular_solve": triangular_solve,
    "addmm": addmm,
    "addmm/decomposed": addmm,
    "addmv": addmm,
    "baddbmm": addmm,
    "addbmm": addbmm,
    "addr": addr,
    "dist": dist,
    "cholesky_solve": cholesky_solve,
    "cholesky_inverse": cholesky_inverse,
    "linalg.tensorinv": tensorinv,
}
