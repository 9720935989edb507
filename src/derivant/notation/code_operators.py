"""Rows that Python has operators for, and rows whose text depends on their operands."""

from __future__ import annotations

from fractions import Fraction

from derivant.carriers.expr import Expr
from derivant.notation.code_layout import LAYOUT
from derivant.notation.code_write import Bond, Operator, Piece, Writer
from derivant.rewriting import as_number

HALF = Fraction(1, 2)
EXPONENTS = {"square": Fraction(2), "reciprocal": Fraction(-1)}
PRODUCTS = ("multiply", "scale", "strong")


def _variable(w: Writer, node: Expr) -> Piece:
    return Piece(w.parameter(node))


def _add(w: Writer, node: Expr) -> Piece:
    """A sum; what is negative is taken away."""
    left, right = node.inputs
    if _negated(w, left) and not _negated(w, right):
        left, right = right, left
    if _negated(w, right):
        return _difference(w, node, left, right.inputs[0])
    a, b = w.operand(left, node), w.operand(right, node)
    return Piece(f"{a.text} + {b.at(Bond.PRODUCT)}", Bond.SUM, a.number and b.number)


def _difference(w: Writer, node: Expr, left: Expr, right: Expr) -> Piece:
    a, b = (w.operand(x, node, (left, right)) for x in (left, right))
    return Piece(f"{a.text} - {b.at(Bond.PRODUCT)}", Bond.SUM, a.number and b.number)


def _negated(w: Writer, x: Expr) -> bool:
    return x.primitive.name == "negative" and w[x].text.startswith("-")


def _subtract(w: Writer, node: Expr) -> Piece:
    return _difference(w, node, *node.inputs)


def _negative(w: Writer, node: Expr) -> Piece:
    inner = w[node.inputs[0]]
    return Piece(f"-{inner.at(Bond.POWER)}", Bond.SUM, inner.number)


def _multiply(w: Writer, node: Expr) -> Piece:
    """Numbers first, then arrays; powers below zero as a divisor; two vectors across as outer."""
    factors = _factors(w, node)
    crossed = _outer(w, node, factors)
    below = [] if crossed else [x for x in factors if _exponent(w, x) < 0]
    above = [x for x in factors if _exponent(w, x) >= 0]
    pieces = [(len(x.shape), w.operand(x, node, factors)) for x in above]
    if crossed is not None:
        numbers = [(0, w[x]) for x in factors if not x.shape]
        pieces = [*numbers, (2, crossed)]
    pieces.sort(key=lambda pair: (pair[0], not pair[1].number))
    number = all(w[x].number for x in factors)
    texts = [p.at(Bond.POWER) for _, p in pieces]
    if len(pieces) == 1:
        texts = [pieces[0][1].at(Bond.PRODUCT)]
    if len(pieces) > 1 and pieces[0][1].number and _is_negative(pieces[0][1].text):
        texts[0] = pieces[0][1].text
    text = " * ".join(texts) or "1"
    if not below:
        return Piece(text, Bond.PRODUCT if len(texts) > 1 else pieces[0][1].bond, number)
    divisors = [_divisor(w, x, node) for x in below]
    under = (
        divisors[0].at(Bond.POWER)
        if len(divisors) == 1
        else ("(" + " * ".join(d.at(Bond.POWER) for d in divisors) + ")")
    )
    return Piece(f"{text} / {under}", Bond.PRODUCT, number)


def _is_negative(text: str) -> bool:
    """Whether a text is one negative number, which may stand first in a product."""
    return text.startswith("-") and " " not in text


def _factors(w: Writer, node: Expr) -> list[Expr]:
    """The factors of a product whose inner products are written nowhere else."""
    found: list[Expr] = []
    stack = [*node.inputs[::-1]]
    while stack:
        x = stack.pop()
        inner = x.primitive.name in PRODUCTS and not w[x].text.isidentifier()
        if inner and x.shape in (node.shape, ()):
            stack += x.inputs[::-1]
        else:
            found.append(x)
    return found


def _exponent(w: Writer, x: Expr) -> Fraction:
    """The power that a factor is written with; 1 for what has a name."""
    if w[x].text.isidentifier():
        return Fraction(1)
    if x.primitive.name in EXPONENTS:
        return EXPONENTS[x.primitive.name]
    if x.primitive.name != "power":
        return Fraction(1)
    return Fraction(x.params["exponent"])


def _divisor(w: Writer, x: Expr, node: Expr) -> Piece:
    return _raised(w, w[x.inputs[0]], -_exponent(w, x))


def _outer(w: Writer, node: Expr, factors: list[Expr]) -> Piece | None:
    """Columns times rows, where nothing else has two axes."""
    if len(node.shape) != 2:
        return None
    columns = [x for x in factors if x.primitive.name == "expand_dims" and not _wide(x)]
    rows = [x for x in factors if len(x.shape) == 1]
    numbers = [x for x in factors if not x.shape]
    if not columns or not rows or len(columns) + len(rows) + len(numbers) < len(factors):
        return None
    if columns[0].shape[0] != node.shape[0] or rows[0].shape[0] != node.shape[1]:
        return None
    left = " * ".join(w[x.inputs[0]].at(Bond.POWER) for x in columns)
    right = " * ".join(w[x].at(Bond.POWER) for x in rows)
    if len(columns) == 1:
        left = w[columns[0].inputs[0]].text
    right = w[rows[0]].text if len(rows) == 1 else right
    return Piece(f"{w.target.module}.outer({left}, {right})")


def _wide(x: Expr) -> bool:
    return len(x.inputs[0].shape) != 1 or x.params["axis"] != (-1,)


def _divide(w: Writer, node: Expr) -> Piece:
    a, b = (w.operand(x, node) for x in node.inputs)
    return Piece(f"{a.at(Bond.PRODUCT)} / {b.at(Bond.POWER)}", Bond.PRODUCT, a.number and b.number)


def _over_size(w: Writer, node: Expr) -> Piece:
    inner = w[node.inputs[0]]
    below = w.size(node.params["size"]).at(Bond.POWER)
    return Piece(f"{inner.at(Bond.PRODUCT)} / {below}", Bond.PRODUCT, inner.number)


def _power(w: Writer, node: Expr) -> Piece:
    exponent = EXPONENTS.get(node.primitive.name) or Fraction(node.params["exponent"])
    base = w[node.inputs[0]]
    if exponent in (-1, -HALF):
        return Piece(f"1 / {_raised(w, base, -exponent).at(Bond.POWER)}", Bond.PRODUCT, base.number)
    return _raised(w, base, exponent)


def _raised(w: Writer, base: Piece, exponent: Fraction) -> Piece:
    if exponent == 1:
        return base
    if exponent == HALF:
        module = "math" if base.number else w.target.module
        return Piece(f"{module}.sqrt({base.text})", number=base.number)
    return Piece(f"{base.at(Bond.TIGHT)}**{as_number(exponent)}", Bond.POWER, base.number)


def _pow(w: Writer, node: Expr) -> Piece:
    a, b = (w.operand(x, node) for x in node.inputs)
    return Piece(f"{a.at(Bond.TIGHT)}**{b.at(Bond.TIGHT)}", Bond.POWER, a.number and b.number)


# Products of matrices


def _matmul(w: Writer, node: Expr) -> Piece:
    """A product; an inverse that nothing else needs is a system to solve."""
    left, right = node.inputs
    solved = _solved(w, left, right)
    if solved is not None:
        return solved
    first = w[left]
    text = first.at(Bond.PRODUCT if left.primitive.name == "matmul" else Bond.POWER)
    return Piece(f"{text} @ {w[right].at(Bond.POWER)}", Bond.PRODUCT)


def _solved(w: Writer, left: Expr, right: Expr) -> Piece | None:
    call = w.target.rows["solve"]
    system = _system(w, left)
    if system is not None:
        return Piece(call.format(system.text, w[right].text))
    system = _system(w, right)
    if system is None:
        return None
    turned = _turned(system)
    if len(left.shape) == 1:
        return Piece(call.format(turned, w[left].text))
    return Piece(call.format(turned, _turned(w[left])) + ".T")


def _system(w: Writer, x: Expr) -> Piece | None:
    """The matrix whose inverse a factor is."""
    turned = x.primitive.name == "matrix_transpose"
    inverse = x.inputs[0] if turned else x
    if inverse.primitive.name != "inv" or len(x.shape) != 2 or w[inverse].text.isidentifier():
        return None
    inner = w[inverse.inputs[0]]
    return Piece(_turned(inner)) if turned else inner


def _turned(piece: Piece) -> str:
    """The transpose of a matrix."""
    text = piece.at(Bond.TIGHT)
    return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"


def _transpose(w: Writer, node: Expr) -> Piece:
    inner = w[node.inputs[0]]
    if len(node.shape) == 2:
        return Piece(_turned(inner))
    return Piece(w.target.turned.format(inner.text, m=w.target.module))


def _einsum(w: Writer, node: Expr) -> Piece:
    """A contraction; of two matrices with the same letters a sum of a product by entries."""
    spec, module = node.params["spec"], w.target.module
    pieces = [w[x] for x in node.inputs]
    operands, _, out = spec.partition("->")
    one, _, two = operands.partition(",")
    if len(pieces) == 2 and len(one) == len({*one}) == len(two) == 2 and {*one} == {*two}:
        first = pieces[0].at(Bond.POWER)
        second = pieces[1].at(Bond.POWER) if one == two else _turned(pieces[1])
        if len(out) < 2:
            axis = f", {w.target.axis}={1 - one.index(out)}" if out else ""
            return Piece(f"{module}.sum({first} * {second}{axis})")
    inside = ", ".join([repr(spec), *(p.text for p in pieces)])
    return Piece(f"{module}.einsum({inside})")


def _matrix_function(w: Writer, node: Expr) -> Piece:
    """A function of a symmetric matrix by SciPy's name; the other libraries have none for all."""
    function = str(node.params["function"])
    known = function != "power" or node.params.get("exponent") == HALF
    if w.target.name != "numpy" or not known or len(node.inputs) > 1:
        return w.call(node)
    name = {"power": "sqrt"}.get(function, function)
    return Piece(f"scipy.linalg.{name}m({w[node.inputs[0]].text})")


OPERATORS: dict[str, Operator] = {
    "variable": _variable,
    "const": Writer.constant,
    "broadcast_to": Writer.broadcast,
    "identity_like": lambda w, node: w.eye(node.shape[-1]),
    "zeros_like": lambda w, node: Piece(f"{w.target.module}.zeros_like({w[node.inputs[0]].text})"),
    "add": _add,
    "subtract": _subtract,
    "negative": _negative,
    **dict.fromkeys(PRODUCTS, _multiply),
    "divide": _divide,
    "over_size": _over_size,
    "power": _power,
    "square": _power,
    "reciprocal": _power,
    "pow": _pow,
    "matmul": _matmul,
    "matrix_transpose": _transpose,
    "einsum": _einsum,
    "matrix_function": _matrix_function,
    **LAYOUT,
}
