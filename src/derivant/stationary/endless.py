"""A point at which a method stopped though the objective falls on: far out, or towards an edge.

A small gradient is no proof of an optimum: -log(x) has one at 10^9, and so has whatever comes to
its least value only at infinity. Knows nothing of formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
GOOD = 1e-6  # the residual of an optimum, and how much lower a value must be to count
UNBOUNDED = 1e12
FAR = (0.1, 1.0, 10.0, 1e3)  # how much farther than the point, by its way from the start


def is_lower(value: float, other: float) -> bool:
    """Whether a value is lower than another by more than what an answer may be off."""
    return bool(value < other - GOOD * (1 + abs(other)))


def falls_far_out(value: Callable[[Numbers], float], z: Numbers, way: Numbers) -> bool:
    """Whether a function falls all along a way from a point, a thousand times as far.

    Near a least point it rises first, so that none is taken for an end that is not there.
    """
    with np.errstate(all="ignore"):
        found = [value(z + step * way) for step in (0.0, *FAR)]
    falls = all(after < before for before, after in pairwise(found))
    return falls and is_lower(found[-1], found[0])
