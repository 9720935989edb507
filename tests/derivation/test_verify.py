"""Is my formula right: what is said of a claim, and that nothing wrong is called right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.derivation.edits import addends, edits, put
from derivant.derivation.guesses import GUESSES, holds
from derivant.derivation.verify import verify
from derivant.notation import read_formula


def test_the_quadratic_form() -> None:
    v = dv.verify("x'*A*x", wrt="x", claim="2*A*x")
    assert not v.right and v.kind == "fact"
    assert str(v).splitlines() == [
        "not true in general; true if A = A'.   derivative (A + A') x;  "
        "claim − derivative = (A - A') x",
        "counterexample x = [1, 0], A = [[0, 1], [0, 0]]: derivative [0, 1], claim [0, 0]",
    ]
    assert v.counterexample is not None
    np.testing.assert_array_equal(v.counterexample["A"], [[0, 1], [0, 0]])
    assert dv.verify("x'*A*x", wrt="x", claim="2*A*x", assume="A: symmetric").right


RIGHT = [
    ("x'*A*x", "x", "x'*(A + A')", {}),  # a row: orientation is dropped
    ("x'*A*x", "x", "(A + A.T) @ x", {}),  # in the other notation
    ("x'*x", "x", "2*I", {"order": 2}),  # a size that the claim alone leaves open
    ("b'*x", "x", "0", {"order": 2}),  # 0 for an array of zeros
    ("sum(x)/n", "x", "ones(n)/n", {"shapes": "x: n"}),
    ("c*sum(ones(n))", "c", "n", {"shapes": "c:"}),
    ("z = A*x - b; z'*z", "x", "2*A'*z", {}),  # a name that the program gives
    ("X*W", "W", "X'*G", {"cotangent": "G", "notation": "matrix"}),
    ("X*W", "X", "G*W'", {"cotangent": "G", "notation": "matrix"}),
    ("A*X*B", "X", "kron(B', A)", {"layout": "vec", "notation": "matrix"}),
    ("vec(A*X*B)", "X", "kron(B', A)", {"layout": "vec", "notation": "matrix"}),
    ("tr(A'*X)", "X", "A", {"assume": "X: symmetric"}),
    ("tr(A'*X)", "X", "(A + A')/2", {"assume": "X: symmetric", "structured": "riesz"}),
    ("sum((1 - y.*(X*w)).^2)", "w", "2*X'*(X*w - y)", {"assume": "y: pm1"}),
    ("lambda_max(A)", "A", "eigv(A, -1)*eigv(A, -1)'", {"assume": "A: symmetric"}),
    ("exp(-100*x'*x)", "x", "-200*x*exp(-100*x'*x)", {}),
    ("sum(max(x, 0))", "x", "step(x)", {}),
    ("det(X)", "X", "adj(X)'", {}),
    ("log(det(X))", "X", "inv(X)'", {}),  # not finite at half of all points
    ("x'*A*x", "x", "A*x + A'*x - 0*x", {}),
    ("(x'*y)/(norm2(x)*norm2(y))", "x",
     "y/(norm2(x)*norm2(y)) - (x'*y)*x/(norm2(x)^3*norm2(y))", {}),  # 0 at size 1
]  # fmt: skip


@pytest.mark.parametrize(("formula", "wrt", "claim", "options"), RIGHT)
def test_right(formula: str, wrt: str, claim: str, options: dict[str, object]) -> None:
    v = verify(formula, wrt, claim, **options)  # type: ignore[arg-type]  # by keyword
    assert v.right and v.kind == "right" and v.counterexample is None, str(v)
    assert v.diagnosis.startswith("right: ")


SAID = [
    ("A*x", "x", "A'", {}, "right in the other (denominator) layout; here, shape of the value"),
    ("tr(A*X)", "X", "A", {"notation": "matrix"}, "right in the other layout, transposed"),
    ("A*X*B", "X", "kron(A, B')", {"layout": "vec", "notation": "matrix"}, "rows stacked"),
    ("A*X*B", "X", "kron(B', A)", {"notation": "matrix"}, 'columns stacked, as layout='),
    ("tr(A'*X)", "X", "A + A' - diag(diag(A))", {"assume": "X: symmetric"}, "independent"),
    ("norm2(x)^2", "x", "x", {}, "off by a constant factor, a factor 2 is missing"),
    ("norm2(x)^2", "x", "6*x", {}, "off by a constant factor, a factor 3 is too much"),
    ("norm2(X*w - y)^2/(2*m)", "w", "X'*(X*w - y)", {"shapes": "X: m n"}, "1/m is missing"),
    ("norm2(x)", "x", "2*x", {}, "a factor 1/(2 norm2(x)) is missing"),
    ("exp(a'*x)", "x", "a", {}, "a factor exp(a'x) is missing"),
    ("x'*x", "x", "-2*x", {}, "the sign is wrong"),
    ("x'*A*x", "x", "A*x", {}, "A' x is missing; with A = A' it is off by a constant"),
    ("norm2(A*x - b)^2", "x", "2*A'*A*x", {}, "the term -2 A' b is missing"),
    ("norm2(A*x - b)^2", "x", "2*A'*(A*x + b)", {}, "the term -2 A' b has the wrong sign"),
    ("x'*A*x", "x", "(A + A')*x + x", {}, "the term x is one too many"),
    ("x'*A*x", "x", "A*x + 2*A'*x", {}, "the term A' x has a factor 2"),
    ("norm2(A*x - b)^2", "x", "2*A*(A*x - b)", {"shapes": "A: n n"}, "A' has to stand for A"),
    ("X*W", "X", "W'*G", {"cotangent": "G", "notation": "matrix", "shapes": "X: n n, W: n n"},
     "the order of a product: G W' has to stand for W' G"),
    ("norm2(A.*X)^2", "X", "2*A*(A.*X)", {"shapes": "A: n n, X: n n"}, "a product by entries"),
    ("logdet(A + X'*X)", "X", "2*X*inv(A)", {"assume": "A: spd", "shapes": "X: n n, A: n n"},
     "the term X' X is missing"),
    ("sum(sigmoid(x))", "x", "-sigmoid(x).*sigmoid(x)", {}, "a term is missing: "),
    ("sum(x.^3)", "x", "3*x", {}, "a power"),
    ("sum((1 - y.*(X*w)).^2)", "w", "2*X'*(X*w - y)", {}, "true if y in {-1, 1}"),
    ("norm2(Q*x)^2", "x", "2*x", {"shapes": "Q: m n"}, "true if Q'Q = I"),
    ("x'*A*x + x'*B*x", "x", "2*(A + B)*x", {}, "true if A = A' and B = B'"),
    ("sum(relu(x))", "x", "ones(n)", {"shapes": "x: n"}, "true if x > 0"),
    ("sum(x)^2", "x", "2*x", {}, "right only for n = 1"),
    ("sum(x)", "x", "1", {}, "the claim is a number, the derivative of shape (n), each entry"),
    ("A*x", "x", "A*x", {}, "the claim is of shape (m), the derivative of shape (m, n)"),
    ("x'*A*x", "x", "A*A*x", {}, "wrong"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "wrt", "claim", "options", "said"), SAID)
def test_what_is_wrong_is_said(
    formula: str, wrt: str, claim: str, options: dict[str, object], said: str
) -> None:
    v = verify(formula, wrt, claim, **options)  # type: ignore[arg-type]  # by keyword
    assert not v.right
    assert said in v.diagnosis, str(v)
    found = v.counterexample
    assert found is not None and len(found) > 0
    assert not np.array_equal(found.derivative, found.claim)


NEARLY = [
    ("sum(relu(x))", "step(x - 0.001)"),
    ("sum(relu(x))", "step(x) + 0.0000001*sign(x)"),
    ("sum(abs(x))", "tanh(10000*x)"),
    ("x'*x", "2*x + 0.00001*ones(n)"),
    ("sum(sin(x))", "cos(x) + relu(x - 50)"),
    ("sum(x.^2)", "2*abs(x)"),
    ("x'*x", "2*x + 1 - abs(sign(x))"),  # right wherever no entry is 0
    ("3.14159265358979*sum(x)", "3.1415926*ones(n)"),
    ("exp(-100*x'*x)", "0*x"),
]


@pytest.mark.parametrize(("formula", "claim"), NEARLY)
def test_nearly_right_is_not_right(formula: str, claim: str) -> None:
    v = verify(formula, "x", claim, shapes="x: n")
    assert not v.right, str(v)
    assert v.counterexample is not None


@pytest.mark.parametrize("claim", ["x", "0*x", "2*x"])
def test_what_cannot_be_compared_is_not_decided(claim: str) -> None:
    v = verify("sqrt(-x'*x - 1)", "x", claim)
    assert not v.right and v.kind == "undecided"
    assert v.diagnosis.startswith("not decided: ")


def test_a_kink_is_said_and_forgiven() -> None:
    v = verify("sum(relu(x))", "x", "(sign(x) + 1)/2")
    assert v.right and "up to a kink, such as x = [" in v.diagnosis


def test_a_claim_that_is_no_number_everywhere() -> None:
    v = verify("x'*x", "x", "2*exp(log(x))", shapes="x: n")
    assert not v.right and v.kind == "domain"


def test_claims_with_eigenvectors() -> None:
    options = {"assume": "A: symmetric"}
    v = verify("lambda_max(A)", "A", "eigv(A, -1)*eigv(A, -1)'", **options)  # type: ignore[arg-type]
    assert v.right
    v = verify("lambda_max(A)", "A", "eigv(A, 0)*eigv(A, 0)'", **options)  # type: ignore[arg-type]
    assert not v.right


def test_facts_hold_in_a_counterexample() -> None:
    for fact in ("spd", "symmetric", "diagonal", "lower", "upper", "symmetric-invertible"):
        v = verify("x'*A*x", "x", "(A + A')*x + A*x", assume=f"A: {fact}")
        assert v.counterexample is not None
        assert holds(fact, v.counterexample["A"]), fact


def test_functions_and_expressions() -> None:
    def loss(x: np.ndarray, A: np.ndarray) -> object:  # type: ignore[type-arg]  # of any size
        return x @ A @ x

    assert dv.verify(loss, "x", "(A + A.T) @ x", shapes="x: n, A: n n").right
    x = dv.symbols("x: n")
    assert isinstance(x, dv.Expr)
    assert dv.verify(x @ x, x, "2*x").right
    assert dv.verify(x @ x, x, 2 * x).right


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("2*A*z", "z is in the claim and not in the formula, which has x, A, n\n  2*A*z\n      ^"),
        ("2*A*(x", "this parenthesis is not closed\n  2*A*(x\n      ^"),
        ("2*A.*x", ".* cannot take 2*A"),
        ("", "the formula is empty"),
        ("2*A'@x", "belongs to matrix notation"),
        (3.0, "a claim is a text or an Expr"),
    ],
)
def test_a_claim_that_cannot_be_read(claim: object, message: str) -> None:
    with pytest.raises(dv.DerivantError) as error:
        verify("x'*A*x", "x", claim)  # type: ignore[arg-type]  # wrong input on purpose
    assert message in str(error.value)


def test_wrong_arguments_are_refused() -> None:
    for options in ({"order": 3}, {"layout": "rows"}, {"structured": "free"}, {"cotangent": "x"}):
        with pytest.raises(dv.ArgumentError):
            verify("x'*x", "x", "2*x", **options)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(dv.ArgumentError, match="y is not in the formula"):
        verify("x'*x", "y", "2*x")


def test_what_a_guess_gives_it_has() -> None:
    rng = np.random.default_rng(2)
    for guess in GUESSES:
        square = guess.fits((3, 3))
        value = guess.give(rng.standard_normal((3, 3) if square else 3))
        assert holds(guess.fact, np.asarray(value)), guess.fact


def test_terms_add_up_to_the_whole() -> None:
    values = {"A": np.eye(3) + 0.1, "x": np.arange(3.0), "b": np.ones(3)}
    for text in ("2*A'*(A*x - b)", "(A + A')*(x - b) - x", "diag(x - b)*A - x*(b + x)'"):
        whole = read_formula(text, "A: n n, x: n, b: n").expression
        terms = addends(whole)
        assert len(terms) > 1
        total = sum(dv.evaluate(t, values) for t in terms)
        np.testing.assert_allclose(total, dv.evaluate(whole, values), atol=1e-12)


def test_an_edit_changes_one_place() -> None:
    whole = read_formula("A*x + A*x.*x", "A: n n, x: n").expression
    found = {(edit.kind, edit.whole.primitive.name) for edit in edits(whole)}
    assert {("sign", "subtract"), ("transpose", "add"), ("term", "matmul")} <= found
    assert put(whole, (), whole.inputs[0]) is whole.inputs[0]


def test_a_choice_by_equality_is_not_decided() -> None:
    def loss(p: object, y: object) -> object:
        return dv.sum(dv.where(y == 1, dv.log(p), dv.log(1 - p)))  # type: ignore[operator,arg-type]

    v = dv.verify(loss, wrt="p", claim="1 ./ (p - 1)", shapes="p: n, y: n")
    assert not v.right and v.kind == "undecided"
    wrong = dv.verify(loss, wrt="p", claim="2 ./ (p - 1)", shapes="p: n, y: n")
    assert not wrong.right and wrong.counterexample is not None


NARROW = [  # wrong in a place that few random points see
    ("x'*x", "2*x + exp(-1000*(x - 3).^2)"),
    ("x'*x", "2*x + sigmoid(1000*(x - 20))"),
    ("x'*x", "2*x.*(1 + exp(-50*(x - 4).^2))"),
    ("sum(exp(x))", "exp(x) + 1./(1 + exp(-1000*(x - 8)))"),
    ("sum(sin(x))", "cos(x) + exp(-10000*(x - 0.7).^2)"),
    ("x'*x", "2*x + relu(x - 100)"),
    ("x'*x", "2*x + exp(-(1000*(x - 30)).^2)"),
    ("x'*A*x", "(A + A')*x + x*exp(-300*(x'*x - 4)^2)"),
]


@pytest.mark.parametrize(("formula", "claim"), NARROW)
def test_a_claim_that_is_wrong_in_a_narrow_place_is_not_right(formula: str, claim: str) -> None:
    v = verify(formula, "x", claim)
    assert not v.right, str(v)
    if v.kind != "undecided":
        assert v.counterexample is not None
        derivative, shown = str(v.counterexample).partition(": derivative ")[2].split(", claim ")
        assert derivative != shown


NO_LAW = [  # right, which numbers say and no normal form does
    ("sum(x)", "cosh(x).^2 - sinh(x).^2"),
    ("sum(tanh(x))", "1./cosh(x).^2"),
    ("sum(sin(9*x))",
     "9*(256*cos(x).^9 - 576*cos(x).^7 + 432*cos(x).^5 - 120*cos(x).^3 + 9*cos(x))"),
    ("sum(cos(x))", "-2*sin(x/2).*cos(x/2)"),
    ("sum(abs(x))", "x./sqrt(x.^2)"),
    ("sum(sinh(x))", "(exp(x) + exp(-x))/2"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "claim"), NO_LAW)
def test_an_identity_that_no_law_knows_is_right(formula: str, claim: str) -> None:
    v = verify(formula, "x", claim)
    assert v.right, str(v)


TURNED = [
    ("norm2(A*x - b)^2", "x", "2*A*(A*x - b)", {},
     "A' has to stand for A: right is 2*A'*(A*x - b)"),
    ("norm2(A*x - b)^2", "x", "2*(A*x - b)*A", {}, "(A*x - b)' has to stand for (A*x - b)"),
    ("norm2(X @ w - y)**2", "w", "2*X @ (X @ w - y)", {}, "X.T has to stand for X"),
    ("X*W", "X", "G*W", {"cotangent": "G", "notation": "matrix"}, "W' has to stand for W"),
    ("norm2(X*W1*W2)^2", "W1", "2*X*X*W1*W2*W2", {"shapes": "X: N D, W1: D H, W2: H M"},
     "X' has to stand for X and W2' has to stand for W2: right is 2*X'*X*W1*W2*W2'"),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "wrt", "claim", "options", "said"), TURNED)
def test_transposes_that_do_not_fit_are_named(
    formula: str, wrt: str, claim: str, options: dict[str, Any], said: str
) -> None:
    v = verify(formula, wrt, claim, **options)
    assert not v.right and v.kind == "transpose"
    assert said in v.diagnosis, str(v)


def test_factors_that_stand_in_the_wrong_order_are_named() -> None:
    v = verify("X*W", "W", "G*X'", "X: N D, W: D M", cotangent="G", notation="matrix")
    assert not v.right and v.kind == "order"
    assert "X'*G has to stand for G*X'" in v.diagnosis


@pytest.mark.parametrize(
    ("formula", "claim", "said"),
    [
        ("sigmoid(x)", "sigmoid(x).*(1 - sigmoid(x))", "right is diag of the claim"),
        ("softmax(x)", "softmax(x).*(1 - softmax(x))", "the claim is its diagonal alone"),
    ],
)
def test_the_diagonal_for_the_matrix_is_named(formula: str, claim: str, said: str) -> None:
    v = verify(formula, "x", claim)
    assert not v.right and v.kind == "shape"
    assert said in v.diagnosis


def test_how_far_a_claim_in_decimals_is_off_is_said() -> None:
    assert "up to 5e-11 of it" in verify("x'*x", "x", "2.0000000001*x").diagnosis
    assert "up to" not in verify("x'*x", "x", "2*x").diagnosis


@pytest.mark.parametrize(
    ("claim", "right"),
    [
        ("2*x*(1 + 1e-10)", False),
        ("2*x + 1e-12*x", False),
        ("2*x*(1 - 1e-13)", False),
        ("1.9999999999*x", False),
        ("6*x*0.333333333333", False),
        ("6*x*0.3333333333333333", True),  # all the digits that a float has
        ("2*x*(1 + 1e-17)", True),
    ],
)
def test_a_claim_that_is_off_by_more_than_rounding_is_not_right(claim: str, right: bool) -> None:
    v = verify("x'*x", "x", claim)
    assert v.right is right
    assert v.kind == ("right" if right else "rounded"), str(v)
    assert ("not quite right" in v.diagnosis) is not right


def test_shapes_that_no_transpose_mends_are_refused_with_the_place() -> None:
    with pytest.raises(dv.ShapeError, match=r"\^"):
        verify("norm2(A*x - b)^2", "x", "2*A*(A*x + b)")


EXTREMA = [
    ("max(x)", "(1 - step(max(x) - x))/sum(1 - step(max(x) - x))", True),
    ("max(x)", "1 - step(max(x) - x)", True),  # up to ties
    ("max(x)", "step(x)", False),
    ("min(A*x)", "A'*(1 - step(A*x - min(A*x)))", False),  # where rows of A are equal
    ("sum(max(x, y))", "step(x - y)", True),
    ("sum(max(x, y))", "step(y - x)", False),
    ("sum(minimum(x, y))", "0.5 - 0.5*sign(x - y)", True),
    ("max(abs(x))", "sign(x).*(1 - step(max(abs(x)) - abs(x)))", True),
]


@pytest.mark.parametrize(("formula", "claim", "right"), EXTREMA)
def test_claims_of_extrema(formula: str, claim: str, right: bool) -> None:
    v = verify(formula, "x", claim)
    assert v.right is right, str(v)
