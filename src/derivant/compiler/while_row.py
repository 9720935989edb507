"""A loop whose length the numbers decide, as one row that holds its condition and its body.

It has tangents, which go along with it, and no cotangents: nobody knows how many states a loop
backward would have to remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from derivant.base.errors import DifferentiationError
from derivant.compiler.bodies import strong, variable
from derivant.compiler.graph import Graph, pushed
from derivant.compiler.lanes import Lanes, chosen, lanes, outcome, own, results_of, taken
from derivant.compiler.repeating import repeat
from derivant.compiler.running import runner
from derivant.compiler.scan_row import Scan, carried, zeros
from derivant.compiler.stepping import Step
from derivant.primitives import RECORD, Primitive
from derivant.primitives.primitive import Data, Names, Params

Flags = tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class While:
    """`carry = body(constants, carry)` as long as `test(constants, carry)` is not 0."""

    test: Graph
    body: Graph
    constants: int
    line: str  # of the user's code

    def __repr__(self) -> str:
        return "<loop>"


def repeated(loop: While, operands: Sequence[Any]) -> list[Any]:
    """The last carry of a loop on operands of any kind."""
    outputs = loop.body.outputs
    row = _row(len(outputs), tuple(out.weak for out in outputs))
    return results_of(row, operands, {"loop": loop})


@lru_cache(maxsize=256)
def _row(outputs: int, weak: Flags) -> Primitive:
    return Primitive(
        name="while_loop",
        family="graph",
        evaluate=_evaluate,
        shape=lambda *shapes, loop: outcome([tuple(x.shape) for x in loop.body.outputs]),
        dtype=lambda *kinds, loop: outcome([x.dtype for x in loop.body.outputs]),
        push=_push,
        pull=_pull,
        batch=_batch,
        outputs=outputs,
        weak=weak,
    )


def _evaluate(*arrays: Data, loop: While) -> Data:
    test, step, n = Step(loop.test), Step(loop.body), loop.constants
    operands = [step.ready(k, x) for k, x in enumerate(arrays)]
    on = test([test.again(k, x) for k, x in enumerate(operands)])[0]
    native = repeat(_turn(loop), n, len(arrays) - n) if on else None
    if native is not None:
        return outcome(list(map(own, native.until(operands), loop.body.outputs)))
    while on:
        operands[n:] = [step.again(n + k, x) for k, x in enumerate(step(operands))]
        on = test([test.again(k, x) for k, x in enumerate(operands)])[0]
    carry = operands[n:]
    return outcome(list(map(own, carry, loop.body.outputs)))


@lru_cache(maxsize=512)
def _turn(loop: While) -> Graph:
    """The carry after a step, and whether there is another."""
    constants, carry = loop.body.inputs[: loop.constants], loop.body.outputs
    (test,) = loop.test.inlined((*constants, *carry))
    return Graph(loop.body.inputs, (*carry, RECORD.not_equal(test, 0)))


def _batch(row: Primitive, lead: int, arrays: tuple[Data, ...], params: Params) -> Data:
    loop: While = params["loop"]
    given = lanes(lead, arrays, [x.weak for x in loop.body.inputs])
    alone = given.alone(row, params)
    if alone is not None:
        return alone
    return outcome([given.back(c) for c in _lane_by_lane(loop, given)])


def _lane_by_lane(loop: While, given: Lanes) -> list[Data]:
    """The carry of each lane after its own number of steps; who is done waits for the others.

    A lane that waits is computed again with the numbers of one that goes on.
    """
    n = loop.constants
    constants, apart = given.arrays[:n], given.apart[:n]
    carry = [
        np.asarray(a if wide else np.broadcast_to(a, (given.count, *np.shape(a))), x.dtype)
        for a, wide, x in zip(given.arrays[n:], given.apart[n:], loop.body.outputs, strict=True)
    ]
    wide = (*apart, *(True for _ in carry))
    test, step = runner(given.mapped(loop.test, wide)), runner(given.mapped(loop.body, wide))
    active = np.ones(given.count, np.bool_)
    while True:
        operands = taken((*constants, *carry), wide, active)
        active = active & np.asarray(test(tuple(operands))[0], np.bool_)
        if not active.any():
            return carry
        after = step(tuple(taken((*constants, *carry), wide, active)))
        pairs = zip(after, carry, loop.body.outputs, strict=True)
        carry = [np.asarray(chosen(active, new, old), x.dtype) for new, old, x in pairs]


# derivatives


def _push(
    xp: Names, tangents: tuple[Data, ...], out: Data, inputs: tuple[Data, ...], params: Params
) -> Data:
    loop: While = params["loop"]
    n = loop.constants
    wide, now = _forward(loop, tuple(t is not None for t in tangents))
    filled = [zeros(x) if t is None else t
              for x, t, m in zip(inputs, tangents, now, strict=True) if m]  # fmt: skip
    split = sum(now[:n])
    operands = (*inputs[:n], *filled[:split], *inputs[n:], *filled[split:])
    found = iter(repeated(wide, operands)[len(inputs) - n :])
    return outcome([next(found) if m else None for m in now[n:]])


@lru_cache(maxsize=1024)
def _forward(loop: While, moving: Flags) -> tuple[While, Flags]:
    """The loop with tangents beside its values, and which inputs have one."""
    n, body = loop.constants, loop.body
    now, out = carried(Scan(body, n, len(body.inputs) - n, 0, False), moving)
    below = pushed(body, now)
    sides = [variable((x.shape, x.dtype, False), f"t{k}")
             for k, (x, m) in enumerate(zip(body.inputs, now, strict=True)) if m]  # fmt: skip
    made = below.inlined((*body.inputs, *sides))
    moved = [strong(t) for t, m in zip(made, out, strict=True) if m]
    split = sum(now[:n])
    order = (*body.inputs[:n], *sides[:split], *body.inputs[n:], *sides[split:])
    test = Graph(order, loop.test.inlined(body.inputs))
    return While(test, Graph(order, (*body.outputs, *moved)), n + split, loop.line), now


def _pull(
    xp: Names,
    g: Data,
    out: Data,
    inputs: tuple[Data, ...],
    params: Params,
    wanted: tuple[bool, ...],
) -> tuple[Data, ...]:
    loop: While = params["loop"]
    n = loop.constants
    _, out_moves = carried(Scan(loop.body, n, len(inputs) - n, 0, False), wanted)
    seeds = g if len(loop.body.outputs) > 1 else (g,)
    if not any(m and s is not None for m, s in zip(out_moves, seeds, strict=True)):
        return (None,) * len(inputs)
    raise DifferentiationError(
        f"the while_loop at {loop.line} has no reverse derivative in a compiled function: its "
        "number of steps is not known; use scan or fori_loop with a known length, or forward mode "
        "(jvp, jacfwd)"
    )
