"""The row of convolutions: windows of one array against a kernel, over any number of axes.

It is general enough (zeros between entries on both sides, padding that may also cut) that both of
its cotangents are the same row again, so all orders come from one evaluator.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import general
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import accumulate, promoted

Sizes: TypeAlias = tuple[Size, ...]
Pairs: TypeAlias = tuple[tuple[Any, Any], ...]  # sizes; ints where arrays are evaluated
FEW_PLACES = 256
WINDOW_BYTES = 1 << 22  # windows are copied out in pieces of about so many bytes, for the cache


class Setting(NamedTuple):
    """The parameters of the row, one entry an axis of space.

    stride      steps of the window; padding: zeros before and after, entries cut where negative
    spread      1 + zeros between entries of the array; dilation: of the kernel
    groups      blocks of channels that do not mix
    """

    stride: tuple[int, ...]
    padding: Pairs
    spread: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


def extent(size: Size, step: int) -> Size:
    """The length of `size` entries that stand `step` apart."""
    if isinstance(size, int):
        return (size - 1) * step + 1 if size > 0 else 0
    return (size - 1) * step + 1


def out_size(size: Size, window: Size, lo: Size, hi: Size, stride: int) -> Size:
    """The number of places of a window along one axis.

    >>> n = Dim.named("n")
    >>> out_size(n, 3, 1, 1, 1), out_size(28, 5, 0, 0, 2)
    (n, 12)
    """
    room = size + lo + hi - window
    if isinstance(room, Dim):
        return room // stride + 1
    return max(0, room // stride + 1)


def _shape(x: Shape, w: Shape, **params: Any) -> Shape:
    how = Setting(**params)
    rank = len(how.stride)
    for place, shape in enumerate((x, w)):
        if len(shape) != rank + 2:
            raise ShapeError(f"{{{place}}} has {len(shape)} axes, {rank + 2} are needed")
    if x[1] != w[1] * how.groups:
        groups = f" in each of {how.groups} groups" if how.groups > 1 else ""
        raise ShapeError(f"{{0}} has {x[1]} channels, {{1}} takes {w[1]}{groups}")
    if isinstance(w[0], int) and w[0] % how.groups:
        raise ShapeError(f"{{1}} gives {w[0]} channels, which {how.groups} groups do not divide")
    return (x[0], w[0], *_places(x[2:], w[2:], how))


def _places(space: Shape, kernel: Shape, how: Setting) -> Sizes:
    """The number of places of the window along each axis."""
    return tuple(
        out_size(extent(n, s), extent(k, d), lo, hi, step)
        for n, k, (lo, hi), s, d, step in zip(
            space, kernel, how.padding, how.spread, how.dilation, how.stride, strict=True
        )
    )


def _evaluate(x: Data, w: Data, **params: Any) -> Data:
    """Windows times kernel as products of matrices, a piece of the windows at a time."""
    how = Setting(**params)
    _shape(x.shape, w.shape, **params)  # reshapes below would accept what does not fit
    count, channels, outputs, groups = x.shape[0], x.shape[1], w.shape[0], how.groups
    places: Any = _places(x.shape[2:], w.shape[2:], how)
    taps, spots = prod(w.shape[2:]) * (channels // groups), prod(places)
    kind, wide, size = np.result_type(x, w), _padded(x, how), prod(w.shape[2:])
    if set(how.stride) == {1} and channels == groups == outputs and 0 < size <= spots:
        return _by_ranges(wide, w, places, how, kind)
    steady = {*how.stride, *how.dilation} == {1}
    if steady and 0 < spots < min(size, FEW_PLACES) and np.isfinite(np.vdot(wide, wide)):
        return _place_by_place(wide, w, places, how, kind)
    windows = _windows(wide, w.shape[2:], places, how)
    kernel = np.ascontiguousarray(w).reshape(groups, outputs // groups, taps)  # w may be flipped
    out = np.empty((count, outputs, *places), kind)
    each, one = outputs // groups, taps * kind.itemsize
    some = max(1, min(groups, WINDOW_BYTES // max(1, one * spots)))
    for items, strip in _pieces(count, places, some * one):
        for first in range(0, groups, some):
            here = slice(first, first + some)
            part = windows[items, here, ..., strip, *[slice(None)] * (len(places) - 1)]
            found = _matched(kernel[here], part, spots, w.shape[-1] > places[-1])
            out[items, first * each : (first + some) * each, strip] = found
    return out


def _matched(kernel: Data, part: Data, spots: int, long: bool) -> Data:
    """Kernels (groups, outputs of one, taps) against windows, as products of matrices.

    Windows are copied along what is longer, the kernel or the places, and lie side by side where
    one item has few places.
    """
    groups, each, taps = kernel.shape
    space = (part.ndim - 3) // 2
    n, room = part.shape[0], part.shape[-space:]
    axes = tuple(range(part.ndim))
    if long:  # a row for each place, its taps beside one another
        rows = part.transpose(1, 0, *axes[-space:], *axes[2:-space])
        columns = rows.reshape(groups, n * prod(room), taps).swapaxes(1, 2)
    elif spots < FEW_PLACES and n > 1:
        beside = part.transpose(*axes[1:-space], 0, *axes[-space:])
        columns = beside.reshape(groups, taps, n * prod(room))
    else:
        columns = part.reshape(n, groups, taps, prod(room))
        return np.matmul(kernel, columns).reshape(n, groups * each, *room)
    return np.matmul(kernel, columns).reshape(groups * each, n, *room).swapaxes(0, 1)


# With steps of 1 an array that is moved is a range of its entries in row order. What such a range
# holds between two rows is computed too, and left out.


def _row_steps(x: Data, counts: Any) -> tuple[list[int], int]:
    """How far the next entry along each axis of space is, and the range of so many entries."""
    steps = [prod(x.shape[axis + 1 :]) for axis in range(2, x.ndim)]
    return steps, 1 + sum((n - 1) * step for n, step in zip(counts, steps, strict=True))


def _by_ranges(x: Data, w: Data, places: Any, how: Setting, kind: Any) -> Data:
    """One channel a group: windows whose rows are ranges, which are copied much quicker."""
    steps, length = _row_steps(x, places)
    count, groups = x.shape[:2]
    one: int = x.itemsize
    rows = np.ascontiguousarray(x).reshape(count, groups, prod(x.shape[2:]))
    moves = [d * s * one for d, s in zip(how.dilation, steps, strict=True)]
    shape = (count, groups, *w.shape[2:], length)
    windows = _as_strided(rows, shape, (*rows.strides[:2], *moves, one))
    kernel = np.ascontiguousarray(w).reshape(groups, 1, prod(w.shape[2:]))
    out = np.empty((count, groups, 1, length), kind)
    for part, here in zip(windows, out, strict=True):  # one after the other, for the cache
        np.matmul(kernel, part.reshape(groups, kernel.shape[2], length), out=here)
    strides = (*out.strides[:2], *(step * kind.itemsize for step in steps))
    return _as_strided(out, (count, groups, *places), strides).copy()


def _place_by_place(x: Data, w: Data, places: Any, how: Setting, kind: Any) -> Data:
    """A kernel with few places, as the cotangent of a kernel has: a product for each place.

    What lies between rows is multiplied by 0, so the array has to be finite.
    """
    steps, length = _row_steps(x, w.shape[2:])
    count, groups = x.shape[0], how.groups
    outputs, channels = w.shape[:2]
    wide: Data = np.zeros((outputs, channels, w.shape[2], *x.shape[3:]), kind)
    wide[(..., *(slice(k) for k in w.shape[2:]))] = w
    kernel = wide.reshape(groups, outputs // groups, channels, prod(wide.shape[2:]))
    kernel = kernel[..., :length].transpose(0, 2, 3, 1)
    rows = x.reshape(count, groups, channels, prod(x.shape[2:])).transpose(1, 2, 0, 3)
    out: Data = np.empty((count, groups, outputs // groups, *places), kind)
    for place in np.ndindex(places):
        first = sum(p * step for p, step in zip(place, steps, strict=True))
        found = np.matmul(rows[..., first : first + length], kernel).sum(axis=1)
        out[(..., *place)] = found.swapaxes(0, 1)
    return out.reshape(count, outputs, *places)


def _padded(x: Data, how: Setting) -> Data:
    """The array with zeros between its entries and around them, or cut, as its padding says."""
    if all(s == 1 for s in how.spread) and all(p == (0, 0) for p in how.padding):
        return x
    sizes: list[int] = [
        max(0, extent(n, s) + lo + hi)
        for n, s, (lo, hi) in zip(x.shape[2:], how.spread, how.padding, strict=True)
    ]
    wide = np.zeros(x.shape[:2] + tuple(sizes), x.dtype)
    source, target = [slice(None)] * 2, [slice(None)] * 2
    for n, s, (lo, _), size in zip(x.shape[2:], how.spread, how.padding, sizes, strict=True):
        first = max(0, -(lo // s)) if lo < 0 else 0  # the first entry that is not cut
        place = lo + first * s
        last = max(first, min(n, first - (place - size) // s))
        source.append(slice(first, last))
        target.append(slice(place, place + max(0, (last - first - 1) * s + 1), s))
    if all(t.stop > t.start for t in target[2:]):
        wide[tuple(target)] = x[tuple(source)]
    return wide


def _windows(x: Data, kernel: tuple[int, ...], places: tuple[int, ...], how: Setting) -> Data:
    """A view (items, groups, channels of one, *kernel, *places) of a padded array."""
    steps = x.strides[2:]
    shape = (x.shape[0], how.groups, x.shape[1] // how.groups, *kernel, *places)
    strides = (
        x.strides[0],
        x.strides[1] * (x.shape[1] // how.groups),
        x.strides[1],
        *(s * d for s, d in zip(steps, how.dilation, strict=True)),
        *(s * step for s, step in zip(steps, how.stride, strict=True)),
    )
    return _as_strided(x, shape, strides)


def _as_strided(x: Data, shape: tuple[int, ...], strides: tuple[int, ...]) -> Data:
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def _pieces(count: int, places: tuple[int, ...], item_bytes: int) -> list[tuple[slice, slice]]:
    """Ranges of items, or of the first axis of one item, whose windows have a modest size."""
    one = item_bytes * prod(places)
    if one <= WINDOW_BYTES:
        step = max(1, WINDOW_BYTES // max(1, one))
        return [(slice(i, i + step), slice(None)) for i in range(0, count, step)]
    rows = max(1, WINDOW_BYTES * places[0] // one)
    strips = [slice(i, i + rows) for i in range(0, places[0], rows)]
    return [(slice(i, i + 1), strip) for i in range(count) for strip in strips]


# The cotangents: with the strides of the one the spreads of the other


def _pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, Data]:
    x, w = inputs
    how = Setting(**params)
    return (
        _by_array(xp, g, x, w, how) if wanted[0] else None,
        _by_kernel(xp, g, x, w, how) if wanted[1] else None,
    )


def _by_array(xp: Names, g: Data, x: Data, w: Data, how: Setting) -> Data:
    """The cotangent of the array: g, spread by the strides, against the kernel turned round."""
    padding = []
    axes = (shape_of(g)[2:], shape_of(x)[2:], shape_of(w)[2:])
    for p, n, k, (lo, _), s, d, step in zip(
        *axes, how.padding, how.spread, how.dilation, how.stride, strict=True
    ):
        window = extent(k, d)
        before = window - 1 - lo
        padding.append((before, (n - 1) * s + window - extent(p, step) - before))
    turned = xp.flip(w, axis=tuple(range(-len(padding), 0)))
    return xp.convolution(
        g,
        _swapped(xp, turned, how.groups),
        stride=how.spread,
        padding=tuple(padding),
        spread=how.stride,
        dilation=how.dilation,
        groups=how.groups,
    )


def _by_kernel(xp: Names, g: Data, x: Data, w: Data, how: Setting) -> Data:
    """The cotangent of the kernel: the array against g, items and channels exchanged."""
    padding = []
    axes = (shape_of(g)[2:], shape_of(x)[2:], shape_of(w)[2:])
    for p, n, k, (lo, _), s, d, step in zip(
        *axes, how.padding, how.spread, how.dilation, how.stride, strict=True
    ):
        padding.append((lo, (k - 1) * d + extent(p, step) - extent(n, s) - lo))
    found = xp.convolution(
        _items_in_groups(xp, x, how.groups),
        _exchanged(xp, g),
        stride=how.dilation,
        padding=tuple(padding),
        spread=how.spread,
        dilation=how.stride,
        groups=how.groups,
    )
    return _exchanged(xp, found)


def _exchanged(xp: Names, x: Data) -> Data:
    """The first two axes exchanged."""
    rank = len(x.shape)
    return xp.permute_dims(x, axes=(1 - rank, -rank, *range(2 - rank, 0)))


def _swapped(xp: Names, w: Data, groups: int) -> Data:
    """A kernel (G o, c, ...) as (G c, o, ...): what it took is what it gives."""
    if groups == 1:
        return _exchanged(xp, w)
    outputs, channels, *kernel = shape_of(w)
    each = outputs // groups
    split = xp.reshape(w, shape=(groups, each, channels, *kernel))
    rank = len(kernel) + 3
    turned = xp.permute_dims(split, axes=(-rank, 2 - rank, 1 - rank, *range(3 - rank, 0)))
    return xp.reshape(turned, shape=(groups * channels, each, *kernel))


def _items_in_groups(xp: Names, x: Data, groups: int) -> Data:
    """An array (N, G c, ...) as (c, G N, ...): items become channels, group by group."""
    if groups == 1:
        return _exchanged(xp, x)
    items, channels, *space = shape_of(x)
    each = channels // groups
    split = xp.reshape(x, shape=(items, groups, each, *space))
    rank = len(space) + 3
    turned = xp.permute_dims(split, axes=(2 - rank, 1 - rank, -rank, *range(3 - rank, 0)))
    return xp.reshape(turned, shape=(each, groups * items, *space))


def _push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (x, w), (tx, tw) = inputs, tangents
    moved = None if tx is None else xp.convolution(tx, w, **params)
    return accumulate(moved, None if tw is None else xp.convolution(x, tw, **params))


def _batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """Leading axes become items where the kernel has none of them, else groups."""
    x, w = arrays
    groups = params["groups"]
    if w.shape[:count] == (1,) * count:
        items = x.reshape(prod(x.shape[: count + 1]), *x.shape[count + 1 :])
        out = _evaluate(items, w.reshape(w.shape[count:]), **params)
        return out.reshape(x.shape[: count + 1] + out.shape[1:])
    lead = np.broadcast_shapes(x.shape[:count], w.shape[:count])
    many = prod(lead)
    if not many:
        shape = _shape(x.shape[count:], w.shape[count:], **params)
        return np.empty(lead + shape, np.result_type(x, w))
    w = np.broadcast_to(w, lead + w.shape[count:])
    kernel = w.reshape(many * w.shape[count], *w.shape[count + 1 :])
    if groups == 1 and x.shape[:count] == (1,) * count:  # more kernels on the same array
        out = _evaluate(x.reshape(x.shape[count:]), kernel, **params)
    else:
        stacked = np.broadcast_to(x, lead + x.shape[count:]).reshape(many, *x.shape[count:])
        mixed = np.moveaxis(stacked, 0, 1).reshape(
            x.shape[count], many * x.shape[count + 1], *x.shape[count + 2 :]
        )
        out = _evaluate(mixed, kernel, **{**params, "groups": groups * many})
    split = out.reshape(out.shape[0], many, w.shape[count], *out.shape[2:])
    return np.moveaxis(split, 1, 0).reshape(lead + (out.shape[0], w.shape[count], *out.shape[2:]))


def settings(
    rank: int,
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    spread: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> dict[str, Any]:
    """The row's parameters, the same along every axis of space."""
    return {
        "stride": (stride,) * rank,
        "padding": (padding,) * rank,
        "spread": (spread,) * rank,
        "dilation": (dilation,) * rank,
        "groups": groups,
    }


# Named sizes where the strides are 1: elsewhere a size is rounded down, and stays a name.
convolution = general(
    "convolution",
    _evaluate,
    push=_push,
    pull=_pull,
    shape=_shape,
    dtype=lambda x, w, **params: promoted(x, w),
    batch=_batch,
    family="bilinear",
    domain=("real", "real"),
    cases=(
        Case(((2, "c", 7), ("o", "c", 3)), settings(1)),
        Case((("n", "c", 6), ("o", "c", 4)), settings(1, padding=(2, 1))),
        Case(((2, 3, 8), (2, 3, 3)), settings(1, stride=2, padding=(1, 1))),
        Case(((1, 2, 9), (2, 2, 2)), settings(1, stride=3, dilation=2)),
        Case(((2, 4, 6), (6, 2, 3)), settings(1, padding=(1, 0), groups=2)),
        Case(((2, 3, 7), (3, 1, 2)), settings(1, stride=2, padding=(2, 0), groups=3)),
        Case(((1, 1, 4), (1, 1, 2)), settings(1, spread=2, padding=(-1, 2))),
        Case(((1, 1, 5), (2, 1, 3)), settings(1, spread=3, stride=2, dilation=2, padding=(-2, -1))),
        Case(((0, 2, 5), (3, 2, 3)), settings(1)),
        Case(((2, 2, 0), (3, 2, 3)), settings(1, padding=(2, 2))),
        Case(((1, 1, 2), (1, 1, 4)), settings(1)),
        Case((("n", 2, 4, 5), ("o", 2, 3, 2)), settings(2, padding=(1, 0))),
        Case(((2, 4, 5, 4), (2, 2, 2, 3)), settings(2, stride=2, padding=(1, 2), groups=2)),
        Case(((1, 2, 6, 5), (2, 2, 2, 2)), settings(2, dilation=2, spread=2)),
    ),
)
