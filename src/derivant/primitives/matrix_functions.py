"""Rows of functions of a matrix: exp of any square one, and f of a symmetric one.

Each row takes directions too and is then the derivative in those directions, so that derivatives
of every order stay in the row. Of a symmetric matrix they are made of divided differences of f,
which are finite and right where eigenvalues are equal.
"""

from __future__ import annotations

import itertools
import math
from typing import TypeAlias

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.base.loader import LazyModule
from derivant.primitives.determinants import SHAPES, inner, lifted
from derivant.primitives.families import general
from derivant.primitives.matrices import (
    Numbers,
    closed_cases,
    closed_row,
    matrix_dtype,
    number_shape,
    require_square,
    symmetric_part,
    transposed,
)
from derivant.primitives.primitive import Case, Data, Names, Params
from derivant.primitives.rules import batch_tail
from derivant.primitives.spectral import decomposed

scipy_linalg = LazyModule("scipy.linalg")
LETTERS = "abcdefghij"
TERMS = 30  # of a Taylor series whose ratio is at most 1/4
FUNCTIONS = ("cos", "exp", "log", "power", "sin")
Function: TypeAlias = tuple[str, float]


# The scalar functions: values, derivatives, Taylor series.


def slope_of(function: str, exponent: float) -> tuple[float, str, float]:
    """The derivative of a scalar function as a multiple of one of the same set."""
    known = {
        "exp": (1.0, "exp", 0.0),
        "sin": (1.0, "cos", 0.0),
        "cos": (-1.0, "sin", 0.0),
        "log": (1.0, "power", -1.0),
        "power": (exponent, "power", exponent - 1),
    }
    if function not in known:
        raise ArgumentError(f"there is no function {function!r}; there are {', '.join(FUNCTIONS)}")
    return known[function]


def _whole(function: str, exponent: float) -> bool:
    return function == "power" and exponent >= 0 and exponent == int(exponent)


def _values(w: Numbers, function: str, exponent: float) -> Numbers:
    slope_of(function, exponent)
    if function == "power":
        return np.asarray(np.power(w, w.dtype.type(exponent)))
    return np.asarray(getattr(np, function)(w))


def _inside(w: Numbers, function: str, exponent: float) -> Numbers:
    """Eigenvalues below 0 by rounding alone are 0 for functions that begin there."""
    if function != "log" and (function != "power" or exponent == int(exponent)):
        return w
    largest = np.abs(w).max(-1, keepdims=True, initial=0)
    tolerance = 8 * w.shape[-1] * np.finfo(w.dtype).eps * largest
    return np.where((w < 0) & (w >= -tolerance), w.dtype.type(0), w)


# Divided differences of any order at points on the last axis, sorted.


def _homogeneous(x: Numbers, degree: int) -> list[Numbers]:
    """The sums of all monomials of degree 0, 1, ... in the numbers on the last axis."""
    h = [np.ones_like(x[..., 0])] + [np.zeros_like(x[..., 0])] * degree
    for i in range(x.shape[-1]):
        for r in range(1, degree + 1):
            h[r] = h[r] + x[..., i] * h[r - 1]
    return h


def _coefficient(function: str, exponent: float, m: int) -> float:
    """The m-th Taylor coefficient at c, a power of c apart (log, power), or of exp at 0."""
    if function == "log":
        return (-1.0) ** (m - 1) / m
    if function == "power":
        return math.prod((exponent - i) / (i + 1) for i in range(m))
    return 1.0 / math.factorial(m)


def _reach(x: Numbers, function: str, exponent: float) -> Numbers:
    """The spread of points up to which the series is used, the recursion beyond."""
    if function in ("log", "power"):
        return np.asarray(0.5 * np.abs(x).min(-1) / (1 + abs(exponent)))
    return np.ones_like(x[..., 0])


def _series(x: Numbers, function: str, exponent: float) -> Numbers:
    """The divided difference by Taylor's series about the middle of the points."""
    k = x.shape[-1] - 1
    c = (x[..., :1] + x[..., -1:]) / 2
    relative = function in ("log", "power")
    z = (x - c) / np.where(c == 0, 1, c) if relative else x - c
    terms = _homogeneous(z, TERMS)
    c = c[..., 0]
    if relative:
        total = sum(_coefficient(function, exponent, k + r) * t for r, t in enumerate(terms))
        power = exponent - k if function == "power" else float(-k)
        return np.asarray(total * np.power(c, c.dtype.type(power)))
    cycle = {
        "exp": (np.exp(c),) * 4,
        "sin": (np.sin(c), np.cos(c), -np.sin(c), -np.cos(c)),
        "cos": (np.cos(c), -np.sin(c), -np.cos(c), np.sin(c)),
    }[function]
    weights = [_coefficient("exp", 0.0, k + r) for r in range(len(terms))]
    return np.asarray(
        sum(a * cycle[(k + r) % 4] * t for r, (a, t) in enumerate(zip(weights, terms, strict=True)))
    )


def _divided(x: Numbers, function: str, exponent: float) -> Numbers:
    """f[x0, ..., xk] of sorted points: by recursion where far apart, else by the series."""
    k = x.shape[-1] - 1
    if k == 0:
        return _values(x[..., 0], function, exponent)
    spread = x[..., -1] - x[..., 0]
    near = spread <= _reach(x, function, exponent)
    result = _series(x, function, exponent)
    if not near.all():
        upper = _divided(x[..., 1:], function, exponent)
        lower = _divided(x[..., :-1], function, exponent)
        result = np.where(near, result, (upper - lower) / np.where(near, 1, spread))
    return result


def divided_differences(w: Numbers, order: int, function: str, exponent: float) -> Numbers:
    """f[w_i0, ..., w_ik] for all tuples of k + 1 = order + 1 of the numbers on the last axis.

    Higham, Functions of Matrices, section 3.2 and B.16.
    """
    lead, n = w.shape[:-1], w.shape[-1]
    points = [
        np.broadcast_to(
            w.reshape(lead + (1,) * i + (n,) + (1,) * (order - i)), lead + (n,) * (order + 1)
        )
        for i in range(order + 1)
    ]
    x = np.sort(np.stack(points, -1), -1)
    with np.errstate(all="ignore"):
        if _whole(function, exponent):
            degree = int(exponent) - order
            return _homogeneous(x, degree)[degree] if degree >= 0 else np.zeros_like(x[..., 0])
        result = _divided(x, function, exponent)
        if function == "log" or (function == "power" and exponent != int(exponent)):
            result = np.where(x[..., 0] < 0, np.nan, result).astype(w.dtype)
    return result


# f of a symmetric matrix.


def _matrix_function(
    a: Numbers, *directions: Numbers, function: str, exponent: float = 0.0
) -> Numbers:
    w, v = decomposed(a)
    w = _inside(w, function, exponent)
    k = len(directions)
    with np.errstate(all="ignore"):
        if k == 0:
            return np.asarray((v * _values(w, function, exponent)[..., None, :]) @ transposed(v))
        slopes = divided_differences(w, k, function, exponent)
        moved = [transposed(v) @ symmetric_part(e) @ v for e in directions]
        total = _strong(moved[0], slopes) if k == 1 else _paths(slopes, moved)
        return np.asarray(v @ total @ transposed(v))


def _strong(t: Numbers, slopes: Numbers) -> Numbers:
    """The product, 0 where T is."""
    return np.where(t == 0, t.dtype.type(0), t * slopes)


def _paths(slopes: Numbers, moved: list[Numbers]) -> Numbers:
    """Sums over all orders of the directions of f[i, j, ..., l] E[i, j] ... E[., l]."""
    k = len(moved)
    letters = LETTERS[: k + 1]
    pairs = ",".join("..." + letters[i : i + 2] for i in range(k))
    spec = f"...{letters},{pairs}->...{letters[0]}{letters[-1]}"
    orders = itertools.permutations(moved)
    return np.asarray(sum(np.einsum(spec, slopes, *order) for order in orders))


SPD_PARAMS: tuple[Params, ...] = tuple(
    {"function": f, "exponent": p}
    for f, p in [("exp", 0.0), ("log", 0.0), ("power", 0.5), ("power", -1.0), ("power", 3.0)]
)
matrix_function = closed_row(
    "matrix_function",
    _matrix_function,
    transposes=False,
    text="matrix_function({0})",
    domain=("spd",),
    cases=closed_cases("spd", *SPD_PARAMS, directions=1)
    + closed_cases("symmetric", {"function": "sin", "exponent": 0.0}),
    source="Daleckii and Krein; Higham, Functions of Matrices, theorem 3.11",
)


def _spectral_sum(a: Numbers, *, function: str, exponent: float = 0.0) -> Numbers:
    w = _inside(decomposed(a)[0], function, exponent)
    with np.errstate(all="ignore"):
        return np.asarray(_values(w, function, exponent).sum(-1))[()]


def _sum_slope(xp: Names, x: Data, params: Params) -> Data:
    """The gradient of the sum of f(eigenvalue): f'(A)."""
    factor, name, exponent = slope_of(params["function"], params.get("exponent", 0.0))
    if factor == 0:
        return xp.zeros_like(x)
    return xp.matrix_function(x, function=name, exponent=exponent) * factor


spectral_sum = general(
    "spectral_sum",
    _spectral_sum,
    push=lambda xp, tangents, out, inputs, params: inner(
        xp, tangents[0], _sum_slope(xp, inputs[0], params)
    ),
    pull=lambda xp, g, out, inputs, params, wanted: (
        xp.scale(lifted(xp, g), _sum_slope(xp, inputs[0], params)),
    ),
    shape=number_shape,
    dtype=matrix_dtype,
    batch=batch_tail,
    domain=("spd",),
    cases=tuple(Case((shape,), params) for shape in SHAPES for params in SPD_PARAMS),
    source="Lewis, Derivatives of spectral functions, 1996",
)


# exp of any square matrix.


def _expm(a: Numbers, *directions: Numbers) -> Numbers:
    """The corner of the exponential of a block triangular matrix that carries the directions.

    exp(A + sum t_i E_i) modulo t_i^2, each t_i a nilpotent 2 by 2 matrix; directions are scaled
    to size 1, so that they do not change how far the exponential is scaled.
    """
    a = require_square(a)
    kind = matrix_dtype(a.dtype, *(e.dtype for e in directions))
    sizes = [np.abs(e).max((-1, -2), keepdims=True, initial=0) for e in directions]
    sizes = [np.where((s > 0) & np.isfinite(s), s, 1).astype(kind) for s in sizes]
    lead = np.broadcast_shapes(a.shape[:-2], *(e.shape[:-2] for e in directions))
    n, blocks = a.shape[-1], 2 ** len(directions)
    whole = np.zeros(lead + (blocks, n, blocks, n), kind)
    for place in range(blocks):
        whole[..., place, :, place, :] = a
        for i, (e, size) in enumerate(zip(directions, sizes, strict=True)):
            if not place >> i & 1:
                whole[..., place, :, place | 1 << i, :] = e / size
    if not whole.size:
        return np.zeros(lead + (n, n), kind)
    exponential = _exponential(whole.reshape(lead + (blocks * n, blocks * n)))
    return np.asarray(math.prod(sizes, start=exponential[..., :n, (blocks - 1) * n :]))


def _exponential(whole: Numbers) -> Numbers:
    fine = np.isfinite(whole).all((-1, -2), keepdims=True)
    result = scipy_linalg.expm(np.where(fine, whole, 0).astype(whole.dtype))
    return np.where(fine, result, np.nan).astype(whole.dtype)


expm = closed_row(
    "expm",
    _expm,
    transposes=True,
    text="expm({0})",
    latex="e^{{{0}}}",
    domain=("real",),
    cases=closed_cases("real"),
    source="Al-Mohy and Higham, Computing the Frechet derivative of the matrix exponential, 2009",
)
