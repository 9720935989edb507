"""The order of steps where results are written into the arrays of inputs that were donated.

Nothing may read an input any more once its array is written to, and what can fail comes before
the first such write, so that an error leaves donated arrays as they were.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from derivant.compiler.plan import Outside, Plan, Step
from derivant.compiler.products import Product
from derivant.compiler.program import Program

Donated = Mapping[int, int]  # the buffer of an input: the buffer that takes its place


class Schedule:
    """A plan with its steps in order, and the inputs that results are written into."""

    def __init__(self, program: Program, donated: Donated) -> None:
        wanted = dict(donated)
        while True:
            self.plan = Plan(program, wanted)
            own = _writable(self.plan, wanted)
            self.steps, self.in_place = in_place(self.plan.steps, own)
            refused = {
                s.onto
                for s in self.plan.steps
                if isinstance(s, Product) and s.onto is not None and s.onto not in self.in_place
            }
            if not refused:
                return
            wanted = {i: o for i, o in wanted.items() if i not in refused}


def _writable(plan: Plan, wanted: Donated) -> dict[int, int]:
    """The results that native steps fill alone, for inputs that no result shows."""
    outside = {r for s in plan.steps if isinstance(s, Outside) for r in s.writes}
    native = {r for s in plan.steps for r in s.writes} - outside
    shown = {plan.views[o].root for o in plan.program.outputs if o in plan.views}
    return {
        source: result
        for source, result in wanted.items()
        if result in native and source not in shown and plan.views[result].root == result
    }


def in_place(steps: Sequence[Step], wanted: Donated) -> tuple[list[Step], dict[int, int]]:
    """The steps in an order in which these results can be written in place, and which can."""
    possible = {i: o for i, o in wanted.items() if not any(_spoils(s, i, o) for s in steps)}
    found = _sorted(steps, possible)
    if found is not None:
        return found, possible
    accepted: dict[int, int] = {}
    best = list(steps)
    for source, result in possible.items():
        tried = _sorted(steps, {**accepted, source: result})
        if tried is not None:
            accepted[source] = result
            best = tried
    return best, accepted


def _spoils(step: Step, source: int, result: int) -> bool:
    """Whether a step that writes the result reads the input elsewhere than where it writes."""
    return result in step.writes and source in step.reads and step.crosses(source)


def _sorted(steps: Sequence[Step], donated: Donated) -> list[Step] | None:
    """The steps with writes to inputs after all reads of them; None where that is a circle."""
    after: list[set[int]] = [set() for _ in steps]  # those that come after each
    waits = [0] * len(steps)

    def put(first: int, second: int) -> None:
        if first != second and second not in after[first]:
            after[first].add(second)
            waits[second] += 1

    touched: dict[int, int] = {}  # the last step that wrote a buffer
    readers: dict[int, list[int]] = {}
    fallible = [k for k, step in enumerate(steps) if isinstance(step, Outside)]
    for k, step in enumerate(steps):
        for root in (*step.reads, *step.writes):
            if root in touched:
                put(touched[root], k)
        for root in step.writes:
            for reader in readers.get(root, ()):  # a sum that is added to
                put(reader, k)
            touched[root] = k
        for root in step.reads:
            readers.setdefault(root, []).append(k)
    writers: dict[int, list[int]] = {}
    for k, step in enumerate(steps):
        for root in step.writes:
            writers.setdefault(root, []).append(k)
    for source, result in donated.items():
        for writer in writers[result]:
            for reader in (*readers.get(source, ()), *fallible):
                put(reader, writer)
    ready = [k for k, count in enumerate(waits) if not count]
    heapq.heapify(ready)
    order: list[Step] = []
    while ready:
        k = heapq.heappop(ready)
        order.append(steps[k])
        for later in after[k]:
            waits[later] -= 1
            if not waits[later]:
                heapq.heappush(ready, later)
    return order if len(order) == len(steps) else None
