"""Random data for which an answer is compared: of every sign and size that they may have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from derivant.carriers.expr import Expr
from derivant.derivation.draws import drawn

Numbers = npt.NDArray[np.float64]
Rng = np.random.Generator


def value_for(variable: Expr, shape: tuple[int, ...], turn: int, place: int, rng: Rng) -> Numbers:
    """A value of a variable; `place` is its number among all of a problem."""
    value = _between(variable, drawn(variable, shape, rng), rng)
    value = _shifted(variable, value) if turn % 2 else value
    return _spread(variable, value, turn, place, rng)


def possible(variable: Expr, shape: tuple[int, ...]) -> bool:
    """Whether a matrix of this shape can have the rank that is declared of it."""
    facts = variable.params.get("facts", ())
    if len(shape) != 2:
        return True
    wide = "full-row-rank" in facts and shape[0] > shape[1]
    tall = ("full-column-rank" in facts or "orthonormal" in facts) and shape[0] < shape[1]
    return not (wide or tall)


def _between(variable: Expr, value: Numbers, rng: Rng) -> Numbers:
    """A number that may be anything from 0 to 1 is mostly not one of the two."""
    inside = not value.ndim and "unitint" in variable.params.get("facts", ())
    return np.asarray(rng.uniform(0.1, 0.9)) if inside else value


def _spread(variable: Expr, value: Numbers, turn: int, place: int, rng: Rng) -> Numbers:
    """A number of any sign and size that it may have: an answer may hold for some only.

    The signs of all numbers go through all patterns, both negative before one.
    """
    facts = variable.params.get("facts", ())
    if value.ndim or (facts and tuple(facts) != ("positive",)):
        return value
    size = np.abs(value) * (10.0 ** rng.uniform(-1.5, 1.5) if turn > 1 else 1.0)
    negative = not facts and turn % 2 == 0 and not (turn // 2 >> place) & 1
    return np.asarray(-size if negative else size)


def _shifted(variable: Expr, value: Numbers) -> Numbers:
    """A value that conditions of positivity are likelier to hold for; facts are kept."""
    if variable.params.get("facts"):
        return value
    if value.ndim == 2 and value.shape[0] == value.shape[1]:
        return np.asarray(value + 2.5 * np.sqrt(len(value)) * np.eye(len(value)), float)
    return np.abs(value) + 0.1 if value.ndim < 2 else value
