"""Random values for the variables of a formula, with the facts that are declared of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Dim, Size
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr

Numbers = npt.NDArray[np.float64]
SYMMETRIC = {"symmetric", "symmetric-invertible", "spd", "psd", "distance"}


def drawn(variable: Expr, shape: tuple[int, ...], rng: np.random.Generator) -> Numbers:
    """A value of this shape for which the facts of the variable hold."""
    value = rng.standard_normal(shape) * 0.7
    for fact in variable.params.get("facts", ()):
        value = _with_fact(value, fact, rng)
    return np.asarray(value, float)


def directed(variable: Expr, shape: tuple[int, ...], rng: np.random.Generator) -> Numbers:
    """A direction that stays within the symmetric, diagonal or triangular matrices."""
    return along(frozenset(variable.params.get("facts", ())), rng.standard_normal(shape))


def along(facts: frozenset[str], step: Numbers) -> Numbers:
    """The part of an array within the symmetric, diagonal or triangular matrices."""
    if facts & SYMMETRIC:
        step = (step + step.T) / 2
    if "diagonal" in facts:
        step = np.diag(np.diag(step))
    if "lower" in facts:
        step = np.tril(step)
    return np.triu(step) if "upper" in facts else step


def _with_fact(value: Numbers, fact: str, rng: np.random.Generator) -> Numbers:
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        square = _square(value, fact, rng)
        if square is not None:
            return square
    if fact == "orthonormal" and value.ndim == 2:
        return np.asarray(np.linalg.qr(value)[0])
    return _entries(value, fact, rng)


def _square(value: Numbers, fact: str, rng: np.random.Generator) -> Numbers | None:
    """A square matrix with a fact of square matrices; None for any other fact."""
    n, eye = len(value), np.eye(len(value))
    wide = (1.7 * np.sqrt(n) + 1) * eye
    if fact == "symmetric":
        return np.asarray(value + value.T)
    if fact in ("spd", "psd"):
        return np.asarray(value @ value.T + 0.5 * n * eye)
    if fact == "invertible":
        return np.asarray(value + wide)
    if fact == "symmetric-invertible":
        return np.asarray((value + value.T) / 2 + wide)
    if fact == "diagonal":
        return np.asarray(np.diag(0.5 + np.abs(np.diag(value))))
    if fact == "lower":
        return np.asarray(np.tril(value) + 1.5 * eye)
    if fact == "upper":
        return np.asarray(np.triu(value) + 1.5 * eye)
    if fact == "distance":
        points = rng.standard_normal((n, 2))
        return np.asarray(((points[:, None] - points[None]) ** 2).sum(-1))
    return None


def _entries(value: Numbers, fact: str, rng: np.random.Generator) -> Numbers:
    """Numbers, vectors and matrices with a fact of their entries; ranks are full as they are."""
    if fact == "positive":
        return 0.4 + np.abs(value)
    if fact == "nonzero":
        return value + 0.3 * np.sign(value)
    if fact == "gt1":
        return 1.3 + np.abs(value)
    if fact == "big":
        return 8 + np.abs(value)
    if fact == "pm1":
        return np.sign(value)
    if fact in ("mask", "unitint"):
        return (value > -0.2).astype(float)
    if fact == "unit":
        return np.asarray(value / np.linalg.norm(value))
    if fact == "simplex":
        return np.asarray(np.exp(value) / np.exp(value).sum(-1, keepdims=True))
    if fact == "onehot":
        return np.asarray(np.eye(value.shape[1])[rng.integers(0, value.shape[1], len(value))])
    return value


def sizes_for(names: Sequence[str], round_: int, least: int = 1) -> dict[str, int]:
    """Sizes for named dimensions, unequal ones; in one round all are the least that they may be."""
    if round_ == 2:
        return dict.fromkeys(names, least)
    return {name: max(2, least) + (3 * k + round_) % 5 for k, name in enumerate(names)}


def least_size(roots: Sequence[Expr]) -> int:
    """A size of the named dimensions at which all places that are read by number exist."""
    least = 1
    for node in ancestors(roots):
        for item in (
            node.params.get("key", ()) if node.primitive.name in ("getitem", "place") else ()
        ):
            if isinstance(item, tuple) and len(item) > 3:
                least = max(least, _fixed(item[0]) + _fixed(item[1]) + 1)
            elif item is not None and not isinstance(item, (str, tuple)):
                least = max(least, _fixed(item) + 1)
    return least


def _fixed(size: Size) -> int:
    """The number in a place or a count, beside the names."""
    if not isinstance(size, Dim):
        return abs(size)
    return sum(abs(count) for names, count in size.terms if not names)
