"""Where the operands of a product come from: whether it is X' diag(w) X, or X I.

Read off the instructions; what kernels make of it is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from derivant.compiler.products import Product, letters_of, steps_of
from derivant.compiler.program import Instruction, Program, Value
from derivant.compiler.views import View

WEIGHED = ("scale", "strong", "multiply")
Padded = Callable[[int, Instruction], View]


class Origins:
    """What values of a program are another value times weights, and what products change none."""

    def __init__(self, program: Program, views: Mapping[int, View], padded: Padded) -> None:
        self._values: tuple[Value, ...] = program.values
        self._makers = {step.output: step for step in program.instructions}
        self._constants = dict(program.constants)
        self._views, self._padded = views, padded
        self._same: dict[int, View] = {}  # products with I: the other operand as they show it

    def formed(self, step: Instruction, product: Product) -> Product:
        """The product with its form, where it has one."""
        if product.kind != "gemm" or product.stack != 1:
            return product
        left, right = (self._views[x] for x in step.inputs)
        names = letters_of(step, left.shape, right.shape)
        assert names is not None
        sides = ((names[0], left), (names[1], right))
        for (unit, e), (other, x) in (sides, sides[::-1]):
            same = self._unit(unit, e, other, x, names[2], self._values[step.output])
            if same is not None:
                self._same[step.output] = same
                return replace(product, form="unit0" if product.first is e else "unit1")
        for place in (0, 1):
            if self._is_square(step.inputs[place], sides[place], sides[1 - place], names[2]):
                return replace(product, form="square")
        return product

    def _unit(self, unit: str, e: View, other: str, x: View, out: str, made: Value) -> View | None:
        """The other operand, its summed letter under the name that I gives it."""
        known = self._constants.get(e.root)
        if known is None or not e.whole:
            return None
        letters = [c for c, size in zip(unit, e.shape, strict=True) if size != 1]
        sizes = [size for size in e.shape if size != 1]
        inner, kept = ([c for c in letters if (c in out) == side] for side in (False, True))
        if len(sizes) != 2 or sizes[0] != sizes[1] or len(inner) != 1 or len(kept) != 1:
            return None
        steps = steps_of(other, x.shape, x.strides)
        if inner[0] not in steps or kept[0] in steps:
            return None
        if not np.array_equal(np.reshape(known, sizes), np.eye(sizes[0])):
            return None
        strides = (steps.get(inner[0] if c == kept[0] else c, 0) for c in out)
        return View(x.root, x.itemsize, made.shape, tuple(strides), x.offset)

    def _is_square(
        self, value: int, weighed: tuple[str, View], plain: tuple[str, View], out: str
    ) -> bool:
        """Whether one operand is the other one times weights along the letter that is summed."""
        (names, view), (others, x) = weighed, plain
        own, theirs = (
            steps_of(names, view.shape, view.strides),
            steps_of(others, x.shape, x.strides),
        )
        rows, columns = ([c for c in s if c in out] for s in (own, theirs))
        inner = [c for c in own if c not in out]
        if len(rows) != 1 or len(columns) != 1 or len(inner) != 1 or len(theirs) != 2:
            return False
        base = self._base(value, names.index(rows[0]))
        steps = steps_of(names, base.shape, base.strides)
        same = base.root == x.root and base.offset == x.offset
        return same and all(
            steps.get(c) == theirs[d] for c, d in ((rows[0], columns[0]), (inner[0], inner[0]))
        )

    def _base(self, value: int, axis: int) -> View:
        """What a value is, but for weights that are the same along an axis, axis by axis."""
        order = list(range(len(self._values[value].shape)))  # its axes among those of the base
        while value not in self._same and value in self._makers:
            step = self._makers[value]
            if step.row.name == "permute_dims":
                moved = _moved_axes(step, len(order))
                order = [moved[k] for k in order]
                (value,) = step.inputs
                continue
            inner = self._weighed(step, order[axis])
            if inner is None:
                break
            value = inner
        base = self._same.get(value, self._views[value])
        shape, strides = ([part[k] for k in order] for part in (base.shape, base.strides))
        return replace(base, shape=tuple(shape), strides=tuple(strides))

    def _weighed(self, step: Instruction, axis: int) -> int | None:
        """The operand that the others are weights of; None where there is no such operand."""
        if step.row.name == "negative":
            return step.inputs[0]
        if step.row.name not in WEIGHED:
            return None
        own = self._values[step.output]
        for value, weights in (step.inputs, step.inputs[::-1]):
            alike = (
                self._values[value].shape == own.shape and self._values[value].dtype == own.dtype
            )
            if alike and self._padded(weights, step).strides[axis] == 0:
                return value
        return None


def _moved_axes(step: Instruction, rank: int) -> list[int]:
    """The axis of the operand that each axis of the result is."""
    axes = [k + rank for k in step.params["axes"]]
    return [*range(rank - len(axes)), *axes]
