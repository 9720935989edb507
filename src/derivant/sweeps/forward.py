"""The forward sweep: tangents of sources in, tangents of outputs out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from derivant.base.errors import DerivantError
from derivant.base.graph import between
from derivant.primitives import RAW
from derivant.sweeps.setting import WATCH, Setting, all_finite, fitted, lifted, quiet, setting


def pushforward(
    outputs: Sequence[Any], sources: Sequence[Any], tangents: Sequence[Any], since: int
) -> list[Any]:
    """The tangent of each output, None for a structural zero.

    `since` is the number of the transform whose binds the sources are.
    """
    nodes, _, plain = between(outputs, sources, since)
    how = setting(nodes, tangents, since, plain)
    if how.record:
        tangents = lifted(sources, tangents)
    start = {id(s): t for s, t in zip(sources, tangents, strict=True) if t is not None}
    with quiet():
        if how.record:
            known = _sweep(nodes, start, how)
            return [known.get(id(output)) for output in outputs]
        with suppress(DerivantError):  # a rule may refuse a NaN that the strong zero would not make
            known = _sweep(nodes, dict(start), how)
            results = [known.get(id(output)) for output in outputs]
            if all_finite(results):
                return results
        known = _sweep(nodes, start, how.careful())
        return [known.get(id(output)) for output in outputs]


def _sweep(nodes: list[Any], known: dict[int, Any], how: Setting) -> dict[int, Any]:
    """Visit operands before results; each node takes the tangents of its operands."""
    xp = how.names
    watch = WATCH.get()
    for node in nodes:
        moving = tuple([known.get(id(x)) for x in node.inputs])
        if all(t is None for t in moving):
            continue
        out, operands = how.values(node) if how.record else (node.data, node.args)
        t = node.primitive.push(xp, moving, out, operands, node.params)
        if watch is not None and xp is RAW:
            watch(node, t)
        if t is not None:
            known[id(node)] = t if isinstance(t, tuple) else fitted(t, node, how.record)
    return known
