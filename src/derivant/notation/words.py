"""Products of matrices on their way to a document: factors that may stand for their transposes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import TypeAlias

from derivant.base.dims import Dim, Size
from derivant.notation.document import (
    Call,
    Entrywise,
    Indexed,
    Name,
    Node,
    Number,
    Power,
    Product,
    Scaled,
    Sum,
    Turned,
    size,
)
from derivant.rewriting.numbers import as_read

LONG = 4  # a vector as large is written once, in norm2(v)^2, not twice in v'v


@dataclass(frozen=True, slots=True)
class Word:
    """A part that stands for an array, perhaps transposed. A symmetric one has no transpose."""

    node: Node
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


def node_of(chain: Chain, rank: int) -> Node:
    """A product as a part of a document; a factor that is repeated is a power."""
    nodes: list[Node] = []
    for word, run in groupby(chain):
        count = len(list(run))
        nodes += _repeated(word, count)
    if len(nodes) == 1:
        return nodes[0]
    found = _picked(nodes, rank)
    return Product(tuple(nodes), rank) if found is None else found


def _picked(nodes: list[Node], rank: int) -> Node | None:
    """eye(n)[1:] M as M[1:], M eye(n)[1:]' as M[:, 1:], eye(n)[2]'v as v[2]."""
    first, last = nodes[0], nodes[-1]
    if _is_selection(first, 2) and isinstance(first, Indexed):
        return Indexed(_product(nodes[1:], rank), first.key, rank)
    if isinstance(first, Turned) and _is_selection(first.of, 1) and isinstance(first.of, Indexed):
        return Indexed(_product(nodes[1:], 1), first.of.key, 0) if not rank else None
    columns = isinstance(last, Turned) and _is_selection(last.of, 2) and rank == 2
    if isinstance(last, Turned) and columns and isinstance(last.of, Indexed):
        return Indexed(_product(nodes[:-1], 2), (":", *last.of.key), 2)
    if _is_selection(last, 1) and rank == 1 and isinstance(last, Indexed):
        return Indexed(_product(nodes[:-1], 2), (":", *last.key), 1)
    return None


def _product(nodes: list[Node], rank: int) -> Node:
    return nodes[0] if len(nodes) == 1 else Product(tuple(nodes), rank)


def _is_selection(node: Node, rank: int) -> bool:
    """Whether a part is rows of the identity, or one of them."""
    if not isinstance(node, Indexed) or node.rank != rank or len(node.key) != 1:
        return False
    return isinstance(node.of, Call) and node.of.name == "eye"


def _repeated(word: Word, count: int) -> list[Node]:
    """A factor that stands so often: X'X' = (X X)', X X X = X^3."""
    node = word.node
    if count == 1:
        return [_standing(word)]
    if count == 2 and word.flipped and node.rank == 2:
        return [Turned(_squared(node), 2)]
    if count > 2 and node.rank == 2:
        node, count = Call("matpow", (node,), 2, (count,)), 1
    return [Turned(node, node.rank) if word.flipped else node] * count


def _standing(word: Word) -> Node:
    """One factor; a transpose that is turned again is what it was before."""
    if not word.flipped:
        return word.node
    return word.node.of if isinstance(word.node, Turned) else Turned(word.node, word.node.rank)


def _squared(node: Node) -> Node:
    """X X, and inv(X) inv(X) = inv(X X)."""
    if isinstance(node, Call) and node.name == "inv" and isinstance(node.arguments[0], Name):
        return replace(node, arguments=(_squared(node.arguments[0]),))
    return Product((node, node), 2)


def inner(left: Chain, right: Chain) -> Node:
    """The number x'y, from the side that needs fewer transposes."""
    if left == right:
        node = node_of(left, 1)
        if size(node) >= LONG:
            return Power(Call("norm2", (node,), 0), Fraction(2), 0)
    one, two = turned(left) + right, turned(right) + left
    return node_of(one if (flips(one), len(left)) <= (flips(two), len(right)) else two, 0)


def trace(chain: Chain) -> Node:
    """The trace of a product, turned round and over to have few transposes and start with A."""
    both = (chain, turned(chain))
    rounds = [c[k:] + c[:k] for c in both for k in range(len(chain))]
    best = min(rounds, key=lambda c: (flips(c), [repr(word.node) for word in c]))
    return Call("tr", (node_of(best, 2),), 0)


def sized(size: Size) -> Node:
    """A size as a part: a letter, a number, or a polynomial of letters."""
    if not isinstance(size, Dim):
        return Number(Fraction(size))
    return Name(str(size)) if str(size).isidentifier() else _polynomial(size)


def _polynomial(size: Dim) -> Node:
    terms: list[tuple[int, Node]] = []
    for names, number in size.terms:
        above: list[Node] = [] if abs(number) == 1 and names else [Number(Fraction(abs(number)))]
        above += [Name(name) for name in names]
        part = above[0] if len(above) == 1 else Scaled(tuple(above), None, (), 0)
        terms.append((1 if number > 0 else -1, part))
    terms.sort(key=lambda term: -term[0])
    return Sum(tuple(terms), 0) if len(terms) > 1 or terms[0][0] < 0 else terms[0][1]


def ones(*sizes: Size) -> Node:
    """An array of ones."""
    return Call("ones", tuple(map(sized, sizes)), len(sizes))


def is_ones(node: Node) -> bool:
    """Whether a part is an array of ones."""
    return isinstance(node, Call) and node.name == "ones"


def entrywise(words: Sequence[tuple[Node, Fraction]], rank: int) -> Node:
    """Factors to powers multiplied entry by entry, those with negative powers below."""
    joined = _joined(words)
    above = [powered(node, power) for node, power in joined if power > 0 and not is_ones(node)]
    below = [powered(node, -power) for node, power in joined if power < 0]
    if not below and len(above) == 1:
        return above[0]
    for k, node in enumerate(above):
        if isinstance(node, Call) and node.name in ("tril", "triu") and is_ones(node.arguments[0]):
            rest = (*above[:k], *above[k + 1 :])
            inner = rest[0] if len(rest) == 1 and not below else Entrywise(rest, tuple(below), rank)
            return Call(node.name, (inner,), rank, node.fixed)
    return Entrywise(tuple(above), tuple(below), rank)


def powered(node: Node, exponent: Fraction) -> Node:
    """A power of a number or of each entry."""
    return node if exponent == 1 else Power(node, as_read(exponent), node.rank)


def summed(node: Node, axis: int | None = None) -> Node:
    """The sum over all entries, or over one axis."""
    if axis is None:
        return Call("sum", (node,), 0)
    return Call("sum", (node,), node.rank - 1, (axis,))


def powers_of(numbers: Sequence[Node]) -> list[Node]:
    """Numbers with equal ones as powers: (x'y) (x'y) = (x'y)^2."""
    return [powered(base, power) for base, power in _joined((n, Fraction(1)) for n in numbers)]


def _joined(words: Iterable[tuple[Node, Fraction]]) -> list[tuple[Node, Fraction]]:
    """Factors with the powers of equal ones added, each at its first place."""
    found: dict[Node, Fraction] = {}
    for node, power in words:
        base = node
        if isinstance(node, Power) and isinstance(node.exponent, Fraction):
            base, power = node.base, power * node.exponent
        found[base] = found.get(base, Fraction(0)) + power
    return list(found.items())
