"""From a derivative to its derivation: which style fits, the head, the lines, the cases.

A derivation is made when it is first asked for. Where no style fits, the rewrites of the normal
form are the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derivant.base.errors import DerivantError
from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.derivation.chain import Chain
from derivant.derivation.cuts import Cut, by_a_teacher, by_the_user, cut, variables_of
from derivant.derivation.direct import Direct
from derivant.derivation.lines import PAGE, Derivation, Line, following
from derivant.derivation.sanity import cases
from derivant.derivation.stacking import stacked
from derivant.derivation.structured import projected
from derivant.derivation.working import Problem, Working, known_shapes
from derivant.notation import Forms, vec_form
from derivant.notation.dimensions import by_text, dimension_checks
from derivant.notation.index_form import derivation_text, subscripted
from derivant.notation.standing import standing
from derivant.rewriting import Form, derivative_form, form_of, lowered

FACTS = {
    "symmetric": "{0} = {0}'", "symmetric-invertible": "{0} = {0}'", "spd": "{0} = {0}'",
    "psd": "{0} = {0}'", "distance": "{0} = {0}'", "diagonal": "{0} is diagonal",
}  # fmt: skip
VEC = "Magnus and Neudecker, Matrix Differential Calculus"
PROJECTIONS = {
    "independent": "entries that mirror one another are one variable (Matrix Cookbook 138)",
    "riesz": "the gradient among matrices of this structure (arXiv 1911.06491)",
}


def derivation_of(problem: Problem, order: int, answer: Form, expr: Expr) -> Derivation:
    """The derivation of an answer of this order."""
    work = Working(problem)
    as_shown = order == 1 and not work.has_facts and problem.structured == "none"
    final = answer if as_shown else _final(work)
    parts, lines = _worked(work, final, order == 2)
    if order == 2:
        gradient = Problem(work.restored(final.to_expr()), problem.variable)
        second = Working(gradient, work.label, f"∂²{work.name}/∂{subscripted(work.x, '')}²")
        final = derivative_form(second.value, second.variable)
        more_parts, more = _worked(second, final, True)
        lines = _joined(lines, more, f"{second.name} = {work.label}")
        named = {p.name: p for p in (*more_parts.parts, *parts.parts)}
        parts = Cut(tuple(named.values()), parts.top)
        work.label = second.label
    lines += _facts_used(work, final, answer, lines[-1])
    lines += _stacked(expr, answer, lines[-1])
    text = derivation_text(Forms(answer).best(answer.sum))
    head = _head(work, parts, answer, order)
    return Derivation(head, following(lines), cases(work, parts, expr, text) if order == 1 else ())


def _final(work: Working) -> Form:
    """The derivative without facts, in normal form."""
    return derivative_form(work.value, work.variable, work.problem.upstream)


def _worked(work: Working, final: Form, compact: bool) -> tuple[Cut, list[Line]]:
    """The parts and the lines, in the first style that fits."""
    if id(work.variable) not in {id(node) for node in ancestors([work.value])}:
        return Cut((), work.value), [_constant(work, final)]
    user = by_the_user(work.value, work.variable, work.names)
    parts = cut(work.value, user or _chosen(work, False))
    try:
        if len(parts.parts) <= 1:
            direct = Direct(work, parts, final, compact)
            if direct.fits():
                return parts, direct.lines()
        if not user:
            parts = cut(work.value, _chosen(work, True))
        chain = Chain(work, parts, final)
        backward = not work.value.shape or work.problem.upstream is not None
        return parts, chain.backward() if backward else chain.forward()
    except DerivantError:
        return Cut((), work.value), _rewrites(work, final)


def _constant(work: Working, final: Form) -> Line:
    """A value in which the variable does not occur."""
    whole = final.to_expr()
    rank = len(final.sum.shape)
    entry = subscripted(work.name, work.letters[: work.value.ndim])
    below = subscripted(work.x, work.letters[work.value.ndim : rank])
    rule = f"{work.name} does not depend on {subscripted(work.x, '')}"
    return work.line(rule, f"∂{entry}/∂{below}", "0", whole, whole, source="definition")


def _chosen(work: Working, results: bool) -> list[tuple[str, Expr]]:
    """The parts that a teacher would name, none of them like the value."""
    return by_a_teacher(work.value, work.variable, [*work.taken, work.name], results)


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
            out.append(work.line(step.rule, texts[0], texts[1], sides[0], sides[1]))
    text = work.index_text(final, letters)
    return [*out, work.line("the rules of all parts, multiplied", before, text, whole, whole)]


def _joined(first: list[Line], second: Sequence[Line], said: str) -> list[Line]:
    """The lines of the gradient and of its derivative; what was said before is not said again."""
    known = {line.index for line in first if line.index}
    rest = [line for line in second if line.index not in known]
    last = first[-1]
    if rest and rest[0].rule != said:
        return [*first, replace(rest[0], rule=f"{said}.  {rest[0].rule}"), *rest[1:]]
    if last.index or not rest:
        return [*first, *rest]
    entries = replace(
        rest[0], left=last.left, matrix=last.matrix, dimensions=last.dimensions,
        conditions=last.conditions,
    )  # fmt: skip
    return [*first[:-1], entries, *rest[1:]]


def _facts_used(work: Working, final: Form, answer: Form, last: Line) -> list[Line]:
    """What the declared facts make of the result, in a line of its own."""
    own, found = Forms(final), Forms(answer)
    before = derivation_text(own.best(final.sum))
    after = derivation_text(found.best(answer.sum))
    if before == after:
        return []
    said = [
        FACTS.get(fact, "{0} is " + fact).format(subscripted(str(v.params["name"]), ""))
        for v in variables_of([work.problem.value, work.problem.variable])
        for fact in v.params.get("facts", ())
    ]
    rule = ", ".join(f"{text} [fact]" for text in dict.fromkeys(said)) or "simplified"
    rule = PROJECTIONS.get(work.problem.structured, rule)
    left, convention = last.right, work.problem.structured
    if convention != "none":
        left = projected(left, work.problem.variable, convention)
    return [work.line(rule, "", "", left, answer.to_expr(), matrix=f"{work.label} = {after}")]


def _stacked(expr: Expr, answer: Form, last: Line) -> list[Line]:
    """Columns stacked, where that was asked for."""
    if expr.shape == answer.sum.shape:
        return []
    node = vec_form(Forms(answer), answer.sum)
    text = "" if node is None else derivation_text(node)
    rule = "columns stacked: d vec(F) = J d vec(X)"
    return [Line(rule, "", "", stacked(last.right), expr, VEC, matrix=f"J = {text}")]


def _head(work: Working, parts: Cut, answer: Form, order: int) -> str:
    """What is differentiated, the shapes and what follows from them."""
    x, name = subscripted(work.x, ""), work.name
    power = "" if order == 1 else "²"
    node = standing(work.shown)
    title = f"d{power}({derivation_text(node)})/d{x}{power}"
    shapes = [_shape(v) for v in variables_of([work.problem.value])]
    known = known_shapes([work.value])
    checks = [] if parts.parts else list(dimension_checks(node, known))[:1]
    upstream = work.problem.upstream
    if upstream is not None:
        shapes.append(
            f"{upstream.params['name']} = ∂{work.loss}/∂{name}: {by_text(upstream.shape)}"
        )
    said = [", ".join(shapes) + ".", *(f"{derivation_text(node)}: {c}." for c in checks)]
    said.append(_answer_said(work, answer, order))
    named = [_named(p.name, p.definition) for p in parts.parts]
    if named:
        named.append(_named(name, parts.top))
    if upstream is not None:
        title = f"d{work.loss}/d{x}"
        named = named or [_named(name, parts.top)]
    rows = [title + "      " + ", ".join(named) if named else title]
    for k, sentence in enumerate(said):
        if len(rows[-1]) + len(sentence) < PAGE:
            rows[-1] += ("  " if k else "      ") + sentence
        else:
            rows.append("    " + sentence)
    return "\n".join(rows)


def _named(name: str, definition: Expr) -> str:
    form = form_of(definition)
    text = derivation_text(Forms(form).best(form.sum))
    shape = f" ({by_text(definition.shape)})" if definition.shape else ""
    return f"{subscripted(name, '')} = {text}{shape}"


def _shape(variable: Expr) -> str:
    """A variable with its shape and what is known of it."""
    facts = " ".join(variable.params.get("facts", ()))
    sizes = by_text(variable.shape) if variable.shape else "a number"
    name = subscripted(str(variable.params["name"]), "")
    return f"{name}: {sizes} ({facts})" if facts else f"{name}: {sizes}"


def _answer_said(work: Working, answer: Form, order: int) -> str:
    """How many entries the answer has and why."""
    shape, own = answer.sum.shape, work.own(work.variable.ndim)
    if not shape:
        return "The answer is a number."
    below = subscripted(work.x, own)
    if order == 2:
        above = subscripted(work.x, work.letters[: work.variable.ndim])
        return f"The answer has one entry for each pair {above}, {below}: shape {by_text(shape)}."
    if len(shape) == work.variable.ndim:
        return f"The answer has one entry for each {below}: shape {by_text(shape)}."
    above = subscripted(work.name, work.free(work.value.ndim))
    if not work.variable.ndim:
        return f"The answer has one entry for each {above}: shape {by_text(shape)}."
    return f"The answer has one entry for each pair {above}, {below}: shape {by_text(shape)}."
