"""Rows that reduce axes: sums, products, extrema, and their cumulative forms."""

from __future__ import annotations

import numpy as np

from derivant.base.dims import Shape
from derivant.base.types import shape_of
from derivant.primitives.families import linear
from derivant.primitives.primitive import Case, Data, DType, Names, Params
from derivant.primitives.rules import promoted

AXES_CASES = tuple(
    Case((shape,), {"axis": axis, "keepdims": keep})
    for shape, axis in [
        (("n",), (-1,)),
        (("n", "m"), (-1,)),
        (("n", "m"), (-2,)),
        (("n", "m"), (-1, -2)),
        ((2, "n", 1), (-3, -1)),
        ((), ()),
    ]
    for keep in (False, True)
)
EMPTY_CASES = (Case(((0,),), {"axis": (-1,), "keepdims": False}),)


def reduced_shape(shape: Shape, *, axis: tuple[int, ...], keepdims: bool, **rest: object) -> Shape:
    """The shape without the reduced axes, or with size 1 there."""
    rank = len(shape)
    if keepdims:
        return tuple(1 if i - rank in axis else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i - rank not in axis)


def restored(xp: Names, g: Data, x: Data, axis: tuple[int, ...], keepdims: bool) -> Data:
    """The reduced axes put back with size 1."""
    if keepdims or not axis:
        return g
    return xp.reshape(g, shape=reduced_shape(shape_of(x), axis=axis, keepdims=True))


def _sum_pull(xp: Names, g: Data, x: Data, *, axis: tuple[int, ...], keepdims: bool) -> Data:
    return xp.broadcast_to(restored(xp, g, x, axis, keepdims), shape=shape_of(x))


def summed(kind: DType | type, **params: object) -> DType:
    """Sums of small integers and booleans are taken in NumPy's default integer."""
    kind = promoted(kind)
    return np.sum(np.zeros(1, kind)).dtype


def _sum_reading(
    shape: Shape, *, axis: tuple[int, ...], keepdims: bool
) -> tuple[tuple[str, ...], str] | None:
    if keepdims:
        return None
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(shape)]
    kept = "".join(c for i, c in enumerate(letters) if i - len(shape) not in axis)
    return (letters,), kept


sum_ = linear(
    "sum",
    lambda x, *, axis, keepdims: np.add.reduce(x, axis=axis, keepdims=keepdims),
    _sum_pull,
    shape=reduced_shape,
    dtype=summed,
    text="sum({0})",
    reading=_sum_reading,
    cases=AXES_CASES + EMPTY_CASES,
)
