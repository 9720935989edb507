"""Sizes of axes: plain ints, or polynomials in named dimensions.

Answers what shape results have before any size is known. Knows nothing of arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from derivant.base.errors import ArgumentError, ShapeError

Monomial: TypeAlias = tuple[str, ...]


class Dim:
    """A size that is a polynomial with integer coefficients in named dimensions.

    Sizes compare by their canonical form; a constant polynomial is always a plain int.

    >>> n = Dim.named("n")
    >>> n + 1, (n + 1) * 2 - n, n * 0 + 3
    (n + 1, n + 2, 3)
    """

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms

    @staticmethod
    def named(name: str) -> Dim:
        """The dimension of that name."""
        return Dim((((name,), 1),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def __add__(self, other: Size) -> Size:
        return _collect([*self.terms, *_terms(other)])

    def __sub__(self, other: Size) -> Size:
        return self + -1 * other

    def __rsub__(self, other: int) -> Size:
        return -1 * self + other

    def __mul__(self, other: Size) -> Size:
        return _collect(
            [(tuple(sorted(a + b)), x * y) for a, x in self.terms for b, y in _terms(other)]
        )

    def __floordiv__(self, other: int) -> Size:
        if all(count % other == 0 for _, count in self.terms):
            return _collect([(names, count // other) for names, count in self.terms])
        return Dim.named(f"(({self})//{other})")

    __radd__ = __add__
    __rmul__ = __mul__

    def __repr__(self) -> str:
        parts = [_monomial(names, count) for names, count in self.terms]
        return " + ".join(parts).replace("+ -", "- ")

    def __rtruediv__(self, other: float) -> Scale:
        """A number over a size, as in a mean written out: (1 / n) * sum(x)."""
        return Scale(other, self, -1.0)

    def __truediv__(self, other: float) -> Scale:
        """A size over a number, as in (n / 2) * log(s)."""
        return Scale(1, self, 1.0) / other

    def sqrt(self) -> Scale:
        """The root of a size, which is what np.sqrt asks for."""
        return Scale(1, self, 0.5)


class Scale:
    """A number times a power of a named size, to be multiplied with an expression.

    >>> 2 / Dim.named("n").sqrt() * 3
    6.0 * n**-0.5
    """

    __slots__ = ("number", "power", "size")

    def __init__(self, number: float, size: Dim, power: float) -> None:
        self.number = number
        self.size = size
        self.power = power

    def __mul__(self, other: object) -> Scale:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return Scale(self.number * other, self.size, self.power)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Scale:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return Scale(self.number / other, self.size, self.power)

    def __rtruediv__(self, other: object) -> Scale:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return Scale(other / self.number, self.size, -self.power)

    def __neg__(self) -> Scale:
        return Scale(-self.number, self.size, self.power)

    def __repr__(self) -> str:
        return f"{self.number} * {self.size}**{self.power:g}"


Size: TypeAlias = int | Dim
Shape: TypeAlias = tuple[Size, ...]


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), int(size)),)


def _collect(terms: Iterable[tuple[Monomial, int]]) -> Size:
    total: dict[Monomial, int] = {}
    for names, count in terms:
        total[names] = total.get(names, 0) + count
    kept = sorted(((k, v) for k, v in total.items() if v), key=lambda t: (-len(t[0]), t[0]))
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    return Dim(tuple(kept))


def _monomial(names: Monomial, count: int) -> str:
    body = "*".join(names)
    if not body:
        return str(count)
    return body if count == 1 else f"-{body}" if count == -1 else f"{count}*{body}"


def total(shape: Iterable[Size]) -> Size:
    """The number of entries of a shape."""
    size: Size = 1
    for axis in shape:
        size = axis * size
    return size


def broadcast(shapes: Iterable[Shape]) -> Shape:
    """The common shape of operands under NumPy's broadcasting; a named size fits itself and 1.

    >>> broadcast([(3, 1), (4,)])
    (3, 4)
    """
    shapes = tuple(shapes)
    if shapes and shapes.count(shapes[0]) == len(shapes):
        return tuple(shapes[0])
    result: list[Size] = []
    for shape in shapes:
        for back, size in enumerate(reversed(shape)):
            if back == len(result):
                result.append(size)
            elif result[back] == 1:
                result[back] = size
            elif size not in (1, result[back]):
                raise ShapeError(f"axis {-1 - back} is {result[back]} in one and {size} in another")
    return tuple(reversed(result))


def size_of(size: Size, sizes: Mapping[str, int]) -> int:
    """The number that a size is when the named dimensions have these values."""
    if isinstance(size, int):
        return size
    value = 0
    for names, count in size.terms:
        for name in names:
            count *= _name_value(name, sizes)
        value += count
    return value


def _name_value(name: str, sizes: Mapping[str, int]) -> int:
    if name in sizes:
        return sizes[name]
    raise ArgumentError(f"the dimension {name} has no size; sizes are known for {sorted(sizes)}")
