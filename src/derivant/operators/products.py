"""Terms of factors times a tangent or a cotangent, factor after factor, as a sweep would.

Neighbouring arrays are one contraction, its order chosen by cost; selections read or add entries;
maps are the rows themselves. Nothing of the size of the Jacobian is formed.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.operators.selection import Selection
from derivant.primitives import RAW, TABLE
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.linear_form import Factor, Kind, Letters, LinearTerm, MapOf

Numbers: TypeAlias = npt.NDArray[np.floating]
Parts: TypeAlias = Sequence[Any]  # an array or a Selection for each slot
Sizes: TypeAlias = Mapping[int, int]
NAMES = string.ascii_letters
LARGEST_DENSE = 1 << 26  # bytes of a selection that has to be written out
EINSUM = TABLE["einsum"].evaluate


@dataclass(frozen=True, slots=True)
class Piece:
    """An array and the letters of its axes."""

    array: Numbers
    index: Letters


def applied(
    term: LinearTerm, parts: Parts, sizes: Sizes, start: Numbers, to_input: bool
) -> Numbers:
    """The product of a term with a cotangent (then to the input) or with a tangent."""
    first, last = (term.rows, term.cols) if to_input else (term.cols, term.rows)
    plan = _plan(term, to_input)
    if plan is not None:
        array = start
        if plan.spec:
            array = np.asarray(EINSUM(start, *[parts[s] for s in plan.slots], spec=plan.spec))
        return array if plan.index == last else spread(Piece(array, plan.index), last, sizes)
    queue = list(term.factors if to_input else term.factors[::-1])
    piece = Piece(start, first)
    while queue:
        count = 0
        while count < len(queue) and queue[count].kind is Kind.DENSE:
            count += 1
        group, queue = queue[: max(1, count)], queue[max(1, count) :]
        needed = {*last, *(c for f in queue for c in f.index)}
        if count:
            pieces = [piece, *(Piece(parts[f.slot], f.index) for f in group)]
            piece = contracted(pieces, needed)
        else:
            piece = _passed(piece, group[0], parts, sizes, needed)
    return spread(contracted([piece], set(last)), last, sizes)


@dataclass(frozen=True, slots=True)
class Plan:
    """A product that is one contraction; no spec where the array is as it was."""

    spec: str
    slots: tuple[int, ...]
    index: Letters


@lru_cache(maxsize=4096)
def _plan(term: LinearTerm, to_input: bool) -> Plan | None:
    """The contraction of a term of arrays alone, None for any other."""
    first, last = (term.rows, term.cols) if to_input else (term.cols, term.rows)
    if any(f.kind is not Kind.DENSE for f in term.factors):
        return None
    factors = term.factors if to_input else term.factors[::-1]
    letters = dict.fromkeys((*first, *(c for f in factors for c in f.index)))
    wanted = set(last)
    out = tuple(c for c in letters if c in wanted)
    if not factors and out == first:
        return Plan("", (), out)
    if out and set(last) == set(out):
        out = tuple(dict.fromkeys(last))
    indices = [first, *(f.index for f in factors)]
    return Plan(_spec(indices, out), tuple(f.slot for f in factors), out)


def _spec(indices: Sequence[Letters], out: Letters) -> str:
    """Letters of operands and result as `einsum` takes them."""
    letters = dict.fromkeys(c for index in indices for c in index)
    if len(letters) > len(NAMES):
        raise UnstructuredError(f"a contraction over more than {len(NAMES)} letters")
    names = dict(zip(letters, NAMES, strict=False))
    terms = ["".join(names[c] for c in index) for index in indices]
    return ",".join(terms) + "->" + "".join(names[c] for c in out)


def contracted(pieces: Sequence[Piece], needed: Iterable[int]) -> Piece:
    """The product of arrays, summed over the letters that nobody needs."""
    wanted = set(needed)
    letters = dict.fromkeys(c for p in pieces for c in p.index)
    out = tuple(c for c in letters if c in wanted)
    if len(pieces) == 1 and out == pieces[0].index:
        return pieces[0]
    return Piece(contraction(pieces, out), out)


def contraction(pieces: Sequence[Piece], out: Letters) -> Numbers:
    """The product of arrays with axes in the order of `out`."""
    spec = _spec([p.index for p in pieces], out)
    return np.asarray(EINSUM(*(p.array for p in pieces), spec=spec))


def spread(piece: Piece, last: Letters, sizes: Sizes) -> Numbers:
    """The array over these letters: repeated along those it lacks, 0 off the diagonals."""
    unique = tuple(dict.fromkeys(last))
    if piece.index == last:
        return piece.array
    there = tuple(c for c in unique if c in piece.index)
    array = piece.array.transpose([piece.index.index(c) for c in there])
    array = array[tuple(slice(None) if c in there else None for c in unique)]
    if unique == last:
        return np.broadcast_to(array, tuple(sizes[c] for c in last))
    wide = np.zeros(tuple(sizes[c] for c in last), array.dtype)
    diagonal_view(wide, last)[...] = array
    return wide


def diagonal_view(array: Numbers, letters: Letters) -> Numbers:
    """The entries where axes with one letter agree, as a view with each letter once."""
    view: Numbers = np.einsum(_diagonals(letters), array)
    return view


@lru_cache(maxsize=4096)
def _diagonals(letters: Letters) -> str:
    return _spec([letters], tuple(dict.fromkeys(letters)))


def _passed(piece: Piece, factor: Factor, parts: Parts, sizes: Sizes, needed: set[int]) -> Piece:
    """A piece through a selection or a map, in whichever direction its letters say."""
    piece = contracted([piece], {*needed, *factor.index})
    here, gives, reads = set(piece.index), set(factor.gives), set(factor.reads)
    is_map = factor.kind is Kind.MAP
    if not reads & needed and not (is_map and gives & here):
        return _forward(piece, factor, parts, sizes)
    if not reads & here and not (is_map and gives & needed):
        return _backward(piece, factor, parts, sizes, needed)
    return contracted([piece, _written_out(factor, parts, sizes, piece.array.dtype)], needed)


def _written_out(factor: Factor, parts: Parts, sizes: Sizes, dtype: np.dtype[np.generic]) -> Piece:
    """A selection as an array."""
    count = prod(sizes[c] for c in factor.index) * dtype.itemsize
    if factor.kind is not Kind.SELECT or count > LARGEST_DENSE:
        raise UnstructuredError("letters of a selection or a map meet in a way that is not known")
    array = parts[factor.slot].dense(dtype)
    return Piece(array.reshape(tuple(sizes[c] for c in factor.index)), factor.index)


def _ordered(piece: Piece, last: Letters, sizes: Sizes) -> tuple[Numbers, Letters]:
    """The array with the other letters merged into one leading axis, and these letters."""
    rest = tuple(c for c in piece.index if c not in last)
    array = spread(piece, (*rest, *last), sizes)
    return array.reshape(prod(sizes[c] for c in rest), *(sizes[c] for c in last)), rest


def _forward(piece: Piece, factor: Factor, parts: Parts, sizes: Sizes) -> Piece:
    """What is read becomes what is given."""
    if factor.kind is Kind.MAP:
        array, rest = _ordered(piece, factor.reads, sizes)
        found = _pushed(factor.map, parts, array)
        shape = tuple(sizes[c] for c in (*rest, *factor.gives))
        return Piece(found.reshape(shape), (*rest, *factor.gives))
    shared = tuple(c for c in factor.gives if c in piece.index)
    new = tuple(c for c in factor.gives if c not in shared)
    array, rest = _ordered(piece, (*shared, *factor.reads), sizes)
    array = array.reshape(len(array), *(sizes[c] for c in shared), -1)
    found = _turned(factor, parts, (*shared, *new)).read(array, len(shared))
    index = (*rest, *shared, *new)
    return Piece(found.reshape(tuple(sizes[c] for c in index)), index)


def _backward(piece: Piece, factor: Factor, parts: Parts, sizes: Sizes, needed: set[int]) -> Piece:
    """What was given goes back to what was read."""
    if factor.kind is Kind.MAP:
        array, rest = _ordered(piece, factor.gives, sizes)
        found = _pulled(factor.map, parts, array)
        shape = tuple(sizes[c] for c in (*rest, *factor.reads))
        return Piece(found.reshape(shape), (*rest, *factor.reads))
    kept = tuple(c for c in factor.gives if c in needed)
    gone = tuple(c for c in factor.gives if c not in kept)
    array, rest = _ordered(piece, (*kept, *gone), sizes)
    found = _turned(factor, parts, (*kept, *gone)).added(array, len(kept))
    index = (*rest, *kept, *factor.reads)
    return Piece(found.reshape(tuple(sizes[c] for c in index)), index)


def _turned(factor: Factor, parts: Parts, order: Letters) -> Selection:
    """The selection with the axes of its places in another order."""
    selection: Selection = parts[factor.slot]
    if order == factor.gives:
        return selection
    axes = [factor.gives.index(c) for c in order]
    return Selection(selection.places.transpose(axes) + 1, selection.size)


def _pushed(of: MapOf | None, parts: Parts, array: Numbers) -> Numbers:
    """The row on the array in its open place, under one leading axis."""
    assert of is not None
    row, others = of.row, iter(of.operands)
    count = len(of.operands) + 1
    arrays = tuple(array if i == of.place else parts[next(others)][None, ...] for i in range(count))
    return np.asarray(row.batch(row, 1, arrays, of.params))


def _pulled(of: MapOf | None, parts: Parts, array: Numbers) -> Numbers:
    """The transposed row, by its own rule, one entry of the leading axis after the other."""
    assert of is not None
    others, count = iter(of.operands), len(of.operands) + 1
    shape: Any = of.in_shape
    like = np.zeros(shape, array.dtype)  # of what is linear the rule reads the shape alone
    inputs = tuple(like if i == of.place else parts[next(others)] for i in range(count))
    wanted = tuple(i == of.place for i in range(count))
    out = of.row.evaluate(*inputs, **of.params)
    found = [of.row.pull(RAW, g, out, inputs, of.params, wanted)[of.place] for g in array]
    return np.stack(found) if found else np.zeros((0, *like.shape), array.dtype)
