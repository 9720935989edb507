"""The reverse sweep: cotangents of outputs in, cotangents of targets out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derivant.base.errors import DerivantError
from derivant.base.graph import Reached, between
from derivant.primitives import FAST, RAW, RECORD, Namespace
from derivant.sweeps.setting import (
    WATCH,
    Setting,
    all_finite,
    fitted,
    lifted,
    parts_of,
    quiet,
    setting,
    without_levels,
)

ALONE: tuple[bool, ...] = (True,)


def pullback(
    outputs: Sequence[Any],
    seeds: Sequence[Any],
    targets: Sequence[Any],
    since: int,
    reach: Reached | None = None,
) -> list[Any]:
    """The cotangent of each target, None for a structural zero.

    `since` is the number of the transform whose binds the targets are; `reach` is what the outputs
    depend on, where the caller has walked there already.
    """
    nodes, active, plain = between(outputs, targets, since, reach)
    how = setting(nodes, seeds, since, plain)
    with quiet():
        if how.record:
            seeds = lifted(outputs, seeds)
            found = _recorded(nodes, Cotangents(outputs, seeds), active, how)
            return [found.get(id(target)) for target in targets]
        try:
            found = _raw(nodes, Cotangents(outputs, seeds), active, FAST)
            results = [found.get(id(target)) for target in targets]
            if all_finite(results):
                return results
        except DerivantError:  # a rule may refuse a NaN that the strong zero would not make
            pass
        found = _raw(nodes, Cotangents(outputs, seeds), active, RAW)
        return [found.get(id(target)) for target in targets]


class Cotangents(dict[int, Any]):
    """What has arrived at each node so far, by the node's id."""

    __slots__ = ()

    def __init__(self, outputs: Sequence[Any], seeds: Sequence[Any]) -> None:
        for output, seed in zip(outputs, seeds, strict=True):
            if seed is not None:
                self.add(id(output), seed)

    def add(self, key: int, g: Any) -> None:
        """Add a cotangent; those of a tuple's parts come as {index: g}."""
        old = self.get(key)
        if old is None:
            self[key] = g
        elif g.__class__ is dict:
            for index, term in g.items():
                old[index] = old[index] + term if index in old else term
        else:
            self[key] = old + g


def _raw(nodes: list[Any], cotangents: Cotangents, active: set[int], xp: Namespace) -> Cotangents:
    """On the arrays that the operations saw. The hot loop of training: kept flat."""
    take, add = cotangents.pop, cotangents.add
    watch = WATCH.get() if xp is RAW else None
    for node in reversed(nodes):
        g = take(id(node), None)
        if g is None:
            continue
        row, inputs = node.primitive, node.inputs
        if row.outputs > 1:
            g = parts_of(g, row)
        count = len(inputs)
        if count == 1:
            wanted = ALONE
        elif count == 2:
            wanted = id(inputs[0]) in active, id(inputs[1]) in active
        else:
            wanted = tuple([id(x) in active for x in inputs])
        place = -1
        for gx in row.pull(xp, g, node.data, node.args, node.params, wanted):
            place += 1
            if gx is None or not wanted[place]:
                continue
            x = inputs[place]
            if watch is not None:
                watch(node, gx)
            key = id(x)
            if gx.__class__ is dict:
                add(key, gx)
            elif key not in cotangents:
                kind = gx.dtype
                cotangents[key] = gx if kind is x.data.dtype else fitted(gx, x, False)
            else:
                gx = gx if gx.dtype is x.data.dtype else fitted(gx, x, False)
                cotangents[key] = (
                    cotangents[key] + gx
                )  # never in place: rules hand on what they got
    return cotangents


def _recorded(
    nodes: list[Any], cotangents: Cotangents, active: set[int], how: Setting
) -> Cotangents:
    """By applying rows to the nodes themselves, so that the result can be differentiated."""
    for node in reversed(nodes):
        g = cotangents.pop(id(node), None)
        if g is None:
            continue
        row, inputs = node.primitive, node.inputs
        if row.outputs > 1:
            g = parts_of(g, row)
        out, operands = how.values(node)
        wanted = tuple([id(x) in active for x in inputs])
        found = row.pull(RECORD, g, out, operands, node.params, wanted)
        for x, wants, gx in zip(inputs, wanted, found, strict=True):
            if wants and gx is not None:
                if gx.__class__ is not dict:
                    gx = fitted(without_levels(gx, node, x, how.since), x, True)
                cotangents.add(id(x), gx)
    return cotangents
