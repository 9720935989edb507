"""Rows that move, cast and bound entries, and a few of matrices, as Python writes them."""

from __future__ import annotations

from derivant.base.dims import Size
from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.notation.code_moves import MOVES
from derivant.notation.code_write import Bond, Operator, Piece, Writer


def _expand(w: Writer, node: Expr) -> Piece:
    inner = node.inputs[0]
    if not inner.shape:
        return Piece(f"{w.target.module}.reshape({w[inner].text}, {(1,) * len(node.shape)})")
    new = {a % len(node.shape) for a in node.params["axis"]}
    keys = ["None" if i in new else ":" for i in range(len(node.shape))]
    return Piece(f"{w[inner].at(Bond.TIGHT)}[{', '.join(keys)}]")


def _reshape(w: Writer, node: Expr) -> Piece:
    """Entries in another shape; a product of all entries of two arrays so shaped is kron."""
    if _is_kron(node) and w.target.name != "torch":  # whose kron takes no transposed operand
        one, two = (w[x].text for x in node.inputs[0].inputs)
        return Piece(f"{w.target.module}.kron({one}, {two})")
    shape = w.shape(node.params["shape"])
    return Piece(f"{w.target.module}.reshape({w[node.inputs[0]].text}, {shape})")


def _is_kron(node: Expr) -> bool:
    """Whether axes i, j of one array and k, l of another stand as (i k), (j l)."""
    product = node.inputs[0]
    if product.primitive.name != "einsum" or len(product.inputs) != 2:
        return False
    one, two = product.inputs
    left, right = product.params["spec"].partition("->")[0].split(",")
    pairs = "".join(map("".join, zip(left, right, strict=False)))
    sizes = tuple(a * b for a, b in zip(one.shape, two.shape, strict=False))
    same = len(left) == len(right) == len(set(left)) and len(set(pairs)) == len(pairs)
    return same and product.params["spec"].endswith(f"->{pairs}") and node.shape == sizes


def _sum(w: Writer, node: Expr) -> Piece:
    """The sum of all squares of a vector is r @ r."""
    inner = node.inputs[0]
    square = inner.primitive.name == "square" or (
        inner.primitive.name == "power" and inner.params["exponent"] == 2
    )
    if square and not node.shape and len(inner.shape) == 1 and not w[inner].text.isidentifier():
        base = w[inner.inputs[0]]
        if base.text.isidentifier():
            return Piece(f"{base.text} @ {base.text}", Bond.PRODUCT)
    return w.call(node)


def _diag_embed(w: Writer, node: Expr) -> Piece:
    """A vector on a diagonal; of more axes, along the last two."""
    inner = node.inputs[0]
    if node.params["offset"]:
        return w.call(node)
    same = inner.primitive.name == "broadcast_to" and not inner.inputs[0].shape
    if len(inner.shape) == 1:
        return _times_unit(w, w[inner.inputs[0]], inner.shape[0]) if same else w.call(node)
    unit = w.eye(inner.shape[-1]).text
    return Piece(f"{w[inner].at(Bond.TIGHT)}[..., None] * {unit}", Bond.PRODUCT)


def _times_unit(w: Writer, number: Piece, size: Size) -> Piece:
    if number.text == "1":
        return w.eye(size)
    return Piece(f"{number.at(Bond.POWER)} * {w.eye(size).text}", Bond.PRODUCT)


def _trace(w: Writer, node: Expr) -> Piece:
    if len(node.inputs[0].shape) == 2 or node.params["offset"]:
        return w.call(node)
    return Piece(f"{w.target.module}.einsum('...ii->...', {w[node.inputs[0]].text})")


def _diagonal(w: Writer, node: Expr) -> Piece:
    if len(node.inputs[0].shape) == 2 or node.params["offset"]:
        return w.call(node)
    letters = "abcdefgh"[: len(node.shape)]
    spec = f"{letters}{letters[-1]}->{letters}"
    return Piece(f"{w.target.module}.einsum({spec!r}, {w[node.inputs[0]].text})")


def _cast(w: Writer, node: Expr) -> Piece:
    """From a condition or whole numbers to the numbers that the arrays have."""
    inner = w[node.inputs[0]]
    if inner.number or node.inputs[0].dtype.kind == node.dtype.kind:
        return inner
    if node.dtype.kind != "f":
        raise DerivantError(f"a cast to {node.dtype} has no code")
    kind = w.dtype().removeprefix(", dtype=").partition(",")[0] or "float"
    method = "to" if w.target.module == "torch" else "astype"
    return Piece(f"{inner.at(Bond.TIGHT)}.{method}({kind})")


def _norm(w: Writer, node: Expr) -> Piece:
    x, order = node.inputs[0], node.params["ord"]
    if len(node.params["axis"]) != len(x.shape) or node.params["keepdims"]:
        return w.call(node)
    module = w.target.module
    if order == 1.0:
        return Piece(f"{module}.sum({module}.abs({w[x].text}))")
    if order != 2.0 or len(x.shape) > 2:
        return w.call(node)
    return Piece(f"{module}.linalg.norm({w[x].text})")


def _part(w: Writer, node: Expr) -> Piece:
    return Piece(f"{w[node.inputs[0]].text}[{node.params['index']}]")


def _concat(w: Writer, node: Expr) -> Piece:
    word = "concatenate" if w.target.module != "torch" else "cat"
    inside = ", ".join(w[x].text for x in node.inputs)
    axis = node.params["axis"] % len(node.shape)
    return Piece(f"{w.target.module}.{word}([{inside}], {w.target.axis}={axis})")


def _bounded(w: Writer, node: Expr) -> Piece:
    """PyTorch's maximum takes no number; clamp does."""
    pieces = [w.operand(x, node) for x in node.inputs]
    numbers = [p for p in pieces if p.number]
    if w.target.module != "torch" or len(numbers) != 1:
        word = "maximum" if node.primitive.name in ("maximum", "clip_low") else "minimum"
        return Piece(f"{w.target.module}.{word}({pieces[0].text}, {pieces[1].text})")
    word = "min" if node.primitive.name in ("maximum", "clip_low") else "max"
    other = next(p for p in pieces if not p.number)
    return Piece(f"torch.clamp({other.text}, {word}={numbers[0].text})")


def _unchanged(w: Writer, node: Expr) -> Piece:
    return w[node.inputs[0]]


def _triangle(w: Writer, node: Expr) -> Piece:
    k = f", {node.params['k']}" if node.params["k"] else ""
    return Piece(f"{w.target.module}.{node.primitive.name}({w[node.inputs[0]].text}{k})")


def _running_sum(w: Writer, node: Expr) -> Piece:
    """A running sum; one from the end is that of the axis turned round, turned back."""
    axis = node.params["axis"] % len(node.shape)
    m, word = w.target.module, w.target.axis
    if not node.params["reverse"]:
        return Piece(f"{m}.cumsum({w[node.inputs[0]].text}, {word}={axis})")
    last = f"({axis},)" if m == "torch" else str(axis)
    inner = f"{m}.flip({w[node.inputs[0]].text}, {last})"
    return Piece(f"{m}.flip({m}.cumsum({inner}, {word}={axis}), {last})")


def _where(w: Writer, node: Expr) -> Piece:
    """A choice; one between two numbers is made of numbers as the arrays have them."""
    condition, one, other = (w[x] for x in node.inputs)
    if one.number and other.number:
        one = w.filled(one, (), node)
    return Piece(f"{w.target.module}.where({condition.text}, {one.text}, {other.text})")


def _cofactor(w: Writer, node: Expr) -> Piece:
    """The cofactors by the singular values, which a singular matrix has too.

    With X = U diag(s) V': det(U V') U diag(prod of the other s) V'.
    """
    x = node.inputs[0]
    if len(node.inputs) != 1 or len(x.shape) != 2:
        return w.call(node)
    m, axis = w.target.module, w.target.axis
    usv = w.kept("usv", f"{m}.linalg.svd({w[x].text})")
    others = f"{m}.where({w.eye(x.shape[0]).text} == 1, 1.0, {usv}[1])"
    scaled = f"({usv}[0] * {m}.prod({others}, {axis}=1)) @ {usv}[2]"
    return Piece(f"{m}.linalg.det({usv}[0] @ {usv}[2]) * ({scaled})", Bond.PRODUCT)


LAYOUT: dict[str, Operator] = {
    "positive": _unchanged,
    "stop_gradient": _unchanged,
    "expand_dims": _expand,
    "reshape": _reshape,
    "sum": _sum,
    "diag_embed": _diag_embed,
    "diagonal": _diagonal,
    "trace": _trace,
    "astype": _cast,
    "vector_norm": _norm,
    "part": _part,
    **MOVES,
    "concat": _concat,
    "where": _where,
    "cumsum": _running_sum,
    **dict.fromkeys(("tril", "triu"), _triangle),
    "cofactor": _cofactor,
    **dict.fromkeys(("maximum", "minimum", "clip_low", "clip_high"), _bounded),
}
