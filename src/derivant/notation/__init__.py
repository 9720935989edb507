"""Floor 6: reading and writing mathematics. Index notation and matrix notation as text."""

from derivant.notation.formulas import index_text, matrix_text

__all__ = ["index_text", "matrix_text"]
