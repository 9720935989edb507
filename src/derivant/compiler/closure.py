"""What a function takes from outside its arguments: closure cells, defaults, attributes, globals.

A trace is good for as long as all of this is the same, object by object. Arrays among it are read
at each call, whatever they then hold; where no copy of what holds an array can hold another thing
in its place, its numbers are part of the key. Of globals, those of the function's own module are
looked at; what other modules hold is frozen at the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from derivant.base.loader import load
from derivant.carriers.interning import frozen
from derivant.compiler.holding import CONTAINERS, PLAIN, WHOLE, held

DEEPEST = 50  # what is held within so many others is not copied any more


class Around(NamedTuple):
    """The objects that a trace depends on, and the ids of the arrays whose numbers it keeps."""

    objects: list[Any]
    fixed: frozenset[int]

    @property
    def lifted(self) -> frozenset[int]:
        """The ids of the arrays that are read at each call."""
        arrays = {id(x) for x in self.objects if isinstance(x, np.ndarray)}
        return frozenset(arrays - self.fixed)


def walk(
    function: Callable[..., Any], statics: Sequence[Any] = ()
) -> Iterator[tuple[Any, bool, Any]]:
    """All that a function and static arguments hold: the value, whether it is fixed, its holder.

    What is nearest comes first.
    """
    waiting: list[tuple[Any, bool, Any, int]] = [(function, False, None, 0)]
    waiting += [(static, True, None, 0) for static in statics]
    seen: set[tuple[int, bool]] = set()
    for value, fixed, holder, depth in waiting:
        yield value, fixed, holder
        if isinstance(value, WHOLE) or (id(value), fixed) in seen:
            continue
        seen.add((id(value), fixed))
        inner = held(value)
        kept = fixed or depth >= DEEPEST
        waiting += [(x, kept, value, depth + 1) for x in inner.anew]
        waiting += [(x, True, value, depth + 1) for x in inner.fixed]


def surroundings(function: Callable[..., Any], statics: Sequence[Any] = ()) -> Around:
    """The objects that a trace of the function depends on, to be compared one by one with `is`."""
    found = list(walk(function, statics))
    fixed = frozenset(id(value) for value, is_fixed, _ in found if is_fixed and is_read(value))
    return Around([value for value, _, _ in found], fixed)


def key_of(around: Around) -> Hashable:
    """What of such objects makes another program.

    Of arrays shape, dtype and which of them are one array, since they are read at each call; of
    fixed ones the numbers too; of containers how many they hold, since that comes after them; of
    numbers and texts the value; of all others which one they are.
    """
    first: dict[int, int] = {}
    return tuple(
        [
            _key(value, first.setdefault(id(value), k), id(value) in around.fixed)
            for k, value in enumerate(around.objects)
        ]
    )


def _key(value: Any, first: int, fixed: bool) -> Hashable:
    if isinstance(value, PLAIN):
        return frozen(value)
    if is_read(value):
        numbers = load("hashlib").blake2b(value.tobytes()).digest() if fixed else b""
        return "array", value.dtype, value.shape, first, numbers
    if type(value) in CONTAINERS:
        return type(value), len(value), first
    return id(value)


def is_read(value: Any) -> bool:
    """Whether a value is an array that is read at each call."""
    return type(value) is np.ndarray and value.dtype.kind in "biuf"


def places_of(sources: Sequence[Any], around: Around) -> tuple[int, ...]:
    """Where arrays that a program reads are among the objects around it; -1 for others."""
    where = {id(value): k for k, value in enumerate(around.objects) if is_read(value)}
    return tuple(where.get(id(source), -1) for source in sources)
