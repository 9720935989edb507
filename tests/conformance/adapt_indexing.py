"""PyTorch's gathers and scatters in derivant's words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tests.conformance.words import NoCounterpartError, Table, rank_of, shape_of

import derivant as dv
from derivant.base.types import Array, Index, Operand


def along(x: Operand, dim: int, part: object) -> Index:
    """The key that has `part` for one axis and all of the others."""
    return (slice(None),) * (dim % max(rank_of(x), 1)) + (part,)  # type: ignore[return-value]


def getitem(x: Operand, key: Index) -> Array:
    return dv.index(x, key)


def narrow(x: Operand, dim: int, start: Operand, length: int) -> Array:
    first = int(start)  # type: ignore[arg-type]
    if first < 0:
        first += shape_of(x)[dim]
    return dv.index(x, along(x, dim, slice(first, first + length)))


def select(x: Operand, dim: int, place: int) -> Array:
    return dv.index(x, along(x, dim, place))


def part(
    x: Operand, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    return dv.index(x, along(x, dim, slice(start, end, step)))


def masked_select(x: Operand, mask: Operand) -> Array:
    shape = np.broadcast_shapes(shape_of(x), shape_of(mask))
    return dv.index(dv.broadcast_to(x, shape), np.broadcast_to(mask, shape))


def take(x: Operand, places: Operand) -> Array:
    return dv.take(x, places)


def index_select(x: Operand, dim: int, places: Operand) -> Array:
    if not rank_of(x):
        return dv.reshape(dv.take(x, places), ())
    return dv.take(x, places, axis=dim)


def embedding(weight: Operand, places: Operand) -> Array:
    return dv.take(weight, places, axis=0)


def take_along_dim(x: Operand, places: Operand, dim: int | None = None) -> Array:
    if dim is None:
        return dv.take_along_axis(dv.ravel(x), np.ravel(places), axis=0)
    return dv.take_along_axis(x, places, axis=dim)


def grid(shape: Sequence[int], places: Operand, dim: int) -> tuple[np.ndarray, ...]:
    """For each entry of `places` its whole index, with the entry itself along `dim`."""
    index = list(np.indices(shape_of(places)))
    index[dim % len(shape)] = np.asarray(places)
    return tuple(index)


def gather(x: Operand, dim: int, places: Operand) -> Array:
    """Places may cover less than the other axes: only then they are written out."""
    if not rank_of(x):
        return dv.reshape(dv.take(x, np.ravel(places)), shape_of(places))
    if rank_of(places) != rank_of(x) and not np.size(places):
        raise NoCounterpartError("places that are empty and of another rank")
    if rank_of(places) != rank_of(x) or not np.size(places):
        return dv.take_along_axis(x, places, axis=dim)
    return dv.index(x, grid(shape_of(x), places, dim))


def scattered(x: Operand, dim: int, places: Operand, source: Operand, how: str) -> Array:
    """scatter (`set`) and scatter_add (`add`): the source's first entries at the places."""
    if not rank_of(x):
        changed = dv.at(dv.reshape(x, (1,)))[np.ravel(places)]
        return dv.reshape(getattr(changed, how)(dv.ravel(source)), ())
    shape = shape_of(places)
    if rank_of(source):
        source = dv.index(source, tuple(slice(0, size) for size in shape))
    return getattr(dv.at(x)[grid(shape_of(x), places, dim)], how)(source)


def scatter(
    x: Operand, dim: int, places: Operand, source: Operand, reduce: str | None = None
) -> Array:
    if reduce is not None:
        if reduce == "add":
            return scattered(x, dim, places, source, "add")
        return scattered(x, dim, places, source, "multiply")
    whole = (
        dict.fromkeys(zip(*(i.ravel() for i in grid(shape_of(x), places, dim)), strict=True))
        if rank_of(x)
        else {}
    )
    if rank_of(x) and len(whole) != np.size(places):
        raise NoCounterpartError("scatter with places that repeat, which PyTorch leaves open")
    return scattered(x, dim, places, source, "set")


def scatter_add(x: Operand, dim: int, places: Operand, source: Operand) -> Array:
    return scattered(x, dim, places, source, "add")


def index_add(x: Operand, dim: int, places: Operand, source: Operand, alpha: float = 1) -> Array:
    if not rank_of(x):
        return x + alpha * dv.reshape(source, ())
    return dv.at(x)[along(x, dim, places)].add(alpha * dv.asarray(source))


def index_copy(x: Operand, dim: int, places: Operand, source: Operand) -> Array:
    if not rank_of(x):
        return dv.reshape(dv.at(dv.reshape(x, (1,)))[places].set(source), ())
    return dv.at(x)[along(x, dim, places)].set(source)


def index_fill(x: Operand, dim: int, places: Operand, value: Operand) -> Array:
    return index_copy(x, dim, places, value)


def index_put(
    x: Operand, places: Sequence[Operand], values: Operand, accumulate: bool = False
) -> Array:
    changed = dv.at(x)[tuple(places)]  # type: ignore[index]
    return changed.add(values) if accumulate else changed.set(values)


def put(x: Operand, places: Operand, source: Operand, accumulate: bool) -> Array:
    flat = np.ravel(places) % max(math.prod(shape_of(x)), 1)
    if not accumulate and len(set(flat.tolist())) != flat.size:
        raise NoCounterpartError("put with places that repeat, which PyTorch leaves open")
    changed = dv.at(dv.ravel(x))[flat]
    values = dv.ravel(source)
    new = changed.add(values) if accumulate else changed.set(values)
    return dv.reshape(new, shape_of(x))


def select_scatter(x: Operand, source: Operand, dim: int, place: int) -> Array:
    return dv.at(x)[along(x, dim, place)].set(source)


def slice_scatter(x: Operand, source: Operand, dim: int, start: int, end: int, step: int) -> Array:
    return dv.at(x)[along(x, dim, slice(start, end, step))].set(source)


def diagonal_scatter(
    x: Operand, source: Operand, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Array:
    moved = dv.moveaxis(x, (dim1, dim2), (-2, -1))
    count = shape_of(source)[-1]
    rows = np.arange(count) + max(-offset, 0)
    new = dv.at(moved)[..., rows, rows + offset].set(source)
    return dv.moveaxis(new, (-2, -1), (dim1, dim2))


RENAMED: Table = {
    "__getitem__": getitem,
    "narrow": narrow,
    "select": select,
    "slice": part,
    "masked_select": masked_select,
    "take": take,
    "index_select": index_select,
    "nn.functional.embedding": embedding,
    "take_along_dim": take_along_dim,
    "gather": gather,
    "index_add": index_add,
    "index_copy": index_copy,
    "index_put": index_put,
    "put": put,
    "select_scatter": select_scatter,
    "slice_scatter": slice_scatter,
}

COMPOSED: Table = {
    "scatter": scatter,
    "scatter_add": scatter_add,
    "index_fill": index_fill,
    "diagonal_scatter": diagonal_scatter,
}
