"""Functions of a million numbers, compiled, beside PyTorch and JAX on as many threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import derivant as dv
from benchmarks.timing import SETTLE, Row, interleaved, ratio

ROWS, COLUMNS = 1000, 1000
EPS = 1e-5


def rows() -> Iterator[Row]:
    """A line a function: ours over the better of the peers that are installed."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    for name, function in ours().items():
        calls: dict[str, Callable[[], Any]] = {}
        compiled = dv.jit(function)
        calls["ours"] = lambda f=compiled: f(x)
        for peer in (torch_calls, jax_calls):
            try:
                calls[peer.__name__.removesuffix("_calls")] = peer(x)[name]
            except ImportError:
                continue
        for other, call in calls.items():
            np.testing.assert_allclose(
                np.asarray(call()), function(x), rtol=2e-5, atol=2e-6, err_msg=other
            )
        times = interleaved(calls, 5, settle=SETTLE)
        peers = [other for other in calls if other != "ours"]
        if not peers:
            continue
        best = min(peers, key=lambda other: sorted(times[other])[len(times[other]) // 2])
        value, spread = ratio(times["ours"], times[best])
        yield Row(f"{name} of 1e6 float32 / {best}", f"{value:.3f}", spread, "<= 1", value <= 1)


def layer_norm(x: Any, mean: Any, sqrt: Any) -> Any:
    """Rows with mean 0 and variance 1; the same text for ours and JAX."""
    center = x - mean(x, axis=1, keepdims=True)
    return center / sqrt(mean(center**2, axis=1, keepdims=True) + EPS)


def ours() -> dict[str, Callable[[Any], Any]]:
    """The functions of this package."""
    return {
        "softplus": dv.softplus,
        "tanh": dv.tanh,
        "gelu": dv.gelu,
        "layer norm": lambda x: layer_norm(x, dv.mean, dv.sqrt),
        "softmax": lambda x: dv.softmax(x, axis=1),
    }


def torch_calls(x: Any) -> dict[str, Callable[[], Any]]:
    """PyTorch's."""
    import torch
    import torch.nn.functional as F  # noqa: N812 - as everybody calls it

    t = torch.tensor(x)
    return {
        "softplus": lambda: F.softplus(t),
        "tanh": lambda: torch.tanh(t),
        "gelu": lambda: F.gelu(t),
        "layer norm": lambda: F.layer_norm(t, (COLUMNS,), eps=EPS),
        "softmax": lambda: torch.softmax(t, 1),
    }


def jax_calls(x: Any) -> dict[str, Callable[[], Any]]:
    """JAX's, jitted."""
    import jax
    import jax.numpy as jnp

    t = jnp.array(x)
    functions: dict[str, Any] = {
        "softplus": jax.nn.softplus,
        "tanh": jnp.tanh,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
        "layer norm": lambda x: layer_norm(x, jnp.mean, jnp.sqrt),
        "softmax": lambda x: jax.nn.softmax(x, axis=1),
    }
    compiled = {name: jax.jit(f) for name, f in functions.items()}
    return {name: lambda f=f: f(t).block_until_ready() for name, f in compiled.items()}
