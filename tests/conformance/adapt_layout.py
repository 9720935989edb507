"""PyTorch's operators on the form of arrays in derivant's words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tests.conformance.words import NoCounterpartError, Table, rank_of, shape_of

import derivant as dv
from derivant.base.types import Array, Axes, Operand


def one_tuple(sizes: tuple[int | Sequence[int], ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    first = sizes[0] if len(sizes) == 1 else None
    return tuple(first if isinstance(first, (tuple, list)) else sizes)  # type: ignore[arg-type]


def expand(x: Operand, *sizes: int | Sequence[int]) -> Array:
    wanted, shape = one_tuple(sizes), shape_of(x)
    old = (1,) * (len(wanted) - len(shape)) + shape
    filled = [o if s == -1 else s for s, o in zip(wanted, old, strict=True)]
    return dv.broadcast_to(x, tuple(filled))


def expand_as(x: Operand, other: Operand) -> Array:
    return dv.broadcast_to(x, shape_of(other))


def reshape_as(x: Operand, other: Operand) -> Array:
    return dv.reshape(x, shape_of(other))


def reshape(x: Operand, *sizes: int | Sequence[int]) -> Array:
    return dv.reshape(x, one_tuple(sizes))


def unflatten(x: Operand, dim: int, sizes: Sequence[int]) -> Array:
    shape = list(shape_of(x))
    place = dim % len(shape)
    if -1 in sizes:
        rest = shape[place] // max(1, -math.prod(sizes))
        sizes = [rest if s == -1 else s for s in sizes]
    return dv.reshape(x, (*shape[:place], *sizes, *shape[place + 1 :]))


def flatten(x: Operand, start_dim: int = 0, end_dim: int = -1) -> Array:
    shape = shape_of(x)
    if not shape:
        return dv.reshape(x, (1,))
    first, last = start_dim % len(shape), end_dim % len(shape)
    merged = math.prod(shape[first : last + 1])
    return dv.reshape(x, (*shape[:first], merged, *shape[last + 1 :]))


def squeeze(x: Operand, dim: Axes = None) -> Array:
    """PyTorch leaves axes alone that are not of size 1; NumPy's squeeze refuses them."""
    shape = shape_of(x)
    if dim is None or not shape:
        return dv.squeeze(x)
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    return dv.squeeze(x, axis=tuple(d for d in given if shape[d] == 1))


def permute(x: Operand, *dims: int | Sequence[int]) -> Array:
    return dv.permute_dims(x, one_tuple(dims))


def transpose(x: Operand, first: int, second: int) -> Array:
    return dv.swapaxes(x, first, second) if rank_of(x) else dv.positive(x)


def short_transpose(x: Operand) -> Array:
    if rank_of(x) > 2:
        raise NoCounterpartError("t refuses more than two axes; transpose reverses them all")
    return dv.transpose(x)


def flip(x: Operand, dims: Axes) -> Array:
    return dv.flip(x, axis=dims)


def fliplr(x: Operand) -> Array:
    return dv.flip(x, axis=1)


def flipud(x: Operand) -> Array:
    return dv.flip(x, axis=0)


def rot90(x: Operand, k: int = 1, dims: Sequence[int] = (0, 1)) -> Array:
    first, second = dims
    turned = dv.swapaxes(x, first, second) if k % 2 else dv.positive(x)
    return dv.flip(turned, axis={0: (), 1: (first,), 2: tuple(dims), 3: (second,)}[k % 4])


def roll(x: Operand, shifts: int | Sequence[int], dims: Axes = None) -> Array:
    return dv.roll(x, shifts, axis=dims)


def repeat(x: Operand, *sizes: int | Sequence[int]) -> Array:
    counts = one_tuple(sizes)
    if len(counts) < rank_of(x):
        raise NoCounterpartError("repeat wants a count for each axis")
    return dv.tile(x, counts)


def tile(x: Operand, *sizes: int | Sequence[int]) -> Array:
    return dv.tile(x, one_tuple(sizes))


def repeat_interleave(
    x: Operand, repeats: Operand, dim: int | None = None, output_size: int | None = None
) -> Array:
    counts = np.asarray(repeats)
    return dv.repeat(x, int(counts) if not counts.ndim else counts.tolist(), axis=dim)


def meshgrid(*arrays: Operand | Sequence[Operand], indexing: str = "ij") -> tuple[Array, ...]:
    first = arrays[0]
    given = first if isinstance(first, (list, tuple)) else arrays
    # a number is an axis of one entry
    return dv.meshgrid(*(dv.ravel(x) for x in given), indexing=indexing)


def cat(arrays: Sequence[Operand], dim: int = 0) -> Array:
    if any(shape_of(x) == (0,) for x in arrays) and any(rank_of(x) != 1 for x in arrays):
        raise NoCounterpartError("an empty vector among matrices, which PyTorch passes over")
    return dv.concat(arrays, axis=dim)


def stack(arrays: Sequence[Operand], dim: int = 0) -> Array:
    return dv.stack(arrays, axis=dim)


def hstack(arrays: Sequence[Operand]) -> Array:
    return dv.hstack(arrays)


def vstack(arrays: Sequence[Operand]) -> Array:
    return dv.vstack(arrays)


def split(x: Operand, size: int | Sequence[int], dim: int = 0) -> tuple[Array, ...]:
    """PyTorch gives sizes of parts, NumPy the places between them."""
    whole = shape_of(x)[dim]
    if isinstance(size, int):
        return dv.split(x, list(range(size, whole, size)), axis=dim)
    return dv.split(x, np.cumsum(size)[:-1].tolist(), axis=dim)


def chunk(x: Operand, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    return split(x, -(-shape_of(x)[dim] // chunks), dim)


def tensor_split(x: Operand, places: Operand, dim: int = 0) -> tuple[Array, ...]:
    given = np.asarray(places)
    if given.ndim:
        return dv.split(x, given.tolist(), axis=dim)
    small, more = divmod(shape_of(x)[dim], int(given))
    sizes = [small + 1] * more + [small] * (int(given) - more)
    return split(x, sizes, dim)


def splitting(axis: int) -> object:
    """hsplit, vsplit and dsplit: in parts of equal size, or at places."""

    def cut(x: Operand, places: int | Sequence[int]) -> tuple[Array, ...]:
        return dv.split(x, places, axis=0 if rank_of(x) == 1 else axis)

    return cut


def unbind(x: Operand, dim: int = 0) -> tuple[Array, ...]:
    return dv.unstack(x, axis=dim)


def pad(
    x: Operand, widths: Sequence[int], mode: str = "constant", value: float | None = None
) -> Array:
    """PyTorch counts axes from the last, and cuts where a width is negative."""
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    pairs = [tuple(widths[i : i + 2]) for i in range(0, len(widths), 2)][::-1]
    pairs = [(0, 0)] * (rank_of(x) - len(pairs)) + pairs
    if min(widths, default=0) < 0:
        raise NoCounterpartError("negative widths, which cut")
    if names[mode] == "constant":
        return dv.pad(x, pairs, constant_values=value or 0.0)
    return dv.pad(x, pairs, mode=names[mode])


def constant_pad(x: Operand, widths: Sequence[int], value: float = 0.0) -> Array:
    return pad(x, widths, "constant", value)


def diag(x: Operand, diagonal: int = 0) -> Array:
    return dv.diag(x, diagonal)


def diagonal(x: Operand, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    return dv.diagonal(x, offset, dim1, dim2)


def last_diagonal(x: Operand, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    return dv.diagonal(x, offset, dim1, dim2)


def diag_embed(x: Operand, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    made = dv.diag_embed(x, offset)
    return made if (dim1, dim2) == (-2, -1) else dv.moveaxis(made, (-2, -1), (dim1, dim2))


def tril(x: Operand, diagonal: int = 0) -> Array:
    return dv.tril(x, diagonal)


def triu(x: Operand, diagonal: int = 0) -> Array:
    return dv.triu(x, diagonal)


def flat_if_list(function: object, x: Operand | Sequence[Operand]) -> object:
    """atleast_nd of one array, or of each of several."""
    return [function(y) for y in x] if isinstance(x, (list, tuple)) else function(x)  # type: ignore[operator]


def one_axis_more(x: Operand, least: int) -> Array:
    rank = rank_of(x)
    shapes = {0: (1,) * least, 1: (1, *shape_of(x), 1)[:least], 2: (*shape_of(x), 1)}
    return dv.positive(x) if rank >= least else dv.reshape(x, shapes[rank])


def atleast_1d(x: Operand | Sequence[Operand]) -> object:
    return flat_if_list(lambda y: one_axis_more(y, 1), x)


def atleast_2d(x: Operand | Sequence[Operand]) -> object:
    return flat_if_list(lambda y: one_axis_more(y, 2), x)


def atleast_3d(x: Operand | Sequence[Operand]) -> object:
    return flat_if_list(lambda y: one_axis_more(y, 3), x)


def broadcast_tensors(*arrays: Operand) -> tuple[Array, ...]:
    return dv.broadcast_arrays(*arrays)


RENAMED: Table = {
    "broadcast_to": dv.broadcast_to,
    "broadcast_tensors": broadcast_tensors,
    "expand": expand,
    "expand_as": expand_as,
    "reshape": reshape,
    "reshape_as": reshape_as,
    "view": reshape,
    "view_as": reshape_as,
    "ravel": dv.ravel,
    "squeeze": squeeze,
    "squeeze/multiple": squeeze,
    "unsqueeze": dv.expand_dims,
    "permute": permute,
    "transpose": transpose,
    "T": dv.transpose,
    "H": short_transpose,
    "t": short_transpose,
    "mT": dv.matrix_transpose,
    "mH": dv.matrix_transpose,
    "movedim": dv.moveaxis,
    "flip": flip,
    "fliplr": fliplr,
    "flipud": flipud,
    "roll": roll,
    "repeat": repeat,
    "tile": tile,
    "repeat_interleave": repeat_interleave,
    "meshgrid/variadic_tensors": meshgrid,
    "meshgrid/list_of_tensors": meshgrid,
    "cat": cat,
    "stack": stack,
    "hstack": hstack,
    "vstack": vstack,
    "split": split,
    "split/list_args": split,
    "split_with_sizes": split,
    "tensor_split": tensor_split,
    "hsplit": splitting(1),
    "vsplit": splitting(0),
    "dsplit": splitting(2),
    "unbind": unbind,
    "constant_pad_nd": constant_pad,
    "nn.functional.pad/constant": pad,
    "nn.functional.pad/reflect": pad,
    "nn.functional.pad/replicate": pad,
    "nn.functional.pad/circular": pad,
    "diag": diag,
    "diagonal": diagonal,
    "linalg.diagonal": last_diagonal,
    "tril": tril,
    "triu": triu,
}


def dstack(arrays: Sequence[Operand]) -> Array:
    return dv.concat([one_axis_more(x, 3) for x in arrays], axis=2)


def column_stack(arrays: Sequence[Operand]) -> Array:
    return dv.concat([dv.reshape(x, (-1, 1)) if rank_of(x) < 2 else x for x in arrays], axis=1)


def diagflat(x: Operand, offset: int = 0) -> Array:
    return dv.diag(dv.ravel(x), offset)


def block_diag(*arrays: Operand) -> Array:
    blocks = [one_axis_more(x, 2) for x in arrays]
    width = sum(shape_of(b)[1] for b in blocks)
    rows, before = [], 0
    for block in blocks:
        size = shape_of(block)[1]
        rows.append(dv.pad(block, ((0, 0), (before, width - before - size))))
        before += size
    return dv.concat(rows, axis=0)


def cartesian_prod(*arrays: Operand) -> Array:
    if len(arrays) == 1:
        return dv.positive(arrays[0])
    return dv.stack([dv.ravel(x) for x in dv.meshgrid(*arrays, indexing="ij")], axis=1)


def pixel_shuffle(x: Operand, upscale_factor: int) -> Array:
    r, (*lead, c, h, w) = upscale_factor, shape_of(x)
    parts = dv.reshape(x, (*lead, c // (r * r), r, r, h, w))
    order = tuple(range(len(lead) + 1)) + tuple(len(lead) + i for i in (3, 1, 4, 2))
    return dv.reshape(dv.permute_dims(parts, order), (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(x: Operand, downscale_factor: int) -> Array:
    r, (*lead, c, h, w) = downscale_factor, shape_of(x)
    parts = dv.reshape(x, (*lead, c, h // r, r, w // r, r))
    order = tuple(range(len(lead) + 1)) + tuple(len(lead) + i for i in (2, 4, 1, 3))
    return dv.reshape(dv.permute_dims(parts, order), (*lead, c * r * r, h // r, w // r))


def channel_shuffle(x: Operand, groups: int) -> Array:
    n, c, *rest = shape_of(x)
    parts = dv.reshape(x, (n, groups, c // groups, *rest))
    return dv.reshape(dv.swapaxes(parts, 1, 2), (n, c, *rest))


COMPOSED: Table = {
    "diag_embed": diag_embed,
    "flatten": flatten,
    "unflatten": unflatten,
    "rot90": rot90,
    "chunk": chunk,
    "atleast_1d": atleast_1d,
    "atleast_2d": atleast_2d,
    "atleast_3d": atleast_3d,
    "dstack": dstack,
    "column_stack": column_stack,
    "diagflat": diagflat,
    "block_diag": block_diag,
    "cartesian_prod": cartesian_prod,
    "nn.functional.pixel_shuffle": pixel_shuffle,
    "nn.functional.pixel_unshuffle": pixel_unshuffle,
    "nn.functional.channel_shuffle": channel_shuffle,
}
