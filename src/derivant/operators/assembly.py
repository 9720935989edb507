"""From terms to arrays: all entries, entries at fixed places, the diagonal, lists of entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from derivant.operators.cores import MOST_ENTRIES, Places, components, core, listed
from derivant.operators.products import Numbers, Parts, Sizes, diagonal_view
from derivant.rewriting.jacobian_form import UnstructuredError
from derivant.rewriting.linear_form import Kind, Letters, LinearTerm, unified


def assembled(
    terms: Iterable[LinearTerm],
    parts: Parts,
    sizes: Sizes,
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
    chosen: Mapping[int, int],
) -> Numbers:
    """The array of a sum of terms over its axes, those at the chosen positions left out."""
    kept = [k for k in range(len(shape)) if k not in chosen]
    total: Numbers | None = None
    out_shape = tuple(shape[k] for k in kept)
    for term in terms:
        fixed = _fixed(term, chosen)
        if fixed is None:
            continue
        letters = tuple((*term.rows, *term.cols)[k] for k in kept)
        pieces = _cores(term, parts, sizes, fixed)
        whole = pieces[0][0] if len(pieces) == 1 else None
        plain = letters == (pieces[0][1] if pieces else None) and len(set(letters)) == len(letters)
        if total is None and whole is not None and plain:
            total = _own(whole, term.number, parts, dtype)
            continue
        fresh = total is None
        total = np.zeros(out_shape, dtype) if total is None else total
        _add(total, letters, fixed, pieces, term.number, fresh)
    return np.zeros(out_shape, dtype) if total is None else total


def _fixed(term: LinearTerm, chosen: Mapping[int, int]) -> dict[int, int] | None:
    """The letters at the chosen positions; None where one letter would be in two places."""
    letters = (*term.rows, *term.cols)
    fixed: dict[int, int] = {}
    for position, place in chosen.items():
        if fixed.setdefault(letters[position], place) != place:
            return None
    return fixed


def _cores(
    term: LinearTerm, parts: Parts, sizes: Sizes, fixed: Mapping[int, int]
) -> list[tuple[Numbers, Letters]]:
    found = []
    for group, free in components(term):
        array = core(group, free, parts, sizes, fixed)
        if not is_finite(array):
            raise UnstructuredError("a factor is not finite")
        found.append((array, tuple([c for c in free if c not in fixed])))
    return found


def is_finite(array: Numbers) -> bool:
    """Whether no entry is NaN or infinite."""
    probe = float(np.vdot(array, array))  # one that overflows proves nothing
    return probe - probe == 0 or bool(np.isfinite(array).all())


def _own(whole: Numbers, number: float, parts: Parts, dtype: np.dtype[np.generic]) -> Numbers:
    """An array of ours, times a number."""
    whole = whole.astype(dtype, copy=False)
    if any(isinstance(p, np.ndarray) and np.may_share_memory(p, whole) for p in parts):
        return np.multiply(whole, whole.dtype.type(number))
    if number != 1:
        whole *= whole.dtype.type(number)
    return whole


def _add(
    total: Numbers,
    letters: Letters,
    fixed: Mapping[int, int],
    pieces: Sequence[tuple[Numbers, Letters]],
    number: float,
    fresh: bool,
) -> None:
    """Add a term where its letters agree; into fresh zeros it is written, and they are not read."""
    view, left = total, letters
    if fixed:
        view = total[tuple([fixed.get(c, slice(None)) for c in letters])]
        left = tuple([c for c in letters if c not in fixed])
    if view.ndim == 0:  # a number: no view of it can be written to
        values = prod((float(a) for a, _ in pieces), start=number)
        total[tuple(fixed[c] for c in letters)] += values
        return
    view = diagonal_view(view, left)
    unique = tuple(dict.fromkeys(left))
    product: Numbers = np.asarray(number, total.dtype)
    for array, index in sorted(pieces, key=lambda p: p[0].size):
        there = tuple([c for c in unique if c in index])
        wide = array if there == index else array.transpose([index.index(c) for c in there])
        product = product * wide[tuple([slice(None) if c in index else None for c in unique])]
    if not is_finite(product):
        raise UnstructuredError("an entry is not finite")
    if fresh:
        view[...] = product
    else:
        view += product


def diagonal_terms(terms: Iterable[LinearTerm]) -> list[LinearTerm]:
    """The terms with each axis of the input made the axis of the output at its place."""
    found = []
    for term in terms:
        same = term.renamed(unified(zip(term.rows, term.cols, strict=True)))
        found.append(replace(same, cols=()))
    return found


def entries(term: LinearTerm, parts: Parts, sizes: Sizes) -> tuple[dict[int, Places], Numbers]:
    """All entries of a term that its structure leaves: places by letter, and values."""
    places: dict[int, Places] = {}
    values: Numbers = np.ones(1)
    for group, free in components(term):
        if all(f.kind is Kind.DENSE for f in group):
            array = core(group, free, parts, sizes, {})
            own = array.reshape(-1)
            where = np.indices(array.shape).reshape(len(free), own.size)
            found = dict(zip(free, where, strict=True))
        else:
            every = listed(group, free, parts, sizes, {})
            found, own = {c: every.places[c] for c in free}, every.values
        places, values = _beside(places, values, found, own)
    for c in dict.fromkeys((*term.rows, *term.cols)):
        if c not in places:
            size = sizes[c]
            places, values = _beside(places, values, {c: np.arange(size)}, np.ones(size))
    return places, values * term.number


def _beside(
    places: dict[int, Places], values: Numbers, more: dict[int, Places], own: Numbers
) -> tuple[dict[int, Places], Numbers]:
    """Every entry of one list beside every entry of another."""
    count, times = len(values), len(own)
    if count * times > MOST_ENTRIES:
        raise UnstructuredError(f"more than {MOST_ENTRIES} entries")
    both = {c: np.repeat(p, times) for c, p in places.items()}
    both.update({c: np.tile(p, count) for c, p in more.items()})
    return both, np.outer(values, own).reshape(-1)


def flat(letters: Letters, places: Mapping[int, Places], sizes: Sizes, count: int) -> Places:
    """One number for each place, in C order."""
    total: Places = np.zeros(count, np.intp)
    for c in letters:
        total = total * sizes[c] + places[c]
    return total
