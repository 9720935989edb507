"""How the results of a function are best computed: products from the cheap end, norms as norms.

Rewrites expressions into expressions of the same value. Knows nothing of any language.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from derivant.base.dims import Shape, Size, size_of
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD

NOMINAL = 100  # what a size with a name counts as, when the cost of a product is compared


def planned(results: Sequence[Expr]) -> list[Expr]:
    """The expressions with matrix products in their cheapest order; shared parts stay shared."""
    users = uses(results)
    made: dict[int, Expr] = {}
    inner = _inner_products(results, users)
    for node in ancestors(results):
        if id(node) not in inner:
            made[id(node)] = _rebuilt(node, users, made)
    return [made[id(node)] for node in results]


def uses(results: Sequence[Expr]) -> dict[int, int]:
    """How many nodes and results take each node."""
    count: dict[int, int] = {}
    for node in results:
        count[id(node)] = count.get(id(node), 0) + 1
    for node in ancestors(results):
        for x in node.inputs:
            count[id(x)] = count.get(id(x), 0) + 1
    return count


def _is_product(node: Expr) -> bool:
    plain = all(len(x.shape) in (1, 2) for x in node.inputs)
    return node.primitive.name == "matmul" and plain and not node.levels


def _is_turned(node: Expr) -> bool:
    return node.primitive.name == "matrix_transpose" and len(node.shape) == 2


def _below(node: Expr) -> Expr:
    """What a transpose is of."""
    while _is_turned(node):
        node = node.inputs[0]
    return node


def _inner_products(results: Sequence[Expr], users: dict[int, int]) -> set[int]:
    """The products and transposes that only a larger product needs."""
    found: set[int] = set()
    for node in reversed(ancestors(results)):
        if not _is_product(node):
            continue
        for x in node.inputs:
            while _is_turned(x) and users[id(x)] == 1 and _is_product(_below(x)):
                found.add(id(x))
                x = x.inputs[0]
            if _is_product(x) and users[id(x)] == 1:
                found.add(id(x))
    return found


def _rebuilt(node: Expr, users: dict[int, int], made: dict[int, Expr]) -> Expr:
    """A node on its new operands, in the best form that there is for it."""
    if _is_product(node):
        factors = [_taken(x, turned, made) for x, turned in _chain(node, users)]
        back = [_flipped(x) for x in reversed(factors)]
        if not node.shape and sum(map(_is_turned, back)) < sum(map(_is_turned, factors)):
            factors = back
        return _cheapest(factors)
    operands = tuple(made[id(x)] for x in node.inputs)
    if node.primitive.name == "matrix_transpose":
        alone = users[id(node.inputs[0])] == 1
        return _turned_round(operands[0]) if alone else _flipped(operands[0])
    better = BETTER.get(node.primitive.name)
    found = better(node, operands) if better is not None else None
    if found is not None:
        return found
    if all(new is old for new, old in zip(operands, node.inputs, strict=True)):
        return node
    return _on(node, operands)


def _on(node: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The row of a node on other operands."""
    if node.primitive.name == "part":
        return operands[0].parts()[node.params["index"]]
    again = Expr.derivant_apply(node.primitive, operands, node.params)
    found: Expr = again[0].inputs[0] if isinstance(again, tuple) else again
    return found


def _upright(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """Two matrices entry by entry, both turned round where that takes fewer transposes."""
    same = all(x.shape == node.shape for x in operands)
    if len(node.shape) != 2 or not same or sum(map(_flips, operands)) >= 0:
        return None
    return _flipped(_on(node, tuple(map(_turned_round, operands))))


def _permuted(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    return _flipped(operands[0]) if node.params["axes"] == (-1, -2) else None


def _multiplied(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    for pair in (operands, operands[::-1]):
        found = _spread(*pair)
        if found is not None:
            return found
    return _upright(node, operands)


def _cast(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """Code keeps the dtype that it is given: a cast from one kind of floats to another goes."""
    return operands[0] if node.dtype.kind == operands[0].dtype.kind == "f" else None


def _rooted(node: Expr, operands: tuple[Expr, ...]) -> Expr | None:
    """The root of a sum of squares is a norm, and the square of a norm such a sum."""
    exponent = Fraction(node.params.get("exponent", 0.5)).limit_denominator(2**20)
    if exponent == 2 and _is_norm(operands[0]):
        return _squares(operands[0].inputs[0])
    norm = _norm_of(operands[0]) if exponent.denominator == 2 else None
    if norm is None:
        return None
    power: Expr = RECORD.power(norm, exponent=int(2 * exponent))
    return norm if exponent == Fraction(1, 2) else power


def _spread(number: Expr, ones: Expr) -> Expr | None:
    """A number times an array of ones is the number along its axes; a 1 times anything goes."""
    if _is_one(number) and number.weak:
        return ones
    if number.shape or ones.primitive.name != "broadcast_to" or not _is_one(ones.inputs[0]):
        return None
    found: Expr = RECORD.broadcast_to(number, shape=ones.shape)
    return found


def _is_one(x: Expr) -> bool:
    return x.primitive.name == "const" and not x.shape and bool(x.params["value"] == 1)


def _norm_of(square: Expr) -> Expr | None:
    """The norm whose square an expression is: x'x, or the sum of all squares."""
    row = square.primitive.name
    if row == "matmul" and square.inputs[0] is square.inputs[1] and not square.shape:
        x = square.inputs[0]
    elif row == "sum" and not square.shape and _is_square(square.inputs[0]):
        x = square.inputs[0].inputs[0]
    else:
        return None
    axes = tuple(range(-len(x.shape), 0))
    found: Expr = RECORD.vector_norm(x, axis=axes, keepdims=False, ord=2.0)
    return found


def _is_norm(node: Expr) -> bool:
    if node.primitive.name != "vector_norm" or node.params["ord"] != 2.0:
        return False
    return not node.params["keepdims"] and len(node.params["axis"]) == len(node.inputs[0].shape)


def _squares(x: Expr) -> Expr:
    """The square of a norm: x'x, or the sum of all squares."""
    if len(x.shape) == 1:
        inner: Expr = RECORD.matmul(x, x)
        return inner
    axes = tuple(range(-len(x.shape), 0))
    total: Expr = RECORD.sum(RECORD.power(x, exponent=2), axis=axes, keepdims=False)
    return total


def _is_square(node: Expr) -> bool:
    row = node.primitive.name
    if row == "multiply":
        return node.inputs[0] is node.inputs[1]
    return row == "square" or (row == "power" and node.params["exponent"] == 2)


def _chain(root: Expr, users: dict[int, int]) -> list[tuple[Expr, bool]]:
    """The factors of a product from left to right, and which of them are transposed.

    A product that is a vector is read as a row where it stands first, as a column where it stands
    last.
    """
    found: list[tuple[Expr, bool]] = []
    stack: list[tuple[Expr, bool, bool]] = [(root, False, True)]
    while stack:
        node, turned, opens = stack.pop()
        if _is_turned(node) and (users[id(node)] == 1 or not _is_product(_below(node))):
            inside = users[id(node)] == 1 and users[id(node.inputs[0])] == 1
            stack.append((node.inputs[0], not turned, inside))
        elif _is_product(node) and opens:
            first, last = node.inputs[::-1] if turned else node.inputs
            stack.append((last, _stands(last, turned, row=False), users[id(last)] == 1))
            stack.append((first, _stands(first, turned, row=True), users[id(first)] == 1))
        else:
            found.append((node, turned))
    return found


def _stands(x: Expr, turned: bool, row: bool) -> bool:
    """Whether a factor is transposed; a product that is a vector by the end where it stands."""
    if len(x.shape) == 1 and _is_product(x):
        return (len(x.inputs[0].shape) == 1) != row
    return turned


def _taken(node: Expr, turned: bool, made: dict[int, Expr]) -> Expr:
    found = made[id(node)]
    return _flipped(found) if turned else found


def _flipped(x: Expr) -> Expr:
    """The transpose; of a vector itself."""
    if len(x.shape) < 2:
        return x
    flipped: Expr = x.inputs[0] if _is_turned(x) else RECORD.matrix_transpose(x)
    return flipped


def _flips(x: Expr) -> int:
    """How many more transposes are written where the transpose stands instead."""
    if _is_turned(x):
        return -1
    if _is_product(x) and all(len(y.shape) == 2 for y in x.inputs):
        return sum(-1 if _is_turned(y) else 1 for y in x.inputs)
    return 1


def _turned_round(x: Expr) -> Expr:
    """The transpose of a part that stands nowhere else: (A' B)' is B' A."""
    if _is_product(x) and len(x.shape) == 2 and any(map(_is_turned, x.inputs)):
        left, right = x.inputs
        product: Expr = RECORD.matmul(_flipped(right), _flipped(left))
        return product
    return _flipped(x)


def _times(left: Expr, right: Expr) -> Expr:
    """A product with few transposes: A' B' is (B A)', and x A' is A x."""
    back = _is_turned(right) and (_is_turned(left) or len(left.shape) == 1)
    product: Expr = (
        RECORD.matmul(_flipped(right), _flipped(left)) if back else RECORD.matmul(left, right)
    )
    return _flipped(product) if back else product


def _cheapest(factors: list[Expr]) -> Expr:
    """The product in the order of fewest multiplications; from the right where it is the same."""
    count = len(factors)
    best: dict[tuple[int, int], tuple[int, Expr]] = {
        (i, i + 1): (0, x) for i, x in enumerate(factors)
    }
    for width in range(2, count + 1):
        for start in range(count - width + 1):
            stop = start + width
            best[start, stop] = min(
                (_joined(best[start, k], best[k, stop]) for k in range(start + 1, stop)),
                key=lambda pair: pair[0],
            )
    return best[0, count][1]


def _joined(left: tuple[int, Expr], right: tuple[int, Expr]) -> tuple[int, Expr]:
    product = _times(left[1], right[1])
    work = _entries(product.shape) * _nominal(left[1].shape[-1])
    return left[0] + right[0] + work, product


def _entries(shape: Shape) -> int:
    total = 1
    for size in shape:
        total *= _nominal(size)
    return total


def _nominal(size: Size) -> int:
    if isinstance(size, int):
        return size
    return size_of(size, {name: NOMINAL for names, _ in size.terms for name in names})


BETTER: dict[str, Callable[[Expr, tuple[Expr, ...]], Expr | None]] = {
    **dict.fromkeys(("add", "subtract", "divide"), _upright),
    "multiply": _multiplied,
    "permute_dims": _permuted,
    "astype": _cast,
    "power": _rooted,
    "sqrt": _rooted,
}
