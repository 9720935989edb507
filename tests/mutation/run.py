"""Run mutated rules through the generated checks: `python -m tests.mutation.run [ROW MODULE...]`.

Prints the mutants that no check caught, and the score.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from tests.generated.harness import check_row, generated_rows
from tests.mutation.mutants import Mutant, mutants

from derivant.primitives import TABLE

# What catches a wrong rule: value rules and batches do not look at derivatives.
ASPECTS = ("order1", "order2")
# Rows whose slopes lie at hard points alone, where differences say nothing; tests/ops has them.
AT_HARD_POINTS = frozenset({"heaviside"})


@dataclass(frozen=True)
class Score:
    """Mutants that a check caught, and those that none did."""

    caught: tuple[Mutant, ...]
    survived: tuple[Mutant, ...]
    untried: int  # mutants of rows that cannot be judged, and of what no row needs

    @property
    def share(self) -> float:
        """The part that was caught."""
        return len(self.caught) / max(1, len(self.caught) + len(self.survived))

    def __str__(self) -> str:
        lines = [f"survived: {mutant}  (rows {', '.join(mutant.rows)})" for mutant in self.survived]
        total = len(self.caught) + len(self.survived)
        return "\n".join(
            [*lines, f"{len(self.caught)} of {total} mutants caught: {self.share:.1%}"]
        )


@cache
def passes(name: str) -> bool:
    """Whether a row can be judged and is right as it stands: then a failure is the mutant's."""
    row = TABLE[name]
    if row.constant or name in AT_HARD_POINTS or name not in generated_rows():
        return False
    return not check_row(row, aspects=ASPECTS, dtypes=["float64"], enough=1)


def is_caught(mutant: Mutant) -> bool:
    """Whether a generated check of one of the mutant's rows fails."""
    changed = mutant.changed_rows()
    return any(
        check_row(changed[name], aspects=[aspect], dtypes=["float64"], enough=1)
        for aspect in ASPECTS
        for name in mutant.rows
        if passes(name)
    )


def score(chosen: Iterable[Mutant]) -> Score:
    """Try each mutant that reaches a row which passes as it stands."""
    chosen = list(chosen)
    tried = [m for m in chosen if any(passes(name) for name in m.rows)]
    fates = [is_caught(mutant) for mutant in tried]
    caught, survived = (
        tuple(m for m, fate in zip(tried, fates, strict=True) if fate is wanted)
        for wanted in (True, False)
    )
    return Score(caught, survived, len(chosen) - len(tried))


def main(modules: Sequence[str]) -> int:
    """Print the survivors and the score."""
    started = time.perf_counter()
    chosen = [m for m in mutants() if not modules or m.module.rpartition(".")[2] in modules]
    result = score(chosen)
    sys.stdout.write(f"{result} ({time.perf_counter() - started:.0f} s)\n")
    return 0 if result.share >= 0.98 else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
