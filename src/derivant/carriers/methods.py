"""The methods that Tensor and Expr share with NumPy's arrays, in terms of the public functions."""

from __future__ import annotations

from typing import Any

from derivant.carriers.operators import Operators
from derivant.primitives import TABLE


class Methods(Operators):
    """Array methods on carriers."""

    __slots__ = ()

    @property
    def T(self) -> Any:
        """All axes reversed."""
        axes = tuple(range(-1, -len(self.shape) - 1, -1))
        return self.derivant_apply(TABLE["permute_dims"], (self,), {"axes": axes})

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return self.derivant_apply(TABLE["sum"], (self,), {"axis": tuple(range(-len(self.shape), 0)), "keepdims": keepdims})
