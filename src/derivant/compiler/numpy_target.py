"""A program run by NumPy, one row after the other: always there, and what others are tested by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derivant.compiler.program import Instruction, Program
from derivant.primitives.explain import explained

Step = tuple[Callable[..., Any], tuple[int, ...], int, tuple[int, ...]]


class NumpyProgram:
    """Runs a program; a value is let go of after its last use."""

    __slots__ = ("_frame", "_program", "_steps")

    def __init__(self, program: Program) -> None:
        self._program = program
        last = program.last_uses()
        kept = {*program.outputs, *program.inputs, *(k for k, _ in program.constants)}
        self._steps: list[Step] = []
        for k, step in enumerate(program.instructions):
            over = tuple({x for x in step.inputs if last[x] == k and x not in kept})
            run = evaluator(step)
            run = _giving_way(run) if program.values[step.output].weak else run
            self._steps.append((run, step.inputs, step.output, over))
        self._frame: list[Any] = [None] * len(program.values)
        for place, value in program.constants:
            self._frame[place] = value

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs, as the rows give them: some may be views of inputs."""
        frame = self._frame.copy()  # of this call alone, so that threads do not meet
        for place, operand in zip(self._program.inputs, operands, strict=True):
            frame[place] = operand
        for evaluate, inputs, output, over in self._steps:
            frame[output] = evaluate(*[frame[x] for x in inputs])
            for x in over:
                frame[x] = None
        results = [frame[x] for x in self._program.outputs]
        return [r if hasattr(r, "dtype") else np.asarray(r)[()] for r in results]


def _giving_way(run: Callable[..., Any]) -> Callable[..., Any]:
    """The evaluator whose result is a Python number, which takes the dtype of what it meets."""
    return lambda *operands: np.asarray(run(*operands)).item()


def evaluator(step: Instruction) -> Callable[..., Any]:
    """The row's evaluator with its parameters; an error says what did not fit."""
    row, params, lead = step.row, step.params, step.lead
    evaluate = row.evaluate

    def run(*operands: Any) -> Any:
        try:
            if lead:
                return row.batch(row, lead, operands, params)
            return evaluate(*operands, **params)
        except Exception as error:
            raise explained(row, operands, params, error) from error

    return run
