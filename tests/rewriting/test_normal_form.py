"""The laws of the normal form one by one, on expressions whose form is known."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derivant as dv
from derivant.base.dims import Dim
from derivant.base.graph import ancestors
from derivant.calculus.transforms import grad
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import Expr, as_expr, symbol
from derivant.carriers.trace import trace_graph
from derivant.primitives import RECORD, TABLE
from derivant.rewriting import RULES, form_of, normal_form, size_of_number
from derivant.rewriting.plainer import plainer

N, M = Dim.named("n"), Dim.named("m")
S, X, Y, Z = symbol("s"), symbol("x", (N,)), symbol("y", (N,)), symbol("z", (M,))
W = symbol("w", (N,))
D = symbol("D", (N, N))
A, B, C = symbol("A", (N, N)), symbol("B", (N, M)), symbol("C", (M, N))
EYE = RECORD.diag_embed(RECORD.broadcast_to(as_expr(1.0), shape=(N,)), offset=0)


def trace(e: Expr) -> Expr:
    return RECORD.trace(e, offset=0)


def total(e: Expr) -> Expr:
    return RECORD.sum(e, axis=tuple(range(-len(e.shape), 0)), keepdims=False)


def size_number(size: Dim) -> Expr:
    return total(RECORD.broadcast_to(as_expr(1.0), shape=(size,)))


SAME = {
    "products commute": (X * Y * S, S * (Y * X)),
    "a number is read off one entry at a time": (
        X @ (A @ X),
        RECORD.einsum(A, X, X, spec="ij,i,j->"),
    ),
    "products associate": ((A @ B) @ Z, A @ (B @ Z)),
    "a transpose of a product": ((B @ C).T, C.T @ B.T),
    "a trace turns round": (trace(B @ C), trace(C @ B)),
    "a trace is a sum of products": (trace(B @ C), total(B * C.T)),
    "a number that stands often is a power": (
        (X @ Y) * (X @ Y) * (X @ Y) * (Y @ X) * (X @ Y) * (X @ Y) * S,
        S * RECORD.power(X @ Y, exponent=6),
    ),
    "a number comes out of a power of a sum": (
        1.0 / RECORD.over_size(total(X), size=N),
        size_number(N) / total(X),
    ),
    "the identity leaves a matrix": (EYE @ A, A),
    "the identity of another matrix": (RECORD.identity_like(A) @ B, B),
    "a diagonal matrix scales rows": (
        RECORD.diag_embed(X, offset=0) @ A,
        RECORD.expand_dims(X, axis=(-1,)) * A,
    ),
    "the diagonal of a diagonal matrix": (
        RECORD.diagonal(RECORD.diag_embed(X, offset=0), offset=0),
        X,
    ),
    "like terms": (A @ X + X - A @ X + X, 2 * X),
    "numbers fold": (0.5 * (2 * X) / 4.0, 0.25 * X),
    "a third is exact": (X / 3 + X / 3 + X / 3, X),
    "tenths are exact": (0.1 * X + 0.2 * X, (0.1 * X) * 3.0 - 0.0 * Y),
    "parentheses in a sum": (X + 2 * (Y - X), 2 * Y - X),
    "a common number": (2 * X - 2 * Y, 2 * (X - Y)),
    "the sign of a sum": ((X - Y) @ W, -((Y - X) @ W)),
    "a common factor on the right": (A @ X + A.T @ X, (A + A.T) @ X),
    "a common factor on the left": (A @ X + A @ Y, A @ (X + Y)),
    "a common factor entry by entry": (X * Y + X * W, X * (Y + W)),
    "a common factor on both sides": (C @ A @ B + C @ A.T @ B, C @ (A + A.T) @ B),
    "a common number of an expression": (S * X + S * Y, S * (X + Y)),
    "the transpose of a sum in a product": ((A + A.T).T @ X, (A + A.T) @ X),
    "a sum from its other side": (X @ ((A.T + EYE).T @ Y), X @ ((A + EYE) @ Y)),
    "a sum of transposes": ((A.T + D.T) @ X, (A + D).T @ X),
    "functions of a transpose": (RECORD.exp(A.T), RECORD.exp(A).T),
    "functions of repeated entries": (
        RECORD.exp(RECORD.broadcast_to(X, shape=(M, N))),
        RECORD.broadcast_to(RECORD.exp(X), shape=(M, N)),
    ),
    "powers of one base": (X * RECORD.power(X, exponent=-1) * RECORD.square(X), X * X),
    "a square is a product": (total(RECORD.square(A @ X)), (A @ X) @ (A @ X)),
    "a quotient": (A @ X / (X @ X), (A @ X) * RECORD.reciprocal(X @ X)),
    "a strong zero is a product": (RECORD.scale(X, Y), X * Y),
    "a mean": (RECORD.over_size(total(X), size=N), total(RECORD.over_size(X, size=N))),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_equal_has_one_form(name: str) -> None:
    one, two = SAME[name]
    assert normal_form(one) is normal_form(two)


# Three edges at each letter, so that counting tells none apart; yet a is not where b is.
CUBIC = ("ab", "ac", "bc", "bd", "cd", "ef", "eg", "fg", "fh", "gh", "ae", "dh")


@given(st.permutations("abcdefgh"), st.permutations(range(12)))
def test_letters_that_look_alike_are_named_in_one_way(letters: list[str], order: list[int]) -> None:
    K = symbol("K", (N, N), facts=("symmetric",))
    names = dict(zip("abcdefgh", letters, strict=True))
    edges = ["".join(names[c] for c in CUBIC[i]) for i in order]
    one = RECORD.einsum(*[K] * 12, spec=",".join(edges) + "->")
    two = RECORD.einsum(*[K] * 12, spec=",".join(CUBIC) + "->")
    assert normal_form(one) is normal_form(two)


DIFFERENT = {
    "a matrix and its transpose": (A @ X, A.T @ X),
    "the order of a product": (A @ EYE @ A.T, A.T @ A),
    "a sum of products and a product of sums": (X @ Y * (X @ Y), total(X * X * Y * Y)),
    "one entry twice and two entries": (total(X) * total(X), total(X * X)),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_is_not_equal_has_two_forms(name: str) -> None:
    one, two = DIFFERENT[name]
    assert normal_form(one) is not normal_form(two)


@pytest.mark.parametrize(
    ("e", "size"),
    [
        (total(RECORD.broadcast_to(as_expr(1.0), shape=(N,))), N),
        (trace(EYE), N),
        (trace(RECORD.identity_like(A)), N),
        (total(EYE), N),
    ],
)
def test_a_letter_that_nothing_carries_is_a_factor_n(e: Expr, size: Dim) -> None:
    (term,) = form_of(e).sum.terms
    (atom,) = term.atoms
    assert atom.payload is not None and size_of_number(atom.payload) == size
    assert term.coefficient == 1 and atom.power == 1


def test_a_factor_n_is_not_lost_in_a_product() -> None:
    ones = RECORD.broadcast_to(as_expr(1.0), shape=(N, M))
    e = normal_form(RECORD.sum(ones, axis=(-2,), keepdims=False) * Z + trace(EYE) * Z)
    found = evaluate(e + 0 * total(B), {"z": np.arange(3.0), "B": np.ones((5, 3))})
    np.testing.assert_allclose(found, 10 * np.arange(3.0))


def test_integer_sizes_are_numbers() -> None:
    ones = RECORD.broadcast_to(as_expr(1.0), shape=(4, 3))
    (term,) = form_of(total(ones)).sum.terms
    assert term.coefficient == 12 and not term.atoms


def test_products_of_sums_are_not_expanded() -> None:
    form = form_of(A @ (X + Y))
    (term,) = form.sum.terms
    inner = [form.inside(a.payload) for a in term.atoms if a.payload is not None]
    assert [None if i is None else len(i.terms) for i in inner] == [None, 2]


def test_declared_symmetry_is_used() -> None:
    K = symbol("K", (N, N), facts=("symmetric",))
    assert normal_form(K @ X + K.T @ X) is normal_form(2 * (K @ X))
    assert normal_form(Y @ (K @ X)) is normal_form(X @ (K @ Y))


def test_a_sum_with_its_transpose_is_symmetric() -> None:
    assert normal_form(Y @ ((A + A.T) @ X)) is normal_form(X @ ((A + A.T) @ Y))
    assert normal_form(Y @ ((A - A.T) @ X)) is not normal_form(X @ ((A - A.T) @ Y))


def test_the_log_names_rules_of_the_table() -> None:
    form = form_of(trace_graph(lambda x, A: grad(lambda x: x @ (A @ x))(x), "n", "n n"))
    assert [s.rule for s in form.steps][-1] == "a common factor is extracted"
    assert {s.rule for s in form.steps} <= {rule.name for rule in RULES}


def test_float32_stays_float32() -> None:
    x = symbol("x", (N,), np.float32)
    assert normal_form(0.5 * x + x / 3).dtype == np.float32
    k = symbol("k", (N,), np.int64)
    e = RECORD.equal(x, 0.0) * x + k
    given = {"x": np.zeros(3, np.float32), "k": np.arange(3)}
    assert evaluate(normal_form(e), given).dtype == evaluate(e, given).dtype


def test_infinities_are_not_folded() -> None:
    e = X * np.inf
    assert np.isinf(evaluate(normal_form(e), {"x": np.ones(2)})).all()


ZERO = X - X
AT_ZERO = {"exp": 1, "cos": 1, "cosh": 1, "sign": 0, "tanh": 0, "abs": 0, "relu": 0, "step": 0}


@pytest.mark.parametrize("row", AT_ZERO)
def test_a_function_of_0_is_a_number(row: str) -> None:
    e = Expr.derivant_apply(TABLE[row], (ZERO,), {})
    assert len(form_of(e).sum.terms) == AT_ZERO[row]
    assert normal_form(RECORD.multiply(e, Y)) is normal_form(Y * AT_ZERO[row])


def test_a_function_that_has_no_whole_number_at_0_is_kept() -> None:
    for row in ("log", "sigmoid", "softplus", "acos"):
        e = Expr.derivant_apply(TABLE[row], (ZERO,), {})
        with np.errstate(divide="ignore"):
            expected, found = (
                evaluate(x, {"x": np.ones(3)}, {"n": 3}) for x in (e, normal_form(e))
            )
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("axis", "keepdims"), [(0, True), (1, True), (0, False), (1, False)])
def test_ties_are_counted_along_the_axis_that_was_written(axis: int, keepdims: bool) -> None:
    """A count without its axis is spread along the last one, whichever was counted."""

    def share(a: Any) -> Any:
        ties = a == dv.max(a, axis=1, keepdims=True)
        return ties / dv.sum(ties, axis=axis, keepdims=keepdims)

    e = trace_graph(share, "n n")
    at = {"a": np.array([[1.0, 1.0, 2.0], [3.0, 1.0, 3.0], [0.0, 0.0, 0.0]])}
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(evaluate(plainer(e), at), evaluate(e, at))


def test_operations_without_a_reading_keep_their_operands_in_normal_form() -> None:
    one = RECORD.softmax(A @ X + A @ Y, axis=(-1,))
    two = RECORD.softmax(A @ (X + Y), axis=(-1,))
    assert normal_form(one) is normal_form(two)


def repeated(step: Callable[[Expr], Expr], count: int, start: Expr) -> Expr:
    for _ in range(count):
        start = step(start)
    return start


LARGE = {
    "squares": repeated(lambda e: e * e, 60, X),
    "doubles": repeated(lambda e: e + e, 60, X),
    "squares of a multiple": repeated(lambda e: e * e, 60, 3 * X),
    "squares of a sum": repeated(lambda e: e * e, 60, 0.3 * total(X)),
    "squares of a number": repeated(lambda e: e * e, 60, as_expr(3.0)),
    "a large power": RECORD.power(3 * X, exponent=10**9),
    "functions": repeated(RECORD.tanh, 1000, X),
    "residuals": repeated(lambda e: RECORD.tanh(A @ e) + e, 100, X),
    "matrices": repeated(lambda e: A @ e, 300, X),
}


@pytest.mark.parametrize("e", LARGE.values(), ids=LARGE)
def test_large_graphs_stay_small(e: Expr) -> None:
    start = thread_time()
    form = normal_form(e)
    assert thread_time() - start < 5
    assert len(ancestors([form])) <= 4 * len(ancestors([e]))


def test_small_expressions_take_milliseconds() -> None:
    e = trace_graph(lambda x, A, b: grad(lambda x: ((A @ x - b) ** 2).sum())(x), "n", "m n", "m")
    times: list[Any] = []
    for _ in range(5):
        start = thread_time()
        normal_form(e)
        times.append(thread_time() - start)
    assert min(times) < 0.01


def test_one_to_any_power_is_one() -> None:
    found = normal_form(trace_graph(lambda a, x: x * 1.0 ** (a - 1), "", "n"))
    assert found.primitive.name == "variable"
