"""Slices and single places as contractions with rows of the identity: x[1:] = S x.

What is read from a variable stays a factor of its own, x[1:]. What is read from anything else, and
what a derivative puts back in its place, is a product with a selection: some rows of an identity
matrix. A selection is an expression, `getitem` of the identity; lowering makes slices of it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from derivant.base.dims import Shape, Size
from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD
from derivant.rewriting.indexed import ONE, Atom, as_exact
from derivant.rewriting.triangles import as_product

Item: TypeAlias = Any  # a whole number or a size, or (start, count, step)
Key: TypeAlias = tuple[Any, ...]
WHOLE = ":"
MOVING = ("getitem", "place")
SUMMING = ("tril", "triu", "cumsum")
MOVED = frozenset((*MOVING, *SUMMING))
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMED_PARTS = ("part", "eigvalsh")  # whose entries have names: an eigenvalue, an eigenvector
SUMS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}
MOST_PUSHED = 12  # nodes between what is read and the variables that it is read from


def selection(size: Size, item: Item, dtype: np.dtype[np.generic]) -> Expr:
    """The rows of the identity that an item of a key reads: a matrix, or one row."""
    ones = RECORD.broadcast_to(as_expr(np.ones((), dtype)), shape=(size,))
    found: Expr = RECORD.getitem(RECORD.diag_embed(ones, offset=0), key=(item, WHOLE))
    return found


def selected(payload: Expr | None) -> tuple[Size, Item] | None:
    """The size of the axis that a selection reads, and what it reads; None for anything else."""
    if payload is None or payload.primitive.name != "getitem":
        return None
    of, key = payload.inputs[0], payload.params["key"]
    if of.primitive.name != "diag_embed" or of.inputs[0].primitive.name != "broadcast_to":
        return None
    if len(key) != 2 or key[1] != WHOLE or of.inputs[0].inputs[0].primitive.name != "const":
        return None
    return of.shape[0], key[0]


def is_named(x: Expr) -> bool:
    """Whether a reader knows an expression by a name: a variable, no symbol of ours."""
    return x.primitive.name == "variable" and not str(x.params["name"]).startswith(" ")


def spread(nodes: Sequence[Expr], root: Expr) -> Expr:
    """The expression with what moves entries as contractions, where it is not of a variable."""
    if MOVED.isdisjoint(node.primitive.name for node in nodes):
        return root
    made: dict[int, Expr] = {}
    for node in nodes:
        operands = tuple(made[id(x)] for x in node.inputs)
        found = None
        if node.primitive.name in SUMMING and not node.levels:
            found = as_product(node, operands[0])
        elif node.primitive.name in MOVING and not node.levels and selected(node) is None:
            found = _moved(node, operands[0])
        if found is None:
            same = all(new is old for new, old in zip(operands, node.inputs, strict=True))
            found = node if same else Expr.derivant_apply(node.primitive, operands, node.params)
        made[id(node)] = found
    return made[id(root)]


def _moved(node: Expr, x: Expr) -> Expr | None:
    """What a slice or its reverse is; None where it stays as it is."""
    back = node.primitive.name == "place"
    shape = node.params["shape"] if back else x.shape
    key = whole_key(node.params["key"], shape)
    choice = tuple(item for item in key if item is not None)
    if node.dtype.kind != "f" or all(item == WHOLE for item in choice):
        return None  # only axes of size 1 come and go
    ones = tuple(item if item is None else WHOLE for item in key if not _is_place(item))
    if back:
        if None in ones:
            kept = tuple(size for size, item in zip(x.shape, ones, strict=True) if item == WHOLE)
            x = RECORD.place(x, key=ones, shape=kept)
        return contracted(x, choice, shape, back=True)
    found = _read(x, choice)
    if None in ones:
        found = RECORD.getitem(RECORD.getitem(x, key=choice) if found is None else found, key=ones)
    return found


def _is_place(item: Item) -> bool:
    """Whether an item reads one place, so that its axis goes."""
    return item is not None and item != WHOLE and not isinstance(item, tuple)


def whole_key(key: Key, shape: Shape) -> Key:
    """The key with an item for each axis, whole axes as such."""
    lead = len(shape) - sum(item is not None for item in key)
    sizes, found = iter(shape[lead:]), [WHOLE] * lead
    for item in key:
        size = None if item is None else next(sizes)
        whole = isinstance(item, tuple) and item[:3] == (0, size, 1)
        found.append(WHOLE if whole else item)
    return tuple(found)


def _read(x: Expr, key: Key) -> Expr | None:
    """The entries at a key; None where a reader knows them as they are, x[1:]."""
    if is_named(x) or x.primitive.name == "const" or x.primitive.name in NAMED_PARTS:
        return None
    found = _pushed(x, key)
    return contracted(x, key, x.shape, back=False) if found is None else found


def contracted(x: Expr, key: Key, shape: Shape, back: bool) -> Expr:
    """A product with a selection for each axis that is not whole; `back` puts entries there."""
    letters = iter(LETTERS)
    inside, outside, names, operands = "", "", list[str](), [x]
    for item, size in zip(key, shape, strict=True):
        old = next(letters)
        outside += old
        if item == WHOLE:
            inside += old
            continue
        new = next(letters) if isinstance(item, tuple) else ""
        inside += new
        names.append(new + old)
        operands.append(selection(size, item, x.dtype))
    ends = (inside, outside) if back else (outside, inside)
    spec = ",".join((ends[0], *names)) + "->" + ends[1]
    found: Expr = RECORD.einsum(*operands, spec=spec)
    return found


def in_parts(payload: Expr) -> list[tuple[Fraction, Expr]] | None:
    """The selections that an expression is a sum of multiples of; None for anything else."""
    if not payload.shape:
        return None
    found: list[tuple[Fraction, Expr]] = []
    stack = [(ONE, payload)]
    while stack:
        number, node = stack.pop()
        row = node.primitive.name
        if selected(node) is not None:
            found.append((number, node))
        elif row in SUMS and len(found) + len(stack) < MOST_PUSHED:
            signs = zip(SUMS[row], node.inputs, strict=True)
            stack += reversed([(sign * number, x) for sign, x in signs])
        elif row == "multiply" and node.inputs[0].primitive.name == "const":
            factor = node.inputs[0].params["value"]
            exact = None if node.inputs[0].shape else as_exact(np.asarray(factor).item())
            if exact is None:
                return None
            stack.append((exact * number, node.inputs[1]))
        else:
            return None
    return found if len(found) > 1 else None


# Functions of variables, entry by entry: (x - y)[1:] = x[1:] - y[1:]


def _pushed(x: Expr, key: Key) -> Expr | None:
    """The same entries read from the variables inside; None where they are not so near."""
    cone = _cone(x)
    if cone is None:
        return None
    made: dict[int, Expr] = {}
    for node in cone:
        if not node.shape:
            made[id(node)] = node
        elif node.primitive.family == "elementwise":
            operands = tuple(made[id(y)] for y in node.inputs)
            made[id(node)] = Expr.derivant_apply(node.primitive, operands, node.params)
        elif node.primitive.name == "getitem":
            whole = whole_key(node.params["key"], node.inputs[0].shape)
            made[id(node)] = RECORD.getitem(node.inputs[0], key=_composed(whole, key))
        else:
            made[id(node)] = RECORD.getitem(node, key=key)
    return made[id(x)]


def _cone(x: Expr) -> list[Expr] | None:
    """What lies between an array and the variables that it is of entry by entry, inner first."""
    found: dict[int, Expr] = {}
    stack = [x]
    while stack:
        node = stack.pop()
        if id(node) in found:
            continue
        found[id(node)] = node
        if len(found) > MOST_PUSHED or node.shape not in (x.shape, ()):
            return None
        if not node.shape or is_named(node) or _is_slice(node):
            continue
        if node.primitive.family != "elementwise" or node.levels:
            return None
        stack += node.inputs
    return sorted(found.values(), key=lambda node: node.serial)


def _is_slice(node: Expr) -> bool:
    """Whether entries are those of a variable at slices and places, no axis new."""
    if node.primitive.name != "getitem" or not is_named(node.inputs[0]):
        return False
    return None not in node.params["key"]


def _composed(first: Key, second: Key) -> Key:
    """The key that reads at once what two keys read one after the other."""
    rest, found = iter(second), list[Item]()
    for item in first:
        if _is_place(item):
            found.append(item)
            continue
        after = next(rest)
        if item == WHOLE or after == WHOLE:
            found.append(after if item == WHOLE else item)
            continue
        start, _, step, *size = item
        if _is_place(after):
            found.append(start + after * step)
        else:
            found.append((start + after[0] * step, after[1], after[2] * step, *size))
    return tuple(found)


# Selections as slices again


def selected_by(atom: Atom) -> tuple[Size, Item]:
    """The size of the axis that a factor selects from, and what it reads."""
    found = selected(atom.payload)
    assert found is not None
    return found


def selections_of(atoms: Sequence[Atom], rank: int) -> list[Atom]:
    """The factors of a term that are slices of the others, or put them back in their places.

    Free letters are those below the rank. Those that stand beside another selection, or between
    two free letters, stay matrices.
    """
    found = [a for a in atoms if a.power == 1 and selected(a.payload) is not None]
    alone = []
    for a in found:
        letters = set(a.index)
        beside = any(letters & set(b.index) for b in found if b is not a)
        unit = any(letters & set(b.index) for b in atoms if b.payload is None)
        ends = a.index[-1] >= rank or all(c >= rank for c in a.index[:-1])
        if len(letters) == len(a.index) and ends and not beside and not unit:
            alone.append(a)
    return alone


def read_at(x: Expr, axis: int, item: Item) -> Expr:
    """The entries of one axis at an item."""
    key = tuple(item if k == axis else WHOLE for k in range(len(x.shape)))
    found: Expr = RECORD.getitem(x, key=key)
    return found


def placed_at(x: Expr, axis: int, item: Item, size: Size) -> Expr:
    """Entries of one axis, a new one for a single place, at an item of a longer axis of zeros."""
    shape = list(x.shape)
    if isinstance(item, tuple):
        shape[axis] = size
    else:
        shape.insert(axis, size)
    key = tuple(item if k == axis else WHOLE for k in range(len(shape)))
    found: Expr = RECORD.place(x, key=key, shape=tuple(shape))
    return found
