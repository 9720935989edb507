"""The name under which micrograd's programs import Value; the carrier itself is on floor 3."""

from derivant.carriers.value import Value

__all__ = ["Value"]
