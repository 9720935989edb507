"""What is printed in matrix notation is read again, and then printed as before."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derivant.base.errors import DerivantError, ShapeError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr
from derivant.notation import matrix_text, read_formula
from derivant.rewriting import normal_form
from derivant.rewriting.plainer import plainer
from rewriting.random_expressions import SHAPES, VARIABLES, expressions, values

PRINTED = [
    ("2 A' (A x - b)", ""),
    ("(A + A') x", "A: n n"),
    ("x' A x", ""),
    ("x'x", "x: n"),
    ("x'(A x)", ""),
    ("4 ((x'x) I + 2 x x')", "x: n"),
    ("X' (θ ∘ step(X w))", "X: m n, θ: m"),
    ("-(x / norm2(x) - y) / norm2(y)", "x: n, y: n"),
    ("x.^2 ./ y", "x: n, y: n"),
    ("sum(abs(x).^p)^(1 / p - 1) ((abs(x).^(p - 1)) ∘ sign(x))", "x: n, p:"),
    ("det(X) inv(X)'", "X: n n"),
    ("X' (X θ - y) / m", "X: m n"),
    ("diag(exp(A x)) A", ""),
    ("1e-10 x + (1/3) y", "x: n, y: n"),
    ("K (x - b)", "K: n n"),
    ("a b' (X + Y)'", ""),
]


@pytest.mark.parametrize(("text", "shapes"), PRINTED)
def test_printed_texts_are_read(text: str, shapes: str) -> None:
    formula = read_formula(text, shapes or None)
    assert formula.notation == "matrix"
    once = matrix_text(formula.expression)
    given_shapes = {name: list(v.shape) for name, v in formula.variables.items()}
    again = read_formula(once, given_shapes, notation="matrix").expression
    assert matrix_text(again) == once


WHOLE = re.compile(r"\d{16}")  # digits that no float has; sums of whole numbers stay exact


def printed(e: Expr) -> str:
    """The text of an expression as derive writes it, norms as roots of sums."""
    return matrix_text(plainer(e))


@settings(max_examples=400, deadline=None)
@given(expressions(7, without="RQT"))
def test_print_then_parse_then_print_is_stable(e: Expr) -> None:
    text = printed(e)
    if len(e.shape) > 2 or "_" in text or 1 in e.shape or "I" in text:
        return
    shapes = {n: list(s) for n, s in SHAPES.items()}
    with suppress(ShapeError):  # a number for an array leaves the size of a part open
        check_again(e, text, read_formula(text, shapes, notation="matrix").expression)


def check_again(e: Expr, text: str, again: Expr) -> None:
    """The expression that a text was read as is the one that it was printed from."""
    numbers = values(3, 4, seed=2)
    if again.shape != e.shape:
        return
    one, two, _ = evaluate_all([e, again, VARIABLES["B"]], numbers)
    scale = max(1.0, float(np.max(np.abs(one), initial=0.0)))
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-10 * scale)
    found = printed(again)
    if found != text and not WHOLE.search(text):
        # one text in some thousands is of a form that only a second look settles
        assert printed(normal_form(plainer(e))) == found


@pytest.mark.parametrize(
    "text",
    [
        "-(100 n / 201 + 1) (s + 0.1) m ones(n)",  # what the sum of a quotient of numbers is
        "-(2 n - 1) m s ones(n)",  # a size that is a product
        "ones(n) / (1000 (0.00010000000000000002 m^2 + 2))",  # 0.1^4, which is no decimal
        "s / (7 (m / 2 + s))",  # a number before a sum below
        "0.1 (0.1 s + 0.1)",
        "(s + 0.1)^2 (0.01 s + 0.1 m)",
    ],
)
def test_numbers_are_printed_as_they_are_read(text: str) -> None:
    sizes = " + 0 sum(x) sum(y)"  # what m and n are the sizes of
    shapes = {"s": [], "y": ["n"], "x": ["m"]}
    once = printed(read_formula(f"({text}){sizes}", shapes, notation="matrix").expression)
    again = printed(read_formula(f"({once}){sizes}", shapes, notation="matrix").expression)
    assert again == once


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("2 A' (A x - b)", "2*A'*(A*x - b)"),
        ("exp (x) ∘ y", "exp(x) .* y"),
        ("A^-1 b", "A^-1*b"),
        ("x'(y - z) x", "(x'*(y - z))*x"),
        ("A B x", "A*B*x"),
        ("2 (x + y)'", "2*(x + y)'"),
        ("e^x y", "(e^x)*y"),
    ],
)
def test_a_product_without_a_sign_is_a_product(one: str, two: str) -> None:
    shapes = "A: n n, x: n, y: n, z: n, b: n" if "e^" not in one else "e:, x:, y: n"
    first, second = (read_formula(t, shapes, notation="matrix").expression for t in (one, two))
    assert first is second


SIGNLESS = st.lists(
    st.sampled_from(["x", "A", "(", ")", "'", " ", "exp", "sum (", "2", "^", "./", "∘", "*", "b"]),
    max_size=24,
)


@settings(max_examples=500, deadline=None)
@given(SIGNLESS.map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(DerivantError):
        read_formula(text)


def test_kronecker_products_are_read() -> None:
    formula = read_formula("kron(B', A) K(m, n)", "A: p n, B: m q")
    assert len(formula.expression.shape) == 2
