"""The eager carrier: an array that remembers which operation made it.

A node is the Tensor itself: its row, inputs and parameters. `args` are the arrays that the
operation saw, so that nothing done to an array later changes a derivative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape
from derivant.base.errors import ArgumentError, DifferentiationError, ShapeError
from derivant.base.tree import LEAF_TYPES
from derivant.base.types import shape_of
from derivant.carriers import levels as lv
from derivant.carriers.backward import backward
from derivant.carriers.methods import Methods
from derivant.carriers.mode import DEFAULT, FREE, LEAF, MODE, serial
from derivant.carriers.nans import remember, watch
from derivant.primitives import NO_PARAMS, TABLE, Primitive
from derivant.primitives.dispatch import NUMBERS, REAL, plain_operands
from derivant.primitives.explain import explained
from derivant.primitives.primitive import Params

NONE: tuple[int, ...] = ()
WEAK = lv.WEAK
NDARRAY = np.ndarray
PART, BIND, HIDE = TABLE["part"], TABLE["bind"], TABLE["hide"]
FLOATS = ("float32", "float64")
_new = object.__new__


class Tensor(Methods):
    """An array whose operations are recorded, so that derivatives can be taken.

    Made by `tensor`; see there. `==` is elementwise, the hash is the identity.

    >>> import derivant as dv
    >>> dv.tensor([1.0, 2.0]) * 2.0
    tensor([2., 4.])
    """

    __slots__ = (
        "__weakref__",
        "_grad",
        "args",
        "data",
        "inputs",
        "levels",
        "params",
        "primitive",
        "serial",
        "tag",
    )
    derivant_rank = 1
    data: Any
    primitive: Primitive | None
    inputs: tuple[Any, ...]
    args: tuple[Any, ...]
    params: Params
    levels: tuple[int, ...]
    tag: int
    serial: int

    @staticmethod
    def derivant_apply(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
        """Evaluate a row at once and, where an operand asks for it, record it."""
        tag = FREE
        args = []
        foreign = False
        for x in operands:
            kind = x.__class__
            if kind is Tensor:
                if x.levels is not NONE:
                    return _apply_levels(row, operands, params)
                if x.tag < tag:
                    tag = x.tag
                args.append(x.data)
            elif kind in NUMBERS:
                args.append(x)
            elif kind is NDARRAY and x.dtype.kind in REAL:
                foreign = True
                args.append(x)
            elif getattr(x, "derivant_rank", 0) > 1:
                return x.derivant_apply(row, operands, params)
            else:
                foreign = True
                operands = plain_operands(row, operands, params)
                args.append(operands[len(args)])
        try:
            data = row.evaluate(*args, **params) if params else row.evaluate(*args)
        except Exception as error:
            raise explained(row, operands, params, error) from error
        if foreign or tag is FREE or row.special or MODE.get() is not DEFAULT:
            return _node(row, operands, tuple(args), params, data, tag, NONE, foreign)
        t = _new(Tensor)  # the common case of `_node`, without the call
        t.data = data
        t.levels = NONE
        t.params = params
        t.primitive = row
        t.inputs = operands
        t.args = tuple(args)
        t.tag = tag
        t.serial = serial()
        return t

    def derivant_level(self, row: Primitive, params: Params) -> Tensor:
        """Hide an axis, or bring one back: vmap's two operations."""
        move = lv.hidden if row is HIDE else lv.revealed
        plain = NONE if self.levels is WEAK else self.levels
        data, after = move(self.data, plain, **params)
        t: Tensor = _node(row, (self,), (self.data,), params, data, self.tag, after or NONE, False)
        return t

    @staticmethod
    def lifted(value: Any) -> Any:
        """Plain numbers as a constant of this carrier."""
        return value if hasattr(value, "derivant_rank") else constant(np.asarray(value)[()])

    def settled(self, since: int) -> Tensor:
        """This Tensor, without what it remembers of a transform opened at `since`, closed now."""
        if since <= self.tag < FREE:
            return constant(self.data, self.levels)
        return self

    @property
    def shape(self) -> Shape:
        """The sizes of the axes."""
        data = self.data
        if self.levels is NONE:
            visible: Shape = data.shape
            return visible
        return tuple(np.shape(data)[len(self.levels) :])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers."""
        kind: np.dtype[Any] = self.data.dtype
        return kind

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)  # type: ignore[arg-type]  # a Tensor's sizes are ints

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` reaches this Tensor."""
        return self.tag == LEAF

    @property
    def grad(self) -> npt.NDArray[Any] | None:
        """What `backward` has added up for this leaf; None before."""
        return getattr(self, "_grad", None)

    @grad.setter
    def grad(self, value: npt.ArrayLike | None) -> None:
        self._grad = None if value is None else np.array(value, dtype=self.dtype)

    @property
    def operands(self) -> tuple[Any, ...]:
        """The inputs as they were when the operation ran, a leaf changed since then included."""
        return tuple(map(_as_it_was, self.inputs, self.args))

    def parts(self) -> tuple[Tensor, ...]:
        """The Tensors of a result that is a tuple."""
        return tuple(_part(self, i) for i in range(len(self.data)))

    def numpy(self) -> npt.NDArray[Any]:
        """The numbers, as a read-only view."""
        if self.levels:
            raise DifferentiationError(
                "inside vmap a Tensor has hidden axes and no array of its own"
            )
        view = np.asarray(self.data)[...]
        view.flags.writeable = False
        return view

    def detach(self) -> Tensor:
        """The same numbers, with no history."""
        return constant(self.data, self.levels)

    def item(self) -> float:
        """The only entry, as a Python number."""
        number: float = self.numpy().item()
        return number

    def _number(self) -> float:
        """The only entry as a Python number; refused where its derivative would be lost."""
        if self.tag != FREE and self.tag != LEAF:
            raise DifferentiationError(
                "a Python number made of a Tensor that is differentiated by would lose its "
                "derivative (math functions and assignment into NumPy arrays do so); use "
                "derivant's functions, or t.item() for the number alone"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __len__(self) -> int:
        if not self.shape:
            raise ArgumentError("a Tensor of shape () has no length")
        return int(self.shape[0])  # type: ignore[arg-type]  # a Tensor's sizes are ints

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if self.levels:
            return f"Tensor(shape={self.shape}, dtype={self.dtype}, hidden={self.levels})"
        body = np.array2string(np.asarray(self.data), separator=", ", prefix="tensor(")
        note = ", requires_grad=True" if self.requires_grad and self.primitive is None else ""
        if self.dtype != np.float64:
            note = f", dtype={self.dtype}{note}"
        return f"tensor({body}{note})"

    def backward(self, gradient: npt.ArrayLike | None = None) -> None:
        """Add the derivative of this number to the `grad` of every leaf it depends on.

        `gradient` is the cotangent of a result that is not one number. Each call adds exactly once.
        """
        backward(self, gradient)

    def _assign(self, row: Primitive, other: Any) -> Any:
        """`p -= step`: in place for a leaf inside no_grad, a new Tensor otherwise."""
        result = self.derivant_apply(row, (self, other), NO_PARAMS)
        if self.tag != LEAF or self.primitive is not None:
            return result
        if MODE.get().record:
            raise DifferentiationError(
                "a leaf that requires a gradient is assigned in place; do it inside no_grad()"
            )
        if result.shape != self.shape:
            raise ShapeError(f"assigning shape {result.shape} in place to a leaf of {self.shape}")
        self.data = np.asarray(result.data, dtype=self.dtype)
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._assign(TABLE["add"], other)

    def __isub__(self, other: Any) -> Any:
        return self._assign(TABLE["subtract"], other)

    def __imul__(self, other: Any) -> Any:
        return self._assign(TABLE["multiply"], other)

    def __itruediv__(self, other: Any) -> Any:
        return self._assign(TABLE["divide"], other)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if self.tag != FREE:
            raise DifferentiationError(
                "a recorded Tensor would lose its history as an array; use derivant's functions, "
                "or t.numpy() for the numbers alone"
            )
        return np.array(self.numpy(), dtype=dtype)

    __hash__ = object.__hash__


LEAF_TYPES.add(Tensor)


def _node(
    row: Primitive,
    operands: tuple[Any, ...],
    args: tuple[Any, ...],
    params: Params,
    data: Any,
    tag: int,
    levels: tuple[int, ...],
    foreign: bool,
) -> Any:
    """The Tensor of a result; recorded where it depends on something and has a derivative."""
    mode = MODE.get()
    if mode is not DEFAULT:
        if mode.debug_nans:
            watch(row, data)
        if not mode.record:
            tag = FREE
    if tag is FREE or row.constant:
        t = constant(data, levels)
    else:
        t = _new(Tensor)
        t.data = data
        t.levels = levels
        t.params = params
        if foreign and row.needs_values:
            operands, args = _owned(operands, args)
        t.primitive = row
        t.inputs = operands
        t.args = args
        t.tag = tag
        t.serial = serial()
        if mode.debug_nans:
            remember(t)
    if row.outputs > 1:
        return tuple(_part(t, i) for i in range(row.outputs))
    return t


def _as_it_was(operand: Any, arg: Any) -> Any:
    """A leaf that was assigned in place stands for its old numbers in what was recorded before."""
    if operand.__class__ is not Tensor or operand.tag != LEAF or operand.primitive is not None:
        return operand
    if operand.data is arg or operand.levels:
        return operand
    return _node(BIND, (operand,), (arg,), {"tag": LEAF}, arg, LEAF, NONE, False)


def _part(bundle: Tensor, index: int) -> Tensor:
    data = bundle.data[index]
    if bundle.primitive is None:
        return constant(data, bundle.levels)
    part: Tensor = _node(
        PART, (bundle,), (bundle.data,), {"index": index}, data, bundle.tag, bundle.levels, False
    )
    return part


def _owned(
    operands: tuple[Any, ...], args: tuple[Any, ...]
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Copies of arrays that are not ours, so that their owners may change them."""
    kept, seen = [], []
    for operand, arg in zip(operands, args, strict=True):
        copied = operand.copy() if operand.__class__ is NDARRAY else operand
        kept.append(copied)
        seen.append(copied if arg is operand else arg)
    return tuple(kept), tuple(seen)


def _apply_levels(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
    """As `derivant_apply`, with hidden axes or weak scalars among the operands."""
    for x in operands:
        if getattr(x, "derivant_rank", 0) > 1:
            return x.derivant_apply(row, operands, params)
    tensors = [x for x in operands if x.__class__ is Tensor]
    tag = min(t.tag for t in tensors)
    levels = tuple(sorted({level for t in tensors for level in t.levels}))
    operands = plain_operands(row, operands, params)
    args = tuple(lv.argument(x, levels) for x in operands)
    try:
        if levels:
            row.shape(*map(shape_of, operands), **params)
            data = row.batch(row, len(levels), args, params)
        else:
            data = row.evaluate(*args, **params)
    except Exception as error:
        raise explained(row, operands, params, error) from error
    if not levels and all(lv.is_weak(x) for x in operands) and np.ndim(data) == 0:
        levels = WEAK
    seen = tuple(
        [x.data if x.__class__ is Tensor else a for x, a in zip(operands, args, strict=True)]
    )
    return _node(row, operands, seen, params, data, tag, levels, True)


def bound(x: Tensor, tag: int) -> Tensor:
    """A fresh node for an argument of a transform: the same numbers, another identity."""
    t = _node(BIND, (x,), (x.data,), {"tag": tag}, x.data, min(tag, x.tag), x.levels, False)
    if t.primitive is None:  # inside no_grad: still the variable of this transform
        t.primitive, t.inputs, t.args, t.tag, t.serial = BIND, (x,), (x.data,), tag, serial()
    made: Tensor = t
    return made


def constant(data: Any, levels: tuple[int, ...] = NONE) -> Tensor:
    """A Tensor of numbers that depends on nothing. Takes the array as it is."""
    t = _new(Tensor)
    t.data = data
    t.primitive = None
    t.inputs = t.args = NONE
    t.params = NO_PARAMS
    t.tag = FREE
    t.serial = 0
    t.levels = levels
    return t
