"""Rows of diagonals: read one, write one, sum one. They act on the last two axes."""

from __future__ import annotations

from operator import methodcaller

import numpy as np

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import linear
from derivant.primitives.primitive import Case, Data, Names
from derivant.primitives.reductions import summed

LETTERS = "abcdefghijklmnopqrstuvwxyz"
OFFSET_CASES = (
    Case((("n", "n"),), {"offset": 0}),
    Case((("n", "n"),), {"offset": 1}),
    Case(((3, 5),), {"offset": 0}),
    Case(((5, 3),), {"offset": -2}),
    Case(((2, 3, 4),), {"offset": 2}),
    Case(((2, "n", "n"),), {"offset": -1}),
    Case(((1, 1),), {"offset": 0}),
    Case(((0, 0),), {"offset": 0}),
    Case(((2, 3),), {"offset": 7}),
)


def diagonal_size(rows: Size, columns: Size, offset: int) -> Size:
    """The number of entries on a diagonal; above the main one where `offset` is positive."""
    if rows == columns and isinstance(rows, Dim):
        return rows - abs(offset)
    high, wide = rows + min(offset, 0), columns - max(offset, 0)
    if isinstance(high, int) and isinstance(wide, int):
        return max(0, min(high, wide))
    return high if high == wide else Dim.named(f"min({high}, {wide})")


def _two_axes(shape: Shape) -> None:
    if len(shape) < 2:
        raise ShapeError(f"a diagonal needs two axes; {{0}} has {len(shape)}")


def _diagonal_shape(shape: Shape, *, offset: int) -> Shape:
    _two_axes(shape)
    return shape[:-2] + (diagonal_size(shape[-2], shape[-1], offset),)


def _trace_shape(shape: Shape, *, offset: int) -> Shape:
    _two_axes(shape)
    return shape[:-2]


def _embedded_shape(shape: Shape, *, offset: int, sizes: Shape | None = None) -> Shape:
    if not shape:
        raise ShapeError("a diagonal needs one axis to be made of; {0} has none")
    size = shape[-1] + abs(offset)
    rows, columns = sizes or (size, size)
    places = diagonal_size(rows, columns, offset)
    if places != shape[-1]:
        raise ShapeError(
            f"the last axis of {{0}} is {shape[-1]}; diagonal {offset} of a matrix of "
            f"{rows} by {columns} has {places} entries"
        )
    return shape[:-1] + (rows, columns)


def _embed(x: Data, *, offset: int, sizes: tuple[int, int] | None = None) -> Data:
    """Zeros with `x` on the diagonal: it is every (columns + 1)-th entry of the matrix."""
    x = np.asarray(x)
    size = x.shape[-1] + abs(offset)
    rows, columns = sizes or (size, size)
    flat = np.zeros(x.shape[:-1] + (rows * columns,), x.dtype)
    start = offset if offset >= 0 else -offset * columns
    stop = start + x.shape[-1] * (columns + 1)
    flat[..., start : stop : columns + 1] = x
    return flat.reshape(x.shape[:-1] + (rows, columns))


def _diagonal_transpose(xp: Names, g: Data, x: Data, *, offset: int) -> Data:
    sizes = shape_of(x)[-2:]
    if sizes[0] == sizes[1] and shape_of(g)[-1] + abs(offset) == sizes[0]:
        return xp.diag_embed(g, offset=offset)
    return xp.diag_embed(g, offset=offset, sizes=sizes)


def _trace_transpose(xp: Names, g: Data, x: Data, *, offset: int) -> Data:
    shape = _diagonal_shape(shape_of(x), offset=offset)
    return _diagonal_transpose(
        xp, xp.broadcast_to(xp.expand_dims(g, axis=(-1,)), shape=shape), x, offset=offset
    )


def _square_letters(shape: Shape, offset: int) -> str | None:
    """`abcc` for a stack of square matrices read on the main diagonal, else None."""
    if offset or shape[-1] != shape[-2]:
        return None
    lead = LETTERS[: len(shape) - 1]
    return lead + lead[-1]


def _diagonal_reading(shape: Shape, *, offset: int) -> tuple[tuple[str, ...], str] | None:
    letters = _square_letters(shape, offset)
    return None if letters is None else ((letters,), letters[:-1])


def _trace_reading(shape: Shape, *, offset: int) -> tuple[tuple[str, ...], str] | None:
    letters = _square_letters(shape, offset)
    return None if letters is None else ((letters,), letters[:-2])


def _embed_reading(
    shape: Shape, *, offset: int, sizes: Shape | None = None
) -> tuple[tuple[str, ...], str] | None:
    """A letter that stands twice in the output is a delta between its two places."""
    if offset or (sizes and sizes[0] != sizes[1]):
        return None
    letters = LETTERS[: len(shape)]
    return (letters,), letters + letters[-1]


diagonal = linear(
    "diagonal",
    lambda x, *, offset: np.diagonal(x, offset, -2, -1),
    _diagonal_transpose,
    shape=_diagonal_shape,
    prepare=lambda *, offset: methodcaller("diagonal", offset, -2, -1),
    text="diagonal({0})",
    latex=r"\operatorname{{diag}}({0})",
    reading=_diagonal_reading,
    cases=OFFSET_CASES,
)
trace = linear(
    "trace",
    lambda x, *, offset: np.trace(x, offset, -2, -1),
    _trace_transpose,
    shape=_trace_shape,
    dtype=summed,
    prepare=lambda *, offset: methodcaller("trace", offset, -2, -1),
    text="trace({0})",
    latex=r"\operatorname{{tr}}({0})",
    reading=_trace_reading,
    cases=OFFSET_CASES,
)
# `sizes` only where the matrix is not the smallest square one that holds the diagonal.
diag_embed = linear(
    "diag_embed",
    _embed,
    lambda xp, g, x, *, offset, sizes=None: xp.diagonal(g, offset=offset),
    shape=_embedded_shape,
    text="diag({0})",
    latex=r"\operatorname{{diag}}({0})",
    reading=_embed_reading,
    cases=(
        Case((("n",),), {"offset": 0}),
        Case((("n",),), {"offset": 2}),
        Case(((2, "n"),), {"offset": -1}),
        Case(((3,),), {"offset": 0, "sizes": (3, 5)}),
        Case(((3,),), {"offset": -2, "sizes": (5, 3)}),
        Case(((0,),), {"offset": 0}),
        Case(((0,),), {"offset": 7, "sizes": (2, 3)}),
        Case(((1,),), {"offset": 0}),
    ),
)
