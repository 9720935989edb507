"""What a function takes from outside its arguments: closure cells, defaults, attributes.

A trace is good for as long as all of this is the same, object by object. Arrays among it are read
at each call, whatever they then hold; module globals are not looked at: they are frozen at trace.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from derivant.base.tree import flatten, unflatten
from derivant.carriers.expr import Expr, as_expr, captured
from derivant.carriers.interning import frozen
from derivant.carriers.tensor import Tensor

DEEPEST = 6
CONTAINERS = (list, tuple, dict)
PLAIN = (int, float, bool, str, bytes, type(None), np.generic, type, ModuleType)
WHOLE = (*PLAIN, np.ndarray, Tensor, Expr, BuiltinFunctionType)


def surroundings(function: Callable[..., Any]) -> list[Any]:
    """The objects that a trace of the function depends on, to be compared one by one with `is`."""
    found: list[Any] = []
    seen: set[int] = set()
    stack: list[tuple[Any, int]] = [(function, 0)]
    while stack:
        value, depth = stack.pop()
        if isinstance(value, WHOLE) or depth > DEEPEST:
            found.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            inside = _inside(value)
            found.append(value)
            stack += [(x, depth + 1) for x in inside]
    return found


def identity(value: Any) -> Hashable:
    """What of such an object is part of a key: a number's or text's value, else which one it is."""
    return frozen(value) if isinstance(value, PLAIN) else id(value)


def _inside(value: Any) -> list[Any]:
    """What a function, a container or an object holds."""
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, FunctionType):
        cells = [_content(cell) for cell in value.__closure__ or ()]
        return [*cells, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    return list(getattr(value, "__dict__", {}).values())


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that has no value yet
        return None


def read_at_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the arrays of its closure as expressions that stand for them.

    What it computes from them alone is then part of the trace, and so is done at each call.
    """
    rewritten: Callable[..., Any] = _Rewriter().function(function, 0)
    return rewritten


class _Rewriter:
    """Rebuilds functions around cells with expressions in place of arrays; each one once."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}

    def function(self, function: Any, depth: int) -> Any:
        """A function, bound method or partial of one; other callables as they are."""
        if isinstance(function, partial):
            keywords = {k: self.value(v, depth) for k, v in function.keywords.items()}
            args = [self.value(x, depth) for x in function.args]
            return partial(self.function(function.func, depth), *args, **keywords)
        if isinstance(function, MethodType):
            return MethodType(self.function(function.__func__, depth), function.__self__)
        if not isinstance(function, FunctionType) or depth > DEEPEST:
            return function
        if id(function) not in self._made:
            self._made[id(function)] = function  # one that holds itself stays as it is there
            self._made[id(function)] = self._rebuilt(function, depth + 1)
        return self._made[id(function)]

    def value(self, value: Any, depth: int) -> Any:
        """An array as an expression, a container with its arrays so, a function rebuilt."""
        if isinstance(value, (FunctionType, MethodType, partial)):
            return self.function(value, depth)
        if isinstance(value, Tensor):
            return as_expr(value)
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return captured(value)
        if not isinstance(value, CONTAINERS) or not value:
            return value
        leaves, structure = flatten(value)
        changed = [self.value(x, depth + 1) if x is not value else x for x in leaves]
        same = all(a is b for a, b in zip(changed, leaves, strict=True))
        return value if same else unflatten(structure, changed)

    def _rebuilt(self, function: FunctionType, depth: int) -> FunctionType:
        cells = tuple(self._cell(cell, depth) for cell in function.__closure__ or ())
        defaults = tuple(self.value(x, depth) for x in function.__defaults__ or ()) or None
        keywords = {k: self.value(v, depth) for k, v in (function.__kwdefaults__ or {}).items()}
        old = (*(function.__closure__ or ()), *(function.__defaults__ or ()))
        new = (*cells, *(defaults or ()))
        if all(a is b for a, b in zip(new, old, strict=True)) and all(
            keywords[k] is v for k, v in (function.__kwdefaults__ or {}).items()
        ):
            return function
        made = FunctionType(
            function.__code__, function.__globals__, function.__name__, defaults, cells or None
        )
        made.__kwdefaults__ = keywords or None
        made.__dict__.update(function.__dict__)
        return made

    def _cell(self, cell: CellType, depth: int) -> CellType:
        """A cell of its own only where its content changes: others are still written to."""
        old = _content(cell)
        new = self.value(old, depth)
        return cell if new is old else CellType(new)
