"""Sizes of axes that are not known yet, and what they turn out to be when they must be equal.

A slot is an unknown size; two slots are united where an operation needs them equal. Products of
slots (Kronecker products, vec) and sums (hcat) are settled last.
"""

from __future__ import annotations

from collections.abc import Iterable

from derivant.base.dims import Dim, Size

TERMS = 1_000  # of a product of sizes
LETTERS = ("m", "n", "p", "q", "k", "r", "s", "d", "h", "l")


class Sizes:
    """The slots of one reading of a text."""

    __slots__ = ("_made", "_parents", "_slots", "_values")

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._values: list[Size | None] = []
        self._slots: dict[Size, int] = {}
        self._made: list[tuple[int, str, int, int]] = []

    def fresh(self) -> int:
        """A new slot."""
        self._parents.append(len(self._parents))
        self._values.append(None)
        return len(self._parents) - 1

    def of(self, size: Size) -> int:
        """The slot of a known size."""
        if size not in self._slots:
            slot = self._slots[size] = self.fresh()
            self._values[slot] = size
        return self._slots[size]

    def times(self, left: int, right: int) -> int:
        """The slot of the product of two sizes."""
        return self._combined("*", left, right)

    def plus(self, left: int, right: int) -> int:
        """The slot of the sum of two sizes."""
        return self._combined("+", left, right)

    def _combined(self, op: str, left: int, right: int) -> int:
        slot = self.fresh()
        self._made.append((slot, op, left, right))
        return slot

    def root(self, slot: int) -> int:
        """The slot that stands for all that are equal to this one."""
        while self._parents[slot] != slot:
            self._parents[slot] = self._parents[self._parents[slot]]
            slot = self._parents[slot]
        return slot

    def value(self, slot: int) -> Size | None:
        """The size of a slot, None while it is open."""
        return self._values[self.root(slot)]

    def unite(self, left: int, right: int) -> bool:
        """Make two slots equal; False where their sizes differ."""
        a, b = self.root(left), self.root(right)
        if a == b:
            return True
        one, two = self._values[a], self._values[b]
        if one is not None and two is not None:
            return one == two
        self._parents[b] = a
        self._values[a] = two if one is None else one
        return True

    def name(self, slots: Iterable[int], taken: set[str]) -> None:
        """Give the open ones of these slots letters, in order; n alone where there is one."""
        made = {self.root(slot) for slot, *_ in self._made}
        found = dict.fromkeys(self.root(s) for s in slots)
        roots = [r for r in found if self._values[r] is None and r not in made]
        letters = ("n", *LETTERS) if len(roots) == 1 else LETTERS
        free = [c for c in dict.fromkeys(letters) if c not in taken]
        count = 0
        while len(free) < len(roots):
            count += 1
            free += [c + str(count) for c in LETTERS if c + str(count) not in taken]
        for root, letter in zip(roots, free, strict=False):
            self._values[root] = Dim.named(letter)

    def undo_sums(self) -> None:
        """The sizes that are known from a sum with a known one: n where n - 1 is known."""
        known: dict[tuple[int, Size], int] = {}
        for _ in range(1 + len(self._made)):
            changed = False
            for slot, op, left, right in self._made:
                less, whole = self.value(right), self.value(slot)
                if op != "+" or less is None:
                    continue
                other = known.setdefault((self.root(slot), less), left)
                changed |= self.root(other) != self.root(left) and self.unite(other, left)
                if whole is not None and self.value(left) is None:
                    self._values[self.root(left)] = whole - less
                    changed = True
            if not changed:
                return

    def settle(self) -> tuple[Size, Size] | None:
        """The products and sums, once their parts are known; two sizes that should be equal."""
        for slot, op, left, right in self._made:
            a, b = self.value(left), self.value(right)
            if a is None or b is None:
                continue
            if op == "*" and _terms(a) * _terms(b) > TERMS:
                continue  # stays open, and is asked for
            result, known = (a * b if op == "*" else a + b), self.value(slot)
            if known is None:
                self._values[self.root(slot)] = result
            elif known != result:
                return known, result
        return None


def _terms(size: Size) -> int:
    """What a size costs to multiply: its terms, and its factors."""
    if not isinstance(size, Dim):
        return max(1, size.bit_length() // 8)
    return sum(1 + len(names) + count.bit_length() // 8 for names, count in size.terms)
