"""Calls in a formula: the function looked up, its arguments counted, its fixed one read."""

from __future__ import annotations

from difflib import get_close_matches

from derivant.base.dims import Dim, Size
from derivant.base.errors import DerivantError
from derivant.notation.grammar import Node
from derivant.notation.items import Maker, Span, Static
from derivant.notation.kinds import ARRAY, MATRIX, NUMBER, VECTOR, Rule
from derivant.notation.spelling import canonical_name
from derivant.notation.vocabulary import ALIASES, FUNCTIONS, OPERATORS, Function
from derivant.primitives.einsum import read_pattern

LARGEST_SIZE = 10**6
LONGEST_PATTERN = 80


def whole(value: Static | None) -> int | None:
    """A whole number of moderate size, such as a power of matrices; None for any other."""
    if isinstance(value, Dim) or value is None or abs(value) > 64 or value != int(value):
        return None
    return int(value)


class Calls:
    """Makes the items of calls with what makes all items."""

    __slots__ = ("_maker", "_program")

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._program = maker.program

    def operator(self, node: Node, span: Span) -> Node | None:
        """The operator that a function is another spelling of, None where it is none."""
        found = OPERATORS.get(node.text)
        if found is None or node.text in FUNCTIONS:
            return None
        self._count(node, span, found[1])
        if any(self._maker.place[a] < 0 for a in node.args):
            raise self._program.fail(span, f"{node.text} takes no text in quotes")
        return Node(found[0], node.args, node.start, node.end, at=node.start)

    def read(self, node: Node, span: Span) -> int:
        """The item of a call."""
        name = ALIASES.get(node.text, node.text)
        if name in ("max", "min") and len(node.args) == 2 and not node.prefixed:
            name += "imum"
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._unknown(node)
        readers = {
            "axis": self._with_axis,
            "whole": self._with_number,
            "place": self._with_number,
            "sizes": self._with_sizes,
        }
        if function.fixed == "pattern":
            return self._with_pattern(node, span, name)
        if function.fixed in readers:
            return readers[function.fixed](node, span, name, function)
        self._count(node, span, function.arrays)
        return self._named(node, span, name, self._rule(function.family, function.arrays))

    def _rule(self, family: str, count: int, flavour: object = None) -> Rule:
        return self._maker.rule(family, count, flavour)

    def _named(
        self, node: Node, span: Span, name: str, rule: Rule, fixed: object = None, skip: int = 0
    ) -> int:
        """The item of a call, its last `skip` arguments being fixed ones."""
        arrays = node.args[: len(node.args) - skip] if rule.family != "constant" else ()
        for a in arrays:
            if self._maker.place[a] < 0:
                raise self._program.fail(span, f"{name} takes no text in quotes")
        return self._maker.made(Node(name, arrays, *span, at=span[0]), span, rule, fixed)

    def _unknown(self, node: Node) -> DerivantError:
        program, name = self._program, node.text
        span = (node.start, node.start + len(name))
        if canonical_name(name) in {*program.given, *program.variables, *program.assigned}:
            hint = f"write {name}*(...) for a product"
            return program.fail(span, f"{name} is a variable, no function", hint)
        near = get_close_matches(name[:40], [*FUNCTIONS, *ALIASES, *OPERATORS], 1)
        hint = f"did you mean {near[0]}?" if near else f"for a product write {name[:40]}*(...)"
        return program.fail(span, f"there is no function {name}", hint)

    def _count(self, node: Node, span: Span, *counts: int) -> None:
        if node.options:
            name = node.options[0][0]
            raise self._program.fail(span, f"{node.text} has no option {name}", "leave it out")
        if len(node.args) not in counts:
            wanted = " or ".join(map(str, counts))
            plural = "" if counts == (1,) else "s"
            message = f"{node.text} takes {wanted} argument{plural}, here are {len(node.args)}"
            raise self._program.fail(span, message)

    def _fixed(self, node: Node, place: int, what: str) -> Static:
        value = self._maker.static(place)
        if value is None:
            found = self._maker.nodes[place]
            message = f"{what} of {node.text} must be known here"
            raise self._program.fail((found.start, found.end), message)
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

    def _with_number(self, node: Node, span: Span, name: str, function: Function) -> int:
        """A power, or the place of an eigenvalue, which is the last one where none is given."""
        is_place = function.fixed == "place"
        self._count(node, span, *((1, 2) if is_place else (2,)))
        diagonal = name in ("tril", "triu")
        what, value = "the place" if is_place else "the power", whole(0 if diagonal else -1)
        if len(node.args) == 2:
            value = whole(self._fixed(node, node.args[1], what))
        if value is None:
            raise self._program.fail(span, f"{what} of {name} is a whole number up to 64")
        rule = self._rule(function.family, 1)
        return self._named(node, span, name, rule, value, len(node.args) - 1)

    def _with_sizes(self, node: Node, span: Span, name: str, function: Function) -> int:
        self._count(node, span, *(function.arrays + n for n in function.sizes))
        sizes: list[Size] = []
        for place in node.args[function.arrays :]:
            size = self._fixed(node, place, "the size")
            if isinstance(size, float) or (isinstance(size, int) and not 0 <= size <= LARGEST_SIZE):
                raise self._program.fail(span, f"a size is a whole number from 0, not {size}")
            sizes.append(size)
        if function.arrays:
            rule = self._rule(function.family, function.arrays, len(sizes))
        else:
            kind = VECTOR if len(sizes) == 1 and name != "eye" else MATRIX
            rule = self._rule("constant", 0, kind)
        return self._named(node, span, name, rule, tuple(sizes), len(sizes))

    def _with_pattern(self, node: Node, span: Span, name: str) -> int:
        first = self._maker.nodes[node.args[0]] if node.args else None
        if first is None or first.op != "string" or node.options:
            hint = "write einsum('ij,j->i', A, x)"
            raise self._program.fail(span, "einsum needs a pattern in quotes first", hint)
        place = (first.start, first.end)
        pattern = first.text.replace(" ", "")
        parts = pattern.partition("->")[0].split(",")
        count = len(node.args) - 1
        if "." in pattern or len(parts) != count or len(pattern) > LONGEST_PATTERN:
            message = f"the pattern {pattern!r} does not name the axes of {count} arrays"
            raise self._program.fail(place, message)
        try:
            _, out = read_pattern(pattern, tuple(map(len, parts)))
        except DerivantError as error:
            raise self._program.fail(place, str(error)) from None
        ranks = (NUMBER, VECTOR, MATRIX)
        kinds = [ranks[len(p)] if len(p) < len(ranks) else ARRAY for p in (*parts, out)]
        for a, part in zip(node.args[1:], parts, strict=True):
            self._note_rank(a, len(part))
        if any(self._maker.place[a] < 0 for a in node.args[1:]):
            raise self._program.fail(span, "einsum has one pattern only")
        rule = self._rule("einsum", len(parts), (tuple(kinds[:-1]), kinds[-1]))
        made = Node(name, node.args[1:], *span, at=span[0])
        return self._maker.made(made, span, rule, ",".join(parts) + "->" + out)

    def _note_rank(self, place: int, rank: int) -> None:
        """Remember that a variable has more than two axes."""
        index = self._maker.place[place]
        item = self._program.items[index] if index >= 0 else None
        if item is not None and item.op == "variable" and rank > 2:
            name = str(item.fixed)
            if name not in self._program.given:
                self._program.ranks.setdefault(name, rank)
