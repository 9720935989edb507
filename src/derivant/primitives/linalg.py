"""Rows that solve linear systems and factor matrices: inv, solve, cholesky; cross products."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.dims import Shape, broadcast
from derivant.base.errors import ShapeError
from derivant.base.loader import LazyModule
from derivant.base.types import shape_of
from derivant.primitives.families import constant, general, linear
from derivant.primitives.lapack import factored, solved
from derivant.primitives.matrices import (
    Numbers,
    all_finite,
    batch_cores,
    each_matrix,
    matrix_dtype,
    refuse_where,
    require_square,
    square_shape,
    symmetric_part,
    symmetrised,
)
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import accumulate, batch_tail, integer, promoted, unbroadcast

scipy_linalg = LazyModule("scipy.linalg")
SQUARE_SHAPES: tuple[tuple[str | int, ...], ...] = (
    ("n", "n"),
    (1, 1),
    (0, 0),
    (2, "n", "n"),
    (0, 2, 2),
)
SQUARE_CASES = tuple(Case((shape,)) for shape in SQUARE_SHAPES)


def _finite(a: Numbers) -> Numbers:
    """Which matrices of a stack have finite entries only."""
    return np.asarray(np.isfinite(a).all((-1, -2)))


def _inv(a: Numbers, *, singular: str = "raise") -> Numbers:
    """The inverse; a singular matrix raises, or has NaN for an inverse (`singular="nan"`)."""
    a = require_square(a)
    quick = solved("inv", a)
    if quick is not None:
        return quick
    try:
        result = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        result = each_matrix(a, np.linalg.inv)
    if singular == "raise" and not all_finite(result):
        refuse_where(_finite(a) & ~_finite(result), "is singular: it has no inverse")
    return result


def _inv_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    adjoint = xp.matrix_transpose(out)
    return (-xp.matmul(xp.matmul(adjoint, g), adjoint),)


inv = general(
    "inv",
    _inv,
    push=lambda xp, tangents, out, inputs, params: -xp.matmul(xp.matmul(out, tangents[0]), out),
    pull=_inv_pull,
    shape=square_shape,
    dtype=matrix_dtype,
    batch=batch_tail,
    text="inv({0})",
    latex="{0}^{{-1}}",
    domain=("invertible",),
    cases=SQUARE_CASES + (Case((("n", "n"),), {"singular": "nan"}),),
)


# A x = b: b is a vector only where it has one axis, otherwise a stack of matrices.


def _system_shape(a: Shape, b: Shape, **params: object) -> Shape:
    square_shape(a)
    if not b:
        raise ShapeError("the right side has no axes; it is a vector or a matrix")
    if len(b) == 1:
        if b[0] != a[-1]:
            raise ShapeError(f"the matrix is {a[-2]} by {a[-1]}, the right side has {b[0]} entries")
        return a[:-1]
    if b[-2] != a[-1]:
        raise ShapeError(
            f"the matrix is {a[-2]} by {a[-1]}, the right side has {b[-2]} rows "
            "(it is read as matrices: only a right side with one axis is a vector)"
        )
    try:
        return broadcast((a[:-2], b[:-2])) + b[-2:]
    except ShapeError as error:
        raise ShapeError(f"the leading axes do not broadcast: {error}") from None


_checked_system = lru_cache(maxsize=4096)(_system_shape)


def _solve(a: Numbers, b: Numbers) -> Numbers:
    a, b = np.asarray(a), np.asarray(b)
    _checked_system(a.shape, b.shape)
    quick = solved("solve1" if b.ndim == 1 else "solve", a, b)
    if quick is not None:
        return quick
    try:
        result = np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        refuse_where(_finite(a) & ~_finite(each_matrix(a, np.linalg.inv)), "is singular")
        raise
    if not all_finite(result) and all_finite(b):
        refuse_where(_finite(a) & ~_finite(_inv(a, singular="nan")), "is singular")
    return result


def _triangular(a: Numbers, b: Numbers, *, lower: bool, unit: bool) -> Numbers:
    """Substitution; only one triangle of A is read."""
    a, b = np.asarray(a), np.asarray(b)
    shape = _system_shape(a.shape, b.shape)
    if not unit:
        bad = (np.diagonal(a, 0, -2, -1) == 0).any(-1)
        refuse_where(bad, "is singular: it has a 0 on the diagonal")
    kind = matrix_dtype(a.dtype, b.dtype)
    full: Any = shape + (1,) if b.ndim == 1 else shape
    right = np.broadcast_to(b[:, None] if b.ndim == 1 else b, full)
    left = np.broadcast_to(a, full[:-2] + a.shape[-2:])
    result = np.empty(right.shape, kind)
    for place in np.ndindex(right.shape[:-2]):
        result[place] = scipy_linalg.solve_triangular(
            left[place].astype(kind),
            right[place].astype(kind),
            lower=lower,
            unit_diagonal=unit,
            check_finite=False,
        )
    return result[..., 0] if b.ndim == 1 else result


def _columns(xp: Names, b: Data, b_like: Data) -> Data:
    """A right side (or what has its axes) as matrices."""
    return xp.expand_dims(b, axis=(-1,)) if len(shape_of(b_like)) == 1 else b


def _rows(xp: Names, x: Data, b_like: Data) -> Data:
    """Back to vectors where the right side is one."""
    return xp.reshape(x, shape=shape_of(x)[:-1]) if len(shape_of(b_like)) == 1 else x


def _system_rules(name: str, adjoint: Callable[[Params], Params], seen: Any) -> dict[str, Any]:
    """The rules of x = A^-1 b; `seen` masks the entries of A that are not read."""

    def push(
        xp: Names,
        tangents: tuple[Data, ...],
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
    ) -> Data:
        (a, b), (ta, tb) = inputs, tangents
        moved = None if tb is None else _columns(xp, tb, b)
        if ta is not None:
            change = -xp.matmul(seen(xp, ta, params), _columns(xp, out, b))
            moved = accumulate(moved, change)
        return _rows(xp, getattr(xp, name)(a, moved, **params), b)

    def pull(
        xp: Names,
        g: Data,
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
        wanted: tuple[bool, ...],
    ) -> tuple[Data, Data]:
        a, b = inputs
        solver = getattr(xp, name)
        gb = solver(xp.matrix_transpose(a), _columns(xp, g, b), **adjoint(params))
        ga = None
        if wanted[0]:
            outer = -xp.matmul(gb, xp.matrix_transpose(_columns(xp, out, b)))
            ga = seen(xp, unbroadcast(xp, outer, a), params)
        return ga, unbroadcast(xp, _rows(xp, gb, b), b) if wanted[1] else None

    return {"push": push, "pull": pull}


def _system_batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    a, b = map(np.asarray, arrays)
    if b.ndim - count > 1:
        return batch_cores(2)(row, count, (a, b), params)
    return batch_cores(2)(row, count, (a, b[..., None]), params)[..., 0]


def _system_cases(domain: str, params: Params) -> tuple[Case, ...]:
    shapes = [
        (("n", "n"), ("n",)),
        (("n", "n"), ("n", "m")),
        ((2, "n", "n"), ("n",)),
        ((2, "n", "n"), ("n", 1)),
        (("n", "n"), (2, "n", "m")),
        ((2, 1, 2, 2), (3, 2, "m")),
        ((1, 1), (1,)),
        ((0, 0), (0,)),
        (("n", "n"), ("n", 0)),
    ]
    return tuple(Case(pair, params, (domain, "real")) for pair in shapes)


solve = general(
    "solve",
    _solve,
    **_system_rules("solve", lambda params: params, lambda xp, t, params: t),
    shape=_system_shape,
    dtype=matrix_dtype,
    batch=_system_batch,
    text="solve({0}, {1})",
    latex="{0}^{{-1}} {1}",
    domain=("invertible", "real"),
    cases=_system_cases("invertible", {}),
)
# Of what is solved by substitution, only the entries of one triangle have a derivative.
solve_triangular = general(
    "solve_triangular",
    _triangular,
    **_system_rules(
        "solve_triangular",
        lambda params: {**params, "lower": not params["lower"]},
        lambda xp, t, params: xp.triangle(
            t, lower=params["lower"], diagonal=0.0 if params["unit"] else 1.0
        ),
    ),
    shape=_system_shape,
    dtype=matrix_dtype,
    batch=_system_batch,
    domain=("lower", "real"),
    cases=_system_cases("lower", {"lower": True, "unit": False})
    + _system_cases("upper", {"lower": False, "unit": False})[:2]
    + _system_cases("lower", {"lower": True, "unit": True})[:2],
)


def _triangle(x: Numbers, *, lower: bool, diagonal: float) -> Numbers:
    """One triangle of each matrix, its diagonal multiplied by `diagonal`."""
    ones = np.ones(x.shape[-2:], x.dtype)
    kept = np.tril(ones, -1) if lower else np.triu(ones, 1)
    weights = kept + diagonal * np.eye(x.shape[-1], dtype=x.dtype)
    return np.where(weights == 0, x.dtype.type(0), x * weights)


triangle = linear(
    "triangle",
    _triangle,
    lambda xp, g, x, *, lower, diagonal: xp.triangle(g, lower=lower, diagonal=diagonal),
    shape=square_shape,
    cases=tuple(
        Case((shape,), {"lower": lower, "diagonal": d})
        for shape in [("n", "n"), (2, "n", "n"), (0, 0)]
        for lower, d in [(True, 0.5), (False, 1.0), (True, 0.0)]
    ),
)


# Cholesky: of (A + A')/2, so that the gradient is symmetric.


def _cholesky(a: Numbers) -> Numbers:
    s = symmetric_part(a)
    quick = factored("cholesky_lo", s)
    if quick is not None:
        return quick
    try:
        return np.linalg.cholesky(s)
    except np.linalg.LinAlgError:
        refuse_where(~_finite(each_matrix(s, np.linalg.cholesky)), "is not positive definite")
        raise


def _half_lower(xp: Names, x: Data) -> Data:
    return xp.triangle(x, lower=True, diagonal=0.5)


def _cholesky_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    """L Phi(L^-1 T L^-T), Phi the lower triangle with half the diagonal."""
    left = xp.solve(out, symmetrised(xp, tangents[0]))
    both = xp.solve(out, xp.matrix_transpose(left))
    return xp.matmul(out, _half_lower(xp, both))


def _cholesky_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    """The symmetric part of L^-T Phi(L' G) L^-1."""
    adjoint = xp.matrix_transpose(out)
    left = xp.solve(adjoint, _half_lower(xp, xp.matmul(adjoint, g)))
    both = xp.solve(adjoint, xp.matrix_transpose(left))
    return (symmetrised(xp, both),)


cholesky = general(
    "cholesky",
    _cholesky,
    push=_cholesky_push,
    pull=_cholesky_pull,
    shape=square_shape,
    dtype=matrix_dtype,
    batch=batch_tail,
    domain=("spd",),
    cases=SQUARE_CASES,
    source="I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527",
)


def _rank(a: Numbers, *, rtol: float | None) -> Numbers:
    return np.asarray(np.linalg.matrix_rank(a, rtol=rtol))


def _rank_shape(shape: Shape, *, rtol: float | None) -> Shape:
    if len(shape) < 2:
        raise ShapeError(f"a matrix has at least two axes, this has {len(shape)}")
    return shape[:-2]


matrix_rank = constant(
    "matrix_rank",
    _rank,
    shape=_rank_shape,
    dtype=integer,
    batch=batch_tail,
    cases=tuple(
        Case((shape,), {"rtol": rtol})
        for shape in [("n", "m"), (2, "n", "n"), (1, 1)]
        for rtol in (None, 1e-3)
    ),
)


def _identity_like(a: Numbers) -> Numbers:
    a = require_square(a)
    return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)


identity_like = constant(
    "identity_like",
    _identity_like,
    shape=square_shape,
    dtype=promoted,
    batch=batch_tail,
    cases=SQUARE_CASES,
)


# The cross product of vectors of three entries.


def _cross_shape(x: Shape, y: Shape, *, axis: int) -> Shape:
    for name, shape in (("first", x), ("second", y)):
        if len(shape) < -axis or shape[axis] != 3:
            size = "not there" if len(shape) < -axis else shape[axis]
            raise ShapeError(f"axis {axis} of the {name} operand must have size 3, it is {size}")
    return broadcast((x, y))


def _cross(x: Numbers, y: Numbers, *, axis: int) -> Numbers:
    _cross_shape(np.shape(x), np.shape(y), axis=axis)
    return np.cross(x, y, axis=axis)


def _cross_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, Data]:
    x, y = inputs
    return (
        unbroadcast(xp, xp.cross(y, g, **params), x) if wanted[0] else None,
        unbroadcast(xp, xp.cross(g, x, **params), y) if wanted[1] else None,
    )


def _cross_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (x, y), (tx, ty) = inputs, tangents
    left = None if tx is None else xp.cross(tx, y, **params)
    return accumulate(left, None if ty is None else xp.cross(x, ty, **params))


cross = general(
    "cross",
    _cross,
    push=_cross_push,
    pull=_cross_pull,
    shape=_cross_shape,
    dtype=promoted,
    batch=batch_cores(0),
    text="cross({0}, {1})",
    latex=r"{0} \times {1}",
    domain=("real", "real"),
    cases=tuple(
        Case(pair, {"axis": axis})
        for pair, axis in [
            (((3,), (3,)), -1),
            ((("n", 3), (3,)), -1),
            (((3, "n"), (3, 1)), -2),
            (((2, 1, 3), ("n", 3)), -1),
            (((0, 3), (3,)), -1),
        ]
    ),
)
