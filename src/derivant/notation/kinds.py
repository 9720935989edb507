"""What kind of result each operation has for each kind of operand, in either notation.

A kind is a number, a vector (a column in matrix notation), a row, a matrix or an array of more
axes. Each outcome has a cost: 0 where it is what a reader expects, more where it is only possible.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeAlias

NUMBER, VECTOR, ROW, MATRIX, ARRAY = range(5)
EVERY = (1 << 5) - 1
Kinds: TypeAlias = tuple[int, ...]
Outcome: TypeAlias = tuple[int, int] | None

RARE = 10  # a number added to an array: only where nothing else fits
ODD = 20  # a reduction of a number
NESTED = 3  # an exponent that is no number, the transpose of a number
MATRIX_AXES = 2
ALL = 1 + ODD  # more than any cost
WORDS = ("a number", "a vector", "a row", "a matrix", "an array of more than two axes")


class Rule(NamedTuple):
    """An operation, what it depends on besides its operands, and the notation."""

    family: str
    numpy: bool
    operands: int
    flavour: object = None


def _line(kind: int) -> bool:
    return kind in (VECTOR, ROW)


def _equal(rule: Rule, a: int, b: int) -> Outcome:
    return (a, 0) if a == b else None


def _added(rule: Rule, a: int, b: int) -> Outcome:
    """Equal shapes; a number with an array; in NumPy notation a vector with each row."""
    if a == b:
        return a, 0
    if NUMBER in (a, b):
        literal = isinstance(rule.flavour, tuple) and rule.flavour[0 if a == NUMBER else 1]
        return max(a, b), 0 if literal else RARE
    if rule.numpy and {a, b} == {VECTOR, MATRIX}:
        return MATRIX, 0
    return None


def _paired(rule: Rule, a: int, b: int) -> Outcome:
    """Equal shapes, or a number with an array."""
    return (max(a, b), 0) if NUMBER in (a, b) else _equal(rule, a, b)


def _matmul(rule: Rule, a: int, b: int) -> Outcome:
    table = {
        (MATRIX, VECTOR): VECTOR,
        (ROW, MATRIX): ROW,
        (MATRIX, MATRIX): MATRIX,
        (ROW, VECTOR): NUMBER,
        (VECTOR, ROW): MATRIX,
    }
    if rule.numpy:
        del table[VECTOR, ROW], table[ROW, VECTOR], table[ROW, MATRIX]
        table |= {(VECTOR, MATRIX): VECTOR, (VECTOR, VECTOR): NUMBER}
    found = table.get((a, b))
    return None if found is None else (found, 0)


def _star(rule: Rule, a: int, b: int) -> Outcome:
    if NUMBER in (a, b) or rule.numpy:
        return _paired(rule, a, b)
    return _matmul(rule, a, b)


def _over(rule: Rule, a: int, b: int) -> Outcome:
    if rule.numpy:
        return _paired(rule, a, b)
    return (a, 0) if b == NUMBER else None


def _raised(rule: Rule, a: int, b: int) -> Outcome:
    """Entry by entry."""
    if b == NUMBER:
        return a, 0
    if a == NUMBER:
        literal = isinstance(rule.flavour, tuple) and rule.flavour[0]
        return b, NESTED if literal else RARE
    return (a, NESTED) if a == b else None


def _power(rule: Rule, a: int, b: int) -> Outcome:
    """Of a number, or of a square matrix to a whole number."""
    if b != NUMBER or a not in (NUMBER, MATRIX):
        return None
    return (a, 0) if a == NUMBER or rule.flavour == "whole" else None


def _transposed(rule: Rule, a: int) -> Outcome:
    if a == ARRAY:
        return None
    turned = {VECTOR: ROW, ROW: VECTOR}
    return (a if rule.numpy else turned.get(a, a)), NESTED if a == NUMBER else 0


def _along(rule: Rule, a: int) -> Outcome:
    """A reduction along the axis that the flavour names."""
    if a == MATRIX and rule.flavour in (0, 1, -1, -2):
        return VECTOR, 0
    return (NUMBER, 0) if _line(a) and rule.flavour in (0, -1) else None


def _soft(rule: Rule, a: int) -> Outcome:
    ranks = {VECTOR: (0, -1), ROW: (0, -1), MATRIX: (0, 1, -1, -2)}
    return (a, 0) if rule.flavour in ranks.get(a, ()) else None


def _dot(rule: Rule, a: int, b: int) -> Outcome:
    if _line(a) and _line(b):
        return NUMBER, 0
    return _matmul(rule, a, b) if rule.numpy else None


def _kron(rule: Rule, a: int, b: int) -> Outcome:
    if (a, b) == (VECTOR, VECTOR):
        return VECTOR, 0
    line = VECTOR if rule.numpy else ROW  # NumPy takes an array of one axis for a row
    return (MATRIX, 0) if MATRIX in (a, b) and {a, b} <= {MATRIX, line} else None


def _choice(rule: Rule, *kinds: int) -> Outcome:
    """A condition and two values: equal shapes, or numbers."""
    wide = {kind for kind in kinds if kind != NUMBER}
    return None if len(wide) > 1 else (wide.pop() if wide else NUMBER, 0)


def _indexed(rule: Rule, a: int) -> Outcome:
    """Entries at places; the flavour says which axes are sliced and stay."""
    assert isinstance(rule.flavour, tuple)
    rank = {VECTOR: 1, ROW: 1, MATRIX: 2}.get(a, 0)
    if not 0 < len(rule.flavour) <= rank:
        return None
    kept = rank - rule.flavour.count(False)
    if rank == 1:
        return (a if kept else NUMBER), 0
    return (NUMBER, VECTOR, MATRIX)[kept], 0


def _reshaped(rule: Rule, a: int) -> Outcome:
    """The entries row by row in another shape; the flavour is its number of axes."""
    kind = MATRIX if rule.flavour == MATRIX_AXES else ARRAY
    return (kind, 0) if a in (VECTOR, MATRIX, ARRAY) else None


def _beside(rule: Rule, a: int, b: int) -> Outcome:
    return (MATRIX, 0) if a == MATRIX and b in (VECTOR, MATRIX) else None


def _einsum(rule: Rule, *kinds: int) -> Outcome:
    assert isinstance(rule.flavour, tuple)
    wanted, out = rule.flavour
    fits = all((VECTOR if k == ROW else k) == w for k, w in zip(kinds, wanted, strict=True))
    return (out, 0) if fits else None


FAMILIES: dict[str, Callable[..., Outcome]] = {
    "same": lambda rule, a: (a, 0),
    "add": _added,
    "pair": _paired,
    "star": _star,
    "matmul": _matmul,
    "over": _over,
    "raised": _raised,
    "power": _power,
    "transpose": _transposed,
    "total": lambda rule, a: (NUMBER, ODD if a == NUMBER else 0),
    "along": _along,
    "soft": _soft,
    "square to number": lambda rule, a: (NUMBER, 0) if a == MATRIX else None,
    "square to vector": lambda rule, a: (VECTOR, 0) if a == MATRIX else None,
    "square to columns": lambda rule, a: (MATRIX, 0) if a == MATRIX else None,
    "square": lambda rule, a: (MATRIX, 0) if a == MATRIX else None,
    "turned": lambda rule, a: (MATRIX, 0) if a == MATRIX else None,
    "length": lambda rule, a: (NUMBER, 0) if _line(a) else None,
    "beside": _beside,
    "solve": lambda rule, a, b: (b, 0) if a == MATRIX and b in (VECTOR, MATRIX) else None,
    "inner": lambda rule, a, b: (NUMBER, 0) if _line(a) and _line(b) else None,
    "difference": lambda rule, a: (a, 0) if _line(a) else None,
    "running": lambda rule, a: (a, 0) if _line(a) else None,
    "choice": _choice,
    "index": _indexed,
    "reshape": _reshaped,
    "unvec": lambda rule, a: (MATRIX, 0) if a == VECTOR else None,
    "outer": lambda rule, a, b: (MATRIX, 0) if _line(a) and _line(b) else None,
    "dot": _dot,
    "kron": _kron,
    "diag": lambda rule, a: (MATRIX, 0) if _line(a) else (VECTOR, 0) if a == MATRIX else None,
    "vec": lambda rule, a: (VECTOR, 0 if a == MATRIX else ODD) if a in (VECTOR, MATRIX) else None,
    "einsum": _einsum,
}


@lru_cache(maxsize=4096)
def outcome(rule: Rule, kinds: Kinds) -> Outcome:
    """The kind of the result and its cost; None where the operation has no meaning."""
    if rule.family == "constant":
        assert isinstance(rule.flavour, int)
        return rule.flavour, 0
    return FAMILIES[rule.family](rule, *kinds)


@lru_cache(maxsize=4096)
def narrowed(rule: Rule, masks: Kinds, limit: int) -> Kinds:
    """The kinds that operands and result (last) may still have, each a set of bits.

    Outcomes that cost `limit` or more do not count.
    """
    if rule.family == "einsum":
        return _narrowed_einsum(rule, masks)
    kept = [0] * len(masks)
    choices = [[k for k in range(5) if mask >> k & 1] for mask in masks[:-1]]
    for kinds in product(*choices):
        found = outcome(rule, kinds)
        if found is None or found[1] >= limit or not masks[-1] >> found[0] & 1:
            continue
        for place, kind in enumerate((*kinds, found[0])):
            kept[place] |= 1 << kind
    return tuple(kept)


def _narrowed_einsum(rule: Rule, masks: Kinds) -> Kinds:
    """Each operand by itself: there may be many, and none depends on another."""
    assert isinstance(rule.flavour, tuple)
    wanted, out = rule.flavour
    fits = [1 << k | (1 << ROW if k == VECTOR else 0) for k in (*wanted, out)]
    kept = tuple(mask & fit for mask, fit in zip(masks, fits, strict=True))
    return kept if all(kept) else (0,) * len(kept)


def words(mask: int) -> str:
    """The kinds of a set, as in "a number or a matrix"."""
    return " or ".join(WORDS[k] for k in range(5) if mask >> k & 1) or "nothing that fits"
