"""A function run on what is around it as expressions: arrays stand for what they hold at a call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

from derivant.base.tree import flatten, unflatten
from derivant.carriers.expr import as_expr, captured
from derivant.carriers.tensor import Tensor
from derivant.compiler.closure import is_read, walk
from derivant.compiler.holding import CONTAINERS, content, is_compiled, own_globals

Attributes = dict[str, Any]


def read_at_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the arrays around it as expressions that stand for them.

    What it computes from them alone is then part of the trace, and so is done at each call. What it
    assigns to attributes and globals is assigned when it returns.
    """
    lifting = _Lifting(function)
    lifted: Callable[..., Any] = lifting.value(function)

    def run(*args: Any, **kwargs: Any) -> Any:
        result = lifted(*args, **kwargs)
        lifting.assign()
        return result

    return run


def _reaching(function: Callable[..., Any]) -> set[int]:
    """The ids of arrays, and of all that holds one of them, near or far, and can be copied."""
    holders: dict[int, list[int]] = {}
    arrays: list[int] = []
    for value, fixed, holder in walk(function):
        if fixed:
            continue
        if holder is not None:
            holders.setdefault(id(value), []).append(id(holder))
        if is_read(value) or isinstance(value, Tensor):
            arrays.append(id(value))
    found = set(arrays)
    while arrays:
        for holder in holders.get(arrays.pop(), ()):
            if holder not in found:
                found.add(holder)
                arrays.append(holder)
    return found


class _Globals(dict[str, Any]):
    """Some globals in place of those of a module, which has all others."""

    __slots__ = ("_around",)

    def __init__(self, around: dict[str, Any]) -> None:
        super().__init__({k: around[k] for k in ("__builtins__", "__name__") if k in around})
        self._around = around

    def __missing__(self, name: str) -> Any:
        return self._around[name]


class _Lifting:
    """Rebuilds what holds arrays with expressions in their place, each one once.

    A copy is known before it is filled, so that what holds itself holds its copy.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._reaching = _reaching(function)
        self._made: dict[int, Any] = {}
        self._copies: list[tuple[Attributes, Attributes, Attributes]] = []

    def assign(self) -> None:
        """Hand on what was assigned to copies since they were made."""
        for original, copy, before in self._copies:
            for name, value in copy.items():
                if name not in before or before[name] is not value:
                    original[name] = value

    def value(self, value: Any) -> Any:
        """An array as an expression; what holds arrays rebuilt with them so; else the value."""
        if id(value) not in self._reaching or is_compiled(value):
            return value
        if id(value) not in self._made:
            self._made[id(value)] = value  # what holds itself without an object is left as it is
            self._made[id(value)] = self._rebuilt(value)
        return self._made[id(value)]

    def _rebuilt(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return as_expr(value)
        if is_read(value):
            return captured(value)
        if isinstance(value, partial):
            keywords = {k: self.value(v) for k, v in value.keywords.items()}
            return partial(self.value(value.func), *map(self.value, value.args), **keywords)
        if isinstance(value, MethodType):
            return MethodType(self.value(value.__func__), self.value(value.__self__))
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, CONTAINERS):
            leaves, structure = flatten(value)
            return unflatten(structure, list(map(self.value, leaves)))
        return self._object(value)

    def _object(self, value: Any) -> Any:
        kind: Any = type(value)
        copy = self._made[id(value)] = kind.__new__(kind)
        self._fill(value.__dict__, copy.__dict__, value.__dict__)
        return copy

    def _fill(self, original: Attributes, copy: Attributes, names: Attributes) -> None:
        """Put the lifted values into a copy, and remember what it then holds."""
        copy.update({name: self.value(value) for name, value in names.items()})
        self._copies.append((original, copy, dict(copy)))

    def _function(self, function: FunctionType) -> FunctionType:
        """A function with cells of its own only where their content changes: others it shares."""
        old = function.__closure__ or ()
        cells = tuple(CellType() if id(content(c)) in self._reaching else c for c in old)
        outside = {k: v for k, v in own_globals(function).items() if id(v) in self._reaching}
        around = _Globals(function.__globals__) if outside else function.__globals__
        made = FunctionType(function.__code__, around, function.__name__, None, cells or None)
        self._made[id(function)] = made
        for cell, before in zip(cells, old, strict=True):
            if cell is not before:
                cell.cell_contents = self.value(content(before))
        if outside:
            self._fill(function.__globals__, around, outside)
        made.__defaults__ = tuple(map(self.value, function.__defaults__ or ())) or None
        keywords = {k: self.value(v) for k, v in (function.__kwdefaults__ or {}).items()}
        made.__kwdefaults__ = keywords or None
        made.__dict__.update({k: self.value(v) for k, v in function.__dict__.items()})
        return made
