"""Wherever an array around a compiled function is held, its numbers at the call are what counts."""

from __future__ import annotations

from argparse import Namespace
from collections import OrderedDict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np
import pytest

import derivant as dv

ONES = np.ones(3)
Made: TypeAlias = "tuple[Callable[[], Any], Callable[[Any], None] | None]"  # to get, to assign


class Holder:
    def __init__(self, w: Any) -> None:
        self.w = w

    @property
    def again(self) -> Any:
        return self.w


@dataclass(slots=True)
class Slotted:
    w: Any


class Removed(Holder):
    def __del__(self) -> None:
        pass


class Numbers(list[Any]):
    pass


Named = namedtuple("Named", "w")


def by_attribute(holder: Any) -> Made:
    return lambda: holder.w, lambda value: setattr(holder, "w", value)


def by_property(holder: Holder) -> Made:
    return lambda: holder.again, None


def named(holder: Named) -> Made:
    return lambda: holder.w, None


def by_key(holder: Any, key: Any) -> Made:
    return lambda: holder[key], lambda value: holder.__setitem__(key, value)


def of_class(w: Any) -> Made:
    class Kind:
        weights = w

    kind = Kind()
    return lambda: kind.weights, lambda value: setattr(Kind, "weights", value)


def of_class_itself(w: Any) -> Made:
    class Kind:
        weights = w

    return lambda: Kind.weights, lambda value: setattr(Kind, "weights", value)


def deep(w: Any, steps: int) -> Made:
    inner: Any = w
    for _ in range(steps):
        inner = Holder(inner)

    def reached() -> Any:
        found = inner
        for _ in range(steps):
            found = found.w
        return found

    return reached, None


def within_itself(w: Any) -> Made:
    child, parent = Holder(None), Holder(w)
    child.w, parent.child = parent, child  # type: ignore[attr-defined]
    return lambda: parent.child.w.child.w.w, lambda value: setattr(parent, "w", value)  # type: ignore[attr-defined]


def recursive(w: Any) -> Made:
    def reached(times: int = 3) -> Any:
        return reached(times - 1) if times else w

    return reached, None


def of_cells(w: Any) -> Made:
    def assign(value: Any) -> None:
        nonlocal w
        w = value

    return lambda: w, assign


def of_other_method(w: Any) -> Made:
    class Kind:
        def first(self) -> Any:
            return self.second()

        def second(self) -> Any:
            return w

    return Kind().first, None


HOLDERS: dict[str, Callable[[Any], Made]] = {
    "cell": of_cells,
    "list": lambda w: by_key([w], 0),
    "dict": lambda w: by_key({1: w}, 1),
    "ordered dict": lambda w: by_key(OrderedDict(w=w), "w"),
    "list's child": lambda w: by_key(Numbers([w]), 0),
    "deque": lambda w: by_key(deque([w]), 0),
    "named tuple": lambda w: named(Named(w)),
    "object": lambda w: by_attribute(Holder(w)),
    "property": lambda w: by_property(Holder(w)),
    "slots": lambda w: by_attribute(Slotted(w)),
    "object with an end": lambda w: by_attribute(Removed(w)),
    "namespace": lambda w: by_attribute(SimpleNamespace(w=w)),
    "settings": lambda w: by_attribute(Namespace(w=w)),
    "class": of_class,
    "class itself": of_class_itself,
    "5 deep": lambda w: deep(w, 5),
    "20 deep": lambda w: deep(w, 20),
    "90 deep": lambda w: deep(w, 90),
    "within itself": within_itself,
    "recursive function": recursive,
    "other method": of_other_method,
    "partial": lambda w: (partial(lambda held: held, w), None),
    "keyword": lambda w: (lambda *, held=w: held, None),
    "method of an array": lambda w: (w.copy, None),
    "method of a list": lambda w: (partial([w].__getitem__, 0), None),
    "cached": lambda w: (lru_cache(lambda: w), None),
}


@pytest.mark.parametrize("through", [lambda w: w, lambda w: np.exp(w).T], ids=["it", "NumPy"])
@pytest.mark.parametrize("name", HOLDERS)
def test_numbers_are_those_at_the_call(name: str, through: Callable[[Any], Any]) -> None:
    w = np.ones(3)
    get, assign = HOLDERS[name](w)
    f = dv.jit(lambda x: x * through(get()))
    for number in (1.0, 1.0, 2.0, 2.0, 3.0):
        w[:] = number
        np.testing.assert_allclose(f(ONES), through(w), rtol=1e-15)
    if assign is not None:
        for number in (4.0, 4.0, 5.0):
            assign(np.full(3, number))
            np.testing.assert_allclose(f(ONES), through(np.full(3, number)), rtol=1e-15)


@pytest.mark.parametrize("name", HOLDERS)
def test_functions_that_are_arguments_are_looked_into(name: str) -> None:
    w = np.ones(3)
    get, _ = HOLDERS[name](w)
    f = dv.jit(lambda x, weights: x * weights())
    for number in (1.0, 2.0, 2.0):
        w[:] = number
        np.testing.assert_array_equal(f(ONES, get), w)


class Layer:
    def __init__(self) -> None:
        self.w = np.ones(3)

    @dv.jit
    def forward(self, x: Any) -> Any:
        return self.w * x

    @partial(dv.jit, donate_argnums=1)
    def updated(self, x: Any) -> Any:
        return x + self.w


def test_methods_that_are_compiled() -> None:
    one, two = Layer(), Layer()
    two.w = np.full(3, 2.0)
    for _ in range(2):
        np.testing.assert_array_equal(one.forward(ONES), 1)
        np.testing.assert_array_equal(two.forward(ONES), 2)
    one.w[:] = 3
    np.testing.assert_array_equal(one.forward(ONES), 3)
    one.w = np.full(3, 4.0)
    np.testing.assert_array_equal(one.forward(x=ONES), 4)
    x = np.ones(3)
    assert two.updated(x) is x
    np.testing.assert_array_equal(x, 3)
    np.testing.assert_array_equal(Layer.forward.__wrapped__(two, ONES), 2)
    outer = dv.jit(lambda x: one.forward(x) * 2)
    np.testing.assert_array_equal(outer(ONES), 8)
    one.w[:] = 1
    np.testing.assert_array_equal(outer(ONES), 2)
