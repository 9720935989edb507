"""The public functions of linear algebra, but for products, norms and eigenvalues.

Matrices are the last two axes; the axes before them are a batch. What rows cannot do at a singular
matrix raises LinAlgError with the place of that matrix in its batch.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

from derivant.base.dims import Size
from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.types import Array, Operand, shape_of
from derivant.ops.arguments import one_axis
from derivant.ops.rows import call, read
from derivant.primitives.determinants import slogdet as slogdet_row
from derivant.primitives.dispatch import apply
from derivant.primitives.explain import operand_texts
from derivant.primitives.matrices import square_shape


class SlogdetResult(NamedTuple):
    """The sign of each determinant, and the logarithm of its absolute value, both (...).

    >>> sign, logabsdet = slogdet([[0.0, 1.0], [1.0, 0.0]])
    >>> float(sign), float(logabsdet)
    (-1.0, 0.0)
    """

    sign: Array
    logabsdet: Array


# determinants


def det(x: Operand, /) -> Array:
    """Return the determinant of each matrix.

    The gradient is the matrix of cofactors, at singular matrices too: d det(X) = <cof(X), dX>.
    Shapes: (..., n, n) -> (...). Raises ShapeError where the matrices are not square.

    >>> import numpy as np
    >>> from derivant.calculus.transforms import grad
    >>> grad(det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(12)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return call("det", read(x))


def slogdet(x: Operand, /) -> SlogdetResult:
    """Return the sign and the logarithm of the absolute value of each determinant.

    The sign is constant; the gradient of log|det X| is inv(X)', NaN at a singular matrix. Shapes:
    (..., n, n) -> (...), twice. Raises ShapeError where the matrices are not square.

    >>> slogdet([[0.0, 2.0], [1.0, 0.0]]).sign
    np.float64(-1.0)
    """
    return SlogdetResult(*apply(slogdet_row, (read(x),)))


def logdet(x: Operand, /) -> Array:
    """Return log|det X| of each matrix; -inf where it is singular.

    Shapes: (..., n, n) -> (...). The gradient is inv(X)', NaN at a singular matrix. Raises
    ShapeError where the matrices are not square.

    >>> float(logdet([[2.0, 0.0], [0.0, 0.5]]))
    0.0
    """
    return call("logdet", read(x))


def cofactor(x: Operand, /) -> Array:
    """Return the matrix of cofactors: the gradient of the determinant.

    Entry i, j is (-1)^(i+j) times the determinant without row i and column j; det(X) inv(X)' where
    X is invertible. Shapes: (..., n, n) -> (..., n, n). Raises ShapeError where the matrices are
    not square.

    >>> cofactor([[1.0, 2.0], [3.0, 4.0]]).round(12)
    array([[ 4., -3.],
           [-2.,  1.]])
    """
    return call("cofactor", read(x))


def adjugate(x: Operand, /) -> Array:
    """Return the adjugate, the transpose of the cofactors: X adj(X) = det(X) I.

    Shapes: (..., n, n) -> (..., n, n). Raises ShapeError where the matrices are not square.

    >>> adjugate([[1.0, 2.0], [3.0, 4.0]]).round(12)
    array([[ 4., -2.],
           [-3.,  1.]])
    """
    return call("matrix_transpose", cofactor(x))


# systems and factors


def inv(x: Operand, /) -> Array:
    """Return the inverse of each matrix; dX^-1 = -X^-1 dX X^-1.

    Shapes: (..., n, n) -> (..., n, n). Raises LinAlgError that says which matrix is singular,
    ShapeError where the matrices are not square.

    >>> inv([[2.0, 0.0], [0.0, 4.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return call("inv", read(x))


def solve(x1: Operand, x2: Operand, /) -> Array:
    """Return the solution Y of X1 Y = X2.

    Shapes: (..., n, n), (n) -> (..., n) and (..., n, n), (..., n, m) -> (..., n, m): a right side
    is a vector only where it has one axis. Raises LinAlgError that says which matrix is singular,
    ShapeError where the sizes do not fit.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 1.0])
    array([0.5 , 0.25])
    """
    return call("solve", read(x1), read(x2))


def solve_triangular(
    x1: Operand, x2: Operand, /, *, lower: bool = False, unit_diagonal: bool = False
) -> Array:
    """Return the solution Y of X1 Y = X2 by substitution; one triangle of X1 alone is read.

    With `unit_diagonal` the diagonal is taken as 1. Shapes as of `solve`. Raises LinAlgError where
    there is a 0 on the diagonal, ShapeError where the sizes do not fit.

    >>> solve_triangular([[2.0, 9.0], [1.0, 1.0]], [2.0, 3.0], lower=True)
    array([1., 2.])
    """
    return call("solve_triangular", read(x1), read(x2), lower=bool(lower), unit=bool(unit_diagonal))


def cholesky(x: Operand, /, *, upper: bool = False) -> Array:
    """Return the lower triangular L with L L' = (X + X')/2; L' where `upper`.

    The symmetric part of X is factored, so that the gradient is symmetric. Shapes: (..., n, n) ->
    (..., n, n). Raises LinAlgError that says which matrix is not positive definite, ShapeError
    where the matrices are not square. I. Murray, arXiv:1602.07527.

    >>> cholesky([[4.0, 2.0], [2.0, 2.0]])
    array([[2., 0.],
           [1., 1.]])
    """
    factor = call("cholesky", read(x))
    return call("matrix_transpose", factor) if upper else factor


# powers and rank


def matrix_power(x: Operand, n: int, /) -> Array:
    """Return the product of n factors X; of |n| factors inv(X) where n is negative.

    Shapes: (..., m, m) -> (..., m, m). Raises LinAlgError where n is negative and X singular,
    ArgumentError where n is no integer, ShapeError where the matrices are not square.

    >>> matrix_power([[1.0, 1.0], [0.0, 1.0]], 5)
    array([[1., 5.],
           [0., 1.]])
    """
    try:
        left = operator.index(n)
    except TypeError:
        raise ArgumentError(f"matrix_power: the power is an integer, not {n!r}") from None
    try:
        square_shape(shape_of(x))
    except ShapeError as error:
        raise ShapeError(f"matrix_power: {operand_texts([read(x)])[0]}: {error}") from None
    base = inv(x) if left < 0 else read(x)
    left = abs(left)
    if left == 0:
        return call("zeros_like", base) + call("identity_like", base)
    base = call("positive", base)  # a result of its own, where n is 1 too
    result: Array | None = None
    while True:
        if left & 1:
            result = base if result is None else call("matmul", result, base)
        left >>= 1
        if not left:
            assert result is not None
            return result
        base = call("matmul", base, base)


def matrix_rank(x: Operand, /, *, rtol: float | None = None) -> Array:
    """Return how many singular values of each matrix exceed `rtol` times the largest.

    `rtol` is max(n, m) eps where not given. The rank is an integer and has no derivative. Shapes:
    (..., n, m) -> (...). Raises ShapeError where there are not two axes.

    >>> int(matrix_rank([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    return call("matrix_rank", read(x), rtol=None if rtol is None else float(rtol))


# products


def cross(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Array:
    """Return the cross product of vectors of three entries along an axis; the rest broadcasts.

    Shapes: (..., 3), (..., 3) -> (..., 3). Raises ShapeError where the axis has another size,
    AxisError where there is no such axis.

    >>> cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    array([0., 0., 1.])
    """
    left, right = read(x1), read(x2)
    longer = left if len(shape_of(left)) >= len(shape_of(right)) else right
    return call("cross", left, right, axis=one_axis("cross", longer, axis))


def multi_dot(arrays: Sequence[Operand], /) -> Array:
    """Return the product of two or more matrices, in the order that needs the fewest operations.

    The first and the last may be vectors. With named sizes the order is from the left. Shapes:
    (a, b), (b, c), ... -> (a, ...). Raises ArgumentError for fewer than two, ShapeError where the
    sizes do not fit. Cormen et al., Introduction to Algorithms, section 15.2.

    >>> multi_dot([[[1.0, 2.0]], [[3.0], [4.0]], [5.0]])
    array([55.])
    """
    given: list[Array] = [read(a) for a in arrays]
    sizes = _chain_sizes(given)
    whole = [size for size in sizes if isinstance(size, int)]
    last = len(given) - 1
    if len(whole) == len(sizes):
        splits = _cheapest(whole)
    else:
        splits = {(0, j): j - 1 for j in range(1, last + 1)}
    return _product(given, splits, 0, last)


def _chain_sizes(given: Sequence[Array]) -> list[Size]:
    """Factor i is sizes[i] by sizes[i + 1]; a vector in front is a row, one at the end a column."""
    if len(given) < 2:
        raise ArgumentError(f"multi_dot: two arrays or more are multiplied, here are {len(given)}")
    shapes = [shape_of(a) for a in given]
    for place, shape in enumerate(shapes):
        if len(shape) != 2 and not (len(shape) == 1 and place in (0, len(given) - 1)):
            raise ShapeError(
                f"multi_dot: array {place} has shape {shape}; all are matrices, the first and the "
                "last may be vectors"
            )
    first = 1 if len(shapes[0]) == 1 else shapes[0][0]
    last = 1 if len(shapes[-1]) == 1 else shapes[-1][1]
    return [first, *(shape[0] for shape in shapes[1:]), last]


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each run of factors, factor i being sizes[i] by sizes[i + 1]."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return split


def _product(given: Sequence[Array], splits: dict[tuple[int, int], int], i: int, j: int) -> Array:
    if i == j:
        return given[i]
    k = splits[i, j]
    return call("matmul", _product(given, splits, i, k), _product(given, splits, k + 1, j))


__all__ = [
    "SlogdetResult",
    "adjugate",
    "cholesky",
    "cofactor",
    "cross",
    "det",
    "inv",
    "logdet",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "slogdet",
    "solve",
    "solve_triangular",
]
