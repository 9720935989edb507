"""Products that are added to something: C + alpha A B, which BLAS does in one pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivant.compiler.ir import BITS
from derivant.compiler.program import Instruction, Program

PRODUCTS = ("matmul", "einsum")


@dataclass(frozen=True, slots=True)
class ProductSum:
    """base + factor * scale * product, `scale` a number that is computed or given at the call.

    `parts` are the product's instruction and those that scaled it.
    """

    base: int
    factor: float
    scale: int | None
    parts: tuple[Instruction, ...]


def found_sums(program: Program, users: Mapping[int, int]) -> dict[int, ProductSum]:
    """The sums of a program by the value that they make; their parts are used nowhere else."""
    scaled = _Scaled(program, users)
    found: dict[int, ProductSum] = {}
    taken: set[int] = set()
    for step in program.instructions:
        if step.row.name not in ("add", "subtract"):
            continue
        x, y = step.inputs
        sign = -1.0 if step.row.name == "subtract" else 1.0
        orders = [(x, y)] if sign < 0 else [(x, y), (y, x)]
        for base, product in orders:
            shapes = {program.values[v].shape for v in (base, product, step.output)}
            kinds = {program.values[v].dtype for v in (base, product, step.output)}
            if len(shapes) > 1 or len(kinds) > 1 or base == product:
                continue
            total = scaled.sum(base, product, sign)
            if total is not None and not taken & {s.output for s in total.parts}:
                found[step.output] = total
                taken |= {s.output for s in total.parts}
                break
    return found


class _Scaled:
    """Finds products, and numbers times products, that nothing else uses."""

    def __init__(self, program: Program, users: Mapping[int, int]) -> None:
        self._program, self._users = program, users
        self._makers = {step.output: step for step in program.instructions}
        self._constants: dict[int, Any] = dict(program.constants)

    def sum(self, base: int, place: int, factor: float) -> ProductSum | None:
        """A value added to the base: known numbers are the factor, another one is the scale."""
        parts: list[Instruction] = []
        scale: int | None = None
        while (step := self._makers.get(place)) is not None and self._users.get(place) == 1:
            parts.append(step)
            if step.row.name in PRODUCTS:
                usual = math.isfinite(factor) and factor != 0
                return ProductSum(base, factor, scale, tuple(reversed(parts))) if usual else None
            number = self._number(step)
            if number is None:
                return None
            known = self._known(number)
            if known is not None:
                factor *= known
            elif scale is None:
                scale = number
            else:
                return None
            left, right = step.inputs
            place = right if number == left else left
        return None

    def _number(self, step: Instruction) -> int | None:
        """The operand of a multiplication that is one number."""
        if step.row.name != "multiply":
            return None
        for number, other in (step.inputs, step.inputs[::-1]):
            value = self._program.values[number]
            single = isinstance(value.dtype, np.dtype) and value.shape == ()
            if single and value.dtype.name in (*BITS, "int64") and number != other:
                return number if value.dtype.name in BITS or number in self._constants else None
        return None

    def _known(self, number: int) -> float | None:
        """The value of a number that is there at the trace."""
        return float(self._constants[number]) if number in self._constants else None
