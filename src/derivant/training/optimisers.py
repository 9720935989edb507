"""Optimisers as pairs of pure functions on trees: `init(params)` and `update(grads, state)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivant.base.tree import tree_map


@dataclass(frozen=True, slots=True)
class Optimiser:
    """`state = init(params)`; `steps, state = update(grads, state)`; then params + steps."""

    init: Callable[[object], object]
    update: Callable[[object, Any], tuple[object, object]]


def sgd(learning_rate: float) -> Optimiser:
    """Gradient descent: step = -learning_rate * g.

    >>> sgd(0.1).update([2.0], None)[0]
    [-0.2]
    """
    return Optimiser(
        lambda params: None,
        lambda grads, state: (tree_map(lambda g: -learning_rate * g, grads), state),
    )


def adam(
    learning_rate: float = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Optimiser:
    """Adam: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, both corrected for their start at 0,
    step = -learning_rate m / (sqrt(v) + eps).

    Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015.

    >>> rule = adam(0.1)
    >>> steps, state = rule.update([3.0], rule.init([0.0]))
    >>> round(float(steps[0]), 6)
    -0.1
    """

    def init(params: object) -> object:
        zeros = tree_map(np.zeros_like, params)
        return 0, zeros, zeros

    def update(grads: object, state: Any) -> tuple[object, object]:
        count, m, v = state
        count += 1
        m = tree_map(lambda g, old: b1 * old + (1 - b1) * g, grads, m)
        v = tree_map(lambda g, old: b2 * old + (1 - b2) * g * g, grads, v)
        rate = learning_rate / (1 - b1**count)
        bias = 1 - b2**count

        def step(m: Any, v: Any) -> Any:
            return -rate * m / (np.sqrt(v / bias) + eps)

        return tree_map(step, m, v), (count, m, v)

    return Optimiser(init, update)
