"""Formulas as text: what they mean in numbers, which shapes are inferred, what is said."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy.special import erf, expit, logsumexp, softmax

from derivant.base.dims import Dim
from derivant.base.types import Array
from derivant.carriers.evaluate import evaluate
from derivant.notation import Formula, read_formula

RNG = np.random.default_rng(3)
POOL = {
    "A": RNG.normal(size=(3, 3)) + 3 * np.eye(3),
    "B": RNG.normal(size=(3, 3)),
    "X": RNG.normal(size=(5, 3)),
    "Y": RNG.normal(size=(5, 3)),
    "W": RNG.normal(size=(3, 4)),
    "P": RNG.normal(size=(2, 3)),
    "x": RNG.normal(size=3),
    "z": RNG.normal(size=3),
    "theta": RNG.normal(size=3),
    "y": RNG.normal(size=5),
    "s": RNG.uniform(0.5, 2.0, size=5),
    "c": np.asarray(0.7),
    "t": np.asarray(1.3),
}
POOL |= {"Q": POOL["X"], "theta1": POOL["c"]}
SHAPES = "Q: m n, theta1:, " + (
    "A: n n, B: n n, X: m n, Y: m n, W: n h, P: p n, x: n, z: n, theta: n, y: m, s: m, c:, t:"
)
A, B, X, Y, W, P, x, z, theta, y, s, c, t, *_ = POOL.values()
K = np.zeros((15, 15))
for row in range(5):
    for column in range(3):
        K[row * 3 + column, column * 5 + row] = 1.0
S_VALUES, S_VECTORS = np.linalg.eigh(A + A.T)
DET = np.linalg.det(A) * np.pi

MATRIX = [
    ("x'*A*z", x @ A @ z),
    ("x*z'", np.outer(x, z)),
    ("x*z'*x", np.outer(x, z) @ x),
    ("x^T * z", x @ z),
    ("(A*x)'*(B*x)", (A @ x) @ (B @ x)),
    ("x'*A", x @ A),
    ("X*x - y", X @ x - y),
    ("-c^2*x'*x", -(c**2) * (x @ x)),
    ("2^3^2*c", 512 * c),
    ("2^-1*c", 0.5 * c),
    ("A^-1*x", np.linalg.inv(A) @ x),
    ("A^3", A @ A @ A),
    ("A^-2", np.linalg.inv(A @ A)),
    ("A^2'", (A @ A).T),
    ("A'^2", A.T @ A.T),
    ("A.^2'", (A**2).T),
    ("x.^2./z", x**2 / z),
    ("1./(1 + exp(-x))", expit(x)),
    ("2.*x", 2 * x),
    ("X.*Y", X * Y),
    ("s.^c", s**c),
    ("x'*I*x + c", x @ x + c),
    ("A + c*I", A + c * np.eye(3)),
    ("X'*X/m", X.T @ X / 5),
    ("norm2(X*θ − y)^2/(2*m)", np.sum((X @ theta - y) ** 2) / 10),
    ("(m - 1)*c + n^2*t", 4 * c + 9 * t),
    ("u = X*x; v = tanh(u); sum(v.*y)", np.sum(np.tanh(X @ x) * y)),
    ("x - mean(x)", x - np.mean(x)),
    ("pi*c", np.pi * c),
    ("kron(A, P)*kron(x, z)", np.kron(A, P) @ np.kron(x, z)),
    ("K(m, n)*vec(X)", X.ravel()),
    ("K(m, n)", K),
    ("vec(X)'*vec(Y)", np.sum(X * Y)),
    ("diag(x)*A", np.diag(x) @ A),
    ("sum(diag(A))", np.trace(A)),
    ("softmax(X)", softmax(X, axis=1)),
    ("tr(X'*Y)", np.sum(X * Y)),
    ("xᵀ·A⁻¹·z + c²", x @ np.linalg.inv(A) @ z + c**2),
    ("x^{T}*A^{-1}*z", x @ np.linalg.inv(A) @ z),
    ("x^⊤*(A ∘ B ⊙ A)*z", x @ (A * B * A) @ z),
    ("c⁻¹² + t^{c + 1}", c**-12 + t ** (c + 1)),
    ("||X*x - y||^2 + ‖x‖", np.sum((X @ x - y) ** 2) + np.linalg.norm(x)),
    ("||x + ||z||*z||_2*||A||_F", np.linalg.norm(x + np.linalg.norm(z) * z) * np.linalg.norm(A)),
    ("||x||_1", np.abs(x).sum()),
    ("θ₁ + theta1", 2 * c),
]
NUMPY = [
    ("x.T @ A @ x", x @ A @ x),
    ("np.sum(np.log(1 + np.exp(-y * (X @ x))))", np.sum(np.log(1 + np.exp(-y * (X @ x))))),
    ("jnp.tanh(X @ W)", np.tanh(X @ W)),
    ("np.linalg.inv(A) @ x", np.linalg.inv(A) @ x),
    ("X @ A + x", X @ A + x),
    ("A * B / 2", A * B / 2),
    ("-x**2", -(x**2)),
    ("c**-1 + 2**-3**2", 1 / c + 2.0**-9),
    ("sum(X, 0) @ x", X.sum(0) @ x),
    ("sum(X, axis=1)", X.sum(1)),
    ("mean(X, -1) @ y", X.mean(1) @ y),
    ("max(x) + min(X) + max(x, axis=0)", 2 * x.max() + X.min()),
    ("max(x, z) + minimum(x, 0)", np.maximum(x, z) + np.minimum(x, 0)),
    ("norm1(x) + norm2(A) + prod(x)", np.abs(x).sum() + np.linalg.norm(A) + np.prod(x)),
    ("outer(x, y) @ X", np.outer(x, y) @ X),
    ("dot(x, z) * x", (x @ z) * x),
    ("det(A) + logdet(A) + trace(A)", np.linalg.det(A) + np.log(np.linalg.det(A)) + np.trace(A)),
    ("adj(A) @ expm(B)", np.linalg.det(A) * np.linalg.inv(A) @ scipy.linalg.expm(B)),
    ("matpow(A, 2) @ x", A @ A @ x),
    ("lambda_max(A + A.T)", np.linalg.eigvalsh(A + A.T)[-1]),
    ("lambda_min(X.T @ X)", np.linalg.eigvalsh(X.T @ X)[0]),
    ("logsumexp(X) @ y", logsumexp(X, axis=1) @ y),
    ("softmax(X, 0)", softmax(X, axis=0)),
    ("einsum('bi,ij,bj->', X, A, X)", np.sum((X @ A) * X)),
    ("eye(n) @ ones(n, h) + W + zeros(n, h)", 1 + W),
    ("relu(x) + step(x) + sign(z) + abs(z)", x.clip(0) + (x > 0) + np.sign(z) + np.abs(z)),
    ("erf(x) + sigmoid(x) + softplus(x)", erf(x) + expit(x) + np.log1p(np.exp(x))),
    ("asin(sin(c)) + arccos(cos(t)) + atan(tan(c))", c + t + c),
    ("sinh(x) + cosh(x) - exp(x)", 0 * x),
    ("sqrt(m * n) * x", np.sqrt(15.0) * x),
    ("m / n * c", 5 / 3 * c),
    ("lam(A + A.T, 0) + lam(A @ A.T)", S_VALUES[0] + np.linalg.eigvalsh(A @ A.T)[-1]),
    ("outer(eigv(A + A.T, 1), eigv(A + A.T, 1))", np.outer(S_VECTORS[:, 1], S_VECTORS[:, 1])),
    ("eigvecs(A + A.T, 2) @ eigvecs(A + A.T, 2).T", S_VECTORS[:, 1:] @ S_VECTORS[:, 1:].T),
    ("sqrtm(A @ A.T) @ sqrtm(A @ A.T)", A @ A.T),
    ("hcat(A, x) @ hcat(B, z).T", A @ B.T + np.outer(x, z)),
    ("unvec(vec(X.T), n, m)", X.T),
    ("unvec(kron(x, y), m, n)", np.outer(y, x)),
    ("gt(x, z) * x + gt(x, 0)", (x > z) * x + (x > 0)),
    ("pinv(Q) @ y", np.linalg.pinv(X) @ y),
    ("pinv(Q.T) @ x", np.linalg.pinv(X.T) @ x),
    ("solve(A, x) + np.linalg.solve(B, z)", np.linalg.solve(A, x) + np.linalg.solve(B, z)),
    ("np.max(X, 0) + np.max(x)", X.max(0) + x.max()),
    ("np.linalg.norm(x) * np.linalg.det(A) * np.pi + np.e", DET * np.linalg.norm(x) + np.e),
    ("np.matmul(X, A) + np.multiply(Y, 2)", X @ A + Y * 2),
    ("np.transpose(A) @ np.power(x, 3) - np.square(x)", A.T @ x**3 - x**2),
    ("jnp.linalg.matrix_power(A, 3) @ np.identity(n)", A @ A @ A),
]


def value_of(formula: Formula) -> Array:
    """The value at the pool's arrays; X and W are always there, since they give m, n and h."""
    anchors = read_formula("0*sum(X) + 0*sum(W)", SHAPES)
    whole = formula.expression + anchors.expression
    names = {*formula.variables, *anchors.variables}
    return evaluate(whole, {name: POOL[name] for name in names})


@pytest.mark.parametrize(("text", "wanted"), MATRIX)
def test_matrix_notation_means_these_numbers(text: str, wanted: Array) -> None:
    formula = read_formula(text, SHAPES, notation="matrix")
    np.testing.assert_allclose(value_of(formula), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("text", "wanted"), NUMPY)
def test_numpy_notation_means_these_numbers(text: str, wanted: Array) -> None:
    formula = read_formula(text, SHAPES, {"Q": "full-column-rank"}, notation="numpy")
    np.testing.assert_allclose(value_of(formula), wanted, rtol=1e-9, atol=1e-12)


SAID = [
    ("x'*A*x", "matrix notation: x (n), A (n, n); value: a number"),
    ("norm2(X*w - y)^2 + λ*norm2(w)^2",
     "matrix notation: X (m, n), w (n), y (m), λ a number; value: a number"),
    ("a'*x + b", "matrix notation: a (n), x (n), b a number; value: a number"),
    ("X @ W + b", "NumPy notation: X (m, n), W (n, p), b (p); value: a matrix (m, p)"),
    ("softmax(W*x)", "matrix notation: W (m, n), x (n); value: a vector (m)"),
    ("A'*A + c*I", "matrix notation: A (m, n), c a number; value: a matrix (n, n)"),
    ("x'*Σ^-1*x", "matrix notation: x (n), Σ (n, n); value: a number"),
    ("exp(-norm2(x - y)^2/(2*sigma^2))",
     "matrix notation: x (n), y (n), σ a number; value: a number"),
    ("K*x", "matrix notation: K (m, n), x (n); value: a vector (m)"),
    ("tr(X'*X)/m", "matrix notation: X (n, p), m a number; value: a number"),
    ("einsum('ijk,k->ij', T, x)",
     "matrix notation: T (m, n, p), x (p); value: a matrix (m, n)"),
    ("z1 = X*W1; h1 = relu(z1); L = norm2(h1*W2)^2",
     "matrix notation: X (m, n), W1 (n, p), W2 (p, q); value: a number"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), SAID)
def test_shapes_come_from_use(text: str, said: str) -> None:
    assert read_formula(text).said == "read as " + said


def test_dimensions_as_numbers_are_said_with_their_place() -> None:
    formula = read_formula("norm2(X*theta - y)^2/(2*m)", "X: m n")
    assert formula.said == (
        "read as matrix notation: X (m, n), θ (n), y (m), m rows of X; value: a number"
    )
    assert list(formula.variables) == ["X", "theta", "y"]


def test_both_spellings_of_a_greek_letter_are_one_name() -> None:
    formula = read_formula("θ'*theta", {"θ": "n"})
    assert list(formula.variables) == ["theta"]
    assert formula.variables["theta"].shape == (Dim.named("n"),)


def test_a_name_is_a_function_only_before_a_parenthesis() -> None:
    shapes = {"exp": "n n", "max": "n n", "I": "n n"}
    formula = read_formula("exp*max + lambda*I", shapes, notation="matrix")
    assert list(formula.variables) == ["exp", "max", "lambda", "I"]


def test_programs_keep_the_names_of_their_lines() -> None:
    formula = read_formula("u = X*w\nΣ = u'*u; exp(-Σ)")
    assert list(formula.assignments) == ["u", "Sigma"]
    assert formula.assignments["u"] in formula.assignments["Sigma"].inputs
    assert formula.notation == "matrix"


def test_facts_are_on_the_variables_and_make_matrices_square() -> None:
    formula = read_formula("tr(a)*b", assume={"a": "spd positive", "b": "positive"})
    assert formula.variables["a"].params["facts"] == ("positive", "spd")
    assert formula.variables["a"].shape == (Dim.named("m"),) * 2


def test_the_same_text_is_the_same_expression() -> None:
    texts = ("x'*A*x", "x^T*A*x", "x' * (A) * x;")
    first, *others = (read_formula(text, "A: n n, x: n").expression for text in texts)
    assert all(other is first for other in others)


def test_what_both_notations_read_alike_needs_no_notation() -> None:
    formula = read_formula("dot(a, x)*norm2(x)")
    assert formula.expression.shape == ()


def test_sizes_may_be_numbers_and_sequences() -> None:
    formula = read_formula("A*x", {"A": (2, "n"), "x": [Dim.named("n")]})
    assert formula.expression.shape == (2,)
