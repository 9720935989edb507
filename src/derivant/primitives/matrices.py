"""What the rows of linear algebra share: square matrices, stacks of them, and which one failed.

Knows no row. Evaluators read leading axes as a stack of matrices and broadcast them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape, broadcast
from derivant.base.errors import LinAlgError, ShapeError
from derivant.primitives.families import general
from derivant.primitives.primitive import (
    Batch,
    Case,
    Data,
    DType,
    Names,
    Params,
    Primitive,
    Pull,
    Push,
)
from derivant.primitives.rules import accumulate, promoted

Numbers: TypeAlias = npt.NDArray[Any]


# shapes


def square_shape(shape: Shape, *rest: Shape, **params: object) -> Shape:
    """The shape of a stack of square matrices; refuse any other."""
    if len(shape) < 2:
        raise ShapeError(f"a matrix has at least two axes, this has {len(shape)}")
    if shape[-1] != shape[-2]:
        raise ShapeError(f"the last two axes must be equal, they are {shape[-2]} and {shape[-1]}")
    for other in rest:
        if other[-2:] != shape[-2:]:
            raise ShapeError(f"a direction of shape {other} for a matrix of shape {shape}")
    return broadcast((shape, *rest))


def number_shape(shape: Shape, **params: object) -> Shape:
    """One number for each matrix of the stack."""
    return square_shape(shape)[:-2]


def require_square(a: Numbers) -> Numbers:
    """The array, a stack of square matrices."""
    a = np.asarray(a)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        square_shape(a.shape)
    return a


def transposed(a: Numbers) -> Numbers:
    """The last two axes exchanged."""
    return a.swapaxes(-1, -2)


def symmetric_part(a: Numbers) -> Numbers:
    """(A + A')/2, in floating point; a matrix that is symmetric to the bit as it is."""
    a = require_square(a)
    if a.dtype.kind == "f" and a.tobytes() == a.swapaxes(-1, -2).tobytes():
        return a
    half: Numbers = (a + a.swapaxes(-1, -2)) * 0.5
    return half


def symmetrised(xp: Names, t: Data) -> Data:
    """(T + T')/2 in the vocabulary of rules."""
    return (t + xp.matrix_transpose(t)) * 0.5


def matrix_dtype(*dtypes: DType | type, **params: object) -> DType:
    """float32 stays; everything else is computed in float64."""
    kind = promoted(*dtypes)
    return kind if kind == np.float32 else np.dtype(np.float64)


# stacks


def all_finite(a: Numbers) -> bool:
    """Whether all entries are finite: by one product, entry by entry only where it is not."""
    return bool(-math.inf < np.vdot(a, a) < math.inf or np.isfinite(a).all())


def batch_cores(*ranks: int) -> Batch:
    """Align stacks behind the leading axes; `ranks` are the axes that belong to one item.

    The last rank stands for all further operands.
    """

    def batch(row: Primitive, count: int, arrays: tuple[Data, ...], params: Params) -> Data:
        cores = [ranks[min(i, len(ranks) - 1)] for i in range(len(arrays))]
        given = [np.asarray(a) for a in arrays]
        given = [a.reshape((1,) * count) if a.ndim < count else a for a in given]
        visible = [a.ndim - count - core for a, core in zip(given, cores, strict=True)]
        widest = max(visible)
        aligned = [
            a.reshape(a.shape[:count] + (1,) * (widest - seen) + a.shape[count:])
            for a, seen in zip(given, visible, strict=True)
        ]
        return row.evaluate(*aligned, **params)

    return batch


def each_matrix(a: Numbers, function: Callable[[Numbers], Numbers]) -> Numbers:
    """A function of one matrix applied to each of a stack, NaN where it fails."""
    result = np.full(a.shape, np.nan, matrix_dtype(a.dtype))
    for place in np.ndindex(a.shape[:-2]):
        try:
            result[place] = function(a[place])
        except np.linalg.LinAlgError:
            continue
    return result


def refuse_where(bad: npt.ArrayLike, what: str) -> None:
    """Raise LinAlgError that says which matrix of the stack it is; nothing where none is bad."""
    flags = np.asarray(bad)
    if not flags.any():
        return
    if flags.ndim == 0:
        raise LinAlgError(f"the matrix {what}")
    place = np.unravel_index(int(np.argmax(flags)), flags.shape)
    index = ", ".join(str(int(i)) for i in place)
    count = int(flags.sum())
    more = f" (and {count - 1} more)" if count > 1 else ""
    raise LinAlgError(f"matrix [{index}] of the batch of shape {flags.shape} {what}{more}")


def where_finite(
    a: Numbers, function: Callable[[Numbers], tuple[Numbers, ...]]
) -> tuple[Numbers, ...]:
    """A decomposition that LAPACK would not survive on NaN: all NaN for such a matrix."""
    fine = np.asarray(np.isfinite(a).all((-1, -2)))
    if fine.all():
        return function(a)
    parts = function(np.where(fine[..., None, None], a, 0))
    return tuple(
        np.where(fine.reshape(fine.shape + (1,) * (p.ndim - fine.ndim)), p, np.nan).astype(p.dtype)
        for p in parts
    )


# rows closed under differentiation


def closed_row(
    name: str,
    evaluate: Callable[..., Any],
    *,
    transposes: bool,
    cases: tuple[Case, ...],
    **more: Any,
) -> Primitive:
    """A matrix function f(A), and with directions its derivative D^k f(A)[E1, ..., Ek].

    The derivative by A in the direction T has T as one more direction. The form
    <F, D^k f(A)[E1, ..., Ek]> is symmetric in F and the E, or is so after transposing A and the E
    (`transposes`), so that the cotangent is one more direction too.
    """
    return general(
        name,
        evaluate,
        push=_closed_push(name),
        pull=_closed_pull(name, transposes),
        shape=square_shape,
        dtype=matrix_dtype,
        batch=batch_cores(2),
        cases=cases,
        **more,
    )


def _closed_push(name: str) -> Push:
    def push(
        xp: Names,
        tangents: tuple[Data, ...],
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
    ) -> Data:
        f = getattr(xp, name)
        total = None if tangents[0] is None else f(*inputs, tangents[0], **params)
        for i, t in enumerate(tangents[1:], 1):
            if t is not None:
                moved = inputs[:i] + (t,) + inputs[i + 1 :]
                total = accumulate(total, f(*moved, **params))
        return total

    return push


def _closed_pull(name: str, transposes: bool) -> Pull:
    def pull(
        xp: Names,
        g: Data,
        out: Data,
        inputs: tuple[Data, ...],
        params: Params,
        wanted: tuple[bool, ...],
    ) -> tuple[Data, ...]:
        f = getattr(xp, name)
        if transposes:
            inputs = tuple(xp.matrix_transpose(x) for x in inputs)
        first = f(*inputs, g, **params) if wanted[0] else None
        rest = [
            f(*inputs[:i], g, *inputs[i + 1 :], **params) if wanted[i] else None
            for i in range(1, len(inputs))
        ]
        return (first, *rest)

    return pull


def closed_cases(domain: str, *params: Params, directions: int = 2) -> tuple[Case, ...]:
    """Cases with no direction and some, of sizes 0, 1 and n, and in a stack."""
    found: list[Case] = []
    shapes: list[tuple[str | int, ...]] = [("n", "n"), (1, 1), (0, 0), (2, "n", "n")]
    for count in range(directions + 1):
        names = (domain,) + ("real",) * count
        for shape in shapes[: None if count < 2 else 2]:
            found += [Case((shape,) * (count + 1), p, names) for p in params or ({},)]
    return tuple(found)


def factorial(n: int) -> float:
    """n! as a float."""
    return float(math.factorial(n))
