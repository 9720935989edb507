"""Rows that sum over shared axes: products of matrices, and contractions by letters."""

from __future__ import annotations

from math import prod

import numpy as np

from derivant.base.dims import Shape, broadcast, total
from derivant.base.errors import ShapeError
from derivant.base.types import shape_of
from derivant.primitives.einsum import (
    einsum_evaluate,
    einsum_prepared,
    spec_shape,
    terms_of,
    unique,
)
from derivant.primitives.families import general
from derivant.primitives.primitive import Case, Data, Names, Params, Primitive
from derivant.primitives.rules import accumulate, promoted, unbroadcast

LETTERS = "abcdefghijklmnopqrstuvwxyz"
HIDDEN = "αβγδεζηθικλμνξοπρστυφχψω"  # letters of hidden leading axes: no spec of a user has them


def _matmul(x: Data, y: Data) -> Data:
    """The product; a stack times one matrix is one product of matrices."""
    if x.ndim == 1 and y.ndim == 1:
        return x.dot(y)
    if x.ndim > 2 and y.ndim == 2:
        rows = x.reshape(prod(x.shape[:-1]), x.shape[-1])
        return np.matmul(rows, y).reshape(x.shape[:-1] + y.shape[1:])
    return np.matmul(x, y)


def _matmul_shape(x: Shape, y: Shape) -> Shape:
    if not x or not y:
        raise ShapeError(f"{{{1 if x else 0}}} has no axes; multiply by a number with *")
    inner = y[-2] if len(y) > 1 else y[0]
    if x[-1] != inner:
        place = "first" if len(y) < 3 else "second to last"
        raise ShapeError(f"the last axis of {{0}} is {x[-1]}, the {place} axis of {{1}} is {inner}")
    try:
        lead = broadcast((x[:-2], y[:-2]))
    except ShapeError as error:
        raise ShapeError(f"the leading axes do not broadcast: {error}") from None
    return lead + (x[-2:-1] if len(x) > 1 else ()) + (y[-1:] if len(y) > 1 else ())


def _matmul_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, Data]:
    x, y = inputs
    return (
        _by_left(xp, g, x, y) if wanted[0] else None,
        _by_right(xp, g, x, y) if wanted[1] else None,
    )


def _by_left(xp: Names, g: Data, x: Data, y: Data) -> Data:
    """The cotangent of the left operand: G Y', summed where x stood for a whole stack."""
    rows, columns = len(x.shape), len(y.shape)
    if rows == columns == 2:
        return xp.matmul(g, xp.matrix_transpose(y))
    if columns == 1:
        return g * y if rows == 1 else xp.expand_dims(g, axis=(-1,)) * y
    if rows <= 2 < columns:
        lead = LETTERS[: columns - 2]
        row = "x" if rows == 2 else ""
        return xp.einsum(g, y, spec=f"{lead}{row}z,{lead}yz->{row}y")
    if rows == 1:
        return xp.matmul(y, g)
    return unbroadcast(xp, xp.matmul(g, xp.matrix_transpose(y)), x)


def _by_right(xp: Names, g: Data, x: Data, y: Data) -> Data:
    """The cotangent of the right operand: X' G, summed where y stood for a whole stack.

    A stack of rows times one matrix is folded into one product of matrices.
    """
    rows, columns = len(x.shape), len(y.shape)
    if rows == columns == 2:
        return xp.matmul(xp.matrix_transpose(x), g)
    if rows == 1:
        if columns == 1:
            return g * x
        return xp.expand_dims(x, axis=(-1,)) * xp.expand_dims(g, axis=(-2,))
    if columns <= 2:
        shape = shape_of(x)
        count = total(shape[:-1])
        if rows > 2:
            x = xp.reshape(x, shape=(count, shape[-1]))
            g = xp.reshape(g, shape=(count,) + shape_of(y)[1:])
        return xp.matmul(g, x) if columns == 1 else xp.matmul(xp.matrix_transpose(x), g)
    return unbroadcast(xp, xp.matmul(xp.matrix_transpose(x), g), y)


def _matmul_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    (x, y), (tx, ty) = inputs, tangents
    left = None if tx is None else xp.matmul(tx, y)
    return accumulate(left, None if ty is None else xp.matmul(x, ty))


def _matmul_batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """Under leading axes; where one operand has none of them, one product of matrices if it can."""
    x, y = map(np.asarray, arrays)
    ones = (1,) * count
    if y.shape[:count] == ones and y.ndim <= count + 2:
        return _matmul(x, y.reshape(y.shape[count:]))
    if x.shape[:count] == ones and x.ndim <= count + 2 and y.ndim == count + 1:
        return _matmul(y, x.reshape(x.shape[count:]).T)
    row_only, column_only = x.ndim - count == 1, y.ndim - count == 1
    x = np.expand_dims(x, count) if row_only else x
    y = np.expand_dims(y, -1) if column_only else y
    rank = max(x.ndim, y.ndim)
    x, y = (a.reshape(a.shape[:count] + (1,) * (rank - a.ndim) + a.shape[count:]) for a in (x, y))
    result = np.matmul(x, y)
    result = result[..., 0] if column_only else result
    return np.squeeze(result, -1 if column_only else -2) if row_only else result


def _matmul_reading(x: Shape, y: Shape) -> tuple[tuple[str, ...], str] | None:
    """Letters of the product; None where a leading axis of size 1 is repeated."""
    rank = max(len(x), len(y), 2) - 2
    lead = LETTERS[:rank]
    left = lead[rank - max(0, len(x) - 2) :] + "xy"[max(0, 2 - len(x)) :]
    right = lead[rank - max(0, len(y) - 2) :] + "yz"[: len(y)]
    shared = min(len(x), len(y)) - 2
    if shared > 0 and x[-2 - shared : -2] != y[-2 - shared : -2]:
        return None
    return (left, right), lead + ("x" if len(x) > 1 else "") + ("z" if len(y) > 1 else "")


matmul = general(
    "matmul",
    _matmul,
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
        Case(((2, "n", "m"), (2, "m", "k"))),
        Case(((2, "n", "m"), ("m",))),
        Case((("n",), (2, "n", "m"))),
        Case((("n",), (3, 2, "n", "m"))),
        Case(((0, "m"), ("m", "k"))),
        Case((("n", 0), (0, "k"))),
        Case(((0, "n", "m"), ("m", "k"))),
        Case((("n", "m"), (0, "m", "k"))),
    ),
)


# Contraction by letters: the cotangent of an operand is a contraction with g in its place.


def _einsum_pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, ...]:
    spec = params["spec"]
    return tuple(
        _einsum_by(xp, g, inputs, spec, place) if wants else None
        for place, wants in enumerate(wanted)
    )


def _einsum_by(xp: Names, g: Data, inputs: tuple[Data, ...], spec: str, place: int) -> Data:
    """The cotangent of one operand.

    The operand's letters from g and the other operands; ones along a letter that only it had; a
    delta for a letter that it had twice.
    """
    terms, out = terms_of(spec)
    own, others = terms[place], terms[:place] + terms[place + 1 :]
    letters = unique(own)
    known = out + "".join(others)
    have = "".join(c for c in letters if c in known)
    if others or have != out:
        rest = inputs[:place] + inputs[place + 1 :]
        g = xp.einsum(g, *rest, spec=",".join((out, *others)) + "->" + have)
    if have != letters:
        sizes = dict(zip(own, shape_of(inputs[place]), strict=True))
        new = tuple(i - len(letters) for i, c in enumerate(letters) if c not in have)
        g = xp.expand_dims(g, axis=new)
        g = xp.broadcast_to(g, shape=tuple(sizes[c] for c in letters))
    return g if letters == own else _with_deltas(xp, g, letters, own)


def _with_deltas(xp: Names, g: Data, have: str, want: str) -> Data:
    """An array with axes `have` on the diagonals of one with axes `want`, zero elsewhere."""
    for letter in unique(want):
        for _ in range(want.count(letter) - 1):
            last = have.index(letter)
            order = have[:last] + have[last + 1 :] + letter
            g = xp.diag_embed(_permuted(xp, g, have, order), offset=0)
            have = order + letter
    return _permuted(xp, g, have, want)


def _permuted(xp: Names, g: Data, have: str, want: str) -> Data:
    """Axes from one order of letters to another; equal letters keep their order."""
    if have == want:
        return g
    left = list(range(len(have)))
    axes = []
    for letter in want:
        place = next(i for i in left if have[i] == letter)
        left.remove(place)
        axes.append(place - len(have))
    return xp.permute_dims(g, axes=tuple(axes))


def _einsum_push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    sum_ = None
    for place, t in enumerate(tangents):
        if t is not None:
            moved = inputs[:place] + (t,) + inputs[place + 1 :]
            sum_ = accumulate(sum_, xp.einsum(*moved, **params))
    return sum_


def _einsum_batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
    """The leading axes get letters of their own; an operand that is the same along one has none."""
    terms, out = terms_of(params["spec"])
    moved, named, seen = [], [], ""
    for array, term in zip(map(np.asarray, arrays), terms, strict=True):
        lead = array.shape[:count] if array.ndim > len(term) else ()
        moved.append(array.reshape(tuple(s for s in lead if s != 1) + array.shape[len(lead) :]))
        letters = "".join(c for c, size in zip(HIDDEN, lead, strict=False) if size != 1)
        named.append(letters + term)
        seen += letters
    full = HIDDEN[:count]
    spec = ",".join(named) + "->" + "".join(c for c in full if c in seen) + out
    result = row.evaluate(*_weak_again(arrays, moved), spec=spec)
    new = tuple(i for i, c in enumerate(full) if c not in seen)
    return np.expand_dims(result, new) if new else result


def _weak_again(arrays: tuple[Data, ...], moved: list[Data]) -> list[Data]:
    """Python numbers as they were: they give way in the dtype."""
    return [a if isinstance(a, (int, float)) else m for a, m in zip(arrays, moved, strict=True)]


einsum = general(
    "einsum",
    einsum_evaluate,
    push=_einsum_push,
    pull=_einsum_pull,
    shape=spec_shape,
    dtype=lambda *kinds, spec: promoted(*kinds),
    batch=_einsum_batch,
    family="contraction",
    prepare=einsum_prepared,
    reading=lambda *shapes, spec: terms_of(spec),
    cases=(
        Case((("n", "m"), ("m", "k")), {"spec": "ij,jk->ik"}),
        Case((("n", "m"), ("m", "k")), {"spec": "ij,jk->ki"}),
        Case((("n", "m"),), {"spec": "ij->ji"}),
        Case((("n", "m"),), {"spec": "ij->j"}),
        Case((("n", "m"),), {"spec": "ij->"}),
        Case((("n", "n"),), {"spec": "ii->i"}),
        Case((("n", "n", "n"),), {"spec": "iii->"}),
        Case((("n", "m", "n"),), {"spec": "iji->j"}),
        Case((("n", "n"), ("n", "m")), {"spec": "ii,ij->j"}),
        Case((("n",), ("m",)), {"spec": "i,j->ji"}),
        Case((("n",), ("n",)), {"spec": "i,i->i"}),
        Case((("n", "m"), ("n", "m")), {"spec": "ij,ij->i"}),
        Case(((), ("n",)), {"spec": ",i->i"}),
        Case(((),), {"spec": "->"}),
        Case((("n", "m"), ("k",)), {"spec": "ij,k->k"}),
        Case(((2, "n", "m"), (2, "m", "k")), {"spec": "bij,bjk->bik"}),
        Case(((2, "n", "m"), ("m", "n", "k")), {"spec": "bij,jik->kb"}),
        Case((("n", "m"), ("m",), ("n",)), {"spec": "ij,j,i->"}),
        Case((("n", "m"), ("m", "k"), ("k", "n")), {"spec": "ij,jk,ki->ik"}),
        Case((("n",), ("n",), ("n",), ("m",), ("m",)), {"spec": "i,i,i,j,j->ij"}),
        Case(((0, "m"), ("m", "k")), {"spec": "ij,jk->ik"}),
        Case((("n", 0), (0, "k")), {"spec": "ij,jk->ik"}),
        Case(((1, "m"), ("m", 1)), {"spec": "ij,jk->ik"}),
    ),
)
