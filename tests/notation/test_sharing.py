"""Long texts name the parts that they repeat, and read as the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import derivant as dv
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import Expr
from derivant.notation import Forms, read_formula, text_of
from derivant.notation.document import Call, Name, Product, Sum
from derivant.notation.sharing import LONG, shared, shared_html, shared_latex, shared_text
from derivant.rewriting import form_of
from rewriting.random_expressions import SHAPES, expressions, values


def test_a_short_text_stays_as_it_is() -> None:
    r = dv.derive("norm2(A*x - b)^2", wrt="x")
    assert r.text == "2 A' (A x - b)"


def test_what_a_long_text_repeats_has_a_name() -> None:
    r = dv.derive("softmax(X*w)'*y/norm2(softmax(X*w))", wrt="w", shapes="X: m n")
    whole, _, named = r.text.partition(", where ")
    assert named == "u1 = softmax(X w)" and "softmax" not in whole and "u1" in whole
    assert r.latex.endswith(r"\mathrm{where}\; u_{1} = \operatorname{softmax}\left(X w\right)")
    assert "where <i>u</i><sub>1</sub> = softmax(" in r._repr_html_()
    assert "where" not in r.expression("numpy")


def test_names_are_free_ones_and_inner_parts_come_first() -> None:
    product = Product((Name("A", 2), Name("u1", 1)), 1)
    inner = Call("softmax", (Sum(((1, product), (1, Name("intercept", 1))), 1),), 1)
    outer = Call("tanh", (inner,), 1)
    terms = tuple((1, Call(f, (x,), 1)) for f in ("exp", "log") for x in (inner, outer) * 2)
    node, definitions = shared(Sum(terms, 1))
    names = [name for name, _ in definitions]
    assert "u1" not in names and names
    assert len(text_of(node)) < LONG
    known = {"A", "u1", "intercept"}
    for name, part in definitions:
        stack = [part]
        while stack:
            found = stack.pop()
            if isinstance(found, Name):
                assert found.name in known
            stack += [*getattr(found, "arguments", ()), *getattr(found, "factors", ())]
            stack += [t for _, t in getattr(found, "terms", ())]
        known.add(name)


@settings(max_examples=150, deadline=None)
@given(expressions(9, without="RQT"))
def test_a_long_text_reads_as_the_same_numbers(e: Expr) -> None:
    if len(e.shape) > 2 or 1 in e.shape:
        return
    form = form_of(e)
    node = Forms(form).matrix(form.sum)
    if node is None or ", where " not in shared_text(node) or "I" in text_of(node):
        return
    assert shared_latex(node) and shared_html(node)
    shapes = {n: list(s) for n, s in SHAPES.items()}
    try:
        again = read_formula(shared_text(node), shapes, notation="matrix").expression
    except dv.ShapeError:  # a number for an array leaves the size of a part open
        return
    at = values(2, 3, 1)
    with np.errstate(all="ignore"):
        one, two = (np.asarray(evaluate(x, at, {"n": 2, "m": 3})) for x in (e, again))
    np.testing.assert_allclose(*np.broadcast_arrays(two, one), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("u1 + v, where u1 = a*b, v = u1^2", 42.0),
        ("u1 where u1 = a*(b + max(a, b))", 12.0),
        ("where*a", 10.0),  # a name like any other
        ("where = a; where*b", 6.0),
    ],
)
def test_what_stands_behind_where_is_read_first(text: str, value: float) -> None:
    formula = read_formula(text, {"a": "", "b": "", "where": ""} if "where*a" in text else "a:, b:")
    assert evaluate(formula.expression, {"a": 2.0, "b": 3.0, "where": 5.0}) == value


def test_errors_behind_where_point_at_their_place() -> None:
    with pytest.raises(dv.ArgumentError) as error:
        read_formula("u1 + a, where u1 = sofmax(a)")
    lines = str(error.value).splitlines()
    assert lines[2].index("^") == lines[1].index("sofmax")
