"""One term as a product of matrices and vectors: letters are points, matrices join two of them.

Steps that remove a letter are tried in turn until none applies: traces and diagonals, products
entry by entry, sums, a matrix times a vector, a matrix times a matrix, and only then diag(v) M. A
letter that joins three matrices with different other ends, or a factor with three axes, has no
matrix notation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from derivant.base.dims import Shape, Size
from derivant.notation.words import (
    Bond,
    Chain,
    Word,
    flips,
    function,
    hadamard,
    inner,
    ones,
    turned,
    written,
)

Letters = tuple[int, ...]


@dataclass(slots=True)
class Network:
    """The factors of a term, each a chain with its letters, and the numbers among them."""

    shape: Shape
    sizes: dict[int, Size]
    factors: list[tuple[Chain, Letters]]
    numbers: list[Word] = field(default_factory=list)

    def reduced(self) -> Chain | None:
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
        if self.shape and all(len(letters) <= 1 for _, letters in self.factors):
            return self._outer()
        if len(self.factors) > 1 or any(len(letters) > 2 for _, letters in self.factors):
            return None
        if not self.factors:
            return ()
        chain, letters = self.factors[0]
        return turned(chain) if letters == (1, 0) else chain

    def _outer(self) -> Chain | None:
        """Vectors on free letters, and ones where there is none."""
        if len(self.shape) > 2:
            return None
        found = {letters[0]: chain for chain, letters in self.factors}
        if not found:
            return (ones(*self.shape),)
        sides = [found.get(i, (ones(size),)) for i, size in enumerate(self.shape)]
        return sides[0] if len(sides) == 1 else sides[0] + turned(sides[1])

    def _users(self, letter: int) -> list[int]:
        """The factors that carry a letter, one for each place where they do."""
        return [k for k, (_, letters) in enumerate(self.factors) for c in letters if c == letter]

    def _inner(self, letter: int) -> bool:
        return letter >= len(self.shape)

    def _replace(self, gone: tuple[int, ...], chain: Chain, letters: Letters) -> bool:
        """New factor for old ones; a factor without letters is a number."""
        self.factors = [f for k, f in enumerate(self.factors) if k not in gone]
        if letters:
            self.factors.append((chain, letters))
        else:
            self.numbers += chain
        return True

    def _loop(self) -> bool:
        """M[i, i]: the trace where i is summed and nothing else has it, else the diagonal."""
        for k, (chain, letters) in enumerate(self.factors):
            if len(letters) == 2 and letters[0] == letters[1]:
                if self._inner(letters[0]) and len(self._users(letters[0])) == 2:
                    return self._replace((k,), (_trace(chain),), ())
                return self._replace((k,), (function("diag", written(chain)),), letters[:1])
        return False

    def _same_ends(self) -> bool:
        """Factors with the same letters: an inner product, or a product entry by entry."""
        for k, (_, letters) in enumerate(self.factors):
            ends = sorted(letters)
            same = [j for j, (_, other) in enumerate(self.factors) if sorted(other) == ends]
            if len(same) < 2 or len(letters) > 2 or same[0] != k:
                continue
            alone = all(self._inner(c) and len(self._users(c)) == 2 for c in letters)
            chains = [
                c if own == letters else turned(c) for c, own in (self.factors[j] for j in same)
            ]
            if alone and len(letters) == 1 and len(same) == 2:
                return self._replace(tuple(same), (inner(*chains),), ())
            if alone and len(same) == 2:
                return self._replace(tuple(same), (_trace(turned(chains[0]) + chains[1]),), ())
            return self._replace(tuple(same), (hadamard(chains),), letters)
        return False

    def _loose_end(self) -> bool:
        """A summed letter on one factor only: the sum along that axis."""
        for k, (chain, letters) in enumerate(self.factors):
            loose = [c for c in letters if self._inner(c) and len(self._users(c)) == 1]
            if len(letters) > 2 or not loose:
                continue
            if len(loose) == len(letters):
                return self._replace((k,), (function("sum", written(chain)),), ())
            kept = next(c for c in letters if c not in loose)
            standing = chain if letters[1] == loose[0] else turned(chain)
            return self._replace((k,), (*standing, ones(self.sizes[loose[0]])), (kept,))
        return False

    def _matrix_vector(self) -> bool:
        """M[a, i] v[i] with i summed: M v."""
        for k, (vector, letters) in enumerate(self.factors):
            users = self._users(letters[0])
            if len(letters) != 1 or not self._inner(letters[0]) or len(users) != 2:
                continue
            other = next(j for j in users if j != k)
            chain, ends = self.factors[other]
            if len(ends) == 2:
                standing = chain if ends[1] == letters[0] else turned(chain)
                kept = ends[0] if ends[1] == letters[0] else ends[1]
                return self._replace((k, other), standing + vector, (kept,))
        return False

    def _matrix_matrix(self) -> bool:
        """M[a, i] N[i, b] with i summed: M N."""
        for k, (left, ends) in enumerate(self.factors):
            for c in ends if len(ends) == 2 else ():
                users = self._users(c)
                if not self._inner(c) or len(users) != 2 or users[0] == users[1]:
                    continue
                right, others = self.factors[next(j for j in users if j != k)]
                if len(others) != 2:
                    continue
                first = left if ends[1] == c else turned(left)
                second = right if others[0] == c else turned(right)
                start = ends[0] if ends[1] == c else ends[1]
                stop = others[1] if others[0] == c else others[0]
                return self._replace(tuple(users), first + second, (start, stop))
        return False

    def _diagonal_matrix(self) -> bool:
        """v[i] M[i, j] with i in use elsewhere: diag(v) M."""
        for k, (vector, letters) in enumerate(self.factors):
            for j, (chain, ends) in enumerate(self.factors):
                if len(letters) == 1 and len(ends) == 2 and letters[0] in ends:
                    scaled = function("diag", written(vector))
                    scaled = Word(scaled.text, Bond.TIGHT, symmetric=True)
                    body = (scaled, *chain) if ends[0] == letters[0] else (*chain, scaled)
                    return self._replace((k, j), body, ends)
        return False


def _trace(chain: Chain) -> Word:
    """The trace of a product, turned round and over to have few transposes and start with A."""
    both = (chain, turned(chain))
    rounds = [c[k:] + c[:k] for c in both for k in range(len(chain))]
    best = min(rounds, key=lambda c: (flips(c), [word.text for word in c]))
    return function("tr", written(best))
