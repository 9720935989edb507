"""PyTorch's functions for networks in derivant's words: activations, layers, losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from tests.conformance.words import NoCounterpartError, Table, rank_of, shape_of

import derivant as dv
from derivant.base.types import Array, Operand

# Activations


def hardtanh(x: Operand, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    return dv.clip(x, min_val, max_val)


def softplus(x: Operand, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """PyTorch is linear beyond the threshold; ours is exact everywhere."""
    return dv.where(beta * dv.asarray(x) > threshold, x, dv.softplus(beta * dv.asarray(x)) / beta)


def celu(x: Operand, alpha: float = 1.0) -> Array:
    return dv.where(dv.greater(x, 0), x, alpha * dv.expm1(dv.asarray(x) / alpha))


def hardsigmoid(x: Operand) -> Array:
    return dv.relu6(dv.asarray(x) + 3) / 6


def hardswish(x: Operand) -> Array:
    return x * hardsigmoid(x)


def tanhshrink(x: Operand) -> Array:
    return x - dv.tanh(x)


def threshold(x: Operand, bound: float, value: float) -> Array:
    return dv.where(dv.greater(x, bound), x, value)


def softshrink(x: Operand, lambd: float = 0.5) -> Array:
    return x - dv.clip(x, -lambd, lambd)


def hardshrink(x: Operand, lambd: float = 0.5) -> Array:
    return dv.where(dv.greater(dv.abs(x), lambd), x, 0.0)


def glu(x: Operand, dim: int = -1) -> Array:
    value, gate = dv.split(x, 2, axis=dim)
    return value * dv.sigmoid(gate)


def prelu(x: Operand, weight: Operand) -> Array:
    count = int(np.prod(shape_of(weight)))
    sizes = [1] * rank_of(x)
    if count > 1 and len(sizes) > 1:
        sizes[1] = count
    slope = dv.reshape(weight, tuple(sizes) if count > 1 else ())
    return dv.where(dv.greater(x, 0), x, slope * dv.asarray(x))


ACTIVATIONS: Table = {
    "nn.functional.relu": dv.relu,
    "nn.functional.relu6": dv.relu6,
    "nn.functional.leaky_relu": dv.leaky_relu,
    "nn.functional.elu": dv.elu,
    "nn.functional.selu": dv.selu,
    "nn.functional.silu": dv.silu,
    "nn.functional.mish": dv.mish,
    "nn.functional.gelu": dv.gelu,
    "nn.functional.softsign": dv.softsign,
    "nn.functional.logsigmoid": dv.log_sigmoid,
    "nn.functional.hardtanh": hardtanh,
}

# Layers


def conv(function: Callable[..., Array]) -> Callable[..., Array]:
    """Convolutions with a bias for each channel."""

    def layer(x: Operand, w: Operand, bias: Operand | None = None, **options: object) -> Array:
        out = function(x, w, **options)
        rest = (1,) * (rank_of(w) - 2)
        return out if bias is None else out + dv.reshape(bias, (shape_of(bias)[0], *rest))

    return layer


def linear(x: Operand, w: Operand, bias: Operand | None = None) -> Array:
    out = dv.matmul(x, dv.matrix_transpose(w))
    return out if bias is None else out + bias


def bilinear(x: Operand, y: Operand, w: Operand, bias: Operand | None = None) -> Array:
    out = dv.einsum("...i,oij,...j->...o", x, w, y)
    return out if bias is None else out + bias


def normalize(x: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Array:
    axis = dim if rank_of(x) else None
    size = dv.linalg.vector_norm(x, ord=p, axis=axis, keepdims=True)
    return x / dv.maximum(size, eps)


def standardised(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """(x - mean) / sqrt(var + eps) over axes."""
    middle = dv.mean(x, axis=axes, keepdims=True)
    return (x - middle) / dv.sqrt(dv.var(x, axis=axes, keepdims=True) + eps)


def scaled(x: Array, weight: Operand | None, bias: Operand | None, sizes: Sequence[int]) -> Array:
    """x weight + bias, these in the shape `sizes`."""
    out = x if weight is None else x * dv.reshape(weight, tuple(sizes))
    return out if bias is None else out + dv.reshape(bias, tuple(sizes))


def layer_norm(
    x: Operand,
    shape: Sequence[int],
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
) -> Array:
    axes = tuple(range(-len(shape), 0))
    return scaled(standardised(dv.asarray(x), axes, eps), weight, bias, shape)


def rms_norm(
    x: Operand, shape: Sequence[int], weight: Operand | None = None, eps: float | None = None
) -> Array:
    axes = tuple(range(-len(shape), 0))
    least = np.finfo(np.float64).eps if eps is None else eps
    out = x / dv.sqrt(dv.mean(dv.square(x), axis=axes, keepdims=True) + least)
    return out if weight is None else out * weight


def group_norm(
    x: Operand,
    groups: int,
    weight: Operand | None = None,
    bias: Operand | None = None,
    eps: float = 1e-5,
) -> Array:
    n, c, *rest = shape_of(x)
    parts = dv.reshape(x, (n, groups, -1)) if n else dv.reshape(x, (0, groups, 1))
    out = dv.reshape(standardised(parts, (-1,), eps), (n, c, *rest))
    return scaled(out, weight, bias, (c, *(1 for _ in rest)))


def batch_norm(
    x: Operand,
    running_mean: Operand,
    running_var: Operand,
    weight: Operand | None = None,
    bias: Operand | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    rank = rank_of(x)
    if rank < 2:
        raise NoCounterpartError("an input without an axis of channels")
    sizes = (*shape_of(x)[1:2], *(1 for _ in range(rank - 2)))
    if training:
        out = standardised(dv.asarray(x), (0, *range(2, rank)), eps)
    else:
        middle, spread = dv.reshape(running_mean, sizes), dv.reshape(running_var, sizes)
        out = (x - middle) / dv.sqrt(spread + eps)
    return scaled(out, weight, bias, sizes)


def attention(
    query: Operand,
    key: Operand,
    value: Operand,
    is_causal: bool = False,
    dropout_p: float = 0.0,
    attn_mask: Operand | None = None,
    enable_gqa: bool = False,
) -> Array:
    if dropout_p or enable_gqa or attn_mask is not None:
        raise NoCounterpartError("dropout, masks and shared heads of attention")
    scores = dv.matmul(query, dv.matrix_transpose(key)) / math.sqrt(shape_of(query)[-1])
    if is_causal:
        rows, columns = scores.shape[-2:]
        scores = dv.where(np.tri(rows, columns, dtype=bool), scores, -np.inf)
    return dv.matmul(dv.softmax(scores), value)


LAYERS: Table = {
    "nn.functional.linear": linear,
    "nn.functional.bilinear": bilinear,
    "nn.functional.normalize": normalize,
    "nn.functional.layer_norm": layer_norm,
    "nn.functional.rms_norm": rms_norm,
    "nn.functional.group_norm": group_norm,
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.scaled_dot_product_attention": attention,
    "nn.functional.celu": celu,
    "nn.functional.hardsigmoid": hardsigmoid,
    "nn.functional.hardswish": hardswish,
    "nn.functional.tanhshrink": tanhshrink,
    "nn.functional.threshold": threshold,
    "nn.functional.softshrink": softshrink,
    "nn.functional.hardshrink": hardshrink,
    "nn.functional.glu": glu,
    "nn.functional.prelu": prelu,
    "nn.functional.softplus": softplus,
}

RENAMED: Table = {
    **ACTIVATIONS,
    "nn.functional.conv1d": conv(dv.conv1d),
    "nn.functional.conv2d": conv(dv.conv2d),
}
COMPOSED: Table = {**LAYERS}
