"""PyTorch's reductions, running totals and orderings in derivant's words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tests.conformance.words import NoCounterpartError, Table, rank_of, shape_of

import derivant as dv
from derivant.base.types import Array, Axes, Operand


def axes_of(dim: Axes) -> Axes:
    """PyTorch reads an empty list of axes as all of them."""
    return None if isinstance(dim, (list, tuple)) and not dim else dim


def reducing(reduce: Callable[..., Array]) -> Callable[..., Array]:
    """A reduction with PyTorch's names of its arguments."""

    def reduced(x: Operand, dim: Axes = None, keepdim: bool = False, dtype: object = None) -> Array:
        values = x if dtype is None else dv.astype(x, dtype)
        axes = axes_of(dim)
        if rank_of(x) == 0:
            axes = None  # PyTorch lets axes 0 and -1 name the none that a number has
        return reduce(values, axis=axes, keepdims=keepdim)

    return reduced


def prod(x: Operand, dim: int | None = None, keepdim: bool = False, dtype: object = None) -> Array:
    return reducing(dv.prod)(x, dim, keepdim, dtype)


def aminmax(x: Operand, dim: int | None = None, keepdim: bool = False) -> tuple[Array, Array]:
    return reducing(dv.min)(x, dim, keepdim), reducing(dv.max)(x, dim, keepdim)


def median(x: Operand, dim: int | None = None, keepdim: bool = False) -> Array:
    shape = shape_of(x)
    count = np.prod(shape) if dim is None or not shape else shape[dim]
    if count % 2 == 0:
        raise NoCounterpartError("the lower of two middle entries; ours is their mean, as NumPy's")
    return reducing(dv.median)(x, dim, keepdim)


def spread(measure: Callable[..., Array]) -> Callable[..., Array]:
    """std and var; the second positional argument is `unbiased` where it is a bool."""

    def measured(
        x: Operand,
        dim: Axes | bool = None,
        unbiased: bool = True,
        keepdim: bool = False,
        correction: float | None = None,
    ) -> Array:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        less = float(unbiased) if correction is None else correction
        return measure(x, axis=axes_of(dim), correction=less, keepdims=keepdim)

    return measured


def with_mean(measure: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    """std_mean and var_mean."""

    def both(
        x: Operand, dim: Axes | bool = None, keepdim: bool = False, **options: float
    ) -> tuple[Array, Array]:
        axes = None if isinstance(dim, bool) else axes_of(dim)
        middle = dv.mean(x, axis=axes, keepdims=keepdim)
        return spread(measure)(x, dim, keepdim=keepdim, **options), middle

    return both


def weights(normal: Callable[..., Array]) -> Callable[..., Array]:
    """softmax and log_softmax along one axis."""

    def normalised(x: Operand, dim: int, dtype: object = None) -> Array:
        values = x if dtype is None else dv.astype(x, dtype)
        return normal(values, axis=dim if rank_of(x) else ())

    return normalised


def running(total: Callable[..., Array]) -> Callable[..., Array]:
    """cumsum and its kin; a number is its own running total."""

    def accumulated(x: Operand, dim: int, dtype: object = None) -> Array:
        values = x if dtype is None else dv.astype(x, dtype)
        return total(values, axis=dim) if rank_of(x) else dv.reshape(total(values), ())

    return accumulated


def sort(x: Operand, dim: int = -1, descending: bool = False, stable: bool = False) -> Array:
    return dv.sort(x, axis=dim, descending=descending) if rank_of(x) else dv.positive(x)


def msort(x: Operand) -> Array:
    return dv.sort(x, axis=0)


def diff(
    x: Operand,
    n: int = 1,
    dim: int = -1,
    prepend: Operand | None = None,
    append: Operand | None = None,
) -> Array:
    return dv.diff(x, n=n, axis=dim, prepend=prepend, append=append)


EXTREMA = {"max": dv.max, "min": dv.min}

RENAMED: Table = {
    "sum": reducing(dv.sum),
    "mean": reducing(dv.mean),
    "amax": reducing(dv.max),
    "amin": reducing(dv.min),
    "prod": prod,
    "median": median,
    "logsumexp": reducing(dv.logsumexp),
    "softmax": weights(dv.softmax),
    "softmax/with_dtype": weights(dv.softmax),
    "log_softmax": weights(dv.log_softmax),
    "log_softmax/with_dtype": weights(dv.log_softmax),
    "cumsum": running(dv.cumsum),
    "cumprod": running(dv.cumprod),
    "cummax": running(dv.cummax),
    "cummin": running(dv.cummin),
    "sort": sort,
    "msort": msort,
    "diff": diff,
}
for _name, _reduce in EXTREMA.items():
    RENAMED[f"{_name}/reduction_with_dim"] = reducing(_reduce)
    RENAMED[f"{_name}/reduction_no_dim"] = reducing(_reduce)
for _name, _measure in {"std": dv.std, "var": dv.var}.items():
    for _variant in ("", "/unbiased"):
        RENAMED[_name + _variant] = spread(_measure)


def softmin(x: Operand, dim: int, dtype: object = None) -> Array:
    return weights(dv.softmax)(dv.negative(x), dim, dtype)


def nansum(x: Operand, dim: Axes = None, keepdim: bool = False) -> Array:
    return reducing(dv.sum)(dv.where(dv.isnan(x), 0.0, x), dim, keepdim)


def nanmean(x: Operand, dim: Axes = None, keepdim: bool = False) -> Array:
    here = dv.astype(dv.logical_not(dv.isnan(x)), np.float64)
    return nansum(x, dim, keepdim) / reducing(dv.sum)(here, dim, keepdim)


def topk(x: Operand, k: int, dim: int = -1, largest: bool = True, ordered: bool = True) -> Array:
    if not rank_of(x):
        return dv.positive(x)
    return dv.moveaxis(dv.moveaxis(sort(x, dim, largest), dim, 0)[:k], 0, dim)


def kthvalue(x: Operand, k: int, dim: int = -1, keepdim: bool = False) -> Array:
    if not rank_of(x):
        return dv.positive(x)
    chosen = dv.take(dv.sort(x, axis=dim), k - 1, axis=dim)
    return dv.expand_dims(chosen, dim) if keepdim else chosen


def trapezoid(y: Operand, x: Operand | None = None, dim: int = -1, dx: float = 1.0) -> Array:
    return dv.sum(areas(y, x, dim, dx), axis=dim)


def cumulative_trapezoid(
    y: Operand, x: Operand | None = None, dim: int = -1, dx: float = 1.0
) -> Array:
    return dv.cumulative_sum(areas(y, x, dim, dx), axis=dim)


def areas(y: Operand, x: Operand | None, dim: int, dx: float) -> Array:
    """The area of each trapezium between neighbours."""
    lines = dv.moveaxis(y, dim, -1)
    heights = (lines[..., 1:] + lines[..., :-1]) / 2
    if x is None:
        return dv.moveaxis(heights * dx, -1, dim)
    widths = dv.diff(x) if rank_of(x) == 1 else dv.diff(dv.moveaxis(x, dim, -1))
    return dv.moveaxis(heights * widths, -1, dim)


COMPOSED: Table = {
    "aminmax": aminmax,
    "std_mean": with_mean(dv.std),
    "std_mean/unbiased": with_mean(dv.std),
    "var_mean": with_mean(dv.var),
    "var_mean/unbiased": with_mean(dv.var),
    "nn.functional.softmin": softmin,
    "nn.functional.softmin/with_dtype": softmin,
    "nansum": nansum,
    "nanmean": nanmean,
    "topk": topk,
    "kthvalue": kthvalue,
    "trapezoid": trapezoid,
    "trapz": trapezoid,
    "cumulative_trapezoid": cumulative_trapezoid,
}
