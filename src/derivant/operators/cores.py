"""The connected parts of a term, each as an array over the few letters that it joins.

What shares no letter is multiplied out last or never: a unit tensor is not an array, a Kronecker
product stays its factors. X' diag(s) X with s of one sign is half the work of a product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple, TypeAlias

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


@lru_cache(maxsize=4096)
def components(term: LinearTerm) -> tuple[tuple[tuple[Factor, ...], Letters], ...]:
    """The factors in groups that share no letter, and the letters of axes that each group has."""
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
    axes = dict.fromkeys((*term.rows, *term.cols))
    return tuple(
        (tuple(members), tuple(c for c in axes if c in carried)) for carried, members in groups
    )


def core(
    factors: tuple[Factor, ...], free: Letters, parts: Parts, sizes: Sizes, fixed: Fixed
) -> Numbers:
    """A group as an array over its free letters, those that are fixed left out."""
    out = tuple(c for c in free if c not in fixed)
    if all(f.kind is Kind.DENSE for f in factors):
        found = None if fixed else _symmetric(factors, parts, out)
        if found is not None:
            return found
        return contraction([_taken(parts[f.slot], f.index, fixed) for f in factors], out)
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


class Square(NamedTuple):
    """A part that may be X' diag(s) X: the slots of X, X and s, and whether X is summed first."""

    one: int
    two: int
    weights: int | None
    first: bool


@lru_cache(maxsize=4096)
def _square(factors: tuple[Factor, ...], out: Letters) -> Square | None:
    """The part read as one matrix times another over a letter, weights on that letter."""
    pair = [f for f in factors if len(f.index) == 2]
    weights = [f for f in factors if len(f.index) == 1]
    if len(out) != 2 or len(pair) != 2 or len(weights) > 1 or len(factors) != 2 + len(weights):
        return None
    one, two = pair
    inner = {*one.index} & {*two.index}
    if len(inner) != 1 or {*one.index, *two.index} - inner != {*out}:
        return None
    (summed,) = inner
    first = one.index[0] == summed
    if first != (two.index[0] == summed) or any(f.index != (summed,) for f in weights):
        return None
    return Square(one.slot, two.slot, weights[0].slot if weights else None, first)


def _symmetric(factors: tuple[Factor, ...], parts: Parts, out: Letters) -> Numbers | None:
    """X' diag(s) X where all of s has one sign, as a product of one matrix with itself.

    NumPy sees that it is one matrix, and does half of the work.
    """
    square = _square(factors, out)
    if square is None or parts[square.one] is not parts[square.two]:
        return None
    x = parts[square.one] if square.first else parts[square.one].T
    if square.weights is None:
        found: Numbers = np.matmul(x.T, x)
        return found
    s = parts[square.weights]
    sign = 1 if (s >= 0).all() else -1 if (s <= 0).all() else 0
    if not sign or s.dtype != x.dtype:
        return None
    half = x * np.sqrt(np.abs(s))[:, None]
    found = np.matmul(half.T, half)
    return found if sign > 0 else np.negative(found, out=found)


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
