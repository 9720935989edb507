"""A document as one NumPy expression: 1-D vectors, `@`, and `*`, `/`, `**` entry by entry."""

from __future__ import annotations

import keyword
from enum import IntEnum
from fractions import Fraction

from derivant.base.errors import DerivantError
from derivant.notation.document import (
    NODES,
    Array,
    Built,
    Call,
    Contraction,
    Entrywise,
    Indexed,
    Name,
    Node,
    Number,
    Power,
    Product,
    Scaled,
    Sum,
    Turned,
    comparison,
    fixed_texts,
)
from derivant.notation.vocabulary import FUNCTIONS
from derivant.rewriting import as_number

CALLED = {"eye", "ones", "zeros", "sum", "outer", "diag", *FUNCTIONS}


# What was asked for where a part of its derivative has no name.
ASKED = {
    "take_along_axis": "sort (the order of the entries depends on their numbers)",
    "add_along_axis": "sort (the order of the entries depends on their numbers)",
    "median_weights": "median (the order of the entries depends on their numbers)",
    "gather": "an index by an array of places",
    "scatter_add": "an index by an array of places (x[i] and x[1:] have names)",
    "convolution": "a convolution (written with slices, k[0] * x[2:] + ..., it has a name)",
    "embedded_block": "the nuclear norm, or another function of singular values,",
    "concat": "concatenate (written with slices of one variable, or term by term, it has a name)",
    "stack": "stack (written term by term it has a name)",
    "roll": "roll (written with slices, x[1:] and x[:-1], it has a name)",
}


class Bond(IntEnum):
    """How firmly a text holds together in Python."""

    SUM = 0
    PRODUCT = 1
    POWER = 2
    TIGHT = 3


def numpy_text(node: Node) -> str:
    """The text of a document in NumPy notation.

    Raises DerivantError where a part has no name there.

    >>> from derivant.notation.document import Name, Product, Turned
    >>> numpy_text(Product((Name("x", 1), Turned(Name("y", 1), 1)), 2))
    'outer(x, y)'
    """
    return _written(node)[0]


def python_name(name: str) -> str:
    """A name that Python takes: a keyword gets an underscore behind."""
    return name + "_" if keyword.iskeyword(name) else name


def _at_least(node: Node, bond: Bond) -> str:
    text, own = _written(node)
    return text if own >= bond else f"({text})"


def _written(node: Node) -> tuple[str, Bond]:
    match node:
        case Name(name):
            return python_name(name), Bond.TIGHT
        case Number(value):
            return _number(value)
        case Call():
            return _call(node)
        case Indexed(of, key):
            return f"{_at_least(of, Bond.TIGHT)}[{', '.join(key)}]", Bond.TIGHT
        case Turned(of, rank):
            if rank < 2:
                return _written(of)
            return _at_least(of, Bond.TIGHT) + ".T", Bond.TIGHT
        case Product(factors):
            return _product(factors)
        case Entrywise():
            above = " * ".join(_at_least(f, Bond.POWER) for f in node.factors) or "1"
            return above + _below(node.below), Bond.PRODUCT
        case Scaled():
            return _scaled(node), Bond.PRODUCT
        case Sum(terms):
            return _sum(terms), Bond.SUM
        case Power():
            return _power(node)
        case Built(array=array):
            return _written(array)
        case Contraction(spec, operands):
            inside = ", ".join([f"'{spec}'", *map(numpy_text, operands)])
            return f"einsum({inside})", Bond.TIGHT
        case Array(text, 1) if text.startswith("["):
            return f"array({text})", Bond.TIGHT
        case _:
            what = node.text if isinstance(node, Array) else "an entry"
            raise DerivantError(f"{what} has no NumPy notation in a formula")


def _number(value: Fraction) -> tuple[str, Bond]:
    text = repr(as_number(value))
    return text, Bond.TIGHT if not text.startswith("-") else Bond.SUM


def _call(node: Call) -> tuple[str, Bond]:
    condition = comparison(node)
    if condition is not None:
        left, sign, right = condition
        sides = [
            _at_least(x, Bond.PRODUCT) if comparison(x) else numpy_text(x) for x in (left, right)
        ]
        return f"{sides[0]} {sign} {sides[1]}", Bond.SUM
    return _function(node), Bond.TIGHT


def _function(node: Call) -> str:
    if node.name not in CALLED:
        row = node.name.partition("[")[0]
        raise DerivantError(
            f"{ASKED.get(row, node.name)} has no name in a formula; dv.jacobian has the numbers"
        )
    return f"{node.name}({', '.join([*map(numpy_text, node.arguments), *fixed_texts(node)])})"


def _product(factors: tuple[Node, ...]) -> tuple[str, Bond]:
    """A product of matrices; a column before a row is an outer product."""
    for k in range(1, len(factors)):
        row = factors[k]
        if factors[k - 1].rank == 1 and isinstance(row, Turned) and row.rank == 1:
            sides = (_chained(factors[:k])[0], _chained(factors[k:])[0])
            return f"outer({sides[0]}, {sides[1]})", Bond.TIGHT
    return _chained(factors)


def _chained(factors: tuple[Node, ...]) -> tuple[str, Bond]:
    if len(factors) == 1:
        return _written(factors[0])
    return " @ ".join(_at_least(f, Bond.POWER) for f in factors), Bond.PRODUCT


def _below(below: tuple[Node, ...]) -> str:
    if not below:
        return ""
    texts = [_at_least(b, Bond.POWER) for b in below]
    return " / " + (texts[0] if len(texts) == 1 else f"({' * '.join(texts)})")


def _scaled(node: Scaled) -> str:
    pieces = [_at_least(n, Bond.POWER) for n in node.numbers]
    if node.body is not None:
        pieces.append(_at_least(node.body, Bond.PRODUCT))
    return (" * ".join(pieces) or "1") + _below(node.below)


def _sum(terms: tuple[tuple[int, Node], ...]) -> str:
    pieces: list[str] = []
    for sign, part in terms:
        mark = ("-" if sign < 0 else "") if not pieces else " - " if sign < 0 else " + "
        pieces.append(mark + _at_least(part, Bond.PRODUCT))
    return "".join(pieces)


def _power(node: Power) -> tuple[str, Bond]:
    if isinstance(node.exponent, NODES):
        exponent = _at_least(node.exponent, Bond.TIGHT)
    elif node.exponent == Fraction(1, 2):
        return f"sqrt({numpy_text(node.base)})", Bond.TIGHT
    else:
        exponent = repr(as_number(abs(node.exponent)))
        exponent = f"(-{exponent})" if node.exponent < 0 else exponent
    return f"{_at_least(node.base, Bond.TIGHT)}**{exponent}", Bond.POWER
