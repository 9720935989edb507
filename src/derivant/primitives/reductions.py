"""Rows that reduce axes: sums, products, extrema, spread, and the stable softmax family."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from derivant.base.dims import Dim, Shape, Size, total
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.families import constant, general, linear
from derivant.primitives.primitive import Case, Data, DType, Names, Params, Prepare, Pull, Push
from derivant.primitives.rules import (
    batch_tail,
    first_dtype,
    inexact,
    integer,
    promoted,
    same_shape,
)

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
    if keepdims or not axis or not g.shape:
        return g
    return xp.reshape(g, shape=reduced_shape(shape_of(x), axis=axis, keepdims=True))


def _sum_pull(xp: Names, g: Data, x: Data, *, axis: tuple[int, ...], keepdims: bool) -> Data:
    return xp.broadcast_to(restored(xp, g, x, axis, keepdims), shape=shape_of(x))


def summed(kind: DType | type, **params: object) -> DType:
    """Sums of small integers and booleans are taken in NumPy's default integer."""
    kind = promoted(kind)
    return np.result_type(np.sum(np.zeros(1, kind)))


def _sum_reading(
    shape: Shape, *, axis: tuple[int, ...], keepdims: bool
) -> tuple[tuple[str, ...], str] | None:
    if keepdims:
        return None
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(shape)]
    kept = "".join(c for i, c in enumerate(letters) if i - len(shape) not in axis)
    return (letters,), kept


def _reducer(reduce: Any) -> tuple[Callable[..., Data], Prepare]:
    """The evaluator of a row that reduces by a ufunc, and what prepares it for its axes."""

    def prepare(*, axis: tuple[int, ...], keepdims: bool) -> Any:
        along = axis[0] if len(axis) == 1 else axis  # one number is quicker than a tuple of it
        return lambda x: reduce(x, along, None, None, keepdims)

    return lambda x, *, axis, keepdims: reduce(x, axis, None, None, keepdims), prepare


# Looked up once: a ufunc makes its methods anew each time.
_LARGEST: Callable[..., Data] = np.maximum.reduce
_TOTAL: Callable[..., Data] = np.add.reduce
SUM, PROD, MAX, MIN = (
    _reducer(ufunc.reduce) for ufunc in (np.add, np.multiply, np.maximum, np.minimum)
)


sum_ = linear(
    "sum",
    SUM[0],
    _sum_pull,
    shape=reduced_shape,
    dtype=summed,
    prepare=SUM[1],
    text="sum({0})",
    reading=_sum_reading,
    cases=AXES_CASES + EMPTY_CASES,
)


def weighted(weights: Callable[..., Data]) -> tuple[Push, Pull]:
    """The rules of a reduction whose derivative is a weighted sum over the reduced axes.

    `weights(xp, out, x, **params)` has the shape of `x`; `out` has the reduced axes with size 1.
    """

    def factor(xp: Names, out: Data, x: Data, params: Params) -> Data:
        kept = restored(xp, out, x, params["axis"], params["keepdims"])
        return weights(xp, kept, x, **params)

    def push(xp: Names, tangents: Any, out: Data, inputs: Any, params: Params) -> Data:
        moved = xp.scale(tangents[0], factor(xp, out, inputs[0], params))
        return xp.sum(moved, axis=params["axis"], keepdims=params["keepdims"])

    def pull(xp: Names, g: Data, out: Data, inputs: Any, params: Params, wanted: Any) -> Any:
        g = restored(xp, g, inputs[0], params["axis"], params["keepdims"])
        return (xp.scale(g, factor(xp, out, inputs[0], params)),)

    return push, pull


def reduction(
    name: str,
    evaluate: Callable[..., Any],
    weights: Callable[..., Data],
    *,
    shape: Any = reduced_shape,
    dtype: Any = first_dtype,
    prepare: Prepare | None = None,
    domain: str = "real",
    cases: tuple[Case, ...] = AXES_CASES,
    latex: str = "",
    source: str = "",
) -> Any:
    """A row that reduces axes and whose derivative is a weighted sum."""
    push, pull = weighted(weights)
    return general(
        name,
        evaluate,
        push=push,
        pull=pull,
        shape=shape,
        dtype=dtype,
        batch=batch_tail,
        family="reduction",
        prepare=prepare,
        domain=(domain,),
        cases=cases,
        latex=latex,
        source=source,
    )


# Products. The factors of the others are products again, never quotients: exact at zeros.

prod_ = reduction(
    "prod",
    PROD[0],
    lambda xp, out, x, *, axis, keepdims: xp.prod_except(x, axis=axis),
    dtype=summed,
    prepare=PROD[1],
    latex=r"\prod {0}",
    cases=AXES_CASES + EMPTY_CASES,
)

# Extrema: where entries tie each has the same part of the derivative, 1 together.


def _nonempty(shape: Shape, *, axis: tuple[int, ...], keepdims: bool) -> Shape:
    for a in axis:
        if shape[a] == 0:
            raise ShapeError(f"axis {a} has no entries, so there is no extremum among them")
    return reduced_shape(shape, axis=axis, keepdims=keepdims)


def _shares(xp: Names, out: Data, x: Data, *, axis: tuple[int, ...], keepdims: bool) -> Data:
    ties = xp.equal(x, out)
    return ties / xp.sum(ties, axis=axis, keepdims=True)


max_ = reduction(
    "max",
    MAX[0],
    _shares,
    shape=_nonempty,
    prepare=MAX[1],
    domain="distinct",
    latex=r"\max {0}",
)
min_ = reduction(
    "min",
    MIN[0],
    _shares,
    shape=_nonempty,
    prepare=MIN[1],
    domain="distinct",
    latex=r"\min {0}",
)

# Spread.


def _divider(*, size: Size | float) -> Any:
    if isinstance(size, Dim):
        return None
    number = float(size)
    return lambda x: x / number  # one number is divided without a ufunc


over_size = linear(
    "over_size",
    lambda x, *, size: np.divide(x, size),
    lambda xp, g, x, *, size: xp.over_size(g, size=size),
    shape=same_shape,
    dtype=inexact,
    prepare=_divider,
    text="{0} / {size}",
    latex=r"\frac{{{0}}}{{{size}}}",
    cases=(
        Case((("n", "m"),), {"size": lambda n: n}),
        Case(((),), {"size": 3}),
        Case(((0,),), {"size": 2.5}),
    ),
)


def freedom(shape: Shape, axis: tuple[int, ...], correction: float) -> Size | float:
    """The number of entries over the axes less a correction, never below 0."""
    count = total(shape[a] for a in axis)
    return max(count - correction, 0) if isinstance(count, int) else count - int(correction)


def _var(x: Data, *, axis: tuple[int, ...], correction: float, keepdims: bool) -> Data:
    return _var_along(axis, correction, keepdims, x)


def _var_along(axis: tuple[int, ...], correction: float, keepdims: bool, x: Data) -> Data:
    along = axis[0] if len(axis) == 1 else axis  # one number is quicker than a tuple of it
    count = float(prod([x.shape[a] for a in axis]))
    away = x - _TOTAL(x, along, None, None, True) / count
    squares = _TOTAL(np.square(away), along, None, None, keepdims)
    return squares / max(count - correction, 0.0)


def _var_weights(
    xp: Names, out: Data, x: Data, *, axis: tuple[int, ...], correction: float, keepdims: bool
) -> Data:
    """2 (x - mean) / d."""
    count = total(shape_of(x)[a] for a in axis)
    away = x - xp.over_size(xp.sum(x, axis=axis, keepdims=True), size=count)
    return xp.over_size(2 * away, size=freedom(shape_of(x), axis, correction))


def _centered(xp: Names, x: Data, axis: tuple[int, ...]) -> Data:
    """The distance from the mean; taken twice, so that no rounding is left of a constant."""
    count = total(shape_of(x)[a] for a in axis)
    once = x - xp.over_size(xp.sum(x, axis=axis, keepdims=True), size=count)
    return once - xp.over_size(xp.sum(once, axis=axis, keepdims=True), size=count)


def _std(x: Data, *, axis: tuple[int, ...], correction: float, keepdims: bool) -> Data:
    shape = np.shape(x)
    count = prod(shape[a] for a in axis)
    away = x - np.add.reduce(x, axis=axis, keepdims=True) / count
    away = away - np.add.reduce(away, axis=axis, keepdims=True) / count
    squares = np.add.reduce(away * away, axis=axis)
    found = np.sqrt(np.divide(squares, max(count - correction, 0)))
    return np.expand_dims(found, axis) if keepdims else found


def _std_weights(
    xp: Names, out: Data, x: Data, *, axis: tuple[int, ...], correction: float, keepdims: bool
) -> Data:
    """(x - mean) / (d std): 0 for a constant, where there is no second derivative."""
    inverse = 1.0 / xp.where(xp.equal(out, 0), np.nan, out)
    ratio = xp.scale(_centered(xp, x, axis), inverse)
    return xp.over_size(ratio, size=freedom(shape_of(x), axis, correction))


def _std_cases() -> tuple[Case, ...]:
    shapes = [(("n",), (-1,)), (("n", "m"), (-2,)), ((2, "n", 1), (-3, -2))]
    return tuple(
        Case((shape,), {"axis": axis, "correction": c, "keepdims": keep})
        for shape, axis in shapes
        for c, keep in [(0, False), (1, True)]
    )


var = reduction(
    "var",
    _var,
    _var_weights,
    dtype=inexact,
    prepare=lambda *, axis, correction, keepdims: partial(_var_along, axis, correction, keepdims),
    latex=r"\operatorname{{var}} {0}",
    cases=_std_cases(),
)
std = reduction(
    "std",
    _std,
    _std_weights,
    shape=reduced_shape,
    dtype=inexact,
    domain="distinct",
    latex=r"\operatorname{{std}} {0}",
    cases=_std_cases(),
)


def merged(x: Data, axis: tuple[int, ...]) -> tuple[Data, Callable[[Data], Data]]:
    """The axes merged into one at the end, and the way back."""
    ends = tuple(range(-len(axis), 0))
    moved = np.moveaxis(x, axis, ends)
    rest = moved.shape[: moved.ndim - len(axis)]
    flat = moved.reshape(rest + (total(moved.shape[len(rest) :]),))
    return flat, lambda y: np.moveaxis(y.reshape(moved.shape), ends, axis)


def _median(x: Data, *, axis: tuple[int, ...], keepdims: bool) -> Data:
    if len(axis) == 1:
        return np.median(x, axis=axis[0], keepdims=keepdims)
    found = np.median(merged(np.asarray(x), axis)[0], axis=-1)
    return np.expand_dims(found, axis) if keepdims else found


def _median_weights(x: Data, *, axis: tuple[int, ...]) -> Data:
    """1 at the entry in the middle of the stable order, 1/2 at each of two; NaN where one is."""
    flat, back = merged(np.asarray(x), axis)
    weights = np.zeros(flat.shape, inexact(flat.dtype))
    count = flat.shape[-1]
    order = np.argsort(flat, axis=-1, kind="stable")
    for middle in ((count - 1) // 2, count // 2) if count else ():
        place = order[..., middle : middle + 1]
        now = np.take_along_axis(weights, place, -1)
        np.put_along_axis(weights, place, now + weights.dtype.type(0.5), -1)
    weights[np.isnan(flat).any(axis=-1)] = np.nan
    return back(weights)


median_weights = constant(
    "median_weights",
    _median_weights,
    shape=same_shape,
    dtype=inexact,
    batch=batch_tail,
    domain=("distinct",),
    cases=(Case((("n", "m"),), {"axis": (-2,)}), Case(((2, "n", "m"),), {"axis": (-3, -1)})),
)
median = reduction(
    "median",
    _median,
    lambda xp, out, x, *, axis, keepdims: xp.median_weights(x, axis=axis),
    dtype=inexact,
    domain="distinct",
    latex=r"\operatorname{{median}} {0}",
)

# Softmax and its kin. The largest entry is taken out first, and its own exponential, 1, is added
# in log1p: nothing overflows, and nothing small is lost beside it.


def _log_sum(x: Data, axis: tuple[int, ...]) -> tuple[Data, Data]:
    """The largest entry, and the logarithm of the sum of exponentials relative to it."""
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    e = np.exp(x - top)
    largest = np.equal(e, 1)
    count = np.add.reduce(largest, axis=axis, keepdims=True, dtype=e.dtype)
    rest = np.add.reduce(np.where(largest, 0, e), axis=axis, keepdims=True)
    return top, np.log1p(rest / count) + np.log(count)


def _floats(x: Data) -> Data:
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


@np.errstate(all="ignore")
def _logsumexp(x: Data, *, axis: tuple[int, ...], keepdims: bool) -> Data:
    top, rest = _log_sum(_floats(x), axis)
    result = np.where(np.isfinite(top), top + rest, top)
    return result if keepdims else np.squeeze(result, axis)[()]


def _logsumexp_weights(
    xp: Names, out: Data, x: Data, *, axis: tuple[int, ...], keepdims: bool
) -> Data:
    return xp.where(xp.equal(out, -np.inf), 0.0, xp.softmax(x, axis=axis))


logsumexp = reduction(
    "logsumexp",
    _logsumexp,
    _logsumexp_weights,
    dtype=inexact,
    latex=r"\log \sum e^{{{0}}}",
    cases=AXES_CASES,
)


def _softmax(x: Data, *, axis: tuple[int, ...]) -> Data:
    return _softmax_along(axis[0] if len(axis) == 1 else axis, _floats(x))


def _softmaxer(*, axis: tuple[int, ...]) -> Any:
    return partial(_softmax_along, axis[0] if len(axis) == 1 else axis)


@np.errstate(all="ignore")
def _softmax_along(axis: Any, x: Data) -> Data:
    if x.dtype.kind != "f":
        x = _floats(x)
    e = np.exp(x - _LARGEST(x, axis, None, None, True, -np.inf))
    return e / _TOTAL(e, axis, None, None, True)


@np.errstate(all="ignore")
def _log_softmax(x: Data, *, axis: tuple[int, ...]) -> Data:
    x = _floats(x)
    top, rest = _log_sum(x, axis)
    return (x - top) - rest


def _probabilities(xp: Names, out: Data, x: Data, axis: tuple[int, ...]) -> Data:
    """The softmax, 0 where every entry is -inf: there the function is taken to be constant."""
    lowest = xp.equal(xp.max(x, axis=axis, keepdims=True), -np.inf)
    return xp.where(lowest, 0.0, out)


def _softmax_rule(xp: Names, g: Data, out: Data, x: Data, axis: tuple[int, ...]) -> Data:
    """p (g - <p, g>): the Jacobian is symmetric, so that it serves tangents and cotangents.

    Numbers are first moved by the one at the largest p, which changes nothing, since p sums to 1:
    so no digits cancel at a p near 1, where the others alone decide. A formula has no largest.
    """
    if not all(shape_of(x)[a] for a in axis):
        return g
    p = _probabilities(xp, out, x, axis)
    if len(axis) == 1 and max(getattr(v, "derivant_rank", 0) for v in (g, p)) <= 1:
        g = g - xp.take_along_axis(g, xp.argmax(p, axis=axis[0], keepdims=True), axis=axis[0])
    return xp.scale(g - xp.sum(xp.scale(g, p), axis=axis, keepdims=True), p)


SOFTMAX_CASES = (
    Case((("n",),), {"axis": (-1,)}),
    Case((("n", "m"),), {"axis": (-2,)}),
    Case(((2, "n", 3),), {"axis": (-3, -1)}),
    Case(((),), {"axis": ()}),
    Case(((0,),), {"axis": (-1,)}),
    Case(((0, 2),), {"axis": (-1,)}),
)
softmax = general(
    "softmax",
    _softmax,
    push=lambda xp, t, out, x, p: _softmax_rule(xp, t[0], out, x[0], p["axis"]),
    pull=lambda xp, g, out, x, p, wanted: (_softmax_rule(xp, g, out, x[0], p["axis"]),),
    batch=batch_tail,
    prepare=_softmaxer,
    latex=r"\operatorname{{softmax}}({0})",
    cases=SOFTMAX_CASES,
)


def _log_softmax_pull(xp: Names, g: Data, out: Data, axis: tuple[int, ...]) -> Data:
    """g - p sum(g), as g (1 - p) - p (sum(g) - g): exact for one class where its p is near 1."""
    others = xp.sum(g, axis=axis, keepdims=True) - g
    return -xp.scale(g, xp.expm1(out)) - xp.scale(others, xp.exp(out))


log_softmax = general(
    "log_softmax",
    _log_softmax,
    push=lambda xp, t, out, x, p: (
        t[0] - xp.sum(xp.scale(t[0], xp.exp(out)), axis=p["axis"], keepdims=True)
    ),
    pull=lambda xp, g, out, x, p, wanted: (_log_softmax_pull(xp, g, out, p["axis"]),),
    batch=batch_tail,
    latex=r"\log\operatorname{{softmax}}({0})",
    cases=SOFTMAX_CASES,
)

# Without a derivative.

INDEX_CASES = tuple(
    Case((shape,), {"axis": axis, "keepdims": keep})
    for shape, axis in [(("n",), -1), (("n", "m"), -2), ((2, "n", 1), -3)]
    for keep in (False, True)
)


def _place_shape(shape: Shape, *, axis: int, keepdims: bool) -> Shape:
    return _nonempty(shape, axis=(axis,), keepdims=keepdims)


for _name, _function in (("argmax", np.argmax), ("argmin", np.argmin)):
    constant(
        _name,
        lambda x, *, axis, keepdims, _f=_function: _f(x, axis=axis, keepdims=keepdims),
        shape=_place_shape,
        dtype=integer,
        batch=batch_tail,
        domain=("distinct",),
        cases=INDEX_CASES,
    )
for _name, _ufunc in (("all", np.logical_and), ("any", np.logical_or)):
    constant(
        _name,
        lambda x, *, axis, keepdims, _u=_ufunc: _u.reduce(x, axis=axis, keepdims=keepdims),
        shape=reduced_shape,
        batch=batch_tail,
        domain=("int",),
        cases=AXES_CASES + EMPTY_CASES,
    )
count_nonzero = constant(
    "count_nonzero",
    lambda x, *, axis, keepdims: np.count_nonzero(x, axis=axis, keepdims=keepdims),
    shape=reduced_shape,
    dtype=integer,
    batch=batch_tail,
    domain=("int",),
    cases=AXES_CASES + EMPTY_CASES,
)
