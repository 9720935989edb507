"""Rows that move entries without changing them: shape, order, repetition."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from operator import attrgetter, itemgetter, methodcaller
from typing import Any

import numpy as np

from derivant.base.dims import Shape, Size, total
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import general, linear
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import (
    SCALARS,
    batch_lead,
    full_leading,
    promoted,
    same_shape,
    unbroadcast,
)


def _reshape_shape(old: Shape, *, shape: Shape) -> Shape:
    if total(old) != total(shape):
        raise ShapeError(
            f"{total(old)} entries do not fill {tuple(shape)}, which holds {total(shape)}"
        )
    return tuple(shape)


def _reshaped(x: Data, *, shape: tuple[int, ...], lead: int = 0) -> Data:
    if not lead and x.__class__ is np.ndarray:
        return x.reshape(shape)
    return np.reshape(x, np.shape(x)[:lead] + tuple(shape))


reshape = linear(
    "reshape",
    _reshaped,
    lambda xp, g, x, *, shape: xp.reshape(g, shape=shape_of(x)),
    shape=_reshape_shape,
    batch=batch_lead,
    prepare=lambda *, shape: methodcaller("reshape", shape),
    cases=(
        Case((("n", "m"),), {"shape": lambda n, m: (n * m,)}),
        Case(((6,),), {"shape": (2, 3)}),
        Case(((),), {"shape": (1, 1)}),
        Case(((2, "n", 3),), {"shape": lambda n: (3 * n, 2)}),
        Case(((0, 2),), {"shape": (3, 0)}),
    ),
)


def _broadcast_to_shape(old: Shape, *, shape: Shape) -> Shape:
    back = tuple(shape)[len(shape) - len(old) :]
    if len(old) > len(shape) or any(a not in (1, b) for a, b in zip(old, back, strict=True)):
        raise ShapeError(f"{old} does not broadcast to {tuple(shape)}")
    return tuple(shape)


SMALL = 4096  # entries up to which filling an array is quicker than making a view


def _broadcast_to(x: Data, *, shape: tuple[int, ...], lead: int = 0) -> Data:
    if lead:
        x = np.reshape(x, x.shape[:lead] + (1,) * (len(shape) + lead - x.ndim) + x.shape[lead:])
    elif prod(shape) <= SMALL and np.ndim(x) <= len(shape):
        out = np.empty(shape, getattr(x, "dtype", float))
        out[...] = x
        return out
    return np.broadcast_to(x, np.shape(x)[:lead] + tuple(shape))


broadcast_to = linear(
    "broadcast_to",
    _broadcast_to,
    lambda xp, g, x, *, shape: unbroadcast(xp, g, x),
    shape=_broadcast_to_shape,
    batch=batch_lead,
    cases=(
        Case((("m",),), {"shape": lambda m: (3, m)}),
        Case((("n", 1),), {"shape": lambda n: (n, 4)}),
        Case(((),), {"shape": (2, 2)}),
        Case(((1,),), {"shape": (0,)}),
    ),
)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The inverse of a permutation given by axes counted from the end."""
    rank = len(axes)
    inverse = [0] * rank
    for place, axis in enumerate(axes):
        inverse[axis + rank] = place - rank
    return tuple(inverse)


def _permute(x: Data, *, axes: tuple[int, ...]) -> Data:
    return x.transpose(axes if x.ndim == len(axes) else _from_front(x.ndim, axes))


@lru_cache
def _from_front(rank: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """An order of the last axes as an order of all."""
    return (*range(rank - len(axes)), *(axis + rank for axis in axes))


def _permuter(*, axes: tuple[int, ...]) -> Any:
    reversed_ = axes == tuple(range(-1, -len(axes) - 1, -1))
    return attrgetter("T") if reversed_ else methodcaller("transpose", axes)


permute_dims = linear(
    "permute_dims",
    _permute,
    lambda xp, g, x, *, axes: xp.permute_dims(g, axes=_inverse(axes)),
    shape=lambda shape, *, axes: tuple(shape[a] for a in axes),
    prepare=_permuter,
    reading=lambda shape, *, axes: (
        ("abcdefghijklmnopqrstuvwxyz"[: len(axes)],),
        "".join("abcdefghijklmnopqrstuvwxyz"[a + len(axes)] for a in axes),
    ),
    cases=(
        Case((("n", "m"),), {"axes": (-1, -2)}),
        Case((("n", "m", 2),), {"axes": (-1, -3, -2)}),
        Case(((0, "m"),), {"axes": (-1, -2)}),
        Case(((),), {"axes": ()}),
    ),
)
matrix_transpose = linear(
    "matrix_transpose",
    lambda x: np.swapaxes(x, -1, -2),
    lambda xp, g, x: xp.matrix_transpose(g),
    shape=lambda shape: shape[:-2] + (shape[-1], shape[-2]),
    text="{0}.mT",
    latex="{0}^\\top",
    reading=lambda shape: (("ab",), "ba") if len(shape) == 2 else None,
    cases=(Case((("n", "m"),)), Case(((2, "n", "m"),)), Case(((0, "m"),))),
)


def _expanded(shape: Shape, *, axis: tuple[int, ...]) -> Shape:
    rank = len(shape) + len(axis)
    old = iter(shape)
    return tuple(1 if place - rank in axis else next(old) for place in range(rank))


def _from_end(axis: tuple[int, ...], chosen: Any) -> Any:
    """What reads the last axes, `chosen` at these places and whole axes between them."""
    key = [chosen if a in axis else slice(None) for a in range(min(axis, default=0), 0)]
    return itemgetter((Ellipsis, *key))


expand_dims = linear(
    "expand_dims",
    lambda x, *, axis: np.expand_dims(x, axis),
    lambda xp, g, x, *, axis: xp.reshape(g, shape=shape_of(x)),
    shape=_expanded,
    prepare=lambda *, axis: _from_end(axis, None),
    cases=(
        Case((("n",),), {"axis": (-1,)}),
        Case((("n", "m"),), {"axis": (-2,)}),
        Case(((),), {"axis": (-1, -2)}),
    ),
)


def _zeros_like(x: Any) -> Data:
    return np.zeros_like(x)


zeros_like = linear(
    "zeros_like",
    _zeros_like,
    lambda xp, g, x: None,
    shape=same_shape,
    cases=(Case((("n",),)), Case(((),))),
)


def _squeezed(shape: Shape, *, axis: tuple[int, ...]) -> Shape:
    for a in axis:
        if shape[a] != 1:
            raise ShapeError(f"axis {a} has size {shape[a]}; only axes of size 1 can be taken away")
    return tuple(size for place, size in enumerate(shape) if place - len(shape) not in axis)


squeeze = linear(
    "squeeze",
    lambda x, *, axis: np.squeeze(x, axis),
    lambda xp, g, x, *, axis: xp.reshape(g, shape=shape_of(x)),
    shape=_squeezed,
    prepare=lambda *, axis: methodcaller("squeeze", axis),
    cases=(
        Case((("n", 1),), {"axis": (-1,)}),
        Case(((1, "n", 1),), {"axis": (-3, -1)}),
        Case(((1,),), {"axis": (-1,)}),
        Case(((0, 1),), {"axis": (-1,)}),
        Case(((),), {"axis": ()}),
    ),
)

# Order.

flip = linear(
    "flip",
    lambda x, *, axis: np.flip(x, axis),
    lambda xp, g, x, *, axis: xp.flip(g, axis=axis),
    shape=same_shape,
    prepare=lambda *, axis: _from_end(axis, slice(None, None, -1)),
    cases=(
        Case((("n",),), {"axis": (-1,)}),
        Case((("n", "m"),), {"axis": (-2, -1)}),
        Case(((2, "n", 3),), {"axis": (-2,)}),
        Case(((0,),), {"axis": (-1,)}),
        Case(((),), {"axis": ()}),
    ),
)
roll = linear(
    "roll",
    lambda x, *, shift, axis: np.roll(x, shift, axis),
    lambda xp, g, x, *, shift, axis: xp.roll(g, shift=tuple(-s for s in shift), axis=axis),
    shape=same_shape,
    cases=(
        Case((("n",),), {"shift": (1,), "axis": (-1,)}),
        Case((("n", "m"),), {"shift": (2, -1), "axis": (-2, -1)}),
        Case((("n", 2),), {"shift": (-7,), "axis": (-2,)}),
        Case(((0,),), {"shift": (1,), "axis": (-1,)}),
    ),
)


def _triangle_shape(shape: Shape, *, k: int) -> Shape:
    if len(shape) < 2:
        raise ShapeError(f"a triangle needs two axes; the operand has {len(shape)}")
    return shape


TRIANGLE_CASES = tuple(
    Case((shape,), {"k": k})
    for shape, k in [
        (("n", "n"), 0),
        (("n", "m"), 1),
        ((2, "n", "m"), -1),
        ((0, 2), 0),
        ((1, 1), -1),
    ]
)
tril = linear(
    "tril",
    lambda x, *, k: np.tril(x, k),
    lambda xp, g, x, *, k: xp.tril(g, k=k),
    shape=_triangle_shape,
    cases=TRIANGLE_CASES,
)
triu = linear(
    "triu",
    lambda x, *, k: np.triu(x, k),
    lambda xp, g, x, *, k: xp.triu(g, k=k),
    shape=_triangle_shape,
    cases=TRIANGLE_CASES,
)

# Repetition.


def _times(shape: Shape, axis: int, count: Size) -> Shape:
    place = axis + len(shape)
    return shape[:place] + (count * shape[axis],) + shape[place + 1 :]


def _apart(shape: Shape, axis: int, *sizes: Size) -> Shape:
    """The shape with these sizes in the place of one axis."""
    place = axis + len(shape)
    return shape[:place] + sizes + shape[place + 1 :]


repeat = linear(
    "repeat",
    lambda x, *, repeats, axis: np.repeat(x, repeats, axis),
    lambda xp, g, x, *, repeats, axis: xp.sum(
        xp.reshape(g, shape=_apart(shape_of(x), axis, shape_of(x)[axis], repeats)),
        axis=(axis,),
        keepdims=False,
    ),
    shape=lambda shape, *, repeats, axis: _times(shape, axis, repeats),
    cases=(
        Case((("n",),), {"repeats": 2, "axis": -1}),
        Case((("n", "m"),), {"repeats": 3, "axis": -2}),
        Case(((2, 0),), {"repeats": 3, "axis": -1}),
        Case((("n",),), {"repeats": 0, "axis": -1}),
    ),
)


def _tiled(shape: Shape, *, reps: tuple[int, ...]) -> Shape:
    full = (1,) * (len(reps) - len(shape)) + shape
    return tuple(r * size for r, size in zip(reps, full, strict=True))


def _tile(x: Data, *, reps: tuple[int, ...], lead: int = 0) -> Data:
    shape = np.shape(x)
    full = shape[:lead] + (1,) * (len(reps) + lead - len(shape)) + shape[lead:]
    return np.tile(np.reshape(x, full), (1,) * lead + reps)


def _tile_pull(xp: Names, g: Data, x: Data, *, reps: tuple[int, ...]) -> Data:
    """Each axis apart into copies and places, the copies summed away."""
    rank = len(reps)
    full = (1,) * (rank - len(shape_of(x))) + shape_of(x)
    apart = tuple(size for pair in zip(reps, full, strict=True) for size in pair)
    copies = tuple(range(-2 * rank, 0, 2))
    return xp.reshape(
        xp.sum(xp.reshape(g, shape=apart), axis=copies, keepdims=False), shape=shape_of(x)
    )


tile = linear(
    "tile",
    _tile,
    _tile_pull,
    shape=_tiled,
    batch=batch_lead,
    cases=(
        Case((("n",),), {"reps": (3,)}),
        Case((("n", "m"),), {"reps": (2, 1)}),
        Case((("n",),), {"reps": (2, 3)}),
        Case(((),), {"reps": (2,)}),
        Case(((0,),), {"reps": (2,)}),
        Case((("n",),), {"reps": (0,)}),
    ),
)

# Several arrays made one.


def _joined(*shapes: Shape, axis: int) -> Shape:
    first = shapes[0]
    size: Size = 0
    for i, shape in enumerate(shapes):
        same = len(shape) == len(first) and _apart(shape, axis, 0) == _apart(first, axis, 0)
        if not same:
            raise ShapeError(
                f"operands 0 and {i} have shapes {first} and {shape}; "
                f"all sizes but those of axis {axis} must agree"
            )
        size = shape[axis] + size
    return _apart(first, axis, size)


def _filled(xp: Names, tangents: tuple[Data, ...], inputs: tuple[Data, ...]) -> list[Data]:
    pairs = zip(tangents, inputs, strict=True)
    return [xp.zeros_like(x) if t is None else t for t, x in pairs]


def _concat_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
) -> tuple[Data, ...]:
    axis = params["axis"]
    start: Size = 0
    rest = (":",) * (-axis - 1)
    found = []
    for x, wants in zip(inputs, wanted, strict=True):
        size = shape_of(x)[axis]
        found.append(xp.getitem(g, key=((start, size, 1), *rest)) if wants else None)
        start = size + start
    return tuple(found)


def _batch_full(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    if any(isinstance(a, SCALARS) for a in arrays):
        kind = np.result_type(*arrays)
        arrays = tuple(np.asarray(a, kind) if isinstance(a, SCALARS) else a for a in arrays)
    return row.evaluate(*full_leading(count, arrays), **params)


def _joiner(*, axis: int) -> Any:
    return lambda *xs: np.concatenate(xs, axis)


concat = general(
    "concat",
    lambda *xs, axis: np.concatenate(xs, axis),
    prepare=_joiner,
    push=lambda xp, t, out, xs, params: xp.concat(*_filled(xp, t, xs), **params),
    pull=_concat_pull,
    shape=_joined,
    dtype=promoted,
    batch=_batch_full,
    needs_values=False,
    family="layout",
    cases=(
        Case((("n",), ("m",)), {"axis": -1}),
        Case((("n", "m"), ("k", "m"), (1, "m")), {"axis": -2}),
        Case(((2, "n", 1), (2, "n", 3)), {"axis": -1}),
        Case(((0,), ("n",)), {"axis": -1}),
        Case((("n",),), {"axis": -1}),
    ),
)


def _stacked(*shapes: Shape, axis: int) -> Shape:
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ShapeError(
                f"operands 0 and {i} have shapes {shapes[0]} and {shape}; all must have one shape"
            )
    place = axis + len(shapes[0]) + 1
    return shapes[0][:place] + (len(shapes),) + shapes[0][place:]


def _stack_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
) -> tuple[Data, ...]:
    rest = (":",) * (-params["axis"] - 1)
    return tuple(xp.getitem(g, key=(i, *rest)) if w else None for i, w in enumerate(wanted))


def _stack(*xs: Data, axis: int) -> Data:
    if any(isinstance(x, SCALARS) for x in xs):  # a Python number gives way to the arrays' dtype
        return np.stack(xs, axis, dtype=np.result_type(*xs))
    return np.stack(xs, axis)


def _stacker(*, axis: int) -> Any:
    opened = (Ellipsis, None, *(slice(None),) * (-axis - 1))

    def run(*xs: Data) -> Data:
        for x in xs:
            if x.__class__ is not np.ndarray or x.ndim < -axis - 1:
                return _stack(*xs, axis=axis)
        return np.concatenate([x[opened] for x in xs], axis)

    return run


stack = general(
    "stack",
    _stack,
    prepare=_stacker,
    push=lambda xp, t, out, xs, params: xp.stack(*_filled(xp, t, xs), **params),
    pull=_stack_pull,
    shape=_stacked,
    dtype=promoted,
    batch=_batch_full,
    needs_values=False,
    family="layout",
    cases=(
        Case((("n",), ("n",)), {"axis": -1}),
        Case((("n", "m"),) * 3, {"axis": -3}),
        Case(((), ()), {"axis": -1}),
        Case(((0,), (0,)), {"axis": -2}),
    ),
)

# Borders. `widths` are (before, after) of the last axes; `unpad` is the transposed map.


def _padded(
    shape: Shape, *, widths: tuple[tuple[int, int], ...], mode: str, value: float = 0.0
) -> Shape:
    lead = len(shape) - len(widths)
    for size, both in zip(shape[lead:], widths, strict=True):
        if mode != "constant" and size == 0 and any(both):
            raise ShapeError(f"an axis of size 0 has no entries to continue it with (mode {mode})")
    return shape[:lead] + tuple(
        size + before + after for size, (before, after) in zip(shape[lead:], widths, strict=True)
    )


def _unpadded(shape: Shape, *, widths: tuple[tuple[int, int], ...], mode: str) -> Shape:
    lead = len(shape) - len(widths)
    pairs = zip(shape[lead:], widths, strict=True)
    return shape[:lead] + tuple(size + -(before + after) for size, (before, after) in pairs)


def _pad(x: Data, *, widths: tuple[tuple[int, int], ...], mode: Any, value: float = 0.0) -> Data:
    if not widths:
        return +x
    x = np.asarray(x)
    full = ((0, 0),) * (x.ndim - len(widths)) + widths
    if mode != "constant":
        return np.pad(x, full, mode=mode)
    sizes = list(zip(x.shape, full, strict=True))
    out = np.full([before + size + after for size, (before, after) in sizes], value, x.dtype)
    out[tuple([slice(before, before + size) for size, (before, _) in sizes])] = x
    return out


def _unpad(g: Data, *, widths: tuple[tuple[int, int], ...], mode: Any) -> Data:
    """The inner part, and on each of its entries the border entries that continued it."""
    for axis, (before, after) in zip(range(-len(widths), 0), widths, strict=True):
        moved = np.moveaxis(g, axis, 0)
        size = len(moved) - before - after
        inner = moved[before : before + size]
        if mode != "constant" and (before or after):
            inner = inner.copy()
            source = np.pad(np.arange(size), (before, after), mode=mode)
            for place in (*range(before), *range(before + size, len(moved))):
                inner[source[place]] += moved[place]
        g = np.moveaxis(inner, 0, axis)
    return g


PAD_CASES = tuple(
    Case((shape,), {"widths": widths, "mode": mode})
    for shape, widths in [
        (("n",), ((1, 1),)),
        (("n", "m"), ((2, 1), (0, 1))),
        ((2, "n", 3), ((0, 2),)),
        ((1,), ((2, 3),)),
    ]
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap")
)
pad = general(
    "pad",
    _pad,
    push=lambda xp, t, out, x, params: xp.pad(t[0], widths=params["widths"], mode=params["mode"]),
    pull=lambda xp, g, out, x, params, wanted: (
        xp.unpad(g, widths=params["widths"], mode=params["mode"]),
    ),
    shape=_padded,
    dtype=lambda kind, **params: promoted(kind),
    batch=lambda row, count, arrays, params: row.evaluate(*arrays, **params),
    needs_values=False,
    family="layout",
    cases=(
        *PAD_CASES,
        Case((("n",),), {"widths": ((1, 2),), "mode": "constant", "value": 1.5}),
        Case(((0,),), {"widths": ((1, 2),), "mode": "constant", "value": 0.0}),
        Case(((),), {"widths": (), "mode": "constant", "value": 0.0}),
    ),
)
unpad = linear(
    "unpad",
    _unpad,
    lambda xp, g, x, *, widths, mode: xp.pad(g, widths=widths, mode=mode),
    shape=_unpadded,
    cases=tuple(
        Case((shape,), {"widths": widths, "mode": mode})
        for shape, widths in [((5,), ((2, 1),)), (("n", 6), ((0, 0), (2, 2)))]
        for mode in ("constant", "edge", "reflect", "wrap")
    ),
)
