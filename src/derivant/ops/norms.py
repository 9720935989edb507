"""The public norms, of vectors and of matrices, and the condition number."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.types import Array, Axes, Operand, shape_of
from derivant.ops.arguments import many_axes, one_axis
from derivant.ops.linalg import inv
from derivant.ops.rows import applied, by_axes, call, over_axes, read
from derivant.ops.spectral import svdvals
from derivant.primitives import TABLE
from derivant.primitives.primitive import Settings

NORM, ORDER = TABLE["vector_norm"], ("keepdims", "ord")
MATRIX_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


def _reduce(name: str, x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    return call(name, x, axis=axis, keepdims=keepdims)


def _inexact(x: Array) -> Array:
    """Integers as floats; floats as they are."""
    return x if x.dtype.kind == "f" else call("multiply", x, 1.0)


def vector_norm(
    x: Operand, /, *, axis: Axes = None, keepdims: bool = False, ord: float = 2
) -> Array:
    """Return the norm (sum |x|^p)^(1/p) of order p over the axes (all by default).

    p may be any number: inf and -inf give the largest and the smallest |x|, 0 the number of entries
    that are not 0. The gradient is 0 at x = 0 and split evenly where extrema tie. Entries may be as
    large or small as floats are. Shapes: (..., n) -> (...). Raises AxisError for an axis that is
    not there, ArgumentError where `ord` is no number.

    >>> vector_norm([3.0, 4.0]), vector_norm([3e200, 4e200]) / 1e200
    (np.float64(5.0), np.float64(5.0))
    """
    given = read(x)
    axes = many_axes("vector_norm", given, axis)
    return _vector_norm("vector_norm", given, axes, bool(keepdims), ord)


def _vector_norm(name: str, x: Array, axes: tuple[int, ...], keep: bool, ord: Any) -> Array:
    if isinstance(ord, (str, bool)) or not isinstance(ord, (int, float)) or ord != ord:
        raise ArgumentError(f"{name}: the order of a vector norm is a number, not {ord!r}")
    if ord == 0:
        zero = call("zeros_like", _inexact(x))
        counted = call("where", call("equal", x, 0), zero, zero + 1.0)
        return _reduce("sum", counted, axes, keep)
    if math.isinf(ord) or ord == 1:
        size = call("abs", _inexact(x))
        return _reduce("sum" if ord == 1 else "max" if ord > 0 else "min", size, axes, keep)
    return over_axes(NORM, x, axes, ORDER, (bool(keep), float(ord)))


def matrix_norm(x: Operand, /, *, keepdims: bool = False, ord: float | str = "fro") -> Array:
    """Return a norm of each matrix.

    `ord` is "fro" (of all entries), "nuc" (sum of the singular values), 2 and -2 (largest and
    smallest singular value), 1 and -1 (largest and smallest column sum of |x|), inf and -inf (of
    rows). The gradient is 0 at 0; ties share it evenly. Shapes: (..., n, m) -> (...). Raises
    ArgumentError for another `ord`, ShapeError where there are not two axes.

    >>> matrix_norm([[3.0, 0.0], [0.0, 4.0]], ord="nuc")
    np.float64(7.0)
    """
    return _matrix_norm("matrix_norm", read(x), bool(keepdims), ord)


def _matrix_norm(name: str, x: Array, keep: bool, ord: Any) -> Array:
    if len(shape_of(x)) < 2:
        raise ShapeError(f"{name}: a matrix has at least two axes, this has shape {shape_of(x)}")
    if ord not in MATRIX_ORDERS or isinstance(ord, bool):
        known = ", ".join(map(repr, MATRIX_ORDERS))
        raise ArgumentError(f"{name}: the order of a matrix norm is one of {known}, not {ord!r}")
    if ord == "fro":
        return _vector_norm(name, x, (-2, -1), keep, 2)
    extremum = "min" if ord != "nuc" and ord < 0 else "max"
    if ord in ("nuc", 2, -2):
        found = _reduce("sum" if ord == "nuc" else extremum, svdvals(x), (-1,), False)
        return call("expand_dims", found, axis=(-2, -1)) if keep else found
    summed = -2 if abs(ord) == 1 else -1
    size = call("abs", _inexact(x))
    sums = _reduce("sum", size, (summed,), True)
    return _reduce(extremum, sums, (-2, -1), keep)


def norm(
    x: Operand, /, ord: float | str | None = None, axis: Axes = None, keepdims: bool = False
) -> Array:
    """Return NumPy's norm: of vectors along one axis, of matrices along two.

    Without `ord` and `axis` it is the 2-norm of all entries; without `axis`, `ord` is that of a
    vector or a matrix as x has one axis or two. The gradient is 0 at 0, where sqrt(sum(x * x))
    written out has NaN. Raises ArgumentError for an order that there is not, AxisError for an axis
    that is not there.

    >>> norm([[3.0, 4.0], [0.0, 0.0]]), norm([[3.0, 4.0], [0.0, 0.0]], axis=1)
    (np.float64(5.0), array([5., 0.]))
    """
    given = read(x)
    if ord is None and (axis is None or axis.__class__ is int):
        rank = len(given.shape)
        if axis is None or -rank <= axis < rank:
            return applied(NORM, given, _euclidean(rank, axis, keepdims))
    rank = len(shape_of(given))
    if axis is None and ord is not None and rank not in (1, 2):
        raise ArgumentError(f"norm: x has {rank} axes; say with `axis` which one or two are meant")
    if axis is None and rank == 1:
        return _vector_norm("norm", given, many_axes("norm", given, None), keepdims, _two(ord))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    if axis is None:
        axes = (0, 1)
    places = tuple(one_axis("norm", given, a) for a in axes if a is not None)
    if len(places) == 1:
        return _vector_norm("norm", given, places, keepdims, _two(ord))
    if len(places) != 2 or places[0] == places[1]:
        raise ArgumentError(f"norm: the axes are one or two different ones, not {axis!r}")
    if ord is None or ord == "fro":
        return _vector_norm("norm", given, tuple(sorted(places)), keepdims, 2)
    return _norm_of_axes(given, (places[0], places[1]), keepdims, ord)


@lru_cache(maxsize=4096)
def _euclidean(rank: int, axis: int | None, keepdims: bool) -> Settings:
    """The parameters of the 2-norm along an axis that is there, of all entries for None."""
    return by_axes(NORM, rank, axis, ORDER, (bool(keepdims), 2.0))


def _two(ord: float | str | None) -> Any:
    return 2 if ord is None else ord


def _norm_of_axes(x: Array, axes: tuple[int, int], keep: bool, ord: Any) -> Array:
    """A matrix norm along two axes: moved to the end, and put back with size 1."""
    rank = len(shape_of(x))
    others = tuple(a for a in range(-rank, 0) if a not in axes)
    moved = x
    if others + axes != tuple(range(-rank, 0)):
        moved = call("permute_dims", x, axes=others + axes)
    found = _matrix_norm("norm", moved, False, ord)
    if not keep:
        return found
    return call("expand_dims", found, axis=tuple(sorted(axes)))


def cond(x: Operand, /, p: float | str | None = None) -> Array:
    """Return the condition number: the ratio of the largest to the smallest singular value.

    With `p` another than None, 2 and -2 it is norm(X, p) norm(inv(X), p) of square matrices.
    Shapes: (..., n, m) -> (...). Raises LinAlgError where such a matrix is singular, ArgumentError
    for a `p` that no matrix norm has.

    >>> cond([[4.0, 0.0], [0.0, 2.0]])
    np.float64(2.0)
    """
    given = read(x)
    if p is None or p in (2, -2):
        values = svdvals(given)
        largest, smallest = (_reduce(name, values, (-1,), False) for name in ("max", "min"))
        top, bottom = (smallest, largest) if p == -2 else (largest, smallest)
        return call("divide", top, bottom)
    return _matrix_norm("cond", given, False, p) * _matrix_norm("cond", inv(given), False, p)


__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]
