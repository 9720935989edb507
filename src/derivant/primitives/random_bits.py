"""Rows of random numbers: a key and a place give the number, the same on every platform.

The generator is Threefry-2x32 with 20 rounds: a key of two 32-bit words turns a counter of two
words into two random words. Everything from the words to the normal numbers is integer arithmetic
or the operations that IEEE 754 fixes to the last bit (no libm), so platforms cannot differ.

Threefry: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11, 2011.
Normal quantile: Wichura, "Algorithm AS 241: the percentage points of the normal distribution",
Applied Statistics 37, 1988.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape
from derivant.base.errors import DTypeError, ShapeError
from derivant.primitives.families import constant
from derivant.primitives.primitive import Case, Data, DType
from derivant.primitives.rules import batch_tail

Words: TypeAlias = npt.NDArray[np.uint32]
Floats: TypeAlias = npt.NDArray[np.float64]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)
CHUNK = 1 << 14  # counters at a time: their words stay in the cache through all rounds
# The second word of a counter says what it is for, so that no two uses of a key meet.
DRAW, SPLIT, FOLD = 0, 1 << 31, 3 << 30


def threefry(key: tuple[Words, Words], counter: tuple[Words, Words]) -> tuple[Words, Words]:
    """Threefry-2x32, 20 rounds, on arrays of one shape; the counter's arrays are overwritten."""
    x, y = counter
    keys = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    x += keys[0]
    y += keys[1]
    turned = np.empty_like(y)
    for block in range(5):
        for turn in ROTATIONS[block % 2]:
            x += y
            np.left_shift(y, turn, out=turned)
            y >>= 32 - turn
            y |= turned
            y ^= x
        x += keys[(block + 1) % 3]
        y += keys[(block + 2) % 3]
        y += np.uint32(block + 1)
    return x, y


def _words_of(key: Data) -> tuple[Words, Words]:
    """The two words of a key or of each of a stack of keys, with an axis for counters."""
    words = np.asarray(key).astype(np.uint32, copy=False)
    if words.ndim == 0 or words.shape[-1] != 2:
        raise ShapeError(f"{{0}} has shape {words.shape}; a key is two words, as made by key(seed)")
    return words[..., 0, None], words[..., 1, None]


def _blocks(key: Data, count: int, purpose: int) -> Iterator[tuple[slice, Words, Words]]:
    """The words of counters 0 to count, a range at a time."""
    first, second = _words_of(key)
    lead = first.shape[:-1]
    step = max(1, CHUNK // max(1, prod(lead)))
    for start in range(0, count, step):
        places = np.arange(start, min(start + step, count), dtype=np.uint64)
        x = np.empty((*lead, len(places)), np.uint32)
        y = np.empty_like(x)
        x[...] = places.astype(np.uint32)
        y[...] = (places >> np.uint64(32)).astype(np.uint32) | np.uint32(purpose)
        yield slice(start, start + len(places)), *threefry((first, second), (x, y))


def words32(key: Data, count: int) -> Words:
    """`count` words of 32 bits for each key: the two of counter 0, of counter 1, and so on."""
    lead = np.shape(key)[:-1]
    pairs = np.empty((*lead, (count + 1) // 2, 2), np.uint32)
    for places, x, y in _blocks(key, pairs.shape[-2], DRAW):
        pairs[..., places, 0] = x
        pairs[..., places, 1] = y
    return pairs.reshape(*lead, pairs.shape[-2] * 2)[..., :count]


def words64(key: Data, count: int) -> npt.NDArray[np.uint64]:
    """`count` words of 64 bits for each key, one a counter; its first word is the lower half."""
    out = np.empty((*np.shape(key)[:-1], count), np.uint64)
    for places, x, y in _blocks(key, count, DRAW):
        out[..., places] = y
        out[..., places] <<= np.uint64(32)
        out[..., places] |= x
    return out


def _shaped(key: Data, values: Data, shape: tuple[int, ...]) -> Data:
    return values.reshape(np.shape(key)[:-1] + tuple(shape))


def _bits(key: Data, *, shape: tuple[int, ...], width: int) -> Data:
    _words_of(key)
    draw = words64 if width == 64 else words32
    return _shaped(key, draw(key, prod(shape)), shape)


def _split(key: Data, *, count: int) -> Data:
    keys = np.empty((*np.shape(key)[:-1], count, 2), np.uint32)
    for places, x, y in _blocks(key, count, SPLIT):
        keys[..., places, 0] = x
        keys[..., places, 1] = y
    return keys


def _fold(key: Data, data: Data) -> Data:
    """One key from a key and a whole number, which counts modulo 2^62."""
    first, second = _words_of(key)
    number = np.asarray(data).astype(np.int64).astype(np.uint64)[..., None]
    shape = np.broadcast_shapes(first.shape, number.shape)
    x, y = np.empty(shape, np.uint32), np.empty(shape, np.uint32)
    x[...] = (number & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    y[...] = (number >> np.uint64(32)).astype(np.uint32) | np.uint32(FOLD)
    return np.concatenate(threefry((first, second), (x, y)), axis=-1)


def _uniform(key: Data, *, shape: tuple[int, ...], dtype: DType) -> Data:
    """Multiples of 2^-53 (float32: 2^-24) in [0, 1), all equally likely."""
    count = prod(shape)
    if dtype == np.float32:
        values: Any = (words32(key, count) >> np.uint32(8)).astype(np.float32)
        values *= np.float32(2**-24)
    else:
        values = (words64(key, count) >> np.uint64(11)).astype(np.float64)
        values *= 2.0**-53
    return _shaped(key, values, shape)


def _normal(key: Data, *, shape: tuple[int, ...], dtype: DType) -> Data:
    """The quantile of a uniform number in the middle of its step, so never of 0 or 1."""
    count = prod(shape)
    if dtype == np.float32:
        places, step = words32(key, count).astype(np.float64), 2.0**-32
    else:
        places, step = (words64(key, count) >> np.uint64(12)).astype(np.float64), 2.0**-52
    places += 0.5
    places *= step
    flat = places.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        part[...] = normal_quantile(part)
    return _shaped(key, places.astype(dtype, copy=False), shape)


def _permutation(key: Data, *, count: int) -> Data:
    return np.argsort(words64(key, count), axis=-1, kind="stable")


# The quantile of the normal distribution: Wichura's rational approximations, 1e-16 relative.

CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
SHOULDER = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
TAIL = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)
LOG_TWO = (0.6931471805599453, 2.3190468138462996e-17)  # the sum is exact to 1e-33
LOG_TERMS = 11


def normal_quantile(p: Floats) -> Floats:
    """The number below which a standard normal falls with probability p, 0 < p < 1."""
    q = p - 0.5
    square = 0.180625 - q * q
    value = q * _ratio(square, CENTRE)
    outside = np.flatnonzero(square < 0)
    if outside.size:
        r = np.sqrt(_minus_log(np.minimum(p[outside], 1.0 - p[outside])))
        far = r > 5.0
        size = _ratio(r - 1.6, SHOULDER)
        size[far] = _ratio(r[far] - 5.0, TAIL)
        value[outside] = np.copysign(size, q[outside])
    return value


def _ratio(x: Floats, coefficients: tuple[tuple[float, ...], tuple[float, ...]]) -> Floats:
    """A quotient of two polynomials, coefficients from the lowest power up."""
    return _polynomial(x, coefficients[0]) / _polynomial(x, coefficients[1])


def _polynomial(x: Floats, coefficients: tuple[float, ...]) -> Floats:
    total = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total *= x
        total += c
    return total


def _minus_log(p: Floats) -> Floats:
    """-log p by its odd series around 1: only operations that are the same on every platform."""
    part, power = np.frexp(p)
    low = part < 0.7071067811865476
    part = np.where(low, 2.0 * part, part)
    power = power - low
    s = (part - 1.0) / (part + 1.0)
    square = s * s
    series = _polynomial(square, tuple(2.0 / (2 * k + 1) for k in range(LOG_TERMS)))
    return -(power * LOG_TWO[0] + (power * LOG_TWO[1] + s * series))


# Rows


def _key_shape(key: Shape) -> None:
    if len(key) != 1 or key[0] != 2:
        raise ShapeError(f"{{0}} has shape {key}; a key is two words, as made by key(seed)")


def _drawn_shape(key: Shape, *, shape: Shape, **rest: object) -> Shape:
    _key_shape(key)
    return tuple(shape)


def _split_shape(key: Shape, *, count: int) -> Shape:
    _key_shape(key)
    return (count, 2)


def _permuted_shape(key: Shape, *, count: int) -> Shape:
    _key_shape(key)
    return (count,)


def _folded_shape(key: Shape, data: Shape) -> Shape:
    _key_shape(key)
    if data:
        raise ShapeError(f"{{1}} has shape {data}; one number is folded into a key")
    return (2,)


def _float_kind(*kinds: DType, dtype: DType, **rest: object) -> DType:
    if dtype not in (np.float32, np.float64):
        raise DTypeError(f"random numbers are float32 or float64, not {dtype}")
    return np.dtype(dtype)


SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (2, 5), (0,), (1, 2, 1))
FLOAT_CASES = tuple(
    Case(((2,),), {"shape": s, "dtype": np.dtype(kind)})
    for s in SHAPES
    for kind in ("float32", "float64")
)
random_bits = constant(
    "random_bits",
    _bits,
    shape=_drawn_shape,
    dtype=lambda key, *, shape, width: np.dtype(f"uint{width}"),
    batch=batch_tail,
    domain=("int",),
    cases=tuple(Case(((2,),), {"shape": s, "width": w}) for s in SHAPES for w in (32, 64)),
)
random_uniform = constant(
    "random_uniform",
    _uniform,
    shape=_drawn_shape,
    dtype=_float_kind,
    batch=batch_tail,
    domain=("int",),
    cases=FLOAT_CASES,
)
random_normal = constant(
    "random_normal",
    _normal,
    shape=_drawn_shape,
    dtype=_float_kind,
    batch=batch_tail,
    domain=("int",),
    cases=FLOAT_CASES,
)
random_split = constant(
    "random_split",
    _split,
    shape=_split_shape,
    dtype=lambda key, *, count: np.dtype(np.uint32),
    batch=batch_tail,
    domain=("int",),
    cases=tuple(Case(((2,),), {"count": n}) for n in (0, 1, 2, 5)),
)
random_fold = constant(
    "random_fold",
    _fold,
    2,
    shape=_folded_shape,
    dtype=lambda key, data: np.dtype(np.uint32),
    batch=batch_tail,
    domain=("int", "count"),
    cases=(Case(((2,), ())),),
)
random_permutation = constant(
    "random_permutation",
    _permutation,
    shape=_permuted_shape,
    dtype=lambda key, *, count: np.dtype(np.intp),
    batch=batch_tail,
    domain=("int",),
    cases=tuple(Case(((2,),), {"count": n}) for n in (0, 1, 2, 7)),
)
