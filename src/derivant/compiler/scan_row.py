"""A loop of known length as one row that holds the graph of its body, to any order of derivative.

Its derivatives are loops too: forward along the loop with tangents, backward against it with
cotangents, where each step is computed again from the state that it began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.graph import ancestors
from derivant.compiler.bodies import strong, variable
from derivant.compiler.graph import Graph, pulled, pushed
from derivant.compiler.lanes import lanes, outcome, own, results_of
from derivant.compiler.repeating import repeat
from derivant.compiler.sharing import Cover
from derivant.compiler.stepping import Step
from derivant.primitives import RECORD, Primitive
from derivant.primitives.primitive import Data, Names, Params

Flags = tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """`carry, y = body(constants, carry, x)` for each x along a leading axis.

    The body has its inputs and outputs in this order. The results are the last carry and all y,
    one after the other along a leading axis; `reverse` begins with the last x.
    """

    body: Graph
    constants: int
    carry: int
    length: int
    reverse: bool
    cover: Cover | None = None

    def __repr__(self) -> str:
        return f"<loop of {self.length} steps>"

    @property
    def shapes(self) -> tuple[Any, ...]:
        """The shapes of the results."""
        found = [tuple(out.shape) for out in self.body.outputs]
        return (
            *found[: self.carry],
            *((self.length, *shape) for shape in found[self.carry :]),
        )

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The dtypes of the results."""
        return tuple(out.dtype for out in self.body.outputs)

    @property
    def weak(self) -> Flags:
        """Which results give way: Python numbers that stayed such."""
        return tuple(out.weak and k < self.carry for k, out in enumerate(self.body.outputs))

    def split(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """What belongs to constants, carry and x, one an input of the body."""
        a, b = self.constants, self.constants + self.carry
        return list(values[:a]), list(values[a:b]), list(values[b:])


def scanned(loop: Scan, operands: Sequence[Any]) -> list[Any]:
    """The results of a loop on operands of any kind."""
    return results_of(_row(len(loop.body.outputs), loop.weak), operands, {"loop": loop})


@lru_cache(maxsize=256)
def _row(outputs: int, weak: Flags) -> Primitive:
    """The row for loops with that many results."""
    return Primitive(
        name="scan",
        family="graph",
        evaluate=_evaluate,
        shape=lambda *shapes, loop: outcome(loop.shapes),
        dtype=lambda *kinds, loop: outcome(loop.kinds),
        push=_push,
        pull=_pull,
        batch=_batch,
        outputs=outputs,
        weak=weak,
    )


# running


def _evaluate(*arrays: Data, loop: Scan) -> Data:
    constants, carry, xs = loop.split(arrays)
    last, ys = _run(loop, loop.body, constants, carry, xs)
    ends = [own(c, x) for c, x in zip(last, loop.body.outputs, strict=False)]
    return outcome([*ends, *ys])


def _run(
    loop: Scan, body: Graph, constants: list[Any], carry: list[Any], xs: list[Any]
) -> tuple[list[Any], list[Any]]:
    """The last carry, and each y with the steps as its first axis."""
    count = loop.carry
    ys = [np.empty((loop.length, *out.shape), out.dtype) for out in body.outputs[count:]]
    native = repeat(body, loop.constants, count)
    if native is not None:
        return native((*constants, *carry, *xs), ys, loop.length, loop.reverse), ys
    step = Step(body)
    first, last = loop.constants, loop.constants + count
    constants = [step.ready(k, c) for k, c in enumerate(constants)]
    carry = [step.ready(first + k, c) for k, c in enumerate(carry)]
    rows = [(last + k, step.rows(last + k, x)) for k, x in enumerate(xs)]
    order = range(loop.length)
    for k in reversed(order) if loop.reverse else order:
        here = [step.entry(place, x, k) for place, x in rows]
        found = step((*constants, *carry, *here))
        carry = [step.again(first + i, c) for i, c in enumerate(found[:count])]
        for y, part in zip(ys, found[count:], strict=True):
            y[k] = part
    return carry, ys


def _batch(row: Primitive, lead: int, arrays: tuple[Data, ...], params: Params) -> Data:
    loop: Scan = params["loop"]
    given = lanes(lead, arrays, [x.weak for x in loop.body.inputs])
    alone = given.alone(row, params)
    if alone is not None:
        return alone
    constants, carry, xs = loop.split(given.arrays)
    wide_constants, wide_carry, wide_xs = loop.split(given.apart)
    inputs = loop.body.inputs[loop.constants :]
    for k, value in enumerate(carry):
        if not wide_carry[k] and not inputs[k].weak:
            carry[k] = np.broadcast_to(value, (given.count, *np.shape(value)))
            wide_carry[k] = True
    xs = [np.moveaxis(x, 1, 0) if wide else x for x, wide in zip(xs, wide_xs, strict=True)]
    body = given.mapped(loop.body, (*wide_constants, *wide_carry, *wide_xs))
    last, ys = _run(loop, body, constants, carry, xs)
    ends = [
        given.back(c) if wide else given.widened(c)
        for c, wide in zip(last, wide_carry, strict=True)
    ]
    return outcome([*ends, *(given.back(np.moveaxis(y, 1, 0)) for y in ys)])


# derivatives


def dependent(graph: Graph, moving: Sequence[bool]) -> Flags:
    """Which results of a graph move with these of its inputs; whole numbers never do."""
    reached = {id(x) for x, m in zip(graph.inputs, moving, strict=True) if m}
    for node in ancestors(graph.outputs):
        if any(id(x) in reached for x in node.inputs):
            reached.add(id(node))
    return tuple(id(out) in reached and out.dtype.kind == "f" for out in graph.outputs)


def carried(loop: Scan, moving: Sequence[bool]) -> tuple[Flags, Flags]:
    """Which inputs and which results move with these inputs, along the whole loop."""
    a, b = loop.constants, loop.constants + loop.carry
    now = [m and x.dtype.kind == "f" for m, x in zip(moving, loop.body.inputs, strict=True)]
    while True:
        out = dependent(loop.body, now)
        after = [*now[:a], *(m or o for m, o in zip(now[a:b], out, strict=False)), *now[b:]]
        if after == now:
            ends = tuple(m for m in now[a:b])
            return tuple(now), (*ends, *out[loop.carry :])
        now = after


@lru_cache(maxsize=1024)
def _forward(loop: Scan, moving: Flags) -> tuple[Scan, Flags, Flags]:
    """The loop with tangents beside its values; which inputs and which results have one."""
    now, out = carried(loop, moving)
    below = pushed(loop.body, now)
    values = loop.split(loop.body.inputs)
    pairs = [(x, variable((x.shape, x.dtype, False), f"t{k}"))
             for k, (x, m) in enumerate(zip(loop.body.inputs, now, strict=True)) if m]  # fmt: skip
    tangents = {id(x): t for x, t in pairs}
    sides = [[tangents[id(x)] for x in part if id(x) in tangents] for part in values]
    moved = below.inlined((*loop.body.inputs, *(t for _, t in pairs)))
    made = [strong(t) for t, m in zip(moved, out, strict=True) if m]
    ends = sum(out[: loop.carry])
    order = [x for part, side in zip(values, sides, strict=True) for x in (*part, *side)]
    outputs = loop.body.outputs
    body = Graph(
        order, (*outputs[: loop.carry], *made[:ends], *outputs[loop.carry :], *made[ends:])
    )
    sizes = [len(part) + len(side) for part, side in zip(values, sides, strict=True)]
    places = {id(x): k for k, x in enumerate(order)}
    count = loop.carry
    results = [k if k < count else k + ends for k in range(len(outputs))]
    cover = Cover(loop, tuple(places[id(x)] for x in loop.body.inputs), tuple(results))
    return Scan(body, sizes[0], sizes[1], loop.length, loop.reverse, cover), now, out


def _push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    loop: Scan = params["loop"]
    wide, now, moves = _forward(loop, tuple(t is not None for t in tangents))
    values, sides = loop.split(inputs), loop.split(tangents)
    flags = loop.split(now)
    operands = []
    for part, side, moving in zip(values, sides, flags, strict=True):
        pairs = zip(part, side, moving, strict=True)
        operands += [*part, *(zeros(x) if t is None else t for x, t, m in pairs if m)]
    found = scanned(wide, operands)
    ends = sum(moves[: loop.carry])
    last = len(found) - (sum(moves) - ends)
    source = iter([*found[loop.carry : loop.carry + ends], *found[last:]])
    return outcome([next(source) if m else None for m in moves])


def zeros(like: Data) -> Data:
    """Zeros of the shape and dtype of an operand."""
    return RECORD.zeros_like(like) if hasattr(like, "shape") else np.float64(0.0)


@dataclass(frozen=True, slots=True)
class _Backward:
    """The loop against the direction of another, and the loop that finds the states it needs."""

    loop: Scan
    states: Scan | None
    constants: tuple[int, ...]  # the constants of the first loop that steps read again
    rows: tuple[int, ...]  # the x among its inputs that steps read again
    moving: Flags  # its inputs that have a cotangent
    given: Flags  # its results that have one


def _pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, ...]:
    loop: Scan = params["loop"]
    seeds = g if len(loop.body.outputs) > 1 else (g,)
    how = _backward(loop, wanted, tuple(s is not None for s in seeds))
    if how is None:
        return (None,) * len(inputs)
    a, b = loop.constants, loop.constants + loop.carry
    states = [] if how.states is None else scanned(how.states, inputs)[len(seeds) :]
    sums = [zeros(x) for x, m in zip(inputs[:a], how.moving, strict=False) if m]
    ends = [zeros(x) if s is None else s
            for x, s, m in zip(inputs[a:b], seeds, how.moving[a:b], strict=False) if m]  # fmt: skip
    rows = [s for s, m in zip(seeds[loop.carry :], how.given[loop.carry :], strict=True) if m]
    operands = [*(inputs[k] for k in how.constants), *sums, *ends,
                *states, *(inputs[k] for k in how.rows), *rows]  # fmt: skip
    found = iter(scanned(how.loop, operands))
    result = [next(found) if m else None for m in how.moving]
    return tuple(r if w else None for r, w in zip(result, wanted, strict=True))


@lru_cache(maxsize=1024)
def _backward(loop: Scan, wanted: Flags, seeded: Flags) -> _Backward | None:
    """How cotangents come back from these results to these operands; None where none does."""
    a, b, body = loop.constants, loop.constants + loop.carry, loop.body
    now, out = carried(loop, wanted)
    rows_given = (s and o for s, o in zip(seeded, out, strict=True))
    given = (*out[: loop.carry], *list(rows_given)[loop.carry :])
    if not any(given):
        return None
    below = pulled(body, given, now)
    read = {id(x) for x in ancestors(below.outputs)}
    seeds = [variable((o.shape, o.dtype, False), f"g{k}")
             for k, (o, m) in enumerate(zip(body.outputs, given, strict=True)) if m]  # fmt: skip
    sums = [variable((x.shape, x.dtype, False), f"s{k}")
            for k, (x, m) in enumerate(zip(body.inputs[:a], now, strict=False)) if m]  # fmt: skip
    made = [strong(x) for x in below.inlined((*body.inputs, *seeds))]
    added = [RECORD.add(s, x) for s, x in zip(sums, made, strict=False)]
    ends = sum(given[: loop.carry])
    again = [k for k, x in enumerate(body.inputs) if id(x) in read]
    constants, rows = [k for k in again if k < a], [k for k in again if k >= b]
    held = [k for k in again if a <= k < b]
    order = [*(body.inputs[k] for k in constants), *sums, *seeds[:ends],
             *(body.inputs[k] for k in (*held, *rows)), *seeds[ends:]]  # fmt: skip
    graph = Graph(order, (*added, *made[len(sums) :]))
    back = Scan(graph, len(constants), len(sums) + ends, loop.length, not loop.reverse)
    states = None
    if held:
        whole = Graph(body.inputs, (*body.outputs, *(body.inputs[k] for k in held)))
        cover = Cover(loop, tuple(range(len(body.inputs))), tuple(range(len(body.outputs))))
        states = Scan(whole, a, loop.carry, loop.length, loop.reverse, cover)
    return _Backward(back, states, tuple(constants), tuple(rows), now, given)
