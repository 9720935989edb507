"""`p -= step` and its like: in place for a leaf inside no_grad, a new Tensor otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivant.base.errors import DifferentiationError, ShapeError
from derivant.carriers.methods import Methods
from derivant.carriers.mode import LEAF, MODE
from derivant.carriers.operators import ADD, DIVIDE, MULTIPLY, SUBTRACT
from derivant.primitives import NO_PARAMS, Primitive


class Assignment(Methods):
    """The operators that assign, for a carrier whose numbers are its own."""

    __slots__ = ()
    data: Any
    primitive: Primitive | None
    tag: int

    def _assign(self, row: Primitive, other: Any) -> Any:
        result = self.derivant_apply(row, (self, other), NO_PARAMS)
        if self.tag != LEAF or self.primitive is not None:
            return result
        if MODE.get().record:
            raise DifferentiationError(
                "a leaf that requires a gradient is assigned in place; do it inside no_grad()"
            )
        if result.shape != self.shape:
            raise ShapeError(f"assigning shape {result.shape} in place to a leaf of {self.shape}")
        self.data = np.asarray(result.data, dtype=self.dtype)
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._assign(ADD, other)

    def __isub__(self, other: Any) -> Any:
        return self._assign(SUBTRACT, other)

    def __imul__(self, other: Any) -> Any:
        return self._assign(MULTIPLY, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._assign(DIVIDE, other)
