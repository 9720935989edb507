"""What `.structure` says, and what a structured Jacobian promises about memory, time and change."""

import threading
import tracemalloc

import numpy as np
import pytest

import derivant as dv
from operators.test_random_maps import agrees

RNG = np.random.default_rng(5)
W = RNG.standard_normal((4, 3))
b = RNG.standard_normal(3)
X = RNG.standard_normal((2, 4))
P, Q = RNG.standard_normal((3, 3)), RNG.standard_normal((2, 2))
KERNEL = RNG.standard_normal((2, 3, 3))
IMAGES = RNG.standard_normal((2, 2, 3, 3))
ORDER = np.array([2, 0, 3, 1])


def sum_of_squares(x):
    return dv.sum(x * x)


CASES = {
    "a product": (lambda X: X @ W, X, "delta[i,k] W[l,j]"),
    "both sides": (lambda X: Q @ X @ W, X, "W[l,j] Q[i,k]"),
    "the identity": (lambda x: x, X, "delta[i,k] delta[j,l]"),
    "a transpose": (lambda x: x.T, X, "delta[i,l] delta[j,k]"),
    "a layer": (lambda X: dv.relu(X @ W + b), X, "delta[i,k] step((X @ W) + b)[i,j] W[l,j]"),
    "entry by entry": (dv.exp, b, "delta[i,j] exp(x)[i]"),
    "differences": (
        lambda x: (x[1:] - x[:-1]) ** 2,
        RNG.standard_normal(6),
        "-2 (x[1:6] - x[0:5])[i] P1[i,j] + 2 (x[1:6] - x[0:5])[i] P2[i,j]",
    ),
    "rows of softmax": (
        lambda x: dv.softmax(x, axis=1),
        X,
        "delta[i,k] delta[j,l] softmax(x)[i,j] - delta[i,k] softmax(x)[i,j] softmax(x)[i,l]",
    ),
    "a convolution": (
        lambda x: dv.conv1d(x, KERNEL, padding=1),
        RNG.standard_normal((2, 3, 5)),
        "delta[i,l] T[k,n,p] flip(KERNEL)[j,m,p]",
    ),
    "low rank": (
        lambda x: x * dv.sum(x),
        b,
        "delta[i,j] sum(x) + x[i]",
    ),
    "a permutation": (lambda x: x[ORDER], RNG.standard_normal(4), "P[i,j]"),
    "sorting rows": (lambda x: dv.sort(x, axis=1), X, "delta[i,k] P[i,j,l]"),
    "running sums": (lambda x: dv.cumulative_sum(x), b, "D[j,i]"),
    "zero": (lambda x: 0 * dv.floor(x), b, "0"),
    "squares": (dv.grad(sum_of_squares), b, "2 delta[i,j]"),
}


@pytest.mark.parametrize("name", CASES)
def test_structure_as_text(name):
    f, x, wanted = CASES[name]
    J = dv.jacobian(f)(x)
    assert J.structure == wanted
    agrees(J, np.asarray(dv.jacrev(f)(x)), np.random.default_rng(0))


def test_two_dimensional_convolutions():
    kernel = RNG.standard_normal((3, 2, 2, 2))
    for options in ({}, {"stride": 2}, {"padding": 1}, {"dilation": 2}):
        f = lambda x, o=options: dv.conv2d(x, kernel, **o)  # noqa: E731 - a formula
        J = dv.jacobian(f)(IMAGES)
        assert "T1[" in J.structure
        agrees(J, np.asarray(dv.jacrev(f)(IMAGES)), np.random.default_rng(0))
    by_kernel = lambda w: dv.conv2d(IMAGES, w)  # noqa: E731 - a formula
    agrees(
        dv.jacobian(by_kernel)(kernel),
        np.asarray(dv.jacrev(by_kernel)(kernel)),
        np.random.default_rng(0),
    )


def test_a_jacobian_of_256_gib():
    W = RNG.standard_normal((4096, 4096), dtype=np.float32)
    X = RNG.standard_normal((64, 4096), dtype=np.float32)
    J = dv.jacobian(lambda X: X @ W)(X)
    assert J.dense_nbytes == 274877906944
    assert J.nbytes == W.nbytes
    assert J.structure == "delta[i,k] W[l,j]"
    assert J[3, 7, 3, 9] == W[9, 7]
    assert J[3, 7, 2, 9] == 0
    np.testing.assert_array_equal(J[3, 7][3], W[:, 7])
    with pytest.raises(dv.DerivantError, match=r"256 GiB \(274877906944 bytes\).* 2 GiB"):
        J.materialize()
    with pytest.raises(dv.DerivantError, match="256 GiB"):
        np.asarray(J)
    held = X.nbytes + W.nbytes + X.nbytes
    for call, wanted in (
        (lambda: J @ X, X @ W),
        (lambda: J.T @ X, X @ W.T),
        (lambda: X @ J, X @ W.T),
    ):
        tracemalloc.start()
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-2)
        assert peak - result.nbytes < 0.1 * held


def factorised(T, V):
    return lambda U: dv.sum((T - U @ V.T) ** 2)


def test_the_hessian_of_a_factorisation():
    T, U, V = (RNG.standard_normal(s) for s in ((6, 7), (6, 2), (7, 2)))
    H = dv.hessian(factorised(T, V))(U)
    assert H.structure == "2 delta[i,k] V[m,j] V[m,l]"
    assert H.nbytes == V.nbytes
    dense = np.einsum("ik,jl->ijkl", np.eye(6), 2 * V.T @ V)
    agrees(H, dense, np.random.default_rng(0))
    G = RNG.standard_normal(U.shape)
    np.testing.assert_allclose(H.solve(G), G @ np.linalg.inv(2 * V.T @ V), rtol=1e-10)


def test_arrays_are_read_at_each_call():
    T, U, V = (RNG.standard_normal(s) for s in ((6, 7), (6, 2), (7, 2)))
    weights = np.ones(6)
    f = lambda U: dv.sum(weights[:, None] * (T - U @ V.T) ** 2)  # noqa: E731 - a formula
    derived = dv.hessian(f)
    dense = lambda: np.einsum("ik,i,jl->ijkl", np.eye(6), weights, 2 * V.T @ V)  # noqa: E731
    first = derived(U)
    before = dense()
    np.testing.assert_allclose(first.materialize(), before)
    V *= 3
    weights[2] = 5
    np.testing.assert_allclose(derived(U).materialize(), dense(), rtol=1e-12)
    V, weights = RNG.standard_normal((7, 2)), RNG.random(6)
    np.testing.assert_allclose(derived(U).materialize(), dense(), rtol=1e-12)
    np.testing.assert_allclose(first.materialize(), before)  # what was captured stays
    V = RNG.standard_normal((4, 2))
    T = RNG.standard_normal((6, 4))
    np.testing.assert_allclose(derived(U).materialize(), dense(), rtol=1e-12)


def test_the_argument_may_change_afterwards():
    x = np.array([1.0, 2.0])
    J = dv.jacobian(lambda x: x**3)(x)
    x[:] = 7
    np.testing.assert_array_equal(J.diagonal(), [3, 12])
    np.testing.assert_array_equal(J.forward(np.ones(2)), [3, 12])  # the sweeps too


def test_logistic_regression():
    X, w = RNG.standard_normal((40, 7)), RNG.standard_normal(7)
    y = (RNG.random(40) > 0.5).astype(float)

    def loss(w):
        z = X @ w
        return dv.sum(dv.softplus(z) - y * z)

    s = 1 / (1 + np.exp(-X @ w))
    H = dv.hessian(loss)(w)
    np.testing.assert_allclose(H.materialize(), X.T @ ((s * (1 - s))[:, None] * X), rtol=1e-12)
    np.testing.assert_array_equal(H.materialize(), H.materialize().T)
    indefinite = dv.hessian(lambda w: dv.sum(dv.sin(X @ w)))(w)  # weights of both signs
    exact = -X.T @ (np.sin(X @ w)[:, None] * X)
    np.testing.assert_allclose(indefinite.materialize(), exact, rtol=1e-11, atol=1e-12)
    concave = dv.hessian(lambda w: -dv.sum(dv.softplus(X @ w)))(w)
    np.testing.assert_allclose(concave.materialize(), -H.materialize(), rtol=1e-12)


SCALARS = {
    "abs": lambda x: dv.sum(dv.abs(x)),
    "relu": lambda x: dv.sum(dv.relu(x) * x),
    "a norm": lambda x: dv.linalg.norm(x),
    "a quadratic form": lambda x: x @ P @ x,
    "a sum": dv.sum,
    "logsumexp": dv.logsumexp,
    "a branch": lambda x: dv.sum(dv.where(x > 0, dv.sqrt(x), 0.0)),
    "a product": dv.prod,
    "a constant": lambda x: 3.0,
    "neighbours": lambda x: dv.sum(x[1:] * x[:-1]) ** 2,
}


@pytest.mark.parametrize("f", SCALARS.values(), ids=SCALARS)
@pytest.mark.parametrize(
    "x", [np.zeros(3), np.array([0.0, 1.0, -2.0]), np.ones(3, np.float32), dv.tensor([1.0, 0, -1])]
)
def test_a_hessian_is_the_jacobian_of_the_gradient(f, x):
    """Its graph is taken from the function at once, and says the same, at hard points too."""
    with np.errstate(all="ignore"):
        one, two = dv.hessian(f)(x), dv.jacobian(dv.grad(f))(x)
        a, b = one.materialize(), two.materialize()
    assert type(one) is type(two)
    assert getattr(one, "structure", "") == getattr(two, "structure", "")
    assert type(a) is type(b) and a.dtype == b.dtype == x.dtype
    np.testing.assert_array_equal(*(m.numpy() if hasattr(m, "numpy") else m for m in (a, b)))


def test_the_hessian_of_k_means_is_diagonal():
    points = RNG.standard_normal((30, 2))

    def loss(centers):
        distances = dv.sum((points[:, None, :] - centers) ** 2, axis=2)
        return dv.sum(dv.min(distances, axis=1))

    centers = RNG.standard_normal((4, 2))
    H = dv.hessian(loss)(centers)
    dense = np.asarray(dv.jacfwd(dv.grad(loss))(centers))
    agrees(H, dense, np.random.default_rng(0))
    assert np.count_nonzero(dense.reshape(8, 8) - np.diag(np.diag(dense.reshape(8, 8)))) == 0
    assert "delta[j,l]" in H.structure


# Values at the hard points are those of the sweeps


HARD = {
    "relu": (dv.relu, [-1.0, 0.0, 2.0]),
    "abs": (dv.abs, [-1.0, 0.0, 2.0]),
    "norm": (dv.linalg.norm, [0.0, 0.0]),
    "ties": (dv.max, [1.0, 2.0, 2.0]),
    "a tie with itself": (lambda x: dv.maximum(x, x), [1.0, 2.0]),
    "roots not taken": (lambda x: dv.where(x > 0, dv.sqrt(dv.abs(x)), 0.0), [-1.0, 0.0, 4.0]),
    "quotient": (lambda x: x / dv.sum(x * x), [0.0, 0.0]),
    "root": (dv.sqrt, [0.0, 1.0]),
    "a power": (lambda x: x**0, [0.0, 1.0]),
    "product": (dv.prod, [2.0, 0.0, 3.0]),
    "difference": (lambda x: dv.relu(x) - dv.relu(-x), [0.0, 1.0]),
    "no numbers": (lambda x: dv.softmax(x), [-np.inf, -np.inf]),
    "not a number": (lambda x: x * x, [np.nan, 1.0]),
    "outside": (lambda x: dv.log(x), [-1.0, 0.0, 1.0]),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", HARD)
def test_hard_points(name):
    f, x = HARD[name][0], np.array(HARD[name][1])
    J = dv.jacobian(f)(x)
    np.testing.assert_array_equal(J.materialize(), dv.jacrev(f)(x))
    np.testing.assert_array_equal(J @ np.ones(len(x)), dv.jvp(f, (x,), (np.ones(len(x)),))[1])
    out, pull = dv.vjp(f, x)
    np.testing.assert_array_equal(J.T @ np.ones(np.shape(out)), pull(np.ones(np.shape(out)))[0])
    if np.ndim(out):
        np.testing.assert_array_equal(J.diagonal(), np.diagonal(dv.jacrev(f)(x)))
        np.testing.assert_array_equal(J[0], dv.jacrev(f)(x)[0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_strong_zero():
    f = lambda x: dv.sqrt(x)  # noqa: E731 - a formula
    J = dv.jacobian(f)(np.array([0.0, 1.0]))
    np.testing.assert_array_equal(J @ np.array([0.0, 2.0]), [0, 1])
    np.testing.assert_array_equal(np.array([1.0, 0.0]) @ J, [np.inf, 0])


# Kinds of arguments


def test_dtypes_and_kinds():
    x = np.array([1, 2], np.float32)
    J = dv.jacobian(lambda x: dv.exp(x) * np.float64(2.0))(x)
    assert J.dtype == np.float32
    assert (np.ones(2) @ J).dtype == np.float32
    T = dv.tensor([1.0, 2.0])
    J = dv.jacobian(lambda x: x * x)(T)
    assert isinstance(J @ np.ones(2), dv.Tensor)
    assert isinstance(np.ones(2) @ J, dv.Tensor)
    np.testing.assert_array_equal((J @ T).numpy(), [2, 8])
    c = dv.tensor([3.0, 4.0])
    np.testing.assert_array_equal(dv.jacobian(lambda x: c * x)(np.ones(2)).diagonal(), [3, 4])
    scalar = dv.jacobian(lambda a, x: a * x)(2.0, np.ones(2, np.float32))
    np.testing.assert_array_equal(scalar.materialize(), [1, 1])
    assert dv.jacobian(lambda x: 3 * x)(np.zeros((0, 2))).materialize().shape == (0, 2, 0, 2)


def test_what_requires_gradients_is_recorded():
    c = dv.tensor([3.0, 4.0], requires_grad=True)
    J = dv.jacobian(lambda x: c * x**2)(np.ones(2))
    dv.sum(J @ np.ones(2)).backward()
    np.testing.assert_array_equal(c.grad, [2, 2])


def test_inside_other_transforms():
    f = lambda x: x**3  # noqa: E731 - a formula
    x = np.array([1.0, 2.0])
    outer = dv.grad(lambda x: dv.sum(dv.jacobian(f)(x) @ np.ones(2)))(x)
    np.testing.assert_allclose(outer, 6 * x)
    scaled = dv.grad(lambda c: dv.sum(dv.jacobian(lambda y: c * y**2)(x) @ np.ones(2)))(np.ones(2))
    np.testing.assert_allclose(scaled, 2 * x)
    rows = dv.vmap(lambda x: dv.jacobian(f)(x) @ np.ones(2))(np.ones((3, 2)))
    np.testing.assert_allclose(rows, 3 * np.ones((3, 2)))
    batched = dv.jacobian(dv.vmap(lambda x: dv.tanh(W.T @ x)))(X)
    np.testing.assert_allclose(
        batched.materialize(), dv.jacrev(lambda X: dv.tanh(X @ W))(X), rtol=1e-12
    )
    again = dv.jacobian(lambda x: dv.jacobian(f)(x).diagonal())(x)
    np.testing.assert_allclose(again.materialize(), np.diag(6 * x))


def test_code_that_cannot_be_traced():
    def branching(x):
        return x**2 if x.numpy()[0] > 0 else -x

    for start in (1.0, -1.0):
        x = np.array([start, 2.0])
        J = dv.jacobian(branching)(x)
        assert J.structure == "D[i;j]"
        np.testing.assert_array_equal(J.materialize(), dv.jacrev(branching)(x))
    with pytest.raises(dv.DerivantError, match="matmul"):
        dv.jacobian(lambda x: x @ W)(np.ones(5))


def test_many_threads():
    T, V = RNG.standard_normal((6, 7)), RNG.standard_normal((7, 2))
    derived, found = dv.hessian(factorised(T, V)), []

    def work(seed):
        H = derived(np.random.default_rng(seed).standard_normal((6, 2)))
        found.append(H.solve(np.ones((6, 2))))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 8
    assert all(np.array_equal(f, found[0]) for f in found)


# Systems


def test_systems_at_structured_cost():
    n = 100_000
    d, x = RNG.random(n) + 1, RNG.standard_normal(n)
    diagonal = dv.jacobian(lambda x: d * x)(x)
    np.testing.assert_allclose(diagonal.solve(x), x / d)
    assert diagonal.logdet() == pytest.approx(np.log(d).sum())
    blocks = dv.jacobian(lambda X: dv.tanh(X @ P))(RNG.standard_normal((5000, 3)) * 0.1)
    G = RNG.standard_normal((5000, 3))
    np.testing.assert_allclose(blocks @ blocks.solve(G), G, rtol=1e-8, atol=1e-8)


def test_what_has_no_inverse():
    singular = {
        "a zero": (lambda x: x * np.array([1.0, 0.0])),
        "rank one": (lambda x: dv.sum(x) * np.ones(2)),
        "nothing": (lambda x: 0 * dv.floor(x)),
        "a block": (lambda x: np.ones((2, 2)) @ x),
    }
    for f in singular.values():
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            dv.jacobian(f)(np.ones(2)).solve(np.ones(2))
        assert dv.jacobian(f)(np.ones(2)).logdet() == -np.inf
    with pytest.raises(dv.ShapeError, match="not square"):
        dv.jacobian(lambda x: x[1:])(np.ones(3)).logdet()


def test_sums_do_not_fit():
    one, two = dv.jacobian(dv.exp)(np.ones(2)), dv.jacobian(dv.exp)(np.ones(3))
    with pytest.raises(dv.ShapeError, match=r"\(2,\) \+ \(2,\) and \(3,\)"):
        one + two
    with pytest.raises(TypeError):
        one + 3
    np.testing.assert_array_equal((-one).diagonal(), -one.diagonal())


def test_sparse_is_made_from_the_structure():
    n = 50_000
    x = RNG.standard_normal(n)
    matrix = dv.jacobian(lambda x: (x[1:] - x[:-1]) ** 2)(x).to_sparse()
    assert matrix.shape == (n - 1, n)
    assert matrix.nnz == 2 * (n - 1)
    t = RNG.standard_normal(n)
    np.testing.assert_allclose(matrix @ t, 2 * np.diff(x) * np.diff(t))
