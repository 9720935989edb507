"""Kronecker products opened: an axis that is several axes in one is these again.

kron(A, B) has rows (i, k) and columns (j, l): A[i, j] B[k, l] with axes joined by a reshape. A
product with it is a product with its factors when what it meets is given the same axes, and then
it can be differentiated by A: b' kron(A, B) c is sum_ij A_ij (M B N')_ij, with M and N the entries
of b and c as matrices. After Graham, Kronecker Products and Matrix Calculus (1981), chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from derivant.base.dims import Shape, Size, total
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting.readings import Reading, reading_of

Groups: TypeAlias = tuple[Shape, ...]  # the axes that each axis is made of
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KRON_AXES = 4
KRON_SPEC = "AB,CD->ACBD"


def opened(expression: Expr, wrt: Expr) -> Expr:
    """The expression with the Kronecker products that depend on a variable opened."""
    nodes = ancestors([expression])
    if not any(_groups(node) and len(node.inputs[0].shape) == KRON_AXES for node in nodes):
        return expression
    depends = {id(wrt)}
    for node in nodes:
        if any(id(x) in depends for x in node.inputs):
            depends.add(id(node))
    kron = [node for node in nodes if id(node) in depends and _groups(node) and node.ndim == 2]
    return _Opening(kron).walk(nodes, expression) if kron else expression


def _groups(node: Expr) -> Groups | None:
    """Which axes of its operand each axis of a reshape joins; None for any other node."""
    if node.primitive.name != "reshape" or node.levels:
        return None
    rest, found = list(node.inputs[0].shape), list[Shape]()
    for size in node.shape:
        group: list[Size] = []
        while rest and (not group or total(group) != size):
            group.append(rest.pop(0))
        if total(group) != size:
            return None
        found.append(tuple(group))
    return tuple(found) if not rest and len(found) < len(node.inputs[0].shape) else None


class _Opening:
    """One walk; `_wide` holds the array with all axes, and their groups, of what was joined."""

    def __init__(self, roots: Sequence[Expr]) -> None:
        self._roots = {id(node) for node in roots}
        self._wide: dict[int, tuple[Expr, Expr, Groups]] = {}

    def walk(self, nodes: Sequence[Expr], root: Expr) -> Expr:
        """What the root becomes."""
        made: dict[int, Expr] = {}
        for place in nodes:
            node = _at_once(place)
            operands = [made[id(x)] for x in node.inputs]
            found = self._opened(node, operands)
            if found is None:
                same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
                row, params = node.primitive, node.params
                found = node if same else Expr.derivant_apply(row, tuple(operands), params)
            if id(node) in self._roots:
                groups = _groups(found)
                if groups is not None:
                    self._wide[id(found)] = found, found.inputs[0], groups
            made[id(place)] = found
        return made[id(root)]

    def _opened(self, node: Expr, operands: Sequence[Expr]) -> Expr | None:
        """A node on operands with all their axes; None where none of them was joined."""
        if node.levels or not any(id(x) in self._wide for x in operands):
            return None
        reading = reading_of(node)
        if reading is not None and reading.operands:
            return self._product(node, operands, reading)
        entrywise = node.primitive.family == "elementwise"
        return self._entries(node, operands) if entrywise else None

    def _entries(self, node: Expr, operands: Sequence[Expr]) -> Expr | None:
        """A function of entries: all operands in the shape with all axes."""
        groups = next(self._wide[id(x)][2] for x in operands if id(x) in self._wide)
        if any(x.shape not in ((), node.shape) for x in operands):
            return None
        if any(self._wide.get(id(x), (x, x, groups))[2] != groups for x in operands):
            return None
        parts = [x if not x.shape else self._split(x, groups) for x in operands]
        return self._joined(
            Expr.derivant_apply(node.primitive, tuple(parts), node.params), groups, node
        )

    def _product(self, node: Expr, operands: Sequence[Expr], reading: Reading) -> Expr | None:
        """A contraction: each letter that stands for several axes becomes that many letters."""
        axes: dict[int, Shape] = {}
        for x, letters in zip(operands, reading.operands, strict=True):
            known = self._wide.get(id(x))
            for c, size, group in zip(
                letters, x.shape, known[2] if known else x.shape, strict=True
            ):
                new = group if known else (size,)
                if len(axes.setdefault(c, new)) == 1:
                    axes[c] = new
                elif len(new) > 1 and new != axes[c]:
                    return None
        if any(c not in axes for c in reading.output):
            return None
        names, spare = dict[int, str](), iter(LETTERS)
        for c, group in axes.items():
            names[c] = "".join(next(spare) for _ in group)
        parts, terms = list[Expr](), list[str]()
        for x, letters in zip(operands, reading.operands, strict=True):
            groups = tuple(axes[c] if x.shape[k] != 1 else (1,) for k, c in enumerate(letters))
            if any(len(g) != len(names[c]) for g, c in zip(groups, letters, strict=True)):
                return None
            parts.append(self._split(x, groups))
            terms.append("".join(names[c] for c in letters))
        spec = ",".join(terms) + "->" + "".join(names[c] for c in reading.output)
        return self._joined(
            RECORD.einsum(*parts, spec=spec), tuple(axes[c] for c in reading.output), node
        )

    def _split(self, x: Expr, groups: Groups) -> Expr:
        """An operand with all its axes."""
        known = self._wide.get(id(x))
        if known is not None and known[2] == groups:
            return known[1]
        shape = tuple(size for group in groups for size in group)
        found: Expr = x if shape == x.shape else RECORD.reshape(x, shape=shape)
        return found

    def _joined(self, wide: Expr, groups: Groups, node: Expr) -> Expr:
        """The array with its axes joined, which remembers that they were."""
        if wide.shape == node.shape:
            return wide
        found: Expr = RECORD.reshape(wide, shape=node.shape)
        self._wide[id(found)] = found, wide, groups
        return found


def _at_once(node: Expr) -> Expr:
    """The trace of a product as one sum, so that both of its axes are split alike."""
    if node.primitive.name != "trace" or node.params["offset"]:
        return node
    (x,) = node.inputs
    if x.primitive.name != "matmul" or any(y.ndim != 2 for y in x.inputs):
        return node
    found: Expr = RECORD.einsum(*x.inputs, spec="ab,ba->")
    return found


# Functions of a Kronecker product


def factors_of(x: Expr) -> tuple[Expr, Expr] | None:
    """A and B of square matrices in kron(A, B); None for anything else."""
    if x.primitive.name != "reshape" or len(x.shape) != 2:
        return None
    product = x.inputs[0]
    if product.primitive.name != "einsum" or product.params["spec"] != KRON_SPEC:
        return None
    one, two = product.inputs
    square = all(y.shape[0] == y.shape[1] for y in (one, two))
    return (one, two) if square and x.shape[0] == one.shape[0] * two.shape[0] else None


def kron(one: Expr, two: Expr) -> Expr:
    """The Kronecker product of two matrices."""
    wide = RECORD.einsum(one, two, spec=KRON_SPEC)
    shape = tuple(p * q for p, q in zip(one.shape, two.shape, strict=True))
    found: Expr = RECORD.reshape(wide, shape=shape)
    return found
