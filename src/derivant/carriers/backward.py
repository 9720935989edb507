"""`backward`: gradients added up on the leaves of a recorded result."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivant.base.errors import DifferentiationError, DTypeError, ShapeError
from derivant.base.graph import recorded
from derivant.carriers.mode import LEAF
from derivant.primitives.dispatch import plain_array
from derivant.sweeps import pullback


def backward(result: Any, gradient: Any = None) -> None:
    """Add the cotangent of every leaf that the result depends on to its `grad`."""
    seed = _seed(result, gradient)
    reach = recorded([result], LEAF)
    leaves = [n for n in reach[0] if n.primitive is None and n.tag == LEAF]
    if not leaves:
        raise DifferentiationError(
            "backward: the result depends on no Tensor made with requires_grad=True"
        )
    for leaf, g in zip(leaves, pullback([result], [seed], leaves, LEAF, reach), strict=True):
        if g is not None:
            numbers = getattr(g, "data", g) if hasattr(g, "derivant_rank") else g
            old = leaf.grad
            leaf.grad = numbers if old is None else old + numbers


def _seed(result: Any, gradient: Any) -> Any:
    if result.dtype.kind != "f":
        raise DTypeError(f"backward: a result of dtype {result.dtype} has no derivative")
    if gradient is None:
        if result.shape != ():
            raise DifferentiationError(
                f"backward: the result has shape {result.shape}, not one number; sum it, or give "
                "the gradient of each entry as backward(gradient)"
            )
        return np.ones((), result.dtype)[()]
    numbers = getattr(gradient, "data", gradient) if hasattr(gradient, "levels") else gradient
    seed = np.asarray(plain_array(numbers), dtype=result.dtype)
    if seed.shape != result.shape:
        raise ShapeError(
            f"backward: the gradient has shape {seed.shape}, the result {result.shape}"
        )
    return seed[()]
