"""Small whole numbers at which a claim and the derivative differ, both evaluated there.

Few numbers that are not 0 come first, then numbers drawn from a handful; what is declared of a
variable holds of its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice, product

import numpy as np
import numpy.typing as npt

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.derivation.checking import shape_at
from derivant.derivation.draws import drawn
from derivant.derivation.guesses import holds
from derivant.derivation.points import Point, Question, Values, agree, at, evaluated
from derivant.notation import shown_name

Numbers = npt.NDArray[np.float64]
NUMBERS = (1.0, -1.0, 2.0)
SPARSE, DENSE = 60, 20  # points that are tried at each size
MOST_POINTS = 500
DIGITS = (4, 8, 12, 17)  # of numbers that are shown: so many that two of them differ
ROUNDING = 1e-13
SPECIAL = 30  # points with many zeros that a right claim is held against
LARGEST = 3  # of a named size
MOST_SIZES = 12
ENTRIES = {  # numbers that an entry may be, where a fact of entries is declared
    "positive": (1.0, 2.0), "nonzero": (1.0, -1.0, 2.0), "gt1": (2.0, 3.0), "big": (8.0, 9.0),
    "pm1": (1.0, -1.0), "mask": (0.0, 1.0), "unitint": (0.0, 1.0), "onehot": (0.0, 1.0),
    "simplex": (0.25, 0.5, 0.75),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Counterexample(Mapping[str, Numbers]):
    """Values of the variables by name, and what the derivative and the claim are there.

    >>> from derivant.derivation import verify
    >>> sorted(verify("x'*A*x", wrt="x", claim="2*A*x").counterexample)
    ['A', 'x']
    """

    variables: dict[str, Numbers]
    sizes: dict[str, int]
    derivative: Numbers
    claim: Numbers

    def __getitem__(self, name: str) -> Numbers:
        return self.variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    def __str__(self) -> str:
        pairs = [[number_text(v, d) for v in (self.derivative, self.claim)] for d in DIGITS]
        place = next((k for k, pair in enumerate(pairs) if len({*pair}) > 1), 0)
        names = [
            f"{shown_name(n)} = {number_text(v, DIGITS[place])}" for n, v in self.variables.items()
        ]
        derivative, claim = pairs[place]
        return f"{', '.join(names)}: derivative {derivative}, claim {claim}"


def number_text(value: Numbers, digits: int = 4) -> str:
    """An array as nested lists, whole numbers without a point."""
    if value.ndim == 0:
        number = float(value)
        return str(int(number)) if number == int(number) else f"{number:.{digits}g}"
    return f"[{', '.join(number_text(np.asarray(v), digits) for v in value)}]"


def counterexample(question: Question, seen: Sequence[Point]) -> Counterexample | None:
    """The simplest point found at which the claim is not the derivative; None where there is none.

    A point counts when differences of the value agree with the derivative there.
    """
    alike: Counterexample | None = None
    for found in _found(question, seen):
        if number_text(found.derivative) != number_text(found.claim):
            return found
        alike = alike or found
    return alike


def _found(question: Question, seen: Sequence[Point]) -> Iterator[Counterexample]:
    """Points where claim and derivative differ: small numbers first, then those seen."""
    tried = 0
    for sizes in _all_sizes(question.names):
        for values in chain(_sparse(question, sizes), _dense(question, sizes)):
            tried += 1
            found = _differs(question, values, sizes) if tried < MOST_POINTS else None
            if found is not None:
                yield found
    for point in seen:
        if point.claim is not None and not agree(point):
            yield _shown(question, point)


def exception(question: Question) -> tuple[Counterexample | None, str]:
    """Where a claim that is right at random points is not; the words for a kink, if there is one.

    At a kink the value has no derivative, and two conventions may differ.
    """
    kink = ""
    sizes = dict.fromkeys(question.names, 2)
    for values in islice(_sparse(question, sizes), SPECIAL):
        if question.closed is None or not _may_differ(question, values, sizes):
            continue
        found = _differs(question, values, sizes)
        if found is not None:
            return found, ""
        if (
            evaluated(question.value, {**values, question.free: values[question.variable]}, sizes)
            is None
        ):
            continue  # outside the domain of the formula
        if at(question, values, sizes, np.random.default_rng(7)) is not None:
            continue  # rounding alone
        names = [f"{shown_name(n)} = {number_text(values[v])}" for n, v in question.leaves.items()]
        kink = (
            kink or f"; up to a kink, such as {', '.join(names)}, where another value is taken here"
        )
    return None, kink


def _differs(question: Question, values: Values, sizes: dict[str, int]) -> Counterexample | None:
    """The point where claim and derivative differ; a look at the closed form first is cheaper."""
    if question.closed is not None and not _may_differ(question, values, sizes):
        return None
    point = at(question, values, sizes, np.random.default_rng(7))
    if point is None or point.claim is None or agree(point):
        return None
    return _shown(question, point)


def _may_differ(question: Question, values: Values, sizes: dict[str, int]) -> bool:
    """Whether claim and closed form differ, as far as one look says."""
    assert question.closed is not None
    claim = evaluated(question.claim, values, sizes)
    full = None if claim is None else evaluated(question.closed, values, sizes)
    if claim is None or full is None:
        return False
    truth = question.arranged(full)
    if claim.shape != truth.shape:
        return bool(np.any(truth))
    return not np.array_equal(claim, truth)


def _shown(question: Question, point: Point) -> Counterexample:
    """The point in numbers."""
    assert point.claim is not None
    values = {name: point.values[v] for name, v in question.leaves.items()}
    return Counterexample(values, point.sizes, _tidy(point.truth, point), _tidy(point.claim, point))


def _tidy(value: Numbers, point: Point) -> Numbers:
    """Whole numbers where rounding alone kept them from it."""
    whole = np.round(value)
    return np.where(np.abs(value - whole) < ROUNDING * point.near, whole, value) + 0.0


def _all_sizes(names: Sequence[str]) -> list[dict[str, int]]:
    """Sizes from 1 up: all alike, then unequal ones."""
    alike = [dict.fromkeys(names, n) for n in range(1, LARGEST + 1)]
    if len(names) < 2:
        return alike if names else [{}]
    mixed = product(range(1, LARGEST + 1), repeat=min(len(names), 4))
    unequal = [
        {n: sizes[k % 4] for k, n in enumerate(names)} for sizes in mixed if len(set(sizes)) > 1
    ]
    unequal.sort(key=lambda sizes: sum(sizes.values()))
    return [*alike[:2], *unequal[:MOST_SIZES], *alike[2:]]


def _places(question: Question, sizes: dict[str, int]) -> list[tuple[Expr, tuple[int, ...]]]:
    return [
        (variable, place)
        for variable in question.leaves.values()
        for place in np.ndindex(*shape_at(variable, sizes))
    ]


def _sparse(question: Question, sizes: dict[str, int]) -> Iterator[Values]:
    """Values with one, two and three numbers that are not 0, and the facts of each variable."""
    places = _places(question, sizes)
    tried = 0
    for count in (1, 2, 3):
        for chosen in combinations(places, count):
            for numbers in product(NUMBERS[:1] if count > 2 else NUMBERS[:2], repeat=count):
                values = {v: np.zeros(shape_at(v, sizes)) for v in question.leaves.values()}
                for (variable, place), number in zip(chosen, numbers, strict=True):
                    values[variable][place] = number
                tried += 1
                if tried > SPARSE:
                    return
                if all(_has_facts(v, value) for v, value in values.items()):
                    yield values


def _dense(question: Question, sizes: dict[str, int]) -> Iterator[Values]:
    """Values drawn from a handful of numbers, made to have their facts."""
    rng = np.random.default_rng(11)
    for _ in range(DENSE):
        values = {v: _small(v, shape_at(v, sizes), rng) for v in question.leaves.values()}
        if all(value is not None for value in values.values()):
            yield {v: value for v, value in values.items() if value is not None}


def _small(variable: Expr, shape: tuple[int, ...], rng: np.random.Generator) -> Numbers | None:
    """Small numbers with the facts of a variable; None where this draw has them not."""
    facts = variable.params["facts"]
    choices = next((ENTRIES[f] for f in facts if f in ENTRIES), (0.0, 1.0, -1.0, 2.0))
    value = rng.choice(np.asarray(choices), size=shape)
    if {*facts} & {"symmetric", "symmetric-invertible", "distance"}:
        value = np.triu(value) + np.triu(value, 1).T
    if {*facts} & {"spd", "psd"}:
        value = value @ value.T + np.eye(len(value))
    if "diagonal" in facts:
        value = np.diag(np.diag(value))
    if "lower" in facts:
        value = np.tril(value)
    if "upper" in facts:
        value = np.triu(value)
    if "orthonormal" in facts and shape[0] >= shape[1]:
        value = np.eye(shape[0])[:, rng.permutation(shape[0])[: shape[1]]] * rng.choice([1.0, -1.0])
    if "unit" in facts and value.size:
        value = np.zeros(value.size)
        value[rng.integers(value.size)] = rng.choice([1.0, -1.0])
        value = value.reshape(shape)
    if _has_facts(variable, value):
        return value
    try:
        value = drawn(variable, shape, rng)
    except (DerivantError, ValueError, np.linalg.LinAlgError):
        return None
    return value if _has_facts(variable, value) else None


def _has_facts(variable: Expr, value: Numbers) -> bool:
    return all(holds(fact, value) for fact in variable.params["facts"])
