"""A branch that numbers decide as one row that holds the graphs of both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.compiler.bodies import strong
from derivant.compiler.graph import Graph, pulled, pushed
from derivant.compiler.lanes import Lanes, chosen, lanes, outcome, own, results_of, settled, taken
from derivant.compiler.running import runner
from derivant.compiler.scan_row import dependent
from derivant.primitives import Primitive
from derivant.primitives.primitive import Data, Names, Params

Flags = tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """`yes(operands)` where a number is not 0, else `no(operands)`: results of the same kinds."""

    yes: Graph
    no: Graph

    def __repr__(self) -> str:
        return "<branch>"


def branched(branch: Branch, operands: Sequence[Any]) -> list[Any]:
    """The results of a branch; the first operand is the number that decides."""
    outputs = branch.yes.outputs
    row = _row(len(outputs), tuple(out.weak for out in outputs))
    return results_of(row, operands, {"branch": branch})


def alike(yes: Graph, no: Graph) -> Branch:
    """A branch of graphs whose results differ in what gives way: then neither does."""
    pairs = list(zip(yes.outputs, no.outputs, strict=True))
    if all(a.weak == b.weak for a, b in pairs):
        return Branch(yes, no)
    sides = [
        Graph(graph.inputs, [strong(x, a.dtype) if a.weak != b.weak else x
                             for x, (a, b) in zip(graph.outputs, pairs, strict=True)])
        for graph in (yes, no)
    ]  # fmt: skip
    return Branch(*sides)


@lru_cache(maxsize=256)
def _row(outputs: int, weak: Flags) -> Primitive:
    return Primitive(
        name="cond",
        family="graph",
        evaluate=_evaluate,
        shape=lambda *shapes, branch: outcome([tuple(x.shape) for x in branch.yes.outputs]),
        dtype=lambda *kinds, branch: outcome([x.dtype for x in branch.yes.outputs]),
        push=_push,
        pull=_pull,
        batch=_batch,
        outputs=outputs,
        weak=weak,
    )


def _evaluate(predicate: Data, *arrays: Data, branch: Branch) -> Data:
    graph = branch.yes if bool(predicate) else branch.no
    operands = map(settled, arrays, graph.inputs)
    return outcome(list(map(own, runner(graph)(tuple(operands)), graph.outputs)))


def _batch(row: Primitive, lead: int, arrays: tuple[Data, ...], params: Params) -> Data:
    branch: Branch = params["branch"]
    given = lanes(lead, arrays, (False, *(x.weak for x in branch.yes.inputs)))
    alone = given.alone(row, params)
    if alone is not None:
        return alone
    mask = np.asarray(given.arrays[0], np.bool_)
    if not given.apart[0] or mask.all() or not mask.any():
        side = branch.yes if mask.flat[0] else branch.no
        return outcome([given.back(r) for r in _side(side, given, np.ones(given.count, np.bool_))])
    pairs = zip(_side(branch.yes, given, mask), _side(branch.no, given, ~mask), strict=True)
    return outcome([given.back(chosen(mask, a, b)) for a, b in pairs])


def _side(graph: Graph, given: Lanes, mask: Any) -> list[Data]:
    """The results of one side; what stands in lanes outside of the mask is of no meaning."""
    apart = given.apart[1:]
    if not any(apart):
        found = runner(graph)(given.arrays[1:])
        return [np.broadcast_to(r, (given.count, *np.shape(r))) for r in found]
    return runner(given.mapped(graph, apart))(tuple(taken(given.arrays[1:], apart, mask)))


# derivatives


def _push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    branch: Branch = params["branch"]
    below, moves = _forward(branch, tuple(t is not None for t in tangents[1:]))
    if not any(moves):
        return outcome([None for _ in moves])
    found = iter(branched(below, (*inputs, *(t for t in tangents[1:] if t is not None))))
    made = [next(found) for _ in moves]
    return outcome([t if m else None for t, m in zip(made, moves, strict=True)])


@lru_cache(maxsize=1024)
def _forward(branch: Branch, moving: Flags) -> tuple[Branch, Flags]:
    """The branch of the tangents, and which results have one."""
    sides = [pushed(graph, moving) for graph in (branch.yes, branch.no)]
    flags = [dependent(graph, moving) for graph in (branch.yes, branch.no)]
    return alike(*sides), tuple(a or b for a, b in zip(*flags, strict=True))


def _pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, ...]:
    branch: Branch = params["branch"]
    seeds = g if len(branch.yes.outputs) > 1 else (g,)
    moving = tuple(
        w and x.dtype.kind == "f" for w, x in zip(wanted[1:], branch.yes.inputs, strict=True)
    )
    if not any(moving):
        return (None,) * len(inputs)
    below = _backward(branch, tuple(s is not None for s in seeds), moving)
    found = iter(branched(below, (*inputs, *(s for s in seeds if s is not None))))
    return (None, *(next(found) if m else None for m in moving))


@lru_cache(maxsize=1024)
def _backward(branch: Branch, given: Flags, moving: Flags) -> Branch:
    """The branch of the cotangents."""
    return alike(pulled(branch.yes, given, moving), pulled(branch.no, given, moving))
