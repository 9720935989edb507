"""Nothing is kept that nobody can use: long training, deep chains, freed without the collector."""

import gc
import subprocess
import sys
import textwrap
import tracemalloc

import numpy as np

import derivant as dv
from derivant.carriers import interning


def run(code):
    """A fresh process, so that no other test's memory counts."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ten_thousand_steps_without_the_collector():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 4)), rng.standard_normal((8, 2))
    w = dv.tensor(rng.standard_normal((4, 2)), requires_grad=True)
    params = {"w": w.numpy().copy(), "b": np.zeros(2)}

    def loss(p):
        return dv.mean((dv.tanh(x @ p["w"] + p["b"]) - y) ** 2)

    step = dv.value_and_grad(loss)

    def train(count):
        for _ in range(count):
            _, g = step(params)
            for name in params:
                params[name] -= 0.01 * g[name]
            w.grad = None
            dv.sum((x @ w - y) ** 2).backward()
            with dv.no_grad():
                w.__isub__(1e-3 * w.grad)

    while gc.collect():  # what other tests left may free more when it goes
        pass
    gc.disable()
    try:
        tracemalloc.start()
        train(2_000)
        held = [tracemalloc.get_traced_memory()[0]]
        for _ in range(2):
            train(5_000)
            held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        unreachable = gc.collect()
    finally:
        gc.enable()
    # nothing a step: what a step leaves shows in both halves, a table that grows once in one
    assert min(held[1] - held[0], held[2] - held[1]) < 4096
    assert unreachable == 0


def test_nested_transforms_leave_nothing_behind():
    f = lambda x: dv.sum(dv.exp(x) * x)  # noqa: E731 - a formula
    x = np.ones(3)
    gc.collect()
    gc.disable()
    try:
        dv.jacfwd(dv.grad(f))(x)
        gc.collect()
        for _ in range(100):
            dv.jacfwd(dv.grad(f))(x)
            dv.vmap(dv.grad(f))(np.ones((4, 3)))
            dv.hvp(f, x, x)
            dv.trace_graph(dv.grad(f), "n")
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_deep_chain_of_tensors_at_a_low_recursion_limit():
    out = run(
        """
        import gc, sys
        import derivant as dv
        gc.disable()
        x = dv.tensor(1.0, requires_grad=True)
        sys.setrecursionlimit(200)
        y = x
        for _ in range(200_000):
            y = y + 1e-6
        y.backward()
        del y
        print(float(x.grad), gc.collect())
        """
    )
    assert out.split() == ["1.0", "0"]


def test_a_deep_expression_is_walked_without_recursion():
    out = run(
        """
        import sys
        import derivant as dv
        sys.setrecursionlimit(200)
        def f(x):
            for _ in range(20_000):
                x = x + 1e-4 * x
            return x
        e = dv.trace_graph(f, ())
        print(dv.evaluate(e, {"x": 1.0}))
        """
    )
    assert abs(float(out) - 1.0001**20_000) < 1e-9


def test_a_diamond_of_sixty_levels():
    x = dv.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_expressions_are_forgotten():
    gc.collect()
    before = interning.count()
    e = dv.trace_graph(lambda x: dv.exp(x) * 3.25 + x, "n")
    assert interning.count() > before
    del e
    gc.collect()
    assert interning.count() == before
