"""Random formulas: the closed form is what the reverse and the forward sweep give, to 1e-10.

The suite takes 800 seeds, of which about 500 have closed forms; those that make it 5,000:
python -m pytest -m slow tests/rewriting/test_random_derivatives.py
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

import derivant as dv
from derivant.carriers.expr import Expr
from derivant.rewriting import Form, derivative_form
from rewriting.random_formulas import formula, values

SIZES = {"n": 3, "m": 4}
FAR = 1e-10


def closed_form(e: Expr, wrt: Expr) -> Form | None:
    """The derivative, None where a part of it has no closed form; that is said, not raised."""
    try:
        return derivative_form(e, wrt)
    except dv.DerivantError as error:
        assert "has no closed form here" in str(error)
        return None


def assert_three_ways(e: Expr, wrt: Expr, form: Form, seed: int) -> None:
    given, name = values(*SIZES.values(), seed=seed), wrt.params["name"]

    def value(x: object) -> object:
        return dv.evaluate(e, {**given, name: x}, SIZES)

    with np.errstate(all="ignore"):
        closed = dv.evaluate(form.to_expr(), given, SIZES)
        reverse = np.asarray(dv.jacrev(value)(given[name]))
        forward = np.asarray(dv.jacfwd(value)(given[name]))
    scale = max(1.0, float(np.max(np.abs(reverse), initial=0.0)))
    assert np.shape(closed) == reverse.shape, seed
    np.testing.assert_allclose(closed, reverse, rtol=0, atol=FAR * scale, err_msg=str(seed))
    np.testing.assert_allclose(forward, reverse, rtol=0, atol=FAR * scale, err_msg=str(seed))


def closed_forms(seeds: Iterable[int]) -> int:
    """How many of the formulas have closed forms, each of which is right."""
    count = 0
    for seed in seeds:
        e, wrt = formula(seed)
        form = closed_form(e, wrt)
        if form is not None:
            assert_three_ways(e, wrt, form, seed)
            count += 1
    return count


@pytest.mark.parametrize("start", range(0, 800, 100))
def test_closed_form_reverse_and_forward_agree(start: int) -> None:
    assert closed_forms(range(start, start + 100)) >= 50


@pytest.mark.slow
@pytest.mark.parametrize("start", range(800, 8000, 400))
def test_closed_form_reverse_and_forward_agree_on_many(start: int) -> None:
    assert closed_forms(range(start, start + 400)) >= 240
