"""What cannot be read: one message, the place marked, a suggestion. Nothing else ever comes out."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.notation import read_formula
from derivant.notation.lexer import LENGTH

REFUSED = [
    # text, shapes, notation, part of the message, what the caret marks
    ("", None, "auto", "empty", ""),
    ("x'*A*", None, "auto", "ends where", "*"),
    ("(x'*A*x", None, "auto", "not closed", "("),
    ("x'*A*x)", None, "auto", "closes nothing", ")"),
    ("x..*y", None, "auto", "'.' cannot be read", "."),
    ("∂(x'*x)", None, "auto", "'∂' cannot be read", "∂"),
    ("x²y", None, "auto", "needs its sign", "²y"),
    ("x'Ax", None, "auto", "Ax is one name", "Ax"),
    ("w'X'Xw", None, "auto", "Xw is one name", "Xw"),
    ("x^TAx", None, "auto", "TAx is one name", "TAx"),
    ("x'*A*x where A symmetric", None, "auto", "where cannot be read", "where"),
    ("x'x if x", None, "auto", "if cannot be read", "if"),
    ("log(0)*x", "x: n", "auto", "no finite real number", "log(0)"),
    ("sqrt(1 - 2) x", "x: n", "auto", "no finite real number", "sqrt(1 - 2)"),
    ("A⁻ᵀ*x", None, "auto", "inverse transpose", "⁻ᵀ"),
    ("x ∘ y @ z", None, "auto", "∘ belongs to matrix notation", "@"),
    ("x^{2", None, "auto", "brace is not closed", "{"),
    ("(x^{2)}", None, "auto", "brace is not closed", "{"),
    ("{x}", None, "auto", "use parentheses", "{"),
    ("x}", None, "auto", "closes nothing", "}"),
    ("||x", None, "auto", "bars are not closed", "||"),
    ("x||", None, "auto", "operator must come", "||"),
    ("||x(1||", None, "auto", "parenthesis is not closed", "x"),
    ("||X||_2", "X: m n", "auto", "cannot take X (a matrix)", "||X||_2"),
    ("||x||_3", None, "auto", "no function ||_3", "||x|"),
    ("ａ*x", None, "auto", "write a", "ａ"),
    ("np.x @ A", None, "auto", "np.x is no number", "x"),
    ("np.max(x, 0.5)", None, "auto", "axis of max", "max(x, 0.5)"),
    ("lam(A, i)", None, "auto", "the place of lam must be known", "i"),
    ("lam(A, 0)", None, "auto", "lam is read of a symmetric", "lam(A, 0)"),
    ("eigv(A, 1e3)", None, "auto", "a whole number", "eigv(A, 1e3)"),
    ("pinv(A)", None, "auto", "whose rank is known", "pinv(A)"),
    ("unvec(x, 2, 3)", "x: 5", "auto", "5 is not 6", "unvec"),
    ("hcat(A, x)", "A: m n, x: n", "auto", "m is not n", "hcat"),
    ("norm2(n*x)", "x: n, n:", "auto", "both a dimension and a variable", "n"),
    ("matmul(A)", None, "auto", "takes 2 arguments, here are 1", "matmul(A)"),
    ("x[i]", None, "auto", "the index [i] cannot be read", "[i]"),
    ("x[1.5]", None, "auto", "the index [1.5] cannot be read", "[1.5]"),
    ("[1, y].*x", None, "auto", "an array written out cannot be read", "[1, y]"),
    ("2[0]*x", None, "auto", "an index stands behind an array", "[0]"),
    ("x[0, 1]", "x: n", "auto", "index cannot take x (a vector)", "[0, 1]"),
    ("x[7]", "x: 5", "auto", "an index that does not fit an array of (5,)", "x[7]"),
    ("x > y", None, "auto", "a formula is no condition", "x > y"),
    ("sum(where(0 < x < 1, x, 0))", None, "auto", "two comparisons in a row", "<"),
    ("2x", None, "auto", "write 2*x", "2x"),
    ("x 2", None, "auto", "operator must come", "2"),
    ("x y", "x: n, y: n", "auto", "vectors are columns", "y"),
    ("x y", None, "auto", "the shapes of x, y are open", "x"),
    ("x y", None, "numpy", "a product without a sign is not in NumPy notation", "y"),
    ("x y @ z", None, "auto", "a product without a sign belongs to matrix notation", "@"),
    ("a / b x", None, "auto", "not clear what this product is a part of", "x"),
    ("b ∘ A x", None, "auto", "not clear what this product is a part of", "x"),
    ("sofmax (x)", None, "auto", "did you mean softmax", "sofmax"),
    ("K (x - y)", "x: n, y: n", "auto", "both a dimension and a variable", "x"),
    ("x = y = z", None, "auto", "gives a name", "="),
    ("x, y", None, "auto", "between arguments", ","),
    ("a; b", None, "auto", "only the last line", "a"),
    ("u = x; u = y", None, "auto", "given a value before", "u = y"),
    ("u = x + v; v = y", None, "auto", "used before", "v = y"),
    ("foo(x)", None, "auto", "no function foo", "foo"),
    ("sofmax(x)", None, "auto", "did you mean softmax", "sofmax"),
    ("x(2)", "x: n", "auto", "write x*(...)", "x"),
    ("exp()", None, "auto", "no argument", ")"),
    ("exp(x, y)", None, "auto", "takes 1 argument, here are 2", "exp(x, y)"),
    ("sum(x, keepdims=1)", None, "auto", "no option keepdims", "sum(x, keepdims=1)"),
    ("sum(x, y)", None, "auto", "must be known", "y"),
    ("sum(X, 2)", "X: m n", "auto", "sum along axis 2 cannot take X", "sum(X, 2)"),
    ("matpow(A, 0.5)", None, "auto", "whole number", "matpow(A, 0.5)"),
    ("ones(0.5)", None, "auto", "a size is a whole number", "ones(0.5)"),
    ("einsum('ij,j->k', A, x)", None, "auto", "", "'ij,j->k'"),
    ("einsum('ij', A, x)", None, "auto", "2 arrays", "'ij'"),
    ("einsum(A, x)", None, "auto", "pattern in quotes", "einsum(A, x)"),
    ("'x'", None, "auto", "only for einsum", "'x'"),
    ("('x')", None, "auto", "only for einsum", "('x')"),
    ("-'x'", None, "auto", "only for einsum", "-'x'"),
    ("sum('x')", None, "auto", "no text in quotes", "sum('x')"),
    ("x' @ A", None, "auto", "belongs to matrix notation", "@"),
    ("x' * A", None, "numpy", "not in NumPy notation", "'"),
    ("A*B", "A: n n, B: n n", "auto", "two readings", "*"),
    ("sum(A*B)", "A: n n, B: n n", "auto", "two readings", "*"),
    ("A*x + b", "A: 2 3, x: 3, b: 3", "matrix", "A*x (2) and b (3) do not fit", "+"),
    ("A*x", "A: m n, x: m", "matrix", "A (m, n) and x (m) do not fit: n is not m", "*"),
    ("x*y", "x: n, y: n", "matrix", "vectors are columns", "*"),
    ("x^2", "x: n", "auto", "^ cannot take x (a vector)", "^"),
    ("y/x", "x: n", "matrix", "write ./", "/"),
    ("inv(A)", "A: 2 3", "auto", "A (2, 3) is none", "inv"),
    ("det(x)", "x: 3", "auto", "det cannot take x (a vector)", "det(x)"),
    ("A^-T*x", None, "auto", "inverse transpose", "^-T"),
    ("x^T", "T:", "auto", "T is a number here", "x^T"),
    ("1/0*x", "x: n", "auto", "division by zero", "1/0"),
    ("x/(2 - 2)", "x: n", "auto", "division by zero", "x/(2 - 2)"),
    ("0^-1*x", None, "auto", "no real number", "0^-1"),
    ("(-1)^0.5*x", None, "auto", "no real number", "(-1)^0.5"),
    ("9^9^9^9*x", None, "auto", "no real number", "9^9^9"),
    ("1e999*x", None, "auto", "too large", "1e999"),
    ("9" * 50 + "*x", None, "auto", "more than 40 signs", "9" * 50),
    ("lambda_max(A)", None, "auto", "symmetric", "lambda_max(A)"),
    ("norm2(c*x - y)^2", None, "auto", "the shapes of c, x are open", "c"),
    ("a @ b @ c", None, "auto", "the shapes of a, b are open", "a"),
    ("n*x", "x: n, n:", "auto", "both a dimension and a variable", "n"),
    ("m = 2; x + ones(m)", None, "auto", "both a dimension", "m"),
    ("tr(I)", None, "matrix", "the size of this is open", "I"),
    ("sum(x[3:2])", None, "auto", "slices that are not empty", "[3:2]"),
    ("x[1", None, "auto", "an index ends with ]", "["),
    ("(" * 300 + "x" + ")" * 300, None, "auto", "more than 200", "("),
    ("-" * 300 + "x", None, "auto", "more than 200", "-"),
    ("+".join(["x"] * 900), None, "auto", "more than 1000", "x"),
]


@pytest.mark.parametrize(("text", "shapes", "notation", "message", "place"), REFUSED)
def test_a_refusal_says_why_and_where(
    text: str, shapes: str | None, notation: str, message: str, place: str
) -> None:
    with pytest.raises((ArgumentError, ShapeError)) as caught:
        read_formula(text, shapes, notation=notation)
    first, shown, carets, *_ = str(caught.value).splitlines()
    assert message in str(caught.value)
    assert first and set(carets.strip()) == {"^"}
    start, width = carets.index("^"), len(carets.strip())
    marked = shown[start : start + width]
    assert marked == place or (len(text) > 40 and place.startswith(marked))


@pytest.mark.parametrize(
    ("shapes", "assume", "message"),
    [
        ("x y: n", None, "'x y' is no name"),
        ("x", None, "has no colon"),
        ("x: n, x: m", None, "given twice"),
        ("x: n-1", None, "no size"),
        ({"x": -1}, None, "write sizes"),
        ({"x": [-1]}, None, "no size"),
        (3, None, "a text such as"),
        ({"x": "a b c d e f g h i"}, None, "at most 8"),
        (None, {"x": "tall"}, "no fact"),
        ("x: n m", {"x": "spd"}, "must be square"),
    ],
)
def test_what_is_given_besides_the_text_is_checked(shapes: Any, assume: Any, message: str) -> None:
    with pytest.raises(DerivantError, match=message):
        read_formula("sum(x)", shapes, assume)


def test_only_texts_and_known_notations() -> None:
    no_text: Any = 3
    with pytest.raises(ArgumentError, match="is a text, not int"):
        read_formula(no_text)
    with pytest.raises(ArgumentError, match="one of auto, matrix, numpy"):
        read_formula("x", notation="latex")


def test_a_long_text_is_refused_by_its_length() -> None:
    with pytest.raises(ArgumentError, match="at most 10000"):
        read_formula("x" * (LENGTH + 1))


LARGE = [
    "(" * 4999 + "x" + ")" * 4999,
    "-" * 9999 + "x",
    "exp(" * 190 + "x" + ")" * 190,
    "+".join(f"a{i}" for i in range(490)),
    "*".join(f"x{i}" for i in range(490)) + "'",
    "norm2(" + "+".join(f"c{i}*x{i}" for i in range(40)) + ")^2",
    "+".join(f"c{i}*x{i}" for i in range(200)) + "'",
    "kron(A," * 150 + "A" + ")" * 150 + "'",
    "lambda_max(" + "*".join(["(A + B)"] * 140) + "'*C)",
    "eye(n)*x*(" + "*".join(["(n + m + k)"] * 90) + ")",
    "z0 = X; " + "; ".join(f"z{i + 1} = z{i}*z{i}" for i in range(150)) + "; z150'",
    "x" * LENGTH,
    "\n" * (LENGTH - 1) + "x",
]


def seconds(text: str) -> float:
    """The time in which a text is read or refused; nothing but our own errors may come."""
    start = time.thread_time()
    with suppress(DerivantError):
        read_formula(text)
    return time.thread_time() - start


@pytest.mark.parametrize("text", LARGE)
def test_large_texts_are_read_or_refused_in_no_time(text: str) -> None:
    assert min(seconds(text) for _ in range(3)) < 0.1


BASES = (
    "x'*A*x",
    "norm2(X*theta - y)^2/(2*m)",
    "np.sum(np.log(1 + np.exp(-y * (X @ w))))",
    "z1 = X*W1; h1 = relu(z1); L = norm2(h1*W2)^2",
    "einsum('ij,j->i', A, x) + eye(n) @ x",
    "x'*A*x/(x'*x) + lambda_max(A'*A) + matpow(B, -2)",
)
PIECES = (
    "x A X θ ( ) ' * .* ./ .^ ^ @ .T ** + - / 2 .5 1e9 sum( exp( norm2( det( inv( , axis=1 = ; "
    "eye(n) ones(m) K(m,n) kron( vec( einsum('ij,j->i', I pi n diag( lambda_max( max( ^-1 ^T "
    "\0 é ² [ \\ 0 1e308 .. __class__ lambda np. T softmax( tr( \n"
).split(" ")


@pytest.mark.parametrize("seed", range(4))
def test_mutated_texts_give_only_our_own_errors(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(600):
        if random.random() < 0.4:
            text = "".join(random.choice(PIECES, size=random.integers(1, 40)))
        else:
            text = str(random.choice(BASES))
            for _ in range(random.integers(1, 5)):
                i, j = sorted(random.integers(0, len(text) + 1, size=2))
                text = text[:i] + str(random.choice(PIECES)) + text[min(j, i + 2) :]
        seconds(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_only_our_own_errors(text: str) -> None:
    seconds(text)


def test_what_to_differentiate_by_is_looked_up() -> None:
    formula = read_formula("r = X*θ - y; norm2(r)^2")
    assert formula.variable("theta") == formula.variable("θ") == "theta"
    with pytest.raises(ArgumentError, match="did you mean X"):
        formula.variable("x")
    with pytest.raises(ArgumentError, match="gives it a value"):
        formula.variable("r")
    with pytest.raises(ArgumentError, match=r"its variables are X, θ, y$"):
        formula.variable("Q")


def test_an_error_is_lines_of_text_whatever_the_formula_holds() -> None:
    for text in ("x + \ud800", "x\x00", "(x\n+ y)*(z\u2028", "A*(x\n+ y\n)*\x1b[2J"):
        with pytest.raises(DerivantError) as caught:
            read_formula(text)
        assert all(line.isprintable() for line in str(caught.value).split("\n"))
