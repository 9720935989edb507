"""Answers as code: what it returns is what the answer computes, in each library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.carriers.evaluate import evaluate
from derivant.derivation import Derivative, Derivatives
from derivant.derivation.draws import drawn

SIZES = {"m": 4, "n": 3, "p": 5, "q": 2, "N": 4, "D": 3, "H": 5, "M": 2, "k": 2}
FORMULAS: list[tuple[str, dict[str, Any]]] = [
    ("norm2(X*theta - y)^2/(2*m)", {"wrt": "theta", "shapes": "X: m n"}),
    ("x'*A*x", {"wrt": "A"}),
    ("x'*A*x", {"wrt": "x", "order": 2}),
    ("sum(x)", {"wrt": "x"}),
    ("x - y", {"wrt": "x", "shapes": "x: n"}),
    ("lambda*norm2(x)^2 + c", {"wrt": "lambda", "shapes": "lambda:, c:, x: n"}),
    ("norm2(A*x - b)", {"wrt": "x"}),
    ("norm2(A*x - b)", {"wrt": "x", "order": 2}),
    ("sum(log(1 + exp(-y.*(X*w))))", {"wrt": "w"}),
    ("sum(log(1 + exp(-y.*(X*w))))", {"wrt": "w", "order": 2}),
    ("sum(sigmoid(X*w))", {"wrt": "w"}),
    ("sum(softplus(X*w)) + sum(erf(w))", {"wrt": "w"}),
    ("logsumexp(A*x)", {"wrt": "x", "order": 2}),
    ("sum(G .* softmax(X*W))", {"wrt": "W", "shapes": "X: m n, W: n p"}),
    ("norm2(relu(X*W1)*W2 - Y)^2", {"wrt": "W1", "shapes": "X: N D, W1: D H, W2: H M"}),
    ("b'*A^-1*b", {"wrt": "b", "assume": {"A": "spd"}}),
    ("b'*A^-1*b", {"wrt": "A", "assume": {"A": "invertible"}}),
    ("logdet(X)", {"wrt": "X", "assume": {"X": "invertible"}}),
    ("logdet(X)", {"wrt": "X", "assume": {"X": "invertible"}, "order": 2}),
    ("det(X)", {"wrt": "X", "assume": {"X": "invertible"}}),
    ("tr(X'*A*X*B)", {"wrt": "X", "shapes": "X: m n, A: m m, B: n n"}),
    ("W*x", {"wrt": "W"}),
    ("A*X*B", {"wrt": "X", "layout": "vec", "notation": "matrix"}),
    ("X'*A*X", {"wrt": "X", "layout": "vec", "shapes": "X: m n, A: m m"}),
    ("tr(A*X)*B.*X", {"wrt": "X", "layout": "vec", "shapes": "A: n m, X: m n, B: m n"}),
    ("max(A*x)", {"wrt": "x"}),
    ("sum(min(X, 1))", {"wrt": "X", "shapes": "X: m n", "notation": "numpy"}),
    ("sum(max(x, y).^2)", {"wrt": "y"}),
    ("X*W", {"wrt": "W", "shapes": "X: N D, W: D M", "cotangent": "G"}),
    ("prod(x)", {"wrt": "x", "assume": {"x": "positive"}}),
    ("sum(abs(x).^3)^(1/3)", {"wrt": "x"}),
    ("n*sum(x)/sqrt(n)", {"wrt": "x", "shapes": "x: n"}),
    ("sum(max(x - 1, 0)).*y", {"wrt": "x", "shapes": "x: n, y: n"}),
    ("einsum('ijk,i,j,k->', T, x, x, x)", {"wrt": "x"}),
    ("tr(X)", {"wrt": "X", "assume": {"X": "symmetric"}, "structured": "riesz"}),
]  # fmt: skip


def answer(text: str, options: dict[str, Any]) -> Derivative:
    r = dv.derive(text, **options)
    assert isinstance(r, Derivative)
    return r


def numbers(r: Derivative, seed: int = 3) -> dict[str, Any]:
    """A value for each variable, in order of appearance."""
    rng = np.random.default_rng(seed)
    return {
        str(v.params["name"]): drawn(v, tuple(SIZES.get(str(s), s) for s in v.shape), rng)
        for v in r.question.variables
    }


def run(text: str, name: str, arguments: list[Any]) -> Any:
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope[name](*arguments)


def in_order(r: Derivative, values: dict[str, Any]) -> list[Any]:
    return [values[r.wrt], *(v for name, v in values.items() if name != r.wrt)]


@pytest.mark.parametrize(("text", "options"), FORMULAS)
def test_the_code_computes_the_answer(text: str, options: dict[str, Any]) -> None:
    r = answer(text, options)
    values = numbers(r)
    expected = r(**values)
    arguments = in_order(r, values)
    found = run(r.code("numpy"), "derivative", arguments)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    value, again = run(r.code("numpy", value=True), "value_and_derivative", arguments)
    np.testing.assert_allclose(again, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(value, evaluate(r.question.value, values), rtol=1e-9, atol=1e-11)
    single = [np.asarray(a, np.float32) for a in arguments]
    assert run(r.code("numpy"), "derivative", single).dtype == np.float32


@pytest.mark.parametrize(("text", "options"), FORMULAS)
def test_torch(text: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    r = answer(text, options)
    values = numbers(r)
    arguments = [torch.tensor(a) for a in in_order(r, values)]
    _, found = run(r.code("torch", value=True), "value_and_derivative", arguments)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, r(**values), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("text", "options"), FORMULAS[::4])
def test_jax(text: str, options: dict[str, Any]) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    r = answer(text, options)
    values = numbers(r)
    arguments = [jax.numpy.asarray(a) for a in in_order(r, values)]
    _, found = run(r.code("jax", value=True), "value_and_derivative", arguments)
    np.testing.assert_allclose(found, r(**values), rtol=2e-3, atol=2e-4)  # may be float32


def test_the_value_and_the_derivative_share_work() -> None:
    r = answer(*FORMULAS[0])
    text = r.code("numpy", value=True)
    assert text.count("X @ theta") == 1
    assert "    r = X @ theta - y\n    return 0.5 * (r @ r) / m, X.T @ r / m\n" in text


def test_several_variables_share_one_function() -> None:
    def loss(W1: Any, W2: Any, X: Any) -> Any:
        return np.sum((np.maximum(X @ W1, 0) @ W2) ** 2)

    r = dv.derive(loss, wrt=["W1", "W2"], shapes="X: N D, W1: D H, W2: H M")
    assert isinstance(r, Derivatives)
    values = numbers(r["W1"])
    text = r.code("numpy", value=True, name="loss_and_gradients")
    assert "def loss_and_gradients(W1, W2, X):" in text and text.count("X @ W1") == 1
    value, (one, two) = run(text, "loss_and_gradients", [*values.values()])
    np.testing.assert_allclose(value, loss(**values), rtol=1e-12)
    np.testing.assert_allclose(one, r["W1"](**values), rtol=1e-12)
    np.testing.assert_allclose(two, r["W2"](**values), rtol=1e-12)
    plain = run(r.code(), "derivative", [*values.values()])
    np.testing.assert_allclose(plain[1], two, rtol=1e-12)


def test_variables_that_vanished_and_keywords_are_parameters() -> None:
    r = answer("a'*x + lambda*c", {"wrt": "x", "shapes": "x: n, lambda:, c:"})
    assert "def derivative(x, a, lambda_, c):" in r.code()
    assert run(r.code(), "derivative", [np.ones(2), np.arange(2.0), 1.0, 2.0]).tolist() == [0, 1]


def test_a_parameter_that_a_function_does_not_use() -> None:
    r = dv.derive(lambda w, y, X: dv.sum(X @ w), wrt="w", shapes="X: m n, w: n, y: m")
    assert isinstance(r, Derivative)
    assert "def derivative(w, y, X):" in r.code()


def test_bad_options_are_refused() -> None:
    r = answer("x'*x", {"wrt": "x"})
    with pytest.raises(dv.ArgumentError, match="the target is one of"):
        r.code("julia")
    with pytest.raises(dv.ArgumentError, match="no name for a function"):
        r.code("numpy", name="two words")
    with pytest.raises(dv.ArgumentError, match="value is True or False"):
        r.code("numpy", value="yes")  # type: ignore[arg-type]  # wrong on purpose


def test_a_kronecker_product_is_one_in_code() -> None:
    r = answer("A*X*B", {"wrt": "X", "layout": "vec", "notation": "matrix"})
    for library, module in (("numpy", "np"), ("jax", "jnp")):
        last = r.code(library).splitlines()[-1].strip()
        assert last == f"return {module}.kron(B.T, A)"
