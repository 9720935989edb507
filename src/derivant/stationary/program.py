"""Expressions that are run at many points: what the data alone give is computed once.

`evaluate_all` looks at a graph anew at each call; a method that asks for hundreds of values of one
graph pays for that more than for the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import evaluate_all, sized
from derivant.carriers.expr import Expr

Numbers = npt.NDArray[np.float64]
Step = tuple[int, Callable[..., Any], dict[str, Any], tuple[int, ...]]


class Program:
    """Expressions as a list of calls; those leaves change that have no value yet."""

    def __init__(
        self,
        expressions: Sequence[Expr],
        values: Mapping[Expr, Numbers],
        sizes: Mapping[str, int],
        changing: Sequence[Expr],
    ) -> None:
        self._expressions, self._values, self._sizes = list(expressions), dict(values), sizes
        nodes = ancestors(self._expressions)
        self._whole = any(node.levels or node.primitive.family == "level" for node in nodes)
        self._leaves = [(id(v), v) for v in changing]
        moving = {id(v) for v in changing}
        for node in nodes:
            if any(id(x) in moving for x in node.inputs):
                moving.add(id(node))
        still = [n for n in nodes if id(n) not in moving and n.primitive.outputs == 1]
        needed = {id(x) for n in nodes if id(n) in moving for x in n.inputs}
        needed |= {id(e) for e in self._expressions}
        wanted = [n for n in still if id(n) in needed]
        found = [] if self._whole else evaluate_all(wanted, self._values, sizes)
        self._known: dict[int, Any] = {id(n): v for n, v in zip(wanted, found, strict=False)}
        self._steps = [] if self._whole else [
            _step(n, sizes) for n in nodes if n.inputs and id(n) in moving
        ]  # fmt: skip

    def __call__(self, point: Mapping[Expr, Numbers]) -> list[Numbers]:
        """The values where the other leaves are what the point says."""
        if self._whole:
            found = evaluate_all(self._expressions, {**self._values, **point}, self._sizes)
            return [np.asarray(v, float) for v in found]
        known = dict(self._known)
        for key, leaf in self._leaves:
            known[key] = point[leaf]
        for key, run, params, inputs in self._steps:
            known[key] = run(*[known[i] for i in inputs], **params)
        return [np.asarray(known[id(e)], float) for e in self._expressions]


def _step(node: Expr, sizes: Mapping[str, int]) -> Step:
    params = {name: sized(value, sizes) for name, value in node.params.items()}
    run = _part if node.primitive.name == "part" else node.primitive.evaluate
    return id(node), run, params, tuple(id(x) for x in node.inputs)


def _part(whole: Any, index: int) -> Any:
    """One of several results."""
    return whole[index]
