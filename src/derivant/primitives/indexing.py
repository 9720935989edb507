"""Rows that read and write at places: slices, arrays of indices, along an axis.

A key (the parameter of `getitem`) covers the last axes. Its items: an int, `(start, count, step)`
for a slice, `":"` for a whole axis, None for a new one. A slice of an axis with a named size has
that size as a fourth number: whether it fits is seen only when the size is known. Index arrays
are operands, on which nothing depends smoothly.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape, Size
from derivant.base.errors import BoundsError, ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import constant, general, linear
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import (
    SCALARS,
    batch_loop,
    full_leading,
    integer,
    promoted,
    same_shape,
)

Key: TypeAlias = tuple[Any, ...]
Indices: TypeAlias = npt.NDArray[np.integer[Any]]
WHOLE = slice(None)


# Slices.


def key_shape(shape: Shape, *, key: Key) -> Shape:
    """The shape of what a key reads."""
    lead = len(shape) - sum(item is not None for item in key)
    sizes = iter(shape[lead:])
    found: list[Size] = list(shape[:lead])
    for item in key:
        if item is None:
            found.append(1)
            continue
        size = next(sizes)
        if item == ":":
            found.append(size)
        elif isinstance(item, tuple):
            found.append(item[1])
    return tuple(found)


@lru_cache(maxsize=4096)
def _numpy_key(key: Key) -> tuple[Any, ...]:
    """The key as NumPy takes it, any axes before."""
    return (Ellipsis, *(WHOLE if item == ":" else _numpy_item(item) for item in key))


def _numpy_item(item: Any) -> Any:
    if not isinstance(item, tuple):
        return item
    start, count, step, *size = item
    last = start + (count - 1) * step
    if size and count > 0 and not (0 <= start < size[0] and 0 <= last < size[0]):
        raise BoundsError(f"entries {start} to {last} of an axis of size {size[0]}")
    if size and count < 0:
        raise BoundsError(f"a slice of {count} entries of an axis of size {size[0]}")
    stop = start + count * step
    return slice(start, stop if stop >= 0 else None, step)


def _getter(*, key: Key) -> Any:
    """What reads that key; None where a size of it has a name."""
    if any(isinstance(item, tuple) and len(item) > 3 for item in key):
        return None
    return itemgetter(_numpy_key(key))


def _getitem(x: Data, *, key: Key) -> Data:
    return x[_numpy_key(key)]


def _place(g: Data, *, key: Key, shape: tuple[int, ...]) -> Data:
    """Zeros of that shape with `g` where the key reads."""
    g = np.asarray(g)
    rank = len(shape) + sum((item is None) - isinstance(item, int) for item in key)
    out = np.zeros(g.shape[: g.ndim - rank] + shape, g.dtype)
    out[_numpy_key(key)] = g
    return out


def _place_shape(g: Shape, *, key: Key, shape: Shape) -> Shape:
    if key_shape(shape, key=key) != g:
        raise ShapeError(f"{g} does not fit the places, which are {key_shape(shape, key=key)}")
    return shape


KEYS: tuple[tuple[tuple[str | int, ...], Any], ...] = (
    (("n",), (0,)),
    (("n", "m"), (1, ":")),
    (("n", "m"), ((0, 2, 1),)),
    (("n", 5), ((0, 2, 1, 3), (4, 3, -2))),
    ((4, "n"), (None, (3, 4, -1), None, ":")),
    ((3, 4, 2), (2, ":", 1)),
    ((3, 4), ((1, 0, 1), ":")),
    ((), ()),
    ((), (None,)),
    ((0, 2), (":", 1)),
)
getitem = linear(
    "getitem",
    _getitem,
    lambda xp, g, x, *, key: xp.place(g, key=key, shape=shape_of(x)),
    shape=key_shape,
    prepare=_getter,
    cases=tuple(Case((shape,), {"key": key}) for shape, key in KEYS),
)
place = linear(
    "place",
    _place,
    lambda xp, g, x, *, key, shape: xp.getitem(g, key=key),
    shape=_place_shape,
    cases=(
        Case(((),), {"key": (1,), "shape": (3,)}),
        Case((("n",),), {"key": (1, ":"), "shape": lambda n: (2, n)}),
        Case(((2, 3),), {"key": ((1, 2, 1), (4, 3, -2)), "shape": (4, 5)}),
        Case(((1, 2),), {"key": (None, (0, 2, 1)), "shape": (3,)}),
        Case(((0,),), {"key": ((1, 0, 1),), "shape": (3,)}),
    ),
)


def _setitem(x: Data, v: Data, *, key: Key) -> Data:
    out = np.array(x, dtype=np.result_type(x, v))
    out[_numpy_key(key)] = v
    return out


def _setitem_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    pairs = zip(tangents, inputs, strict=True)
    return xp.setitem(*(xp.zeros_like(x) if t is None else t for t, x in pairs), **params)


def _setitem_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
) -> tuple[Data, Data]:
    return (
        xp.setitem(g, xp.zeros_like(inputs[1]), **params) if wanted[0] else None,
        xp.getitem(g, **params) if wanted[1] else None,
    )


def _setitem_batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    if isinstance(arrays[1], SCALARS):
        return row.evaluate(*arrays, **params)
    return row.evaluate(*full_leading(count, arrays), **params)


def _setitem_shape(x: Shape, v: Shape, *, key: Key) -> Shape:
    return _place_shape(v, key=key, shape=x)


setitem = general(
    "setitem",
    _setitem,
    push=_setitem_push,
    pull=_setitem_pull,
    shape=_setitem_shape,
    dtype=promoted,
    batch=_setitem_batch,
    domain=("real", "real"),
    cases=(
        Case(((3,), ()), {"key": (1,)}),
        Case(((2, "n"), ("n",)), {"key": (1, ":")}),
        Case(((4, 5), (2, 3)), {"key": ((1, 2, 1), (4, 3, -2))}),
        Case(((3,), (1, 2)), {"key": (None, (0, 2, 1))}),
        Case(((3,), (0,)), {"key": ((1, 0, 1),)}),
    ),
)


# Arrays of indices, for consecutive axes from `axis` on; broadcast together, their axes take the
# place of those that they index.


def _tail(axis: int, count: int) -> int:
    """How many axes come after the indexed ones."""
    return -axis - count


def _gather(x: Data, *indices: Indices, axis: int) -> Data:
    return _gatherer(axis=axis)(x, *indices)


def _gatherer(*, axis: int) -> Any:
    def run(x: Data, *indices: Indices) -> Data:
        if len(indices) == 1:
            return x.take(indices[0], axis)
        lead = x.ndim + axis
        return x[(WHOLE,) * lead + indices if lead else indices]

    return run


def _gather_shape(x: Shape, *indices: Shape, axis: int) -> Shape:
    after = _tail(axis, len(indices))
    before = len(x) - after - len(indices)
    return x[:before] + indices_shape(indices) + x[len(x) - after :]


def indices_shape(indices: tuple[Shape, ...]) -> Shape:
    """The shape of the index arrays broadcast."""
    rank = max(map(len, indices))
    found: list[Size] = [1] * rank
    for shape in indices:
        for back, size in enumerate(reversed(shape), 1):
            if found[-back] == 1:
                found[-back] = size
            elif size not in (1, found[-back]):
                raise ShapeError(f"index arrays of shapes {indices} do not broadcast")
    return tuple(found)


def _batch_indexed(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """Indices without leading axes of their own serve all places at once; others one by one."""
    x, *indices = arrays
    if any(np.ndim(i) and any(size != 1 for size in i.shape[:count]) for i in indices):
        return batch_loop(row, count, arrays, params)
    plain = [i.reshape(i.shape[count:]) if np.ndim(i) else i for i in indices]
    return row.evaluate(x, *plain, **params)


def add_at(places: Indices, values: Data, size: int) -> Data:
    """Zeros with the values added at flat places, all that meet there."""
    values = np.asarray(values)
    if values.dtype.kind != "f":
        out = np.zeros(size, values.dtype)
        np.add.at(out, places.reshape(-1), values.reshape(-1))
        return out
    found = np.bincount(places.reshape(-1), values.reshape(-1), size)
    return found.astype(values.dtype, copy=False)


def flat_places(indices: tuple[Indices, ...], sizes: tuple[int, ...]) -> Indices:
    """One number for each place in an array of these sizes; negative indices count from the end."""
    flat = np.zeros((), np.intp)
    for axis, (index, size) in enumerate(zip(indices, sizes, strict=True)):
        index = np.asarray(index)
        if index.size and not (-size <= index.min() and index.max() < size):
            wrong = index.min() if index.min() < -size else index.max()
            raise BoundsError(f"index {wrong} is out of bounds for axis {axis} with size {size}")
        flat = flat * size + np.where(index < 0, index + size, index)
    return flat


def _scatter_add(g: Data, *indices: Indices, axis: int, sizes: tuple[int, ...]) -> Data:
    """Zeros with the entries of `g` added at the indexed places; those that meet accumulate."""
    g = np.asarray(g)
    flat = flat_places(indices, sizes)
    after = _tail(axis, len(indices))
    before = g.ndim - after - flat.ndim
    shape = g.shape[:before] + sizes + g.shape[g.ndim - after :]
    outer, inner = prod(g.shape[:before]), prod(g.shape[g.ndim - after :])
    places = flat.reshape(-1, 1) * inner + np.arange(inner)
    if outer != 1:
        places = np.arange(outer).reshape(-1, 1, 1) * (prod(sizes) * inner) + places
    return add_at(places, g, prod(shape)).reshape(shape)


def _scatter_shape(g: Shape, *indices: Shape, axis: int, sizes: Shape) -> Shape:
    after = _tail(axis, len(indices))
    before = len(g) - after - len(indices_shape(indices))
    if before < 0 or g[before : len(g) - after] != indices_shape(indices):
        raise ShapeError(f"{g} does not fit the places, which are {indices_shape(indices)}")
    return g[:before] + sizes + g[len(g) - after :]


def _gather_pull(xp: Names, g: Data, x: Data, *indices: Data, axis: int) -> Data:
    sizes = shape_of(x)[len(shape_of(x)) + axis :][: len(indices)]
    return xp.scatter_add(g, *indices, axis=axis, sizes=sizes)


def _scatter_pull(
    xp: Names, g: Data, x: Data, *indices: Data, axis: int, sizes: tuple[int, ...]
) -> Data:
    return xp.gather(g, *indices, axis=axis)


gather = linear(
    "gather",
    _gather,
    _gather_pull,
    shape=_gather_shape,
    batch=_batch_indexed,
    needs_values=True,
    prepare=_gatherer,
    domain=("real", "int"),
    cases=(
        Case(((4,), (6,)), {"axis": -1}),
        Case(((4,), ()), {"axis": -1}),
        Case(((2, 4, 3), (2, 5)), {"axis": -2}),
        Case((("n", 4), (3,)), {"axis": -1}),
        Case(((4, 5), (6,), (6,)), {"axis": -2}),
        Case(((4, 5, "n"), (2, 1), (3,)), {"axis": -3}),
        Case(((2, 4, 4), (3,), ()), {"axis": -2}),
        Case(((4,), (0,)), {"axis": -1}),
        Case(((0, 4), (2,)), {"axis": -1}),
    ),
)
scatter_add = linear(
    "scatter_add",
    _scatter_add,
    _scatter_pull,
    shape=_scatter_shape,
    batch=_batch_indexed,
    needs_values=True,
    domain=("real", "int"),
    cases=(
        Case(((6,), (6,)), {"axis": -1, "sizes": (4,)}),
        Case(((), ()), {"axis": -1, "sizes": (4,)}),
        Case(((2, 2, 5, 3), (2, 5)), {"axis": -2, "sizes": (4,)}),
        Case((("n", 6), (6,), (6,)), {"axis": -2, "sizes": (4, 5)}),
        Case(((2, 3, "n"), (2, 1), (3,)), {"axis": -3, "sizes": (4, 5)}),
        Case(((0,), (0,)), {"axis": -1, "sizes": (4,)}),
    ),
)


def _winners(*indices: Indices, sizes: tuple[int, ...]) -> Indices:
    """For each place the number of the last index that points there, -1 where none does."""
    flat = flat_places(indices, sizes).reshape(-1)
    found = np.full(prod(sizes), -1, np.intp)
    found[flat] = np.arange(flat.size)
    return found.reshape(sizes)


winners = constant(
    "winners",
    _winners,
    shape=lambda *indices, sizes: (indices_shape(indices), tuple(sizes))[1],
    dtype=integer,
    batch=batch_loop,
    domain=("int",),
    cases=(
        Case(((6,),), {"sizes": (4,)}),
        Case(((),), {"sizes": (4,)}),
        Case(((2, 1), (3,)), {"sizes": (4, 5)}),
        Case(((0,),), {"sizes": (4,)}),
    ),
)
flat_index = constant(
    "flat_index",
    lambda *indices, sizes: flat_places(np.broadcast_arrays(*indices), sizes),
    shape=lambda *indices, sizes: indices_shape(indices),
    dtype=integer,
    batch=batch_loop,
    domain=("int",),
    cases=(Case(((6,),), {"sizes": (4,)}), Case(((2, 1), (3,)), {"sizes": (4, 5)})),
)


def _within(index: Indices, *, size: int) -> Indices:
    index = np.asarray(index)
    if index.size and not (index.min() >= 0 and index.max() < size):
        wrong = index.min() if index.min() < 0 else index.max()
        raise BoundsError(f"{wrong} is not one of the {size} classes 0 to {size - 1}")
    return index


# The index itself, an error where it is negative or too large.
within = constant(
    "within",
    _within,
    shape=same_shape,
    dtype=promoted,
    domain=("index",),
    cases=(Case(((6,),), {"size": 2}), Case(((),), {"size": 2}), Case(((0,),), {"size": 2})),
)


# Along an axis: an index array of the rank of the operand, equal to it on every other axis.


def _take_along(x: Data, indices: Indices, *, axis: int) -> Data:
    return np.take_along_axis(x, indices, axis)


def _along_shape(x: Shape, indices: Shape, *, axis: int) -> Shape:
    place = axis + len(x)
    same = len(indices) == len(x) and all(
        a == b for i, (a, b) in enumerate(zip(x, indices, strict=True)) if i != place
    )
    if not same:
        raise ShapeError(f"indices {indices} must agree with {x} on every axis but {axis}")
    return indices


def _add_along(g: Data, indices: Indices, *, axis: int, size: int) -> Data:
    if g.shape != indices.shape:
        g, indices = np.broadcast_arrays(g, indices)
    if g.shape[axis] == 1:  # one entry a line: none can meet
        alone = np.zeros(g.shape[:axis] + (size,) + g.shape[g.ndim + axis + 1 :], g.dtype)
        np.put_along_axis(alone, indices, g, axis)
        return alone
    flat = flat_places((np.moveaxis(indices, axis, -1),), (size,))
    columns = np.moveaxis(g, axis, -1)
    shape = columns.shape[:-1] + (size,)
    rows = np.arange(prod(shape[:-1])).reshape(shape[:-1] + (1,))
    added = add_at(flat + rows * size, columns, prod(shape))
    return np.moveaxis(added.reshape(shape), -1, axis)


def _added_shape(g: Shape, indices: Shape, *, axis: int, size: Size) -> Shape:
    _along_shape(g, indices, axis=axis)
    if g[axis] != indices[axis]:
        raise ShapeError(f"one index for each entry is needed: {indices} for {g}")
    place = axis + len(g)
    return g[:place] + (size,) + g[place + 1 :]


def _batch_full(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    return row.evaluate(*full_leading(count, arrays), **params)


take_along_axis = linear(
    "take_along_axis",
    _take_along,
    lambda xp, g, x, i, *, axis: xp.add_along_axis(g, i, axis=axis, size=shape_of(x)[axis]),
    shape=_along_shape,
    batch=_batch_full,
    needs_values=True,
    domain=("real", "int"),
    cases=(
        Case(((4,), (6,)), {"axis": -1}),
        Case(((4, "n"), (2, "n")), {"axis": -2}),
        Case(((2, "n", 4), (2, "n", 1)), {"axis": -1}),
        Case(((4,), (0,)), {"axis": -1}),
    ),
)
add_along_axis = linear(
    "add_along_axis",
    _add_along,
    lambda xp, g, x, i, *, axis, size: xp.take_along_axis(g, i, axis=axis),
    shape=_added_shape,
    batch=_batch_full,
    needs_values=True,
    domain=("real", "int"),
    cases=(
        Case(((6,), (6,)), {"axis": -1, "size": 4}),
        Case(((2, "n"), (2, "n")), {"axis": -2, "size": 5}),
        Case(((2, "n", 1), (2, "n", 1)), {"axis": -1, "size": 4}),
        Case(((0,), (0,)), {"axis": -1, "size": 4}),
    ),
)
