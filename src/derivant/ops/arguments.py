"""Reading arguments: axes counted from the end, sizes, operands that may be nested lists."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Shape, Size, total
from derivant.base.errors import ArgumentError, AxisError, ShapeError
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
    if shape.__class__ is tuple:
        for size in shape:
            if size.__class__ is not int:
                break
        else:
            return shape
    given = (shape,) if isinstance(shape, (int, np.integer, Dim)) else tuple(shape)
    return tuple(s if isinstance(s, Dim) else _size(name, s) for s in given)


def completed_sizes(old: Shape, sizes: Shape) -> Shape:
    """The shape with the size that remains in the place of -1."""
    if sizes.count(-1) > 1:
        raise ShapeError(f"only one size may be -1, not several as in {sizes}")
    known, entries = total(s for s in sizes if s != -1), total(old)
    remains = _quotient(entries, known)
    if remains is None:
        raise ShapeError(f"{entries} entries {old} cannot be put into {sizes}")
    return tuple(remains if s == -1 else s for s in sizes)


def _quotient(entries: Size, known: Size) -> Size | None:
    """The exact quotient of two sizes, the second an integer or one product of names."""
    if known == 0:
        return None
    if isinstance(known, int):
        terms = entries.terms if isinstance(entries, Dim) else (((), entries),)
        if any(count % known for _, count in terms):
            return None
        return entries // known
    if isinstance(entries, int):
        return 0 if entries == 0 else None
    if entries == known:
        return 1
    if len(known.terms) > 1:
        return None
    ((names, factor),) = known.terms
    quotient: Size = 0
    for own, count in entries.terms:
        rest = list(own)
        for name in names:
            if name not in rest:
                return None
            rest.remove(name)
        if count % factor:
            return None
        quotient = total(map(Dim.named, rest)) * (count // factor) + quotient
    return quotient


def _size(name: str, size: Any) -> int:
    try:
        return operator.index(size)
    except TypeError:
        raise ArgumentError(f"{name}: a size is an integer, not {size!r}") from None


def _called(x: Array) -> str:
    shape = ", ".join(map(str, x.shape))
    return f"{names_of([x])[0] or 'the array'} ({shape})"
