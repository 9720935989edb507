"""Indices as they are written: the key of a slice as text, and back.

A key here is that of the row `getitem`: whole numbers or sizes, (start, count, step), ":".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from derivant.base.dims import Dim, Shape, Size
from derivant.notation.spelling import canonical_name

Key: TypeAlias = tuple[Any, ...]
WHOLE = ":"


def key_texts(key: Key, shape: Shape) -> tuple[str, ...] | None:
    """The items of a key of an array, the whole axes at its end left out; None for a new axis.

    >>> from derivant.base.dims import Dim
    >>> n = Dim.named("n")
    >>> key_texts(((0, n - 1, 1, n),), (n,)), key_texts((":", 0), (n, n))
    ((':-1',), (':', '0'))
    """
    if None in key:
        return None
    whole = (WHOLE,) * (len(shape) - len(key)) + key
    texts = [_item(item, size) for item, size in zip(whole, shape, strict=True)]
    while len(texts) > 1 and texts[-1] == WHOLE:
        texts.pop()
    return tuple(texts)


def _item(item: Any, size: Size) -> str:
    if item == WHOLE:
        return WHOLE
    if not isinstance(item, tuple):
        return _place(item, size)
    start, _, step = item[:3]
    stop = stop_of(item)
    first = "" if start == (0 if step > 0 else size - 1) else _place(start, size)
    last = "" if _is_last(stop, step, size) else _place(stop, size)
    return f"{first}:{last}" + ("" if step == 1 else f":{step}")


def _is_last(stop: Size, step: int, size: Size) -> bool:
    """Whether no other place would follow before the end of the axis."""
    end: Size = size if step > 0 else -1
    left = (end - stop) * (1 if step > 0 else -1)
    return left == 0 or (isinstance(left, int) and 0 < left < abs(step))


def stop_of(item: Any) -> Size:
    """Where a slice ends: right behind the last place that it reads."""
    start, count, step = item[:3]
    stop: Size = start + (count - 1) * step + (1 if step > 0 else -1)
    return stop


def _place(place: Size, size: Size) -> str:
    """A place, from the end where only so it is a number."""
    back = place - size
    return str(back if isinstance(back, int) and not isinstance(place, int) else place)


# Reading


@dataclass(frozen=True, slots=True)
class Slice:
    """Places from a start to a stop, counted from the end where they are negative."""

    start: Size | None
    stop: Size | None
    step: int = 1


Item: TypeAlias = Size | Slice
DECIMAL = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:e[+-]?[0-9]{1,2})?")
PIECE = re.compile(r"\s*(?:([0-9]{1,9})|([^\W\d]\w*)|([-+*]))")


def names_in(text: str) -> list[str]:
    """The names that an index has in it.

    >>> names_in("[1:n - 1, :]")
    ['n']
    """
    return [m[2] for m in PIECE.finditer(text) if m[2]]


def read_key(text: str, known: Callable[[str], bool]) -> tuple[Item, ...] | None:
    """The items of an index in brackets; None where one is no whole number, size or slice.

    >>> read_key("[1:, 0]", lambda name: False)
    (Slice(start=1, stop=None, step=1), 0)
    """
    found: list[Item] = []
    for part in text.strip()[1:-1].split(","):
        ends = [_read_size(end, known) if end.strip() else None for end in part.split(":")]
        given = [end.strip() != "" for end in part.split(":")]
        if any(end is None and there for end, there in zip(ends, given, strict=True)):
            return None
        if len(ends) == 1 and ends[0] is not None:
            found.append(ends[0])
            continue
        step = ends[2] if len(ends) == 3 and ends[2] is not None else 1
        if len(ends) not in (2, 3) or not isinstance(step, int) or not step:
            return None
        found.append(Slice(ends[0], ends[1], step))
    return tuple(found)


def _read_size(text: str, known: Callable[[str], bool]) -> Size | None:
    """A sum of whole numbers, sizes and products of two of them."""
    pieces, place = list[str](), 0
    while place < len(text.rstrip()):
        match = PIECE.match(text, place)
        if match is None:
            return None
        pieces.append(match[0].strip())
        place = match.end()
    total: Size = 0
    sign, open_ = 1, True
    value: Size | None = None
    for piece in [*pieces, "+"]:
        if piece in "+-":
            if open_ and value is not None:
                return None
            total = total + sign * value if value is not None else total
            sign = (sign if value is None else 1) * (-1 if piece == "-" else 1)
            value, open_ = None, True
        elif piece == "*":
            if value is None or open_:
                return None
            open_ = True
        else:
            if not open_ or not (piece.isdigit() or known(piece)):
                return None
            size = int(piece) if piece.isdigit() else Dim.named(canonical_name(piece))
            value, open_ = (size if value is None else value * size), False
    return total if pieces and pieces[-1] not in "+-*" else None


def read_numbers(text: str) -> tuple[float, ...] | None:
    """The numbers of a vector that is written out; None where it has anything else.

    >>> read_numbers("[1, -2.5]")
    (1.0, -2.5)
    """
    pieces = [piece.strip() for piece in text[1:-1].split(",")]
    return tuple(map(float, pieces)) if all(map(DECIMAL.fullmatch, pieces)) else None


def counted(item: Slice, size: Size) -> tuple[Size, Size, int] | None:
    """Where a slice of an axis starts, how many places it has, and its step.

    None where it goes over an end, or where a step needs a size that is no number.

    >>> counted(Slice(1, -1), 6)
    (1, 4, 1)
    """
    if item.step != 1:
        return _stepped(item, size)
    start = _from_start(0 if item.start is None else item.start, size)
    stop = _from_start(size if item.stop is None else item.stop, size)
    count = stop - start
    ints = [v for v in (start, count, size - stop) if isinstance(v, int)]
    return None if any(v < 0 for v in ints) else (start, count, 1)


def _stepped(item: Slice, size: Size) -> tuple[Size, Size, int] | None:
    start, stop = item.start, item.stop
    if not (isinstance(size, Dim) or isinstance(start, Dim) or isinstance(stop, Dim)):
        places = range(size)[start : stop : item.step]
        return places.start, len(places), item.step
    if item.step != -1:
        return None
    first = size - 1 if start is None else _from_start(start, size)
    last = -1 if stop is None else _from_start(stop, size)
    count = first - last
    ints = [v for v in (count, size - 1 - first) if isinstance(v, int)]
    return None if any(v < 0 for v in ints) else (first, count, -1)


def _from_start(place: Size, size: Size) -> Size:
    return place + size if isinstance(place, int) and place < 0 else place


def key_of(items: Sequence[Item], shape: Shape) -> Key | None:
    """The key that the row `getitem` takes; None where it does not fit the shape."""
    found: list[Any] = []
    for item, size in zip(items, shape, strict=False):
        if not isinstance(item, Slice):
            place = _from_start(item, size)
            if any(isinstance(v, int) and v < 0 for v in (place, size - 1 - place)):
                return None
            found.append(place)
            continue
        range_ = counted(item, size)
        if range_ is None:
            return None
        named = () if isinstance(size, int) else (size,)
        found.append(WHOLE if range_ == (0, size, 1) else (*range_, *named))
    return (*found, *(WHOLE,) * (len(shape) - len(found)))
