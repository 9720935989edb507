"""Loops and branches met in a trace: their bodies run once, and become nodes that hold graphs.

It knows trees and kinds; how loops are run and differentiated is the business of their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError, DTypeError, ShapeError
from derivant.base.names import user_line
from derivant.base.types import shape_of
from derivant.carriers.expr import Expr, as_expr
from derivant.carriers.mode import serial
from derivant.compiler.bodies import (
    Kind,
    Tree,
    closed,
    described,
    kind_of,
    strong,
    substituted,
    variable,
    young,
)
from derivant.compiler.cond_row import alike, branched
from derivant.compiler.scan_row import Scan, scanned
from derivant.compiler.while_row import While, repeated
from derivant.ops.indexing import index
from derivant.ops.joining import concatenate, stack
from derivant.ops.layout import broadcast_to
from derivant.primitives import RECORD

MOST_UNROLLED = 4  # first steps of a loop, until what it carries has found its kind


class Tracing:
    """What a trace does with loops and branches; see `carriers/staging`."""

    def scan(
        self, f: Callable[..., Any], init: Any, xs: Any, length: int, reverse: bool
    ) -> tuple[Any, Any]:
        """A loop over leading axes."""
        return _looped(f, Tree(init), _Rows(Tree(xs)), length, reverse)

    def fori_loop(self, lower: Any, upper: Any, body: Callable[..., Any], init: Any) -> Any:
        """A loop over whole numbers; with bounds that are not known, one without reverse mode."""
        bounds = [as_expr(x) for x in (lower, upper)]
        if any(x.dtype.kind not in "iu" or x.shape for x in bounds):
            raise DTypeError("fori_loop: lower and upper are whole numbers")
        if any(isinstance(x, Expr) for x in (lower, upper)):
            return self._between(lower, upper, body, init)
        count = max(int(upper) - int(lower), 0)

        def step(carry: Any, i: Any) -> tuple[Any, None]:
            return body(i, carry), None

        return _looped(step, Tree(init), _Counter(int(lower)), count, False)[0]

    def _between(self, lower: Any, upper: Any, body: Callable[..., Any], init: Any) -> Any:
        found: Any = self.while_loop(
            lambda state: state[0] < upper,
            lambda state: (state[0] + 1, body(state[0], state[1])),
            (lower, init),
        )
        return found[1]

    def while_loop(self, condition: Callable[..., Any], body: Callable[..., Any], init: Any) -> Any:
        """A loop whose length the numbers decide; what it carries has one kind from the start."""
        carry = Tree(init)
        for _ in range(MOST_UNROLLED):
            start = serial()
            variables = [variable(kind_of(x), f"v{k}") for k, x in enumerate(carry.numbers)]
            after = carry.matching(body(carry.with_numbers(variables)), "while_loop")
            kinds = [
                _joined("while_loop", kind_of(a), kind_of(b))
                for a, b in zip(carry.numbers, after.numbers, strict=True)
            ]
            if kinds == list(map(kind_of, carry.numbers)):
                break
            numbers = [_brought(x, kind) for x, kind in zip(carry.numbers, kinds, strict=True)]
            carry = Tree(carry.with_numbers(numbers))
        else:
            raise _unsettled("while_loop", carry.numbers, after.numbers)
        test = as_expr(_truth("while_loop", condition(carry.with_numbers(variables))))
        results = [_brought(x, k) for x, k in zip(after.numbers, kinds, strict=True)]
        graphs, operands = closed([(variables, [test]), (variables, results)], start, False)
        loop = While(graphs[0], graphs[1], len(operands), user_line())
        return carry.with_numbers(repeated(loop, [*operands, *carry.numbers]) if results else [])

    def cond(
        self, predicate: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any]
    ) -> Any:
        """A branch that the numbers decide; the sides give one tree, of the same kinds."""
        test = _truth("cond", predicate)
        start = serial()
        yes = Tree(true_fun())
        no = yes.matching(false_fun(), "cond: the branches")
        pairs = list(zip(yes.numbers, no.numbers, strict=True))
        if not pairs:
            return yes.with_numbers([])
        kinds = [_joined("cond", kind_of(a), kind_of(b)) for a, b in pairs]
        sides = [[_brought(x, k) for x, k in zip(side.numbers, kinds, strict=True)]
                 for side in (yes, no)]  # fmt: skip
        graphs, operands = closed([((), side) for side in sides], start, False)
        return yes.with_numbers(branched(alike(*graphs), [test, *operands]))


class _Rows:
    """Arrays that a loop goes over along their leading axes."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.kinds: list[Kind] = [(tuple(x.shape[1:]), x.dtype, False) for x in tree.numbers]

    def filled(self, numbers: Sequence[Any]) -> Any:
        """What the body gets in one step."""
        return self.tree.with_numbers(numbers)

    def at(self, place: int) -> list[Any]:
        """The numbers of one step."""
        return [index(x, place) for x in self.tree.numbers]

    def between(self, first: int, last: int) -> list[Any]:
        """The arrays of some steps."""
        return [
            x if last - first == x.shape[0] else index(x, slice(first, last))
            for x in self.tree.numbers
        ]


class _Counter:
    """Whole numbers from `first` on, each as a Python number."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.kinds: list[Kind] = [((), np.dtype(np.int64), True)]

    def filled(self, numbers: Sequence[Any]) -> Any:
        """What the body gets in one step."""
        return numbers[0]

    def at(self, place: int) -> list[Any]:
        """The number of one step."""
        return [self.first + place]

    def between(self, first: int, last: int) -> list[Any]:
        """The numbers of some steps."""
        return [np.arange(self.first + first, self.first + last)]


class _Step:
    """The body of a loop, run once on variables of the kinds that the carry has now."""

    def __init__(self, f: Callable[..., Any], carry: Tree, rows: _Rows | _Counter) -> None:
        self.start = serial()
        self.into = [variable(kind_of(x), f"v{k}") for k, x in enumerate(carry.numbers)]
        self.rows = [variable(kind, f"x{k}") for k, kind in enumerate(rows.kinds)]
        result = f(carry.with_numbers(self.into), rows.filled(self.rows))
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError("scan: the function returns a pair (carry, y)")
        self.carry = carry.matching(result[0], "scan: the carry before and after a step")
        self.y = Tree(result[1])
        before, after = (list(map(kind_of, tree.numbers)) for tree in (carry, self.carry))
        self.settled = before == after
        self.widens = not self.settled and self._widens(before, after)

    def _widens(self, before: Sequence[Kind], after: Sequence[Kind]) -> bool:
        """Whether the carry may be doubles from the start: where Python's floats become doubles,
        and no other floats are near, the numbers are the same."""
        changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
        double = np.dtype(np.float64)
        if not all(a == ((), double, True) and b == ((), double, False) for a, b in changed):
            return False
        kinds = [kind for node in young(self.outputs, self.start) for kind in _kinds(node)]
        return all(kind.kind != "f" or kind == double for kind in kinds)

    @property
    def outputs(self) -> list[Expr]:
        """The carry, then y."""
        return [*self.carry.numbers, *self.y.numbers]

    def inline(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The carry and the y of one step on these operands."""
        changes = {
            id(v): as_expr(x) for v, x in zip((*self.into, *self.rows), operands, strict=True)
        }
        made = substituted(self.outputs, changes, young(self.outputs, self.start))
        return made[: len(self.into)], made[len(self.into) :]

    def loop(self, operands: Sequence[Any], length: int, reverse: bool) -> list[Any]:
        """The last carry and the stacked y of so many steps."""
        body = ((*self.into, *self.rows), self.outputs)
        (graph,), around = closed([body], self.start, True)
        given = [*around, *operands]
        if not given:  # nothing changes from step to step
            return [broadcast_to(y, (length, *y.shape)) for y in self.y.numbers]
        return scanned(Scan(graph, len(around), len(self.into), length, reverse), given)


def _kinds(node: Expr) -> list[Any]:
    """The dtypes of a node and its operands."""
    return [
        kind
        for x in (node, *node.inputs)
        for kind in (x.dtype if isinstance(x.dtype, tuple) else (x.dtype,))
    ]


def _looped(
    f: Callable[..., Any], carry: Tree, rows: _Rows | _Counter, length: int, reverse: bool
) -> tuple[Any, Any]:
    """A loop: its first steps in line, as long as they change the kind of the carry."""
    first: list[list[Any]] = []  # the y of those steps
    while True:
        step = _Step(f, carry, rows)
        done = len(first)
        if step.settled or done == length:
            break
        if step.widens:
            pairs = zip(carry.numbers, step.carry.numbers, strict=True)
            carry = Tree(carry.with_numbers([a if b.weak else strong(a) for a, b in pairs]))
            continue
        if done == MOST_UNROLLED:
            raise _unsettled("scan", carry.numbers, step.carry.numbers)
        operands = [*carry.numbers, *rows.at(length - 1 - done if reverse else done)]
        after, y = step.inline(operands)
        first.append(y)
        carry = Tree(step.carry.with_numbers(after))
    ys: list[Any] = []
    if done < length and step.outputs:
        ends = (0, length - done) if reverse else (done, length)
        found = step.loop([*carry.numbers, *rows.between(*ends)], length - done, reverse)
        carry = Tree(carry.with_numbers(found[: len(step.into)]))
        ys = found[len(step.into) :]
    joined = [
        _stacked([y[k] for y in first], ys[k] if ys else None, kind_of(like), reverse)
        for k, like in enumerate(step.y.numbers)
    ]
    return carry.with_numbers(carry.numbers), step.y.with_numbers(joined)


def _stacked(first: Sequence[Any], rest: Any, kind: Kind, reverse: bool) -> Any:
    """The y of the first steps and those of the others as one array, in the order of the x."""
    shape, dtype, _ = kind
    if not first:
        return np.zeros((0, *shape), dtype) if rest is None else rest
    if rest is None:
        return stack(list(reversed(first)) if reverse else list(first))
    known: Any = stack([*first, variable(kind, "y")])
    parts = [RECORD.astype(stack([y]), dtype=known.dtype) for y in first]
    rest = RECORD.astype(rest, dtype=known.dtype)
    return concatenate([rest, *reversed(parts)] if reverse else [*parts, rest])


def _truth(name: str, value: Any) -> Expr:
    """One number that is 0 or not, as True and False have it."""
    test: Any = as_expr(value)
    if any(size != 1 for size in test.shape):
        raise ShapeError(f"{name}: the condition is one number; it has shape {shape_of(test)}")
    if test.shape:
        test = RECORD.reshape(test, shape=())
    truth: Expr = test if test.dtype.kind == "b" else RECORD.not_equal(test, 0)
    return truth


def _joined(name: str, a: Kind, b: Kind) -> Kind:
    """The kind that stands for both: the same, but that Python numbers give way."""
    (shape, left, first), (other, right, second) = a, b
    types = [_PYTHON[k.kind] if weak else k for k, weak in ((left, first), (right, second))]
    dtype = np.result_type(*(t(0) if isinstance(t, type) else t for t in types))
    fits = all(weak or kind == dtype for _, kind, weak in (a, b))
    if shape != other or not fits:
        raise (ShapeError if shape != other else DTypeError)(
            f"{name}: {described(a)} in one place is {described(b)} in the other; in a compiled "
            "function the kind stays the same: bring both to one shape and dtype"
        )
    return shape, dtype, first and second


_PYTHON: dict[str, type] = {"b": bool, "i": int, "u": int, "f": float}


def _brought(x: Expr, kind: Kind) -> Expr:
    """A number in the kind that it was joined to."""
    _, dtype, weak = kind
    if x.weak and not weak:
        return strong(x, dtype)
    if x.dtype != dtype:
        made: Expr = RECORD.multiply(x, _PYTHON[dtype.kind](1))
        return made
    return x


def _unsettled(name: str, before: Sequence[Expr], after: Sequence[Expr]) -> ShapeError:
    pairs = [(kind_of(a), kind_of(b)) for a, b in zip(before, after, strict=True)]
    changed = "; ".join(f"{described(a)} becomes {described(b)}" for a, b in pairs if a != b)
    return ShapeError(
        f"{name}: what is carried changes its kind at every step ({changed}); in a compiled "
        "function it keeps one shape and dtype"
    )
