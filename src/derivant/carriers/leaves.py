"""How Tensors begin: from the numbers of a user, as leaves or as constants."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.errors import DifferentiationError, DTypeError
from derivant.base.types import Operand
from derivant.carriers.mode import FREE, LEAF, changed, serial
from derivant.carriers.tensor import Tensor, constant
from derivant.primitives.dispatch import plain_array

FLOATS = ("float32", "float64")


def no_grad() -> AbstractContextManager[None]:
    """A block inside which nothing is recorded, and leaves may be assigned in place.

    >>> w = tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w.numpy()
    array([0.5, 1.5])
    """
    return changed(record=False)


def tensor(
    data: Operand, dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A Tensor with a copy of these numbers.

    `data` is an array, a number or nested lists of them; `requires_grad` makes it a leaf that
    `backward` adds gradients to. Raises ArgumentError for ragged lists, DTypeError where a leaf
    is not float32 or float64.

    >>> x = tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([6., 8.])
    """
    if isinstance(data, Tensor) and data.tag not in (FREE, LEAF):
        raise DifferentiationError(
            "tensor() copies numbers, and the derivative of this Tensor would be lost; use it as "
            "it is, or stop_gradient(t)"
        )
    source = data.numpy() if isinstance(data, Tensor) else data
    array = plain_array(np.array(plain_array(source), dtype=dtype))
    t = constant(array)
    if requires_grad:
        check_variable(array.dtype)
        t.tag = LEAF
        t.serial = serial()
    return t


def check_variable(dtype: np.dtype[Any], what: str = "a leaf") -> None:
    """Refuse to differentiate by what is not float32 or float64."""
    if dtype.name in FLOATS:
        return
    if dtype.kind in "iub":
        raise DTypeError(
            f"{what} of dtype {dtype} cannot be differentiated by; "
            "make it float first, as x.astype(float) or 1.0"
        )
    raise DTypeError(f"{what} has dtype {dtype}; derivatives are taken in float32 and float64")
