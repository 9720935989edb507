"""Moving entries without changing them: shape, order, repetition, joining, borders."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.dims import Shape, Size, broadcast, total
from derivant.base.errors import ArgumentError, AxisError, ShapeError
from derivant.base.types import Array, Axes, Operand
from derivant.ops.arguments import completed_sizes, many_axes, one_axis, sizes_of
from derivant.ops.rows import applied, call, planned, read
from derivant.primitives import TABLE, Primitive, prepared
from derivant.primitives.explain import refusal
from derivant.primitives.primitive import Settings

__all__ = [
    "broadcast_arrays",
    "broadcast_to",
    "expand_dims",
    "flip",
    "matrix_transpose",
    "meshgrid",
    "moveaxis",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "squeeze",
    "swapaxes",
    "tile",
    "transpose",
    "tril",
    "triu",
]
INTS = frozenset({int})
RESHAPE, PERMUTE, EXPAND, SQUEEZE, FLIP = (
    TABLE[n] for n in ("reshape", "permute_dims", "expand_dims", "squeeze", "flip")
)


def reshape(x: Operand, shape: Size | Sequence[Size]) -> Array:
    """The same entries, in row order, in another shape; one size may be -1: what remains.

    Raises ShapeError where the entries do not fill the shape.

    >>> from derivant.ops.layout import reshape
    >>> reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    array([[1., 2.],
           [3., 4.]])
    """
    a = read(x)
    sizes = (shape,) if shape.__class__ is int else sizes_of("reshape", shape)
    try:
        settings = _reshaping(a.shape if -1 in sizes else (), sizes)
    except ShapeError as error:
        raise refusal("reshape", (a,), [f"shape={sizes}"], error) from None
    return applied(RESHAPE, a, settings)


@lru_cache(maxsize=4096)
def _reshaping(old: Shape, sizes: Shape) -> Settings:
    return prepared(RESHAPE, shape=completed_sizes(old, sizes) if -1 in sizes else sizes)


def ravel(x: Operand) -> Array:
    """All entries in row order along one axis.

    >>> from derivant.ops.layout import ravel
    >>> ravel([[1.0, 2.0], [3.0, 4.0]])
    array([1., 2., 3., 4.])
    """
    a = read(x)
    return call("reshape", a, shape=(total(a.shape),))


def permute_dims(x: Operand, axes: Sequence[int]) -> Array:
    """The axes in another order: axis i of the result is axis axes[i] of the operand.

    Raises AxisError where `axes` is no order of all axes.

    >>> from derivant.ops.layout import permute_dims
    >>> permute_dims([[1.0, 2.0, 3.0]], (1, 0)).shape
    (3, 1)
    """
    a = read(x)
    order = tuple(axes)
    known = _order(len(a.shape), order) if INTS.issuperset(map(type, order)) else None
    if known is None:
        order = tuple([one_axis("permute_dims", a, axis) for axis in order])
        known = _order(len(a.shape), order)
    if known is None:
        raise AxisError(f"permute_dims: {tuple(axes)} is not an order of the axes of {a.shape}")
    return applied(PERMUTE, a, known)


@lru_cache(maxsize=4096)
def _order(rank: int, axes: tuple[int, ...]) -> Settings | None:
    """The parameter for an order of all axes, None for what is none."""
    places = tuple([axis - rank if axis >= 0 else axis for axis in axes])
    full = sorted(places) == list(range(-rank, 0))
    return prepared(PERMUTE, axes=places) if full else None


def _permuted(a: Array, order: tuple[int, ...]) -> Array:
    return applied(PERMUTE, a, planned(PERMUTE, ("axes",), order))


def transpose(x: Operand, axes: Sequence[int] | None = None) -> Array:
    """All axes reversed, or in the order given: X' of a matrix.

    Raises AxisError where `axes` is no order of all axes.

    >>> from derivant.ops.layout import transpose
    >>> transpose([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]])
    """
    a = read(x)
    return permute_dims(a, range(len(a.shape) - 1, -1, -1) if axes is None else axes)


def matrix_transpose(x: Operand) -> Array:
    """The last two axes exchanged: each matrix of a stack transposed.

    Raises ShapeError where there are fewer than two axes.

    >>> from derivant.ops.layout import matrix_transpose
    >>> matrix_transpose([[1.0, 2.0, 3.0]]).shape
    (3, 1)
    """
    return call("matrix_transpose", _matrices("matrix_transpose", x))


def _matrices(name: str, x: Operand) -> Array:
    """An array of at least two axes."""
    a = read(x)
    if len(a.shape) < 2:
        raise ShapeError(f"{name}: a matrix needs two axes; the array has the shape {a.shape}")
    return a


def moveaxis(x: Operand, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to new places, the others in their order.

    Raises AxisError for an axis that is not there, ArgumentError where the two do not pair.

    >>> from derivant.ops.layout import moveaxis
    >>> import numpy as np
    >>> moveaxis(np.ones((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    a = read(x)
    rank = len(a.shape)
    old = [one_axis("moveaxis", a, axis) + rank for axis in _several(source)]
    new = [one_axis("moveaxis", a, axis) + rank for axis in _several(destination)]
    if len(old) != len(new) or len(set(old)) != len(old) or len(set(new)) != len(new):
        error = ArgumentError(f"{source} and {destination} do not pair axes with places")
        raise refusal("moveaxis", (a,), [], error)
    rest = iter([axis for axis in range(rank) if axis not in old])
    places = dict(zip(new, old, strict=True))
    order = [places[place] if place in places else next(rest) for place in range(rank)]
    return _permuted(a, tuple([axis - rank for axis in order]))


def _several(numbers: int | Sequence[int]) -> tuple[int, ...]:
    """One number or several, as a tuple."""
    if isinstance(numbers, (tuple, list, range, np.ndarray)):
        return tuple(map(operator.index, numbers))
    return (operator.index(numbers),)  # type: ignore[arg-type]  # a sequence was returned above


def swapaxes(x: Operand, axis1: int, axis2: int) -> Array:
    """Two axes exchanged.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.layout import swapaxes
    >>> import numpy as np
    >>> swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    a = read(x)
    rank = len(a.shape)
    first, second = one_axis("swapaxes", a, axis1), one_axis("swapaxes", a, axis2)
    return applied(PERMUTE, a, _swapping(rank, first, second))


@lru_cache(maxsize=4096)
def _swapping(rank: int, first: int, second: int) -> Settings:
    order = list(range(-rank, 0))
    order[first], order[second] = second, first
    return prepared(PERMUTE, axes=tuple(order))


def expand_dims(x: Operand, axis: int | Sequence[int] = 0) -> Array:
    """New axes of size 1, at these places of the result.

    Raises AxisError for a place that the result does not have.

    >>> from derivant.ops.layout import expand_dims
    >>> expand_dims([1.0, 2.0], 1).shape
    (2, 1)
    """
    a = read(x)
    extra = len(axis) if isinstance(axis, (tuple, list)) else 1
    return _by_axes(EXPAND, a, many_axes("expand_dims", a, axis, extra))


def _by_axes(row: Primitive, a: Array, axis: tuple[int, ...]) -> Array:
    return applied(row, a, planned(row, ("axis",), axis))


def squeeze(x: Operand, axis: Axes = None) -> Array:
    """Axes of size 1 taken away: those given, or all of them for None.

    Raises ShapeError where an axis given has another size.

    >>> from derivant.ops.layout import squeeze
    >>> squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    a = read(x)
    rank = len(a.shape)
    if axis is None:
        chosen = tuple(i - rank for i, size in enumerate(a.shape) if size == 1)
    else:
        chosen = many_axes("squeeze", a, axis)
    return _by_axes(SQUEEZE, a, chosen)


def flip(x: Operand, axis: Axes = None) -> Array:
    """The entries along axes in reverse order; along all for None.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.layout import flip
    >>> flip([1.0, 2.0, 3.0])
    array([3., 2., 1.])
    """
    a = read(x)
    return _by_axes(FLIP, a, many_axes("flip", a, axis))


def roll(x: Operand, shift: int | Sequence[int], axis: Axes = None) -> Array:
    """The entries along axes moved on by `shift` places, the last ones to the front.

    Without an axis the flattened array is rolled. Raises ArgumentError where shifts and axes do not
    pair.

    >>> from derivant.ops.layout import roll
    >>> roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.])
    """
    a = read(x)
    steps = _several(shift)
    if axis is None:
        flat = call("roll", ravel(a), shift=(sum(steps),), axis=(-1,))
        return call("reshape", flat, shape=a.shape)
    axes = tuple(one_axis("roll", a, one) for one in _several(axis))
    if len(steps) == 1 or len(axes) == 1:
        wide = max(len(steps), len(axes))
        steps, axes = steps * (wide // len(steps)), axes * (wide // len(axes))
    if len(steps) != len(axes):
        raise ArgumentError(f"roll: {len(steps)} shifts and {len(axes)} axes do not pair")
    return call("roll", a, shift=steps, axis=axes)


def tril(x: Operand, k: int = 0) -> Array:
    """The lower triangle of each matrix, 0 above the k-th diagonal.

    Raises ShapeError where there are fewer than two axes.

    >>> from derivant.ops.layout import tril
    >>> tril([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 0.],
           [3., 4.]])
    """
    return call("tril", _matrices("tril", x), k=operator.index(k))


def triu(x: Operand, k: int = 0) -> Array:
    """The upper triangle of each matrix, 0 below the k-th diagonal.

    Raises ShapeError where there are fewer than two axes.

    >>> from derivant.ops.layout import triu
    >>> triu([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [0., 4.]])
    """
    return call("triu", _matrices("triu", x), k=operator.index(k))


def broadcast_to(x: Operand, shape: Size | Sequence[Size]) -> Array:
    """The array repeated along new axes and axes of size 1, to this shape.

    Raises ShapeError where it does not fit.

    >>> from derivant.ops.layout import broadcast_to
    >>> broadcast_to([1.0, 2.0], (2, 2))
    array([[1., 2.],
           [1., 2.]])
    """
    return call("broadcast_to", read(x), shape=sizes_of("broadcast_to", shape))


def broadcast_arrays(*arrays: Operand) -> tuple[Array, ...]:
    """Arrays broadcast to their common shape.

    Raises ShapeError where there is none.

    >>> from derivant.ops.layout import broadcast_arrays
    >>> [x.shape for x in broadcast_arrays([[1.0], [2.0]], [1.0, 2.0, 3.0])]
    [(2, 3), (2, 3)]
    """
    found = [read(x) for x in arrays]
    shapes = [x.shape for x in found]
    try:
        shape = broadcast(shapes)
    except ShapeError as error:
        raise ShapeError(f"broadcast_arrays: {shapes} have no common shape: {error}") from None
    return tuple(x if x.shape == shape else call("broadcast_to", x, shape=shape) for x in found)


def meshgrid(*arrays: Operand, indexing: str = "xy") -> tuple[Array, ...]:
    """Coordinates of the grid of these axes: each array varies along its own axis.

    `indexing` "ij" keeps the order of the axes, "xy" exchanges the first two. Raises ArgumentError
    for another, ShapeError where an array has several axes.

    >>> from derivant.ops.layout import meshgrid
    >>> meshgrid([1.0, 2.0], [3.0, 4.0, 5.0], indexing="ij")[1].shape
    (2, 3)
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    found = [read(x) for x in arrays]
    for x in found:
        if len(x.shape) > 1:
            raise ShapeError(f"meshgrid: each array has one axis, not the shape {x.shape}")
    count = len(found)
    order = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else range(count)
    wide: list[Any] = []
    for place, x in zip(order, found, strict=True):
        shape = tuple(total(x.shape) if i == place else 1 for i in range(count))
        wide.append(call("reshape", x, shape=shape))
    return broadcast_arrays(*wide)


def repeat(x: Operand, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Each entry repeated, one after the other: n entries become k n.

    `repeats` is one number, or one for each entry. Without an axis the flattened array is repeated.
    Raises ArgumentError where the numbers do not fit.

    >>> from derivant.ops.layout import repeat
    >>> repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.])
    """
    a = ravel(x) if axis is None else read(x)
    line = -1 if axis is None else one_axis("repeat", a, axis)
    counts = _several(repeats)
    if any(count < 0 for count in counts):
        raise ArgumentError(f"repeat: {repeats} has a negative number of repeats")
    if len(counts) == 1:
        return call("repeat", a, repeats=counts[0], axis=line)
    if a.shape[line] != len(counts):
        raise ArgumentError(f"repeat: {len(counts)} repeats for {a.shape[line]} entries")
    return call("gather", a, np.repeat(np.arange(len(counts)), counts), axis=line)


def tile(x: Operand, reps: int | Sequence[int]) -> Array:
    """The whole array repeated along its axes: n entries become k n.

    Raises ArgumentError for a negative number of repeats.

    >>> from derivant.ops.layout import tile
    >>> tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.])
    """
    a = read(x)
    counts = _several(reps)
    if any(count < 0 for count in counts):
        raise ArgumentError(f"tile: {reps} has a negative number of repeats")
    return call("tile", a, reps=(1,) * (len(a.shape) - len(counts)) + counts)
