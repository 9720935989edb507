"""A recurrent network: the gradient of an LSTM's loss as one compiled loop, beside the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import derivant as dv
from benchmarks.timing import SETTLE, Row, interleaved, ratio

BATCH, STEPS, INPUTS, HIDDEN = 16, 50, 8, 32


def rows() -> Iterator[Row]:
    """Ours over each peer that is installed."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return (0.2 * rng.standard_normal(shape)).astype(np.float32)

    weights = [normal(INPUTS, 4 * HIDDEN), normal(HIDDEN, 4 * HIDDEN), normal(4 * HIDDEN),
               normal(HIDDEN, 1)]  # fmt: skip
    x, y = normal(STEPS, BATCH, INPUTS), normal(BATCH, 1)
    ours = dv.jit(dv.grad(lambda w: loss(w, x, y, dv, dv.sigmoid, dv.scan)))
    calls: dict[str, Callable[[], Any]] = {"ours": lambda: ours(weights)}
    for peer in (torch_call, jax_call):
        try:
            calls[peer.__name__.removesuffix("_call")] = peer(weights, x, y)
        except ImportError:
            continue
    wanted = ours(weights)
    for call in calls.values():
        for a, b in zip(call(), wanted, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, rtol=1e-3, atol=1e-6)
    times = interleaved(calls, settle=SETTLE)
    for peer in [name for name in calls if name != "ours"]:
        value, spread = ratio(times["ours"], times[peer])
        name = f"gradient of an LSTM, {STEPS} steps, {HIDDEN} units, batch {BATCH} / {peer}"
        yield Row(name, f"{value:.3f}", spread, "<= 1", value <= 1)


def loss(weights: Any, x: Any, y: Any, lib: Any, sigmoid: Any, scan: Any) -> Any:
    """The squared error of the last state; the same text for ours and JAX."""
    into, over, bias, out = weights

    def step(carry: Any, row: Any) -> Any:
        h, cell = carry
        z = row @ into + h @ over + bias
        i, f, g, o = (z[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(4))
        cell = sigmoid(f) * cell + sigmoid(i) * lib.tanh(g)
        return (sigmoid(o) * lib.tanh(cell), cell), None

    still = np.zeros((BATCH, HIDDEN), np.float32)
    (h, _), _ = scan(step, (still, still), x)
    return lib.mean((h @ out - y) ** 2)


def torch_call(weights: Any, x: Any, y: Any) -> Callable[[], Any]:
    """PyTorch's own LSTM; its gates come in the order of ours, and it has two biases."""
    import torch

    into, over, bias, out = (torch.tensor(w, requires_grad=True) for w in weights)
    cell = torch.nn.LSTM(INPUTS, HIDDEN)
    with torch.no_grad():
        cell.weight_ih_l0.copy_(into.T)
        cell.weight_hh_l0.copy_(over.T)
        cell.bias_ih_l0.copy_(bias)
        cell.bias_hh_l0.zero_()
    read, wanted = torch.tensor(x), torch.tensor(y)
    learned = (cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, out)

    def call() -> Any:
        states, _ = cell(read)
        found = torch.autograd.grad(((states[-1] @ out - wanted) ** 2).mean(), learned)
        return [g.T for g in found[:2]] + list(found[2:])

    return call


def jax_call(weights: Any, x: Any, y: Any) -> Callable[[], Any]:
    """JAX's, jitted."""
    import jax
    import jax.numpy as jnp

    gradient = jax.jit(jax.grad(lambda w: loss(w, x, y, jnp, jax.nn.sigmoid, jax.lax.scan)))
    given = [jnp.array(w) for w in weights]
    return lambda: [g.block_until_ready() for g in gradient(given)]
