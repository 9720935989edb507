"""Sums, products, extrema and statistics along axes."""

from __future__ import annotations

from derivant.base.dims import Dim, Size, total
from derivant.base.errors import ArgumentError
from derivant.base.types import Array, Axes, DTypeLike, Operand
from derivant.ops.arguments import many_axes, one_axis, plain_number
from derivant.ops.creation import cast
from derivant.ops.rows import SUM, applied, call, over, over_axes, read, reduced, reducing
from derivant.primitives import TABLE

SOFTMAX, LOG_SOFTMAX, VAR, STD = (TABLE[n] for n in ("softmax", "log_softmax", "var", "std"))
SPREAD = ("correction", "keepdims")
__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "prod",
    "softmax",
    "std",
    "sum",
    "var",
]


def sum(
    x: Operand, axis: Axes = None, dtype: DTypeLike | None = None, keepdims: bool = False
) -> Array:
    """The sum over axes: sum_i x_i.

    `axis` is one axis, several, or None for all; `dtype` is cast to first. A sum over no entries
    is 0. Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import sum
    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.])
    """
    return reduced(SUM, cast(x, dtype), axis, keepdims)


def prod(
    x: Operand, axis: Axes = None, dtype: DTypeLike | None = None, keepdims: bool = False
) -> Array:
    """The product over axes: prod_i x_i; its derivatives are exact at zeros, to every order.

    The partial by x_i is the product of the others. A product of no entries is 1. Raises AxisError
    for an axis that is not there.

    >>> from derivant.ops.reductions import prod
    >>> float(prod([2.0, 4.0, 3.0]))
    24.0
    """
    return reduced(TABLE["prod"], cast(x, dtype), axis, keepdims)


def mean(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """The arithmetic mean over axes: (1/n) sum_i x_i.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import mean
    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([1.5, 3.5])
    """
    a = read(x)
    rank = len(a.shape)
    if axis is not None and not (axis.__class__ is int and -rank <= axis < rank):
        axis = many_axes("mean", a, axis)
    settings = reducing(SUM, rank, axis, keepdims)
    return over(applied(SUM, a, settings), _count(a, settings["axis"]))


def _count(x: Array, axes: tuple[int, ...]) -> Size:
    if len(axes) == 1:
        return x.shape[axes[0]]
    return total(x.shape if len(axes) == len(x.shape) else [x.shape[axis] for axis in axes])


def var(x: Operand, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The variance over axes: sum_i (x_i - mean(x))^2 / (n - correction).

    `correction` 1 gives the unbiased estimate of a sample. Raises AxisError for an axis that is not
    there, ArgumentError for a correction that is no whole number where n is a named size.

    >>> from derivant.ops.reductions import var
    >>> float(var([1.0, 2.0, 3.0], correction=1))
    1.0
    """
    a = read(x)
    if getattr(a, "derivant_rank", 0) <= 1:
        less = _correction("var", 0, correction)
        return over_axes(VAR, a, axis, SPREAD, (less, bool(keepdims)))
    # A formula keeps the sums that it is made of.
    axes = many_axes("var", a, axis)
    count = _count(a, axes)
    less = _correction("var", count, correction)
    away = a - over(reduced(SUM, a, axes, True), count)
    squares = reduced(SUM, call("square", away), axes, keepdims)
    if isinstance(count, Dim):
        return over(squares, count - int(less))
    return over(squares, count - less if count > less else 0)


def _correction(name: str, count: Size, correction: float) -> float:
    if correction.__class__ is int:
        return correction
    if correction.__class__ is not float:
        plain_number(name, "correction", correction)
    whole = int(correction)
    if whole == correction:
        return whole
    if isinstance(count, Dim):
        raise ArgumentError(
            f"{name}: correction {correction} must be a whole number where n is a named size"
        )
    return float(correction)


def std(x: Operand, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The standard deviation over axes: the square root of `var`.

    Its derivative by x_i is (x_i - mean(x)) / ((n - correction) std(x)), and 0 where all entries
    are equal (the subgradient of least norm). Raises as `var` does.

    >>> from derivant.ops.reductions import std
    >>> float(std([1.0, 3.0]))
    1.0
    """
    a = read(x)
    less = correction
    if less.__class__ is not int:
        less = _correction("std", _count(a, many_axes("std", a, axis)), correction)
    return over_axes(STD, a, axis, SPREAD, (less, bool(keepdims)))


def median(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """The middle entry over axes, the mean of the two in the middle where n is even.

    Its derivative is 1 at that entry (1/2 at each of two); of equal entries the stable order
    decides. Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import median
    >>> float(median([3.0, 1.0, 2.0]))
    2.0
    """
    return reduced(TABLE["median"], x, axis, keepdims)


def max(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """The largest entry over axes; NaN where one is.

    Where m entries tie each has the derivative 1/m. Raises ShapeError where there are no entries.

    >>> from derivant.ops.reductions import max
    >>> max([[1.0, 5.0], [3.0, 4.0]], axis=0)
    array([3., 5.])
    """
    return reduced(TABLE["max"], x, axis, keepdims)


def min(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """The smallest entry over axes; NaN where one is.

    Where m entries tie each has the derivative 1/m. Raises ShapeError where there are no entries.

    >>> from derivant.ops.reductions import min
    >>> min([[1.0, 5.0], [3.0, 4.0]], axis=1)
    array([1., 3.])
    """
    return reduced(TABLE["min"], x, axis, keepdims)


amax = max
amin = min


def all(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """Whether every entry over axes is true (not 0).

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import all
    >>> all([[True, False], [True, True]], axis=0)
    array([ True, False])
    """
    return reduced(TABLE["all"], x, axis, keepdims)


def any(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """Whether some entry over axes is true (not 0).

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import any
    >>> any([[False, False], [True, False]], axis=0)
    array([ True, False])
    """
    return reduced(TABLE["any"], x, axis, keepdims)


def count_nonzero(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """The number of entries over axes that are not 0.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import count_nonzero
    >>> int(count_nonzero([0.0, 2.0, 3.0]))
    2
    """
    return reduced(TABLE["count_nonzero"], x, axis, keepdims)


def _placed(name: str, x: Operand, axis: int | None, keepdims: bool) -> Array:
    a = read(x)
    if axis is not None:
        return call(name, a, axis=one_axis(name, a, axis), keepdims=bool(keepdims))
    flat = call("reshape", a, shape=(total(a.shape),))
    place = call(name, flat, axis=-1, keepdims=False)
    return call("reshape", place, shape=(1,) * len(a.shape)) if keepdims else place


def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Array:
    """The place of the first largest entry along an axis, of the flattened array for None.

    Raises ShapeError where there are no entries.

    >>> from derivant.ops.reductions import argmax
    >>> argmax([[1.0, 5.0], [7.0, 4.0]], axis=1)
    array([1, 0])
    """
    return _placed("argmax", x, axis, keepdims)


def argmin(x: Operand, axis: int | None = None, keepdims: bool = False) -> Array:
    """The place of the first smallest entry along an axis, of the flattened array for None.

    Raises ShapeError where there are no entries.

    >>> from derivant.ops.reductions import argmin
    >>> int(argmin([3.0, 1.0, 2.0]))
    1
    """
    return _placed("argmin", x, axis, keepdims)


def logsumexp(x: Operand, axis: Axes = None, keepdims: bool = False) -> Array:
    """The logarithm of a sum of exponentials over axes: log sum_i exp(x_i), without overflow.

    Its gradient is softmax(x), and 0 where every entry is -inf. Over no entries it is -inf. Raises
    AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import logsumexp
    >>> float(logsumexp([1e4, -1e4]))
    10000.0
    """
    return reduced(TABLE["logsumexp"], x, axis, keepdims)


def softmax(x: Operand, axis: Axes = -1) -> Array:
    """Positive weights of sum 1 over axes: exp(x_i) / sum_j exp(x_j), without overflow.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import softmax
    >>> softmax([0.0, 1e4])
    array([0., 1.])
    """
    return over_axes(SOFTMAX, x, axis)


def log_softmax(x: Operand, axis: Axes = -1) -> Array:
    """The logarithm of `softmax`: x_i - log sum_j exp(x_j), exact where the weight underflows.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.reductions import log_softmax
    >>> log_softmax([0.0, 1e4])
    array([-10000.,      0.])
    """
    return over_axes(LOG_SOFTMAX, x, axis)
