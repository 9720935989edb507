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
    writers: dict[int, list[Step]] = {}
    for step in steps:
        for root in step.writes:
            writers.setdefault(root, []).append(step)
    possible = {
        i: o for i, o in wanted.items() if not any(_spoils(s, i) for s in writers.get(o, ()))
    }
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


def _spoils(step: Step, source: int) -> bool:
    """Whether a step that writes the result reads the input elsewhere than where it writes."""
    return source in step.reads and step.crosses(source)


def _sorted(steps: Sequence[Step], donated: Donated) -> list[Step] | None:
    """The steps with writes to inputs after all reads of them; None where that is a circle."""
    order = _Order(steps)
    fallible = [k for k, step in enumerate(steps) if isinstance(step, Outside)]
    for source, result in donated.items():
        for writer in order.writers[result]:
            for reader in (*order.readers.get(source, ()), *fallible):
                order.put(reader, writer)
    places = order.sorted()
    return None if places is None else [steps[k] for k in places]


class _Order:
    """Which steps come after which: at first those that touch what another wrote."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._after: list[set[int]] = [set() for _ in steps]
        self._waits = [0] * len(steps)
        self.readers: dict[int, list[int]] = {}
        self.writers: dict[int, list[int]] = {}
        for k, step in enumerate(steps):
            for root in (*step.reads, *step.writes):
                if root in self.writers:
                    self.put(self.writers[root][-1], k)
            for root in step.writes:
                for reader in self.readers.get(root, ()):
                    self.put(reader, k)
                self.writers.setdefault(root, []).append(k)
            for root in step.reads:
                self.readers.setdefault(root, []).append(k)

    def put(self, first: int, second: int) -> None:
        """One step before another."""
        if first != second and second not in self._after[first]:
            self._after[first].add(second)
            self._waits[second] += 1

    def sorted(self) -> list[int] | None:
        """The places of the steps, as they were where nothing says otherwise; None for a circle."""
        waits = list(self._waits)
        ready = [k for k, count in enumerate(waits) if not count]
        heapq.heapify(ready)
        order: list[int] = []
        while ready:
            order.append(heapq.heappop(ready))
            for later in self._after[order[-1]]:
                waits[later] -= 1
                if not waits[later]:
                    heapq.heappush(ready, later)
        return order if len(order) == len(waits) else None
