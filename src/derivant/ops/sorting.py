"""Order: sorted arrays, the permutations that sort, places among sorted numbers, unique values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from derivant.base.errors import ArgumentError
from derivant.base.types import Array, Operand
from derivant.ops.arguments import one_axis
from derivant.ops.layout import ravel
from derivant.ops.rows import applied, call, numbers_of, planned, read
from derivant.primitives import TABLE

__all__ = [
    "UniqueAllResult",
    "UniqueCountsResult",
    "UniqueInverseResult",
    "argsort",
    "searchsorted",
    "sort",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]

Numbers = npt.NDArray[np.generic]


def sort(x: Operand, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Array:
    """The entries along an axis in order; of the flattened array for None. NaN counts as largest.

    The derivative is the permutation that sorts, of equal entries the stable one. Raises AxisError
    for an axis that is not there.

    >>> from derivant.ops.sorting import sort
    >>> sort([3.0, 1.0, 2.0])
    array([1., 2., 3.])
    """
    return _ordered("sort", x, axis, descending)


def argsort(
    x: Operand, axis: int | None = -1, descending: bool = False, stable: bool = True
) -> Array:
    """The places that sort the entries along an axis; always the stable ones.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.sorting import argsort
    >>> argsort([3.0, 1.0, 2.0], descending=True)
    array([0, 2, 1])
    """
    return _ordered("argsort", x, axis, descending)


def _ordered(name: str, x: Operand, axis: int | None, descending: bool) -> Array:
    a = ravel(x) if axis is None else read(x)
    line = one_axis(name, a, -1 if axis is None else axis)
    row = TABLE[name]
    return applied(row, a, planned(row, ("axis", "descending"), line, bool(descending)))


def searchsorted(
    x1: Operand, x2: Operand, side: str = "left", sorter: Operand | None = None
) -> Array:
    """The places in sorted `x1` (n) before which the entries of `x2` keep it sorted.

    `side` "left" puts an entry before equal ones, "right" after. `sorter` sorts `x1` where it is
    not sorted. Raises ArgumentError for another side, ShapeError where `x1` has several axes.

    >>> from derivant.ops.sorting import searchsorted
    >>> searchsorted([1.0, 2.0, 3.0], [2.0, 2.5])
    array([1, 2])
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side is 'left' or 'right', not {side!r}")
    line = read(x1)
    if sorter is not None:
        line = call("gather", line, read(sorter), axis=-1)
    return call("searchsorted", line, read(x2), side=side)


class UniqueAllResult(NamedTuple):
    """The different values, where each is first, how they make up the array, how often each is.

    >>> from derivant.ops.sorting import unique_all
    >>> unique_all([2, 1, 2]).indices
    array([1, 0])
    """

    values: Numbers
    indices: Numbers
    inverse_indices: Numbers
    counts: Numbers


class UniqueCountsResult(NamedTuple):
    """The different values and how often each is there.

    >>> from derivant.ops.sorting import unique_counts
    >>> unique_counts([2, 1, 2]).counts
    array([1, 2])
    """

    values: Numbers
    counts: Numbers


class UniqueInverseResult(NamedTuple):
    """The different values and how they make up the array.

    >>> from derivant.ops.sorting import unique_inverse
    >>> unique_inverse([2, 1, 2]).inverse_indices
    array([1, 0, 1])
    """

    values: Numbers
    inverse_indices: Numbers


def _numbers(name: str, x: Operand) -> Any:
    return numbers_of(name, read(x))


def unique_values(x: Operand) -> Numbers:
    """The different values of an array, in ascending order, as NumPy numbers.

    Raises DifferentiationError for an expression, whose numbers are not known.

    >>> from derivant.ops.sorting import unique_values
    >>> unique_values([2, 1, 2])
    array([1, 2])
    """
    return np.unique(_numbers("unique_values", x), equal_nan=False)


def unique_counts(x: Operand) -> UniqueCountsResult:
    """The different values of an array in ascending order, and how often each is there.

    Raises DifferentiationError for an expression, whose numbers are not known.

    >>> from derivant.ops.sorting import unique_counts
    >>> unique_counts([2, 1, 2]).values
    array([1, 2])
    """
    return UniqueCountsResult(*np.unique_counts(_numbers("unique_counts", x)))


def unique_inverse(x: Operand) -> UniqueInverseResult:
    """The different values of an array in ascending order, and which of them each entry is.

    Raises DifferentiationError for an expression, whose numbers are not known.

    >>> from derivant.ops.sorting import unique_inverse
    >>> unique_inverse([2, 1, 2]).inverse_indices
    array([1, 0, 1])
    """
    return UniqueInverseResult(*np.unique_inverse(_numbers("unique_inverse", x)))


def unique_all(x: Operand) -> UniqueAllResult:
    """The different values of an array in ascending order, with places, inverse and counts.

    Raises DifferentiationError for an expression, whose numbers are not known.

    >>> from derivant.ops.sorting import unique_all
    >>> unique_all([2, 1, 2]).counts
    array([1, 2])
    """
    return UniqueAllResult(*np.unique_all(_numbers("unique_all", x)))
