"""Indices as they are written: the key of a slice as text, and back.

A key here is that of the row `getitem`: whole numbers or sizes, (start, count, step), ":".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from derivant.base.dims import Shape, Size

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
    start, count, step = item[:3]
    forward = step > 0
    stop = stop_of(item)
    first = "" if start == (0 if forward else size - 1) else _place(start, size)
    last = "" if stop == (size if forward else -1) else _place(stop, size)
    return f"{first}:{last}" + ("" if step == 1 else f":{step}")


def stop_of(item: Any) -> Size:
    """Where a slice ends: right behind the last place that it reads."""
    start, count, step = item[:3]
    stop: Size = start + (count - 1) * step + (1 if step > 0 else -1)
    return stop


def _place(place: Size, size: Size) -> str:
    """A place, from the end where only so it is a number."""
    back = place - size
    return str(back if isinstance(back, int) and not isinstance(place, int) else place)
