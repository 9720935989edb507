"""What `explain` says of a plan: its steps, their work, shared memory, rows of NumPy and why."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import derivant as dv
from derivant.compiler.explanation import Explanation

X = np.arange(12.0).reshape(4, 3)


def layers(w: Any, x: Any) -> Any:
    for _ in range(3):
        x = dv.tanh(x @ w)
    return dv.sum(x)


def test_products_and_loops_with_their_work() -> None:
    plan = dv.explain(layers, np.eye(3), X)
    assert [step.what for step in plan.steps] == ["dgemm", "loop"] * 3
    assert all(step.flops == 2 * 4 * 3 * 3 for step in plan.steps[::2])
    assert plan.steps[-1].rows == ("tanh", "sum")
    assert plan.steps[0].nbytes == 8 * (12 + 9 + 12)
    assert plan.flops == sum(step.flops for step in plan.steps)
    assert dv.explain(layers, np.eye(3, dtype="f4"), X.astype("f4")).steps[0].what == "sgemm"


def test_buffers_that_share_memory_are_named() -> None:
    plan = dv.explain(layers, np.eye(3), X)
    assert plan.scratch < sum(8 * 12 for step in plan.steps[:-1])
    assert "where" in plan.text.splitlines()[-2]


def test_rows_of_numpy_say_why() -> None:
    plan = dv.explain(lambda x: dv.sort(x) + dv.sum(x), X)
    (sort,) = [step for step in plan.steps if step.what == "numpy"]
    assert sort.rows == ("sort",) and sort.why
    plan = dv.explain(lambda x: x.astype(np.int8) + 1, X)
    assert any("int8" in step.why for step in plan.steps)
    assert not any(step.why for step in dv.explain(layers, np.eye(3), X).steps)


def test_loops_show_their_bodies() -> None:
    plan = dv.explain(lambda c, x: dv.scan(lambda c, x: (dv.sin(c) * x, c), c, x), 0.5, np.ones(7))
    (loop,) = [step for step in plan.steps if step.inner]
    assert loop.flops == 7 * loop.inner[0].flops > 0
    assert "loop of 7 steps" in plan.text
    plan = dv.explain(lambda x: dv.cond(x > 0, lambda: x * 2, lambda: x), 0.5)
    assert [len(step.inner) for step in plan.steps if step.inner] == [2]


def test_loops_say_whether_their_turns_are_one_call() -> None:
    x = np.ones((5, 3))
    whole = dv.explain(lambda x: dv.scan(lambda c, x: (dv.tanh(c + x), None), x[0], x)[0], x)
    assert "all its turns are one native call" in whole.text
    apart = dv.explain(lambda x: dv.scan(lambda c, x: (dv.sort(c + x), None), x[0], x)[0], x)
    assert "it holds programs of its own" in apart.text
    known = dv.explain(lambda x: dv.scan(lambda c, x: (c + x, 1.0), x[0], x)[1], x)
    assert "it holds programs of its own" in known.text


def test_a_loop_runs_once_for_value_and_gradient() -> None:
    f = lambda c, x: dv.scan(lambda c, x: (dv.sin(c) * x, c), c, x)[0]  # noqa: E731 - a formula
    plan = dv.explain(dv.value_and_grad(f), 0.5, np.ones(7))
    assert sum(step.rows == ("scan",) for step in plan.steps) == 2
    plan = dv.explain(lambda c, x: dv.jvp(lambda c: f(c, x), (c,), (1.0,)), 0.5, np.ones(7))
    assert sum(step.rows == ("scan",) for step in plan.steps) == 1


def test_names_are_those_of_the_user() -> None:
    def loss(params: Any, x: Any, scale: float = 1.0) -> Any:
        return dv.sum((params["w"] @ x) ** 2) * scale

    text = dv.explain(loss, {"w": X}, np.ones(3), scale=2.0).text
    assert text.startswith("loss: ")
    assert "params float64 (4, 3), x float64 (3,), keyword0 float64 ()" in text
    factor = np.ones(3)
    assert "captured0 float64 (3,)" in dv.explain(lambda x: x * factor, X).text


def test_nothing_is_run_and_nothing_changes() -> None:
    runs = itertools.count()

    def f(x: Any) -> Any:
        next(runs)
        return x[np.array([9])]

    compiled = dv.jit(f)
    assert isinstance(dv.explain(compiled, X), Explanation)  # the index is out of range
    with pytest.raises(IndexError):
        compiled(X)
    assert next(runs) == 1


def test_picture(tmp_path: Path) -> None:
    plan = dv.explain(layers, np.eye(3), X)
    root = ElementTree.fromstring(plan._repr_svg_())
    words = "".join(root.itertext())
    assert words.count("dgemm") == 3 and words.count("tanh") == 3 and "result0" in words
    written = plan.render(str(tmp_path / "plan"))
    assert Path(written).read_text().startswith("<svg")
    assert plan.source.startswith("digraph")


def test_formulas_are_refused() -> None:
    with pytest.raises(dv.ArgumentError, match="formula"):
        dv.explain(layers, dv.symbol("w", (3, 3)), X)


def test_the_plan_is_that_of_the_program_that_runs() -> None:
    x = np.ones((4, 3))
    native = dv.explain(lambda x: dv.softmax(x), x)
    assert {step.what for step in native.steps} == {"loop"}
    strict = dv.explain(dv.jit(lambda x: dv.softmax(x), strict=True), x)
    assert [(step.what, step.rows, step.why) for step in strict.steps] == [
        ("numpy", ("softmax",), "")
    ]
    assert strict.scratch == 0
