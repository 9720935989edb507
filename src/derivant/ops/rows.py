"""Applying a row by its name, with a type that public functions can return."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from derivant.base.dims import Dim, Size
from derivant.base.errors import DifferentiationError
from derivant.base.types import Array, Axes, Operand
from derivant.ops.arguments import many_axes, operand
from derivant.primitives import TABLE, Primitive, apply, prepared
from derivant.primitives.primitive import NO_PARAMS, Params, Settings

SUM, OVER = TABLE["sum"], TABLE["over_size"]
Words: TypeAlias = tuple[str, ...]


def call(name: str, /, *operands: Any, **params: Any) -> Array:
    """The row of that name on operands, in the carrier that they ask for."""
    first = operands[0]
    if getattr(first, "derivant_rank", 0) == 1:  # `apply`, without the call
        eager: Array = first.derivant_apply(TABLE[name], operands, params)
        return eager
    result: Array = apply(TABLE[name], operands, params)
    return result


def reduced(row: Primitive, x: Operand, axis: Axes, keepdims: bool) -> Array:
    """A row that reduces axes, with nothing else to say: `over_axes`, a little quicker."""
    eager = getattr(x, "derivant_rank", 0) == 1
    a: Any = x if eager else read(x)
    rank = len(a.shape)
    if axis is not None and not (axis.__class__ is int and -rank <= axis < rank):
        axis = many_axes(row.name, a, axis)
    settings = reducing(row, rank, axis, keepdims)
    result: Array = a.derivant_apply(row, (a,), settings) if eager else apply(row, (a,), settings)
    return result


@lru_cache(maxsize=4096)
def reducing(row: Primitive, rank: int, axis: Any, keepdims: bool) -> Settings:
    """The parameters for an axis that is there, for normal axes, or for all where it is None."""
    return by_axes(row, rank, axis, ("keepdims",), (bool(keepdims),))


def applied(row: Primitive, a: Any, params: Params = NO_PARAMS) -> Array:
    """`apply` of a row to one operand that was read."""
    eager = getattr(a, "derivant_rank", 0) == 1
    result: Array = a.derivant_apply(row, (a,), params) if eager else apply(row, (a,), params)
    return result


def over_axes(
    row: Primitive, x: Operand, axis: Axes, names: Words = (), values: tuple[Any, ...] = ()
) -> Array:
    """A row over axes as a public function takes them, with other parameters as in `planned`."""
    eager = getattr(x, "derivant_rank", 0) == 1
    a: Any = x if eager else read(x)
    rank = len(a.shape)
    if axis is not None and not (axis.__class__ is int and -rank <= axis < rank):
        axis = many_axes(row.name, a, axis)
    settings = by_axes(row, rank, axis, names, values)
    result: Array = a.derivant_apply(row, (a,), settings) if eager else apply(row, (a,), settings)
    return result


@lru_cache(maxsize=4096)
def by_axes(
    row: Primitive, rank: int, axis: Any, names: Words, values: tuple[Any, ...]
) -> Settings:
    """Parameters for an axis that is there, for normal axes, or for all where it is None."""
    if axis is None:
        axis = tuple(range(-rank, 0))
    elif axis.__class__ is int:
        axis = (axis - rank if axis >= 0 else axis,)
    return prepared(row, axis=axis, **dict(zip(names, values, strict=True)))


@lru_cache(maxsize=4096)
def planned(row: Primitive, names: Words, *values: Any) -> Settings:
    """Parameters of a row, remembered; only of values that mean the same where they are equal.

    So have whole numbers, flags and words; a float only where 0.0 and -0.0 are one, and 2.0 and 2.
    """
    return prepared(row, **dict(zip(names, values, strict=True)))


def read(x: Operand) -> Array:
    """An operand that has a shape: carriers and arrays as they are, numbers and lists as arrays."""
    given: Any = x
    array: Array = given if hasattr(x, "derivant_rank") else operand(x)
    return array


def given(value: Any) -> Array:
    """What NumPy returned, in the type of public results."""
    array: Array = value
    return array


def over(x: Array, size: Size | float) -> Array:
    """The quotient by a number of entries, which may be a named size."""
    if getattr(x, "derivant_rank", 0) == 1:
        return applied(OVER, x, planned(OVER, ("size",), size))
    return call("over_size", x, size=size) if isinstance(size, Dim) else x / size


def numbers_of(name: str, x: Any) -> Any:
    """The numbers of an array or Tensor, for results whose shape depends on them."""
    if not hasattr(x, "derivant_rank"):
        return x
    if hasattr(x, "numpy"):
        return x.numpy()
    raise DifferentiationError(
        f"{name}: the shape of the result depends on numbers, and an expression has none yet; "
        "call it on arrays, or use where(condition, a, b)"
    )
