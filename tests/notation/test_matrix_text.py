"""Matrix and index notation: the texts a person would write, and that they say what they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import derivant as dv
from derivant.calculus.transforms import grad
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr, symbol
from derivant.carriers.trace import sizes, trace_graph
from derivant.notation import index_text, matrix_text
from derivant.primitives import RECORD
from notation.matrix_calculator import Value, calculated, column
from rewriting.random_expressions import VARIABLES, expressions, values

Function = Callable[..., Any]


def trace(e: Expr) -> Expr:
    return RECORD.trace(e, offset=0)


def diag(e: Expr) -> Expr:
    return RECORD.diag_embed(e, offset=0)


GRADIENTS: list[tuple[Function, int, tuple[str, ...], str]] = [
    (lambda x, A: x @ (A @ x), 0, ("n", "n n"), "(A + A') x"),
    (lambda x, A: x @ (A @ x), 1, ("n", "n n"), "x x'"),
    (lambda x: x @ x, 0, ("n",), "2 x"),
    (lambda x: x.sum(), 0, ("n",), "ones(n)"),
    (lambda x, A, b: ((A @ x - b) ** 2).sum(), 0, ("n", "m n", "m"), "2 A' (A x - b)"),
    (lambda x, A, b: (A @ x - b) @ (A @ x - b), 0, ("n", "m n", "m"), "2 A' (A x - b)"),
    (lambda A, b, x: b @ (A @ x), 0, ("m n", "m", "n"), "b x'"),
    (lambda A, b, x: b @ (A @ x), 1, ("m n", "m", "n"), "A x"),
    (lambda A, b, x: b @ (A @ x), 2, ("m n", "m", "n"), "A' b"),
    (lambda A, B: trace(A @ B), 0, ("n m", "m n"), "B'"),
    (lambda A, B: (A * B).sum(), 0, ("n m", "n m"), "B"),
    (lambda A, B: (A * B * A).sum(), 0, ("n m", "n m"), "2 (A ∘ B)"),
    (lambda X, A: trace(X.T @ (A @ X)), 0, ("n m", "n n"), "(A + A') X"),
    (lambda x, y: (x * y).sum(), 0, ("n", "n"), "y"),
    (lambda x: RECORD.exp(x).sum(), 0, ("n",), "exp(x)"),
    (lambda x: (x @ x) ** 0.5, 0, ("n",), "x / norm2(x)"),
    (lambda x: RECORD.log(RECORD.exp(x).sum()), 0, ("n",), "softmax(x)"),
    (lambda U, V, T: ((T - U @ V.T) ** 2).sum(), 0, ("n k", "m k", "n m"), "2 (U V' - T) V"),
    (
        lambda W, X, V: ((RECORD.relu(X @ W) @ V) ** 2).sum(),
        0,
        ("d h", "n d", "h m"),
        "2 X' (step(X W) ∘ (relu(X W) V V'))",
    ),
    (
        lambda X, b, c, D: (X @ b + c) @ (D @ (X @ b + c)),
        0,
        ("n m", "m", "n", "n n"),
        "(D + D') (X b + c) b'",
    ),
]


@pytest.mark.parametrize(("f", "place", "shapes", "text"), GRADIENTS, ids=[g[3] for g in GRADIENTS])
def test_gradients_read_as_in_a_textbook(
    f: Function, place: int, shapes: tuple[str, ...], text: str
) -> None:
    names = f.__code__.co_varnames[: len(shapes)]
    arguments = [symbol(n, sizes(s)) for n, s in zip(names, shapes, strict=True)]
    assert matrix_text(grad(f, place)(*arguments)) == text


TEXTS: list[tuple[Function, tuple[str, ...], str, str]] = [
    (lambda x, A: x @ (A @ x), ("n", "n n"), "x' A x", "Σ_ij A_ij x_i x_j"),
    (lambda b, A, x: b @ (A @ x), ("m", "m n", "n"), "b' A x", "Σ_ij A_ij b_i x_j"),
    (lambda x: x @ x, ("n",), "x'x", "Σ_i x_i^2"),
    (lambda x, y: x @ y, ("n", "n"), "x'y", "Σ_i x_i y_i"),
    (lambda A, B: trace(A @ B), ("n m", "m n"), "tr(A B)", "Σ_ij A_ij B_ji"),
    (lambda A, B: trace(A.T @ B), ("n m", "n m"), "tr(A' B)", "Σ_ij A_ij B_ij"),
    (lambda A: trace(A), ("n n",), "tr(A)", "Σ_i A_ii"),
    (lambda A: RECORD.diagonal(A, offset=0), ("n n",), "diag(A)", "A_ii"),
    (lambda A: A.sum(), ("n m",), "sum(A)", "Σ_ij A_ij"),
    (lambda A: 2 * A.T - A, ("n n",), "2 A' - A", "2 A_ji - A_ij"),
    (lambda A, B: A * B.T, ("n m", "m n"), "A ∘ B'", "A_ij B_ji"),
    (lambda x: diag(x), ("n",), "diag(x)", "δ_ij x_i"),
    (lambda x, A: diag(x) @ A, ("n", "n m"), "diag(x) A", "A_ij x_i"),
    (lambda x: diag(x * 0.0 + 1.0), ("n",), "I", "δ_ij"),
    (lambda x: x - x, ("n",), "zeros(n)", "0"),
    (lambda x: 1 - RECORD.tanh(x) ** 2, ("n",), "1 - tanh(x).^2", "1 - tanh(x)_i^2"),
    (lambda x: x / 3 - 0.5, ("n",), "x / 3 - 0.5", "x_i / 3 - 0.5"),
    (lambda T, x: (T * x).sum(axis=-1), ("a b n", "n"), "Σ_k T_ijk x_k", "Σ_k T_ijk x_k"),
    (
        lambda x: RECORD.over_size(x.sum(), size=x.shape[0]),
        ("n",),
        "mean(x)",
        "Σ_i x_i / n",
    ),
]


@pytest.mark.parametrize(("f", "shapes", "matrix", "index"), TEXTS, ids=[t[2] for t in TEXTS])
def test_texts(f: Function, shapes: tuple[str, ...], matrix: str, index: str) -> None:
    e = trace_graph(f, *shapes)
    assert matrix_text(e) == matrix
    assert index_text(e) == index


@settings(max_examples=300, deadline=None)
@given(expressions(6, without="RQT"))
def test_matrix_notation_says_what_the_expression_is(e: Expr) -> None:
    text = matrix_text(e)
    if len(e.shape) > 2 or "_" in text or 1 in e.shape:
        return
    numbers = values(3, 4, seed=11)
    expected, _ = evaluate_all([e, VARIABLES["B"]], numbers)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    wanted = column(np.asarray(expected))
    found = [_read(text, numbers, identity) for identity in (3, 4)]
    # A text does not say of which size its I is; two of them may be of different sizes.
    if text.count("I") < 2:
        assert any(
            f is not None and f.shape == wanted.shape and np.all(np.abs(f - wanted) < 1e-10 * scale)
            for f in found
        ), text


def test_numbers_beside_an_einsum_stand_apart() -> None:
    """An einsum has 52 letters; numbers that are sums of their own take none of them."""
    r = dv.derive("einsum('ijk,i,j,k->', T, x, x, x)*(x'*x)^27", wrt="T")
    assert r.expression("numpy") == "(x @ x)**27 * einsum('i,j,k->ijk', x, x, x)"


def _read(text: str, numbers: dict[str, Value], identity: int) -> Value | None:
    """The value of a text where I has that size, None where the sizes do not fit."""
    sizes = {"n": np.asarray(3), "m": np.asarray(4), "I": np.asarray(identity)}
    try:
        return calculated(text, {**numbers, **sizes})
    except (AssertionError, ValueError):
        return None
