"""Several arrays made one, one made several, and borders around an array."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.types import Array, Operand
from derivant.ops.arguments import one_axis
from derivant.ops.layout import ravel, reshape
from derivant.ops.rows import call, read
from derivant.primitives import TABLE, apply, prepared
from derivant.primitives.explain import refusal
from derivant.primitives.primitive import Settings

__all__ = [
    "concat",
    "concatenate",
    "hstack",
    "pad",
    "split",
    "stack",
    "unstack",
    "vstack",
]

Widths: TypeAlias = "int | Sequence[int] | Sequence[Sequence[int]]"
CONCAT, STACK = TABLE["concat"], TABLE["stack"]
MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def _arrays(name: str, arrays: Sequence[Operand] | Array) -> list[Any]:
    """The arrays of a sequence; those of one array along its first axis."""
    given: Any = arrays
    if given.__class__ is list and given:
        return given
    found = list(unstack(given) if hasattr(given, "shape") else given)
    if not found:
        raise ArgumentError(f"{name}: there are no arrays")
    return found


def concat(arrays: Sequence[Operand] | Array, axis: int | None = 0) -> Array:
    """Arrays one after the other along an axis: sizes n and m become n + m.

    Without an axis the flattened arrays are joined. Raises ShapeError where other sizes differ.

    >>> from derivant.ops.joining import concat
    >>> concat([[1.0, 2.0], [3.0]])
    array([1., 2., 3.])
    """
    given: Any = arrays
    if given.__class__ is not list or not given:
        given = _arrays("concat", given)
    if axis is None:
        return call("concat", *map(ravel, given), axis=-1)
    eager = getattr(given[0], "derivant_rank", 0) == 1  # it reads the others itself
    found = (*given,) if eager else _all_read("concat", given)
    first = found[0]
    rank = len(first.shape)
    if not (axis.__class__ is int and -rank <= axis < rank):
        axis = one_axis("concat", first, axis)
    settings = _along(rank, axis)
    result: Array = (first.derivant_apply if eager else apply)(CONCAT, found, settings)
    return result


def _all_read(name: str, given: Sequence[Any]) -> tuple[Any, ...]:
    try:
        return tuple(map(read, given))
    except ArgumentError as error:
        raise refusal(name, tuple(given), [], error) from error


@lru_cache
def _along(rank: int, axis: int) -> Settings:
    """The parameter for an axis that is there."""
    return prepared(CONCAT, axis=axis - rank if axis >= 0 else axis)


concatenate = concat


def stack(arrays: Sequence[Operand] | Array, axis: int = 0) -> Array:
    """Arrays of one shape along a new axis.

    Raises ShapeError where the shapes differ, AxisError where the result has no such axis.

    >>> from derivant.ops.joining import stack
    >>> stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    given = _arrays("stack", arrays)
    found = tuple([x if isinstance(x, (int, float)) else read(x) for x in given])
    line = one_axis("stack", read(found[0]), axis, extra=1)
    result: Array = apply(STACK, found, _stacking(line))
    return result


@lru_cache
def _stacking(axis: int) -> Settings:
    return prepared(STACK, axis=axis)


def unstack(x: Operand, axis: int = 0) -> tuple[Array, ...]:
    """The parts of an array along an axis, without it; the reverse of `stack`.

    Raises ArgumentError where the size of the axis is a name.

    >>> from derivant.ops.joining import unstack
    >>> [float(part) for part in unstack([1.0, 2.0])]
    [1.0, 2.0]
    """
    a = read(x)
    line = one_axis("unstack", a, axis)
    size = a.shape[line]
    if not isinstance(size, int):
        raise ArgumentError(f"unstack: the number of parts is the named size {size}")
    rest = (":",) * (-line - 1)
    return tuple(call("getitem", a, key=(place, *rest)) for place in range(size))


def split(x: Operand, indices_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Array, ...]:
    """An array cut along an axis: into equal parts, or before each of the places given.

    Raises ArgumentError where the size of the axis is a name, or equal parts do not come out.

    >>> from derivant.ops.joining import split
    >>> [part.shape for part in split([1.0, 2.0, 3.0, 4.0], [1])]
    [(1,), (3,)]
    """
    a = read(x)
    line = one_axis("split", a, axis)
    size = a.shape[line]
    if not isinstance(size, int):
        raise ArgumentError(f"split: the axis has the named size {size}")
    if isinstance(indices_or_sections, (list, tuple)):
        cuts = [slice(c).indices(size)[1] for c in indices_or_sections]
    else:
        parts = indices_or_sections
        if not isinstance(parts, (int, np.integer)) or parts < 1 or size % parts:
            error = ArgumentError(
                f"{size} entries along the axis do not make {parts!r} equal parts"
            )
            raise refusal("split", (a,), [repr(parts)], error)
        cuts = [i * (size // parts) for i in range(1, parts)]
    rest = (":",) * (-line - 1)
    pieces = [(start, max(stop - start, 0), 1) for start, stop in pairwise([0, *cuts, size])]
    return tuple(call("getitem", a, key=(piece, *rest)) for piece in pieces)


def _at_least(x: Operand, rank: int) -> Array:
    """New axes before, up to this many."""
    a = read(x)
    missing = rank - len(a.shape)
    return reshape(a, (1,) * missing + tuple(a.shape)) if missing > 0 else a


def hstack(arrays: Sequence[Operand] | Array) -> Array:
    """Arrays side by side: along the second axis, vectors along the first.

    Raises ShapeError where other sizes differ.

    >>> from derivant.ops.joining import hstack
    >>> hstack([[[1.0], [2.0]], [[3.0], [4.0]]])
    array([[1., 3.],
           [2., 4.]])
    """
    found = [_at_least(x, 1) for x in _arrays("hstack", arrays)]
    return concat(found, axis=0 if len(found[0].shape) == 1 else 1)


def vstack(arrays: Sequence[Operand] | Array) -> Array:
    """Arrays one above the other: along the first axis, vectors as rows.

    Raises ShapeError where other sizes differ.

    >>> from derivant.ops.joining import vstack
    >>> vstack([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [3., 4.]])
    """
    given = _arrays("vstack", arrays)
    try:
        return concat([_at_least(x, 2) for x in given], axis=0)
    except ShapeError as error:
        reason = ShapeError("as matrices they differ in another axis than the first")
        raise refusal("vstack", tuple(given), [], reason) from error


def pad(x: Operand, pad_width: Widths, mode: str = "constant", constant_values: float = 0) -> Array:
    """A border around an array: a size n becomes before + n + after.

    `pad_width` is one number, (before, after), or such a pair for each axis. `mode` says what
    stands in the border: "constant" (`constant_values`), "edge", "reflect", "symmetric" or "wrap",
    as in NumPy. Raises ArgumentError for another mode and for widths that do not fit.

    >>> from derivant.ops.joining import pad
    >>> pad([1.0, 2.0, 3.0], (1, 2), mode="reflect")
    array([2., 1., 2., 3., 2., 1.])
    """
    a = read(x)
    if mode not in MODES:
        raise ArgumentError(f"pad: the mode is one of {', '.join(MODES)}, not {mode!r}")
    widths = _widths(pad_width, len(a.shape))
    if mode != "constant":
        return call("pad", a, widths=widths, mode=mode)
    if a.dtype.kind in "iu" and constant_values != int(constant_values):
        raise ArgumentError(f"pad: {constant_values} cannot stand among numbers of dtype {a.dtype}")
    return call("pad", a, widths=widths, mode=mode, value=constant_values)


def _widths(given: Widths, rank: int) -> tuple[tuple[int, int], ...]:
    """A pair of numbers for each axis."""
    if type(given) is int and given >= 0:
        return ((given, given),) * rank
    try:
        pairs = np.broadcast_to(np.asarray(given), (rank, 2))
    except ValueError:
        raise ArgumentError(f"pad: {given!r} is not (before, after) for {rank} axes") from None
    if pairs.dtype.kind not in "iu" or np.any(pairs < 0):
        raise ArgumentError(f"pad: {given!r} must be whole numbers, none negative")
    return tuple((int(before), int(after)) for before, after in pairs)
