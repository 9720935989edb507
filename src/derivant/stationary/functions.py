"""Least points of Python functions: exact gradients and Hessian-vector products for SciPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.errors import ArgumentError
from derivant.base.loader import LazyModule
from derivant.base.tree import flatten, unflatten
from derivant.calculus.transforms import hvp, value_and_grad

optimize = LazyModule("scipy.optimize")
Numbers = npt.NDArray[np.float64]
GOOD = 1e-6


def minimize_function(function: Callable[[Any], Any], start: Any, most: int) -> Any:
    """The least point of a function near a start, an array or a tree of arrays."""
    if start is None:
        raise ArgumentError("a Python function takes a start, as in minimize(f, x0)")
    if not callable(function):
        raise ArgumentError(f"the objective is a text or a function, not {type(function).__name__}")
    leaves, structure = flatten(start)
    arrays = [np.asarray(leaf, float) for leaf in leaves]
    for array in arrays:
        if not np.all(np.isfinite(array)):
            raise ArgumentError("the start is not finite")
    cuts = np.cumsum([a.size for a in arrays])[:-1]

    def tree(z: Numbers) -> Any:
        parts = np.split(z, cuts)
        return unflatten(
            structure, [p.reshape(a.shape) for p, a in zip(parts, arrays, strict=True)]
        )

    def joined(value: Any) -> Numbers:
        return np.concatenate([np.ravel(np.asarray(v, float)) for v in flatten(value)[0]])

    both = value_and_grad(function)

    def watched(z: Numbers) -> tuple[float, Numbers]:
        value, slopes = both(tree(z))
        number = float(value)
        return (number if np.isfinite(number) else np.inf), joined(slopes)

    def turned(z: Numbers, way: Numbers) -> Numbers:
        return joined(hvp(function, tree(z), tree(way)))

    z = np.concatenate([np.ravel(a) for a in arrays])
    r = optimize.minimize(
        watched, z, jac=True, method="L-BFGS-B",
        options={"maxiter": most, "ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    z, count = np.asarray(r.x), int(r.nit)
    residual = float(np.max(np.abs(watched(z)[1]), initial=0.0))
    if residual > GOOD and np.isfinite(residual):
        r = optimize.minimize(
            watched, z, jac=True, hessp=turned, method="trust-ncg", options={"gtol": 1e-9}
        )
        count += int(r.nit)
        if r.fun <= watched(z)[0]:
            z = np.asarray(r.x)
        residual = float(np.max(np.abs(watched(z)[1]), initial=0.0))
    value = watched(z)[0]
    success = bool(residual <= GOOD)
    message = "optimal" if success else f"stopped with a gradient of {residual:.1e}"
    if value < -1e12:
        success, message = False, "unbounded: the function falls without end"
    return optimize.OptimizeResult(
        x=tree(z), fun=value, nit=count, success=success, status=int(not success),
        message=message, multipliers={}, kkt_residual=residual,
    )  # fmt: skip
