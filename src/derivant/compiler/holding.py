"""What an object holds, and what of it a copy of the object can hold anew.

Knows Python's own kinds of objects: functions, methods, containers, instances and classes. What a
trace does with what is held is not decided here.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from functools import cached_property, lru_cache, partial
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any, NamedTuple

import numpy as np

from derivant.carriers.expr import Expr
from derivant.carriers.tensor import Tensor

PACKAGE = "derivant"
CONTAINERS = (list, tuple, dict)
OTHERS = (set, frozenset, deque)  # containers that are read and not rebuilt
PLAIN = (int, float, bool, str, bytes, type(None), np.generic, ModuleType)
WHOLE = (*PLAIN, np.ndarray, Tensor, Expr)
BUILTIN = (BuiltinFunctionType, MethodWrapperType)
SETTINGS = ("types.SimpleNamespace", "argparse.Namespace")  # whose objects hold what users put in
INSTALLED = frozenset(("site-packages", "dist-packages"))


class Held(NamedTuple):
    """What an object holds: `anew` what a copy can have others in place of, `fixed` what none can.

    A copy is another object of the same class; what its class holds it shares.
    """

    anew: list[Any]
    fixed: list[Any]


def held(value: Any) -> Held:
    """What a value holds that is no whole by itself."""
    if isinstance(value, type):
        return Held([], [unwrapped(base[name]) for base in own_bases(value) for name in data(base)])
    if isinstance(value, BUILTIN):  # a method of an array, of a list; a module's function
        return Held([], [value.__self__])
    if isinstance(value, partial):
        return Held([value.func, *value.args, *value.keywords.values()], [])
    if isinstance(value, MethodType):
        return Held([value.__func__, value.__self__], [])
    if isinstance(value, FunctionType):
        return Held(_of_function(value), [])
    if isinstance(value, dict):
        return Held([*value, *value.values()], [])
    if isinstance(value, CONTAINERS):
        return Held(list(value), [])
    if isinstance(value, OTHERS):
        return Held([], list(value))
    wrapped = getattr(value, "__wrapped__", None)  # its cache says nothing
    if callable(wrapped):
        return Held([wrapped], []) if is_compiled(value) else Held([], [wrapped])
    return _of_object(value)


def _of_function(function: FunctionType) -> list[Any]:
    cells = [content(cell) for cell in function.__closure__ or ()]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    own = function.__dict__
    return [*cells, *defaults, *own, *own.values(), *own_globals(function).values()]


def _of_object(value: Any) -> Held:
    """The attributes of an object, and its class; nothing of what is not the user's."""
    kind = type(value)
    if is_closed(kind):
        return Held([], [])
    own = getattr(value, "__dict__", {})
    inside = [*own, *own.values()]
    if is_plain(value):
        return Held(inside, [kind])
    return Held([], [*inside, *_in_slots(value), kind])


def is_closed(kind: type) -> bool:
    """Whether objects of a class are not looked into: the standard library's, but for settings."""
    named = f"{kind.__module__}.{kind.__qualname__}"
    return kind.__module__.partition(".")[0] in sys.stdlib_module_names and named not in SETTINGS


def is_compiled(value: Any) -> bool:
    """Whether a value is a compiled function: one reads what is around it by itself."""
    return hasattr(value, "__wrapped__") and type(value).__module__.startswith(f"{PACKAGE}.")


def is_plain(value: Any) -> bool:
    """Whether an object is its attributes: of a class of Python, with nothing hidden in it.

    One that does something when it is gone is not copied.
    """
    kind, own = type(value), getattr(value, "__dict__", None)
    new: Any = kind.__new__
    usual = new is object.__new__ or new is SimpleNamespace.__new__
    if not isinstance(own, dict) or not usual or hasattr(value, "__wrapped__"):
        return False
    bases = [base for base in kind.__mro__[:-1] if base is not SimpleNamespace]
    return not any(name in base.__dict__ for base in bases for name in ("__slots__", "__del__"))


def _in_slots(value: Any) -> list[Any]:
    """What stands in the slots of an object."""
    found = []
    for base in type(value).__mro__:
        for slot in vars(base).values():
            if isinstance(slot, MemberDescriptorType):
                try:
                    found.append(slot.__get__(value))
                except AttributeError:  # nothing was assigned yet
                    continue
    return found


def own_bases(kind: type) -> list[Mapping[str, Any]]:
    """What a class and its bases define, but for bases that no user wrote."""
    return [vars(base) for base in kind.__mro__ if _is_users(base.__module__)]


@lru_cache(maxsize=4096)
def _is_users(module: str) -> bool:
    """Whether a module is the user's: not Python's, not ours, not installed."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == PACKAGE:
        return False
    file = getattr(sys.modules.get(top), "__file__", None)
    return file is None or not INSTALLED & {*file.replace("\\", "/").split("/")}


def data(scope: Mapping[str, Any]) -> list[str]:
    """The names in a class that stand for data or functions, not for Python's own notes."""
    return [
        name
        for name, value in scope.items()
        if isinstance(unwrapped(value), FunctionType)
        or is_compiled(value)
        or not (name.startswith("__") or hasattr(value, "__get__"))
    ]


def unwrapped(value: Any) -> Any:
    """What a class holds, without what binds it."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    if isinstance(value, property):
        return value.fget
    return value.func if isinstance(value, cached_property) else value


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
    """Whether a global is data or was made in the module: no module, no import of what is made."""
    if isinstance(value, (ModuleType, BuiltinFunctionType)):
        return False
    if isinstance(value, FunctionType):
        return value.__globals__ is around
    return not isinstance(value, type) or value.__module__ == around.get("__name__")


def content(cell: CellType) -> Any:
    """What a cell of a closure holds."""
    try:
        return cell.cell_contents
    except ValueError:  # a name that has no value yet
        return None
