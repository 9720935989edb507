"""What a Tensor is to Python and NumPy: an array, a number, a sequence, a text.

Nothing here may lose a derivative in silence: what would is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.errors import ArgumentError, DifferentiationError
from derivant.carriers.methods import Methods
from derivant.carriers.mode import FREE, LEAF
from derivant.primitives import Primitive


class Conversion(Methods):
    """The numbers of a carrier that has some, as others know them."""

    __slots__ = ()
    data: Any
    levels: tuple[int, ...]
    primitive: Primitive | None
    requires_grad: Any
    tag: int

    def numpy(self) -> npt.NDArray[Any]:
        """The numbers, as a read-only view."""
        if self.levels:
            raise DifferentiationError(
                "inside vmap a Tensor has hidden axes and no array of its own"
            )
        view = np.asarray(self.data)[...]
        view.flags.writeable = False
        return view

    def item(self) -> float:
        """The only entry, as a Python number."""
        number: float = self.numpy().item()
        return number

    def _number(self) -> float:
        """The only entry as a Python number; refused where its derivative would be lost."""
        if self.tag != FREE and self.tag != LEAF:
            raise DifferentiationError(
                "a Python number made of a Tensor that is differentiated by would lose its "
                "derivative (math functions and assignment into NumPy arrays do so); use "
                "derivant's functions, or t.item() for the number alone"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __len__(self) -> int:
        if not self.shape:
            raise ArgumentError("a Tensor of shape () has no length")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if self.levels:
            return f"Tensor(shape={self.shape}, dtype={self.dtype}, hidden={self.levels})"
        body = np.array2string(np.asarray(self.data), separator=", ", prefix="tensor(")
        note = ", requires_grad=True" if self.requires_grad and self.primitive is None else ""
        if self.dtype != np.float64:
            note = f", dtype={self.dtype}{note}"
        return f"tensor({body}{note})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if self.tag != FREE:
            raise DifferentiationError(
                "a recorded Tensor would lose its history as an array; use derivant's functions, "
                "or t.numpy() for the numbers alone"
            )
        return np.array(self.numpy(), dtype=dtype)
