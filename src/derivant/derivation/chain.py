"""A derivation by the chain rule over named parts: one line a part, then put together.

A number goes backwards from the value (∂L/∂h from ∂L/∂y); an array without an upstream gradient
forwards from the variable (∂h/∂x from ∂z/∂x). Each line is the sweep of one part's own rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from derivant.base.graph import ancestors
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.cuts import Cut, Part, dependents, in_order
from derivant.derivation.kinks import TIES, kink_of, sources_of
from derivant.derivation.lines import Line
from derivant.derivation.working import Working, conditions_of, contracted, dimensions_of, written
from derivant.notation import Forms
from derivant.notation.index_form import Mark, derivation_text, mark_of, subscripted
from derivant.primitives import RECORD
from derivant.rewriting import Form, derivative_form, form_of, pulled_back
from derivant.rewriting.branching import branched
from derivant.rewriting.plainer import plainer
from derivant.sweeps import pushforward

NORM_AT_ZERO = "At {0} = 0: left -1, right 1 on every line, no derivative; least norm takes 0."


class Chain:
    """One derivation over named parts."""

    __slots__ = ("_known", "_marks", "_symbols", "_work", "cut", "final", "top")

    def __init__(self, work: Working, cut: Cut, final: Form) -> None:
        self._work, self.cut, self.final = work, cut, final
        self.top = Part(work.name, symbol(work.name, cut.top.shape, cut.top.dtype), cut.top)
        self._known: dict[int, Expr] = {}
        self._symbols: dict[int, Expr] = {}
        self._marks: dict[int, Mark] = {}

    # Backwards

    def backward(self) -> list[Line]:
        """The derivative of the value by each part, last part first, then by the variable."""
        work = self._work
        variable = Part(work.x, work.variable, work.variable)
        out = []
        depend = dependents(self.cut.expanded(self.cut.top), work.variable)
        for part in [*reversed(self.cut.parts), variable]:
            users = self._users(part)
            if users and id(self.cut.expanded(part.symbol)) in depend:
                out.append(self._pulled(part, users))
        return [*out, *self._together(out)]

    def _users(self, part: Part) -> list[Part]:
        """The parts that use a part directly, the value among them."""
        later = [*self.cut.parts, self.top]
        return [p for p in later if any(n is part.symbol for n in ancestors([p.definition]))]

    def _pulled(self, part: Part, users: Sequence[Part]) -> Line:
        """The line of one part: what arrives from those that use it."""
        work, total = self._work, None
        for user in users:
            found = pulled_back(_start(user), part.symbol, self._seed(user))
            found = self._short(found, user)
            total = found if total is None else RECORD.add(total, found)
        assert total is not None
        form = form_of(plainer(total))
        answer = form.to_expr()
        right = self._full(answer)
        self._symbols[id(part)] = symbol(f"∂{work.loss}/∂{part.name}", part.symbol.shape)
        self._known[id(part)] = right
        left = self._independent(part)
        letters = work.letters[: len(part.symbol.shape)]
        whole = f"∂{work.loss}/∂{subscripted(part.name, '')}"
        before = f"∂{work.loss}/∂{subscripted(part.name, letters)}"
        return self._line(self._rule(part, users), form, whole, before, letters, left, right, users)

    def _line(
        self, rule: str, form: Form, whole: str, before: str, letters: Sequence[str],
        left: Expr, right: Expr, users: Sequence[Part],
    ) -> Line:  # fmt: skip
        work, node = self._work, Forms(form).matrix(form.sum)
        text = derivation_text(work.entries(form, self._marks).entry(form.sum, letters))
        matrix = f"{whole} = {derivation_text(node)}" if node is not None and letters else ""
        return work.line(
            rule, before, text, left, right,
            matrix=matrix,
            dimensions=dimensions_of(node, form) if letters else "",
            conditions=conditions_of(form, *(u.definition for u in users)),
            source=sources_of(u.definition for u in users) or "chain rule",
        )  # fmt: skip

    def _seed(self, user: Part) -> Expr | None:
        """The derivative of the value by a part: a symbol; the number 1 for the value itself."""
        if user is self.top:
            return self._work.problem.upstream
        return self._symbols[id(user)]

    def _full(self, expression: Expr) -> Expr:
        """An expression without the names of parts and of derivatives."""
        known = {made: self._known[key] for key, made in self._symbols.items()}
        found = replaced([expression], {**known, self.top.symbol: self.top.definition})[0]
        return self.cut.expanded(found)

    def _short(self, found: Expr, user: Part) -> Expr:
        """The same with the part's own name where its definition stands again: 1 - h²."""
        norms = {n: _norm_slope(n) for n in ancestors([found]) if n.primitive.name == "norm_slope"}
        found = replaced([replaced([found], norms)[0]], {user.definition: user.symbol})[0]
        found = branched(plainer(found, user.definition), user.definition)
        plain = plainer(user.definition)
        return replaced([found], {plain: user.symbol})[0] if plain.inputs else found

    def _independent(self, part: Part) -> Expr:
        """The derivative by a part in one sweep over all that comes after it."""
        value = self.cut.expanded(self.cut.top, [part])
        upstream = self._work.problem.upstream
        found = pulled_back(value, part.symbol, upstream if value.shape else None)
        return self.cut.expanded(found)

    # Forwards

    def forward(self) -> list[Line]:
        """The derivative of each part by the variable, first part first, then of the value."""
        out = [self._pushed(part) for part in [*self.cut.parts, self.top]]
        return [*out, *self._together(out)]

    def _pushed(self, part: Part) -> Line:
        work, total = self._work, None
        for base in [Part(work.x, work.variable, work.variable), *self.cut.parts]:
            if not any(n is base.symbol for n in ancestors([part.definition])):
                continue
            found = self._short(derivative_form(part.definition, base.symbol).to_expr(), part)
            found = found if base.symbol is work.variable else self._joined(found, base)
            total = found if total is None else RECORD.add(total, found)
        assert total is not None
        form = form_of(plainer(total))
        right = self._full(form.to_expr())
        shape = (*part.symbol.shape, *work.variable.shape)
        made = self._symbols[id(part)] = symbol(f"∂{part.name}/∂{work.x}", shape)
        self._marks[id(made)] = mark_of(part.name, work.x, len(part.symbol.shape))
        self._known[id(part)] = right
        left = derivative_form(self.cut.expanded(part.definition), work.variable).to_expr()
        own = work.letters[: len(shape)]
        rank = len(part.symbol.shape)
        below = subscripted(work.x, own[rank:])
        before = f"∂{subscripted(part.name, own[:rank])}/∂{below}"
        whole = f"∂{subscripted(part.name, '')}/∂{subscripted(work.x, '')}"
        rule = self._definition(part)
        return self._line(rule, form, whole, before, own, left, right, [part])

    def _joined(self, local: Expr, base: Part) -> Expr:
        """∂u/∂v times ∂v/∂x, summed over the axes of v."""
        inner = next(self._symbols[id(p)] for p in self.cut.parts if p is base)
        return contracted(local, inner, len(base.symbol.shape))

    # Words

    def _rule(self, part: Part, users: Sequence[Part]) -> str:
        """Which parts a part is used in, and how."""
        said = [self._definition(user, part) for user in users]
        if len(said) == 1:
            return said[0]
        return f"{subscripted(part.name, '')} is used {len(said)} times, add: " + "; ".join(said)

    def _definition(self, user: Part, part: Part | None = None) -> str:
        """A part by its entries, or a function of entries with its cases, or a differential."""
        definition, rank = user.definition, len(user.symbol.shape)
        letters = self._work.letters[:rank]
        entry = subscripted(user.name, letters)
        form = written(definition)
        if _is_norm(definition):
            return self._differential(user)
        atoms = [a.payload for t in form.sum.terms for a in t.atoms if a.payload is not None]
        plain = plainer(definition)  # max(z, 0) is relu(z)
        alone = len(plain.inputs) == 1 and plain.primitive.family == "elementwise"
        if alone and plain.inputs[0].primitive.name == "variable" and atoms[0].inputs:
            return self._function(plain, entry, letters)
        if all(_is_plain(a) for a in atoms):
            text = self._work.entries(form).entry(form.sum, letters, ordered=True)
            return f"{entry} = {derivation_text(text)}"
        return self._differential(user)

    def _function(self, definition: Expr, entry: str, letters: Sequence[str]) -> str:
        """A function of entries: what each depends on, and its kink."""
        operand = definition.inputs[0]
        name = str(operand.params["name"])
        inner = subscripted(name, letters)
        row = definition.primitive.name
        kink = kink_of(row)
        said = f"{row}: {entry} depends on {inner} alone"
        return said if kink is None else f"{said}.  {kink.said(subscripted(name, ''))}"

    def _norm(self, user: Part) -> str:
        """A norm, and what it does at 0."""
        (r,) = user.definition.inputs
        name = derivation_text(Forms(form_of(r)).best(form_of(r).sum))
        said = f"{subscripted(user.name, '')}² = {name}'{name}" if r.ndim == 1 else "squares summed"
        return f"norm2: {said}.  {NORM_AT_ZERO.format(name)}"

    def _differential(self, user: Part) -> str:
        """What a function does to a small change of its operands: d inv(M) = -inv(M) dM inv(M)."""
        definition = user.definition
        moving = {p.symbol for p in self.cut.parts} | {self._work.variable}
        sources = [n for n in in_order([definition]) if n in moving]
        changes = [symbol(f"d{s.params['name']}", s.shape, s.dtype) for s in sources]
        if _is_norm(definition):
            return self._norm(user)
        found = pushforward([plainer(definition)], sources, changes, 0)[0]
        texts = []
        for side in (definition, self._short(found, user)):
            form = form_of(plainer(side))
            texts.append(derivation_text(Forms(form).best(form.sum)))
        source = sources_of([user.definition])
        said = f"d {texts[0]} = {texts[1]}" + (f" ({source})" if source else "")
        ties = TIES.get(definition.primitive.name)
        return said if ties is None else f"{said}.  {ties}"

    # The end

    def _together(self, out: Sequence[Line]) -> list[Line]:
        """All names replaced by what they stand for."""
        work, node = self._work, Forms(self.final).matrix(self.final.sum)
        last = self.final.to_expr()
        name, x = work.loss, subscripted(work.x, "")
        letters = work.letters[: len(self.final.sum.shape)]
        whole = f"{work.label} = {derivation_text(node)}" if node is not None else ""
        text = work.index_text(self.final, letters)
        if whole == out[-1].matrix != "" or (not whole and text == out[-1].after):
            return []
        if not letters or node is None:
            before = f"∂{subscripted(name, letters[: self.top.symbol.ndim])}/∂{x}"
            return [work.line("put together", before, text, out[-1].right, last)]
        dims = dimensions_of(node, self.final)
        return [
            work.line("put together", "", "", out[-1].right, last, matrix=whole, dimensions=dims)
        ]


def _is_norm(node: Expr) -> bool:
    """Whether a node is the Euclidean norm of all entries of a symbol."""
    if node.primitive.name != "vector_norm" or node.params["ord"] != 2.0 or node.shape:
        return False
    return not node.inputs[0].inputs


def _start(user: Part) -> Expr:
    """The definition that is swept: norms as they are, other rows as what they stand for."""
    return user.definition if _is_norm(user.definition) else plainer(user.definition)


def _norm_slope(node: Expr) -> Expr:
    """The slope of a norm away from 0: x / norm(x)."""
    (x,) = node.inputs
    norm = RECORD.vector_norm(x, ord=node.params["ord"], axis=node.params["axis"], keepdims=True)
    if len(node.params["axis"]) == x.ndim:
        norm = RECORD.vector_norm(
            x, ord=node.params["ord"], axis=node.params["axis"], keepdims=False
        )
    found: Expr = RECORD.divide(x, norm)
    return found if node.params["ord"] == 2.0 else node


def _is_plain(payload: Expr) -> bool:
    """Whether the entries of an expression are functions of the entries of one symbol or size."""
    while payload.primitive.family == "elementwise" and len(payload.inputs) == 1:
        payload = payload.inputs[0]
    return not payload.inputs or payload.primitive.name == "sum"
