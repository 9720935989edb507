"""Rows that sum over shared axes: products of matrices and of tensors."""

from __future__ import annotations

import numpy as np

from derivant.base.dims import Shape, broadcast
from derivant.base.errors import ShapeError
from derivant.primitives.families import general
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import accumulate, promoted, unbroadcast


def _matmul_shape(x: Shape, y: Shape) -> Shape:
    if not x or not y:
        raise ShapeError("an operand has no axes; multiply by a number with *")
    inner = y[-2] if len(y) > 1 else y[0]
    if x[-1] != inner:
        place = "first" if len(y) < 3 else "second to last"
        raise ShapeError(
            f"the last axis of the first operand is {x[-1]}, "
            f"the {place} axis of the second is {inner}"
        )
    try:
        lead = broadcast((x[:-2], y[:-2]))
    except ShapeError as error:
        raise ShapeError(f"the leading axes do not broadcast: {error}") from None
    return lead + (x[-2:-1] if len(x) > 1 else ()) + (y[-1:] if len(y) > 1 else ())


def _matmul_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: tuple[bool, ...]
) -> tuple[Data, Data]:
    x, y = inputs
    return (
        _by_left(xp, g, x, y) if wanted[0] else None,
        _by_right(xp, g, x, y) if wanted[1] else None,
    )


def _by_left(xp: Names, g: Data, x: Data, y: Data) -> Data:
    """The cotangent of the left operand: G Y'."""
    if len(x.shape) == len(y.shape) == 2:
        return xp.matmul(g, xp.matrix_transpose(y))
    if len(y.shape) == 1:
        return unbroadcast(xp, xp.expand_dims(g, axis=(-1,)) * y, x)
    if len(x.shape) == 1:
        return unbroadcast(xp, xp.matmul(y, xp.expand_dims(g, axis=(-1,)))[..., 0], x)
    return unbroadcast(xp, xp.matmul(g, xp.matrix_transpose(y)), x)


def _by_right(xp: Names, g: Data, x: Data, y: Data) -> Data:
    """The cotangent of the right operand: X' G."""
    if len(x.shape) == len(y.shape) == 2:
        return xp.matmul(xp.matrix_transpose(x), g)
    if len(x.shape) == 1 and len(y.shape) == 1:
        return g * x
    if len(x.shape) == 1:
        return unbroadcast(xp, xp.expand_dims(x, axis=(-1,)) * xp.expand_dims(g, axis=(-2,)), y)
    if len(x.shape) == 2 and len(y.shape) == 1:
        return xp.matmul(xp.matrix_transpose(x), g)
    if len(y.shape) == 1:
        # every leading axis is summed: fold them into one product
        column = xp.expand_dims(g, axis=(-1,))
        return unbroadcast(xp, xp.matmul(xp.matrix_transpose(x), column)[..., 0], y)
    return unbroadcast(xp, xp.matmul(xp.matrix_transpose(x), g), y)


def _matmul_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (x, y), (tx, ty) = inputs, tangents
    left = None if tx is None else xp.matmul(tx, y)
    return accumulate(left, None if ty is None else xp.matmul(x, ty))


def _matmul_batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    x, y = map(np.asarray, arrays)
    row_only, column_only = x.ndim - count == 1, y.ndim - count == 1
    x = np.expand_dims(x, count) if row_only else x
    y = np.expand_dims(y, -1) if column_only else y
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(a.shape[:count] + (1,) * (rank - a.ndim) + a.shape[count:]) for a in (x, y))
    result = np.matmul(x, y)
    result = result[..., 0] if column_only else result
    return np.squeeze(result, -1 if column_only else -2) if row_only else result


def _matmul_reading(x: Shape, y: Shape) -> tuple[tuple[str, ...], str] | None:
    if len(x) > 2 or len(y) > 2:
        return None
    left, right = "ab"[2 - len(x) :], "bc"[: len(y)]
    return (left, right), left[:-1] + right[1:]


matmul = general(
    "matmul",
    np.matmul,
    push=_matmul_push,
    pull=_matmul_pull,
    shape=_matmul_shape,
    dtype=promoted,
    batch=_matmul_batch,
    family="contraction",
    text="{0} @ {1}",
    latex="{0} {1}",
    reading=_matmul_reading,
    domain=("real", "real"),
    cases=(
        Case((("n",), ("n",))),
        Case((("n", "m"), ("m",))),
        Case((("n",), ("n", "m"))),
        Case((("n", "m"), ("m", "k"))),
        Case(((2, "n", "m"), ("m", "k"))),
        Case((("n", "m"), (2, "m", "k"))),
        Case(((2, 1, "n", "m"), (3, "m", 1))),
        Case(((2, "n", "m"), ("m",))),
        Case((("n",), (2, "n", "m"))),
        Case(((0, "m"), ("m", "k"))),
        Case((("n", 0), (0, "k"))),
    ),
)
