"""A document as Unicode text: `A'` a transpose, a space the matrix product, `∘` entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from fractions import Fraction

from derivant.notation.document import (
    NODES,
    Array,
    Built,
    Call,
    Contraction,
    Delta,
    Entry,
    Entrywise,
    Indexed,
    Name,
    Node,
    Number,
    Power,
    Product,
    Scaled,
    Sum,
    Summed,
    Turned,
    comparison,
    fixed_texts,
)
from derivant.notation.spelling import shown_name
from derivant.rewriting.numbers import LARGEST_QUOTIENT

SHORT = 8  # a fraction whose decimal form is longer is written as a quotient


class Bond(IntEnum):
    """How firmly a text holds together: what may stand beside it without parentheses."""

    SUM = 0
    PRODUCT = 1
    TIGHT = 2


def text_of(node: Node) -> str:
    """The text of a document.

    >>> from derivant.notation.document import Name, Product, Turned
    >>> text_of(Product((Turned(Name("x", 1), 1), Name("A", 2), Name("x", 1)), 0))
    "x' A x"
    """
    return _written(node)[0]


def number_text(value: Fraction) -> str:
    """A number: an int, a short decimal, else a quotient."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal, quotient = repr(float(value)), f"({value.numerator}/{value.denominator})"
    if value.denominator > LARGEST_QUOTIENT or len(decimal) <= SHORT:
        return decimal
    exact = len(decimal) < len(quotient) and Fraction(decimal) == value
    return decimal if exact else quotient


def _closed(node: Node) -> str:
    text, bond = _written(node)
    return text if bond is Bond.TIGHT else f"({text})"


def _written(node: Node) -> tuple[str, Bond]:
    """The text of a node and how firmly it holds together."""
    match node:
        case Name(name):
            return shown_name(name), Bond.TIGHT
        case Number(value):
            return number_text(value), Bond.TIGHT
        case Array(text):
            return text, Bond.TIGHT
        case Call():
            return _call(node)
        case Indexed(of, key):
            return f"{indexed_text(of)}[{', '.join(key)}]", Bond.TIGHT
        case Turned(of):
            return _closed(of) + "'", Bond.TIGHT
        case Product():
            return _product(node), Bond.PRODUCT
        case Entrywise():
            return _entrywise(node), Bond.PRODUCT
        case Scaled():
            return _scaled(node)
        case Sum(terms):
            return _sum(terms), Bond.SUM
        case Power():
            return _power(node)
        case Entry(of, letters):
            return _closed(of) + "_" + _subscript(letters), Bond.TIGHT
        case Delta(letters):
            return "δ_" + _subscript(letters), Bond.TIGHT
        case Summed(letters, factors):
            body = " ".join(map(_closed, factors))
            return f"Σ_{_subscript(letters)} {body}", Bond.PRODUCT
        case Built(entry, letters):
            return "{" + text_of(entry) + "}_" + _subscript(letters), Bond.TIGHT
        case Contraction(spec, operands):
            inside = ", ".join([f"'{spec}'", *map(text_of, operands)])
            return f"einsum({inside})", Bond.TIGHT


def indexed_text(node: Node) -> str:
    """What stands before an index; the identity with its size, which nothing else tells there."""
    return _named_call(node) if isinstance(node, Call) and node.name == "eye" else _closed(node)


def _call(node: Call) -> tuple[str, Bond]:
    condition = comparison(node)
    if condition is not None:
        left, sign, right = condition
        return f"{_side(left)} {sign} {_side(right)}", Bond.SUM
    return "I" if node.name == "eye" else _named_call(node), Bond.TIGHT


def _side(node: Node) -> str:
    """A side of a comparison."""
    return _closed(node) if comparison(node) else text_of(node)


def _named_call(node: Call) -> str:
    arguments = [*map(text_of, node.arguments), *fixed_texts(node)]
    return f"{node.name}({', '.join(arguments)})"


def _product(node: Product) -> str:
    text = _beside(list(map(_closed, node.factors)))
    tight = len(node.factors) == 2 and not node.rank and "' [" not in text  # brackets are no index
    return text.replace("' ", "'") if tight else text


def _beside(pieces: list[str]) -> str:
    """Factors side by side; a number behind another factor needs its sign, 1[x > 0] does not."""
    after = [False] + [p[:1].isdigit() and not p.startswith("1[") for p in pieces[1:]]
    return " ".join(f"* {p}" if sign else p for p, sign in zip(pieces, after, strict=False))


def _entrywise(node: Entrywise) -> str:
    text = " ∘ ".join(map(_closed, node.factors)) or "1"
    return text + _divided(node.below, " ./ ", " ∘ ".join)


def _divided(below: tuple[Node, ...], stroke: str, joined: Callable[[list[str]], str]) -> str:
    """What stands behind a stroke: a product; sums that have quotients, one after the other.

    Such a product would be read as one sum, multiplied out.
    """
    texts = list(map(_closed, below))
    parts = [part for node in below if isinstance(node, Sum) for _, part in node.terms]
    fractions = any(isinstance(part, (Scaled, Entrywise)) and part.below for part in parts)
    if len(texts) < 2 or fractions:
        return "".join(stroke + text for text in texts)
    return f"{stroke}({joined(texts)})"


def _scaled(node: Scaled) -> tuple[str, Bond]:
    pieces = list(map(_closed, node.numbers))
    if node.body is None and node.numbers and isinstance(node.numbers[-1], Summed):
        pieces[-1] = text_of(node.numbers[-1])  # nothing follows that the sum could take in
    if node.body is not None:
        body, bond = _written(node.body)
        loose = bond is Bond.SUM or (pieces and isinstance(node.body, Entrywise))
        pieces.append(f"({body})" if loose else body)
    text = _beside(pieces) or "1"
    return text + _divided(node.below, " / ", _beside), Bond.PRODUCT


def _sum(terms: tuple[tuple[int, Node], ...]) -> str:
    pieces: list[str] = []
    for sign, part in terms:
        text, bond = _written(part)
        text = f"({text})" if bond is Bond.SUM else text
        mark = ("-" if sign < 0 else "") if not pieces else "- " if sign < 0 else "+ "
        pieces.append(mark + text)
    return " ".join(pieces)


def _power(node: Power) -> tuple[str, Bond]:
    dot = "." if node.rank else ""
    bond = Bond.PRODUCT if node.rank else Bond.TIGHT
    base = _closed(node.base)
    if isinstance(node.base, Power) and not base.endswith(")"):
        base = f"({base})"
    if isinstance(node.exponent, NODES):
        return f"{base}{dot}^{_closed(node.exponent)}", bond
    if node.exponent == Fraction(1, 2):
        return f"sqrt({text_of(node.base)})", Bond.TIGHT
    sign = "-" if node.exponent < 0 else ""
    return f"{base}{dot}^{sign}{number_text(abs(node.exponent))}", bond


def _subscript(letters: tuple[str, ...]) -> str:
    return ("," if any(len(name) > 1 for name in letters) else "").join(letters)
