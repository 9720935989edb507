"""Floor 5: linear maps that stay maps until somebody asks for their entries."""

from derivant.base.tree import register_tree
from derivant.operators.jacobian import DEFAULT_LIMIT, Jacobian, put_together, taken_apart
from derivant.operators.structured import Structured, structured

# In and out of compiled and mapped functions a Jacobian goes as its dense array.
for kind in (Jacobian, Structured):
    register_tree(kind, taken_apart, put_together)

__all__ = ["DEFAULT_LIMIT", "Jacobian", "Structured", "structured"]
