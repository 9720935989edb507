"""Rows of arithmetic: sums, products, powers, extrema, selection; and `scale`, the strong zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivant.primitives.families import constant, elementwise, general
from derivant.primitives.primitive import Case, Data, Names, Params
from derivant.primitives.rules import (
    batch_elementwise,
    broadcast_shape,
    promoted,
    spread,
    unbroadcast,
)

FLOAT = np.float64
_vdot = np.vdot


def _scale(g: Data, p: Data) -> Data:
    r"""g * p, exactly 0 where g is exactly 0 whatever p is. Repairs only what is not finite."""
    product = g * p
    if product.__class__ is FLOAT or product.__class__ is float:
        return product if product - product == 0 or g != 0 else product.__class__(0)
    probe = _vdot(product, product)  # NaN or infinity in, NaN or infinity out; BLAS speed
    if probe - probe == 0:
        return product
    return np.where(np.equal(g, 0), product.dtype.type(0), product)


add = elementwise("add", np.add, 1, 1, dtype=promoted, text="{0} + {1}", latex="{0} + {1}")
subtract = elementwise(
    "subtract", np.subtract, 1, -1, dtype=promoted, text="{0} - {1}", latex="{0} - {1}"
)
negative = elementwise("negative", np.negative, -1, dtype=promoted, text="-{0}", latex="-{0}")
positive = elementwise("positive", np.positive, 1, dtype=promoted, text="+{0}", latex="{0}")
multiply = elementwise(
    "multiply",
    np.multiply,
    lambda xp, out, x, y: y,
    lambda xp, out, x, y: x,
    dtype=promoted,
    text="{0} * {1}",
    latex=r"{0} \odot {1}",
    reading=lambda x, y: broadcast_reading((x, y)),
)
scale = elementwise(
    "scale",
    _scale,
    lambda xp, out, g, p: p,
    lambda xp, out, g, p: g,
    dtype=promoted,
    text="{0} * {1}",
    latex=r"{0} \odot {1}",
    reading=lambda x, y: broadcast_reading((x, y)),
)
divide = elementwise(
    "divide",
    np.divide,
    lambda xp, out, x, y: 1.0 / y,
    lambda xp, out, x, y: -out / y,
    text="{0} / {1}",
    latex=r"\frac{{{0}}}{{{1}}}",
    domain=("real", "nonzero"),
)
reciprocal = elementwise(
    "reciprocal",
    lambda x: np.divide(1.0, x),
    lambda xp, out, x: -out * out,
    text="1/{0}",
    latex=r"\frac{{1}}{{{0}}}",
    domain=("nonzero",),
)
square = elementwise(
    "square", np.square, lambda xp, out, x: 2 * x, dtype=promoted, text="{0}**2", latex="{0}^2"
)


def broadcast_reading(shapes: tuple[Any, ...]) -> tuple[tuple[str, ...], str] | None:
    """Letters of an elementwise product; None where an axis of size 1 is repeated."""
    rank = max(map(len, shapes))
    letters = "abcdefghijklmnopqrstuvwxyz"[:rank]
    full = {}
    for shape in shapes:
        for back, size in enumerate(reversed(shape)):
            if full.setdefault(back, size) != size:
                return None
    return tuple(letters[rank - len(s) :] for s in shapes), letters


def _power_by_base(xp: Names, out: Data, x: Data, y: Data) -> Data:
    """y x^(y-1); where y is 0 the function is constant, at x = 0 too."""
    still = xp.equal(y, 0)
    return xp.where(still, 0.0, y * xp.pow(x, xp.where(still, 1.0, y - 1)))


def _power_by_exponent(xp: Names, out: Data, x: Data, y: Data) -> Data:
    """x^y log x; at x = 0 it is 0 for y >= 0 (its limit for y > 0)."""
    zero = xp.logical_and(xp.equal(x, 0), xp.greater_equal(y, 0))
    return xp.where(zero, 0.0, out * xp.log(xp.where(zero, 1.0, x)))


def _power_slope(xp: Names, out: Data, x: Data, *, exponent: float) -> Data:
    """The derivative of a fixed power; 0 for the power 0, at x = 0 too."""
    if exponent == 2:
        return 2 * x
    return exponent * xp.power(x, exponent=exponent - 1) if exponent else xp.zeros_like(x)


pow_ = elementwise(
    "pow",
    np.power,
    _power_by_base,
    _power_by_exponent,
    dtype=promoted,
    text="{0}**{1}",
    latex="{{{0}}}^{{{1}}}",
    domain=("positive", "real"),
)
power = elementwise(
    "power",
    lambda x, exponent: np.square(x) if exponent == 2 else np.power(x, exponent),
    _power_slope,
    dtype=lambda x, exponent: promoted(x, type(exponent)),
    text="{0}**{exponent}",
    latex="{{{0}}}^{{{exponent}}}",
    domain=("positive",),
    cases=tuple(
        Case((shape,), {"exponent": exponent})
        for shape in [(), ("n", "m")]
        for exponent in [0, 1, 2, 3, -1, 0.5, -1.5]
    ),
)

# Extrema: convex (concave), so where operands tie the subgradient of least norm: half each.
maximum = elementwise(
    "maximum",
    np.maximum,
    lambda xp, out, x, y: _share(xp, x, y, xp.greater),
    lambda xp, out, x, y: _share(xp, y, x, xp.greater),
    dtype=promoted,
    latex=r"\max({0}, {1})",
)
minimum = elementwise(
    "minimum",
    np.minimum,
    lambda xp, out, x, y: _share(xp, x, y, xp.less),
    lambda xp, out, x, y: _share(xp, y, x, xp.less),
    dtype=promoted,
    latex=r"\min({0}, {1})",
)


def _share(xp: Names, mine: Data, other: Data, wins: Any) -> Data:
    """1 where this operand is the extremum, 1/2 at a tie, 0 elsewhere; NaN where either is."""
    return xp.where(xp.equal(mine, other), 0.5, xp.where(wins(mine, other), 1.0, 0.0)) + 0.0 * (
        mine - other
    )


def _where_pull(
    xp: Names, g: Data, out: Data, inputs: tuple[Data, ...], params: Params, wanted: tuple[bool, ...]
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
    dtype=promoted,
    text="{0} % {1}",
    latex=r"{0} \bmod {1}",
    domain=("real", "nonzero"),
)
floor_divide = constant(
    "floor_divide", np.floor_divide, 2, dtype=promoted, text="{0} // {1}", domain=("real", "nonzero")
)

for _name, _function, _text in (
    ("equal", np.equal, "{0} == {1}"),
    ("not_equal", np.not_equal, "{0} != {1}"),
    ("less", np.less, "{0} < {1}"),
    ("less_equal", np.less_equal, "{0} <= {1}"),
    ("greater", np.greater, "{0} > {1}"),
    ("greater_equal", np.greater_equal, "{0} >= {1}"),
    ("logical_and", np.logical_and, "logical_and({0}, {1})"),
    ("logical_or", np.logical_or, "logical_or({0}, {1})"),
    ("logical_xor", np.logical_xor, "logical_xor({0}, {1})"),
):
    constant(_name, _function, 2, text=_text)
