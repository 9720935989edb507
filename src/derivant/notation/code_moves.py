"""Slices, places and what is put back in its place, as Python writes them."""

from __future__ import annotations

from typing import Any

from derivant.base.dims import Size
from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.notation.code_write import Bond, Operator, Piece, Writer
from derivant.notation.index_keys import stop_of

WHOLE = ":"


def _getitem(w: Writer, node: Expr) -> Piece:
    """Whole numbers, slices and new axes; what is counted by a name is read from the shapes."""
    x, key = node.inputs[0], node.params["key"]
    lead = len(x.shape) - sum(item is not None for item in key)
    sizes = iter(x.shape[lead:])
    turned = [lead + k for k, item in enumerate(key) if _is_backward(item)]
    if turned and w.target.name == "torch":
        return _flipped(w, node, turned)
    keys = ["..."] if lead else []
    keys += [_item(w, item, None if item is None else next(sizes)) for item in key]
    return Piece(f"{w[x].at(Bond.TIGHT)}[{', '.join(keys)}]")


def _is_backward(item: Any) -> bool:
    return isinstance(item, tuple) and item[2] < 0


def _flipped(w: Writer, node: Expr, axes: list[int]) -> Piece:
    """PyTorch's slices do not go backward; a whole axis is flipped."""
    x, key = node.inputs[0], node.params["key"]
    whole = all(item == WHOLE or _is_backward(item) for item in key)
    if not whole or node.shape != x.shape:
        raise DerivantError("a slice that goes backward has no code for torch")
    return Piece(f"torch.flip({w[x].text}, {tuple(axes)})")


def _item(w: Writer, item: Any, size: Size | None) -> str:
    """One item of a key."""
    if item is None or item == WHOLE:
        return WHOLE if item == WHOLE else "None"
    if not isinstance(item, tuple):
        return w.size(item).text
    start, _, step = item[:3]
    stop = stop_of(item)
    first = "" if start == (0 if step > 0 else _last(size)) else w.size(start).text
    last = "" if stop == (size if step > 0 else -1) else w.size(stop).text
    return f"{first}:{last}" + ("" if step == 1 else f":{step}")


def _last(size: Size | None) -> Size:
    return size - 1 if size is not None else 0


def _place(w: Writer, node: Expr) -> Piece:
    """Zeros with an array where a key reads: zeros around it, or rows of the identity times it."""
    x, shape = node.inputs[0], node.params["shape"]
    key = (WHOLE,) * (len(shape) - len(node.params["key"])) + tuple(node.params["key"])
    if None in key:
        raise DerivantError(f"place has no code for {w.target.name} with axes of size 1")
    stepped = [k for k, item in enumerate(key) if isinstance(item, tuple) and item[2] != 1]
    if stepped:
        return _spread(w, node, key, stepped[0])
    keys = ["None" if _is_one(item) else WHOLE for item in key]
    inner = w[x]
    if inner.number:
        inner = w.filled(inner, x.shape, node)
    text = f"{inner.at(Bond.TIGHT)}[{', '.join(keys)}]" if "None" in keys else inner.text
    widths = [_width(w, item, size) for item, size in zip(key, shape, strict=True)]
    if w.target.name == "torch":
        flat = ", ".join(f"{a}, {b}" for a, b in reversed(widths))
        return Piece(f"torch.nn.functional.pad({text}, ({flat}))")
    pairs = ", ".join(f"({a}, {b})" for a, b in widths)
    return Piece(f"{w.target.module}.pad({text}, {pairs if len(widths) == 1 else f'({pairs})'})")


def _is_one(item: Any) -> bool:
    return item != WHOLE and not isinstance(item, tuple)


def _width(w: Writer, item: Any, size: Size) -> tuple[str, str]:
    """How many zeros stand before an item and behind it."""
    if item == WHOLE:
        return "0", "0"
    start, count = item[:2] if isinstance(item, tuple) else (item, 1)
    return w.size(start).text, w.size(size - start - count).text


def _spread(w: Writer, node: Expr, key: tuple[Any, ...], axis: int) -> Piece:
    """Places with a step: a product with rows of the identity."""
    x, size = node.inputs[0], node.params["shape"][axis]
    if sum(item != WHOLE for item in key) > 1 or (0 < axis < len(key) - 1):
        raise DerivantError(f"place of a step on several axes has no code for {w.target.name}")
    if key[axis][:3] == (_last(size), size, -1):
        axes = f"({axis},)" if w.target.name == "torch" else str(axis)
        return Piece(f"{w.target.module}.flip({w[x].text}, {axes})")
    if w.target.name == "torch" and key[axis][2] < 0:
        raise DerivantError("a slice that goes backward has no code for torch")
    unit = f"{w.eye(size).text}[{_item(w, key[axis], size)}]"
    if axis:
        return Piece(f"{w[x].at(Bond.POWER)} @ {unit}", Bond.PRODUCT)
    return Piece(f"{unit}.T @ {w[x].at(Bond.POWER)}", Bond.PRODUCT)


MOVES: dict[str, Operator] = {"getitem": _getitem, "place": _place}
