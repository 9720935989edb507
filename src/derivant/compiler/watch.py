"""Whether what a function takes from outside is still what it was at the trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter, is_, itemgetter
from types import CellType, FunctionType, MethodType
from typing import Any

from derivant.compiler.holding import (
    BUILTIN,
    CONTAINERS,
    OTHERS,
    WHOLE,
    data,
    held,
    is_closed,
    is_compiled,
    is_plain,
    own_bases,
    own_globals,
)

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
        self._globals: list[tuple[Mapping[str, Any], dict[str, Any]]] = []
        self._scopes: list[tuple[Mapping[str, Any], Callable[[Any], Any], tuple[Any, ...]]] = []

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
        if type(value) is dict:
            return self._dict(value)
        if isinstance(value, type):
            for scope in own_bases(value):
                self._globals.append((scope, {name: scope[name] for name in data(scope)}))
            return held(value).fixed
        if isinstance(value, BUILTIN):
            return held(value).fixed
        if is_compiled(value):
            return (value.__wrapped__,)
        if isinstance(value, (*CONTAINERS, *OTHERS, partial)):
            return None
        if is_plain(value) and not is_closed(type(value)):
            return [*self._dict(value.__dict__), type(value)]
        return None if any(held(value)) else ()

    def _dict(self, names: dict[Any, Any]) -> list[Any]:
        self._dicts.append((names, dict(names)))
        return list(names.values())

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
        named = own_globals(function)
        self._globals.append((function.__globals__, named))
        own = self._dict(function.__dict__) if function.__dict__ else []
        return [*contents, *(function.__defaults__ or ()), *own, *named.values()]

    def settled(self) -> Watch:
        """Ready to be asked."""
        joined: dict[int, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        for around, named in self._globals:
            joined.setdefault(id(around), (around, {}))[1].update(named)
        self._scopes = [
            (around, _values(list(named)), tuple(named.values()))
            for around, named in joined.values()
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


def watch(function: Callable[..., Any], statics: Sequence[Any]) -> Watch | None:
    """A watch on a function, on static arguments and on what they hold.

    That is functions, classes, containers, objects of Python; None where something is among them
    that can change in a way of its own.
    """
    found, seen = Watch(), set[int]()
    stack: list[Any] = [function, *statics]
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
