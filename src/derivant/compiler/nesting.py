"""The nesting of arguments and results, prepared once: how to compare it, and how to build it.

All items of all depths have an order, level by level. Only lists, tuples and dicts themselves are
containers here; whatever else nests is left to the full path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from derivant.base.tree import Structure

CONTAINERS = (list, tuple, dict)
COMPARED = (int, bool, str, bytes, type(None))  # static values that equality tells apart
Path = tuple[int, ...]
# What gives a result from the arguments and the list of what was made for the call.
Build = Callable[[Any, "list[Any]"], Any]


@dataclass(frozen=True, slots=True)
class Level:
    """The items of one depth: their types, and the containers among them with length or keys."""

    types: tuple[type, ...]
    inner: tuple[tuple[int, int, tuple[object, ...] | None], ...]


def levels_of(items: Sequence[Any]) -> list[Level]:
    """How a nesting of lists, tuples and dicts looks."""
    levels: list[Level] = []
    while True:
        inner: list[tuple[int, int, tuple[object, ...] | None]] = []
        for place, item in enumerate(items):
            if type(item) in CONTAINERS:
                inner.append((place, len(item), tuple(item) if type(item) is dict else None))
        levels.append(Level(tuple(map(type, items)), tuple(inner)))
        if not inner:
            return levels
        items = _below(items)


def _below(items: Sequence[Any]) -> list[Any]:
    """What the containers among some items hold."""
    below: list[Any] = []
    for item in items:
        if type(item) in CONTAINERS:
            below += item.values() if type(item) is dict else item
    return below


def everything(items: Sequence[Any]) -> list[Any]:
    """All items of all depths, in their order."""
    found: list[Any] = []
    while items:
        found += items
        items = _below(items)
    return found


class Apart:
    """Takes arguments apart that are nested like earlier ones, with the same static values."""

    __slots__ = ("_levels", "_statics")

    def __init__(self, items: Sequence[Any], statics: Sequence[tuple[int, Any]]) -> None:
        self._levels, self._statics = levels_of(items), tuple(statics)

    def __call__(self, items: Sequence[Any]) -> tuple[Any, ...] | None:
        """All items of all depths in their order; None where anything is not as it was."""
        found: list[Any] = []
        for level in self._levels:
            if tuple(map(type, items)) != level.types:
                return None
            found += items
            if level.inner:
                below = _opened(level, items)
                if below is None:
                    return None
                items = below
        for place, value in self._statics:
            item = found[place]
            if item is not value and (type(item) not in COMPARED or item != value):
                return None
        return tuple(found)


def _opened(level: Level, items: Sequence[Any]) -> list[Any] | None:
    below: list[Any] = []
    for place, length, keys in level.inner:
        item = items[place]
        if len(item) != length:
            return None
        if keys is None:
            below += item
        elif tuple(item) == keys:
            below += item.values()
        else:
            return None
    return below


# results


@dataclass(frozen=True, slots=True)
class Given:
    """A result that is an argument: where it is among them."""

    path: Path


@dataclass(frozen=True, slots=True)
class Made:
    """A result that was made for the call: its place, and whether it is handed out as a number."""

    place: int
    number: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A part of the result that is not computed."""

    value: Any


Source = Given | Made | Known


def builder(structure: Structure, sources: Sequence[Source], args: Any) -> Build | None:
    """What builds the nested results; None for containers that are not known here.

    A tuple whose items are those of a tuple among the arguments is that tuple.
    """
    part = _part(structure, iter(sources), args)
    return None if part is None else _built(part)


Part = Source | Build


def _part(structure: Structure, sources: Any, args: Any) -> Part | None:
    kind = structure.kind
    if kind is None:
        found: Source = next(sources)
        return found
    parts = [_part(child, sources, args) for child in structure.children]
    whole = [p for p in parts if p is not None]
    if len(whole) < len(parts) or kind not in CONTAINERS:
        return None
    inputs = [p.path for p in whole if isinstance(p, Given)]
    if kind is not dict and len(inputs) == len(parts) > 0:
        above = inputs[0][:-1]
        there = at(args, above)
        same = inputs == [(*above, k) for k in range(len(parts))]
        if above and same and type(there) in (list, tuple) and len(there) == len(parts):
            return Given(above) if kind is tuple is type(there) else _copied(kind, above)
    return _container(structure, [_built(p) for p in whole])


def _copied(kind: type, path: Path) -> Build:
    get = _built(Given(path))
    return lambda args, made: kind(get(args, made))


def _container(structure: Structure, parts: Sequence[Build]) -> Build:
    if structure.kind is tuple:
        return lambda args, made: tuple([part(args, made) for part in parts])
    if structure.kind is list:
        return lambda args, made: [part(args, made) for part in parts]
    keys: Any = structure.extra
    return lambda args, made: dict(zip(keys, [p(args, made) for p in parts], strict=True))


def at(items: Any, path: Path) -> Any:
    """What is at a place of a nesting."""
    for k in path:
        items = items[k]
    return items


def _built(part: Part) -> Build:
    if isinstance(part, Made):
        place = part.place
        if part.number:
            return lambda args, made: made[place][()]
        return lambda args, made: made[place]
    if isinstance(part, Known):
        value = part.value
        return lambda args, made: value
    if not isinstance(part, Given):
        return part
    path = part.path
    if len(path) == 1:
        get = itemgetter(*path)
        return lambda args, made: get(args)
    if len(path) == 2:
        first, second = path
        return lambda args, made: args[first][second]
    return lambda args, made: at(args, path)
