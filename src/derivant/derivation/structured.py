"""The gradient by a matrix whose entries are not free: projected on its structure.

Two conventions, never mixed. `independent`: the entries on and above the diagonal of a symmetric
matrix are the variables (Matrix Cookbook, equation 138). `riesz`: the gradient in the space of
symmetric matrices with the inner product tr(A'B) (arXiv 1911.06491).
"""

from __future__ import annotations

from derivant.base.errors import ArgumentError
from derivant.carriers.expr import Expr
from derivant.derivation.draws import SYMMETRIC
from derivant.primitives import RECORD


def projected(gradient: Expr, variable: Expr, convention: str) -> Expr:
    """G + G' - diag(diag(G)) or (G + G')/2 for a symmetric variable, diag(diag(G)) for a diagonal.

    Raises ArgumentError where no structure is declared, or the gradient is no matrix.
    """
    name, facts = variable.params["name"], {*variable.params.get("facts", ())}
    if gradient.shape != variable.shape or len(gradient.shape) != 2:
        raise ArgumentError(
            f"structured is for the gradient of a number by a matrix, not by {name}"
        )
    own = RECORD.diag_embed(RECORD.diagonal(gradient, offset=0), offset=0)
    found: Expr
    if "diagonal" in facts:
        found = own
    elif facts & SYMMETRIC:
        both = RECORD.add(gradient, RECORD.matrix_transpose(gradient))
        independent = convention == "independent"
        found = RECORD.subtract(both, own) if independent else RECORD.divide(both, 2.0)
    else:
        raise ArgumentError(
            f"structured needs a fact on {name}: assume={{{name!r}: 'symmetric'}} or 'diagonal'"
        )
    return found
