"""The search for the first NaN or infinity, on while `debug_nans` is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from derivant.base.errors import NanError
from derivant.base.names import user_line
from derivant.carriers.mode import changed
from derivant.primitives.primitive import Primitive


def debug_nans() -> AbstractContextManager[None]:
    """A block inside which the first operation that makes a NaN or infinity raises NanError.

    The message names the operation and the line of the user's code that asked for it.
    """
    return changed(debug_nans=True)


def watch(row: Primitive, data: Any, line: str = "") -> None:
    """Raise NanError where a result is not finite."""
    for array in data if isinstance(data, tuple) else (data,):
        kind = np.asarray(array).dtype.kind
        if kind == "f" and not np.all(np.isfinite(array)):
            what = "NaN" if np.any(np.isnan(array)) else "an infinity"
            raise NanError(f"{row.name} made {what} at {line or user_line()}")
