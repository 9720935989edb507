"""The reverse sweep: cotangents of outputs in, cotangents of targets out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derivant.base.graph import between
from derivant.sweeps.setting import Setting, fitted, parts_of, quiet, setting, without_levels


def pullback(
    outputs: Sequence[Any], seeds: Sequence[Any], targets: Sequence[Any], since: int
) -> list[Any]:
    """The cotangent of each target, None for a structural zero.

    `since` is the number of the transform whose binds the targets are.
    """
    nodes = between(outputs, targets, since)
    how = setting(nodes, seeds, since)
    cotangents: dict[int, Any] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        if seed is not None:
            _add(cotangents, output, output.lifted(seed) if how.record else seed)
    active = {id(node) for node in nodes}
    active.update(map(id, targets))
    with quiet():
        _sweep(nodes, cotangents, active, how)
    return [cotangents.get(id(target)) for target in targets]


def _sweep(nodes: list[Any], cotangents: dict[int, Any], active: set[int], how: Setting) -> None:
    xp, record = how.names, how.record
    while nodes:
        node = nodes.pop()
        g = cotangents.pop(id(node), None)
        if g is None:
            continue
        row = node.primitive
        if row.outputs > 1:
            g = parts_of(g, row)
        if record:
            out, operands = how.values(node)
        else:
            out, operands = node.data, node.args
        inputs = node.inputs
        wanted = tuple([id(x) in active for x in inputs])
        for x, wants, gx in zip(
            inputs, wanted, row.pull(xp, g, out, operands, node.params, wanted), strict=True
        ):
            if wants and gx is not None:
                if gx.__class__ is not dict:
                    if record and node.levels:
                        gx = without_levels(gx, node, x, how.since)
                    if gx.dtype is not x.dtype:
                        gx = fitted(gx, x, record)
                _add(cotangents, x, gx)


def _add(cotangents: dict[int, Any], node: Any, g: Any) -> None:
    key = id(node)
    old = cotangents.get(key)
    if old is None:
        cotangents[key] = g
    elif g.__class__ is dict:
        for index, term in g.items():
            old[index] = old[index] + term if index in old else term
    else:
        cotangents[key] = old + g
