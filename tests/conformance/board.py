"""The board: `python -m tests.conformance.board` prints it; with names, those operators alone.

`--missing` lists PyTorch's differentiable operators that no function of ours is mapped to.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tests.conformance.names import COMPOSED, NAMES, RENAMED

NEEDED = ("torch", "expecttest")
SHOWN = 5  # wrong samples printed of one operator


def main(arguments: Sequence[str]) -> int:
    """Print the board. 1 where a sample is wrong or a name is unknown."""
    absent = [module for module in NEEDED if find_spec(module) is None]
    names = [name for name in arguments if name != "--missing"]
    unknown = [name for name in names if name not in NAMES]
    if absent or unknown:
        needs = f"not installed: python -m pip install {' '.join(absent)}\n" if absent else ""
        sys.stdout.write(needs or f"not in the map: {', '.join(unknown)}\n")
        return 1
    # only here, since PyTorch is optional
    verdicts = import_module("tests.conformance.verdicts")
    entries = list(import_module("tests.conformance.samples").DIFFERENTIABLE)
    if "--missing" in arguments:
        sys.stdout.write("\n".join(name for name in entries if name not in NAMES) + "\n")
        return 0
    start = time.perf_counter()
    reports = []
    for name in names or NAMES:
        reports.append(verdicts.report(name))
        sys.stdout.write("\n".join(lines_of(reports[-1])) + "\n")
    seconds = time.perf_counter() - start
    sys.stdout.write("\n".join(summary(reports, len(entries), seconds)) + "\n")
    return 1 if any(r.wrong for r in reports) else 0


def lines_of(r: Any) -> Iterator[str]:
    """One operator: its counts, and what is wrong."""
    kind = "composed" if r.name in COMPOSED else ""
    counts = (
        (r.excepted.total(), "by exception"),
        (r.skipped.total(), "skipped"),
        (r.refused, "refused as PyTorch does"),
        (r.accepted.total(), "not to be refused"),
        (len(r.wrong), "WRONG"),
    )
    told = [f"{count} {word}" for count, word in counts if count]
    yield f"{r.name:46} {kind:9}" + ", ".join([f"{r.right:4} right", *told])
    yield from (f"    {text}" for text in r.wrong[:SHOWN])


def summary(reports: Sequence[Any], entries: int, seconds: float) -> Iterator[str]:
    """The totals, and every reason with the number of its samples."""
    yield ""
    yield (
        f"{entries} differentiable entries of PyTorch, {len(NAMES)} mapped: {len(RENAMED)} to one "
        f"function, {len(COMPOSED)} to a composition; {len(reports)} run in {seconds:.0f} s"
    )
    yield (
        f"samples: {sum(r.right for r in reports)} right in value, vjp, jvp and double backward; "
        f"error samples: {sum(r.refused for r in reports)} refused; "
        f"wrong: {sum(len(r.wrong) for r in reports)}"
    )
    yield from reasons("samples right by a written exception", (r.excepted for r in reports))
    yield from reasons("samples skipped", (r.skipped for r in reports))
    yield from reasons("error samples that are none for us", (r.accepted for r in reports))


def reasons(title: str, counters: Iterable[Counter[str]]) -> Iterator[str]:
    """The reasons of several operators, the most frequent first."""
    total: Counter[str] = sum(counters, Counter())
    yield f"{title}: {total.total()}"
    yield from (f"  {count:5}  {reason}" for reason, count in total.most_common())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
