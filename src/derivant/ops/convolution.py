"""Convolutions of signals and images, as networks and as NumPy mean them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

from derivant.base.dims import Size
from derivant.base.errors import ArgumentError, DerivantError, ShapeError
from derivant.base.types import Array, Operand
from derivant.ops.rows import call, read
from derivant.primitives.convolution import convolution, extent
from derivant.primitives.explain import refusal

__all__ = ["conv1d", "conv2d", "convolve"]

Steps: TypeAlias = int | Sequence[int]
Padding: TypeAlias = str | int | Sequence[int | Sequence[int]]


def conv1d(
    x: Operand,
    w: Operand,
    /,
    stride: Steps = 1,
    padding: Padding = 0,
    dilation: Steps = 1,
    groups: int = 1,
) -> Array:
    """The cross-correlation of signals with a kernel, as in networks.

    y[n, o, i] = sum_{c, k} w[o, c, k] x[n, c, stride i + dilation k - padding], zeros outside.
    x (N, C, L) or (C, L), w (O, C/groups, K) -> (N, O, M) or (O, M) with
    M = (L + 2 padding - dilation (K - 1) - 1) // stride + 1. `padding` is a number, a pair
    ((before, after),), "valid" (none) or "same" (M = L, stride 1). Channels mix within each of
    `groups` blocks. Raises ShapeError where channels do not fit or the kernel is too long,
    ArgumentError for settings that cannot be.

    >>> from derivant.ops.convolution import conv1d
    >>> conv1d([[1.0, 2.0, 4.0, 8.0]], [[[1.0, -1.0]]])
    array([[-1., -2., -4.]])
    """
    return _convolved("conv1d", 1, x, w, stride, padding, dilation, groups)


def conv2d(
    x: Operand,
    w: Operand,
    /,
    stride: Steps = 1,
    padding: Padding = 0,
    dilation: Steps = 1,
    groups: int = 1,
) -> Array:
    """The cross-correlation of images with a kernel, as in networks.

    y[n, o, i, j] = sum_{c, k, l} w[o, c, k, l] x[n, c, stride i + dilation k - padding, ...], zeros
    outside. x (N, C, H, W) or (C, H, W), w (O, C/groups, K, L) -> (N, O, ., .) or (O, ., .), sizes
    as in `conv1d` along each axis. Settings are one number or one for each of the two axes;
    `padding` may also be pairs ((before, after), (before, after)), "valid" or "same". Raises as
    `conv1d`.

    >>> from derivant.ops.convolution import conv2d
    >>> conv2d([[[1.0, 2.0], [3.0, 4.0]]], [[[[1.0, 1.0], [1.0, 1.0]]]])
    array([[[10.]]])
    """
    return _convolved("conv2d", 2, x, w, stride, padding, dilation, groups)


def convolve(a: Operand, v: Operand, /, mode: str = "full") -> Array:
    """The convolution of two sequences: y_i = sum_k a_{i - k} v_k.

    (n), (m) -> (n + m - 1) for "full", (max(n, m)) for "same", the central part, and
    (max(n, m) - min(n, m) + 1) for "valid", where they overlap fully. Raises ShapeError for
    operands that are not vectors or are empty, ArgumentError for another mode.

    >>> from derivant.ops.convolution import convolve
    >>> convolve([1.0, 2.0, 3.0], [1.0, 1.0])
    array([1., 3., 5., 3.])
    """
    first, second = read(a), read(v)
    for place, array in enumerate((first, second)):
        if len(array.shape) != 1 or array.shape[0] == 0:
            error = ShapeError(
                f"{{{place}}} has shape {array.shape}; a vector with entries is needed"
            )
            raise refusal("convolve", (first, second), [f"mode={mode!r}"], error)
    n, m = first.shape[0], second.shape[0]
    if mode != "full" and n != m:  # the longer one is the signal
        if not (isinstance(n, int) and isinstance(m, int)):
            error = ShapeError(
                f"which of {n} and {m} is larger is not known; mode='full' needs not"
            )
            raise refusal("convolve", (first, second), [f"mode={mode!r}"], error)
        if n < m:
            first, second, m = second, first, n
    around: dict[str, tuple[Size, Size]] = {
        "full": (m - 1, m - 1),
        "same": (m // 2, m - 1 - m // 2),
        "valid": (0, 0),
    }
    if mode not in around:
        raise ArgumentError(f"convolve: mode is 'full', 'same' or 'valid', not {mode!r}")
    signal = call("expand_dims", first, axis=(-2, -3))
    kernel = call("expand_dims", call("flip", second, axis=(-1,)), axis=(-2, -3))
    out = call(
        "convolution",
        signal,
        kernel,
        stride=(1,),
        padding=(around[mode],),
        spread=(1,),
        dilation=(1,),
        groups=1,
    )
    return call("squeeze", out, axis=(-2, -3))


def _convolved(
    name: str,
    rank: int,
    x: Operand,
    w: Operand,
    stride: Steps,
    padding: Padding,
    dilation: Steps,
    groups: int,
) -> Array:
    """Read the settings, refuse what does not fit, and apply the row."""
    array, kernel = read(x), read(w)
    try:
        strides = _steps("stride", stride, rank)
        dilations = _steps("dilation", dilation, rank)
        (blocks,) = _steps("groups", groups, 1)
    except ArgumentError as error:
        raise refusal(name, (array, kernel), [], error) from None
    said = [f"stride={stride}", f"padding={padding!r}", f"dilation={dilation}", f"groups={groups}"]
    try:
        _check_ranks(rank, array, kernel)
        around = _around(padding, strides, dilations, tuple(kernel.shape[2:]))
        params = {
            "stride": strides,
            "padding": around,
            "spread": (1,) * rank,
            "dilation": dilations,
            "groups": blocks,
        }
        alone = len(array.shape) == rank + 1
        shape = (1, *array.shape) if alone else tuple(array.shape)
        convolution.shape(shape, tuple(kernel.shape), **params)
        _check_windows(shape[2:], tuple(kernel.shape[2:]), dilations, around)
    except DerivantError as error:
        raise refusal(name, (array, kernel), said, error) from None
    if not alone:
        return call("convolution", array, kernel, **params)
    out = call("convolution", call("expand_dims", array, axis=(-rank - 2,)), kernel, **params)
    return call("squeeze", out, axis=(-rank - 2,))


def _check_ranks(rank: int, x: Array, w: Array) -> None:
    if len(x.shape) not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{{0}} has {len(x.shape)} axes; {rank + 2} are needed (items, channels, {rank} of "
            f"space), or {rank + 1} for one item"
        )
    if len(w.shape) != rank + 2:
        raise ShapeError(
            f"{{1}} has {len(w.shape)} axes; {rank + 2} are needed (channels out, channels in, "
            f"{rank} of space)"
        )


def _check_windows(
    space: tuple[Size, ...],
    kernel: tuple[Size, ...],
    dilations: tuple[int, ...],
    around: tuple[tuple[Size, Size], ...],
) -> None:
    """Each window must have entries, and a place to stand."""
    for axis, (n, k, d, (lo, hi)) in enumerate(zip(space, kernel, dilations, around, strict=True)):
        window, room = extent(k, d), n + lo + hi
        if k == 0:
            raise ShapeError(f"axis {axis + 2} of {{1}} is 0; a window has at least one entry")
        if isinstance(window, int) and isinstance(room, int) and window > room:
            raise ShapeError(
                f"the window of {{1}} spans {window} along axis {axis - len(space)}; {{0}} has "
                f"{room} there, its padding counted"
            )


def _steps(what: str, value: Steps, rank: int) -> tuple[int, ...]:
    """A setting for each axis, at least 1."""
    given: list[Any] = list(value) if isinstance(value, (tuple, list)) else [value] * rank
    try:
        steps = tuple(operator.index(step) for step in given)
    except TypeError:
        raise ArgumentError(f"{what} is made of integers, not {value!r}") from None
    if len(steps) != rank or min(steps) < 1:
        many = f" or {rank} of them" if rank > 1 else ""
        raise ArgumentError(f"{what} is a number of at least 1{many}, not {value!r}")
    return steps


def _around(
    padding: Padding,
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    kernel: tuple[Size, ...],
) -> tuple[tuple[Size, Size], ...]:
    """The zeros before and after, for each axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if max(strides) > 1:
            raise ArgumentError("padding='same' keeps the size, which only stride 1 does")
        spans = [extent(k, d) - 1 for k, d in zip(kernel, dilations, strict=True)]
        return tuple((span // 2, span - span // 2) for span in spans)
    given = padding if isinstance(padding, (tuple, list)) else (padding,) * len(kernel)
    wrong = ArgumentError(
        f"padding is 'valid', 'same', a number of at least 0, one for each of the {len(kernel)} "
        f"axes, or a pair for each, not {padding!r}"
    )
    if len(given) != len(kernel):
        raise wrong
    pairs = [p if isinstance(p, (tuple, list)) else (p, p) for p in given]
    try:
        ends = [tuple(map(operator.index, pair)) for pair in pairs]
    except TypeError:
        raise wrong from None
    if any(len(end) != 2 or min(end) < 0 for end in ends):
        raise wrong
    return tuple((lo, hi) for lo, hi in ends)
