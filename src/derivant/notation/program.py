"""From the syntax tree to a list of operations: names looked up, calls matched, numbers folded.

What a name means is settled here: assigned before, a dimension, a constant, or a variable. Shapes
come later.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from derivant.base.dims import Dim, Shape
from derivant.notation.calls import Calls, whole
from derivant.notation.grammar import COMPARED, Grammar, Node
from derivant.notation.index_keys import Slice, read_key, read_numbers
from derivant.notation.items import POWERS, Item, Maker, Program, Span, Static
from derivant.notation.kinds import MATRIX, NUMBER, VECTOR
from derivant.notation.spelling import canonical_name
from derivant.notation.vocabulary import ALIASES, CONSTANTS, FUNCTIONS

EXACT = 2**53
TERMS = 16  # of a size that is a polynomial in dimensions
DEGREE = 8  # of each of them
FAMILY = {
    "+": "add", "-": "add", "*": "star", "@": "matmul", "/": "over", ".*": "pair", "./": "pair",
    "soft.*": "pair", "soft./": "pair", "^": "power", "**": "raised", ".^": "raised",
    "neg": "same", "transpose": "transpose", **dict.fromkeys(COMPARED, "add"),
}  # fmt: skip
LOGIC = ("logical_and", "logical_or", "logical_not")
DIVISIONS = ("/", "./", "soft./")
PRODUCTS = ("*", ".*", "soft.*")
RING = ("+", "-", "*", ".*", "soft.*")


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
        if statement.name is None and program.items[program.value].op in COMPARED:
            hint = "write where(x > y, a, b) or step(x - y)"
            raise program.fail(program.items[program.value].span, "a formula is no condition", hint)
        if statement.name is not None:
            _assign(program, canonical_name(statement.name), (statement.start, statement.end))
    return program


def _sizes_in(nodes: list[Node]) -> set[str]:
    """The names that stand where a size must: in ones(m, n), eye(n), K(m, n)."""
    stack: list[int] = []
    for node in nodes:
        function = FUNCTIONS.get(ALIASES.get(node.text, node.text)) if node.op == "call" else None
        if function is not None and function.sizes:
            stack += node.args[function.arrays :]
    found = set()
    while stack:
        node = nodes[stack.pop()]
        stack += node.args
        if node.op == "name":
            found.add(canonical_name(node.text))
    return found


def _check_dimensions(program: Program, grammar: Grammar) -> None:
    """Refuse a letter that is a dimension and a variable, where the text first has it."""
    named = [s for s in grammar.statements if s.name is not None]
    places = {canonical_name(s.name or ""): (s.start, s.start + len(s.name or "")) for s in named}
    both = sorted(program.dimensions & {*program.given, *places})
    if not both:
        return
    for node in grammar.nodes:
        if node.op == "name":
            places.setdefault(canonical_name(node.text), (node.start, node.end))
    raise program.fail(
        places.get(both[0], (0, 1)),
        f"{both[0]} is both a dimension and a variable",
        "give one of them another letter",
    )


def _assign(program: Program, name: str, span: Span) -> None:
    if name in program.assigned or name in program.variables:
        before = "given a value" if name in program.assigned else "used"
        raise program.fail(span, f"{name} is {before} before", "take a new name for the new value")
    program.assigned[name] = program.value


class Builder(Maker):
    """Makes the items of the nodes in order."""

    __slots__ = ("_calls",)

    def __init__(self, program: Program, nodes: list[Node]) -> None:
        super().__init__(program, nodes)
        self._calls = Calls(self)

    def build(self, start: int, end: int) -> None:
        """The items of the nodes in this range."""
        for index in range(start, end):
            node = self.nodes[index]
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
        if node.op == "index" and not node.args:
            return self._array(node, span)
        if node.op == "constant":
            return self._constant(node.text, span)
        if node.op == "name":
            return self._name(canonical_name(node.text), span)
        if node.op == "call":
            operator = self._calls.operator(node, span)
            if operator is None:
                return self._calls.read(node, span)
            return self._operator(operator, span)
        if any(self.place[a] < 0 for a in node.args):
            raise self.program.fail(span, "a text in quotes is only for einsum", "remove it")
        if node.op == "&":
            return self._both(node, span)
        return self._index(node, span) if node.op == "index" else self._operator(node, span)

    def _both(self, node: Node, span: Span) -> int:
        """Two conditions that must hold."""
        for a in node.args:
            item = self.program.items[self.place[a]]
            if item.op not in (*COMPARED, *LOGIC):
                hint = "write (x > 0) & (x < 1)"
                raise self.program.fail(item.span, "& joins conditions in parentheses", hint)
        return self._calls.read(replace(node, op="call", text="logical_and"), span)

    def _index(self, node: Node, span: Span) -> int:
        """Entries at places that are known here."""
        program = self.program
        key = read_key(node.text, lambda name: canonical_name(name) in program.dimensions)
        if key is None:
            hint = "write whole numbers, sizes such as n - 1 and slices, as in x[1:] or X[:, 0]"
            message = f"the index {node.text} cannot be read here"
            raise program.fail((node.at, node.end), message, hint)
        if self.program.items[self.place[node.args[0]]].static is not None:
            raise program.fail((node.at, node.end), "an index stands behind an array")
        kinds = tuple(isinstance(item, Slice) for item in key)
        return self.made(node, span, self.rule("index", 1, kinds), key)

    def _array(self, node: Node, span: Span) -> int:
        """A vector of numbers that is written out."""
        values = read_numbers(node.text)
        if values is None:
            hint = "write numbers, as in [1, 2.5], or the array as a variable"
            raise self.program.fail(span, "an array written out cannot be read here", hint)
        rule = self.rule("constant", 0, VECTOR)
        return self.add(Item("array", rule, (), span, fixed=values))

    def _constant(self, name: str, span: Span) -> int:
        """A name behind np. that is not called."""
        if name not in CONSTANTS:
            hint = f"write {name} alone where it is a variable"
            raise self.program.fail(span, f"np.{name} is no number that is known", hint)
        return self._number(span, CONSTANTS[name])

    def _number(self, span: Span, value: Static) -> int:
        if isinstance(value, int) and abs(value) > EXACT:
            value = float(value)
        return self.add(Item("number", self.rule("constant", 0, NUMBER), (), span, static=value))

    def _name(self, name: str, span: Span) -> int:
        program = self.program
        if name in program.assigned:
            return program.assigned[name]
        if name in program.dimensions:
            program.numbers.setdefault(name, span)
            return self._number(span, Dim.named(name))
        if name not in program.given and name == "pi":
            return self._number(span, CONSTANTS[name])
        if name not in program.given and name == "I" and not program.numpy:
            return self.add(Item("identity", self.rule("constant", 0, MATRIX), (), span))
        if name not in program.variables:
            item = Item("variable", self.rule("variable", 0), (), span, fixed=name)
            program.variables[name] = self.add(item)
        return program.variables[name]

    def _operator(self, node: Node, span: Span) -> int:
        items = [self.program.items[self.place[a]] for a in node.args]
        statics = [item.static for item in items]
        right = statics[-1]
        if node.op == "transpose" and node.text == "^T" and self.program.given.get("T") == ():
            hint = "write x' for the transpose, or give the number T another name"
            raise self.program.fail(span, "^T is the transpose, and T is a number here", hint)
        if node.op in DIVISIONS and right == 0:
            raise self.program.fail(span, "a division by zero", "correct the number")
        if node.op == "^" and _is_unit(items[0]) and right in (-1, 1):
            return self.place[node.args[0]]
        folded = self._folded(node.op, statics, span)
        stands = node.op in PRODUCTS and any(map(_is_sum, statics))
        if folded is not None and not stands:
            return self._number(span, folded)
        flavour: object = None
        if node.op in ("+", "-", *POWERS, *COMPARED):
            flavour = tuple(s is not None for s in statics)
        if node.op == "^":
            flavour = "whole" if whole(right) is not None else None
        place = self.made(node, span, self.rule(FAMILY[node.op], len(items), flavour))
        if folded is not None:  # (n - 1) m is a size, and stays a product in the value
            self.program.items[place] = replace(self.program.items[place], static=folded)
        return place

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
            raise self.program.fail(span, "this is no real number that a float holds")
        return value


def _is_sum(value: Static | None) -> bool:
    """Whether a number is a size of several terms."""
    return isinstance(value, Dim) and len(value.terms) > 1


def _is_unit(item: Item) -> bool:
    return item.op == "identity"


def _fits(value: float) -> bool:
    return abs(value) <= 1e300


def _computed(op: str, values: list[Static]) -> Static | complex | None:
    """Arithmetic on numbers and sizes."""
    if op == "neg":
        return -1 * values[0]
    sized = any(isinstance(v, Dim) for v in values)
    if sized and (any(isinstance(v, float) for v in values) or op not in RING):
        return None
    a, b = values
    if op in RING:
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
    return result if not isinstance(result, Dim) or _moderate(result) else None


def _moderate(size: Dim) -> bool:
    small = all(len(names) <= DEGREE and abs(count) < EXACT for names, count in size.terms)
    return small and len(size.terms) <= TERMS
