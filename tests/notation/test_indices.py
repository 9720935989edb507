"""Indices, comparisons, choices and vectors of numbers, read in both notations and printed."""

from __future__ import annotations

import numpy as np
import pytest

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, ShapeError
from derivant.carriers.evaluate import evaluate
from derivant.notation import matrix_text, read_formula
from derivant.notation.index_keys import Slice, counted, key_of, key_texts, read_key

N = Dim.named("n")
VALUES = {
    "x": np.array([3.0, -1.0, 2.0, 5.0, -4.0, 0.5]),
    "y": np.array([1.0, 2.0, -2.0, 5.0, 0.0, 1.5]),
    "X": np.arange(24.0).reshape(6, 4) - 7,
}
SHAPES = "x: n, y: n, X: n m"


def _value(text: str, notation: str) -> np.ndarray:  # type: ignore[type-arg]  # of numbers
    formula = read_formula(text, SHAPES, notation=notation)
    point = {leaf: VALUES[name] for name, leaf in formula.variables.items()}
    return np.asarray(evaluate(formula.expression, point, {"n": 6, "m": 4}))


TEXTS = [
    ("x[1:]", lambda x, y, X: x[1:]),
    ("x[:-2]", lambda x, y, X: x[:-2]),
    ("x[-3:]", lambda x, y, X: x[-3:]),
    ("x[-3:-1]", lambda x, y, X: x[-3:-1]),
    ("x[1:n - 1]", lambda x, y, X: x[1:5]),
    ("x[::-1]", lambda x, y, X: x[::-1]),
    ("x[0]", lambda x, y, X: x[0]),
    ("x[-1]", lambda x, y, X: x[-1]),
    ("x[n - 2]", lambda x, y, X: x[4]),
    ("X[2]", lambda x, y, X: X[2]),
    ("X[:, 0]", lambda x, y, X: X[:, 0]),
    ("X[1:, :-1]", lambda x, y, X: X[1:, :-1]),
    ("X[1, 2]", lambda x, y, X: X[1, 2]),
    ("X[1:, 0] - x[:-1]", lambda x, y, X: X[1:, 0] - x[:-1]),
    ("eye(n)[1:]", lambda x, y, X: np.eye(6)[1:]),
    ("(x + y)[1:]", lambda x, y, X: (x + y)[1:]),
    ("where(x > y, x, y)", lambda x, y, X: np.maximum(x, y)),
    ("where(x >= 0, x, 0)", lambda x, y, X: np.where(x >= 0, x, 0)),
    ("where(x == y, 1, 0)", lambda x, y, X: np.where(x == y, 1, 0)),
    ("where((x > 0) & (y < 2), x, -1)", lambda x, y, X: np.where((x > 0) & (y < 2), x, -1)),
    ("where(logical_or(x > 0, y > 0), x, y)", lambda x, y, X: np.where((x > 0) | (y > 0), x, y)),
    ("where(logical_not(x > 0), x, y)", lambda x, y, X: np.where(x > 0, y, x)),
    ("sum(where(x + 1 < y - 1, x, y))", lambda x, y, X: np.sum(np.where(x + 1 < y - 1, x, y))),
    ("inner(x[:2], [2, -1.5])", lambda x, y, X: x[:2] @ np.array([2, -1.5])),
    ("tril(X)", lambda x, y, X: np.tril(X)),
    ("triu(X, 1)", lambda x, y, X: np.triu(X, 1)),
    ("reshape(X, m, n)", lambda x, y, X: X.reshape(4, 6)),
    ("diff(x)", lambda x, y, X: np.diff(x)),
    ("cumsum(x)", lambda x, y, X: np.cumsum(x)),
    ("clip(x, 0, 1)", lambda x, y, X: np.clip(x, 0, 1)),
    ("logaddexp(0, x)", lambda x, y, X: np.logaddexp(0, x)),
    ("inner(x, y)", lambda x, y, X: np.inner(x, y)),
    ("max(X, axis=1)", lambda x, y, X: X.max(axis=1)),
    ("sum(x) + inner([1, 2], [3, -1.5])", lambda x, y, X: x.sum()),
    ("var(x)", lambda x, y, X: np.var(x)),
]


@pytest.mark.parametrize(("text", "function"), TEXTS)
@pytest.mark.parametrize("notation", ["matrix", "numpy"])
def test_a_text_is_what_numpy_says(text: str, function: object, notation: str) -> None:
    expected = function(**VALUES)  # type: ignore[operator]  # one of the functions above
    np.testing.assert_allclose(_value(text, notation), expected)


@pytest.mark.parametrize(("text", "function"), TEXTS)
def test_what_is_printed_is_read_and_printed_again(text: str, function: object) -> None:
    formula = read_formula(text, SHAPES, notation="matrix")
    once = matrix_text(formula.expression)
    assert matrix_text(read_formula(once, SHAPES, notation="matrix").expression) == once
    expected = function(**VALUES)  # type: ignore[operator]  # one of the functions above
    np.testing.assert_allclose(
        np.broadcast_to(_value(once, "matrix"), np.shape(expected)), expected
    )


def test_sizes_follow_from_slices() -> None:
    assert "x (n)" in read_formula("eye(n)[1:]'*(x[1:] - x[:-1])").said
    assert read_formula("X[1:]*w").variables["w"].shape == (N,)


def test_keys() -> None:
    key = read_key("[1:n - 1, 0]", lambda name: name == "n")
    assert key == (Slice(1, N - 1), 0)
    assert key_of(key, (N, N)) == ((1, N - 2, 1, N), 0)
    assert key_texts(((1, N - 2, 1, N), 0), (N, N)) == ("1:-1", "0")
    assert counted(Slice(None, None, 2), 7) == (0, 4, 2)
    assert counted(Slice(None, None, 2), N) is None
    assert counted(Slice(0, 9), 6) is None
    for wrong in ("[]", "[1:2:0]", "[k]", "[1 2]", "[a:]", "[1,,2]", "[-]", "[1:2:3:4]"):
        assert read_key(wrong, lambda name: False) is None


@pytest.mark.parametrize(
    "text", ["x[9]", "x[3:9]", "x[1, 2]", "x[[1]]", "x[", "x]", "x[1:2:n]", "x & y"]
)
def test_wrong_indices_and_conditions_are_refused(text: str) -> None:
    with pytest.raises((ArgumentError, ShapeError)):
        read_formula(f"sum({text})", "x: 6, y: 6")
