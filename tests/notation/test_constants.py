"""π is written for its decimals, and read as the same number again."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import derivant as dv
from derivant.notation.constants import with_pi
from derivant.notation.document import Number
from derivant.notation.text import text_of

DERIVATIVES = [
    ("2*pi*x", "2 π", "2 * pi"),
    ("pi*x^2/3", "2 π x / 3", "2 * pi * x / 3"),
    ("exp(-x^2/2)/sqrt(2*pi)", "-x exp(-0.5 x^2) / sqrt(2 π)", None),
    ("erf(x)", "2 exp(-x^2) / sqrt(π)", "2 * exp(-x**2) / sqrt(pi)"),
    ("x/pi^2", "1 / π^2", None),
]


@pytest.mark.parametrize(("text", "shown", "code"), DERIVATIVES)
def test_derivatives_have_it(text: str, shown: str, code: str | None) -> None:
    r = dv.derive(text, wrt="x", shapes="x:")
    assert r.text == shown
    assert code is None or r.expression("numpy") == code
    again = dv.verify(text, wrt="x", claim=r.expression("numpy"), shapes="x:")
    assert again.right


def test_a_variable_of_that_name_keeps_it() -> None:
    r = dv.derive("6.283185307179586*x*sum(pi)", wrt="x", shapes="pi: n, x:")
    assert r.text == "6.283185307179586 sum(π)"


@pytest.mark.parametrize("number", [3.14159, 3.141592653589, 6.2831853, 1.12838, 1e-300 * math.pi])
def test_other_decimals_stay(number: float) -> None:
    assert with_pi(Number(Fraction(number))) == Number(Fraction(number))


@pytest.mark.parametrize("halves", [-4, -2, -1, 1, 2, 4])
@pytest.mark.parametrize("quotient", [(1, 1), (3, 1), (1, 7), (5, 9), (64, 63)])
def test_what_is_written_is_the_number(halves: int, quotient: tuple[int, int]) -> None:
    number = quotient[0] / quotient[1] * math.pi ** (halves / 2)
    text = text_of(with_pi(Number(Fraction(number))))
    assert "π" in text
    x = np.array(2.0)
    value = dv.derive(f"({text})*x", wrt="x", shapes="x:", notation="matrix")
    np.testing.assert_allclose(float(value(x=x)), number, rtol=1e-15)


def test_decimals_stay_decimals() -> None:
    r = dv.derive("0.044715*x^3 + 3.14159*x", wrt="x", shapes="x:")
    assert r.text == "0.134145 x^2 + 3.14159"
