"""Eigenvalues, roots and stacked matrices as functions of a formula: eigv, lam, sqrtm, hcat, vec.

These are several rows each; a reader knows them by one name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derivant.base.dims import Dim
from derivant.carriers.expr import Expr
from derivant.notation.document import Call, Node, Product, Scaled, Sum, Turned
from derivant.notation.words import sized

Naming = Callable[[Expr, Sequence[Node]], Node | None]


def turned_node(node: Node) -> Node:
    """The transpose of a part; of a transpose the part itself."""
    return node.of if isinstance(node, Turned) else Turned(node, node.rank)


def _place(key: object, size: object) -> int | None:
    """A whole number as an index: from the end where the size has a name."""
    if isinstance(key, int):
        return key
    behind = key - size if isinstance(key, Dim) and isinstance(size, Dim) else None
    return behind if isinstance(behind, int) and behind < 0 else None


def _picked(node: Expr, operands: Sequence[Node]) -> Node | None:
    """An eigenvalue or an eigenvector by its place in ascending order."""
    source, key = node.inputs[0], node.params.get("key")
    if not isinstance(key, tuple) or not isinstance(operands[0], Call) or len(node.inputs) > 1:
        return None
    place = _place(key[-1], source.shape[-1])
    if place is None:
        return None
    if source.primitive.name == "eigvalsh" and len(source.shape) == 1:
        return Call("lam", operands[0].arguments, 0, (place,))
    if operands[0].name == "eigenvectors" and len(node.shape) == 1 and key[0] == ":":
        return Call("eigv", operands[0].arguments, 1, (place,))
    return None


def _part(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The matrix of eigenvectors: a name that is only ever shown within another."""
    if node.inputs[0].primitive.name != "eigh" or node.params.get("index") != 1:
        return None
    (whole,) = operands
    return Call("eigenvectors", whole.arguments, 2) if isinstance(whole, Call) else None


def _top(node: Expr, operands: Sequence[Node]) -> Node | None:
    (whole,) = operands
    if not isinstance(whole, Call) or whole.name != "eigenvectors" or len(node.shape) != 2:
        return None
    return Call("eigvecs", (*whole.arguments, sized(node.params["count"])), 2)


def _root(node: Expr, operands: Sequence[Node]) -> Node | None:
    same = node.params.get("function") == "power" and node.params.get("exponent") == 0.5
    return Call("sqrtm", tuple(operands), 2) if same else None


def _beside(node: Expr, operands: Sequence[Node]) -> Node | None:
    """Two matrices side by side; a column of one is a vector."""
    if len(node.shape) != 2 or node.params.get("axis") != -1 or len(operands) != 2:
        return None
    last = operands[1]
    if isinstance(last, Call) and last.name == "column":
        last = last.arguments[0]
    return Call("hcat", (operands[0], last), 2)


def _stacked(node: Expr, operands: Sequence[Node]) -> Node | None:
    """vec(X) of a matrix, unvec(x, m, n) of a vector."""
    source, (whole,) = node.inputs[0], operands
    if len(source.shape) == 2 and len(node.shape) == 1:
        return Call("vec", (turned_node(whole),), 1)
    if len(source.shape) == 1 and len(node.shape) == 2:
        columns, rows = node.shape
        return Turned(Call("unvec", (whole, sized(rows), sized(columns)), 2), 2)
    return None


def _product(node: Expr, operands: Sequence[Node]) -> Node | None:
    """The operand of a function that was not brought into normal form."""
    factors: tuple[Node, ...] = ()
    for x, part in zip(node.inputs, operands, strict=True):
        if len(x.shape) != 2:
            return None
        factors += part.factors if isinstance(part, Product) else (part,)
    return Product(factors, 2)


def _signed(*signs: int) -> Naming:
    def named(node: Expr, operands: Sequence[Node]) -> Node | None:
        if any(x.shape != node.shape for x in node.inputs):
            return None
        return Sum(tuple(zip(signs, operands, strict=True)), len(node.shape))

    return named


def _multiple(node: Expr, operands: Sequence[Node]) -> Node | None:
    first, second = node.inputs
    if first.shape and second.shape:
        return None
    number, body = operands if not first.shape else operands[::-1]
    return Scaled((number,), body, (), len(node.shape)) if body.rank else None


def _share(node: Expr, operands: Sequence[Node]) -> Node | None:
    if node.inputs[1].shape or not node.shape:
        return None
    return Scaled((), operands[0], (operands[1],), len(node.shape))


SPECTRAL: dict[str, Naming] = {
    "matmul": _product,
    "matrix_transpose": lambda node, operands: turned_node(operands[0]),
    "add": _signed(1, 1),
    "subtract": _signed(1, -1),
    "negative": _signed(-1),
    "multiply": _multiple,
    "divide": _share,
    "getitem": _picked,
    "part": _part,
    "top_values": _top,
    "matrix_function": _root,
    "concat": _beside,
    "reshape": _stacked,
}
