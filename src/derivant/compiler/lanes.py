"""Rows that hold graphs under leading axes: the axes made one, the graph mapped over it.

It knows nothing of what a row does with its graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from derivant.carriers.expr import Expr
from derivant.compiler.graph import Graph, mapped
from derivant.primitives import NO_PARAMS, Primitive, apply
from derivant.primitives.primitive import Data, Params


@dataclass(frozen=True, slots=True)
class Lanes:
    """Operands with one leading axis, or none where nothing differs along it."""

    full: tuple[int, ...]  # the leading axes as they were
    count: int
    arrays: tuple[Data, ...]
    apart: tuple[bool, ...]  # which operands have the leading axis

    def mapped(self, graph: Graph, apart: Sequence[bool]) -> Graph:
        """The graph for operands of which these have the leading axis; its results all do."""
        sizes = (self.count,)
        return mapped(graph, tuple(sizes if a else None for a in apart), sizes)

    def back(self, result: Data) -> Data:
        """A result with the leading axes that the operands had."""
        return np.asarray(result).reshape(self.full + np.shape(result)[1:])

    def widened(self, result: Data) -> Data:
        """A result that is the same for all, with the leading axes."""
        return np.broadcast_to(result, self.full + np.shape(result)).copy()

    def alone(self, row: Primitive, params: Params) -> Data | None:
        """The results of a row where lanes do not matter: all are the same, or there is none."""
        if not any(self.apart):
            found = row.evaluate(*self.arrays, **params)
            every = found if row.outputs > 1 else (found,)
            return outcome([self.widened(result) for result in every])
        if not self.count:
            shapes, kinds = (rule(**params) for rule in (row.shape, row.dtype))
            pairs = zip(shapes, kinds, strict=True) if row.outputs > 1 else [(shapes, kinds)]
            return outcome([np.empty(self.full + tuple(shape), kind) for shape, kind in pairs])
        return None


def lanes(lead: int, arrays: Sequence[Data], weak: Sequence[bool]) -> Lanes:
    """The operands of a row under `lead` leading axes, none of them on a number that is weak."""
    plain = [w and not np.ndim(a) for a, w in zip(arrays, weak, strict=True)]
    leading = [() if p else np.shape(a)[:lead] for a, p in zip(arrays, plain, strict=True)]
    full = np.broadcast_shapes(*leading)
    count = prod(full)
    found, apart = [], []
    for a, p, sizes in zip(arrays, plain, leading, strict=True):
        wide = not p and prod(sizes) != 1
        apart.append(wide)
        rest = np.shape(a)[len(sizes) :]
        if wide:
            found.append(np.broadcast_to(a, full + rest).reshape((count, *rest)))
        else:
            found.append(a if p else np.reshape(a, rest)[()])
    return Lanes(full, count, tuple(found), tuple(apart))


def taken(arrays: Sequence[Data], apart: Sequence[bool], mask: Any) -> list[Data]:
    """The operands of the lanes of a mask; the others get those of one lane in it.

    So a graph that runs for some lanes alone sees no number that was not meant for it.
    """
    if mask.all():
        return list(arrays)
    places = np.where(mask, np.arange(len(mask)), np.argmax(mask))
    return [a[places] if wide else a for a, wide in zip(arrays, apart, strict=True)]


def chosen(mask: Any, yes: Data, no: Data) -> Data:
    """Lane by lane one result or the other."""
    return np.where(mask.reshape(mask.shape + (1,) * (np.ndim(yes) - 1)), yes, no)


def settled(value: Data, kind: Expr) -> Data:
    """A value as a graph wants it for a variable: a Python number, or an array of its dtype.

    Numbers that give way are the same in all lanes.
    """
    if kind.weak:
        return np.asarray(value).flat[0].item()
    if isinstance(value, np.ndarray | np.generic) and value.dtype == kind.dtype:
        return value
    return np.asarray(value, kind.dtype)[()]


def own(value: Data, kind: Expr) -> Data:
    """A result that shares no memory with anything."""
    value = settled(value, kind)
    return value.copy() if isinstance(value, np.ndarray) else value


def results_of(row: Primitive, operands: Sequence[Any], params: Params = NO_PARAMS) -> list[Any]:
    """The results of a row on operands of any kind, as a list."""
    found = apply(row, tuple(operands), params)
    return list(found) if row.outputs > 1 else [found]


def outcome(results: Sequence[Data]) -> Data:
    """Results as a row gives them: one alone, several as a tuple."""
    return tuple(results) if len(results) > 1 else results[0]
