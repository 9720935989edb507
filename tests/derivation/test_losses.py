"""Plain NumPy losses as people write them: each derivative against differences and its own code.

What is printed is read again and gives the same numbers. No rule of the table takes part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

import derivant as dv
from derivant.base.dims import Dim, size_of
from derivant.carriers.evaluate import evaluate
from derivant.notation import read_formula, read_shapes

SIZES = {"n": 5, "d": 3, "k": 4, "m": 6, "h": 7}
STEP = 1e-6
Loss = Callable[..., object]
Numbers = dict[str, npt.NDArray[np.float64]]


def total_variation(X: npt.NDArray[np.float64]) -> object:
    return np.sum((X[1:, :] - X[:-1, :]) ** 2) + np.sum((X[:, 1:] - X[:, :-1]) ** 2)


def neighbours(x: npt.NDArray[np.float64]) -> object:
    total = 0.0
    for i in range(1, 6):
        total = total + x[i] * x[i - 1]
    return total


def cross_entropy(W, X, Y):  # type: ignore[no-untyped-def]  # as a user writes it
    z = X @ W
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p = p / p.sum(axis=1, keepdims=True)
    return -(1 / X.shape[0]) * np.sum(Y * np.log(p))


def attention(Q, K, V):  # type: ignore[no-untyped-def]  # as a user writes it
    s = Q @ K.T / np.sqrt(K.shape[1])
    a = np.exp(s - s.max(axis=-1, keepdims=True))
    return np.sum((a / a.sum(axis=-1, keepdims=True) @ V) ** 2)


def stable_logsumexp(z):  # type: ignore[no-untyped-def]  # as a user writes it
    top = np.max(z)
    return top + np.log(np.sum(np.exp(z - top)))


LOSSES: list[tuple[Loss, str, str, str]] = [
    # the loss, the shapes, the variable, the text of the derivative
    (
        lambda r: np.sum(np.where(np.abs(r) <= 1, 0.5 * r**2, np.abs(r) - 0.5)),
        "r: n",
        "r",
        "where(abs(r) <= 1, r, sign(r))",
    ),
    (
        lambda w, X, y, c: np.sum(
            np.where(
                np.abs(X @ w - y) <= c, 0.5 * (X @ w - y) ** 2, c * (np.abs(X @ w - y) - 0.5 * c)
            )
        ),
        "w: d, X: n d, y: n, c:",
        "w",
        "X' where(abs(X w - y) <= c, X w - y, c sign(X w - y))",
    ),
    (
        lambda q, y, t: np.mean(np.where(y > q, t * (y - q), (1 - t) * (q - y))),
        "q: n, y: n, t:",
        "q",
        "where(y > q, -t / n, -(t - 1) / n)",
    ),
    (
        lambda a, b, y, m: np.where(
            y > 0.5, np.sum((a - b) ** 2), np.maximum(0, m - np.sum((a - b) ** 2))
        ),
        "a: n, b: n, y:, m:",
        "a",
        "2 where(y > 0.5, 1, -step(m - (a - b)'(a - b))) (a - b)",
    ),
    (lambda x: np.sum(np.where(x > 0, x, 0.1 * x)), "x: n", "x", "where(x > 0, 1, 0.1)"),
    (lambda x: np.sum(np.where(x > 0, x, np.exp(x) - 1)), "x: n", "x", "where(x > 0, 1, exp(x))"),
    (lambda x: np.sum(np.where(x > 0, np.log(x), 0)), "x: n", "x", "where(x > 0, 1 ./ x, 0)"),
    (lambda x: np.sum((x > 0) * x**2), "x: n", "x", "2 (x ∘ (x > 0))"),
    (
        lambda x: np.sum(np.where((x > 0) & (x < 1), x**2, 0)),
        "x: n",
        "x",
        "where(logical_and(x > 0, x < 1), 2 x, 0)",
    ),
    (
        lambda x: np.sum((x[1:] - x[:-1]) ** 2),
        "x: n",
        "x",
        "2 (eye(n)[1:] - eye(n)[:-1])' (x[1:] - x[:-1])",
    ),
    (
        lambda x: np.abs(np.diff(x)).sum(),
        "x: n",
        "x",
        "(eye(n)[1:] - eye(n)[:-1])' sign(x[1:] - x[:-1])",
    ),
    (total_variation, "X: n m", "X", ""),
    (lambda x: np.sum(np.diff(x, 2) ** 2), "x: n", "x", ""),
    (
        lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
        "x: n",
        "x",
        "2 (100 eye(n)[1:]' (x[1:] - x[:-1].^2)"
        " - eye(n)[:-1]' (200 (x[:-1] ∘ (x[1:] - x[:-1].^2)) - x[:-1] + 1))",
    ),
    (lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, "x: 2", "x", ""),
    (lambda x: x[0] * x[1], "x: n", "x", "x[1] eye(n)[0] + x[0] eye(n)[1]"),
    (lambda x: x[-1] ** 2, "x: n", "x", "2 x[-1] eye(n)[-1]"),
    (lambda X: np.sum(X[:, 0] ** 2), "X: n m", "X", "2 X[:, 0] eye(m)[0]'"),
    (lambda X, y: np.sum((X[2] - y) ** 2), "X: n m, y: m", "X", "2 eye(n)[2] (X[2] - y)'"),
    (lambda X: X[0, 1] * X[1, 0], "X: n n", "X", ""),
    (
        lambda z: np.log(np.sum(np.exp(z))) - z[3],
        "z: n",
        "z",
        "softmax(z) - eye(n)[3]",
    ),
    (lambda t, X, y: np.sum((X @ t[:3] + t[3] - y) ** 2), "t: 4, X: n 3, y: n", "t", ""),
    (lambda x, a: np.sum((x[1:] - a * x[:-1]) ** 2), "x: n, a:", "a", ""),
    (lambda P: np.sum(np.sqrt(np.sum((P[1:] - P[:-1]) ** 2, axis=1))), "P: n d", "P", ""),
    (lambda x: np.sum(x * x[::-1]), "x: n", "x", ""),
    (lambda x: np.sum(x[::2] ** 3), "x: 7", "x", "3 eye(7)[::2]' (x[::2].^2)"),
    (lambda x: np.sum(np.exp(x)[1:] * x[:-1]), "x: n", "x", ""),
    (neighbours, "x: 6", "x", ""),
    (lambda x, A: np.sum(np.diff(A @ x) ** 2), "x: n, A: m n", "x", ""),
    (lambda x, y: np.sum((x[:, None] - y[None, :]) ** 2), "x: n, y: m", "x", ""),
    (cross_entropy, "W: d k, X: n d, Y: n k", "W", "X' (diag(sum(Y, 1)) softmax(X W) - Y) / n"),
    (attention, "Q: n d, K: m d, V: m h", "Q", ""),
    (stable_logsumexp, "z: n", "z", "softmax(z)"),
    (
        lambda w, X, y: np.sum((X @ w - y) ** 2) / (2 * X.shape[0]),
        "w: d, X: n d, y: n",
        "w",
        "X' (X w - y) / n",
    ),
    (lambda x: np.sum(np.maximum(x, 0.1 * x)), "x: n", "x", "0.45 sign(x) + 0.55"),
    (lambda X, A: np.sum((np.tril(X) - A) ** 2), "X: n n, A: n n", "X", "-2 tril(A - X)"),
    (lambda X: np.sum(np.triu(X, 1) ** 2), "X: n n", "X", "2 triu(X, 1)"),
    (
        lambda L, x: np.sum((np.tril(L) @ x) ** 2),
        "L: n n, x: n",
        "L",
        "2 tril((tril(L) x) x')",
    ),
    (
        lambda x, y: np.sum((np.cumsum(x) - y) ** 2),
        "x: n, y: n",
        "x",
        "2 tril(ones(n, n))' (tril(ones(n, n)) x - y)",
    ),
    (lambda X, Y: np.sum(np.exp(np.cumsum(X, axis=0)) * Y), "X: n m, Y: n m", "X", ""),
    (lambda x: np.cumsum(x)[-1] ** 2, "x: n", "x", ""),
    (lambda x, y: np.sum(np.concatenate([x, y]) ** 2), "x: n, y: m", "x", "2 x"),
    (
        lambda x, y, w: np.sum((np.stack([x, y], axis=1) @ w) ** 2),
        "x: n, y: n, w: 2",
        "x",
        "2 w[0] (w[0] x + w[1] y)",
    ),
    (
        lambda w, X, y: np.sum((np.concatenate([X, np.ones((5, 1))], axis=1) @ w - y) ** 2),
        "w: 4, X: 5 3, y: 5",
        "w",
        "",
    ),
    (
        lambda A, B, b, c: b @ np.kron(A, B) @ c,
        "A: 2 3, B: 4 2, b: 8, c: 6",
        "A",
        "unvec(b, 4, 2)' B unvec(c, 2, 3)",
    ),
    (
        lambda A, B: np.linalg.norm(np.kron(A, B)) ** 2,
        "A: n m, B: d k",
        "A",
        "2 norm2(B)^2 A",
    ),
    (
        lambda A, B: np.linalg.slogdet(np.kron(A, B))[1],
        "A: 2 2, B: 3 3",
        "A",
        "3 inv(A)'",
    ),
    (
        lambda A, B, c: c @ np.linalg.inv(np.kron(A, B)) @ c,
        "A: 2 2, B: 3 3, c: 6",
        "B",
        "-inv(B)' unvec(c, 3, 2) inv(A) unvec(c, 3, 2)' inv(B)'",
    ),
    (lambda x: np.sum(np.arange(3) * x**2), "x: 3", "x", "2 (x ∘ [0, 1, 2])"),
    (lambda x: np.sum((2 * np.eye(3) @ x) ** 2), "x: 3", "x", "8 x"),
    (lambda x: np.sum(x**0 + x**1 / 2 + x**2 / 3), "x: n", "x", "2 x / 3 + 0.5"),
]


def _drawn(shapes: str, seed: int) -> Numbers:
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=tuple(size_of(s, SIZES) for s in shape))
        for name, shape in read_shapes(shapes).items()
    }


def _difference(loss: Loss, at: Numbers, wrt: str) -> npt.NDArray[np.float64]:
    x = at[wrt]
    slopes = np.zeros(x.shape)
    with np.errstate(all="ignore"):  # a branch that is not taken
        for place in np.ndindex(x.shape):
            step = np.zeros(x.shape)
            step[place] = STEP
            ends = [np.asarray(loss(**{**at, wrt: x + s * step})) for s in (1, -1)]
            slopes[place] = (ends[0] - ends[1]) / (2 * STEP)
    return slopes


@pytest.mark.parametrize(("loss", "shapes", "wrt", "text"), LOSSES)
def test_a_loss_has_a_derivative_that_can_be_read_and_run(
    loss: Loss, shapes: str, wrt: str, text: str
) -> None:
    r = dv.derive(loss, wrt=wrt, shapes=shapes)
    assert isinstance(r, dv.Derivative)
    assert r.text == text or not text
    space: dict[str, Callable[..., object]] = {}
    exec(r.code("numpy"), space)
    for seed in range(3):
        at = _drawn(shapes, seed)
        truth = _difference(loss, at, wrt)
        others = [value for name, value in at.items() if name != wrt]
        with np.errstate(all="ignore"):
            computed = [r(**at), space["derivative"](at[wrt], *others)]
            computed += [_read(r.text, "matrix", shapes, at), _read(_line(r), "numpy", shapes, at)]
        for found in computed:
            np.testing.assert_allclose(np.broadcast_to(found, truth.shape), truth, 1e-4, 1e-6)


def _line(r: dv.Derivative) -> str:
    found = r.expression("numpy")
    assert isinstance(found, str)
    return found


def _read(text: str, notation: str, shapes: str, at: Numbers) -> npt.NDArray[np.float64]:
    formula = read_formula(text, shapes, notation=notation)
    point = {leaf: at[name] for name, leaf in formula.variables.items()}
    sizes = {s: SIZES[s] for v in formula.variables.values() for s in _names(v.shape)} | SIZES
    return np.asarray(evaluate(formula.expression, point, sizes))


def _names(shape: tuple[object, ...]) -> list[str]:
    return [str(s) for s in shape if isinstance(s, Dim)]


CHOICES: list[Loss] = [
    lambda p, y: dv.sum(dv.where(y == 1, dv.log(p), dv.log(1 - p))),
    lambda p, y: np.sum(np.where(y == 1.0, p * p, p)),
    lambda p, y: dv.sum(dv.where(dv.logical_and(y == 1, p > 0), p, 0.0)),
    lambda p, y: np.sum(np.where(y == 1, p**3, np.where(y == 0, p**2, p))),
    lambda p, y: np.sum(np.where(y == 1, p**3, p) * np.where(y == 1, p, 2)),
    lambda p, y: np.sum(np.where(y == 1, p**3, p) * np.where(y == 0, p, 2)),
    lambda p, y: np.sum(np.where(y[:, None] == 1, np.outer(p, p), np.outer(p, y))),
    lambda p, y: np.sum(np.where(y == 1, np.sum(p**2), p)),
    lambda p, y: np.sum(np.where(y == 1, p, 1) ** 2 / np.where(y == 1, p**3, 2)),
    lambda p, y: np.where(y == 1, p**3, p) * np.where(y == 0, 2 * p, np.exp(p)),
    lambda p, y: -np.sum(np.where(y == 1, -p, 3 * p)) - np.sum(np.where(y == 1, p**2, p)),
    lambda p, y: np.where(p > 0.5, np.sqrt(p - 0.5), 0),
]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("order", [1, 2])
def test_both_branches_of_a_choice_are_right(choice: Loss, order: int) -> None:
    """Random numbers are never equal to 1, so that the comparison with differences sees one."""
    r = dv.derive(choice, wrt="p", shapes="p: n, y: n", order=order)
    derivative = dv.jacrev(choice) if order == 1 else dv.jacrev(dv.jacrev(choice))
    for seed in range(4):
        rng = np.random.default_rng(seed)
        p, y = rng.uniform(0.1, 0.9, 4), rng.integers(0, 3, 4).astype(float)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(r(p=p, y=y), derivative(p, y), 1e-10, 1e-12)


KRONECKER = [
    # the formula, the shapes, the variable
    ("norm2(kron(A, B) - C)^2", "A: m n, B: p q", "A"),
    ("norm2(kron(A, B) - C)^2", "A: m n, B: p q", "B"),
    ("tr(kron(A, B)*C)", "A: n n, B: m m", "A"),
    ("tr(inv(kron(A, B))*C)", "A: n n, B: m m", "A"),
    ("det(kron(A, B))", "A: n n, B: m m", "B"),
    ("sum(exp(kron(A, B)))", "A: m n, B: p q", "A"),
    ("norm2(kron(A, B)*X - Y)^2", "A: m n, B: p q", "B"),
    ("vec(X)'*kron(A, B)*vec(X)", "X: q n, A: n n, B: q q", "A"),
    ("x'*kron(A, A)*x", "A: n n", "A"),
]


@pytest.mark.parametrize(("formula", "shapes", "wrt"), KRONECKER)
def test_a_factor_of_a_kronecker_product(formula: str, shapes: str, wrt: str) -> None:
    """Compared with differences when it is derived; here, that its text is a formula."""
    r = dv.derive(formula, wrt=wrt, shapes=shapes, notation="matrix")
    assert isinstance(r, dv.Derivative)
    assert r.check.samples >= 4
    assert r.expression("numpy")


def test_refusals_name_what_was_asked() -> None:
    for loss, word in ((np.sort, "sort"), (lambda x: x[[0, 2]], "array of places")):
        with pytest.raises(dv.DerivantError, match=word):
            dv.derive(lambda x, f=loss: np.sum(f(x) ** 2), wrt="x", shapes="x: 5")


def test_a_branch_that_is_not_taken_counts_as_zero() -> None:
    """Also where its slope is infinite or no number."""
    r = dv.derive(lambda x: np.where(x > 0, np.sqrt(x), 0), wrt="x", shapes="x: n")
    with np.errstate(all="ignore"):
        found = r(x=np.array([-1.0, 0.0, 4.0]))
    np.testing.assert_array_equal(found, np.diag([0, 0, 0.25]))


def test_places_beyond_small_sizes_are_checked_at_larger_ones() -> None:
    r = dv.derive(lambda x: x[12] ** 2, wrt="x", shapes="x: n")
    assert isinstance(r, dv.Derivative)
    assert r.check.samples > 3
    assert min(s["n"] for s in r.check.sizes) == 13


def test_jacobians_and_second_derivatives_of_slices() -> None:
    r = dv.derive(lambda x: x[1:] * x[:-1], wrt="x", shapes="x: n")
    assert r.text == "diag(x[1:]) eye(n)[:-1] + diag(x[:-1]) eye(n)[1:]"
    h = dv.derive(lambda x: np.sum((x[1:] - x[:-1]) ** 2), wrt="x", shapes="x: n", order=2)
    assert h.text == "2 (eye(n)[:-1] - eye(n)[1:])' (eye(n)[:-1] - eye(n)[1:])"
    d = np.diff(np.eye(5), axis=0)
    np.testing.assert_allclose(h(x=np.zeros(5)), 2 * d.T @ d)


def test_a_claim_with_slices_and_choices() -> None:
    def loss(x: npt.NDArray[np.float64]) -> object:
        return np.sum((x[1:] - x[:-1]) ** 2)

    right = "2 (eye(n)[1:] - eye(n)[:-1])' (x[1:] - x[:-1])"
    assert dv.verify(loss, wrt="x", claim=right, shapes="x: n").right
    wrong = "2 (eye(n)[1:] + eye(n)[:-1])' (x[1:] - x[:-1])"
    assert not dv.verify(loss, wrt="x", claim=wrong, shapes="x: n").right
    chosen = "sum(where(x > 0, x.^2, -x))"
    assert dv.verify(chosen, wrt="x", claim="where(x > 0, 2*x, -1)").right
    assert not dv.verify(chosen, wrt="x", claim="where(x > 0, 2*x, 1)").right


def test_steps_name_the_places() -> None:
    r = dv.derive(lambda x: np.sum((x[1:] - x[:-1]) ** 2), wrt="x", shapes="x: n")
    assert isinstance(r, dv.Derivative)
    assert "x_(i+1) - x_i" in r.steps[0].after
    assert "δ_(i+1),k - δ_ik" in r.steps[0].after
