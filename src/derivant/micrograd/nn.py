"""Networks of Values with micrograd's names: Module, Neuron, Layer, MLP."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from derivant.base.errors import ArgumentError
from derivant.carriers.value import Number, Value
from derivant.micrograd.fused import Signals, affine


class Module:
    """Something with parameters."""

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0

    def parameters(self) -> list[Value]:
        """The Values that training changes.

        >>> Module().parameters()
        []
        """
        return []


class Neuron(Module):
    """b + w_1 x_1 + ... + w_n x_n, then relu unless `nonlin` is False.

    The weights start as `random.uniform(-1, 1)`, the bias as 0. Raises ArgumentError where the
    number of inputs is not a natural number.

    >>> random.seed(1337)
    >>> n = Neuron(2)
    >>> n, n([Value(1.0), Value(-2.0)])
    (ReLUNeuron(2), Value(data=0.102443419482938, grad=0))
    """

    # The weights and the bias as at the last call: one tuple for all calls that share them.
    _fused: tuple[Value, ...] = ()

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        if not isinstance(nin, int) or nin < 0:
            raise ArgumentError(f"Neuron takes a number of inputs, 0 or more, not {nin!r}")
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Iterable[Number] | Value) -> Value:
        """The neuron's answer to `nin` inputs; raises ShapeError where there are more or fewer."""
        return self.respond(received(x))

    def respond(self, signals: Signals) -> Value:
        """The answer to inputs that the layer has read already."""
        parameters = (*self.w, self.b)
        if parameters != self._fused:
            self._fused = tuple(map(as_value, parameters))
        if len(parameters) == 1 and not signals.values:
            return self.b.relu() if self.nonlin else self.b
        return affine(self._fused, signals, self.nonlin)

    def parameters(self) -> list[Value]:
        """The weights, then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons that see the same `nin` inputs.

    Called, it answers with a list of Values, with the bare Value where `nout` is 1.

    >>> Layer(2, 1, nonlin=False)
    Layer of [LinearNeuron(2)]
    """

    def __init__(self, nin: int, nout: int, **kwargs: bool) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Iterable[Number] | Value) -> Value | list[Value]:
        """Every neuron's answer."""
        given = [x] if isinstance(x, Value) else list(x)
        values = [v for v in given if isinstance(v, Value)]
        if len(values) == len(given):
            signals = Signals(values)
            out = [n.respond(signals) if type(n) is Neuron else n(values) for n in self.neurons]
        else:
            # Plain numbers become leaves of each neuron, as in micrograd's graph.
            out = [n(given) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """The parameters, neuron by neuron."""
        return [p for n in self.neurons for p in n.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(n) for n in self.neurons)}]"


class MLP(Module):
    """Layers one after the other: rectified, and linear the last.

    >>> model = MLP(3, [4, 4, 1])
    >>> len(model.parameters()), type(model([1.0, 2.0, 3.0])).__name__
    (41, 'Value')
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        last = len(sizes) - 2
        self.layers = [
            Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(sizes) - 1)
        ]

    def __call__(self, x: Iterable[Number] | Value) -> Value | list[Value]:
        """The last layer's answer."""
        signal: Iterable[Number] | Value = x
        for layer in self.layers:
            signal = layer(signal)
        return signal  # type: ignore[return-value]  # without layers it is x, as in micrograd

    def parameters(self) -> list[Value]:
        """The parameters, layer by layer."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"


def as_value(x: Number) -> Value:
    """A Value as it is; a number as a leaf."""
    return x if isinstance(x, Value) else Value(x)


def received(x: Iterable[Number] | Value) -> Signals:
    """What a neuron is called with; a bare Value, as a layer of one gives, is a list of one."""
    return Signals([x] if isinstance(x, Value) else map(as_value, x))
