"""Eigenvalues, roots and stacked matrices as functions of a formula: eigv, lam, sqrtm, hcat, vec.

These are several rows each; a reader knows them by one name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from derivant.base.dims import Dim
from derivant.carriers.expr import Expr
from derivant.notation.document import (
    Built,
    Call,
    Contraction,
    Node,
    Number,
    Product,
    Scaled,
    Sum,
    Turned,
)
from derivant.notation.words import sized

ONE_ROW = Turned(Call("ones", (Number(Fraction(1)),), 1), 1)
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
        last = place in (-1, source.shape[-1] - 1)  # that of the largest needs no place
        return Call("eigv", operands[0].arguments, 1, () if last else (place,))
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
    return Call("sqrtm", tuple(operands), 2) if same and len(operands) == 1 else None


def _beside(node: Expr, operands: Sequence[Node]) -> Node | None:
    """Two matrices side by side; a column of one is a vector."""
    if len(node.shape) != 2 or node.params.get("axis") != -1 or len(operands) != 2:
        return None
    last = operands[1]
    if isinstance(last, Product) and len(last.factors) == 2 and last.factors[1] == ONE_ROW:
        last = last.factors[0]
    return Call("hcat", (operands[0], last), 2)


def _stacked(node: Expr, operands: Sequence[Node]) -> Node | None:
    """vec(X) of a matrix, unvec(x, m, n) of a vector."""
    source, (whole,) = node.inputs[0], operands
    if len(source.shape) == 2 and len(node.shape) == 1:
        return Call("vec", (turned_node(whole),), 1)
    if len(source.shape) == 1 and len(node.shape) == 2:
        columns, rows = node.shape
        return Turned(Call("unvec", (whole, sized(rows), sized(columns)), 2), 2)
    if len(source.shape) == 4 and len(node.shape) == 2:
        return _kronecker(whole)
    return None


def _kronecker(whole: Node) -> Node | None:
    """kron(A, B) of an array A[i, k] B[j, l] whose axes i, j and k, l are joined."""
    numbers: tuple[Node, ...] = ()
    below: tuple[Node, ...] = ()
    body: Node | None = whole.array if isinstance(whole, Built) else whole
    if isinstance(body, Scaled):
        numbers, below, body = body.numbers, body.below, body.body
    if not isinstance(body, Contraction):
        return None
    inside, _, out = body.spec.partition("->")
    pieces = list(zip(inside.split(","), body.operands, strict=True))
    if len(out) != 4 or any(len(letters) != 2 for letters, _ in pieces):
        return None
    left = _path(pieces, out[0], out[2])
    right = _path(pieces, out[1], out[3])
    if left is None or right is None or len(left) + len(right) != len(pieces):
        return None
    factors = [f[0] if len(f) == 1 else Product(tuple(f), 2) for f in (left, right)]
    found = Call("kron", tuple(factors), 2)
    return Scaled(numbers, found, below, 2) if numbers or below else found


def _path(pieces: Sequence[tuple[str, Node]], start: str, stop: str) -> list[Node] | None:
    """The matrices that lead from one letter to another, transposed where they stand turned."""
    left, at, found = list(pieces), start, list[Node]()
    while at != stop:
        step = next((p for p in left if at in p[0]), None)
        if step is None:
            return None
        letters, node = step
        found.append(node if letters[0] == at else turned_node(node))
        at = letters[1] if letters[0] == at else letters[0]
        left.remove(step)
    return found


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


def _reshaped(node: Expr, operands: Sequence[Node]) -> Node:
    """Entries as a vector or a matrix of columns, else row by row in another shape."""
    found = _stacked(node, operands)
    if found is not None:
        return found
    sizes = tuple(map(sized, node.shape))
    return Call("reshape", (*operands, *sizes), len(node.shape))


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
    "reshape": _reshaped,
}
