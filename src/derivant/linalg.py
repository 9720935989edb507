"""Linear algebra: factors, systems, eigenvalues, norms, functions of matrices.

The names of the array API's `linalg` extension, and more. Matrices are the last two axes.
"""

from derivant.ops.contraction import matmul, outer, tensordot, vecdot
from derivant.ops.diagonals import diagonal, trace
from derivant.ops.layout import matrix_transpose
from derivant.ops.linalg import (
    SlogdetResult,
    adjugate,
    cholesky,
    cofactor,
    cross,
    det,
    inv,
    logdet,
    matrix_power,
    matrix_rank,
    multi_dot,
    slogdet,
    solve,
    solve_triangular,
)
from derivant.ops.norms import cond, matrix_norm, norm, vector_norm
from derivant.ops.spectral import (
    EighResult,
    eigh,
    eigvalsh,
    expm,
    logm,
    matrix_function,
    spectral_sum,
    sqrtm,
    svdvals,
)

__all__ = [
    "EighResult",
    "SlogdetResult",
    "adjugate",
    "cholesky",
    "cofactor",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "logdet",
    "logm",
    "matmul",
    "matrix_function",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "slogdet",
    "solve",
    "solve_triangular",
    "spectral_sum",
    "sqrtm",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
