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


def test_scan_over_no_entries_stacks_nothing():
    step = lambda c, x: (c + x["a"].sum(), {"y": c * x["a"], "n": None})  # noqa: E731 - a formula
    xs = {"a": np.zeros((0, 3), np.float32)}
    carry, ys = dv.scan(step, np.float32(2.0), xs)
    assert carry == 2
    assert ys["n"] is None
    assert (ys["y"].shape, ys["y"].dtype) == ((0, 3), np.float32)
    assert dv.grad(lambda c: dv.scan(step, c, xs)[0] ** 2)(np.float32(3.0)) == 6
    e = dv.trace_graph(lambda c, x: dv.scan(step, c, {"a": x})[1]["y"], (), (0, 3))
    assert e.shape == (0, 3)
    t = dv.tensor(2.0, requires_grad=True)
    carry, ys = dv.scan(lambda c, x: (c, c / x), t, length=0, xs=np.zeros(0))
    assert carry is t
    assert ys.shape == (0,)


def test_scan_from_the_last_entry_to_the_first():
    xs = np.array([1.0, 2.0, 3.0])
    carry, ys = dv.scan(lambda c, x: (2 * c + x, c), 0.0, xs, reverse=True)
    forward, places = dv.scan(lambda c, x: (2 * c + x, c), 0.0, xs[::-1])
    assert carry == forward
    np.testing.assert_array_equal(ys, places[::-1])
    total = lambda x: dv.scan(lambda c, v: (c * v, c), 1.0, x, reverse=True)[1] @ xs  # noqa: E731
    slopes = dv.jacobian(total)(xs).materialize()
    np.testing.assert_allclose(slopes, [0, 3, 1 * 2 + 2])
