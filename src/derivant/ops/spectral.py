"""The public functions of eigenvalues, singular values, and functions of matrices.

What reads a symmetric matrix reads (X + X')/2, so that gradients are symmetric.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from derivant.base.types import Array, Operand
from derivant.ops.rows import call, read
from derivant.primitives.dispatch import apply
from derivant.primitives.matrix_functions import slope_of
from derivant.primitives.spectral import eigh as eigh_row


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, (..., n), and eigenvectors as columns, (..., n, n).

    >>> w, v = eigh([[2.0, 0.0], [0.0, 1.0]])
    >>> w
    array([1., 2.])
    """

    eigenvalues: Array
    eigenvectors: Array


def eigh(x: Operand, /) -> EighResult:
    """Return eigenvalues, ascending, and eigenvectors of the symmetric part (X + X')/2.

    Shapes: (..., n, n) -> (..., n), (..., n, n). Where eigenvalues are equal, a derivative that
    depends on the choice of eigenvectors raises LinAlgError; forward mode always does, so take
    `eigvalsh` for eigenvalues alone. Raises ShapeError where the matrices are not square.

    >>> eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues
    array([1., 2.])
    """
    return EighResult(*apply(eigh_row, (read(x),)))


def eigvalsh(x: Operand, /) -> Array:
    """Return the eigenvalues, ascending, of the symmetric part (X + X')/2.

    The gradient of the i-th is v_i v_i'; equal eigenvalues share theirs evenly, and a second
    derivative that depends on them raises LinAlgError (use `spectral_sum` for the sum of a
    function of all). Shapes: (..., n, n) -> (..., n). Raises ShapeError where the matrices are not
    square.

    >>> eigvalsh([[2.0, 0.0], [0.0, 1.0]])
    array([1., 2.])
    """
    return call("eigvalsh", read(x))


def svdvals(x: Operand, /) -> Array:
    """Return the singular values of each matrix, descending.

    The gradient of the i-th is u_i v_i'; equal ones share theirs evenly, those that are 0 have 0.
    Shapes: (..., n, m) -> (..., min(n, m)). Raises ShapeError where there are not two axes.

    >>> svdvals([[0.0, 2.0], [1.0, 0.0]])
    array([2., 1.])
    """
    return call("svdvals", read(x))


def matrix_function(x: Operand, /, function: str, exponent: float = 0.0) -> Array:
    """Return f(X) = V diag(f(w)) V' of the symmetric part (X + X')/2 = V diag(w) V'.

    `function` is "exp", "log", "sin", "cos" or "power" (w ** exponent). Derivatives of every order
    are finite and right at equal eigenvalues; outside the domain of f the result is NaN. Shapes:
    (..., n, n) -> (..., n, n). Raises ArgumentError for another function, ShapeError where the
    matrices are not square. Higham, Functions of Matrices, theorem 3.11.

    >>> matrix_function([[4.0, 0.0], [0.0, 9.0]], "power", 0.5)
    array([[2., 0.],
           [0., 3.]])
    """
    return call("matrix_function", read(x), **_spectral_params(function, exponent))


def spectral_sum(x: Operand, /, function: str, exponent: float = 0.0) -> Array:
    """Return the sum of f(w) over the eigenvalues w of the symmetric part (X + X')/2.

    The functions are those of `matrix_function`; the gradient is f'(X), right at equal
    eigenvalues, as are all further derivatives. Shapes: (..., n, n) -> (...). Raises ArgumentError
    for another function, ShapeError where the matrices are not square.

    >>> float(spectral_sum([[2.0, 0.0], [0.0, 3.0]], "power", 2.0))
    13.0
    """
    return call("spectral_sum", read(x), **_spectral_params(function, exponent))


def _spectral_params(function: str, exponent: float) -> dict[str, Any]:
    slope_of(function, float(exponent))
    return {"function": function, "exponent": float(exponent)}


def sqrtm(x: Operand, /) -> Array:
    """Return the square root of the symmetric part (X + X')/2, which is positive semidefinite.

    NaN where an eigenvalue is negative. Shapes: (..., n, n) -> (..., n, n). Raises ShapeError
    where the matrices are not square.

    >>> sqrtm([[4.0, 0.0], [0.0, 9.0]])
    array([[2., 0.],
           [0., 3.]])
    """
    return matrix_function(x, "power", 0.5)


def logm(x: Operand, /) -> Array:
    """Return the logarithm of the symmetric part (X + X')/2, which is positive definite.

    NaN where an eigenvalue is negative. Shapes: (..., n, n) -> (..., n, n). Raises ShapeError
    where the matrices are not square.

    >>> logm([[1.0, 0.0], [0.0, 1.0]])
    array([[0., 0.],
           [0., 0.]])
    """
    return matrix_function(x, "log")


def expm(x: Operand, /) -> Array:
    """Return the exponential I + X + X^2/2 + ... of any square matrix.

    Derivatives are corners of the exponential of a block triangular matrix. Shapes: (..., n, n) ->
    (..., n, n). Raises ShapeError where the matrices are not square. Al-Mohy and Higham,
    Computing the Frechet derivative of the matrix exponential, 2009.

    >>> expm([[0.0, 1.0], [0.0, 0.0]])
    array([[1., 1.],
           [0., 1.]])
    """
    return call("expm", read(x))


__all__ = [
    "EighResult",
    "eigh",
    "eigvalsh",
    "expm",
    "logm",
    "matrix_function",
    "spectral_sum",
    "sqrtm",
    "svdvals",
]
