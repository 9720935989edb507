"""What is run: instructions over numbered values. No algebra in it, and no knowledge of targets.

A value is a buffer with a concrete shape and dtype; an instruction applies one row to values.
Hidden axes are gone: what vmap hid is a leading axis here, and `lead` says how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from derivant.primitives import Primitive
from derivant.primitives.primitive import Params

Ints = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A buffer: its shape (hidden axes first) and dtype, weak where it is a Python number.

    A result that is a tuple has tuples of shapes and dtypes.
    """

    shape: Any
    dtype: Any
    weak: bool = False

    @property
    def nbytes(self) -> int:
        """The bytes of its numbers."""
        if isinstance(self.dtype, tuple):
            return sum(Value(s, d).nbytes for s, d in zip(self.shape, self.dtype, strict=True))
        count = int(np.prod(self.shape, dtype=np.int64))
        return count * int(self.dtype.itemsize)


@dataclass(frozen=True, slots=True, eq=False)
class Instruction:
    """One row applied to values, by their numbers; `lead` leading axes the row does not see."""

    row: Primitive
    inputs: Ints
    output: int
    params: Params
    lead: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Values, what fills them at a call, what is done, and which of them are handed out."""

    values: tuple[Value, ...]
    inputs: Ints
    constants: tuple[tuple[int, Any], ...]
    instructions: tuple[Instruction, ...]
    outputs: Ints

    def last_uses(self) -> dict[int, int]:
        """For each value the place of the last instruction that reads it."""
        return {x: k for k, step in enumerate(self.instructions) for x in step.inputs}
