"""Pieces of matrix notation: words, products of words, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction
from typing import TypeAlias

from derivant.base.dims import Size

SHORT = 8  # a fraction whose decimal form is longer is written as a quotient


class Bond(IntEnum):
    """How firmly a text holds together: what may stand beside it without parentheses."""

    SUM = 0
    PRODUCT = 1
    TIGHT = 2


@dataclass(frozen=True, slots=True)
class Word:
    """A text that stands for an array, perhaps transposed. A symmetric one has no transpose."""

    text: str
    bond: Bond = Bond.TIGHT
    flipped: bool = False
    symmetric: bool = False

    def turned(self) -> Word:
        """The transpose."""
        return self if self.symmetric else replace(self, flipped=not self.flipped)


Chain: TypeAlias = tuple[Word, ...]


def turned(chain: Chain) -> Chain:
    """The transpose of a product: (A B)' = B' A'."""
    return tuple(word.turned() for word in reversed(chain))


def flips(chain: Chain) -> int:
    """The number of transposes in a product."""
    return sum(word.flipped for word in chain)


def written(chain: Chain) -> str:
    """The text of a product."""
    alone = len(chain) == 1 and not chain[0].flipped
    texts = [word.text if alone else closed(word.text, word.bond) for word in chain]
    return " ".join(t + "'" * w.flipped for t, w in zip(texts, chain, strict=True))


def bond_of(chain: Chain) -> Bond:
    """How firmly the text of a product holds together."""
    if len(chain) > 1:
        return Bond.PRODUCT
    return Bond.TIGHT if chain[0].flipped else chain[0].bond


def closed(text: str, bond: Bond) -> str:
    """The text as an operand: in parentheses unless it is tight."""
    return text if bond is Bond.TIGHT else f"({text})"


def enclosed(chain: Chain) -> str:
    """The text of a product as an operand."""
    return closed(written(chain), bond_of(chain))


def inner(left: Chain, right: Chain) -> Word:
    """The number x'y, written from the side that needs fewer transposes."""
    one, two = turned(left) + right, turned(right) + left
    chain = one if (flips(one), len(left)) <= (flips(two), len(right)) else two
    short = len(chain) == 2 and all(w.bond is Bond.TIGHT or w.flipped for w in chain)
    return Word(written(chain).replace("' ", "'") if short else written(chain), Bond.PRODUCT)


def hadamard(chains: Sequence[Chain]) -> Word:
    """The product entry by entry."""
    return Word(" ∘ ".join(map(enclosed, chains)), Bond.PRODUCT)


def function(name: str, *arguments: str) -> Word:
    """A function of texts."""
    return Word(f"{name}({', '.join(arguments)})")


def ones(*sizes: Size) -> Word:
    """An array of ones."""
    return function("ones", *map(str, sizes))


def number(value: Fraction) -> str:
    """A positive number: an int, a short decimal, else a quotient."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = repr(float(value))
    if len(decimal) <= SHORT or value.denominator > 10**SHORT:
        return decimal
    return f"({value.numerator}/{value.denominator})"


def powered(word: Word, exponent: Fraction, is_number: bool) -> Word:
    """A power: of a number, or of each entry."""
    if exponent == 1:
        return word
    power = number(abs(exponent)) if exponent > 0 else "-" + number(abs(exponent))
    if is_number:
        return Word(f"{closed(word.text, word.bond)}^{power}")
    return Word(f"{closed(word.text, word.bond)}.^{power}", Bond.PRODUCT, symmetric=word.symmetric)


def joined(terms: Sequence[tuple[Fraction, str, Bond]]) -> Word:
    """Terms with their signs, a positive one first; a sum of one term is as firm as that term."""
    if len(terms) == 1:
        coefficient, text, bond = terms[0]
        if coefficient > 0:
            return Word(text, bond)
        return Word("-" + (f"({text})" if bond is Bond.SUM else text), Bond.SUM)
    pieces: list[str] = []
    first = next((i for i, term in enumerate(terms) if term[0] > 0), 0)
    for coefficient, text, bond in [terms[first], *terms[:first], *terms[first + 1 :]]:
        sign = ("-" if coefficient < 0 else "") if not pieces else "- " if coefficient < 0 else "+ "
        pieces.append(sign + (f"({text})" if bond is Bond.SUM else text))
    return Word(" ".join(pieces), Bond.SUM)
