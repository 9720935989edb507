"""Reading and writing at places: `x[key]`, `at(x)[key]`, take, and differences of neighbours."""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape, total
from derivant.base.errors import ArgumentError, DTypeError, ShapeError
from derivant.base.types import Array, Index, Operand
from derivant.ops.arguments import one_axis
from derivant.ops.joining import concat
from derivant.ops.keys import GATHER, GETITEM, Plan, plan, plan_apart
from derivant.ops.layout import broadcast_to, ravel
from derivant.ops.rows import call, numbers_of, planned, read
from derivant.primitives import TABLE, apply, prepared
from derivant.primitives.explain import refusal
from derivant.primitives.indexing import flat_places, indices_shape
from derivant.primitives.primitive import Settings

RESHAPE = TABLE["reshape"]
NDARRAY = np.ndarray
__all__ = [
    "At",
    "AtPlaces",
    "at",
    "diff",
    "index",
    "nonzero",
    "take",
    "take_along_axis",
]


def index(x: Operand, key: Index) -> Array:
    """The entries of an array at a key: `x[key]`, with all that NumPy's keys may hold.

    Ints, slices, None, the ellipsis, arrays of indices and masks of numbers. Where indices repeat
    their cotangents add. Raises BoundsError (an IndexError) for an index outside its axis,
    DifferentiationError for a mask that is an expression.

    >>> from derivant.ops.indexing import index
    >>> index([1.0, 2.0, 3.0], [0, 0, -1])
    array([1., 1., 3.])
    """
    rank = getattr(x, "derivant_rank", 0)
    a: Any = x if rank else read(x)
    if key.__class__ is NDARRAY and rank == 1 and _reads_all_axes(key, a):
        return _masked(a, key)
    how, indices = plan_apart(a.shape, key)
    applied = a.derivant_apply if rank == 1 else apply  # `apply`, without one more call
    gathering = how.gathering
    if gathering is None:
        part: Array = a if how.whole else applied(GETITEM, (a,), how.reading)
        return part
    if not how.whole:
        a = applied(GETITEM, (a,), how.reading)
    if how.order is not None:
        a = _together(a, how)
    result: Array = applied(GATHER, (a, *indices), gathering)
    return result


def _reads_all_axes(key: Any, a: Array) -> bool:
    whole: bool = key.dtype.kind == "b" and key.ndim > 1 and key.shape == a.shape
    return whole


def _masked(a: Any, mask: Any) -> Array:
    """Of numbers: one place in the flattened array is quicker than one on each axis."""
    line = a.derivant_apply(RESHAPE, (a,), planned(RESHAPE, ("shape",), (mask.size,)))
    found: Array = line.derivant_apply(GATHER, (line, *mask.ravel().nonzero()), _gathering(-1))
    return found


def _together(part: Array, how: Plan) -> Array:
    return part if how.order is None else call("permute_dims", part, axes=how.order)


def _apart(part: Array, how: Plan) -> Array:
    """The reverse of `_together`."""
    if how.order is None:
        return part
    rank = len(how.order)
    back = tuple(how.order.index(axis) - rank for axis in range(-rank, 0))
    return call("permute_dims", part, axes=back)


class At:
    """An array whose places are to be changed; see `at`.

    >>> from derivant.ops.indexing import at
    >>> at([1.0, 2.0])[0].add(5.0)
    array([6., 2.])
    """

    __slots__ = ("_array",)

    def __init__(self, array: Array) -> None:
        self._array = array

    def __getitem__(self, key: Index) -> AtPlaces:
        return AtPlaces(self._array, key)


class AtPlaces:
    """Places of an array; each method gives a new array that differs there.

    >>> from derivant.ops.indexing import at
    >>> at([1.0, 2.0])[:].multiply(2.0)
    array([2., 4.])
    """

    __slots__ = ("_array", "_key")

    def __init__(self, array: Array, key: Index) -> None:
        self._array, self._key = array, key

    def set(self, values: Operand) -> Array:
        """These values at the places; of several for one place the last, which has the gradient."""
        return self._changed(values, lambda old, new: new, _put)

    def add(self, values: Operand) -> Array:
        """The values added at the places; all of several for one place."""
        return self._changed(values, operator.add, _put_sum)

    def multiply(self, values: Operand) -> Array:
        """The places multiplied by the values; by all of several for one place."""
        return self._changed(values, operator.mul, _put_product)

    def _changed(self, values: Operand, basic: Any, advanced: Any) -> Array:
        x = self._array
        how = plan(x.shape, self._key)
        part: Array = x if how.whole else apply(GETITEM, (x,), how.reading)
        if how.indices:
            line = _together(part, how)
            new = _apart(advanced(line, how, _values(x, values, _shape(line, how))), how)
        else:
            new = basic(part, _values(x, values, part.shape))
        return call("setitem", x, new, **how.reading)


def at(x: Operand) -> At:
    """A changed copy of an array: `at(x)[key].set(v)`, `.add(v)`, `.multiply(v)`.

    `v` broadcasts to `x[key]`. Where indices repeat, `add` and `multiply` accumulate and `set`
    keeps the last. The array itself stays as it is; the result is differentiable by it and by `v`.
    Raises BoundsError for an index outside its axis, ShapeError where `v` does not broadcast.

    >>> from derivant.ops.indexing import at
    >>> at([1.0, 2.0, 3.0])[[0, 0]].add([10.0, 20.0])
    array([31.,  2.,  3.])
    """
    return At(read(x))


def _values(x: Array, values: Operand, shape: Shape) -> Array:
    """The new values in the shape of the places; a Python number in the dtype that `x` asks for."""
    if isinstance(values, (bool, int, float)):
        v = read(np.asarray(values, np.result_type(x.dtype, values)))
    else:
        v = read(values)
    return v if tuple(v.shape) == tuple(shape) else broadcast_to(v, shape)


def _shape(line: Array, how: Plan) -> Shape:
    """The shape of what the index arrays read."""
    indices = indices_shape(tuple(tuple(i.shape) for i in how.indices))
    place = how.axis + len(line.shape)
    return tuple(line.shape[:place]) + indices + tuple(line.shape[place + len(how.indices) :])


def _sizes(line: Array, how: Plan) -> Shape:
    """The sizes of the indexed axes."""
    return tuple(line.shape[how.axis + len(line.shape) :][: len(how.indices)])


def _after(how: Plan) -> int:
    """How many axes come after the indexed ones."""
    return -how.axis - len(how.indices)


def _put_sum(line: Array, how: Plan, v: Array) -> Array:
    return line + call("scatter_add", v, *how.indices, axis=how.axis, sizes=_sizes(line, how))


def _put(line: Array, how: Plan, v: Array) -> Array:
    """For each place the number of the last value for it; then a choice, place by place."""
    winner = call("winners", *how.indices, sizes=_sizes(line, how))
    return _chosen(line, winner, _flat(line, how, v), _after(how))


def _flat(line: Array, how: Plan, v: Array) -> Array:
    """The axes of the indices merged into one."""
    place, end = how.axis + len(line.shape), len(v.shape) - _after(how)
    sizes = tuple(v.shape[:place]) + (total(v.shape[place:end]),) + tuple(v.shape[end:])
    return call("reshape", v, shape=sizes)


def _chosen(line: Array, winner: Array, flat: Array, after: int) -> Array:
    """The value that each place won, the old one where there is none."""
    if flat.shape[-1 - after] == 0:
        return line
    new = call("gather", flat, call("maximum", winner, 0), axis=-1 - after)
    return call("where", _widened(call("greater_equal", winner, 0), after), new, line)


def _widened(x: Array, after: int) -> Array:
    return call("expand_dims", x, axis=tuple(range(-after, 0))) if after else x


def _put_product(line: Array, how: Plan, v: Array) -> Array:
    """Products of the values for one place: a recurrence along the sorted places.

    z[i] = v[i] z[i-1] where the place is the one before, v[i] where it is a new one.
    """
    sizes, after = _sizes(line, how), _after(how)
    if _all_different(how, sizes):
        return _put(line, how, call("gather", line, *how.indices, axis=how.axis) * v)
    flat = call("flat_index", *how.indices, sizes=sizes)
    places = call("reshape", flat, shape=(total(flat.shape),))
    order = call("argsort", places, axis=-1, descending=False)
    ordered = call("take_along_axis", places, order, axis=-1)
    values = call("gather", _flat(line, how, v), order, axis=-1 - after)
    before = call("shift", ordered + 1, axis=-1, reverse=False)
    same = _widened(call("equal", ordered + 1, before), after)
    zero = call("zeros_like", values)
    factors, terms = call("where", same, values, zero), call("where", same, zero, values)
    products = call("recurrence", factors, terms, axis=-1 - after, reverse=False)
    last = call("winners", ordered, sizes=(total(sizes),))
    winner = call("reshape", last, shape=sizes)
    return line * _chosen(call("zeros_like", line) + 1, winner, products, after)


def _all_different(how: Plan, sizes: Shape) -> bool:
    """Whether the indices are numbers, none of which repeats."""
    if any(hasattr(i, "derivant_rank") for i in how.indices):
        return False
    if not all(isinstance(size, int) for size in sizes):
        return False
    flat = flat_places(how.indices, sizes)  # type: ignore[arg-type]  # all are ints here
    return np.unique(flat).size == flat.size


def _whole(name: str, indices: Operand) -> Array:
    """Indices as an array of integers."""
    found = read(indices)
    if found.dtype.kind not in "iu":
        if isinstance(indices, (list, tuple)) and total(found.shape) == 0:
            return read(np.zeros(tuple(found.shape), np.intp))
        raise DTypeError(f"{name}: indices of dtype {found.dtype}; indices are integers")
    return found


def take(x: Operand, indices: Operand, axis: int | None = None) -> Array:
    """The entries at these places along an axis; of the flattened array for None.

    Where indices repeat their cotangents add. Raises BoundsError for an index outside the axis.

    >>> from derivant.ops.indexing import take
    >>> take([[1.0, 2.0, 3.0]], [2, 0], axis=1)
    array([[3., 1.]])
    """
    a = ravel(x) if axis is None else read(x)
    line = -1 if axis is None else one_axis("take", a, axis)
    result: Array = apply(GATHER, (a, _whole("take", indices)), _gathering(line))
    return result


@lru_cache
def _gathering(axis: int) -> Settings:
    return prepared(GATHER, axis=axis)


def take_along_axis(x: Operand, indices: Operand, axis: int = -1) -> Array:
    """Along an axis the entries at places given for each line of their own.

    The other axes of `x` and `indices` broadcast. Raises BoundsError for an index outside the axis,
    ShapeError where the ranks differ.

    >>> from derivant.ops.indexing import take_along_axis
    >>> take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1)
    array([[2.],
           [3.]])
    """
    a, places = read(x), _whole("take_along_axis", indices)
    line = one_axis("take_along_axis", a, axis)
    if len(a.shape) != len(places.shape):
        raise ShapeError(
            f"take_along_axis: the array {a.shape} and the indices {places.shape} must have "
            "equally many axes"
        )
    pairs = list(zip(a.shape, places.shape, strict=True))
    wide = [s if t == 1 else t for s, t in pairs]
    wide_a, wide_i = list(wide), list(wide)
    wide_a[line], wide_i[line] = pairs[line]
    return call("take_along_axis", _to(a, wide_a), _to(places, wide_i), axis=line)


def _to(x: Array, shape: list[Any]) -> Array:
    return x if tuple(x.shape) == tuple(shape) else call("broadcast_to", x, shape=tuple(shape))


def nonzero(x: Operand) -> tuple[npt.NDArray[np.intp], ...]:
    """The places of the entries that are not 0, as one array of NumPy integers for each axis.

    Raises DifferentiationError for an expression, whose numbers are not known, ArgumentError for a
    number without axes.

    >>> from derivant.ops.indexing import nonzero
    >>> nonzero([0.0, 3.0, 4.0])
    (array([1, 2]),)
    """
    numbers = np.asarray(numbers_of("nonzero", read(x)))
    if not numbers.ndim:
        raise ArgumentError("nonzero: a number without axes has no places")
    return numbers.nonzero()


def diff(
    x: Operand,
    n: int = 1,
    axis: int = -1,
    prepend: Operand | None = None,
    append: Operand | None = None,
) -> Array:
    """The differences of neighbours along an axis: x_(i+1) - x_i, `n` times; size m becomes m - n.

    `prepend` and `append` are joined on before. Raises ArgumentError for a negative `n`.

    >>> from derivant.ops.indexing import diff
    >>> diff([1.0, 4.0, 9.0])
    array([3., 5.])
    """
    a = read(x)
    line = one_axis("diff", a, axis)
    if n < 0:
        raise refusal("diff", (a,), [f"n={n}"], ArgumentError("n cannot be negative"))
    if n == 0:
        return a
    ends = [None if e is None else _end(read(e), a, line) for e in (prepend, append)]
    joined = [part for part in (ends[0], a, ends[1]) if part is not None]
    a = concat(joined, axis=line) if len(joined) > 1 else a
    first = (slice(None),) * (line + len(a.shape))
    for _ in range(n):
        later, earlier = index(a, (*first, slice(1, None))), index(a, (*first, slice(None, -1)))
        unequal = a.dtype.kind == "b"
        a = call("not_equal", later, earlier) if unequal else later - earlier
    return a


def _end(end: Array, a: Array, line: int) -> Array:
    """What is joined on: a number stands for one entry everywhere."""
    if len(end.shape):
        return end
    shape = list(a.shape)
    shape[line] = 1
    return broadcast_to(end, shape)
