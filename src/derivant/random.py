"""Random numbers from keys; see each function."""

from derivant.ops.random import (
    bernoulli,
    bits,
    fold_in,
    key,
    normal,
    permutation,
    split,
    uniform,
)

__all__ = [
    "bernoulli",
    "bits",
    "fold_in",
    "key",
    "normal",
    "permutation",
    "split",
    "uniform",
]
