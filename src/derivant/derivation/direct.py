"""A derivation entry by entry: write with indices, product rule, unit tensors, back to matrices.

For values that are one contraction of the variables, of functions of their entries, and of at most
one part with a name that is itself linear in the variable: x'Ax, least squares, W x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.cuts import Cut, Part
from derivant.derivation.kinks import kink_of
from derivant.derivation.lines import Line
from derivant.derivation.working import (
    Working,
    conditions_of,
    contracted,
    dimensions_of,
    ones_like,
    paired,
    renumbered,
    unit,
    written,
)
from derivant.notation import Forms
from derivant.notation.index_form import derivation_text, entry_of, mark_of, subscripted
from derivant.rewriting import Atom, Form, Sum, Term, derivative_form, form_of, lowered, pulled_back
from derivant.rewriting.plainer import plainer
from derivant.rewriting.settling import deltas_merged, settled

ONE = Fraction(1)
MOST_FACTORS = 4  # that depend on the variable: each is a term of the product rule


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """The symbol for ∂u_i/∂x_k, what it is, and its terms over the letters of u, then of x."""

    name: str
    symbol: Expr
    value: Expr
    form: Form
    is_unit: bool


class Direct:
    """One derivation entry by entry."""

    __slots__ = (
        "_compact",
        "_depend",
        "_form",
        "_free",
        "_own",
        "_shown",
        "_slopes",
        "_work",
        "cut",
        "final",
    )

    def __init__(self, work: Working, cut: Cut, final: Form, compact: bool = False) -> None:
        self._work, self.cut, self.final, self._compact = work, cut, final, compact
        self._shown = written(cut.top)
        upstream = work.problem.upstream
        self._form = self._shown if upstream is None else written(paired(upstream, cut.top))
        self._free = work.free(self._form.sum.rank)
        self._own = work.own(len(work.variable.shape))
        self._slopes: dict[int, Slope] = {}
        own = Part(work.x, work.variable, work.variable)
        for part in (own, *cut.parts):
            self._slopes[id(part.symbol)] = _slope(work, part)
        self._depend: dict[int, bool] = {}

    def fits(self) -> bool:
        """Whether the value is simple enough for this style."""
        total, count = self._form.sum, 0
        for slope in self._slopes.values():
            if not slope.is_unit and self._depends(slope.form.to_expr()):
                return False
        for atom in (a for t in total.terms for a in t.atoms if self._depends(a.payload)):
            count += 1
            if not self._is_simple(atom):
                return False
        return 0 < count <= MOST_FACTORS

    def _depends(self, payload: Expr | None) -> bool:
        if payload is None:
            return False
        known = self._depend.get(id(payload))
        if known is None:
            known = any(id(node) in self._slopes for node in ancestors([payload]))
            self._depend[id(payload)] = known
        return known

    def _is_simple(self, atom: Atom) -> bool:
        """A variable, a named part, or a function of its entries."""
        payload = atom.payload
        assert payload is not None
        if id(payload) in self._slopes:
            return True
        row = payload.primitive
        alone = row.family == "elementwise" and len(payload.inputs) == 1
        return alone and id(payload.inputs[0]) in self._slopes and atom.power == 1

    # The lines

    def lines(self) -> list[Line]:
        """All lines from the value to the derivative, facts aside."""
        work = self._work
        out = [self._part_line(part) for part in self.cut.parts]
        out.append(self._value_line())
        slopes, rule = self._differentiated()
        entry = subscripted(work.loss, self._free)
        before = f"∂{entry}/∂{subscripted(work.x, self._own)}"
        last, text = self.final.to_expr(), self._text(slopes)
        simple = "rule" not in rule and "depends" not in rule
        if self._compact and simple:
            slopes_put = self._reduced(slopes)[0]
            text = self._text(slopes_put[1])
            out.append(work.line(slopes_put[0], before, text, last, self._expr(slopes_put[1])))
        elif work.problem.upstream is not None:
            out.append(self._upstream_line(before))
            out.append(work.line(rule, "", text, out[-1].right, self._expr(slopes)))
        else:
            out.append(work.line(rule, before, text, last, self._expr(slopes)))
        for step_rule, total in self._reduced(slopes):
            now = self._text(total)
            if now == text:
                continue
            left = out[-1].right
            out.append(work.line(step_rule, "", now, left, self._expr(total)))
            text = now
        return self._closed(out, total, before)

    def _value_line(self) -> Line:
        """The value by its entries."""
        work, form = self._work, self._shown
        letters = work.free(form.sum.rank)
        text = derivation_text(work.entries(form).entry(form.sum, letters, ordered=True))
        whole = self.cut.expanded(lowered(form.sum))
        entry = subscripted(work.name, letters)
        rule = "write with indices"
        if work.gradient_of:
            rule = f"{work.name} = {work.gradient_of}"
        return work.line(rule, entry, text, work.value, whole)

    def _upstream_line(self, before: str) -> Line:
        """∂L/∂W_kl = Σ_ij G_ij ∂Y_ij/∂W_kl, where G is ∂L/∂Y."""
        work, upstream = self._work, self._work.problem.upstream
        assert upstream is not None
        letters = work.free(work.value.ndim)
        name = str(upstream.params["name"])
        slope = f"∂{subscripted(work.name, letters)}/∂{subscripted(work.x, self._own)}"
        over = f"{subscripted('Σ', letters)} " if letters else ""
        text = f"{over}{subscripted(name, letters)} {slope}"
        jacobian = derivative_form(work.value, work.variable).to_expr()
        right = contracted(upstream, jacobian, work.value.ndim)
        said = f"chain rule, {subscripted(name, '')} = ∂{work.loss}/∂{work.name}"
        return work.line(said, before, text, self.final.to_expr(), right)

    def _part_line(self, part: Part) -> Line:
        """A named part with its own derivative."""
        work = self._work
        form, letters = written(part.definition), work.free(len(part.symbol.shape))
        entry = subscripted(part.name, letters)
        text = derivation_text(work.entries(form).entry(form.sum, letters, ordered=True))
        slope = self._slopes[id(part.symbol)]
        whole = self._slope_letters(len(letters))
        known = work.index_text(slope.form, whole)
        below = subscripted(work.x, whole[len(letters) :])
        said = f"{text},   ∂{entry}/∂{below} = {known}"
        what = "name the residual" if part.name.startswith("r") else f"name {part.name}"
        return work.line(what, entry, said, part.definition, form.to_expr())

    def _text(self, total: Sum) -> str:
        rank = len(self._form.sum.shape)
        marks = {
            id(s.symbol): mark_of(s.name, self._work.x, s.symbol.ndim - self._work.variable.ndim)
            for s in self._slopes.values()
        }
        letters = [*self._free, *self._own][: max(rank, len(total.shape))]
        writer = self._work.entries(self._form, marks)
        return derivation_text(writer.entry(total, letters, ordered=True))

    def _expr(self, total: Sum) -> Expr:
        """A sum as an expression of the variables alone."""
        known = {s.symbol: s.value for s in self._slopes.values()}
        return self.cut.expanded(replaced([lowered(total)], known)[0])

    # The product rule

    def _differentiated(self) -> tuple[Sum, str]:
        """The sum of the terms of the product rule, and what the rule is called here."""
        total, x = self._form.sum, self._work.variable
        terms, rules = [], list[str]()
        for term in total.terms:
            moved = _moved(term, total.rank, x.ndim)
            hits = [k for k, a in enumerate(moved.atoms) if self._depends(a.payload)]
            rules += ["product rule"] if len(hits) > 1 else []
            terms += [self._differential(moved, k, total.rank, rules) for k in hits]
        shape = (*total.shape, *x.shape)
        kept = [renumbered(t, len(shape)) for t in terms]
        constant = any(len(t.atoms) > 1 for t in terms)
        rules = rules or ([f"only {subscripted(self._work.x, '')} varies"] if constant else [])
        rule = ", ".join(["one entry", *dict.fromkeys(rules)])
        return Sum(shape, total.dtype, tuple(kept)), rule

    def _differential(self, term: Term, place: int, rank: int, rules: list[str]) -> Term:
        """A term with one factor replaced by its derivative."""
        atom, own = term.atoms[place], tuple(range(rank, rank + self._work.variable.ndim))
        payload = atom.payload
        assert payload is not None
        before, after = list(term.atoms[:place]), list(term.atoms[place + 1 :])
        number, middle, bound = term.coefficient, list[Atom](), list(term.bound)
        base = payload
        if id(payload) not in self._slopes:
            base = payload.inputs[0]
            factor = self._outer_slope(payload, atom, term, rank)
            number *= factor.coefficient
            middle += factor.atoms
            bound += factor.bound
            rules.append(self._function_rule(payload))
        elif atom.power != 1:
            rules.append("power rule")
            number *= atom.power
            middle.append(replace(atom, power=atom.power - 1))
        slope = self._slopes[id(base)]
        middle.append(Atom(slope.symbol, atom.index + own))
        return Term(number, (*before, *middle, *after), tuple(bound))

    def _function_rule(self, payload: Expr) -> str:
        """The chain rule for a function of entries; a kink is said aloud."""
        row = payload.primitive.name
        name = str(payload.inputs[0].params["name"])
        kink = kink_of(row)
        entry = subscripted(name, self._work.letters[: len(payload.shape)])
        if kink is None:
            return "chain rule"
        return f"{row}({entry}) depends on {entry} alone.  {kink.said(subscripted(name, ''))}"

    def _outer_slope(self, payload: Expr, atom: Atom, term: Term, rank: int) -> Term:
        """The derivative of a function of entries, as factors with the letters of its atom."""
        operand = payload.inputs[0]
        found = form_of(plainer(pulled_back(payload, operand, ones_like(payload)), payload))
        context = self._form.context
        context.opened.update(found.context.opened)
        free = 1 + max([rank + self._work.variable.ndim, *(c for c, _ in term.bound)])
        if len(found.sum.terms) != 1:
            return Term(ONE, (Atom(context.remembered(found.sum), atom.index),))
        (inner,) = found.sum.terms
        names = dict(enumerate(atom.index))
        names |= {c: free + k for k, (c, _) in enumerate(inner.bound)}
        bound = tuple((names[c], size) for c, size in inner.bound)
        return Term(inner.coefficient, tuple(a.renamed(names) for a in inner.atoms), bound)

    # After the product rule

    def _reduced(self, slopes: Sum) -> list[tuple[str, Sum]]:
        """The derivatives put in, and the unit tensors settled."""
        put = self._slopes_put_in(slopes)
        merged = _in_order(deltas_merged(put))
        rules = [self._slope_rule(slopes), "δ keeps one term"]
        counted = _in_order(settled(merged))
        return [(rules[0], put), (rules[1], merged), ("count the ones", counted)]

    def _slope_rule(self, slopes: Sum) -> str:
        """What is known of ∂u/∂x, for the parts that occur."""
        said = []
        for slope in self._slopes.values():
            if not any(a.payload is slope.symbol for t in slopes.terms for a in t.atoms):
                continue
            rank = slope.symbol.ndim - self._work.variable.ndim
            letters = self._slope_letters(rank)
            mark = mark_of(slope.name, self._work.x, rank)(letters)
            said.append(f"{mark} = {self._work.index_text(slope.form, letters)}")
        return ", ".join(said)

    def _slope_letters(self, rank: int) -> list[str]:
        """Letters of a part, then other ones of the variable."""
        above = self._work.letters[:rank]
        own = [c for c in (*self._own, *self._work.letters) if c not in above]
        return [*above, *own[: self._work.variable.ndim]]

    def _slopes_put_in(self, slopes: Sum) -> Sum:
        """The sum with each ∂u/∂x as its terms."""
        known = {id(s.symbol): s for s in self._slopes.values()}
        terms = []
        for term in slopes.terms:
            place = next(k for k, a in enumerate(term.atoms) if id(a.payload) in known)
            slope = known[id(term.atoms[place].payload)]
            self._form.context.opened.update(slope.form.context.opened)
            terms += _put_in(term, place, slope.form.sum, len(slopes.shape))
        return Sum(slopes.shape, slopes.dtype, tuple(terms))

    def _closed(self, out: list[Line], total: Sum, before: str) -> list[Line]:
        """The last lines: products recognised, then all entries together."""
        work, last = self._work, self.final.to_expr()
        forms = Forms(Form(total, self._form.context))
        parts = [forms.matrix(replace(total, terms=(term,))) for term in total.terms]
        if 1 <= total.rank <= 2 and len(parts) > 1 and None not in parts and not self._compact:
            texts = [derivation_text(entry_of(p, self._letters())) for p in parts if p is not None]
            signs = ["-" if t.coefficient < 0 else "+" for t in total.terms]
            if any(t.bound for t in total.terms):
                text = _signed(signs, texts)
                out.append(work.line("sums as matrix products", "", text, out[-1].right, last))
        node = work.matrix(self.final)
        whole = work.label
        letters = ", ".join([*self._free, *self._own][: total.rank])
        rule = f"all {letters} together" if total.rank else "in matrix notation"
        more = {
            "matrix": f"{whole} = {derivation_text(node)}" if node is not None else "",
            "dimensions": dimensions_of(node, self.final),
            "conditions": conditions_of(self.final, work.value),
        }
        if node is None:
            text = work.index_text(self.final, self._letters())
            if text != out[-1].after:
                out.append(work.line("like terms", before, text, out[-1].right, last))
            return out
        out.append(work.line(rule, "", "", out[-1].right, last, **more))
        return out

    def _letters(self) -> list[str]:
        return [*self._free, *self._own]


def _slope(work: Working, part: Part) -> Slope:
    """∂u/∂x for a named part, or the unit tensor of the variable itself."""
    x = work.variable
    made = symbol(f"∂{part.name}/∂{work.x}", (*part.symbol.shape, *x.shape), x.dtype)
    form = derivative_form(part.definition, x)
    is_unit = part.symbol is x
    return Slope(part.name, made, unit(x) if is_unit else form.to_expr(), form, is_unit)


def _moved(term: Term, rank: int, more: int) -> Term:
    """A term that leaves room for the letters of the variable behind the free ones."""
    names = {c: c + more for c, _ in term.bound}
    bound = tuple((names[c], size) for c, size in term.bound)
    return Term(term.coefficient, tuple(a.renamed(names) for a in term.atoms), bound)


def _put_in(term: Term, place: int, slope: Sum, rank: int) -> list[Term]:
    """A term for each term of ∂u/∂x that stands in the place of its symbol."""
    atom = term.atoms[place]
    free = 1 + max([rank, *(c for c, _ in term.bound)])
    found = []
    for inner in slope.terms:
        names = dict(enumerate(atom.index))
        names |= {c: free + k for k, (c, _) in enumerate(inner.bound)}
        bound = tuple((names[c], size) for c, size in inner.bound)
        middle = tuple(a.renamed(names) for a in inner.atoms)
        atoms = (*term.atoms[:place], *middle, *term.atoms[place + 1 :])
        number = term.coefficient * inner.coefficient
        found.append(renumbered(Term(number, atoms, (*term.bound, *bound)), rank))
    return found


def _in_order(total: Sum) -> Sum:
    """Unit tensors behind the other factors, bound letters by appearance."""
    terms = []
    for term in total.terms:
        atoms = sorted(term.atoms, key=lambda a: a.payload is None)
        terms.append(renumbered(replace(term, atoms=tuple(atoms)), total.rank))
    return replace(total, terms=tuple(terms))


def _signed(signs: Sequence[str], texts: Sequence[str]) -> str:
    """Texts with their signs between them."""
    first = texts[0] if signs[0] == "+" else f"-{texts[0]}"
    return " ".join([first, *(f"{s} {t}" for s, t in zip(signs[1:], texts[1:], strict=True))])
