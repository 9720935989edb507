"""An expression changed in one place: what a slip of the pen does to a formula.

A slip in a claim is found from either side: an edit of the claim that makes it right, or an edit
of the derivative that makes it the claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derivant.base.dims import Shape
from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr
from derivant.carriers.trace import variables
from derivant.primitives import RECORD

Path = tuple[int, ...]
MOST_PLACES = 120
MOST_ADDENDS = 16
CLOSED = ("level",)  # families that are not looked into
FACTORS = (2.0, 0.5)
ONE = as_expr(1.0)
# Rows that are linear in each operand, so that a sum in one of them can be taken apart.
LINEAR = frozenset(
    ("matmul", "multiply", "einsum", "matrix_transpose", "permute_dims", "sum", "trace")
    + ("diagonal", "diag_embed", "over_size", "expand_dims", "negative", "outer", "kron", "dot")
)


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A changed expression: the kind of change, the part before it and after it."""

    kind: str
    whole: Expr
    old: Expr
    new: Expr | None = None


def edits(root: Expr) -> Iterator[Edit]:
    """The expression changed in one place, in each of the ways that are known."""
    for path, node in places(root):
        for kind, changed, old, new in _changes(node, path == () or not _is_turned(root, path)):
            whole = put(root, path, changed)
            if whole is not None and whole is not root:
                yield Edit(kind, whole, old, new)


def completed(root: Expr, source: Expr) -> Iterator[Edit]:
    """The expression with one part replaced by a sum: of it and 1, or one from another formula."""
    sums = [x for x in ancestors([source]) if x.primitive.name in ("add", "subtract")]
    for path, node in places(root):
        one = (RECORD.add(node, ONE), RECORD.subtract(node, ONE)) if variables(node) else ()
        for new in (*one, *sums):
            fits = new.shape == node.shape or node.shape == ()
            whole = put(root, path, new) if fits and new is not node else None
            if whole is not None:
                yield Edit("term", whole, node, new)


def places(root: Expr) -> list[tuple[Path, Expr]]:
    """The parts of an expression, each occurrence by its path from the top; outer ones first."""
    found: list[tuple[Path, Expr]] = [((), root)]
    for path, node in found:
        if len(found) >= MOST_PLACES:
            break
        if node.primitive.family not in CLOSED:
            parts = ((k, x) for k, x in enumerate(node.inputs) if x.primitive.outputs == 1)
            found += [((*path, k), x) for k, x in parts]
    return found


def put(root: Expr, path: Path, new: Expr) -> Expr | None:
    """The expression with another part at a place; None where it does not fit."""
    line = [root]
    for step in path[:-1]:
        line.append(line[-1].inputs[step])
    for node, step in zip(reversed(line), reversed(path), strict=False):
        inputs = (*node.inputs[:step], new, *node.inputs[step + 1 :])
        made = _applied(node, inputs)
        if made is None:
            return None
        new = made
    return new


def _applied(node: Expr, inputs: tuple[Expr, ...]) -> Expr | None:
    """The operation of a node on other operands, None where their shapes do not fit."""
    params = node.params
    if node.primitive.name == "reshape" and (len(inputs[0].shape), len(node.shape)) == (4, 2):
        a, b, c, d = inputs[0].shape  # a Kronecker product, whose sizes follow
        params = {"shape": (a * b, c * d)}
    try:
        made: Expr = Expr.derivant_apply(node.primitive, inputs, params)
    except DerivantError:
        return None
    return made


def _product(left: Expr, right: Expr) -> Expr | None:
    """The matrix product, None where the shapes do not fit."""
    try:
        made: Expr = RECORD.matmul(left, right)
    except DerivantError:
        return None
    return made


def _is_turned(root: Expr, path: Path) -> bool:
    """Whether what holds this place is a transpose, which is an edit of its own."""
    node = root
    for step in path[:-1]:
        node = node.inputs[step]
    return node.primitive.name == "matrix_transpose"


Change = tuple[str, Expr, Expr, Expr | None]


def _changes(node: Expr, upright: bool) -> Iterator[Change]:
    """What may become of one part: the kind, the new part, and what is named in words."""
    name = node.primitive.name
    if name in ("add", "subtract"):
        yield from _of_sum(node)
    if name == "negative":
        yield "sign", node.inputs[0], node.inputs[0], None
    if len(node.shape) == 2 and upright:
        turned = node.inputs[0] if name == "matrix_transpose" else RECORD.matrix_transpose(node)
        yield "transpose", turned, node, turned
    if name in ("multiply", "divide", "matmul", "over_size"):
        yield from _of_product(node)
    if name == "power":
        yield from _of_power(node)


def _of_sum(node: Expr) -> Iterator[Change]:
    a, b = node.inputs
    minus = node.primitive.name == "subtract"
    if a.shape == node.shape:
        yield "term", a, b, None
    if b.shape == node.shape:
        yield "term", -b if minus else b, a, None
    yield "sign", RECORD.add(a, b) if minus else RECORD.subtract(a, b), b, None
    yield "sign", -RECORD.add(a, b) if minus else RECORD.subtract(b, a), a, None
    join = RECORD.subtract if minus else RECORD.add
    for number in FACTORS:
        scale = as_expr(number)
        yield "factor", join(RECORD.multiply(scale, a), b), a, scale
        yield "factor", join(a, RECORD.multiply(scale, b)), b, scale


def _of_product(node: Expr) -> Iterator[Change]:
    name, inputs = node.primitive.name, node.inputs
    kept = inputs[:1] if name in ("divide", "over_size") else inputs
    for k, x in enumerate(kept):
        if x.shape == node.shape:
            yield "part", x, inputs[1 - k] if len(inputs) > 1 else node, None
    if name == "matmul":
        a, b = inputs
        if len(a.shape) == len(b.shape) == 2:
            turned = _product(b, a)
            if turned is not None:
                yield "order", turned, node, turned
        if a.shape == b.shape:
            yield "entries", RECORD.multiply(a, b), node, None
    if name == "multiply" and all(len(x.shape) == 2 for x in inputs):
        product = _product(*inputs)
        if product is not None:
            yield "matrices", product, node, None


def _of_power(node: Expr) -> Iterator[Change]:
    power = node.params["exponent"]
    for other in (power + 1, power - 1, -power):
        base = node.inputs[0]
        new = RECORD.power(base, exponent=other) if other != 1 else base
        yield "power", new, node, new


def addends(root: Expr) -> list[Expr]:
    """The terms of an expression when sums inside products are multiplied out, few at most."""
    done: list[Expr] = []
    queue = [root]
    while queue:
        if len(queue) + len(done) > MOST_ADDENDS:
            return [root]
        opened = _split(queue.pop(0))
        if len(opened) == 1:
            done += opened
        else:
            queue += opened
    return done


def _split(node: Expr) -> list[Expr]:
    """A part as two terms that add up to it, or itself."""
    for path, inner in _through_products(node):
        if inner.primitive.name not in ("add", "subtract"):
            continue
        a, b = (_widened(x, inner.shape) for x in inner.inputs)
        first = put(node, path, a)
        second = put(node, path, -b if inner.primitive.name == "subtract" else b)
        if first is not None and second is not None:
            return [first, second]
    return [node]


def _widened(term: Expr, shape: Shape) -> Expr:
    """A term in the shape of the sum that it is in."""
    wide: Expr = term if term.shape == shape else RECORD.broadcast_to(term, shape=shape)
    return wide


def _through_products(node: Expr) -> list[tuple[Path, Expr]]:
    """The places that are reached through operations that are linear in what is there."""
    found: list[tuple[Path, Expr]] = [((), node)]
    for path, part in found:
        if len(found) >= MOST_PLACES:
            break
        if part.primitive.name in LINEAR:
            found += [((*path, k), x) for k, x in enumerate(part.inputs)]
        elif part.primitive.name == "divide":
            found.append(((*path, 0), part.inputs[0]))
    return found
