"""Floor 2: the public vocabulary. Arguments are read and normalised here, then a row is applied."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from derivant.base.loader import load

ROOMS = (
    "activations",
    "contraction",
    "convolution",
    "creation",
    "diagonals",
    "elementwise",
    "exponential",
    "identity",
    "indexing",
    "joining",
    "layout",
    "logic",
    "losses",
    "reductions",
    "running",
    "selection",
    "sorting",
    "special",
    "trigonometry",
)
LINALG_ROOMS = ("linalg", "norms", "spectral")


@cache
def functions(linalg: bool = False) -> Mapping[str, Callable[..., Any]]:
    """The public functions by name, for NumPy's functions applied to a Tensor or an Expr.

    `linalg` for those of `numpy.linalg`. Their rooms load when one is first asked for.

    >>> functions()["tanh"].__name__
    'tanh'
    """
    rooms = (*ROOMS, *LINALG_ROOMS) if linalg else ROOMS
    modules = [load(f"derivant.ops.{room}") for room in rooms]
    return {name: getattr(module, name) for module in modules for name in module.__all__}


__all__ = ["functions"]
