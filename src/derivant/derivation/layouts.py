"""A claim that is the derivative in another convention: axes in another order, or stacked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from derivant.derivation.factors import Finding, constant, factor_said, ratio
from derivant.derivation.points import Point, Question, close, stacked
from derivant.notation import shown_name

Numbers = npt.NDArray[np.float64]


def in_layout(question: Question, seen: Sequence[Point], scale: bool) -> Finding | None:
    """The claim is the derivative with its axes in another order, or stacked in another way.

    With `scale` a number times that.
    """
    for kind, said_, turn in _layouts(question):
        arranged = [(p, turn(p.full)) for p in seen]
        pairs = [(p, new) for p, new in arranged if new is not None]
        if len(pairs) < len(seen):
            continue
        if not scale:
            if all(p.claim is not None and close(p, p.claim, new) for p, new in pairs):
                return Finding(kind, said_)
            continue
        ratios = [ratio(p.claim, new) for p, new in pairs if not p.empty]
        numbers = [r for r in ratios if r is not None]
        number = constant(numbers) if numbers and len(numbers) == len(ratios) else None
        if number is not None:
            return Finding(kind, f"{said_}; there it is {factor_said(number, '').text}")
    return None


Turn = Callable[[Numbers], Numbers | None]


def _layouts(question: Question) -> Iterator[tuple[str, str, Turn]]:
    """Other conventions: how each is said, and what it makes of the full derivative."""
    rank = len(question.value.shape)

    def swapped(full: Numbers) -> Numbers:
        return np.moveaxis(full, range(rank), range(full.ndim - rank, full.ndim))

    def own(full: Numbers) -> Numbers:
        return question.arranged(full)

    def turned(full: Numbers) -> Numbers | None:
        found = own(full)
        return found.T if found.ndim == 2 else None

    def below(order: str, back: bool = False) -> Turn:
        def turn(full: Numbers) -> Numbers | None:
            if full.ndim == 2 and rank == 0:
                return full.ravel(order="F" if order == "F" else "C")
            if full.ndim != 4:
                return None
            found = stacked(full, order)
            return found.T if back else found

        return turn

    if rank and question.order == 1:
        text = "right in the other (denominator) layout; here, shape of the value first"
        yield "layout", text, swapped
    text = "right in the other layout, transposed; here a gradient has the shape of its variable"
    yield "layout", text if not rank else "right when transposed", turned
    text = 'right with columns stacked, as layout="vec" has it'
    yield "layout", text if question.layout == "tensor" else "right", below("F")
    yield "layout", "right with columns stacked, transposed (denominator layout)", below("F", True)
    yield "layout", "right with rows stacked; here columns are stacked", below("C")
    yield "layout", "right with rows stacked, transposed", below("C", True)
    if question.structured != "none" or {*question.variable.params["facts"]}:
        yield from _projections(question)


def _projections(question: Question) -> Iterator[tuple[str, str, Turn]]:
    """The gradients in spaces of structured matrices."""
    name = shown_name(str(question.variable.params["name"]))

    def independent(full: Numbers) -> Numbers | None:
        square = full.ndim == 2 and full.shape[0] == full.shape[1]
        return full + full.T - np.diag(np.diag(full)) if square else None

    def riesz(full: Numbers) -> Numbers | None:
        square = full.ndim == 2 and full.shape[0] == full.shape[1]
        return (full + full.T) / 2 if square else None

    text = f'with {name} symmetric right as structured="{{}}" has it; here the entries of {name} '
    yield "layout", text.format("independent") + "count as free", independent
    yield "layout", text.format("riesz") + "count as free", riesz
    yield "layout", 'right as structured="none" has it', lambda full: full
