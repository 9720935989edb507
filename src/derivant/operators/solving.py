"""Systems with a structured Jacobian, in blocks as small as the structure allows.

An axis of the output that is one of the input in every term makes the map block diagonal; where
no factor carries it, all blocks are one. A single term of parts that share no letter is a
Kronecker product, solved part by part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

import numpy as np

from derivant.base.errors import LinAlgError
from derivant.operators.assembly import assembled
from derivant.operators.cores import components, core
from derivant.operators.products import Numbers, Parts, Sizes
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.linear_form import Letters, LinearTerm

MOST_BYTES = 1 << 31  # of all blocks together


@dataclass(frozen=True, slots=True)
class Block:
    """Square matrices in stacks: letters that stack them, of the rows, of the columns."""

    stack: Letters
    rows: Letters
    cols: Letters
    matrix: Numbers  # (*stack, rows, cols)

    def solved(self, b: Numbers) -> Numbers:
        """The solution for right sides (*stack, rows, any)."""
        if not self.rows:
            values = self.matrix.reshape(*self.matrix.shape[:-2], 1, 1)
            if not values.all():
                raise LinAlgError("solve: the Jacobian is singular: its diagonal has a zero")
            return b / values
        try:
            return np.linalg.solve(self.matrix, b)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(
                f"solve: a block of {self.matrix.shape[-1]} rows of the Jacobian is singular"
            ) from error


def blocks(
    terms: Sequence[LinearTerm], parts: Parts, sizes: Sizes, dtype: np.dtype[np.generic]
) -> tuple[LinearTerm, list[Block], Sizes]:
    """A term that names rows and columns, the blocks that stand on its letters, and their sizes.

    Raises UnstructuredError where no blocks of a moderate size are known to be square.
    """
    if not terms:
        raise LinAlgError("the Jacobian is singular: it is 0 everywhere")
    if len(terms) == 1:
        return terms[0], _kronecker(terms[0], parts, sizes), sizes
    layout, aligned, sizes = _aligned(terms, sizes)
    shared = tuple(c for c in layout.rows if c in layout.cols)
    carried = {c for t in aligned for f in t.factors for c in f.index}
    stack = tuple(c for c in shared if c in carried)
    rows = tuple(c for c in layout.rows if c not in shared)
    cols = tuple(c for c in layout.cols if c not in shared)
    wide, tall = prod(sizes[c] for c in cols), prod(sizes[c] for c in rows)
    depth = tuple(sizes[c] for c in stack)
    if wide != tall or prod(depth) * wide * tall * dtype.itemsize > MOST_BYTES:
        raise UnstructuredError("no square blocks of a moderate size")
    reduced = [_reduced(t, layout, stack) for t in aligned]
    shape = tuple(sizes[c] for c in (*stack, *rows, *cols))
    array = assembled(reduced, parts, sizes, shape, dtype, {})
    return layout, [Block(stack, rows, cols, array.reshape(*depth, tall, wide))], sizes


def _aligned(
    terms: Sequence[LinearTerm], sizes: Sizes
) -> tuple[LinearTerm, list[LinearTerm], Sizes]:
    """Letters for all axes, one where output and input share it in all terms; the terms with these.

    Axes that are not shared keep letters of each term's own.
    """
    first = terms[0]
    shared = {
        a: b
        for a in range(len(first.rows))
        for b in range(len(first.cols))
        if all(_alone(t, a, b) for t in terms)
    }
    back = {b: a for a, b in shared.items()}
    rank = len(first.rows)
    rows = tuple(range(rank))
    cols = tuple(back.get(b, rank + b) for b in range(len(first.cols)))
    known = dict(zip((*rows, *cols), (sizes[c] for c in (*first.rows, *first.cols)), strict=True))
    fresh = count(rank + len(cols))
    found = []
    for term in terms:
        names = {term.rows[a]: a for a in shared}
        names |= {c: next(fresh) for c in term.letters if c not in names}
        known.update({new: sizes[old] for old, new in names.items()})
        found.append(term.renamed(names))
    return LinearTerm(1.0, rows, cols), found, known


def _alone(term: LinearTerm, a: int, b: int) -> bool:
    """Whether one letter stands at these two axes and at no other."""
    c = term.rows[a]
    return c == term.cols[b] and term.rows.count(c) == 1 and term.cols.count(c) == 1


def _reduced(term: LinearTerm, layout: LinearTerm, stack: Letters) -> LinearTerm:
    """A term over the stacked axes, then the rows and columns that are not shared."""
    rows = tuple(r for r, c in zip(term.rows, layout.rows, strict=True) if c not in layout.cols)
    cols = tuple(r for r, c in zip(term.cols, layout.cols, strict=True) if c not in layout.rows)
    return LinearTerm(term.number, stack, (*rows, *cols), term.factors)


def _kronecker(term: LinearTerm, parts: Parts, sizes: Sizes) -> list[Block]:
    """One block for each part of a term."""
    if any(letters.count(c) > 1 for letters in (term.rows, term.cols) for c in letters):
        raise LinAlgError("the Jacobian is singular: it has a row or column of zeros")
    found, number = [], term.number
    lone = dict.fromkeys((*term.rows, *term.cols))
    for group, free in components(term):
        stack = tuple(c for c in free if c in term.rows and c in term.cols)
        rows = tuple(c for c in free if c not in term.cols)
        cols = tuple(c for c in free if c not in term.rows)
        depth = [sizes[c] for c in stack]
        tall, wide = prod(sizes[c] for c in rows), prod(sizes[c] for c in cols)
        if tall != wide:
            raise LinAlgError("the Jacobian is singular: a part of it is not square")
        array = core(group, (*stack, *rows, *cols), parts, sizes, {})
        matrix = number * array.reshape(*depth, tall, wide)
        found.append(Block(stack, rows, cols, matrix))
        number = 1.0
        lone = {c: None for c in lone if c not in free}
    alone = [c for c in lone if c not in term.rows or c not in term.cols]
    if any(sizes[c] != 1 for c in alone):
        raise LinAlgError("the Jacobian is singular: it is the same along an axis")
    if not found:
        found.append(Block((), (), (), np.full((1, 1), number)))
    return found


def solved(term: LinearTerm, found: Sequence[Block], sizes: Sizes, b: Numbers) -> Numbers:
    """The right side taken through the inverse of each block."""
    index = list(term.rows)
    for block in found:
        rest = [c for c in index if c not in block.stack and c not in block.rows]
        order = [*block.stack, *block.rows, *rest]
        array = b.transpose([index.index(c) for c in order])
        depth = [sizes[c] for c in block.stack]
        array = array.reshape(*depth, prod(sizes[c] for c in block.rows), -1)
        array = block.solved(array)
        index = [*block.stack, *block.cols, *rest]
        b = array.reshape([sizes[c] for c in index])
    lone = [c for c in index if c not in term.cols]
    b = b.reshape([sizes[c] for c in index if c not in lone])  # axes of size 1
    index = [c for c in index if c not in lone]
    there = tuple(c for c in term.cols if c in index)
    b = b.transpose([index.index(c) for c in there])
    return b.reshape([sizes[c] for c in term.cols])


def log_determinant(term: LinearTerm, found: Sequence[Block], sizes: Sizes) -> float:
    """The sum of the blocks' logarithms, each as often as it stands."""
    total, whole = 0.0, prod(sizes[c] for c in term.rows)
    for block in found:
        if not whole:
            continue
        with np.errstate(divide="ignore"):
            value = float(np.linalg.slogdet(block.matrix)[1].sum())
        inside = prod(sizes[c] for c in (*block.stack, *block.rows))
        total += value * (whole // max(1, inside))
    return total
