"""Rows of eigenvalues and singular values. Matrices are read as their symmetric part.

Where eigenvalues are equal, a cotangent of theirs is split evenly over their eigenspace (the
subgradient of least norm of the largest one); what would depend on a choice of basis is refused.
"""

from __future__ import annotations

import numpy as np

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import LinAlgError, ShapeError
from derivant.primitives.families import general, linear
from derivant.primitives.matrices import (
    Numbers,
    batch_cores,
    matrix_dtype,
    square_shape,
    symmetric_part,
    symmetrised,
    transposed,
    where_finite,
)
from derivant.primitives.primitive import Case, Data, DType, Names, Params
from derivant.primitives.rules import accumulate, batch_tail, promoted

SYMMETRIC_SHAPES: tuple[tuple[str | int, ...], ...] = (("n", "n"), (1, 1), (0, 0), (2, "n", "n"))
NOISE = 64.0  # roundings: what is smaller than this many, for each row, counts as none


def decomposed(a: Numbers) -> tuple[Numbers, Numbers]:
    """Eigenvalues in ascending order and eigenvectors of the symmetric part."""
    s = symmetric_part(a)
    s = s.astype(matrix_dtype(s.dtype), copy=False)
    w, v = where_finite(s, lambda x: tuple(np.linalg.eigh(x)))
    return w, v


def _tolerance(w: Numbers) -> Numbers:
    """Eigenvalues closer than this cannot be told apart."""
    largest = np.abs(w).max(-1, keepdims=True, initial=0)
    return np.asarray(8 * w.shape[-1] * np.finfo(w.dtype).eps * largest)


def equal_pairs(w: Numbers) -> Numbers:
    """Which eigenvalues are equal up to rounding, each with itself among them."""
    gaps = np.abs(w[..., :, None] - w[..., None, :])
    return np.asarray(gaps <= _tolerance(w)[..., None])


def _mean(g: Numbers, w: Numbers) -> Numbers:
    same = equal_pairs(w).astype(g.dtype)
    if same.sum() == w.size:  # no two are equal
        return np.asarray(g + np.zeros_like(w, dtype=g.dtype))
    return np.asarray((same * g[..., None, :]).sum(-1) / same.sum(-1))


def _same_last(x: Shape, *rest: Shape, **params: object) -> Shape:
    return max((x, *rest), key=len)


cluster_mean = linear(
    "cluster_mean",
    _mean,
    lambda xp, g, x, w: xp.cluster_mean(g, w),
    shape=_same_last,
    dtype=lambda g, w: promoted(g),
    batch=batch_cores(1),
    needs_values=True,
    domain=("real", "distinct"),
    cases=(Case((("n",), ("n",))), Case(((2, "n"), (2, "n"))), Case(((0,), (0,)))),
)


# Divided by differences of eigenvalues: what eigenvectors move by.


def _over_gaps(k: Numbers, w: Numbers, *, skew: bool) -> Numbers:
    """K[i, j] / (w[j] - w[i]), or of (K - K')/2; refused where it is not 0 / 0 at equal ones.

    With `skew`, K = V'G for a cotangent G of the eigenvectors: refused where G counts a vector of
    an equal eigenvalue at all, since K cannot tell whether the choice of vectors matters.
    """
    top = (k - transposed(k)) / 2 if skew else k
    gaps = w[..., None, :] - w[..., :, None]
    tied = equal_pairs(w)
    off = tied & ~np.eye(w.shape[-1], dtype=bool)
    if off.any():
        noise = NOISE * w.shape[-1] * np.finfo(w.dtype).eps
        scale = np.abs(k).max((-1, -2), keepdims=True, initial=0)
        at = off.any(-2, keepdims=True) if skew else off
        if (at & (np.abs(k) > noise * scale)).any():
            raise LinAlgError(
                "eigenvalues are equal and this derivative depends on the choice of eigenvectors; "
                "use spectral_sum, matrix_function or eigvalsh"
            )
    return np.where(tied, 0, top / np.where(tied, 1, gaps)).astype(k.dtype)


def _differences(xp: Names, w: Data) -> Data:
    """w[j] - w[i] in row i and column j."""
    return xp.expand_dims(w, axis=(-2,)) - xp.expand_dims(w, axis=(-1,))


def _over_gaps_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (_, w), (tk, tw) = inputs, tangents
    total = None if tk is None else xp.over_gaps(tk, w, **params)
    if tw is None:
        return total
    return accumulate(total, -xp.over_gaps(out * _differences(xp, tw), w, skew=False))


def _over_gaps_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, Data]:
    w = inputs[1]
    gk = gw = None
    if wanted[0]:
        gk = xp.over_gaps(g, w, skew=False)
        gk = (gk - xp.matrix_transpose(gk)) * 0.5 if params["skew"] else gk
    if wanted[1]:
        m = xp.over_gaps(g * out, w, skew=False)
        gw = xp.sum(m, axis=(-1,), keepdims=False) - xp.sum(m, axis=(-2,), keepdims=False)
    return gk, gw


over_gaps = general(
    "over_gaps",
    _over_gaps,
    push=_over_gaps_push,
    pull=_over_gaps_pull,
    shape=lambda k, w, *, skew: square_shape(k),
    dtype=lambda k, w, *, skew: promoted(k),
    batch=batch_cores(2, 1),
    domain=("real", "distinct"),
    cases=tuple(
        Case(pair, {"skew": skew})
        for pair in [(("n", "n"), ("n",)), ((2, "n", "n"), (2, "n"))]
        for skew in (False, True)
    ),
)


def _untied(t: Numbers, g: Numbers, w: Numbers) -> Numbers:
    """T itself; refused where it tells equal eigenvalues apart that the cotangent g counts."""
    off = equal_pairs(w) & ~np.eye(w.shape[-1], dtype=bool)
    if off.any():
        d = np.diagonal(t, 0, -2, -1)
        apart = np.abs(t) + np.abs(d[..., :, None] - d[..., None, :])
        noise = NOISE * w.shape[-1] * np.finfo(w.dtype).eps
        counted = np.abs(g) > noise * np.abs(g).max(-1, keepdims=True, initial=0)
        seen = off & counted[..., None]
        if (seen & (apart > noise * np.abs(t).max((-1, -2), keepdims=True, initial=0))).any():
            raise LinAlgError(
                "equal eigenvalues have no second derivative; for sums of a function of all "
                "eigenvalues use spectral_sum"
            )
    lead = np.broadcast_shapes(t.shape[:-2], g.shape[:-1], w.shape[:-1])
    return np.broadcast_to(t, lead + t.shape[-2:])


untied = linear(
    "untied",
    _untied,
    lambda xp, t, x, g, w: xp.untied(t, g, w),
    shape=lambda t, g, w: square_shape(t),
    batch=batch_cores(2, 1, 1),
    needs_values=True,
    domain=("real", "real", "distinct"),
    cases=(Case((("n", "n"), ("n",), ("n",))), Case(((2, "n", "n"), (2, "n"), (2, "n")))),
)


# The two halves of the derivative of eigenvalues, each the other's transpose.


def _in_basis(xp: Names, v: Data, t: Data) -> Data:
    """V' sym(T) V."""
    return xp.matmul(xp.matmul(xp.matrix_transpose(v), symmetrised(xp, t)), v)


def _out_of_basis(xp: Names, v: Data, t: Data) -> Data:
    return xp.matmul(xp.matmul(v, t), xp.matrix_transpose(v))


def _loewner(xp: Names, a: Data, g: Data, t: Data) -> Data:
    """The derivative of V diag(g) V' in the direction T: entries (g_j - g_i)/(w_j - w_i)."""
    w, v = xp.eigh(a)
    g = xp.cluster_mean(g, w)
    moved = xp.untied(_in_basis(xp, v, t), g, w)
    slopes = xp.over_gaps(moved * _differences(xp, g), w, skew=False)
    return _out_of_basis(xp, v, slopes)


def _eigen_scale(a: Numbers, g: Numbers) -> Numbers:
    w, v = decomposed(a)
    return np.asarray((v * _mean(g, w)[..., None, :]) @ transposed(v))


def _eigen_scale_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (a, g), (ta, tg) = inputs, tangents
    total = None if ta is None else _loewner(xp, a, g, ta)
    return accumulate(total, None if tg is None else xp.eigen_scale(a, tg))


eigen_scale = general(
    "eigen_scale",
    _eigen_scale,
    push=_eigen_scale_push,
    pull=lambda xp, g, out, inputs, params, wanted: (
        _loewner(xp, inputs[0], inputs[1], g) if wanted[0] else None,
        xp.eigen_diagonal(inputs[0], g) if wanted[1] else None,
    ),
    shape=lambda a, g: square_shape(a),
    dtype=matrix_dtype,
    batch=batch_cores(2, 1),
    domain=("symmetric", "real"),
    cases=(Case((("n", "n"), ("n",))), Case(((2, "n", "n"), (2, "n"))), Case(((0, 0), (0,)))),
)


def _eigen_diagonal(a: Numbers, t: Numbers) -> Numbers:
    w, v = decomposed(a)
    return _mean((v * (symmetric_part(t) @ v)).sum(-2), w)


def _second_order(xp: Names, a: Data, t: Data, moved: Data) -> Data:
    """How diag(V'TV) changes with A: 2 sum over j of T[i, j] M[i, j] / (w_i - w_j)."""
    w, v = xp.eigh(a)
    m = xp.untied(_in_basis(xp, v, moved), w * 0.0 + 1.0, w)
    pairs = xp.over_gaps(_in_basis(xp, v, t) * m, w, skew=False)
    return xp.cluster_mean(xp.sum(pairs, axis=(-1,), keepdims=False) * -2.0, w)


def _eigen_diagonal_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (a, t), (ta, tt) = inputs, tangents
    total = None if ta is None else _second_order(xp, a, t, ta)
    return accumulate(total, None if tt is None else xp.eigen_diagonal(a, tt))


eigen_diagonal = general(
    "eigen_diagonal",
    _eigen_diagonal,
    push=_eigen_diagonal_push,
    pull=lambda xp, g, out, inputs, params, wanted: (
        _loewner(xp, inputs[0], g, inputs[1]) if wanted[0] else None,
        xp.eigen_scale(inputs[0], g) if wanted[1] else None,
    ),
    shape=lambda a, t: square_shape(a)[:-1],
    dtype=matrix_dtype,
    batch=batch_cores(2),
    domain=("symmetric", "real"),
    cases=(Case((("n", "n"), ("n", "n"))), Case(((2, "n", "n"), (2, "n", "n")))),
)
eigvalsh = general(
    "eigvalsh",
    lambda a: where_finite(symmetric_part(a), lambda x: (np.linalg.eigvalsh(x),))[0],
    push=lambda xp, tangents, out, inputs, params: xp.eigen_diagonal(inputs[0], tangents[0]),
    pull=lambda xp, g, out, inputs, params, wanted: (xp.eigen_scale(inputs[0], g),),
    shape=lambda a: square_shape(a)[:-1],
    dtype=matrix_dtype,
    batch=batch_tail,
    text="eigvalsh({0})",
    latex=r"\lambda({0})",
    domain=("symmetric",),
    cases=tuple(Case((s,)) for s in SYMMETRIC_SHAPES),
    source="J. Magnus, On differentiating eigenvalues and eigenvectors, 1985",
)


# Eigenvalues with eigenvectors.


def _eigh_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (w, v), (t,) = out, tangents
    turned = xp.over_gaps(_in_basis(xp, v, t), w, skew=False)
    return xp.eigen_diagonal(inputs[0], t), xp.matmul(v, turned)


def _eigh_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    (w, v), (gw, gv) = out, g
    total = None if gw is None else xp.eigen_scale(inputs[0], gw)
    if gv is not None:
        turned = xp.over_gaps(xp.matmul(xp.matrix_transpose(v), gv), w, skew=True)
        total = accumulate(total, _out_of_basis(xp, v, turned))
    return (total,)


def _eigh_shape(a: Shape) -> tuple[Shape, Shape]:
    shape = square_shape(a)
    return shape[:-1], shape


def _eigh_dtype(kind: DType | type) -> tuple[DType, DType]:
    return matrix_dtype(kind), matrix_dtype(kind)


eigh = general(
    "eigh",
    decomposed,
    push=_eigh_push,
    pull=_eigh_pull,
    shape=_eigh_shape,
    dtype=_eigh_dtype,
    batch=batch_tail,
    outputs=2,
    domain=("symmetric",),
    cases=tuple(Case((s,)) for s in SYMMETRIC_SHAPES),
    source="J. Magnus, On differentiating eigenvalues and eigenvectors, 1985",
)


# Singular values are the upper eigenvalues of [[0, A], [A', 0]]; the derivatives are taken there.


def _embedding(a: Numbers) -> Numbers:
    rows, columns = a.shape[-2:]
    result = np.zeros(a.shape[:-2] + (rows + columns,) * 2, a.dtype)
    result[..., :rows, rows:] = a
    result[..., rows:, :rows] = transposed(a)
    return result


def _embedding_shape(shape: Shape) -> Shape:
    if len(shape) < 2:
        raise ShapeError(f"a matrix has at least two axes, this has {len(shape)}")
    size = shape[-2] + shape[-1]
    return shape[:-2] + (size, size)


def _smaller(rows: Size, columns: Size) -> Size:
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        return rows if rows == columns else Dim.named(f"min({rows}, {columns})")
    return min(rows, columns)


WIDE_SHAPES: tuple[tuple[str | int, ...], ...] = ((2, 3), (3, 2), (2, 2, 2), (2, 1), (0, 2))
MATRIX_CASES = tuple(Case((s,)) for s in (("n", "n"), (2, "n", 1), *WIDE_SHAPES))
symmetric_embedding = linear(
    "symmetric_embedding",
    _embedding,
    lambda xp, g, x: xp.embedded_block(g, rows=x.shape[-2]),
    shape=_embedding_shape,
    cases=MATRIX_CASES,
)
embedded_block = linear(
    "embedded_block",
    lambda x, *, rows: x[..., :rows, rows:] + transposed(x[..., rows:, :rows]),
    lambda xp, g, x, *, rows: xp.symmetric_embedding(g),
    shape=lambda shape, *, rows: square_shape(shape)[:-2] + (rows, shape[-1] - rows),
    cases=(Case(((5, 5),), {"rows": 2}), Case(((2, 4, 4),), {"rows": 4})),
)
# The largest `count` of values in ascending order, the largest first; and its transpose.
top_values = linear(
    "top_values",
    lambda x, *, count: x[..., x.shape[-1] - count :][..., ::-1],
    lambda xp, g, x, *, count: xp.top_padded(g, size=x.shape[-1]),
    shape=lambda shape, *, count: shape[:-1] + (count,),
    cases=(Case(((5,),), {"count": 2}), Case(((2, 3),), {"count": 0})),
)


def _top_padded(x: Numbers, *, size: int) -> Numbers:
    zeros = np.zeros(x.shape[:-1] + (size - x.shape[-1],), x.dtype)
    return np.concatenate([zeros, x[..., ::-1]], -1)


top_padded = linear(
    "top_padded",
    _top_padded,
    lambda xp, g, x, *, size: xp.top_values(g, count=x.shape[-1]),
    shape=lambda shape, *, size: shape[:-1] + (size,),
    cases=(Case(((2,),), {"size": 5}), Case(((2, 0),), {"size": 3})),
)


def _svdvals_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    a = xp.symmetric_embedding(inputs[0])
    moved = xp.eigen_diagonal(a, xp.symmetric_embedding(tangents[0]))
    return xp.top_values(moved, count=out.shape[-1])


def _svdvals_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data]:
    a = xp.symmetric_embedding(inputs[0])
    scaled = xp.eigen_scale(a, xp.top_padded(g, size=a.shape[-1]))
    return (xp.embedded_block(scaled, rows=inputs[0].shape[-2]),)


def _singular_values(a: Numbers) -> Numbers:
    a = np.asarray(a)
    _embedding_shape(a.shape)
    a = a.astype(matrix_dtype(a.dtype), copy=False)
    return where_finite(a, lambda x: (np.linalg.svd(x, compute_uv=False),))[0]


svdvals = general(
    "svdvals",
    _singular_values,
    push=_svdvals_push,
    pull=_svdvals_pull,
    shape=lambda a: _embedding_shape(a)[:-2] + (_smaller(*a[-2:]),),
    dtype=matrix_dtype,
    batch=batch_tail,
    text="svdvals({0})",
    latex=r"\sigma({0})",
    cases=tuple(Case((s,)) for s in (("n", "n"), *WIDE_SHAPES)),
    source="the symmetric matrix [[0, A], [A', 0]] has the eigenvalues +-sigma and 0",
)
