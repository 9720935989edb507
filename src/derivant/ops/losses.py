"""Losses that need a form of their own to be exact."""

from __future__ import annotations

import numpy as np

from derivant.base.dims import total
from derivant.base.errors import ArgumentError, DTypeError, ShapeError
from derivant.base.types import Array, Operand
from derivant.ops.arguments import one_axis
from derivant.ops.reductions import log_softmax
from derivant.ops.rows import call, over, read

__all__ = ["cross_entropy"]

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    logits: Operand, labels: Operand, axis: int = -1, reduction: str = "mean"
) -> Array:
    """The cross entropy of classes and the softmax of logits: -log softmax(logits)[label].

    `labels` are the numbers of classes, in the shape of `logits` without `axis`, or probabilities p
    in the shape of `logits`: then - sum_c p_c log softmax(logits)_c. `reduction` is "mean", "sum"
    or "none" (one loss an example). Exact for logits of any size. Raises BoundsError for a label
    that is no class, ShapeError where the labels do not fit, ArgumentError for another reduction.

    >>> from derivant.ops.losses import cross_entropy
    >>> float(cross_entropy([[0.0, 1e4], [1e4, 0.0]], [0, 0]))
    5000.0
    """
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"cross_entropy: reduction is one of {REDUCTIONS}, not {reduction!r}")
    scores, classes = read(logits), read(labels)
    line = one_axis("cross_entropy", scores, axis)
    losses = _losses(scores, classes, line)
    if reduction == "none":
        return losses
    every = tuple(range(-len(losses.shape), 0))
    added = call("sum", losses, axis=every, keepdims=False)
    return added if reduction == "sum" else over(added, total(losses.shape))


def _losses(logits: Array, labels: Array, axis: int) -> Array:
    """One loss an example."""
    logs = log_softmax(logits, axis)
    if tuple(labels.shape) == tuple(logits.shape):
        # A class with neither probability nor chance adds 0, not 0 times infinity.
        absent = call("logical_and", call("equal", labels, 0), call("equal", logs, -np.inf))
        weighted = labels * call("where", absent, 0.0, logs)
        return -call("sum", weighted, axis=(axis,), keepdims=False)
    place = axis + len(logits.shape)
    examples = tuple(logits.shape[:place]) + tuple(logits.shape[place + 1 :])
    if tuple(labels.shape) != examples:
        raise ShapeError(
            f"cross_entropy: labels {labels.shape} for logits {logits.shape}; classes have the "
            f"shape {examples}, probabilities that of the logits"
        )
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: classes are whole numbers, not {labels.dtype}")
    known = call("within", labels, size=logits.shape[axis])
    column = call("expand_dims", known, axis=(axis,))
    chosen = call("take_along_axis", logs, column, axis=axis)
    return -call("squeeze", chosen, axis=(axis,))
