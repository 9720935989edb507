"""Walks over graphs of nodes with `inputs` and `serial`. Iterative: depth costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

by_serial = attrgetter("serial")
inputs_of = attrgetter("inputs")
Made = TypeVar("Made")
Reached: TypeAlias = tuple[list[Any], set[int]]  # nodes, operands before results, and their ids


def between(
    outputs: Sequence[Any], targets: Sequence[Any], since: int, reach: Reached | None = None
) -> tuple[list[Any], set[int], bool]:
    """The nodes on a path from a target to an output, operands before results; no targets.

    Also the ids of these nodes and of the targets, and whether all of them are plain: visible, and
    dependent on nothing but the transform opened at `since`. Nothing made before that moment is
    walked over: it cannot depend on a target. `reach` is what `recorded` gave, where it was asked.
    """
    found, seen = reach or recorded(outputs, since)
    goals = set(map(id, targets))
    for node in found:
        if node.tag != since or node.levels:
            path, active = _on_paths(found, goals)
            return path, active, False
    seen |= goals
    if since:  # the binds of a transform are older than all that depends on them
        first = 0
        while first < len(found) and id(found[first]) in goals:
            first += 1
        return found[first:], seen, True
    return [node for node in found if id(node) not in goals], seen, True


def _on_paths(found: Sequence[Any], goals: set[int]) -> tuple[list[Any], set[int]]:
    """Those of the nodes, in order, that depend on a goal; and the ids of both."""
    active = set(goals)
    path = []
    for node in found:
        key = id(node)
        if key not in active:
            for x in node.inputs:
                if id(x) in active:
                    active.add(key)
                    path.append(node)
                    break
    return path, active


def recorded(outputs: Sequence[Any], since: int) -> Reached:
    """The nodes made after `since` that the outputs depend on, constants left out."""
    return _reachable(outputs, since or 1)  # what depends on nothing has no serial


def ancestors(outputs: Sequence[Any]) -> list[Any]:
    """All nodes that the outputs depend on, operands before results, the outputs among them."""
    return _reachable(outputs, 0)[0]


def _reachable(outputs: Sequence[Any], since: int) -> Reached:
    if not outputs:
        return [], set()
    kind = outputs[0].__class__  # one graph, one carrier; all else is a constant
    seen = set(map(id, outputs))
    found = list(outputs)
    if len(seen) < len(found):
        found = list({id(node): node for node in outputs}.values())
    for node in found:  # grows while it is walked
        for x in node.inputs:
            if x.__class__ is kind and x.serial >= since:
                key = id(x)
                if key not in seen:
                    seen.add(key)
                    found.append(x)
    found.sort(key=by_serial)
    return found, seen


def enter_all(
    known: dict[int, Made],
    roots: Iterable[Any],
    needed: Callable[[Any], Iterable[Any]],
    make: Callable[[Any], Made],
) -> None:
    """Enter what is made of each node in `known`, by its id, what a node needs before itself.

    What is known is not walked over again; the caller keeps the nodes alive.
    """
    stack = list(roots)
    while stack:
        node = stack[-1]
        if id(node) in known:
            stack.pop()
            continue
        unknown = [x for x in needed(node) if id(x) not in known]
        if unknown:
            stack += unknown
        else:
            known[id(node)] = make(node)
