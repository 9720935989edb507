"""One SGD step of six networks: compiled, beside PyTorch and JAX, and beside its GEMMs alone."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

import derivant as dv
from benchmarks.timing import SETTLE, Row, interleaved, ratio
from derivant.compiler.driver import NOTHING
from derivant.compiler.engine import driver, product_address

RATE = 0.01
LINE = 64


@dataclass(frozen=True)
class Network:
    """Sizes of layers, the batch, what a step may cost beside its GEMMs, and beside the peers."""

    sizes: tuple[int, ...]
    batch: int
    target: float
    peers: float
    inner: int

    @property
    def name(self) -> str:
        """The sizes as text."""
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}"


NETWORKS = (
    Network((2, 16, 16, 1), 100, 1.4, 0.25, 50),
    Network((64, 32, 10), 64, 1.4, 0.25, 50),
    Network((784, 128, 10), 64, 1.1, 1.0, 10),
    Network((784, 512, 256, 10), 128, 1.1, 1.0, 3),
    Network((4096, 4096), 64, 1.1, 1.0, 1),
    Network((1024, 1024, 1024, 1024, 1024), 512, 1.1, 1.0, 1),
)


def rows() -> Iterator[Row]:
    """Two lines a network: beside its GEMMs, and beside the better peer that is installed."""
    for network in NETWORKS:
        yield from step_of(network)
    yield rated_step(Network((784, 128, 10), 64, 1.1, 1.0, 10))
    yield from mapped_step(Network((64, 32, 10), 64, 1.3, 1.0, 3), 32)


def loss(layers: Any, x: Any, y: Any, relu: Any, mean: Any) -> Any:
    """The mean squared error of a network of relu layers; the same text for all systems."""
    for W, b in layers[:-1]:
        x = relu(x @ W + b)
    W, b = layers[-1]
    return mean((x @ W + b - y) ** 2)


def step_of(network: Network) -> Iterator[Row]:
    """The lines of one network."""
    layers, x, y = numbers(network)
    steps: dict[str, Callable[[], Any]] = {"ours": compiled_step(layers, x, y)}
    for peer in (torch_step, jax_step):
        try:
            steps[peer.__name__.removesuffix("_step")] = peer(layers, x, y)
        except ImportError:
            continue
    losses = {name: [step() for _ in range(3)] for name, step in steps.items()}
    for name, found in losses.items():
        np.testing.assert_allclose(
            [float(v) for v in found], losses["ours"], rtol=1e-4, err_msg=name
        )
    steps["gemms"] = gemms(network.sizes, network.batch)
    times = interleaved(steps, network.inner, settle=SETTLE)
    value, spread = ratio(times["ours"], times["gemms"])
    holds = value <= network.target
    yield Row(
        f"SGD step {network.name} / its GEMMs in one native function",
        f"{value:.3f}",
        spread,
        f"<= {network.target:g}",
        holds,
    )
    for name in times.keys() - {"ours", "gemms"}:
        value, spread = ratio(times["ours"], times[name])
        limit = f"<= {network.peers:g}"
        label = f"SGD step {network.name} / {name}"
        yield Row(label, f"{value:.3f}", spread, limit, value <= network.peers)


def numbers(network: Network) -> tuple[Any, Any, Any]:
    """The layers of a network, and a batch of inputs and wanted outputs."""
    rng = np.random.default_rng(0)
    sizes = network.sizes
    layers = [
        (
            (rng.standard_normal((m, n)) / np.sqrt(m)).astype(np.float32),
            np.zeros(n, np.float32),
        )
        for m, n in pairwise(sizes)
    ]
    x = rng.standard_normal((network.batch, sizes[0])).astype(np.float32)
    y = rng.standard_normal((network.batch, sizes[-1])).astype(np.float32)
    return layers, x, y


def rated_step(network: Network) -> Row:
    """The step with the rate an argument, so that it can change from step to step."""
    layers, x, y = numbers(network)
    compiled = dv.jit(sgd, donate_argnums=0)
    own = [(W.copy(), b.copy()) for W, b in layers]
    same = [(W.copy(), b.copy()) for W, b in layers]
    np.testing.assert_allclose(
        [float(compiled(own, x, y, RATE)[0]) for _ in range(3)],
        [float(compiled(same, x, y)[0]) for _ in range(3)],
        rtol=1e-5,
    )
    calls = {"ours": lambda: compiled(own, x, y, RATE)}
    calls["gemms"] = gemms(network.sizes, network.batch)
    times = interleaved(calls, network.inner, settle=SETTLE)
    value, spread = ratio(times["ours"], times["gemms"])
    name = f"SGD step {network.name}, the rate an argument / its GEMMs"
    return Row(name, f"{value:.3f}", spread, f"<= {network.target:g}", value <= network.target)


def mapped_step(network: Network, models: int) -> Iterator[Row]:
    """The step of many models at once, by vmap, beside the GEMMs of all of them."""
    rng = np.random.default_rng(1)

    def normal(*shape: int) -> Any:
        return rng.standard_normal((models, *shape)).astype(np.float32)

    sizes = network.sizes
    layers = [(normal(m, n) / np.float32(np.sqrt(m)), normal(n)) for m, n in pairwise(sizes)]
    x, y = normal(network.batch, sizes[0]), normal(network.batch, sizes[-1])
    compiled = dv.jit(dv.vmap(sgd), donate_argnums=0)
    single = dv.jit(sgd)
    wanted = [single([(W[k], b[k]) for W, b in layers], x[k], y[k])[0] for k in range(models)]
    np.testing.assert_allclose(compiled(layers, x, y)[0], wanted, rtol=1e-4)
    alone = gemms(sizes, network.batch)

    def floor() -> None:
        for _ in range(models):
            alone()

    contestants = {"ours": lambda: compiled(layers, x, y), "gemms": floor}
    times = interleaved(contestants, network.inner, settle=SETTLE)
    value, spread = ratio(times["ours"], times["gemms"])
    name = f"SGD step {network.name}, vmap over {models} models / their GEMMs"
    yield Row(name, f"{value:.3f}", spread, f"<= {network.target:g}", value <= network.target)


def sgd(layers: Any, x: Any, y: Any, rate: Any = RATE) -> Any:
    """The loss, and the layers after a step."""
    value, slopes = dv.value_and_grad(lambda p: loss(p, x, y, dv.relu, dv.mean))(layers)
    return value, [
        (W - rate * dW, b - rate * db) for (W, b), (dW, db) in zip(layers, slopes, strict=True)
    ]


def compiled_step(layers: Any, x: Any, y: Any) -> Callable[[], Any]:
    """Ours: parameters donated, updated in place."""
    compiled = dv.jit(sgd, donate_argnums=0)
    own = [(W.copy(), b.copy()) for W, b in layers]
    return lambda: compiled(own, x, y)[0]


def torch_step(layers: Any, x: Any, y: Any) -> Callable[[], Any]:
    """PyTorch, eager, as its tutorials write it."""
    import torch

    own = [torch.tensor(p, requires_grad=True) for layer in layers for p in layer]
    tx, ty = torch.tensor(x), torch.tensor(y)
    optimiser = torch.optim.SGD(own, lr=RATE)

    def step() -> Any:
        optimiser.zero_grad()
        pairs = list(zip(own[::2], own[1::2], strict=True))
        value = loss(pairs, tx, ty, torch.relu, torch.mean)
        value.backward()
        optimiser.step()
        return value.detach()

    return step


def jax_step(layers: Any, x: Any, y: Any) -> Callable[[], Any]:
    """JAX, jitted, parameters donated."""
    import jax
    import jax.numpy as jnp

    def update(layers: Any, x: Any, y: Any) -> Any:
        value, slopes = jax.value_and_grad(lambda p: loss(p, x, y, jax.nn.relu, jnp.mean))(layers)
        return value, jax.tree.map(lambda p, g: p - RATE * g, layers, slopes)

    compiled = jax.jit(update, donate_argnums=0)
    state = [[(jnp.array(W), jnp.array(b)) for W, b in layers]]
    jx, jy = jnp.array(x), jnp.array(y)

    def step() -> Any:
        value, state[0] = compiled(state[0], jx, jy)
        jax.block_until_ready(state[0])
        return value

    return step


def gemms(sizes: Sequence[int], batch: int) -> Callable[[], Any]:
    """The GEMMs of a step in one native function: forward, by the weights, by the activations."""
    address = product_address("gemm", "float32")
    arrays: list[Any] = []
    records: list[int] = []

    def matrix(m: int, n: int) -> int:
        arrays.append(np.full((m, n), 1e-3, np.float32))
        return len(arrays) - 1

    def product(a: int, b: int, c: int, turned: tuple[bool, bool], factor: float) -> None:
        """C = A B row by row is C' = B' A' to BLAS; with a factor it is added to C."""
        m, n = arrays[c].shape
        k = arrays[a].shape[0 if turned[0] else 1]
        leading = [arrays[b].shape[1], arrays[a].shape[1], n]
        (bits,) = struct.unpack("<q", struct.pack("<d", factor))
        words = [b, 0, a, 0, c, n, m, k, *leading, int(turned[1]), int(turned[0]), 0, 0, 0]
        words += [bits, int(factor != 1.0), 0, 0]
        records.extend([address, 1, len(words), 0, *words])

    inputs = [matrix(batch, n) for n in sizes]
    slopes = [matrix(batch, n) for n in sizes]
    weights = [matrix(m, n) for m, n in pairwise(sizes)]
    for k, W in enumerate(weights):
        product(inputs[k], W, inputs[k + 1], (False, False), 1.0)
    for k in reversed(range(len(weights))):
        product(inputs[k], slopes[k + 1], weights[k], (True, False), -RATE * 1e-3)
        if k:
            product(slopes[k + 1], weights[k], slopes[k], (False, True), 1.0)
    count = len(records) // 24
    program = np.array([count, *records], np.int64)
    table = np.array([a.ctypes.data for a in arrays], np.int64)
    call = driver()
    frame = np.array([program.ctypes.data, table.ctypes.data, 1], np.int64)
    kept = (program, table, arrays)

    def run(kept: Any = kept) -> Any:
        call(frame, NOTHING, (), [])

    return run
