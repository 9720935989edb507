"""Floor 1: the table of primitives. One row an operation; everything about it in its row.

Importing this package fills the table; RAW, FAST and RECORD are the namespaces
that rules compute in: raw arrays, raw arrays without the strong zero, recording operations.
"""

import operator

from derivant.primitives import (
    activations,
    arithmetic,
    contraction,
    convolution,
    cumulative,
    determinants,
    diagonals,
    elementary,
    indexing,
    layout,
    linalg,
    logic,
    matrix_functions,
    norms,
    random_bits,
    reductions,
    sorting,
    special,
    spectral,
    structure,
)
from derivant.primitives.dispatch import apply, raw_namespace, recording_namespace
from derivant.primitives.primitive import NO_PARAMS, TABLE, Case, Namespace, Primitive, prepared

RAW = raw_namespace()
FAST = raw_namespace(scale=operator.mul, strong=operator.mul)
RECORD = recording_namespace()

__all__ = [
    "Case",
    "FAST",
    "NO_PARAMS",
    "Namespace",
    "Primitive",
    "RAW",
    "RECORD",
    "TABLE",
    "activations",
    "apply",
    "arithmetic",
    "contraction",
    "convolution",
    "cumulative",
    "determinants",
    "diagonals",
    "elementary",
    "indexing",
    "layout",
    "linalg",
    "logic",
    "matrix_functions",
    "norms",
    "prepared",
    "random_bits",
    "reductions",
    "sorting",
    "special",
    "spectral",
    "structure",
]
