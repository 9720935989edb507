"""Loops and branches on trees of arrays, with JAX's signatures.

Eager they are Python's; in a formula loops are unrolled; in a compiled function they are nodes that
hold the graph of their body.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.tree import flatten, matching_leaves, unflatten
from derivant.base.types import Array, Operand, shape_of
from derivant.carriers.expr import Expr
from derivant.carriers.mode import changed
from derivant.carriers.staging import STAGE
from derivant.ops.indexing import index
from derivant.ops.joining import stack
from derivant.ops.layout import broadcast_to

Carry = TypeVar("Carry")


def scan(
    f: Callable[[Carry, object], tuple[Carry, object]],
    init: Carry,
    xs: object = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Carry, object]:
    """Run `carry, y = f(carry, x)` over the leading axis of `xs`; the last carry and the stacked y.

    `xs` is a tree of arrays with one leading size, or None with `length` given; `reverse` begins at
    the last entry, each y staying in the place of its x. Over no entries `f` runs once, on zeros
    and unrecorded, for the shapes of its y. Raises ShapeError where leading sizes differ,
    ArgumentError where neither is given.

    >>> import numpy as np
    >>> total, sums = scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(total), sums
    (6.0, array([1., 3., 6.]))
    """
    found, structure = flatten(xs)
    leaves: list[Any] = found
    arrays = [leaf for leaf in leaves if leaf is not None]
    count = _length(arrays, length)
    if count == 0:
        return init, _nothing_stacked(f, init, unflatten(structure, list(map(_zeros, leaves))))
    stage = STAGE.get()
    if stage is not None:
        return stage.scan(f, init, xs, count, reverse)
    carry = init
    outputs = []
    for step in reversed(range(count)) if reverse else range(count):
        here = [None if leaf is None else index(leaf, step) for leaf in leaves]
        carry, y = f(carry, unflatten(structure, here))
        outputs.append(y)
    return carry, _stacked(outputs[::-1] if reverse else outputs)


def _zeros(leaf: Any) -> Any:
    """What an entry of an array without entries would be, with zeros in it."""
    if leaf is None:
        return None
    return broadcast_to(np.zeros((), getattr(leaf, "dtype", float)), shape_of(leaf)[1:])


def _nothing_stacked(f: Callable[..., Any], init: object, x: object) -> object:
    """The outputs of no steps: as one would have stacked them, with no entry along that axis."""
    with np.errstate(all="ignore"), changed(record=False):
        found, structure = flatten(_stacked([f(init, x)[1]]))
    leaves: list[Any] = found
    return unflatten(structure, [y if y is None else index(y, slice(0, 0)) for y in leaves])


def _length(arrays: list[object], length: int | None) -> int:
    sizes = {shape_of(a)[0] for a in arrays if shape_of(a)} | (
        {length} if length is not None else set()
    )
    if any(not shape_of(a) for a in arrays):
        raise ShapeError("scan: every array of xs needs a leading axis; one is a number")
    if not sizes:
        raise ArgumentError("scan: without xs the length must be given")
    if len(sizes) > 1:
        raise ShapeError(f"scan: the leading sizes differ: {sorted(map(str, sizes))}")
    (count,) = sizes
    if not isinstance(count, int):
        raise ArgumentError(f"scan: the leading size {count} is not known; give it as a number")
    return count


def _stacked(outputs: list[object]) -> object:
    first, structure = flatten(outputs[0])
    columns: Any = zip(*(matching_leaves(structure, y) for y in outputs), strict=True)
    stacked = [None if column[0] is None else stack(list(column)) for column in columns]
    return unflatten(structure, stacked) if first else outputs[0]


def fori_loop(lower: int, upper: int, body: Callable[[int, Carry], Carry], init: Carry) -> Carry:
    """Run `value = body(i, value)` for i from lower up to, not including, upper.

    >>> fori_loop(0, 3, lambda i, v: v * 2.0, 1.0)
    8.0
    """
    stage = STAGE.get()
    if stage is not None:
        staged: Carry = stage.fori_loop(lower, upper, body, init)
        return staged
    value = init
    for i in range(lower, upper):
        value = body(i, value)
    return value


def while_loop(
    condition: Callable[[Carry], Operand], body: Callable[[Carry], Carry], init: Carry
) -> Carry:
    """Run `value = body(value)` while the condition holds.

    The condition must be known, so in no formula. In a compiled function it need not be; the loop
    then has derivatives in forward mode alone.

    >>> while_loop(lambda v: v < 100, lambda v: v * 2.0, 1.0)
    128.0
    """
    stage = STAGE.get()
    if stage is not None:
        staged: Carry = stage.while_loop(condition, body, init)
        return staged
    value = init
    while bool(condition(value)):
        value = body(value)
    return value


def cond(
    predicate: Operand,
    true_fun: Callable[..., Array],
    false_fun: Callable[..., Array],
    *operands: object,
) -> Array:
    """`true_fun(*operands)` where the predicate holds, else `false_fun(*operands)`.

    Only the branch taken is run. The predicate must be known, so in no formula: there use `where`.
    In a compiled function it need not be; both branches are traced, and give one tree, one shape
    and one dtype.

    >>> cond(True, lambda x: x + 1, lambda x: x - 1, 1.0)
    2.0
    """
    stage = STAGE.get()
    if stage is not None and isinstance(predicate, Expr):
        branch: Array = stage.cond(
            predicate, partial(true_fun, *operands), partial(false_fun, *operands)
        )
        return branch
    return true_fun(*operands) if bool(predicate) else false_fun(*operands)
