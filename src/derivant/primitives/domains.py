"""Samplers of operands, by name: where a row is tested, away from kinks and well conditioned.

A row names one sampler for each operand. Knows nothing of the rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from derivant.base.errors import ArgumentError

Numbers: TypeAlias = npt.NDArray[np.float64]
Sizes: TypeAlias = tuple[int, ...]
Generator: TypeAlias = np.random.Generator
Sampler: TypeAlias = Callable[[Sizes, Generator], npt.NDArray[np.generic]]

SLOT = 1 / 16  # operands sampled together lie in different parts of each slot, so never tie


def _between(low: float, high: float) -> Callable[[Sizes, Generator], Numbers]:
    def sampler(shape: Sizes, rng: Generator) -> Numbers:
        return np.asarray(rng.uniform(low, high, shape))

    return sampler


def _either_sign(low: float, high: float) -> Callable[[Sizes, Generator], Numbers]:
    def sampler(shape: Sizes, rng: Generator) -> Numbers:
        return np.asarray(rng.uniform(low, high, shape) * rng.choice([-1.0, 1.0], shape))

    return sampler


def _fractional(shape: Sizes, rng: Generator) -> Numbers:
    """From -3 to 3, the part after the point between 0.3 and 0.4."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.uniform(0.3, 0.4, shape))


def _distinct(shape: Sizes, rng: Generator) -> Numbers:
    """No two entries closer than 0.2, in random order, both signs, none near zero."""
    count = int(np.prod(shape))
    places = rng.permutation(count) - count // 2 + 0.5
    return np.asarray(0.3 * places + rng.uniform(-0.05, 0.05, count)).reshape(shape)


def _simplex(shape: Sizes, rng: Generator) -> Numbers:
    """Positive, and 1 in sum along the last axis."""
    weights = np.asarray(rng.uniform(0.5, 1.5, shape))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def _orthonormal(shape: Sizes, rng: Generator) -> Numbers:
    square = _square(shape)
    full = np.linalg.qr(rng.standard_normal(square))[0]
    return np.asarray(full[..., : shape[-2], : shape[-1]])


def _square(shape: Sizes) -> Sizes:
    """The shape of square matrices at least as large; refuse what is no matrix."""
    if len(shape) < 2:
        raise ArgumentError(f"a matrix is sampled for at least two axes, not for the shape {shape}")
    return (*shape[:-2], max(shape[-2:]), max(shape[-2:]))


def _spectrum(shape: Sizes, rng: Generator, low: float) -> Numbers:
    """Positive numbers at least 0.3 apart, the smallest above `low`, as a row to scale columns."""
    count = shape[-1]
    steps = 0.4 * np.arange(count) + rng.uniform(0.0, 0.1, (*shape[:-2], count))
    return np.asarray(low + steps)[..., None, :]


def _spd(shape: Sizes, rng: Generator) -> Numbers:
    basis = _orthonormal(shape, rng)
    return _symmetrised((basis * _spectrum(shape, rng, 0.8)) @ basis.swapaxes(-1, -2))


def _symmetric(shape: Sizes, rng: Generator) -> Numbers:
    """Eigenvalues of both signs, at least 0.3 apart and none near zero."""
    basis = _orthonormal(shape, rng)
    values = _spectrum(shape, rng, 0.15) - 0.4 * (shape[-1] // 2)
    return _symmetrised((basis * values) @ basis.swapaxes(-1, -2))


def _symmetrised(matrix: Numbers) -> Numbers:
    return np.asarray((matrix + matrix.swapaxes(-1, -2)) / 2)


def _invertible(shape: Sizes, rng: Generator) -> Numbers:
    left, right = _orthonormal(shape, rng), _orthonormal(shape, rng)
    return np.asarray((left * _spectrum(shape, rng, 0.8)) @ right)


def _lower(shape: Sizes, rng: Generator) -> Numbers:
    """Lower triangular, the diagonal well above the rest."""
    below = np.tril(rng.uniform(-0.5, 0.5, _square(shape)), -1)
    return np.asarray(below + np.eye(shape[-1]) * (1.0 + _spectrum(shape, rng, 0.0)))


def _upper(shape: Sizes, rng: Generator) -> Numbers:
    return _lower(shape, rng).swapaxes(-1, -2)


def _mask(shape: Sizes, rng: Generator) -> npt.NDArray[np.generic]:
    return np.asarray(rng.integers(0, 2, shape), dtype=np.bool_)


def _whole(low: int, high: int) -> Sampler:
    def sampler(shape: Sizes, rng: Generator) -> npt.NDArray[np.generic]:
        return np.asarray(rng.integers(low, high + 1, shape), dtype=np.intp)

    return sampler


LINE: dict[str, Sampler] = {
    "real": _either_sign(0.1, 2.0),
    "nonzero": _either_sign(0.4, 2.0),
    "positive": _between(0.4, 2.5),
    "gt1": _between(1.3, 3.0),
    "unit": _either_sign(0.1, 0.8),
    "probability": _between(0.1, 0.85),
}
OTHERS: dict[str, Sampler] = {
    "distinct": _distinct,
    "fractional": _fractional,
    "around1": _either_sign(0.95, 1.05),
    "simplex": _simplex,
    "symmetric": _symmetric,
    "spd": _spd,
    "invertible": _invertible,
    "lower": _lower,
    "upper": _upper,
    "orthonormal": _orthonormal,
}
# These keep their own dtype, and nothing is differentiated by them.
WHOLE: dict[str, Sampler] = {
    "mask": _mask,
    "int": _whole(-3, 3),
    "count": _whole(0, 4),
    "index": _whole(0, 1),
}
DOMAINS: dict[str, Sampler] = LINE | OTHERS | WHOLE


def sample(
    domain: str, shape: Sizes, rng: Generator, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[np.generic]:
    """An array of that shape from a domain; masks, integers and indices keep their own dtype.

    real: 0.1 <= |x| <= 2; nonzero: 0.4 <= |x|; positive, gt1 (above 1), unit (-1, 1), probability
    (0, 1): well inside; distinct: no two entries near one another; fractional: far from whole
    numbers and halves, also when divided by one around1 (near 1 or -1); simplex: along the last
    axis; symmetric, spd, invertible, lower, upper (n, n) and orthonormal (n, m): matrices on the
    last two axes, eigenvalues apart; mask: booleans; int: -3 to 3; count: 0 to 4; index: 0 or 1,
    inside any axis of size 2. Raises ArgumentError for another name.

    >>> sample("spd", (2, 3, 3), np.random.default_rng(0), np.float32).dtype
    dtype('float32')
    """
    if domain not in DOMAINS:
        raise ArgumentError(f"there is no domain {domain!r}; there are {', '.join(DOMAINS)}")
    array = DOMAINS[domain](tuple(shape), rng)
    return array if domain in WHOLE else np.asarray(array, dtype=dtype)


def sample_all(
    domains: Sequence[str],
    shapes: Sequence[Sizes],
    rng: Generator,
    dtype: npt.DTypeLike = np.float64,
) -> list[npt.NDArray[np.generic]]:
    """One array for each operand, such that entries of two operands never tie.

    Entries from the line keep to a part of each slot of width 1/16 that is their operand's own, so
    that the extrema of two operands are smooth near the sample.

    >>> x, y = sample_all(["real", "real"], [(3,), (3,)], np.random.default_rng(0))
    >>> bool((abs(x - y) > 1 / 64).all())
    True
    """
    drawn = zip(domains, shapes, strict=True)
    arrays = [sample(domain, shape, rng) for domain, shape in drawn]
    parts = len(arrays)
    for place, domain in enumerate(domains):
        if domain in LINE and parts > 1:
            slots = np.floor(np.asarray(arrays[place], dtype=np.float64) / SLOT)
            inside = (place + 0.5 + rng.uniform(-0.1, 0.1, slots.shape)) / parts
            arrays[place] = np.asarray((slots + inside) * SLOT)
    return [a if d in WHOLE else a.astype(dtype) for a, d in zip(arrays, domains, strict=True)]
