"""Rows of vector norms: any order over any axes, without overflow, with gradient 0 at 0."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from derivant.primitives.families import general
from derivant.primitives.matrices import Numbers, matrix_dtype
from derivant.primitives.primitive import Case, Data, Names, Params
from derivant.primitives.reductions import reduced_shape, restored
from derivant.primitives.rules import batch_tail, same_shape

# Sums of powers between these are far from where floats overflow or lose digits.
LAST = (-1,)
FEW = 32  # numbers, of which Python finds the least and the largest as quickly as NumPy
SAFE = {"d": (1e-280, 1e290), "f": (1e-30, 1e36)}


_sum: Callable[..., Data] = np.add.reduce
_dots: Callable[..., Data] = np.errstate(all="ignore")(np.vecdot)


def _sum_of_squares(x: Numbers) -> Data:
    """Of all entries; None where it is out of the range of floats."""
    total = np.vdot(x, x)  # BLAS, and no warning where it overflows
    low, high = SAFE[x.dtype.char]
    return total if low < total < high else None


def _power_sum(x: Numbers, axis: tuple[int, ...], ord: float) -> Numbers:
    """The sum of |x|^p with the axes kept."""
    powers = x * x if ord == 2 else np.abs(x) ** x.dtype.type(ord)
    return np.asarray(np.add.reduce(powers, axis=axis, keepdims=True))


def _squares(x: Numbers, axis: tuple[int, ...], keepdims: bool) -> Data:
    """The sums of squares, None where one of them is out of the range of floats."""
    low, high = SAFE[x.dtype.char]
    if axis == LAST and x.size and x.strides[-1] == x.itemsize:  # BLAS goes line by line
        total = _dots(x, x, keepdims=True) if keepdims else _dots(x, x)
    elif _sum_of_squares(x) is None:
        return None
    else:  # no square is too large
        total = _sum(x * x, axis[0] if len(axis) == 1 else axis, None, None, keepdims)
    flat = total.ravel()
    few = flat.tolist() if flat.size <= FEW else (flat[flat.argmin()], flat[flat.argmax()])
    return total if low < min(few) and max(few) < high else None


def _root(total: Numbers, ord: float) -> Numbers:
    return np.asarray(np.sqrt(total) if ord == 2 else total ** total.dtype.type(1 / ord))


def _norm(x: Numbers, axis: tuple[int, ...], ord: float) -> Numbers:
    """The norm with its axes kept; scaled first where a power would leave the range of floats."""
    squares = _squares(x, axis, True) if ord == 2 else None
    if squares is not None:
        return np.asarray(np.sqrt(squares))
    with np.errstate(all="ignore"):
        total = _power_sum(x, axis, ord)
        low, high = SAFE[x.dtype.char]
        if ((total > low) & (total < high)).all() or not x.size:
            return _root(total, ord)
        most = np.abs(x)
        size = most.max(axis, keepdims=True) if ord > 0 else most.min(axis, keepdims=True)
        usable = (size > 0) & np.isfinite(size)
        divisor = np.where(usable, size, x.dtype.type(1))
        scaled = _root(_power_sum(x / divisor, axis, ord), ord) * divisor
    return np.asarray(np.where(usable, scaled, size))


def _floats(x: Numbers) -> Numbers:
    x = np.asarray(x)
    return x if x.dtype.char in SAFE else x.astype(matrix_dtype(x.dtype), copy=False)


def _vector_norm(x: Numbers, *, axis: tuple[int, ...], keepdims: bool, ord: float) -> Data:
    return _norm_along(axis, keepdims, ord, x)


def _norm_along(axis: tuple[int, ...], keepdims: bool, ord: float, x: Numbers) -> Data:
    if x.__class__ is not np.ndarray or x.dtype.char not in SAFE:
        x = _floats(x)
    if ord == 2:
        whole = x.ndim == len(axis) and not keepdims
        total = _sum_of_squares(x) if whole else _squares(x, axis, keepdims)
        if total is not None:
            return np.sqrt(total)
    kept = _norm(x, axis, ord)
    return kept if keepdims else np.squeeze(kept, axis)[()]


def _norm_slope(x: Numbers, *, axis: tuple[int, ...], ord: float) -> Numbers:
    """The gradient of the norm: sign(x) |x/norm|^(p-1), 0 at x = 0 (least norm)."""
    x = _floats(x)
    norm = _norm(x, axis, ord)
    with np.errstate(all="ignore"):
        unit = np.asarray(x / np.where(norm == 0, x.dtype.type(1), norm))
        if ord == 2:
            return unit
        slope = np.sign(x) * np.abs(unit) ** x.dtype.type(ord - 1)
    return np.asarray(np.where(x == 0, x.dtype.type(0), slope))


def _curvature(xp: Names, t: Data, out: Data, x: Data, params: Params) -> Data:
    """The derivative of the slope s in the direction t, which is symmetric; NaN at x = 0.

    (p - 1) (|x/n|^(p-2) t - s <s, t>) / n.
    """
    axis, ord = params["axis"], params["ord"]
    norm = xp.vector_norm(x, axis=axis, keepdims=True, ord=ord)
    still = xp.equal(norm, 0)
    size = xp.where(still, 1.0, norm)
    along = xp.sum(out * t, axis=axis, keepdims=True)
    bend = t if ord == 2 else xp.scale(t, xp.power(xp.abs(x) / size, exponent=ord - 2.0))
    change = xp.scale((bend - out * along) / size, xp.where(still, 0.0, ord - 1.0))
    undefined = xp.scale(t, xp.where(still, float("nan"), 0.0))
    return change + xp.sum(undefined, axis=axis, keepdims=True)


norm_slope = general(
    "norm_slope",
    _norm_slope,
    push=lambda xp, tangents, out, inputs, params: _curvature(
        xp, tangents[0], out, inputs[0], params
    ),
    pull=lambda xp, g, out, inputs, params, wanted: (_curvature(xp, g, out, inputs[0], params),),
    shape=same_shape,
    dtype=matrix_dtype,
    batch=batch_tail,
    domain=("nonzero",),
    cases=(
        Case((("n", "m"),), {"axis": (-1,), "ord": 2.0}),
        Case(((2, "n", "m"),), {"axis": (-2, -1), "ord": 3.0}),
        Case((("n",),), {"axis": (-1,), "ord": 1.5}),
        Case((("n",),), {"axis": (-1,), "ord": -1.0}),
    ),
)


def _norm_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    x, axis = inputs[0], params["axis"]
    kept = restored(xp, g, x, axis, params["keepdims"])
    return (xp.scale(kept, xp.norm_slope(x, axis=axis, ord=params["ord"])),)


def _norm_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    slope = xp.norm_slope(inputs[0], axis=params["axis"], ord=params["ord"])
    moved = xp.scale(tangents[0], slope)
    return xp.sum(moved, axis=params["axis"], keepdims=params["keepdims"])


vector_norm = general(
    "vector_norm",
    _vector_norm,
    push=_norm_push,
    pull=_norm_pull,
    shape=lambda shape, *, axis, keepdims, ord: reduced_shape(shape, axis=axis, keepdims=keepdims),
    dtype=matrix_dtype,
    batch=batch_tail,
    prepare=lambda *, axis, keepdims, ord: partial(_norm_along, axis, keepdims, ord),
    text="norm({0})",
    latex=r"\lVert {0} \rVert",
    domain=("nonzero",),
    cases=tuple(
        Case((shape,), {"axis": axis, "keepdims": keep, "ord": ord})
        for shape, axis in [(("n",), (-1,)), ((2, "n", "m"), (-3, -1)), ((1,), (-1,)), ((), ())]
        for keep, ord in [(False, 2.0), (True, 3.0), (False, 1.5), (False, -2.0)]
    )
    + (Case(((0,),), {"axis": (-1,), "keepdims": False, "ord": 2.0}),),
)
