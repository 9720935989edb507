"""Diagonals of matrices: read, summed, and matrices made of them."""

from __future__ import annotations

import operator

from derivant.base.errors import ArgumentError, AxisError, ShapeError
from derivant.base.types import Array, DTypeLike, Operand
from derivant.ops.arguments import one_axis
from derivant.ops.contraction import to_end
from derivant.ops.creation import cast
from derivant.ops.rows import applied, call, planned, read
from derivant.primitives import TABLE, Primitive
from derivant.primitives.explain import refusal
from derivant.primitives.primitive import Settings

TRACE, DIAGONAL = TABLE["trace"], TABLE["diagonal"]
__all__ = [
    "diag",
    "diag_embed",
    "diagonal",
    "trace",
]


def diagonal(x: Operand, /, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Array:
    """The diagonal of each matrix as a vector: y_i = X[i, i + offset].

    (..., n, m) -> (..., k); the matrices are the last two axes unless `axis1` and `axis2` say
    otherwise. Raises ShapeError for fewer than two axes.

    >>> from derivant.ops.diagonals import diagonal
    >>> diagonal([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.])
    """
    a = _matrices("diagonal", read(x), axis1, axis2)
    return applied(DIAGONAL, a, _placed(DIAGONAL, offset))


def trace(
    x: Operand,
    /,
    offset: int = 0,
    axis1: int = -2,
    axis2: int = -1,
    dtype: DTypeLike | None = None,
) -> Array:
    """The sum of the diagonal of each matrix: sum_i X[i, i + offset].

    (..., n, m) -> (...); the matrices are the last two axes unless `axis1` and `axis2` say
    otherwise; `dtype` is cast to first. Raises ShapeError for fewer than two axes.

    >>> from derivant.ops.diagonals import trace
    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    a = _matrices("trace", read(cast(x, dtype)), axis1, axis2)
    return applied(TRACE, a, _placed(TRACE, offset))


def diag_embed(x: Operand, /, offset: int = 0) -> Array:
    """Square matrices with each vector on a diagonal, zero elsewhere: Y[i, i + offset] = x_i.

    (..., n) -> (..., n + |offset|, n + |offset|). Raises ShapeError for a number.

    >>> from derivant.ops.diagonals import diag_embed
    >>> diag_embed([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]])
    """
    return call("diag_embed", read(x), offset=_whole("diag_embed", "offset", offset))


def diag(v: Operand, /, k: int = 0) -> Array:
    """A vector to the matrix with it on the k-th diagonal, a matrix to its k-th diagonal.

    (n) -> (n + |k|, n + |k|), (n, m) -> (its entries). Raises ShapeError for other numbers of axes.

    >>> from derivant.ops.diagonals import diag
    >>> diag([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.])
    """
    a = read(v)
    if len(a.shape) not in (1, 2):
        error = ShapeError(f"{{0}} has {len(a.shape)} axes; a vector or a matrix is needed")
        raise refusal("diag", (a,), [], error)
    name = "diag_embed" if len(a.shape) == 1 else "diagonal"
    return call(name, a, offset=_whole("diag", "k", k))


def _matrices(name: str, a: Array, axis1: int, axis2: int) -> Array:
    """The array with these two axes last."""
    if len(a.shape) < 2:
        error = ShapeError(f"a diagonal needs two axes; {{0}} has {len(a.shape)}")
        raise refusal(name, (a,), [], error)
    if axis1 == -2 and axis2 == -1:
        return a
    first, second = one_axis(name, a, axis1), one_axis(name, a, axis2)
    if first == second:
        same = AxisError("these two are the same axis")
        raise refusal(name, (a,), [f"axis1={axis1}", f"axis2={axis2}"], same)
    return to_end(a, (first, second))


def _placed(row: Primitive, offset: int) -> Settings:
    place = offset if offset.__class__ is int else _whole(row.name, "offset", offset)
    return planned(row, ("offset",), place)


def _whole(name: str, what: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentError(f"{name}: {what} is an integer, not {value!r}") from None
