"""The scalar carrier: one Python number that remembers which operation made it.

Behaves as micrograd's Value does (the same nodes, the same edges, the same names), on the table's
elementwise rows. It knows nothing of arrays, Tensors or Exprs.

A node is the Value itself: its rule, its inputs, and `_args`, the numbers that the operation saw
(result first), so that nothing done to `data` later changes a derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.base.scalars import SCALARS, Scalar, number, plainly, power
from derivant.primitives import NO_PARAMS, RAW, TABLE, Namespace, Primitive
from derivant.primitives.primitive import Params

XP = Namespace({**{name: plainly(f) for name, f in vars(RAW).items()}, **SCALARS})
ADD, MULTIPLY, RELU = (TABLE[name] for name in ("add", "multiply", "relu"))
POWER, POW = TABLE["power"], TABLE["pow"]
SYMBOLS = {"add": "+", "multiply": "*", "pow": "**", "relu": "ReLU"}
NONE: tuple[Any, ...] = ()
# Serials lie apart, so that the parts of a fused node find room just before it.
SPACING = 1 << 32
serial = count(SPACING, SPACING).__next__
_by_serial = attrgetter("serial")
_new = object.__new__
# As on micrograd's Value, programs may put attributes of their own on ours.
FREE = ("__dict__", "__weakref__")

Number: TypeAlias = "Value | int | float | np.generic"


class Fused:
    """Several operations recorded as one node; the node becomes them when it is looked into."""

    __slots__ = ()

    def groups(self) -> tuple[tuple[Value, ...], ...]:
        """The inputs, in tuples that live as long as the rule and may be shared by many nodes."""
        raise NotImplementedError

    def pull(self, g: Scalar) -> None:
        """Add to the inputs' gradients what the result's gradient g gives them."""
        raise NotImplementedError

    def expand(self, value: Value) -> None:
        """Make the operations that the value stands for, and make it the last of them."""
        raise NotImplementedError


Rule: TypeAlias = "Primitive | Fused | Callable[[], object] | None"


class Value:
    """One number and its gradient; arithmetic on Values is recorded, `backward` differentiates.

    `data` is the number, `grad` the derivative of the last root by it, `label` a name for graphs.
    Two Values are equal only where they are one object. Raises DTypeError where `data` is not one
    real number.

    >>> x = Value(3.0)
    >>> y = x * x * x
    >>> y.backward()
    >>> y, x.grad
    (Value(data=27.0, grad=1), 27.0)
    """

    __slots__ = (*FREE, "_args", "_inputs", "_rule", "data", "grad", "params", "serial")
    # Below the Tensor's: of a Tensor and a Value the Tensor answers, and refuses.
    derivant_rank = 0.5
    label = ""
    _named: str | None = None
    data: Scalar
    grad: Scalar
    params: Params
    serial: int
    _rule: Rule
    _inputs: tuple[Value, ...]
    _args: tuple[Scalar, ...]

    def __init__(
        self,
        data: Scalar | np.generic,
        _children: Iterable[Value] = (),
        _op: str = "",
        label: str = "",
    ) -> None:
        self.data = number(data)
        self.grad = 0
        self._args = NONE
        self.params = NO_PARAMS
        if _children:
            self._inputs = _checked(_children)
            self._rule = _nothing
            self.serial = serial()
        else:
            self._inputs = NONE
            self._rule = None
            self.serial = 0
        if _op:
            self._named = _op
        if label:
            self.label = label

    @staticmethod
    def derivant_apply(row: Primitive, operands: tuple[Any, ...], params: Params) -> Any:
        """An elementwise row of the table on Values and numbers."""
        if not (row.partials or row.constant):
            raise ArgumentError(
                f"{row.name}: a Value is a single number and takes elementwise functions only; "
                "for arrays use derivant.tensor"
            )
        inputs = tuple(x if isinstance(x, Value) else Value(number(x, row.name)) for x in operands)
        numbers = tuple(x.data for x in inputs)
        data = getattr(XP, row.name)(*numbers, **params)
        if row.constant:
            return data
        data = number(data, row.name)
        return node(row, data, inputs, (data, *numbers), params)

    @property
    def primitive(self) -> Primitive | None:
        """The row of the table that made this Value; None for a leaf or a rule of the user's."""
        self._open()
        return self._rule if isinstance(self._rule, Primitive) else None

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The operands, in order."""
        self._open()
        return self._inputs

    @property
    def _prev(self) -> set[Value]:
        return set(self.inputs)

    @property
    def _op(self) -> str:
        if self._named is not None:
            return self._named
        row = self.primitive
        if row is None:
            return ""
        return f"**{self.params['exponent']}" if row is POWER else SYMBOLS.get(row.name, row.name)

    @_op.setter
    def _op(self, name: str) -> None:
        self._named = name

    @property
    def _backward(self) -> Callable[[], object]:
        self._open()
        rule = self._rule
        if isinstance(rule, Primitive):
            return partial(_pull, self, rule)
        return _nothing if rule is None or isinstance(rule, Fused) else rule

    @_backward.setter
    def _backward(self, function: Callable[[], object]) -> None:
        if not callable(function):
            raise ArgumentError(
                f"_backward must be a function without arguments, not {type(function).__name__}"
            )
        self._named = self._op
        self._rule = function

    def _open(self) -> None:
        """Turn a fused node into the operations that it stands for."""
        if isinstance(self._rule, Fused):
            self._rule.expand(self)

    def backward(self) -> None:
        """Set this Value's gradient to 1 and give every Value before it its derivative.

        Leaves add up over calls, Values between are set anew. A `_backward` that the user assigned
        is called in its turn. Depth costs nothing: there is no recursion.

        >>> x = Value(2.0)
        >>> y = x**3
        >>> y.backward()
        >>> y.backward()
        >>> x.grad
        24.0
        """
        order = _ordered(self)
        for value in order:
            if value._inputs or isinstance(value._rule, Fused):
                value.grad = 0
        self.grad = 1
        for value in order:
            rule = value._rule
            if isinstance(rule, Primitive):
                _pull(value, rule)
            elif isinstance(rule, Fused):
                if value.grad != 0:
                    rule.pull(value.grad)
            elif rule is not None:
                rule()

    def __add__(self, other: Number) -> Value:
        if not isinstance(other, Value):
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = Value(other)
        return node(ADD, self.data + other.data, (self, other), NONE)

    def __mul__(self, other: Number) -> Value:
        if not isinstance(other, Value):
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = Value(other)
        x, y = self.data, other.data
        return node(MULTIPLY, data := x * y, (self, other), (data, x, y))

    def __pow__(self, exponent: Number) -> Value:
        x = self.data
        if isinstance(exponent, Value):
            data = _raised(x, exponent.data)
            return node(POW, data, (self, exponent), (data, x, exponent.data))
        if isinstance(exponent, np.ndarray):
            return NotImplemented
        y = number(exponent, "the exponent of a Value")
        return node(POWER, data := _raised(x, y), (self,), (data, x), {"exponent": y})

    # Everything else in terms of these three, with the nodes that micrograd makes.

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Number) -> Value:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self + -(other if isinstance(other, Value) else number(other))

    def __truediv__(self, other: Number) -> Value:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self * (other if isinstance(other, Value) else number(other)) ** -1

    def __radd__(self, other: Number) -> Value:
        return self + other

    def __rmul__(self, other: Number) -> Value:
        return self * other

    def __rsub__(self, other: Number) -> Value:
        return -self + other

    def __rtruediv__(self, other: Number) -> Value:
        return self**-1 * other

    def __rpow__(self, other: Number) -> Value:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return Value(number(other, "the base of a power")) ** self

    def relu(self) -> Value:
        """This number, and 0 where it is negative; the derivative at 0 is 0.

        >>> Value(-3.0).relu()
        Value(data=0, grad=0)
        """
        return self._mapped("relu")

    def exp(self) -> Value:
        """e to the power of this number.

        >>> Value(0.0).exp()
        Value(data=1.0, grad=0)
        """
        return self._mapped("exp")

    def log(self) -> Value:
        """The natural logarithm: -inf at 0, NaN below.

        >>> Value(1.0).log()
        Value(data=0.0, grad=0)
        """
        return self._mapped("log")

    def tanh(self) -> Value:
        """The hyperbolic tangent.

        >>> Value(0.0).tanh()
        Value(data=0.0, grad=0)
        """
        return self._mapped("tanh")

    def sigmoid(self) -> Value:
        """1 / (1 + exp(-x)), without overflow.

        >>> Value(0.0).sigmoid()
        Value(data=0.5, grad=0)
        """
        return self._mapped("sigmoid")

    def _mapped(self, name: str) -> Value:
        x = self.data
        data = SCALARS[name](x)
        return node(TABLE[name], data, (self,), (data, x))

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"


def node(
    rule: Rule,
    data: Scalar,
    inputs: tuple[Value, ...],
    args: tuple[Scalar, ...],
    params: Params = NO_PARAMS,
) -> Value:
    """A Value that an operation made."""
    value = _new(Value)
    value.data = data
    value.grad = 0
    value.params = params
    value.serial = serial()
    value._rule = rule
    value._inputs = inputs
    value._args = args
    return value


def _nothing() -> None:
    """The backward of a Value that has none."""


def _checked(children: Iterable[Value]) -> tuple[Value, ...]:
    """The children of a node that the user makes."""
    inputs = tuple(children)
    for child in inputs:
        if not isinstance(child, Value):
            raise ArgumentError(f"the children of a Value are Values, not {type(child).__name__}")
    return inputs


def _raised(x: Scalar, y: Scalar) -> Scalar:
    """x**y; as Python, ZeroDivisionError for a negative power of 0."""
    if x == 0 and y < 0:
        raise ZeroDivisionError(f"Value(data={x}) ** {y}: 0 has no negative power")
    return power(x, y)


def _ordered(root: Value) -> list[Value]:
    """All Values with a rule that the root depends on, itself first, results before operands."""
    found, seen, opened = [], {root}, set()
    stack = [root]
    while stack:
        value = stack.pop()
        found.append(value)
        for x in value._inputs:
            if x._rule is not None and x not in seen:
                seen.add(x)
                stack.append(x)
        if isinstance(value._rule, Fused):
            for group in value._rule.groups():
                if id(group) in opened:
                    continue
                opened.add(id(group))
                for x in group:
                    if x._rule is not None and x not in seen:
                        seen.add(x)
                        stack.append(x)
    found.sort(key=_by_serial, reverse=True)
    return found


def _pull(value: Value, row: Primitive) -> None:
    """Give the inputs what this gradient is to them. A gradient of 0 gives exactly 0."""
    g = value.grad
    if g == 0:
        return
    inputs, args, params = value._inputs, value._args, value.params
    for i, slope in enumerate(row.partials):
        x = inputs[i]
        if not callable(slope):
            if slope is not None:
                x.grad += g * slope
            continue
        try:
            x.grad += g * (slope(XP, *args, **params) if params else slope(XP, *args))
        except ArithmeticError:
            x.grad += g * _by_numpy(slope, value)


def _by_numpy(slope: Callable[..., Any], value: Value) -> float:
    """A partial where Python's division or power raises and IEEE arithmetic has an infinity."""
    numbers = (np.float64(x) for x in value._args)
    with np.errstate(all="ignore"):
        return float(slope(RAW, *numbers, **value.params))
