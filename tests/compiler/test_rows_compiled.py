"""Every row at every case of the table: compiled = eager, value, gradient and under vmap."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import derivant as dv
from derivant.compiler import jit
from derivant.primitives import TABLE, Primitive, apply
from generated.problems import far, numbers, outputs_of, problem, seeds_for

ROWS = [
    row
    for row in TABLE.values()
    if row.cases and row.family not in ("leaf", "level", "structure") and row.name != "nextafter"
]
CLOSE = {"float64": 1e-12, "float32": 1e-5}


def check(what: str, found: Any, wanted: Any, dtype: str) -> None:
    for a, b in zip(outputs_of(found), outputs_of(wanted), strict=True):
        complaint = far(a, b, CLOSE[dtype])
        assert not complaint, f"{what}: {complaint}"
        assert np.asarray(numbers(a)).dtype == np.asarray(numbers(b)).dtype, what


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_compiled_is_eager(row: Primitive, dtype: str) -> None:
    for case in row.cases:
        p = problem(row, case, dtype)
        f = p.function(range(len(p.arrays)))
        wanted = f(*p.arrays)
        check("value", jit(f)(*p.arrays), wanted, dtype)
        places = p.variables
        if row.constant or not places:
            continue

        seeds = seeds_for(np.random.default_rng(5), wanted)

        def pulled(*xs: Any, p: Any = p, places: Any = places, seeds: Any = seeds) -> Any:
            _, pull = dv.vjp(p.function(places), *xs)
            return pull(seeds)

        xs = p.at(places)
        check("pullback", jit(pulled)(*xs), pulled(*xs), dtype)


def stacked(x: Any, count: int) -> Any:
    return np.stack([x] * count)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_mapped_is_eager(row: Primitive) -> None:
    for case in itertools.islice(row.cases, 3):
        p = problem(row, case)
        f = p.function(range(len(p.arrays)))
        if any(a.dtype.kind != "f" for a in p.arrays):
            continue
        batch = [stacked(a, 2) * np.array([1.0, 0.95]).reshape(2, *[1] * a.ndim) for a in p.arrays]
        try:
            wanted = dv.vmap(f)(*batch)
        except dv.DerivantError:
            continue
        check("vmap", jit(dv.vmap(f))(*batch), wanted, "float64")
        check("vmap of jit", dv.vmap(jit(f))(*batch), wanted, "float64")


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_one_row_mapped_twice_is_computed_for_both(name: str) -> None:
    x, row = np.random.default_rng(0).standard_normal((3, 4)), getattr(dv, name)

    def twice(x: Any) -> Any:
        return dv.vmap(row)(x), dv.vmap(row)(x), dv.vmap(row)(x) + 1.0

    for found, wanted in zip(jit(twice)(x), twice(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


MIXED = {
    "plus": lambda x, n: x + n,
    "times": lambda x, n: n * x,
    "less": lambda x, n: x < n,
    "equal": lambda x, n: x == n,
    "maximum": dv.maximum,
    "where": lambda x, n: dv.where(x > 1, x, n),
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32"])
@pytest.mark.parametrize("name", MIXED)
def test_python_integers_too_long_are_what_they_are_to_numpy(name: str, dtype: str) -> None:
    f, x = MIXED[name], np.arange(3).astype(dtype)
    for n in (2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**400):
        try:
            wanted = f(x, n)
        except (OverflowError, dv.DerivantError):
            with pytest.raises(dv.DerivantError):
                jit(f)(x, n)
            continue
        for _ in range(2):
            found = jit(f)(x, n)
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == wanted.dtype


def test_rows_are_applied() -> None:
    assert apply(TABLE["add"], (1.0, 2.0)) == 3.0
