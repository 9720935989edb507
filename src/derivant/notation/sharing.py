"""Parts that a long text repeats, written once under a name: ... u1 ..., where u1 = exp(X w).

Works on documents alone. Knows nothing of derivatives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from derivant.notation.document import (
    Array,
    Built,
    Call,
    Entrywise,
    Name,
    Node,
    Number,
    Power,
    Product,
    Scaled,
    Sum,
    Turned,
    all_parts,
    parts,
    with_part,
)
from derivant.notation.html import html_of
from derivant.notation.latex import latex_of, name_latex
from derivant.notation.text import text_of

LONG = 110  # characters of a text in which parts are named
LEAST = 10  # characters of a part that is worth a name
SAVED = 14  # characters that a name must save
MOST = 6  # names
NAMED = (Call, Entrywise, Power, Product, Scaled, Sum)
CONSTANT = ("eye", "ones", "zeros", "K")


Definitions = tuple[tuple[str, Node], ...]


def shared(node: Node) -> tuple[Node, Definitions]:
    """A document with its repeated parts named, and what the names stand for, inner ones first.

    >>> x = Name("x", 1)
    >>> inner = Call("exp", (Product((Name("A", 2), x), 1),), 1)
    >>> shared(inner)[1]
    ()
    """
    if len(text_of(node)) <= LONG:
        return node, ()
    taken = {part.name for part in all_parts(node) if isinstance(part, Name)}
    names = (f"u{k}" for k in count(1) if f"u{k}" not in taken)
    definitions: list[tuple[str, Node]] = []
    while len(definitions) < MOST:
        roots = [node, *(d for _, d in definitions)]
        best = _best(roots)
        if best is None:
            break
        name = next(names)
        symbol = Name(name, best.rank)
        node = with_part(node, best, symbol)
        definitions = [(n, with_part(d, best, symbol)) for n, d in definitions]
        definitions.insert(_place(best, [n for n, _ in definitions]), (name, best))
    return _renamed(node, definitions)


def _place(part: Node, names: Sequence[str]) -> int:
    """Where the definition of a part belongs: right behind the last of the names that it uses."""
    used = {inner.name for inner in all_parts(part) if isinstance(inner, Name)}
    return max((k + 1 for k, name in enumerate(names) if name in used), default=0)


def _best(roots: Iterable[Node]) -> Node | None:
    """The part whose name saves most, None where none saves enough."""
    counts = Counter(part for root in roots for part in _shown(root) if _is_worth(part))
    saved = {
        part: (times - 1) * len(text_of(part)) - 6 * times
        for part, times in counts.items()
        if times > 1 and len(text_of(part)) >= LEAST
    }
    best = max(saved, key=lambda part: saved[part], default=None)
    return best if best is not None and saved[best] >= SAVED else None


def _shown(root: Node) -> Iterator[Node]:
    """The parts that are read; what is given by its entries is also kept as an array."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend((node.entry,) if isinstance(node, Built) else parts(node))


def _is_worth(node: Node) -> bool:
    """Whether a part is one that a reader would name."""
    if isinstance(node, Call) and node.name in CONSTANT:
        return False
    if isinstance(node, Sum) and len(node.terms) == 1:
        return False
    return isinstance(node, NAMED) and not isinstance(node, (Array, Number, Turned))


def _renamed(node: Node, definitions: list[tuple[str, Node]]) -> tuple[Node, Definitions]:
    """The names numbered in the order in which they are read."""
    order = [name for name, _ in definitions]
    numbered = sorted(order, key=lambda name: (len(name), name))
    spare = {name: Name(f" {name}") for name in order}
    ranks = {name: d.rank for name, d in definitions}
    nodes = [node, *(d for _, d in definitions)]
    for name in order:
        nodes = [with_part(n, Name(name, ranks[name]), spare[name]) for n in nodes]
    for name, new in zip(order, numbered, strict=True):
        nodes = [with_part(n, spare[name], Name(new, ranks[name])) for n in nodes]
    return nodes[0], tuple(zip(numbered, nodes[1:], strict=True))


def shared_text(node: Node) -> str:
    """The text of a document, repeated parts named behind it where it is long."""
    whole, definitions = shared(node)
    named = ", ".join(f"{name} = {text_of(d)}" for name, d in definitions)
    return f"{text_of(whole)}, where {named}" if named else text_of(whole)


def shared_latex(node: Node) -> str:
    """The same as LaTeX."""
    whole, definitions = shared(node)
    named = r",\; ".join(f"{name_latex(name)} = {latex_of(d)}" for name, d in definitions)
    return rf"{latex_of(whole)},\quad \mathrm{{where}}\; {named}" if named else latex_of(whole)


def shared_html(node: Node) -> str:
    """The same as HTML."""
    whole, definitions = shared(node)
    named = ", ".join(f"{html_of(Name(name))} = {html_of(d)}" for name, d in definitions)
    return f"{html_of(whole)}, where {named}" if named else html_of(whole)
