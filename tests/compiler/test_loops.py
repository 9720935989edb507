"""Loops and branches in a compiled function: as the eager ones, to every order, at any nesting.

Eager loops are Python loops over recorded operations: they share no rule with the rows here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.base.tree import flatten
from derivant.compiler import jit

RNG = np.random.default_rng(7)
XS = RNG.normal(size=(6, 3))
W = RNG.normal(size=(3, 3))
C = RNG.normal(size=3)
COLUMN = XS[:, 0].copy()
SINGLE = COLUMN.astype(np.float32)


def close(found: Any, wanted: Any, rtol: float = 1e-10) -> None:
    ours, theirs = flatten(found)[0], flatten(wanted)[0]
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if b is None:
            assert a is None
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def network(w: Any, c: Any, xs: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        c = dv.tanh(w @ c + x)
        return c, dv.sum(c * x)

    c, ys = dv.scan(step, c, xs)
    return dv.sum(c) + dv.sum(ys * ys)


def nested(c: Any) -> Any:
    inner = lambda x: lambda c, y: (dv.sin(c) + y * x, c)  # noqa: E731 - a formula
    return dv.scan(lambda c, x: dv.scan(inner(x), c, COLUMN), c, XS[:, 1])[0]


def forked(c: Any) -> Any:
    fork = lambda x: lambda c: c * x  # noqa: E731 - a formula
    return dv.scan(lambda c, x: (dv.cond(x > 0, dv.sin, fork(x), c), c), c, COLUMN)[0]


def descent(c: Any) -> Any:
    loss = lambda x: lambda c: dv.sum((c - x) ** 2 * c)  # noqa: E731 - a formula
    return dv.scan(lambda c, x: (c - 0.1 * dv.grad(loss(x))(c), None), c, XS)[0]


def newton(c: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        f = lambda c: dv.sin(c) * x  # noqa: E731 - a formula
        return c - 0.1 * dv.jacfwd(f)(c) @ c - 0.1 * dv.jacrev(f)(c) @ c, None

    return dv.scan(step, c, XS)[0]


def power(x: Any, n: Any) -> Any:
    return dv.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, 1.0))[1]


def branch(x: Any) -> Any:
    return dv.cond(x > 0, lambda x: dv.sin(x), lambda x: x * x, x)


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "value": (network, (W, C, XS)),
    "gradients": (dv.value_and_grad(network, (0, 1, 2)), (W, C, XS)),
    "jvp": (lambda *a: dv.jvp(network, a, tuple(x + 1 for x in a)), (W, C, XS)),
    "hvp": (lambda c: dv.hvp(lambda c: network(W, c, XS), c, c), (C,)),
    "forward over reverse": (lambda c: dv.jacfwd(dv.grad(lambda c: network(W, c, XS)))(c), (C,)),
    "reverse over reverse": (
        dv.grad(lambda w: dv.sum(dv.grad(lambda w: network(w, C, XS))(w) ** 2)),
        (W,),
    ),
    "hessian": (lambda c: dv.hessian(lambda c: network(W, c, XS))(c) @ c, (C,)),
    "vmap of carry": (dv.vmap(lambda c: network(W, c, XS)), (XS,)),
    "vmap of a constant": (dv.vmap(lambda w: network(w, C, XS)), (np.stack([W, W + 1]),)),
    "vmap of xs": (dv.vmap(lambda x: network(W, C, x), in_axes=1), (np.stack([XS, XS + 1], 1),)),
    "vmap of grad": (dv.vmap(dv.grad(lambda w: network(w, C, XS))), (np.stack([W, W + 1]),)),
    "grad of vmap": (
        dv.grad(lambda w: dv.sum(dv.vmap(lambda w: network(w, C, XS))(w))),
        (np.stack([W, W + 1]),),
    ),
    "vmap of vmap": (
        lambda w, c: dv.vmap(lambda c: dv.vmap(lambda w: network(w, c, XS))(w))(c),
        (np.stack([W, W + 1]), XS),
    ),
    "number becomes array": (lambda xs: dv.scan(lambda c, x: (c + x, c * x), 0.0, xs), (XS,)),
    "number becomes single": (
        lambda xs: dv.scan(lambda c, x: (c + x, c * 2.0), 0.0, xs),
        (SINGLE,),
    ),
    "number stays number": (
        lambda xs: dv.scan(lambda c, x: (c * 0.5, c * x), 1.0, xs),
        (SINGLE,),
    ),
    "counter in a tree": (
        lambda xs: dv.scan(lambda c, x: ({"n": c["n"] + 1, "s": (c["s"][0] + x,)}, c["n"] * x),
                           {"n": 0, "s": (0.0,)}, xs),
        (COLUMN,),
    ),
    "no carry": (lambda xs: dv.scan(lambda c, x: (c, x * x), None, xs), (COLUMN,)),
    "no xs": (lambda x: dv.scan(lambda c, _: (c * 0.5, None), x, length=4), (C,)),
    "nothing moves": (lambda x: dv.scan(lambda c, _: (c, 1.0), None, length=4)[1] + x, (1.5,)),
    "one step": (lambda c, x: dv.scan(lambda c, x: (c + x, c), c, x), (0.5, COLUMN[:1])),
    "from the end": (
        lambda c, x: dv.scan(lambda c, x: (dv.sin(c) * x, c), c, x, reverse=True),
        (C, XS),
    ),
    "from the end, single": (
        lambda xs: dv.scan(lambda c, x: (c + x, c * 2.0), 0.0, xs, reverse=True),
        (SINGLE,),
    ),
    "from the end, grad": (
        dv.grad(
            lambda c, x: dv.sum(dv.scan(lambda c, x: (c * c * x, c * x), c, x, reverse=True)[1]),
            (0, 1),
        ),
        (C, XS),
    ),
    "over nothing": (lambda c, x: dv.scan(lambda c, x: (c * x, (c, x > 0)), c, x), (C, XS[:0])),
    "over nothing, grad": (
        dv.grad(lambda c, x: dv.sum(dv.scan(lambda c, x: (c * x, c), c, x)[0]), (0, 1)),
        (C, XS[:0]),
    ),
    "nested": (nested, (0.3,)),
    "nested, grad": (dv.grad(nested), (0.3,)),
    "branch in loop, grad": (dv.grad(forked), (0.3,)),
    "grad in loop": (descent, (C,)),
    "grad of grad in loop": (dv.grad(lambda c: dv.sum(descent(c))), (C,)),
    "jacobians in loop": (newton, (C,)),
    "jacobian of loop": (lambda c: dv.jacobian(descent)(c) @ c, (C,)),
    "vmap in loop": (
        lambda c: dv.scan(lambda c, x: (dv.vmap(lambda a: dv.sin(a) * x)(c), c), c, COLUMN),
        (C,),
    ),
    "fori": (lambda x: dv.fori_loop(0, 5, lambda i, v: v * x + i, x), (np.float32(1.5),)),
    "fori, index": (lambda x: dv.fori_loop(1, 5, lambda i, v: v * x[i] + x[i - 1], 0.0), (COLUMN,)),
    "fori, grad": (
        dv.grad(lambda x: dv.fori_loop(1, 5, lambda i, v: v * x[i] + x[i - 1], 0.0)),
        (COLUMN,),
    ),
    "fori, none": (lambda x: dv.fori_loop(5, 5, lambda i, v: v * x, x), (1.5,)),
    "while": (power, (1.5, np.array(5))),
    "while, none": (power, (1.5, np.array(0))),
    "while, jvp": (lambda x, n: dv.jvp(lambda x: power(x, n), (x,), (1.0,)), (1.5, np.array(5))),
    "while, jvp of jvp": (
        lambda x: dv.jvp(lambda x: dv.jvp(lambda x: power(x, 4), (x,), (1.0,))[1], (x,), (1.0,)),
        (1.5,),
    ),
    "bits": (
        lambda xs: dv.scan(lambda c, x: ((c | (x > 0)) ^ True, ~(x > 0) & (x < 1)), False, xs),
        (COLUMN,),
    ),
    "cond, yes": (branch, (2.0,)),
    "cond, no": (branch, (-2.0,)),
    "cond, nan": (branch, (np.nan,)),
    "cond, second": (dv.grad(dv.grad(branch)), (-2.0,)),
    "cond, jvp": (lambda x: dv.jvp(branch, (x,), (1.0,)), (2.0,)),
    "cond, tree": (
        lambda x: dv.cond(x > 1, lambda: {"a": x, "b": (1.0, 2)}, lambda: {"a": -x, "b": (2.0, 1)}),
        (2.0,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_compiled_is_eager(name: str) -> None:
    f, args = CASES[name]
    close(jit(f)(*args), f(*args), 1e-5 if "single" in name or "stays" in name else 1e-10)


ONE_BY_ONE: dict[str, Callable[..., Any]] = {
    "cond": branch,
    "cond, grad": dv.grad(branch),
    "while": lambda x: power(x, dv.round(dv.abs(3 * x))),
    "while, jvp": lambda x: dv.jvp(lambda y: power(y, dv.round(dv.abs(3 * x))), (x,), (1.0,))[1],
    "loop with branch": lambda x: forked(x),
    "loop with branch, grad": dv.grad(forked),
}


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_mapped_is_one_by_one(name: str) -> None:
    f = ONE_BY_ONE[name]
    close(jit(dv.vmap(f))(COLUMN), np.stack([f(x) for x in COLUMN]))
    close(dv.vmap(jit(f))(COLUMN), np.stack([f(x) for x in COLUMN]))


def test_a_branch_sees_only_its_own_numbers() -> None:
    x = np.arange(3.0)
    pick = lambda i: dv.cond(i < 3, lambda: x[i] * 1.0, lambda: -1.0)  # noqa: E731 - a formula
    found = jit(dv.vmap(pick))(np.array([0, 5, 2, 9]))
    np.testing.assert_array_equal(found, [0, -1, 2, -1])


def test_a_side_that_may_fail_is_not_computed_unless_it_is_taken() -> None:
    """A whole number to a negative power is none; a float that is too large is no whole number."""
    powers, base = np.array([-1, 2]), np.array([2, 3])
    choose = jit(lambda a, n, k: dv.cond(k > 0, lambda: a**n, lambda: a * 2))
    np.testing.assert_array_equal(choose(base, powers, -1.0), [4, 6])
    with pytest.raises(dv.ArgumentError, match="negative integer power"):
        choose(base, powers, 1.0)
    whole = jit(
        lambda x, k: dv.cond(k > 0, lambda: dv.astype(x, int), lambda: dv.astype(x > 0, int))
    )
    with np.errstate(invalid="raise"):
        np.testing.assert_array_equal(whole(np.array([np.inf, 0.0]), -1.0), [1, 0])


def test_compiled_functions_are_differentiated() -> None:
    close(dv.grad(jit(network), (0, 1, 2))(W, C, XS), dv.grad(network, (0, 1, 2))(W, C, XS))
    second = lambda f: lambda c: dv.grad(lambda c: dv.sum(f(c) ** 2))(c)  # noqa: E731 - a formula
    slope = dv.grad(lambda c: network(W, c, XS))
    close(second(jit(slope))(C), second(slope)(C))
    close(dv.vmap(jit(network), in_axes=(None, 0, None))(W, XS, XS),
          dv.vmap(network, in_axes=(None, 0, None))(W, XS, XS))  # fmt: skip


def test_finite_differences() -> None:
    f, h = jit(lambda c: network(W, c, XS)), 1e-6
    numeric = [(f(C + h * e) - f(C - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(jit(dv.grad(lambda c: network(W, c, XS)))(C), numeric, rtol=1e-6)


def test_a_body_is_traced_a_fixed_number_of_times() -> None:
    counts = []
    for length in (5, 5000):
        runs = []

        def step(c: Any, x: Any, runs: Any = runs) -> Any:
            runs.append(1)
            return dv.sin(c) + x, c

        jit(dv.grad(lambda c, xs, step=step: dv.scan(step, c, xs)[0]))(0.5, np.ones(length))
        counts.append(len(runs))
    assert counts[0] == counts[1] <= 2


def test_while_has_no_reverse_mode() -> None:
    with pytest.raises(dv.DifferentiationError, match=r"while_loop at .*test_loops.py:\d+"):
        jit(dv.grad(lambda x: power(x, 3)))(1.5)


def test_index_out_of_range_in_a_loop() -> None:
    f = lambda x: dv.fori_loop(0, 5, lambda i, v: v + x[i], 0.0)  # noqa: E731 - a formula
    with pytest.raises(IndexError):
        jit(f)(np.ones(3))


def test_kinds_that_never_settle_are_refused() -> None:
    grow = lambda c, _: (dv.concatenate([c, c]), None)  # noqa: E731 - a formula
    with pytest.raises(dv.ShapeError, match="keeps one shape"):
        jit(lambda x: dv.scan(grow, x, length=8)[0])(C)
    with pytest.raises(dv.ShapeError, match="shape"):
        jit(lambda x: dv.cond(x[0] > 0, lambda: x, lambda: x[0]))(C)
    with pytest.raises(dv.ArgumentError, match="trees"):
        jit(lambda x: dv.cond(x[0] > 0, lambda: x, lambda: (x, x)))(C)
    with pytest.raises(dv.DerivantError, match="whole numbers"):
        jit(lambda x: dv.fori_loop(0, x[0], lambda i, v: v, x))(C)
