"""Rows of determinants. The gradient is the cofactor matrix, right at singular matrices too."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from derivant.base.dims import Shape
from derivant.primitives.families import general
from derivant.primitives.lapack import determinant
from derivant.primitives.matrices import (
    Numbers,
    closed_cases,
    closed_row,
    matrix_dtype,
    number_shape,
    require_square,
    transposed,
    where_finite,
)
from derivant.primitives.primitive import Case, Data, DType, Names, Params
from derivant.primitives.rules import batch_tail

LETTERS = "abcdefghij"
SHAPES: tuple[tuple[str | int, ...], ...] = (
    ("n", "n"),
    (1, 1),
    (0, 0),
    (2, "n", "n"),
    (2, 1, 2, 2),
)


def _but_one(s: Numbers) -> Numbers:
    """Products of all entries but one, without a division."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    return np.asarray(before * after) if s.shape[-1] else s


def leave_out(s: Numbers, count: int) -> Numbers:
    """Products of all entries but those at `count` different places; 0 where places agree."""
    if count == 1:
        return _but_one(s)
    n = s.shape[-1]
    one = np.eye(n, dtype=bool)
    products = leave_out(np.where(one, s.dtype.type(1), s[..., None, :]), count - 1)
    for axis in range(count - 1):
        shape = (n,) + (1,) * axis + (n,) + (1,) * (count - 2 - axis)
        products = products * ~one.reshape(shape)
    return products


def _sign(permutation: Sequence[int]) -> int:
    pairs = itertools.combinations(permutation, 2)
    return -1 if sum(a > b for a, b in pairs) % 2 else 1


def _term(p: Numbers, moved: list[Numbers], places: tuple[int, ...]) -> Numbers:
    """One permutation's part of the derivatives of a diagonal matrix's cofactors."""
    k = len(moved)
    operands = [f"...{LETTERS[i]}{LETTERS[places[i]]}" for i in range(k)]
    row, column = LETTERS[k], LETTERS[places[k]]
    out = row if row == column else row + column
    spec = ",".join(["..." + LETTERS[: k + 1], *operands])
    value = np.asarray(np.einsum(f"{spec}->...{out}", p, *moved))
    one = np.eye(p.shape[-1], dtype=p.dtype)
    return np.asarray(value[..., None] * one) if row == column else value


def _cofactor(a: Numbers, *directions: Numbers) -> Numbers:
    """In the coordinates of A = U S V': cof(A) = det(U) det(V) U cof(S) V', and so its derivatives.

    The (k+1)-th derivative of det at a diagonal S is a signed sum over permutations of products of
    entries of the directions and of all singular values but k + 1: no division, so that it holds
    where singular values are 0.
    """
    a = require_square(a).astype(matrix_dtype(a.dtype), copy=False)
    u, s, vt = where_finite(a, lambda x: tuple(np.linalg.svd(x)))
    moved = [transposed(u) @ e @ transposed(vt) for e in directions]
    p = leave_out(s, len(moved) + 1)
    total = sum(
        _sign(places) * _term(p, moved, places)
        for places in itertools.permutations(range(len(moved) + 1))
    )
    flip = np.sign(np.linalg.det(u) * np.linalg.det(vt))[..., None, None]
    return np.asarray(flip * (u @ total @ vt))


cofactor = closed_row(
    "cofactor",
    _cofactor,
    transposes=False,
    text="cofactor({0})",
    latex=r"\operatorname{{cof}}({0})",
    domain=("invertible",),
    cases=closed_cases("invertible"),
    source="Magnus and Neudecker, Matrix Differential Calculus, chapter 8",
)


def lifted(xp: Names, g: Data) -> Data:
    """A number for each matrix, as a stack of 1 by 1 matrices."""
    return xp.expand_dims(g, axis=(-2, -1))


def inner(xp: Names, a: Data, b: Data) -> Data:
    """The sum of the products of entries, for each matrix."""
    return xp.sum(a * b, axis=(-2, -1), keepdims=False)


def _det_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    return (xp.scale(lifted(xp, g), xp.cofactor(inputs[0])),)


def _det_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    return inner(xp, tangents[0], xp.cofactor(inputs[0]))


det = general(
    "det",
    determinant,
    push=_det_push,
    pull=_det_pull,
    shape=number_shape,
    dtype=matrix_dtype,
    batch=batch_tail,
    text="det({0})",
    latex=r"\det({0})",
    domain=("invertible",),
    cases=tuple(Case((s,)) for s in SHAPES),
    source="Jacobi's formula",
)


def _log_slope(xp: Names, x: Data) -> Data:
    """The gradient of log|det A|: inv(A)', NaN where A is singular."""
    return xp.matrix_transpose(xp.inv(x, singular="nan"))


def _slogdet_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    if g[1] is None:
        return (None,)
    return (xp.scale(lifted(xp, g[1]), _log_slope(xp, inputs[0])),)


def _slogdet_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    return None, _logdet_push(xp, tangents, out, inputs, params)


def _logdet_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    moved = xp.scale(tangents[0], _log_slope(xp, inputs[0]))
    return xp.sum(moved, axis=(-2, -1), keepdims=False)


def _twice(shape: Shape) -> tuple[Shape, Shape]:
    return number_shape(shape), number_shape(shape)


def _two_dtypes(kind: DType | type) -> tuple[DType, DType]:
    return matrix_dtype(kind), matrix_dtype(kind)


slogdet = general(
    "slogdet",
    lambda a: tuple(np.linalg.slogdet(a)),
    push=_slogdet_push,
    pull=_slogdet_pull,
    shape=_twice,
    dtype=_two_dtypes,
    batch=batch_tail,
    outputs=2,
    domain=("invertible",),
    cases=tuple(Case((s,)) for s in SHAPES),
)
logdet = general(
    "logdet",
    lambda a: np.linalg.slogdet(a)[1],
    push=_logdet_push,
    pull=lambda xp, g, out, inputs, params, wanted: (
        xp.scale(lifted(xp, g), _log_slope(xp, inputs[0])),
    ),
    shape=number_shape,
    dtype=matrix_dtype,
    batch=batch_tail,
    text="logdet({0})",
    latex=r"\log |\det {0}|",
    domain=("invertible",),
    cases=tuple(Case((s,)) for s in SHAPES),
)
