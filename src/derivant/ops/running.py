"""Running sums, products and extrema along an axis."""

from __future__ import annotations

from derivant.base.dims import total
from derivant.base.errors import ShapeError
from derivant.base.types import Array, DTypeLike, Operand
from derivant.ops.arguments import one_axis
from derivant.ops.creation import cast
from derivant.ops.rows import applied, call, planned, read
from derivant.primitives import TABLE

CUMSUM, CUMPROD = TABLE["cumsum"], TABLE["cumprod"]
__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
]


def _lined(name: str, x: Operand, axis: int | None, strict: bool) -> tuple[Array, int]:
    """The array and the axis to run along; without one the array flattened, or refused."""
    a = read(x)
    if axis is not None:
        return a, one_axis(name, a, axis)
    if strict and len(a.shape) != 1:
        raise ShapeError(f"{name}: an array of shape {a.shape} needs an axis to run along")
    return (a if len(a.shape) == 1 else call("reshape", a, shape=(total(a.shape),))), -1


def _cumsum(a: Array, line: int) -> Array:
    return applied(CUMSUM, a, planned(CUMSUM, ("axis", "reverse"), line, False))


def _cumprod(a: Array, line: int) -> Array:
    settings = planned(CUMPROD, ("axis", "reverse", "exclusive"), line, False, False)
    return applied(CUMPROD, a, settings)


def _with_initial(x: Array, axis: int, value: float) -> Array:
    widths = ((1, 0),) + ((0, 0),) * (-axis - 1)
    return call("pad", x, widths=widths, mode="constant", value=value)


def cumulative_sum(
    x: Operand,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    include_initial: bool = False,
) -> Array:
    """The running sum along an axis: y_i = x_0 + ... + x_i.

    `include_initial` puts the empty sum 0 before: n + 1 entries. Raises ShapeError where the array
    has several axes and none is given.

    >>> from derivant.ops.running import cumulative_sum
    >>> cumulative_sum([1.0, 2.0, 3.0], include_initial=True)
    array([0., 1., 3., 6.])
    """
    a, line = _lined("cumulative_sum", cast(x, dtype), axis, strict=True)
    y = _cumsum(a, line)
    return _with_initial(y, line, 0) if include_initial else y


def cumulative_prod(
    x: Operand,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    include_initial: bool = False,
) -> Array:
    """The running product along an axis: y_i = x_0 ... x_i; derivatives are exact at zeros.

    `include_initial` puts the empty product 1 before: n + 1 entries. Raises ShapeError where the
    array has several axes and none is given.

    >>> from derivant.ops.running import cumulative_prod
    >>> cumulative_prod([2.0, 3.0, 4.0])
    array([ 2.,  6., 24.])
    """
    a, line = _lined("cumulative_prod", cast(x, dtype), axis, strict=True)
    y = _cumprod(a, line)
    return _with_initial(y, line, 1) if include_initial else y


def cumsum(x: Operand, axis: int | None = None, dtype: DTypeLike | None = None) -> Array:
    """The running sum along an axis, of the flattened array for None, as NumPy's.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.running import cumsum
    >>> cumsum([[1.0, 2.0], [3.0, 4.0]])
    array([ 1.,  3.,  6., 10.])
    """
    return _cumsum(*_lined("cumsum", cast(x, dtype), axis, strict=False))


def cumprod(x: Operand, axis: int | None = None, dtype: DTypeLike | None = None) -> Array:
    """The running product along an axis, of the flattened array for None, as NumPy's.

    Raises AxisError for an axis that is not there.

    >>> from derivant.ops.running import cumprod
    >>> cumprod([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([[ 1.,  2.],
           [ 3., 12.]])
    """
    return _cumprod(*_lined("cumprod", cast(x, dtype), axis, strict=False))


def cummax(x: Operand, axis: int | None = None) -> Array:
    """The largest entry so far along an axis: y_i = max(x_0, ..., x_i); flattened for None.

    Of equal entries the later one has the derivative. Raises AxisError for an axis not there.

    >>> from derivant.ops.running import cummax
    >>> cummax([1.0, 3.0, 2.0])
    array([1., 3., 3.])
    """
    a, line = _lined("cummax", x, axis, strict=False)
    return call("cummax", a, axis=line)


def cummin(x: Operand, axis: int | None = None) -> Array:
    """The smallest entry so far along an axis: y_i = min(x_0, ..., x_i); flattened for None.

    Of equal entries the later one has the derivative. Raises AxisError for an axis not there.

    >>> from derivant.ops.running import cummin
    >>> cummin([3.0, 1.0, 2.0])
    array([3., 1., 1.])
    """
    a, line = _lined("cummin", x, axis, strict=False)
    return call("cummin", a, axis=line)
