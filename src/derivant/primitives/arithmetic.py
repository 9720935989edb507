"""Rows of arithmetic: sums, products, powers, extrema, selection; and `scale`, the strong zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.primitives.families import BINARY_CASES, constant, elementwise, general
from derivant.primitives.primitive import Case, Data, DType, DTypeRule, Names, Params
from derivant.primitives.rules import (
    accumulate,
    batch_elementwise,
    broadcast_shape,
    promoted,
    spread,
    unbroadcast,
)

FLOAT = np.float64
INF = math.inf
INTEGER = np.dtype(np.intp)
_vdot = np.vdot


def resolved(ufunc: np.ufunc) -> DTypeRule:
    """The dtype rule of a NumPy function: what it answers itself, asked once."""

    @lru_cache(maxsize=256, typed=True)  # typed: a dtype is equal to the type that it is made of
    def resolve(*dtypes: DType | type) -> DType:
        kinds = tuple(np.dtype(bool) if kind is bool else kind for kind in dtypes)
        return ufunc.resolve_dtypes((*kinds, None))[-1]

    return lambda *dtypes, **params: resolve(*dtypes)


def _scale(g: Data, p: Data) -> Data:
    r"""g * p, exactly 0 where g is exactly 0 whatever p is. Repairs only what is not finite."""
    product = g * p
    if product.__class__ is FLOAT or product.__class__ is float:
        return FLOAT(product if -INF < product < INF or g != 0 else 0.0)
    probe = _vdot(product, product)  # NaN or infinity in, NaN or infinity out; BLAS speed
    if -INF < probe < INF:
        return product
    return np.where(np.equal(g, 0), product.dtype.type(0), product)


add = elementwise("add", np.add, 1, 1, dtype=resolved(np.add), text="{0} + {1}", latex="{0} + {1}")
subtract = elementwise(
    "subtract",
    np.subtract,
    1,
    -1,
    dtype=resolved(np.subtract),
    text="{0} - {1}",
    latex="{0} - {1}",
)
negative = elementwise(
    "negative", np.negative, -1, dtype=resolved(np.negative), text="-{0}", latex="-{0}"
)
positive = elementwise(
    "positive", np.positive, 1, dtype=resolved(np.positive), text="+{0}", latex="{0}"
)
multiply = elementwise(
    "multiply",
    np.multiply,
    lambda xp, out, x, y: y,
    lambda xp, out, x, y: x,
    dtype=resolved(np.multiply),
    text="{0} * {1}",
    latex=r"{0} \odot {1}",
    reading=lambda x, y: broadcast_reading((x, y)),
)


def _strong(a: Data, b: Data) -> Data:
    """a * b, exactly 0 where either is exactly 0."""
    product = np.multiply(a, b)
    probe = _vdot(product, product)
    if -INF < probe < INF:
        return product
    absent = np.logical_or(np.equal(a, 0), np.equal(b, 0))
    return np.where(absent, product.dtype.type(0), product)[()]


def _scale_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (g, p), (tg, tp) = inputs, tangents
    by_g = None if tg is None else spread(xp, xp.scale(tg, p), out)
    return accumulate(by_g, None if tp is None else spread(xp, xp.strong(tp, g), out))


def _scale_pull(
    xp: Names,
    c: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, ...]:
    g, p = inputs
    return (
        unbroadcast(xp, xp.scale(c, p), g) if wanted[0] else None,
        unbroadcast(xp, xp.strong(c, g), p) if wanted[1] else None,
    )


# The strong zero. Where g is 0 the slope by p is 0 however fast p moves, hence `strong` there.
scale = general(
    "scale",
    _scale,
    push=_scale_push,
    pull=_scale_pull,
    shape=broadcast_shape,
    dtype=resolved(np.multiply),
    batch=batch_elementwise,
    family="strong zero",
    text="{0} * {1}",
    latex=r"{0} \odot {1}",
    reading=lambda x, y: broadcast_reading((x, y)),
    domain=("real", "real"),
    cases=BINARY_CASES,
)
strong = general(
    "strong",
    _strong,
    push=lambda xp, tangents, out, inputs, params: accumulate(
        None if tangents[0] is None else spread(xp, xp.strong(tangents[0], inputs[1]), out),
        None if tangents[1] is None else spread(xp, xp.strong(tangents[1], inputs[0]), out),
    ),
    pull=lambda xp, c, out, inputs, params, wanted: (
        unbroadcast(xp, xp.strong(c, inputs[1]), inputs[0]) if wanted[0] else None,
        unbroadcast(xp, xp.strong(c, inputs[0]), inputs[1]) if wanted[1] else None,
    ),
    shape=broadcast_shape,
    dtype=resolved(np.multiply),
    batch=batch_elementwise,
    family="strong zero",
    text="{0} * {1}",
    latex=r"{0} \odot {1}",
    reading=lambda x, y: broadcast_reading((x, y)),
    domain=("real", "real"),
    cases=BINARY_CASES,
)
divide = elementwise(
    "divide",
    np.divide,
    lambda xp, out, x, y: xp.divide(1.0, y),
    lambda xp, out, x, y: xp.divide(-out, y),
    dtype=resolved(np.divide),
    text="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    domain=("real", "nonzero"),
)
reciprocal = elementwise(
    "reciprocal",
    lambda x: np.divide(1.0, x),
    lambda xp, out, x: -out * out,
    dtype=lambda kind: resolved(np.divide)(float, kind),
    text="1 / {0}",
    latex=r"\frac{{1}}{{{0}}}",
    domain=("nonzero",),
)
square = elementwise(
    "square",
    np.square,
    lambda xp, out, x: 2 * x,
    dtype=resolved(np.square),
    text="{0}**2",
    latex="{{{0}}}^2",
)


def _quotient(x: Data, y: Data) -> Data:
    with np.errstate(invalid="ignore"):
        ratio = np.divide(x, y)
    return np.where(np.logical_and(np.equal(x, 0), np.equal(y, 0)), 0.0, ratio)[()]


# x / y, and 0 where both are 0: the slope of a length at the origin. The slope by x, sign(y)/|y|,
# is NaN there, and so is the second derivative of a length, which does not exist.
quotient = elementwise(
    "quotient",
    _quotient,
    lambda xp, out, x, y: xp.divide(xp.sign(y), xp.abs(y)),
    lambda xp, out, x, y: xp.divide(-out, y),
    dtype=resolved(np.divide),
    text="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    domain=("real", "nonzero"),
)


def broadcast_reading(shapes: tuple[Any, ...]) -> tuple[tuple[str, ...], str] | None:
    """Letters of an elementwise product; None where an axis of size 1 is repeated."""
    rank = max(map(len, shapes))
    letters = "abcdefghijklmnopqrstuvwxyz"[:rank]
    full: dict[int, Any] = {}
    for shape in shapes:
        for back, size in enumerate(reversed(shape)):
            if full.setdefault(back, size) != size:
                return None
    return tuple(letters[rank - len(s) :] for s in shapes), letters


def _pow(x: Data, y: Data) -> Data:
    try:
        return np.power(x, y)
    except ValueError as error:
        if np.result_type(x, y).kind in "iu" and np.any(np.less(y, 0)):
            raise ArgumentError(
                "an integer to a negative integer power is no integer; make the base float first"
            ) from error
        raise


# NumPy's own power is exact to the last digit, and ten to fifty times slower than these.
QUICK_POWERS: dict[float, Callable[[Data], Data]] = {
    -1: lambda x: np.divide(1.0, x),
    0.5: np.sqrt,
    2: np.square,
    3: lambda x: np.multiply(np.square(x), x),
}


def _power(x: Data, *, exponent: float) -> Data:
    quick = QUICK_POWERS.get(exponent)
    if quick is not None and (x.__class__ is float or getattr(x, "dtype", INTEGER).kind == "f"):
        return quick(x)
    return _pow(x, exponent)


def _raiser(*, exponent: float) -> Any:
    quick = QUICK_POWERS.get(exponent)
    if quick is None:
        return None
    return lambda x: quick(x) if x.dtype.kind == "f" else _pow(x, exponent)


def _power_by_exponent(xp: Names, out: Data, x: Data, y: Data) -> Data:
    """x^y log x; at x = 0 it is 0 for y >= 0 (its limit for y > 0)."""
    zero = xp.logical_and(xp.equal(x, 0), xp.greater_equal(y, 0))
    return xp.where(zero, 0.0, out * xp.log(xp.where(zero, 1.0, x)))


def _power_slope(xp: Names, out: Data, x: Data, *, exponent: float) -> Data:
    """The derivative of a fixed power; 0 for the power 0, at x = 0 too."""
    if exponent == 2:
        return 2 * x
    return exponent * xp.power(x, exponent=exponent - 1) if exponent else xp.zeros_like(x)


# By the base: y x^(y-1), where the strong zero keeps x^0 constant at x = 0 and leaves the slope
# of that slope by y as it is.
pow_ = elementwise(
    "pow",
    _pow,
    lambda xp, out, x, y: xp.scale(y, xp.pow(x, y - 1)),
    _power_by_exponent,
    dtype=resolved(np.power),
    text="{0}**{1}",
    latex="{{{0}}}^{{{1}}}",
    domain=("positive", "real"),
)
power = elementwise(
    "power",
    _power,
    _power_slope,
    prepare=_raiser,
    dtype=lambda kind, *, exponent: resolved(np.power)(kind, type(exponent)),
    text="{0}**{exponent}",
    latex="{{{0}}}^{{{exponent}}}",
    domain=("positive",),
    cases=(
        *(Case((("n", "m"),), {"exponent": e}) for e in (0, 1, 2, 3, -1, 0.5, 3.0, -1.5)),
        Case(((),), {"exponent": 3}),
        Case(((0,),), {"exponent": 2.0}),
        Case(((1, "n"),), {"exponent": -2}),
        Case((("n",),), {"exponent": 3}, ("real",)),
    ),
)


def _share(xp: Names, mine: Data, other: Data, lead: Data) -> Data:
    """1 where this operand is the extremum, 1/2 at a tie, 0 elsewhere; NaN where either is."""
    return xp.where(xp.equal(mine, other), 0.5, xp.step(lead))


# Extrema: convex (concave), so where operands tie the subgradient of least norm: half each.
maximum = elementwise(
    "maximum",
    np.maximum,
    lambda xp, out, x, y: _share(xp, x, y, x - y),
    lambda xp, out, x, y: _share(xp, x, y, y - x),
    dtype=resolved(np.maximum),
    text="maximum({0}, {1})",
    latex=r"\max({0}, {1})",
)
minimum = elementwise(
    "minimum",
    np.minimum,
    lambda xp, out, x, y: _share(xp, x, y, y - x),
    lambda xp, out, x, y: _share(xp, x, y, x - y),
    dtype=resolved(np.minimum),
    text="minimum({0}, {1})",
    latex=r"\min({0}, {1})",
)
# One side of clip each. Unlike the extrema they give x the slope 0 at the bound, which takes it.
clip_low = elementwise(
    "clip_low",
    np.maximum,
    lambda xp, out, x, low: xp.where(xp.equal(x, low), 0.0, xp.step(x - low)),
    lambda xp, out, x, low: xp.where(xp.equal(x, low), 1.0, xp.step(low - x)),
    dtype=resolved(np.maximum),
    text="clip({0}, {1}, None)",
    latex=r"\max({0}, {1})",
)
clip_high = elementwise(
    "clip_high",
    np.minimum,
    lambda xp, out, x, high: xp.where(xp.equal(x, high), 0.0, xp.step(high - x)),
    lambda xp, out, x, high: xp.where(xp.equal(x, high), 1.0, xp.step(x - high)),
    dtype=resolved(np.minimum),
    text="clip({0}, None, {1})",
    latex=r"\min({0}, {1})",
)


def _where_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, ...]:
    condition, x, y = inputs
    return (
        None,
        unbroadcast(xp, xp.where(condition, g, 0.0), x) if wanted[1] else None,
        unbroadcast(xp, xp.where(condition, 0.0, g), y) if wanted[2] else None,
    )


def _where_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    _, tx, ty = tangents
    if tx is None and ty is None:
        return None
    chosen = xp.where(inputs[0], 0.0 if tx is None else tx, 0.0 if ty is None else ty)
    return spread(xp, chosen, out)


where = general(
    "where",
    np.where,
    push=_where_push,
    pull=_where_pull,
    shape=broadcast_shape,
    dtype=lambda condition, x, y: promoted(x, y),
    batch=batch_elementwise,
    text="where({0}, {1}, {2})",
    latex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
    family="selection",
    domain=("mask", "real", "real"),
    cases=(
        Case(((), (), ())),
        Case((("n",), ("n",), ("n",))),
        Case((("n", 1), ("m",), ())),
        Case((("m",), (), ("n", "m"))),
        Case(((0,), (), (0,))),
    ),
)

# x = floor(x/y) y + remainder: between the jumps the remainder moves with x, and by -floor with y.
remainder = elementwise(
    "remainder",
    np.remainder,
    1,
    lambda xp, out, x, y: -xp.floor_divide(x, y),
    dtype=resolved(np.remainder),
    text="{0} % {1}",
    latex=r"{0} \bmod {1}",
    domain=("fractional", "around1"),
)
# x - out is a whole multiple of y, but the division rounds; `round` finds the multiple again.
fmod = elementwise(
    "fmod",
    np.fmod,
    1,
    lambda xp, out, x, y: xp.round(xp.divide(out - x, y), decimals=0),
    dtype=resolved(np.fmod),
    text="fmod({0}, {1})",
    latex=r"\operatorname{{fmod}}({0}, {1})",
    domain=("fractional", "around1"),
)
floor_divide = constant(
    "floor_divide",
    np.floor_divide,
    2,
    dtype=resolved(np.floor_divide),
    text="{0} // {1}",
    domain=("real", "nonzero"),
)
copysign = elementwise(
    "copysign",
    np.copysign,
    lambda xp, out, x, y: xp.sign(x) * xp.copysign(1.0, y),
    None,
    dtype=resolved(np.copysign),
    text="copysign({0}, {1})",
    latex=r"|{0}| \operatorname{{sign}} {1}",
    domain=("nonzero", "nonzero"),
)
# The neighbour of x moves with x: its slope is 1 as far as numbers can tell.
nextafter = elementwise(
    "nextafter",
    np.nextafter,
    1,
    None,
    dtype=resolved(np.nextafter),
    text="nextafter({0}, {1})",
    latex=r"\operatorname{{nextafter}}({0}, {1})",
)
