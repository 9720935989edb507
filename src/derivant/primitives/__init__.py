"""Floor 1: the table of primitives. One row an operation; everything about it in its row.

Importing this package fills the table; RAW and RECORD are the two namespaces that rules compute in.
"""

from derivant.primitives import (
    arithmetic,
    contraction,
    diagonals,
    elementary,
    layout,
    reductions,
    structure,
)
from derivant.primitives.dispatch import apply, raw_namespace, recording_namespace
from derivant.primitives.primitive import NO_PARAMS, TABLE, Case, Namespace, Primitive

RAW = raw_namespace()
RECORD = recording_namespace()

__all__ = [
    "NO_PARAMS",
    "RAW",
    "RECORD",
    "TABLE",
    "Case",
    "Namespace",
    "Primitive",
    "apply",
    "arithmetic",
    "contraction",
    "diagonals",
    "elementary",
    "layout",
    "reductions",
    "structure",
]
