"""Code from expressions: executed, it computes what the expression is; and how it reads."""

from __future__ import annotations

import keyword
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, DerivantError
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.carriers.trace import symbols
from derivant.notation import function_text
from derivant.notation.code_plan import planned
from derivant.primitives import RECORD, TABLE
from derivant.rewriting import normal_form
from rewriting.random_expressions import VARIABLES, expressions, values

N, M = Dim.named("n"), Dim.named("m")


def run(text: str, name: str, *arguments: Any, **options: Any) -> Any:
    """What our own text computes."""
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope[name](*arguments, **options)


def written(*results: Expr, target: str = "numpy") -> str:
    return function_text(target, "f", list(VARIABLES.values()), results, ["A test."])


def assert_same(found: Any, expected: Any) -> None:
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * scale)


@settings(max_examples=1000, deadline=None)
@given(expressions(9))
def test_code_computes_the_expression(e: Expr) -> None:
    numbers = values(3, 4, seed=5)
    results = [e, normal_form(e)]
    expected = evaluate_all([*results, VARIABLES["B"]], numbers)
    text = written(*results)
    found = run(text, "f", *numbers.values())
    for one, two in zip(found, expected[:2], strict=True):
        assert_same(one, two)


@settings(max_examples=100, deadline=None)
@given(expressions(9))
def test_the_plan_keeps_the_value(e: Expr) -> None:
    numbers = values(2, 3, seed=8)
    (best,) = planned([e])
    expected, found, _ = evaluate_all([e, best, VARIABLES["B"]], numbers)
    assert best.shape == e.shape
    assert_same(found, expected)


@settings(max_examples=30, deadline=None)
@given(expressions(7))
def test_float32_stays_float32(e: Expr) -> None:
    numbers = {k: v.astype(np.float32) for k, v in values(3, 4, seed=5).items()}
    found = run(written(e), "f", *numbers.values())
    assert found.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(e=expressions(7))
def test_torch_agrees(e: Expr) -> None:
    check_library("torch", e)


@settings(max_examples=8, deadline=None)  # each new shape is compiled
@given(e=expressions(7))
def test_jax_agrees(e: Expr) -> None:
    check_library("jax", e)


def check_library(target: str, e: Expr) -> None:
    module = pytest.importorskip(target, reason=f"{target} is not installed")
    numbers = values(3, 4, seed=5)
    expected, _ = evaluate_all([e, VARIABLES["B"]], numbers)
    make = module.tensor if target == "torch" else module.numpy.asarray
    found = run(written(e, target=target), "f", *map(make, numbers.values()))
    double = "64" in str(found.dtype)
    assert np.shape(found) == np.shape(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=(1e-10 if double else 1e-4) * scale)


ROWS = [
    (name, case)
    for name in (
        *("exp", "log", "sin", "tanh", "abs", "sign", "asin", "acosh", "atan", "expm1", "log1p"),
        *("relu", "sigmoid", "softplus", "log_sigmoid", "silu", "erf", "erfc", "lgamma", "digamma"),
        *("step", "softmax", "log_softmax", "logsumexp", "max", "min", "prod", "sum", "cumsum"),
        *("maximum", "minimum", "det", "inv", "logdet", "trace", "diagonal", "diag_embed"),
        *("clip_low", "clip_high", "pow", "atan2", "hypot", "logaddexp", "xlogy", "square", "sqrt"),
        *("expm", "cholesky", "eigvalsh", "flip", "squeeze", "permute_dims", "vector_norm", "cbrt"),
    )
    for case, made in enumerate(TABLE[name].cases)
    if all(0 not in shape for shape in made.shapes)
]
TARGETS = [("numpy", n, c) for n, c in ROWS] + [("torch", n, c) for n, c in ROWS]
TARGETS += [("jax", n, c) for n, c in ROWS if c == 0]


@pytest.mark.parametrize(("target", "name", "case"), TARGETS)
def test_a_row_is_written_or_refused(target: str, name: str, case: int) -> None:
    row = TABLE[name]
    made = row.cases[case]
    if any(isinstance(size, str) for shape in made.shapes for size in shape):
        sizes = {"n": 3, "m": 2, "k": 2, "p": 2}
        shapes = [tuple(sizes.get(str(s), s) for s in shape) for shape in made.shapes]
    else:
        shapes = list(made.shapes)
    if callable(next(iter(made.params.values()), None)):
        pytest.skip("the parameters depend on sizes")
    operands = [symbol(f"x{i}", shape) for i, shape in enumerate(shapes)]
    rng = np.random.default_rng(1)
    numbers = [np.asarray(rng.uniform(0.2, 0.8, shape)) for shape in shapes]
    if name in ("acosh",):
        numbers = [x + 1 for x in numbers]
    if name in ("inv", "logdet", "cholesky", "det", "eigvalsh"):
        numbers = [x @ np.swapaxes(x, -1, -2) + 2 * np.eye(x.shape[-1]) for x in numbers]
    try:
        e = Expr.derivant_apply(row, tuple(operands), made.params)
        text = function_text(target, "f", operands, [e], ["A row."])
    except DerivantError:
        assert len(shapes[0]) not in (1, 2) or made.params or name == "cbrt" or len(shapes) > 1
        return
    expected = row.evaluate(*numbers, **made.params)
    arguments: list[Any] = list(numbers)
    if target != "numpy":
        module = pytest.importorskip(target, reason=f"{target} is not installed")
        make = module.tensor if target == "torch" else module.numpy.asarray
        arguments = [make(x) for x in numbers]
    found = np.asarray(run(text, "f", *arguments))
    tolerance = 1e-10 if "64" in str(found.dtype) else 1e-4
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_products_are_made_from_the_cheap_end() -> None:
    x, y, A, B = symbols("x: n, y: n, A: n n, B: n n")
    text = function_text("numpy", "f", [x, y, A, B], [(A @ B) @ x, (x @ A) @ (B @ y)], [""])
    assert "return A @ (B @ x), " in text
    assert "A @ B" not in text.split("return")[1].split(",")[1]
    X, W = symbols("X: m n, W: n p")
    text = function_text("numpy", "f", [X, W], [normal_form((X.T @ X) @ W)], [""])
    assert "return X.T @ (X @ W)" in text
    thin, wide = symbols("U: 1000 2, V: 1000 3")
    text = function_text("numpy", "f", [thin, wide], [thin @ (thin.T @ wide)], [""])
    assert "return U @ (U.T @ V)" in text


def test_an_inverse_that_is_used_once_is_a_system() -> None:
    A, b = symbols("A: n n, b: n")
    inverse = RECORD.inv(A)
    assert "np.linalg.solve(A, b)" in function_text("numpy", "f", [A, b], [inverse @ b], [""])
    assert "np.linalg.solve(A.T, b)" in function_text("numpy", "f", [A, b], [b @ inverse], [""])
    twice = function_text("numpy", "f", [A, b], [inverse @ b, inverse], [""])
    assert twice.count("inv(") == 1 and "solve" not in twice


def test_names_that_python_or_an_import_has() -> None:
    given = [symbol(n, ()) for n in ("lambda", "np", "f", "lambda_", "r")]
    total = given[0] + given[1] * given[2] - given[3] * given[4]
    text = function_text("numpy", "f", given, [total], [""])
    assert "def f(lambda_, np_, f, lambda__, r):" in text
    assert run(text, "f", 1.0, 2.0, 3.0, 4.0, 5.0) == 1 + 6 - 20
    assert not any(keyword.iskeyword(w) for w in ("lambda_", "np_"))


def test_sizes_are_read_from_shapes_or_asked_for() -> None:
    (X,) = [symbol("X", (M, N))]
    k = Dim.named("k")
    ones = RECORD.broadcast_to(as_expr(1.0), shape=(k,))
    total = RECORD.over_size(RECORD.sum(X, axis=(-2, -1), keepdims=False), size=M * N) * ones
    text = function_text("numpy", "f", [X], [total], [""])
    assert "def f(X, *, k):" in text and "m, n = X.shape" in text
    np.testing.assert_allclose(run(text, "f", np.ones((2, 3)), k=2), [1.0, 1.0])


def test_a_size_and_a_variable_of_one_name() -> None:
    n, X = symbol("n", ()), symbol("X", (N, N))
    total = n * RECORD.over_size(RECORD.trace(X, offset=0), size=N)
    text = function_text("numpy", "f", [n, X], [total], [""])
    assert run(text, "f", 3.0, np.eye(2)) == 3.0


def test_long_parts_get_names() -> None:
    x, A = symbols("x: n, A: n n")
    e = x
    for _ in range(12):
        e = RECORD.tanh(A @ e + x) * e
    text = function_text("numpy", "f", [x, A], [e], [""])
    assert max(map(len, text.splitlines())) <= 130
    assert len(text) < 3000  # shared parts are not written again


def test_a_docstring_cannot_be_left() -> None:
    x = symbol("x", ())
    about = ['"""; import os; """', "\\"]
    assert run(function_text("numpy", "f", [x], [x * 2], about), "f", 2.0) == 4.0


@pytest.mark.parametrize(
    ("target", "name", "message"),
    [("c", "f", "the target is one of"), ("numpy", "1f", "no name"), ("numpy", "if", "no name")],
)
def test_what_cannot_be_written_is_refused(target: str, name: str, message: str) -> None:
    x = symbol("x", ())
    with pytest.raises(ArgumentError, match=message):
        function_text(target, name, [x], [x], [""])


def test_rows_without_a_name_and_large_constants_are_refused() -> None:
    x = symbol("x", (3,))
    with pytest.raises(DerivantError, match="cluster_mean has no code"):
        function_text("numpy", "f", [x], [RECORD.cluster_mean(x, x)], [""])
    with pytest.raises(DerivantError, match="make it an argument"):
        function_text("numpy", "f", [x], [x @ as_expr(np.ones((3, 40)))], [""])
    with pytest.raises(ArgumentError, match="no name that code can have"):
        function_text("numpy", "f", [symbol("x y", ())], [x], [""])
