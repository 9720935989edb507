"""The functions that loops are made of, against mpmath: over the whole range, and at its ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import pytest

import derivant as dv

SAMPLES = 1000
ULPS = {"float64": 2.0, "float32": 4.0}
FORMATS: dict[str, Any] = {"float64": np.float64, "float32": np.float32}


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "exp": (dv.exp, mpmath.exp),
    "expm1": (dv.expm1, mpmath.expm1),
    "log": (dv.log, mpmath.log),
    "log1p": (dv.log1p, mpmath.log1p),
    "tanh": (dv.tanh, mpmath.tanh),
    "sigmoid": (dv.sigmoid, sigmoid),
    "erf": (dv.special.erf, mpmath.erf),
}
DOMAINS = {"log": (0.0, np.inf), "log1p": (-1.0, np.inf)}


def everywhere(name: str, dtype: str) -> npt.NDArray[Any]:
    """Floats of all exponents and both signs within the domain, and many where it bends."""
    kind = FORMATS[dtype]
    info = np.finfo(kind)
    rng = np.random.default_rng(7)
    low, high = np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)) - 1e-3
    sizes = 2.0 ** rng.uniform(low, high, SAMPLES)
    signed = sizes * rng.choice([-1.0, 1.0], SAMPLES)
    reach = 120.0 if dtype == "float32" else 760.0
    top = np.log(float(info.max))  # where exponentials end
    near = [rng.uniform(-w, w, SAMPLES) for w in (reach, 20.0, 1.0)]
    near.append(rng.uniform(top - 1, top, SAMPLES // 4))
    ones = 1 + rng.uniform(-1, 1, SAMPLES) * 2.0 ** rng.uniform(-info.nmant, 0, SAMPLES)
    low, high = DOMAINS.get(name, (-np.inf, np.inf))
    with np.errstate(all="ignore"):
        x = np.concatenate([signed, *near, ones]).astype(kind)
    return x[(x > low) & (x < high)]


def ulps(found: npt.NDArray[Any], exact: list[Any], dtype: str) -> npt.NDArray[Any]:
    """The distance from the exact value in units of the last place there."""
    info = np.finfo(FORMATS[dtype])
    errors = []
    for value, wanted in zip(found, exact, strict=True):
        if mpmath.isinf(wanted) or abs(wanted) >= mpmath.mpf(float(info.max)):
            wanted = mpmath.sign(wanted) * mpmath.mpf(float(info.max))
            value = np.clip(float(value), -float(info.max), float(info.max))
        exponent = mpmath.frexp(wanted)[1] if wanted else info.minexp
        place = max(exponent - 1 - info.nmant, info.minexp - info.nmant)
        errors.append(float(abs(mpmath.mpf(float(value)) - wanted) / mpmath.ldexp(1, place)))
    return np.array(errors)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_a_few_units_in_the_last_place(name: str, dtype: str) -> None:
    ours, reference = FUNCTIONS[name]
    x = everywhere(name, dtype)
    found = dv.jit(ours)(x)
    assert found.dtype == x.dtype
    with mpmath.workprec(160):
        exact = [reference(mpmath.mpf(float(v))) for v in x]
        errors = ulps(found, exact, dtype)
    worst = int(np.argmax(errors))
    assert errors[worst] <= ULPS[dtype], f"{name}({x[worst]!r}) = {found[worst]!r}"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gelu_keeps_its_digits_where_it_is_small(dtype: str) -> None:
    """In double precision the argument of erfc is rounded, which x^2 multiplies."""
    x = everywhere("gelu", dtype)
    found = dv.jit(dv.gelu)(x)
    far = np.abs(x) > 60  # where it is max(x, 0) to the last place
    np.testing.assert_array_equal(found[far], np.maximum(x[far], 0))
    x, found = x[~far], found[~far]
    with mpmath.workprec(160):
        wide = [mpmath.mpf(float(v)) for v in x]
        exact = [v * mpmath.erfc(-v / mpmath.sqrt(2)) / 2 for v in wide]
        errors = ulps(found, exact, dtype)
    room = ULPS[dtype] if dtype == "float32" else 4 + 2 * np.minimum(np.abs(x), 40.0) ** 2
    assert (errors <= room).all()
    ends = np.array([0.0, -0.0, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).min], dtype)
    wanted, found = dv.gelu(ends), dv.jit(dv.gelu)(ends)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
    assert np.isnan(dv.jit(dv.gelu)(np.array([np.nan, -np.nan], dtype))).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_ends_are_those_of_eager(name: str, dtype: str) -> None:
    """NaN, infinities, zeros of both signs, the ends of the domain."""
    ours, _ = FUNCTIONS[name]
    info = np.finfo(FORMATS[dtype])
    ends = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, info.max, info.min]
    x = np.array([*ends, -2.0, info.smallest_subnormal, -info.smallest_subnormal], dtype)
    with np.errstate(all="ignore"):
        wanted = ours(x)
    found = dv.jit(ours)(x)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    real = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found)[real], np.signbit(wanted)[real])
    np.testing.assert_allclose(found[real], wanted[real], rtol=8 * float(info.eps))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_do_not_depend_on_where_they_stand(dtype: str) -> None:
    """Whole vectors, ends under a mask, and arrays with gaps give the same bits."""
    x = np.linspace(-3, 3, 131).astype(dtype)
    f = dv.jit(lambda x: dv.tanh(x) * dv.exp(x) + dv.special.erf(x))
    whole = f(x)
    for count in (1, 2, 7, 8, 15, 16, 17, 130):
        np.testing.assert_array_equal(f(x[:count]), whole[:count])
    gaps = dv.jit(lambda x: dv.tanh(x[::2]) * dv.exp(x[::2]) + dv.special.erf(x[::2]))
    np.testing.assert_array_equal(gaps(x), whole[::2])


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_lose_almost_nothing(dtype: str, axis: int | None) -> None:
    """Within two rounding errors of the sum of magnitudes from the exact sum."""
    rng = np.random.default_rng(3)
    x = (rng.standard_normal((700, 300)) * 10.0 ** rng.integers(-3, 4, (700, 300))).astype(dtype)
    found = np.atleast_1d(dv.jit(lambda x: dv.sum(x, axis=axis))(x)).astype(np.longdouble)
    wide = x.astype(np.longdouble)
    bound = 2 * np.finfo(dtype).eps * np.abs(wide).sum(axis=axis)
    assert (np.abs(found - wide.sum(axis=axis)) <= bound).all()


SHAPES = [(64, 10), (3, 7), (1, 5), (5, 1), (40, 600), (7, 1100), (33, 17), (6, 5, 4), (9, 2, 300)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_over_axes_that_are_not_one(dtype: str, shape: tuple[int, ...]) -> None:
    """Rows that do not follow one another in all operands, short ones and long ones."""
    rng = np.random.default_rng(4)
    x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
    b = rng.standard_normal(shape[-1]).astype(dtype)
    for axis in (None, (0, len(shape) - 1), tuple(range(1, len(shape)))):
        total, largest = dv.jit(
            lambda x, b, a=axis: (dv.sum(x * b, axis=a), dv.max(x + b, axis=a))
        )(x, b)
        wide = (x * b).astype(np.longdouble)
        bound = 2 * np.finfo(dtype).eps * np.abs(wide).sum(axis=axis)
        assert (np.abs(total.astype(np.longdouble) - wide.sum(axis=axis)) <= bound).all()
        np.testing.assert_array_equal(largest, (x + b).max(axis=axis))


def test_sums_keep_infinities_and_signs() -> None:
    total = dv.jit(dv.sum)
    assert total(np.array([1.0, np.inf])) == np.inf
    assert np.isnan(total(np.array([np.inf, -np.inf, 1.0])))
    assert np.isnan(total(np.array([np.nan, 1.0])))
    assert total(np.full(40, 1e308)) == np.inf
    assert np.signbit(total(np.array([-0.0, -0.0])))
