"""Whether a function of a number has a kink at 0, where a quotient of differences says nothing.

A central quotient at a kink is the mean of both slopes, at any step, and looks as if it settled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr

Numbers = npt.NDArray[np.float64]
KINKED = frozenset(
    ("abs", "sign", "relu", "step", "maximum", "minimum", "max", "min", "where", "clip_low")
    + ("clip_high", "vector_norm", "floor", "ceil", "round", "trunc", "sort", "equal")
)
STEP = 2e-3
LEAST = 1e-6  # relative, of a jump of the slope that is one


def may_have_kinks(value: Expr) -> bool:
    """Whether a formula has a function that has kinks."""
    return any(node.primitive.name in KINKED for node in ancestors([value]))


def is_kink(at: Callable[[float], Numbers]) -> bool:
    """Whether the slopes of a function from the left and from the right of 0 differ.

    Their difference falls with the step where the function is smooth, and stays where it is not.
    """
    middle = at(0.0)
    far, near = ((at(h) + at(-h) - 2 * middle) / h for h in (STEP, STEP / 4))
    slopes = np.maximum(np.abs(at(STEP) - middle), np.abs(at(-STEP) - middle)) / STEP
    size = LEAST * np.maximum(np.max(slopes, initial=0.0), 1.0)
    stays = (np.abs(near) > np.abs(far) / 2) & (np.abs(near) > size)
    return bool(np.any(stays))
