"""The Jacobian of a matrix or a vector by a matrix as one matrix, columns stacked."""

from __future__ import annotations

from collections.abc import Sequence

from derivant.base.errors import DerivantError
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.notation import read_formula
from derivant.primitives import RECORD


def stacked(jacobian: Expr) -> Expr:
    """d vec(F) / d vec(X)' of a derivative with axes i, j of F or i alone, then k, l of X."""
    flat: Expr
    if len(jacobian.shape) == 3:
        rows, k, m = jacobian.shape
        turned = RECORD.permute_dims(jacobian, axes=(-3, -1, -2))
        flat = RECORD.reshape(turned, shape=(rows, m * k))
        return flat
    rows, columns, k, m = jacobian.shape
    turned = RECORD.permute_dims(jacobian, axes=(-3, -4, -1, -2))
    flat = RECORD.reshape(turned, shape=(columns * rows, m * k))
    return flat


def unstacked(value: Expr) -> Expr:
    """The matrix F of vec(F), whose Jacobian with columns stacked is the same; else the value."""
    if len(value.shape) != 1 or value.primitive.name != "reshape":
        return value
    turned = value.inputs[0]
    flat = turned.primitive.name == "matrix_transpose" and len(turned.shape) == 2
    return turned.inputs[0] if flat else value


def as_shown(answer: Expr, text: str, known: Sequence[Expr]) -> Expr:
    """The answer made as its text says: kron(B', A), not the same entries moved about."""
    names = {str(v.params["name"]): v for v in known}
    try:
        again = read_formula(text, {n: v.shape for n, v in names.items()}, notation="numpy")
    except DerivantError:  # a size that the text alone leaves open
        return answer
    expr = again.expression
    changes = {v: names[str(v.params["name"])] for v in variables(expr)}
    return replaced([expr], changes)[0] if expr.shape == answer.shape else answer
