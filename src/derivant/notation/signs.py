"""Sums with their signs and parts with their numbers, as a person would write them.

Reads documents and the shapes of sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from derivant.notation.document import (
    Call,
    Entrywise,
    Node,
    Number,
    Product,
    Scaled,
    Sum,
    Turned,
)
from derivant.notation.words import is_ones, sized
from derivant.rewriting import Sum as Terms
from derivant.rewriting.numbers import as_read, is_short

ONE = Fraction(1)


def added(terms: Iterable[tuple[int, Node]], total: Terms | None) -> Node:
    """Terms with their signs, a positive one first; ones beside arrays are the number 1."""
    found = list(terms)
    rank = 0 if total is None else total.rank
    if not found:
        zeros = () if total is None else total.shape
        return Call("zeros", tuple(map(sized, zeros)), rank) if zeros else Number(Fraction(0))
    if len(found) > 1:
        bare = [(sign, _without_ones(part)) for sign, part in found]
        if any(part.rank for _, part in bare):
            found = bare
    first = next((k for k, (sign, _) in enumerate(found) if sign > 0), 0)
    ordered = [found[first], *found[:first], *found[first + 1 :]]
    if len(ordered) == 1:
        sign, part = ordered[0]
        opposite = part if sign > 0 else _opposite(part)
        if opposite is not None:
            return opposite
    return Sum(tuple(ordered), rank)


def _opposite(node: Node) -> Node | None:
    """Minus a part by exchanging the sides of a difference in it: -2 (s - x) = 2 (x - s)."""
    if isinstance(node, Turned):
        inner = _opposite(node.of)
        return None if inner is None else replace(node, of=inner)
    if isinstance(node, Scaled) and node.body is not None:
        inner = _opposite(node.body)
        return None if inner is None else replace(node, body=inner)
    if isinstance(node, Sum):
        signs = [sign for sign, _ in node.terms]
        if len(signs) < 2 or all(sign > 0 for sign in signs):
            return None
        turned = added([(-sign, part) for sign, part in node.terms], None)
        return replace(turned, rank=node.rank) if isinstance(turned, Sum) else None
    if isinstance(node, (Product, Entrywise)):
        for k, factor in enumerate(node.factors):
            inner = _opposite(factor)
            if inner is not None:
                return replace(node, factors=(*node.factors[:k], inner, *node.factors[k + 1 :]))
    return None


def _without_ones(node: Node) -> Node:
    """A number for an array that is the same everywhere."""
    if is_ones(node):
        return Number(ONE)
    if isinstance(node, Scaled) and node.body is not None and is_ones(node.body):
        if len(node.numbers) == 1 and not node.below:
            return node.numbers[0]
        return Scaled(node.numbers, None, node.below, 0)
    return node


def with_numbers(size: Fraction, numbers: list[Node], body: Node | None, below: list[Node]) -> Node:
    """The number, the scalars, the body, over the scalars with negative powers."""
    size = as_read(size)
    above, under = list(numbers), list(below)
    if size.numerator != 1 or (not above and body is None and size.denominator == 1):
        above.insert(0, Number(Fraction(size.numerator)))
    if size.denominator != 1:
        if is_short(size):
            above = [Number(size), *numbers]
        else:
            under.insert(0, Number(Fraction(size.denominator)))
    if not above and not under and body is not None:
        return body
    if isinstance(body, Entrywise) and not body.factors and above:  # s 1 ./ x = s ./ x
        front = (
            above[0]
            if len(above) == 1 and not under
            else Scaled(tuple(above), None, tuple(under), 0)
        )
        return replace(body, factors=(front,))
    if len(above) == 1 and not under and body is None:
        return above[0]
    if isinstance(body, Sum) and len(body.terms) == 1:
        return Sum(((-1, Scaled(tuple(above), body.terms[0][1], tuple(under), body.rank)),), 0)
    return Scaled(tuple(above), body, tuple(under), 0 if body is None else body.rank)
