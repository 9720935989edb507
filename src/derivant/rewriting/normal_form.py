"""The normal form of an expression: sums of contractions, laws applied until none changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.primitives.matrix_functions import slope_of
from derivant.rewriting.conditions import conditions_of
from derivant.rewriting.context import (
    LONGEST_INLINED,
    LONGEST_SHARED,
    Condition,
    Context,
    Fresh,
    Step,
)
from derivant.rewriting.expanding import shortened
from derivant.rewriting.functions import applied, same
from derivant.rewriting.indexed import ONE, Atom, Index, Sum, Term
from derivant.rewriting.laws import (
    DEEP_RULES,
    FUNCTION_RULES,
    MULTIPLIED_OUT,
    RULES,
    SETTLING_RULES,
    Rule,
    like_terms_added,
)
from derivant.rewriting.placing import selected, spread
from derivant.rewriting.reader import Reader
from derivant.rewriting.regions import Kind, Regions
from derivant.rewriting.settling import settled
from derivant.rewriting.triangles import is_triangle

SLOPES = ("expm", "matrix_function")  # of two operands: how they move along the second
UNIT = Term(ONE, ()).key
OF_ONE = ("inv", "det", "logdet", "expm", "logsumexp", "softmax", "prod")
MOST_READINGS = 4  # of one expression
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

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must hold of the variables where the form is read, beyond the declared facts."""
        return conditions_of(self.context, self.sum)

    def to_expr(self) -> Expr:
        """The expression that evaluates the normal form."""
        return self.context.lowered(self.sum)

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


def form_of(expression: Expr, as_written: bool = False, context: Context | None = None) -> Form:
    """The normal form with its parts and the log of the rewrites; in a context that knows others.

    `as_written` reads the sum itself as it stands: only its letters are settled.

    >>> from derivant.carriers.trace import trace_graph
    >>> form = form_of(trace_graph(lambda x, A: A @ x + A.T @ x, "n", "n n"))
    >>> [step.rule for step in form.steps]
    ['like terms are added', 'a common factor is extracted']
    """
    regions = Regions([expression])
    flat = spread(regions.nodes, expression)
    if flat is not expression:
        expression, regions = flat, Regions([flat])
    laws = {} if regions.is_deep else FUNCTION_RULES
    known = context or Context(normalised, laws, regions.is_deep)
    total = _form(expression, regions, known, as_written)
    for _ in range(MOST_READINGS):
        if as_written or regions.is_deep or not regions.large:
            break
        # what is too large to be written out was judged by the graph; now by the form
        again = known.lowered(total)
        again = spread(ancestors([again]), again)
        if again is expression:
            break
        expression, regions = again, Regions([again])
        total = _form(expression, regions, known, as_written)
    return Form(total, known)


def _form(expression: Expr, regions: Regions, known: Context, as_written: bool) -> Sum:
    """The sum of an expression whose regions are known, operands first."""
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
            elif as_written and node is expression:
                forms[id(node)] = settled(reader.read(node))
            else:
                forms[id(node)] = normalised(known, reader.read(node))
    return forms[id(expression)]


def normalised(context: Context, total: Sum) -> Sum:
    """The sum with the first law that changes it applied, until none does; all changes logged."""
    key, forms = total.key, context.tries if context.trying else context.forms
    known = forms.get(key)
    if known is not None:
        return known[1]
    found = _settled(context, total, key)
    if not (context.trying or context.is_deep):
        shorter = context.without_steps(lambda: shortened(context, found, _cancelled, _settled))
        if shorter is not found:
            context.steps.append(Step(MULTIPLIED_OUT, found, shorter))
            found = shorter
    forms[key] = (total, found)
    return found


def _cancelled(context: Context, total: Sum) -> Sum:
    return _applied(context, total, total.key, SETTLING_RULES)


def _settled(context: Context, total: Sum, key: object = None) -> Sum:
    rules = DEEP_RULES if context.is_deep else RULES
    return _applied(context, total, total.key if key is None else key, rules)


def _applied(
    context: Context, total: Sum, key: object, rules: Sequence[Rule[Context, Sum, Sum]]
) -> Sum:
    """The first rule that changes the sum applied, again and again.

    Terms that were only named and added give nothing to the rules before that.
    """
    start, marks = 0, total.marks
    for _ in range(MOST_STEPS):
        for place in range(start, len(rules)):
            rule = rules[place]
            if rule.rows and rule.rows.isdisjoint(marks):
                continue
            after = rule.rewrite(context, total)
            if after is total:
                continue
            changed = after.key
            if changed != key:
                context.steps.append(Step(rule.name, total, after))
                total, key, marks = after, changed, after.marks
                start = place + 1 if rule.rewrite is like_terms_added else 0
                break
        else:
            return total
    raise DerivantError(f"the laws do not settle on a form of {len(total.terms)} terms")


def _atom(node: Expr, forms: dict[int, Sum], context: Context) -> Sum:
    """A node that is no contraction, on operands in normal form, as one factor."""
    row, payload = node.primitive, node
    if selected(node) is not None or is_triangle(node):
        return Sum(tuple(node.shape), node.dtype, (Term(ONE, (Atom(node, _axes(node)),)),))
    if row.outputs > 1:  # nothing but its parts is a factor
        context.rebuilt[id(node)] = _on_forms(node, forms, context)
        return Sum((), np.dtype(np.float64), ())
    if row.name == "part":
        whole = context.rebuilt[id(node.inputs[0])]
        payload = Expr.derivant_apply(row, (whole,), node.params)
    index = _axes(node)
    simple = row.family == "elementwise" or (row.name in OF_ONE and _is_plain(node))
    if len(node.inputs) == 1 and not node.levels and simple:
        return applied(context, row.name, forms[id(node.inputs[0])], **node.params)
    if row.name == "where" and not node.levels:
        one, other = (forms.get(id(x)) for x in node.inputs[1:])
        if one is not None and other is not None and _is_same(one, other, node):
            return one
    if row.name in SLOPES and len(node.inputs) == 2:
        multiple = _of_identity(forms[id(node.inputs[1])])
        if multiple is not None:
            return context.normalised(context, _times(_slope(node, forms, context), multiple))
    if node.inputs and not node.levels and row.family not in ("structure", "level"):
        payload = _on_forms(node, forms, context)
    if row.name == "pow" and not node.levels:
        base, exponent = (forms[id(x)] for x in node.inputs)
        if len(base.terms) == 1 and base.terms[0].key == UNIT:
            return Sum(tuple(node.shape), node.dtype, base.terms)  # 1^y = 1
        context.exponents[id(payload)] = (payload, base, exponent)
    context.note(payload)
    return Sum(tuple(node.shape), node.dtype, (Term(ONE, (Atom(payload, index),)),))


def _is_same(one: Sum, other: Sum, node: Expr) -> bool:
    """Whether both branches of a choice are one, and of its shape."""
    return one.shape == node.shape and same(one, other)


def _axes(node: Expr) -> Index:
    """The letters of an array by itself."""
    return tuple(range(len(node.shape)))


def _slope(node: Expr, forms: dict[int, Sum], context: Context) -> Sum:
    """f'(X), what a function of a matrix moves by along I."""
    if node.primitive.name == "expm":
        return applied(context, "expm", forms[id(node.inputs[0])])
    factor, function, exponent = slope_of(**node.params)
    inverted = function == "power" and exponent < 0
    exponent = abs(exponent)
    total = forms[id(node.inputs[0])]
    if function != "power" or exponent != 1:
        x = _restored(node.inputs[0], forms, context)
        params = {"function": function, "exponent": exponent}
        payload = Expr.derivant_apply(node.primitive, (x,), params)
        context.note(payload)
        total = Sum(tuple(node.shape), node.dtype, (Term(ONE, (Atom(payload, (0, 1)),)),))
    found = applied(context, "inv", total) if inverted else total
    return _times(found, Term(Fraction(factor), ()))


def _times(total: Sum, number: Term) -> Sum:
    """A sum times a number; the letters that this sums over are new ones."""
    terms = []
    for t in total.terms:
        high = max([1, *(c for a in t.atoms for c in a.index)]) + 1
        names = {c: high + k for k, (c, _) in enumerate(number.bound)}
        atoms = (*(a.renamed(names) for a in number.atoms), *t.atoms)
        bound = (*t.bound, *((names[c], size) for c, size in number.bound))
        terms.append(Term(t.coefficient * number.coefficient, atoms, bound))
    return Sum(total.shape, total.dtype, tuple(terms))


def _on_forms(node: Expr, forms: dict[int, Sum], context: Context) -> Expr:
    """A node on operands in normal form."""
    operands = tuple(_restored(x, forms, context) for x in node.inputs)
    if all(new is old for new, old in zip(operands, node.inputs, strict=True)):
        return node
    made = Expr.derivant_apply(node.primitive, operands, node.params)
    whole: Expr = made[0].inputs[0] if node.primitive.outputs > 1 else made
    return whole


def _is_plain(node: Expr) -> bool:
    """Whether a function of matrices or rows is as formulas have it: of one matrix, an axis."""
    if len(node.inputs) != 1 or node.params.get("singular") or node.params.get("keepdims"):
        return False
    x, axis = node.inputs[0], node.params.get("axis")
    return len(x.shape) <= 2 and (axis is None or axis == (-1,))


def _of_identity(total: Sum) -> Term | None:
    """The number that the identity matrix is multiplied with, None where there is another part."""
    if len(total.terms) != 1:
        return None
    (term,) = total.terms
    ends = [a for a in term.atoms if 0 in a.index or 1 in a.index]
    if len(ends) != 1 or ends[0].payload is not None:
        return None
    return replace(term, atoms=tuple(a for a in term.atoms if a is not ends[0]))


def _restored(node: Expr, forms: dict[int, Sum], context: Context) -> Expr:
    """An operand of a function in normal form; a leaf stays itself."""
    if not node.inputs or id(node) not in forms:
        return node
    return context.remembered(forms[id(node)])
