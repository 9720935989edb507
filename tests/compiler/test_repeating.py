"""Loops in one native call: whatever a turn hands on, it is what a Python loop would have had."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import derivant as dv
from derivant.base.tree import flatten
from derivant.compiler import repeating

Array = npt.NDArray[Any]
RNG = np.random.default_rng(11)
XS = RNG.standard_normal((7, 4))
C = RNG.standard_normal(4)
W = RNG.standard_normal((4, 4)) / 2


def shifted(c: Any, x: Any) -> Any:
    """A register: each place gets what the one before had."""
    first, second, third = c
    return (dv.tanh(W @ first + x), first, second), (third, first)


def exchanged(c: Any, x: Any) -> Any:
    a, b = c
    return (b, a), (a + x, x)


def handed_on(c: Any, x: Any) -> Any:
    """Results that are operands, each other, and twice the same."""
    a, b = c
    new = a * x + b
    return (new, new), (new, new, x, b, a)


def summed(c: Any, x: Any) -> Any:
    """A carry that can be written in place, and one that stays."""
    total, still = c
    total = total + dv.outer(x, still)
    return (total, still), total


def descended(c: Any, x: Any) -> Any:
    """A product that is added in place."""
    w, n = c
    return (w - 0.1 * dv.outer(x, w @ x), n + 1), dv.sum(w)


def turned(c: Any, x: Any) -> Any:
    """Results that are views of what is computed."""
    return dv.sin(c).T, dv.exp(c)[::-1] + x


def counted(c: Any, x: Any) -> Any:
    k, flag, single = c
    return (k + 1, dv.logical_not(flag), single * np.float32(1.5)), k * 2


def branching(c: Any, x: Any) -> Any:
    """A branch that both sides are computed of, where one of them has no number."""
    total = dv.sum(x)
    c = dv.cond(total > 0, lambda c: dv.tanh(c) + dv.log(total), lambda c: c * 0.5, c)
    return c, dv.cond(c[0] > 0, lambda: c[1], lambda: dv.sum(c))


BODIES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[], Any], Any]] = {
    "shifted": (shifted, lambda: (C, C + 1, C + 2), XS),
    "exchanged": (exchanged, lambda: (C, C + 1), XS),
    "handed on": (handed_on, lambda: (C, C + 1), XS),
    "summed": (summed, lambda: (np.zeros((4, 4)), C), XS),
    "descended": (descended, lambda: (W, 0), XS),
    "turned": (turned, lambda: W, XS[:, :1]),
    "branching": (branching, lambda: C, XS),
    "counted": (counted, lambda: (0, np.bool_(True), np.float32(1)), XS),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
@pytest.mark.parametrize("name", BODIES)
def test_a_scan_is_the_python_loop(name: str, steps: int, reverse: bool) -> None:
    body, begin, xs = BODIES[name]
    given = begin()
    before = [np.array(x) for x in flatten(given)[0]]
    run = lambda c, xs: dv.scan(body, c, xs, reverse=reverse)  # noqa: E731 - a formula
    found, wanted = dv.jit(run)(given, xs[:steps]), run(given, xs[:steps])
    pairs = zip(flatten(found)[0], flatten(wanted)[0], strict=True)
    for a, b in pairs:
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    for x, old in zip(flatten(given)[0], before, strict=True):
        np.testing.assert_array_equal(x, old)  # what was given is not written to


@pytest.mark.parametrize("name", sorted(set(BODIES) - {"counted"}))
def test_a_turn_is_one_native_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, begin, xs = BODIES[name]
    made: list[Any] = []
    real = repeating.Repeat.__call__

    def seen(self: Any, *args: Any, **more: Any) -> Any:
        made.append(self)
        return real(self, *args, **more)

    monkeypatch.setattr(repeating.Repeat, "__call__", seen)
    dv.jit(lambda c, xs: dv.scan(body, c, xs))(begin(), xs)
    assert made


def test_results_share_no_memory() -> None:
    body, begin, xs = BODIES["handed on"]
    found = flatten(dv.jit(lambda c, xs: dv.scan(body, c, xs))(begin(), xs))[0]
    for k, a in enumerate(found):
        for b in [*found[:k], xs]:
            assert not np.may_share_memory(a, b)


def test_a_while_loop_is_the_python_loop() -> None:
    def collatz(n: Any) -> Any:
        step = lambda c: (dv.where(c[0] % 2 == 0, c[0] // 2, 3 * c[0] + 1), c[1] + 1)  # noqa: E731
        return dv.while_loop(lambda c: c[0] != 1, step, (n, 0))[1]

    compiled = dv.jit(collatz)
    for n in (1, 2, 7, 27, 97):
        assert compiled(n) == collatz(n)


def test_newton_stops_where_the_python_loop_does() -> None:
    def root(a: Any) -> Any:
        def step(c: Any) -> Any:
            x, _, k = c
            new = 0.5 * (x + a / x)
            return new, dv.abs(new - x), k + 1

        return dv.while_loop(lambda c: c[1] > 1e-12, step, (a, a, 0))

    for a in (2.0, 9.0, 1e6):
        found, wanted = dv.jit(root)(a), root(a)
        np.testing.assert_allclose(found[0], wanted[0], rtol=1e-15)
        assert found[2] == wanted[2]


def test_threads_have_loops_of_their_own() -> None:
    body, begin, _ = BODIES["shifted"]
    rows = RNG.standard_normal((8, 200, 4))
    run = dv.jit(lambda c, xs: dv.scan(body, c, xs))
    wanted = [flatten(run(begin(), xs))[0] for xs in rows]
    found: dict[int, Any] = {}

    def work(k: int) -> None:
        for _ in range(20):
            found[k] = flatten(run(begin(), rows[k]))[0]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, results in enumerate(wanted):
        for a, b in zip(found[k], results, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_long_loop_comes_back_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces it gives what it gives whole, so that Python can look for an interruption."""
    body, begin, xs = BODIES["shifted"]
    run = dv.jit(lambda c, xs: dv.scan(body, c, xs))
    wanted = flatten(run(begin(), xs))[0]
    calls: list[int] = []
    real = repeating._Run.turned

    def counted(self: Any, turns: int) -> int:
        calls.append(turns)
        return real(self, turns)

    monkeypatch.setattr(repeating._Run, "turned", counted)
    monkeypatch.setattr(repeating, "AT_ONCE", 200)
    repeating._repeat.cache_clear()
    for a, b in zip(flatten(run(begin(), xs))[0], wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(calls) > 1
    repeating._repeat.cache_clear()


def test_derivatives_of_long_loops() -> None:
    """Against differences: the loop back, the states it reads, and sums written in place."""
    xs = RNG.standard_normal((50, 4)) / 2

    def loss(w: Any) -> Any:
        end, ys = dv.scan(lambda c, x: (dv.tanh(w @ c + x), dv.sum(c * x)), C, xs)
        return dv.sum(end) + dv.sum(ys * ys)

    found = dv.jit(dv.grad(loss))(W)
    np.testing.assert_allclose(found, dv.grad(loss)(W), rtol=1e-10)
    d, step = RNG.standard_normal((4, 4)), 1e-6
    slope = (loss(W + step * d) - loss(W - step * d)) / (2 * step)
    np.testing.assert_allclose(np.sum(found * d), slope, rtol=1e-6)
