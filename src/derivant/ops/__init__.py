"""Floor 2: the public vocabulary. Arguments are read and normalised here, then a row is applied."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from derivant.ops import (
    activations,
    contraction,
    convolution,
    creation,
    elementwise,
    exponential,
    identity,
    indexing,
    joining,
    layout,
    linalg,
    logic,
    losses,
    norms,
    reductions,
    selection,
    sorting,
    special,
    spectral,
    trigonometry,
)


def _collected(*modules: ModuleType) -> dict[str, Callable[..., Any]]:
    return {name: getattr(module, name) for module in modules for name in module.__all__}


# By name, for NumPy's functions applied to a Tensor or an Expr.
FUNCTIONS: Mapping[str, Callable[..., Any]] = _collected(
    activations,
    contraction,
    convolution,
    creation,
    elementwise,
    exponential,
    identity,
    indexing,
    joining,
    layout,
    logic,
    losses,
    reductions,
    selection,
    sorting,
    special,
    trigonometry,
)
LINALG_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **FUNCTIONS,
    **_collected(linalg, norms, spectral),
}

__all__ = ["FUNCTIONS", "LINALG_FUNCTIONS"]
