"""Whether what a function takes from outside is still what it was at the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, is_, itemgetter
from types import CellType, FunctionType, MethodType
from typing import Any

from derivant.compiler.closure import WHOLE, is_plain, own_globals

CONTENT = attrgetter("cell_contents")


class Watch:
    """Whether functions, containers and objects still hold the objects that they held."""

    __slots__ = ("_cells", "_contents", "_defaults", "_dicts", "_globals", "_lists", "_scopes")

    def __init__(self) -> None:
        self._cells: list[CellType] = []
        self._contents: list[Any] = []
        self._defaults: list[tuple[FunctionType, Any]] = []
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._globals: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._scopes: list[tuple[dict[str, Any], Callable[[Any], Any], tuple[Any, ...]]] = []

    def inside(self, value: Any) -> Sequence[Any] | None:
        """Watch a value; what it holds, None where that cannot be watched."""
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return value.__func__, value.__self__
        if type(value) is tuple:
            return value
        if type(value) is list:
            self._lists.append((value, list(value)))
            return value
        if type(value) is dict or is_plain(value):
            held: dict[Any, Any] = value if type(value) is dict else value.__dict__
            self._dicts.append((held, dict(held)))
            return list(held.values())
        return None

    def _function(self, function: FunctionType) -> list[Any] | None:
        """Watch a function; None where a name has no value yet, or keywords have defaults."""
        if function.__kwdefaults__:
            return None
        cells = function.__closure__ or ()
        try:
            contents = list(map(CONTENT, cells))
        except ValueError:
            return None
        self._cells += cells
        self._contents += contents
        self._defaults.append((function, function.__defaults__))
        named, around = own_globals(function), function.__globals__
        self._globals.setdefault(id(around), (around, {}))[1].update(named)
        return [*contents, *(function.__defaults__ or ()), *named.values()]

    def settled(self) -> Watch:
        """Ready to be asked."""
        self._scopes = [
            (around, _values(list(named)), tuple(named.values()))
            for around, named in self._globals.values()
            if named
        ]
        return self

    def same(self) -> bool:
        """Whether nothing changed."""
        for function, defaults in self._defaults:
            if function.__defaults__ is not defaults or function.__kwdefaults__:
                return False
        for now, before in self._dicts:
            if list(now) != list(before) or not all(map(is_, now.values(), before.values())):
                return False
        for items, earlier in self._lists:
            if len(items) != len(earlier) or not all(map(is_, items, earlier)):
                return False
        if not self._cells and not self._scopes:
            return True
        try:
            for around, values, wanted in self._scopes:
                if not all(map(is_, values(around), wanted)):
                    return False
            return all(map(is_, map(CONTENT, self._cells), self._contents))
        except (KeyError, ValueError):  # a name or a cell that holds nothing any more
            return False


def _values(names: Sequence[str]) -> Callable[[Any], Any]:
    """What looks names up in a scope."""
    if len(names) == 1:
        (name,) = names
        return lambda around: (around[name],)
    return itemgetter(*names)


def watch(function: Callable[..., Any]) -> Watch | None:
    """A watch on a function and on what it holds: functions, containers, objects of Python.

    None where something is among them that can change in a way of its own.
    """
    found, seen = Watch(), set[int]()
    stack: list[Any] = [function]
    while stack:
        value = stack.pop()
        if isinstance(value, WHOLE) or id(value) in seen:
            continue
        seen.add(id(value))
        inner = found.inside(value)
        if inner is None:
            return None
        stack += inner
    return found.settled()
