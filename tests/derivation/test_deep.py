"""Answers that are too large for one formula: computed, checked, written as code line by line."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.graph import ancestors
from derivant.carriers.trace import symbols
from derivant.derivation import Derivative

S, X, A = symbols("s:, x: n, A: n n")


def repeated(step: Any, times: int, start: Any) -> Any:
    return reduce(lambda e, _: step(e), range(times), start)


def derived(e: Any, wrt: Any) -> Derivative:
    found = dv.derive(e, wrt=wrt)
    assert isinstance(found, Derivative)
    return found


def test_a_thousand_functions_within_one_another() -> None:
    r = derived(repeated(dv.tanh, 1000, S), S)
    assert r.check.samples == 2 and r.check.max_relative_error < 1e-9
    assert len(ancestors([r.expr])) < 8 * 1001
    assert str(r).startswith("∂/∂s = an expression of 4001 nodes")
    for ask in (lambda: r.text, lambda: r.latex, lambda: r.index_text, lambda: r.derivation):
        with pytest.raises(dv.DerivantError, match="too large to be"):
            ask()


def test_shared_parts_are_lines_of_the_code() -> None:
    value = dv.sum(repeated(lambda e: dv.tanh(A @ e) + e, 40, X))
    r = derived(value, A)
    space: dict[str, Any] = {}
    exec(r.code(), space)
    rng = np.random.default_rng(0)
    x, a = rng.standard_normal(3), rng.standard_normal((3, 3)) / 9
    expected = dv.grad(lambda a: dv.evaluate(value, {"x": x, "A": a}))(a)
    scale = float(np.max(np.abs(expected)))
    np.testing.assert_allclose(space["derivative"](a, x) / scale, expected / scale, atol=1e-12)


def test_what_is_deep_and_short_is_written() -> None:
    r = derived(repeated(dv.tanh, 60, S), S)
    assert r.is_short and r.text.startswith("(tanh(")
