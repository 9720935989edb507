"""A Jacobian of a matrix by a matrix as one matrix: d vec(F) = J d vec(X), columns stacked.

With F[i, j] and X[k, l], a term M[i, k] N[j, l] is kron(N, M); M[i, l] N[j, k] is
kron(N, M) K(m, n) with the commutation matrix, X of m by n; M[i, j] N[k, l] is vec(M) vec(N)'
(Magnus and Neudecker). A vector F[i] is a column: there N[l] is a row, and a_l M[i, k] is
kron(a', M).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count

from derivant.notation.document import Call, Node, Product, Scaled, Turned
from derivant.notation.matrix_form import Forms
from derivant.notation.signs import added, with_numbers
from derivant.notation.words import sized
from derivant.rewriting import Atom, Sum, Term, components

KRONECKER = ((0, 2), (1, 3))
COMMUTED = ((0, 3), (1, 2))
ONE = Fraction(1)
SIDES = ((0, 1), (2, 3))


def vec_form(forms: Forms, total: Sum) -> Node | None:
    """The document of a sum over three or four letters; None where a term does not split."""
    if total.rank not in (3, 4):
        return None
    if total.rank == 3:
        return _of_vector(forms, total)
    terms, swapped = list[tuple[int, Node]](), list[tuple[int, Node]]()
    flat = replace(total, shape=(total.shape[0], total.shape[2]))
    swap = Call("K", (sized(total.shape[2]), sized(total.shape[3])), 2)
    for term in total.terms:
        found = _term(forms, term, total)
        if found is None:
            return None
        part, is_swapped = found
        (swapped if is_swapped else terms).append((1 if term.coefficient > 0 else -1, part))
    if len(swapped) == 1:
        terms.append((swapped[0][0], _behind(swapped[0][1], swap)))
    elif swapped:
        terms.append((1, Product((added(swapped, flat), swap), 2)))
    return added(terms, flat)


def _of_vector(forms: Forms, total: Sum) -> Node | None:
    """The document of a sum over i of a vector and k, l of a matrix."""
    terms = list[tuple[int, Node]]()
    for term in total.terms:
        for pair, alone in (((0, 1), 2), ((0, 2), 1), ((1, 2), 0)):
            halves = _halves(term, (pair, (alone,)), 3)
            if halves is not None:
                break
        else:
            return None
        matrix = _half(forms, term, total, pair, halves[0])
        vector = _half(forms, term, total, (alone,), halves[1])
        if matrix is None or vector is None:
            return None
        row = Turned(vector, 1)
        body: Node = Call("kron", (row, matrix) if alone == 2 else (matrix, row), 2)
        if alone == 0:
            body = Product((vector, Turned(Call("vec", (matrix,), 1), 1)), 2)
        part = with_numbers(abs(term.coefficient), [], body, [])
        terms.append((1 if term.coefficient > 0 else -1, part))
    return added(terms, replace(total, shape=total.shape[:2]))


def _behind(node: Node, swap: Node) -> Node:
    """A product with the commutation matrix, numbers in front; the identity leaves it alone."""
    if isinstance(node, Scaled) and node.body is not None:
        return replace(node, body=_behind(node.body, swap))
    if isinstance(node, Call) and all(
        isinstance(x, Call) and x.name == "eye" for x in node.arguments
    ):
        return swap
    return Product((node, swap), 2)


def _term(forms: Forms, term: Term, total: Sum) -> tuple[Node, bool] | None:
    """A term without its sign, and whether the commutation matrix stands behind it."""
    own = _entry_by_entry(forms, term, total)
    if own is not None:
        return own, False
    for pairs in (KRONECKER, COMMUTED, SIDES):
        halves = _halves(term, pairs, 4)
        if halves is None:
            continue
        matrices = [
            _half(forms, term, total, pair, half) for pair, half in zip(pairs, halves, strict=True)
        ]
        if None in matrices:
            return None
        first, second = (m for m in matrices if m is not None)
        body: Node = Call("kron", (second, first), 2)
        if pairs == SIDES:
            body = Product((Call("vec", (first,), 1), Turned(Call("vec", (second,), 1), 1)), 2)
        return with_numbers(abs(term.coefficient), [], body, []), pairs == COMMUTED
    return None


def _entry_by_entry(forms: Forms, term: Term, total: Sum) -> Node | None:
    """M[i, j] delta[i, k] delta[j, l] is diag(vec(M))."""
    rest = [a for a in term.atoms if a.payload is not None]
    units = {a.index for a in term.atoms if a.payload is None}
    if units != {*KRONECKER} or not any({*a.index} & {0, 1} for a in rest):
        return None
    matrix = _half(forms, term, total, (0, 1), rest)
    if matrix is None:
        return None
    body = Call("diag", (Call("vec", (matrix,), 1),), 2)
    return with_numbers(abs(term.coefficient), [], body, [])


def _halves(term: Term, pairs: Sequence[tuple[int, ...]], rank: int) -> list[list[Atom]] | None:
    """The atoms by the pair of letters that they lead to; None where some lead to both."""
    halves: list[list[Atom]] = [[], []]
    for group in components(term.atoms, rank):
        free = {c for a in group for c in a.index if c < rank}
        places = [k for k, pair in enumerate(pairs) if free & {*pair}]
        if len(places) > 1:
            return None
        halves[places[0] if places else 0] += group
    return halves


def _half(
    forms: Forms, term: Term, total: Sum, pair: tuple[int, ...], atoms: Sequence[Atom]
) -> Node | None:
    """One factor over two letters, as a matrix, or over one, as a vector."""
    fresh = count(len(pair))
    names = {c: k for k, c in enumerate(pair)}
    sizes = dict(term.bound)
    carried = dict.fromkeys(c for a in atoms for c in a.index if c >= total.rank)
    names |= {c: next(fresh) for c in carried}
    bound = tuple((names[c], sizes[c]) for c in carried)
    inner = Term(ONE, tuple(a.renamed(names) for a in atoms), bound)
    shape = tuple(total.shape[c] for c in pair)
    return forms.matrix(Sum(shape, total.dtype, (inner,)))
