"""Apply a row to operands of any kind: the carrier of highest rank among them takes it.

Carriers do not know one another; each has `derivant_rank` and `derivant_apply`. With none among
the operands the row's evaluator answers, with what NumPy returns.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError, DerivantError
from derivant.primitives.explain import explained
from derivant.primitives.primitive import NO_PARAMS, TABLE, Data, Namespace, Params, Primitive

NUMBERS = frozenset((float, int, np.float64, np.float32, bool))
NDARRAY = np.ndarray
REAL = "biuf"  # the kinds of dtype that there are derivatives for: bool, integers, floats


def apply(row: Primitive, operands: tuple[Data, ...], params: Params = NO_PARAMS) -> Data:
    """The result of a row on operands, in the carrier that they ask for."""
    carrier = None
    for operand in operands:
        if operand.__class__ is NDARRAY:
            continue
        rank = getattr(operand, "derivant_rank", 0)
        if rank >= 1:
            return operand.derivant_apply(row, operands, params)  # it defers to a higher one
        if rank and carrier is None:
            carrier = operand
    if carrier is not None:
        return carrier.derivant_apply(row, operands, params)
    arrays = plain_operands(row, operands, params)
    try:
        return row.evaluate(*arrays, **params)
    except Exception as error:
        raise explained(row, arrays, params, error) from error


def plain_operands(row: Primitive, operands: tuple[Data, ...], params: Params) -> tuple[Data, ...]:
    """The operands with foreign values as arrays of real numbers; carriers as they are."""
    try:
        return tuple([x if x.__class__ in NUMBERS else plain_operand(x) for x in operands])
    except ArgumentError as error:
        raise explained(row, operands, params, error) from error


def plain_operand(operand: Data) -> Data:
    """A foreign value as an array of real numbers; arrays, numbers and carriers as they are."""
    kind = operand.__class__
    if kind is NDARRAY and operand.dtype.kind in REAL:
        return operand
    known = kind in NUMBERS or getattr(operand, "derivant_rank", 0) >= 1
    return operand if known else plain_array(operand)


def plain_array(value: object) -> np.ndarray[Any, Any]:
    """A foreign value as an array of real numbers, or one clear error."""
    if isinstance(value, np.ndarray) and value.dtype.kind in REAL:
        return value
    try:
        array = np.asarray(value)
    except DerivantError as error:
        raise ArgumentError(
            "a list that holds recorded Tensors or expressions is no array, and their derivatives "
            "would be lost; put them together first, as stack([...])"
        ) from error
    except ValueError as error:
        raise ArgumentError(
            f"the nested lists are ragged: rows differ in length ({error})"
        ) from error
    if array.dtype.kind not in REAL:
        what = "complex numbers are not supported yet" if array.dtype.kind == "c" else "not numbers"
        raise ArgumentError(f"{type(value).__name__} of dtype {array.dtype}: {what}")
    return array


def apply_named(row: Primitive, *operands: Data, **params: Any) -> Data:
    """`apply` with the calling convention of rules."""
    return apply(row, operands, params)


def raw_namespace(**others: Any) -> Namespace:
    """The rows' evaluators under the rows' names: plain arrays, nothing recorded."""
    return Namespace({name: row.evaluate for name, row in TABLE.items()} | others)


def apply_level(row: Primitive, operand: Data, **params: Any) -> Data:
    """`hide` and `reveal`: the carrier alone knows its hidden axes."""
    return operand.derivant_level(row, params)


def recording_namespace() -> Namespace:
    """The rows applied through dispatch under the same names: what Tensors and Exprs record."""
    return Namespace(
        {
            name: partial(apply_level if row.family == "level" else apply_named, row)
            for name, row in TABLE.items()
        }
    )
