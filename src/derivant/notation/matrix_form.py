"""From a normal form to a document: matrix notation where there is one, letters otherwise.

Payloads are made into parts once, inner ones first, without recursion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from derivant.base.dims import Size
from derivant.base.errors import DerivantError
from derivant.base.graph import enter_all
from derivant.carriers.expr import Expr
from derivant.notation.document import (
    Built,
    Call,
    Contraction,
    Delta,
    Entry,
    Node,
    Power,
    Product,
    Scaled,
    Sum,
    Summed,
    Turned,
    all_parts,
    mapped,
    size,
)
from derivant.notation.extent import Extents, payloads_of
from derivant.notation.network import Factor, Network
from derivant.notation.row_names import called
from derivant.notation.signs import added, with_numbers
from derivant.notation.words import Word, is_ones, powered, powers_of, sized
from derivant.rewriting import Atom, Form, Term, components, size_of_number
from derivant.rewriting import Sum as Terms

LETTERS = "ijklmnpqrstuvwabcdefgh"
EINSUM = LETTERS + "oxyz" + LETTERS.upper() + "OXYZ"  # NumPy's einsum takes no others
ONE, TWO = Fraction(1), Fraction(2)
SAVED = 3  # what the transpose of a whole must save to be written instead


class Forms:
    """The parts of one normal form, each payload once."""

    __slots__ = ("_extents", "_form", "_known", "_parts")

    def __init__(self, form: Form) -> None:
        self._form = form
        self._extents = Extents(form)
        self._parts: dict[int, Node] = {}
        self._known: dict[int, tuple[Terms, Node | None]] = {}

    def fits(self, total: Terms) -> bool:
        """Whether a sum can be written as one formula; where not, writing it is refused."""
        return self._extents.fits(total)

    def best(self, total: Terms) -> Node:
        """Matrix notation where there is one, else entries by letters."""
        found = self.matrix(total)
        return self.indexed(total) if found is None else found

    def matrix(self, total: Terms) -> Node | None:
        """A sum in matrix notation, None where a term has none."""
        if id(total) not in self._known:
            self._known[id(total)] = total, self._easier(total)
        return self._known[id(total)][1]

    def _easier(self, total: Terms) -> Node | None:
        """A sum, or the transpose of its transpose where that has fewer of them."""
        found = self._matrix(total)
        if found is None or total.rank != 2 or _transposes(found) < 2:
            return found
        other = self._matrix(total.transposed())
        if other is None or size(other) + SAVED > size(found):
            return found
        return _turned_over(other)

    def _matrix(self, total: Terms) -> Node | None:
        self._prepare(total)
        terms = []
        for term in total.terms:
            part = self._matrix_term(term, total)
            if part is None:
                return None
            terms.append((1 if term.coefficient > 0 else -1, part))
        return added(terms, total)

    def indexed(self, total: Terms, letters: Sequence[str] = LETTERS) -> Node:
        """An entry of a sum; its free letters are the first ones, in the order of the axes."""
        self._prepare(total)
        terms = [(1 if t.coefficient > 0 else -1, self._entry(t, letters)) for t in total.terms]
        return added(terms, None)

    def contractions(self, total: Terms) -> Node:
        """A sum of einsums, for results that matrix notation does not reach."""
        self._prepare(total)
        terms = [(1 if t.coefficient > 0 else -1, self._contraction(t, total)) for t in total.terms]
        return added(terms, total)

    # The payloads, inner ones first

    def _prepare(self, total: Terms) -> None:
        if not self._extents.fits(total):
            raise self._extents.refuse()
        enter_all(self._parts, payloads_of(total), self._extents.needed, self._part)

    def _part(self, node: Expr) -> Node:
        """A leaf's name, a sum, or a function of its operands."""
        size = size_of_number(node)
        if size is not None:
            return sized(size)
        inside = self._form.inside(node)
        if inside is None:
            return called(node, [self._parts[id(x)] for x in node.inputs])
        found = self.matrix(inside)
        if found is not None:
            return found
        rank = len(node.shape)
        entry = self.indexed(inside)
        return Built(entry, tuple(LETTERS[:rank]), rank, self.contractions(inside))

    def _word(self, atom: Atom) -> Word:
        symmetric = id(atom.payload) in self._form.context.namer.symmetric
        node = self._parts[id(atom.payload)]
        if isinstance(node, Turned) and node.rank == 2:
            return Word(node.of, not symmetric, symmetric)
        return Word(node, symmetric=symmetric)

    # Terms, without their signs

    def _matrix_term(self, term: Term, total: Terms) -> Node | None:
        sizes: dict[int, Size] = {**dict(enumerate(total.shape)), **dict(term.bound)}
        ends = [a for a in term.atoms if a.payload is None]
        if ends and len(total.shape) > 2:
            return None
        shape = total.shape[:1] if ends else total.shape
        network = Network(shape, sizes, [])
        below: list[Node] = []
        for atom in term.atoms:
            if atom.payload is None:
                continue
            node = self._parts[id(atom.payload)]
            if not atom.index:
                number = _number(node, abs(atom.power))
                (below if atom.power < 0 else network.numbers).append(number)
            else:
                network.factors += _factors(self._word(atom), atom, term, total)
        body = network.reduced()
        if body is None:
            return None
        found = None if isinstance(body, tuple) else body
        if ends and (found is None or is_ones(found)):
            found = Call("eye", (sized(total.shape[0]),), 2)
        elif ends and found is not None:
            found = Call("diag", (found,), 2)
        below = network.averaged(below)
        numbers, below = powers_of(network.numbers), powers_of(below)
        return with_numbers(abs(term.coefficient), numbers, found, below)

    def _entry(self, term: Term, letters: Sequence[str]) -> Node:
        divides = [not a.index and a.power < 0 for a in term.atoms]
        pairs = list(zip(term.atoms, divides, strict=True))
        factors = [self._factor(a, letters) for a, under in pairs if not under]
        below = [_number(self._parts[id(a.payload)], -a.power) for a, under in pairs if under]
        if term.bound:
            names = tuple(_letter(c, letters) for c, _ in term.bound)
            factors = [Summed(names, tuple(factors))]
        return with_numbers(abs(term.coefficient), factors, None, powers_of(below))

    def _factor(self, atom: Atom, letters: Sequence[str]) -> Node:
        names = tuple(_letter(c, letters) for c in atom.index)
        if atom.payload is None:
            return Delta((names[0], names[1]))
        node = self._parts[id(atom.payload)]
        if isinstance(node, Built) and node.letters == names:
            return powered(node.entry, atom.power)  # given by these very letters
        entry = _relettered(node, names) if isinstance(node, Built) else None
        if entry is not None:
            return powered(entry, atom.power)
        return powered(Entry(node, names) if names else node, atom.power)

    def _number_apart(self, term: Term, dtype: np.dtype[np.generic]) -> Node:
        alone = Terms((), dtype, (term,))
        found = self.matrix(alone)
        return self.contractions(alone) if found is None else found

    def _contraction(self, term: Term, total: Terms) -> Node:
        apart, atoms = _apart(term, total.rank)
        spelled = _spelled(atoms, total.rank)
        sizes: dict[int, Size] = {**dict(enumerate(total.shape)), **dict(term.bound)}
        names: list[str] = []
        operands: list[Node] = []
        numbers = [self._number_apart(part, total.dtype) for part in apart]
        below: list[Node] = []
        for atom in atoms:
            if not atom.index:
                node = _number(self._parts[id(atom.payload)], abs(atom.power))
                (below if atom.power < 0 else numbers).append(node)
                continue
            names.append("".join(spelled[c] for c in atom.index))
            if atom.payload is None:
                operands.append(Call("eye", (sized(sizes[atom.index[0]]),), 2))
            else:
                operands.append(powered(self._parts[id(atom.payload)], atom.power))
        rank = len(total.shape)
        for c in range(rank):
            if not any(spelled[c] in name for name in names):
                names.append(spelled[c])
                operands.append(Call("ones", (sized(total.shape[c]),), 1))
        spec = ",".join(names) + "->" + "".join(spelled[c] for c in range(rank))
        alone = len(operands) == 1 and spec == f"{names[0]}->{names[0]}"
        body = operands[0] if alone else Contraction(spec, tuple(operands), rank)
        return with_numbers(abs(term.coefficient), numbers, body, below)


def _relettered(node: Built, names: tuple[str, ...]) -> Node | None:
    """An array's entry with other letters, None where one of them is summed over inside."""
    inside = list(all_parts(node.entry))
    bound = {c for part in inside if isinstance(part, Summed) for c in part.letters}
    if bound & {*names} or any(isinstance(part, Built) for part in inside):
        return None
    known = dict(zip(node.letters, names, strict=True))

    def changed(part: Node) -> Node:
        if isinstance(part, Entry):
            return replace(part, letters=tuple(known.get(c, c) for c in part.letters))
        if isinstance(part, Delta):
            one, two = (known.get(c, c) for c in part.letters)
            return Delta((one, two))
        return part

    return mapped(node.entry, changed)


def _apart(term: Term, rank: int) -> tuple[list[Term], list[Atom]]:
    """The sums that are numbers beside the rest, and the rest: no einsum goes over both at once."""
    apart: list[Term] = []
    rest: list[Atom] = []
    groups = components(term.atoms, rank)
    for group in groups:
        letters = {c for a in group for c in a.index}
        if len(groups) > 1 and letters and min(letters) >= rank:
            names = {c: k for k, c in enumerate(sorted(letters))}
            atoms = tuple(a.renamed(names) for a in group)
            bound = tuple((names[c], size) for c, size in term.bound if c in letters)
            apart.append(replace(term, coefficient=ONE, atoms=atoms, bound=bound))
        else:
            rest += group
    return apart, rest


def _transposes(node: Node) -> int:
    """The number of transposes of matrices."""
    return sum(isinstance(part, Turned) and part.rank == 2 for part in all_parts(node))


def _turned_over(node: Node) -> Node:
    """The transpose of a part; signs and numbers stay outside."""
    if isinstance(node, Sum) and len(node.terms) == 1:
        return Sum(((node.terms[0][0], _turned_over(node.terms[0][1])),), node.rank)
    if isinstance(node, Scaled) and node.body is not None:
        return replace(node, body=_turned_over(node.body))
    return _turned(node)


def _factors(word: Word, atom: Atom, term: Term, total: Terms) -> list[Factor]:
    """An atom as factors of a network: a square that is summed alone is x'x."""
    others = {c for a in term.atoms if a is not atom for c in a.index}
    alone = len(set(atom.index)) == len(atom.index) and all(
        c >= total.rank and c not in others for c in atom.index
    )
    if alone and atom.power == TWO and len(atom.index) == 1:
        return [Factor((word,), atom.index)] * 2
    return [Factor((word,), atom.index, atom.power)]


def _number(node: Node, power: Fraction) -> Node:
    """A number to a power; the half of x'x is a norm."""
    root = _root(node)
    if root is not None and (power.denominator == 2 or isinstance(node, Power)):
        return powered(root, 2 * power)
    return powered(node, power)


def _root(node: Node) -> Node | None:
    """The norm whose square a number is, None where it is none."""
    if isinstance(node, Power) and isinstance(node.base, Call) and node.base.name == "norm2":
        return node.base if node.exponent == TWO else None
    square = square_of(node)
    return None if square is None else Call("norm2", (square,), 0)


def length_of(node: Node) -> Node:
    """The vector of a number that is its length or the square of it; any other part itself."""
    root = node if isinstance(node, Call) and node.name == "norm2" else _root(node)
    return root.arguments[0] if isinstance(root, Call) else node


def square_of(node: Node) -> Node | None:
    """The vector x of a number that is written x'x."""
    if not isinstance(node, Product) or node.rank or len(node.factors) % 2:
        return None
    half = len(node.factors) // 2
    left, right = node.factors[:half], node.factors[half:]
    from_left = tuple(_turned(f) for f in reversed(left))
    if from_left != right:
        return None
    return right[0] if half == 1 else Product(right, 1)


def _turned(node: Node) -> Node:
    return node.of if isinstance(node, Turned) else Turned(node, node.rank)


def _spelled(atoms: Iterable[Atom], rank: int) -> dict[int, str]:
    """A letter of an einsum for each letter of atoms: the free ones first, in order.

    Raises DerivantError where the term has more letters than an einsum.
    """
    letters = list(dict.fromkeys((*range(rank), *(c for a in atoms for c in a.index))))
    if len(letters) > len(EINSUM):
        raise DerivantError(
            f"a term has {len(letters)} indices; an einsum has letters for {len(EINSUM)}"
        )
    return dict(zip(letters, EINSUM, strict=False))


def _letter(c: int, letters: Sequence[str]) -> str:
    if c < len(letters):
        return letters[c]
    return f"{LETTERS[c % len(LETTERS)]}{c // len(LETTERS)}"
