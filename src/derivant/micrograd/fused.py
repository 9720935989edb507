"""A whole neuron as one node: b + w_1 x_1 + ... + w_n x_n, then relu where asked.

The sums run in micrograd's order, so the numbers are micrograd's to the last digit. Looked into,
the node becomes the products and sums that micrograd would have made.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import final

from derivant.base.errors import ShapeError
from derivant.base.scalars import Scalar, relu, scale, step
from derivant.carriers.value import ADD, MULTIPLY, NONE, RELU, SPACING, Fused, Value, node


@final
class Signals:
    """The inputs of a layer, as Values and as numbers, read once for all its neurons."""

    __slots__ = ("numbers", "values")

    def __init__(self, x: Iterable[Value]) -> None:
        self.values = tuple(x)
        self.numbers = [value.data for value in self.values]


@final
class Affine(Fused):
    """The rule of one neuron: its weights with the bias last, and the signals it saw."""

    __slots__ = ("numbers", "parameters", "rectified", "signals", "slope")

    def __init__(self, parameters: tuple[Value, ...], signals: Signals, rectified: bool) -> None:
        self.parameters = parameters
        self.signals = signals
        self.rectified = rectified
        self.numbers = [p.data for p in parameters]
        self.slope: Scalar = 1

    def forward(self) -> Value:
        """The neuron's value."""
        total = self.numbers[-1]
        # zip ends with the signals, before the bias, which stands last.
        for a, b in zip(self.numbers, self.signals.numbers, strict=False):
            total += a * b
        if self.rectified:
            self.slope = step(total)
            total = relu(total)
        return node(self, total, NONE, NONE)

    def groups(self) -> tuple[tuple[Value, ...], ...]:
        return self.parameters, self.signals.values

    def pull(self, g: Scalar) -> None:
        g = g * self.slope
        if g == 0:
            return
        parameters, signals = self.parameters, self.signals
        for w, x, a, b in zip(
            parameters, signals.values, self.numbers, signals.numbers, strict=False
        ):
            w.grad += g * b
            x.grad += g * a
        parameters[-1].grad += g

    def expand(self, value: Value) -> None:
        g = scale(value.grad, self.slope)
        serials = count(value.serial - SPACING + 1)
        total = self.parameters[-1]
        data = self.numbers[-1]
        for w, x, a, b in zip(
            self.parameters, self.signals.values, self.numbers, self.signals.numbers, strict=False
        ):
            product = node(MULTIPLY, a * b, (w, x), (a * b, a, b))
            data += a * b
            inputs = (total, product)
            total = node(ADD, data, inputs, NONE)
            product.grad = total.grad = g
            product.serial, total.serial = next(serials), next(serials)
        if self.rectified:
            value._rule, value._inputs, value._args = RELU, (total,), (value.data, data)
        else:
            value._rule, value._inputs = ADD, inputs


def affine(parameters: tuple[Value, ...], signals: Signals, rectified: bool) -> Value:
    """b + w_1 x_1 + ... + w_n x_n as one Value; `parameters` are the w, then b.

    Raises ShapeError where there are not as many signals as weights.

    >>> w, b, x = Value(2.0), Value(1.0), Value(5.0)
    >>> affine((w, b), Signals([x]), rectified=False)
    Value(data=11.0, grad=0)
    """
    wanted, came = len(parameters) - 1, len(signals.values)
    if wanted != came:
        raise ShapeError(
            f"a Neuron of {wanted} weights takes {wanted} inputs, got {came}; "
            f"make it Neuron({came}), or give it {wanted} numbers"
        )
    return Affine(parameters, signals, rectified).forward()
