"""The reverse sweep: cotangents of outputs in, cotangents of targets out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from derivant.base.errors import DerivantError
from derivant.base.graph import between
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
    outputs: Sequence[Any], seeds: Sequence[Any], targets: Sequence[Any], since: int
) -> list[Any]:
    """The cotangent of each target, None for a structural zero.

    `since` is the number of the transform whose binds the targets are.
    """
    nodes, active, plain = between(outputs, targets, since)
    how = setting(nodes, seeds, since, plain)
    with quiet():
        if how.record:
            seeds = lifted(outputs, seeds)
            found = _recorded(nodes, Cotangents(outputs, seeds), active, how)
            return [found.get(id(target)) for target in targets]
        with suppress(DerivantError):  # a rule may refuse a NaN that the strong zero would not make
            found = _raw(nodes, Cotangents(outputs, seeds), active, FAST)
            results = [found.get(id(target)) for target in targets]
            if all_finite(results):
                return results
        found = _raw(nodes, Cotangents(outputs, seeds), active, RAW)
        return [found.get(id(target)) for target in targets]


class Cotangents(dict[int, Any]):
    """What has arrived at each node so far, by the node's id."""

    def __init__(self, outputs: Sequence[Any], seeds: Sequence[Any]) -> None:
        super().__init__()
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
    take, get, add = cotangents.pop, cotangents.get, cotangents.add
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
        found = row.pull(xp, g, node.data, node.args, node.params, wanted)
        for place, gx in enumerate(found):
            if gx is not None and wanted[place]:
                x = inputs[place]
                if watch is not None:
                    watch(node, gx)
                key = id(x)
                if gx.__class__ is dict:
                    add(key, gx)
                else:
                    if gx.dtype is not x.data.dtype:
                        gx = fitted(gx, x, False)
                    old = get(key)
                    cotangents[key] = gx if old is None else old + gx
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
