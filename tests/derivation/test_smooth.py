"""Kinks are told from bends: at a kink a quotient of differences says nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import derivant as dv
from derivant.derivation.smooth import is_kink, may_have_kinks
from derivant.notation import read_formula

KINKS: list[Callable[[float], object]] = [
    abs,
    lambda t: max(t, 0.0),
    lambda t: max(1 + t, 1 - 2 * t),
    lambda t: [t, t * t, abs(3 * t) + t],
    lambda t: 1e3 + abs(t),
    lambda t: 50 * t + 1e-3 * abs(t),
]
BENDS: list[Callable[[float], object]] = [
    lambda t: t * t,
    lambda t: 1e4 * t * t + t,
    lambda t: np.exp(5 * t),
    lambda t: [np.sin(t), 3.0, 7 * t],
    lambda t: abs(t - 0.5),
    lambda t: 0.0,
]


@pytest.mark.parametrize("f", KINKS)
def test_a_kink_is_seen(f: Callable[[float], object]) -> None:
    assert is_kink(lambda t: np.asarray(f(t), float))


@pytest.mark.parametrize("f", BENDS)
def test_a_bend_is_no_kink(f: Callable[[float], object]) -> None:
    assert not is_kink(lambda t: np.asarray(f(t), float))


def test_formulas_that_may_have_kinks() -> None:
    assert may_have_kinks(read_formula("sum(relu(A*x))").expression)
    assert not may_have_kinks(read_formula("sum(tanh(A*x))").expression)


def test_a_derivative_is_still_compared_where_most_directions_are_smooth() -> None:
    r = dv.derive("norm1(A*x - b) + sum(max(A*x, b))", wrt="x")
    assert r.check.samples >= 4
