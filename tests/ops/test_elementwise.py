"""Elementwise functions: NumPy's values and dtypes, the slopes at hard points, bad input."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.calculus.transforms import grad, jvp, vjp
from derivant.carriers.leaves import tensor
from derivant.ops import elementwise, exponential, logic, selection, trigonometry
from derivant.primitives.domains import sample

MODULES = (elementwise, exponential, logic, selection, trigonometry)
FUNCTIONS = {name: getattr(m, name) for m in MODULES for name in m.__all__}
INF, NAN = math.inf, math.nan
SHAPES = [(), (5,), (2, 3), (0,), (1, 4)]
PAIRS = [((), ()), ((3,), (3,)), ((2, 1), (4,)), ((), (2, 3)), ((0,), ()), ((2, 3), (1,))]

UNARY = {
    "real": "abs ceil cos cosh deg2rad exp exp2 expm1 floor isfinite isinf isnan logical_not "
    "negative positive rad2deg round sign signbit sin sinh sqrt square tan tanh trunc cbrt "
    "atan asinh real imag conj nan_to_num",
    "positive": "log log10 log1p log2 reciprocal",
    "unit": "acos asin atanh",
    "gt1": "acosh",
}
BINARY = {
    "real": "add atan2 copysign divide equal greater greater_equal heaviside hypot less less_equal "
    "logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter "
    "not_equal subtract floor_divide remainder fmod fmax fmin",
    "positive": "pow",
}
UNARY_CASES = [(name, domain) for domain, names in UNARY.items() for name in names.split()]
BINARY_CASES = [(name, domain) for domain, names in BINARY.items() for name in names.split()]
NUMPY_NAMES = {"pow": "power", "acos": "arccos"}


def reference(name: str) -> Callable[..., Any]:
    """NumPy's function of that name."""
    return getattr(np, NUMPY_NAMES.get(name, name))


def agree(ours: Any, theirs: Any) -> None:
    assert np.shape(ours) == np.shape(theirs)
    assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    eps = 4e-16 if np.asarray(theirs).dtype != np.float32 else 2e-7
    np.testing.assert_allclose(ours, theirs, rtol=eps, atol=0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "domain"), UNARY_CASES)
def test_one_operand_as_numpy(name: str, domain: str, shape: tuple[int, ...], dtype: str) -> None:
    if name == "sqrt":
        domain = "positive"
    x = sample(domain, shape, np.random.default_rng(1), dtype)
    for array in (x, np.flip(x)):
        agree(FUNCTIONS[name](array), reference(name)(array))
        agree(FUNCTIONS[name](tensor(array)).numpy(), reference(name)(array))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shapes", PAIRS)
@pytest.mark.parametrize(("name", "domain"), BINARY_CASES)
def test_two_operands_as_numpy(
    name: str, domain: str, shapes: tuple[tuple[int, ...], ...], dtype: str
) -> None:
    rng = np.random.default_rng(1)
    x, y = (sample(domain, shape, rng, dtype) for shape in shapes)
    agree(FUNCTIONS[name](x, y), reference(name)(x, y))
    agree(FUNCTIONS[name](tensor(x), y).numpy(), reference(name)(x, y))


@pytest.mark.parametrize("dtype", ["int64", "int8", "bool"])
@pytest.mark.parametrize(
    "name",
    ["add", "divide", "equal", "exp", "floor", "isnan", "logical_not", "maximum", "multiply"]
    + ["pow", "sin", "sqrt", "square", "where"],
)
def test_integers_and_booleans_as_numpy(name: str, dtype: str) -> None:
    x = np.array([1, 0, 1, 1], dtype)
    y = np.array([1, 1, 0, 1], dtype)
    args = {1: (x,), 2: (x, y), 3: (x, x, y)}[
        3 if name == "where" else 2 if name in BINARY["real"].split() + ["pow"] else 1
    ]
    with np.errstate(divide="ignore"):
        agree(FUNCTIONS[name](*args), reference(name)(*args))


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits(name: str) -> None:
    x = np.array([12, 7, -1])
    agree(FUNCTIONS[name](x, 10), getattr(np, name)(x, 10))
    agree(FUNCTIONS[name](x > 7, x > 0), getattr(np, name)(x > 7, x > 0))


def test_shifts_and_inversion() -> None:
    x = np.array([12, 7, -1], np.int32)
    agree(logic.bitwise_left_shift(x, 2), x << 2)
    agree(logic.bitwise_right_shift(x, 2), x >> 2)
    agree(logic.bitwise_invert(x), ~x)


@pytest.mark.parametrize(("name", "domain"), BINARY_CASES)
def test_python_numbers_leave_float32(name: str, domain: str) -> None:
    x = sample(domain, (3,), np.random.default_rng(2), np.float32)
    for args in ((x, 0.5), (0.5, x), (x, 1)):
        agree(FUNCTIONS[name](*args), reference(name)(*args))


def test_python_numbers_leave_float32_in_choices() -> None:
    x = np.array([0.5, -2.0], np.float32)
    for out in (
        selection.where(x > 0, x, 0.0),
        selection.clip(x, 0.0, 1.0),
        selection.nan_to_num(x),
        selection.step(x),
        selection.round(x, 1),
    ):
        assert out.dtype == np.float32


def test_lists_numbers_and_numpy_scalars() -> None:
    assert elementwise.add([1, 2], (3, 4)).tolist() == [4, 6]
    assert exponential.exp(0) == 1.0
    assert elementwise.multiply(np.float32(2), np.int64(3)) == 6.0
    assert isinstance(exponential.exp(0.5), np.float64)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("absolute", "abs"),
        ("arccos", "acos"),
        ("arctan2", "atan2"),
        ("bitwise_not", "bitwise_invert"),
        ("degrees", "rad2deg"),
        ("mod", "remainder"),
        ("power", "pow"),
        ("true_divide", "divide"),
    ],
)
def test_numpy_names(alias: str, name: str) -> None:
    assert FUNCTIONS[alias] is FUNCTIONS[name]


@pytest.mark.parametrize("module", MODULES)
def test_lists_are_sorted(module: Any) -> None:
    assert module.__all__ == sorted(set(module.__all__))


# Powers


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 2.0, 3.0, -1.5, True, np.float64(2)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_powers_as_numpy(exponent: Any, dtype: str) -> None:
    x = np.array([0.5, 1.0, 2.0, 3.7], dtype)
    wanted = np.power(x, exponent)
    agree(elementwise.pow(x, exponent), wanted)
    agree(elementwise.pow(tensor(x), exponent).numpy(), wanted)


def test_a_fixed_exponent_is_part_of_the_operation() -> None:
    x = tensor([2.0], requires_grad=True)
    for exponent in (2, 2.0, True, np.int64(2), np.float32(2), np.float64(2)):
        assert elementwise.pow(x, exponent).primitive.name == "power"
    assert elementwise.pow(x, np.array([2.0])).primitive.name == "pow"
    narrow = tensor(np.ones(1, np.float32), requires_grad=True)
    assert elementwise.pow(narrow, np.float64(2)).dtype == np.float64


def test_integers_to_negative_integers() -> None:
    assert elementwise.pow(np.array([2, 3]), 2).dtype == np.int64
    assert elementwise.pow(np.array([2, 3]), 2.0).dtype == np.float64
    for exponent in (-1, np.array([1, -1])):
        with pytest.raises(ArgumentError, match="negative integer power"):
            elementwise.pow(np.array([2, 3]), exponent)
    assert elementwise.pow(np.array([2.0]), -1).tolist() == [0.5]


# Slopes where there is something to decide


def power(exponent: float) -> Callable[[Any], Any]:
    return lambda x: elementwise.pow(x, exponent)


def clipped(x: Any) -> Any:
    return selection.clip(x, -1.0, 1.0)


ONE_OPERAND: list[tuple[Callable[[Any], Any], float, float, float]] = [
    (elementwise.abs, 0.0, 0.0, 0.0),
    (elementwise.abs, -2.0, -1.0, 0.0),
    (clipped, 1.0, 0.0, 0.0),
    (clipped, -1.0, 0.0, 0.0),
    (clipped, 0.5, 1.0, 0.0),
    (clipped, 3.0, 0.0, 0.0),
    (selection.sign, 0.0, 0.0, 0.0),
    (selection.floor, 1.0, 0.0, 0.0),
    (selection.ceil, 1.5, 0.0, 0.0),
    (selection.trunc, 1.5, 0.0, 0.0),
    (selection.round, 1.5, 0.0, 0.0),
    (selection.step, 0.0, 0.0, 0.0),
    (lambda x: selection.maximum(x, x), 2.0, 1.0, 0.0),
    (lambda x: selection.minimum(x, x), 2.0, 1.0, 0.0),
    (lambda x: selection.maximum(x, 0.0), 0.0, 0.5, 0.0),
    (lambda x: selection.maximum(0.0, x), 0.0, 0.5, 0.0),
    (lambda x: selection.maximum(x, -INF), 3.0, 1.0, 0.0),
    (exponential.sqrt, 0.0, INF, -INF),
    (exponential.log, 0.0, INF, -INF),
    (exponential.cbrt, 0.0, INF, NAN),
    (power(0), 0.0, 0.0, 0.0),
    (power(1), 0.0, 1.0, 0.0),
    (power(2), -1.0, -2.0, 2.0),
    (power(2), 0.0, 0.0, 2.0),
    (power(3), -1.0, 3.0, -6.0),
    (power(1.5), 0.0, 0.0, INF),
    (lambda x: elementwise.pow(0.0, x), 0.0, 0.0, 0.0),
    (lambda x: elementwise.pow(0.0, x), 2.0, 0.0, 0.0),
    (lambda x: elementwise.pow(x, x), 1.0, 1.0, 2.0),
    (lambda x: exponential.hypot(x, 0.0), 0.0, 0.0, NAN),
    (lambda x: exponential.hypot(x, 1.0), 0.0, 0.0, 1.0),
    (lambda x: exponential.logaddexp(x, -INF), -INF, 0.0, 0.0),
    (lambda x: exponential.logaddexp(x, -1e4), 1e4, 1.0, 0.0),
    (trigonometry.tanh, 1e4, 0.0, 0.0),
]


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # NumPy's own, of log(0)
@pytest.mark.parametrize(("f", "x", "first", "second"), ONE_OPERAND)
def test_slopes_at_hard_points(
    f: Callable[[Any], Any], x: float, first: float, second: float
) -> None:
    slopes = [grad(f)(x), jvp(f, (x,), (1.0,))[1]]
    np.testing.assert_array_equal(slopes, [first, first])
    seconds = [
        grad(grad(f))(x),
        grad(lambda z: jvp(f, (z,), (1.0,))[1])(x),
        jvp(grad(f), (x,), (1.0,))[1],
        jvp(lambda z: jvp(f, (z,), (1.0,))[1], (x,), (1.0,))[1],
    ]
    np.testing.assert_allclose(seconds, [second] * 4, rtol=1e-14)


OUTSIDE: list[tuple[Callable[[Any], Any], float]] = [
    (exponential.log, -1.0),
    (exponential.log2, -1.0),
    (exponential.log10, -1.0),
    (exponential.log1p, -2.0),
    (exponential.sqrt, -1.0),
    (trigonometry.acos, 2.0),
    (trigonometry.asin, -2.0),
    (trigonometry.acosh, 0.5),
    (trigonometry.acosh, -2.0),
    (trigonometry.atanh, 2.0),
    (power(0.5), -1.0),
]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's own, of the value
@pytest.mark.parametrize(("f", "x"), OUTSIDE)
def test_outside_of_the_domain_slopes_are_nan_as_the_value(
    f: Callable[[Any], Any], x: float
) -> None:
    assert math.isnan(f(x))
    assert math.isnan(grad(f)(x))
    assert math.isnan(grad(grad(f))(x))


TWO_OPERANDS = [
    (exponential.hypot, (0.0, 0.0), (0.0, 0.0)),
    (trigonometry.atan2, (0.0, 0.0), (0.0, 0.0)),
    (trigonometry.atan2, (1.0, 0.0), (0.0, -1.0)),
    (selection.maximum, (2.0, 2.0), (0.5, 0.5)),
    (selection.minimum, (2.0, 2.0), (0.5, 0.5)),
    (selection.maximum, (INF, INF), (0.5, 0.5)),
    (selection.maximum, (NAN, 1.0), (NAN, NAN)),
    (selection.fmax, (NAN, 1.0), (0.0, 1.0)),
    (selection.fmin, (1.0, NAN), (1.0, 0.0)),
    (selection.fmin, (1.0, 2.0), (1.0, 0.0)),
    (selection.copysign, (2.0, -1.0), (-1.0, 0.0)),
    (selection.copysign, (0.0, -1.0), (0.0, 0.0)),
    (selection.heaviside, (0.0, 0.5), (0.0, 1.0)),
    (selection.heaviside, (1.0, 0.5), (0.0, 0.0)),
    (selection.nextafter, (1.0, 2.0), (1.0, 0.0)),
    (exponential.logaddexp, (-INF, -INF), (0.0, 0.0)),
    (exponential.logaddexp, (-INF, 0.0), (0.0, 1.0)),
    (elementwise.pow, (0.0, 0.0), (0.0, 0.0)),
    (elementwise.pow, (0.0, 2.0), (0.0, 0.0)),
    (elementwise.remainder, (7.0, -2.0), (1.0, 4.0)),
    (elementwise.fmod, (7.0, -2.0), (1.0, 3.0)),
    (elementwise.floor_divide, (7.0, 2.0), (0.0, 0.0)),
    (lambda x, low: selection.clip(x, low, 5.0), (1.0, 1.0), (0.0, 1.0)),
    (lambda x, high: selection.clip(x, 0.0, high), (2.0, 1.0), (0.0, 1.0)),
]


@pytest.mark.parametrize(("f", "point", "slopes"), TWO_OPERANDS)
def test_slopes_of_two_operands(
    f: Callable[..., Any], point: tuple[float, float], slopes: tuple[float, float]
) -> None:
    np.testing.assert_array_equal(vjp(f, *point)[1](1.0), slopes)
    arrays = tuple(np.full((2, 2), p) for p in point)
    found = vjp(f, *arrays)[1](np.ones((2, 2)))
    np.testing.assert_array_equal([g[1, 1] for g in found], slopes)
    moved = [
        jvp(lambda x: f(x, point[1]), point[:1], (1.0,))[1],
        jvp(lambda y: f(point[0], y), point[1:], (1.0,))[1],
    ]
    np.testing.assert_array_equal(moved, slopes)


def test_mixed_slope_of_a_power() -> None:
    """At the power 0 the slope by the base is 0, and grows with the power by 1/x."""
    assert grad(grad(elementwise.pow, 0), 1)(2.0, 0.0) == 0.5
    assert grad(grad(elementwise.pow, 1), 0)(2.0, 0.0) == 0.5


BRANCHES = [
    exponential.sqrt,
    exponential.log,
    elementwise.reciprocal,
    power(0.5),
    power(-2),
    trigonometry.acos,
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the branch not taken
@pytest.mark.parametrize("f", BRANCHES)
def test_the_branch_not_taken_gives_exactly_zero(f: Callable[[Any], Any]) -> None:
    def chosen(x: Any) -> Any:
        return selection.where(logic.greater(x, 5.0), f(x), 0.0)

    for x in (0.0, -1.0, 3.0):
        assert grad(chosen)(x) == 0.0
        assert jvp(chosen, (x,), (1.0,))[1] == 0.0
        assert grad(grad(chosen))(x) == 0.0
        assert jvp(grad(chosen), (x,), (1.0,))[1] == 0.0


def test_nan_to_num() -> None:
    x = np.array([1.0, NAN, INF, -INF], np.float32)
    agree(selection.nan_to_num(x), np.nan_to_num(x))
    agree(selection.nan_to_num(x, 1.0, 2.0, 3.0), np.nan_to_num(x, True, 1.0, 2.0, 3.0))
    assert selection.nan_to_num([1, 2]).dtype == np.int64
    slopes = vjp(selection.nan_to_num, x)[1](np.ones(4, np.float32))[0]
    assert slopes.tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("bounds", [(None, None), (0.0, None), (None, 1.0), (2.0, 1.0)])
def test_clip_as_numpy(bounds: tuple[float | None, float | None]) -> None:
    x = np.array([-1.0, 0.5, 3.0])
    wanted = x if bounds == (None, None) else np.clip(x, *bounds)
    agree(selection.clip(x, *bounds), wanted)


# Digits: binary functions against 50 digits, over a grid of sizes and signs

GRID = [float(s * 10.0**e) for e in (-200, -30, -3, 0, 2, 20, 200) for s in (1.7, -2.3)]
TENS = [-700.0, -30.0, -1.5, -1e-9, 1e-9, 0.3, 20.0, 650.0]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


DIGITS: list[tuple[Any, list[float], Any, tuple[Any, Any]]] = [
    (
        exponential.hypot,
        GRID,
        mpmath.hypot,
        (lambda x, y: x / mpmath.hypot(x, y), lambda x, y: y / mpmath.hypot(x, y)),
    ),
    (
        trigonometry.atan2,
        [x for x in GRID if 1e-100 < abs(x) < 1e100],
        mpmath.atan2,
        (lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)),
    ),
    (
        exponential.logaddexp,
        TENS,
        lambda x, y: x + mpmath.log1p(mpmath.exp(y - x)),
        (lambda x, y: sigmoid(x - y), lambda x, y: sigmoid(y - x)),
    ),
]


@pytest.mark.parametrize(("f", "grid", "value", "slopes"), DIGITS)
def test_twelve_digits(f: Any, grid: list[float], value: Any, slopes: Any) -> None:
    with mpmath.mp.workdps(400):
        for x in grid:
            for y in grid:
                out, pull = vjp(f, x, y)
                exact = [g(mpmath.mpf(x), mpmath.mpf(y)) for g in (value, *slopes)]
                for found, wanted in zip([out, *pull(1.0)], exact, strict=True):
                    error = abs(mpmath.mpf(float(found)) - wanted)
                    assert error <= 1e-12 * abs(wanted) + mpmath.mpf("1e-300"), (x, y)


# Bad input


def test_shapes_that_do_not_broadcast_are_named() -> None:
    speeds, times = np.ones((2, 3)), np.ones(4)
    with pytest.raises(ShapeError, match=r"multiply: speeds \(2, 3\) \* times \(4,\)"):
        elementwise.multiply(speeds, times)
    with pytest.raises(ShapeError, match="where"):
        selection.where(speeds > 0, speeds, times)
    with pytest.raises(ShapeError, match="clip"):
        selection.clip(speeds, times)


@pytest.mark.parametrize("bad", [1j, [1j, 2.0], "text", [[1.0], [1.0, 2.0]], None])
@pytest.mark.parametrize("name", ["exp", "add", "maximum", "pow"])
def test_what_is_no_real_number_is_refused(name: str, bad: Any) -> None:
    args = (bad,) if name == "exp" else (2.0, bad)
    with pytest.raises(DerivantError):
        FUNCTIONS[name](*args)


def test_bits_of_floats_are_refused() -> None:
    with pytest.raises(DerivantError, match="bitwise_and"):
        logic.bitwise_and(1.5, 2.5)
