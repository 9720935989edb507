"""The C library's mathematics, by address: what fused loops call for rarer functions."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

SUFFIX = {"float64": "", "float32": "f"}


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("ucrtbase") if sys.platform == "win32" else ctypes.CDLL(None)
    except (OSError, TypeError):
        return None


@lru_cache(maxsize=256)
def libm_address(name: str) -> int | None:
    """Where a function such as `sin` or `sinf` is; None where this system has it not."""
    function = getattr(_library(), name, None)
    return None if function is None else ctypes.cast(function, ctypes.c_void_p).value
