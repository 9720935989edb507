"""What a text comes to before its shapes are known: a list of operations, and its names.

Shared by what makes such a list and what reads one. Knows not what an operation means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from derivant.base.dims import Dim, Shape
from derivant.base.errors import ArgumentError, DerivantError
from derivant.notation.grammar import Node
from derivant.notation.kinds import Rule
from derivant.notation.lexer import Refusal, pointed, printable

Static: TypeAlias = int | float | Dim
Span: TypeAlias = tuple[int, int]
POWERS = ("^", "**", ".^")
EXCERPT = 40  # characters


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

    def excerpt(self, span: Span) -> str:
        """A piece of the text in one line, its middle left out where it is long."""
        text = printable(self.text[span[0] : span[1]])
        return text if len(text) <= EXCERPT else text[:18] + "..." + text[-18:]


class Maker:
    """Makes the items of the nodes of a text; `place` says which item a node became."""

    __slots__ = ("nodes", "place", "program")

    def __init__(self, program: Program, nodes: list[Node]) -> None:
        self.program = program
        self.nodes = nodes
        self.place: dict[int, int] = {}  # -1 for a text in quotes

    def add(self, item: Item) -> int:
        """The place of a new item."""
        self.program.items.append(item)
        return len(self.program.items) - 1

    def rule(self, family: str, count: int, flavour: object = None) -> Rule:
        """The rule of a family in the notation of the text."""
        return Rule(family, self.program.numpy, count, flavour)

    def made(self, node: Node, span: Span, rule: Rule, fixed: object = None) -> int:
        """The item of an operator or function on the items of its arguments."""
        args = tuple(self.place[a] for a in node.args)
        spans = tuple((self.nodes[a].start, self.nodes[a].end) for a in node.args)
        return self.add(Item(node.op, rule, args, span, spans, fixed, at=node.at))

    def static(self, place: int) -> Static | None:
        """The number or size that a node is, None where it is neither."""
        index = self.place[place]
        return self.program.items[index].static if index >= 0 else None
