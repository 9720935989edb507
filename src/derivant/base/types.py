"""The types that the public signatures speak of: what an operand may be, what a result can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape

if TYPE_CHECKING:
    from types import EllipsisType


@runtime_checkable
class Array(Protocol):
    """What Tensor, Expr and NumPy's arrays have in common: a shape, a dtype and arithmetic.

    >>> isinstance(np.ones(2), Array)
    True
    """

    @property
    def shape(self) -> Shape:
        """The sizes of the axes."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The dtype of the numbers."""
        ...

    @property
    def ndim(self) -> int:
        """The number of axes."""
        ...

    @property
    def T(self) -> Array:
        """All axes reversed."""
        ...

    def __add__(self, other: Operand, /) -> Array: ...
    def __radd__(self, other: Operand, /) -> Array: ...
    def __sub__(self, other: Operand, /) -> Array: ...
    def __rsub__(self, other: Operand, /) -> Array: ...
    def __mul__(self, other: Operand, /) -> Array: ...
    def __rmul__(self, other: Operand, /) -> Array: ...
    def __truediv__(self, other: Operand, /) -> Array: ...
    def __rtruediv__(self, other: Operand, /) -> Array: ...
    def __pow__(self, other: Operand, /) -> Array: ...
    def __rpow__(self, other: Operand, /) -> Array: ...
    def __matmul__(self, other: Operand, /) -> Array: ...
    def __rmatmul__(self, other: Operand, /) -> Array: ...
    def __neg__(self) -> Array: ...
    def __getitem__(self, index: Index, /) -> Array: ...


Operand: TypeAlias = "Array | npt.ArrayLike"
# What a transform takes: any function. What it gives is an array, or a tree of arrays.
Function: TypeAlias = Callable[..., object]
Derived: TypeAlias = Callable[..., Array]
Slope: TypeAlias = "Callable[..., object] | float | None"  # one partial derivative of a function
DTypeLike: TypeAlias = npt.DTypeLike
OneIndex: TypeAlias = (
    "int | slice | EllipsisType | Array | Sequence[int] | npt.NDArray[np.generic] | None"
)
Index: TypeAlias = "OneIndex | tuple[OneIndex, ...]"
Axes: TypeAlias = "int | Sequence[int] | None"


def shape_of(operand: Any) -> Shape:
    """The shape of anything an operation takes; a Python number has none."""
    shape = getattr(operand, "shape", None)
    if shape.__class__ is tuple:
        plain: Shape = shape
        return plain
    if shape is not None:
        return tuple(shape)
    return () if isinstance(operand, (int, float, complex)) else np.shape(operand)
