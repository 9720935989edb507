"""Division by a number that stays along a row is division, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import derivant as dv

Array = npt.NDArray[Any]
KINDS = (np.float32, np.float64)
COUNT = 256


def compiled(x: Array, y: Any) -> tuple[Array, Array]:
    """x / y in a loop over all x, and as NumPy has it."""
    with np.errstate(all="ignore"):
        return dv.jit(lambda x, y: x / y)(x, np.array(y, x.dtype)), x / y


@pytest.mark.parametrize("kind", KINDS)
def test_quotients_are_those_of_division(kind: Any) -> None:
    """Wherever the result is far from the subnormal numbers, whatever the operands are."""
    rng = np.random.default_rng(3)
    info = np.finfo(kind)
    for _ in range(200):
        powers = rng.uniform(info.minexp - info.nmant, info.maxexp, COUNT + 1)
        numbers = np.ldexp(1.0, powers.astype(int)) * rng.uniform(1, 2, COUNT + 1)
        signs = rng.choice([-1.0, 1.0], COUNT + 1)
        with np.errstate(over="ignore"):
            *x, y = (signs * numbers).astype(kind)
        found, wanted = compiled(np.array(x, kind), y)
        usual = np.abs(wanted) > np.ldexp(1.0, info.minexp + info.nmant + 2)
        np.testing.assert_array_equal(found[usual], wanted[usual])
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(
                found[~usual],
                wanted[~usual],
                rtol=float(info.eps),
                atol=2 * float(info.smallest_subnormal),
            )


@pytest.mark.parametrize("kind", KINDS)
def test_whole_numbers_divide_without_a_rest(kind: Any) -> None:
    multiples = np.arange(-COUNT, COUNT).astype(kind)
    for y in [*range(1, 200), -3, -49, 1e6 + 1]:
        found, wanted = compiled(multiples * kind(y), y)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_ends_and_signs_of_zero(kind: Any) -> None:
    info = np.finfo(kind)
    ends = [0.0, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, 1.0, 3.0]
    signed = np.array([s * v for v in ends for s in (1.0, -1.0)], kind)
    x = np.tile(signed, 8)
    for y in signed:
        found, wanted = compiled(x, y)
        np.testing.assert_array_equal(found, wanted)
        real = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(found)[real], np.signbit(wanted)[real])


def test_rows_with_divisors_of_their_own() -> None:
    """Among them one that is zero, one that is infinite and one that is no number."""
    x = np.random.default_rng(0).standard_normal((5, COUNT))
    y = np.array([[2.5], [0.0], [np.inf], [np.nan], [-7.0]])
    with np.errstate(all="ignore"):
        wanted = x / y + x
    np.testing.assert_array_equal(dv.jit(lambda x, y: x / y + x)(x, y), wanted)
