"""Pieces that rules of several families share. Written in the table's vocabulary, for any `xp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from derivant.base.dims import Shape, broadcast
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.primitive import Data, DType, Names, Params, Primitive

SCALARS = (int, float, bool)


def zero_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[None, ...]:
    """The rule of an operation whose derivative is zero everywhere."""
    return (None,) * len(inputs)


def zero_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> None:
    """The rule of an operation whose derivative is zero everywhere."""


def unbroadcast(xp: Names, g: Data, like: Data) -> Data:
    """Sum a cotangent over the axes along which its operand was repeated."""
    shape = shape_of(like)
    if g.shape == shape:
        return g
    extra = len(g.shape) - len(shape)
    if extra:
        g = xp.sum(g, axis=tuple(range(-len(g.shape), -len(shape))), keepdims=False)
    axes = tuple(
        axis - len(shape) for axis, size in enumerate(shape) if size == 1 and g.shape[axis] != 1
    )
    return xp.sum(g, axis=axes, keepdims=True) if axes else g


def spread(xp: Names, t: Data, like: Data) -> Data:
    """Repeat a tangent to the shape of its result."""
    shape = shape_of(like)
    return t if t.shape == shape else xp.broadcast_to(t, shape=shape)


def accumulate(total: Data, term: Data) -> Data:
    """The sum of two cotangents or tangents, either of which may be a structural zero."""
    if total is None:
        return term
    return total if term is None else total + term


# shape rules


def broadcast_shape(*shapes: Shape, **params: object) -> Shape:
    """The common shape of the operands."""
    try:
        return broadcast(shapes)
    except ShapeError as error:
        raise ShapeError(f"the shapes do not broadcast: {error}") from None


def same_shape(shape: Shape, *rest: Shape, **params: object) -> Shape:
    """The shape of the first operand."""
    return shape


# dtype rules


def promoted(*dtypes: DType | type, **params: object) -> DType:
    """The dtype that NumPy's promotion gives; a Python scalar's type stands for a weak one."""
    return _promoted(*dtypes)


@lru_cache(maxsize=256, typed=True)  # typed: a dtype is equal to the type that it is made of
def _promoted(*dtypes: DType | type) -> DType:
    return np.result_type(*(t(0) if isinstance(t, type) else t for t in dtypes))


def inexact(*dtypes: DType | type, **params: object) -> DType:
    """As `promoted`, and at least a float."""
    kind = promoted(*dtypes)
    return kind if kind.kind in "fc" else np.dtype(np.float64)


def boolean(*dtypes: DType | type, **params: object) -> DType:
    """True or False."""
    return np.dtype(np.bool_)


def integer(*dtypes: DType | type, **params: object) -> DType:
    """NumPy's default index type."""
    return np.dtype(np.intp)


def first_dtype(first: DType | type, *rest: DType | type, **params: object) -> DType:
    """The dtype of the first operand."""
    return promoted(first)


# evaluation under leading axes


def batch_elementwise(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """Pad the ranks behind the leading axes; NumPy's broadcasting does the rest."""
    return row.evaluate(*pad_ranks(count, arrays), **params)


def pad_ranks(count: int, arrays: Sequence[Data]) -> list[Data]:
    """Give all operands one rank, new axes of size 1 standing behind the leading ones."""
    rank = max(np.ndim(a) for a in arrays)
    return [
        a
        if isinstance(a, SCALARS) or a.ndim == rank
        else a.reshape(a.shape[:count] + (1,) * (rank - a.ndim) + a.shape[count:])
        for a in arrays
    ]


def batch_tail(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """For an operation on the last axes of one array: leading axes are in nobody's way."""
    return row.evaluate(*arrays, **params)


def batch_lead(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """For an evaluator that takes the number of leading axes itself."""
    return row.evaluate(*full_leading(count, arrays), lead=count, **params)


def full_leading(count: int, arrays: Sequence[Data]) -> list[np.ndarray[Any, Any]]:
    """Repeat every operand to the full leading shape."""
    arrays = [np.asarray(a).reshape((1,) * count) if np.ndim(a) == 0 else a for a in arrays]
    leading = np.broadcast_shapes(*(a.shape[:count] for a in arrays))
    return [np.broadcast_to(a, leading + a.shape[count:]) for a in arrays]


def batch_loop(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """One evaluation for each place of the leading axes: slow, what the others are tested by."""
    plain = [a.__class__ in SCALARS for a in arrays]  # numbers give way to the arrays' dtype
    wide = iter(full_leading(count, [a for a, p in zip(arrays, plain, strict=True) if not p]))
    arrays = tuple(a if p else next(wide) for a, p in zip(arrays, plain, strict=True))
    leading = next(a for a, p in zip(arrays, plain, strict=True) if not p).shape[:count]

    def at(pick: Callable[[Data], Data]) -> Data:
        given = [a if p else pick(a) for a, p in zip(arrays, plain, strict=True)]
        return row.evaluate(*given, **params)

    results = [at(itemgetter(place)) for place in np.ndindex(leading)]
    if not results:
        empty = at(lambda a: np.ones(a.shape[count:], a.dtype))
        return _map_outputs(empty, lambda e: np.empty(leading + np.shape(e), np.asarray(e).dtype))
    if row.outputs == 1:
        return np.stack(results).reshape(leading + np.shape(results[0]))
    return tuple(
        np.stack(column).reshape(leading + np.shape(column[0]))
        for column in zip(*results, strict=True)
    )


def _map_outputs(value: Data, function: Any) -> Data:
    return tuple(map(function, value)) if isinstance(value, tuple) else function(value)
