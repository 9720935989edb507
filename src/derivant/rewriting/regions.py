"""Which nodes of a graph are read through, and which stand as factors of their own.

A graph is cut into regions: products and sums are read through to their ends; an operand of a
function, a base of a power and a sum inside a product are forms of their own, so that each shared
node is worked on once and nothing is multiplied out. Also here: which nodes are one number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.rewriting.indexed import ONE, as_exact, is_moderate
from derivant.rewriting.readings import Reading, reading_of

SIGNS = {"add": (1, 1), "subtract": (1, -1), "negative": (-1,)}
QUOTIENTS = ("divide", "quotient")  # they differ where both operands are 0
POWERS = {"square": Fraction(2), "reciprocal": Fraction(-1), "sqrt": Fraction(1, 2)}
REPEATED = (2, 3, 4)  # a base with so small an exponent is read as factors that stand so often
# A node with several users is read through only while it has few factors: repeated squaring would
# have 2**k of them.
MOST_SHARED_FACTORS = 16
MOST_SHARED_TERMS = 8  # the same for the terms of a sum: residual networks add to one sum for ever
# A graph of more nodes is computed with and hardly read: there, what is shared keeps its place.
MANY_NODES = 200
FEW_FACTORS, FEW_TERMS = 4, 1
LARGEST_EXPONENT = 64


class Kind(Enum):
    """What a node is in the normal form."""

    NUMBER = 1
    SUM = 2
    PRODUCT = 3
    POWER = 4
    QUOTIENT = 5
    SHARE = 6
    NEGATIVE = 7
    ATOM = 8


THROUGH = (Kind.PRODUCT, Kind.POWER, Kind.QUOTIENT, Kind.SHARE, Kind.NEGATIVE)
ADDED = (Kind.SUM, Kind.NEGATIVE)


class Region(NamedTuple):
    """What is known of one node before any sum is made."""

    kind: Kind
    reading: Reading | None = None
    number: Fraction | None = None


class Regions:
    """The kind of every node under some roots, and those that need a form of their own."""

    __slots__ = ("is_deep", "known", "large", "nodes", "whole")

    def __init__(self, roots: Sequence[Expr]) -> None:
        self.nodes = ancestors(roots)
        self.is_deep = len(self.nodes) > MANY_NODES
        self.known: dict[int, Region] = {}
        for node in self.nodes:
            self.known[id(node)] = self._classified(node)
        self.whole = self._forms(roots)

    def __getitem__(self, node: Expr) -> Region:
        return self.known[id(node)]

    @property
    def most_terms(self) -> int:
        """How many terms of a shared sum are written out where it is used."""
        return FEW_TERMS if self.is_deep else MOST_SHARED_TERMS

    def is_number(self, node: Expr) -> bool:
        """Whether all entries of a node are one number that is known."""
        return self[node].kind is Kind.NUMBER

    def _classified(self, node: Expr) -> Region:
        reading = reading_of(node)
        number = self._number(node, reading)
        if number is not None and is_moderate(number):
            return Region(Kind.NUMBER, reading, number)
        name = node.primitive.name
        if not node.inputs or node.levels or node.primitive.outputs > 1:
            return Region(Kind.ATOM)
        if name in SIGNS and node.dtype.kind in "fiu":
            return Region(Kind.NEGATIVE if len(node.inputs) == 1 else Kind.SUM)
        if exponent_of(node) is not None and node.dtype.kind in "fiu":
            return Region(Kind.POWER)
        if name in QUOTIENTS:
            return Region(Kind.QUOTIENT)
        if name == "over_size":
            return Region(Kind.SHARE)
        return Region(Kind.ATOM) if reading is None else Region(Kind.PRODUCT, reading)

    def _number(self, node: Expr, reading: Reading | None) -> Fraction | None:
        """The number that every entry is, by the structure of the node."""
        name = node.primitive.name
        if name == "const":
            return _constant(node)
        if name == "zeros_like":
            return Fraction(0)
        known = [self.known[id(x)].number for x in node.inputs]
        if node.levels or node.primitive.outputs > 1 or not known or None in known:
            return None
        numbers = [k for k in known if k is not None]
        if name in SIGNS and node.dtype.kind in "fiu":
            return sum((s * k for s, k in zip(SIGNS[name], numbers, strict=True)), Fraction(0))
        if name in QUOTIENTS and numbers[1]:
            return numbers[0] / numbers[1]
        exponent = exponent_of(node)
        if exponent is not None:
            return _power(numbers[0], exponent)
        if name in ("multiply", "scale") and reading is not None:
            return numbers[0] * numbers[1]
        if reading is None or len(reading.operands) != 1:
            return None
        return numbers[0] if reading.only_moves(0, node.inputs[0].shape) else None

    def _forms(self, roots: Sequence[Expr]) -> set[int]:
        """The nodes with a form of their own: users say, from the roots down, what they need."""
        users = Counter(id(x) for node in self.nodes for x in node.inputs * _times(node))
        self.large = self._large(users)
        whole, reached = {id(r) for r in roots}, {id(r) for r in roots}
        for node in reversed(self.nodes):
            if id(node) in reached:
                self._reach(node, whole, reached)
        return whole | (self.large & reached)

    def _large(self, users: Counter[int]) -> set[int]:
        """Shared nodes with so many factors or terms that they are not written out at each use."""
        sizes: dict[tuple[int, bool], int] = {}
        factors = FEW_FACTORS if self.is_deep else MOST_SHARED_FACTORS
        large = set()
        for node in self.nodes:
            kind = self[node].kind
            for summed, most in ((False, factors), (True, self.most_terms)):
                size = 1
                if kind in (ADDED if summed else THROUGH):
                    size = max(1, sum(sizes[id(x), summed] for x in node.inputs))
                if kind is Kind.POWER and not summed:
                    size *= _times(node)
                if users[id(node)] > 1 and size > most:
                    large.add(id(node))
                    size = 1
                sizes[id(node), summed] = size
        return large

    def _reach(self, node: Expr, whole: set[int], reached: set[int]) -> None:
        """Mark what the region of a node ends at."""
        for place, x in enumerate(node.inputs):
            reached.add(id(x))
            if self._is_end(node, place, self[x].kind):
                whole.add(id(x))

    def _is_end(self, node: Expr, place: int, below: Kind) -> bool:
        """Whether the region of a node ends at an operand of this kind."""
        kind = self[node].kind
        if kind is Kind.ATOM or (kind is Kind.QUOTIENT and place == 1):
            return True
        if kind is Kind.POWER and exponent_of(node) not in REPEATED:
            return True
        return below is Kind.ATOM or (kind in THROUGH and below is Kind.SUM)


def exponent_of(node: Expr) -> Fraction | None:
    """The exponent of a fixed power, None for anything else."""
    name = node.primitive.name
    if name == "power":
        return as_exact(node.params["exponent"])
    return POWERS.get(name)


def _times(node: Expr) -> int:
    """How often the operands of a node are read: x^2 is x x."""
    exponent = exponent_of(node) or ONE
    return int(exponent) if exponent in REPEATED else 1


def _constant(node: Expr) -> Fraction | None:
    value = np.asarray(node.params["value"])
    if value.dtype.kind == "b" or not value.size or (value != value.flat[0]).any():
        return None
    return as_exact(value.flat[0])


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """A power that is an exact number, None for any other."""
    if exponent.denominator > 1 or abs(exponent) > LARGEST_EXPONENT or (not base and exponent < 0):
        return None
    return Fraction(base ** int(exponent))
