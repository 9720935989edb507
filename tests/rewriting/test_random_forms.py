"""Laws of the normal form on random expressions: equal in value, stable, blind to order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derivant.carriers.evaluate import evaluate, evaluate_all
from derivant.carriers.expr import Expr
from derivant.notation import index_text, matrix_text
from derivant.rewriting import form_of, lowered, normal_form
from rewriting.random_expressions import NUMBERS, VARIABLES, expressions, fits, values

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 3))


def assert_equal(one: Expr, two: Expr, sizes: tuple[int, int]) -> None:
    """Both expressions have the same value, to 1e-10 of the largest entry."""
    given_values = values(*sizes, seed=7)
    # B is there to say what n and m are where no variable is left
    expected, found, _ = evaluate_all([one, two, VARIABLES["B"]], given_values)
    assert two.shape == one.shape and two.dtype == one.dtype
    assert np.shape(found) == np.shape(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * scale)


@settings(max_examples=150, deadline=None)
@given(expressions(), SIZES)
def test_the_normal_form_has_the_value_of_the_expression(e: Expr, sizes: tuple[int, int]) -> None:
    assert_equal(e, normal_form(e), sizes)


@settings(max_examples=150, deadline=None)
@given(expressions(), SIZES)
def test_each_step_keeps_the_value(e: Expr, sizes: tuple[int, int]) -> None:
    for step in form_of(e).steps:
        assert_equal(lowered(step.before), lowered(step.after), sizes)


@settings(max_examples=150, deadline=None)
@given(expressions())
def test_a_normal_form_is_its_own_normal_form(e: Expr) -> None:
    once = normal_form(e)
    assert normal_form(once) is once


@settings(max_examples=150, deadline=None)
@given(st.lists(expressions(4), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_a_sum_does_not_matter(parts: list[Expr], random: object) -> None:
    same = [p for p in parts if p.shape == parts[0].shape]
    one = same[0]
    for p in same[1:]:
        one = one + p
    two = same[-1]
    for p in same[-2::-1]:
        two = p + two
    assert normal_form(one) is normal_form(two)


@settings(max_examples=150, deadline=None)
@given(expressions(4), expressions(4))
def test_the_order_of_a_product_does_not_matter(a: Expr, b: Expr) -> None:
    if fits(a.shape, b.shape):
        assert normal_form(a * b) is normal_form(b * a)


@settings(max_examples=150, deadline=None)
@given(expressions(5))
def test_an_expression_less_itself_vanishes(e: Expr) -> None:
    assert form_of(e - e).sum.terms == ()
    doubled = form_of(e + e)
    assert normal_form(e + e) is normal_form(2.0 * e), matrix_text(doubled.to_expr())


@settings(max_examples=150, deadline=None)
@given(expressions())
def test_every_form_is_written(e: Expr) -> None:
    assert matrix_text(e) and index_text(e)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_multiply_exactly(number: float) -> None:
    x = VARIABLES["x"]
    thrice = form_of(number * x + number * x + number * x)
    assert float(thrice.sum.terms[0].coefficient) == pytest.approx(3 * number, abs=1e-15)
    assert evaluate(normal_form(x * 0.1 * 3.0), values(2, 2, 1)) is not None
