"""Formulas in, checked derivatives out: the lecture's results, by text, Expr and function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.cli.main import main
from derivant.derivation import Derivative, Derivatives
from derivant.derivation.checking import checked
from derivant.notation import read_formula

LECTURE = [
    ("x'*x", "x", "2 x", "2 * x"),
    ("sum(x)", "x", "ones(n)", "ones(n)"),
    ("W*x", "x", "W", "W"),
    ("x'*A*x", "x", "(A + A') x", "(A + A.T) @ x"),
    ("x'*A*x", "A", "x x'", "outer(x, x)"),
    ("norm2(A*x - b)^2", "x", "2 A' (A x - b)", "2 * A.T @ (A @ x - b)"),
    ("norm2(X*W)^2", "W", "2 X' X W", "2 * X.T @ X @ W"),
]


def one(what: object, **options: object) -> Derivative:
    found = dv.derive(what, **options)  # type: ignore[arg-type]  # what a user may hand over
    assert isinstance(found, Derivative)
    return found


@pytest.mark.parametrize(("text", "wrt", "matrix", "numpy"), LECTURE)
def test_the_lecture(text: str, wrt: str, matrix: str, numpy: str) -> None:
    r = one(text, wrt=wrt)
    assert r.text == matrix
    assert r.expression("numpy") == numpy
    assert r.check.samples >= 5 and r.check.max_relative_error < 1e-8


def test_upstream_by_name() -> None:
    shapes = "X: N D, W: D M"
    assert one("X*W", wrt="W", shapes=shapes, cotangent="G").text == "X' G"
    assert one("X*W", wrt="X", shapes=shapes, cotangent="G").text == "G W'"


def test_a_two_layer_network_by_both_weights() -> None:
    text = "z = X*W1; h = relu(z); y = h*W2; norm2(y)^2"
    r = dv.derive(text, wrt=["W1", "W2"], shapes="X: N D, W1: D H, W2: H M")
    assert isinstance(r, Derivatives) and list(r) == ["W1", "W2"]
    assert r["W2"].expression("numpy") == "2 * relu(X @ W1).T @ relu(X @ W1) @ W2"
    values = {
        "X": np.array([[1.0, -2.0]]),
        "W1": np.array([[1.0, 2.0], [0.5, 3.0]]),
        "W2": np.array([[1.0], [-1.0]]),
    }

    def loss(W1: object, W2: object) -> object:
        return dv.sum((dv.maximum(values["X"] @ W1, 0) @ W2) ** 2)

    for place, name in enumerate(("W1", "W2")):
        expected = dv.grad(loss, place)(values["W1"], values["W2"])
        np.testing.assert_allclose(r[name](**values), expected, atol=1e-12)


def test_a_function_in_plain_numpy() -> None:
    def loss(w: object, X: object, y: object) -> object:
        return np.sum((X @ w - y) ** 2)  # type: ignore[operator]  # arrays at run time

    r = one(loss, wrt="w", shapes="X: m n, w: n, y: m")
    assert r.text == "2 X' (X w - y)"
    with pytest.raises(dv.ArgumentError, match="sizes of X, y are not known"):
        dv.derive(loss, wrt="w", shapes="w: n")


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (lambda x: np.sum(np.clip(x, 0.0, 1.0)), "step(1 - relu(x)) ∘ step(x)"),
        (lambda x: np.std(x), "(x - mean(x)) / (sqrt(norm2(mean(x) - x)^2 / n) n)"),
        (lambda x: np.var(x, ddof=1), "2 (x - mean(x)) / (n - 1)"),
    ],
)
def test_statistics_and_bounds_in_plain_numpy(loss: Callable[[Any], Any], text: str) -> None:
    r = one(loss, wrt="x", shapes="x: n")
    assert r.text == text
    x = np.array([-0.4, 0.0, 0.3, 1.0, 2.5])
    np.testing.assert_allclose(r(x=x), dv.grad(loss)(x), atol=1e-12)


def test_an_expression() -> None:
    x, A = dv.symbols("x: n, A: n n")
    assert one(x @ A @ x, wrt=x).text == "(A + A') x"


def test_facts_on_the_variable_wait_for_the_last_derivative() -> None:
    r = one("logdet(X)", wrt="X", assume={"X": "symmetric-invertible"}, order=2)
    assert r.shape == r.expr.shape and len(r.shape) == 4
    assert r.check.max_relative_error < 1e-6
    fact = {"X": "symmetric"}
    assert one("a'*X*b", wrt="X", assume=fact, shapes="X: n n").text == "a b'"


@pytest.mark.parametrize(
    ("fact", "convention", "text"),
    [
        ("symmetric", "independent", "A - diag(diag(A)) + A'"),
        ("symmetric", "riesz", "0.5 (A + A')"),
        ("diagonal", "independent", "diag(diag(A))"),
    ],
)
def test_a_structured_variable(fact: str, convention: str, text: str) -> None:
    r = one("tr(A.T @ X)", wrt="X", assume={"X": fact}, structured=convention)
    assert r.text == text


def test_functions_of_symmetric_matrices_are_symmetric() -> None:
    assert one("logdet(X'*X)", wrt="X", shapes="X: m n").text == "2 X inv(X' X)"
    r = one("x'*A^-1*x", wrt="x", assume={"A": "spd"})
    assert r.text == "2 inv(A) x"


@pytest.mark.parametrize(
    ("text", "kron"),
    [
        ("A @ X @ B", "kron(B.T, A)"),
        ("A @ X.T @ B", "kron(B.T, A) @ K(n, p)"),
        ("tr(X.T @ A) * A", "outer(vec(A), vec(A))"),
    ],
)
def test_columns_stacked(text: str, kron: str) -> None:
    shapes = "A: m n, X: n p, B: p q"
    if ".T" in text:
        shapes = "A: m p, X: n p, B: n q" if "B" in text else "A: m n, X: m n"
    r = one(text, wrt="X", shapes=shapes, notation="numpy", layout="vec")
    assert r.expression("numpy") == kron
    rng = np.random.default_rng(3)
    sizes = {"m": 2, "n": 3, "p": 4, "q": 5}
    names = [part.split(":")[0].strip() for part in shapes.split(",")]
    values = {
        n: rng.standard_normal([sizes[s] for s in part.split(":")[1].split()])
        for n, part in zip(names, shapes.split(","), strict=True)
    }
    move = rng.standard_normal(values["X"].shape)

    def value(X: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]  # shapes differ
        found = eval(text, {"tr": np.trace}, {**values, "X": X})
        return np.asarray(found).reshape(-1, order="F")

    expected = value(values["X"] + move) - value(values["X"])
    np.testing.assert_allclose(r(**values) @ move.reshape(-1, order="F"), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "shapes", "kron"),
    [
        ("A*X*b", "A: p m, X: m n, b: n", "kron(b', A)"),
        ("A*X'*b", "A: p n, X: m n, b: m", "kron(A, b')"),
        ("X*X'*b", "X: m n, b: m", "kron((X' b)', I) + kron(X, b')"),
        ("a*tr(B'*X)", "B: m n, X: m n, a: p", "a vec(B)'"),
    ],
)
def test_a_vector_by_the_stacked_columns_of_a_matrix(text: str, shapes: str, kron: str) -> None:
    options = {"wrt": "X", "shapes": shapes, "notation": "matrix"}
    r = one(text, **options, layout="vec")
    assert r.text == kron
    rng, sizes = np.random.default_rng(2), {"m": 3, "n": 4, "p": 2}
    given = {
        name.strip(): rng.standard_normal([sizes[s] for s in axes.split()])
        for name, axes in (part.split(":") for part in shapes.split(","))
    }
    full = one(text, **options)(**given)
    flat = full.transpose(0, 2, 1).reshape(len(full), -1)
    np.testing.assert_allclose(r(**given), flat, atol=1e-12)
    scope: dict[str, Any] = {}
    exec(r.code("numpy"), scope)
    np.testing.assert_allclose(scope["derivative"](**given), flat, atol=1e-12)


def test_the_columns_of_a_matrix_stacked_in_the_value_too() -> None:
    shapes = "A: p m, X: m n, B: n q"
    two = [
        one(t, wrt="X", shapes=shapes, notation="matrix", layout="vec")
        for t in ("A*X*B", "vec(A*X*B)")
    ]
    assert two[0].text == two[1].text == "kron(B', A)"
    scope: dict[str, Any] = {}
    exec(two[1].code("numpy", value=True, name="f"), scope)
    rng = np.random.default_rng(5)
    X, A, B = (rng.standard_normal(s) for s in ((3, 4), (2, 3), (4, 5)))
    value, jacobian = scope["f"](X, A, B)
    np.testing.assert_allclose(value, jacobian @ X.reshape(-1, order="F"), atol=1e-12)


@pytest.mark.parametrize(
    ("text", "wrt", "shapes", "answer"),
    [
        ("tr(A*exp(X))", "X", "A: n m, X: m n", "A' ∘ exp(X)"),
        ("sum(((A*x).^2 - b).^2)/4", "x", "A: m n", "A' (((A x).^2 - b) ∘ (A x))"),
        ("log(mean(exp(x)))", "x", "x: n", "softmax(x)"),
        ("sum(x)^7", "x", "x: n", "7 sum(x)^6 ones(n)"),
        ("y'*(I - X*inv(X'*X)*X')*y", "y", "X: m n", "2 (y - X inv(X' X) X' y)"),
        (
            "log(a*exp(-x^2) + b*exp(-(x - 1)^2))",
            "x",
            "x:, a:, b:",
            "-2 (a x exp(-x^2) + b exp(-(x - 1)^2) (x - 1)) / (a exp(-x^2) + b exp(-(x - 1)^2))",
        ),
    ],
)
def test_answers_stand_as_in_a_textbook(text: str, wrt: str, shapes: str, answer: str) -> None:
    assert one(text, wrt=wrt, shapes=shapes, notation="matrix").text == answer


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("1/(1 + x^2)", ("-2 x / (x^2 + 1)^2", "2 (3 x^2 - 1) / (x^2 + 1)^3")),
        ("exp(-x^2)", ("-2 x exp(-x^2)", "2 exp(-x^2) (2 x^2 - 1)")),
    ],
)
def test_numbers_over_one_denominator(text: str, answers: tuple[str, str], order: int) -> None:
    assert one(text, wrt="x", shapes="x:", order=order).text == answers[order - 1]


@pytest.mark.parametrize("text", ["*".join(["sum(x)"] * 30), " .* ".join(["(x*x')"] * 30)])
def test_many_equal_factors_end(text: str) -> None:
    r = one(text, wrt="x")
    assert r.check.samples >= 5


def test_second_order() -> None:
    assert one("norm2(A*x - b)^2", wrt="x", order=2).text == "2 A' A"


def test_a_wrong_derivative_is_not_shown() -> None:
    formula = read_formula("x'*A*x")
    x, A = formula.variables["x"], formula.variables["A"]
    with pytest.raises(dv.DerivantError, match="differs from differences"):
        checked(formula.expression, x, 2 * A @ x)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x'*A*x", {"wrt": "z"}, "z is not in the formula; its variables are x, A"),
        ("x'*A*x", {"wrt": []}, "names no variable"),
        ("x'*x", {"wrt": "x", "order": 21}, "order is 1 to 20"),
        ("x'*x", {"wrt": "x", "cotangent": "x"}, "a new name"),
        ("x'*x", {"wrt": "x", "layout": "rows"}, "the layout is one of"),
        ("x*x'", {"wrt": "x", "layout": "vec"}, "a matrix or a vector by"),
        ("tr(X)", {"wrt": "X", "structured": "riesz"}, "needs a fact on X"),
        ("tr(X)", {"wrt": "X", "structured": "free"}, "structured is one of"),
        (3.0, {"wrt": "x"}, "takes a text"),
        ("theta'*x", {"wrt": "x", "shapes": "tetha: n"}, "tetha is not .* did you mean θ?"),
        ("x'*A*x", {"wrt": "x", "assume": {"B": "spd"}}, "assume: B is not in the formula"),
        ("r = A*x; r'*r", {"wrt": "x", "assume": "r: positive"}, "the formula gives it a value"),
        ("r = A*x; r'*r", {"wrt": "x", "shapes": "r: m n"}, r"shapes: r is \(p\) in the formula"),
        ("X*W", {"wrt": "W", "shapes": "X: N D, W: D M, G: N", "cotangent": "G"}, "G is "),
        (lambda x: x @ x, {"wrt": "x", "shapes": "x: n, y: n"}, "shapes: y is not in the formula"),
        (sum(dv.symbols("x:, x: n")), {"wrt": "x"}, "two variables of the expression are named x"),
        (dv.symbols("x: n"), {"wrt": "x", "shapes": "x: 3"}, r"x is \(n\) in the formula"),
    ],
)
def test_what_cannot_be_answered_is_said(
    text: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(dv.DerivantError, match=message):
        dv.derive(text, **options)  # type: ignore[arg-type]  # wrong input on purpose


def test_what_is_given_of_a_cotangent_and_of_a_named_part_may_be_said() -> None:
    shapes = "X: N D, W: D M, G: N M"
    assert dv.derive("X*W", wrt="W", shapes=shapes, cotangent="G").text == "X' G"
    r = dv.derive("r = A*x; r'*r", wrt="x", shapes="A: m n, r: m")
    assert r.text == "2 A' A x"


@pytest.mark.parametrize("text", [3, None, {"x": "n"}, ["x"]])
def test_symbols_are_written_as_a_text(text: object) -> None:
    with pytest.raises(dv.ArgumentError, match="written as in 'x: n, A: n n'"):
        dv.symbols(text)  # type: ignore[arg-type]  # wrong on purpose


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "x'*A*x", "--wrt", "x"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "read as matrix notation: x (n), A (n, n); value: a number"
    assert lines[1].startswith("∂/∂x = (A + A') x      shape (n)      checked at 6 sizes")
    assert main(["derive", "x'*A*x", "--wrt", "x,A", "--format", "numpy"]) == 0
    assert "return (A + A.T) @ x, np.outer(x, x)" in capsys.readouterr().out
    assert main(["derive", "x'*A*x", "--wrt", "A", "--json"]) == 0
    assert '"expression_numpy": "outer(x, x)"' in capsys.readouterr().out
    assert main(["derive", "x'*(A*x", "--wrt", "x"]) == 2
    assert "^" in capsys.readouterr().err


EXTREMA = [
    ("max(x)", {"x": [1.0, 2.0, 2.0]}, [0.0, 0.5, 0.5]),
    ("min(x)", {"x": [1.0, 2.0, 1.0]}, [0.5, 0.0, 0.5]),
    ("max(x)", {"x": [1.0, 3.0, 2.0]}, [0.0, 1.0, 0.0]),
    ("sum(max(x, y))", {"x": [1.0, 3.0], "y": [2.0, 0.0]}, [0.0, 1.0]),
    ("sum(min(x, y))", {"x": [1.0, 3.0], "y": [2.0, 0.0]}, [1.0, 0.0]),
    ("sum(max(x, x))", {"x": [1.0, 3.0]}, [1.0, 1.0]),
    ("sum(max(x, y))", {"x": [1.0, 3.0], "y": [1.0, 3.0]}, [0.5, 0.5]),
    ("sum(min(x, y))", {"x": [1.0, 3.0], "y": [1.0, 4.0]}, [0.5, 1.0]),
    ("sum(max(x, 1))", {"x": [1.0, 3.0]}, [0.5, 1.0]),
    ("sum(max(x, y).^2)", {"x": [1.0, 3.0], "y": [1.0, 4.0]}, [1.0, 0.0]),
    ("sum(max(2*x - x, x))", {"x": [1.0, 3.0]}, [1.0, 1.0]),  # the same, which a law says
    ("sum(max(x.^2./x, x))", {"x": [1.0, 3.0]}, [1.0, 1.0]),
    ("sum(max(relu(x - 5), x - 5))", {"x": [6.0, 2.0]}, [1.0, 0.0]),  # they tie in a whole region
    ("sum(max(sqrt((x - 5).^2), x - 5))", {"x": [6.0, 2.0]}, [1.0, -1.0]),
]


@pytest.mark.parametrize(("text", "at", "slope"), EXTREMA)
def test_extrema_have_slopes_with_names(text, at, slope):
    r = dv.derive(text, wrt="x")
    at = {name: np.asarray(value) for name, value in at.items()}
    np.testing.assert_allclose(r(**at), slope)
    formula = dv.grad(lambda x: dv.evaluate(r.question.value, {**at, "x": x}))
    np.testing.assert_allclose(formula(at["x"]), slope)
    assert "sign" in r.text or "step" in r.text or "ones" in r.text
    assert r.expression("numpy") and r.code("torch")


def test_extrema_along_an_axis_share_ties_in_each_row():
    r = dv.derive("sum(max(X, axis=1))", wrt="X", shapes="X: m n", notation="numpy")
    X = np.array([[1.0, 2.0, 2.0], [5.0, 3.0, 4.0]])
    np.testing.assert_allclose(r(X=X), [[0, 0.5, 0.5], [1, 0, 0]])
    np.testing.assert_allclose(dv.grad(lambda X: dv.sum(dv.max(X, axis=1)))(X), r(X=X))


def test_the_slope_of_a_program_at_0_is_not_that_of_its_text() -> None:
    """A text's max(0, x) is relu, of slope 0 there; the row of a program gives 1/2 at the tie."""
    assert dv.derive("sum(max(0, x))", wrt="x").conditions == ()
    for order in (1, 2):
        program = dv.derive(
            lambda x: np.sum(np.maximum(x, 0) ** 2), wrt="x", shapes="x: n", order=order
        )
        assert program.conditions == ("x not 0",)


def test_a_name_that_is_nearly_one_of_the_formula_is_proposed():
    with pytest.raises(dv.ArgumentError, match="did you mean θ"):
        dv.derive("X*theta", wrt="tehta")


def test_blocks_of_the_second_derivative():
    shapes = "X: m n"
    r = dv.derive("norm2(X*w - y)^2", wrt=["w", "X"], shapes=shapes, order=2)
    assert list(r) == ["w", "X"]
    assert r["w", "w"].text == r["w"].text == "2 X' X"
    assert r["w", "X"].text == "2 (δ_ik (X w - y)_j + X_ji w_k)"
    rng = np.random.default_rng(0)
    at = {
        "X": rng.standard_normal((3, 2)),
        "w": rng.standard_normal(2),
        "y": rng.standard_normal(3),
    }

    def loss(w, X):
        return dv.sum((X @ w - at["y"]) ** 2)

    mixed = dv.jacfwd(lambda X: dv.grad(loss)(at["w"], X))(at["X"])
    np.testing.assert_allclose(r["w", "X"](**at), mixed, rtol=1e-10)
    np.testing.assert_allclose(r["X", "w"](**at), np.moveaxis(mixed, 0, -1), rtol=1e-10)
    numbers = eval(r["w", "X"].expression(), {"einsum": np.einsum, "eye": np.eye, "n": 2, **at})
    np.testing.assert_allclose(numbers, mixed, rtol=1e-10)
    for missing in (("w", "z"), "z", 3, None, ("w", 3), ("w", "X", "w")):
        with pytest.raises(KeyError):
            r[missing]
        assert r.get(missing) is None


def test_facts_on_both_variables_of_a_block_come_back_at_the_end():
    r = dv.derive(
        "tr(A*S*A*S)", wrt=["S", "A"], order=2, assume="S: symmetric, A: symmetric",
        shapes="A: n n, S: n n", notation="matrix",
    )  # fmt: skip
    rng = np.random.default_rng(1)
    A, S = ((M + M.T) for M in rng.standard_normal((2, 3, 3)))

    def f(S, A):
        return dv.trace(A @ S @ A @ S)

    right = dv.jacfwd(lambda A: dv.grad(f)(S, A))(A)
    np.testing.assert_allclose(r["S", "A"](S=S, A=A), right, rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        ("x^1.2", "1.2 x^0.2"),
        ("x^2.7", "2.7 x^1.7"),
        ("x^0.1", "0.1 / x^0.9"),
        ("x^(2/7)", "2 / (7 x^(5/7))"),
    ],
)
def test_exponents_are_the_decimals_that_were_written(text: str, slope: str) -> None:
    assert dv.derive(text, wrt="x", shapes="x:").text == slope


def test_a_small_exponent_is_not_raised_in_part() -> None:
    head = str(dv.derive("x^0.000000001", wrt="x", shapes="x:").derivation).splitlines()[0]
    assert head.startswith("d(x^1e-09)/dx")


SHARP = ["abs(x).^1.5", "abs(x).^1.2", "x.*sqrt(abs(x))", "abs(sin(x)).^1.5"]


@pytest.mark.parametrize("text", SHARP)
def test_a_value_that_bends_sharply_is_compared_with_shorter_steps(text: str) -> None:
    r = dv.derive(f"sum({text})", wrt="x")
    assert r.check.samples == 6 and r.check.max_relative_error < 1e-9
