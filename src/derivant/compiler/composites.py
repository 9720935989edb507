"""Rows that are several loops, written as rows that are one: softmax, norms and their kin.

The same steps as their evaluators take: the largest entry is taken out first, and nothing
overflows, nor is anything small lost beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from derivant.compiler.program import Instruction, Program, Value
from derivant.primitives import TABLE
from derivant.primitives.norms import SAFE

FLOATS = ("float64", "float32")
TRUTHS = ("equal", "isfinite", "greater", "less", "greater_equal", "less_equal", "logical_and")


def spelled_out(program: Program) -> Program:
    """The program with such rows replaced, where their operands are floats and not empty."""
    names = {step.row.name for step in program.instructions}
    if names.isdisjoint({*COMPOSITES, *PICKS}):
        return program
    build = _Builder(program)
    for step in program.instructions:
        build.enter(step)
    return Program(
        tuple(build.values),
        program.inputs,
        (*program.constants, *build.constants),
        tuple(build.steps),
        program.outputs,
    )


class _Builder:
    """The values and instructions so far."""

    def __init__(self, program: Program) -> None:
        self.values: list[Value] = list(program.values)
        self.constants: list[tuple[int, Any]] = []
        self.steps: list[Instruction] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[tuple[int, int, int, int], int] = {}
        self._known: dict[tuple[Any, ...], int] = {}
        self._makers: dict[int, Instruction] = {}
        self._given = dict(program.constants)
        self._lead = 0

    def classes(self, step: Instruction) -> bool:
        """Whether a row picks one entry of each line by an index that was looked at before, or that
        is known."""
        values = [self.values[x] for x in step.inputs]
        if step.row.name not in PICKS or step.params["axis"] != -1:
            return False
        x, index = values
        size = step.params.get("size", x.shape[-1])
        plain = isinstance(x.dtype, np.dtype) and x.dtype.name in FLOATS and 0 not in x.shape
        lines = x.shape[:-1] == index.shape[:-1] and index.shape[-1] == 1
        if not plain or not lines or index.dtype.name != "int64":
            return False
        known = self._given.get(step.inputs[1])
        if known is not None:
            return bool(np.min(known) >= 0 and np.max(known) < size)
        maker = self._makers.get(step.inputs[1])
        while maker is not None and maker.row.name in ("expand_dims", "reshape"):
            maker = self._makers.get(maker.inputs[0])
        return maker is not None and maker.row.name == "within" and maker.params["size"] == size

    def enter(self, step: Instruction) -> None:
        """One instruction, or what it is in simpler ones."""
        self._makers[step.output] = step
        if self.classes(step):
            self._replaced(step, PICKS[step.row.name], step)
            return
        rule = COMPOSITES.get(step.row.name)
        x = self.values[step.inputs[0]] if step.inputs else None
        plain = x is not None and isinstance(x.dtype, np.dtype) and x.dtype.name in FLOATS
        usual = step.params.get("axis", True) and step.params.get("ord", 2) == 2
        if rule is None or x is None or not plain or 0 in x.shape or not usual:
            self.steps.append(step)
            return
        self._replaced(step, rule, step.inputs[0], step.params)

    def _replaced(self, step: Instruction, rule: Callable[..., int], *given: Any) -> None:
        """The value of an instruction is that of the last one that it became."""
        self._lead, before = step.lead, len(self.steps)
        last = rule(self, *given)
        if len(self.steps) > before and self.steps[-1].output == last:
            made = self.steps.pop()
            self._known[next(reversed(self._known))] = step.output
            made = Instruction(made.row, made.inputs, step.output, made.params, made.lead)
        else:  # all of it was there before
            made = Instruction(TABLE["positive"], (last,), step.output, {}, step.lead)
        self.steps.append(made)

    def row(self, name: str, *inputs: int, **params: Any) -> int:
        """The result of a row; truth values where it compares."""
        key = (name, inputs, tuple(params.items()), self._lead)
        if key in self._known:
            return self._known[key]
        row = TABLE[name]
        shapes = [self.values[x].shape for x in inputs]
        shape = self._reduced(shapes[0], params) if params else np.broadcast_shapes(*shapes)
        truth = name in TRUTHS
        kind = np.dtype(bool) if truth else self._kind(inputs)
        self.values.append(Value(shape, kind))
        place = len(self.values) - 1
        self.steps.append(Instruction(row, inputs, place, params, self._lead))
        self._known[key] = place
        return place

    def _kind(self, inputs: tuple[int, ...]) -> Any:
        """The dtype of the operands that are floats."""
        return next(d for x in inputs if (d := self.values[x].dtype).kind == "f")

    @staticmethod
    def _reduced(shape: tuple[int, ...], params: dict[str, Any]) -> tuple[int, ...]:
        axes = {a % len(shape) for a in params["axis"]}
        if params["keepdims"]:
            return tuple(1 if k in axes else size for k, size in enumerate(shape))
        return tuple(size for k, size in enumerate(shape) if k not in axes)

    def number(self, value: float, like: int) -> int:
        """A known number in the dtype of a value."""
        kind = self.values[like].dtype
        key = (value.hex(), kind.name)
        if key not in self._numbers:
            self.values.append(Value((), kind))
            self._numbers[key] = len(self.values) - 1
            self.constants.append((self._numbers[key], kind.type(value)))
        return self._numbers[key]

    def counted(self, rank: int, size: int, axis: int = -1, first: int = 0) -> int:
        """first, first + 1, ... along one of so many axes, which is counted from the end."""
        key = (rank, size, axis, first)
        if key not in self._counts:
            shape = [1] * rank
            shape[axis] = size
            numbers = np.arange(first, first + size, dtype=np.int64).reshape(shape)
            self.values.append(Value(numbers.shape, numbers.dtype))
            self._counts[key] = len(self.values) - 1
            self.constants.append((self._counts[key], numbers))
        return self._counts[key]


def _softmax(b: _Builder, x: int, params: Any) -> int:
    top = b.row("max", x, axis=params["axis"], keepdims=True)
    e = b.row("exp", b.row("subtract", x, top))
    total = b.row("sum", e, axis=params["axis"], keepdims=True)  # from 1 to the count, or NaN
    return b.row("multiply", e, b.row("divide", b.number(1.0, x), total))


def _log_sum(b: _Builder, x: int, axis: Any, keepdims: bool) -> tuple[int, int]:
    """The largest entry, and the logarithm of the sum of exponentials relative to it."""
    top = b.row("max", x, axis=axis, keepdims=True)
    e = b.row("exp", b.row("subtract", x, top))
    one, zero = b.number(1.0, x), b.number(0.0, x)
    largest = b.row("equal", e, one)
    count = b.row("sum", b.row("where", largest, one, zero), axis=axis, keepdims=keepdims)
    rest = b.row("sum", b.row("where", largest, zero, e), axis=axis, keepdims=keepdims)
    share = b.row("log1p", b.row("divide", rest, count))
    return top, b.row("add", share, b.row("log", count))


def _log_softmax(b: _Builder, x: int, params: Any) -> int:
    top, rest = _log_sum(b, x, params["axis"], True)
    return b.row("subtract", b.row("subtract", x, top), rest)


def _logsumexp(b: _Builder, x: int, params: Any) -> int:
    axis, keepdims = params["axis"], params["keepdims"]
    top, rest = _log_sum(b, x, axis, keepdims)
    if not keepdims:
        top = b.row("max", x, axis=axis, keepdims=False)
    return b.row("where", b.row("isfinite", top), b.row("add", top, rest), top)


def _norm(b: _Builder, x: int, axis: Any, keepdims: bool) -> int:
    """The root of the sum of squares; of what was divided by the largest, where these are out of
    the range of floats."""
    low, high = SAFE[b.values[x].dtype.char]
    most = b.row("max", b.row("abs", x), axis=axis, keepdims=True)
    total = b.row("sum", b.row("multiply", x, x), axis=axis, keepdims=keepdims)
    one, zero = b.number(1.0, x), b.number(0.0, x)
    fits = b.row("logical_and", b.row("isfinite", most), b.row("greater", most, zero))
    part = b.row("divide", x, b.row("where", fits, most, one))
    rest = b.row("sum", b.row("multiply", part, part), axis=axis, keepdims=keepdims)
    if not keepdims:
        most = b.row("max", b.row("abs", x), axis=axis, keepdims=False)
        fits = b.row("logical_and", b.row("isfinite", most), b.row("greater", most, zero))
    scaled = b.row("where", fits, b.row("multiply", b.row("sqrt", rest), most), most)
    more, less = b.row("greater", total, b.number(low, x)), b.row("less", total, b.number(high, x))
    return b.row("where", b.row("logical_and", more, less), b.row("sqrt", total), scaled)


def _vector_norm(b: _Builder, x: int, params: Any) -> int:
    return _norm(b, x, params["axis"], params["keepdims"])


def _norm_slope(b: _Builder, x: int, params: Any) -> int:
    """x / |x|, and 0 at 0."""
    norm = _norm(b, x, params["axis"], True)
    still = b.row("equal", norm, b.number(0.0, x))
    return b.row("divide", x, b.row("where", still, b.number(1.0, x), norm))


def _std(b: _Builder, x: int, params: Any) -> int:
    """The mean is taken out twice, as what the first leaves of it would be squared."""
    axis, away = params["axis"], x
    count = prod(b.values[x].shape[a] for a in axis)
    for _ in range(2):
        total = b.row("sum", away, axis=axis, keepdims=True)
        away = b.row("subtract", away, b.row("divide", total, b.number(float(count), x)))
    squares = b.row("multiply", away, away)
    total = b.row("sum", squares, axis=axis, keepdims=params["keepdims"])
    free = b.number(max(float(count - params["correction"]), 0.0), x)
    return b.row("sqrt", b.row("divide", total, free))


def _triangle(b: _Builder, x: int, params: Any, how: str) -> int:
    shape = b.values[x].shape
    columns = b.counted(len(shape), shape[-1])
    rows = b.counted(len(shape), shape[-2], -2, params["k"])
    return b.row("where", b.row(how, columns, rows), x, b.number(0.0, x))


def _taken(b: _Builder, step: Instruction) -> int:
    """The entry of each line: the sum of that entry and of -0, which adds nothing to it."""
    x, index = step.inputs
    shape = b.values[x].shape
    there = b.row("equal", b.counted(len(shape), shape[-1]), index)
    return b.row("sum", b.row("where", there, x, b.number(-0.0, x)), axis=(-1,), keepdims=True)


def _put(b: _Builder, step: Instruction) -> int:
    """The number of each line at its place among zeros."""
    g, index = step.inputs
    there = b.row("equal", b.counted(len(b.values[g].shape), step.params["size"]), index)
    return b.row("where", there, g, b.number(0.0, g))


PICKS = {"take_along_axis": _taken, "add_along_axis": _put}
COMPOSITES: dict[str, Callable[[_Builder, int, Any], int]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "vector_norm": _vector_norm,
    "norm_slope": _norm_slope,
    "std": _std,
    "tril": lambda b, x, params: _triangle(b, x, params, "less_equal"),
    "triu": lambda b, x, params: _triangle(b, x, params, "greater_equal"),
}
