"""Whether what a function takes from outside is still what it was at the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, is_, itemgetter
from types import CellType, FunctionType
from typing import Any

from derivant.compiler.closure import WHOLE, own_globals

CONTENT = attrgetter("cell_contents")


class Watch:
    """Whether some functions still hold the objects that they held: closures, globals, defaults."""

    __slots__ = ("_cells", "_contents", "_defaults", "_globals", "_scopes")

    def __init__(self) -> None:
        self._cells: list[CellType] = []
        self._contents: list[Any] = []
        self._defaults: list[tuple[FunctionType, Any]] = []
        self._globals: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._scopes: list[tuple[dict[str, Any], Callable[[Any], Any], tuple[Any, ...]]] = []

    def enter(self, function: FunctionType) -> list[Any]:
        """Watch a function; what it holds."""
        cells = function.__closure__ or ()
        contents = [cell.cell_contents for cell in cells]
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
    return found.settled()
