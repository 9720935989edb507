"""Products of matrices and tensors: what reads as a contraction by letters."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from derivant.base.dims import Shape, total
from derivant.base.errors import ArgumentError, AxisError, DerivantError, ShapeError
from derivant.base.types import Array, Operand, shape_of
from derivant.ops.arguments import one_axis
from derivant.ops.rows import call, planned, read
from derivant.primitives import TABLE, apply, prepared
from derivant.primitives.einsum import SPARE, letter_sizes, read_pattern
from derivant.primitives.explain import refusal
from derivant.primitives.primitive import Settings

Narrowed: TypeAlias = tuple[tuple[int, Shape], ...]
EINSUM = TABLE["einsum"]
OUTER = prepared(EINSUM, spec="i,j->ij")
__all__ = [
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]


def matmul(x1: Operand, x2: Operand, /) -> Array:
    """The matrix product: Z[..., i, k] = sum_j X[..., i, j] Y[..., j, k].

    (..., n, m) @ (..., m, k) -> (..., n, k), leading axes broadcast; a vector (m) is a row on the
    left and a column on the right, and that axis goes away. Raises ShapeError where sizes do not
    fit or an operand is a number.

    >>> from derivant.ops.contraction import matmul
    >>> matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    array([3., 7.])
    """
    return call("matmul", read(x1), read(x2))


def einsum(
    pattern: str | Operand, /, *operands: Operand | Sequence[int], optimize: bool | str = True
) -> Array:
    """A contraction by letters: "ij,jk->ik" is sum_j X[i, j] Y[j, k].

    A letter of the operands that is not in the result is summed; a letter twice in one operand
    takes its diagonal; `...` stands for axes without a letter, which broadcast; without `->` the
    result has the letters that stand once, in alphabetical order. NumPy's other form, each operand
    followed by a list of axis numbers, is read too. Operands are multiplied in pairs, in an order
    of low cost whatever `optimize` says. Raises ArgumentError where the pattern cannot be read,
    ShapeError where the operands do not fit it.

    >>> from derivant.ops.contraction import einsum
    >>> einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    array([3., 7.])
    """
    if isinstance(pattern, str):
        text, given = pattern, operands
    else:
        text, given = _from_lists((pattern, *operands))
    arrays: list[Any] = []
    shapes: list[Shape] = []
    for x in given:
        known: Any = x
        if getattr(x, "derivant_rank", 0) == 1:
            shapes.append(known.shape)
        else:  # Python numbers stay as they are, since they give way in the dtype
            known = x if isinstance(x, (int, float)) else read(x)
            shapes.append(shape_of(known))
        arrays.append(known)
    try:
        settings, narrowed = _planned(text, (*shapes,))
    except DerivantError as error:
        raise refusal("einsum", arrays, [repr(text)], error) from None
    for place, shape in narrowed:
        arrays[place] = call("reshape", arrays[place], shape=shape)
    result: Array = apply(EINSUM, (*arrays,), settings)
    return result


@lru_cache(maxsize=4096)
def _planned(text: str, shapes: tuple[Shape, ...]) -> tuple[Settings, Narrowed]:
    """The spec of a pattern, and the operands that lose axes of size 1 beside larger ones."""
    terms, out = read_pattern(text, tuple(map(len, shapes)))
    sizes = letter_sizes(terms, shapes, one_fits=True)
    named: list[str] = []
    narrowed: list[tuple[int, Shape]] = []
    for place, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        kept = [size == sizes[c] for c, size in zip(term, shape, strict=True)]
        if not all(kept):
            narrowed.append((place, tuple(s for s, k in zip(shape, kept, strict=True) if k)))
        named.append("".join(c for c, keep in zip(term, kept, strict=True) if keep))
    return _spec(f"{','.join(named)}->{out}"), tuple(narrowed)


def _spec(spec: str) -> Settings:
    return planned(EINSUM, ("spec",), spec)


def _from_lists(
    arguments: tuple[Operand | Sequence[int], ...],
) -> tuple[str, tuple[Operand, ...]]:
    """The pattern that operands with lists of axis numbers mean."""
    given = arguments[0::2] if len(arguments) % 2 == 0 else arguments[0:-1:2]
    lists = arguments[1::2] if len(arguments) % 2 == 0 else (*arguments[1::2], arguments[-1])
    texts = [_letters_of(numbers) for numbers in lists]
    arrow = "->" + texts.pop() if len(texts) > len(given) else ""
    return ",".join(texts) + arrow, given


def _letters_of(numbers: object) -> str:
    letters = SPARE[26:] + SPARE[:26]
    if not isinstance(numbers, (list, tuple)):
        raise ArgumentError(
            f"einsum: a pattern or lists of axis numbers are needed, not {numbers!r}"
        )
    for number in numbers:
        if number is not Ellipsis and not (isinstance(number, int) and 0 <= number < len(letters)):
            raise ArgumentError(
                f"einsum: an axis number is 0 to {len(letters) - 1}, not {number!r}"
            )
    return "".join("..." if n is Ellipsis else letters[n] for n in numbers)


def tensordot(
    x1: Operand, x2: Operand, /, axes: int | tuple[Sequence[int] | int, Sequence[int] | int] = 2
) -> Array:
    """The sum of products over axes of both: the last `axes` of X with the first of Y, or by lists.

    `axes=(a, b)` sums axis a[i] of X with axis b[i] of Y; the axes left are those of X, then those
    of Y. Raises ShapeError where the sizes differ, AxisError where an axis is not there.

    >>> from derivant.ops.contraction import tensordot
    >>> float(tensordot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]))
    5.0
    """
    a, b = read(x1), read(x2)
    first, second = _paired_axes(a, b, axes)
    for one, two in zip(first, second, strict=True):
        _same_size("tensordot", a, one, b, two, [f"axes={axes}"])
    spec = _tensordot_spec(len(a.shape), len(b.shape), tuple(first), tuple(second))
    result: Array = apply(EINSUM, (a, b), _spec(spec))
    return result


@lru_cache(maxsize=4096)
def _tensordot_spec(
    left_rank: int, right_rank: int, first: tuple[int, ...], second: tuple[int, ...]
) -> str:
    letters = iter(SPARE)
    left = [next(letters) for _ in range(left_rank)]
    right = [next(letters) for _ in range(right_rank)]
    for one, two in zip(first, second, strict=True):
        right[two] = left[one]
    summed = {left[one] for one in first}
    out = "".join(c for c in (*left, *right) if c not in summed)
    return f"{''.join(left)},{''.join(right)}->{out}"


def _paired_axes(
    a: Array, b: Array, axes: int | tuple[Sequence[int] | int, Sequence[int] | int]
) -> tuple[list[int], list[int]]:
    """The axes to sum, of each operand."""
    if isinstance(axes, (tuple, list)):
        if len(axes) != 2:
            raise ArgumentError(f"tensordot: axes is a number or two lists, not {axes!r}")
        lists: list[list[Any]]
        lists = [list(part) if isinstance(part, (tuple, list)) else [part] for part in axes]
        first = [one_axis("tensordot", a, axis) for axis in lists[0]]
        second = [one_axis("tensordot", b, axis) for axis in lists[1]]
        if len(first) != len(second) or len({*first}) < len(first) or len({*second}) < len(second):
            raise ArgumentError(f"tensordot: axes={axes!r} does not pair different axes")
        return first, second
    count = operator.index(axes)
    if not 0 <= count <= min(len(a.shape), len(b.shape)):
        error = AxisError(f"axes={count}, but {{0}} has {len(a.shape)} and {{1}} {len(b.shape)}")
        raise refusal("tensordot", (a, b), [f"axes={axes}"], error)
    rank = len(b.shape)
    return list(range(-count, 0)), list(range(-rank, count - rank))


def _same_size(
    name: str, a: Array, one: int, b: Array, two: int, settings: Sequence[str] = ()
) -> None:
    """Refuse two axes of different sizes, given from the end."""
    here, there = a.shape[one], b.shape[two]
    if here != there:
        one, two = one + len(a.shape), two + len(b.shape)
        error = ShapeError(f"axis {one} of {{0}} is {here}, axis {two} of {{1}} is {there}")
        raise refusal(name, (a, b), settings, error)


def vecdot(x1: Operand, x2: Operand, /, *, axis: int = -1) -> Array:
    """The dot product of vectors along one axis: z = sum_i x_i y_i; the other axes broadcast.

    (..., n), (..., n) -> (...). Raises ShapeError where the sizes along `axis` differ.

    >>> from derivant.ops.contraction import vecdot
    >>> vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    array([3., 7.])
    """
    a, b = read(x1), read(x2)
    one, two = one_axis("vecdot", a, axis), one_axis("vecdot", b, axis)
    _same_size("vecdot", a, one, b, two, [f"axis={axis}"])
    if one != two:
        error = AxisError(f"axis {axis} is another one in {{0}} than in {{1}}; count from the end")
        raise refusal("vecdot", (a, b), [f"axis={axis}"], error)
    return einsum("...i,...i->...", to_end(a, (one,)), to_end(b, (two,)))


def to_end(x: Array, axes: tuple[int, ...]) -> Array:
    """These axes, counted from the end, behind the others."""
    rank = len(x.shape)
    order = tuple(a for a in range(-rank, 0) if a not in axes) + axes
    return x if order == tuple(range(-rank, 0)) else call("permute_dims", x, axes=order)


def inner(x1: Operand, x2: Operand, /) -> Array:
    """The sum of products over the last axes: Z[i, j] = sum_k X[i, k] Y[j, k].

    (..., n), (---, n) -> (..., ---); with a number it is the product. Raises ShapeError where the
    last axes differ.

    >>> from derivant.ops.contraction import inner
    >>> inner([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    array([3., 7.])
    """
    a, b = read(x1), read(x2)
    if not a.shape or not b.shape:
        return call("multiply", a, b)
    _same_size("inner", a, -1, b, -1)
    return tensordot(a, b, axes=((-1,), (-1,)))


def dot(x1: Operand, x2: Operand, /) -> Array:
    """NumPy's dot: the matrix product of vectors and matrices, the product with a number.

    With more axes, the sum over the last of X and the second to last of Y:
    Z[..., i, ---, k] = sum_j X[..., i, j] Y[---, j, k]. Raises ShapeError where these differ.

    >>> from derivant.ops.contraction import dot
    >>> float(dot([1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    a, b = read(x1), read(x2)
    left, right = a.shape, b.shape
    if not left or not right:
        return call("multiply", a, b)
    axis = -2 if len(right) > 1 else -1
    if left[-1] != right[axis]:
        _same_size("dot", a, -1, b, axis)
    return call("matmul", a, b) if len(right) <= 2 else tensordot(a, b, axes=((-1,), (axis,)))


def vdot(x1: Operand, x2: Operand, /) -> Array:
    """The sum of products of all entries: sum_i x_i y_i, both read as one vector.

    Raises ShapeError where the numbers of entries differ.

    >>> from derivant.ops.contraction import vdot
    >>> float(vdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]))
    10.0
    """
    a, b = read(x1), read(x2)
    if total(a.shape) != total(b.shape):
        error = ShapeError(f"{{0}} has {total(a.shape)} entries, {{1}} has {total(b.shape)}")
        raise refusal("vdot", (a, b), [], error)
    return call("matmul", _flat(a), _flat(b))


def _flat(x: Array) -> Array:
    return x if len(x.shape) == 1 else call("reshape", x, shape=(total(x.shape),))


def outer(x1: Operand, x2: Operand, /) -> Array:
    """The outer product: Z[i, j] = x_i y_j, both read as one vector.

    >>> from derivant.ops.contraction import outer
    >>> outer([1.0, 2.0], [3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    """
    a, b = read(x1), read(x2)
    pair = (a if len(a.shape) == 1 else _flat(a), b if len(b.shape) == 1 else _flat(b))
    result: Array = apply(EINSUM, pair, OUTER)
    return result


def kron(x1: Operand, x2: Operand, /) -> Array:
    """The Kronecker product: X[i, j] Y in the place of each entry X[i, j].

    (n, m), (p, q) -> (n p, m q), and so for any number of axes; the operand with fewer gets axes
    of size 1 in front.

    >>> from derivant.ops.contraction import kron
    >>> kron([1.0, 10.0], [1.0, 2.0])
    array([ 1.,  2., 10., 20.])
    """
    a, b = read(x1), read(x2)
    rank = max(len(a.shape), len(b.shape))
    one = (1,) * (rank - len(a.shape)) + tuple(a.shape)
    two = (1,) * (rank - len(b.shape)) + tuple(b.shape)
    left, right = SPARE[:rank], SPARE[rank : 2 * rank]
    pairs = "".join(map("".join, zip(left, right, strict=True)))
    spec = f"{left[rank - len(a.shape) :]},{right[rank - len(b.shape) :]}->"
    known = spec.partition("->")[0]
    whole = spec + "".join(c for c in pairs if c in known)
    product: Array = apply(EINSUM, (a, b), _spec(whole))
    return call("reshape", product, shape=tuple(p * n for n, p in zip(one, two, strict=True)))
