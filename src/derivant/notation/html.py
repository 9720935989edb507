"""A document as plain HTML: italic names, raised and lowered text; escaped, nothing is loaded."""

from __future__ import annotations

import re
from enum import IntEnum
from fractions import Fraction
from html import escape

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
    compared,
    comparison,
    fixed_texts,
)
from derivant.notation.spelling import shown_name
from derivant.notation.text import number_text

PARTS = re.compile(r"([^\W\d_]+)_?(\w*)")
AROUND = {"norm2": ("‖", "‖"), "abs": ("|", "|"), "sqrt": ("√(", ")")}


class Bond(IntEnum):
    """How firmly a formula holds together: what may stand beside it without parentheses."""

    SUM = 0
    PRODUCT = 1
    TIGHT = 2


def html_of(node: Node) -> str:
    """The HTML of a document.

    >>> from derivant.notation.document import Name, Product, Turned
    >>> html_of(Product((Turned(Name("A", 2), 2), Name("theta1", 1)), 1))
    '<i>A</i><sup>⊤</sup> <i>θ</i><sub>1</sub>'
    """
    return _written(node)[0]


def name_html(name: str) -> str:
    """A name in italics, the number or index behind it lowered."""
    parts = PARTS.fullmatch(name)
    word, index = parts.groups() if parts else (name, "")
    return f"<i>{escape(shown_name(word))}</i>" + (f"<sub>{escape(index)}</sub>" if index else "")


def _closed(node: Node) -> str:
    text, bond = _written(node)
    return text if bond is Bond.TIGHT else f"({text})"


def _written(node: Node) -> tuple[str, Bond]:
    """The text of a node and how firmly it holds together."""
    condition = compared(node)
    if condition is None:
        return _of_kind(node)
    left, sign, right = condition
    return f"<b>1</b>[{html_of(left)} {escape(sign)} {html_of(right)}]", Bond.TIGHT


def _of_kind(node: Node) -> tuple[str, Bond]:
    match node:
        case Name(name):
            return name_html(name), Bond.TIGHT
        case Number(value):
            return number_text(value), Bond.TIGHT
        case Array(text):
            return f"<code>{escape(text)}</code>", Bond.TIGHT
        case Call():
            return _call(node), Bond.SUM if comparison(node) else Bond.TIGHT
        case Turned(Call("inv", (inner,))):
            return _closed(inner) + "<sup>−⊤</sup>", Bond.TIGHT
        case Turned(of):
            return _closed(of) + "<sup>⊤</sup>", Bond.TIGHT
        case Product(factors):
            return " ".join(map(_closed, factors)), Bond.PRODUCT
        case Entrywise(factors, below):
            above = " ∘ ".join(map(_closed, factors)) or "1"
            return above + _divided(" ⊘ ", " ∘ ", below), Bond.PRODUCT
        case Scaled(numbers, body, below):
            pieces = [*map(_closed, numbers)]
            if body is not None:
                pieces.append(_body(body, bool(pieces)))
            return (" ".join(pieces) or "1") + _divided(" / ", " ", below), Bond.PRODUCT
        case Sum(terms):
            return _sum(terms), Bond.SUM
        case Power():
            return _power(node), Bond.TIGHT
        case Entry() | Delta() | Indexed():
            return _subscripted(node), Bond.TIGHT
        case Summed(letters, factors):
            inside = " ".join(map(_closed, factors))
            return f"Σ<sub>{_letters(letters)}</sub> {inside}", Bond.PRODUCT
        case Built(entry, letters):
            return f"{{{html_of(entry)}}}<sub>{_letters(letters)}</sub>", Bond.TIGHT
        case Contraction(spec, operands):
            inside = ", ".join(map(html_of, operands))
            return f"einsum<sub>{escape(spec)}</sub>({inside})", Bond.TIGHT


def _subscripted(node: Entry | Delta | Indexed) -> str:
    """A part with an index below it."""
    if isinstance(node, Delta):
        return f"δ<sub>{_letters(node.letters)}</sub>"
    index = f"[{', '.join(node.key)}]" if isinstance(node, Indexed) else _letters(node.letters)
    return f"{_closed(node.of)}<sub>{index}</sub>"


def _call(node: Call) -> str:
    condition = comparison(node)
    if condition is not None:
        return f"{html_of(condition[0])} {escape(condition[1])} {html_of(condition[2])}"
    inside = ", ".join([*map(html_of, node.arguments), *fixed_texts(node)])
    if node.name == "eye":
        return "<i>I</i>"
    plain = not node.fixed and len(node.arguments) == 1
    if plain and node.name == "inv":
        return _closed(node.arguments[0]) + "<sup>−1</sup>"
    left, right = AROUND.get(node.name, (escape(node.name) + "(", ")"))
    return left + inside + right


def _divided(mark: str, times: str, below: tuple[Node, ...]) -> str:
    if not below:
        return ""
    text = times.join(map(_closed, below))
    return mark + (text if len(below) == 1 else f"({text})")


def _body(body: Node, behind: bool) -> str:
    text, bond = _written(body)
    return f"({text})" if bond is Bond.SUM or (behind and isinstance(body, Entrywise)) else text


def _sum(terms: tuple[tuple[int, Node], ...]) -> str:
    pieces: list[str] = []
    for sign, part in terms:
        mark = ("−" if sign < 0 else "") if not pieces else " − " if sign < 0 else " + "
        text, bond = _written(part)
        pieces.append(mark + (f"({text})" if bond is Bond.SUM else text))
    return "".join(pieces)


def _power(node: Power) -> str:
    circle = "∘" if node.rank else ""
    base = _closed(node.base)
    if isinstance(node.base, (Power, Turned)):
        base = f"({base})"
    if isinstance(node.exponent, NODES):
        return f"{base}<sup>{circle}{html_of(node.exponent)}</sup>"
    if node.exponent == Fraction(1, 2):
        return f"√({html_of(node.base)})"
    sign = "−" if node.exponent < 0 else ""
    exponent = number_text(abs(node.exponent)).strip("()")
    return f"{base}<sup>{circle}{sign}{exponent}</sup>"


def _letters(letters: tuple[str, ...]) -> str:
    return escape((", " if any(len(name) > 1 for name in letters) else "").join(letters))
