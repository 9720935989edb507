"""Mathematics as a tree of parts: what the printers write, free of any one notation.

Vectors are columns where they stand in a `Product`, as on paper; a printer that knows no columns
(NumPy) reads `rank` instead. Numbers are exact. Knows nothing of expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from operator import is_
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a letter that is a size."""

    name: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Number:
    """An exact number, never negative: signs belong to sums."""

    value: Fraction
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Array:
    """A constant array: its entries where they are few, else its shape."""

    text: str
    rank: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function of parts; `fixed` are whole numbers after them: an axis, a power, a place."""

    name: str
    arguments: tuple[Node, ...]
    rank: int
    fixed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Turned:
    """A transpose; of a vector a row."""

    of: Node
    rank: int


@dataclass(frozen=True, slots=True)
class Product:
    """A product of matrices, columns and rows."""

    factors: tuple[Node, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Entrywise:
    """Factors multiplied entry by entry, divided by others entry by entry; all of one shape."""

    factors: tuple[Node, ...]
    below: tuple[Node, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """Numbers times an array, or times nothing, over numbers."""

    numbers: tuple[Node, ...]
    body: Node | None
    below: tuple[Node, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Sum:
    """Parts with their signs; a number beside arrays is added to each entry."""

    terms: tuple[tuple[int, Node], ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Power:
    """A number or each entry of an array to a fixed power, or to a power that is a part."""

    base: Node
    exponent: Fraction | Node
    rank: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a part by its letters."""

    of: Node
    letters: tuple[str, ...]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """The unit tensor by its two letters."""

    letters: tuple[str, str]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Summed:
    """Entries multiplied and summed over letters."""

    letters: tuple[str, ...]
    factors: tuple[Node, ...]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Built:
    """An array given entry by entry, with the letters of its axes; and the same as an einsum."""

    entry: Node
    letters: tuple[str, ...]
    rank: int
    array: Node


@dataclass(frozen=True, slots=True)
class Contraction:
    """An einsum of parts."""

    spec: str
    operands: tuple[Node, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Indexed:
    """Entries of a part at places and slices, each as it is written: `1:`, `0`, `:`."""

    of: Node
    key: tuple[str, ...]
    rank: int


Node: TypeAlias = (
    Name
    | Number
    | Array
    | Call
    | Turned
    | Product
    | Entrywise
    | Scaled
    | Sum
    | Power
    | Entry
    | Delta
    | Summed
    | Built
    | Contraction
    | Indexed
)
NODES = (
    Name, Number, Array, Call, Turned, Product, Entrywise, Scaled, Sum, Power, Entry, Delta,
    Summed, Built, Contraction, Indexed,
)  # fmt: skip
# Where a node may have parts: what is neither a text nor a number.
FIELDS = {
    kind: tuple(f.name for f in fields(kind) if f.type not in ("str", "int", "Fraction"))
    for kind in NODES
}


def fixed_texts(node: Call) -> list[str]:
    """The whole numbers behind the parts of a call; an axis of max and min by its name.

    Without it max(X, 1) would be the larger of each entry and 1.
    """
    named = "axis=" if node.name in ("max", "min") else ""
    return [f"{named}{number}" for number in node.fixed]


def parts(node: Node) -> Iterator[Node]:
    """The parts that a node is made of."""
    for name in FIELDS[node.__class__]:
        stack = [getattr(node, name)]
        while stack:
            value = stack.pop()
            if value.__class__ in FIELDS:
                yield value
            elif value.__class__ is tuple:
                stack.extend(reversed(value))


def all_parts(root: Node) -> Iterator[Node]:
    """All parts of a document, itself first."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(parts(node))


SIGNS = {
    "greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==",
    "not_equal": "!=",
}  # fmt: skip


def comparison(node: Node) -> tuple[Node, str, Node] | None:
    """The sides and the sign of a condition, None for any other part.

    >>> comparison(Call("less", (Name("x"), Name("y")), 0))
    (Name(name='x', rank=0), '<', Name(name='y', rank=0))
    """
    if not isinstance(node, Call) or node.name not in SIGNS or len(node.arguments) != 2:
        return None
    left, right = node.arguments
    return left, SIGNS[node.name], right


def compared(node: Node) -> tuple[Node, str, Node] | None:
    """The condition that a part counts, 1 where it holds and 0 elsewhere: u > 0, x = max(x).

    >>> x, y = Name("x"), Name("y")
    >>> compared(Call("step", (Sum(((1, x), (-1, y)), 0),), 0)) == (x, ">", y)
    True
    """
    match node:
        case Call("step", (Sum(((1, left), (-1, right))),)):
            return left, ">", right
        case Call("step", (left,)):
            return left, ">", Number(Fraction(0))
        case Call("equal", (left, right)):
            return left, "=", right
        case Sum(((1, Number(Fraction(numerator=1, denominator=1))), (-1, Call("step") as rest))):
            found = compared(rest)
            if found is not None and _is_extremum(found[0], found[2], "max"):
                return found[2], "=", found[0]
            if found is not None and _is_extremum(found[2], found[0], "min"):
                return found[0], "=", found[2]
    return None


def _is_extremum(found: Node, of: Node, name: str) -> bool:
    """Whether a part is the largest or smallest entry of another, perhaps along an axis."""
    factors = found.factors if isinstance(found, Product) else (found,)
    return any(isinstance(f, Call) and f.name == name and f.arguments == (of,) for f in factors)


def mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """A document with each part changed, outer ones first.

    >>> x, y = Name("x"), Name("y")
    >>> mapped(Turned(x, 1), lambda part: y if part == x else part) == Turned(y, 1)
    True
    """
    node = change(node)
    values: dict[str, Any] = {}
    for name in FIELDS[node.__class__]:
        value = getattr(node, name)
        found = _mapped_value(value, change)
        if found is not value:
            values[name] = found
    return replace(node, **values) if values else node


def _mapped_value(value: object, change: Callable[[Node], Node]) -> object:
    if isinstance(value, tuple):
        found = tuple(_mapped_value(v, change) for v in value)
        return value if all(map(is_, found, value)) else found
    return mapped(value, change) if isinstance(value, NODES) else value


def with_part(node: Node, old: Node, new: Node) -> Node:
    """A document with one part for another wherever it stands."""
    return mapped(node, lambda part: new if part == old else part)


def size(node: Node) -> int:
    """How much there is to read: names, numbers, signs and functions.

    >>> size(Product((Turned(Name("A", 2), 2), Name("x", 1)), 1))
    4
    """
    return sum(map(_own, all_parts(node)))


def _own(node: Node) -> int:
    """What a node adds to its parts."""
    if isinstance(node, Call):
        return 2 + len(node.fixed)
    if isinstance(node, Product):
        return len(node.factors) - 1
    if isinstance(node, Entrywise):
        return max(0, len(node.factors) - 1) + len(node.below) + (not node.factors) * 2
    if isinstance(node, Scaled):
        above = len(node.numbers) + (node.body is not None)
        return max(0, above - 1) + len(node.below)
    if isinstance(node, Sum):
        return len(node.terms) - 1 + (node.terms[0][0] < 0)
    if isinstance(node, Power):
        return 1 if isinstance(node.exponent, NODES) else 2
    if isinstance(node, Indexed):
        return len(node.key)
    return {Delta: 3, Summed: 3, Contraction: 3, Entry: 1}.get(type(node), 1)
