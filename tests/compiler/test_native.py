"""Calls of compiled functions: the quick way, arrays donated and written in place, threads."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant import ArgumentError, DerivantError
from derivant.compiler.compiled import MOST_ENTRIES
from derivant.compiler.engine import compiled as compiled_text
from derivant.compiler.layout import LONG


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


# The second and third call take the quick way: all three must agree with the function itself.


def agrees(f: Callable[..., Any], *calls: tuple[Any, ...], **options: Any) -> None:
    compiled = dv.jit(f, **options)
    for args in calls:
        for _ in range(3):
            wanted, _ = flat(f(*args))
            found, structure = flat(compiled(*args))
            assert structure == flat(f(*args))[1]
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12)
                assert np.asarray(a).dtype == np.asarray(b).dtype


def flat(tree: Any) -> tuple[list[Any], Any]:
    if isinstance(tree, dict):
        parts = [flat(v) for v in tree.values()]
        return [x for p in parts for x in p[0]], (dict, tuple(tree), [p[1] for p in parts])
    if isinstance(tree, (list, tuple)):
        parts = [flat(v) for v in tree]
        return [x for p in parts for x in p[0]], (type(tree), [p[1] for p in parts])
    return [tree], type(tree)


def test_kinds_of_arguments_take_turns() -> None:
    x = normal(4, 3)
    agrees(
        lambda x, y: (x * y + 1.0, [x.T @ x]),
        (x, x),
        (x.astype(np.float32), x.astype(np.float32)),
        (x, 2.0),
        (x, np.float32(2.0)),
        (np.asfortranarray(x), x[::-1]),
        (normal(8, 6)[::2, ::2], x),
        (x, np.array(3.0)),
        (x, x),
    )


def test_containers_and_static_values() -> None:
    x, y = normal(3), normal(3, seed=1)

    def f(tree: Any, power: int, *, scale: Any = 1.0) -> Any:
        total = tree["a"] ** power * scale
        return {"b": (total, tree["c"][0]), "n": total.sum()}

    agrees(
        f,
        ({"a": x, "c": [y]}, 2),
        ({"a": x, "c": (y,)}, 2),
        ({"a": y, "c": [x]}, 3),
        ({"a": x, "c": [y, y]}, 2),
    )
    compiled = dv.jit(f)
    for power, scale in [(2, 1.0), (3, 2.0), (2, 2.0), (2, y)] * 2:
        found = compiled({"a": x, "c": [y]}, power, scale=scale)
        np.testing.assert_allclose(found["b"][0], x**power * scale)


def test_sizes_and_lists_that_change_are_seen() -> None:
    total = dv.jit(lambda xs: sum(dv.sum(x) for x in xs))
    xs = [normal(3), normal(3, seed=1)]
    for _ in range(3):
        assert total(xs) == pytest.approx(sum(x.sum() for x in xs))
    xs.append(normal(5))
    assert total(xs) == pytest.approx(sum(x.sum() for x in xs))
    xs[0] = normal(7)
    assert total(xs) == pytest.approx(sum(x.sum() for x in xs))
    xs[0] = xs[0].astype(np.float32)
    assert total(xs) == pytest.approx(sum(x.sum() for x in xs))


def test_closures_are_read_and_watched() -> None:
    W, factor = normal(3, 3), 2.0

    def f(x: Any) -> Any:
        return x @ W * factor

    compiled, x = dv.jit(f), normal(2, 3)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), f(x))
    W[0, 0] = 100.0
    np.testing.assert_allclose(compiled(x), f(x))
    factor = 3.0
    np.testing.assert_allclose(compiled(x), f(x))
    W = normal(3, 3, seed=5)
    np.testing.assert_allclose(compiled(x), f(x))


def test_a_static_function_is_known_by_identity_for_as_long_as_it_is_remembered() -> None:
    def scaled(k: float) -> Callable[..., Any]:
        return lambda x: x * k + 3.0

    compiled, x, other = dv.jit(lambda g, x: g(x)), normal(3), scaled(0.0)
    first = scaled(2.0)
    for _ in range(2):
        compiled(first, x)
    held = weakref.ref(first)
    for size in range(MOST_ENTRIES + 1):  # kinds that have no quick way
        compiled(other, dv.tensor(np.ones(size)))
    del first
    gc.collect()
    assert held() is not None  # else another function could come to have its address


def test_results_are_the_callers_own() -> None:
    f = dv.jit(lambda x: (x + 1, x, x[1:]))
    x = normal(5)
    for _ in range(3):
        first, second = f(x), f(x)
        for a, b in zip(first, second, strict=True):
            assert not np.shares_memory(a, b) and not np.shares_memory(a, x)
            a[...] = 0
            np.testing.assert_array_equal(second[0], x + 1)


# Donated arrays.


def donated(f: Callable[..., Any], *args: Any) -> None:
    """Four steps of `params, rest = f(params, ...)`, in place, equal to four steps that copy."""
    compiled, plain = dv.jit(f, donate_argnums=0), args[0]
    own = [p.copy() for p in plain]
    held = list(own)
    for _ in range(4):
        wanted = f(plain, *args[1:])
        found = compiled(own, *args[1:])
        for a, b in zip(flat(found)[0], flat(wanted)[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)
        assert all(a is b for a, b in zip(found[0], held, strict=True))
        plain, own = wanted[0], found[0]


def test_a_step_in_place() -> None:
    def step(params: Any, x: Any) -> Any:
        (W, b), rate = params, 0.1
        loss, (dW, db) = dv.value_and_grad(lambda p: dv.mean((x @ p[0] + p[1]) ** 2))([W, b])
        return [W - rate * dW, b - rate * db], loss

    donated(step, [normal(3, 2), normal(2)], normal(5, 3))


def test_what_is_read_later_is_not_overwritten() -> None:
    A, B, x = normal(3, 3), normal(3, 3, seed=1), normal(3, 3, seed=2)
    donated(
        lambda p, x: ([p[0] - 0.1 * (p[1] @ x), p[1] - 0.1 * (p[0] @ x)], p[0] @ p[1]), [A, B], x
    )
    donated(lambda p, x: ([p[1], p[0]], p[0] + x), [A, B], x)
    donated(lambda p, x: ([p[0] - p[0].T, p[1] + 0.1 * (x @ p[1])], p[0][0]), [A, B], x)
    donated(lambda p, x: ([p[0] + p[0][::-1], p[1] * p[0]], dv.sum(p[1])), [A, B], x)
    donated(lambda p, x: ([p[0] + 0.5 * (x @ (p[0] @ x)), p[1]], p[0]), [A, B], x)
    donated(lambda p, x: ([p[0] - dv.sum(p[0], axis=0), p[1] / 2], dv.linalg.inv(p[0])), [A, B], x)


def test_products_of_other_dtypes_and_other_counts_are_added_too() -> None:
    A = normal(4, 4)
    single, whole = A.astype(np.float32), np.arange(16).reshape(4, 4)
    donated(lambda p, x: ([p[0] - np.float64(0.1) * (x @ x.T)], 0.0), [A], single)
    donated(lambda p, x: ([p[0] - 0.1 * (x @ x)], 0.0), [A], whole)
    donated(lambda p, x: ([p[0] + x @ single], 0.0), [A], A)
    donated(lambda p, x: ([p[0] - dv.einsum("ij->ji", x)], 0.0), [A], A)
    donated(lambda p, x: ([p[0] - dv.einsum("ij,jk,kl->il", x, x, x)], 0.0), [A], A)
    donated(lambda p, x: ([p[0] - x @ x.T], 0.0), [A], A[:, :0])


def test_results_from_numpy_can_be_given_back() -> None:
    A = normal(4, 4) + 4 * np.eye(4)
    donated(lambda p, x: ([dv.linalg.inv(p[0]) @ x], dv.linalg.det(p[0])), [A], normal(4, 4))
    donated(lambda p, x: ([dv.sort(p[0], axis=0) + dv.cumsum(p[0], axis=1)], x), [A], normal(4, 4))


def test_an_error_leaves_donated_arrays_alone() -> None:
    def step(W: Any, A: Any) -> Any:
        return W - 0.1 * W.T @ W, dv.linalg.cholesky(A)

    compiled, W = dv.jit(step, donate_argnums=0), normal(3, 3)
    compiled(W, np.eye(3))
    before = W.copy()
    for _ in range(2):
        with pytest.raises(DerivantError):
            compiled(W, -np.eye(3))
        np.testing.assert_array_equal(W, before)
    np.testing.assert_allclose(compiled(W, np.eye(3))[0], before - 0.1 * before.T @ before)


def test_overlap_and_read_only_are_refused_at_every_call() -> None:
    step = dv.jit(lambda w, x: w - 0.1 * x, donate_argnums=0)
    memory = normal(12)
    for _ in range(3):
        step(memory[:4], memory[4:8])
        with pytest.raises(ArgumentError, match="overlaps"):
            step(memory[:4], memory[2:6])
        with pytest.raises(ArgumentError, match="overlaps"):
            step(memory[:4], memory[:4])
    frozen = normal(4)
    frozen.flags.writeable = False
    with pytest.raises(ArgumentError, match="read-only"):
        step(frozen, memory[:4])


def test_many_donated_arrays_in_any_order() -> None:
    def step(ws: Any, x: Any) -> Any:
        return [w - 0.1 * x for w in ws]

    compiled = dv.jit(step, donate_argnums=0)
    memory = normal(40, 4)
    rng = np.random.default_rng(3)
    for _ in range(6):
        rows = [memory[k] for k in rng.permutation(39)[:20]]
        wanted = [w - 0.1 * memory[39] for w in rows]
        for a, b in zip(compiled(rows, memory[39]), wanted, strict=True):
            np.testing.assert_allclose(a, b)
        with pytest.raises(ArgumentError, match="overlaps"):
            compiled([*rows[:19], rows[3]], memory[39])


def test_arrays_that_do_not_lie_in_order_are_donated_too() -> None:
    step = dv.jit(lambda w: w * 2.0, donate_argnums=0)
    for w in (np.asfortranarray(normal(3, 4)), normal(6, 4)[::2], normal(4)[::-1]):
        before = w.copy()
        assert step(w) is w
        np.testing.assert_array_equal(w, 2 * before)


# Threads.


@pytest.fixture
def long_loop() -> tuple[Callable[..., Any], Any]:
    x = normal(LONG // 500, 700).astype(np.float32)
    f = dv.jit(lambda x: (dv.tanh(x) * dv.exp(-(x**2)), dv.sum(x * x), dv.sum(x, axis=0)))
    return f, x


def test_threads_share_loops_and_change_no_bit(long_loop: Any) -> None:
    f, x = long_loop
    wanted = f(x)
    rows = [f(x[k : k + 1])[0][0] for k in range(0, len(x), 97)]  # too short to be shared
    np.testing.assert_array_equal(np.array(rows), wanted[0][::97])
    found: list[Any] = []

    def work() -> None:
        found.extend(f(x) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 40
    for result in found:
        for a, b in zip(result, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="a register of x86")
def test_the_machines_rounding_and_subnormals_stay_as_they_are(long_loop: Any) -> None:
    """MXCSR, but for its flags of what has happened, is the same after calls, in workers too."""
    text = """
    declare void @llvm.x86.sse.stmxcsr(ptr)
    define void @control(ptr %place) {
      call void @llvm.x86.sse.stmxcsr(ptr %place)
      ret void
    }"""
    address = compiled_text(text).get_function_address("control")
    read = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def control() -> int:
        place = np.zeros(1, np.uint32)
        read(place.ctypes.data)
        return int(place[0]) & ~0x3F  # rounding, masks, flush to zero, subnormals as zeros

    before = control()
    f, x = long_loop
    f(x)
    dv.jit(lambda x: (dv.exp(x) / 0.0, x @ x, dv.linalg.inv(x)))(normal(3, 3))
    assert control() == before
    small = dv.jit(lambda x: x * 0.25)(np.full(x.shape, 1e-308))
    assert (small == 1e-308 * 0.25).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
# Python and JAX warn that threads do not survive; ours are started again
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_child_process_goes_on(long_loop: Any) -> None:
    f, x = long_loop
    wanted = f(x)[1]
    child = os.fork()
    if not child:
        same = bool(f(x)[1] == wanted and dv.jit(lambda x: dv.exp(x) * 2.0)(x).shape == x.shape)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert f(x)[1] == wanted
