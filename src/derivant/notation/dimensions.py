"""The dimension check of a product as text: (n x m)(m) = n, and whether it comes out.

Reads shapes off a document by the names in it. Knows nothing of expressions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from derivant.notation.document import (
    Call,
    Entrywise,
    Name,
    Node,
    Power,
    Product,
    Scaled,
    Sum,
    Turned,
)
from derivant.notation.text import text_of
from derivant.primitives import TABLE

Sizes: TypeAlias = tuple[str, ...]
KEEPS = ("inv", "softmax", "log_softmax", "adj", "matpow", "expm")


def by_text(sizes: Sequence[object]) -> str:
    """A shape as on paper.

    >>> by_text(("N", "D")), by_text(("n",))
    ('N x D', 'n')
    """
    return " x ".join(map(str, sizes))


def dimension_checks(node: Node, known: Mapping[str, Sizes]) -> tuple[str, ...]:
    """The check of each product of a document, one text for each that differs.

    >>> product = Product((Name("A", 2), Name("x", 1)), 1)
    >>> dimension_checks(product, {"A": ("m", "n"), "x": ("n",)})
    ('(m x n)(n) = m ✓',)
    """
    found: list[str] = []
    for part in _products(node):
        text = _checked(part, known)
        if text and text not in found:
            found.append(text)
    return tuple(found)


def _products(node: Node) -> list[Product]:
    """The outermost products of a document, in order."""
    stack, found = [node], list[Product]()
    while stack:
        part = stack.pop()
        match part:
            case Product():
                found.append(part)
            case Sum(terms):
                stack += [term for _, term in reversed(terms)]
            case Scaled(_, body, _) if body is not None:
                stack.append(body)
            case Entrywise(factors, below):
                stack += [*reversed(below), *reversed(factors)]
    return found


def _checked(product: Product, known: Mapping[str, Sizes]) -> str:
    """One product: its factors side by side, and what is left when inner sizes cancel."""
    standing = [_standing(f, known) for f in product.factors]
    if None in standing:
        return ""
    pairs = [p for p in standing if p is not None]
    fits = all(a[1] == b[0] for a, b in pairwise(pairs))
    column = product.factors[-1].rank == 1 and not isinstance(product.factors[-1], Turned)
    texts = [f"({a} x {b})" for a, b in pairs]
    ends = f"{pairs[0][0]} x {pairs[-1][1]}"
    if (column and not isinstance(product.factors[0], Turned)) or (column and product.rank):
        texts[-1], ends = f"({pairs[-1][0]})", pairs[0][0]
    if not product.rank:
        texts[-1], ends = f"({pairs[-1][0]})", "a number"
    return f"{''.join(texts)} = {ends} ✓" if fits else ""


def _standing(node: Node, known: Mapping[str, Sizes]) -> tuple[str, str] | None:
    """Rows and columns of a factor; a vector is a column, turned a row."""
    sizes = shape_by_text(node, known)
    if sizes is None or not 1 <= len(sizes) <= 2:
        return None
    if len(sizes) == 2:
        return sizes[0], sizes[1]
    return ("1", sizes[0]) if isinstance(node, Turned) else (sizes[0], "1")


def shape_by_text(node: Node, known: Mapping[str, Sizes]) -> Sizes | None:
    """The sizes of a part; None where they cannot be read off."""
    if not node.rank:
        return ()
    match node:
        case Name(name):
            return known.get(name)
        case Turned(of):
            inner = shape_by_text(of, known)
            return None if inner is None else inner[::-1]
        case Product(factors):
            first, last = _standing(factors[0], known), _standing(factors[-1], known)
            if first is None or last is None:
                return None
            return (first[0], last[1]) if node.rank == 2 else (first[0],)
        case Scaled(_, body, _) if body is not None:
            return shape_by_text(body, known)
        case Power(base, _):
            return shape_by_text(base, known)
        case Entrywise(factors, below):
            return _first((*factors, *below), node.rank, known)
        case Sum(terms):
            return _first([part for _, part in terms], node.rank, known)
        case Call():
            return _of_call(node, known)
    return None


def _first(parts: Sequence[Node], rank: int, known: Mapping[str, Sizes]) -> Sizes | None:
    found = (shape_by_text(part, known) for part in parts if part.rank == rank)
    return next((sizes for sizes in found if sizes is not None), None)


def _of_call(node: Call, known: Mapping[str, Sizes]) -> Sizes | None:
    """The sizes of a function of parts."""
    if node.name in ("ones", "zeros"):
        return tuple(map(text_of, node.arguments))
    if node.name == "eye":
        return (text_of(node.arguments[0]),) * 2
    row = TABLE.get(node.name)
    if node.name in KEEPS or (row is not None and row.family == "elementwise"):
        return _first(node.arguments, node.rank, known)
    inside = shape_by_text(node.arguments[0], known) if node.arguments else None
    if inside is None:
        return None
    if node.name == "diag":
        return (inside[0], inside[0]) if node.rank == 2 else inside[:1]
    if node.name == "sum" and len(node.fixed) == 1 and len(inside) == 2:
        return (inside[1 - node.fixed[0]],)
    return None
