"""Products that are added to something: C + alpha A B, which BLAS does in one pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from derivant.compiler.program import Instruction, Program

PRODUCTS = ("matmul", "einsum")


@dataclass(frozen=True, slots=True)
class ProductSum:
    """base + factor * product; `parts` are the product's instruction and what scaled it."""

    base: int
    factor: float
    parts: tuple[Instruction, ...]


def found_sums(program: Program, users: Mapping[int, int]) -> dict[int, ProductSum]:
    """The sums of a program by the value that they make; their parts are used nowhere else."""
    makers = {step.output: step for step in program.instructions}
    constants = dict(program.constants)
    found: dict[int, ProductSum] = {}
    taken: set[int] = set()
    for step in program.instructions:
        if step.row.name not in ("add", "subtract"):
            continue
        x, y = step.inputs
        sign = -1.0 if step.row.name == "subtract" else 1.0
        orders = [(x, y, sign)] if sign < 0 else [(x, y, sign), (y, x, sign)]
        for base, product, factor in orders:
            shapes = {program.values[v].shape for v in (base, product, step.output)}
            kinds = {program.values[v].dtype for v in (base, product, step.output)}
            if len(shapes) > 1 or len(kinds) > 1 or base == product:
                continue
            total = _scaled(product, factor, makers, constants, users)
            if total is not None and not taken & {s.output for s in total[1]}:
                found[step.output] = ProductSum(base, *total)
                taken |= {s.output for s in total[1]}
                break
    return found


def _scaled(
    place: int,
    factor: float,
    makers: Mapping[int, Instruction],
    constants: Mapping[int, object],
    users: Mapping[int, int],
) -> tuple[float, tuple[Instruction, ...]] | None:
    """The factor and the instructions of a known number times a product, or of a product."""
    step = makers.get(place)
    if step is None or users.get(place) != 1:
        return None
    if step.row.name in PRODUCTS:
        return factor, (step,)
    if step.row.name != "multiply":
        return None
    for number, product in (step.inputs, step.inputs[::-1]):
        value = np.asarray(constants.get(number, math.nan))
        inner = makers.get(product)
        plain = value.shape == () and math.isfinite(value) and value != 0
        if plain and inner is not None and inner.row.name in PRODUCTS and users[product] == 1:
            return factor * float(value), (inner, step)
    return None
