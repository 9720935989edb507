"""An expression as it was written, without any law: log(1 + exp(x)) is no softplus here.

What has no plain reading (axes that are moved, an array spread along another) has none; then the
normal form is the text. Knows no index letters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.notation.constants import with_pi
from derivant.notation.document import (
    Call,
    Entrywise,
    Name,
    Node,
    Number,
    Product,
    Scaled,
    Sum,
    Turned,
    size,
)
from derivant.notation.matrix_form import Forms
from derivant.notation.row_names import called
from derivant.notation.vocabulary import FUNCTIONS
from derivant.notation.words import powered, sized
from derivant.primitives import TABLE
from derivant.rewriting import form_of, size_of_number

MOST = 400  # names, numbers and signs of a document
Reading: TypeAlias = Callable[[Expr, Sequence[Node]], Node | None]
KNOWN = {*FUNCTIONS, "eigvalsh"}  # of which lam takes one
EXTREMES = {(0,): "lambda_min", (-1,): "lambda_max"}
SIGNS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}


def standing(expression: Expr) -> Node:
    """The document of an expression as it stands; of its normal form where it has none.

    >>> import derivant as dv
    >>> from derivant.notation.text import text_of
    >>> text_of(standing(dv.log(1 + dv.exp(dv.symbols("x: n")))))
    'log(1 + exp(x))'
    """
    made: dict[int, Node | None] = {}
    for node in ancestors([expression]):
        operands = [made[id(x)] for x in node.inputs]
        known = [x for x in operands if x is not None]
        found = _read(node, known) if len(known) == len(operands) else None
        made[id(node)] = None if found is None or size(found) > MOST else found
    whole = made[id(expression)]
    if whole is not None:
        names = {n.params.get("name") for n in ancestors([expression])}
        return whole if "pi" in names else with_pi(whole)
    form = form_of(expression)
    return Forms(form).best(form.sum)


def _read(node: Expr, operands: Sequence[Node]) -> Node | None:
    number = size_of_number(node)
    if number is not None:
        return sized(number)
    row, rank = node.primitive.name, len(node.shape)
    if node.levels or rank > 2 or node.primitive.outputs > 1:
        return None
    if row in SIGNS:
        return _sum(node, operands)
    special = READ.get(row)
    if special is not None:
        return special(node, operands)
    if not node.inputs:
        return _leaf(node)
    if any(len(x.shape) > 2 for x in node.inputs):
        return None
    elementwise = TABLE[row].family == "elementwise"
    if elementwise and any(x.shape not in ((), node.shape) for x in node.inputs):
        return None
    found = called(node, operands)
    if isinstance(found, Call) and found.name == "lam" and found.fixed in EXTREMES:
        return replace(found, name=EXTREMES[found.fixed], fixed=())
    return None if isinstance(found, Call) and found.name not in KNOWN else found


def _leaf(node: Expr) -> Node | None:
    """A name or a number; a negative one has its sign."""
    if node.primitive.name == "const" and not node.shape and node.dtype.kind in "fiu":
        value = float(node.params["value"])
        if value < 0 and value == value and abs(value) != float("inf"):
            return Sum(((-1, Number(Fraction(-value))),), 0)
    found = called(node, ())
    return found if isinstance(found, (Name, Number)) else None


def _sum(node: Expr, operands: Sequence[Node]) -> Node | None:
    """A sum; what is added first is not put in parentheses of its own."""
    if any(x.shape not in ((), node.shape) for x in node.inputs):
        return None
    terms: list[tuple[int, Node]] = []
    for place, (sign, part) in enumerate(zip(SIGNS[node.primitive.name], operands, strict=True)):
        open_sum = isinstance(part, Sum) and ((place == 0 and sign > 0) or len(part.terms) == 1)
        if isinstance(part, Sum) and open_sum:
            terms += [(sign * own, inner) for own, inner in part.terms]
        else:
            terms.append((sign, part))
    return Sum(tuple(terms), len(node.shape))


def _signed(build: Reading) -> Reading:
    """A product with the sign of its first factor in front of the whole: (-a)'b = -a'b."""

    def read(node: Expr, operands: Sequence[Node]) -> Node | None:
        first, *rest = operands
        if not isinstance(first, Sum) or len(first.terms) > 1 or first.terms[0][0] > 0:
            return build(node, operands)
        found = build(node, [first.terms[0][1], *rest])
        return None if found is None else Sum(((-1, found),), len(node.shape))

    return read


def _multiplied(node: Expr, operands: Sequence[Node]) -> Node | None:
    """A number in front of what it multiplies, or a product by entries."""
    one, two = operands
    if not one.rank or not two.rank:
        number, body = (one, two) if not one.rank else (two, one)
        return _scaled(number, body)
    if one.rank != len(node.shape) or node.inputs[0].shape != node.inputs[1].shape:
        return None
    left = one.factors if isinstance(one, Entrywise) and not one.below else (one,)
    return Entrywise((*left, two), (), len(node.shape))


def _scaled(number: Node, body: Node) -> Node | None:
    """A number times a part: 2 (3 x) has no reading, since digits may not stand together."""
    numbers: tuple[Node, ...] = (number,)
    if isinstance(number, Scaled) and not number.below and number.body is None:
        numbers = number.numbers
    inner = body
    while isinstance(inner, Scaled) and (inner.numbers or inner.body is not None):
        inner = inner.numbers[0] if inner.numbers else inner.body or inner
    if isinstance(inner, Number):
        return None
    if not body.rank:
        return Scaled((*numbers, body), None, (), 0)
    return Scaled(numbers, body, (), body.rank)


def _divided(node: Expr, operands: Sequence[Node]) -> Node | None:
    return _over(node, operands[0], operands[1])


def _over_size(node: Expr, operands: Sequence[Node]) -> Node | None:
    return _over(node, operands[0], sized(node.params["size"]))


def _over(node: Expr, above: Node, below: Node) -> Node | None:
    """A quotient: by a number, or entry by entry."""
    rank = len(node.shape)
    if not below.rank:
        if isinstance(above, Scaled) and not above.below:
            return replace(above, below=(below,))
        if not above.rank:
            return Scaled((above,), None, (below,), 0)
        return Scaled((), above, (below,), rank)
    if any(x.shape not in ((), node.shape) for x in node.inputs):
        return None
    if isinstance(above, Entrywise) and not above.below:
        return replace(above, below=(below,))
    return Entrywise((above,), (below,), rank)


def _matmul(node: Expr, operands: Sequence[Node]) -> Node | None:
    """Columns and rows: a vector on the left of a product is a row."""
    left, right = operands
    if not left.rank or not right.rank or left.rank > 2 or right.rank > 2:
        return None
    if isinstance(left, Scaled) and left.body is not None and not left.below:
        inner = _matmul(node, [left.body, right])
        return None if inner is None else replace(left, body=inner, rank=inner.rank)
    first = _row(left) if left.rank == 1 else _chain(left)
    last = (right,) if right.rank == 1 and _is_row(right) else _chain(right)
    if right.rank == 1 and _is_row(right):
        last = (Turned(right, 1),)
    return Product((*first, *last), len(node.shape))


def _is_row(node: Node) -> bool:
    """Whether a vector is written as a row: x' W."""
    if not isinstance(node, Product) or node.rank != 1:
        return False
    return isinstance(node.factors[0], Turned) and node.factors[0].rank == 1


def _row(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Product) and _is_row(node):
        return node.factors
    return (Turned(node, 1),)


def _chain(node: Node) -> tuple[Node, ...]:
    outer = isinstance(node, Product) and node.rank == 2 and node.factors[0].rank == 1
    return node.factors if isinstance(node, Product) and not outer else (node,)


def _turned(node: Expr, operands: Sequence[Node]) -> Node | None:
    return Turned(operands[0], 2) if len(node.shape) == 2 else None


def _outer(node: Expr, operands: Sequence[Node]) -> Node | None:
    """A column times a row."""
    if node.params["spec"] != "i,j->ij" or any(map(_is_row, operands)):
        return None
    return Product((operands[0], Turned(operands[1], 1)), 2)


def _power(node: Expr, operands: Sequence[Node]) -> Node | None:
    return powered(operands[0], Fraction(node.params["exponent"]))


def _diagonal(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The identity, or a vector as a diagonal."""
    (x,) = operands
    if node.params["offset"]:
        return None
    unit = isinstance(x, Call) and x.name == "ones"
    return Call("eye", (sized(node.shape[0]),), 2) if unit else Call("diag", (x,), 2)


def _same(node: Expr, operands: Sequence[Node]) -> Node | None:
    return operands[0]


def _none(node: Expr, operands: Sequence[Node]) -> Node | None:
    return None


READ: dict[str, Reading] = {
    "multiply": _signed(_multiplied),
    "divide": _signed(_divided),
    "over_size": _signed(_over_size),
    "matmul": _signed(_matmul),
    "diag_embed": _diagonal,
    "positive": _same,
    "matrix_transpose": _turned,
    "einsum": _outer,
    "power": _power,
    **dict.fromkeys(("expand_dims", "squeeze", "permute_dims"), _none),
}
