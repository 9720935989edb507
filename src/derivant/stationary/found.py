"""What a pattern hands over: the unknowns in closed form, the multipliers, and how it got there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from derivant.carriers.expr import Expr
from derivant.stationary.conditions import Condition

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A stationary point. `sure` is what proves it the minimum, empty where nothing does.

    `lines` writes the steps when they are asked for; `least` is the cost there where a pattern
    knows it in fewer terms than the cost itself gives.
    """

    values: Mapping[Expr, Expr]
    pattern: str
    needs: tuple[Condition, ...] = ()
    multipliers: Mapping[str, Expr] = field(default_factory=dict)
    sure: str = ""
    lines: Callable[[], Lines] = tuple
    unique: str = ""  # "" where it is the only one, else up to what: "sign", "scale", "rotation"
    least: Expr | None = None
