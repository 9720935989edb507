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
NOISE = 1e-12  # of a value, relative to it and to 1
FAR = (0.1, 1.0, 10.0, 1e3)  # how much farther than the point, by its way from the start


def is_lower(value: float, other: float) -> bool:
    """Whether a value is lower than another by more than what an answer may be off."""
    return bool(value < other - GOOD * (1 + abs(other)))


def falls_far_out(
    value: Callable[[Numbers], float], z: Numbers, way: Numbers, noise: float = NOISE
) -> bool:
    """Whether a function falls along a way from a point, a thousand times as far, and never rises.

    Near a least point it rises first, so that none is taken for an end that is not there; where it
    comes to its bound at infinity it falls by little, and is the same from some place on.
    """
    found = _values(value, z, way)
    falls = found[1] < found[0] and all(after <= before for before, after in pairwise(found))
    return falls and bool(found[0] - found[-1] > noise * (1 + abs(found[0])))


def lower_beyond(value: Callable[[Numbers], float], z: Numbers, way: Numbers) -> Numbers | None:
    """The lowest point along a way from a point, where it is lower than the point."""
    found = _values(value, z, way)
    place = int(np.argmin(found))
    return z + (0.0, *FAR)[place] * way if is_lower(found[place], found[0]) else None


def _values(value: Callable[[Numbers], float], z: Numbers, way: Numbers) -> list[float]:
    with np.errstate(all="ignore"):
        return [value(z + step * way) for step in (0.0, *FAR)]
