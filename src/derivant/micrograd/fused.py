"""A whole neuron as one node: b + w_1 x_1 + ... + w_n x_n, then relu where asked.

The sums run in micrograd's order, so the numbers are micrograd's to the last digit. Looked into,
the node becomes the products and sums that micrograd would have made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from derivant.base.errors import ArgumentError, ShapeError
from derivant.base.scalars import Scalar
from derivant.carriers.value import ADD, MULTIPLY, NONE, RELU, Fused, Value, node


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

    __slots__ = ("numbers", "parameters", "rectified", "signals")

    def __init__(
        self,
        parameters: tuple[Value, ...],
        numbers: list[Scalar],
        signals: Signals,
        rectified: bool,
    ) -> None:
        self.parameters = parameters
        self.numbers = numbers
        self.signals = signals
        self.rectified = rectified

    def groups(self) -> tuple[tuple[Value, ...], ...]:
        return self.parameters, self.signals.values

    def pull(self, g: Scalar) -> None:
        parameters, signals = self.parameters, self.signals
        # zip ends with the signals, before the bias, which stands last.
        for w, x, a, b in zip(
            parameters, signals.values, self.numbers, signals.numbers, strict=False
        ):
            w.grad += g * b
            x.grad += g * a
        parameters[-1].grad += g
