"""The values at the hard points, a test for each line of the conventions, orders 1 and 2."""

import warnings

import mpmath
import numpy as np
import pytest

import derivant as dv

INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def _numpy_may_warn():
    """NumPy's own functions warn in the forward pass at hard points, as without derivant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def slope(f, x):
    return dv.grad(f)(x)


def curvature(f, x):
    return dv.grad(dv.grad(f))(x)


def each(f):
    """The derivative of an elementwise function at each entry."""
    return dv.grad(lambda x: dv.sum(f(x)))


@pytest.mark.parametrize(
    ("name", "f", "x", "first"),
    [
        ("relu at 0", dv.relu, 0.0, 0),
        ("abs at 0", dv.abs, 0.0, 0),
        ("clip at the lower bound", lambda x: dv.clip(x, 0.0, 1.0), 0.0, 0),
        ("clip at the upper bound", lambda x: dv.clip(x, 0.0, 1.0), 1.0, 0),
        ("sinc at 0", dv.sinc, 0.0, 0),
        ("maximum(x, x)", lambda x: dv.maximum(x, x), 3.0, 1),
        ("minimum(x, x)", lambda x: dv.minimum(x, x), 3.0, 1),
        ("maximum(x, 0) at 0", lambda x: dv.maximum(x, 0.0), 0.0, 0.5),
        ("sqrt at 0", dv.sqrt, 0.0, INF),
        ("x**0 at 0", lambda x: x**0, 0.0, 0),
        ("x**0 at 0, a Tensor exponent", lambda x: dv.pow(x, np.float64(0.0)), 0.0, 0),
        ("x**2 at -1", lambda x: x**2, -1.0, -2),
        ("x**2.0 at -1", lambda x: x**2.0, -1.0, -2),
        ("x**(array 2) at -1", lambda x: dv.pow(x, np.array(2.0)), -1.0, -2),
        ("0**p by p at p > 0", lambda p: dv.pow(0.0, p), 1.5, 0),
        ("0**p by p at p = 0", lambda p: dv.pow(0.0, p), 0.0, 0),
        ("relu(x) - relu(-x) at 0", lambda x: dv.relu(x) - dv.relu(-x), 0.0, 0),
        ("sign", dv.sign, 0.3, 0),
        ("floor", dv.floor, 0.3, 0),
        ("ceil", dv.ceil, 0.3, 0),
        ("round", dv.round, 0.3, 0),
        ("trunc", dv.trunc, 0.3, 0),
        ("x * sign(x)", lambda x: x * dv.sign(x), 0.3, 1),
        ("log outside its domain", dv.log, -1.0, NAN),
        ("silu far below", dv.silu, -709.0, None),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_first_derivative(name, f, x, first):
    if first is None:
        assert slope(f, x) == pytest.approx(-8.61e-306, rel=1e-3)
    else:
        found = slope(f, x)
        assert found == first or (np.isnan(found) and np.isnan(first))


@pytest.mark.parametrize(
    ("f", "second"),
    [(dv.abs, 0), (dv.relu, 0), (lambda x: x**2, 2), (dv.sinc, -(np.pi**2) / 3)],
)
def test_second_derivative_at_zero(f, second):
    assert curvature(f, 0.0) == pytest.approx(second, rel=1e-12)


def test_zero_to_the_p_by_p_second_order():
    assert curvature(lambda p: dv.pow(0.0, p), 0.0) == 0


def test_max_splits_ties_evenly():
    x = np.array([1.0, 2.0, 2.0])
    np.testing.assert_array_equal(slope(dv.max, x), [0, 0.5, 0.5])
    np.testing.assert_array_equal(slope(dv.min, -x), [0, 0.5, 0.5])
    table = np.array([[1.0, 1.0], [0.0, 3.0]])
    np.testing.assert_array_equal(
        slope(lambda t: dv.sum(dv.max(t, axis=1)), table), [[0.5, 0.5], [0, 1]]
    )
    np.testing.assert_array_equal(
        slope(lambda v: dv.linalg.vector_norm(v, ord=np.inf), np.array([2.0, -2.0, 1.0])),
        [0.5, -0.5, 0],
    )


def test_sort_takes_the_stable_permutation():
    x = np.array([2.0, 1.0, 2.0])
    w = np.array([10.0, 20.0, 30.0])
    np.testing.assert_array_equal(slope(lambda v: dv.sum(w * dv.sort(v)), x), [20, 10, 30])


def test_integer_results_are_constants_and_refused_as_outputs():
    x = np.array([3.0, 1.0])
    np.testing.assert_array_equal(slope(lambda v: v[dv.argmax(v)] * 2, x), [2, 0])
    np.testing.assert_array_equal(slope(lambda v: dv.sum(v * (v > 2)), x), [1, 0])
    with pytest.raises(TypeError, match="int64"):
        slope(lambda v: dv.argmax(v), x)
    with pytest.raises(TypeError, match="bool"):
        slope(lambda v: dv.all(v > 0), x)


def test_softmax_of_minus_infinity():
    g = slope(lambda v: dv.sum(dv.softmax(v) * np.array([1.0, 2.0])), np.array([-INF, -INF]))
    np.testing.assert_array_equal(g, 0)


def test_slogdet_at_a_singular_matrix():
    g = slope(lambda a: dv.linalg.slogdet(a)[1], np.array([[1.0, 2.0], [2.0, 4.0]]))
    assert np.isnan(g).all()


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, INF])
def test_norm_at_zero(order):
    norm = lambda v: dv.linalg.vector_norm(v, ord=2 if order is None else order)  # noqa: E731
    np.testing.assert_array_equal(slope(norm, np.zeros(3)), 0)
    x = np.array([1.0, -2.0])
    np.testing.assert_array_equal(slope(lambda v: norm(v - x), x), 0)


def test_hessian_of_the_norm_at_zero_is_nan():
    assert np.isnan(dv.jacfwd(dv.grad(dv.linalg.vector_norm))(np.zeros(2))).all()


def test_std_of_a_constant():
    np.testing.assert_array_equal(slope(dv.std, np.full(4, 2.5)), 0)


@pytest.mark.parametrize("f", [dv.hypot, dv.atan2])
def test_two_arguments_at_the_origin(f):
    assert dv.grad(f, (0, 1))(0.0, 0.0) == (0, 0)


@pytest.mark.parametrize(
    ("branch", "x"),
    [
        (dv.sqrt, np.array([-1.0, 0.0])),
        (dv.log, np.array([-1.0, 0.0])),
        (lambda x: 1 / x, np.array([-0.0, 0.0])),
        (dv.reciprocal, np.array([-0.0, 0.0])),
        (lambda x: x**0.5, np.array([-1.0, 0.0])),
        (lambda x: x**-1.5, np.array([-1.0, 0.0])),
        (dv.acos, np.array([-2.0, -1.0])),
        (dv.log1p, np.array([-2.0, -1.0])),
    ],
)
def test_the_branch_not_taken_gives_exactly_zero(branch, x):
    chosen = lambda x: dv.where(x > 0, branch(x), 0.0)  # noqa: E731 - a formula
    np.testing.assert_array_equal(each(chosen)(x), 0)
    np.testing.assert_array_equal(each(each(chosen))(x), 0)
    hessian = dv.jacfwd(each(chosen))(x)
    np.testing.assert_array_equal(hessian, 0)
    np.testing.assert_array_equal(dv.jvp(chosen, (x,), (np.ones_like(x),))[1], 0)


def test_logsumexp_of_minus_infinity():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, g = dv.value_and_grad(dv.logsumexp)(np.array([-INF, -INF]))
    assert value == -INF
    np.testing.assert_array_equal(g, 0)


def test_a_norm_written_out_is_nan_at_zero():
    assert np.isnan(slope(lambda v: dv.sqrt(dv.sum(v * v)), np.zeros(3))).all()


@pytest.mark.parametrize("x", [1e4, -1e4, 800.0, -800.0, 40.0])
@pytest.mark.parametrize(
    ("f", "exact"),
    [
        (dv.softplus, lambda x: mpmath.log1p(mpmath.exp(x))),
        (dv.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
        (dv.log_sigmoid, lambda x: -mpmath.log1p(mpmath.exp(-x))),
        (lambda x: dv.logsumexp(dv.stack([x, 0.0 * x])), lambda x: mpmath.log1p(mpmath.exp(x))),
        (lambda x: dv.softmax(dv.stack([x, 0.0 * x]))[0], lambda x: 1 / (1 + mpmath.exp(-x))),
        (
            lambda x: dv.cross_entropy(dv.stack([x, 0.0 * x]), 0),
            lambda x: mpmath.log1p(mpmath.exp(-x)),
        ),
    ],
)
def test_stable_functions_far_out(f, exact, x):
    with mpmath.workdps(60), warnings.catch_warnings():
        warnings.simplefilter("error")
        value, first = dv.value_and_grad(f)(x)
        assert float(value) == pytest.approx(float(exact(x)), rel=1e-12, abs=1e-307)
        expected = float(mpmath.diff(exact, x, h=mpmath.mpf(10) ** -20))
        assert float(first) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_product_with_zeros():
    np.testing.assert_array_equal(slope(dv.prod, np.array([2.0, 0.0, 3.0])), [0, 6, 0])
    x = np.array([2.0, 0.0, 0.0])
    hessian = np.zeros((3, 3))
    hessian[1, 2] = hessian[2, 1] = 2
    np.testing.assert_array_equal(dv.jacfwd(dv.grad(dv.prod))(x), hessian)
    np.testing.assert_array_equal(dv.jacrev(dv.grad(dv.prod))(x), hessian)


def test_determinant_at_a_singular_matrix():
    g = slope(dv.linalg.det, np.array([[1.0, 2.0], [2.0, 4.0]]))
    np.testing.assert_allclose(g, [[4, -2], [-2, 1]], rtol=1e-12)


def test_determinants_of_empty_and_one_by_one():
    assert dv.linalg.det(np.zeros((0, 0))) == 1
    assert slope(dv.linalg.det, np.zeros((0, 0))).shape == (0, 0)
    np.testing.assert_array_equal(slope(dv.linalg.det, np.array([[5.0]])), [[1]])
    sign, log = dv.linalg.slogdet(np.zeros((0, 0)))
    assert (sign, log) == (1, 0)
    np.testing.assert_allclose(slope(lambda a: dv.linalg.slogdet(a)[1], np.array([[5.0]])), [[0.2]])


@pytest.mark.parametrize(
    "f",
    [
        dv.linalg.inv,
        lambda a: dv.linalg.solve(a, np.ones((2, 1))),
        lambda a: dv.linalg.cholesky(a),
    ],
)
def test_singular_matrices_are_named(f):
    good, bad = np.eye(2), np.zeros((2, 2))
    with pytest.raises(np.linalg.LinAlgError, match="1"):
        f(np.stack([good, bad, good]))
    with pytest.raises(dv.DerivantError):
        f(dv.tensor(bad))


def spd(n):
    root = np.random.default_rng(n).standard_normal((n, n))
    return root @ root.T + n * np.eye(n)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: dv.sum(dv.linalg.cholesky(a) ** 2 * np.arange(9.0).reshape(3, 3)),
        lambda a: dv.sum(dv.linalg.eigvalsh(a) * np.arange(3.0)),
        lambda a: dv.sum(dv.linalg.eigh(a)[0] ** 3),
        lambda a: dv.sum(dv.linalg.eigh(a)[1] ** 2 * np.arange(9.0).reshape(3, 3)),
    ],
)
def test_symmetric_factorisations_have_symmetric_gradients(f):
    a = spd(3) + np.diag([0.0, 1.0, 3.0])
    g = slope(f, a)
    np.testing.assert_allclose(g, g.T, rtol=1e-10, atol=1e-10)
    rng = np.random.default_rng(1)
    for _ in range(5):
        e = rng.standard_normal((3, 3))  # no direction is excluded, symmetric or not
        h = 1e-6
        numeric = (f(a + h * e) - f(a - h * e)) / (2 * h)
        assert np.sum(g * e) == pytest.approx(numeric, rel=1e-6, abs=1e-7)


def test_matrix_functions_at_repeated_eigenvalues():
    a = 2.0 * np.eye(3)
    e = np.random.default_rng(2).standard_normal((3, 3))
    e = e + e.T
    for f, first in [(dv.linalg.sqrtm, 0.5 / np.sqrt(2)), (dv.linalg.logm, 0.5)]:
        moved = dv.jvp(f, (a,), (e,))[1]
        np.testing.assert_allclose(moved, first * e, rtol=1e-12)
    g = slope(lambda m: dv.sum(dv.linalg.eigvalsh(m) ** 2), a)
    np.testing.assert_allclose(g, 2 * a, rtol=1e-12)


def test_eigenvectors_at_repeated_eigenvalues_are_refused():
    with pytest.raises(dv.DerivantError, match="equal"):
        slope(lambda a: dv.linalg.eigh(a)[1][0, 0], np.eye(2))


def test_index_out_of_bounds():
    x = dv.tensor([1.0, 2.0])
    with pytest.raises(IndexError):
        x[5]
    with pytest.raises(IndexError):
        dv.take(x, np.array([0, 7]))
    with pytest.raises(IndexError):
        slope(lambda v: v[np.array([2])][0], np.array([1.0, 2.0]))


def test_duplicate_indices_accumulate():
    g = slope(lambda v: dv.sum(v[np.array([0, 0, 1])] * np.array([1.0, 2.0, 4.0])), np.zeros(2))
    np.testing.assert_array_equal(g, [3, 4])


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((0,)),
        np.zeros((3, 0)),
        np.array(2.0),
        np.ones((1, 3, 1)),
        np.arange(6.0)[::-1],
        np.arange(6.0).reshape(2, 3)[:, ::-2],
    ],
    ids=["empty", "empty matrix", "0-d", "size 1", "reversed", "negative strides"],
)
def test_shapes_of_gradients(x):
    f = lambda v: dv.sum(dv.exp(v) * v)  # noqa: E731 - a formula
    g = slope(f, x)
    assert np.shape(g) == x.shape
    np.testing.assert_allclose(g, np.exp(x) * (1 + x))
    assert dv.jacrev(dv.grad(f))(x).shape == x.shape + x.shape


def test_an_array_changed_between_forward_and_backward():
    data = np.array([1.0, 2.0])
    t = dv.tensor([3.0, 4.0], requires_grad=True)
    out = dv.sum(t * data) + dv.sum(dv.exp(t) * data[0:1])
    data[:] = 100
    out.backward()
    np.testing.assert_allclose(t.grad, np.array([1.0, 2.0]) + np.exp([3.0, 4.0]))
    source = np.array([1.0])
    copied = dv.tensor(source)
    source[0] = 5
    assert copied.item() == 1


CAPTURED = {
    "a factor behind": (np.array([2.0, 3.0, 5.0]), lambda t, held: t * held),
    "a factor in front": (np.array([2.0, 3.0, 5.0]), lambda t, held: held * t),
    "a matrix": (np.eye(3) + 1.0, lambda t, held: t @ held),
    "a mask, a Tensor, a number": (np.array([True, False, True]), lambda t, m: dv.where(m, t, 0.0)),
    "a mask, two Tensors": (np.array([True, False, True]), lambda t, m: dv.where(m, t * t, -t)),
    "a mask, an array": (
        np.array([True, False, True]),
        lambda t, m: dv.where(m, t, np.arange(3.0)),
    ),
    "an index array": (np.array([0, 0, 2]), lambda t, i: t[i] * 3.0),
    "two index arrays": (np.array([0, 0, 2]), lambda t, i: dv.outer(t, t)[i, i]),
    "an index and a slice": (np.array([0, 0, 2]), lambda t, i: dv.outer(t, t)[i, 1:]),
    "a key of a mask": (np.array([True, False, True]), lambda t, m: t[m] * 3.0),
    "take": (np.array([1, 1, 2]), dv.take),
}


@pytest.mark.parametrize(("held", "f"), CAPTURED.values(), ids=CAPTURED)
def test_what_was_captured_may_change_before_the_sweep(held, f):
    held = held.copy()
    start = np.array([1.0, -2.0, 3.0])
    expected = dv.grad(lambda t: dv.sum(f(t, held)))(start)
    t = dv.tensor(start, requires_grad=True)
    out = dv.sum(f(t, held))
    tangent = dv.jvp(lambda t: dv.sum(f(t, held)), (start,), (np.ones(3),))[1]
    held[...] = ~held if held.dtype == bool else held.flat[0] + 1
    out.backward()
    np.testing.assert_array_equal(t.grad, expected)
    np.testing.assert_allclose(tangent, expected.sum())


def test_gradients_that_meet_are_not_added_in_place():
    t, u = (dv.tensor(np.ones(3), requires_grad=True) for _ in range(2))
    seed = np.array([1.0, 2.0, 3.0])
    same = t + u
    (same + same + same * 2.0).backward(seed)
    np.testing.assert_array_equal(t.grad, 4 * np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(u.grad, 4 * np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(seed, [1.0, 2.0, 3.0])
    t.grad[0] = -1.0
    assert u.grad[0] == 4.0
    (t + u).backward(seed)
    assert seed[0] == 1.0
    seed[0] = 7.0
    assert u.grad[0] == 5.0


def test_a_leaf_assigned_between_forward_and_backward():
    t = dv.tensor(3.0, requires_grad=True)
    out = t * t
    with dv.no_grad():
        t -= 1.0
    out.backward()
    assert t.grad == 6
    assert t.item() == 2


def test_backward_twice_adds_the_same_gradient_once_more():
    x = dv.tensor(2.0, requires_grad=True)
    y = x**3
    y.backward()
    assert x.grad == 12
    y.backward()
    assert x.grad == 24


def test_gradient_of_a_constant_is_zero():
    np.testing.assert_array_equal(slope(lambda v: 3.0, np.ones(2)), [0, 0])
    np.testing.assert_array_equal(slope(lambda v: dv.sum(dv.stop_gradient(v) * v), np.ones(2)), 1)
