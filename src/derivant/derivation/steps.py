"""From a derivative to its derivation: which style fits, the head, the lines, the cases.

A derivation is made when it is first asked for. Where no style fits, the rewrites of the normal
form are the lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from derivant.base.errors import DerivantError
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.derivation.chain import Chain
from derivant.derivation.cuts import Cut, by_a_teacher, by_the_user, cut
from derivant.derivation.direct import Direct
from derivant.derivation.lines import Derivation, Line
from derivant.derivation.sanity import cases
from derivant.derivation.stacking import stacked
from derivant.derivation.working import Problem, Working, known_shapes
from derivant.notation import Forms, vec_form
from derivant.notation.dimensions import by_text, dimension_checks
from derivant.notation.index_form import derivation_text, subscripted
from derivant.rewriting import Form, derivative_form, form_of, lowered, pulled_back

FACTS = {
    "symmetric": "{0} = {0}'", "symmetric-invertible": "{0} = {0}'", "spd": "{0} = {0}'",
    "psd": "{0} = {0}'", "distance": "{0} = {0}'", "diagonal": "{0} is diagonal",
}  # fmt: skip
PROJECTIONS = {
    "independent": "entries that mirror one another are one variable (Matrix Cookbook 138)",
    "riesz": "the gradient among matrices of this structure (arXiv 1911.06491)",
}


def derivation_of(problem: Problem, order: int, answer: Form, expr: Expr) -> Derivation:
    """The derivation of an answer of this order."""
    work = Working(problem)
    final = _final(work)
    parts, lines = _worked(work, final)
    if order == 2:
        second = Working(Problem(work.restored(final.to_expr()), problem.variable), "g")
        final = derivative_form(second.value, second.variable)
        gradient, more = _worked(second, final)
        lines = [*lines, *_renamed_gradient(more, second)]
        parts = Cut((*parts.parts, *gradient.parts), parts.top)
    lines += _facts_used(work, final, answer, lines[-1])
    lines += _stacked(expr, answer, lines[-1])
    text = derivation_text(Forms(answer).best(answer.sum))
    head = _head(work, parts, answer)
    return Derivation(head, tuple(lines), cases(work, parts, expr, text) if order == 1 else ())


def _final(work: Working) -> Form:
    """The derivative without facts, in normal form."""
    upstream = work.problem.upstream
    if upstream is None:
        return derivative_form(work.value, work.variable)
    return form_of(pulled_back(work.value, work.variable, upstream))


def _worked(work: Working, final: Form) -> tuple[Cut, list[Line]]:
    """The parts and the lines, in the first style that fits."""
    user = by_the_user(work.value, work.variable, work.names)
    parts = cut(work.value, user or by_a_teacher(work.value, work.variable, work.taken, False))
    try:
        if len(parts.parts) <= 1:
            direct = Direct(work, parts, final)
            if direct.fits():
                return parts, direct.lines()
        if not user:
            parts = cut(work.value, by_a_teacher(work.value, work.variable, work.taken, True))
        chain = Chain(work, parts, final)
        backward = not work.value.shape or work.problem.upstream is not None
        return parts, chain.backward() if backward else chain.forward()
    except DerivantError:
        return Cut((), work.value), _rewrites(work, final)


def _rewrites(work: Working, final: Form) -> list[Line]:
    """The log of the normal form, for what has no other style."""
    rank = len(final.sum.shape)
    letters = work.letters[:rank]
    before = f"∂{work.loss}/∂{subscripted(work.x, '')}"
    whole = final.to_expr()
    out = []
    for step in final.steps:
        if step.after.shape != final.sum.shape:
            continue
        texts = [work.index_text(final, letters, total) for total in (step.before, step.after)]
        if texts[0] != texts[1]:
            sides = lowered(step.before), lowered(step.after)
            out.append(work.line(step.rule, *texts, *sides))
    text = work.index_text(final, letters)
    return [*out, work.line("the rules of all parts, multiplied", before, text, whole, whole)]


def _renamed_gradient(lines: Sequence[Line], work: Working) -> list[Line]:
    """The lines of a second derivative, the first one saying what g is."""
    return list(lines)


def _facts_used(work: Working, final: Form, answer: Form, last: Line) -> list[Line]:
    """What the declared facts make of the result, in a line of its own."""
    own, found = Forms(final), Forms(answer)
    before = derivation_text(own.best(final.sum))
    after = derivation_text(found.best(answer.sum))
    if before == after:
        return []
    said = [
        FACTS.get(fact, "{0} is " + fact).format(subscripted(str(v.params["name"]), ""))
        for v in variables([work.problem.value, work.problem.variable])
        for fact in v.params.get("facts", ())
    ]
    rule = ", ".join(f"{text} [fact]" for text in dict.fromkeys(said)) or "simplified"
    rule = PROJECTIONS.get(work.problem.structured, rule)
    whole = f"∂{work.loss}/∂{subscripted(work.x, '')} = {after}"
    left = last.right if work.problem.structured == "none" else answer.to_expr()
    return [work.line(rule, "", "", left, answer.to_expr(), matrix=whole)]


def _stacked(expr: Expr, answer: Form, last: Line) -> list[Line]:
    """Columns stacked, where that was asked for."""
    if expr.shape == answer.sum.shape:
        return []
    node = vec_form(Forms(answer), answer.sum)
    text = "" if node is None else derivation_text(node)
    rule = "columns stacked: d vec(F) = J d vec(X)"
    return [Line(rule, "", "", stacked(last.right), expr, matrix=f"J = {text}")]


def _head(work: Working, parts: Cut, answer: Form) -> str:
    """What is differentiated, the shapes and what follows from them."""
    x, name = subscripted(work.x, ""), work.name
    value = form_of(work.problem.value)
    node = Forms(value).best(value.sum)
    title = f"d({derivation_text(node)})/d{x}"
    shapes = [_shape(str(v.params["name"]), v.shape) for v in variables([work.value])]
    known = known_shapes([work.value])
    checks = [] if parts.parts else list(dimension_checks(node, known))[:1]
    upstream = work.problem.upstream
    if upstream is not None:
        shapes.append(f"{upstream.params['name']} = ∂{work.loss}/∂{name}: {by_text(upstream.shape)}")
    said = [", ".join(shapes) + ".", *(f"{derivation_text(node)}: {c}." for c in checks)]
    said.append(_answer_said(work, answer))
    named = [_named(p.name, p.definition) for p in parts.parts]
    if named:
        named.append(_named(name, parts.top))
        title += "      " + ", ".join(named)
    return title + "      " + "  ".join(said)


def _named(name: str, definition: Expr) -> str:
    form = form_of(definition)
    text = derivation_text(Forms(form).best(form.sum))
    shape = f" ({by_text(definition.shape)})" if definition.shape else ""
    return f"{subscripted(name, '')} = {text}{shape}"


def _shape(name: str, shape: Sequence[object]) -> str:
    return f"{subscripted(name, '')}: {by_text(shape) if shape else 'a number'}"


def _answer_said(work: Working, answer: Form) -> str:
    """How many entries the answer has and why."""
    shape, own = answer.sum.shape, work.own(work.variable.ndim)
    if not shape:
        return "The answer is a number."
    below = subscripted(work.x, own)
    if len(shape) == work.variable.ndim:
        return f"The answer has one entry for each {below}: shape {by_text(shape)}."
    above = subscripted(work.name, work.free(work.value.ndim))
    if not work.variable.ndim:
        return f"The answer has one entry for each {above}: shape {by_text(shape)}."
    return f"The answer has one entry for each pair {above}, {below}: shape {by_text(shape)}."
