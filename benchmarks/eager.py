"""What recording an operation costs above NumPy's own call, and the 51-operation gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import thread_time
from typing import TypeAlias

import numpy as np

import derivant as dv
from benchmarks.timing import Row, excess, interleaved, ratio

Cases: TypeAlias = dict[str, tuple[Callable[[], object], Callable[[], object]]]
US = 1e-6
INNER = 2000


def rows() -> Iterator[Row]:
    """The lines of the table."""
    yield from per_operation()
    yield from recorded_only(with_arguments())
    yield from recorded_only(others())
    yield from gradient_of_51_operations()


def per_operation() -> Iterator[Row]:
    """Forward, and forward with backward, of one operation on ten numbers."""
    x, y = np.linspace(0.1, 1, 10), np.linspace(1, 2, 10)
    a, b = dv.tensor(x, requires_grad=True), dv.tensor(y, requires_grad=True)
    seed = np.ones(10)
    cases = {
        "add": (lambda: np.add(x, y), lambda: a + b, lambda: (seed, seed)),
        "multiply": (lambda: np.multiply(x, y), lambda: a * b, lambda: (seed * y, seed * x)),
        "tanh": (lambda: np.tanh(x), lambda: dv.tanh(a), lambda: seed * (1.0 - y * y)),
        "sin": (lambda: np.sin(x), lambda: dv.sin(a), lambda: seed * np.cos(x)),
    }
    for name, (plain, recorded, rule) in cases.items():
        times = interleaved({"numpy": plain, "derivant": recorded}, INNER, clock=thread_time)
        value, spread = excess(times["derivant"], times["numpy"], US)
        yield Row(f"{name}, recorded", f"+{value:.2f} us", spread, "<= +2 us", value <= 2)
        value, spread = chain_cost(plain, recorded, rule, name)
        yield Row(
            f"{name}, forward and backward", f"+{value:.2f} us", spread, "<= +4 us", value <= 4
        )


def with_arguments() -> Cases:
    """Operations that take arguments beside their operands."""
    x = np.linspace(0.1, 1, 16).reshape(4, 4)
    a = dv.tensor(x, requires_grad=True)
    return {
        "matmul": (lambda: x @ x, lambda: a @ a),
        "sum over an axis": (lambda: x.sum(axis=0), lambda: a.sum(axis=0)),
        "transpose": (lambda: x.T, lambda: a.T),
        "index": (lambda: x[1], lambda: a[1]),
        "slice": (lambda: x[1:3], lambda: a[1:3]),
        "maximum": (lambda: np.maximum(x, 0.5), lambda: dv.maximum(a, 0.5)),
        "relu": (lambda: np.maximum(x, 0), lambda: dv.relu(a)),
        "where": (lambda: np.where(x > 0.5, x, 0.0), lambda: dv.where(x > 0.5, a, 0.0)),
        "reshape": (lambda: x.reshape(2, 8), lambda: a.reshape(2, 8)),
        "concat": (lambda: np.concatenate([x, x]), lambda: dv.concat([a, a])),
    }


def others() -> Cases:
    """More operations, on a 4 by 4 matrix and on ten numbers."""
    x, v = np.linspace(0.1, 1, 16).reshape(4, 4), np.linspace(0.1, 1, 10)
    spd, places, mask = x @ x.T + 4 * np.eye(4), np.array([0, 2, 1]), x > 0.5
    a, b, t, s = (dv.tensor(n, requires_grad=True) for n in (x, x + 1, v, spd))
    return {
        "an array beside it": (lambda: x + spd, lambda: a + spd),
        "an array before it": (lambda: spd + x, lambda: spd + a),
        "np.sin": (lambda: np.sin(x), lambda: np.sin(a)),
        "exp": (lambda: np.exp(x), lambda: dv.exp(a)),
        "a power": (lambda: x**3, lambda: a**3),
        "where, two operands": (lambda: np.where(mask, x, spd), lambda: dv.where(mask, a, b)),
        "max over an axis": (lambda: x.max(axis=0), lambda: a.max(axis=0)),
        "mean": (lambda: x.mean(), lambda: a.mean()),
        "var over an axis": (lambda: x.var(axis=0), lambda: a.var(axis=0)),
        "two indices": (lambda: x[1, 2], lambda: a[1, 2]),
        "a new axis": (lambda: x[:, None], lambda: a[:, None]),
        "an index array": (lambda: x[places], lambda: a[places]),
        "two index arrays": (lambda: x[places, places], lambda: a[places, places]),
        "a mask": (lambda: x[mask], lambda: a[mask]),
        "take": (lambda: np.take(x, places, axis=0), lambda: dv.take(a, places, axis=0)),
        "permute_dims": (lambda: x.transpose(1, 0), lambda: dv.permute_dims(a, (1, 0))),
        "swapaxes": (lambda: np.swapaxes(x, 0, 1), lambda: dv.swapaxes(a, 0, 1)),
        "flip": (lambda: np.flip(x, 0), lambda: dv.flip(a, 0)),
        "reshape to -1": (lambda: x.reshape(-1), lambda: a.reshape(-1)),
        "stack": (lambda: np.stack([x, x]), lambda: dv.stack([a, a])),
        "pad": (lambda: np.pad(x, 1), lambda: dv.pad(a, 1)),
        "cumsum": (lambda: np.cumsum(x, 0), lambda: dv.cumsum(a, 0)),
        "sort": (lambda: np.sort(x, axis=0), lambda: dv.sort(a, axis=0)),
        "dot": (lambda: np.dot(v, v), lambda: dv.dot(t, t)),
        "outer": (lambda: np.outer(v, v), lambda: dv.outer(t, t)),
        "einsum": (
            lambda: np.einsum("ij,jk->ik", x, x),
            lambda: dv.einsum("ij,jk->ik", a, a),
        ),
        "trace": (lambda: np.trace(x), lambda: dv.trace(a)),
        "norm": (lambda: np.linalg.norm(v), lambda: dv.linalg.norm(t)),
        "norm over an axis": (
            lambda: np.linalg.norm(x, axis=1),
            lambda: dv.linalg.norm(a, axis=1),
        ),
        "inv": (lambda: np.linalg.inv(spd), lambda: dv.linalg.inv(s)),
        "solve": (lambda: np.linalg.solve(spd, x), lambda: dv.linalg.solve(s, a)),
        "det": (lambda: np.linalg.det(spd), lambda: dv.linalg.det(s)),
        "cholesky": (lambda: np.linalg.cholesky(spd), lambda: dv.linalg.cholesky(s)),
        "softmax / written out": (lambda: written_softmax(x), lambda: dv.softmax(a, axis=1)),
    }


def written_softmax(x: np.ndarray) -> np.ndarray:
    """What softmax costs in NumPy's calls."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def recorded_only(cases: Cases) -> Iterator[Row]:
    """Forward alone."""
    for name, (plain, recorded) in cases.items():
        times = interleaved({"numpy": plain, "derivant": recorded}, INNER, clock=thread_time)
        value, spread = excess(times["derivant"], times["numpy"], US)
        yield Row(f"{name}, recorded", f"+{value:.2f} us", spread, "<= +2 us", value <= 2)


def chain_cost(plain: object, recorded: object, rule: object, name: str) -> tuple[float, str]:
    """The cost of one more operation in a chain, above NumPy's calls for it and its derivative."""
    operations = {
        "add": lambda t, c: t + c,
        "multiply": lambda t, c: t * c,
        "tanh": lambda t, c: dv.tanh(t),
        "sin": lambda t, c: dv.sin(t),
    }
    apply = operations[name]
    length, x = 100, np.full(10, 1e-3)
    c = dv.tensor(np.full(10, 0.5))
    seed = np.ones(10)

    def chain(count: int) -> None:
        t = dv.tensor(x, requires_grad=True)
        for _ in range(count):
            t = apply(t, c)
        t.backward(seed)

    def floor() -> None:
        for _ in range(length):
            plain()  # type: ignore[operator]
            rule()  # type: ignore[operator]

    with np.errstate(all="ignore"):
        times = interleaved(
            {"long": lambda: chain(length + 1), "short": lambda: chain(1), "floor": floor},
            5,
            clock=thread_time,
        )
    ours = [
        (long - short) / length for long, short in zip(times["long"], times["short"], strict=True)
    ]
    return excess(ours, [t / length for t in times["floor"]], US)


def gradient_of_51_operations() -> Iterator[Row]:
    """25 times tanh and times 1.1 on ten numbers, then a sum; beside autograd where installed."""
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return

    def loss(x, tanh, total):  # type: ignore[no-untyped-def]
        for _ in range(25):
            x = tanh(x) * 1.1
        return total(x)

    x = np.linspace(-1, 1, 10)
    ours = dv.grad(lambda x: loss(x, dv.tanh, dv.sum))
    theirs = autograd.grad(lambda x: loss(x, anp.tanh, anp.sum))
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-13)
    calls = {"ours": lambda: ours(x), "theirs": lambda: theirs(x)}
    times = interleaved(calls, 2, repeats=501, clock=thread_time)
    value, spread = ratio(times["ours"], times["theirs"])
    yield Row("51-operation gradient / autograd", f"{value:.3f}", spread, "<= 0.5", value <= 0.5)
