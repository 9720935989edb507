"""One entry of a derivative, and a derivative written out for sizes that are numbers.

Places count from 1, as in mathematics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import prod

from derivant.base.dims import Dim, Shape, size_of
from derivant.base.errors import ArgumentError, BoundsError
from derivant.base.types import Array, Operand, shape_of
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import Expr
from derivant.derivation.working import Working, written
from derivant.notation import Node
from derivant.notation.document import Call, Number, Scaled
from derivant.notation.document import Entry as Place
from derivant.notation.document import Sum as Signed
from derivant.notation.index_form import (
    IndexForms,
    derivation_text,
    entry_of,
    in_reading_order,
    subscripted,
)
from derivant.notation.row_names import called
from derivant.notation.signs import added, with_numbers
from derivant.notation.words import powered
from derivant.rewriting import Atom, Form, Sum, Term

MOST_FACTORS = 4000  # of all that is written out
NESTED = 2  # sums inside factors are written out so deep
ONE = Fraction(1)


@dataclass(frozen=True, slots=True, eq=False)
class DerivativeEntry:
    """One entry of a derivative: its text, and called with values its number."""

    text: str
    expr: Expr
    places: tuple[int, ...]

    def __call__(self, sizes: Mapping[str, int] | None = None, **values: Operand) -> Array:
        """The number at these values of the variables, by name."""
        whole = evaluate(self.expr, values, sizes)
        sizes_here = [size_of(size, {}) for size in shape_of(whole)]
        short = [k for k, n in enumerate(sizes_here) if self.places[k] > n]
        if short:
            raise BoundsError(
                f"place {self.places[short[0]]} of axis {short[0] + 1} is asked for, "
                f"and the derivative has shape {whole.shape} at these values"
            )
        return whole[tuple(p - 1 for p in self.places)]

    def __str__(self) -> str:
        return self.text


def entry(work: Working, form: Form, expr: Expr, places: Sequence[object]) -> DerivativeEntry:
    """The entry at these places, which count from 1.

    Raises ArgumentError where the number of places is not that of the axes, BoundsError where one
    is outside a size that is known.
    """
    shape = form.sum.shape
    _check(places, shape)
    numbers = tuple(int(p) for p in places)  # type: ignore[call-overload]  # checked to be ints
    names = [str(p) for p in numbers]
    term_texts = _with_places(form.sum, numbers)
    text = derivation_text(IndexForms(form, work.taken).entry(term_texts, names))
    return DerivativeEntry(f"{slope(work, names, len(shape))} = {text}", expr, numbers)


def slope(work: Working, names: Sequence[str], rank: int) -> str:
    """The name of an entry: ∂y_3/∂x_7, or ∂²f/∂x_3∂x_7."""
    own = work.variable.ndim
    of = work.value.ndim if work.problem.upstream is None else 0
    name = work.name if work.problem.upstream is None else work.loss
    if rank == of + own:
        return f"∂{subscripted(name, names[:of])}/∂{subscripted(work.x, names[of:])}"
    above, below = names[of : of + own], names[of + own :]
    over = f"∂²{subscripted(name, names[:of])}"
    return f"{over}/∂{subscripted(work.x, above)}∂{subscripted(work.x, below)}"


def _check(places: Sequence[object], shape: Shape) -> None:
    sizes = f"({', '.join(map(str, shape))})"
    if len(places) != len(shape):
        raise ArgumentError(
            f"an entry of a derivative of shape {sizes} takes one place for each axis, "
            f"counted from 1, {len(shape)} in all; here are {len(places)}"
        )
    for axis, (place, size) in enumerate(zip(places, shape, strict=True), 1):
        if isinstance(place, bool) or not isinstance(place, int):
            raise ArgumentError(f"a place is a whole number, not {place!r:.40}")
        if place < 1:
            raise BoundsError(f"places count from 1 as in mathematics; axis {axis} got {place}")
        if isinstance(size, int) and place > size:
            raise BoundsError(f"place {place} of axis {axis} is outside its size {size}")


def _with_places(total: Sum, places: Sequence[int]) -> Sum:
    """The terms that are there: unit tensors between places are 1 or 0."""
    terms = []
    for term in total.terms:
        ends = [a for a in term.atoms if a.payload is None]
        if all(places[a.index[0]] == places[a.index[1]] for a in ends):
            kept = tuple(a for a in term.atoms if a.payload is not None)
            terms.append(Term(term.coefficient, kept, term.bound))
    return Sum(total.shape, total.dtype, tuple(terms))


def _scaled(node: Node, number: Fraction) -> Node:
    """A product with its number in front."""
    if number == 1:
        return node
    if isinstance(node, Number):
        return Number(node.value * number)
    if isinstance(node, Scaled) and node.body is None:
        return with_numbers(number, [*node.numbers], None, [*node.below])
    return with_numbers(number, [node], None, [])


class WrittenOut:
    """Sums written out for sizes that are numbers."""

    __slots__ = ("_form", "_left", "_sizes", "_writer")

    def __init__(self, form: Form, sizes: Mapping[str, int], taken: Sequence[str]) -> None:
        self._form, self._sizes = form, sizes
        self._writer = IndexForms(form, taken)
        self._left = MOST_FACTORS

    def entry(self, total: Sum, places: Sequence[int], depth: int = NESTED) -> Node:
        """One entry, every sum over its letters written out, equal products added."""
        found: dict[Node, Fraction] = {}
        for term in _with_places(total, places).terms:
            for number, node in self._summands(in_reading_order(term, total.rank), places, depth):
                found[node] = found.get(node, Fraction(0)) + number
        numbers = {abs(n) for n in found.values()}
        shared = numbers.pop() if len(found) > 1 and len(numbers) == 1 else ONE
        terms = [
            (1 if n > 0 else -1, _scaled(node, abs(n) / shared)) for node, n in found.items() if n
        ]
        whole = added(terms, None)
        return whole if shared == 1 else with_numbers(shared, [whole], None, [])

    def _summands(
        self, term: Term, places: Sequence[int], depth: int
    ) -> Iterator[tuple[Fraction, Node]]:
        """The products that a term is a sum of, each with its number."""
        letters = [c for c, _ in term.bound]
        ranges = [range(1, size_of(size, self._sizes) + 1) for _, size in term.bound]
        for chosen in product(*ranges):
            names = {**dict(enumerate(places)), **dict(zip(letters, chosen, strict=True))}
            number, powers = term.coefficient, dict[Node, Fraction]()
            for atom in term.atoms:
                self._spend()
                size, parts = _split(self._factor(atom, names, depth), atom.power)
                number *= size
                for part in parts:
                    powers[part] = powers.get(part, Fraction(0)) + atom.power
            above = [powered(node, p) for node, p in powers.items() if p > 0]
            below = [powered(node, -p) for node, p in powers.items() if p < 0]
            yield number, with_numbers(ONE, above, None, below)

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ArgumentError(
                f"written out, this has more than {MOST_FACTORS} factors; take smaller sizes"
            )

    def _factor(self, atom: Atom, names: Mapping[int, int], depth: int) -> Node:
        assert atom.payload is not None
        numbers = [names[c] for c in atom.index]
        inside = self._form.inside(atom.payload)
        if inside is not None and depth > 0:
            return self.entry(inside, numbers, depth - 1)
        function = self._function(atom.payload, numbers, depth)
        if function is not None:
            return function
        node = self._writer.whole(atom.payload)
        return _known(entry_of(node, [str(n) for n in numbers]) if numbers else node, self._sizes)

    def _function(self, payload: Expr, numbers: Sequence[int], depth: int) -> Node | None:
        """A function of entries with its argument written out, None for anything else."""
        row = payload.primitive
        if depth < 1 or row.family != "elementwise" or len(payload.inputs) != 1:
            return None
        inside = self._form.inside(payload.inputs[0])
        if inside is None or len(inside.shape) != len(numbers):
            return None
        found = called(payload, [self.entry(inside, numbers, depth - 1)])
        return replace(found, rank=0) if isinstance(found, Call) else None


def _split(node: Node, power: Fraction) -> tuple[Fraction, tuple[Node, ...]]:
    """The number before a factor and the rest, where the power is whole."""
    if power.denominator > 1:
        return ONE, (node,)
    if isinstance(node, Number):
        return node.value ** int(power), ()
    if isinstance(node, Signed) and len(node.terms) == 1:
        ((sign, part),) = node.terms
        number, parts = _split(part, power)
        return number * sign ** int(power), parts
    if isinstance(node, Scaled) and node.body is None and not node.below:
        first, *rest = node.numbers
        if isinstance(first, Number):
            return first.value ** int(power), tuple(rest)
    return ONE, (node,)


def _known(node: Node, sizes: Mapping[str, int]) -> Node:
    """A letter that is a size as its number."""
    name = getattr(node, "name", None)
    if node.rank == 0 and isinstance(name, str) and name in sizes and not isinstance(node, Place):
        return Number(Fraction(sizes[name]))
    return node


def expanded(work: Working, form: Form, sizes: Mapping[str, int]) -> str:
    """The value and every entry of the derivative, written out for these sizes.

    Raises ArgumentError where a size is missing, unknown or no positive number, or too much would
    be written.
    """
    value = written(work.value)
    known = _sizes(work, form, sizes)
    rows = _rows(work.name, WrittenOut(value, known, work.taken), value.sum, known)
    writer = WrittenOut(form, known, work.taken)
    for places in _places(form.sum.shape, known):
        names = [str(p) for p in places]
        text = derivation_text(writer.entry(form.sum, places))
        rows.append(f"{slope(work, names, len(places))} = {text}")
    return "\n".join(rows)


def _rows(name: str, writer: WrittenOut, total: Sum, sizes: Mapping[str, int]) -> list[str]:
    rows = []
    for places in _places(total.shape, sizes):
        text = derivation_text(writer.entry(total, places))
        rows.append(f"{subscripted(name, [str(p) for p in places])} = {text}")
    return rows


def _places(shape: Shape, sizes: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    numbers = [size_of(size, sizes) for size in shape]
    if prod(numbers) > MOST_FACTORS:
        raise ArgumentError(f"written out, this has {prod(numbers)} entries; take smaller sizes")
    return iter(product(*(range(1, n + 1) for n in numbers)))


def _sizes(work: Working, form: Form, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes of all names, each a positive number."""
    bound = [
        s for total in (form.sum, written(work.value).sum) for t in total.terms for _, s in t.bound
    ]
    names = list(
        dict.fromkeys(_names([*form.sum.shape, *work.value.shape, *work.variable.shape, *bound]))
    )
    missing = [n for n in names if n not in sizes]
    unknown = [n for n in sizes if n not in names]
    if missing or unknown:
        what = f"{', '.join(missing)} is missing" if missing else f"{', '.join(unknown)} is no size"
        example = ", ".join(f"{n}=3" for n in names) or "nothing"
        raise ArgumentError(f"{what} here; the sizes of this derivative: expand({example})")
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ArgumentError(f"the size {name} is a positive whole number, not {size!r:.40}")
    return dict(sizes)


def _names(sizes: Iterable[object]) -> list[str]:
    return [n for s in sizes if isinstance(s, Dim) for names, _ in s.terms for n in names]
