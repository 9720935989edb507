"""Rows that put operands, or a number, at places of one array: which places each fills.

Arrays joined, borders, rows set, diagonals, copies side by side. What comes later lies above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from derivant.compiler.groups import Group
from derivant.compiler.ir import literal
from derivant.compiler.kernels import Literal
from derivant.compiler.loops import Loop, planned
from derivant.compiler.program import Instruction, Value
from derivant.compiler.views import View, diagonal, indexed, ordered


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the result, and what comes there: numbers of one shape, or one number."""

    place: View
    source: View | float


Pieces = Iterator[tuple[View, View | float]]


def pieces(step: Instruction, operands: Sequence[View], result: View) -> list[Piece] | None:
    """The pieces of a row's result, without those that are empty; None where it is none of these.

    Sources have the shapes of their places.
    """
    if not _is_plain(step, operands, result):
        return None
    found = []
    for place, source in PIECES[step.row.name](step, operands, result):
        if 0 not in place.shape:
            wide = source.broadcast(place.shape) if isinstance(source, View) else source
            found.append(Piece(place, wide))
    return found


def filled(piece: Piece, row: str, values: list[Value]) -> Loop:
    """The loop that puts numbers at their places, for a row."""
    group, number = Group(piece.place.shape), -1
    if isinstance(piece.source, View):
        group.reads[piece.source] = 0
    else:
        kind = values[piece.place.root].dtype.name
        group.literals[Literal(literal(piece.source, kind), kind)] = 0
        number = -1000
    return replace(planned(group, [(piece.place, number)], values), rows=(row,))


def _is_plain(step: Instruction, operands: Sequence[View], result: View) -> bool:
    """Whether the parameters of a row are those that the rules here are for."""
    name, params = step.row.name, step.params
    if name == "pad":
        return bool(params["mode"] == "constant")
    if name == "roll":
        return len(set(params["axis"])) == len(params["axis"])
    if name == "reshape":
        return prod(operands[0].shape) == prod(result.shape)
    return True


def _cut(view: View, axis: int, start: int, size: int) -> View:
    """Some entries along an axis, which is counted from the end."""
    place = axis + len(view.shape)
    shape = (*view.shape[:place], size, *view.shape[place + 1 :])
    return replace(view, shape=shape, offset=view.offset + start * view.strides[place])


def _concat(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    axis, start = step.params["axis"], 0
    for x in operands:
        yield _cut(result, axis, start, x.shape[axis]), x
        start += x.shape[axis]


def _stack(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    axis = step.params["axis"]
    for k, x in enumerate(operands):
        yield indexed((k, *(":",) * (-axis - 1)), result), x


def _pad(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    widths, (x,) = step.params["widths"], operands
    yield result, float(step.params.get("value", 0.0))
    for axis, (before, _) in zip(range(-len(widths), 0), widths, strict=True):
        result = _cut(result, axis, before, x.shape[axis])
    yield result, x


def _place(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    yield result, 0.0
    yield indexed(step.params["key"], result), operands[0]


def _setitem(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    x, v = operands
    yield result, x
    yield indexed(step.params["key"], result), v


def _roll(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    (x,) = operands
    cuts = []
    for shift, axis in zip(step.params["shift"], step.params["axis"], strict=True):
        size = x.shape[axis]
        front = shift % size if size else 0  # entries at the end that come to the front
        cuts.append([(axis, 0, front, size - front), (axis, size - front, 0, front)])
    for choice in product(*cuts):
        place, source = result, x
        for axis, start, to, size in choice:
            source, place = _cut(source, axis, start, size), _cut(place, axis, to, size)
        yield place, source


def _diag_embed(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    yield result, 0.0
    yield diagonal(result, step.params["offset"]), operands[0]


def _zeros(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    yield result, 0.0


def _identity(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    yield result, 0.0
    yield diagonal(result, 0), 1.0


def _split(view: View, axis: int, count: int) -> View:
    """An axis as two: so many runs, and what one run has."""
    place = axis + len(view.shape)
    run = view.shape[place] // count if count else 0
    stride = view.strides[place]
    return replace(
        view,
        shape=(*view.shape[:place], count, run, *view.shape[place + 1 :]),
        strides=(*view.strides[:place], run * stride, stride, *view.strides[place + 1 :]),
    )


def _opened(view: View, place: int) -> View:
    """A new axis of size 1."""
    shape, strides = view.shape, view.strides
    shape, strides = (*shape[:place], 1, *shape[place:]), (*strides[:place], 0, *strides[place:])
    return replace(view, shape=shape, strides=strides)


def _tile(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    (x,), reps = operands, step.params["reps"]
    while len(x.shape) < len(result.shape):
        x = _opened(x, step.lead)
    first = len(result.shape) - len(reps)
    for k, count in enumerate(reps):  # the axes before this one are two by now
        place = first + 2 * k
        result, x = _split(result, place - len(result.shape), count), _opened(x, place)
    yield result, x


def _repeat(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    (x,), axis = operands, step.params["axis"]
    size = x.shape[axis]
    yield _split(result, axis, size), _opened(x, axis + len(x.shape) + 1)


def _reshape(step: Instruction, operands: Sequence[View], result: View) -> Pieces:
    (x,) = operands
    yield replace(result, shape=x.shape, strides=ordered(x.shape, x.itemsize)), x


PIECES: dict[str, Callable[[Instruction, Sequence[View], View], Pieces]] = {
    "concat": _concat,
    "stack": _stack,
    "pad": _pad,
    "place": _place,
    "setitem": _setitem,
    "roll": _roll,
    "diag_embed": _diag_embed,
    "zeros_like": _zeros,
    "identity_like": _identity,
    "tile": _tile,
    "repeat": _repeat,
    "reshape": _reshape,
}
