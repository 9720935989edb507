"""The scalar carrier: arithmetic, derivatives from the table, backward's rules, depth, errors."""

from __future__ import annotations

import cmath
import gc
import math
import subprocess
import sys
import weakref
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivant.base.errors import ArgumentError, DerivantError, DTypeError
from derivant.base.scalars import SCALARS, number, scale
from derivant.carriers.leaves import tensor
from derivant.carriers.value import Value
from derivant.primitives import TABLE, apply

UNARY = ("relu", "exp", "log", "tanh", "sigmoid")
positive = st.floats(0.1, 3.0)


# numbers


def test_repr_and_integers_stay() -> None:
    assert repr(Value(2)) == "Value(data=2, grad=0)"
    assert repr(Value(0.8958441028683222)) == "Value(data=0.8958441028683222, grad=0)"
    product = Value(2) * 3 + 1
    assert product.data == 7 and type(product.data) is int
    x = Value(1)
    (x * 2 + 1).relu().backward()
    assert repr(x) == "Value(data=1, grad=2)"


@pytest.mark.parametrize(
    ("given_", "kind"),
    [
        (np.int64(3), int),
        (np.float32(3), float),
        (np.float64(3), float),
        (np.array(3.0), float),
        (np.bool_(True), bool),
        (Fraction(3, 1), float),
        (True, bool),
    ],
)
def test_numbers_of_any_origin(given_: Any, kind: type) -> None:
    assert type(Value(given_).data) is kind


@pytest.mark.parametrize(
    "wrong", ["3", None, 1j, [1.0], np.ones(2), np.array("a"), Value(1.0), tensor(1.0)]
)
def test_what_is_not_a_number_is_refused(wrong: Any) -> None:
    with pytest.raises(DTypeError, match="one real number"):
        Value(wrong)
    assert issubclass(DTypeError, TypeError)


@pytest.mark.parametrize("operation", ["+", "-", "*", "/", "**"])
@pytest.mark.parametrize("wrong", ["a", None, 1j])
def test_operands_that_are_not_numbers_are_refused(operation: str, wrong: Any) -> None:
    act = {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
        "/": lambda x, y: x / y,
        "**": lambda x, y: x**y,
    }[operation]
    for pair in [(Value(2.0), wrong), (wrong, Value(2.0))]:
        with pytest.raises(DTypeError, match="one real number"):
            act(*pair)


def test_a_tensor_and_a_value_do_not_mix() -> None:
    for act in (lambda v, t: v * t, lambda v, t: t * v, lambda v, t: v**t, lambda v, t: t - v):
        with pytest.raises(DerivantError):
            act(Value(2.0), tensor([1.0, 2.0], requires_grad=True))


def test_comparison_is_identity() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == a and a != b and len({a, b}) == 2
    with pytest.raises(TypeError):
        assert a < b  # type: ignore[operator]  # the point of the test


def test_programs_may_hang_attributes_on_a_value() -> None:
    p: Any = Value(1.0, label="p")
    p.momentum = 0.5
    assert p.momentum == 0.5 and p.label == "p" and Value(1.0).label == ""


# NumPy on the other side


def test_numpy_operands() -> None:
    v = Value(3.0)
    for product in (np.float64(2) * v, np.int64(2) * v, v * np.float64(2), v * np.int64(2)):
        assert isinstance(product, Value) and product.data == 6
    assert (v / np.int64(2)).data == 1.5
    assert (v ** np.int64(2)).data == 9.0 and (np.float64(2) ** v).data == 8.0
    for array in (np.array([1.0, 2.0]) * v, v * np.array([1.0, 2.0])):
        assert isinstance(array, np.ndarray) and array.dtype == object
        assert [x.data for x in array] == [3.0, 6.0]
    assert [x.data for x in v - np.array([1.0, 2.0])] == [2.0, 1.0]
    assert [x.data for x in v / np.array([1.0, 2.0])] == [3.0, 1.5]
    assert [x.data for x in np.array([1.0, 2.0]) ** v] == [1.0, 8.0]
    assert [x.data for x in v ** np.array([1.0, 2.0])] == [3.0, 9.0]
    assert np.exp(np.array([v]))[0].data == math.exp(3.0)


# backward


def test_backward_twice_adds_exactly_one_more_gradient() -> None:
    x = Value(2.0)
    square = x * x
    y = square * x
    y.backward()
    assert x.grad == 12.0 and square.grad == 2.0
    y.backward()
    assert x.grad == 24.0 and square.grad == 2.0
    x.grad = 0
    y.backward()
    assert x.grad == 12.0


def test_second_backward_has_no_stale_inner_gradients() -> None:
    x = Value(3.0)
    y = x * x * x
    y.backward()
    x.grad = 0
    y.backward()
    assert x.grad == 27.0


def test_leaves_accumulate_over_roots() -> None:
    x = Value(3.0)
    (x * 2).backward()
    (x * 5).backward()
    assert x.grad == 7


def test_a_leaf_as_root_and_the_seed() -> None:
    x = Value(3.0)
    x.backward()
    assert x.grad == 1
    y = x * 2
    y.grad = 100
    y.backward()
    assert y.grad == 1


def test_a_plus_a() -> None:
    a = Value(2.0)
    b = a + a
    assert b._prev == {a} and b.inputs == (a, a)
    b.backward()
    assert a.grad == 2


def test_data_changed_after_the_operation_does_not_change_the_derivative() -> None:
    x = Value(2.0)
    y = x**3 * x
    x.data = 100.0
    y.backward()
    assert x.grad == 32.0


def test_an_assigned_backward_is_honoured() -> None:
    x = Value(0.5)
    out = Value(math.sin(x.data), (x,), "sin")

    def slope() -> None:
        x.grad += math.cos(x.data) * out.grad

    out._backward = slope
    y = out * 3
    y.backward()
    y.backward()
    assert x.grad == pytest.approx(6 * math.cos(0.5), rel=1e-15)
    assert out._op == "sin" and out._prev == {x} and out._backward is slope
    assert out.primitive is None and y.primitive is TABLE["multiply"]


def test_a_backward_assigned_to_a_result_or_a_leaf_is_called_in_its_turn() -> None:
    x = Value(2.0)
    y = x * 3
    z = y + 1
    calls = []
    usual = y._backward
    y._backward = lambda: (calls.append(("y", y.grad)), usual())
    x._backward = lambda: calls.append(("x", x.grad))
    z.backward()
    assert calls == [("y", 1), ("x", 3)] and y._op == "*"
    with pytest.raises(ArgumentError, match="_backward"):
        y._backward = None  # type: ignore[assignment]  # the point of the test


def test_one_step_of_backward_by_hand() -> None:
    x, y = Value(2.0), Value(5.0)
    z = x * y
    z.grad = 10
    z._backward()
    assert (x.grad, y.grad) == (50.0, 20.0)
    assert x._backward() is None


def test_children_must_be_values() -> None:
    with pytest.raises(ArgumentError, match="children"):
        Value(1.0, (2.0,), "+")  # type: ignore[arg-type]  # the point of the test


# operations


def test_names_of_operations() -> None:
    a, b = Value(2.0), Value(3.0)
    results = [a + b, a * b, a**3, a**0.5, a**b, 2**a, a.relu(), a.exp(), a.tanh(), a]
    names = ["+", "*", "**3", "**0.5", "**", "**", "ReLU", "exp", "tanh", ""]
    assert [r._op for r in results] == names
    a._op = "renamed"
    assert a._op == "renamed"


def test_derived_operations_have_the_nodes_of_micrograd() -> None:
    a, b = Value(6.0), Value(3.0)
    assert (-a)._op == "*" and {v.data for v in (-a)._prev} == {6.0, -1}
    assert (a - b)._op == "+" and {v.data for v in (a - b)._prev} == {6.0, -3.0}
    quotient = a / b
    assert quotient._op == "*" and {v._op for v in quotient._prev} == {"", "**-1"}
    assert (a / 4).data == 1.5 and (3 - a).data == -3.0 and (3 / b).data == 1.0


def test_powers_at_the_edges() -> None:
    with pytest.raises(ZeroDivisionError):
        Value(0.0) ** -1
    with pytest.raises(ZeroDivisionError):
        Value(1.0) / Value(0)
    x = Value(0.0)
    (x**0).backward()
    assert x.grad == 0
    (x**0.5).backward()
    assert x.grad == math.inf
    assert math.isnan((Value(-8.0) ** (1 / 3)).data)
    base, exponent = Value(0.0), Value(2.0)
    (base**exponent).backward()
    assert base.grad == 0 and exponent.grad == 0
    assert (Value(-10.0) ** 401).data == -math.inf
    negative = Value(-1.0)
    (negative**2).backward()
    assert negative.grad == -2.0


def test_relu_at_the_edges() -> None:
    for data, slope in [(-3.0, 0), (0.0, 0), (2.0, 1)]:
        x = Value(data)
        y = x.relu()
        y.backward()
        assert y.data == max(data, 0) and x.grad == slope
    assert math.isnan(Value(math.nan).relu().data)


def test_infinite_slopes_and_the_strong_zero() -> None:
    x = Value(0.0)
    root = x.log()
    assert root.data == -math.inf
    root.backward()
    assert x.grad == math.inf
    x.grad = 0
    (root * 0).backward()
    assert x.grad == 0


def test_far_out_values_are_finite() -> None:
    assert Value(-1e4).sigmoid().data == 0.0 and Value(1e4).sigmoid().data == 1.0
    assert Value(1e4).exp().data == math.inf and math.isnan(Value(-1.0).log().data)


@pytest.mark.parametrize("name", UNARY)
@given(x=positive)
def test_functions_against_complex_step(name: str, x: float) -> None:
    references: dict[str, Any] = {
        "relu": lambda z: z,
        "exp": cmath.exp,
        "log": cmath.log,
        "tanh": cmath.tanh,
        "sigmoid": lambda z: 1 / (1 + cmath.exp(-z)),
    }
    v = Value(x)
    out = getattr(v, name)()
    out.backward()
    assert out.data == pytest.approx(references[name](x).real, rel=1e-14, abs=1e-15)
    slope = references[name](complex(x, 1e-30)).imag / 1e-30
    assert v.grad == pytest.approx(slope, rel=1e-12)
    assert out._op == {"relu": "ReLU"}.get(name, name)


@given(x=positive, y=st.floats(-3.0, 3.0))
def test_powers_against_complex_step(x: float, y: float) -> None:
    a, b = Value(x), Value(y)
    (a**b).backward()
    assert a.grad == pytest.approx((complex(x, 1e-30) ** y).imag / 1e-30, rel=1e-12, abs=1e-12)
    by_exponent = cmath.exp(complex(y, 1e-30) * math.log(x)).imag / 1e-30
    assert b.grad == pytest.approx(by_exponent, rel=1e-12, abs=1e-12)
    c, d = Value(x), Value(y)
    (c**y + x**d).backward()
    assert (c.grad, d.grad) == (a.grad, b.grad)


def test_rows_of_the_table_take_values() -> None:
    x = Value(0.5)
    y = apply(TABLE["sin"], (x,))
    y.backward()
    assert y._op == "sin" and y.data == math.sin(0.5) and x.grad == math.cos(0.5)
    assert apply(TABLE["divide"], (1.0, x)).data == 2.0
    assert apply(TABLE["greater"], (x, 0.0)) is True
    with pytest.raises(ArgumentError, match="single number"):
        apply(TABLE["sum"], (x,), {"axis": (), "keepdims": False})


INSIDE = {
    "real": 0.6,
    "positive": 0.7,
    "nonzero": 0.8,
    "unit": 0.4,
    "gt1": 1.7,
    "fractional": 2.3,
    "around1": 0.9,
}
DIFFERENTIABLE = sorted(
    name
    for name, row in TABLE.items()
    if row.family == "elementwise" and not row.constant and INSIDE.keys() >= set(row.domain)
)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_elementwise_row_differentiates_values(name: str) -> None:
    row = TABLE[name]
    params = row.cases[0].params
    points = [INSIDE[domain] + 0.05 * i for i, domain in enumerate(row.domain)]
    values = tuple(Value(x) for x in points)
    apply(row, values, params).backward()
    for i, v in enumerate(values):
        ends = []
        for h in (1e-6, -1e-6):
            moved = [x + h * (j == i) for j, x in enumerate(points)]
            ends.append(float(row.evaluate(*map(np.float64, moved), **params)))
        assert v.grad == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-8)
        assert type(v.grad) in (float, int)


# the namespace


SETTINGS: dict[str, dict[str, float]] = {"power": {"exponent": 3}, "inside": {"low": 0, "high": 1}}


def test_scalar_functions_agree_with_the_rows() -> None:
    points = [-2.5, -1.0, -0.5, 0.0, 0.3, 1.0, 2.5, 800.0, -800.0, math.inf, math.nan]
    with np.errstate(all="ignore"):
        for name in sorted(SCALARS.keys() & TABLE.keys()):
            row = TABLE[name]
            params = SETTINGS.get(name, {})
            pairs = [(x, y) for x in points for y in points]
            operands = {1: [(x,) for x in points], 2: pairs}.get(len(row.domain), [])
            for args in operands:
                if name == "scale" and not all(map(math.isfinite, args)):
                    continue  # a strong zero, tested below
                ours = SCALARS[name](*args, **params)
                wanted = row.evaluate(*map(np.float64, args), **params)
                np.testing.assert_allclose(ours, wanted, rtol=1e-14, err_msg=f"{name}{args}")


def test_scale_is_a_strong_zero() -> None:
    assert scale(0.0, math.inf) == 0 and scale(0, math.nan) == 0 and scale(2, 3) == 6
    assert math.isnan(scale(math.nan, 0.0)) and scale(2.0, math.inf) == math.inf


def test_what_the_slopes_are_made_of() -> None:
    assert inside_(0.5) == 0.5 and inside_(0.0) == 0.0 and inside_(1) == 1
    assert all(math.isnan(inside_(x)) for x in (-0.1, 1.1, math.nan))
    quotient, strong, sech2 = (SCALARS[name] for name in ("quotient", "strong", "sech2"))
    assert quotient(0.0, 0.0) == 0 and quotient(1.0, 0.0) == math.inf and quotient(3, 2) == 1.5
    assert strong(math.inf, 0.0) == strong(0.0, math.nan) == 0 and strong(2.0, 3.0) == 6
    assert math.isnan(strong(math.nan, 1.0))
    assert sech2(0.0) == 1 and sech2(800.0) == 0 and sech2(25.0) == pytest.approx(4 * math.exp(-50))


def inside_(x: float) -> float:
    return SCALARS["inside"](x, low=0.0, high=1.0)


@pytest.mark.parametrize("name", ["tanh", "log", "exp", "relu", "sigmoid"])
def test_gradients_are_python_floats(name: str) -> None:
    x = Value(0.5)
    getattr(x, name)().backward()
    assert type(x.grad) is float or (name == "relu" and x.grad == 1)


def test_number_names_who_asked() -> None:
    with pytest.raises(DTypeError, match=r"the exponent takes one real number.*shape \(2,\)"):
        number(np.ones(2), "the exponent")


# depth


def test_a_diamond_of_sixty_levels_is_exact() -> None:
    x = Value(1)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert y.data == x.grad == 2**60


def test_a_graph_is_freed_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = Value(1.0)
        y = ((x * 2 + 1).tanh() ** 2).relu()
        y.backward()
        gone = [weakref.ref(v) for v in (y, *y._prev)]
        del y
        assert all(ref() is None for ref in gone)
    finally:
        gc.enable()


# How long it takes is in benchmarks/micrograd_demo.py.
CHAIN = """
import os, re, resource, sys
sys.setrecursionlimit(200)
from derivant.carriers.value import Value
x = y = Value(1.0)
for _ in range(1_000_000):
    y = y {step}
y.backward()
grad = x.grad
y = None
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
if os.path.exists("/proc/self/status"):  # there the other counts the process that started this one
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
sys.stdout.write(f"{{grad}} {{peak}}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is of POSIX")
@pytest.mark.parametrize(
    ("step", "wanted"), [("+ x", 1_000_001), ("* 1.000001", math.exp(1.0)), ("** 1.0", 1.0)]
)
def test_a_chain_of_a_million(step: str, wanted: float) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CHAIN.format(step=step)], capture_output=True, text=True, check=True
    )
    grad, peak = map(float, ran.stdout.split())
    assert grad == pytest.approx(wanted, rel=1e-5)
    assert peak < 2**30
