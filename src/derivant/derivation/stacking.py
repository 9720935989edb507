"""The Jacobian of a matrix by a matrix as one matrix, columns stacked."""

from __future__ import annotations

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD


def stacked(jacobian: Expr) -> Expr:
    """d vec(F) / d vec(X)' of a derivative with axes i, j of F, then k, l of X."""
    rows, columns, k, m = jacobian.shape
    turned = RECORD.permute_dims(jacobian, axes=(-3, -4, -1, -2))
    flat: Expr = RECORD.reshape(turned, shape=(columns * rows, m * k))
    return flat
