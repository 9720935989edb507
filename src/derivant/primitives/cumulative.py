"""Rows that run along an axis: cumulative sums, products and extrema, and linear recurrences.

Derivatives of products are linear recurrences, whose derivatives are linear recurrences again: no
division, so that zeros among the factors are exact to every order.
"""

from __future__ import annotations

from operator import methodcaller
from typing import Any

import numpy as np

from derivant.base.dims import Shape, total
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import constant, general, linear
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.reductions import merged, summed
from derivant.primitives.rules import (
    accumulate,
    batch_tail,
    first_dtype,
    integer,
    promoted,
    same_shape,
)

SHAPES: tuple[tuple[tuple[str | int, ...], int], ...] = (
    (("n",), -1),
    (("n", "m"), -2),
    ((2, "n", 1), -2),
    ((1,), -1),
    ((0,), -1),
    ((0, 2), -1),
)


def _cases(**params: Any) -> tuple[Case, ...]:
    names = list(params)
    return tuple(
        Case((shape,), {"axis": axis, **dict.fromkeys(names, flag)})
        for shape, axis in SHAPES
        for flag in (False, True)
    )


def _ahead(x: Data, axis: int, reverse: bool) -> Data:
    """The array, turned round along the axis where the running order is from the end."""
    return np.flip(x, axis) if reverse else x


def _cumsum(x: Data, *, axis: int, reverse: bool) -> Data:
    return _ahead(np.cumsum(_ahead(x, axis, reverse), axis=axis), axis, reverse)


def _summer(*, axis: int, reverse: bool) -> Any:
    return None if reverse else methodcaller("cumsum", axis)


cumsum = linear(
    "cumsum",
    _cumsum,
    lambda xp, g, x, *, axis, reverse: xp.cumsum(g, axis=axis, reverse=not reverse),
    shape=same_shape,
    dtype=summed,
    prepare=_summer,
    cases=_cases(reverse=True),
)


def _part_key(rank: int, axis: int, part: slice) -> tuple[Any, ...]:
    return (Ellipsis, part) + (slice(None),) * (-axis - 1)


def _shift(x: Data, *, axis: int, reverse: bool) -> Data:
    later, earlier = slice(1, None), slice(None, -1)
    out = np.zeros_like(x)
    if x.shape[axis]:
        into, source = (earlier, later) if reverse else (later, earlier)
        out[_part_key(x.ndim, axis, into)] = x[_part_key(x.ndim, axis, source)]
    return out


# Each entry in the place of the next one, 0 in the first; the other way round in reverse.
shift = linear(
    "shift",
    _shift,
    lambda xp, g, x, *, axis, reverse: xp.shift(g, axis=axis, reverse=not reverse),
    shape=same_shape,
    cases=_cases(reverse=True),
)


def _recurrence(a: Data, b: Data, *, axis: int, reverse: bool) -> Data:
    """z[i] = a[i] z[i-1] + b[i], from the end in reverse: entry after entry, so never an overflow
    in a product that the result does not contain."""
    a, b = np.broadcast_arrays(a, b)
    a, b = (np.moveaxis(_ahead(x, axis, reverse), axis, 0) for x in (a, b))
    out = np.empty(a.shape, np.result_type(a, b))
    if a.size == len(a):
        out.reshape(-1)[:] = _run(a.reshape(-1).tolist(), b.reshape(-1).tolist())
    else:
        strong = not np.isfinite(a).all()
        z = np.zeros(a.shape[1:], out.dtype)
        for i in range(len(a)):
            carried = np.where(z == 0, 0, a[i] * z) if strong else a[i] * z
            z = np.add(carried, b[i], out=out[i])
    return _ahead(np.moveaxis(out, 0, axis), axis, reverse)


def _run(a: list[float], b: list[float]) -> list[float]:
    z, found = 0.0, []
    for factor, term in zip(a, b, strict=True):
        z = factor * z + term if z else term
        found.append(z)
    return found


def _recurrence_shape(a: Shape, b: Shape, *, axis: int, reverse: bool) -> Shape:
    if a != b:
        raise ShapeError(f"factors {a} and terms {b} must have one shape")
    return a


def _recurrence_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
) -> tuple[Data, Data]:
    """The transposed recurrence runs the other way, each factor one place earlier."""
    axis, reverse = params["axis"], params["reverse"]
    factors = xp.shift(inputs[0], axis=axis, reverse=not reverse)
    w = xp.recurrence(factors, g, axis=axis, reverse=not reverse)
    before = xp.shift(out, axis=axis, reverse=reverse) if wanted[0] else None
    return (xp.scale(w, before) if wanted[0] else None, w)


def _recurrence_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    ta, tb = tangents
    term = None
    if ta is not None:
        before = xp.shift(out, axis=params["axis"], reverse=params["reverse"])
        term = xp.scale(ta, before)
    return xp.recurrence(inputs[0], accumulate(term, tb), **params)


def _recurrence_batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    return row.evaluate(*arrays, **params)


recurrence = general(
    "recurrence",
    _recurrence,
    push=_recurrence_push,
    pull=_recurrence_pull,
    shape=_recurrence_shape,
    dtype=promoted,
    batch=_recurrence_batch,
    domain=("real", "real"),
    cases=tuple(Case(c.shapes * 2, c.params) for c in _cases(reverse=True)),
)


# The running product; exclusive: of the entries before, 1 in the first place.


def _cumprod(x: Data, *, axis: int, reverse: bool, exclusive: bool) -> Data:
    product = np.cumprod(_ahead(x, axis, reverse), axis=axis)
    if exclusive:
        product = np.asarray(_shift(product, axis=axis, reverse=False))
        if product.shape[axis]:
            product[_part_key(product.ndim, axis, slice(0, 1))] = 1
    return _ahead(product, axis, reverse)


def _before(xp: Names, out: Data, x: Data, params: Params) -> Data:
    return out if params["exclusive"] else xp.cumprod(x, **{**params, "exclusive": True})


def _cumprod_push(xp: Names, t: Data, out: Data, x: Data, params: Params) -> Data:
    axis, reverse = params["axis"], params["reverse"]
    terms = xp.scale(t, _before(xp, out, x, params))
    z = xp.recurrence(x, terms, axis=axis, reverse=reverse)
    return xp.shift(z, axis=axis, reverse=reverse) if params["exclusive"] else z


def _cumprod_pull(xp: Names, g: Data, out: Data, x: Data, params: Params) -> Data:
    axis, reverse = params["axis"], params["reverse"]
    if params["exclusive"]:
        g = xp.shift(g, axis=axis, reverse=not reverse)
    factors = xp.shift(x, axis=axis, reverse=not reverse)
    w = xp.recurrence(factors, g, axis=axis, reverse=not reverse)
    return xp.scale(w, _before(xp, out, x, params))


cumprod = general(
    "cumprod",
    _cumprod,
    push=lambda xp, t, out, x, params: _cumprod_push(xp, t[0], out, x[0], params),
    pull=lambda xp, g, out, x, params, wanted: (_cumprod_pull(xp, g, out, x[0], params),),
    dtype=summed,
    batch=batch_tail,
    cases=tuple(
        Case(c.shapes, {**c.params, "exclusive": flag})
        for c in _cases(reverse=True)
        for flag in (False, True)
    ),
)


# Of all entries over the axes but the one: the derivative of a product.


def _flat(xp: Names, x: Data, axis: tuple[int, ...]) -> Data:
    """The axes merged into one at the end."""
    shape = shape_of(x)
    if axis == (-1,):
        return x
    rest = tuple(a for a in range(-len(shape), 0) if a not in axis)
    moved = xp.permute_dims(x, axes=rest + axis)
    return xp.reshape(moved, shape=tuple(shape[a] for a in rest) + (total(shape[a] for a in axis),))


def _unflat(xp: Names, y: Data, shape: Shape, axis: tuple[int, ...]) -> Data:
    """The merged axis apart again, in place."""
    if axis == (-1,):
        return y
    order = tuple(a for a in range(-len(shape), 0) if a not in axis) + axis
    wide = xp.reshape(y, shape=tuple(shape[a] for a in order))
    back = tuple(order.index(a) - len(shape) for a in range(-len(shape), 0))
    return xp.permute_dims(wide, axes=back)


def _prod_except(x: Data, *, axis: tuple[int, ...]) -> Data:
    flat, back = merged(np.asarray(x), axis)
    left = _cumprod(flat, axis=-1, reverse=False, exclusive=True)
    return back(left * _cumprod(flat, axis=-1, reverse=True, exclusive=True))


LEFT: Params = {"axis": -1, "reverse": False, "exclusive": True}
RIGHT: Params = {"axis": -1, "reverse": True, "exclusive": True}


def _prod_except_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    x, t = (_flat(xp, a, params["axis"]) for a in (inputs[0], tangents[0]))
    left, right = xp.cumprod(x, **LEFT), xp.cumprod(x, **RIGHT)
    moved = xp.scale(_cumprod_push(xp, t, left, x, LEFT), right) + xp.scale(
        _cumprod_push(xp, t, right, x, RIGHT), left
    )
    return _unflat(xp, moved, shape_of(inputs[0]), params["axis"])


def _prod_except_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: Any
) -> tuple[Data]:
    x, g = (_flat(xp, a, params["axis"]) for a in (inputs[0], g))
    left, right = xp.cumprod(x, **LEFT), xp.cumprod(x, **RIGHT)
    gx = _cumprod_pull(xp, xp.scale(g, right), left, x, LEFT) + _cumprod_pull(
        xp, xp.scale(g, left), right, x, RIGHT
    )
    return (_unflat(xp, gx, shape_of(inputs[0]), params["axis"]),)


prod_except = general(
    "prod_except",
    _prod_except,
    push=_prod_except_push,
    pull=_prod_except_pull,
    dtype=summed,
    batch=batch_tail,
    cases=(
        Case((("n",),), {"axis": (-1,)}),
        Case((("n", "m"),), {"axis": (-2,)}),
        Case(((2, "n", 2),), {"axis": (-3, -1)}),
        Case(((0,),), {"axis": (-1,)}),
        Case(((),), {"axis": ()}),
        Case((("n",),), {"axis": ()}),
    ),
)


# Running extrema; at ties the later entry, as the last of a stable order.


def _running_place(x: Data, axis: int, best: Any) -> Data:
    shape = [1] * np.ndim(x)
    shape[axis] = -1
    places = np.arange(np.shape(x)[axis]).reshape(shape)
    reached = np.equal(x, best.accumulate(x, axis=axis)) | np.not_equal(x, x)
    return np.maximum.accumulate(np.where(reached, places, 0), axis=axis)


def _running(name: str, best: Any) -> None:
    place = f"{name}_place"

    def pull(xp: Names, g: Data, out: Data, inputs: Any, params: Params, wanted: Any) -> Any:
        axis, x = params["axis"], inputs[0]
        chosen = getattr(xp, place)(x, axis=axis)
        return (xp.add_along_axis(g, chosen, axis=axis, size=shape_of(x)[axis]),)

    def push(xp: Names, tangents: Any, out: Data, inputs: Any, params: Params) -> Data:
        chosen = getattr(xp, place)(inputs[0], axis=params["axis"])
        return xp.take_along_axis(tangents[0], chosen, axis=params["axis"])

    cases = tuple(Case((shape,), {"axis": axis}) for shape, axis in SHAPES)
    constant(
        place,
        lambda x, *, axis: _running_place(x, axis, best),
        shape=same_shape,
        dtype=integer,
        batch=batch_tail,
        domain=("distinct",),
        cases=cases,
    )
    general(
        name,
        lambda x, *, axis: best.accumulate(x, axis=axis),
        push=push,
        pull=pull,
        dtype=first_dtype,
        batch=batch_tail,
        domain=("distinct",),
        cases=cases,
    )


_running("cummax", np.maximum)
_running("cummin", np.minimum)

__all__ = ["cumprod", "cumsum", "prod_except", "recurrence", "shift"]
