"""PyTorch's losses in derivant's words."""

from __future__ import annotations

import math

import numpy as np
from tests.conformance.words import NoCounterpartError, Table, rank_of, shape_of

import derivant as dv
from derivant.base.types import Array, Operand


def reduced(losses: Array, reduction: str) -> Array:
    """The mean, the sum, or each loss."""
    if reduction == "none":
        return losses
    if reduction == "batchmean":
        return dv.sum(losses) / shape_of(losses)[0]
    return dv.mean(losses) if reduction == "mean" else dv.sum(losses)


def cross_entropy(
    x: Operand,
    target: Operand,
    reduction: str = "mean",
    weight: Operand | None = None,
    ignore_index: int | None = None,
) -> Array:
    """The classes are axis 1; probabilities are averaged over examples."""
    if weight is not None or ignore_index is not None:
        raise NoCounterpartError("weights of classes and classes to ignore")
    axis = 0 if rank_of(x) == 1 else 1
    return dv.cross_entropy(x, target, axis=axis, reduction=reduction)


def mse_loss(x: Operand, y: Operand, reduction: str = "mean") -> Array:
    return reduced(dv.square(dv.subtract(x, y)), reduction)


def l1_loss(x: Operand, y: Operand, reduction: str = "mean") -> Array:
    return reduced(dv.abs(dv.subtract(x, y)), reduction)


def huber_loss(x: Operand, y: Operand, reduction: str = "mean", delta: float = 1.0) -> Array:
    away = dv.subtract(x, y)
    far = dv.abs(away)
    losses = dv.where(far < delta, away * away / 2, delta * (far - delta / 2))
    return reduced(losses, reduction)


def smooth_l1_loss(x: Operand, y: Operand, reduction: str = "mean", beta: float = 1.0) -> Array:
    if beta == 0:
        return l1_loss(x, y, reduction)
    return huber_loss(x, y, reduction, beta) / beta


def kl_div(x: Operand, target: Operand, reduction: str = "mean", log_target: bool = False) -> Array:
    if log_target:
        return reduced(dv.exp(target) * (target - dv.asarray(x)), reduction)
    return reduced(dv.special.xlogy(target, target) - target * dv.asarray(x), reduction)


def binary_cross_entropy(
    x: Operand, target: Operand, reduction: str = "mean", weight: Operand | None = None
) -> Array:
    """PyTorch bounds the logarithms by -100, ours has the limits."""
    here = dv.special.xlogy(target, x) + dv.special.xlog1py(1 - dv.asarray(target), dv.negative(x))
    return reduced(-here if weight is None else -here * weight, reduction)


def binary_cross_entropy_with_logits(
    x: Operand,
    target: Operand,
    reduction: str = "mean",
    weight: Operand | None = None,
    pos_weight: Operand | None = None,
) -> Array:
    positive = target * dv.log_sigmoid(x)
    if pos_weight is not None:
        positive = positive * pos_weight
    losses = -(positive + (1 - dv.asarray(target)) * dv.log_sigmoid(dv.negative(x)))
    return reduced(losses if weight is None else losses * weight, reduction)


def nll_loss(
    x: Operand,
    target: Operand,
    reduction: str = "mean",
    weight: Operand | None = None,
    ignore_index: int | None = None,
) -> Array:
    if weight is not None or ignore_index is not None:
        raise NoCounterpartError("weights of classes and classes to ignore")
    if rank_of(x) == 1:
        return dv.negative(dv.take(x, target))
    chosen = dv.take_along_axis(x, np.expand_dims(target, 1), axis=1)
    return reduced(dv.negative(dv.squeeze(chosen, 1)), reduction)


def soft_margin_loss(x: Operand, target: Operand, reduction: str = "mean") -> Array:
    return reduced(dv.softplus(dv.negative(target * dv.asarray(x))), reduction)


def margin_ranking_loss(
    x: Operand, y: Operand, target: Operand, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    return reduced(dv.relu(margin - target * dv.subtract(x, y)), reduction)


def hinge_embedding_loss(
    x: Operand, target: Operand, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """PyTorch adds what is not 1 and what is not -1."""
    near = dv.where(dv.not_equal(target, 1), dv.relu(margin - dv.asarray(x)), 0.0)
    away = dv.where(dv.not_equal(target, -1), x, 0.0)
    return reduced(near + away, reduction)


def poisson_nll_loss(
    x: Operand,
    target: Operand,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    if log_input:
        losses = dv.exp(x) - target * dv.asarray(x)
    else:
        losses = x - target * dv.log(dv.asarray(x) + eps)
    if full:
        size = dv.asarray(target)
        stirling = size * dv.log(size) - size + dv.log(2 * math.pi * size) / 2
        losses = losses + dv.where(dv.greater(size, 1), stirling, 0.0)
    return reduced(losses, reduction)


def cosine_similarity(x: Operand, y: Operand, dim: int = 1, eps: float = 1e-8) -> Array:
    axis = dim if max(rank_of(x), rank_of(y)) else None
    left, right = dv.broadcast_arrays(x, y)
    sizes = [
        dv.maximum(dv.linalg.vector_norm(z, axis=axis, keepdims=True), eps) for z in (left, right)
    ]
    return dv.sum((left / sizes[0]) * (right / sizes[1]), axis=axis)


def pairwise_distance(
    x: Operand, y: Operand, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Array:
    away = dv.subtract(x, y) + eps
    return dv.linalg.vector_norm(away, ord=p, axis=-1, keepdims=keepdim)


def triplet_margin_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    near, away = pairwise_distance(anchor, positive), pairwise_distance(anchor, negative)
    if swap:
        away = dv.minimum(away, pairwise_distance(positive, negative))
    return reduced(dv.relu(margin + near - away), reduction)


RENAMED: Table = {"nn.functional.cross_entropy": cross_entropy}

COMPOSED: Table = {
    "nn.functional.mse_loss": mse_loss,
    "nn.functional.l1_loss": l1_loss,
    "nn.functional.huber_loss": huber_loss,
    "nn.functional.smooth_l1_loss": smooth_l1_loss,
    "nn.functional.kl_div": kl_div,
    "nn.functional.binary_cross_entropy": binary_cross_entropy,
    "nn.functional.binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "nn.functional.nll_loss": nll_loss,
    "nn.functional.soft_margin_loss": soft_margin_loss,
    "nn.functional.margin_ranking_loss": margin_ranking_loss,
    "nn.functional.hinge_embedding_loss": hinge_embedding_loss,
    "nn.functional.poisson_nll_loss": poisson_nll_loss,
    "nn.functional.cosine_similarity": cosine_similarity,
    "nn.functional.pairwise_distance": pairwise_distance,
    "nn.functional.triplet_margin_loss": triplet_margin_loss,
}
