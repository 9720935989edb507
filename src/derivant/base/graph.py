"""Walks over graphs of nodes with `inputs` and `serial`. Iterative: depth costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

by_serial = attrgetter("serial")


def between(outputs: Iterable[Any], targets: Sequence[Any], since: int) -> list[Any]:
    """The nodes on a path from a target to an output, operands before results; no targets.

    Nothing made before the moment `since` is walked over: it cannot depend on a target.
    """
    found = _reachable(outputs, since)
    active = {id(target) for target in targets}
    path = []
    for node in found:
        if id(node) in active:
            continue
        for x in node.inputs:
            if id(x) in active:
                active.add(id(node))
                path.append(node)
                break
    return path


def ancestors(outputs: Iterable[Any]) -> list[Any]:
    """All nodes that the outputs depend on, operands before results, the outputs among them."""
    return _reachable(outputs, 0)


def _reachable(outputs: Iterable[Any], since: int) -> list[Any]:
    seen: dict[int, Any] = {}
    stack = []
    for node in outputs:
        if id(node) not in seen:
            seen[id(node)] = node
            stack.append(node)
    while stack:
        for x in stack.pop().inputs:
            key = id(x)
            if key not in seen and getattr(x, "serial", -1) >= since:
                seen[key] = x
                stack.append(x)
    return sorted(seen.values(), key=by_serial)
