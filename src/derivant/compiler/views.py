"""Arrays as places in buffers: which rows only look at numbers in another way, and how.

A view has a shape, strides and an offset in bytes into the buffer of some value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from derivant.compiler.program import Instruction, Ints


@dataclass(frozen=True, slots=True)
class View:
    """Numbers of one dtype in the buffer of the value `root`."""

    root: int
    itemsize: int
    shape: Ints
    strides: Ints
    offset: int = 0

    @property
    def whole(self) -> bool:
        """Whether it is the buffer itself, in order."""
        return self.offset == 0 and self.contiguous

    @property
    def contiguous(self) -> bool:
        """Whether its numbers follow one another, the last axis fastest."""
        return all(
            size == 1 or stride == wanted
            for size, stride, wanted in zip(
                self.shape, self.strides, ordered(self.shape, self.itemsize), strict=True
            )
        )

    def broadcast(self, shape: Ints) -> View:
        """Repeated to a shape that it fits, by strides of 0."""
        extra = len(shape) - len(self.shape)
        strides = tuple(
            0 if old == 1 and new != 1 else stride
            for old, new, stride in zip(self.shape, shape[extra:], self.strides, strict=True)
        )
        return replace(self, shape=shape, strides=(0,) * extra + strides)


def ordered(shape: Sequence[int], itemsize: int) -> Ints:
    """The strides of an array whose numbers follow one another."""
    strides, step = [], itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def moved(step: Instruction, view: View, shape: Ints) -> View | None:
    """The view that a row gives of its operand; None where it computes or copies."""
    rule = MOVES.get(step.row.name)
    return None if rule is None else rule(step, view, shape)


def _same(step: Instruction, view: View, shape: Ints) -> View | None:
    return view if view.shape == shape else None


def _permuted(step: Instruction, view: View, shape: Ints) -> View:
    rank = len(view.shape)
    axes = [*range(step.lead), *(a + rank for a in step.params["axes"])]
    return replace(
        view, shape=tuple(view.shape[a] for a in axes), strides=tuple(view.strides[a] for a in axes)
    )


def _transposed(step: Instruction, view: View, shape: Ints) -> View:
    s, t = view.shape, view.strides
    return replace(view, shape=(*s[:-2], s[-1], s[-2]), strides=(*t[:-2], t[-1], t[-2]))


def _reshaped(step: Instruction, view: View, shape: Ints) -> View | None:
    """Axes of size 1 come and go; else the numbers must follow one another."""
    if [s for s in view.shape if s != 1] == [s for s in shape if s != 1]:
        wide = iter([t for s, t in zip(view.shape, view.strides, strict=True) if s != 1])
        return replace(view, shape=shape, strides=tuple(0 if s == 1 else next(wide) for s in shape))
    if view.contiguous:
        return replace(view, shape=shape, strides=ordered(shape, view.itemsize))
    return None


def _broadcast(step: Instruction, view: View, shape: Ints) -> View:
    lead = step.lead
    extra = len(shape) - len(view.shape)
    if lead and extra:  # the leading axes stay in front
        ones = (1,) * extra
        view = replace(
            view,
            shape=view.shape[:lead] + ones + view.shape[lead:],
            strides=view.strides[:lead] + (0,) * extra + view.strides[lead:],
        )
    return view.broadcast(shape)


def _indexed(step: Instruction, view: View, shape: Ints) -> View | None:
    """Whole numbers, slices, new axes: a key covers the last axes."""
    key = step.params["key"]
    axis = len(view.shape) - sum(item is not None for item in key)
    sizes, strides, offset = list(view.shape[:axis]), list(view.strides[:axis]), view.offset
    for item in key:
        if item is None:
            sizes.append(1)
            strides.append(0)
            continue
        size, stride = view.shape[axis], view.strides[axis]
        axis += 1
        if item == ":":
            sizes.append(size)
            strides.append(stride)
        elif isinstance(item, int):
            offset += (item + size if item < 0 else item) * stride
        else:
            start, count, step_size = item[:3]
            offset += start * stride if count else 0
            sizes.append(count)
            strides.append(stride * step_size)
    return replace(view, shape=shape, strides=tuple(strides), offset=offset)


MOVES: dict[str, Callable[[Instruction, View, Ints], Any]] = {
    **dict.fromkeys(("bind", "positive", "stop_gradient", "astype"), _same),
    **dict.fromkeys(("reshape", "expand_dims", "squeeze"), _reshaped),
    "permute_dims": _permuted,
    "matrix_transpose": _transposed,
    "broadcast_to": _broadcast,
    "getitem": _indexed,
}
