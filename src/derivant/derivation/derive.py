"""From a formula, an expression or a function to its derivative, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from derivant.base.errors import ArgumentError, DerivantError
from derivant.base.types import Function
from derivant.carriers.evaluate import replaced
from derivant.carriers.expr import Expr, symbol
from derivant.carriers.trace import parameter_names, trace_graph, variables
from derivant.derivation.blocks import block
from derivant.derivation.checking import Check, checked
from derivant.derivation.code import Question
from derivant.derivation.result import Derivative, Derivatives
from derivant.derivation.stacking import stacked, unstacked
from derivant.derivation.structured import projected
from derivant.derivation.working import Problem
from derivant.notation import (
    Facts,
    Formula,
    Shapes,
    canonical_name,
    check_given,
    is_name,
    meant,
    read_facts,
    read_formula,
    read_shapes,
)
from derivant.rewriting import Form, derivative_form, form_of, successive_forms
from derivant.rewriting.plainer import rectified

MOST_ORDER = 20  # by a number
MOST_TENSOR_ORDER = 4  # by an array: each order adds the axes of the variable
MOST_AXES, MOST_TERMS = 4, 24  # of a derivative of order 3 or more by an array
LAYOUTS = ("tensor", "vec")
CONVENTIONS = ("none", "independent", "riesz")


def derive(
    what: str | Expr | Function,
    wrt: str | Expr | Sequence[str | Expr],
    shapes: Shapes = None,
    assume: Facts = None,
    order: int = 1,
    cotangent: str | None = None,
    notation: str = "auto",
    layout: str = "tensor",
    structured: str = "none",
) -> Derivative | Derivatives:
    """The derivative of a formula in closed form, compared with differences before it is given.

    `what` is a text in matrix or NumPy notation, a program of assignments, an `Expr`, or a Python
    function of its variables (then `shapes` gives their sizes). With several variables in `wrt`
    the answers are by name. `assume` has facts such as {"A": "symmetric"}; one on `wrt` is used
    after the last differentiation. `structured` projects the gradient on the declared structure of
    the variable: "independent" (the Matrix Cookbook's, 138) or "riesz". `order` is up to 20 for a
    number by a number, up to 4 by an array while the result has at most 4 axes. `cotangent` names
    an upstream gradient of the value's shape. `layout="vec"` stacks columns: Kronecker products.

    Raises ArgumentError or ShapeError, with the place marked, where a text cannot be read, and
    DerivantError, with the part that stops it, where there is no closed form.

    >>> derive("norm2(A*x - b)^2", wrt="x").text
    "2 A' (A x - b)"
    >>> derive("X*W", wrt="W", shapes="X: N D, W: D M", cotangent="G").text
    "X' G"
    """
    if type(order) is not int or order not in range(1, MOST_ORDER + 1):
        raise ArgumentError(f"the order is 1 to {MOST_ORDER}, not {order!r:.40}")
    if layout not in LAYOUTS:
        raise ArgumentError(f"the layout is one of {LAYOUTS}, not {layout!r:.40}")
    if structured not in CONVENTIONS:
        raise ArgumentError(f"structured is one of {CONVENTIONS}, not {structured!r:.40}")
    value, known, said = read_value(what, shapes, assume, notation, cotangent)
    new = cotangent is None or (isinstance(cotangent, str) and is_name(cotangent))
    if not new or (cotangent is not None and (order > 1 or canonical_name(cotangent) in known)):
        raise ArgumentError("a cotangent is a new name, for a derivative of order 1")
    names = [name_of(w, known, said) for w in _asked(wrt)]
    question = Question(unstacked(value) if layout == "vec" else value, tuple(known.values()))
    found = {n: _derived(question, known[n], order, cotangent, said, structured) for n in names}
    if layout == "vec":
        found = {n: _stacked(r, value) for n, r in found.items()}
    if isinstance(wrt, (str, Expr)):
        return found[names[0]]
    read = said if isinstance(said, str) else said.said
    second = order == 2 and layout == "tensor" and structured == "none"
    blocks = (lambda a, b: block(question, known[a], known[b], read)) if second else None
    return Derivatives(found, blocks)


def _asked(wrt: Any) -> list[Any]:
    """The variables that were asked for."""
    if isinstance(wrt, (str, Expr)):
        return [wrt]
    if not isinstance(wrt, Iterable):
        raise ArgumentError(f"wrt is the name of a variable or a list of such, not {wrt!r:.40}")
    asked = list(wrt)
    if not asked:
        raise ArgumentError("wrt names no variable to differentiate by")
    return asked


def _stacked(r: Derivative, value: Expr) -> Derivative:
    """A derivative by a matrix as one matrix, columns stacked; one with two axes as it is."""
    if len(r.shape) not in (2, 4) and not (len(r.shape) == 3 and len(value.shape) == 1):
        raise ArgumentError('layout="vec" is for a matrix or a vector by a matrix or a vector')
    if len(r.shape) == 2:
        return r
    question = replace(r.question, value=value)
    answer = replace(r, expr=stacked(r.expr), layout="vec", question=question)
    answer.expression()
    return answer


def read_value(
    what: Any, shapes: Any, assume: Any, notation: str, cotangent: str | None
) -> tuple[Expr, dict[str, Expr], Formula | str]:
    """The expression, its variables by name, and how it was read; what is given fits them."""
    value, known, said = _read(what, shapes, assume, notation)
    made = {} if isinstance(said, str) else dict(said.assignments)
    if isinstance(cotangent, str):
        made[canonical_name(cotangent)] = value  # whose shape it has
    check_given(shapes, assume, known, made)
    return value, known, said


def _read(
    what: Any, shapes: Any, assume: Any, notation: str
) -> tuple[Expr, dict[str, Expr], Formula | str]:
    if isinstance(what, str):
        formula = read_formula(what, shapes, assume, notation)
        return formula.expression, dict(formula.variables), formula
    if callable(what) and not isinstance(what, Expr):
        given = read_shapes(shapes)
        names = parameter_names(what, what.__code__.co_argcount if hasattr(what, "__code__") else 1)
        if not names:
            raise ArgumentError("derive takes a Python function whose parameters have names")
        given_alone = len(names) - len(getattr(what, "__defaults__", None) or ())
        while len(names) > given_alone and canonical_name(names[-1]) not in given:
            names.pop()  # it has a value of its own
        missing = [n for n in names if canonical_name(n) not in given]
        if missing:
            raise ArgumentError(
                f"the sizes of {', '.join(missing)} are not known; "
                'give them as in shapes="X: n d, w: d" (a number has none: "c:")'
            )
        facts = read_facts(assume, given)
        plain = [canonical_name(n) for n in names]
        specs = [symbol(n, given[n], facts=facts.get(n, ())) for n in plain]
        what = trace_graph(what, *specs)
        known = {str(v.params["name"]): v for v in specs}
    elif isinstance(what, Expr):
        what, known = _with_facts(what, assume)
    if not isinstance(what, Expr):
        raise ArgumentError(
            "derive takes a text, an Expr or a Python function that returns one array, "
            f"not {type(what).__name__}"
        )
    return what, known, "read as an expression"


def _with_facts(value: Expr, assume: Facts) -> tuple[Expr, dict[str, Expr]]:
    """An expression and its variables by name, with facts declared of them."""
    known: dict[str, Expr] = {}
    for v in variables(value):
        if known.setdefault(str(v.params["name"]), v) is not v:
            raise ArgumentError(
                f"two variables of the expression are named {v.params['name']}; "
                "give one of them another name"
            )
    facts = read_facts(assume, {name: v.shape for name, v in known.items()})
    changes = {
        known[n]: symbol(n, known[n].shape, known[n].dtype, facts[n]) for n in facts if n in known
    }
    return replaced([value], changes)[0], {n: changes.get(v, v) for n, v in known.items()}


def name_of(wrt: str | Expr, known: Mapping[str, Expr], read: Formula | str) -> str:
    """The name of a variable of the value."""
    if not isinstance(wrt, (str, Expr)):
        raise ArgumentError(f"wrt is the name of a variable, not {wrt!r:.40}")
    name = canonical_name(wrt) if isinstance(wrt, str) else str(wrt.params.get("name", wrt))
    if name not in known and isinstance(read, Formula) and name in read.assignments:
        raise ArgumentError(f"{name} is no variable: the formula gives it a value")
    if name not in known:
        raise ArgumentError(f"{name} is not in the formula; {meant(name, known)}")
    return name


def _derived(
    question: Question,
    variable: Expr,
    order: int,
    cotangent: str | None,
    said: Formula | str,
    structured: str,
) -> Derivative:
    """One derivative; facts on the variable come back after the last differentiation."""
    name, value = str(variable.params["name"]), question.value
    free = symbol(name, variable.shape, variable.dtype)
    plain = value if free is variable else replaced([value], {variable: free})[0]
    upstream = None
    if cotangent is not None:
        upstream = symbol(canonical_name(cotangent), value.shape, value.dtype)
        question = Question(value, (*question.variables, upstream))
    before, forms = plain, _forms(plain, free, order, upstream)
    for _ in range(order - 1):
        form = next(forms)
        _checked(before, form, free, variable, None)
        before = form.to_expr()
    form = next(forms)
    if structured != "none":
        check = _checked(before, form, free, variable, upstream)
        form = _followed(projected(form.to_expr(), variable, structured), form, free, variable)
    elif free is variable:
        check = _checked(before, form, free, variable, upstream)
    else:  # the facts are used, and then it is checked
        form = _followed(form.to_expr(), form, free, variable)
        check = _checked(before, form, free, variable, upstream)
    if isinstance(said, str):  # of a text max(0, x) is relu; of a program it has a tie at 0
        for x in rectified(value):
            form.context.require("nonzero", x)
    text = said if isinstance(said, str) else said.said
    names = {} if isinstance(said, str) else said.assignments
    problem = Problem(value, variable, upstream, names, structured)
    answer = Derivative(name, order, text, form.to_expr(), form, check, question, problem)
    if answer.is_short:
        answer.expression()  # a part that has no name is refused here, before anything is shown
    return answer


def _forms(value: Expr, wrt: Expr, order: int, upstream: Expr | None) -> Iterator[Form]:
    """The derivatives, one order after the other."""
    if order > 2 and not wrt.shape and not value.shape:
        yield from successive_forms(value, wrt)
    axes = len(value.shape) + order * len(wrt.shape)
    if order > 2 and (order > MOST_TENSOR_ORDER or axes > MOST_AXES):
        raise ArgumentError(
            f"the derivative of order {order} by {wrt.params['name']} has {axes} axes; above "
            f"order 2 it is given up to order {MOST_TENSOR_ORDER} and {MOST_AXES} axes by an "
            f"array, and up to order {MOST_ORDER} of a number by a number"
        )
    while True:
        form = derivative_form(value, wrt, upstream)
        if order > 2 and len(form.sum.terms) > MOST_TERMS:
            raise DerivantError(
                f"a derivative by {wrt.params['name']} has {len(form.sum.terms)} terms; above "
                f"order 2 no more than {MOST_TERMS} are shown; take a lower order"
            )
        yield form
        value = form.to_expr()


def _followed(expr: Expr, form: Form, free: Expr, variable: Expr) -> Form:
    """The normal form with the facts of the variable, after the steps that led to it."""
    after = form_of(replaced([expr], {free: variable})[0])
    after.context.follow(form.context, {free: variable})
    return after


def _checked(value: Expr, form: Form, free: Expr, variable: Expr, upstream: Expr | None) -> Check:
    before, after = replaced([value, form.to_expr()], {free: variable})
    return checked(before, variable, after, upstream)
