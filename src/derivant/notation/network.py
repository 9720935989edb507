"""One term as a product of matrices and vectors: letters are points, matrices join two of them.

Steps that remove a letter are tried in turn until none applies: traces and diagonals, products
entry by entry, sums, a matrix times a vector, a matrix times a matrix, and only then diag(v) M. A
letter that joins three matrices with different other ends, or a factor with three axes, has no
matrix notation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from derivant.base.dims import Shape, Size
from derivant.notation.document import Call, Node, Power, Product
from derivant.notation.words import (
    Chain,
    Word,
    entrywise,
    flips,
    inner,
    node_of,
    ones,
    sized,
    summed,
    trace,
    turned,
)

Letters = tuple[int, ...]
ONE = Fraction(1)


class Factor(NamedTuple):
    """A product with the letters of its ends, to a power entry by entry."""

    chain: Chain
    letters: Letters
    power: Fraction = ONE

    def word(self, letters: Letters) -> tuple[Node, Fraction]:
        """The factor without its power, with its ends in this order."""
        chain = self.chain if self.letters == letters else turned(self.chain)
        return node_of(chain, len(letters)), self.power

    def plain(self) -> Chain:
        """The factor as a product, its power inside."""
        if self.power == 1:
            return self.chain
        node = entrywise([self.word(self.letters)], len(self.letters))
        return (Word(node, symmetric=all(w.symmetric for w in self.chain)),)


@dataclass(slots=True)
class Network:
    """The factors of a term, each a chain with its letters, and the numbers among them."""

    shape: Shape
    sizes: dict[int, Size]
    factors: list[Factor]
    numbers: list[Node] = field(default_factory=list)
    lengths: list[tuple[Node, Node]] = field(default_factory=list)  # of vectors that are summed

    def reduced(self) -> Node | tuple[()] | None:
        """The body of the term, () where it is a number, None where there is no matrix notation."""
        steps: tuple[Callable[[], bool], ...] = (
            self._loop,
            self._same_ends,
            self._loose_end,
            self._matrix_vector,
            self._matrix_matrix,
            self._diagonal_matrix,
        )
        while any(step() for step in steps):
            pass
        rank = len(self.shape)
        if rank and all(len(f.letters) <= 1 for f in self.factors):
            return self._outer()
        if len(self.factors) > 1 or any(len(f.letters) > 2 for f in self.factors):
            return None
        if not self.factors:
            return ()
        factor = self.factors[0]
        if rank > 2 and factor.letters != tuple(range(rank)):
            return None  # it is the same along an axis, or has them in another order
        return node_of(turned(factor.plain()) if factor.letters == (1, 0) else factor.plain(), rank)

    def averaged(self, below: list[Node]) -> list[Node]:
        """What is below without the lengths that make a sum a mean."""
        left = list(below)
        for node, length in self.lengths:
            if length in left and isinstance(node, Call) and node.name == "sum":
                left.remove(length)
                place = next(k for k, other in enumerate(self.numbers) if other is node)
                self.numbers[place] = replace(node, name="mean")
        return left

    def _outer(self) -> Node | None:
        """Vectors on free letters, and ones where there is none."""
        rank = len(self.shape)
        if rank > 2:
            return None
        found = {f.letters[0]: f.plain() for f in self.factors}
        if not found:
            return ones(*self.shape)
        sides = [found.get(i, (Word(ones(size)),)) for i, size in enumerate(self.shape)]
        return node_of(sides[0] if rank == 1 else sides[0] + turned(sides[1]), rank)

    def _users(self, letter: int) -> list[int]:
        """The factors that carry a letter, one for each place where they do."""
        return [k for k, f in enumerate(self.factors) for c in f.letters if c == letter]

    def _inner(self, letter: int) -> bool:
        return letter >= len(self.shape)

    def _replace(
        self, gone: tuple[int, ...], chain: Chain, letters: Letters, power: Fraction = ONE
    ) -> bool:
        """New factor for old ones; a factor without letters is a number."""
        self.factors = [f for k, f in enumerate(self.factors) if k not in gone]
        if letters:
            self.factors.append(Factor(chain, letters, power))
        else:
            self.numbers += [word.node for word in chain]
        return True

    def _loop(self) -> bool:
        """M[i, i]: the trace where i is summed and nothing else has it, else the diagonal."""
        for k, factor in enumerate(self.factors):
            chain, letters, power = factor
            if len(letters) == 2 and letters[0] == letters[1]:
                alone = self._inner(letters[0]) and len(self._users(letters[0])) == 2
                if alone and power == 1:
                    return self._replace((k,), (Word(trace(chain)),), ())
                diagonal = Word(Call("diag", (node_of(chain, 2),), 1))
                return self._replace((k,), (diagonal,), letters[:1], power)
        return False

    def _same_ends(self) -> bool:
        """Factors with the same letters: an inner product, or a product entry by entry."""
        for k, (_, letters, _) in enumerate(self.factors):
            ends = sorted(letters)
            same = [j for j, f in enumerate(self.factors) if sorted(f.letters) == ends]
            if len(same) < 2 or len(letters) > 2 or same[0] != k:
                continue
            alone = all(self._inner(c) and len(self._users(c)) == 2 for c in letters)
            members = [self.factors[j] for j in same]
            power = entrywise([f.word(letters) for f in members], len(letters))
            if alone and isinstance(power, Power) and power.exponent != 2:  # sum x^3, not x'x^2
                return self._replace(tuple(same), (Word(summed(power)),), ())
            if alone and len(same) == 2 and all(f.power == 1 for f in members):
                left, right = (
                    f.chain if f.letters == letters else turned(f.chain) for f in members
                )
                number = inner(left, right) if len(ends) == 1 else trace(turned(left) + right)
                return self._replace(tuple(same), (Word(number),), ())
            if len(same) == 2 and self._diagonal_of_product(same[0], same[1]):
                return True
            letters = _least_flipped(members, letters)
            node = entrywise([f.word(letters) for f in members], len(letters))
            symmetric = all(w.symmetric for f in members for w in f.chain) and all(
                len(f.chain) == 1 for f in members
            )
            return self._replace(tuple(same), (Word(node, symmetric=symmetric),), letters)
        return False

    def _diagonal_of_product(self, first: int, second: int) -> bool:
        """M[i, j] N[j, i] with j summed: the diagonal of M N."""
        one, two = self.factors[first], self.factors[second]
        if one.letters != two.letters[::-1] or flips(one.chain + two.chain):
            return False
        if one.power != 1 or two.power != 1 or one.letters == two.letters:
            return False
        summed_over = [c for c in one.letters if self._inner(c) and len(self._users(c)) == 2]
        if len(summed_over) != 1:
            return False
        if one.letters[1] != summed_over[0]:
            one, two = two, one
        diagonal = Word(Call("diag", (node_of(one.chain + two.chain, 2),), 1))
        return self._replace((first, second), (diagonal,), one.letters[:1])

    def _loose_end(self) -> bool:
        """A summed letter on one factor only: the sum along that axis."""
        for k, factor in enumerate(self.factors):
            letters = factor.letters
            loose = [c for c in letters if self._inner(c) and len(self._users(c)) == 1]
            if len(letters) > 2 or not loose:
                continue
            chain = factor.plain()
            if len(loose) == len(letters):
                total = self._total(factor)
                if len(letters) == 1:
                    self.lengths.append((total.node, sized(self.sizes[letters[0]])))
                return self._replace((k,), (total,), ())
            kept = next(c for c in letters if c not in loose)
            standing = chain if letters[1] == loose[0] else turned(chain)
            if len(chain) == 1 and not chain[0].symmetric:
                axis = int(letters[1] == loose[0]) ^ chain[0].flipped
                return self._replace((k,), (Word(summed(chain[0].node, axis)),), (kept,))
            return self._replace((k,), (*standing, Word(ones(self.sizes[loose[0]]))), (kept,))
        return False

    def _total(self, factor: Factor) -> Word:
        """The sum of all entries; of squares, the square of a norm."""
        if factor.power == 2:
            node = node_of(factor.chain, len(factor.letters))
            return Word(Power(Call("norm2", (node,), 0), Fraction(2), 0))
        return Word(summed(node_of(factor.plain(), len(factor.letters))))

    def _matrix_vector(self) -> bool:
        """M[a, i] v[i] with i summed: M v."""
        for k, factor in enumerate(self.factors):
            letters = factor.letters
            users = self._users(letters[0])
            if len(letters) != 1 or not self._inner(letters[0]) or len(users) != 2:
                continue
            other = next(j for j in users if j != k)
            matrix = self.factors[other]
            ends = matrix.letters
            if len(ends) == 2:
                chain = matrix.plain()
                standing = chain if ends[1] == letters[0] else turned(chain)
                kept = ends[0] if ends[1] == letters[0] else ends[1]
                return self._replace((k, other), standing + factor.plain(), (kept,))
        return False

    def _matrix_matrix(self) -> bool:
        """M[a, i] N[i, b] with i summed: M N."""
        for k, factor in enumerate(self.factors):
            ends = factor.letters
            for c in ends if len(ends) == 2 else ():
                users = self._users(c)
                if not self._inner(c) or len(users) != 2 or users[0] == users[1]:
                    continue
                right = self.factors[next(j for j in users if j != k)]
                others = right.letters
                if len(others) != 2:
                    continue
                first = factor.plain() if ends[1] == c else turned(factor.plain())
                second = right.plain() if others[0] == c else turned(right.plain())
                start = ends[0] if ends[1] == c else ends[1]
                stop = others[1] if others[0] == c else others[0]
                return self._replace(tuple(users), first + second, (start, stop))
        return False

    def _diagonal_matrix(self) -> bool:
        """v[i] M[i, j] with i in use elsewhere: diag(v) M, and diag(v) M diag(w) is (v w') ∘ M."""
        for k, vector in enumerate(self.factors):
            for j, matrix in enumerate(self.factors):
                ends = matrix.letters
                if len(vector.letters) != 1 or len(ends) != 2 or vector.letters[0] not in ends:
                    continue
                facing = ends[0] + ends[1] - vector.letters[0]
                for i, other in enumerate(self.factors):
                    if other.letters == (facing,) and i != k:
                        return self._bordered(k, j, i)
                scaled = Call("diag", (node_of(vector.plain(), 1),), 2)
                word = Word(scaled, symmetric=True)
                chain = matrix.plain()
                body = (word, *chain) if ends[0] == vector.letters[0] else (*chain, word)
                return self._replace((k, j), body, ends)
        return False

    def _bordered(self, first: int, matrix: int, second: int) -> bool:
        """v[i] M[i, j] w[j] = (v w') ∘ M."""
        middle = self.factors[matrix]
        rows, columns = first, second
        if self.factors[first].letters[0] != middle.letters[0]:
            rows, columns = second, first
        left, right = self.factors[rows].plain(), self.factors[columns].plain()
        border = Product((node_of(left, 1), *_row(right)), 2)
        node = entrywise([(border, ONE), middle.word(middle.letters)], 2)
        return self._replace((first, matrix, second), (Word(node),), middle.letters)


def _least_flipped(members: list[Factor], letters: Letters) -> Letters:
    """The order of the ends in which factors have few transposes, the whole's among them."""

    def transposes(order: Letters) -> int:
        chains = (f.chain if f.letters == order else turned(f.chain) for f in members)
        return sum(map(flips, chains)) + (order == (1, 0))

    return min((letters, letters[::-1]), key=transposes) if len(letters) == 2 else letters


def _row(chain: Chain) -> tuple[Node, ...]:
    """A vector as a row, its product not nested."""
    node = node_of(turned(chain), 1)
    return node.factors if isinstance(node, Product) else (node,)
