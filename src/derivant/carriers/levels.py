"""Hidden leading axes: which ones an array has, and how arrays with different ones meet.

A level is the number of an open vmap (or of the seeds of a Jacobian). The data of a Tensor begins
with one axis for each of its levels, in ascending order; its shape does not show them.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class _Weak(tuple[int, ...]):
    """No levels, and a dtype that gives way: the mark of a Python number that was bound."""

    __slots__ = ()


WEAK: tuple[int, ...] = _Weak()


def is_weak(operand: Any) -> bool:
    """Whether an operand is a Python number, or stands for one."""
    return operand.__class__ in (int, float) or getattr(operand, "levels", None) is WEAK


def argument(operand: Any, levels: tuple[int, ...], alone: bool = False) -> Any:
    """The array of an operand with a leading axis for each level; of size 1 where it has none.

    A weak number is a Python number beside arrays, whose dtype it gives way to; `alone`, among weak
    numbers only, it is a number of NumPy's, which can all that an array can.
    """
    own = getattr(operand, "levels", ())
    data = getattr(operand, "data", operand) if hasattr(operand, "levels") else operand
    if own is WEAK:
        return data if alone else data.item()
    if not levels or own == levels or operand.__class__ in (int, float, bool):
        return data
    sizes = dict(zip(own, np.shape(data), strict=False))
    leading = tuple(sizes.get(level, 1) for level in levels)
    return np.reshape(data, leading + np.shape(data)[len(own) :])


def hidden(
    data: Any, levels: tuple[int, ...], axis: int, level: int
) -> tuple[Any, tuple[int, ...]]:
    """The array with one of its visible axes among the hidden ones."""
    after = tuple(sorted((*levels, level)))
    return np.moveaxis(data, axis, after.index(level)), after


def revealed(
    data: Any, levels: tuple[int, ...], axis: int, level: int, size: int | None
) -> tuple[Any, tuple[int, ...]]:
    """The array with a hidden axis back in sight, repeated to `size` where it never had one."""
    if level in levels:
        place = levels.index(level)
        after = levels[:place] + levels[place + 1 :]
        return np.moveaxis(data, place, axis), after
    wide = np.expand_dims(data, axis)
    shape = list(wide.shape)
    shape[axis] = size or 0
    return np.broadcast_to(wide, shape), levels
