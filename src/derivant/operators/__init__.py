"""Floor 5: linear maps that stay maps until somebody asks for their entries."""

from derivant.operators.jacobian import DEFAULT_LIMIT, Jacobian
from derivant.operators.structured import Structured, structured

__all__ = ["DEFAULT_LIMIT", "Jacobian", "Structured", "structured"]
