"""Random numbers: known answers, statistics, independence, the same in every carrier."""

from __future__ import annotations

import time
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import stats

from derivant import random
from derivant.base.dims import Dim
from derivant.base.errors import ArgumentError, AxisError, DTypeError
from derivant.calculus.transforms import grad
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import symbol
from derivant.carriers.leaves import tensor
from derivant.carriers.tensor import Tensor
from derivant.primitives import TABLE
from derivant.primitives.random_bits import CHUNK, normal_quantile, threefry

KEY = random.key(20240601)
# Counter, key, result of threefry2x32 with 20 rounds: the file kat_vectors of Random123, the
# library of the paper (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3).
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]

FIXED = {
    "uniform": [0.455174297290879, 0.9053315036991053],
    "normal": [-0.11259885282246848, 1.312542984686441],
    "split": [[2844531661, 3596575356], [1223328645, 113775743]],
    "fold_in": [3107206810, 2740969546],
    "permutation": [2, 5, 3, 0, 4, 1],
}


def words(pair: tuple[int, int]) -> Any:
    return tuple(np.array([w], np.uint32) for w in pair)


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_known_answers(counter: Any, key: Any, result: Any) -> None:
    x, y = threefry(words(key), words(counter))
    assert (int(x[0]), int(y[0])) == result


def test_counters_are_numbered_from_zero() -> None:
    """The first words of key 0 are those of counter 0, the 64-bit word has its first word below."""
    assert random.bits(random.key(0), 2).tolist() == [0x6B200159, 0x99BA4EFE]
    assert int(random.bits(random.key(0), (), 64)) == 0x99BA4EFE6B200159


def test_a_longer_draw_begins_as_a_shorter_one() -> None:
    count = CHUNK + 3
    for width in (32, 64):
        long: Any = random.bits(KEY, 2 * count, width)
        assert np.array_equal(long[:count], random.bits(KEY, count, width))
    assert random.bits(KEY, (2, 3)).shape == (2, 3)
    assert np.array_equal(np.ravel(random.bits(KEY, (2, 3))), random.bits(KEY, 6))


def test_fixed_numbers() -> None:
    """Written down once: a change of any bit would change everybody's results."""
    key = random.key(7)
    assert random.uniform(key, 2).tolist() == FIXED["uniform"]
    assert random.normal(key, 2).tolist() == FIXED["normal"]
    assert random.split(key).tolist() == FIXED["split"]
    assert random.fold_in(key, 3).tolist() == FIXED["fold_in"]
    assert random.permutation(key, 6).tolist() == FIXED["permutation"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_distributions(seed: int, dtype: Any) -> None:
    key = random.key(seed)
    u, z = random.uniform(key, 100_000, dtype), random.normal(key, 100_000, dtype)
    assert u.dtype == z.dtype == dtype
    assert stats.kstest(np.asarray(u, float), "uniform").pvalue > 1e-3
    assert stats.kstest(np.asarray(z, float), "norm").pvalue > 1e-3
    assert np.min(u) >= 0 and np.max(u) < 1
    assert abs(stats.kurtosis(z)) < 0.08 and abs(stats.skew(z)) < 0.04


def test_bits_are_fair_and_uncorrelated() -> None:
    drawn: Any = random.bits(KEY, 1 << 16)
    bits = np.unpackbits(drawn.view(np.uint8)).reshape(-1, 32).astype(float)
    assert np.all(np.abs(bits.mean(0) - 0.5) < 0.01)
    correlation = np.corrcoef(bits.T) - np.eye(32)
    assert np.max(np.abs(correlation)) < 0.025
    assert np.max(np.abs(np.corrcoef(bits[:-1].T, bits[1:].T)[:32, 32:])) < 0.025


def test_keys_that_were_split_are_independent() -> None:
    children = [*random.split(KEY, 4), random.fold_in(KEY, 0), random.fold_in(KEY, 1), KEY]
    assert len({tuple(np.asarray(c).tolist()) for c in children}) == 7
    draws = np.array([random.normal(c, 50_000) for c in children])
    assert np.max(np.abs(np.corrcoef(draws) - np.eye(7))) < 0.02
    flat: list[int] = [int(b) for c in children for b in random.bits(c, 200, 64)]
    assert len(set(flat)) == 1400
    assert not {tuple(k) for k in random.split(KEY, 100).tolist()} & {
        tuple(k) for k in np.reshape(random.bits(KEY, 400), (-1, 2)).tolist()
    }


def test_fold_in_takes_many_numbers() -> None:
    numbers = [0, 1, 2**32, 2**32 - 1, -1, 2**40 + 1, 2**100]
    keys = [tuple(np.asarray(random.fold_in(KEY, n)).tolist()) for n in numbers]
    assert len(set(keys)) == len(keys) - 1  # 2**100 is 0 modulo 2**62
    assert np.array_equal(random.fold_in(KEY, 3), random.fold_in(KEY, np.uint8(3)))
    assert np.array_equal(random.fold_in(KEY, -1), random.fold_in(KEY, np.int32(-1)))


def test_quantile_against_many_digits() -> None:
    p = np.concatenate(
        [[0.5, 0.074, 0.075, 0.0751, 0.3, 0.9, 0.925001], 2.0 ** -np.arange(2, 54), [1e-12, 2e-11]]
    )
    with mpmath.workdps(40):
        exact = [-mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.mpf(float(v))) for v in p]
        exact = [float(v) for v in exact]
    np.testing.assert_allclose(normal_quantile(p), exact, rtol=4e-16 * 4, atol=1e-16)
    np.testing.assert_array_equal(normal_quantile(1 - p[7:30]), -normal_quantile(p[7:30]))


def test_uniform_between_limits_is_differentiable() -> None:
    u: Any = random.uniform(KEY, 5)
    np.testing.assert_allclose(random.uniform(KEY, 5, low=-1, high=3), u * 4 - 1)
    by_low = grad(lambda low: random.uniform(KEY, 5, low=low, high=2.0).sum())(0.5)  # type: ignore[attr-defined]
    assert by_low == pytest.approx(np.sum(1 - u))
    drawn = random.uniform(KEY, 4, np.float32, low=2, high=3)
    assert drawn.dtype == np.float32 and np.min(drawn) >= 2


def test_bernoulli() -> None:
    assert np.mean(random.bernoulli(KEY, 0.3, 100_000)) == pytest.approx(0.3, abs=0.01)
    p = np.array([0.0, 1.0, 0.0])
    assert random.bernoulli(KEY, p).tolist() == [False, True, False]
    assert random.bernoulli(KEY, p, (4, 3)).shape == (4, 3)
    assert random.bernoulli(KEY).dtype == np.bool_
    with pytest.raises(ArgumentError, match=r"in \[0, 1\]; 1.5 is not"):
        random.bernoulli(KEY, 1.5)


def test_permutations() -> None:
    assert sorted(random.permutation(KEY, 100).tolist()) == list(range(100))
    assert random.permutation(KEY, 0).shape == (0,)
    x = np.arange(12.0).reshape(4, 3)
    order = random.permutation(KEY, 4)
    assert np.array_equal(random.permutation(KEY, x), x[order])
    assert np.array_equal(random.permutation(KEY, x.T, axis=1), x.T[:, order])
    firsts = [int(random.permutation(k, 4)[0]) for k in random.split(KEY, 2000)]
    assert stats.chisquare(np.bincount(firsts, minlength=4)).pvalue > 1e-3
    moved = grad(lambda a: (random.permutation(KEY, a) * x).sum())(x)
    assert np.array_equal(moved[order], x)
    with pytest.raises(AxisError):
        random.permutation(KEY, x, axis=2)
    with pytest.raises(ArgumentError, match="at least 0"):
        random.permutation(KEY, -1)


def test_the_same_numbers_traced_and_recorded() -> None:
    k = symbol("k", (2,), np.uint32)
    for draw in (
        lambda key: random.normal(random.split(key)[1], (2, 3)),
        lambda key: random.bernoulli(random.fold_in(key, 5), 0.5, 4),
        lambda key: random.permutation(key, np.arange(5.0)),
        lambda key: random.uniform(key, 3, np.float32),
    ):
        plain, recorded, traced = draw(KEY), draw(tensor(KEY)), draw(k)
        assert isinstance(recorded, Tensor)
        assert np.array_equal(recorded.numpy(), plain)
        assert traced.shape == plain.shape and traced.dtype == plain.dtype
        assert np.array_equal(evaluate(traced, {"k": np.asarray(KEY)}), plain)
    n = Dim.named("n")
    assert random.normal(k, (n, 2)).shape == (n, 2)


def test_stacks_of_keys_draw_as_each_key() -> None:
    keys: Any = random.split(KEY, 3)
    for name, params in [
        ("random_normal", {"shape": (2, 2), "dtype": np.dtype(float)}),
        ("random_bits", {"shape": (5,), "width": 32}),
        ("random_permutation", {"count": 6}),
        ("random_split", {"count": 2}),
    ]:
        row = TABLE[name]
        together = row.batch(row, 1, (keys,), params)
        assert np.array_equal(together, np.stack([row.evaluate(k, **params) for k in keys]))


def test_a_million_normals_are_quick() -> None:
    best = min(_seconds() for _ in range(3))
    assert best < 0.5


def _seconds() -> float:
    start = time.thread_time()
    random.normal(KEY, 1_000_000)
    return time.thread_time() - start


def test_keys_of_seeds() -> None:
    assert random.key(2**40 + 5).tolist() == [256, 5]
    assert random.key(-1).tolist() == [2**32 - 1] * 2
    assert random.key(np.int64(3)).tolist() == [0, 3]
    assert random.split(KEY, 5).shape == (5, 2)
    with pytest.raises(ArgumentError, match="64 bits"):
        random.key(1 << 64)
    with pytest.raises(ArgumentError, match=r"a seed is an integer, not 0\.5"):
        random.key(0.5)  # type: ignore[arg-type]  # the point of the test


def test_bad_input() -> None:
    for wrong in (7, np.zeros(2), np.zeros(3, np.uint32), random.split(KEY)):
        with pytest.raises(ArgumentError, match=r"normal: a key is two uint32 words"):
            random.normal(wrong, 3)
    with pytest.raises(DTypeError, match="float32 or float64, not int64"):
        random.uniform(KEY, 3, np.int64)
    with pytest.raises(ArgumentError, match="width is 32 or 64"):
        random.bits(KEY, 3, 16)
    with pytest.raises(ArgumentError, match="at least 0"):
        random.normal(KEY, (2, -1))
    with pytest.raises(DTypeError, match="whole number"):
        random.fold_in(KEY, 0.5)
