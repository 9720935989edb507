"""One node for one structure: a weak table under a lock, and what of a parameter counts.

A key holds the ids of a node's inputs; the node keeps those alive, and an entry dies with its node.
"""

from __future__ import annotations

import struct
import weakref
from _thread import RLock
from _weakref import _remove_dead_weakref  # type: ignore[attr-defined]  # weakref has it from there
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

Node = TypeVar("Node")


class _Entry(weakref.ref[Any]):
    """A node that may die, and the key that it is found by: a lighter `weakref.KeyedRef`."""

    __slots__ = ("key",)
    key: Hashable


_TABLE: dict[Hashable, _Entry] = {}
_LOCK = RLock()  # threading's own; that module takes a millisecond to load


def interned(key: Hashable, make: Callable[[], Node]) -> Node:
    """The node of this key, made now where there is none."""
    entry = _TABLE.get(key)  # a node that is alive is the one, whoever is at the table
    node: Node | None = None if entry is None else entry()
    if node is not None:
        return node
    with _LOCK:
        entry = _TABLE.get(key)
        node = None if entry is None else entry()
        if node is None:
            node = make()
            entry = _Entry(node, _gone)
            entry.key = key
            _TABLE[key] = entry
    return node


def _gone(entry: _Entry) -> None:
    """A node has died; in one step, for its key may have a new node by now."""
    _remove_dead_weakref(_TABLE, entry.key)


def count() -> int:
    """How many nodes are alive."""
    return len(_TABLE)


def frozen_params(params: Mapping[str, Any]) -> Hashable:
    """Parameters as part of a key."""
    if not params:
        return ()
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
