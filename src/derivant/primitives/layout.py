"""Rows that move entries without changing them: shape, order, repetition."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivant.base.dims import Shape, total
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import linear
from derivant.primitives.primitive import Case, Data, Names
from derivant.primitives.rules import batch_lead, same_shape, unbroadcast


def _reshape_shape(old: Shape, *, shape: Shape) -> Shape:
    if total(old) != total(shape):
        raise ShapeError(f"{total(old)} entries do not fill {tuple(shape)}, which holds {total(shape)}")
    return tuple(shape)


reshape = linear(
    "reshape",
    lambda x, *, shape, lead=0: np.reshape(x, np.shape(x)[:lead] + tuple(shape)),
    lambda xp, g, x, *, shape: xp.reshape(g, shape=shape_of(x)),
    shape=_reshape_shape,
    batch=batch_lead,
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


def _broadcast_to(x: Data, *, shape: tuple[int, ...], lead: int = 0) -> Data:
    if lead:
        x = np.reshape(x, x.shape[:lead] + (1,) * (len(shape) + lead - x.ndim) + x.shape[lead:])
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
    extra = np.ndim(x) - len(axes)
    return np.transpose(x, (*range(extra), *(a + np.ndim(x) for a in axes)))


permute_dims = linear(
    "permute_dims",
    _permute,
    lambda xp, g, x, *, axes: xp.permute_dims(g, axes=_inverse(axes)),
    shape=lambda shape, *, axes: tuple(shape[a] for a in axes),
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


expand_dims = linear(
    "expand_dims",
    lambda x, *, axis: np.expand_dims(x, axis),
    lambda xp, g, x, *, axis: xp.reshape(g, shape=shape_of(x)),
    shape=_expanded,
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


def transpose_names(xp: Names, x: Data) -> Data:
    """All axes reversed."""
    rank = len(shape_of(x))
    return xp.permute_dims(x, axes=tuple(range(-1, -rank - 1, -1)))
