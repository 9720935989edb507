"""Every transform on one set of functions, beside JAX where it is installed."""

import numpy as np
import pytest

import derivant as dv

jax = pytest.importorskip("jax", reason="beside JAX; pip install 'derivant[peers]'")
jnp = jax.numpy

FUNCTIONS = {
    "attention-like products": lambda x, m: m.sum(m.tanh(x @ x.T) * x[:, :3]),
    "running sums": lambda x, m: m.sum(m.cumsum(m.exp(-(x**2)), axis=1) ** 2),
    "sorting": lambda x, m: m.sum(m.sort(x, axis=0) * m.arange(9.0).reshape(3, 3)),
    "log determinant": lambda x, m: m.linalg.slogdet(x @ x.T + m.eye(3))[1],
    "linear solve": lambda x, m: m.sum(m.linalg.solve(x + 4 * m.eye(3), x[:, 0:1]) ** 2),
    "branches": lambda x, m: m.sum(m.where(x > 0, m.log(m.abs(x) + 1), x**3)),
    "extrema and products": lambda x, m: m.max(x) * m.min(x, axis=0)[1] + m.prod(x[0]),
    "einsum": lambda x, m: m.einsum("ij,jk,ki->", x, x.T, m.sin(x)),
    "cholesky": lambda x, m: m.sum(m.linalg.cholesky(x @ x.T + m.eye(3)) * x),
    "slices": lambda x, m: m.sum(m.concatenate([x, 2 * x[::-1]], axis=1)[1:, ::2] ** 3),
    "eigenvalues and vectors": lambda x, m: (
        m.sum(m.linalg.eigh(x + x.T)[0] ** 3)
        + m.sum(m.linalg.eigh(x + x.T)[1][:, 0] ** 2 * m.arange(3.0))
    ),
    "statistics": lambda x, m: (
        m.sum(m.stack([x, x.T]) * m.roll(x, 1, axis=0)) + m.std(x) + m.var(x, axis=0)[0]
    ),
    "gather and norms": lambda x, m: (
        m.sum(m.take(x, np.array([0, 2, 2]), axis=1) * m.broadcast_to(x[:, :1], (3, 3)))
        + m.linalg.norm(x)
    ),
    "kronecker and traces": lambda x, m: (
        m.sum(m.kron(x[:2, :2], x) * 0.1)
        + m.trace(x @ x @ x)
        + m.sum(m.tril(x) * m.outer(x[0], x[1]))
    ),
}
TRANSFORMS = {
    "gradient": (lambda f: dv.grad(f), lambda f: jax.grad(f)),
    "forward over reverse": (lambda f: dv.jacfwd(dv.grad(f)), lambda f: jax.hessian(f)),
    "reverse over reverse": (lambda f: dv.jacrev(dv.grad(f)), lambda f: jax.hessian(f)),
    "Hessian product": (
        lambda f: lambda x: dv.hvp(f, x, V),
        lambda f: lambda x: jax.jvp(jax.grad(f), (x,), (V,))[1],
    ),
    "third order": (
        lambda f: dv.grad(lambda x: dv.sum(dv.hvp(f, x, V) * V)),
        lambda f: jax.grad(lambda x: jnp.sum(jax.jvp(jax.grad(f), (x,), (V,))[1] * V)),
    ),
    "formula": (lambda f: formula(dv.grad(f)), lambda f: jax.grad(f)),
    "formula of a Hessian": (lambda f: formula(dv.jacfwd(dv.grad(f))), lambda f: jax.hessian(f)),
}
BATCHED = {
    "values": (lambda f: dv.vmap(f), lambda f: jax.vmap(f)),
    "gradients": (lambda f: dv.vmap(dv.grad(f)), lambda f: jax.vmap(jax.grad(f))),
    "Hessians": (lambda f: dv.vmap(dv.jacrev(dv.grad(f))), lambda f: jax.vmap(jax.hessian(f))),
    "gradient through vmap": (
        lambda f: dv.grad(lambda X: dv.sum(dv.vmap(f)(X) ** 2)),
        lambda f: jax.grad(lambda X: jnp.sum(jax.vmap(f)(X) ** 2)),
    ),
    "nested": (
        lambda f: lambda X: dv.vmap(dv.vmap(f))(np.stack([X, 2 * X])),
        lambda f: lambda X: jax.vmap(jax.vmap(f))(np.stack([X, 2 * X])),
    ),
}
RNG = np.random.default_rng(0)
X, V, ROWS = (RNG.standard_normal(shape) for shape in [(3, 3), (3, 3), (4, 3, 3)])


def formula(f):
    """The function through its expression: traced, then evaluated."""
    return lambda x: dv.evaluate(dv.trace_graph(f, x.shape), {"x": x})


@pytest.fixture(autouse=True)
def _in_double_precision():
    with jax.enable_x64(True):
        yield


def compare(transforms, name, at):
    ours, theirs = transforms
    f = FUNCTIONS[name]
    mine = np.asarray(ours(lambda x: f(x, dv))(at))
    reference = np.asarray(theirs(lambda x: f(x, jnp))(at))
    assert mine.shape == reference.shape
    np.testing.assert_allclose(mine, reference, rtol=1e-7, atol=1e-8)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_matrix(name, transform):
    compare(TRANSFORMS[transform], name, X)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("transform", BATCHED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_stack_of_matrices(name, transform):
    compare(BATCHED[transform], name, ROWS)
