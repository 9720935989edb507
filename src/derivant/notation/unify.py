"""The sizes of every operation once the kinds are known, or the two that do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from derivant.base.dims import Dim, Shape, Size, total
from derivant.notation.index_keys import Slice, counted
from derivant.notation.items import Item, Program
from derivant.notation.kinds import ARRAY, MATRIX, NUMBER, ROW, VECTOR
from derivant.notation.sizes import Sizes
from derivant.notation.spelling import shown_name

Slots: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]
OPEN_NAME = " open"
OPEN = Dim.named(OPEN_NAME)  # of a size that is not known yet
SQUARE = ("square", "square to number", "square to vector", "square to columns")


@dataclass(frozen=True, slots=True)
class Conflict:
    """An operation whose sizes do not fit, and how to say so."""

    item: Item
    message: str
    hint: str = ""


def shapes_of(
    program: Program, kinds: Sequence[int], square: frozenset[str]
) -> tuple[Shape, ...] | Conflict:
    """The shape of every item; the open sizes get letters."""
    sizes = Sizes()
    slots: list[Slots] = []
    for item, kind in zip(program.items, kinds, strict=True):
        if item.op == "variable":
            slots.append(_variable(program, sizes, item, kind, square))
            continue
        args = [slots[a] for a in item.args]
        ranks = [kinds[a] for a in item.args]
        result, equal = _sized(sizes, item, kind, ranks, args)
        slots.append(result)
        for a, b in equal:
            if not sizes.unite(a, b):
                return Conflict(item, _message(program, sizes, item, args, (a, b)))
    return _named(program, sizes, slots)


def _named(program: Program, sizes: Sizes, slots: list[Slots]) -> tuple[Shape, ...] | Conflict:
    """Letters for what is still open, those of the variables first."""
    taken = {*program.variables, *program.assigned, *program.dimensions, "I", "pi"}
    sizes.undo_sums()
    own = sorted((slots[v] for v in program.variables.values()), key=len, reverse=True)
    sizes.name((s for shape in own for s in shape), taken)
    wrong = sizes.settle()
    if wrong is not None:
        message = f"the sizes {wrong[0]} and {wrong[1]} should be equal"
        return Conflict(program.items[program.value], message, 'give shapes, as in "A: m n"')
    for item, shape in zip(program.items, slots, strict=True):
        if any(sizes.value(s) is None for s in shape):
            hint = "write eye(n) with its size, and slices that are not empty"
            return Conflict(item, "the size of this is open", hint)
    return tuple(tuple(_known(sizes, s) for s in own) for own in slots)


def _known(sizes: Sizes, slot: int) -> Size:
    value = sizes.value(slot)
    assert value is not None
    return value


def _variable(
    program: Program, sizes: Sizes, item: Item, kind: int, square: frozenset[str]
) -> Slots:
    name = str(item.fixed)
    if name in program.given:
        return tuple(map(sizes.of, program.given[name]))
    if kind == MATRIX and name in square:
        return (sizes.fresh(),) * 2
    rank = program.ranks[name] if kind == ARRAY else (0, 1, 1, 2)[kind]
    return tuple(sizes.fresh() for _ in range(rank))


def _sized(
    sizes: Sizes, item: Item, kind: int, kinds: list[int], args: list[Slots]
) -> tuple[Slots, list[Pair]]:
    """The slots of a result, and the pairs that must be equal."""
    family = item.rule.family
    if family == "constant":
        return _constant(sizes, item), []
    if family == "einsum":
        return _einsum(str(item.fixed), args)
    if len(args) == 1:
        return _single(sizes, item, kind, args[0])
    if family == "choice":
        whole = max(args, key=len)
        return whole, [pair for a in args for pair in zip(a, whole, strict=False)]
    a, b = args
    if family == "power":
        return a, ([(a[0], a[1])] if len(a) == 2 else [])
    if family == "outer":
        return a + b, []
    if family == "kron":
        if len(a) != len(b):  # a row beside a matrix
            one = (sizes.of(1),)
            a, b = (one + a, b) if len(a) == 1 else (a, one + b)
        return tuple(sizes.times(p, q) for p, q in zip(a, b, strict=True)), []
    if family == "beside":
        width = b[1] if len(b) == 2 else sizes.of(1)
        return (a[0], sizes.plus(a[1], width)), [(a[0], b[0])]
    if NUMBER in kinds:
        return a or b, []
    if family == "inner" or (family == "dot" and not item.rule.numpy):
        return (), [(a[0], b[0])]
    if family in ("matmul", "dot") or (family == "star" and not item.rule.numpy):
        return _product(kinds, a, b)
    if family == "solve":
        return b, [(a[0], a[1]), (a[1], b[0])]
    wide, other = (a, b) if len(a) >= len(b) else (b, a)
    if len(wide) > len(other) and family == "add":
        return wide, [(wide[-1], other[-1])]
    if len(wide) > len(other):
        return wide, [(sizes.of(len(wide)), sizes.of(len(other)))]  # numbers of axes
    return a, list(zip(a, b, strict=True))


def _product(kinds: list[int], a: Slots, b: Slots) -> tuple[Slots, list[Pair]]:
    if kinds == [VECTOR, ROW]:
        return a + b, []
    return a[:-1] + b[1:], [(a[-1], b[0])]


def _single(sizes: Sizes, item: Item, kind: int, a: Slots) -> tuple[Slots, list[Pair]]:
    family = item.rule.family
    if family in SQUARE:
        return _of_square(sizes, item, a), [(a[0], a[1])]
    if family == "unvec":
        assert isinstance(item.fixed, tuple)
        rows, columns = item.fixed
        return tuple(map(sizes.of, item.fixed)), [(a[0], sizes.of(rows * columns))]
    if family == "reshape":
        assert isinstance(item.fixed, tuple)
        entries = reduce(sizes.times, a)
        return tuple(map(sizes.of, item.fixed)), [(entries, sizes.of(total(item.fixed)))]
    if family in ("transpose", "turned"):
        return a[::-1], []
    if family == "index":
        return _indexed(sizes, item, a), []
    if family == "difference":
        return (sizes.plus(a[0], sizes.of(-1)),), []
    if family == "diag":
        return (a * 2, []) if len(a) == 1 else (a[:1], [(a[0], a[1])])
    if family == "vec":
        return (a if len(a) == 1 else (sizes.times(*a),)), []
    if family in ("total", "length"):
        return (), []
    if family == "along":
        axis = item.rule.flavour
        assert isinstance(axis, int)
        return tuple(s for i, s in enumerate(a) if i != axis % len(a)), []
    return a, []


def _indexed(sizes: Sizes, item: Item, a: Slots) -> Slots:
    """The axes that are sliced, and those behind them."""
    assert isinstance(item.fixed, tuple)
    kept = []
    for part, slot in zip(item.fixed, a, strict=False):
        if isinstance(part, Slice):
            kept.append(slot if part == Slice(None, None) else _sliced(sizes, part, slot))
    return (*kept, *a[len(item.fixed) :])


def _sliced(sizes: Sizes, part: Slice, slot: int) -> int:
    """The slot of a slice of an axis, whose size may still be open."""
    size = sizes.value(slot)
    whole = OPEN if size is None else size
    found = counted(part, whole)
    if found is None:
        return sizes.fresh()
    rest = found[1] - whole
    if size is not None or not isinstance(rest, int):
        return (
            sizes.of(found[1])
            if size is not None or OPEN_NAME not in str(found[1])
            else (sizes.fresh())
        )
    return sizes.plus(slot, sizes.of(rest)) if rest else slot


def _of_square(sizes: Sizes, item: Item, a: Slots) -> Slots:
    """A number, a vector of eigenvalues' length, some eigenvectors, or a matrix of that shape."""
    if item.rule.family == "square to columns":
        assert isinstance(item.fixed, tuple)
        return a[:1] + tuple(map(sizes.of, item.fixed))
    return a[: {"square to number": 0, "square to vector": 1}.get(item.rule.family, 2)]


def _constant(sizes: Sizes, item: Item) -> Slots:
    if item.op == "identity":
        return (sizes.fresh(),) * 2
    if not isinstance(item.fixed, tuple):
        return ()
    if item.op == "array":
        return (sizes.of(len(item.fixed)),)
    given: Shape = item.fixed
    if item.op == "K":
        return (sizes.of(given[0] * given[1]),) * 2
    return tuple(map(sizes.of, given * 2 if item.op == "eye" else given))


def _einsum(pattern: str, args: list[Slots]) -> tuple[Slots, list[Pair]]:
    left, _, out = pattern.partition("->")
    known: dict[str, int] = {}
    equal = []
    for term, slots in zip(left.split(","), args, strict=True):
        for letter, slot in zip(term, slots, strict=True):
            equal.append((known.setdefault(letter, slot), slot))
    return tuple(known[c] for c in out), equal


def _message(program: Program, sizes: Sizes, item: Item, args: list[Slots], pair: Pair) -> str:
    """The operands with their shapes, and the two sizes that differ."""
    operands = list(_operands(program, sizes, item, args))
    one, two = (sizes.value(s) for s in pair)
    op = item.op.removeprefix("soft")
    if item.rule.family == "unvec":
        return f"unvec takes a vector of m*n entries, and {operands[0]} is none: {one} is not {two}"
    if len(operands) == 1:
        return f"{op} takes a square matrix, and {operands[0]} is none: {one} is not {two}"
    return f"{op}: {' and '.join(operands)} do not fit: {one} is not {two}"


def _operands(program: Program, sizes: Sizes, item: Item, args: list[Slots]) -> Iterator[str]:
    for span, slots in zip(item.spans, args, strict=True):
        text = program.excerpt(span)
        shape = ", ".join("?" if sizes.value(s) is None else str(sizes.value(s)) for s in slots)
        yield f"{shown_name(text)} ({shape})"
