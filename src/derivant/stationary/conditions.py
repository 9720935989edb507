"""What an answer needs of its data, and which matrices and numbers are seen to be positive.

A proof of positivity reads the normal form: a declared fact, a palindrome C' M C around something
positive, a sum of such terms. What cannot be proved becomes a condition, in words and checkable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from derivant.carriers.expr import Expr
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Form, Sum, Term, components, lowered
from derivant.stationary.algebra import formed, shown

POSITIVE = frozenset(("positive", "gt1", "big"))
INVERTIBLE = frozenset(("invertible", "symmetric-invertible", "spd", "orthonormal"))
EPSILON = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A property of an expression: full column rank, full row rank, definite, invertible, ..."""

    kind: str
    of: Expr

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.kind == other.kind and self.of is other.of

    def __hash__(self) -> int:
        return hash((self.kind, id(self.of)))

    def __str__(self) -> str:
        if self.kind == "tall":
            return f"{self.of.shape[1]} is at most {self.of.shape[0]}"
        what = shown(self.of)
        return f"{what} {WORDS[self.kind]}"

    def holds(self, value: npt.NDArray[np.float64]) -> bool:
        """Whether a value has the property, with a margin that rounding cannot reach."""
        if not np.all(np.isfinite(value)):
            return False
        return TESTS[self.kind](np.asarray(value))


def _full(value: npt.NDArray[np.float64], rank: int) -> bool:
    if min(value.shape) < rank:
        return False
    sizes = np.linalg.svd(value, compute_uv=False)
    return bool(rank == 0 or sizes[rank - 1] > 1e-3 * max(1.0, float(sizes[0])))


def _definite(value: npt.NDArray[np.float64]) -> bool:
    if not value.ndim:
        return bool(value > EPSILON)
    sizes = np.linalg.eigvalsh((value + value.T) / 2)
    return bool(sizes.size == 0 or sizes[0] > 1e-3 * max(1.0, float(sizes[-1])))


WORDS = {
    "column": "has full column rank",
    "row": "has full row rank",
    "definite": "is positive definite",
    "invertible": "is invertible",
    "positive": "is positive",
    "nonzero": "is not 0",
    "nonnegative": "is not negative",
    "tall": "has no more columns than rows",
}
TESTS: dict[str, Callable[[npt.NDArray[np.float64]], bool]] = {
    "column": lambda v: _full(v, v.shape[1]),
    "row": lambda v: _full(v, v.shape[0]),
    "definite": _definite,
    "invertible": lambda v: _full(v, len(v)) if v.ndim else bool(abs(v) > EPSILON),
    "positive": lambda v: bool(np.all(v > EPSILON)),
    "nonzero": lambda v: bool(np.linalg.norm(v) > EPSILON),
    "nonnegative": lambda v: bool(np.all(v >= 0)),
    "tall": lambda v: v.shape[0] >= v.shape[1],
}


def not_implied(needs: Sequence[Condition]) -> list[Condition]:
    """The conditions without those that a number is not 0 where it, or minus it, is positive."""
    strict = [c.of for c in needs if c.kind in ("positive", "definite")]
    known = [formed(x).to_expr() for of in strict for x in (of, RECORD.negative(of))]
    return [
        c
        for c in needs
        if c.kind not in ("invertible", "nonzero")
        or not any(formed(c.of).to_expr() is x for x in known)
    ]


@dataclass(frozen=True, slots=True)
class Sign:
    """How positive an expression is: strict, or not negative, and what that needs."""

    strict: bool
    needs: tuple[Condition, ...] = ()


def sign_of(expression: Expr) -> Sign | None:
    """The proof that a number is positive, or a matrix positive definite; None without one."""
    form = formed(expression)
    if not form.sum.terms:
        return Sign(False)
    return _sum_sign(form, form.sum)


def entries_sign(expression: Expr) -> Sign | None:
    """The proof that every entry of an array is positive, or not negative; None without one."""
    if not expression.shape:
        return sign_of(expression)
    form = formed(expression)
    found = []
    for term in form.sum.terms:
        if term.coefficient < 0:
            return None
        found += [_entry_sign(form, a) for a in term.atoms if a.payload is not None]
    signs = [s for s in found if s is not None]
    if len(signs) < len(found):
        return None
    return Sign(bool(form.sum.terms) and all(s.strict and not s.needs for s in signs))


def _sum_sign(form: Form, total: Sum) -> Sign | None:
    found = [_term_sign(form, total, term) for term in total.terms]
    signs = [s for s in found if s is not None]
    if len(signs) < len(found):
        return None
    sure = [s for s in signs if s.strict and not s.needs]
    if sure:
        return Sign(True)
    strict = [s for s in signs if s.strict]
    return Sign(True, strict[0].needs) if len(signs) == 1 and strict else Sign(False)


def _term_sign(form: Form, total: Sum, term: Term) -> Sign | None:
    if term.coefficient < 0:
        return None
    on_diagonal = any(a.payload is None and {*a.index} == {0, 1} for a in term.atoms)
    strict, needs = True, list[Condition]()
    for group in components(term.atoms, total.rank):
        atoms = tuple(group)
        found = _group_sign(form, atoms, total, on_diagonal)
        if found is None:
            return None
        strict = strict and found.strict
        needs += found.needs
    if total.rank == 2 and not any(c < 2 for a in term.atoms for c in a.index):
        return Sign(False)  # a positive number in every place: ones times ones'
    return Sign(strict, tuple(needs))


def _group_sign(form: Form, atoms: Sequence[Atom], total: Sum, on_diagonal: bool) -> Sign | None:
    free = {c for a in atoms for c in a.index if c < total.rank}
    if not free:
        return _number_sign(form, atoms)
    if total.rank != 2:
        return None
    if len(free) < 2 or any(a.payload is None for a in atoms):  # a diagonal matrix, or none
        vectors = [_entry_sign(form, a) for a in atoms if a.payload is not None]
        if not on_diagonal or any(v is None for v in vectors):
            return None
        return Sign(all(v.strict for v in vectors if v is not None))
    return _palindrome(form, _chain(atoms, 0, 1))


def _number_sign(form: Form, atoms: Sequence[Atom]) -> Sign | None:
    """The sign of a product of numbers, of a sum of positive entries, or of y' M y."""
    entries = [_entry_sign(form, a) for a in atoms]
    if all(e is not None for e in entries):
        return Sign(all(e.strict for e in entries if e is not None))
    if len(atoms) == 1 and atoms[0].power == 2 and atoms[0].payload is not None:
        return Sign(True, (Condition("nonzero", atoms[0].payload),))
    ends = [a for a in atoms if len(a.index) == 1]
    rest = [a for a in atoms if len(a.index) == 2]
    if len(ends) + len(rest) != len(atoms) or not rest:
        return None
    if not ends:  # ones on both sides
        loose = [c for a in rest for c in a.index if sum(b.index.count(c) for b in rest) == 1]
        return _palindrome(form, _chain(rest, *loose)) if len(loose) == 2 else None
    if len(ends) != 2 or ends[0].key[::2] != ends[1].key[::2]:
        return None
    found = _palindrome(form, _chain(rest, ends[0].index[0], ends[1].index[0]))
    payload = ends[0].payload
    if found is None or payload is None or not found.strict:
        return found
    return Sign(True, (*found.needs, Condition("nonzero", payload)))


def _entry_sign(form: Form, atom: Atom) -> Sign | None:
    """The sign of every entry of an atom."""
    payload = atom.payload
    if payload is None or not atom.power:
        return Sign(False)
    if atom.power.denominator == 1 and atom.power.numerator % 2 == 0 and not atom.index:
        return Sign(False) if atom.power > 0 else Sign(True)
    facts = {*payload.params.get("facts", ())}
    name = payload.primitive.name
    if facts & POSITIVE or name in ("exp", "sigmoid", "softmax", "softplus"):
        return Sign(True)
    if facts & {"unitint", "mask", "onehot", "simplex"} or name in ("abs", "relu", "vector_norm"):
        return Sign(False)
    if name == "broadcast_to" or name == "const":
        return _constant_sign(payload)
    inside = form.inside(payload)
    if inside is not None and not inside.rank:
        found = _sum_sign(form, inside)
        if found is not None:
            return found
    if name == "sum" and payload.inputs[0].primitive.name == "broadcast_to":
        return _constant_sign(payload.inputs[0])
    return None


def _constant_sign(payload: Expr) -> Sign | None:
    node = payload.inputs[0] if payload.inputs else payload
    value = np.asarray(node.params.get("value", -1.0))
    return Sign(bool(np.all(value > 0))) if np.all(value >= 0) else None


# Chains of matrices from one letter to another


def _chain(atoms: Sequence[Atom], start: int, stop: int) -> list[tuple[Atom, bool]] | None:
    """The matrices in order from a letter to another, each with whether it is transposed."""
    left, at, chain = list(atoms), start, list[tuple[Atom, bool]]()
    while left:
        step = next((a for a in left if len(a.index) == 2 and at in a.index and a.power == 1), None)
        if step is None:
            return None
        flipped = step.index[0] != at
        at = step.index[0] if flipped else step.index[1]
        chain.append((step, flipped))
        left = [a for a in left if a is not step]
    return chain if at == stop else None


def _palindrome(form: Form, chain: list[tuple[Atom, bool]] | None) -> Sign | None:
    """C' M C with M positive: definite where C has full column rank."""
    if chain is None:
        return None
    size = len(chain)
    for k in range(size // 2):
        (a, flipped), (b, other) = chain[k], chain[size - 1 - k]
        if a.payload is not b.payload or (flipped == other and not _symmetric(form, a)):
            return None
    needs: list[Condition] = []
    strict = True
    if size % 2:
        middle = _middle_sign(form, chain[size // 2][0])
        if middle is None:
            return None
        strict, needs = middle.strict, list(middle.needs)
    for atom, flipped in chain[: size // 2]:
        needs += _rank_needs(atom, flipped)
    return Sign(strict, tuple(needs))


def _symmetric(form: Form, atom: Atom) -> bool:
    return id(atom.payload) in form.context.namer.symmetric


def _rank_needs(atom: Atom, flipped: bool) -> tuple[Condition, ...]:
    """What makes y' C' nonzero for every y: on the left stands C', whose columns are C's rows."""
    assert atom.payload is not None
    facts = {*atom.payload.params.get("facts", ())}
    if facts & INVERTIBLE and not ("orthonormal" in facts and not flipped):
        return ()
    kind = "column" if flipped else "row"
    if f"full-{kind}-rank" in facts or _is_inverse(atom.payload):
        return ()
    square = atom.payload.shape[0] == atom.payload.shape[1]
    return (Condition("invertible" if square else kind, atom.payload),)


def _is_inverse(payload: Expr) -> bool:
    return payload.primitive.name == "inv"


def _middle_sign(form: Form, atom: Atom) -> Sign | None:
    payload = atom.payload
    assert payload is not None
    facts = {*payload.params.get("facts", ())}
    if "spd" in facts:
        return Sign(True)
    if "psd" in facts:
        return Sign(False)
    if "diagonal" in facts:
        return None
    if payload.primitive.name == "inv":
        inner = sign_of(payload.inputs[0])
        return (
            None
            if inner is None
            else Sign(
                True, inner.needs if inner.strict else (Condition("invertible", payload.inputs[0]),)
            )
        )
    inside = form.inside(payload)
    return None if inside is None else _sum_sign(form, inside)


def without_number(expression: Expr) -> Expr:
    """The expression without the number before it, in normal form."""
    form = formed(expression)
    if len(form.sum.terms) != 1:
        return form.to_expr()
    (term,) = form.sum.terms
    one = replace(term, coefficient=term.coefficient / term.coefficient)
    return formed(lowered(replace(form.sum, terms=(one,)))).to_expr()


def definite(expression: Expr) -> Condition:
    """The condition that a matrix is positive definite, or a number positive."""
    form = formed(expression)
    terms = form.sum.terms
    if len(terms) == 1:
        size = abs(terms[0].coefficient)
        terms = (replace(terms[0], coefficient=terms[0].coefficient / size),)
    one = formed(lowered(replace(form.sum, terms=terms))).to_expr()
    return Condition("definite" if expression.shape else "positive", one)


def needs_of(expression: Expr) -> tuple[bool, tuple[Condition, ...]]:
    """Whether a matrix or number is proved definite, and what makes it invertible."""
    for one in (expression, RECORD.negative(expression)):
        found = sign_of(one)
        if found is not None and found.strict:
            return True, found.needs
        if found is not None:
            return True, (_regular(one),)
    return False, (_regular(expression),)


def _regular(expression: Expr) -> Condition:
    kind = "invertible" if expression.shape else "nonzero"
    return Condition(kind, without_number(expression))
