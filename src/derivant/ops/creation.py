"""Making arrays, and what the array API asks of dtypes. New arrays are what NumPy gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Size
from derivant.base.errors import ArgumentError, DTypeError
from derivant.base.types import Array, DTypeLike, Operand
from derivant.ops.arguments import sizes_of
from derivant.ops.rows import call, given, read
from derivant.primitives.dispatch import plain_array

__all__ = [
    "arange",
    "asarray",
    "astype",
    "can_cast",
    "empty",
    "empty_like",
    "eye",
    "finfo",
    "full",
    "full_like",
    "iinfo",
    "isdtype",
    "linspace",
    "ones",
    "ones_like",
    "result_type",
    "zeros",
    "zeros_like",
]


def _sizes(name: str, shape: Size | Sequence[Size]) -> tuple[int, ...]:
    """A shape of whole numbers, none negative."""
    found = []
    for size in sizes_of(name, shape):
        if isinstance(size, Dim):
            raise ArgumentError(f"{name}: the named size {size} has no value; arrays of numbers do")
        if size < 0:
            raise ArgumentError(f"{name}: a size is not negative, as {size} in {shape}")
        found.append(size)
    return tuple(found)


def _dtype(name: str, dtype: DTypeLike) -> np.dtype[Any]:
    """A dtype of real numbers."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{name}: {dtype!r} is no dtype") from None
    if kind.kind not in "biuf":
        raise DTypeError(f"{name}: the dtype is {kind}; only real numbers are supported")
    return kind


def astype(x: Operand, dtype: DTypeLike, copy: bool = True) -> Array:
    """The same numbers in another dtype; differentiable between float dtypes.

    Raises DTypeError for complex numbers and for what is no dtype.

    >>> from derivant.ops.creation import astype
    >>> astype([1.5, 2.5], "float32").dtype
    dtype('float32')
    """
    a = read(x)
    kind = _dtype("astype", dtype)
    return a if not copy and a.dtype == kind else call("astype", a, dtype=kind)


def cast(x: Operand, dtype: DTypeLike | None) -> Operand:
    """The operand, in another dtype where one is asked for."""
    return x if dtype is None else astype(x, dtype)


def asarray(x: Operand, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
    """An array of these numbers; a Tensor or an expression stays itself, in that dtype.

    Raises ArgumentError for ragged lists.

    >>> from derivant.ops.creation import asarray
    >>> asarray([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if hasattr(x, "derivant_rank"):
        return read(x) if dtype is None else astype(x, dtype, copy=False)
    array = plain_array(x)
    kind = array.dtype if dtype is None else _dtype("asarray", dtype)
    return given(np.array(array, kind) if copy else np.asarray(array, kind))


def zeros(shape: Size | Sequence[Size], dtype: DTypeLike = float) -> Array:
    """An array of zeros.

    Raises ArgumentError for sizes that are no numbers.

    >>> from derivant.ops.creation import zeros
    >>> zeros((2, 2))
    array([[0., 0.],
           [0., 0.]])
    """
    return given(np.zeros(_sizes("zeros", shape), _dtype("zeros", dtype)))


def ones(shape: Size | Sequence[Size], dtype: DTypeLike = float) -> Array:
    """An array of ones.

    Raises ArgumentError for sizes that are no numbers.

    >>> from derivant.ops.creation import ones
    >>> ones(3)
    array([1., 1., 1.])
    """
    return given(np.ones(_sizes("ones", shape), _dtype("ones", dtype)))


def empty(shape: Size | Sequence[Size], dtype: DTypeLike = float) -> Array:
    """An array whose numbers are not set.

    Raises ArgumentError for sizes that are no numbers.

    >>> from derivant.ops.creation import empty
    >>> empty((2, 3)).shape
    (2, 3)
    """
    return given(np.empty(_sizes("empty", shape), _dtype("empty", dtype)))


def full(
    shape: Size | Sequence[Size], fill_value: Operand, dtype: DTypeLike | None = None
) -> Array:
    """An array that holds one number everywhere; differentiable by it.

    Raises ArgumentError for sizes that are no numbers.

    >>> from derivant.ops.creation import full
    >>> full(2, 3.0)
    array([3., 3.])
    """
    sizes = _sizes("full", shape)
    if hasattr(fill_value, "derivant_rank"):
        value = read(fill_value) if dtype is None else astype(fill_value, dtype, copy=False)
        return call("broadcast_to", value, shape=sizes)
    number = plain_array(fill_value)
    return given(np.full(sizes, number, None if dtype is None else _dtype("full", dtype)))


def zeros_like(x: Operand, dtype: DTypeLike | None = None) -> Array:
    """Zeros in the shape and dtype of an array, in its carrier.

    Raises DTypeError for what is no dtype of real numbers.

    >>> from derivant.ops.creation import zeros_like
    >>> zeros_like([1.0, 2.0])
    array([0., 0.])
    """
    zero = call("zeros_like", read(x))
    return zero if dtype is None else astype(zero, dtype, copy=False)


def ones_like(x: Operand, dtype: DTypeLike | None = None) -> Array:
    """Ones in the shape and dtype of an array, in its carrier.

    Raises DTypeError for what is no dtype of real numbers.

    >>> from derivant.ops.creation import ones_like
    >>> ones_like([1, 2])
    array([1, 1])
    """
    return full_like(x, 1, dtype)


def full_like(x: Operand, fill_value: Operand, dtype: DTypeLike | None = None) -> Array:
    """One number everywhere, in the shape and dtype of an array, in its carrier.

    Raises DTypeError for what is no dtype of real numbers.

    >>> from derivant.ops.creation import full_like
    >>> full_like([1.0, 2.0], 7)
    array([7., 7.])
    """
    zero = zeros_like(x, dtype)
    return astype(zero + fill_value, zero.dtype, copy=False)


def empty_like(x: Operand, dtype: DTypeLike | None = None) -> Array:
    """An array of the shape and dtype of another; its numbers are zeros.

    Raises DTypeError for what is no dtype of real numbers.

    >>> from derivant.ops.creation import empty_like
    >>> empty_like([1.0, 2.0]).shape
    (2,)
    """
    return zeros_like(x, dtype)


def eye(n_rows: int, n_cols: int | None = None, k: int = 0, dtype: DTypeLike = float) -> Array:
    """The identity matrix (n, n), or ones on the k-th diagonal of (n, m).

    Raises ArgumentError for sizes that are no numbers.

    >>> from derivant.ops.creation import eye
    >>> eye(2)
    array([[1., 0.],
           [0., 1.]])
    """
    rows, columns = _sizes("eye", (n_rows, n_rows if n_cols is None else n_cols))
    return given(np.eye(rows, columns, k, _dtype("eye", dtype)))


def arange(
    start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None
) -> Array:
    """The numbers start, start + step, ... below stop; from 0 where one number is given.

    Raises ArgumentError where a number is no plain number.

    >>> from derivant.ops.creation import arange
    >>> arange(3)
    array([0, 1, 2])
    """
    for number in (start, stop, step):
        if isinstance(number, Dim) or hasattr(number, "derivant_rank"):
            raise ArgumentError(f"arange: {number!r} is no plain number; the shape depends on it")
    bounds: tuple[Any, Any, Any] = (0, start, step) if stop is None else (start, stop, step)
    return given(np.arange(*bounds, dtype=None if dtype is None else _dtype("arange", dtype)))


def linspace(
    start: Operand,
    stop: Operand,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
) -> Array:
    """`num` numbers at equal distances from start to stop; differentiable by both ends.

    The i-th is start + (stop - start) i / (num - 1), over num where the end is left out. Raises
    ArgumentError where `num` is negative.

    >>> from derivant.ops.creation import linspace
    >>> linspace(0.0, 1.0, 3)
    array([0. , 0.5, 1. ])
    """
    (count,) = _sizes("linspace", num)
    if hasattr(start, "derivant_rank") or hasattr(stop, "derivant_rank"):
        parts = np.linspace(0.0, 1.0, count, endpoint)
        lower, upper = read(start), read(stop)
        parts = parts.reshape((count,) + (1,) * max(len(lower.shape), len(upper.shape)))
        between = parts[::-1] if endpoint else 1.0 - parts
        line = lower * between + upper * parts
        return line if dtype is None else astype(line, dtype)
    kind = None if dtype is None else _dtype("linspace", dtype)
    return given(np.linspace(plain_array(start), plain_array(stop), count, endpoint, dtype=kind))


# What the array API asks of dtypes.


def _kind(x: Operand | DTypeLike) -> Any:
    """The dtype of an array; Python's numbers as they are, since they give way to others."""
    return x if isinstance(x, type) else getattr(x, "dtype", x)


def result_type(*arrays_and_dtypes: Operand | DTypeLike) -> np.dtype[np.generic]:
    """The dtype that an operation on these gives; Python's numbers give way to arrays.

    Raises DTypeError where there is none.

    >>> from derivant.ops.creation import result_type
    >>> result_type("float32", 1.0)
    dtype('float32')
    """
    try:
        return np.result_type(*map(_kind, arrays_and_dtypes))
    except (TypeError, ValueError) as error:
        raise DTypeError(f"result_type: {error}") from None


def can_cast(from_: Operand | DTypeLike, to: DTypeLike) -> bool:
    """Whether numbers of one dtype are kept by another.

    Raises DTypeError for what is no dtype.

    >>> from derivant.ops.creation import can_cast
    >>> can_cast("float32", "float64"), can_cast("float64", "int32")
    (True, False)
    """
    return bool(np.can_cast(_dtype("can_cast", _kind(from_)), _dtype("can_cast", to)))


def isdtype(dtype: DTypeLike, kind: str | tuple[str, ...]) -> bool:
    """Whether a dtype is of a kind: "bool", "integral", "real floating", "numeric", ...

    Raises DTypeError for an unknown kind.

    >>> from derivant.ops.creation import isdtype
    >>> isdtype("float32", "real floating")
    True
    """
    try:
        return bool(np.isdtype(np.dtype(dtype), kind))
    except (TypeError, ValueError) as error:
        raise DTypeError(f"isdtype: {error}") from None


def finfo(dtype: Operand | DTypeLike) -> np.finfo[np.float32] | np.finfo[np.float64]:
    """The limits of a float dtype: eps, max, min, smallest_normal.

    Raises DTypeError where it is no float.

    >>> from derivant.ops.creation import finfo
    >>> float(finfo("float32").eps)
    1.1920928955078125e-07
    """
    try:
        return np.finfo(_kind(dtype))
    except (TypeError, ValueError) as error:
        raise DTypeError(f"finfo: {error}") from None


def iinfo(dtype: Operand | DTypeLike) -> np.iinfo[np.int64] | np.iinfo[np.uint64]:
    """The limits of an integer dtype: max, min, bits.

    Raises DTypeError where it is no integer.

    >>> from derivant.ops.creation import iinfo
    >>> iinfo("int8").max
    127
    """
    try:
        return np.iinfo(_kind(dtype))
    except (TypeError, ValueError) as error:
        raise DTypeError(f"iinfo: {error}") from None
