"""The derivative of where(c, a, b) with each factor in the branch that it belongs to.

A reverse sweep gives where(c, g, 0) times slopes that may be infinite where the branch is not
taken. A product with the slopes inside, where(c, g p, 0), says the same and is 0 there. What is
linear in a symbol for the cotangent keeps that symbol outside: g where(c, p, 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derivant.base.dims import Shape
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD

PRODUCTS = ("multiply", "scale", "strong")
SUMS = ("add", "subtract")
MOST_NARROWED = 16  # nodes of a branch that are looked through for the same choice
Change = Callable[[Expr], Expr]


def branched(expression: Expr, of: Expr) -> Expr:
    """The derivative of `of` with the choices of its rules around the products that they gate."""
    nodes = ancestors([expression])
    if not any(node.primitive.name == "where" for node in nodes):
        return expression
    return _Branches(of).walk(nodes)[id(expression)]


class _Branches:
    """One walk; `_free` are the choices that came from rules, `_carry` what has the cotangent."""

    def __init__(self, of: Expr) -> None:
        self._own = {id(node) for node in ancestors([of])}
        self._made: dict[int, Expr] = {}
        self._free: dict[int, Expr] = {}
        self._carry: dict[int, Expr] = {}

    def walk(self, nodes: Sequence[Expr]) -> dict[int, Expr]:
        """What each node has become."""
        for node in nodes:
            operands = [self._made[id(x)] for x in node.inputs]
            found = None if node.levels else self._rewritten(node, operands)
            if found is None:
                same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
                found = (
                    node
                    if same
                    else Expr.derivant_apply(node.primitive, tuple(operands), node.params)
                )
            self._made[id(node)] = found
            if _is_symbol(node) or any(map(self._carries, operands)):
                self._carry[id(found)] = found
        return self._made

    def _carries(self, x: Expr) -> bool:
        return id(x) in self._carry

    def _rewritten(self, node: Expr, operands: list[Expr]) -> Expr | None:
        name = node.primitive.name
        if id(node) in self._own:
            return None
        if name == "where":
            return self._choice(node, operands)
        if name in PRODUCTS:
            one, two = operands
            found = self._times(one, two, node)
            return self._times(two, one, node) if found is None else found
        if name == "divide":
            return self._pushed(operands[0], operands[1], lambda x: x / operands[1], node)
        if name == "negative":
            return self._pushed(operands[0], None, lambda x: -x, node)
        return self._joined(node, operands) if name in SUMS else None

    def _choice(self, node: Expr, operands: list[Expr]) -> Expr:
        """A choice with the same one inside it made; the cotangent outside."""
        condition, one, other = operands
        if not (self._carries(one) or self._carries(other)):
            return self._where(condition, one, other, node)
        parts = []
        if not _is_zero(one):
            parts.append(RECORD.multiply(one, self._where(condition, ONE, ZERO, node)))
        if not _is_zero(other):
            parts.append(RECORD.multiply(other, self._where(condition, ZERO, ONE, node)))
        whole: Expr = parts[0] if len(parts) == 1 else RECORD.add(parts[0], parts[1])
        return whole

    def _where(self, condition: Expr, one: Expr, other: Expr, node: Expr) -> Expr:
        """where(c, a, b) of the shape of a node, numbers as numbers."""
        one, other = _narrowed(one, condition, 1), _narrowed(other, condition, 2)
        slim = [_slim(x) for x in (one, other)]
        made: Expr = RECORD.where(condition, *slim)
        if made.shape != node.shape:
            made = RECORD.where(condition, RECORD.broadcast_to(one, shape=node.shape), other)
        if made.dtype != node.dtype or made.weak:
            cast: Expr = RECORD.astype(made, dtype=node.dtype)
            return cast
        self._free[id(made)] = made
        return made

    def _times(self, x: Expr, factor: Expr, node: Expr) -> Expr | None:
        """A choice times a factor, the factor in both branches."""
        return self._pushed(x, factor, lambda part: _product(part, factor), node)

    def _pushed(self, x: Expr, factor: Expr | None, change: Change, node: Expr) -> Expr | None:
        """A change of a choice made in each branch, or in the choice beside the cotangent."""
        if factor is not None and self._carries(factor):
            return None
        if factor is not None and x.shape and factor.shape not in ((), x.shape):
            return None
        if id(x) in self._free:
            condition, one, other = x.inputs
            parts = [part if _is_zero(part) else change(part) for part in (one, other)]
            return self._where(condition, parts[0], parts[1], node)
        if x.primitive.name == "multiply" and self._carries(x):
            seed, choice = x.inputs
            if id(choice) in self._free and choice.shape == x.shape:
                inner = self._pushed(choice, factor, change, node)
                return None if inner is None else RECORD.multiply(seed, inner)
        return None

    def _joined(self, node: Expr, operands: list[Expr]) -> Expr | None:
        """Choices by one condition added branch by branch."""
        left, right = operands
        if self._carries(left) and self._carries(right):
            return self._beside(node, left, right)
        if not all(id(x) in self._free and x.shape == node.shape for x in operands):
            return None
        if left.inputs[0] is not right.inputs[0]:
            return None
        row = RECORD.add if node.primitive.name == "add" else RECORD.subtract
        sums = [
            a if _is_zero(b) else b if _is_zero(a) and row is RECORD.add else row(a, b)
            for a, b in zip(left.inputs[1:], right.inputs[1:], strict=True)
        ]
        return self._where(left.inputs[0], sums[0], sums[1], node)

    def _beside(self, node: Expr, left: Expr, right: Expr) -> Expr | None:
        """g where(c, a, 0) + g where(c, 0, b) with the choices added."""
        if not all(
            x.primitive.name == "multiply" and id(x.inputs[1]) in self._free for x in (left, right)
        ):
            return None
        if left.inputs[0] is not right.inputs[0] or left.shape != right.shape:
            return None
        inner = self._joined(node, [left.inputs[1], right.inputs[1]])
        return None if inner is None else RECORD.multiply(left.inputs[0], inner)


ONE, ZERO = as_expr(1.0), as_expr(0.0)


def widened(node: Expr, operands: Sequence[Expr]) -> tuple[Expr, ...]:
    """The operands of a choice or a comparison in its shape, numbers as they are."""
    return tuple(_wide(x, node.shape) for x in operands)


def _wide(x: Expr, shape: Shape) -> Expr:
    if x.shape in ((), shape):
        return x
    if x.dtype.kind == "b" and x.inputs:
        inner = tuple(_wide(y, shape) for y in x.inputs)
        made: Expr = Expr.derivant_apply(x.primitive, inner, x.params)
        return made
    found: Expr = RECORD.broadcast_to(x, shape=shape)
    return found


def _is_symbol(node: Expr) -> bool:
    """Whether a node is a symbol for a cotangent, whose name no reader could write."""
    return node.primitive.name == "variable" and str(node.params["name"]).startswith(" ")


def _slim(x: Expr) -> Expr:
    """An array of one number as that number."""
    while x.primitive.name == "broadcast_to" and not x.inputs[0].shape:
        x = x.inputs[0]
    return x


def _is_zero(x: Expr) -> bool:
    x = _slim(x)
    return x.primitive.name == "const" and not x.shape and bool(x.params["value"] == 0)


def _product(x: Expr, factor: Expr) -> Expr:
    number = _slim(x)
    is_one = number.primitive.name == "const" and not number.shape and number.params["value"] == 1
    found: Expr = factor if is_one else RECORD.multiply(x, factor)
    return found


def _narrowed(x: Expr, condition: Expr, branch: int) -> Expr:
    """A branch in which the same choice, made entry by entry, is that branch of it."""
    made: dict[int, Expr] = {}
    cone = _cone(x, condition)
    for node in cone:
        if node.primitive.name == "where" and node.inputs[0] is condition:
            chosen = node.inputs[branch]
            wide = chosen.shape == node.shape
            made[id(node)] = chosen if wide else RECORD.broadcast_to(chosen, shape=node.shape)
            continue
        operands = tuple(made.get(id(y), y) for y in node.inputs)
        same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
        made[id(node)] = (
            node if same else Expr.derivant_apply(node.primitive, operands, node.params)
        )
    return made.get(id(x), x)


def _cone(x: Expr, condition: Expr) -> list[Expr]:
    """What a branch is of entry by entry, down to choices by the condition; inner first."""
    found: dict[int, Expr] = {}
    stack = [x]
    while stack and len(found) < MOST_NARROWED:
        node = stack.pop()
        if id(node) in found or node.shape != x.shape:
            continue
        gate = node.primitive.name == "where"
        if gate and node.inputs[0] is condition:
            found[id(node)] = node
        elif gate or node.primitive.family == "elementwise" or node.primitive.name in PRODUCTS:
            found[id(node)] = node
            stack += node.inputs
    return [] if stack else sorted(found.values(), key=lambda node: node.serial)
