"""The derivative by one variable of the gradient by another: a block of the second derivative."""

from __future__ import annotations

from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.derivation.checking import checked
from derivant.derivation.code import Question
from derivant.derivation.result import Derivative
from derivant.derivation.working import Problem
from derivant.rewriting import derivative_form, form_of


def block(question: Question, first: Expr, second: Expr, said: str) -> Derivative:
    """d/d(second) of d/d(first) of the value; facts on both come back at the end.

    Each of the two derivatives is compared with differences. Raises DerivantError where they
    differ, or where there is no closed form.
    """
    free = {v: symbol(str(v.params["name"]), v.shape, v.dtype) for v in (first, second)}
    back = {plain: v for v, plain in free.items() if plain is not v}
    (value,) = replaced([question.value], free)
    gradient = derivative_form(value, free[first])
    mixed = derivative_form(gradient.to_expr(), free[second])
    before, after = replaced([gradient.to_expr(), mixed.to_expr()], back)
    form = mixed
    if back:
        form = form_of(after)
        form.context.follow(mixed.context, back)
    checked(question.value, first, before)
    check = checked(before, second, form.to_expr())
    name = str(second.params["name"])
    inner = Question(before, question.variables)
    answer = Derivative(name, 1, said, form.to_expr(), form, check, inner, Problem(before, second))
    answer.expression()  # a part that has no name is refused here, before anything is shown
    return answer
