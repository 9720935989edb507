"""Random programs: rows, views, reductions, indexing, loops, branches, derivatives inside.

A program is made by running it: each step picks an operation that the values so far allow. The
exact ones have no operation whose last bits are free, so that every target gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import derivant as dv

Op = Callable[..., Any]
SHAPES = ((), (3,), (4,), (3, 4), (4, 3), (3, 3), (2, 3, 4), (1, 4), (3, 1), (0,), (0, 3), (2, 0))
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 5e-324, 1e308)
STEPS = 7


@dataclass(frozen=True)
class Program:
    """Operations in order: each a function and the values that it is given, by number."""

    steps: tuple[tuple[Op, tuple[int, ...]], ...]
    outputs: tuple[int, ...]
    inputs: tuple[np.ndarray[Any, Any], ...]

    def __call__(self, *arrays: Any) -> Any:
        values = list(arrays)
        for op, places in self.steps:
            values.append(op(*(values[k] for k in places)))
        return tuple(values[k] for k in self.outputs)


def numbers(rng: np.random.Generator, exact: bool) -> Any:
    """An input: mostly doubles; in exact programs with special values."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    kind = rng.choice(["f8", "f8", "f8", "f4", "i8", "?"] if exact else ["f8", "f8", "f8", "f4"])
    if kind == "?":
        return rng.integers(0, 2, shape).astype(bool)
    if kind == "i8":
        return rng.integers(-4, 5, shape)
    x = np.asarray(rng.normal(size=shape)).astype(kind)
    if exact and x.size and rng.random() < 0.6:
        with np.errstate(over="ignore"):
            odd = rng.choice(SPECIAL, size=shape).astype(kind)
        x = np.where(rng.random(shape) < 0.4, odd, x)
    return x


def random_program(seed: int, exact: bool, inputs: Sequence[Any] | None = None) -> Program:
    """The program of a seed; on these inputs where they are given."""
    rng = np.random.default_rng([seed, exact])
    given = list(inputs) if inputs is not None else [numbers(rng, exact) for _ in range(3)]
    values, steps = list(given), []
    table = EXACT if exact else SMOOTH
    with np.errstate(all="ignore"):
        for _ in range(200):
            if len(steps) == STEPS:
                break
            op, count = table[rng.integers(len(table))](rng)
            recent = range(max(0, len(values) - 4), len(values))
            pool = range(len(values)) if rng.random() < 0.4 else recent
            places = tuple(int(rng.choice(list(pool))) for _ in range(count))
            try:
                made = op(*(values[k] for k in places))
            except (ArithmeticError, TypeError, ValueError, IndexError):
                continue
            if fits(made):
                values.append(made)
                steps.append((op, places))
    last = len(values) - 1
    outputs = tuple(dict.fromkeys([last, int(rng.integers(last + 1)), max(last - 1, 0)]))
    return Program(tuple(steps), outputs, tuple(map(np.asarray, given)))


def fits(value: Any) -> bool:
    """Whether a result may be used further: an array of real numbers that is not large."""
    kind = getattr(value, "dtype", None)
    return kind is not None and kind.name in ("float64", "float32", "int64", "bool") and (
        int(np.prod(value.shape)) < 2000
    )  # fmt: skip


# Operations. Each maker gets the random numbers and gives a function and how many operands it has.


def plain(op: Op, count: int) -> Any:
    """An operation without parameters."""
    return lambda rng: (op, count)


def with_number(op: Op) -> Any:
    """An operation with a Python number beside its operand."""

    def make(rng: np.random.Generator) -> tuple[Op, int]:
        number = float(rng.choice([0.5, -1.0, 2.0, 0.0, 3.0]))
        return (lambda x: op(x, number)), 1

    return make


def floats(op: Op) -> Op:
    """The operation on floats; integers are made such."""
    return lambda *xs: op(*(x.astype(np.float64) if x.dtype.kind != "f" else x for x in xs))


def moved(rng: np.random.Generator) -> tuple[Op, int]:
    """A view, a copy of entries, or a rearrangement."""
    moves: list[Op] = [
        lambda x: x.T,
        lambda x: dv.reshape(x, (-1,)),
        lambda x: x[::-1],
        lambda x: x[1:],
        lambda x: x[..., ::2],
        lambda x: x[None],
        lambda x: x[..., None],
        lambda x: x[..., -1],
        lambda x: x[0],
        lambda x: x[[1, 0, 1]],
        lambda x: x[..., np.array([[0, -1]])],
        lambda x: dv.flip(x, axis=-1),
        lambda x: dv.swapaxes(x, 0, -1),
        lambda x: dv.roll(x, 1, axis=-1),
        lambda x: dv.tril(x),
        lambda x: dv.diagonal(x),
        lambda x: dv.sort(x, axis=-1),
        lambda x: dv.broadcast_to(x, (2, *x.shape)),
        lambda x: dv.squeeze(x),
        lambda x: dv.tile(x, 2),
        lambda x: dv.at(x)[0].set(1),
        lambda x: dv.stack([x, x], axis=-1),
        lambda x: dv.concatenate([x, x[:1]]),
    ]
    return moves[rng.integers(len(moves))], 1


def extremes(rng: np.random.Generator) -> tuple[Op, int]:
    """A reduction that rounds nothing."""
    op = [dv.max, dv.min, dv.any, dv.all, dv.argmax][rng.integers(5)]
    axis = [None, -1, 0][rng.integers(3)]
    return (lambda x: op(x, axis=axis)), 1


def sums(rng: np.random.Generator) -> tuple[Op, int]:
    """A reduction that adds."""
    ops = [dv.sum, dv.mean, dv.var, dv.logsumexp]
    op, axis, keep = ops[rng.integers(4)], [None, -1, 0][rng.integers(3)], bool(rng.integers(2))
    return (lambda x: op(x, axis=axis, keepdims=keep)), 1


def inner(rng: np.random.Generator, table: Sequence[Any], count: int) -> Op:
    """A small program of elementwise operations, for bodies."""
    made = [table[rng.integers(len(table))](rng) for _ in range(3)]

    def body(*xs: Any) -> Any:
        values = list(xs)
        for op, operands in made:
            values.append(op(*(values * operands)[-operands:]))
        return values[-1]

    return body


def scans(table: Sequence[Any]) -> Any:
    """A loop over the leading axis."""

    def make(rng: np.random.Generator) -> tuple[Op, int]:
        body = inner(rng, table, 2)
        step = lambda c, x: (body(c, x), c * 1)  # noqa: E731 - a formula

        def run(c: Any, xs: Any) -> Any:
            if not xs.shape[0]:
                raise ValueError("a compiled loop looks at its body even where it never runs")
            last, ys = dv.scan(step, c, xs)
            return last if rng_free else ys

        rng_free = bool(rng.integers(2))
        return run, 2

    return make


def loops(table: Sequence[Any]) -> Any:
    """A loop over numbers, with a constant number of steps or one read off an array."""

    def make(rng: np.random.Generator) -> tuple[Op, int]:
        body, count = inner(rng, table, 1), int(rng.integers(1, 4))
        if rng.integers(2):
            return (lambda x: dv.fori_loop(0, count, lambda i, v: body(v) + i, x)), 1
        going = lambda s: s[0] < count  # noqa: E731 - a formula
        step = lambda s: (s[0] + 1, body(s[1]).astype(s[1].dtype))  # noqa: E731 - a formula
        return (lambda x: dv.while_loop(going, step, (0, x))[1]), 1

    return make


def branches(table: Sequence[Any]) -> Any:
    """A branch on the sign of a sum of extremes."""

    def make(rng: np.random.Generator) -> tuple[Op, int]:
        yes, no = floats(inner(rng, table, 1)), floats(inner(rng, table, 1))
        return (lambda x, y: dv.cond(dv.max(y) > 0.1, yes, no, x)), 2

    return make


def tangents(table: Sequence[Any]) -> Any:
    """The derivative of a small program in a direction."""

    def make(rng: np.random.Generator) -> tuple[Op, int]:
        body = inner(rng, table, 1)
        return floats(lambda x: dv.jvp(body, (x,), (x,))[1]), 1

    return make


def gradients(rng: np.random.Generator) -> tuple[Op, int]:
    """The gradient of a sum of a small program; of its square's gradient; mapped."""
    body = inner(rng, CURVES, 1)
    slope = dv.grad(lambda x: dv.sum(dv.tanh(body(x))))
    which = rng.integers(4)
    if which == 1:
        return floats(dv.grad(lambda x: dv.sum(slope(x) ** 2))), 1
    if which == 2:
        return floats(dv.vmap(slope)), 1
    if which == 3:
        return floats(lambda x: dv.jvp(slope, (x,), (x,))[1]), 1
    return floats(slope), 1


ENTRYWISE = [
    plain(dv.negative, 1), plain(dv.abs, 1), plain(dv.square, 1), plain(dv.sign, 1),
    plain(floats(dv.sqrt), 1), plain(floats(dv.floor), 1), plain(floats(dv.trunc), 1),
    plain(floats(dv.rint), 1), plain(floats(dv.relu), 1), plain(floats(dv.reciprocal), 1),
    plain(lambda x, y: x + y, 2), plain(lambda x, y: x - y, 2), plain(lambda x, y: x * y, 2),
    plain(floats(lambda x, y: x / y), 2), plain(dv.maximum, 2), plain(dv.minimum, 2),
    plain(floats(dv.copysign), 2), plain(lambda x, y: dv.where(x > y, x, y), 2),
    plain(lambda x, y: dv.where(x == y, y, x), 2), plain(lambda x: dv.clip(x, -1, 1), 1),
    with_number(lambda x, a: x * a), with_number(lambda x, a: a - x),
    with_number(lambda x, a: dv.maximum(x, a)), with_number(lambda x, a: x / a),
]  # fmt: skip
LOGIC = [
    plain(lambda x, y: x > y, 2), plain(lambda x, y: x <= y, 2), plain(lambda x, y: x != y, 2),
    plain(dv.isnan, 1), plain(dv.isfinite, 1), plain(dv.logical_not, 1), plain(dv.logical_and, 2),
    plain(lambda c, x, y: dv.where(c, x, y), 3), plain(floats(dv.floor_divide), 2),
    plain(floats(dv.remainder), 2),
]  # fmt: skip
CURVES = [
    plain(dv.tanh, 1), plain(dv.sin, 1), plain(dv.sigmoid, 1), plain(dv.softplus, 1),
    plain(lambda x: dv.exp(-dv.square(x)), 1), plain(lambda x: dv.log1p(dv.square(x)), 1),
    plain(lambda x: dv.sqrt(1.0 + x * x), 1), plain(dv.gelu, 1), plain(dv.erf, 1),
    plain(lambda x: x / (1.0 + dv.square(x)), 1), with_number(lambda x, a: x * a + 0.1),
    plain(dv.cos, 1), plain(lambda x: dv.softmax(x, axis=-1) if x.ndim else x, 1),
]  # fmt: skip
PAIRS = [
    plain(lambda x, y: x + y, 2), plain(lambda x, y: x * y, 2), plain(lambda x, y: x - y, 2),
    plain(lambda x, y: dv.tanh(x) * y, 2), plain(lambda x, y: x / (1.0 + dv.square(y)), 2),
]  # fmt: skip
PRODUCTS = [
    plain(lambda x, y: x @ y, 2), plain(lambda x, y: x.T @ y, 2), plain(lambda x, y: x @ y.T, 2),
    plain(lambda x: dv.cumsum(x, axis=-1), 1), plain(dv.outer, 2),
    plain(lambda x, y: dv.einsum("...i,...i->...", x, y), 2),
    plain(lambda x, y: dv.tensordot(x, y, 1), 2),
]  # fmt: skip
EXACT = [*ENTRYWISE, *LOGIC, *[moved] * 8, extremes, extremes, tangents(ENTRYWISE),
         scans(ENTRYWISE), scans(ENTRYWISE), loops(ENTRYWISE), branches(ENTRYWISE)]  # fmt: skip
SMOOTH = [*CURVES, *PAIRS, *PAIRS, *PRODUCTS, *[moved] * 5, *[sums] * 3, *[gradients] * 3,
          tangents(CURVES), scans([*CURVES, *PAIRS]), scans([*CURVES, *PAIRS]), loops(CURVES),
          branches(CURVES)]  # fmt: skip


# Layouts of memory: the same numbers, lying in nine ways.


def _strided(x: Any) -> Any:
    wide = np.zeros(tuple(2 * s for s in x.shape), x.dtype)
    place = tuple(slice(None, None, 2) for _ in x.shape)
    wide[place] = x
    return wide[place]


def _offset(x: Any) -> Any:
    wide = np.zeros(x.size + 3, x.dtype)
    wide[3:] = x.ravel()
    return wide[3:].reshape(x.shape)


def _unaligned(x: Any) -> Any:
    memory = np.zeros(x.nbytes + 1, np.uint8)
    found = memory[1:].view(x.dtype).reshape(x.shape) if x.size else x
    found[...] = x
    return found


def _backwards(x: Any) -> Any:
    place = tuple(slice(None, None, -1) for _ in x.shape)
    return np.ascontiguousarray(x[place])[place].reshape(x.shape)


def _repeated(x: Any) -> Any:
    """An array that is the same along its first axis, by a stride of 0."""
    return np.broadcast_to(x[:1], x.shape) if x.ndim and len(x) else x


LAYOUTS: dict[str, Op] = {
    "C": np.array,
    "F": lambda x: np.array(x, order="F"),
    "strided": _strided,
    "backwards": _backwards,
    "offset": _offset,
    "repeated": _repeated,
    "transposed": lambda x: np.array(x.T).T,
    "unaligned": _unaligned,
    "swapped": lambda x: x.astype(x.dtype.newbyteorder()),
}
