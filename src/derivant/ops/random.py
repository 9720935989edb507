"""Random numbers from keys: the same key gives the same numbers, on every platform.

There is no hidden state. A key is used once; `split` makes new ones from it.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from derivant.base.dims import Shape, Size
from derivant.base.errors import ArgumentError, DTypeError
from derivant.base.types import Array, DTypeLike, Operand, shape_of
from derivant.ops.arguments import one_axis, sizes_of
from derivant.ops.rows import call, given, read

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


def key(seed: int) -> Array:
    """The key of a seed: two words of 32 bits.

    `seed` is an integer of at most 64 bits; a negative one counts modulo 2^64. Raises ArgumentError
    for anything else.

    >>> from derivant.ops.random import key
    >>> key(7)
    array([0, 7], dtype=uint32)
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise ArgumentError(f"key: a seed is an integer, not {seed!r}") from None
    if not -(1 << 63) <= number < 1 << 64:
        raise ArgumentError(f"key: a seed has at most 64 bits; {seed} has {number.bit_length()}")
    number %= 1 << 64
    return given(np.array([number >> 32, number & 0xFFFFFFFF], dtype=np.uint32))


def _checked(name: str, k: Operand) -> Array:
    """A key, or one clear error."""
    array = read(k)
    if array.dtype != np.uint32 or tuple(array.shape) != (2,):
        raise ArgumentError(
            f"{name}: a key is two uint32 words, as made by random.key(seed) or a row of "
            f"random.split; here is an array of shape {tuple(array.shape)}, {array.dtype}"
        )
    return array


def _sizes(name: str, shape: int | Sequence[Size]) -> Shape:
    sizes = sizes_of(name, shape)
    if any(isinstance(size, int) and size < 0 for size in sizes):
        raise ArgumentError(f"{name}: a size is at least 0; the shape is {sizes}")
    return sizes


def split(key: Operand, n: int = 2) -> Array:
    """New keys from one: an array (n, 2), each row a key of its own.

    Their numbers are independent of one another and of those drawn from `key`. Raises
    ArgumentError for what is no key or no count.

    >>> from derivant.ops.random import key, split
    >>> one, two = split(key(7))
    >>> one.shape
    (2,)
    """
    (count,) = _sizes("split", n)
    return call("random_split", _checked("split", key), count=count)


def fold_in(key: Operand, data: Operand) -> Array:
    """A new key from a key and a whole number, such as the number of a step.

    `data` counts modulo 2^62 and may be traced. Raises ArgumentError for what is no key,
    DTypeError for what is no whole number.

    >>> from derivant.ops.random import fold_in, key
    >>> fold_in(key(7), 3).shape
    (2,)
    """
    number = data if isinstance(data, int) else read(data)
    kind = np.dtype(int) if isinstance(number, int) else number.dtype
    if kind.kind not in "iu":
        raise DTypeError(f"fold_in: a whole number is folded in, not one of dtype {kind}")
    if isinstance(number, int):
        number %= 1 << 62  # a Python integer may be longer than any dtype
    return call("random_fold", _checked("fold_in", key), number)


def bits(key: Operand, shape: int | Sequence[Size] = (), width: int = 32) -> Array:
    """Random words: whole numbers from 0 to 2^width - 1, all equally likely.

    `width` is 32 or 64; the dtype is uint32 or uint64. Raises ArgumentError for another width.
    Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, SC11, 2011).

    >>> from derivant.ops.random import bits, key
    >>> bits(key(0), 2)
    array([1797259609, 2579123966], dtype=uint32)
    """
    if width not in (32, 64):
        raise ArgumentError(f"bits: width is 32 or 64, not {width!r}")
    sizes = _sizes("bits", shape)
    return call("random_bits", _checked("bits", key), shape=sizes, width=int(width))


def uniform(
    key: Operand,
    shape: int | Sequence[Size] = (),
    dtype: DTypeLike = np.float64,
    low: Operand = 0.0,
    high: Operand = 1.0,
) -> Array:
    """Random numbers in [low, high), all equally likely.

    They are low + (high - low) u with u a multiple of 2^-53 (float32: 2^-24) in [0, 1), so `low`
    and `high` may be differentiated by; where they are not 0 and 1, `high` may be reached by
    rounding. Raises DTypeError for a dtype that is neither float32 nor float64.

    >>> from derivant.ops.random import key, uniform
    >>> uniform(key(0), (2, 3)).shape
    (2, 3)
    """
    u = _floats("uniform", key, shape, dtype)
    if isinstance(high, (int, float)) and isinstance(low, (int, float)):
        if (low, high) == (0, 1):
            return u
        return u * (high - low) + low
    lower = low if isinstance(low, (int, float)) else read(low)
    upper = high if isinstance(high, (int, float)) else read(high)
    return call("add", lower, call("multiply", call("subtract", upper, lower), u))


def normal(key: Operand, shape: int | Sequence[Size] = (), dtype: DTypeLike = np.float64) -> Array:
    """Random numbers of the standard normal distribution: mean 0, variance 1.

    Each is the quantile of one uniform number, by arithmetic that is the same on every platform.
    Raises DTypeError for a dtype that is neither float32 nor float64. Wichura, Algorithm AS 241,
    Applied Statistics 37, 1988.

    >>> from derivant.ops.random import key, normal
    >>> normal(key(0), 3).shape
    (3,)
    """
    return _floats("normal", key, shape, dtype)


def _floats(name: str, key: Operand, shape: int | Sequence[Size], dtype: DTypeLike) -> Array:
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise DTypeError(f"{name}: random numbers are float32 or float64, not {kind}")
    return call(f"random_{name}", _checked(name, key), shape=_sizes(name, shape), dtype=kind)


def bernoulli(key: Operand, p: Operand = 0.5, shape: int | Sequence[Size] | None = None) -> Array:
    """True with probability p, else False.

    `shape` is that of `p` where not given; else `p` broadcasts to it. Raises ArgumentError for a
    number outside [0, 1].

    >>> from derivant.ops.random import bernoulli, key
    >>> bernoulli(key(0), 1.0, 3)
    array([ True,  True,  True])
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise ArgumentError(f"bernoulli: a probability is in [0, 1]; {p!r} is not")
    chance = p if isinstance(p, (int, float)) else read(p)
    sizes = shape_of(chance) if shape is None else shape
    return call("less", _floats("uniform", key, sizes, np.float64), chance)


def permutation(key: Operand, x: int | Operand, axis: int = 0) -> Array:
    """The numbers 0 to x - 1 in random order, or an array with an axis in random order.

    All orders are equally likely; slices along `axis` are moved as wholes. Raises ArgumentError
    for a negative count, AxisError for an axis that is not there.

    >>> from derivant.ops.random import key, permutation
    >>> sorted(permutation(key(0), 4).tolist())
    [0, 1, 2, 3]
    """
    checked = _checked("permutation", key)
    if isinstance(x, (int, np.integer)):
        (count,) = _sizes("permutation", int(x))
        return call("random_permutation", checked, count=count)
    array = read(x)
    place = one_axis("permutation", array, axis)
    order = call("random_permutation", checked, count=array.shape[place])
    return call("gather", array, order, axis=place)
