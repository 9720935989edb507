"""A formula as it was written: its text reads as the same numbers, and no law has touched it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

import derivant as dv
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import Expr
from derivant.notation import read_formula, text_of
from derivant.notation.document import Name, Number, Power, Product, Scaled
from derivant.notation.standing import standing
from rewriting.random_expressions import SHAPES, expressions, values

WRITTEN = [
    ("log(1 + exp(x))", "log(1 + exp(x))"),
    ("norm2(X*w - y)^2 + c*norm2(w)^2", "norm2(X w - y)^2 + c norm2(w)^2"),
    ("sum(log(1 + exp(-y .* (X*w))))", "sum(log(1 + exp(-y ∘ (X w))))"),
    ("x'*W", "x' W"),
    ("-0.5*(x - u)'*inv(S)*(x - u)", "-0.5 (x - u)' inv(S) (x - u)"),
    ("c*a'*Q*a + 0.001*a'*a", "c a' Q a + 0.001 a'a"),
    ("(x'*A*x)/(x'*x)", "(x' A x) / (x'x)"),
    ("det(A - lambda*I)", "det(A - λ I)"),
    ("sum(x./y - (x - y))/m", "sum(x ./ y - (x - y)) / m"),
    ("x*y'*x", "(x y') x"),
    ("det(2*pi*S)", "det(2 π S)"),
    ("lambda_max(A + A')", "lambda_max(A + A')"),
]
SIZES = {"c": "", "lambda": "", "x": "n", "y": "n", "S": "n n", "W": "n m"}


@pytest.mark.parametrize(("text", "written"), WRITTEN)
def test_a_formula_is_shown_as_it_was_written(text: str, written: str) -> None:
    sizes = {n: s for n, s in SIZES.items() if n in text.replace("exp", "")}
    if "X" in text:
        sizes = {**sizes, "y": "m", "X": "m n"}
    if "/m" in text:
        sizes |= {"x": "m", "y": "m"}
    assert text_of(standing(read_formula(text, sizes, notation="matrix").expression)) == written


def test_a_number_behind_a_factor_has_its_sign() -> None:
    square = Power(Number(Fraction(3)), Fraction(2), 0)
    assert text_of(Product((square, Name("c", 0), square), 0)) == "3^2 c * 3^2"
    assert text_of(Scaled((square, square), None, (square, square), 0)) == "3^2 * 3^2 / (3^2 * 3^2)"


@settings(max_examples=400, deadline=None)
@given(expressions(7, without="RQT"))
def test_what_is_shown_is_the_same_formula(e: Expr) -> None:
    text = text_of(standing(e))
    if len(e.shape) > 2 or "_" in text or 1 in e.shape or "I" in text:
        return
    shapes = {n: list(s) for n, s in SHAPES.items()}
    try:
        again = read_formula(text, shapes, notation="matrix").expression
    except dv.ShapeError:  # a number for an array leaves the size of a part open
        return
    at = values(2, 3, 1)
    with np.errstate(all="ignore"):
        one, two = (np.asarray(evaluate(x, at, {"n": 2, "m": 3})) for x in (e, again))
    if one.shape != two.shape:  # the orientation of a vector is not written
        one, two = np.broadcast_arrays(one, two)
    np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-9, err_msg=text)


def test_code_says_the_formula_as_it_was_written() -> None:
    found = dv.derive("log(1 + exp(a'*x))", wrt="x")
    assert "The derivative of log(1 + exp(a'x)) by x." in found.code()
