"""The search for the first NaN or infinity, on while `debug_nans` is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from derivant.base.errors import NanError
from derivant.base.names import user_line
from derivant.carriers.mode import changed
from derivant.primitives.primitive import Primitive
from derivant.sweeps.setting import WATCH

LINES: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # where each node was recorded


@contextmanager
def debug_nans() -> Iterator[None]:
    """A block inside which the first operation that makes a NaN or infinity raises NanError.

    The message names the operation and the line of the user's code that asked for it; where the
    value is finite and its derivative is not, the operation whose derivative it is.

    >>> import derivant as dv
    >>> with dv.debug_nans():
    ...     dv.grad(dv.sqrt)(0.0)
    Traceback (most recent call last):
    derivant.base.errors.NanError: the derivative of sqrt made an infinity, ...
    """
    token = WATCH.set(_watch_derivative)
    try:
        with changed(debug_nans=True):
            yield
    finally:
        WATCH.reset(token)


def watch(row: Primitive, data: Any) -> None:
    """Raise NanError where a result is not finite."""
    for array in data if isinstance(data, tuple) else (data,):
        what = _fault(array)
        if what:
            raise NanError(f"{row.name} made {what} at {user_line()}")


def remember(node: Any) -> None:
    """Keep the line that a node comes from."""
    LINES[node] = user_line()


def _watch_derivative(node: Any, g: Any) -> None:
    what = _fault(g)
    if what:
        line = LINES.get(node, "a line outside of debug_nans()")
        raise NanError(f"the derivative of {node.primitive.name} made {what}, recorded at {line}")


def _fault(array: Any) -> str:
    array = np.asarray(getattr(array, "data", array) if hasattr(array, "levels") else array)
    if array.dtype.kind != "f" or np.all(np.isfinite(array)):
        return ""
    return "NaN" if np.any(np.isnan(array)) else "an infinity"
