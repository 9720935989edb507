"""A problem with numbers for its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from derivant.carriers.expr import Expr
from derivant.stationary.problem import Problem
from derivant.stationary.program import Program

Numbers = npt.NDArray[np.float64]


class Measured:
    """A problem with data: its cost, gaps and gradients as functions of the unknowns."""

    def __init__(self, problem: Problem, data: Mapping[Expr, Numbers], sizes: Mapping[str, int]):
        self.problem, self.data, self.sizes = problem, dict(data), dict(sizes)
        self._programs: dict[tuple[Expr, ...], Program] = {}

    def __call__(self, expressions: Sequence[Expr], point: Mapping[Expr, Numbers]) -> list[Numbers]:
        """The values of expressions."""
        key = (*expressions, *point)
        with np.errstate(all="ignore"):
            if key not in self._programs:
                self._programs[key] = Program(expressions, self.data, self.sizes, list(point))
            return self._programs[key](point)

    def cost(self, point: Mapping[Expr, Numbers]) -> float:
        """What is minimised."""
        return float(self([self.problem.cost], point)[0])
