"""The normal form of an expression: sums of contractions, laws applied until none changes it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.rewriting.context import (
    LONGEST_INLINED,
    LONGEST_SHARED,
    Context,
    Fresh,
    Step,
)
from derivant.rewriting.indexed import ONE, Atom, Index, Sum, Term
from derivant.rewriting.laws import RULES
from derivant.rewriting.lowering import lowered
from derivant.rewriting.reader import Reader
from derivant.rewriting.regions import Kind, Regions

KEEPS_SYMMETRY = ("inv", "expm")  # f(A') = f(A)'
MOST_STEPS = 200  # each law settles or shortens the sum; so many would be a fault of ours


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """An expression in normal form: the sum, the sums behind its payloads, and how it was found."""

    sum: Sum
    context: Context

    @property
    def steps(self) -> tuple[Step, ...]:
        """The rewrites that were applied, in order."""
        return tuple(self.context.steps)

    def to_expr(self) -> Expr:
        """The expression that evaluates the normal form."""
        return lowered(self.sum)

    def inside(self, payload: Expr) -> Sum | None:
        """The sum that a payload or an operand of one is; None for leaves and functions."""
        known = self.context.opened.get(id(payload))
        return None if known is None else known[1]


def normal_form(expression: Expr) -> Expr:
    """The expression in normal form: one expression for all that the laws make equal.

    Products are contractions, unit tensors and bound letters are settled, like terms added, common
    factors extracted; sums inside products stay whole.

    >>> from derivant.carriers.trace import trace_graph
    >>> e = trace_graph(lambda x, A: A @ x + A.T @ x, "n", "n n")
    >>> [node.primitive.name for node in (normal_form(e), *normal_form(e).inputs)]
    ['matmul', 'add', 'variable']
    """
    return form_of(expression).to_expr()


def form_of(expression: Expr, context: Context | None = None) -> Form:
    """The normal form with its parts and the log of the rewrites; in a context that knows others.

    >>> from derivant.carriers.trace import trace_graph
    >>> form = form_of(trace_graph(lambda x, A: A @ x + A.T @ x, "n", "n n"))
    >>> [step.rule for step in form.steps]
    ['like terms are added', 'a common factor is extracted']
    """
    regions = Regions([expression])
    known = Context(normalised, regions.most_terms) if context is None else context
    forms: dict[int, Sum] = {}

    def powered(node: Expr, index: Index, power: Fraction, fresh: Fresh) -> Term | None:
        short = regions.is_deep or id(node) in regions.large
        longest = LONGEST_SHARED if short else LONGEST_INLINED
        return known.factor(forms[id(node)], index, power, fresh, longest)

    reader = Reader(regions, powered)
    for node in regions.nodes:
        if id(node) in regions.whole:
            if regions[node].kind is Kind.ATOM:
                forms[id(node)] = _atom(node, forms, known)
            else:
                forms[id(node)] = normalised(known, reader.read(node))
    return Form(forms[id(expression)], known)


def normalised(context: Context, total: Sum) -> Sum:
    """The sum with the first law that changes it applied, until none does; all changes logged."""
    key = total.key
    for _ in range(MOST_STEPS):
        for rule in RULES:
            after = rule.rewrite(context, total)
            changed = key if after is total else after.key
            if changed != key:
                context.steps.append(Step(rule.name, total, after))
                total, key = after, changed
                break
        else:
            return total
    raise DerivantError(f"the laws do not settle on a form of {len(total.terms)} terms")


def _atom(node: Expr, forms: dict[int, Sum], context: Context) -> Sum:
    """A node that is no contraction, on operands in normal form, as one factor."""
    row, payload = node.primitive, node
    if row.outputs > 1:  # nothing but its parts is a factor
        return Sum((), np.dtype(np.float64), ())
    index: Index = tuple(range(len(node.shape)))
    if row.family == "elementwise" and len(node.inputs) == 1 and not node.levels:
        operand, index = context.upright(forms[id(node.inputs[0])])
        payload = Expr.derivant_apply(row, (operand,), node.params)
    elif node.inputs and not node.levels and row.family not in ("structure", "level"):
        operands = tuple(_restored(x, forms, context) for x in node.inputs)
        if any(new is not old for new, old in zip(operands, node.inputs, strict=True)):
            payload = Expr.derivant_apply(row, operands, node.params)
    context.note(payload)
    if row.name in KEEPS_SYMMETRY and not node.levels and len(node.shape) == 2:
        context.note_function(payload, forms[id(node.inputs[0])])
    return Sum(tuple(node.shape), node.dtype, (Term(ONE, (Atom(payload, index),)),))


def _restored(node: Expr, forms: dict[int, Sum], context: Context) -> Expr:
    """An operand of a function in normal form; a leaf stays itself."""
    if not node.inputs or id(node) not in forms:
        return node
    return context.remembered(forms[id(node)])
