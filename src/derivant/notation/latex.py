"""A document as LaTeX: what goes between dollar signs; only standard commands and amsmath's."""

from __future__ import annotations

import re
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
    compared,
    comparison,
    fixed_texts,
)
from derivant.notation.spelling import GREEK
from derivant.notation.text import number_text

COMMANDS = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "det", "max", "min")
PARTS = re.compile(r"([^\W\d_]+)_?(\w*)")
SPECIAL = str.maketrans({c: "\\" + c for c in "_%&#${}"} | {"\\": r"\backslash ", "^": r"\hat{}"})


class Bond(IntEnum):
    """How firmly a formula holds together: what may stand beside it without parentheses."""

    SUM = 0
    PRODUCT = 1
    POWER = 2
    TIGHT = 3


def latex_of(node: Node) -> str:
    r"""The LaTeX of a document.

    >>> from derivant.notation.document import Name, Product, Turned
    >>> latex_of(Product((Turned(Name("theta", 1), 1), Name("A_1", 2), Name("theta", 1)), 0))
    '\\theta^{\\top} A_{1} \\theta'
    """
    return _written(node)[0]


def name_latex(name: str) -> str:
    r"""A name: a Greek letter by its command, what is behind it as a subscript.

    >>> name_latex("theta1"), name_latex("W_in"), name_latex("loss")
    ('\\theta_{1}', 'W_{\\mathrm{in}}', '\\mathrm{loss}')
    """
    parts = PARTS.fullmatch(name)
    if parts is None:
        return rf"\mathrm{{{name.translate(SPECIAL)}}}"
    word, index = parts.groups()
    base = "\\" + word if word in GREEK else word if len(word) == 1 else rf"\mathrm{{{word}}}"
    if not index:
        return base
    upright = (
        index if index.isdigit() or len(index) == 1 else (rf"\mathrm{{{index.translate(SPECIAL)}}}")
    )
    return f"{base}_{{{upright}}}"


def _bracketed(text: str) -> str:
    return rf"\left({text}\right)"


def _at_least(node: Node, bond: Bond) -> str:
    text, own = _written(node)
    return text if own >= bond else _bracketed(text)


def _written(node: Node) -> tuple[str, Bond]:
    """The formula of a node and how firmly it holds together."""
    condition = compared(node)
    if condition is None:
        return _of_kind(node)
    left, sign, right = condition
    inside = f"{latex_of(left)} {sign} {latex_of(right)}"
    return rf"\mathbf{{1}}\left[{inside}\right]", Bond.TIGHT


def _of_kind(node: Node) -> tuple[str, Bond]:
    match node:
        case Name(name):
            return name_latex(name), Bond.TIGHT
        case Number(value):
            return _number(value)
        case Array(text):
            return rf"\mathtt{{{text.translate(SPECIAL)}}}", Bond.TIGHT
        case Call():
            return _call(node)
        case Turned(Call("inv", (inner,))):
            return _at_least(inner, Bond.TIGHT) + r"^{-\top}", Bond.POWER
        case Turned(of):
            return _at_least(of, Bond.TIGHT) + r"^{\top}", Bond.POWER
        case Product(factors):
            return " ".join(_at_least(f, Bond.POWER) for f in factors), Bond.PRODUCT
        case Entrywise():
            return _entrywise(node)
        case Scaled():
            return _scaled(node)
        case Sum(terms):
            return _sum(terms), Bond.SUM
        case Power():
            return _power(node)
        case Entry() | Delta() | Indexed():
            return _subscripted(node), Bond.POWER
        case Summed(letters, factors):
            body = " ".join(_at_least(f, Bond.POWER) for f in factors)
            return rf"\sum_{{{_letters(letters)}}} {body}", Bond.PRODUCT
        case Built(entry, letters):
            return rf"\left\{{{latex_of(entry)}\right\}}_{{{_letters(letters)}}}", Bond.POWER
        case Contraction(spec, operands):
            inside = ", ".join(map(latex_of, operands))
            pattern = spec.replace("->", r" \to ")
            return rf"\operatorname{{einsum}}_{{{pattern}}}\left({inside}\right)", Bond.TIGHT


def _subscripted(node: Entry | Delta | Indexed) -> str:
    """A part with an index below it."""
    if isinstance(node, Delta):
        return rf"\delta_{{{_letters(node.letters)}}}"
    base = _at_least(node.of, Bond.TIGHT)
    base = f"{{{base}}}" if "_" in base and isinstance(node.of, Name) else base
    index = f"[{', '.join(node.key)}]" if isinstance(node, Indexed) else _letters(node.letters)
    return f"{base}_{{{index}}}"


def _number(value: Fraction) -> tuple[str, Bond]:
    text = number_text(value)
    if text.startswith("("):
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", Bond.PRODUCT
    mantissa, _, exponent = text.partition("e")
    if exponent:
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", Bond.PRODUCT
    return text, Bond.TIGHT


def _call(node: Call) -> tuple[str, Bond]:
    """A function in the notation that it has, else by its name."""
    condition = comparison(node)
    if condition is not None:
        return (
            f"{latex_of(condition[0])} {RELATIONS[condition[1]]} {latex_of(condition[2])}",
            Bond.SUM,
        )
    inside = ", ".join([*map(latex_of, node.arguments), *fixed_texts(node)])
    plain = not node.fixed and len(node.arguments) == 1
    if node.name == "eye":
        return "I", Bond.TIGHT
    if node.name in ("ones", "zeros"):
        sizes = r" \times ".join(map(latex_of, node.arguments))
        digit = "1" if node.name == "ones" else "0"
        return rf"\mathbf{{{digit}}}_{{{sizes}}}", Bond.POWER
    if plain and node.name in AROUND:
        left, right = AROUND[node.name]
        return rf"\left{left}{inside}\right{right}", Bond.TIGHT
    if plain and node.name == "inv":
        return f"{_at_least(node.arguments[0], Bond.TIGHT)}^{{-1}}", Bond.POWER
    if plain and node.name == "sqrt":
        return rf"\sqrt{{{inside}}}", Bond.TIGHT
    if node.name == "kron" and len(node.arguments) == 2:
        sides = [_at_least(a, Bond.POWER) for a in node.arguments]
        return rf"{sides[0]} \otimes {sides[1]}", Bond.SUM
    name = NORMS.get(node.name, SPELLED.get(node.name, node.name))
    if plain and node.name in NORMS:
        return rf"\left\|{inside}\right\|_{{{name}}}", Bond.POWER
    word = "\\" + name if name in COMMANDS else rf"\operatorname{{{name.translate(SPECIAL)}}}"
    return word + _bracketed(inside), Bond.TIGHT


RELATIONS = {">": ">", "<": "<", ">=": r"\ge", "<=": r"\le", "==": "=", "!=": r"\ne"}
AROUND = {"norm2": (r"\|", r"\|"), "abs": ("|", "|")}
NORMS = {"norm1": "1"}
SPELLED = {"maximum": "max", "minimum": "min"}


def _entrywise(node: Entrywise) -> tuple[str, Bond]:
    above = r" \odot ".join(_at_least(f, Bond.POWER) for f in node.factors)
    if not node.below:
        return above, Bond.PRODUCT
    below = r" \odot ".join(_at_least(b, Bond.POWER) for b in node.below)
    if len(node.below) > 1:
        below = _bracketed(below)
    return rf"{above or '1'} \oslash {below}", Bond.PRODUCT


def _scaled(node: Scaled) -> tuple[str, Bond]:
    """Numbers and an array over numbers: what is an array stands behind the fraction."""
    numbers = [_at_least(n, Bond.POWER) for n in node.numbers]
    body = "" if node.body is None else _body(node.body, bool(numbers))
    if not node.below:
        return " ".join([*numbers, body] if body else numbers) or "1", Bond.PRODUCT
    whole = numbers
    if node.body is not None and _is_flat(node.body):
        whole = [*numbers, body] if numbers else [latex_of(node.body)]
    alone = len(node.below) == 1
    below = " ".join(_at_least(b, Bond.SUM if alone else Bond.POWER) for b in node.below)
    fraction = rf"\frac{{{' '.join(whole) or '1'}}}{{{below}}}"
    return (fraction if whole is not numbers or not body else f"{fraction} {body}"), Bond.PRODUCT


def _body(body: Node, behind: bool) -> str:
    text, bond = _written(body)
    loose = bond is Bond.SUM or (behind and isinstance(body, Entrywise))
    return _bracketed(text) if loose else text


def _is_flat(body: Node) -> bool:
    """Whether a body may stand on a fraction: it has none of its own."""
    stack: list[Node] = [body]
    while stack:
        part = stack.pop()
        if isinstance(part, Scaled) and part.below:
            return False
        if isinstance(part, (Product, Entrywise)):
            stack += part.factors
        elif isinstance(part, Sum):
            stack += [term for _, term in part.terms]
    return True


def _sum(terms: tuple[tuple[int, Node], ...]) -> str:
    pieces: list[str] = []
    for sign, part in terms:
        mark = ("-" if sign < 0 else "") if not pieces else " - " if sign < 0 else " + "
        pieces.append(mark + _at_least(part, Bond.PRODUCT))
    return "".join(pieces)


def _power(node: Power) -> tuple[str, Bond]:
    """A power; entry by entry with a circle where it is of an array."""
    circle = r"\circ " if node.rank else ""
    if isinstance(node.exponent, NODES):
        return f"{_at_least(node.base, Bond.TIGHT)}^{{{circle}{latex_of(node.exponent)}}}", (
            Bond.POWER
        )
    if node.exponent == Fraction(1, 2):
        return rf"\sqrt{{{latex_of(node.base)}}}", Bond.TIGHT
    if node.exponent == -1 and not node.rank:
        return rf"\frac{{1}}{{{latex_of(node.base)}}}", Bond.PRODUCT
    sign = "-" if node.exponent < 0 else ""
    exponent = number_text(abs(node.exponent)).strip("()")
    return f"{_at_least(node.base, Bond.TIGHT)}^{{{circle}{sign}{exponent}}}", Bond.POWER


def _letters(letters: tuple[str, ...]) -> str:
    return (", " if any(len(name) > 1 for name in letters) else "").join(letters)
