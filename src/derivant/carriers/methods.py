"""The methods that Tensor and Expr share with NumPy's arrays, in terms of the public functions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Size
from derivant.base.types import Axes, Operand
from derivant.carriers.numpy_protocol import UFUNC_ROWS, call_function, call_ufunc
from derivant.carriers.operators import Operators
from derivant.ops import contraction, creation, indexing, layout, reductions, selection
from derivant.ops.rows import SUM, reduced
from derivant.primitives import TABLE, prepared
from derivant.primitives.primitive import NO_PARAMS, Settings

PERMUTE = TABLE["permute_dims"]


@lru_cache
def reversed_axes(rank: int) -> Settings:
    """All axes from the last to the first, as the row that permutes them takes it."""
    return prepared(PERMUTE, axes=tuple(range(-1, -rank - 1, -1)))


class Methods(Operators):
    """Array methods on carriers."""

    __slots__ = ()

    @property
    def shape(self) -> Any:
        """The sizes of the axes."""
        raise NotImplementedError

    @property
    def dtype(self) -> Any:
        """The dtype of the numbers."""
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return self.derivant_apply(PERMUTE, (self,), reversed_axes(len(self.shape)))

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return layout.matrix_transpose(self)

    __getitem__ = indexing.index  # without one more call

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        row = UFUNC_ROWS.get(ufunc)
        if row is None or settings or method != "__call__":
            return call_ufunc(ufunc, method, inputs, settings)
        return self.derivant_apply(row, inputs, NO_PARAMS)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        return call_function(function, args, settings)

    def sum(self, axis: Axes = None, keepdims: bool = False) -> Any:
        """The sum along axes."""
        return reduced(SUM, self, axis, keepdims)

    def mean(self, axis: Axes = None, keepdims: bool = False) -> Any:
        """The mean along axes."""
        return reductions.mean(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Axes = None, keepdims: bool = False) -> Any:
        """The product along axes."""
        return reductions.prod(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axes = None, keepdims: bool = False) -> Any:
        """The largest entry along axes."""
        return reductions.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axes = None, keepdims: bool = False) -> Any:
        """The smallest entry along axes."""
        return reductions.min(self, axis=axis, keepdims=keepdims)

    def std(self, axis: Axes = None, keepdims: bool = False, correction: float = 0.0) -> Any:
        """The standard deviation along axes."""
        return reductions.std(self, axis=axis, keepdims=keepdims, correction=correction)

    def var(self, axis: Axes = None, keepdims: bool = False, correction: float = 0.0) -> Any:
        """The variance along axes."""
        return reductions.var(self, axis=axis, keepdims=keepdims, correction=correction)

    def argmax(self, axis: int | None = None) -> Any:
        """Where the largest entry is."""
        return reductions.argmax(self, axis=axis)

    def argmin(self, axis: int | None = None) -> Any:
        """Where the smallest entry is."""
        return reductions.argmin(self, axis=axis)

    def reshape(self, *shape: Size | tuple[Size, ...]) -> Any:
        """The same entries in another shape; one size may be -1."""
        sizes = shape[0] if len(shape) == 1 else shape
        return layout.reshape(self, sizes)  # type: ignore[arg-type]  # a tuple of sizes either way

    def transpose(self, *axes: int) -> Any:
        """The axes in another order; all reversed where none is given."""
        return layout.permute_dims(self, axes) if axes else self.T

    def flatten(self) -> Any:
        """All entries along one axis."""
        return layout.reshape(self, (-1,))

    def ravel(self) -> Any:
        """All entries along one axis."""
        return layout.reshape(self, (-1,))

    def squeeze(self, axis: Axes = None) -> Any:
        """Without axes of size 1."""
        return layout.squeeze(self, axis)

    def astype(self, dtype: npt.DTypeLike) -> Any:
        """The same numbers in another dtype."""
        return creation.astype(self, np.dtype(dtype))

    def dot(self, other: Operand) -> Any:
        """NumPy's dot product."""
        return contraction.dot(self, other)

    def clip(self, min: Operand | None = None, max: Operand | None = None) -> Any:
        """Every entry moved to the nearest bound where it is outside of them."""
        return selection.clip(self, min, max)
