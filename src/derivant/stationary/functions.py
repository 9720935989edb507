"""Least points of Python functions: exact gradients and Hessian-vector products for SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.errors import ArgumentError
from derivant.base.tree import flatten, unflatten
from derivant.calculus.transforms import hvp, value_and_grad
from derivant.stationary.descent import optimize
from derivant.stationary.endless import GOOD, UNBOUNDED, falls_far_out

Numbers = npt.NDArray[np.float64]


class _Watched:
    """A function of a tree as one of a flat vector, with exact derivatives."""

    def __init__(self, function: Callable[[Any], Any], start: Any) -> None:
        leaves, self.structure = flatten(start)
        self.arrays = [np.asarray(leaf, float) for leaf in leaves]
        self.cuts = np.cumsum([a.size for a in self.arrays])[:-1]
        self.function, self.both = function, value_and_grad(function)

    @property
    def start(self) -> Numbers:
        """The start as a flat vector."""
        return _joined(self.arrays)

    def tree(self, z: Numbers) -> Any:
        """The arguments of a flat vector."""
        parts = zip(np.split(z, self.cuts), self.arrays, strict=True)
        return unflatten(self.structure, [p.reshape(a.shape) for p, a in parts])

    def __call__(self, z: Numbers) -> tuple[float, Numbers]:
        """The value, infinite where it is not finite, and the gradient."""
        value, slopes = self.both(self.tree(z))
        number = float(np.asarray(value))
        return (number if np.isfinite(number) else np.inf), _joined(flatten(slopes)[0])

    def turned(self, z: Numbers, way: Numbers) -> Numbers:
        """The Hessian times a direction."""
        return _joined(flatten(hvp(self.function, self.tree(z), self.tree(way)))[0])

    def left(self, z: Numbers) -> float:
        """The largest entry of the gradient."""
        return float(np.max(np.abs(self(z)[1]), initial=0.0))


def _joined(arrays: Sequence[Any]) -> Numbers:
    return np.concatenate([np.ravel(np.asarray(a, float)) for a in arrays])


def minimize_function(function: Callable[[Any], Any], start: Any, most: int) -> Any:
    """The least point of a function near a start, an array or a tree of arrays."""
    if start is None:
        raise ArgumentError("a Python function takes a start, as in minimize(f, x0)")
    if not callable(function):
        raise ArgumentError(f"the objective is a text or a function, not {type(function).__name__}")
    watched = _Watched(function, start)
    z = watched.start
    if not np.all(np.isfinite(z)):
        raise ArgumentError("the start is not finite")
    r = optimize.minimize(
        watched, z, jac=True, method="L-BFGS-B",
        options={"maxiter": most, "ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    z, count = np.asarray(r.x), int(r.nit)
    if np.isfinite(r.fun) and GOOD < watched.left(z) < np.inf:
        r = optimize.minimize(
            watched, z, jac=True, hessp=watched.turned, method="trust-ncg", options={"gtol": 1e-9}
        )
        count += int(r.nit)
        z = np.asarray(r.x) if r.fun <= watched(z)[0] else z
    value, residual = watched(z)[0], watched.left(z)
    success = bool(residual <= GOOD)
    message = "optimal" if success else f"stopped with a gradient of {residual:.1e}"
    endless = falls_far_out(lambda p: watched(p)[0], z, z - watched.start)
    if value <= -UNBOUNDED or endless:
        success = False
        message = f"unbounded: the function still falls beyond its value {value:.6g} here"
    return optimize.OptimizeResult(
        x=watched.tree(z), fun=value, nit=count, success=success, status=int(not success),
        message=message, multipliers=MappingProxyType({}), kkt_residual=residual,
    )  # fmt: skip
