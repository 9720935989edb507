"""Whether what a function takes from outside is still what it was at the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from types import CellType, FunctionType, MethodType
from typing import Any

from derivant.compiler.closure import WHOLE, is_plain, own_globals


class Watch:
    """Whether the closures of some functions still hold the objects that they held."""

    __slots__ = ("_cells", "_defaults", "_dicts", "_globals", "_lists")

    def __init__(self) -> None:
        self._cells: list[tuple[CellType, Any]] = []
        self._defaults: list[tuple[FunctionType, Any]] = []
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._lists: list[tuple[list[Any], list[Any]]] = []
        self._globals: list[tuple[dict[str, Any], str, Any]] = []

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
        if function.__kwdefaults__ or any(_is_empty(c) for c in function.__closure__ or ()):
            return None
        cells = function.__closure__ or ()
        self._cells += [(cell, cell.cell_contents) for cell in cells]
        self._defaults.append((function, function.__defaults__))
        named, around = own_globals(function), function.__globals__
        self._globals += [(around, name, value) for name, value in named.items()]
        contents = [cell.cell_contents for cell in cells]
        return [*contents, *(function.__defaults__ or ()), *named.values()]

    def __bool__(self) -> bool:
        held = (self._cells, self._defaults, self._dicts, self._lists, self._globals)
        return any(held)

    def same(self) -> bool:
        """Whether nothing changed."""
        for cell, content in self._cells:
            if cell.cell_contents is not content:
                return False
        for now, before in self._dicts:
            if list(now) != list(before) or not all(map(is_, now.values(), before.values())):
                return False
        for items, earlier in self._lists:
            if len(items) != len(earlier) or not all(map(is_, items, earlier)):
                return False
        for around, name, value in self._globals:
            if around.get(name) is not value:
                return False
        for function, defaults in self._defaults:
            if function.__defaults__ is not defaults or function.__kwdefaults__:
                return False
        return True


def _is_empty(cell: CellType) -> bool:
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True


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
    return found
