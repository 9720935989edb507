"""Every row of the table: value, batch, traced form, and derivatives of orders 1 to 3."""

from __future__ import annotations

import pytest
from tests.generated.harness import ASPECTS, DTYPES, check_row, generated_rows

from derivant.primitives import TABLE


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("aspect", list(ASPECTS))
@pytest.mark.parametrize("name", generated_rows())
def test_row(name: str, aspect: str, dtype: str) -> None:
    wrong = check_row(name, aspects=[aspect], dtypes=[dtype])
    assert not wrong, "\n".join(wrong[:10])


@pytest.mark.parametrize("name", generated_rows())
def test_row_has_cases_and_domains(name: str) -> None:
    row = TABLE[name]
    assert row.cases, "a row without cases would go untested"
    for case in row.cases:
        domains = case.domains or row.domain
        # the last domain is that of all further operands
        assert 1 <= len(domains) <= len(case.shapes), f"{domains} for {case.shapes}"
