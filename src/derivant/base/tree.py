"""Nested containers of leaves: take apart, put together again.

Lists, tuples, namedtuples, dicts, dataclasses and registered classes are containers; everything
else is a leaf. What counts as a leaf that can be differentiated is not decided here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from derivant.base.errors import ArgumentError

T = TypeVar("T")
STATIC = "derivant_static"
_REGISTERED: dict[
    type, tuple[Callable[..., tuple[Sequence[object], object]], Callable[..., object]]
] = {}


class Structure(NamedTuple):
    """What remains of a tree when its leaves are taken out."""

    kind: type | None
    children: tuple[Structure, ...]
    extra: object = None


LEAF = Structure(None, ())
LEAF_TYPES: set[type] = {np.ndarray, np.float64, float, int}  # carriers add themselves


def register_tree(
    cls: type[T],
    flatten: Callable[[T], tuple[Sequence[object], object]],
    unflatten: Callable[[object, Sequence[object]], T],
) -> type[T]:
    """Teach derivant a container class.

    `flatten(value)` gives its children and what else it needs; `unflatten(extra, children)`
    builds it again.

    >>> class Pair:
    ...     def __init__(self, left, right):
    ...         self.left, self.right = left, right
    >>> _ = register_tree(Pair, lambda p: ([p.left, p.right], None), lambda _, c: Pair(*c))
    >>> flatten(Pair(1.0, [2.0]))[0]
    [1.0, 2.0]
    """
    _REGISTERED[cls] = (flatten, unflatten)
    return cls


def static(**options: object) -> object:
    """A dataclass field that is carried through and never differentiated.

    >>> @dataclasses.dataclass
    ... class Model:
    ...     weight: float
    ...     name: str = static(default="linear")
    >>> flatten(Model(2.0))[0]
    [2.0]
    """
    given: Any = options
    metadata = {**(given.pop("metadata", None) or {}), STATIC: True}
    return dataclasses.field(metadata=metadata, **given)


def _open(node: object) -> tuple[list[object], object] | None:
    """The children of a container and what rebuilds it; None for a leaf."""
    kind = type(node)
    if kind in _REGISTERED:
        children, extra = _REGISTERED[kind][0](node)
        return list(children), extra
    if isinstance(node, dict):
        return list(node.values()), tuple(node.keys())
    if isinstance(node, (list, tuple)):
        return list(node), None
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        fields = dataclasses.fields(node)
        moving = tuple(f.name for f in fields if STATIC not in f.metadata)
        fixed = tuple((f.name, getattr(node, f.name)) for f in fields if STATIC in f.metadata)
        return [getattr(node, name) for name in moving], (moving, fixed)
    return None


def flatten(tree: object) -> tuple[list[object], Structure]:
    """The leaves of a tree, in order, and its structure.

    >>> flatten({"a": 1.0, "b": [2.0, (3.0,)]})[0]
    [1.0, 2.0, 3.0]
    """
    if type(tree) in LEAF_TYPES:
        return [tree], LEAF
    leaves: list[object] = []
    return leaves, _take_apart(tree, leaves, 0)


def _take_apart(node: object, leaves: list[object], depth: int) -> Structure:
    if depth > 200:
        raise ArgumentError("a container is nested more than 200 deep, or contains itself")
    opened = _open(node)
    if opened is None:
        leaves.append(node)
        return LEAF
    children, extra = opened
    below = tuple([_take_apart(child, leaves, depth + 1) for child in children])
    return Structure(type(node), below, extra)


def unflatten(structure: Structure, leaves: Sequence[object]) -> object:
    """The tree of that structure with these leaves."""
    if structure is LEAF and len(leaves) == 1:
        return leaves[0]
    source = iter(leaves)
    tree = _build(structure, source)
    if next(source, source) is not source:
        raise ArgumentError(f"{len(leaves)} leaves are more than the tree holds")
    return tree


def _build(structure: Structure, leaves: Iterator[object]) -> object:
    kind = structure.kind
    if kind is None:
        return next(leaves)
    children: list[Any] = [_build(child, leaves) for child in structure.children]
    if kind in _REGISTERED:
        return _REGISTERED[kind][1](structure.extra, children)
    if issubclass(kind, dict):
        keys = structure.extra
        assert isinstance(keys, tuple)
        pairs = dict(zip(keys, children, strict=True))
        return pairs if kind is dict else kind(pairs)
    if issubclass(kind, tuple):
        return kind(*children) if hasattr(kind, "_fields") else kind(children)
    if issubclass(kind, list):
        return kind(children)
    return _build_dataclass(structure, children)


def _build_dataclass(structure: Structure, children: list[object]) -> object:
    assert structure.kind is not None and isinstance(structure.extra, tuple)
    moving, fixed = structure.extra
    value: object = object.__new__(structure.kind)
    for name, child in zip(moving, children, strict=True):
        object.__setattr__(value, name, child)
    for name, child in fixed:
        object.__setattr__(value, name, child)
    return value


def tree_map(function: Callable[..., object], tree: object, *rest: object) -> object:
    """The tree with the function applied to each leaf (and the leaves of trees shaped alike).

    >>> tree_map(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    leaves, structure = flatten(tree)
    others = [matching_leaves(structure, other) for other in rest]
    return unflatten(structure, [function(*each) for each in zip(leaves, *others, strict=True)])


def matching_leaves(structure: Structure, tree: object) -> list[object]:
    """The leaves of a tree that must have this structure."""
    leaves, found = flatten(tree)
    if not _alike(structure, found):
        raise ArgumentError(
            f"the trees differ: one is {describe(structure)}, one {describe(found)}"
        )
    return leaves


def _alike(a: Structure, b: Structure) -> bool:
    if a.kind is not b.kind or len(a.children) != len(b.children):
        return False
    if a.kind is not None and issubclass(a.kind, dict) and a.extra != b.extra:
        return False
    return all(_alike(x, y) for x, y in zip(a.children, b.children, strict=True))


def describe(structure: Structure) -> str:
    """A short text of a structure: `{w: *, b: [*, *]}`."""
    kind = structure.kind
    if kind is None:
        return "*"
    parts = [describe(child) for child in structure.children]
    if issubclass(kind, dict) and isinstance(structure.extra, tuple):
        pairs = zip(structure.extra, parts, strict=True)
        return "{" + ", ".join(f"{key}: {part}" for key, part in pairs) + "}"
    if kind is list:
        return "[" + ", ".join(parts) + "]"
    return f"{'' if kind is tuple else kind.__name__}({', '.join(parts)})"
