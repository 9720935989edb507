"""π in place of the decimals that it has: 2 π for 6.283185307179586, 2 / sqrt(π) for 1.128...

Works on documents alone; whether a variable has the name π is for the caller to know.
"""

from __future__ import annotations

import math
from fractions import Fraction

from derivant.notation.document import Name, Node, Number, Scaled, mapped
from derivant.notation.signs import with_numbers
from derivant.notation.words import powered
from derivant.rewriting.numbers import LARGEST_QUOTIENT, as_read

PI = Name("pi")
HALVES = (2, -2, 1, -1, 4, -4)  # how often the root of π is a factor
LARGEST = 64  # the numbers of the quotient before it
NEAR = 4 * 2.0**-52  # what rounding leaves


def with_pi(node: Node) -> Node:
    """The document with π for its decimals.

    >>> from derivant.notation.text import text_of
    >>> text_of(with_pi(Number(Fraction(2 * math.pi)))), text_of(with_pi(Number(Fraction(3.14))))
    ('2 π', '3.14')
    """
    return mapped(node, _spelled)


def _spelled(node: Node) -> Node:
    """A number, or the numbers of a product, with π; other nodes as they are."""
    if isinstance(node, Number):
        found = _times_pi(node.value)
        return node if found is None else _scaled(*found, [], None, [])
    if not isinstance(node, Scaled):
        return node
    number, halves = Fraction(1), 0
    for parts, sign in ((node.numbers, 1), (node.below, -1)):
        for part in parts:
            if isinstance(part, Number):
                plain, roots = _times_pi(part.value) or (part.value, 0)
                number, halves = number * plain**sign, halves + sign * roots
    if not halves:
        return node
    above, below = (
        list[Node](p for p in parts if not isinstance(p, Number))
        for parts in (node.numbers, node.below)
    )
    return _scaled(number, halves, above, node.body, below)


def _times_pi(value: Fraction) -> tuple[Fraction, int] | None:
    """A number as a small quotient times a power of the root of π."""
    if as_read(value).denominator <= LARGEST_QUOTIENT:
        return None
    for halves in HALVES:
        rest = Fraction(float(value) / math.pi ** (halves / 2))
        near = rest.limit_denominator(LARGEST)
        if 0 < near.numerator <= LARGEST and abs(rest - near) <= NEAR * rest:
            return near, halves
    return None


def _scaled(
    number: Fraction, halves: int, above: list[Node], body: Node | None, below: list[Node]
) -> Node:
    power = powered(PI, Fraction(abs(halves), 2))
    front = ([power, *above], below) if halves > 0 else (above, [power, *below])
    return with_numbers(number, front[0], body, front[1])
