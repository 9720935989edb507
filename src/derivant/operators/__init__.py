"""Floor 5: linear maps that stay maps until somebody asks for their entries."""

from derivant.operators.jacobian import DEFAULT_LIMIT, Jacobian

__all__ = ["DEFAULT_LIMIT", "Jacobian"]
