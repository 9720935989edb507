"""Random programs of nested transforms, each computed by several independent roads.

A program is a map of two vectors of three numbers, built from small formulas by composition and by
transforms, whose insides close over the outer variables. The same program is run as it is written
and with every mode exchanged: gradients by tangents, tangents by pulling a pullback back, dense
Jacobians row by row, vmap as a loop. Differences of values judge both.
"""

import inspect
import itertools
import random

import numpy as np
import pytest

import derivant as dv

WEIGHTS = np.array([0.4, -0.7, 1.2])
MATRIX = np.linspace(-0.9, 1.1, 9).reshape(3, 3) + 0.3 * np.eye(3)
BASIS = np.eye(3)
PLACES = np.array([0, 0, 2])


def spd(x):
    return dv.einsum("i,j->ij", x, x) + np.diag([1.0, 2.0, 3.5])


def spectral(x, y):
    values, vectors = dv.linalg.eigh(spd(x))
    return (vectors * values * values) @ (vectors.T @ y)


def scanned(x, y):
    carry, rows = dv.scan(lambda c, t: (dv.tanh(c * t[0]) + t[1], c * t[1]), x[0], (x, y))
    return carry * rows


FORMULAS = {
    "product": lambda x, y: x * y[::-1],
    "tanh": lambda x, y: dv.tanh(x - y) + 2 * x - y / 2,
    "matrix": lambda x, y: x @ MATRIX * dv.cos(y),
    "einsum": lambda x, y: dv.einsum("ij,i,j->j", MATRIX, x, dv.sin(y)),
    "repeated letter": lambda x, y: dv.einsum("ii,i->i", dv.outer(x, y), WEIGHTS),
    "cumprod": lambda x, y: dv.cumprod(x) + y,
    "sort": lambda x, y: dv.sort(x) * y,
    "gather": lambda x, y: dv.outer(x, y)[PLACES, np.array([2, 2, 0])],
    "slices": lambda x, y: dv.concat([x[1:] * y[:-1], y[-1:] ** 2]),
    "where": lambda x, y: dv.where(x > y, x * x, y * x),
    "extrema": lambda x, y: dv.max(x) * y + dv.min(dv.outer(x, y), axis=1),
    "softmax": lambda x, y: dv.softmax(x) * y + dv.logsumexp(dv.outer(x, y), axis=0),
    "prod": lambda x, y: dv.prod(dv.outer(x, WEIGHTS) + y, axis=1),
    "std": lambda x, y: dv.std(dv.outer(x, WEIGHTS) + y, axis=0) * x,
    "solve": lambda x, y: dv.linalg.solve(spd(y), x),
    "cholesky": lambda x, y: dv.linalg.cholesky(spd(x)) @ y,
    "slogdet": lambda x, y: dv.linalg.slogdet(spd(x))[1] * y,
    "eigh": spectral,
    "eigenvalues alone": lambda x, y: dv.linalg.eigh(spd(x))[0] * y,
    "tril": lambda x, y: dv.tril(dv.outer(x, y), -1) @ x,
    "set": lambda x, y: dv.at(x)[np.array([2, 1])].set(y[1:]) * y,
    "add": lambda x, y: dv.at(x * y)[PLACES].add(y),
    "multiply": lambda x, y: dv.at(x)[PLACES].multiply(y),
    "scan": scanned,
    "power": lambda x, y: dv.power(x * x + 0.5, y) + x**3,
    "clip": lambda x, y: dv.clip(x, -0.55, 0.83) * y + dv.abs(x),
    "along axis": lambda x, y: dv.take_along_axis(
        dv.outer(x, y), dv.argsort(dv.outer(x, y), axis=1), axis=1
    )[:, 0],
    "integers": lambda x, y: x * np.arange(3) + y * np.array([True, False, True]),
    "sums of tiles": lambda x, y: dv.tile(x, 2)[1:4] * dv.repeat(y, 2)[::2],
}


class Plain:
    """The transforms as they are."""

    grad, jvp, vjp, vmap = (staticmethod(t) for t in (dv.grad, dv.jvp, dv.vjp, dv.vmap))
    jacfwd, jacrev, hvp = (staticmethod(t) for t in (dv.jacfwd, dv.jacrev, dv.hvp))
    linearize = staticmethod(dv.linearize)


class Exchanged:
    """Each transform made of the others."""

    @staticmethod
    def grad(f):
        return lambda x: dv.stack([dv.jvp(f, (x,), (e,))[1] for e in BASIS])

    @staticmethod
    def jvp(f, primals, tangents):
        out, pull = dv.vjp(f, *primals)
        return out, dv.vjp(lambda c: pull(c)[0], dv.zeros_like(out))[1](tangents[0])[0]

    @staticmethod
    def vjp(f, x):
        columns = [dv.jvp(f, (x,), (e,))[1] for e in BASIS]
        return f(x), lambda c: (dv.stack([dv.sum(column * c) for column in columns]),)

    @staticmethod
    def jacfwd(f):
        return lambda x: dv.stack([dv.vjp(f, x)[1](e)[0] for e in BASIS])

    @staticmethod
    def jacrev(f):
        return lambda x: dv.stack([dv.jvp(f, (x,), (e,))[1] for e in BASIS], axis=1)

    @staticmethod
    def linearize(f, x):
        return f(x), lambda t: Exchanged.jvp(f, (x,), (t,))[1]

    @staticmethod
    def hvp(f, x, v):
        return dv.grad(lambda z: dv.sum(dv.grad(f)(z) * v))(x)

    @staticmethod
    def vmap(f, in_axes=0, out_axes=0):
        def looped(*args):
            axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
            count = args[0].shape[axes[0]]
            entry = lambda a, axis, i: a[(slice(None),) * axis + (i,)]  # noqa: E731
            rows = [f(*map(entry, args, axes, [i] * len(args))) for i in range(count)]
            return dv.stack(rows, axis=out_axes)

        return looped


def linear_twice(m, f, x, y):
    out, line = m.linearize(f, x)
    return out * line(y) + line(x)


def mapped_twice(m, f, x, y):
    table = m.vmap(lambda a: m.vmap(lambda b: f(a * x + b))(y[:2]), out_axes=1)(x[1:])
    return dv.einsum("abi->i", table)


# From a map of one vector, and the two vectors that there are, another vector.
TRANSFORMS = {
    "grad": lambda m, f, x, y: m.grad(lambda z: dv.sum(f(z) * (WEIGHTS + y)))(x),
    "jvp": lambda m, f, x, y: m.jvp(f, (x,), (y,))[1],
    "vjp": lambda m, f, x, y: m.vjp(f, x)[1](y)[0],
    "jacfwd": lambda m, f, x, y: m.jacfwd(f)(x) @ y,
    "jacrev": lambda m, f, x, y: y @ m.jacrev(f)(x),
    "hvp": lambda m, f, x, y: m.hvp(lambda z: dv.sum(f(z) * WEIGHTS), x, y),
    "linearize": linear_twice,
    "vmap": lambda m, f, x, y: dv.sum(m.vmap(f)(dv.outer(WEIGHTS, x)), axis=0),
    "vmap of columns": lambda m, f, x, y: dv.sum(
        m.vmap(lambda z, q: f(z) * q, in_axes=(1, 0), out_axes=1)(dv.outer(x, y[:2]), y[:2]), axis=1
    ),
    "vmap in vmap": mapped_twice,
}


def random_program(rng, depth):
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(list(FORMULAS))
    if rng.random() < 0.3:
        return ("then", random_program(rng, depth - 1), random_program(rng, depth - 1))
    return (rng.choice(list(TRANSFORMS)), random_program(rng, depth - 1), rng.randrange(3))


def run(modes, program, x, y, outer=WEIGHTS):
    """The value of a program; what it closes over is `y`, `x` or the variable one level out."""
    if isinstance(program, str):
        return FORMULAS[program](x, y)
    kind, first, second = program
    if kind == "then":
        return run(modes, first, run(modes, second, x, y, outer) * 0.5, y, outer)
    inner = lambda z: dv.tanh(run(modes, first, z, (y, x, outer)[second], x))  # noqa: E731
    return TRANSFORMS[kind](modes, inner, x, y)


def same(got, wanted, program, tolerance=1e-8):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, program
    assert got.dtype == wanted.dtype, program
    room = tolerance * max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=room, err_msg=str(program))


def programs(seed, count, depth=2):
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    for _ in range(count):
        yield random_program(rng, depth), *numbers.uniform(-1.5, 1.5, (2, 3))


def weighed(modes, program, y):
    return lambda x: dv.sum(run(modes, program, x, y) * WEIGHTS)


def every_transform_of_every_formula():
    numbers = np.random.default_rng(3)
    for name, kind in itertools.product(FORMULAS, TRANSFORMS):
        yield (kind, name, int(numbers.integers(3))), *numbers.uniform(-1.5, 1.5, (2, 3))


def test_exchanged_modes_agree_on_every_transform_of_every_formula():
    for program, x, y in every_transform_of_every_formula():
        same(run(Plain, program, x, y), run(Exchanged, program, x, y), program)


@pytest.mark.parametrize("seed", range(4))
def test_exchanged_modes_agree_on_random_programs(seed):
    for program, x, y in programs(seed, 25):
        same(run(Plain, program, x, y), run(Exchanged, program, x, y), program)
        slope = dv.grad(weighed(Plain, program, y))(x)
        same(slope, Exchanged.grad(weighed(Exchanged, program, y))(x), program)
        rows = np.stack([x, 0.7 * x])
        each = [dv.grad(weighed(Plain, program, y))(row) for row in rows]
        same(dv.vmap(dv.grad(weighed(Plain, program, y)))(rows), np.stack(each), program)


@pytest.mark.parametrize("seed", range(2))
def test_gradients_of_random_programs_are_what_differences_say(seed):
    for program, x, y in programs(10 + seed, 25):
        f = weighed(Plain, program, y)
        with np.errstate(all="ignore"):
            steps = [np.stack([f(x + h * e) - f(x - h * e) for e in BASIS]) for h in (1e-4, 5e-5)]
        coarse, fine = steps[0] / 2e-4, steps[1] / 1e-4
        same(dv.grad(f)(x), (4 * fine - coarse) / 3, program, 1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_a_traced_program_has_the_value_and_the_gradient_of_the_eager_one(seed):
    for program, x, y in programs(20 + seed, 25):
        f = weighed(Plain, program, y)
        same(dv.evaluate(dv.trace_graph(f, (3,)), {"x": x}), f(x), program)
        slope = dv.trace_graph(dv.grad(f), (3,))
        same(dv.evaluate(slope, {"x": x}), dv.grad(f)(x), program)


@pytest.mark.parametrize("name", ["product", "tanh", "cumprod", "softmax", "where", "power"])
def test_two_traces_of_one_derivative_are_one_node(name):
    f = lambda x: dv.sum(FORMULAS[name](x, dv.tanh(x)))  # noqa: E731 - a formula
    for transform in (dv.grad, lambda g: dv.grad(lambda x: dv.sum(dv.grad(g)(x) ** 2))):
        assert dv.trace_graph(transform(f), "n") is dv.trace_graph(transform(f), "n")


NAMED = {"x": ("n",), "y": ("n",), "A": ("n", "n"), "X": ("m", "n"), "z": ("m",)}
NAMED_FORMULAS = [
    lambda x, A: dv.sum(dv.tanh(A @ x) * x[::-1]),
    lambda X, z: z @ dv.softmax(X) @ dv.sum(X, axis=0) + dv.sum(dv.var(X, axis=1) ** 2),
    lambda x, z: dv.sum(dv.kron(x, z) ** 3) + dv.sum(dv.concat([x, z])[1:] ** 3),
    lambda x, y: dv.sum((x[:, None] - y) ** 2 * dv.sin(x)) + dv.sum(dv.cumprod(x) * y),
    lambda X, x: dv.sum(dv.at(X)[0].add(x) ** 3) + dv.sum(X[:, 0] ** 2 * X[:, -1]),
    lambda A, x: x @ dv.linalg.inv(A) @ x + dv.linalg.slogdet(A)[1] * dv.trace(A @ A),
    lambda x, y: dv.sum(dv.grad(lambda v: dv.sum(v**3 * y))(x) * dv.sort(y)),
    lambda x, z: dv.sum(dv.convolve(x, z) ** 2) + dv.sum(dv.median(x) * x) + dv.prod(x),
]


@pytest.mark.parametrize("place", range(len(NAMED_FORMULAS)))
def test_named_sizes_serve_every_size(place):
    f = NAMED_FORMULAS[place]
    names = list(inspect.signature(f).parameters)
    slope = lambda *a: dv.grad(f)(*a)  # noqa: E731 - parameters without names
    traced = dv.trace_graph(slope, *(" ".join(NAMED[name]) for name in names))
    for n, m in [(3, 4), (4, 2), (2, 2)]:
        sizes = {"n": n, "m": m}
        rng = np.random.default_rng(n + 7 * m)
        given = [rng.uniform(0.2, 1.3, [sizes[s] for s in NAMED[name]]) for name in names]
        given = [a + 2 * np.eye(n) if k == "A" else a for k, a in zip(names, given, strict=True)]
        values = {f"x{i}": a for i, a in enumerate(given)}
        same(dv.evaluate(traced, values, sizes), dv.grad(f)(*given), place)


def test_results_and_arguments_may_be_overwritten_between_a_forward_and_its_backward():
    for program, x, y in programs(30, 20):
        f = lambda z, p=program, q=y: run(Plain, p, z, q)  # noqa: E731 - bound now
        given, wanted = x.copy(), dv.vjp(f, x)[1](y)[0]
        out, pull = dv.vjp(f, given)
        value, line = dv.linearize(f, given)
        given[:], out[:], value[:] = 7.0, -3.0, -3.0
        for _ in range(2):
            seed = y.copy()
            found, moved = pull(seed)[0], line(seed)
            same(found, wanted, program)
            same(moved, dv.jvp(f, (x,), (y,))[1], program)
            found[:], moved[:] = 5.0, 5.0
            np.testing.assert_array_equal(seed, y)


def test_gradients_have_the_dtype_of_their_variables_however_they_are_nested():
    rng = np.random.default_rng(4)
    for formula in ("tanh", "softmax", "std", "multiply", "where", "power", "sort"):
        x, y = rng.uniform(0.2, 1.5, (2, 3)).astype(np.float32)
        f = lambda z, n=formula, q=y: dv.sum(FORMULAS[n](z, q) * 2.0 + 1)  # noqa: E731
        assert dv.grad(f)(x).dtype == np.float32
        assert dv.hvp(f, x, y.astype(np.float64)).dtype == np.float32
        assert dv.jacfwd(dv.grad(f))(x).dtype == np.float32
        assert dv.vmap(dv.grad(f))(np.stack([x, y])).dtype == np.float32


def test_an_error_inside_a_transform_leaves_the_next_one_whole():
    x = np.array([1.0, 2.0, 3.0])

    def failing(z):
        raise KeyError("user's own")

    for nest in (dv.grad, dv.jacfwd, dv.vmap, lambda f: lambda z: dv.jvp(f, (z,), (z,))):
        with pytest.raises(KeyError, match="user's own"):
            dv.grad(lambda z, t=nest: dv.sum(t(failing)(z)))(x)
        with pytest.raises(KeyError, match="user's own"), dv.no_grad():
            nest(failing)(x)
        same(dv.grad(lambda z: dv.sum(z**2))(x), 2 * x, nest)


def test_second_derivatives_after_a_leaf_was_assigned_in_place():
    w = dv.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = np.array([0.5, -1.0, 2.0])
    _, pull = dv.vjp(lambda z: dv.sum(w**3 * z**2), x)
    with dv.no_grad():
        w -= 10.0
    slope = pull(1.0)[0]
    dv.sum(slope).backward()
    old = np.array([1.0, 2.0, 3.0])
    same(slope.numpy(), 2 * old**3 * x, "slope")
    same(w.grad, 6 * old**2 * x, "mixed second derivative")
