"""`jit`: a function traced once for each kind of arguments, then run as a program."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from types import MethodType
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.base.types import Function
from derivant.carriers.staging import OPEN, STAGE
from derivant.compiler.arguments import Arguments
from derivant.compiler.call_row import applied
from derivant.compiler.closure import key_of, places_of, surroundings
from derivant.compiler.donation import Pairs, check_donated, give_back
from derivant.compiler.fastcall import MISS, FastCall, called, fast_call
from derivant.compiler.lifting import read_at_calls
from derivant.compiler.running import strictness
from derivant.compiler.tracing import Traced, traced

MOST_FAST = 4  # kinds of calls that are tried the quick way
MOST_ENTRIES = 64  # kinds of arguments that one function remembers, and objects it is a method of


def jit(
    f: Function,
    donate_argnums: int | Sequence[int] = (),
    static_argnums: int | Sequence[int] = (),
    strict: bool = False,
) -> Compiled:
    """The function that computes what `f` computes, as a program made at the first call.

    Traced once for each nesting, shape and dtype of the arguments. Arrays, Tensors and floats are
    inputs; ints, bools, strings, None and callables are static, and so are the arguments that
    `static_argnums` name: other values are another program. Arrays of the closure, of attributes
    and of globals of the function's module are read at each call; globals of other modules are
    frozen at the trace, and side effects happen then and not again.
    An array that `donate_argnums` name is updated in place by the first result of its shape and
    dtype, and is that result. The compiled function can be differentiated and mapped over.
    With `strict` it gives what NumPy gives, bit for bit: the rows' own evaluators run one by one.

    Raises DifferentiationError where `f` branches on numbers, naming the line; ArgumentError where
    a donated array fits no result, cannot be written to, or overlaps another argument.

    >>> import derivant as dv
    >>> step = jit(lambda w, x: w - 0.1 * dv.grad(lambda w: dv.sum((x @ w) ** 2))(w))
    >>> step(np.array([1.0, 2.0]), np.eye(2))
    array([0.8, 1.6])
    """
    return Compiled(f, _places(donate_argnums), _places(static_argnums), strict)


def _places(given: int | Sequence[int]) -> frozenset[int]:
    return frozenset([given] if isinstance(given, int) else given)


class Compiled:
    """A function with its programs, one for each kind of arguments; see `jit`."""

    def __init__(
        self,
        function: Function,
        donated: frozenset[int],
        static: frozenset[int],
        strict: bool = False,
    ) -> None:
        if any(place < 0 for place in donated | static):
            raise ArgumentError("donate_argnums and static_argnums count from the front, from 0")
        if donated & static:
            raise ArgumentError(f"arguments {sorted(donated & static)} are both donated and static")
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", "function")
        self.__doc__ = getattr(function, "__doc__", None)
        self._donated = donated
        self._static = static
        self.strict = strict
        self._entries: OrderedDict[Hashable, tuple[Traced, tuple[int, ...]]] = OrderedDict()
        self._fast: tuple[FastCall, ...] = ()
        self._methods: OrderedDict[int, Compiled] = OrderedDict()  # each keeps its object alive
        self._lock = threading.RLock()

    @property
    def static(self) -> frozenset[int]:
        """The places of the arguments that are static."""
        return self._static

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled:
        """As a method of an object: the function of the other arguments, one for each object."""
        if instance is None:
            return self
        with self._lock:
            found = self._methods.get(id(instance))
            if found is None:
                found = self._methods[id(instance)] = self._method(instance)
                if len(self._methods) > MOST_ENTRIES:
                    self._methods.popitem(last=False)
        return found

    def _method(self, instance: Any) -> Compiled:
        """The function with its first argument given."""
        if 0 in self._donated:
            raise ArgumentError(f"the object that {self.__name__} is a method of is no array")
        donated, static = (
            frozenset(k - 1 for k in places if k) for places in (self._donated, self._static)
        )
        return Compiled(MethodType(self.__wrapped__, instance), donated, static, self.strict)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives for these arguments."""
        if OPEN and STAGE.get() is not None:  # part of another trace
            return read_at_calls(self.__wrapped__)(*args, **kwargs)
        items = called(args, kwargs) if kwargs else args
        for fast in self._fast:
            found = fast(items)
            if found is not MISS:
                return found
        with strictness(self.strict):
            return self._fully(items, args, kwargs)

    def _fully(self, items: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call on the way that knows all cases."""
        given = Arguments(args, kwargs, self._static)
        if given.symbolic:
            return read_at_calls(self.__wrapped__)(*args, **kwargs)
        entry = self.traced(given)
        if entry.donated:
            check_donated(entry.donated, (*given.values, *entry.sources))
        results = applied(entry.graph, given.values, entry.donated, entry.sources)
        results = fresh(results, given.values, entry.donated)
        if entry.donated:
            results = give_back(entry.donated, given.values, results, self.__name__)
        self._remember(fast_call(self.__wrapped__, items, given, entry))
        return entry.rebuilt(results, given.keeps_tensors)

    def _remember(self, fast: FastCall | None) -> None:
        """Keep the quick way for the next call."""
        if fast is not None:
            self._fast = (fast, *self._fast[: MOST_FAST - 1])

    def traced(self, given: Arguments) -> Traced:
        """The graph for arguments of this kind, made now where there is none."""
        around = surroundings(self.__wrapped__, given.statics)
        key = (given.structure, given.key, key_of(around))
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                entry = traced(self.__wrapped__, given, around, self._donated)
                # with what the trace itself has changed
                after = surroundings(self.__wrapped__, given.statics)
                entry = replace(entry, around=(*entry.around, *after.objects))
                found = self._entries[key] = entry, places_of(entry.sources, around)
                key = (given.structure, given.key, key_of(after))
                self._entries.setdefault(key, (entry, places_of(entry.sources, after)))
                while len(self._entries) > MOST_ENTRIES:
                    self._entries.popitem(last=False)
            self._entries.move_to_end(key)
        entry, places = found
        objects = around.objects
        now = [s if k < 0 else objects[k] for s, k in zip(entry.sources, places, strict=True)]
        return replace(entry, sources=tuple(now))

    def __repr__(self) -> str:
        return f"<jit {self.__name__}, {len(self._entries)} programs>"


def fresh(results: Sequence[Any], values: Sequence[Any], donated: Pairs) -> list[Any]:
    """The results as arrays of the caller's own: no views, no inputs, no array twice.

    One that was put into the array of its donated input stays that array.
    """
    kept = {o: values[i] for i, o in donated}
    held = {id(x) for x in values}
    found = []
    for place, result in enumerate(results):
        if result.__class__ is np.ndarray and kept.get(place) is not result:
            if result.base is not None or id(result) in held or not result.flags.writeable:
                result = result.copy()
            held.add(id(result))
        found.append(result)
    return found
