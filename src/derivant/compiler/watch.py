"""Whether what a function takes from outside is still what it was at the trace."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

from derivant.compiler.closure import WHOLE, own_globals


class Watch:
    """Whether the closures of some functions still hold the objects that they held."""

    __slots__ = ("_cells", "_defaults", "_globals")

    def __init__(self) -> None:
        self._cells: list[tuple[CellType, Any]] = []
        self._defaults: list[tuple[FunctionType, Any]] = []
        self._globals: list[tuple[dict[str, Any], str, Any]] = []

    def enter(self, function: FunctionType) -> list[Any]:
        """Watch a function; what it holds."""
        cells = function.__closure__ or ()
        self._cells += [(cell, cell.cell_contents) for cell in cells]
        self._defaults.append((function, function.__defaults__))
        named, around = own_globals(function), function.__globals__
        self._globals += [(around, name, value) for name, value in named.items()]
        contents = [cell.cell_contents for cell in cells]
        return [*contents, *(function.__defaults__ or ()), *named.values()]

    def same(self) -> bool:
        """Whether nothing changed."""
        for cell, content in self._cells:
            if cell.cell_contents is not content:
                return False
        for around, name, value in self._globals:
            if around.get(name) is not value:
                return False
        for function, defaults in self._defaults:
            if function.__defaults__ is not defaults or function.__kwdefaults__:
                return False
        return True


def watch(function: Callable[..., Any]) -> Watch | None:
    """A watch on a function whose surroundings are functions, arrays and plain values only.

    None where something is among them that can change in itself.
    """
    found, seen = Watch(), set[int]()
    stack: list[Any] = [function]
    while stack:
        value = stack.pop()
        if isinstance(value, WHOLE) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType) and not value.__kwdefaults__:
            try:
                stack += found.enter(value)
            except ValueError:  # a name that has no value yet
                return None
        elif type(value) is tuple:
            stack += value
        else:
            return None
    return found
