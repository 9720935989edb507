"""Floor 6: reading and writing mathematics. A document tree, and the texts it is written as."""

from derivant.notation.code import function_text
from derivant.notation.document import Node
from derivant.notation.formulas import index_text, matrix_text
from derivant.notation.html import html_of, name_html
from derivant.notation.latex import latex_of, name_latex
from derivant.notation.matrix_form import Forms, length_of
from derivant.notation.numpy_text import numpy_text
from derivant.notation.parse import (
    Facts,
    Formula,
    Shapes,
    check_given,
    read_facts,
    read_formula,
    read_shapes,
)
from derivant.notation.spelling import canonical_name, is_name, meant, shown_name
from derivant.notation.text import text_of
from derivant.notation.vec_form import vec_form

__all__ = [
    "Facts",
    "Formula",
    "Forms",
    "Node",
    "Shapes",
    "canonical_name",
    "check_given",
    "function_text",
    "html_of",
    "index_text",
    "is_name",
    "latex_of",
    "length_of",
    "matrix_text",
    "meant",
    "name_html",
    "name_latex",
    "numpy_text",
    "read_facts",
    "read_formula",
    "read_shapes",
    "shown_name",
    "text_of",
    "vec_form",
]
