"""What the laws share while forms are made: labels, the sums inside parentheses, the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

from derivant.base.dims import Size
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr
from derivant.rewriting.canonical import Namer
from derivant.rewriting.indexed import ONE, Atom, Index, Letter, Sum, Term, is_moderate
from derivant.rewriting.labels import Labels
from derivant.rewriting.lowering import lowered
from derivant.rewriting.measure import Sizes
from derivant.rewriting.regions import LARGEST_EXPONENT
from derivant.rewriting.rule import Rule

Fresh: TypeAlias = Callable[[Size], Letter]
LONGEST_INLINED = 64  # factors of a form that is written out where it is used
LONGEST_SHARED = 8  # the same for a form that is used often because it is large
SYMMETRIC_FACTS = ("symmetric", "symmetric-invertible", "spd", "psd", "diagonal", "distance")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One rewrite that was applied: the name of its rule, the sum before it and after it."""

    rule: str
    before: Sum
    after: Sum


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What must hold of an expression for a form to be equal to what it was made from."""

    kind: str
    payload: Expr


class Context:
    """Turns a sum into a factor, remembers the sum of each payload, and keeps the log."""

    __slots__ = (
        "_laws",
        "_lowered",
        "_oriented",
        "conditions",
        "exponents",
        "forms",
        "is_deep",
        "namer",
        "normalised",
        "opened",
        "operands",
        "rebuilt",
        "sizes",
        "steps",
        "tries",
        "trying",
    )

    def __init__(
        self,
        normalised: Callable[[Context, Sum], Sum],
        laws: Mapping[str, Sequence[Rule[Context, Any, Sum | None]]],
        is_deep: bool = False,
    ) -> None:
        self._laws = laws
        self.namer = Namer(Labels(), set())
        self.normalised = normalised
        self.is_deep = is_deep  # of a graph so large that it is settled and hardly shortened
        self.opened: dict[int, tuple[Expr, Sum]] = {}
        self.operands: dict[int, tuple[Expr, Sum]] = {}  # what functions are taken of
        self.exponents: dict[int, tuple[Expr, Sum, Sum]] = {}  # u and v of each u^v
        self.rebuilt: dict[int, Expr] = {}  # nodes of several results on operands in normal form
        self.sizes = Sizes()
        self.forms: dict[object, tuple[Sum, Sum]] = {}  # normal forms by the keys of sums
        self.tries: dict[object, tuple[Sum, Sum]] = {}
        self.trying = False  # whether what is made is a try only
        self.steps: list[Step] = []
        self.conditions: dict[tuple[str, int], Condition] = {}
        self._lowered: dict[object, tuple[Sum, Expr]] = {}  # by the id of a sum, and by its key
        self._oriented: dict[int, tuple[Expr, tuple[Fraction, Expr, bool]]] = {}

    def laws_of(self, row: str) -> Sequence[Rule[Context, Any, Sum | None]]:
        """The laws of a function."""
        return self._laws.get(row, ())

    def require(self, kind: str, payload: Expr) -> None:
        """Note that what is shown holds only where `payload` is so: "nonzero", "invertible"."""
        self.conditions[kind, id(payload)] = Condition(kind, payload)

    def follow(self, before: Context, names: Mapping[Expr, Expr] | None = None) -> None:
        """Put the rewrites of what was worked on before in front, and take over its conditions."""
        self.steps[:0] = before.steps
        for known in before.conditions.values():
            payload = replaced([known.payload], dict(names))[0] if names else known.payload
            self.require(known.kind, payload)

    def inside(self, payload: Expr | None) -> Sum | None:
        """The sum that a payload stands for; None for leaves and functions."""
        known = self.opened.get(id(payload))
        return None if known is None else known[1]

    def operand(self, payload: Expr | None) -> Sum | None:
        """What a function is taken of; None for what is no function of one operand."""
        known = self.operands.get(id(payload))
        return None if known is None else known[1]

    def enter(self, payload: Expr, operand: Sum) -> None:
        """Learn what a function is taken of."""
        self.operands[id(payload)] = (payload, operand)
        if not self.is_deep:
            self.sizes.enter(payload, operand, 2)

    def note(self, leaf: Expr) -> None:
        """Learn the facts of a leaf, and that a function of a symmetric matrix is symmetric."""
        declared = any(fact in SYMMETRIC_FACTS for fact in leaf.params.get("facts", ()))
        if declared or (leaf.primitive.name == "matrix_function" and len(leaf.shape) == 2):
            self.namer.symmetric.add(id(leaf))

    def note_function(self, payload: Expr, operand: Sum) -> None:
        """Learn that a function of a symmetric matrix is symmetric."""
        turned = self._turned(operand) if operand.shape[0] == operand.shape[1] else None
        if turned is not None and self.lowered(turned) is self.lowered(operand):
            self.namer.symmetric.add(id(payload))

    def factor(
        self,
        form: Sum,
        index: Index,
        power: Fraction,
        fresh: Fresh,
        longest: int = LONGEST_INLINED,
    ) -> Term | None:
        """A form to a power as a factor with these letters; None where it is zero."""
        if not form.terms and power > 0:
            return None
        whole = power is ONE or (power.denominator == 1 and abs(power) <= LARGEST_EXPONENT)
        if not all(is_moderate(t.coefficient) for t in form.terms):
            return Term(ONE, (Atom(self.remembered(form), index, power),))
        if len(form.terms) == 1 and len(form.terms[0].atoms) <= longest:
            term = form.terms[0]
            if power is ONE or power == 1 or _is_one_atom(form):
                return _raised(_placed(term, index, fresh), power)
            if whole and not term.bound and not any(a.payload is None for a in term.atoms):
                return _raised(_placed(term, index, fresh), power)
            numbers = tuple(a for a in term.atoms if not a.index and a.payload is not None)
            if whole and numbers:  # (c a'x)^p = c^p (a'x)^p
                rest = tuple(a for a in term.atoms if a not in numbers)
                form = replace(form, terms=(replace(term, atoms=rest),))
                found = self.factor(self.normalised(self, form), index, power, fresh, longest)
                apart = _raised(Term(ONE, numbers), power).atoms
                return found and replace(found, atoms=(*apart, *found.atoms))
        slim, kept = form.slim()
        if len(kept) < form.rank:
            letters = tuple(index[c] for c in kept)
            return self.factor(self.normalised(self, slim), letters, power, fresh, longest)
        if not whole or not form.terms:
            return Term(ONE, (Atom(self.remembered(form), index, power),))
        number, payload, flipped = self.payload(form)
        letters = index[::-1] if flipped else index
        return Term(number**power.numerator, (Atom(payload, letters, power),))

    def lowered(self, form: Sum) -> Expr:
        """The expression of a form; that of the same form, or of one like it, once."""
        known = self._lowered.get(id(form))
        if known is None:
            key = None if self.is_deep else form.key  # hardly anything is alike there
            known = self._lowered.get(key) or (form, lowered(form))
            if key is not None:
                self._lowered[key] = known
            self._lowered[id(form)] = form, known[1]
        return known[1]

    def remembered(self, form: Sum) -> Expr:
        """A form as an expression whose sum can be asked for."""
        whole = self.lowered(form)
        if not any(a.payload is whole for t in form.terms for a in t.atoms):
            self._open(whole, form)
        return whole

    def _open(self, payload: Expr, form: Sum) -> None:
        """Learn the sum that a payload stands for; its size where laws will ask for it."""
        self.opened[id(payload)] = (payload, form)
        if not self.is_deep:
            self.sizes.enter(payload, form)

    def payload(self, form: Sum) -> tuple[Fraction, Expr, bool]:
        """A form as a number times one expression, which may stand for its transpose."""
        whole = self.lowered(form)
        known = self._oriented.get(id(whole))
        if known is None:
            known = self._oriented[id(whole)] = (whole, self._best(form))
        return known[1]

    def upright(self, form: Sum) -> tuple[Expr, Index]:
        """What a function is taken of entry by entry, and the letters of its axes.

        Axes along which it is the same are left out; a matrix may stand for its transpose.
        """
        form, index = form.slim()
        expr = self.remembered(form)
        if form.rank != 2:
            return expr, index
        turned = self._turned(form)
        other = self.remembered(turned)
        if other is not expr and self._ease(turned, other) < self._ease(form, expr):
            return other, index[::-1]
        return expr, index

    def _turned(self, form: Sum) -> Sum:
        return self.tried(form.transposed())

    def tried(self, form: Sum) -> Sum:
        """A sum in normal form; a look from another side is no step."""
        return self.without_steps(lambda: self.normalised(self, form))

    def without_steps(self, look: Callable[[], Sum]) -> Sum:
        """What a look gives, its rewrites not logged."""
        steps, self.steps = self.steps, []
        found = look()
        self.steps = steps
        return found

    def _best(self, form: Sum) -> tuple[Fraction, Expr, bool]:
        number, one, expr = self._signed(form)
        choice = number, expr, False
        if form.rank == 2:
            turned, other, back = self._signed(self._turned(form))
            if back is expr and turned == number:
                self.namer.symmetric.add(id(expr))
            elif self._ease(other, back) < self._ease(one, expr):
                choice, one = (turned, back, True), other
        if all(a.payload is not choice[1] for t in one.terms for a in t.atoms):
            self._open(choice[1], one)
        return choice

    def _signed(self, form: Sum) -> tuple[Fraction, Sum, Expr]:
        """A form without its number: that of a single term, or the sign of the first of several."""
        first = form.terms[0].coefficient
        number = first if len(form.terms) == 1 else ONE if first > 0 else -ONE
        if number == 1:
            return number, form, self.lowered(form)
        one = replace(form, terms=tuple(t.scaled(1 / number) for t in form.terms))
        return number, one, self.lowered(one)

    def _ease(self, form: Sum, expr: Expr) -> tuple[object, ...]:
        """How well the axes stand: the first axis first in its factor, the second one last."""
        turned = sum(
            (a.index[0] == 1) + (a.index[1] == 0)
            for t in form.terms
            for a in t.atoms
            if len(a.index) == 2
        )
        return turned, self.namer.labels.of(expr)


def _is_one_atom(form: Sum) -> bool:
    """Whether a form is one entry of one expression, without number or power."""
    term = form.terms[0]
    if term.coefficient != 1 or term.bound or len(term.atoms) != 1:
        return False
    return term.atoms[0].payload is not None and term.atoms[0].power == 1


def _placed(term: Term, index: Index, fresh: Fresh) -> Term:
    """A term with these letters for its free ones and new ones for those that are bound."""
    names = dict(enumerate(index))
    bound = []
    for c, size in term.bound:
        names[c] = fresh(size)
        bound.append((names[c], size))
    return Term(term.coefficient, tuple(a.renamed(names) for a in term.atoms), tuple(bound))


def _raised(term: Term, power: Fraction) -> Term:
    if power is ONE or power == 1:
        return term
    atoms = tuple(replace(a, power=a.power * power) for a in term.atoms)
    # a number that is not 1 comes here with whole powers only
    return Term(term.coefficient**power.numerator, atoms, term.bound)
