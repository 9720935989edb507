"""The connected parts of a term, each as an array over the few letters that it joins.

What shares no letter is multiplied out last or never: a unit tensor is not an array, a Kronecker
product stays its factors. X' diag(s) X with s of one sign is half the work of a product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.operators.products import Numbers, Parts, Piece, Sizes, contraction
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.linear_form import Factor, Kind, Letters, LinearTerm

Places: TypeAlias = npt.NDArray[np.intp]
Fixed: TypeAlias = Mapping[int, int]
MOST_ENTRIES = 1 << 25  # of a part that is listed entry by entry


class Entries(NamedTuple):
    """Entries of a part: the place of each along each letter, and its value."""

    places: dict[int, Places]
    values: Numbers


def components(term: LinearTerm) -> list[list[Factor]]:
    """The factors in groups that share no letter."""
    groups: list[tuple[set[int], list[Factor]]] = []
    for factor in term.factors:
        letters, members = set(factor.index), [factor]
        apart = []
        for known, others in groups:
            if known & letters:
                letters |= known
                members = others + members
            else:
                apart.append((known, others))
        groups = [*apart, (letters, members)]
    return [members for _, members in groups]


def free_letters(factors: Sequence[Factor], term: LinearTerm) -> Letters:
    """The letters of a group that axes have, in the order of the axes."""
    carried = {c for f in factors for c in f.index}
    return tuple(c for c in dict.fromkeys((*term.rows, *term.cols)) if c in carried)


def core(
    factors: Sequence[Factor], free: Letters, parts: Parts, sizes: Sizes, fixed: Fixed
) -> Numbers:
    """A group as an array over its free letters, those that are fixed left out."""
    out = tuple(c for c in free if c not in fixed)
    if all(f.kind is Kind.DENSE for f in factors):
        pieces = [_taken(parts[f.slot], f.index, fixed) for f in factors]
        found = None if fixed else _symmetric(factors, pieces, out)
        return contraction(pieces, out) if found is None else found
    entries = listed(factors, free, parts, sizes, fixed)
    shape = tuple(sizes[c] for c in out)
    flat: Places = np.zeros((), np.intp)
    for c in out:
        flat = flat * sizes[c] + entries.places[c]
    total = np.zeros(prod(shape), entries.values.dtype)
    np.add.at(total, np.broadcast_to(flat, entries.values.shape), entries.values)
    return total.reshape(shape)


def _taken(array: Numbers, index: Letters, fixed: Fixed) -> Piece:
    """The array at the fixed places."""
    if not any(c in fixed for c in index):
        return Piece(array, index)
    taken = array[tuple(fixed.get(c, slice(None)) for c in index)]
    return Piece(np.asarray(taken), tuple(c for c in index if c not in fixed))


def _symmetric(factors: Sequence[Factor], pieces: Sequence[Piece], out: Letters) -> Any:
    """X' diag(s) X where all of s has one sign, as a product of one matrix with itself."""
    if len(out) != 2 or len(factors) not in (2, 3):
        return None
    pair = [p for p in pieces if len(p.index) == 2]
    weights = [p for p in pieces if len(p.index) == 1]
    if len(pair) != 2 or len(pair) + len(weights) != len(pieces):
        return None
    one, two = pair
    inner = set(one.index) & set(two.index)
    if one.array is not two.array or len(inner) != 1 or {*one.index, *two.index} - inner != {*out}:
        return None
    (summed,) = inner
    if one.index.index(summed) != two.index.index(summed):
        return None
    if weights and weights[0].index != (summed,):
        return None
    x = one.array if one.index[0] == summed else one.array.T
    if not weights:
        return np.matmul(x.T, x)
    s = weights[0].array
    sign = 1 if (s >= 0).all() else -1 if (s <= 0).all() else 0
    if not sign or s.dtype != x.dtype:
        return None
    half = x * np.sqrt(np.abs(s))[:, None]
    return sign * np.matmul(half.T, half)  # NumPy sees that it is one matrix, and does half of it


def listed(
    factors: Sequence[Factor], free: Letters, parts: Parts, sizes: Sizes, fixed: Fixed
) -> Entries:
    """The entries of a group that its selections leave, by place; several may have one place."""
    if any(f.kind is Kind.MAP for f in factors):
        raise UnstructuredError("a map known by its products has no entries to list")
    selections = [f for f in factors if f.kind is Kind.SELECT]
    arrays = _merged(factors, free, parts, {c for f in selections for c in f.index})
    letters = dict.fromkeys((*free, *(c for f in selections for c in f.index)))
    letters.update(dict.fromkeys(c for p in arrays for c in p.index))
    places = _grid(list(letters), selections, parts, sizes, fixed)
    values = np.ones((), arrays[0].array.dtype if arrays else np.float64)
    for piece in arrays:
        values = values * piece.array[tuple(places[c] for c in piece.index)]
    count = len(next(iter(places.values()))) if places else 1
    return Entries(places, np.array(np.broadcast_to(values, (count,))))


def _merged(factors: Sequence[Factor], free: Letters, parts: Parts, kept: set[int]) -> list[Piece]:
    """Arrays joined over the letters that nothing else carries."""
    arrays = [f for f in factors if f.kind is Kind.DENSE]
    inner = {c for f in arrays for c in f.index} - kept - {*free}
    groups: list[list[Factor]] = []
    for factor in arrays:
        joined, apart = [factor], []
        for group in groups:
            if inner & {c for f in group for c in f.index} & {*factor.index}:
                joined = group + joined
            else:
                apart.append(group)
        groups = [*apart, joined]
    found = []
    for group in groups:
        letters = dict.fromkeys(c for f in group for c in f.index)
        out = tuple(c for c in letters if c not in inner)
        pieces = [Piece(parts[f.slot], f.index) for f in group]
        found.append(Piece(contraction(pieces, out), out))
    return found


def _grid(
    letters: list[int], selections: list[Factor], parts: Parts, sizes: Sizes, fixed: Fixed
) -> dict[int, Places]:
    """All places that the selections allow: what is read follows from what reads it."""
    places: dict[int, Places] = {c: np.full(1, fixed[c], np.intp) for c in letters if c in fixed}
    queue = list(selections)
    count = 1
    while queue or len(places) < len(letters):
        ready = [f for f in queue if all(c in places for c in f.gives)]
        if ready:
            queue.remove(ready[0])
            places = _followed(ready[0], parts, sizes, places, count)
            count = len(next(iter(places.values()))) if places else 1
            continue
        read = {c for f in queue for c in f.reads}
        new = min(
            (c for c in letters if c not in places), key=lambda c: (c in read, letters.index(c))
        )
        if count * sizes[new] > MOST_ENTRIES:
            raise UnstructuredError(f"more than {MOST_ENTRIES} entries")
        places = {c: np.repeat(p, sizes[new]) for c, p in places.items()}
        places[new] = np.tile(np.arange(sizes[new]), count)
        count *= sizes[new]
    return places


def _followed(
    factor: Factor, parts: Parts, sizes: Sizes, places: dict[int, Places], count: int
) -> dict[int, Places]:
    """The places with those that a selection reads; what reads nothing, or elsewhere, goes."""
    where = parts[factor.slot].places
    at = np.broadcast_to(where[tuple(places[c] for c in factor.gives)], (count,))
    chosen = at >= 0
    shape: tuple[int, ...] = tuple(sizes[c] for c in factor.reads)
    read = np.unravel_index(np.where(chosen, at, 0), shape) if 0 not in (*shape, len(shape)) else ()
    found = dict(zip(factor.reads, read, strict=bool(read)))
    for c, place in found.items():
        if c in places:
            chosen &= places[c] == place
    every = {**{c: p for c, p in found.items() if c not in places}, **places}
    return {c: np.broadcast_to(p, (count,))[chosen] for c, p in every.items()}
