"""Compiled functions in threads and processes, and an interrupt in the middle of a compile."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.compiler import running


def model(w: Any, x: Any) -> Any:
    def step(c: Any, row: Any) -> Any:
        c = dv.tanh(w @ c + row)
        return c, dv.sort(c)

    c, ys = dv.scan(step, x[0], x)
    return dv.sum(dv.softmax(c)) + dv.sum(ys * ys)


def test_eight_threads_give_the_same_bits() -> None:
    f = dv.jit(dv.value_and_grad(model, (0, 1)))
    rng = np.random.default_rng(1)
    inputs = [(rng.normal(size=(4, 4)), rng.normal(size=(5, 4))) for _ in range(8)]
    serial = [dv.jit(dv.value_and_grad(model, (0, 1)))(*x) for x in inputs]
    start = threading.Barrier(8)

    def work(k: int) -> list[Any]:
        start.wait()  # all compile at once, and run at once
        return [f(*inputs[k]) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    for k, found in enumerate(results):
        for value, (w, x) in found:
            assert value == serial[k][0]
            assert np.array_equal(w, serial[k][1][0]) and np.array_equal(x, serial[k][1][1])


def test_processes_that_compile_at_once() -> None:
    code = (
        "import numpy as np, derivant as dv\n"
        "f = dv.jit(dv.grad(lambda w, x: dv.sum(dv.tanh(x @ w) ** 2)))\n"
        "print(repr(f(np.ones((3, 2)), np.arange(12.0).reshape(4, 3)).tolist()))"
    )
    running_now = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    answers = {p.communicate(timeout=120)[0] for p in running_now}
    assert all(p.returncode == 0 for p in running_now)
    assert len(answers) == 1 and answers.pop().startswith("[[")


@pytest.mark.parametrize("where", ["lowered", "LlvmProgram"])
def test_an_interrupt_leaves_everything_usable(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    f = dv.jit(lambda x: dv.sum(dv.exp(x) * 3.25))

    def interrupted(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            f(np.ones(3))
    assert f(np.zeros(3)) == 9.75
    assert dv.jit(lambda x: x * 2)(1.5) == 3.0


def test_an_interrupt_in_a_trace_leaves_everything_usable() -> None:
    stop = True

    def body(v: Any) -> Any:
        if stop:
            raise KeyboardInterrupt
        return v * 2.0

    f = dv.jit(lambda x: dv.fori_loop(0, 3, lambda i, v: body(v), x))
    with pytest.raises(KeyboardInterrupt):
        f(1.0)
    stop = False
    assert f(1.0) == 8.0
    assert dv.while_loop(lambda v: v < 5, lambda v: v + 1, 0) == 5  # eager outside of a trace
