"""How a node reads as a contraction: letters of its operands and of its result.

The row's own reading comes first; what a row leaves open because an axis of size 1 is repeated, or
because it only moves axes of size 1, is read here. Knows nothing of sums or atoms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from derivant.base.dims import Shape
from derivant.carriers.expr import Expr

# `inside` is NaN outside the domain that a rule holds on; formulas are read on the domain.
SAME = ("bind", "positive", "inside")
MOVES_ONES = ("reshape", "expand_dims", "squeeze")
MOVES_PLACES = ("getitem", "place")
PRODUCTS = ("multiply", "scale", "strong")


class Reading(NamedTuple):
    """Letters of each operand and of the result; each is local to its reading.

    No operands: the result does not depend on them.
    """

    operands: tuple[Sequence[int], ...]
    output: Sequence[int]

    def only_moves(self, place: int, shape: Shape) -> bool:
        """Whether the entries of an operand of this shape are moved or repeated, and not summed."""
        letters = self.operands[place]
        if len(set(letters)) < len(letters) or len(set(self.output)) < len(self.output):
            return False
        return all(c in self.output or size == 1 for c, size in zip(letters, shape, strict=True))


def reading_of(node: Expr) -> Reading | None:
    """The reading of a node, None where it is no contraction of its operands."""
    name, shapes = node.primitive.name, [x.shape for x in node.inputs]
    if node.levels or not shapes or node.primitive.outputs > 1 or node.dtype.kind not in "fiu":
        return None
    if node.primitive.reading is not None:
        found = node.primitive.reading(*shapes, **node.params)
        if found is not None:
            return Reading(tuple([ord(c) for c in t] for t in found[0]), [ord(c) for c in found[1]])
    if name in SAME or (name == "astype" and node.dtype.kind == "f"):
        letters = range(len(node.shape))
        return Reading((letters,), letters)
    if name == "identity_like":
        lead = len(node.shape) - 2
        return Reading((), [*range(lead), lead, lead])
    if name in MOVES_ONES or (name in MOVES_PLACES and not _selects(node.params["key"])):
        return _ones_moved(shapes[0], node.shape)
    if name in PRODUCTS or name == "broadcast_to":
        return _broadcast(shapes, node.shape)
    if name == "sum":
        letters = range(len(shapes[0]))
        return Reading((letters,), _with_new(letters, node.params["axis"]))
    return _stacked(node) if name in ("matmul", "matrix_transpose") else None


def _selects(key: Sequence[object]) -> bool:
    """Whether an index takes part of an axis or arranges it anew, beyond axes of size 1."""
    return any(not (item is None or item == ":" or isinstance(item, int)) for item in key)


def _broadcast(shapes: Sequence[Shape], out: Shape) -> Reading:
    """Each operand stands at the last axes of the result; a repeated axis has its own letter."""
    fresh = count(len(out))
    return Reading(tuple(_aligned(s, out, fresh) for s in shapes), range(len(out)))


def _aligned(shape: Shape, out: Shape, fresh: Iterator[int]) -> list[int]:
    skip = len(out) - len(shape)
    return [skip + i if size == out[skip + i] else next(fresh) for i, size in enumerate(shape)]


def _ones_moved(old: Shape, new: Shape) -> Reading | None:
    """A reshape that adds or drops axes of size 1; None for any other."""
    if [s for s in old if s != 1] != [s for s in new if s != 1]:
        return None
    wide = iter([i for i, size in enumerate(new) if size != 1])
    fresh = count(len(new))
    return Reading(([next(fresh) if s == 1 else next(wide) for s in old],), range(len(new)))


def _with_new(letters: Sequence[int], axes: Sequence[int]) -> list[int]:
    """The letters, those of summed axes (kept with size 1) replaced by new ones."""
    rank = len(letters)
    return [rank + c if c - rank in axes else c for c in letters]


def _stacked(node: Expr) -> Reading:
    """Products and transposes of stacks of matrices, the leading axes broadcast."""
    if node.primitive.name == "matrix_transpose":
        letters = list(range(len(node.shape)))
        return Reading((letters[:-2] + [letters[-1], letters[-2]],), letters)
    x, y = (operand.shape for operand in node.inputs)
    rank = max(len(x), len(y)) - 2
    rows, inner, columns = rank, rank + 1, rank + 2
    fresh = count(rank + 3)
    lead = node.shape[:rank]
    left = [*_aligned(x[:-2], lead, fresh), rows, inner][-len(x) :]
    right = [*_aligned(y[:-2], lead, fresh), inner, columns] if len(y) > 1 else [inner]
    ends = [rows] * (len(x) > 1) + [columns] * (len(y) > 1)
    return Reading((left, right), [*range(rank), *ends])
