"""What a text comes to before its shapes are known: a list of operations, and its names.

Shared by all that makes such a list and all that reads one. Knows no grammar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from derivant.base.dims import Dim, Shape
from derivant.base.errors import ArgumentError, DerivantError
from derivant.notation.kinds import Rule
from derivant.notation.lexer import Refusal, pointed

Static: TypeAlias = int | float | Dim
Span: TypeAlias = tuple[int, int]
POWERS = ("^", "**", ".^")


@dataclass(frozen=True, slots=True)
class Item:
    """One operation: a variable, a number, the identity, an operator or a function."""

    op: str
    rule: Rule
    args: tuple[int, ...]
    span: Span
    spans: tuple[Span, ...] = ()
    fixed: object = None
    static: Static | None = None
    at: int = 0


@dataclass(slots=True)
class Program:
    """The operations of a text in order, operands first, and what its names stand for."""

    text: str
    numpy: bool
    given: Mapping[str, Shape]
    dimensions: set[str]
    items: list[Item] = field(default_factory=list)
    variables: dict[str, int] = field(default_factory=dict)
    assigned: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, Span] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)  # of arrays with more than two axes
    value: int = 0

    def fail(
        self, span: Span, message: str, hint: str = "", kind: Refusal = ArgumentError
    ) -> DerivantError:
        """The error that points at a place of the text."""
        return pointed(self.text, span[0], span[1], message, hint, kind)
