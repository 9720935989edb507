"""From the syntax tree to a list of operations: names looked up, calls matched, numbers folded.

What a name means is settled here: assigned before, a dimension, a constant, or a variable. Shapes
come later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeAlias

from derivant.base.dims import Dim, Shape, Size
from derivant.base.errors import ArgumentError, DerivantError
from derivant.notation.grammar import Grammar, Node
from derivant.notation.kinds import ARRAY, MATRIX, NUMBER, VECTOR, Rule
from derivant.notation.lexer import Refusal, pointed
from derivant.notation.vocabulary import ALIASES, FUNCTIONS, SIZE_COUNTS, Function, canonical_name
from derivant.primitives.einsum import read_pattern

Static: TypeAlias = int | float | Dim
Span: TypeAlias = tuple[int, int]
EXACT = 2**53
TERMS = 16  # of a size that is a polynomial in dimensions
FAMILY = {
    "+": "add", "-": "add", "*": "star", "@": "matmul", "/": "over", ".*": "pair", "./": "pair",
    "soft.*": "pair", "soft./": "pair", "^": "power", "**": "raised", ".^": "raised",
    "neg": "same", "transpose": "transpose",
}  # fmt: skip
DIVISIONS = ("/", "./", "soft./")
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


def program_of(text: str, grammar: Grammar, numpy: bool, given: Mapping[str, Shape]) -> Program:
    """The operations of a text that has been read."""
    names = {str(s) for shape in given.values() for s in shape if isinstance(s, Dim)}
    program = Program(text, numpy, given, names | _sizes_in(grammar.nodes))
    _check_dimensions(program, grammar)
    builder = Builder(program, grammar.nodes)
    done = 0
    for statement in grammar.statements:
        builder.build(done, statement.value + 1)
        done = statement.value + 1
        program.value = builder.place[statement.value]
        if program.value < 0:
            span = (statement.start, statement.end)
            raise program.fail(span, "a text in quotes is only for einsum", "remove it")
        if statement.name is not None:
            _assign(program, canonical_name(statement.name), (statement.start, statement.end))
    return program


def _sizes_in(nodes: list[Node]) -> set[str]:
    """The names that stand where a size must: in ones(m, n), eye(n), K(m, n)."""
    stack = [a for n in nodes if n.op == "call" and n.text in SIZE_COUNTS for a in n.args]
    found = set()
    while stack:
        node = nodes[stack.pop()]
        stack += node.args
        if node.op == "name":
            found.add(canonical_name(node.text))
    return found


def _check_dimensions(program: Program, grammar: Grammar) -> None:
    both = sorted(program.dimensions & set(program.given))
    for statement in grammar.statements:
        if statement.name in program.dimensions:
            both.append(statement.name)
    if both:
        place = max(program.text.find(both[0]), 0)
        raise program.fail(
            (place, place + len(both[0])),
            f"{both[0]} is both a dimension and a variable",
            "give one of them another letter",
        )


def _assign(program: Program, name: str, span: Span) -> None:
    if name in program.assigned or name in program.variables:
        before = "given a value" if name in program.assigned else "used"
        raise program.fail(span, f"{name} is {before} before", "take a new name for the new value")
    program.assigned[name] = program.value


class Builder:
    """Makes the items of the nodes in order; `place` says which item a node became."""

    __slots__ = ("_nodes", "_program", "place")

    def __init__(self, program: Program, nodes: list[Node]) -> None:
        self._program = program
        self._nodes = nodes
        self.place: dict[int, int] = {}

    def build(self, start: int, end: int) -> None:
        """The items of the nodes in this range."""
        for index in range(start, end):
            node = self._nodes[index]
            if node.op in ("group", "pos"):
                self.place[index] = self.place[node.args[0]]
            elif node.op == "string":
                self.place[index] = -1
            else:
                self.place[index] = self._item(node)

    def _item(self, node: Node) -> int:
        span = (node.start, node.end)
        if node.op == "number":
            return self._number(span, int(node.text) if node.text.isdigit() else float(node.text))
        if node.op == "name":
            return self._name(canonical_name(node.text), span)
        if any(self.place[a] < 0 for a in node.args if node.op != "call"):
            raise self._program.fail(span, "a text in quotes is only for einsum", "remove it")
        return self._call(node, span) if node.op == "call" else self._operator(node, span)

    def _add(self, item: Item) -> int:
        self._program.items.append(item)
        return len(self._program.items) - 1

    def _number(self, span: Span, value: Static) -> int:
        if isinstance(value, int) and abs(value) > EXACT:
            value = float(value)
        return self._add(Item("number", self._rule("constant", 0, NUMBER), (), span, static=value))

    def _rule(self, family: str, count: int, flavour: object = None) -> Rule:
        return Rule(family, self._program.numpy, count, flavour)

    def _name(self, name: str, span: Span) -> int:
        program = self._program
        if name in program.assigned:
            return program.assigned[name]
        if name in program.dimensions:
            program.numbers.setdefault(name, span)
            return self._number(span, Dim.named(name))
        if name not in program.given and name == "pi":
            return self._number(span, math.pi)
        if name not in program.given and name == "I" and not program.numpy:
            return self._add(Item("identity", self._rule("constant", 0, MATRIX), (), span))
        if name not in program.variables:
            item = Item("variable", self._rule("variable", 0), (), span, fixed=name)
            program.variables[name] = self._add(item)
        return program.variables[name]

    def _operator(self, node: Node, span: Span) -> int:
        items = [self._program.items[self.place[a]] for a in node.args]
        statics = [item.static for item in items]
        right = statics[-1]
        if node.op == "transpose" and node.text == "^T" and self._program.given.get("T") == ():
            hint = "write x' for the transpose, or give the number T another name"
            raise self._program.fail(span, "^T is the transpose, and T is a number here", hint)
        if node.op in DIVISIONS and right == 0:
            raise self._program.fail(span, "a division by zero", "correct the number")
        if node.op == "^" and _is_unit(items[0]) and right in (-1, 1):
            return self.place[node.args[0]]
        folded = self._folded(node.op, statics, span)
        if folded is not None:
            return self._number(span, folded)
        flavour: object = None
        if node.op in ("+", "-", *POWERS):
            flavour = tuple(s is not None for s in statics)
        if node.op == "^":
            flavour = "whole" if _whole(right) is not None else None
        return self._add(self._made(node, span, self._rule(FAMILY[node.op], len(items), flavour)))

    def _made(self, node: Node, span: Span, rule: Rule, fixed: object = None) -> Item:
        args = tuple(self.place[a] for a in node.args)
        spans = tuple((self._nodes[a].start, self._nodes[a].end) for a in node.args)
        return Item(node.op, rule, args, span, spans, fixed, at=node.at)

    def _folded(self, op: str, values: list[Static | None], span: Span) -> Static | None:
        """The number that an operation on numbers is; None where it stays an operation."""
        given = [v for v in values if v is not None]
        if len(given) < len(values) or op in ("transpose", "@"):
            return None
        try:
            value = _computed(op, given)
        except (OverflowError, ZeroDivisionError):
            value = math.inf
        if isinstance(value, complex) or (isinstance(value, (int, float)) and not _fits(value)):
            raise self._program.fail(span, "this is no real number that a float holds")
        return value

    # Calls

    def _call(self, node: Node, span: Span) -> int:
        name = ALIASES.get(node.text, node.text)
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._unknown(node)
        if name in ("max", "min") and len(node.args) == 2:
            name += "imum"
            function = FUNCTIONS[name]
        reader = {"axis": self._with_axis, "whole": self._with_whole, "sizes": self._with_sizes}
        if function.fixed == "pattern":
            return self._with_pattern(node, span, name)
        if function.fixed in reader:
            return reader[function.fixed](node, span, name, function)
        self._count(node, span, function.arrays)
        return self._named(node, span, name, self._rule(function.family, function.arrays))

    def _named(
        self, node: Node, span: Span, name: str, rule: Rule, fixed: object = None, skip: int = 0
    ) -> int:
        """The item of a call, its last `skip` arguments being fixed ones."""
        arrays = node.args[: len(node.args) - skip] if rule.family != "constant" else ()
        for a in arrays:
            if self.place[a] < 0:
                raise self._program.fail(span, f"{name} takes no text in quotes")
        made = Node(name, arrays, *span, at=span[0])
        return self._add(self._made(made, span, rule, fixed))

    def _unknown(self, node: Node) -> DerivantError:
        program, name = self._program, node.text
        span = (node.start, node.start + len(name))
        if canonical_name(name) in {*program.given, *program.variables, *program.assigned}:
            hint = f"write {name}*(...) for a product"
            return program.fail(span, f"{name} is a variable, no function", hint)
        near = get_close_matches(name[:40], [*FUNCTIONS, *ALIASES], 1)
        hint = f"did you mean {near[0]}?" if near else f"for a product write {name[:40]}*(...)"
        return program.fail(span, f"there is no function {name}", hint)

    def _count(self, node: Node, span: Span, *counts: int) -> None:
        if node.options:
            hint = "leave it out"
            name = node.options[0][0]
            raise self._program.fail(span, f"{node.text} has no option {name}", hint)
        if len(node.args) not in counts:
            wanted = " or ".join(map(str, counts))
            plural = "" if counts == (1,) else "s"
            message = f"{node.text} takes {wanted} argument{plural}, here are {len(node.args)}"
            raise self._program.fail(span, message)

    def _fixed(self, node: Node, place: int, what: str) -> Static:
        index = self.place[place]
        value = self._program.items[index].static if index >= 0 else None
        if value is None:
            span = (self._nodes[place].start, self._nodes[place].end)
            raise self._program.fail(span, f"{what} of {node.text} must be known here")
        return value

    def _with_axis(self, node: Node, span: Span, name: str, function: Function) -> int:
        options = dict(node.options)
        named = "axis" in options
        extra = [options.pop("axis")] if named else list(node.args[1:])
        skip = 0 if named else len(extra)
        plain = Node("call", node.args, *span, node.text, tuple(options.items()))
        self._count(plain, span, *((1,) if named else (1, 2)))
        if not extra:
            along = function.family in ("along", "soft")
            rule = self._rule(function.family, 1, -1 if along else None)
            return self._named(node, span, name, rule)
        axis = self._fixed(node, extra[0], "the axis")
        if not isinstance(axis, int):
            raise self._program.fail(span, f"the axis of {name} is a whole number, not {axis}")
        family = "along" if function.family == "total" else function.family
        return self._named(node, span, name, self._rule(family, 1, axis), axis, skip)

    def _with_whole(self, node: Node, span: Span, name: str, function: Function) -> int:
        self._count(node, span, 2)
        power = _whole(self._fixed(node, node.args[1], "the power"))
        if power is None:
            raise self._program.fail(span, f"the power of {name} is a whole number up to 64")
        return self._named(node, span, name, self._rule(function.family, 1), power, 1)

    def _with_sizes(self, node: Node, span: Span, name: str, function: Function) -> int:
        self._count(node, span, *SIZE_COUNTS[name])
        sizes: list[Size] = []
        for place in node.args:
            size = self._fixed(node, place, "the size")
            if isinstance(size, float) or (isinstance(size, int) and not 0 <= size <= 10**6):
                raise self._program.fail(span, f"a size is a whole number from 0, not {size}")
            sizes.append(size)
        kind = VECTOR if len(sizes) == 1 and name != "eye" else MATRIX
        return self._named(node, span, name, self._rule("constant", 0, kind), tuple(sizes))

    def _with_pattern(self, node: Node, span: Span, name: str) -> int:
        first = self._nodes[node.args[0]] if node.args else None
        if first is None or first.op != "string" or node.options:
            hint = "write einsum('ij,j->i', A, x)"
            raise self._program.fail(span, "einsum needs a pattern in quotes first", hint)
        pattern = first.text.replace(" ", "")
        parts = pattern.partition("->")[0].split(",")
        if "." in pattern or len(parts) != len(node.args) - 1 or len(pattern) > 80:
            message = (
                f"the pattern {pattern!r} does not name the axes of {len(node.args) - 1} arrays"
            )
            raise self._program.fail((first.start, first.end), message)
        try:
            _, out = read_pattern(pattern, tuple(map(len, parts)))
        except DerivantError as error:
            raise self._program.fail((first.start, first.end), str(error)) from None
        ranks = (NUMBER, VECTOR, MATRIX)
        kinds = [ranks[len(p)] if len(p) < 3 else ARRAY for p in (*parts, out)]
        for a, part in zip(node.args[1:], parts, strict=True):
            self._note_rank(a, len(part))
        rule = self._rule("einsum", len(parts), (tuple(kinds[:-1]), kinds[-1]))
        made = Node(name, node.args[1:], *span, at=span[0])
        if any(self.place[a] < 0 for a in made.args):
            raise self._program.fail(span, "einsum has one pattern only")
        return self._add(self._made(made, span, rule, ",".join(parts) + "->" + out))

    def _note_rank(self, place: int, rank: int) -> None:
        """Remember that a variable has more than two axes."""
        item = self._program.items[self.place[place]] if self.place[place] >= 0 else None
        if item is not None and item.op == "variable" and rank > 2:
            name = str(item.fixed)
            if name not in self._program.given:
                self._program.ranks.setdefault(name, rank)


def _is_unit(item: Item) -> bool:
    return item.op == "identity"


def _whole(value: Static | None) -> int | None:
    """A power of matrices: a whole number of moderate size."""
    if isinstance(value, Dim) or value is None or abs(value) > 64 or value != int(value):
        return None
    return int(value)


def _fits(value: float) -> bool:
    return abs(value) <= 1e300


def _computed(op: str, values: list[Static]) -> Static | complex | None:
    """Arithmetic on numbers and sizes."""
    if op == "neg":
        return -1 * values[0]
    sized = any(isinstance(v, Dim) for v in values)
    if sized and (
        any(isinstance(v, float) for v in values) or op not in ("+", "-", "*", ".*", "soft.*")
    ):
        return None
    a, b = values
    if op in ("+", "-", "*", ".*", "soft.*"):
        return _combined(op, a, b)
    assert not isinstance(a, Dim) and not isinstance(b, Dim)
    exact = isinstance(a, int) and isinstance(b, int)
    if op in DIVISIONS:
        return a // b if exact and a % b == 0 else a / b
    if op in POWERS:
        found: float | complex = float(a) ** float(b)
        if not isinstance(found, complex) and exact and b >= 0 and abs(found) < EXACT:
            return int(a**b)
        return found
    return None


def _combined(op: str, a: Any, b: Any) -> Static | None:
    """A sum, difference or product; None for a size that grows too long."""
    result: Static = a + b if op == "+" else a - b if op == "-" else a * b
    return result if not isinstance(result, Dim) or len(result.terms) <= TERMS else None
