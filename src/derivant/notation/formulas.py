"""Expressions as text: matrix notation where there is one, index notation always.

`A'` is the transpose, a space is the matrix product, `∘` the product entry by entry, `x'y` an
inner and `x y'` an outer product. In index notation the letters under a Σ are summed, and `δ` is
the unit tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from derivant.base.dims import Size
from derivant.carriers.expr import Expr
from derivant.notation.network import Network
from derivant.notation.words import (
    Bond,
    Chain,
    Word,
    bond_of,
    closed,
    enclosed,
    function,
    joined,
    number,
    powered,
    written,
)
from derivant.rewriting import Atom, Form, Sum, Term, form_of, size_of_number

LETTERS = "ijklmnpqrstuvwabcdefgh"
SMALL = 6  # a constant array of at most so many entries is written out


def matrix_text(expression: Expr) -> str:
    """The normal form of an expression in matrix notation; in index notation where it has none.

    >>> from derivant.carriers.trace import trace_graph
    >>> matrix_text(trace_graph(lambda x, A: A @ x + A.T @ x, "n", "n n"))
    "(A + A') x"
    """
    form = form_of(expression)
    writer = Writer(form)
    word = writer.matrix(form.sum)
    return writer.indexed(form.sum).text if word is None else word.text


def index_text(expression: Expr) -> str:
    """The normal form of an expression in index notation; its free letters are i, j, ... in order.

    >>> from derivant.carriers.trace import trace_graph
    >>> index_text(trace_graph(lambda x, A: x @ (A @ x), "n", "n n"))
    'Σ_ij A_ij x_i x_j'
    """
    form = form_of(expression)
    return Writer(form).indexed(form.sum).text


class Writer:
    """Writes the sums of one normal form; the word of each payload is made once."""

    __slots__ = ("_form", "_words")

    def __init__(self, form: Form) -> None:
        self._form = form
        self._words: dict[int, Word] = {}
        self._prepare(form.sum)

    def matrix(self, total: Sum) -> Word | None:
        """A sum in matrix notation, None where a term has none."""
        terms = []
        for term in total.terms:
            piece = self._matrix_term(term, total)
            if piece is None:
                return None
            terms.append((term.coefficient, *piece))
        if not terms:
            return function("zeros", *map(str, total.shape)) if total.shape else Word("0")
        return joined(terms)

    def indexed(self, total: Sum) -> Word:
        """A sum in index notation."""
        terms = [(t.coefficient, *self._indexed_term(t)) for t in total.terms]
        return joined(terms) if terms else Word("0")

    # The payloads, inner ones first

    def _prepare(self, total: Sum) -> None:
        stack = _payloads(total)
        while stack:
            node = stack[-1]
            if id(node) in self._words:
                stack.pop()
                continue
            needed = [x for x in self._needed(node) if id(x) not in self._words]
            if needed:
                stack += needed
            else:
                self._words[id(node)] = self._word(node)

    def _needed(self, node: Expr) -> list[Expr]:
        inside = self._form.inside(node)
        return list(node.inputs) if inside is None else _payloads(inside)

    def _word(self, node: Expr) -> Word:
        """A leaf's name, a sum in parentheses, or a function of its operands."""
        size = size_of_number(node)
        if size is not None:
            return _size_word(size)
        inside = self._form.inside(node)
        symmetric = id(node) in self._form.context.namer.symmetric
        if inside is not None:
            word = self.matrix(inside) or _braced(self.indexed(inside), len(node.shape))
            return Word(word.text, word.bond, symmetric=symmetric)
        if not node.inputs:
            return Word(_leaf_name(node), symmetric=symmetric)
        operands = [self._words[id(x)].text for x in node.inputs]
        given = [f"{k}={v}" for k, v in sorted(node.params.items()) if v is not None]
        return function(node.primitive.name, *operands, *given)

    # Terms

    def _matrix_term(self, term: Term, total: Sum) -> tuple[str, Bond] | None:
        """A term without its sign."""
        sizes: dict[int, Size] = {**dict(enumerate(total.shape)), **dict(term.bound)}
        network = Network(total.shape, sizes, [])
        below: list[Word] = []
        ends = [a for a in term.atoms if a.payload is None]
        for atom in term.atoms:
            if atom.payload is None:
                continue
            word = self._words[id(atom.payload)]
            if not atom.index and atom.power < 0:
                below.append(powered(word, -atom.power, True))
            elif not atom.index:
                network.numbers.append(powered(word, atom.power, True))
            elif atom.power == 2 and _meets_itself(atom, term, total):
                network.factors += [((word,), atom.index)] * 2
            else:
                network.factors.append(((powered(word, atom.power, False),), atom.index))
        if ends:
            network.shape = total.shape[:1]
        body = network.reduced()
        if body is None or (ends and len(total.shape) > 2):
            return None
        if ends:
            empty = not network.factors
            unit = Word("I") if empty else function("diag", written(body))
            body = (Word(unit.text, symmetric=True),)
        return _with_numbers(abs(term.coefficient), network.numbers, body, below)

    def _indexed_term(self, term: Term) -> tuple[str, Bond]:
        """A term without its sign."""
        pieces = [self._indexed_atom(a) for a in term.atoms]
        if term.bound:
            pieces.insert(0, "Σ_" + _subscript(c for c, _ in term.bound))
        size = abs(term.coefficient)
        if size != 1 or not pieces:
            pieces.insert(0, number(size))
        return " ".join(pieces), Bond.PRODUCT if len(pieces) > 1 else Bond.TIGHT

    def _indexed_atom(self, atom: Atom) -> str:
        if atom.payload is None:
            return "δ_" + _subscript(atom.index)
        word = self._words[id(atom.payload)]
        text = closed(word.text, word.bond)
        text += "_" + _subscript(atom.index) if atom.index else ""
        return powered(Word(text), atom.power, True).text


def _meets_itself(atom: Atom, term: Term, total: Sum) -> bool:
    """Whether a square is summed over all its letters and nothing else has them: x'x."""
    others = {c for a in term.atoms if a is not atom for c in a.index}
    return len(set(atom.index)) == len(atom.index) and all(
        c >= total.rank and c not in others for c in atom.index
    )


def _payloads(total: Sum) -> list[Expr]:
    return [a.payload for t in total.terms for a in t.atoms if a.payload is not None]


def _with_numbers(
    size: Fraction, numbers: list[Word], body: Chain, below: list[Word]
) -> tuple[str, Bond]:
    """The number, the scalars, the body, over the scalars with negative powers."""
    sole = len(numbers) == 1 and not body and not below
    pieces = [
        w.text if sole and w.bond is not Bond.SUM else closed(w.text, w.bond) for w in numbers
    ]
    bond = numbers[0].bond if sole else Bond.PRODUCT
    if sole and size == 1:
        return numbers[0].text, bond
    if body:
        alone = size == 1 and not pieces and not below
        pieces.append(written(body) if alone or len(body) > 1 else enclosed(body))
        bond = bond_of(body) if alone else Bond.PRODUCT
    if size != 1 or not pieces:
        pieces.insert(0, number(size))
        bond = Bond.PRODUCT if len(pieces) > 1 else Bond.TIGHT
    text = " ".join(pieces)
    if below:
        text += " / " + (
            closed(below[0].text, below[0].bond)
            if len(below) == 1
            else "(" + " ".join(closed(w.text, w.bond) for w in below) + ")"
        )
        bond = Bond.PRODUCT
    return text, bond


def _size_word(size: Size) -> Word:
    text = str(size)
    return Word(text, Bond.TIGHT if text.isidentifier() else Bond.SUM)


def _braced(word: Word, rank: int) -> Word:
    """An array given entry by entry: {T_ijk x_k}_ij."""
    return Word("{" + word.text + "}_" + _subscript(iter(range(rank))))


def _leaf_name(node: Expr) -> str:
    if node.primitive.name == "variable":
        return str(node.params["name"])
    if node.primitive.name == "const":
        value = np.asarray(node.params["value"])
        return str(value.tolist()) if value.size <= SMALL else f"array{value.shape}"
    return f"captured{tuple(node.shape)}"


def _subscript(letters: Iterator[int] | tuple[int, ...]) -> str:
    names = [
        LETTERS[c] if c < len(LETTERS) else f"{LETTERS[c % len(LETTERS)]}{c // len(LETTERS)}"
        for c in letters
    ]
    return ("," if any(len(n) > 1 for n in names) else "").join(names)
