"""Floor 6: reading and writing mathematics. Index notation and matrix notation as text."""

from derivant.notation.formulas import index_text, matrix_text
from derivant.notation.parse import Formula, read_formula

__all__ = ["Formula", "index_text", "matrix_text", "read_formula"]
