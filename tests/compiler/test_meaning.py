"""What a compiled function reads at each call, what makes another program, what is refused."""

from __future__ import annotations

import itertools
import math
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

import derivant as dv

ONES = np.ones(3)
WEIGHTS = np.ones(3)
SCALE = 2.0
PARAMS = {"w": np.ones(3)}


def scaled(x: Any) -> Any:
    return x * SCALE


def by_globals(x: Any) -> Any:
    return scaled(WEIGHTS.T + 0.0) * x + (PARAMS["w"] * 1.0)


def equal(found: Any, wanted: Any) -> None:
    np.testing.assert_array_equal(np.asarray(found), np.broadcast_to(wanted, np.shape(found)))


# What is read at each call


def test_arrays_of_closures_are_read_at_each_call() -> None:
    b = np.ones(3)
    f = dv.jit(lambda x: x * (b * 2.0).T)  # what NumPy alone computes is part of the program too
    equal(f(ONES), 2)
    b[:] = 5
    equal(f(ONES), 10)
    b = np.full(3, 7.0)
    equal(f(ONES), 14)
    b = np.arange(4.0)  # type: ignore[assignment]
    equal(f(np.ones(4)), 2 * np.arange(4.0))


def test_other_arrays_of_one_shape_are_the_same_program() -> None:
    runs = itertools.count()
    layer, params, b, c = Layer(), {"w": ONES, "v": ONES}, ONES, ONES

    def f(x: Any) -> Any:
        next(runs)
        return layer.w * x + params["w"] * b - params["v"] / c

    g = dv.jit(f)
    for k in range(1, 9):
        layer.w = np.full(3, float(k))
        params = {"w": np.full(3, 2.0), "v": np.full(3, 4.0)}
        params["w"], b, c = np.full(3, 3.0 * k), np.full(3, 5.0), np.full(3, 2.0)
        equal(g(ONES), k + 15 * k - 2)
        equal(g(ONES), k + 15 * k - 2)
    assert next(runs) == 1
    b = c  # one array in two places is another program, and so is a dict of other names
    equal(g(ONES), 8 + 24 * 2 - 2)
    params = {"v": params["w"], "w": params["v"]}
    equal(g(ONES), 8 + 4 * 2 - 12)
    b = np.ones(3)
    equal(g(ONES), 8 + 4 - 12)


def test_numbers_of_closures_make_another_program() -> None:
    k: Any = 2
    f = dv.jit(lambda x: x * k)
    for k in (2, 3.5, np.float32(4), True, -0.0):
        found = f(np.ones(3, np.float32))
        equal(found, np.float32(k))
        assert found.dtype == (np.ones(1, np.float32) * k).dtype
        assert np.signbit(found[0]) == np.signbit(k)


def test_globals_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    f = dv.jit(by_globals)
    equal(f(ONES), 3)
    monkeypatch.setitem(globals(), "WEIGHTS", np.full(3, 2.0))
    equal(f(ONES), 5)
    WEIGHTS[:] = 3
    equal(f(ONES), 7)
    monkeypatch.setitem(globals(), "SCALE", 1.0)
    equal(f(ONES), 4)
    monkeypatch.setitem(PARAMS, "w", np.full(3, 10.0))
    equal(f(ONES), 13)
    monkeypatch.setitem(globals(), "scaled", lambda x: x * 0.0)
    equal(f(ONES), 10)


class Layer:
    def __init__(self) -> None:
        self.w, self.k, self.calls = np.ones(3), 2, 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return (self.w * self.k).T * x

    def __call__(self, x: Any) -> Any:
        return self.forward(x)


@pytest.mark.parametrize("of", [lambda m: m.forward, lambda m: m], ids=["method", "object"])
def test_attributes_are_read_at_each_call(of: Callable[[Layer], Any]) -> None:
    layer = Layer()
    f = dv.jit(of(layer))
    equal(f(ONES), 2)
    layer.w[:] = 5
    equal(f(ONES), 10)
    layer.w = np.full(3, 7.0)
    equal(f(ONES), 14)
    layer.k = 3
    equal(f(ONES), 21)
    assert isinstance(layer.w, np.ndarray)


def test_attributes_are_assigned_at_the_trace_alone() -> None:
    layer = Layer()
    f = dv.jit(lambda x: layer.w * x)
    f(ONES)
    f(ONES)
    assert layer.calls == 0
    run = dv.jit(layer.forward)
    run(ONES)
    run(2 * ONES)
    assert layer.calls == 1
    log: list[int] = []
    told = dv.jit(lambda x: (log.append(1), x * 2)[1])
    told(ONES)
    told(2 * ONES)
    assert log == [1]
    runs = itertools.count()
    g = dv.jit(lambda x: x * 2 + 0 * next(runs))
    g(ONES)
    g(2 * ONES)
    assert next(runs) == 1


def test_tensors_of_closures_are_variables() -> None:
    w = dv.tensor([1.0, 2.0, 3.0], requires_grad=True)
    f = dv.jit(lambda x: dv.sum(w * w * x))
    f(ONES).backward()
    equal(w.grad, [2, 4, 6])


def test_compiled_inside_compiled_reads_at_each_call() -> None:
    b = np.ones(3)
    inner = dv.jit(lambda: b * 2.0)
    outer = dv.jit(lambda x: x + inner())
    equal(outer(ONES), 3)
    equal(inner(), 2)
    b[:] = 4
    equal(outer(ONES), 9)


# Arguments

Pair = namedtuple("Pair", "a b")


@dataclass
class Params:
    w: Any
    name: str = "p"


def test_nested_arguments_and_results() -> None:
    swapped = dv.jit(lambda p: Pair(p.b, {"x": [p.a, (p.a,)]}))
    for _ in range(2):
        found = swapped(Pair(ONES, 2.0))
        assert type(found) is Pair and float(found.a) == 2
        equal(found.b["x"][1][0], 1)
    doubled = dv.jit(lambda p: Params(p.w * 2, p.name))
    for _ in range(2):
        assert doubled(Params(ONES, "q")).name == "q"
    assert doubled(Params(ONES, "r")).name == "r"


def test_partials_keywords_defaults_and_statics() -> None:
    f = dv.jit(partial(lambda x, y, k: x * y + k, k=ONES))
    equal(f(ONES, 2.0), 3)
    g = dv.jit(lambda x, n, *, y=1.0: x * y if n > 1 else -x * y)
    equal(g(ONES, 2, y=3.0), 3)
    equal(g(ONES, 1), -1)
    equal(g(y=np.float64(2), x=ONES, n=1), -2)
    h = dv.jit(lambda x, how: x[how[0] :], static_argnums=1)
    assert h(ONES, (1, "a")).shape == (2,)
    assert h(ONES, (2, "a")).shape == (1,)
    with pytest.raises(dv.ArgumentError, match="hashed"):
        h(ONES, [1])


def test_another_shape_dtype_nesting_or_weakness_is_another_program() -> None:
    f = dv.jit(lambda x: x * np.float32(2))
    for x in (1.0, np.float64(1), np.float32(1), np.ones(2, "f4"), np.ones((2, 0)), np.arange(3)):
        wanted: Any = x * np.float32(2)
        found = f(x)
        assert found.shape == np.shape(wanted)
        equal(found, wanted)
    assert f(np.ones(2, "f4")).dtype == np.float32
    assert f(1.0).dtype == np.float32


def test_tensors_in_tensors_out() -> None:
    f = dv.jit(lambda x, y: (x + y, 1))
    assert type(f(dv.tensor(ONES), ONES)[0]) is dv.Tensor
    assert type(f(ONES, ONES)[0]) is np.ndarray


def test_results_are_the_callers_own() -> None:
    x = np.ones(3)
    a, b, c = dv.jit(lambda x: (x, x, x[::-1]))(x)
    a[0], b[1], c[2] = 7, 8, 9
    equal(x, 1)
    equal(dv.jit(lambda x: x)(x), 1)


def test_arguments_may_be_one_array() -> None:
    x = np.arange(6.0).reshape(2, 3)
    f = lambda a, b: (a * b + a, b - a[::-1])  # noqa: E731 - a formula
    for a, b in [(x, x), (x, x[::-1]), (x[:, ::-1], x), (x[:1], x)]:
        for ours, theirs in zip(dv.jit(f)(a, b), f(a, b), strict=True):
            equal(ours, theirs)


def test_random_numbers_are_those_of_the_key() -> None:
    draw = lambda key: dv.random.normal(key, (5,))  # noqa: E731 - a formula
    key = dv.random.key(3)
    equal(dv.jit(draw)(key), draw(key))


# What cannot be compiled

REFUSED: dict[str, Callable[[Any], Any]] = {
    "if": lambda x: x if x[0] > 0 else -x,
    "while": lambda x: next(i for i in range(9) if x[0] < i),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]),
    "bool": lambda x: bool(x[0]),
    "round": lambda x: round(x[0]),
    "format": lambda x: f"{x[0]:.3f}",
    "item": lambda x: x[0].item(),
    "tolist": lambda x: x.tolist(),
    "asarray": lambda x: np.asarray(x),
    "array of": lambda x: np.array([x[0], x[1]]),
    "math": lambda x: math.sin(x[0]),
    "range": lambda x: list(range(x[0].astype(int))),
    "slice": lambda x: x[: x[0].astype(int)],
    "size": lambda x: dv.zeros(x[0].astype(int)),
    "max": lambda x: max(x[0], x[1]),
    "in": lambda x: 1.0 in list(x),
    "mask": lambda x: x[x > 0],
    "nonzero": lambda x: dv.nonzero(x),
    "unique": lambda x: dv.unique_values(x),
    "into numpy": lambda x: np.zeros(3).__setitem__(0, x[0]),
    "in place": lambda x: x.__setitem__(0, 1.0),
    "shapes": lambda x: x @ dv.ones(4),
    "index": lambda x: x[7],
    "loop": lambda x: dv.scan(lambda c, y: (c, float(y)), 0.0, x),
    "branch": lambda x: dv.cond(x[0] > 0, lambda: float(x[1]), lambda: 1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_the_numbers_is_refused_with_its_line(name: str) -> None:
    f = REFUSED[name]
    with pytest.raises(dv.DerivantError) as caught:
        dv.jit(f)(np.array([1.0, 2.0, 3.0]))
    assert f"{__file__}:{f.__code__.co_firstlineno}" in str(caught.value)


def test_objects_that_keep_unknown_numbers_are_no_results() -> None:
    linear = lambda x: dv.linearize(dv.sin, x)[1]  # noqa: E731 - a formula
    for f in (lambda x: lambda y: x + y, linear, lambda x: {"a": {x}}):
        with pytest.raises(dv.ArgumentError, match="returns"):
            dv.jit(f)(ONES)


def test_indices_out_of_range_raise_as_in_eager() -> None:
    f = lambda x, i: (dv.take(x, i), x[i], dv.at(x)[i].add(1.0))  # noqa: E731 - a formula
    compiled = dv.jit(f)
    for i in (np.array([0, 3]), np.array([-4]), np.array(5)):
        with pytest.raises(IndexError) as eager:
            f(ONES, i)
        with pytest.raises(IndexError) as ours:
            compiled(ONES, i)
        assert type(eager.value) is type(ours.value)
    equal(compiled(ONES, np.array([-3]))[0], 1)


def test_errors_are_those_of_eager() -> None:
    singular = np.zeros((2, 2))
    for f in (dv.linalg.inv, dv.linalg.cholesky, lambda a: dv.linalg.solve(a, np.ones(2))):
        with pytest.raises(dv.LinAlgError):
            dv.jit(f)(singular)
    with pytest.raises(dv.DTypeError, match="complex"):
        dv.jit(lambda x: x)(1j)
    with pytest.raises(dv.DTypeError, match="dtype"):
        dv.jit(lambda x: x)(np.array(["a"]))


def test_a_failed_trace_leaves_nothing_behind() -> None:
    bad = True
    f = dv.jit(lambda x: float(x[0]) if bad else x * 2)
    for _ in range(2):
        with pytest.raises(dv.DifferentiationError):
            f(ONES)
    bad = False
    equal(f(ONES), 2)
    assert dv.fori_loop(0, 3, lambda i, v: v * 2.0, 1.0) == 8.0  # eager again


# Donation


def test_donated_arrays_are_updated_in_place() -> None:
    step = dv.jit(lambda w, g: w - 0.5 * g, donate_argnums=0)
    w, g = np.ones(3), np.ones(3)
    for k in range(1, 4):
        assert step(w, g) is w
        equal(w, 1 - 0.5 * k)


@pytest.mark.parametrize("late", [False, True])
def test_an_error_leaves_donated_arrays_unchanged(late: bool) -> None:
    def f(w: Any, x: Any, i: Any) -> Any:
        new = w - x[i] * 0.5
        return (new, dv.linalg.cholesky(x[None] * new[:1])) if late else (new, x)

    step = dv.jit(f, donate_argnums=0)
    w = np.ones(1)
    with pytest.raises(dv.DerivantError):
        step(w, np.full(1, -2.0) if late else ONES, np.array([0 if late else 9]))
    equal(w, 1)


def test_overlapping_read_only_and_useless_donations_are_refused() -> None:
    step = dv.jit(lambda w, g: w - g, donate_argnums=0)
    memory = np.ones(6)
    for _ in range(2):
        with pytest.raises(dv.ArgumentError, match="overlaps"):
            step(memory[:3], memory[2:5])
        step(memory[:3].copy(), memory[2:5])
    frozen = np.ones(3)
    frozen.flags.writeable = False
    with pytest.raises(dv.ArgumentError, match="read-only"):
        step(frozen, ONES)
    with pytest.raises(dv.ArgumentError, match="order"):
        step(np.ones(3, ">f8"), ONES)
    with pytest.raises(dv.ArgumentError, match="fits no result"):
        dv.jit(lambda w, g: dv.sum(w * g), donate_argnums=0)(np.ones(3), ONES)
    equal(memory, 1)


def test_donated_arrays_of_any_layout() -> None:
    step = dv.jit(lambda w, g: 2 * w - g, donate_argnums=0)
    wide = np.ones((4, 6))
    for w in (wide[::2, ::3], wide[::-1, ::-1], np.asfortranarray(wide), wide.T):
        before = w.copy()
        assert step(w, np.zeros(w.shape)) is w
        equal(w, 2 * before)


def test_a_donated_tensor_used_again_is_one_clear_error() -> None:
    step = dv.jit(lambda w: w * 2, donate_argnums=0)
    w = dv.tensor([1.0, 2.0])
    equal(step(w).numpy(), [2, 4])
    for use in (lambda: w + 1, lambda: w.numpy(), lambda: step(w), lambda: dv.sin(w)):
        with pytest.raises(dv.DifferentiationError, match="donated"):
            use()


def test_a_jacobian_is_a_result_and_an_argument() -> None:
    f = lambda x: dv.sum(x**3) * x[0]  # noqa: E731 - a formula
    x = np.arange(1.0, 4.0)
    wanted, compiled = dv.hessian(f)(x), dv.jit(dv.hessian(f))
    for _ in range(2):
        found = compiled(x)
        assert isinstance(found, dv.Jacobian) and found.shape == (3, 3)
        equal(found.materialize(), wanted.materialize())
    for ours, theirs in [
        (found @ x, wanted @ x), (x @ found, x @ wanted), (found.T @ list(x), wanted.T @ x),
        (found.diagonal(), wanted.diagonal()), (found[1], wanted[1]),
        (dv.jit(lambda J, t: J @ t)(wanted, x), wanted @ x),
    ]:  # fmt: skip
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    tree = dv.jit(dv.jacobian(lambda p: {"a": p["u"] * 2, "b": p["v"]}))({"u": x, "v": x})
    equal(tree["a"]["u"].materialize(), 2 * np.eye(3))
    equal(tree["b"]["u"].materialize(), 0)
    rows = dv.vmap(dv.hessian(f))(np.stack([x, 2 * x]))
    equal(rows.materialize()[0], wanted.materialize())


def test_a_jacobian_that_is_too_large_is_no_result() -> None:
    with pytest.raises(dv.DifferentiationError, match="GiB"):
        dv.jit(dv.jacobian(lambda x: x * 2.0))(np.ones((200, 200)))


def test_calls_with_other_numbers_of_arguments_are_other_calls() -> None:
    """The quick way of a call with fewer or more arguments is not taken."""

    def scaled(x: Any, y: Any, rate: float = 0.5) -> Any:
        return x * rate + y

    x = np.arange(5.0)
    compiled, total = dv.jit(scaled), dv.jit(lambda *xs: sum(xs[1:], xs[0]))
    for rates in [(), (2.0,), (), (3.0,), (3.0,), ()] * 2:
        np.testing.assert_array_equal(compiled(x, x, *rates), scaled(x, x, *rates))
    for count in (3, 2, 5, 1, 4, 3, 1, 5, 2):
        np.testing.assert_array_equal(total(*[x] * count), count * x)
