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


def indexed(key: Sequence[Any], view: View) -> View:
    """Whole numbers, slices, new axes: a key covers the last axes."""
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
    return replace(view, shape=tuple(sizes), strides=tuple(strides), offset=offset)


def diagonal(view: View, offset: int) -> View:
    """A diagonal of the last two axes, the one `offset` places to the right of the main one."""
    (*lead, rows, columns), (*steps, down, right) = view.shape, view.strides
    size = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    start = (max(offset, 0) * right - min(offset, 0) * down) if size else 0
    return replace(
        view, shape=(*lead, size), strides=(*steps, down + right), offset=view.offset + start
    )


def _flipped(step: Instruction, view: View, shape: Ints) -> View:
    strides, offset = list(view.strides), view.offset
    for axis in step.params["axis"]:
        offset += max(shape[axis] - 1, 0) * strides[axis]
        strides[axis] = -strides[axis]
    return replace(view, strides=tuple(strides), offset=offset)


def _inner(step: Instruction, view: View, shape: Ints) -> View | None:
    """What is left without a border; not where its entries are added to others."""
    widths = step.params["widths"]
    if step.params["mode"] != "constant":
        return None
    cuts = zip(view.strides[len(shape) - len(widths) :], widths, strict=True)
    offset = view.offset + sum(stride * before for stride, (before, _) in cuts)
    return replace(view, shape=shape, offset=offset)


MOVES: dict[str, Callable[[Instruction, View, Ints], Any]] = {
    **dict.fromkeys(("bind", "positive", "stop_gradient", "astype"), _same),
    **dict.fromkeys(("reshape", "expand_dims", "squeeze"), _reshaped),
    "permute_dims": _permuted,
    "matrix_transpose": _transposed,
    "broadcast_to": _broadcast,
    "getitem": lambda step, view, shape: indexed(step.params["key"], view),
    "flip": _flipped,
    "unpad": _inner,
    "diagonal": lambda step, view, shape: diagonal(view, step.params["offset"]),
}
