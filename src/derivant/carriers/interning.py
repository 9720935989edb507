"""One node for one structure: a weak table under a lock, and what of a parameter counts.

A key holds the ids of a node's inputs; the node keeps those alive, and an entry dies with its node.
"""

from __future__ import annotations

import struct
import weakref
from _thread import RLock
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

Node = TypeVar("Node")

_TABLE: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()
_LOCK = RLock()  # threading's own; that module takes a millisecond to load


def interned(key: Hashable, make: Callable[[], Node]) -> Node:
    """The node of this key, made now where there is none."""
    with _LOCK:
        node: Node | None = _TABLE.get(key)
        if node is None:
            node = make()
            _TABLE[key] = node
    return node


def count() -> int:
    """How many nodes are alive."""
    with _LOCK:
        return len(_TABLE)


def frozen_params(params: Mapping[str, Any]) -> Hashable:
    """Parameters as part of a key."""
    if len(params) > 1:
        return tuple(sorted([(name, frozen(value)) for name, value in params.items()]))
    return tuple([(name, frozen(value)) for name, value in params.items()])


def frozen(value: Any) -> Hashable:
    """A parameter's type and bits; arrays and functions by identity."""
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, tuple(map(frozen, value)))
    if isinstance(value, slice):
        return ("slice", tuple(map(frozen, (value.start, value.stop, value.step))))
    if isinstance(value, np.ndarray) or type(value).__hash__ is None or callable(value):
        return ("object", id(value))
    return ("value", type(value).__name__, value)
