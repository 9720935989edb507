"""The generalized Jacobian as an object: products with it, entries of it, dense only on request.

It knows a function's tangent and cotangent maps and its shapes; where they come from it does not
know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.base.errors import BoundsError, DifferentiationError, LinAlgError, ShapeError
from derivant.base.loader import load
from derivant.base.types import Array, Operand, shape_of
from derivant.operators.writing import letters_text
from derivant.primitives import RECORD

DEFAULT_LIMIT = 2 << 30
Ints: TypeAlias = tuple[int, ...]
Numbers: TypeAlias = npt.NDArray[np.float64]
NUMBERS = (int, float, np.number)
Map: TypeAlias = Callable[[Operand], Array]


@dataclass(frozen=True, slots=True, eq=False)
class Jacobian:
    """A derivative of shape `out_shape + in_shape`, held as its two products.

    `J @ t` takes a tangent of `in_shape` to one of `out_shape`; `J.T @ g` and `g @ J` take a
    cotangent of `out_shape` to one of `in_shape`; `J2 @ J1` is the chain rule. `J[i, j, ...]`
    reads entries. Nothing of the size of `shape` is formed but by `materialize`.

    >>> import derivant as dv
    >>> J = dv.jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
    >>> J @ np.array([1.0, 1.0])
    array([2., 6.])
    """

    out_shape: Ints
    in_shape: Ints
    dtype: np.dtype[np.generic]
    forward: Map
    reverse: Map
    dense: Callable[[], Array]

    __array_ufunc__ = None

    @property
    def shape(self) -> Ints:
        """The shape of the dense array: that of the output, then that of the input."""
        return self.out_shape + self.in_shape

    @property
    def ndim(self) -> int:
        """The number of axes of the dense array."""
        return len(self.shape)

    @property
    def dense_nbytes(self) -> int:
        """Bytes that the dense array would take."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of parameters that the map itself holds: a pair of products holds none."""
        return 0

    @property
    def structure(self) -> str:
        """What is known of the entries, in index form."""
        return letters_text(len(self.out_shape), len(self.in_shape))

    @property
    def T(self) -> Jacobian:
        """The transposed map: cotangents of the output to cotangents of the input."""
        return Jacobian(
            self.in_shape,
            self.out_shape,
            self.dtype,
            self.reverse,
            self.forward,
            lambda: _swapped(self.dense(), len(self.out_shape)),
        )

    def __matmul__(self, other: Operand | Jacobian) -> Array | Jacobian:
        if isinstance(other, Jacobian):
            return self._after(other)
        self._check("J @ t", "tangent", other, self.in_shape)
        return self._pushed(other)

    def __rmatmul__(self, cotangent: Operand) -> Array:
        self._check("g @ J", "cotangent", cotangent, self.out_shape)
        return self._pulled(cotangent)

    def _pushed(self, tangent: Operand) -> Array:
        return self.forward(tangent)

    def _pulled(self, cotangent: Operand) -> Array:
        return self.reverse(cotangent)

    def _whole(self) -> Array:
        return self.dense()

    def __add__(self, other: Jacobian) -> Jacobian:
        return self._plus(other, 1) if isinstance(other, Jacobian) else NotImplemented

    def __sub__(self, other: Jacobian) -> Jacobian:
        return self._plus(other, -1) if isinstance(other, Jacobian) else NotImplemented

    def __mul__(self, number: float) -> Jacobian:
        return self._times(number) if isinstance(number, NUMBERS) else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> Jacobian:
        return self._times(-1)

    def _plus(self, other: Jacobian, sign: int) -> Jacobian:
        """The sum of two maps of one shape, the second times a sign."""
        if (self.out_shape, self.in_shape) != (other.out_shape, other.in_shape):
            raise ShapeError(
                f"J1 + J2: the shapes are {self.out_shape} + {self.in_shape} and "
                f"{other.out_shape} + {other.in_shape}"
            )
        return Jacobian(
            self.out_shape,
            self.in_shape,
            np.result_type(self.dtype, other.dtype),
            lambda t: self.forward(t) + sign * other.forward(t),
            lambda g: self.reverse(g) + sign * other.reverse(g),
            lambda: self.dense() + sign * other.dense(),
        )

    def _times(self, number: float) -> Jacobian:
        """The map times a number."""
        return Jacobian(
            self.out_shape,
            self.in_shape,
            self.dtype,
            lambda t: number * self.forward(t),
            lambda g: number * self.reverse(g),
            lambda: number * self.dense(),
        )

    def _check(self, what: str, kind: str, given: Operand, wanted: Ints) -> None:
        if shape_of(given) != wanted:
            raise ShapeError(
                f"{what}: the {kind} has shape {shape_of(given)}; the Jacobian of shape "
                f"{self.out_shape} + {self.in_shape} takes {wanted}"
            )

    def _after(self, first: Jacobian) -> Jacobian:
        """The chain rule: this map after another."""
        if first.out_shape != self.in_shape:
            raise ShapeError(
                f"J2 @ J1: J2 takes tangents of shape {self.in_shape}, J1 gives {first.out_shape}"
            )

        def dense() -> Array:
            middle = math.prod(self.in_shape)
            tall, wide = math.prod(self.out_shape), math.prod(first.in_shape)
            left = RECORD.reshape(self.dense(), shape=(tall, middle))
            right = RECORD.reshape(first.dense(), shape=(middle, wide))
            product = RECORD.matmul(left, right)
            return as_result(RECORD.reshape(product, shape=self.out_shape + first.in_shape))

        return Jacobian(
            self.out_shape,
            first.in_shape,
            np.result_type(self.dtype, first.dtype),
            lambda t: self.forward(first.forward(t)),
            lambda g: first.reverse(self.reverse(g)),
            dense,
        )

    def __getitem__(self, index: int | slice | tuple[int | slice, ...]) -> Array:
        """Entries, by the product that gives the fewest: a row by a cotangent, else by tangents."""
        places = self._places(index)
        split = len(self.out_shape)
        rows, columns = places[:split], places[split:]
        if len(rows) == split and all(isinstance(i, int) for i in rows):
            row = self._pulled(unit(self.out_shape, rows, self.dtype))
            return row[columns] if columns else row
        if len(columns) == len(self.in_shape) and all(isinstance(i, int) for i in columns):
            return self._pushed(unit(self.in_shape, columns, self.dtype))[rows]
        return self.materialize()[places]

    def _places(self, index: int | slice | tuple[int | slice, ...]) -> tuple[int | slice, ...]:
        """An index as a tuple of places that there are."""
        places = index if isinstance(index, tuple) else (index,)
        if len(places) > self.ndim:
            raise BoundsError(f"{len(places)} indices for a Jacobian of shape {self.shape}")
        for axis, (place, size) in enumerate(zip(places, self.shape, strict=False)):
            if isinstance(place, int) and not -size <= place < size:
                raise BoundsError(f"index {place} on axis {axis} of the Jacobian, which has {size}")
        return places

    def materialize(self, limit: int = DEFAULT_LIMIT) -> Array:
        """The dense array of shape `out_shape + in_shape`.

        Raises DifferentiationError where it would take more than `limit` bytes (2 GiB unless told).
        """
        self._check_limit(limit)
        return self._whole()

    def _check_limit(self, limit: int = DEFAULT_LIMIT) -> None:
        if self.dense_nbytes > limit:
            raise DifferentiationError(
                f"the dense Jacobian of shape {self.shape} takes {_size(self.dense_nbytes)}, the "
                f"limit is {_size(limit)}; use J @ t, g @ J or entries, or pass limit="
            )

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Numbers:
        return np.asarray(self.materialize(), dtype=dtype)

    def diagonal(self) -> Array:
        """The entries J[i, i], for an output of the shape of the input."""
        self._check_diagonal()
        found = RECORD.diagonal(self._matrix(), offset=0)
        return as_result(RECORD.reshape(found, shape=self.out_shape))

    def _check_diagonal(self) -> None:
        if self.out_shape != self.in_shape:
            raise ShapeError(
                f"a Jacobian of shape {self.out_shape} + {self.in_shape} has no diagonal"
            )

    def row_sums(self) -> Array:
        """The sum of each row: J times ones, of `out_shape`."""
        return self._pushed(np.ones(self.in_shape, self.dtype)[()])

    def column_sums(self) -> Array:
        """The sum of each column: ones times J, of `in_shape`."""
        return self._pulled(np.ones(self.out_shape, self.dtype)[()])

    def _matrix(self) -> Any:
        """The dense array as a matrix, of the carrier that it is of."""
        shape = (math.prod(self.out_shape), math.prod(self.in_shape))
        return RECORD.reshape(self.materialize(), shape=shape)

    def _square(self, what: str) -> Any:
        self._check_square(what)
        return self._matrix()

    def _check_square(self, what: str) -> None:
        if math.prod(self.out_shape) != math.prod(self.in_shape):
            raise ShapeError(
                f"{what}: the Jacobian of shape {self.out_shape} + {self.in_shape} is not square"
            )

    def solve(self, b: npt.ArrayLike) -> Array:
        """The tangent t with J @ t = b, by a dense factorisation under the default limit."""
        self._check("solve", "right side", b, self.out_shape)
        matrix = self._square("solve")
        right = RECORD.reshape(_numbers(b), shape=(math.prod(self.out_shape),))
        try:
            found = RECORD.solve(matrix, right)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(f"solve: the Jacobian of shape {self.shape} is singular") from error
        return as_result(RECORD.reshape(found, shape=self.in_shape))

    def logdet(self) -> float:
        """log |det J|, by a dense factorisation under the default limit."""
        return float(np.linalg.slogdet(self._square("logdet"))[1])

    def to_scipy(self) -> object:
        """A scipy.sparse.linalg.LinearOperator on C-ordered flattening."""
        rows, columns = math.prod(self.out_shape), math.prod(self.in_shape)
        return load("scipy.sparse.linalg").LinearOperator(
            (rows, columns),
            matvec=lambda t: np.asarray(self @ np.reshape(t, self.in_shape)).reshape(-1),
            rmatvec=lambda g: np.asarray(self.T @ np.reshape(g, self.out_shape)).reshape(-1),
            dtype=self.dtype,
        )

    def to_sparse(self) -> object:
        """A scipy.sparse.csr_array of the entries that are not zero, C-ordered flattening."""
        return load("scipy.sparse").csr_array(self._matrix())

    def __repr__(self) -> str:
        return f"<Jacobian {self.out_shape} + {self.in_shape}, {self.dtype}, {self.structure}>"


def unit(shape: Ints, place: tuple[int | slice, ...], dtype: np.dtype[np.generic]) -> Operand:
    """The array that is 1 at one place and 0 elsewhere."""
    array = np.zeros(shape, dtype)
    array[place] = 1
    return array[()]


def as_result(array: Any) -> Array:
    """An array in the type of public results."""
    result: Array = array
    return result


def _swapped(dense: Any, split: int) -> Array:
    rank = len(dense.shape)
    axes = (*range(split - rank, 0), *range(-rank, split - rank))
    return as_result(RECORD.permute_dims(dense, axes=axes))


def of_array(dense: Any, split: int) -> Jacobian:
    """The map that a dense array is, the axes from `split` on those of the input."""
    shape: Any = shape_of(dense)
    out_shape, in_shape = shape[:split], shape[split:]
    tall, wide = math.prod(out_shape), math.prod(in_shape)
    matrix = RECORD.reshape(dense, shape=(tall, wide))

    def forward(tangent: Operand) -> Array:
        column = RECORD.reshape(_numbers(tangent), shape=(wide,))
        return as_result(RECORD.reshape(RECORD.matmul(matrix, column), shape=out_shape))

    def reverse(cotangent: Operand) -> Array:
        row = RECORD.reshape(_numbers(cotangent), shape=(tall,))
        return as_result(RECORD.reshape(RECORD.matmul(row, matrix), shape=in_shape))

    return Jacobian(out_shape, in_shape, dense.dtype, forward, reverse, lambda: as_result(dense))


def _numbers(given: Any) -> Any:
    return given if hasattr(given, "derivant_rank") else np.asarray(given)


def taken_apart(jacobian: Jacobian) -> tuple[tuple[Array], int]:
    """A Jacobian in a tree of arrays: its dense array, and how many axes are the input's."""
    return (jacobian.materialize(),), len(jacobian.in_shape)


def put_together(axes: Any, arrays: Sequence[Any]) -> Any:
    """A Jacobian from such an array, or what stands for one in a tree."""
    (dense,) = arrays
    return of_array(dense, len(shape_of(dense)) - axes) if hasattr(dense, "shape") else dense


def _size(count: int) -> str:
    for name, unit_size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= unit_size:
            return f"{count / unit_size:.4g} {name} ({count} bytes)"
    return f"{count} bytes"
