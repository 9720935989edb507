"""Interleaved timing: medians with their spread, and ratios of medians taken in one run."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

REPEATS = 21
SETTLE = 0.02  # seconds after which threads that had nothing to do are asleep


@dataclass(frozen=True)
class Row:
    """One line of the table: a figure, its spread, and the target it is held to."""

    workload: str
    figure: str
    spread: str
    target: str
    holds: bool

    def markdown(self) -> str:
        """The line as Markdown."""
        mark = "yes" if self.holds else "NO"
        return f"| {self.workload} | {self.figure} | {self.spread} | {self.target} | {mark} |"


HEADER = "| workload | measured | spread (quartiles) | target | holds |\n|---|---|---|---|---|"


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    number: int = 1,
    repeats: int = REPEATS,
    clock: Callable[[], float] = time.perf_counter,
    settle: float = 0.0,
) -> dict[str, list[float]]:
    """Seconds a call, `repeats` times each, the contestants taking turns in random order.

    Threads of one may be awake for a while when the next begins; none is always that next one. Of
    work that all share among threads calls come first that are not timed, for `settle` seconds: by
    then the threads of the others are asleep, as where a program has one of these libraries.
    For work of one thread `clock` may be `time.thread_time`, which leaves out what others on the
    machine take of it.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    order, rng = list(calls.items()), random.Random(0)
    for _ in range(repeats):
        rng.shuffle(order)
        for name, call in order:
            ready = time.perf_counter() + settle
            while time.perf_counter() < ready:
                call()
            started = clock()
            for _ in range(number):
                call()
            times[name].append((clock() - started) / number)
    return times


def ratio(ours: list[float], theirs: list[float]) -> tuple[float, str]:
    """The ratio of medians, and the quartiles of the ratios taken turn by turn."""
    turns = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, _, high = statistics.quantiles(turns, n=4)
    return statistics.median(ours) / statistics.median(theirs), f"{low:.3g} to {high:.3g}"


def excess(ours: list[float], theirs: list[float], unit: float) -> tuple[float, str]:
    """The difference of medians in a unit, and the quartiles of the differences."""
    turns = [(a - b) / unit for a, b in zip(ours, theirs, strict=True)]
    low, _, high = statistics.quantiles(turns, n=4)
    value = (statistics.median(ours) - statistics.median(theirs)) / unit
    return value, f"{low:.3g} to {high:.3g}"
