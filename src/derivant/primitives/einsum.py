"""Contractions of any number of arrays: reading their specs, planning them, running the plan.

A spec names the axes of each operand and of the result by letters, as in `ij,jk->ik`. A plan is
made once for a spec and the shapes, and remembered: pairs of operands in an order of low cost, each
pair a product of matrices that BLAS can take. Knows nothing of derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import combinations
from math import prod
from operator import methodcaller
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from derivant.base.dims import Shape, Size
from derivant.base.errors import ArgumentError, ShapeError
from derivant.primitives.primitive import Data

Ints: TypeAlias = tuple[int, ...]
Terms: TypeAlias = tuple[str, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]  # places; the result goes to the end of the list
EXHAUSTIVE = 4  # up to so many operands every order of pairs is compared
SPARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=4096)
def terms_of(spec: str) -> tuple[Terms, str]:
    """The letters of each operand and of the result.

    >>> terms_of("ij,jk->ik")
    (('ij', 'jk'), 'ik')
    """
    left, _, out = spec.partition("->")
    return tuple(left.split(",")), out


def unique(letters: str) -> str:
    """Each letter once, in order of first appearance."""
    return "".join(dict.fromkeys(letters))


def letter_sizes(terms: Terms, shapes: Sequence[Shape], one_fits: bool = False) -> dict[str, Size]:
    """The size of each letter; ShapeError where two places disagree.

    With `one_fits` a size of 1 in one operand goes with any size in another.
    """
    sizes: dict[str, Size] = {}
    first: dict[str, int] = {}
    for place, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        own: dict[str, Size] = {}
        for letter, size in zip(term, shape, strict=True):
            if own.setdefault(letter, size) != size:
                raise ShapeError(
                    f"the letter {letter} is both {own[letter]} and {size} in {{{place}}}"
                )
        for letter, size in own.items():
            known = sizes.get(letter)
            if known is None or (one_fits and known == 1):
                sizes[letter], first[letter] = size, place
            elif known != size and not (one_fits and size == 1):
                raise ShapeError(
                    f"the letter {letter} is {known} in {{{first[letter]}}} "
                    f"and {size} in {{{place}}}"
                )
    return sizes


def spec_shape(*shapes: Shape, spec: str) -> Shape:
    """The shape of a contraction's result; sizes may be named."""
    terms, out = terms_of(spec)
    if len(terms) != len(shapes):
        raise ShapeError(f"the pattern is for {len(terms)} operands; there are {len(shapes)}")
    for place, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        if len(term) != len(shape):
            raise ShapeError(f"{{{place}}} has {len(shape)} axes; '{term}' names {len(term)}")
    sizes = letter_sizes(terms, shapes)
    return tuple(sizes[c] for c in out)


# Reading what a user wrote


@lru_cache(maxsize=4096)
def read_pattern(pattern: str, ranks: Ints) -> tuple[Terms, str]:
    """The letters of operands and result that a pattern means for operands of these ranks.

    Spaces are ignored; `...` becomes letters that the pattern does not use; without `->` the result
    has the letters that stand once, in alphabetical order, as in NumPy.

    >>> read_pattern("...i, i", (3, 1))
    (('ABi', 'i'), 'AB')
    """
    left, arrow, out = pattern.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ArgumentError(f"the pattern has {len(terms)} operands; {len(ranks)} came")
    for text in (*terms, out):
        _check_letters(text)
    spare = "".join(c for c in SPARE if c not in pattern)
    dots = [max(0, r - len(t) + 3) if "..." in t else 0 for t, r in zip(terms, ranks, strict=True)]
    wide = spare[: max(dots)]
    read = tuple(t.replace("...", wide[len(wide) - d :]) for t, d in zip(terms, dots, strict=True))
    for place, (term, rank) in enumerate(zip(read, ranks, strict=True)):
        if len(term) != rank:
            few = " at least" if "..." in terms[place] else ""
            raise ShapeError(
                f"{{{place}}} has {rank} axes; '{terms[place]}' names{few} {len(term)}"
            )
    if not arrow:
        every = "".join(read)
        return read, wide + "".join(
            sorted(c for c in every if every.count(c) == 1 and c not in wide)
        )
    return read, _read_output(out, wide, read)


def _check_letters(text: str) -> None:
    """Letters, and `...` at most once."""
    rest = text.replace("...", "", 1)
    wrong = [c for c in rest if not (c.isascii() and c.isalpha())]
    if wrong:
        raise ArgumentError(
            f"axes are named by letters and '...' once an operand, not {wrong[0]!r}"
        )


def _read_output(out: str, wide: str, terms: Terms) -> str:
    if wide and "..." not in out:
        raise ArgumentError("the operands have '...' and the result has not; name the axes to sum")
    letters = out.replace("...", wide)
    for letter in letters:
        if letters.count(letter) > 1:
            raise ArgumentError(f"the letter {letter} stands twice in the result '{out}'")
        if not any(letter in term for term in terms):
            raise ArgumentError(f"the letter {letter} of the result '{out}' is in no operand")
    return letters


# Plans


TRACED = ((0, 0), (0,))  # a matrix with one letter twice


class View(NamedTuple):
    """How one operand is brought into form: its diagonal, sums, an order of axes, merged axes."""

    diagonal: tuple[Ints, Ints] | None
    axes: Ints | None
    order: Ints | None
    shape: Ints | None

    def __call__(self, array: Data) -> Data:
        if self.diagonal == TRACED and self.axes is not None:
            array = array.diagonal()
        elif self.diagonal is not None:
            array = np.einsum(array, *self.diagonal)
        if self.axes is not None:  # in its own dtype, as the products are
            array = np.add.reduce(array, axis=self.axes, dtype=array.dtype)
        if self.order is not None:
            array = array.transpose(self.order)
        return array if self.shape is None else array.reshape(self.shape)


UNCHANGED = View(None, None, None, None)


class Step(NamedTuple):
    """Two operands made into one, which goes to the end of the list."""

    places: tuple[int, int]
    views: tuple[View, View]
    join: Callable[[Data, Data], Data]
    shape: Ints | None
    order: Ints | None

    def __call__(self, left: Data, right: Data) -> Data:
        first, second = self.views
        joined = self.join(
            left if first is UNCHANGED else first(left),
            right if second is UNCHANGED else second(right),
        )
        if self.shape is not None:
            joined = joined.reshape(self.shape)
        return joined if self.order is None else joined.transpose(self.order)


def einsum_evaluate(*operands: Data, spec: str) -> Data:
    """The contraction of numbers, by the plan for the spec and the shapes."""
    arrays = [x if x.__class__ is np.ndarray else np.asarray(x) for x in operands]
    kind = arrays[0].dtype
    for array in arrays:
        if array.dtype != kind:
            common = np.result_type(*operands)
            arrays = [a.astype(common, copy=False) for a in arrays]
            break
    return runner(spec, tuple([a.shape for a in arrays]))(*arrays)


def einsum_prepared(*, spec: str) -> Callable[..., Data]:
    """The contraction by one spec."""

    def run(*operands: Data) -> Data:
        if len(operands) == 2:
            x, y = operands
            if x.__class__ is y.__class__ is np.ndarray and x.dtype is y.dtype:
                return runner(spec, (x.shape, y.shape))(x, y)
        return einsum_evaluate(*operands, spec=spec)

    return run


@lru_cache(maxsize=4096)
def runner(spec: str, shapes: tuple[Ints, ...]) -> Callable[..., Data]:
    """The plan for a spec on arrays of these shapes and of one dtype, as a function of them."""
    plan = plan_of(spec, shapes)
    if isinstance(plan, View):
        return plan.__call__
    if len(shapes) > 2:
        return partial(_run_steps, plan)
    step = plan[0]
    run = _runner_of(step)
    return run if step.places == (0, 1) else lambda x, y: run(y, x)


def _runner_of(step: Step) -> Callable[[Data, Data], Data]:
    """The step, without asking again what it has to do."""
    first, second = map(_viewer, step.views)
    if step.shape is not None or step.order is not None or (first and second):
        return step.__call__
    join = step.join
    if first:
        return lambda x, y: join(first(x), y)
    return (lambda x, y: join(x, second(y))) if second else join


def _viewer(view: View) -> Callable[[Data], Data] | None:
    """The view, by one method where that is all; None where it changes nothing."""
    if view == UNCHANGED:
        return None
    if view.diagonal is None and view.axes is None and (view.shape is None or view.order is None):
        if view.order is None:
            return methodcaller("reshape", view.shape)
        return methodcaller("transpose", view.order)
    return view.__call__


def _run_steps(steps: tuple[Step, ...], *operands: Data) -> Data:
    arrays = [*operands]
    for step in steps:
        i, j = step.places
        joined = step(arrays[i], arrays[j])
        arrays = [a for place, a in enumerate(arrays) if place != i and place != j]
        arrays.append(joined)
    return arrays[0]


def plan_of(spec: str, shapes: tuple[Ints, ...]) -> View | tuple[Step, ...]:
    """What to do for a spec on operands of these shapes; ShapeError where they do not fit."""
    spec_shape(*shapes, spec=spec)
    terms, out = terms_of(spec)
    sizes: dict[str, Any] = letter_sizes(terms, shapes)
    if len(terms) == 1:
        return _view(terms[0], out, None)
    steps: list[Step] = []
    left = list(terms)
    for i, j in _order(terms, out, sizes):
        second, first = left.pop(j), left.pop(i)
        kept = _kept(first, second, left, out) if left else out
        step, result = _step((i, j), first, second, kept, sizes)
        if not left and result != out:
            turned, other = _step((j, i), second, first, out, sizes)
            if other == out:  # the operands exchanged give the result's own order of axes
                step, result = turned, other
            step = step._replace(order=_permutation(result, out))
        steps.append(step)
        left.append(result)
    return tuple(steps)


def _kept(one: str, two: str, others: Sequence[str], out: str) -> str:
    """The letters of a pair that someone still needs."""
    needed = out.join(others) + out
    return "".join(c for c in unique(one + two) if c in needed)


def _order(terms: Terms, out: str, sizes: Mapping[str, int]) -> Pairs:
    """A good order of pairs: greedy while there are many operands, then the best of all orders."""
    pairs: Pairs = ()
    while len(terms) > EXHAUSTIVE:  # the pair whose result saves most memory, then work
        options = list(_options(terms, out, sizes))
        _, _, pair, terms = min(options, key=lambda option: (option[1], option[0], option[2]))
        pairs += (pair,)
    return pairs + _best(terms, out, sizes)[1]


def _best(terms: Terms, out: str, sizes: Mapping[str, int]) -> tuple[int, Pairs]:
    """The fewest multiplications that any order of pairs needs, and that order."""
    if len(terms) == 1:
        return 0, ()
    orders = []
    for cost, _, pair, after in _options(terms, out, sizes):
        more, pairs = _best(after, out, sizes)
        orders.append((cost + more, (pair, *pairs)))
    return min(orders, key=lambda order: order[0])


def _options(
    terms: Terms, out: str, sizes: Mapping[str, int]
) -> Iterator[tuple[int, int, tuple[int, int], Terms]]:
    """Each pair: its multiplications, the memory it adds, its places, and the terms afterwards."""
    for i, j in combinations(range(len(terms)), 2):
        one, two = terms[i], terms[j]
        rest = terms[:i] + terms[i + 1 : j] + terms[j + 1 :]
        joined = _kept(one, two, rest, out)
        added = _size(joined, sizes) - _size(one, sizes) - _size(two, sizes)
        yield _size(one + two, sizes), added, (i, j), (*rest, joined)


def _size(term: str, sizes: Mapping[str, int]) -> int:
    return prod(sizes[c] for c in unique(term))


def _view(term: str, order: str, shape: Ints | None) -> View:
    """Bring an operand to the letters `order`, the others summed; then to a shape."""
    letters = unique(term)
    diagonal = None
    if letters != term:
        diagonal = (tuple(map(letters.index, term)), tuple(range(len(letters))))
    axes = tuple(i for i, c in enumerate(letters) if c not in order)
    left = "".join(c for c in letters if c in order)
    view = View(diagonal, axes or None, _permutation(left, order), shape)
    return UNCHANGED if view == UNCHANGED else view


def _permutation(have: str, want: str) -> Ints | None:
    return None if have == want else tuple(map(have.index, want))


def _step(
    places: tuple[int, int], left: str, right: str, out: str, sizes: Mapping[str, int]
) -> tuple[Step, str]:
    """A pair as one product of stacks of matrices, and the letters of its result.

    Rows and columns keep the order of their operands, so that merging them moves nothing.
    """
    a = "".join(c for c in unique(left) if c in out or c in right)
    b = "".join(c for c in unique(right) if c in out or c in left)
    shared = "".join(c for c in out if c in a and c in b)
    inner = "".join(c for c in a if c in b and c not in out)
    if not inner:
        views = (_spread(left, out, sizes), _spread(right, out, sizes))
        return Step(places, views, np.multiply, None, None), out
    rows = "".join(c for c in a if c not in b)
    columns = "".join(c for c in b if c not in a)
    join = np.vecdot if shared and not rows and not columns else np.matmul
    # A vector needs no axis of size 1, except in a stack beside a matrix.
    keep = bool(shared) and join is np.matmul
    one = [g for g in (rows, inner) if g or keep]
    two = [g for g in (inner, columns) if g or keep]
    views = (_grouped(left, shared, one, sizes), _grouped(right, shared, two, sizes))
    result = shared + rows + columns
    merged = any(len(g) != 1 for g in (rows, columns) if g or keep)
    shape = tuple(sizes[c] for c in result) if merged else None
    return Step(places, views, join, shape, None), result


def _grouped(term: str, shared: str, groups: Sequence[str], sizes: Mapping[str, int]) -> View:
    """The shared letters first, then each group merged into one axis."""
    order = shared + "".join(groups)
    shape = None
    if any(len(group) != 1 for group in groups):
        shape = tuple(sizes[c] for c in shared) + tuple(_size(g, sizes) for g in groups)
    return _view(term, order, shape)


def _spread(term: str, out: str, sizes: Mapping[str, int]) -> View:
    """Axes in the order of the result, size 1 for the letters that this operand has not.

    Those that come first need no axis: broadcasting makes them.
    """
    order = "".join(c for c in out if c in term)
    shape = tuple(sizes[c] if c in term else 1 for c in out)
    return _view(term, order, None if out.endswith(order) else shape)
