"""A rule changed in a sign, a factor, a transpose or a term fails the generated checks."""

from __future__ import annotations

import pytest
from tests.mutation.mutants import mutants
from tests.mutation.run import score

SAMPLE = 20
AT_LEAST = 100
SHARE = 0.98


def test_a_sample_of_wrong_rules_is_caught() -> None:
    everything = mutants()
    result = score(everything[:: max(1, len(everything) // SAMPLE)])
    assert len(result.caught) >= SAMPLE // 2, str(result)
    assert len(result.survived) <= 1, str(result)


@pytest.mark.slow
def test_wrong_rules_are_caught() -> None:
    result = score(mutants())
    assert len(result.caught) >= AT_LEAST, str(result)
    assert result.share >= SHARE, str(result)
