"""NumPy's own functions on carriers: found by name among the public functions, else refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from derivant.base.errors import DifferentiationError
from derivant.ops import functions
from derivant.primitives import TABLE

REDUCTIONS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
# The rows that NumPy's own functions evaluate, where they bear one name.
UFUNC_ROWS = {
    row.evaluate: row
    for name, row in TABLE.items()
    if isinstance(row.evaluate, np.ufunc) and row.evaluate.__name__ == name
}
RENAMED = {"ddof": "correction"}  # NumPy's word: the standard's
FIRST_AXES = {"axis1": 0, "axis2": 1}
UNSET = ("out", "where", "initial", "dtype", "order", "subok", "casting", "like")


def call_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """`np.exp(t)`, `np.add.reduce(t)`, `array * t`: the public function of that name."""
    name = ufunc.__name__
    if method == "__call__" and not settings and name in functions():
        return functions()[name](*inputs)
    if method == "reduce":
        name = REDUCTIONS.get(name, "")
        settings = {"axis": 0, **settings}
    elif method != "__call__":
        name = ""
    return _call(functions(), name, f"np.{ufunc.__name__}.{method}", inputs, settings)


def call_function(function: Any, args: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """`np.sum(t)`, `np.linalg.inv(t)`: the public function of that name."""
    module, name = function.__module__ or "numpy", function.__name__
    linalg = module.startswith("numpy.linalg")
    settings = {RENAMED.get(key, key): value for key, value in settings.items()}
    if not linalg and name in ("trace", "diagonal"):  # the first two axes, not the last
        settings = {**dict(list(FIRST_AXES.items())[max(0, len(args) - 2) :]), **settings}
    return _call(functions(linalg), name, f"{module}.{name}", args, settings)


def _call(
    known: Mapping[str, Callable[..., Any]],
    name: str,
    asked: str,
    args: Sequence[Any],
    settings: Mapping[str, Any],
) -> Any:
    if name not in known:
        raise DifferentiationError(
            f"{asked} is not among derivant's functions, so it has no derivative here; "
            "use t.numpy() for the numbers alone, or derivant.primitive for an operation of yours"
        )
    given = {}
    for key, value in settings.items():
        if key in UNSET and (value is None or (key == "where" and value is True)):
            continue
        if key in ("out", "where", "casting", "subok"):
            raise DifferentiationError(f"{asked}: {key}= is not supported on recorded values")
        given[key] = value
    return known[name](*args, **given)
