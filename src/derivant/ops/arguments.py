"""Reading arguments: axes counted from the end, sizes, operands that may be nested lists."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ArgumentError, AxisError
from derivant.base.names import names_of
from derivant.base.types import Array, Axes, Operand
from derivant.primitives.dispatch import plain_array


def operand(x: Operand) -> Any:
    """An array of some kind: carriers and arrays as they are, numbers and lists as arrays."""
    known = x.__class__ is np.ndarray or hasattr(x, "derivant_rank") or hasattr(x, "shape")
    return x if known else plain_array(x)


def one_axis(name: str, x: Array, axis: int, extra: int = 0) -> int:
    """An axis of `x` counted from the end. `extra` more axes are allowed (for new ones)."""
    rank = len(x.shape) + extra
    if axis.__class__ is int and -rank <= axis < rank:
        return axis - rank if axis >= 0 else axis
    try:
        place = operator.index(axis)
    except TypeError:
        raise ArgumentError(f"{name}: an axis is an integer, not {axis!r}") from None
    if not -rank <= place < rank:
        raise AxisError(
            f"{name}: {_called(x)} has {rank} axes{' afterwards' if extra else ''}; "
            f"axis {place} is not one of them"
        )
    return place - rank if place >= 0 else place


def many_axes(name: str, x: Array, axis: Axes, extra: int = 0) -> tuple[int, ...]:
    """Axes of `x` counted from the end, in ascending order; None is all of them."""
    rank = len(x.shape) + extra
    if axis is None:
        return _all_axes(rank)
    if isinstance(axis, int) and -rank <= axis < rank:
        return (axis - rank if axis >= 0 else axis,)
    given: tuple[Any, ...] = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    found = tuple(one_axis(name, x, a, extra) for a in given)
    if len(set(found)) != len(found):
        raise AxisError(f"{name}: the axes {given} of {_called(x)} name one axis twice")
    return tuple(sorted(found))


def plain_number(name: str, what: str, value: float) -> float:
    """A setting that no derivative is taken by; refused where one would be lost."""
    if hasattr(value, "derivant_rank"):
        raise ArgumentError(
            f"{name}: {what} is a plain number; by a {type(value).__name__} there is no derivative"
        )
    return value


@lru_cache
def _all_axes(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def sizes_of(name: str, shape: int | Dim | Sequence[Size]) -> Shape:
    """A shape argument: one size or several."""
    if isinstance(shape, tuple) and all(size.__class__ is int for size in shape):
        return shape
    given = (shape,) if isinstance(shape, (int, np.integer, Dim)) else tuple(shape)
    return tuple(s if isinstance(s, Dim) else _size(name, s) for s in given)


def _size(name: str, size: Any) -> int:
    try:
        return operator.index(size)
    except TypeError:
        raise ArgumentError(f"{name}: a size is an integer, not {size!r}") from None


def _called(x: Array) -> str:
    shape = ", ".join(map(str, x.shape))
    return f"{names_of([x])[0] or 'the array'} ({shape})"
