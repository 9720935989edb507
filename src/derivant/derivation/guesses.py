"""Facts under which a claim may be right: how each is said, and how a value is given it.

Also which facts a value has, so that a small number is shown only where those declared hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Shape
from derivant.carriers.expr import Expr
from derivant.notation import shown_name

Numbers = npt.NDArray[np.float64]
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Guess:
    """A fact: which shapes may have it, how it is said of a name, and what gives it to a value."""

    fact: str
    fits: Callable[[Shape], bool]
    said: str
    give: Callable[[Numbers], Numbers]


def _square(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] == shape[1]


def _vector(shape: Shape) -> bool:
    return len(shape) == 1


def _rows(shape: Shape) -> bool:
    return len(shape) == 2


def _any(shape: Shape) -> bool:
    return True


def _orthonormal(value: Numbers) -> Numbers:
    return np.asarray(np.linalg.qr(value)[0])


def _onehot(value: Numbers) -> Numbers:
    return np.asarray(np.eye(value.shape[1])[np.argmax(value, axis=1)])


def _simplex(value: Numbers) -> Numbers:
    return np.asarray(np.exp(value) / np.exp(value).sum(-1, keepdims=True))


def _signs(value: Numbers) -> Numbers:
    return np.where(value > 0, 1.0, -1.0)


# In the order in which they are tried; a weaker fact before those that imply it.
GUESSES = (
    Guess("symmetric", _square, "{0} = {0}'", lambda v: v + v.T),
    Guess("positive", _any, "{0} > 0", np.abs),
    Guess("pm1", _any, "{0} in {{-1, 1}}", _signs),
    Guess("mask", _any, "{0} in {{0, 1}}", lambda v: (v > 0).astype(float)),
    Guess("unit", _vector, "{0}'{0} = 1", lambda v: np.asarray(v / np.linalg.norm(v))),
    Guess("simplex", _vector, "{0} >= 0 and sum({0}) = 1", _simplex),
    Guess("simplex", _rows, "the rows of {0} are >= 0 and sum to 1", _simplex),
    Guess("onehot", _rows, "each row of {0} has one 1", _onehot),
    Guess("diagonal", _square, "{0} is diagonal", lambda v: np.diag(np.diag(v))),
    Guess("orthonormal", _rows, "{0}'{0} = I", _orthonormal),
)
SYMMETRIC = GUESSES[0]


def guesses(leaves: dict[str, Expr]) -> Iterator[tuple[str, Guess]]:
    """The facts that could be asked of each variable and are not declared of it."""
    for guess in GUESSES:
        for name, variable in leaves.items():
            declared = {*variable.params["facts"]}
            if guess.fits(variable.shape) and guess.fact not in declared:
                yield name, guess


def said(name: str, guess: Guess) -> str:
    """The fact in words."""
    return guess.said.format(shown_name(name))


def holds(fact: str, value: Numbers) -> bool:
    """Whether a value has a fact."""
    if fact in MATRIX_FACTS:
        return MATRIX_FACTS[fact](value)
    return ENTRY_FACTS[fact](value)


def _near(a: Numbers, b: Numbers) -> bool:
    return a.shape == b.shape and bool(np.all(np.abs(a - b) < CLOSE))


def _definite(value: Numbers, least: float) -> bool:
    return _near(value, value.T) and bool(np.all(np.linalg.eigvalsh(value) > least))


def _full(value: Numbers, axis: int) -> bool:
    return bool(np.linalg.matrix_rank(value) == value.shape[axis])


def _distances(value: Numbers) -> bool:
    """Squared distances between points: symmetric, zero on the diagonal, Gower's matrix psd."""
    centre = np.eye(len(value)) - 1 / len(value)
    flat = _near(value, value.T) and not np.any(np.diag(value))
    return flat and bool(np.all(np.linalg.eigvalsh(-centre @ value @ centre) > -CLOSE))


MATRIX_FACTS: dict[str, Callable[[Numbers], bool]] = {
    "symmetric": lambda v: _near(v, v.T),
    "spd": lambda v: _definite(v, CLOSE),
    "psd": lambda v: _definite(v, -CLOSE),
    "invertible": lambda v: abs(np.linalg.det(v)) > CLOSE,
    "symmetric-invertible": lambda v: _near(v, v.T) and abs(np.linalg.det(v)) > CLOSE,
    "diagonal": lambda v: _near(v, np.diag(np.diag(v))),
    "lower": lambda v: _near(v, np.tril(v)) and abs(np.linalg.det(v)) > CLOSE,
    "upper": lambda v: _near(v, np.triu(v)) and abs(np.linalg.det(v)) > CLOSE,
    "orthonormal": lambda v: _near(v.T @ v, np.eye(v.shape[1])),
    "full-column-rank": lambda v: _full(v, 1),
    "full-row-rank": lambda v: _full(v, 0),
    "distance": _distances,
}
ENTRY_FACTS: dict[str, Callable[[Numbers], bool]] = {
    "positive": lambda v: bool(np.all(v > 0)),
    "nonzero": lambda v: bool(np.all(v != 0)),
    "gt1": lambda v: bool(np.all(v > 1)),
    "big": lambda v: bool(np.all(v > 5)),
    "pm1": lambda v: bool(np.all(np.abs(v) == 1)),
    "mask": lambda v: bool(np.all((v == 0) | (v == 1))),
    "unitint": lambda v: bool(np.all((v == 0) | (v == 1))),
    "unit": lambda v: abs(float(np.sum(v * v)) - 1) < CLOSE,
    "simplex": lambda v: bool(np.all(v > 0) and np.all(np.abs(v.sum(-1) - 1) < CLOSE)),
    "onehot": lambda v: bool(np.all((v == 0) | (v == 1)) and np.all(v.sum(-1) == 1)),
}
