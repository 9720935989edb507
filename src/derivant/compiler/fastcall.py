"""A call like an earlier one, in a few microseconds: plain arrays and numbers, nested as before.

The nesting is compared level by level, by the types of all its items at once; shapes and dtypes
are compared natively. Whatever differs is left to the full path, which knows all cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from types import CellType, FunctionType
from typing import Any

import numpy as np

from derivant.base.tree import LEAF
from derivant.compiler.arguments import Arguments
from derivant.compiler.closure import WHOLE
from derivant.compiler.llvm_target import LlvmProgram
from derivant.compiler.running import runner
from derivant.compiler.tracing import Traced

MISS = object()  # the answer to a call that is not like the earlier one
COMPARED = (int, bool, str, bytes, type(None))  # static values that equality tells apart
PLAIN = (np.ndarray, float)
CONTAINERS = (list, tuple, dict)
KEYWORDS = object()  # what comes after it are the arguments by keyword


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
    """All items of all depths, in the order of `taken_apart`."""
    found: list[Any] = []
    while items:
        found += items
        items = _below(items)
    return found


def taken_apart(levels: Sequence[Level], items: Sequence[Any]) -> list[Any] | None:
    """All items of all depths in order; None where the nesting is another one."""
    found: list[Any] = []
    for level in levels:
        if tuple(map(type, items)) != level.types:
            return None
        found += items
        if not level.inner:
            break
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
        items = below
    return found


class FastCall:
    """Runs the program of an entry for arguments like those that it was made for."""

    __slots__ = ("_build", "_items", "_levels", "_program", "_same", "_signature", "_sources",
                 "_statics")  # fmt: skip

    def __init__(
        self,
        levels: Sequence[Level],
        places: Sequence[int],
        statics: Sequence[tuple[int, Any]],
        entry: Traced,
        program: LlvmProgram,
        watched: Watch,
    ) -> None:
        self._levels, self._statics, self._program = levels, tuple(statics), program
        self._same = watched.same
        self._items: Callable[[list[Any]], Sequence[Any]] = _getter(places)
        self._sources = entry.graph.sources
        self._build = _builder(entry)
        types = [t for level in levels for t in level.types]
        own = tuple(types[k] for k in places) + (np.ndarray,) * len(self._sources)
        self._signature = program.signature(own)

    def __call__(self, args: Sequence[Any]) -> Any:
        """The result, or MISS where anything is not as it was."""
        items = taken_apart(self._levels, args)
        if items is None:
            return MISS
        for place, value in self._statics:
            item = items[place]
            if item is not value and (type(item) not in COMPARED or item != value):
                return MISS
        if not self._same():
            return MISS
        results = self._program.run(self._signature, [*self._items(items), *self._sources])
        return MISS if results is None else self._build(results)


def fast_call(
    function: Callable[..., Any], items: Sequence[Any], given: Arguments, entry: Traced
) -> FastCall | None:
    """The quick way for calls like this one; None where there is none."""
    program = runner(entry.graph, entry.donated)
    if not isinstance(program, LlvmProgram) or len(program.in_place) < len(entry.donated):
        return None
    if not all(type(x) in PLAIN or isinstance(x, np.generic) for x in given.values):
        return None
    if not all(type(x) is np.ndarray for x in entry.graph.sources):
        return None
    watched = watch(function)
    if watched is None:
        return None
    marks = [_Place(k) for k in range(len(given.values))]
    args, keywords = given.rebuilt(marks)
    marked = everything(called(args, keywords))
    found = {x.number: k for k, x in enumerate(marked) if type(x) is _Place}
    statics = [
        (place, item)
        for place, (mark, item) in enumerate(zip(marked, everything(items), strict=True))
        if type(mark) is not _Place and type(item) not in CONTAINERS
    ]
    places = [found[k] for k in range(len(marks))]
    return FastCall(levels_of(items), places, statics, entry, program, watched)


@dataclass(frozen=True, slots=True)
class _Place:
    """Stands for an input among arguments."""

    number: int


class Watch:
    """Whether the closures of a function still hold the objects that they held."""

    __slots__ = ("_cells", "_defaults")

    def __init__(self) -> None:
        self._cells: list[tuple[CellType, Any]] = []
        self._defaults: list[tuple[FunctionType, Any]] = []

    def enter(self, function: FunctionType) -> list[Any]:
        """Watch a function; what it holds."""
        cells = function.__closure__ or ()
        self._cells += [(cell, cell.cell_contents) for cell in cells]
        self._defaults.append((function, function.__defaults__))
        return [*(cell.cell_contents for cell in cells), *(function.__defaults__ or ())]

    def same(self) -> bool:
        """Whether nothing changed."""
        for cell, content in self._cells:
            if cell.cell_contents is not content:
                return False
        return all(f.__defaults__ is held and not f.__kwdefaults__ for f, held in self._defaults)


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


def called(args: Sequence[Any], keywords: Mapping[str, Any]) -> Sequence[Any]:
    """The arguments of a call as one sequence of items."""
    return (*args, KEYWORDS, keywords) if keywords else args


def _getter(places: Sequence[int]) -> Callable[[list[Any]], Sequence[Any]]:
    """What picks these items out of a list."""
    if list(places) == list(range(len(places))):
        count = len(places)
        return lambda items: items[:count]
    if len(places) == 1:
        (place,) = places
        return lambda items: (items[place],)
    picked: Callable[[list[Any]], Sequence[Any]] = itemgetter(*places)
    return picked


def _builder(entry: Traced) -> Callable[[list[Any]], Any]:
    """What nests results as the function did."""
    structure, kind = entry.structure, entry.structure.kind
    flat = kind is tuple and all(child is LEAF for child in structure.children)
    if entry.in_order and structure is LEAF:
        return itemgetter(0)
    if entry.in_order and flat:
        return tuple
    return partial(entry.rebuilt, keep=False)
