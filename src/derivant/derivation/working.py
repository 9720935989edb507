"""What the lines of a derivation share: the problem without facts, names, letters, texts.

Facts are left out while a derivation is worked, so that each is used in a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.cuts import names_in, variables_of
from derivant.derivation.kinks import requirements
from derivant.derivation.lines import Line
from derivant.notation import Forms, Node
from derivant.notation.dimensions import Sizes, dimension_checks
from derivant.notation.index_form import (
    IndexForms,
    Marks,
    derivation_text,
    letters_beside,
    subscripted,
)
from derivant.primitives import RECORD
from derivant.rewriting import Atom, Form, Sum, Term, form_of
from derivant.rewriting.laws import powers_joined
from derivant.rewriting.plainer import plainer
from derivant.rewriting.regions import SIGNS, exponent_of

ONE = Fraction(1)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MOST_SUMMANDS = 16
SOURCES = {
    "write": "definition of the products", "name": "chain rule", "chain rule": "chain rule",
    "one entry": "product rule and chain rule of numbers",
    "∂": "entries are variables of their own", "δ": "Σ_j δ_ij a_j = a_i",
    "count": "a sum of n ones is n", "sums as": "definition of the matrix product",
    "all": "definition of the matrix product", "in matrix": "definition of the matrix product",
    "put": "substitution", "like": "distributive law", "the rules": "chain rule",
    "g =": "definition", "entries that": "Matrix Cookbook 138", "the gradient": "arXiv 1911.06491",
}  # fmt: skip
GRADIENTS = ("g", "G", "grad")
LOSSES = ("L", "J", "E")
VALUES = (("f", "g", "F", "J"), ("y", "f", "u", "g"), ("Y", "F", "Z", "U"))


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What was differentiated: the value and the variable, the upstream gradient, given names."""

    value: Expr
    variable: Expr
    upstream: Expr | None = None
    names: Mapping[str, Expr] = field(default_factory=dict)
    structured: str = "none"


class Working:
    """A problem without its facts, and the words in which its lines are written."""

    __slots__ = (
        "_back", "gradient_of", "label", "letters", "loss", "name", "names", "problem", "shown",
        "taken", "value", "variable", "x",
    )  # fmt: skip

    def __init__(self, problem: Problem, gradient_of: str = "", label: str = "") -> None:
        self.problem, self.gradient_of = problem, gradient_of
        all_of = variables_of([problem.value, problem.variable])
        plain = {v: symbol(v.params["name"], v.shape, v.dtype) for v in all_of}
        self._back = {new: old for old, new in plain.items() if new is not old}
        forward = {old: new for new, old in self._back.items()}
        nodes = replaced([problem.value, problem.variable, *problem.names.values()], forward)
        self.shown = nodes[0]
        self.value, self.variable, *named = replaced(nodes, squares_of_norms(nodes))
        self.x = str(problem.variable.params["name"])
        self.names = list(zip(problem.names, named, strict=True))
        ends = [self.value] if problem.upstream is None else [self.value, problem.upstream]
        self.taken = [*names_in([*ends, self.variable]), *problem.names]
        self.letters = letters_beside(self.taken)
        self.name = self._value_name()
        free = (n for n in LOSSES if n not in self.taken)
        self.loss = self.name if problem.upstream is None else next(free, "loss")
        self.label = label or f"∂{self.loss}/∂{subscripted(self.x, '')}"

    def _value_name(self) -> str:
        """The name of the value: the user's, else one that is free."""
        given = next((n for n, node in self.names if node is self.value), "")
        pool = GRADIENTS if self.gradient_of else VALUES[min(len(self.value.shape), 2)]
        return given or next((n for n in pool if n not in self.taken), "value")

    @property
    def has_facts(self) -> bool:
        """Whether a fact of a variable has been left out."""
        return bool(self._back)

    def free(self, rank: int) -> list[str]:
        """Letters of an entry of the value, i and j by custom."""
        return self.letters[:rank]

    def own(self, rank: int) -> list[str]:
        """Letters of an entry of the variable, k and l by custom."""
        start = self.letters.index("k") if "k" in self.letters else 2
        chosen = [*self.letters[start:], *self.letters[:start]]
        beside = self.free(len(self.value.shape))
        return [c for c in chosen if c not in beside][:rank]

    def restored(self, expression: Expr) -> Expr:
        """An expression in the variables of the formula, facts and all."""
        return replaced([expression], self._back)[0]

    def line(
        self, rule: str, before: str, after: str, left: Expr, right: Expr, **more: object
    ) -> Line:
        """A line with both sides in the variables of the formula."""
        sides = self.restored(left), self.restored(right)
        index = f"{before} = {after}" if after else ""
        source = next((text for start, text in SOURCES.items() if rule.startswith(start)), "")
        more.setdefault("source", source)
        fields: Any = {"index": index, **more}
        return Line(rule, before, after, *sides, **fields)

    def matrix(self, form: Form) -> Node | None:
        """A form in matrix notation, None where it has none."""
        return Forms(form).matrix(form.sum)

    def entries(self, form: Form, marks: Marks | None = None) -> IndexForms:
        """The writer of a form's entries."""
        return IndexForms(form, self.taken, marks)

    def index_text(self, form: Form, free: Sequence[str], total: Sum | None = None) -> str:
        """An entry of a form as text."""
        return derivation_text(self.entries(form).entry(total or form.sum, free))


def squares_of_norms(expressions: Sequence[Expr]) -> dict[Expr, Expr]:
    """norm2(r)^2 = sum of r_i^2, for every square of a norm in expressions."""
    found = {}
    for node in ancestors(expressions):
        if exponent_of(node) == 2 and node.inputs[0].primitive.name == "vector_norm":
            norm = node.inputs[0]
            (r,) = norm.inputs
            if norm.params["ord"] == 2.0 and not norm.params["keepdims"]:
                axis = norm.params["axis"]
                found[node] = RECORD.sum(RECORD.multiply(r, r), axis=axis, keepdims=False)
    return found


def written(expression: Expr) -> Form:
    """An expression as a sum of contractions as it stands, factors from left to right."""
    plain = plainer(expression)
    forms = [(form_of(part, as_written=True), sign) for part, sign in summands(plain)]
    context, terms = forms[0][0].context, list[Term]()
    for form, sign in forms:
        context.opened.update(form.context.opened)
        context.namer.symmetric.update(form.context.namer.symmetric)
        joined = _joined(Form(form.sum, context), form.sum)
        terms += [term.scaled(sign) for term in joined.terms]
    terms.sort(key=lambda term: -len(term.atoms))
    return Form(Sum(plain.shape, plain.dtype, tuple(terms)), context)


def summands(expression: Expr) -> list[tuple[Expr, Fraction]]:
    """What an expression adds, from left to right, each with its sign."""
    found, stack = list[tuple[Expr, Fraction]](), [(expression, Fraction(1))]
    while stack:
        node, sign = stack.pop()
        signs = SIGNS.get(node.primitive.name)
        whole = all(x.shape == node.shape for x in node.inputs)
        if signs is None or not whole or len(found) + len(stack) > MOST_SUMMANDS:
            found.append((node, sign))
            continue
        parts = zip(node.inputs, signs, strict=True)
        stack += reversed([(x, sign * own) for x, own in parts])
    return found


def _joined(form: Form, total: Sum) -> Sum:
    """Letters by first appearance, powers joined, sums that are a factor alone written out."""
    terms = []
    for term in total.terms:
        turned = Term(term.coefficient, term.atoms[::-1], term.bound)
        terms.append(_opened(form, turned, total))
    joined = powers_joined(form.context, Sum(total.shape, total.dtype, tuple(terms)))
    terms = [_opened(form, term, total) for term in joined.terms]
    joined = powers_joined(form.context, Sum(total.shape, total.dtype, tuple(terms)))
    return Sum(total.shape, total.dtype, tuple(renumbered(t, total.rank) for t in joined.terms))


def _opened(form: Form, term: Term, total: Sum) -> Term:
    """A term with numbers inside it that are one product, such as x'x, written out."""
    number, atoms, bound = term.coefficient, list[Atom](), list(term.bound)
    free = 1 + max([total.rank, *(c for c, _ in term.bound)])
    for atom in term.atoms:
        inside = None if atom.payload is None else form.inside(atom.payload)
        if inside is None or atom.index or atom.power != 1 or len(inside.terms) != 1:
            atoms.append(atom)
            continue
        (inner,) = inside.terms
        names = {c: free + k for k, (c, _) in enumerate(inner.bound)}
        free += len(names)
        number *= inner.coefficient
        atoms += [a.renamed(names) for a in inner.atoms]
        bound += [(names[c], size) for c, size in inner.bound]
    return Term(number, tuple(atoms), tuple(bound))


def renumbered(term: Term, rank: int) -> Term:
    """A term with its bound letters in order of appearance."""
    sizes = dict(term.bound)
    order = dict.fromkeys(c for a in term.atoms for c in a.index if c in sizes)
    names = {c: rank + k for k, c in enumerate(order)}
    bound = tuple((names[c], sizes[c]) for c in order)
    return Term(term.coefficient, tuple(a.renamed(names) for a in term.atoms), bound)


def known_shapes(expressions: Iterable[Expr]) -> dict[str, Sizes]:
    """The sizes of all symbols of expressions by name."""
    return {
        str(v.params["name"]): tuple(map(str, v.shape))
        for v in ancestors(list(expressions))
        if v.primitive.name == "variable"
    }


def dimensions_of(node: Node | None, form: Form) -> str:
    """The check of the products of a document."""
    if node is None:
        return ""
    seen = [form.to_expr()]
    for term in form.sum.terms:
        seen += [a.payload for a in term.atoms if a.payload is not None]
    return ", ".join(dimension_checks(node, known_shapes(seen))[:2])


def conditions_of(form: Form, *definitions: Expr) -> tuple[str, ...]:
    """What must hold for a line: what the laws noted, and what its functions need."""
    writer = IndexForms(form)
    found = []
    for condition in form.context.conditions.values():
        text = derivation_text(writer.whole(condition.payload))
        found.append(f"{text} {'not 0' if condition.kind == 'nonzero' else condition.kind}")
    for kind, operand in requirements(definitions):
        try:
            inside = form_of(plainer(operand))
            found.append(f"{derivation_text(Forms(inside).best(inside.sum))} {kind}")
        except DerivantError:
            continue
    return tuple(dict.fromkeys(found))


def unit(variable: Expr) -> Expr:
    """∂x/∂x as an expression: a unit tensor for each axis."""
    rank = len(variable.shape)
    atoms = tuple(Atom(None, (k, k + rank)) for k in range(rank))
    total = Sum((*variable.shape, *variable.shape), variable.dtype, (Term(ONE, atoms),))
    return Form(total, form_of(variable).context).to_expr()


def paired(upstream: Expr, value: Expr) -> Expr:
    """The number that an upstream gradient gives a value: the sum of G times Y, entry by entry."""
    product = RECORD.multiply(upstream, value)
    axes = tuple(range(-len(value.shape), 0))
    found: Expr = RECORD.sum(product, axis=axes, keepdims=False) if axes else product
    return found


def contracted(left: Expr, right: Expr, shared: int) -> Expr:
    """Two arrays multiplied and summed over the last axes of one, the first of the other."""
    first, middle = LETTERS[: left.ndim - shared], LETTERS[left.ndim - shared : left.ndim]
    last = LETTERS[left.ndim : left.ndim + right.ndim - shared]
    found: Expr = RECORD.einsum(left, right, spec=f"{first}{middle},{middle}{last}->{first}{last}")
    return found


def ones_like(node: Expr) -> Expr:
    """Ones of the shape of a node."""
    one = symbol_one(node)
    found: Expr = RECORD.broadcast_to(one, shape=node.shape) if node.shape else one
    return found


def symbol_one(node: Expr) -> Expr:
    """The number 1 in the dtype of a node."""
    from_one: Expr = node.lifted(node.dtype.type(1))
    return from_one
