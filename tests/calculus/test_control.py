"""Loops and branches: as their Python spelling, and differentiated through."""

import numpy as np
import pytest

import derivant as dv


def test_scan_is_a_loop_and_has_its_derivatives():
    xs = np.array([0.5, -1.0, 2.0])

    def step(c, x):
        return dv.tanh(c + x), c * x

    def loop(c):
        ys = []
        for x in xs:
            ys.append(c * x)
            c = dv.tanh(c + x)
        return c, dv.stack(ys)

    total = lambda run: lambda c: run(c)[0] + dv.sum(run(c)[1])  # noqa: E731 - a formula
    scanned = lambda c: dv.scan(step, c, xs)  # noqa: E731 - a formula
    assert dv.grad(total(scanned))(0.3) == pytest.approx(dv.grad(total(loop))(0.3))
    e = dv.trace_graph(scanned, ())
    assert float(dv.evaluate(e[0], {"c": 0.3})) == pytest.approx(float(loop(0.3)[0]))


def test_scan_over_trees_and_by_length():
    carry, ys = dv.scan(lambda c, x: (c + x["a"], {"y": c}), 0.0, {"a": np.arange(3.0)})
    assert float(carry) == 3
    np.testing.assert_array_equal(ys["y"], [0, 0, 1])
    carry, ys = dv.scan(lambda c, _: (c * 2, None), 1.0, length=5)
    assert carry == 32
    assert ys is None
    with pytest.raises(dv.DerivantError, match="length"):
        dv.scan(lambda c, x: (c, x), 0.0)
    with pytest.raises(ValueError, match="differ"):
        dv.scan(lambda c, x: (c, c), 0.0, [np.ones(2), np.ones(3)])


def test_loops_and_branches_are_differentiated():
    power = lambda x: dv.fori_loop(0, 5, lambda i, v: v * x, 1.0)  # noqa: E731 - a formula
    assert dv.grad(power)(2.0) == 80
    doubled = lambda x: dv.while_loop(lambda v: v < 10, lambda v: v * 2, x)  # noqa: E731
    assert dv.grad(doubled)(1.5) == 8
    branch = lambda x: dv.cond(x > 0, dv.sin, dv.exp, x)  # noqa: E731 - a formula
    assert dv.grad(branch)(1.0) == pytest.approx(np.cos(1))
    assert dv.grad(branch)(-1.0) == pytest.approx(np.exp(-1))


def test_unknown_conditions_are_refused_in_a_trace():
    with pytest.raises(dv.DerivantError, match="where"):
        dv.trace_graph(lambda x: dv.cond(x > 0, dv.sin, dv.exp, x), ())
