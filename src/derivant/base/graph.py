"""Walks over graphs of nodes with `inputs` and `serial`. Iterative: depth costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

by_serial = attrgetter("serial")


def between(
    outputs: Sequence[Any], targets: Sequence[Any], since: int
) -> tuple[list[Any], set[int]]:
    """The nodes on a path from a target to an output, operands before results; no targets.

    Also the ids of these nodes and of the targets. Nothing made before the moment `since` is
    walked over: it cannot depend on a target.
    """
    active = {id(target) for target in targets}
    path = []
    for node in _reachable(outputs, since):
        key = id(node)
        if key not in active:
            for x in node.inputs:
                if id(x) in active:
                    active.add(key)
                    path.append(node)
                    break
    return path, active


def ancestors(outputs: Sequence[Any]) -> list[Any]:
    """All nodes that the outputs depend on, operands before results, the outputs among them."""
    return _reachable(outputs, 0)


def _reachable(outputs: Sequence[Any], since: int) -> list[Any]:
    if not outputs:
        return []
    kind = outputs[0].__class__  # one graph, one carrier; all else is a constant
    seen = {id(node) for node in outputs}
    found = list({id(node): node for node in outputs}.values())
    for node in found:  # grows while it is walked
        for x in node.inputs:
            if x.__class__ is kind and x.serial >= since:
                key = id(x)
                if key not in seen:
                    seen.add(key)
                    found.append(x)
    found.sort(key=by_serial)
    return found
