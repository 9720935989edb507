"""Random data for which an answer is compared: of every sign and size that they may have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from derivant.base.dims import Dim, size_of
from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.derivation.draws import drawn
from derivant.stationary.found import Found
from derivant.stationary.measured import Measured
from derivant.stationary.problem import Problem

Numbers = npt.NDArray[np.float64]
Rng = np.random.Generator
TRIES = 160  # random data looked at in search of some for which the conditions hold
EDGES, HALVINGS = 4, 8  # looks at where the conditions begin to fail, and how near
LARGEST = 6
CONVEX = frozenset(("positive", "gt1", "big", "unitint"))  # facts that hold between two numbers too


class Draws:
    """A problem with data for which the conditions of an answer hold, over and over.

    Where the data are numbers, some are near those for which the conditions fail: a stationary
    point is least where it begins to be one, or it is not least at all.
    """

    def __init__(self, problem: Problem, found: Found, rng: Rng) -> None:
        self.problem, self.found, self.rng = problem, found, rng
        self.leaves = _leaves(problem, found)
        self.skipped: Exception | None = None
        self._names = sorted(_dims(problem, found))
        facts = {fact for v in self.leaves for fact in v.params.get("facts", ())}
        self._looks_at_edges = not self._names and facts <= CONVEX

    def __iter__(self) -> Iterator[Measured]:
        """The draws; what stopped one is in `skipped`."""
        good: Measured | None = None
        edges = 0
        for turn in range(TRIES):
            sizes = self._sizes()
            try:
                measured = self._measured(sizes, turn)
                if measured is None:
                    continue
                if not self._holds(measured):
                    if not self._looks_at_edges or good is None or edges == EDGES:
                        continue
                    measured, edges = self._edge(good, measured), edges + 1
            except (DerivantError, np.linalg.LinAlgError) as error:
                self.skipped = error
                continue
            good = measured
            yield measured

    def _sizes(self) -> dict[str, int]:
        """Sizes from 1 on, rarely equal ones."""
        pool = self.rng.permutation(np.arange(1, max(LARGEST, len(self._names)) + 1))
        return {name: int(pool[k]) for k, name in enumerate(self._names)}

    def _measured(self, sizes: dict[str, int], turn: int) -> Measured | None:
        """Data; None where there are none of these sizes."""
        data = dict[Expr, Numbers]()
        for v in self.leaves:
            shape = tuple(size_of(s, sizes) for s in v.shape)
            if not possible(v, shape):
                return None
            data[v] = value_for(v, shape, turn, len(data), self.rng)
        return Measured(self.problem, data, sizes)

    def _holds(self, measured: Measured) -> bool:
        """Whether the data have what the answer needs."""
        needs = self.found.needs
        values = measured([c.of for c in needs], {})
        return all(c.holds(v) for c, v in zip(needs, values, strict=True))

    def _edge(self, good: Measured, other: Measured) -> Measured:
        """Data between some that have what the answer needs and some that have not."""
        near, far = 0.0, 1.0
        for _ in range(HALVINGS):
            part = (near + far) / 2
            near, far = (part, far) if self._holds(_between(good, other, part)) else (near, part)
        return _between(good, other, near)


def _between(one: Measured, other: Measured, part: float) -> Measured:
    data = {v: x + part * (other.data[v] - x) for v, x in one.data.items()}
    return Measured(one.problem, data, one.sizes)


def _leaves(problem: Problem, found: Found) -> list[Expr]:
    roots = [problem.cost, *(c.gap for c in problem.constraints), *found.values.values()]
    own = {id(u) for u in problem.unknowns} | {id(d) for d in problem.declared.values()}
    return [v for v in variables(roots) if id(v) not in own]


def _names(size: object) -> list[str]:
    return [n for names, _ in size.terms for n in names] if isinstance(size, Dim) else []


def _dims(problem: Problem, found: Found) -> set[str]:
    """The named sizes of all that is evaluated."""
    roots = [problem.cost, *(c.gap for c in problem.constraints), *problem.unknowns]
    roots += [*found.values.values(), *found.multipliers.values(), *(c.of for c in found.needs)]
    plain = [n for n in ancestors(roots) if n.primitive.outputs == 1]
    return {name for n in plain for size in n.shape for name in _names(size)}


def value_for(variable: Expr, shape: tuple[int, ...], turn: int, place: int, rng: Rng) -> Numbers:
    """A value of a variable; `place` is its number among all of a problem."""
    value = _inside_of(variable, drawn(variable, shape, rng), rng)
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


def _inside_of(variable: Expr, value: Numbers, rng: Rng) -> Numbers:
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
