"""Donated arguments: results are written into their arrays; on an error nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError, DifferentiationError
from derivant.base.names import user_line
from derivant.carriers.expr import Expr
from derivant.carriers.mode import FREE
from derivant.carriers.tensor import Tensor
from derivant.compiler.arguments import Arguments

Pairs = tuple[tuple[int, int], ...]


def donations(given: Arguments, donated: frozenset[int], outputs: Sequence[Expr]) -> Pairs:
    """Which input each result goes into: the first that is left of its shape and dtype.

    Raises ArgumentError for a donated array that no result fits.
    """
    free = dict(enumerate(outputs))
    pairs = []
    for place, value in donated_inputs(given, donated):
        fits = (k for k, out in free.items() if _fits(out, value))
        found = next(fits, None)
        if found is None:
            shapes = ", ".join(f"{tuple(out.shape)} {out.dtype}" for out in outputs)
            raise ArgumentError(
                f"a donated array of shape {value.shape} and dtype {value.dtype} fits no result "
                f"that is left; the results are {shapes}"
            )
        del free[found]
        pairs.append((place, found))
    return tuple(pairs)


def _fits(out: Expr, value: Any) -> bool:
    return tuple(out.shape) == tuple(value.shape) and out.dtype == value.dtype


def donated_inputs(given: Arguments, donated: frozenset[int]) -> Iterator[tuple[int, Any]]:
    """The inputs that belong to donated arguments and have an array, with their places."""
    for place, (leaf, value) in enumerate(zip(given.places, given.values, strict=True)):
        if given.owners[leaf] in donated and isinstance(value, (np.ndarray, Tensor)):
            yield place, value


def check_donated(pairs: Pairs, values: Sequence[Any]) -> None:
    """Refuse a donated array that cannot be written to, or that another input overlaps."""
    for place, _ in pairs:
        value = values[place]
        if isinstance(value, Tensor):
            if value.tag != FREE or value.levels:
                raise ArgumentError(
                    "a donated Tensor is recorded; its numbers are needed for derivatives"
                )
            continue
        if not value.flags.writeable:
            raise ArgumentError(
                f"a donated array of shape {value.shape} is read-only, or its bytes are not in "
                "this machine's order"
            )
    arrays = [x.data if isinstance(x, Tensor) else x for x in values]
    places = [k for k, x in enumerate(arrays) if isinstance(x, np.ndarray) and x.size]
    donated = {place for place, _ in pairs}
    for first, second in _near(arrays, places):
        one, two = (first, second) if first in donated else (second, first)
        if one in donated and _shared(arrays[one], arrays[two]):
            raise ArgumentError(
                f"a donated array of shape {arrays[one].shape} overlaps another input of shape "
                f"{arrays[two].shape}; donate a copy"
            )


def _near(arrays: Sequence[Any], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of arrays whose stretches of memory overlap."""
    bounds = {k: np.lib.array_utils.byte_bounds(arrays[k]) for k in places}
    active: list[int] = []
    for k in sorted(places, key=lambda k: bounds[k]):
        active = [x for x in active if bounds[x][1] > bounds[k][0]]
        yield from ((x, k) for x in active)
        active.append(k)


def _shared(x: Any, y: Any) -> bool:
    """Whether two arrays have a byte in common; True where that is too hard to say."""
    try:
        most: Any = 1_000_000
        return bool(np.shares_memory(x, y, max_work=most))
    except np.exceptions.TooHardError:
        return True


def give_back(pairs: Pairs, values: Sequence[Any], results: list[Any], name: str) -> list[Any]:
    """The results, those that were donated an array written into it."""
    for place, output in pairs:
        value = values[place]
        if isinstance(value, Tensor):
            value.data = _Gone(f"{name} at {user_line()}")
        elif results[output] is not value:
            np.copyto(value, results[output])
            results[output] = value
    return results


class _Gone:
    """What a donated Tensor holds afterwards: every use of it is an error."""

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __getattr__(self, name: str) -> Any:
        raise DifferentiationError(
            f"this Tensor was donated to {self._where} and holds no numbers any more; "
            "use the result, or do not donate it"
        )
