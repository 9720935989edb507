"""vmap: one function, run once, on every entry along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.base.dims import Size
from derivant.base.errors import ArgumentError, AxisError, ShapeError
from derivant.base.tree import LEAF, flatten, matching_leaves, unflatten
from derivant.base.types import Derived, Function, shape_of
from derivant.calculus.arguments import own
from derivant.calculus.transforms import named_after
from derivant.carriers.expr import Expr
from derivant.carriers.mode import FREE, serial
from derivant.carriers.tensor import Tensor, constant
from derivant.primitives import RECORD
from derivant.primitives.dispatch import plain_array


def vmap(f: Function, in_axes: object = 0, out_axes: object = 0) -> Derived:
    """The function that applies `f` to each entry along an axis of its arguments, all at once.

    `in_axes` is the axis of every argument, a tuple with one entry an argument (None: the same for
    all; a tree of axes where an argument is a tree); `out_axes` says where the axis goes in the
    results. Nests with grad, jacobian and itself. Raises ShapeError where sizes differ.

    >>> vmap(lambda x, y: x @ y)(np.eye(3), np.ones((3, 3)))
    array([1., 1., 1.])
    """

    def mapped(*args: Any) -> Any:
        level = serial()
        axes = axes_of_arguments(in_axes, args)
        size = common_size(args, axes, f)
        hidden = [_hide_tree(a, x, level) for a, x in zip(args, axes, strict=True)]
        kept = any(isinstance(leaf, Tensor) for leaf in flatten(list(args))[0])
        leaves, structure = flatten(f(*hidden))
        places = spread_axes(out_axes, structure)
        return unflatten(
            structure,
            [
                _reveal(leaf, place, level, size, kept)
                for leaf, place in zip(leaves, places, strict=True)
            ],
        )

    return named_after(f, mapped, "vmap")


def axes_of_arguments(in_axes: Any, args: Sequence[Any]) -> list[list[Any]]:
    """For each argument the axis of each of its leaves, None where it is not mapped over."""
    given = in_axes if isinstance(in_axes, (tuple, list)) else [in_axes] * len(args)
    if len(given) != len(args):
        raise ArgumentError(f"vmap: in_axes has {len(given)} entries for {len(args)} arguments")
    return [spread_axes(axis, flatten(a)[1]) for axis, a in zip(given, args, strict=True)]


def spread_axes(axes: Any, structure: Any) -> list[Any]:
    """One axis a leaf, from one axis for all or a tree of axes."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(flatten(unflatten(structure, [0] * _count(structure)))[0])
    return matching_leaves(structure, axes)


def _count(structure: Any) -> int:
    return 1 if structure == LEAF else sum(map(_count, structure.children))


def _mapped(leaf: Any) -> bool:
    return hasattr(leaf, "shape") or isinstance(leaf, (list, float, int))


def common_size(args: Sequence[Any], axes: Sequence[Sequence[Any]], f: Function) -> Size:
    """The size of the mapped axis, the same in all arguments; in a trace it may be a name."""
    sizes: list[tuple[Size, int]] = []
    for number, (argument, places) in enumerate(zip(args, axes, strict=True)):
        for leaf, axis in zip(flatten(argument)[0], places, strict=True):
            if axis is None or not _mapped(leaf):
                continue
            shape = shape_of(leaf)
            if not -len(shape) <= axis < len(shape):
                raise AxisError(f"vmap: argument {number} of shape {shape} has no axis {axis}")
            sizes.append((shape[axis], number))
    if not sizes:
        raise ArgumentError("vmap: no argument has an axis to map over; in_axes are all None")
    if len({size for size, _ in sizes}) > 1:
        said = ", ".join(f"argument {number} has {size}" for size, number in sizes)
        called = getattr(f, "__name__", "the function")
        raise ShapeError(f"vmap({called}): the mapped axes differ in size: {said}")
    return sizes[0][0]


def _hide_tree(argument: Any, axes: Sequence[Any], level: int) -> Any:
    leaves, structure = flatten(argument)
    return unflatten(
        structure, [_hide(leaf, axis, level) for leaf, axis in zip(leaves, axes, strict=True)]
    )


def _hide(leaf: Any, axis: int | None, level: int) -> Any:
    if axis is None or not _mapped(leaf):
        return leaf
    node = leaf if isinstance(leaf, (Tensor, Expr)) else constant(np.array(plain_array(leaf)))
    rank = len(node.shape)
    return RECORD.hide(node, axis=axis - rank if axis >= 0 else axis, level=level)


def _reveal(leaf: Any, axis: Any, level: int, size: Size, kept: bool) -> Any:
    if not _mapped(leaf):
        return leaf
    node = leaf if isinstance(leaf, (Tensor, Expr)) else constant(plain_array(leaf))
    if axis is None:
        if level in node.levels:
            raise ArgumentError("vmap: out_axes is None for a result that differs along the axis")
        return leaf
    rank = len(node.shape) + 1
    if not -rank <= axis < rank:
        raise AxisError(f"vmap: out_axes is {axis} for a result of {rank} axes")
    place = axis - rank if axis >= 0 else axis
    result = RECORD.reveal(node, axis=place, level=level, size=size)
    if isinstance(result, Expr) or kept or result.tag != FREE or result.levels:
        return result
    return own(result.data, result.data)
