"""The multilayer perceptron as a tree of arrays and one function of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from derivant.base.types import Array, Operand
from derivant.ops.activations import relu
from derivant.ops.random import key, split, uniform
from derivant.ops.rows import read

Layers = list[dict[str, npt.NDArray[np.floating]]]


def init_mlp(sizes: Sequence[int], seed: int = 0, dtype: npt.DTypeLike = np.float32) -> Layers:
    """Weights for layers of these sizes, uniform in +-sqrt(6 / fan_in); biases 0.

    Shapes: W (in, out), b (out) for each layer. He et al., Delving Deep into Rectifiers, 2015.

    >>> [layer["W"].shape for layer in init_mlp([64, 32, 10])]
    [(64, 32), (32, 10)]
    """
    layers: Layers = []
    draws = split(key(seed), len(sizes))
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        bound = math.sqrt(6 / fan_in)
        weights = np.asarray(uniform(draws[number], (fan_in, fan_out), low=-bound, high=bound))
        layers.append({"W": weights.astype(dtype), "b": np.zeros(fan_out, dtype)})
    return layers


def mlp(layers: Layers, x: Operand) -> Array:
    """The output of the network: X W + b, relu between the layers.

    Shapes: x (batch, in), result (batch, out).

    >>> mlp([{"W": np.eye(2), "b": np.ones(2)}], np.zeros((1, 2)))
    array([[1., 1.]])
    """
    out = read(x)
    for number, layer in enumerate(layers):
        out = out @ layer["W"] + layer["b"]
        if number + 1 < len(layers):
            out = relu(out)
    return out
