"""Products of matrices as calls of BLAS: which operand lies transposed, what stands side by side.

A product is read as a contraction of letters: those of one operand and the result are rows or
columns, those that are summed join the operands, those of all three are a stack of products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from derivant.compiler.program import Instruction, Ints
from derivant.compiler.views import View, ordered

Steps = dict[str, int]  # the stride of each letter, in bytes


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """C = A B for each product of a stack, by gemm, or gemv where C has one row or column.

    As Fortran sees it: the first operand is the one whose columns C has side by side.
    """

    kind: str
    first: View
    second: View
    root: int
    stack: int
    sizes: tuple[int, int, int]  # m, n, k of Fortran's gemm
    turned: tuple[bool, bool]
    leading: tuple[int, int, int]  # lda, ldb, ldc, in numbers
    steps: tuple[int, int, int]  # from one product of the stack to the next, in bytes
    factor: float = 1.0
    onto: int | None = None  # the buffer whose numbers it is added to, in whose place it is put
    scale: View | None = None  # one number that is a factor too
    form: str = ""  # "square" where it is X' diag(w) X, "unit0", "unit1" where an operand is I

    @property
    def reads(self) -> Ints:
        """The buffers it reads."""
        return self._operands if self.onto is None else (*self._operands, self.onto)

    def crosses(self, root: int) -> bool:
        """Whether what is written must not be the buffer that is read."""
        return root in self._operands or root != self.onto

    @property
    def _operands(self) -> Ints:
        views = (self.first, self.second, self.scale)
        return tuple(view.root for view in views if view is not None)

    @property
    def writes(self) -> Ints:
        """The buffer it fills."""
        return (self.root,)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        share = {"": 1, "square": 2}.get(self.form, self.sizes[2])
        return 2 * self.stack * prod(self.sizes) // share


def letters_of(step: Instruction, left: Ints, right: Ints) -> tuple[str, str, str] | None:
    """The letters of both operands and of the result; None where it is no plain contraction."""
    if step.row.name == "matmul":
        return _matmul_letters(step.lead, left, right)
    spec = str(step.params["spec"])
    if step.lead or "." in spec or "->" not in spec or spec.count(",") != 1:
        return None
    inside, out = spec.split("->")
    first, second = inside.split(",")
    plain = all(len(set(t)) == len(t) for t in (first, second, out))
    return (first, second, out) if plain else None


def _matmul_letters(lead: int, left: Ints, right: Ints) -> tuple[str, str, str] | None:
    """Hidden axes, the stack aligned at its end, then rows, inner, columns."""
    rows, columns = len(left) - lead, len(right) - lead
    deep = max(rows, columns) - 2
    if min(rows, columns) < 1 or deep > 6 or lead > 6:
        return None
    hidden, stack = "ABCDEF"[:lead], "abcdef"[: max(deep, 0)]
    first = hidden + stack[len(stack) - max(rows - 2, 0) :] + ("ik" if rows > 1 else "k")
    second = hidden + stack[len(stack) - max(columns - 2, 0) :] + ("kj" if columns > 1 else "k")
    out = hidden + stack + "i" * (rows > 1) + "j" * (columns > 1)
    return first, second, out


def planned_product(
    step: Instruction, left: View, right: View, out: Ints, root: int
) -> Product | None:
    """The call of BLAS for a product; None where its operands do not lie as BLAS wants them."""
    letters = letters_of(step, left.shape, right.shape)
    if letters is None:
        return None
    sizes: Steps = {}
    for names, shape in zip(letters, (left.shape, right.shape, out), strict=True):
        for letter, size in zip(names, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    a = steps_of(letters[0], left.shape, left.strides)
    b = steps_of(letters[1], right.shape, right.strides)
    made = steps_of(letters[2], out, ordered(out, left.itemsize))
    return _Layout(sizes, a, b, made, left, right, root).product()


def outer_factors(
    step: Instruction, left: View, right: View, out: Ints
) -> tuple[View, View] | None:
    """Both operands over the shape of the result, where nothing is summed: its factors."""
    letters = letters_of(step, left.shape, right.shape)
    if letters is None:
        return None
    first, second, made = letters
    kept = set(made)
    sides = ((first, left), (second, right))
    sizes = [s for names, v in sides for c, s in zip(names, v.shape, strict=True) if c not in kept]
    if any(size != 1 for size in sizes):
        return None
    found = []
    for names, view in sides:
        steps = steps_of(names, view.shape, view.strides)
        strides = tuple(steps.get(c, 0) for c in made)
        found.append(View(view.root, view.itemsize, out, strides, view.offset))
    return found[0], found[1]


def steps_of(names: str, shape: Ints, strides: Ints) -> Steps:
    """The strides of the letters that an operand has; axes of size 1 say nothing."""
    return {c: t for c, s, t in zip(names, shape, strides, strict=True) if s != 1}


class _Layout:
    """Groups letters to stack, rows, columns and inner, each one axis for all that have it."""

    def __init__(
        self, sizes: Steps, a: Steps, b: Steps, c: Steps, left: View, right: View, root: int
    ) -> None:
        self.sizes, self.a, self.b, self.c = sizes, a, b, c
        self.left, self.right, self.root = left, right, root
        self.item = left.itemsize

    def product(self) -> Product | None:
        """The product, None where a group of letters is not one axis, or nothing is summed."""
        a, b, c = self.a, self.b, self.c
        inner = [x for x in a if x in b and x not in c]
        lonely = [x for x in (*a, *b) if x not in c and x not in inner]
        if lonely or not inner or any(x not in a and x not in b for x in c):
            return None
        stack = self._joined([x for x in c if x in a and x in b], a, b, c)
        rows = self._joined([x for x in c if x not in b], a, c)
        columns = self._joined([x for x in c if x not in a], b, c)
        summed = self._joined(inner, a, b)
        if stack is None or columns is None or summed is None:
            return None
        if rows is None:  # a stack of rows that lie apart is a stack of products
            if stack[0] != 1:
                return None
            names = [x for x in c if x not in b]
            rows = self._joined(names[1:], a, c)
            if rows is None:
                return None
            stack = (self.sizes[names[0]], (a[names[0]], 0, c[names[0]]))
        return self._called(stack, rows, columns, summed)

    def _joined(self, names: Sequence[str], *steps: Steps) -> tuple[int, tuple[int, ...]] | None:
        """The size of the letters as one axis, and its stride in each buffer."""
        if not names:
            return 1, (0,) * len(steps)
        order = sorted(names, key=lambda x: -steps[-1][x])
        for x, y in pairwise(order):
            if any(s[x] != s[y] * self.sizes[y] for s in steps):
                return None
        return prod(self.sizes[x] for x in names), tuple(s[order[-1]] for s in steps)

    def _called(
        self,
        stack: tuple[int, tuple[int, ...]],
        rows: tuple[int, tuple[int, ...]],
        columns: tuple[int, tuple[int, ...]],
        summed: tuple[int, tuple[int, ...]],
    ) -> Product | None:
        (m, (am, cm)), (n, (bn, cn)), (k, (ak, bk)) = rows, columns, summed
        first = _lying(n, k, bn, bk, self.item)
        second = _lying(k, m, ak, am, self.item)
        turns = _lying(n, m, cn, cm, self.item)
        view_a, view_b, steps = self.right, self.left, stack[1]
        if turns is not None and turns[0]:  # the result lies the other way round: so do all
            first, second = _lying(m, k, am, ak, self.item), _lying(k, n, bk, bn, self.item)
            turns = _lying(m, n, cm, cn, self.item)
            view_a, view_b, m, n = self.left, self.right, n, m
            steps = (steps[1], steps[0], steps[2])
        if first is None or second is None or turns is None or turns[0]:
            return None
        kind = "gemm" if n > 1 and m > 1 else "gemv"
        steps = (steps[1], steps[0], steps[2])
        turned = (first[0], second[0])
        leading = (first[1], second[1], turns[1])
        return Product(kind, view_a, view_b, self.root, stack[0], (n, m, k), turned, leading, steps)


def _lying(rows: int, columns: int, down: int, across: int, item: int) -> tuple[bool, int] | None:
    """Whether a matrix, column-major as Fortran sees it, lies transposed, and its leading size.

    `down` and `across` are its strides in bytes along rows and columns. None where neither axis
    has its numbers side by side.
    """
    if rows == 1 or down == item:
        lead = across if columns > 1 else rows * item
        if lead >= rows * item and lead % item == 0 and (rows > 1 or lead > 0):
            return False, max(lead // item, 1)
    if columns == 1 or across == item:
        lead = down if rows > 1 else columns * item
        if lead >= columns * item and lead % item == 0:
            return True, max(lead // item, 1)
    return None
