"""What a function takes from outside its arguments: closure cells, defaults, attributes, globals.

A trace is good for as long as all of this is the same, object by object. Arrays among it are read
at each call, whatever they then hold. Of globals, those of the function's own module are looked
at; what other modules hold is frozen at the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from derivant.base.tree import flatten, unflatten
from derivant.carriers.expr import Expr, as_expr, captured
from derivant.carriers.interning import frozen
from derivant.carriers.tensor import Tensor

DEEPEST = 6
PACKAGE = "derivant"
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
            continue
        found.append(value)
        if id(value) not in seen:
            seen.add(id(value))
            stack += [(x, depth + 1) for x in _inside(value)]
    return found


def key_of(around: Sequence[Any]) -> Hashable:
    """What of such objects makes another program.

    Of arrays shape, dtype and which of them are one array, since they are read at each call; of
    containers how many they hold, since that comes after them; of numbers and texts the value; of
    all others which one they are.
    """
    first: dict[int, int] = {}
    return tuple([_key(value, first.setdefault(id(value), k)) for k, value in enumerate(around)])


def _key(value: Any, first: int) -> Hashable:
    if isinstance(value, PLAIN):
        return frozen(value)
    if is_read(value):
        return "array", value.dtype, value.shape, first
    if type(value) in CONTAINERS:
        return type(value), len(value), first
    return id(value)


def is_read(value: Any) -> bool:
    """Whether a value is an array that is read at each call."""
    return type(value) is np.ndarray and value.dtype.kind in "biuf"


def places_of(sources: Sequence[Any], around: Sequence[Any]) -> tuple[int, ...]:
    """Where arrays that a program reads are among the objects around it; -1 for others."""
    where = {id(value): k for k, value in enumerate(around) if is_read(value)}
    return tuple(where.get(id(source), -1) for source in sources)


def _inside(value: Any) -> list[Any]:
    """What a function, a container or an object holds."""
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, FunctionType):
        cells = [_content(cell) for cell in value.__closure__ or ()]
        defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        return [*cells, *defaults, *own_globals(value).values()]
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        return list(value)
    wrapped = getattr(value, "__wrapped__", None)  # a compiled function: its cache says nothing
    own = getattr(value, "__dict__", {})
    return [wrapped] if callable(wrapped) else [*own, *own.values()]


def own_globals(function: FunctionType) -> dict[str, Any]:
    """The globals that a function names and that its module itself holds: data and functions.

    None of our own functions: the transforms change nothing outside.
    """
    around = function.__globals__
    if around.get("__name__", "").partition(".")[0] == PACKAGE:
        return {}
    return {
        name: around[name]
        for name in _names(function.__code__)
        if name in around and _is_own(around[name], around)
    }


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code looks up outside of itself, in the functions inside of it too."""
    inner = [name for x in code.co_consts if isinstance(x, CodeType) for name in _names(x)]
    return tuple(dict.fromkeys((*code.co_names, *inner)))


def _is_own(value: Any, around: dict[str, Any]) -> bool:
    """Whether a global is data, or was made in the module: no module, class or import."""
    if isinstance(value, (ModuleType, type, BuiltinFunctionType)):
        return False
    if isinstance(value, FunctionType):
        return value.__globals__ is around
    data = isinstance(value, (*WHOLE, *CONTAINERS, MethodType, partial))
    return data or type(value).__module__ == around.get("__name__") or _is_compiled(value)


def _is_compiled(value: Any) -> bool:
    return isinstance(getattr(value, "__wrapped__", None), FunctionType)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that has no value yet
        return None


def read_at_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the arrays around it as expressions that stand for them.

    What it computes from them alone is then part of the trace, and so is done at each call. What it
    assigns to attributes and globals is assigned when it returns.
    """
    rewriter = _Rewriter()
    rewritten: Callable[..., Any] = rewriter.function(function, 0)

    def run(*args: Any, **kwargs: Any) -> Any:
        result = rewritten(*args, **kwargs)
        rewriter.assign()
        return result

    return run


class _Globals(dict[str, Any]):
    """Some globals in place of those of a module, which has all others."""

    __slots__ = ("_around",)

    def __init__(self, around: dict[str, Any], changed: dict[str, Any]) -> None:
        own = {name: around[name] for name in ("__builtins__", "__name__") if name in around}
        super().__init__(own | changed)
        self._around = around

    def __missing__(self, name: str) -> Any:
        return self._around[name]


class _Rewriter:
    """Rebuilds functions and objects with expressions in place of arrays; each one once."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._copies: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = []

    def assign(self) -> None:
        """Hand on what was assigned to copies since they were made."""
        for original, copy, before in self._copies:
            for name, value in copy.items():
                if name not in before or before[name] is not value:
                    original[name] = value

    def function(self, function: Any, depth: int) -> Any:
        """A function, bound method or partial of one, or an object that is called."""
        if isinstance(function, partial):
            keywords = {k: self.value(v, depth) for k, v in function.keywords.items()}
            args = [self.value(x, depth) for x in function.args]
            return partial(self.function(function.func, depth), *args, **keywords)
        if isinstance(function, MethodType):
            owner = self.value(function.__self__, depth)
            return MethodType(self.function(function.__func__, depth), owner)
        if not isinstance(function, FunctionType):
            return self.value(function, depth)
        if depth > DEEPEST:
            return function
        if id(function) not in self._made:
            self._made[id(function)] = function  # one that holds itself stays as it is there
            self._made[id(function)] = self._rebuilt(function, depth + 1)
        return self._made[id(function)]

    def value(self, value: Any, depth: int) -> Any:
        """An array as an expression; what holds arrays rebuilt with them so."""
        if isinstance(value, (FunctionType, MethodType, partial)):
            return self.function(value, depth)
        if isinstance(value, Tensor):
            return as_expr(value)
        if is_read(value):
            return captured(value)
        if isinstance(value, CONTAINERS):
            return self._container(value, depth)
        return self._object(value, depth) if is_plain(value) else value

    def _container(self, value: Any, depth: int) -> Any:
        leaves, structure = flatten(value)
        changed = [self.value(x, depth + 1) if x is not value else x for x in leaves]
        same = all(a is b for a, b in zip(changed, leaves, strict=True))
        return value if same else unflatten(structure, changed)

    def _object(self, value: Any, depth: int) -> Any:
        """An object whose attributes are arrays, or hold some, as a copy."""
        if id(value) not in self._made and depth <= DEEPEST:
            self._made[id(value)] = value
            changed = {k: self.value(x, depth + 1) for k, x in value.__dict__.items()}
            if any(changed[k] is not x for k, x in value.__dict__.items()):
                copy = object.__new__(type(value))
                copy.__dict__.update(changed)
                self._made[id(value)] = copy
                self._copies.append((value.__dict__, copy.__dict__, changed))
        return self._made.get(id(value), value)

    def _rebuilt(self, function: FunctionType, depth: int) -> FunctionType:
        cells = tuple(self._cell(cell, depth) for cell in function.__closure__ or ())
        defaults = tuple(self.value(x, depth) for x in function.__defaults__ or ())
        keywords = {k: self.value(v, depth) for k, v in (function.__kwdefaults__ or {}).items()}
        named = own_globals(function)
        outside = {k: self.value(v, depth) for k, v in named.items()}
        old = [*(function.__closure__ or ()), *(function.__defaults__ or ()),
               *(function.__kwdefaults__ or {}).values(), *named.values()]  # fmt: skip
        new = [*cells, *defaults, *keywords.values(), *outside.values()]
        if all(a is b for a, b in zip(new, old, strict=True)):
            return function
        around = function.__globals__
        changed = {k: v for k, v in outside.items() if v is not named[k]}
        if changed:
            around = _Globals(around, changed)
            self._copies.append((function.__globals__, around, dict(around)))
        made = FunctionType(
            function.__code__, around, function.__name__, defaults or None, cells or None
        )
        made.__kwdefaults__ = keywords or None
        made.__dict__.update(function.__dict__)
        return made

    def _cell(self, cell: CellType, depth: int) -> CellType:
        """A cell of its own only where its content changes: others are still written to."""
        old = _content(cell)
        new = self.value(old, depth)
        return cell if new is old else CellType(new)


def is_plain(value: Any) -> bool:
    """Whether an object is its attributes: of a class of Python, with nothing hidden in it.

    One that does something when it is gone is not copied.
    """
    kind, own = type(value), getattr(value, "__dict__", None)
    new: Any = kind.__new__
    if not isinstance(own, dict) or new is not object.__new__ or _is_compiled(value):
        return False
    special = ("__slots__", "__del__")
    return not any(name in base.__dict__ for base in kind.__mro__[:-1] for name in special)
