"""Arrays that are joined, as sums of their parts at their places; a part read again is itself.

concat([x, y]) is S'x + T'y with S and T the rows of an identity, and what a reverse sweep reads of
it at the places of x is x.
"""

from __future__ import annotations

from collections.abc import Iterator

from derivant.base.dims import Size
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting.placing import WHOLE, Key, contracted, whole_key

JOINS = ("concat", "stack")
MOST_NODES = 16  # between what is read and the array that was joined


def parted(expression: Expr) -> Expr:
    """The expression with joined arrays as sums of their parts."""
    nodes = ancestors([expression])
    if not any(node.primitive.name in JOINS for node in nodes):
        return expression
    made: dict[int, Expr] = {}
    for node in nodes:
        operands = tuple(made[id(x)] for x in node.inputs)
        found = _part(node, operands[0]) if node.primitive.name == "getitem" else None
        if found is None:
            same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
            found = node if same else Expr.derivant_apply(node.primitive, operands, node.params)
        made[id(node)] = found
    return _summed(made[id(expression)])


def _summed(expression: Expr) -> Expr:
    """The joined arrays that are left as sums."""
    made: dict[int, Expr] = {}
    for node in ancestors([expression]):
        operands = tuple(made[id(x)] for x in node.inputs)
        found: Expr | None = None
        if node.primitive.name in JOINS and not node.levels and node.dtype.kind == "f":
            for x, key in zip(operands, _keys(node), strict=True):
                part = contracted(x, key, node.shape, back=True)
                found = part if found is None else RECORD.add(found, part)
        if found is None:
            same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
            found = node if same else Expr.derivant_apply(node.primitive, operands, node.params)
        made[id(node)] = found
    return made[id(expression)]


def _keys(node: Expr) -> Iterator[Key]:
    """Where each operand stands."""
    at = node.params["axis"] % node.ndim
    start: Size = 0
    for k, x in enumerate(node.inputs):
        item: object = k
        if node.primitive.name == "concat":
            size, whole = x.shape[at], node.shape[at]
            item = (start, size, 1) if isinstance(whole, int) else (start, size, 1, whole)
            start = start + size
        yield tuple(item if axis == at else WHOLE for axis in range(node.ndim))


def _part(node: Expr, x: Expr) -> Expr | None:
    """What is read of functions of joined arrays, where it is the place of one operand."""
    if node.levels or None in node.params["key"]:
        return None
    key = whole_key(node.params["key"], x.shape)
    made: dict[int, Expr] = {}
    found, stack = dict[int, Expr](), [x]
    while stack:
        inner = stack.pop()
        if id(inner) in found or not inner.shape:
            continue
        found[id(inner)] = inner
        if inner.primitive.name in JOINS:
            continue
        if inner.primitive.family != "elementwise" and inner.primitive.name != "scale":
            found[id(inner)] = inner
            continue
        stack += inner.inputs
    cone = sorted(found.values(), key=lambda n: n.serial)
    joined = [n for n in cone if n.primitive.name in JOINS]
    if len(cone) > MOST_NODES or not joined or any(n.shape != x.shape for n in cone):
        return None
    for inner in cone:
        if inner.primitive.name in JOINS:
            keys = [_same(k, key) for k in _keys(inner)]
            if True not in keys:
                return None
            made[id(inner)] = inner.inputs[keys.index(True)]
        elif any(id(y) in made for y in inner.inputs):
            operands = tuple(made.get(id(y), y) for y in inner.inputs)
            made[id(inner)] = Expr.derivant_apply(inner.primitive, operands, inner.params)
        else:
            made[id(inner)] = RECORD.getitem(inner, key=key)
    return made[id(x)]


def _same(one: Key, two: Key) -> bool:
    """Whether two keys read the same places."""
    return all(
        a[:3] == b[:3] if isinstance(a, tuple) and isinstance(b, tuple) else a == b
        for a, b in zip(one, two, strict=True)
    )
