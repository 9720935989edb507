"""Reading the key of `x[key]` as NumPy does: slices first, then arrays of indices.

A key becomes a Plan: the settings of a `getitem` row (slices, ints, new axes), an order of axes
that brings the indexed ones together, and the index arrays of a `gather` row with the axis where
they begin.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ArgumentError, BoundsError, DTypeError
from derivant.base.types import Index
from derivant.ops.rows import numbers_of
from derivant.primitives import TABLE, prepared
from derivant.primitives.dispatch import plain_array
from derivant.primitives.primitive import Settings

GETITEM, GATHER = TABLE["getitem"], TABLE["gather"]
NO_INDICES: tuple[Any, ...] = ()
INTS = {int}
NDARRAY = np.ndarray
INDEX, MASK = np.intp, np.bool_  # the words for them
PLAIN = frozenset((int, type(None)))  # what the bounds of a slice are, as a rule


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to read `x[key]`: by getitem, the axes in `order` (None: as they are), then gather."""

    reading: Settings  # of the row getitem
    whole: bool  # whether that reads everything as it is
    order: tuple[int, ...] | None = None
    axis: int = 0
    indices: tuple[Any, ...] = NO_INDICES
    gathering: Settings | None = None  # of the row gather


def plan(shape: Shape, key: Index) -> Plan:
    """The plan of a key for an array of that shape; refuses what does not fit."""
    how, indices = plan_apart(shape, key)
    return how if indices is how.indices else replace(how, indices=indices)


def plan_apart(shape: Shape, key: Index) -> tuple[Plan, tuple[Any, ...]]:
    """A plan that serves many keys, and the index arrays of this one in the place of its own."""
    given: Any = key
    kind = given.__class__
    if kind is int:
        return _remembered(shape, given), NO_INDICES
    if kind is slice:
        start, stop, step = given.start, given.stop, given.step
        if start.__class__ in PLAIN and stop.__class__ in PLAIN and step.__class__ in PLAIN:
            return _remembered(shape, (slice, start, stop, step)), NO_INDICES
    elif kind is NDARRAY:
        if given.ndim and given.dtype.kind in "iu":
            return _remembered(shape, (INDEX, given.ndim)), (given,)
    elif kind is tuple:
        for item in given:
            if item.__class__ not in PLAIN:
                break
        else:
            return _remembered(shape, given), NO_INDICES
    arrays: list[Any] = []
    spelled = _spelled(given if kind is tuple else (given,), arrays)
    if spelled is None:
        how = _planned(shape, key)
        return how, how.indices
    return _remembered(shape, spelled), (*arrays,) if arrays else NO_INDICES


def _spelled(items: Any, arrays: list[Any]) -> tuple[Any, ...] | None:
    """The items of a key as what can be looked up, None where they cannot.

    Whole axes are a colon; other slices are the word and three bounds; indices and masks, which go
    to `arrays`, a word and their rank or shape.
    """
    parts: list[Any] = []
    for item in items:
        kind = item.__class__
        if kind is list and item and set(map(type, item)) == INTS:
            item = np.asarray(item)
            kind = NDARRAY
        if kind is slice:
            start, stop, step = item.start, item.stop, item.step
            if start is stop is step is None:
                parts.append(":")
            elif start.__class__ in PLAIN and stop.__class__ in PLAIN and step.__class__ in PLAIN:
                parts += (slice, start, stop, step)
            else:
                return None
        elif kind is NDARRAY and item.ndim:
            whole = item.dtype.kind
            if whole in "iu":
                arrays.append(item)
                parts += (INDEX, item.ndim)
            elif whole == "b":  # its plan is that of as many indices
                arrays += item.nonzero()
                parts += (MASK, item.shape)
            else:
                return None
        elif kind in PLAIN or item is Ellipsis:
            parts.append(item)
        else:
            return None
    return (*parts,)


@lru_cache(maxsize=4096)
def _remembered(shape: Shape, spelled: Any) -> Plan:
    if spelled.__class__ is not tuple:
        return _planned(shape, spelled)
    return _planned(shape, (*_key(spelled),))


def _key(spelled: tuple[Any, ...]) -> Iterator[Any]:
    """The key of a spelling, zeros in the place of indices."""
    parts = iter(spelled)
    for part in parts:
        if part == ":":
            yield slice(None)
        elif part is slice:
            yield slice(next(parts), next(parts), next(parts))
        elif part is INDEX:
            yield np.zeros((1,) * next(parts), np.intp)
        elif part is MASK:
            yield np.zeros(next(parts), np.bool_)
        else:
            yield part


def _planned(shape: Shape, key: Index) -> Plan:
    items = _completed(shape, tuple(map(_read, key if isinstance(key, tuple) else (key,))))
    basic: list[Any] = []
    arrays: list[tuple[int, Any]] = []  # the axis of the basic result, and its indices
    advanced: list[tuple[int, int]] = []  # place in the key, axis of the basic result there
    axis = dims = 0
    for number, item in enumerate(items):
        if isinstance(item, (int, Dim)):
            advanced.append((number, dims))
            basic.append(_place(item, axis, shape))
            axis += 1
        elif isinstance(item, Indices):
            advanced.append((number, dims))
            for entry, index in item.per_axis(shape, axis):
                arrays.append((dims, index))
                basic.append(entry)
                axis += entry is not None
                dims += 1
        elif item != ():
            basic.append(_basic(item, axis, shape))
            axis += item is not None
            dims += 1
    if not arrays:
        return _plan(basic)
    together = advanced[-1][0] - advanced[0][0] == len(advanced) - 1
    return _gathered(_plan(basic), arrays, advanced[0][1], dims, together)


def _plan(basic: list[Any]) -> Plan:
    """The plan of a key without index arrays."""
    reads_all = all(isinstance(item, str) for item in basic)
    return Plan(prepared(GETITEM, key=tuple(basic)), reads_all)


def _gathered(
    basic: Plan, arrays: list[tuple[int, Any]], first: int, rank: int, together: bool
) -> Plan:
    """The plan with index arrays: in the place of their axes, or first where they lie apart."""
    indices = tuple(index for _, index in arrays)
    if together:
        gathering = prepared(GATHER, axis=first - rank)
        return replace(basic, axis=first - rank, indices=indices, gathering=gathering)
    indexed = [axis for axis, _ in arrays]
    rest = [axis for axis in range(rank) if axis not in indexed]
    order = tuple(axis - rank for axis in indexed + rest)
    gathering = prepared(GATHER, axis=-rank)
    return replace(basic, order=order, axis=-rank, indices=indices, gathering=gathering)


class Indices:
    """An item of a key that is an array: of indices into one axis, or a mask over several."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def count(self) -> int:
        """How many axes of the operand it takes."""
        return int(self.array.ndim) if self.array.dtype.kind == "b" else 1

    def per_axis(self, shape: Shape, axis: int) -> Iterator[tuple[Any, Any]]:
        """For each axis the item of the basic key and the indices."""
        if self.array.dtype.kind != "b":
            yield ":", self.array
            return
        mask = np.asarray(self.array)
        covered = shape[axis : axis + mask.ndim]
        if covered != mask.shape:
            raise BoundsError(f"index: a mask of shape {mask.shape} for axes of sizes {covered}")
        if not mask.ndim:  # True keeps all, as one more axis; False keeps nothing
            yield None, np.zeros(int(mask), np.intp)
        for index in mask.nonzero() if mask.ndim else ():
            yield ":", index


def _read(item: Any) -> Any:
    """An item of a key: an int, a slice, None, Ellipsis, or Indices."""
    if item is None or item is Ellipsis or isinstance(item, (slice, Dim)):
        return item
    if isinstance(item, (bool, np.bool_)) or (
        isinstance(item, np.ndarray) and item.dtype.kind == "b"
    ):
        return Indices(np.asarray(item))
    if hasattr(item, "derivant_rank"):
        if item.dtype.kind == "b":
            return Indices(np.asarray(numbers_of("index by a mask", item)))
        return _checked(item)
    if hasattr(item, "__index__") and not getattr(item, "shape", ()):
        return operator.index(item)
    array = plain_array(item)
    return _checked(array.astype(np.intp) if array.size == 0 and isinstance(item, list) else array)


def _checked(array: Any) -> Any:
    if array.dtype.kind not in "iub":
        raise DTypeError(
            f"index: an array of dtype {array.dtype} is no index; indices are integers or a mask"
        )
    return Indices(array)


def _completed(shape: Shape, items: tuple[Any, ...]) -> list[Any]:
    """The items with whole axes in the place of the ellipsis, or after all; `()` marks it."""
    taken = sum(item.count if isinstance(item, Indices) else 1 for item in items if _takes(item))
    missing = len(shape) - taken
    if missing < 0:
        raise BoundsError(
            f"index: {taken} axes are indexed, and the shape {shape} has {len(shape)}"
        )
    dots = [place for place, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise ArgumentError("index: only one ellipsis (...) can stand in a key")
    if not dots:
        return [*items, *[slice(None)] * missing]
    return [*items[: dots[0]], (), *[slice(None)] * missing, *items[dots[0] + 1 :]]


def _takes(item: Any) -> bool:
    """Whether an item takes axes of the operand."""
    return item is not None and item is not Ellipsis


def _place(index: Any, axis: int, shape: Shape) -> Any:
    """A single index counted from the start."""
    size = shape[axis]
    if not isinstance(size, int) or not isinstance(index, int):
        return index if isinstance(index, Dim) or index >= 0 else size + index
    if not -size <= index < size:
        raise BoundsError(
            f"index {index} is out of bounds for axis {axis} with size {size} (shape {shape})"
        )
    return index if index >= 0 else index + size


def _basic(item: Any, axis: int, shape: Shape) -> Any:
    """A slice as `(start, count, step)`, with the size where that is a name."""
    if item is None:
        return None
    size = shape[axis]
    bounds = (item.start, item.stop, item.step)
    if all(bound is None for bound in bounds):
        return ":"
    if not isinstance(size, int) or any(isinstance(b, Dim) for b in bounds):
        return _named_slice(item, size)
    try:
        start, stop, step = item.indices(size)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"index: {item} cannot be read: {error}") from None
    count = len(range(start, stop, step))
    if (start, count, step) == (0, size, 1):
        return ":"
    return (start, count, step) if count else (0, 0, 1)


def _named_slice(item: slice, size: Size) -> Any:
    step = 1 if item.step is None else operator.index(item.step)
    if step == 0:
        raise ArgumentError("index: the step of a slice is not 0")
    ends: tuple[Size, Size] = (0, size) if step > 0 else (size + -1, -1)
    start = ends[0] if item.start is None else _bound(item.start, size)
    stop = ends[1] if item.stop is None else _bound(item.stop, size)
    way = stop + -1 * start if step > 0 else start + -1 * stop
    if isinstance(way, int):
        return (start, max(-(-way // abs(step)), 0), step, size)
    if any(count % step for _, count in way.terms):
        raise ArgumentError(
            f"index: how many entries {item} of a size {size} has depends on the size; "
            "use a step that divides it"
        )
    count = way // abs(step)
    return ":" if (start, count, step) == (0, size, 1) else (start, count, step, size)


def _bound(bound: Any, size: Size) -> Size:
    if isinstance(bound, Dim):
        return bound
    place = operator.index(bound)
    return place if place >= 0 else size + place
