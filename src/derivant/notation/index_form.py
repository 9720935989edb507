"""Index notation for a derivation: one entry of a sum, its factors in the order they are read in.

A symbol that stands for a derivative is written as one: ∂x_i/∂x_k. Knows nothing of derivations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeAlias

from derivant.carriers.expr import Expr
from derivant.notation.document import (
    NODES,
    SIGNS,
    Call,
    Delta,
    Entry,
    Entrywise,
    Indexed,
    Name,
    Node,
    Number,
    Power,
    Product,
    Scaled,
    Sum,
    Summed,
    Turned,
    compared,
    mapped,
)
from derivant.notation.matrix_form import LETTERS, Forms
from derivant.notation.signs import added, with_numbers
from derivant.notation.spelling import shown_name
from derivant.notation.text import text_of
from derivant.notation.words import powered
from derivant.primitives import TABLE
from derivant.rewriting import Atom, Form, Term
from derivant.rewriting import Sum as Terms

Mark: TypeAlias = Callable[[Sequence[str]], str]
Marks: TypeAlias = Mapping[int, Mark]
ONE = Fraction(1)
LARGEST_BELOW = 100  # of a denominator that is written as one
CHOSEN = {"where", "logical_and", "logical_or", "logical_not", *SIGNS}  # entry by entry too
POWER = re.compile(r"(?<!\.)\^(-?)(\d+)(?![\d.e])")
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def subscripted(name: str, letters: Sequence[str]) -> str:
    """A name with its letters.

    >>> subscripted("theta", "k"), subscripted("W", ("10", "7"))
    ('θ_k', 'W_10,7')
    """
    if not letters:
        return shown_name(name)
    between = "," if any(len(letter) > 1 for letter in letters) else ""
    return f"{shown_name(name)}_{between.join(letters)}"


def mark_of(name: str, variable: str, rank: int) -> Mark:
    """How the derivative of a part by the variable is written: letters of the part come first.

    >>> mark_of("r", "theta", 1)(("i", "k"))
    '∂r_i/∂θ_k'
    """

    def mark(letters: Sequence[str]) -> str:
        above = subscripted(name, letters[:rank])
        return f"∂{above}/∂{subscripted(variable, letters[rank:])}"

    return mark


def derivation_text(node: Node) -> str:
    """The text of a document with raised powers and 1[z > 0] for a step, as on a blackboard.

    >>> derivation_text(Power(Name("x"), Fraction(2), 0))
    'x²'
    """
    text = text_of(mapped(node, _spoken))
    return POWER.sub(lambda m: "⁻" * bool(m[1]) + m[2].translate(SUPERSCRIPTS), text)


class IndexForms:
    """The entries of the sums of one normal form; `marks` write symbols that are derivatives."""

    __slots__ = ("_forms", "_marks", "_nodes", "_pool")

    def __init__(self, form: Form, taken: Sequence[str] = (), marks: Marks | None = None) -> None:
        self._forms = Forms(form)
        self._marks: Marks = marks or {}
        self._nodes: dict[int, tuple[Expr, Node]] = {}
        self._pool = letters_beside(taken)

    def entry(self, total: Terms, free: Sequence[str], ordered: bool = False) -> Node:
        """An entry by its free letters; `ordered` keeps the order of the factors."""
        pool = [c for c in self._pool if c not in free]
        terms = []
        for term in total.terms:
            standing = term if ordered else in_reading_order(term, total.rank)
            sign = 1 if term.coefficient > 0 else -1
            terms.append((sign, self._term(standing, free, pool)))
        return added(terms, None)

    def _term(self, term: Term, free: Sequence[str], pool: Sequence[str]) -> Node:
        names = dict(enumerate(free))
        names |= {c: pool[k % len(pool)] for k, (c, _) in enumerate(term.bound)}
        numbers: list[Node] = []
        below: list[Node] = []
        factors: list[Node] = []
        under: list[Node] = []
        for atom in term.atoms:
            if atom.index or atom.payload is None or id(atom.payload) in self._marks:
                size = replace(atom, power=abs(atom.power))
                factor = self._factor(size, names, len(term.atoms) > 1)
                (under if atom.power < 0 else factors).append(factor)
            else:
                node = powered(self.whole(atom.payload), abs(atom.power))
                (below if atom.power < 0 else numbers).append(node)
        if not term.bound:
            above = [*numbers, *factors]
            return with_numbers(abs(term.coefficient), above, None, [*below, *under])
        if under:
            factors = [with_numbers(ONE, factors, None, under)]
        body = Summed(tuple(names[c] for c, _ in term.bound), tuple(factors))
        return with_numbers(abs(term.coefficient), numbers, body, below)

    def _factor(self, atom: Atom, names: Mapping[int, str], beside: bool) -> Node:
        letters = tuple(names[c] for c in atom.index)
        if atom.payload is None:
            return Delta((letters[0], letters[1]))
        mark = self._marks.get(id(atom.payload))
        if mark is not None:
            text = mark(letters)
            return powered(Name(f"({text})" if beside else text), atom.power)
        return powered(entry_of(self.whole(atom.payload), letters), atom.power)

    def whole(self, payload: Expr) -> Node:
        """A payload as a part."""
        known = self._nodes.get(id(payload))
        if known is None:
            rank = len(payload.shape)
            alone = Term(ONE, (Atom(payload, tuple(range(rank))),))
            total = Terms(tuple(payload.shape), payload.dtype, (alone,))
            found = self._forms.matrix(total)
            if found is None:
                entry = self._forms.indexed(total, LETTERS)
                found = entry.of if isinstance(entry, Entry) else entry
            known = self._nodes[id(payload)] = (payload, found)
        return known[1]


def letters_beside(taken: Sequence[str]) -> list[str]:
    """The letters for indices that are no name of the formula."""
    return [c for c in "ijklpqrstuvwabcdeghmnoxyz" if c not in taken]


def in_reading_order(term: Term, rank: int) -> Term:
    """The factors along the letters that they share, bound letters in order of appearance."""
    rest = [a for a in term.atoms if a.index and a.payload is not None]
    order = [a for a in term.atoms if not a.index]
    last: tuple[int, ...] = (0,) if rank else ()
    used = set(last)
    while rest:
        chosen = min(rest, key=lambda a: _distance(a, last, used, rank))
        rest = [a for a in rest if a is not chosen]
        order.append(chosen)
        last = chosen.index
        used |= set(last)
    order += [a for a in term.atoms if a.payload is None]
    sizes = dict(term.bound)
    bound = dict.fromkeys(c for a in order for c in a.index if c in sizes)
    return replace(term, atoms=tuple(order), bound=tuple((c, sizes[c]) for c in bound))


def _distance(atom: Atom, last: Sequence[int], used: set[int], rank: int) -> tuple[int, ...]:
    """How far a factor is from the one before: vectors first at the start, then neighbours."""
    if not used:
        return (len(atom.index),)
    joins = [last.index(c) for c in atom.index if c in last]
    near = 0 if joins else 1 if used & {*atom.index} else 2
    return near, len({*atom.index} - used), min((c for c in atom.index), default=0)


def entry_of(node: Node, letters: Sequence[str]) -> Node:
    """An entry of a part: that of tanh(z) is tanh(z_i), that of A x stays (A x)_i."""
    if isinstance(node, Scaled) and node.body is not None:
        inner = entry_of(node.body, letters)
        return Scaled((*node.numbers, inner), None, node.below, 0)
    found = _pushed(node, tuple(letters))
    return Entry(node, tuple(letters)) if found is None else found


def _pushed(node: Node, letters: tuple[str, ...]) -> Node | None:
    """An entry with the letters on the names inside; None where they stay outside."""
    if not node.rank:
        return node
    match node:
        case Name():
            return Entry(node, letters)
        case Turned(of):
            return _pushed(of, letters[::-1])
        case Call("ones"):
            return Number(ONE)
        case Call("eye"):
            first, second = sorted(letters, key=lambda c: (c.isdigit(), c.strip("(")))
            return Delta((first, second))
        case Indexed(of, key):
            return _at_places(of, key, letters)
        case Call(name, arguments):
            inside = _all_pushed(arguments, letters) if _is_entrywise(node) else None
            return None if inside is None else Call(name, inside, 0)
        case Power(base, exponent):
            below = _pushed(base, letters)
            above = _pushed(exponent, letters) if isinstance(exponent, NODES) else exponent
            return None if below is None or above is None else Power(below, above, 0)
        case Product((left, Turned(right))) if left.rank == right.rank == 1:
            ends = (entry_of(left, letters[:1]), entry_of(right, letters[1:]))
            sides = tuple(e for e in ends if e != Number(ONE))
            return sides[0] if len(sides) == 1 else Scaled(sides, None, (), 0)
        case Sum(terms):
            parts = _all_pushed([part for _, part in terms], letters)
            signs = [sign for sign, _ in terms]
            return None if parts is None else Sum(tuple(zip(signs, parts, strict=True)), 0)
        case Scaled(numbers, body, under):
            inner = _pushed(body, letters) if body is not None else None
            return None if inner is None else Scaled((*numbers, inner), None, under, 0)
        case Entrywise(factors, under):
            above_all, below_all = _all_pushed(factors, letters), _all_pushed(under, letters)
            if above_all is None or below_all is None:
                return None
            return Scaled(above_all, None, below_all, 0)
    return None


def _at_places(of: Node, key: tuple[str, ...], letters: tuple[str, ...]) -> Node | None:
    """An entry of x[1:] is x_(i+1), one of X[:, 0] is X_i0, one of eye(n)[1:] a unit tensor."""
    rest = iter(letters)
    found = [_at_place(item, rest) for item in (*key, *(":",) * (of.rank - len(key)))]
    if None in found:
        return None
    return _pushed(of, tuple(name for name in found if name is not None))


def _at_place(item: str, letters: Iterator[str]) -> str | None:
    """The place that an item reads for a letter; None where it is counted from the end."""
    start, colon, rest = item.partition(":")
    if not colon:
        return None if start.startswith("-") else start
    letter = next(letters)
    if ":" in rest or start.startswith("-"):
        return None
    return f"({letter}+{start})" if start else letter


def _is_entrywise(node: Call) -> bool:
    """Whether a function is taken entry by entry: its operands have its axes, or none."""
    row = TABLE.get(node.name)
    if row is None or node.fixed or (row.family != "elementwise" and node.name not in CHOSEN):
        return False
    return all(part.rank in (0, node.rank) for part in node.arguments)


def _all_pushed(parts: Sequence[Node], letters: tuple[str, ...]) -> tuple[Node, ...] | None:
    found = [_pushed(part, letters) for part in parts]
    return None if None in found else tuple(p for p in found if p is not None)


def _spoken(node: Node) -> Node:
    """A step as the condition that it counts; 0.5 a / m as a / (2 m)."""
    if isinstance(node, Scaled) and node.below and node.numbers:
        return _one_quotient(node)
    condition = compared(node)
    if condition is None:
        return node
    left, sign, right = condition
    sides = [text_of(mapped(side, _spoken)) for side in (left, right)]
    return Name(f"1[{sides[0]} {sign} {sides[1]}]", node.rank)


def _one_quotient(node: Scaled) -> Scaled:
    """A number that is a fraction with its denominator below, where there is a below."""
    first, *rest = node.numbers
    if not isinstance(first, Number) or not 1 < first.value.denominator < LARGEST_BELOW:
        return node
    above = [] if first.value.numerator == 1 else [Number(Fraction(first.value.numerator))]
    under = Number(Fraction(first.value.denominator))
    return replace(node, numbers=(*above, *rest), below=(under, *node.below))
