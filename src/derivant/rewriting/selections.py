"""Rows that move entries, read as selections: for each entry of the result the place it is from.

Axes that a row leaves alone keep their letters, so that a slice of one axis is a selection of that
axis and a unit tensor of the others. Places are numbers from 1 on; 0 is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.carriers.expr import Expr, as_expr
from derivant.primitives import RECORD
from derivant.rewriting.linear_form import Letters

Places: TypeAlias = npt.NDArray[np.intp]
Ints: TypeAlias = tuple[int, ...]
Fresh: TypeAlias = Callable[[int], int]
# The letters that have places, those that the places are of, and the places. Where entries that
# meet are added, it is the operand's entries that have places.
Move: TypeAlias = tuple[Letters, Letters, Expr]
Moved: TypeAlias = tuple[Letters, list[Move]]
MOST_PLACES = 1 << 24  # of a reshape that mixes axes


def moved(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    """The letters of a node whose operand at `place` has `axes`, and the selections between.

    None where the row is no selection of that operand, or sizes are names.
    """
    rule = RULES.get(node.primitive.name)
    sizes = (*node.shape, *node.inputs[place].shape)
    if rule is None or not all(isinstance(s, int) for s in sizes):
        return None
    return rule(node, place, axes, fresh)


def _constant(places: Sequence[int] | Places) -> Expr:
    return as_expr(np.asarray(places, np.intp))


def _by_axis(axes: Letters, changed: dict[int, Places], fresh: Fresh) -> Moved:
    """Axes with selections of their own, by position; the others stay."""
    out, moves = list(axes), list[Move]()
    for axis, places in changed.items():
        old, size = axes[axis], len(places)
        if np.array_equal(places, np.arange(1, size + 1)):
            continue
        out[axis] = new = fresh(size)
        moves.append(((new,), (old,), _constant(places)))
    return tuple(out), moves


def _slices(item: Any) -> Places:
    start, count, step = item[:3]
    places: Places = start + 1 + step * np.arange(count)
    return places


def _getitem(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    shape, key = node.inputs[0].shape, node.params["key"]
    lead = len(shape) - sum(item is not None for item in key)
    out, moves, axis = list(axes[:lead]), list[Move](), lead
    for item in key:
        if item is None:
            out.append(fresh(1))
            continue
        old, size = axes[axis], shape[axis]
        axis += 1
        if item == ":" or (isinstance(item, tuple) and item[:3] == (0, size, 1)):
            out.append(old)
        elif isinstance(item, tuple):
            out.append(fresh(item[1]))
            moves.append(((out[-1],), (old,), _constant(_slices(item))))
        else:
            moves.append(((), (old,), as_expr(np.intp(item % size + 1))))
    return tuple(out), moves


def _place(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    """Zeros with the operand where a key reads."""
    shape, key = node.shape, node.params["key"]
    lead = len(shape) - sum(item is not None for item in key)
    out, moves, old, axis = list(axes[:lead]), list[Move](), iter(axes[lead:]), lead
    for item in key:
        if item is None:
            next(old)
            continue
        size = shape[axis]
        axis += 1
        if item == ":" or (isinstance(item, tuple) and item[:3] == (0, size, 1)):
            out.append(next(old))
            continue
        out.append(fresh(size))
        places = np.zeros(size, np.intp)
        if isinstance(item, tuple):
            places[_slices(item) - 1] = np.arange(1, item[1] + 1)
            moves.append(((out[-1],), (next(old),), _constant(places)))
        else:
            places[item] = 1
            moves.append(((out[-1],), (), _constant(places)))
    return tuple(out), moves


def _setitem(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    """What is written; what it is written over is a mask."""
    return _place(node, place, axes, fresh) if place == 1 else None


def _flip(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    changed = {a % node.ndim: np.arange(node.shape[a], 0, -1) for a in node.params["axis"]}
    return _by_axis(axes, changed, fresh)


def _roll(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    changed: dict[int, Places] = {}
    for shift, axis in zip(node.params["shift"], node.params["axis"], strict=True):
        known = changed.get(axis % node.ndim, np.arange(1, node.shape[axis] + 1))
        changed[axis % node.ndim] = np.roll(known, shift)
    return _by_axis(axes, changed, fresh)


def _shift(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    axis = node.params["axis"]
    size = node.shape[axis]
    places = (
        np.append(np.arange(2, size + 1), 0)[:size] if node.params["reverse"] else np.arange(size)
    )
    return _by_axis(axes, {axis % node.ndim: places}, fresh)


def _pad(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    mode: Any = node.params["mode"]
    shape, widths = node.inputs[0].shape, node.params["widths"]
    lead = len(shape) - len(widths)
    changed = {
        lead + k: np.pad(np.arange(1, shape[lead + k] + 1), width, mode=mode)
        for k, width in enumerate(widths)
        if width != (0, 0)
    }
    return _by_axis(axes, changed, fresh)


def _unpad(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    """The map that `pad` is the transpose of: places belong to the operand."""
    mode: Any = node.params["mode"]
    widths = node.params["widths"]
    lead = node.ndim - len(widths)
    out, moves = list(axes), list[Move]()
    for k, width in enumerate(widths):
        if width == (0, 0):
            continue
        size = node.shape[lead + k]
        out[lead + k] = fresh(size)
        places = np.pad(np.arange(1, size + 1), width, mode=mode)
        moves.append(((axes[lead + k],), (out[lead + k],), _constant(places)))
    return tuple(out), moves


def _repeat(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    axis, times = node.params["axis"], node.params["repeats"]
    places = np.repeat(np.arange(1, node.inputs[0].shape[axis] + 1), times)
    return _by_axis(axes, {axis % node.ndim: places}, fresh)


def _tile(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    shape, reps = node.inputs[0].shape, node.params["reps"]
    skip = len(reps) - len(shape)
    new = tuple(fresh(count) for count in reps[:skip])
    changed = {
        k: np.tile(np.arange(1, size + 1), count)
        for k, (size, count) in enumerate(zip(shape, reps[skip:], strict=True))
        if count != 1
    }
    out, moves = _by_axis(axes, changed, fresh)
    return (*new, *out), moves


def _concat(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    axis = node.params["axis"]
    before = sum(x.shape[axis] for x in node.inputs[:place])
    size = node.inputs[place].shape[axis]
    places = np.zeros(node.shape[axis], np.intp)
    places[before : before + size] = np.arange(1, size + 1)
    return _by_axis(axes, {axis % node.ndim: places}, fresh)


def _stack(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    at = node.params["axis"] % node.ndim
    new = fresh(len(node.inputs))
    places = np.zeros(len(node.inputs), np.intp)
    places[place] = 1
    return (*axes[:at], new, *axes[at:]), [((new,), (), _constant(places))]


def _gather(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    x, *indices = node.inputs
    first = node.params["axis"] % x.ndim
    last = first + len(indices)
    sizes = tuple(x.shape[first:last])
    flat = RECORD.flat_index(*indices, sizes=sizes)
    new = tuple(fresh(size) for size in flat.shape)
    move = (new, axes[first:last], RECORD.add(flat, 1))
    return (*axes[:first], *new, *axes[last:]), [move]


def _scatter(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    indices = node.inputs[1:]
    sizes = node.params["sizes"]
    flat = RECORD.flat_index(*indices, sizes=sizes)
    first = node.params["axis"] % node.ndim
    last = first + len(flat.shape)
    new = tuple(fresh(size) for size in sizes)
    move = (axes[first:last], new, RECORD.add(flat, 1))
    return (*axes[:first], *new, *axes[last:]), [move]


def _counted(indices: Expr, size: int) -> Expr:
    """Places from 1 on, of indices that may count from the end."""
    found: Expr = RECORD.add(RECORD.where(RECORD.less(indices, 0), indices + size, indices), 1)
    return found


def _along(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    x, indices = node.inputs
    at = node.params["axis"] % x.ndim
    out = (*axes[:at], fresh(node.shape[at]), *axes[at + 1 :])
    return out, [(out, (axes[at],), _counted(indices, x.shape[at]))]


def _add_along(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    _, indices = node.inputs
    at = node.params["axis"] % node.ndim
    new = fresh(node.shape[at])
    out = (*axes[:at], new, *axes[at + 1 :])
    return out, [(axes, (new,), _counted(indices, node.shape[at]))]


def _reshape(node: Expr, place: int, axes: Letters, fresh: Fresh) -> Moved | None:
    """Groups of axes that hold the same entries; a group of one axis keeps its letter."""
    old, new = tuple(node.inputs[0].shape), tuple(node.shape)
    if 0 in old:
        return None
    out, moves = list[int](), list[Move]()
    for i, j, k, m in _groups(old, new):
        wide = [s for s in old[i:j] if s != 1]
        kept = iter(c for c, s in zip(axes[i:j], old[i:j], strict=True) if s != 1)
        if wide == [s for s in new[k:m] if s != 1]:
            out += [fresh(1) if s == 1 else next(kept) for s in new[k:m]]
            continue
        count = prod(new[k:m])
        if count > MOST_PLACES:
            return None
        letters = tuple(fresh(s) for s in new[k:m])
        out += letters
        places = _constant(np.arange(1, count + 1).reshape(new[k:m]))
        moves.append((letters, axes[i:j], places))
    return tuple(out), moves


def _groups(old: Ints, new: Ints) -> Iterator[tuple[int, int, int, int]]:
    """Ranges of old and new axes with the same number of entries, as short as may be."""
    i = k = 0
    while i < len(old) or k < len(new):
        j, m = min(i + 1, len(old)), min(k + 1, len(new))
        while prod(old[i:j]) != prod(new[k:m]):
            if prod(old[i:j]) < prod(new[k:m]):
                j += 1
            else:
                m += 1
        yield i, j, k, m
        i, k = j, m


RULES: dict[str, Callable[[Expr, int, Letters, Fresh], Moved | None]] = {
    "getitem": _getitem,
    "place": _place,
    "setitem": _setitem,
    "flip": _flip,
    "roll": _roll,
    "shift": _shift,
    "pad": _pad,
    "unpad": _unpad,
    "repeat": _repeat,
    "tile": _tile,
    "concat": _concat,
    "stack": _stack,
    "gather": _gather,
    "scatter_add": _scatter,
    "take_along_axis": _along,
    "add_along_axis": _add_along,
    "reshape": _reshape,
}
