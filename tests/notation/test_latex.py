"""LaTeX and HTML of documents: golden texts, and that every form is well formed."""

from __future__ import annotations

import re
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings

import derivant as dv
from derivant.carriers.expr import Expr
from derivant.derivation import Derivative
from derivant.notation import Forms, html_of, latex_of, name_html, name_latex, text_of
from derivant.notation.document import Entry, Name, Power
from derivant.notation.sharing import shared_latex
from derivant.rewriting import form_of
from rewriting.random_expressions import expressions

GOLDEN = [
    ("x'*A*x", {"wrt": "x"}, r"\left(A + A^{\top}\right) x"),
    ("x'*A*x", {"wrt": "A"}, r"x x^{\top}"),
    ("norm2(X*theta - y)^2/(2*m)", {"wrt": "theta", "shapes": "X: m n"},
     r"\frac{X^{\top} \left(X \theta - y\right)}{m}"),
    ("norm2(x)", {"wrt": "x"}, r"\frac{x}{\left\|x\right\|}"),
    ("sum(x)", {"wrt": "x"}, r"\mathbf{1}_{n}"),
    ("exp(theta1)*theta1^3", {"wrt": "theta1", "shapes": "theta1:"},
     r"\theta_{1}^{2} \left(\theta_{1} + 3\right) \exp\left(\theta_{1}\right)"),
    ("det(X)", {"wrt": "X"}, r"\operatorname{adj}\left(X\right)^{\top}"),
    ("logdet(X)", {"wrt": "X"}, r"X^{-\top}"),
    ("sum(relu(x).*y)", {"wrt": "x"}, r"y \odot \mathbf{1}\left[x > 0\right]"),
    ("sum(x.^3 ./ y)", {"wrt": "x"}, r"3 \left(x^{\circ 2} \oslash y\right)"),
    ("sum(sqrt(x))", {"wrt": "x"}, r"0.5 \oslash \sqrt{x}"),
    ("W*x", {"wrt": "W"}, r"\delta_{ij} x_{k}"),
    ("A*X*B", {"wrt": "X", "layout": "vec", "notation": "matrix"}, r"B^{\top} \otimes A"),
    ("A*x", {"wrt": "A", "cotangent": "G"}, r"G x^{\top}"),
    ("x'*x/3", {"wrt": "x"}, r"\frac{2 x}{3}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "latex"), GOLDEN, ids=[g[0] for g in GOLDEN])
def test_golden_latex(text: str, options: dict[str, Any], latex: str) -> None:
    r = dv.derive(text, **options)
    assert isinstance(r, Derivative)
    assert r.latex == latex
    well_formed(r.latex)
    assert r.latex in r._repr_latex_() and r._repr_latex_().startswith("$")


@pytest.mark.parametrize(
    ("name", "latex", "html"),
    [
        ("theta", r"\theta", "<i>θ</i>"),
        ("theta1", r"\theta_{1}", "<i>θ</i><sub>1</sub>"),
        ("W_in", r"W_{\mathrm{in}}", "<i>W</i><sub>in</sub>"),
        ("x_i", "x_{i}", "<i>x</i><sub>i</sub>"),
        ("loss", r"\mathrm{loss}", "<i>loss</i>"),
        ("Omega", r"\Omega", "<i>Ω</i>"),
        ("_a", r"\mathrm{\_a}", "<i>_a</i>"),
        ("X2_b", r"X_{\mathrm{2\_b}}", "<i>X</i><sub>2_b</sub>"),
    ],
)
def test_names(name: str, latex: str, html: str) -> None:
    assert name_latex(name) == latex
    assert name_html(name) == html


def well_formed(latex: str) -> None:
    """Braces and \\left ... \\right match, no command runs into a letter, one superscript each."""
    depth = 0
    for token in re.findall(r"\\[{}]|[{}]", latex):
        depth += (token == "{") - (token == "}")
        assert depth >= 0, latex
    assert depth == 0, latex
    assert len(re.findall(r"\\left\b", latex)) == len(re.findall(r"\\right\b", latex)), latex
    assert not re.search(r"\^\{[^{}]*\}\^|_\{[^{}]*\}_", latex), latex
    assert not re.search(r"[δΣ∘θ']", latex), latex


class Tags(HTMLParser):
    """The tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs and tag in ("i", "b", "sub", "sup", "code", "div", "small", "br")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def html_well_formed(text: str) -> None:
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []


@settings(max_examples=150, deadline=None)
@given(expressions())
def test_every_form_is_well_formed(e: Expr) -> None:
    form = form_of(e)
    forms = Forms(form)
    for node in (forms.best(form.sum), forms.indexed(form.sum), forms.contractions(form.sum)):
        well_formed(latex_of(node))
        html_well_formed(html_of(node))


def test_a_page_shows_an_answer_and_escapes_it() -> None:
    r = dv.derive("sum(relu(x - 1).*y)", wrt=["x", "y"])
    page = r._repr_html_()
    assert page.count("<div>") == 2
    assert "<b>1</b>[<i>x</i> &gt; 1]" in page
    html_well_formed(page)


def test_matplotlib_reads_the_latex() -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib is not installed")
    parser = mathtext.MathTextParser("path")
    for text, options, latex in GOLDEN:
        assert text and options
        parser.parse(f"${latex}$")


@settings(max_examples=100, deadline=None)
@given(expressions(6))
def test_matplotlib_reads_the_latex_of_any_form(e: Expr) -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib is not installed")
    form = form_of(e)
    forms = Forms(form)
    for node in (forms.best(form.sum), forms.indexed(form.sum)):
        mathtext.MathTextParser("path").parse(f"${shared_latex(node)}$")


def test_a_power_of_a_power_has_parentheses() -> None:
    inner = Power(Name("x"), Fraction(3), 0)
    outer = Power(inner, Fraction(2), 0)
    assert text_of(outer) == "(x^3)^2"
    assert latex_of(outer) == r"\left(x^{3}\right)^{2}"
    assert html_of(outer) == "(<i>x</i><sup>3</sup>)<sup>2</sup>"


def test_which_entries_are_largest_is_a_condition() -> None:
    r = dv.derive("max(A*x)", wrt="x")
    assert isinstance(r, Derivative)
    chosen = r"\mathbf{1}\left[A x = \max\left(A x\right)\right]"
    assert r.latex == rf"\frac{{A^{{\top}} {chosen}}}{{\operatorname{{sum}}\left({chosen}\right)}}"
    assert "<b>1</b>[<i>A</i> <i>x</i> = max(<i>A</i> <i>x</i>)]" in r._repr_html_()
    assert "1[A x = max(A x)]" in str(r.derivation)


def test_a_name_with_an_index_has_its_letters_outside() -> None:
    entry = Entry(Name("W1", 2), ("i", "j"))
    assert latex_of(entry) == "{W_{1}}_{ij}"
    assert latex_of(Entry(Name("W", 2), ("i", "j"))) == "W_{ij}"
