"""Expressions as text: matrix notation where there is one, index notation always."""

from __future__ import annotations

from derivant.carriers.expr import Expr
from derivant.notation.matrix_form import Forms
from derivant.notation.text import text_of
from derivant.rewriting import form_of


def matrix_text(expression: Expr) -> str:
    """The normal form of an expression in matrix notation; in index notation where it has none.

    >>> from derivant.carriers.trace import trace_graph
    >>> matrix_text(trace_graph(lambda x, A: A @ x + A.T @ x, "n", "n n"))
    "(A + A') x"
    """
    form = form_of(expression)
    return text_of(Forms(form).best(form.sum))


def index_text(expression: Expr) -> str:
    """The normal form of an expression in index notation; its free letters are i, j, ... in order.

    >>> from derivant.carriers.trace import trace_graph
    >>> index_text(trace_graph(lambda x, A: x @ (A @ x), "n", "n n"))
    'Σ_ij A_ij x_i x_j'
    """
    form = form_of(expression)
    return text_of(Forms(form).indexed(form.sum))
