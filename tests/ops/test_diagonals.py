"""Diagonals: NumPy's values and types, their transposes, readings and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, AxisError, ShapeError
from derivant.calculus.transforms import grad, vjp
from derivant.ops import diagonals as ops
from derivant.primitives import TABLE

N, M, K = (Dim.named(name) for name in "nmk")


def arrays(shapes: Any, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    assert np.shape(a) == np.shape(b)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("offset", [0, 1, -1, 3, -7])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2), (2, 3, 4), (0, 0), (1, 1)])
def test_diagonal_and_trace_are_numpys(shape: Any, offset: int) -> None:
    (x,) = arrays([shape])
    close(ops.diagonal(x, offset), np.diagonal(x, offset, -2, -1))
    close(ops.trace(x, offset), np.trace(x, offset, -2, -1))
    close(ops.diagonal(x, offset, 1, 0), np.diagonal(x, offset, 1, 0))
    close(ops.trace(x, offset, axis1=0, axis2=-1), np.trace(x, offset, 0, -1))
    for f in (ops.diagonal, ops.trace):
        out, pull = vjp(lambda a, f=f: f(a, offset), x)
        g = arrays([np.shape(out)], 1)[0]
        close(np.sum(pull(g)[0] * x), np.sum(g * out), 1e-11)


def test_diag_goes_both_ways() -> None:
    v, A = arrays([(3,), (3, 4)])
    for k in (-2, 0, 1):
        close(ops.diag(v, k), np.diag(v, k))
        close(ops.diag(A, k), np.diag(A, k))
    close(ops.diag_embed(A, 1)[2], np.diag(A[2], 1))
    close(grad(lambda x: ops.trace(ops.diag(x) @ ops.diag(x)))(v), 2 * v)


def test_trace_keeps_numpys_types() -> None:
    assert ops.trace(np.ones((2, 2), np.float32)).dtype == np.float32
    assert ops.trace(np.ones((2, 2), np.int8)).dtype == np.trace(np.ones((2, 2), np.int8)).dtype
    assert ops.trace(np.ones((2, 2), int), dtype=np.float32).dtype == np.float32


def test_diagonal_errors() -> None:
    v = np.ones(3)
    with pytest.raises(
        ShapeError, match=r"trace: trace\(v \(3,\)\): a diagonal needs two axes; v has 1"
    ):
        ops.trace(v)
    with pytest.raises(ShapeError, match=r"diagonal: .*two axes"):
        ops.diagonal(2.0)
    with pytest.raises(AxisError, match="the same axis"):
        ops.diagonal(np.ones((2, 2, 2)), axis1=0, axis2=-3)
    with pytest.raises(AxisError, match="axis 5"):
        ops.diagonal(np.ones((2, 2)), axis1=5)
    with pytest.raises(ShapeError, match="a vector or a matrix"):
        ops.diag(np.ones((2, 2, 2)))
    with pytest.raises(ShapeError, match="has none"):
        ops.diag_embed(1.0)
    with pytest.raises(ArgumentError, match="offset is an integer"):
        ops.diagonal(np.ones((2, 2)), 0.5)  # type: ignore[arg-type]  # the point of the test


def test_named_diagonals() -> None:
    shape = TABLE["diagonal"].shape
    assert shape((K, N, N), offset=0) == (K, N)
    assert shape((N, N), offset=-2) == (N - 2,)
    assert str(shape((N, M), offset=0)[0]) == "min(n, m)"
    assert TABLE["diag_embed"].shape((N,), offset=1) == (N + 1, N + 1)
    assert TABLE["trace"].shape((N, M), offset=3) == ()


@pytest.mark.parametrize("name", ["diagonal", "trace"])
def test_readings_of_diagonals(name: str) -> None:
    row = TABLE[name]
    assert row.reading is not None
    (x,) = arrays([(2, 3, 3)])
    reading = row.reading(x.shape, offset=0)
    assert reading is not None
    (letters,), out = reading
    close(np.einsum(f"{letters}->{out}", x), row.evaluate(x, offset=0))
    assert row.reading((3, 3), offset=1) is None
    assert row.reading((2, 3), offset=0) is None


def test_embedding_reads_as_a_delta() -> None:
    row = TABLE["diag_embed"]
    assert row.reading is not None
    assert row.reading((2, 3), offset=0) == (("ab",), "abb")
    assert row.reading((3,), offset=1) is None
    assert row.reading((3,), offset=0, sizes=(3, 5)) is None
