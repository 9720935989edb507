"""NumPy's own LAPACK functions, without the checks that numpy.linalg makes around them.

What LAPACK refuses is NaN here, without a warning: where numbers are not finite, `numpy.linalg` is
asked instead, and says why. Knows no row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from derivant.primitives.matrices import Numbers, all_finite

DOUBLE = np.dtype(np.float64)
HOME = getattr(np.linalg, "_umath_linalg", None)


def _native() -> dict[str, Callable[..., Any]]:
    """The functions of stacks of matrices that numpy.linalg calls; none where it has others."""
    quiet = np.errstate(all="ignore")  # as a decorator it may be entered any number of times
    found = {n: getattr(HOME, n, None) for n in ("inv", "solve", "solve1", "cholesky_lo")}
    return {name: quiet(f) for name, f in found.items() if isinstance(f, np.ufunc)}


NATIVE = _native()


def determinant(a: Numbers) -> Any:
    """Of each matrix, as `numpy.linalg.det` gives it; in its own error state, as there."""
    found = getattr(HOME, "det", None)
    return found(a) if found is not None and a.dtype is DOUBLE else np.linalg.det(a)


def solved(name: str, *matrices: Numbers) -> Numbers | None:
    """A result in float64 that is all finite; None where `numpy.linalg` is to be asked."""
    found = _called(name, *matrices)
    return found if found is not None and all_finite(found) else None


def factored(name: str, matrix: Numbers) -> Numbers | None:
    """A factor in float64 of one matrix that has it, None where `numpy.linalg` is to be asked."""
    found = _called(name, matrix) if matrix.ndim == 2 and matrix.size else None
    if found is None:
        return None
    first = found[0, 0]  # of a matrix that was refused all is NaN
    return found if first == first else None


def _called(name: str, *matrices: Numbers) -> Numbers | None:
    for matrix in matrices:
        if matrix.dtype is not DOUBLE:
            return None
    function = NATIVE.get(name)
    return None if function is None else function(*matrices)
