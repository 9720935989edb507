"""The eager carrier: an array that remembers which operation made it.

A node is the Tensor itself: its row, inputs and parameters. `args` are the arrays that the
operation saw, so that nothing done to an array later changes a derivative.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape
from derivant.base.tree import LEAF_TYPES
from derivant.base.types import shape_of
from derivant.carriers import levels as lv
from derivant.carriers.assignment import Assignment
from derivant.carriers.backward import backward
from derivant.carriers.conversion import Conversion
from derivant.carriers.mode import DEFAULT, FREE, LEAF, MODE, serial
from derivant.carriers.nans import remember, watch
from derivant.primitives import NO_PARAMS, TABLE, Primitive
from derivant.primitives.dispatch import NUMBERS, REAL, plain_operands
from derivant.primitives.explain import explained
from derivant.primitives.primitive import Params, Settings

NONE: tuple[int, ...] = ()
WEAK = lv.WEAK
NDARRAY = np.ndarray
DOUBLE = np.dtype(np.float64)
PART, BIND, HIDE = TABLE["part"], TABLE["bind"], TABLE["hide"]


class Tensor(Assignment, Conversion):
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
        x, y, count = operands[0], operands[-1], len(operands)
        if count > 2:
            return (_apply_mixed if params or count != 3 else _apply_chosen)(row, operands, params)
        if x.__class__ is Tensor and x.levels is NONE:
            a, tag = x.data, x.tag
        elif x.__class__ in NUMBERS or (x.__class__ is NDARRAY and x.dtype.kind in REAL):
            a, tag = x, FREE
        else:
            return _apply_mixed(row, operands, params)
        b = None
        if count == 2:
            if y.__class__ is Tensor and y.levels is NONE:
                b, tag = y.data, tag if tag <= y.tag else y.tag
            elif y.__class__ is float and a.__class__ is NDARRAY and a.dtype is DOUBLE:
                b = np.asarray(y)  # beside doubles the same numbers, and NumPy is quicker with it
            elif y.__class__ in NUMBERS or (y.__class__ is NDARRAY and y.dtype.kind in REAL):
                b = y
            else:
                return _apply_mixed(row, operands, params)
        run = row.evaluate
        if params:
            run = params.run if params.__class__ is Settings else partial(run, **params)
        try:
            data = run(a) if b is None else run(a, b)
        except Exception as error:
            raise explained(row, operands, params, error) from error
        if (b is y or a is x) and tag is not FREE and row.needs_values:
            if y.__class__ is NDARRAY:
                operands = (x, b := y.copy())  # its owner may change it
            elif x.__class__ is NDARRAY:
                operands = (a := x.copy(), y)
        args = (a,) if b is None else (a, b)
        if tag is FREE or row.special or MODE.get() is not DEFAULT:
            return _node(row, operands, args, params, data, tag, NONE)
        t = Tensor()  # `_node`, without the call
        t.data, t.levels, t.params = data, NONE, params
        t.primitive, t.inputs, t.args = row, operands, args
        t.tag, t.serial = tag, serial()
        return t

    def derivant_level(self, row: Primitive, params: Params) -> Tensor:
        """Hide an axis, or bring one back: vmap's two operations."""
        move = lv.hidden if row is HIDE else lv.revealed
        plain = NONE if self.levels is WEAK else self.levels
        data, after = move(self.data, plain, **params)
        t: Tensor = _node(row, (self,), (self.data,), params, data, self.tag, after or NONE)
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
        if self.levels is NONE:
            visible: Shape = self.data.shape
            return visible
        return tuple(np.shape(self.data)[len(self.levels) :])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers."""
        kind: np.dtype[Any] = self.data.dtype
        return kind

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

    def detach(self) -> Tensor:
        """The same numbers, with no history."""
        return constant(self.data, self.levels)

    def backward(self, gradient: npt.ArrayLike | None = None) -> None:
        """Add the derivative of this number to the `grad` of every leaf it depends on.

        `gradient` is the cotangent of a result that is not one number. Each call adds exactly once.
        """
        backward(self, gradient)

    __hash__ = object.__hash__


LEAF_TYPES.add(Tensor)


def _apply_chosen(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
    """As `_apply_mixed`, of a mask and two operands that are Tensors or numbers: `where`."""
    mask, x, y = operands
    tag, a, b = FREE, x, y
    if mask.__class__ is not NDARRAY:
        return _apply_mixed(row, operands, params)
    if x.__class__ is Tensor and x.levels is NONE:
        tag, a = x.tag, x.data
    elif x.__class__ not in NUMBERS:
        return _apply_mixed(row, operands, params)
    if y.__class__ is Tensor and y.levels is NONE:
        b = y.data
        if y.tag < tag:
            tag = y.tag
    elif y.__class__ not in NUMBERS:
        return _apply_mixed(row, operands, params)
    if mask.dtype.kind != "b" or tag is FREE or row.special or MODE.get() is not DEFAULT:
        return _apply_mixed(row, operands, params)
    try:
        data = row.evaluate(mask, a, b)
    except Exception as error:
        raise explained(row, operands, params, error) from error
    mask = mask.copy()  # its owner may change it
    t = Tensor()  # `_node`, without the call
    t.data = data
    t.levels = NONE
    t.params = params
    t.primitive = row
    t.inputs = (mask, x, y)
    t.args = (mask, a, b)
    t.tag = tag
    t.serial = serial()
    return t


def _apply_mixed(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
    """As `derivant_apply`, for any number of operands and of any kinds."""
    tag, late, copies = FREE, False, row.needs_values
    args: list[Any] = []
    kept: list[Any] = []
    for x in operands:
        kind = x.__class__
        if kind is Tensor:
            if x.levels is not NONE:
                return _apply_levels(row, operands, params)
            if x.tag < tag:
                tag = x.tag
            args.append(x.data)
        elif kind is NDARRAY and x.dtype.kind in REAL:
            if copies and tag is not FREE:
                x = x.copy()  # its owner may change it
            else:
                late = copies
            args.append(x)
        elif kind in NUMBERS:
            args.append(x)
        elif getattr(x, "derivant_rank", 0) > 1:
            return x.derivant_apply(row, operands, params)
        else:
            return _apply_mixed(row, plain_operands(row, operands, params), params)
        kept.append(x)
    try:
        if params.__class__ is Settings:
            data = params.run(*args)
        else:
            data = row.evaluate(*args, **params) if params else row.evaluate(*args)
    except Exception as error:
        raise explained(row, operands, params, error) from error
    operands, seen = _owned(operands) if late and tag is not FREE else ((*kept,), (*args,))
    return _node(row, operands, seen, params, data, tag, NONE)


def _node(
    row: Primitive,
    operands: tuple[Any, ...],
    args: tuple[Any, ...],
    params: Params,
    data: Any,
    tag: int,
    levels: tuple[int, ...],
) -> Any:
    """The Tensor of a result; recorded where it depends on something and has a derivative."""
    if tag is FREE or row.special or MODE.get() is not DEFAULT:
        return _unusual(row, operands, args, params, data, tag, levels)
    t = Tensor()
    t.data = data
    t.levels = levels
    t.params = params
    t.primitive = row
    t.inputs = operands
    t.args = args
    t.tag = tag
    t.serial = serial()
    return t


def _unusual(
    row: Primitive,
    operands: tuple[Any, ...],
    args: tuple[Any, ...],
    params: Params,
    data: Any,
    tag: int,
    levels: tuple[int, ...],
) -> Any:
    """As `_node`, where nothing is recorded, NaN is searched for, or the result is a tuple."""
    mode = MODE.get()
    if mode.debug_nans:
        watch(row, data)
    if not mode.record:
        tag = FREE
    t = constant(data, levels)
    if tag is not FREE and not row.constant:
        t.params, t.primitive, t.inputs, t.args = params, row, operands, args
        t.tag, t.serial = tag, serial()
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
    return _node(BIND, (operand,), (arg,), {"tag": LEAF}, arg, LEAF, NONE)


def _part(bundle: Tensor, index: int) -> Tensor:
    data = bundle.data[index]
    if bundle.primitive is None:
        return constant(data, bundle.levels)
    part: Tensor = _node(
        PART, (bundle,), (bundle.data,), {"index": index}, data, bundle.tag, bundle.levels
    )
    return part


def _owned(operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The operands, those arrays copied that are not ours, for their owners may change them.

    Beside them the arrays that the operation saw.
    """
    kept: list[Any] = []
    seen: list[Any] = []
    for x in operands:  # written out, as what runs at every operation is
        if x.__class__ is Tensor:
            kept.append(x)
            seen.append(x.data)
        else:
            own = x.copy() if x.__class__ is NDARRAY else x
            kept.append(own)
            seen.append(own)
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
    weak = not levels and all(map(lv.is_weak, operands))
    args = tuple(lv.argument(x, levels, weak) for x in operands)
    try:
        if levels:
            row.shape(*map(shape_of, operands), **params)
            data = row.batch(row, len(levels), args, params)
        else:
            data = row.evaluate(*args, **params)
    except Exception as error:
        raise explained(row, operands, params, error) from error
    if weak and np.ndim(data) == 0 and (not row.weak or row.weak[0]):
        levels = WEAK
    operands, seen = _owned(operands)
    return _node(row, operands, seen, params, data, tag, levels)


def bound(x: Tensor, tag: int) -> Tensor:
    """A fresh node for an argument of a transform: the same numbers, another identity."""
    t = _node(BIND, (x,), (x.data,), {"tag": tag}, x.data, min(tag, x.tag), x.levels)
    if t.primitive is None:  # inside no_grad: still the variable of this transform
        t.primitive, t.inputs, t.args, t.tag, t.serial = BIND, (x,), (x.data,), tag, serial()
    made: Tensor = t
    return made


def constant(data: Any, levels: tuple[int, ...] = NONE) -> Tensor:
    """A Tensor of numbers that depends on nothing. Takes the array as it is."""
    t = Tensor()
    t.data = data
    t.primitive = None
    t.inputs = t.args = NONE
    t.params = NO_PARAMS
    t.tag = FREE
    t.serial = 0
    t.levels = levels
    return t
