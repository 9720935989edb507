"""A derivative as an answer: text, NumPy code, its shape, its check; called, it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from derivant.base.dims import Shape
from derivant.base.errors import ArgumentError, DerivantError
from derivant.base.graph import ancestors
from derivant.base.types import Array, Operand
from derivant.carriers.evaluate import evaluate_all, replaced
from derivant.carriers.expr import Expr
from derivant.carriers.trace import variables
from derivant.derivation.checking import Check
from derivant.derivation.code import Question
from derivant.derivation.entries import DerivativeEntry, entry, expanded
from derivant.derivation.lines import Derivation, Line
from derivant.derivation.operator import chained, checked_product, operator_of
from derivant.derivation.stacking import as_shown
from derivant.derivation.steps import derivation_of
from derivant.derivation.working import Problem, Working
from derivant.notation import (
    Forms,
    Node,
    canonical_name,
    length_of,
    name_html,
    name_latex,
    numpy_text,
    shown_name,
    text_of,
    vec_form,
)
from derivant.notation.constants import with_pi
from derivant.notation.sharing import shared_html, shared_latex, shared_text
from derivant.operators import Jacobian
from derivant.rewriting import Condition, Form, form_of

SAID = {"nonzero": "not 0", "invertible": "invertible"}

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, eq=False)
class Derivative:
    """The derivative of a formula by one variable.

    Shape: that of the value, then that of the variable, once for each order. Called with values
    by name, it computes.

    >>> from derivant.derivation import derive
    >>> r = derive("x'*A*x", wrt="x")
    >>> print(r.text, r.shape)
    (A + A') x (n,)
    """

    wrt: str
    order: int
    said: str
    expr: Expr
    form: Form
    check: Check
    question: Question
    problem: Problem
    layout: str = "tensor"
    _made: list[Derivation] = field(default_factory=list, init=False, repr=False)
    _documents: list[Forms] = field(default_factory=list, init=False, repr=False)
    _written: list[str] = field(default_factory=list, init=False, repr=False)

    @property
    def text(self) -> str:
        """Matrix notation where there is one, index notation otherwise.

        A part that a long text repeats is named behind it: "..., where u1 = exp(X w)". Raises
        DerivantError where it is too large to be written as one formula.
        """
        return shared_text(self._shown())

    @property
    def is_short(self) -> bool:
        """Whether the derivative can be written as one formula; code() writes any, line by line."""
        return self._forms.fits(self.form.sum)

    @property
    def _forms(self) -> Forms:
        """The parts of the document, made when they are first asked for."""
        if not self._documents:
            self._documents.append(Forms(self.form))
        return self._documents[0]

    def _described(self) -> str:
        return (
            self.text if self.is_short else f"an expression of {len(ancestors([self.expr]))} nodes"
        )

    @property
    def latex(self) -> str:
        r"""The same as LaTeX, for between dollar signs; amsmath's commands at most.

        >>> from derivant.derivation import derive
        >>> print(derive("norm2(X*theta - y)^2/(2*m)", wrt="theta", shapes="X: m n").latex)
        \frac{X^{\top} \left(X \theta - y\right)}{m}
        """
        return shared_latex(self._shown())

    def _shown(self) -> Node:
        """Matrix notation where there is one, entries by letters otherwise."""
        forms = self._forms
        found = self._document(forms)
        return self._with_pi(forms.indexed(self.form.sum) if found is None else found)

    def _with_pi(self, node: Node) -> Node:
        """π for its decimals, where it is no name of a variable."""
        names = {v.params["name"] for v in self.question.variables}
        return node if "pi" in names else with_pi(node)

    def _document(self, forms: Forms) -> Node | None:
        """Matrix notation in the layout, None where there is none."""
        flat = self.layout == "vec" and len(self.form.sum.shape) > 2
        return vec_form(forms, self.form.sum) if flat else forms.matrix(self.form.sum)

    @property
    def index_text(self) -> str:
        """One entry in index notation: axes of the value first, then those of the variable."""
        return text_of(self._with_pi(self._forms.indexed(self.form.sum)))

    @property
    def shape(self) -> Shape:
        """The shape, of numbers and named sizes."""
        return tuple(self.expr.shape)

    @property
    def derivation(self) -> Derivation:
        """The derivation: head, lines and cases, made when it is first asked for; print it.

        >>> from derivant.derivation import derive
        >>> print(derive("sum(x)", wrt="x").derivation.lines[0].index)
        f = Σ_i x_i
        """
        if self.order > 2:
            raise ArgumentError(
                f"derivations are shown for orders 1 and 2, not {self.order}; "
                "ask for one of order 2, or of the derivative of a lower order"
            )
        if not self.is_short:
            raise DerivantError(
                f"the derivative is {self._described()}, too large to be shown step by step; "
                "code() writes it line by line"
            )
        if not self._made:
            self._made.append(derivation_of(self.problem, self.order, self.form, self.expr))
        return self._made[0]

    @property
    def steps(self) -> tuple[Line, ...]:
        """The lines of the derivation: rule, before, after, source, conditions of each.

        >>> from derivant.derivation import derive
        >>> [step.rule for step in derive("W*x", wrt="x").steps][:2]
        ['write with indices', 'one entry, only x varies']
        """
        return self.derivation.lines

    def entry(self, *places: int) -> DerivativeEntry:
        """One entry of the derivative; places count from 1, those of the value first.

        Raises ArgumentError where their number is wrong, BoundsError outside a size.

        >>> from derivant.derivation import derive
        >>> print(derive("W*x", wrt="x").entry(3, 7))
        ∂y_3/∂x_7 = W_37
        """
        self._in_tensor_layout()
        return entry(Working(self.problem), self.form, self.expr, places)

    def expand(self, **sizes: int) -> str:
        """The value and every entry of the derivative written out for these sizes.

        Raises ArgumentError where a size is missing or too much would be written.

        >>> from derivant.derivation import derive
        >>> print(derive("x'*x", wrt="x").expand(n=2))
        f = x_1² + x_2²
        ∂f/∂x_1 = 2 x_1
        ∂f/∂x_2 = 2 x_2
        """
        self._in_tensor_layout()
        return expanded(Working(self.problem), self.form, sizes)

    def _in_tensor_layout(self) -> None:
        if self.layout != "tensor":
            raise ArgumentError('entries by their places are for layout="tensor"')

    @property
    def conditions(self) -> tuple[str, ...]:
        """Where the formula holds, beyond the declared facts: "x not 0", "X invertible".

        >>> from derivant.derivation import derive
        >>> derive("logdet(X)", wrt="X").conditions
        ('X invertible',)
        """
        found = dict.fromkeys(map(_condition_text, self.form.conditions))
        return tuple(found)

    def expression(self, target: str = "numpy") -> str:
        """The right-hand side alone, in NumPy notation.

        Raises ArgumentError for another target, DerivantError where a part has no name there.

        >>> from derivant.derivation import derive
        >>> derive("norm2(X*theta - y)^2/(2*m)", wrt="theta", shapes="X: m n").expression("numpy")
        'X.T @ (X @ theta - y) / m'
        """
        if target != "numpy":
            raise ArgumentError(f"the target of an expression is 'numpy', not {target!r:.40}")
        if not self._written:
            self._written.append(self._in_numpy())
        return self._written[0]

    def _in_numpy(self) -> str:
        """The text in NumPy notation."""
        forms = self._forms
        found = self._document(forms)
        if found is None and self.layout == "vec":
            raise DerivantError(
                "a term does not split into two matrices, so that it has no Kronecker form; "
                'layout="tensor" has it'
            )
        node = forms.contractions(self.form.sum) if found is None else found
        return numpy_text(self._with_pi(node))

    def code(self, target: str = "numpy", value: bool = False, name: str | None = None) -> str:
        """A self-contained function of Python that computes the derivative.

        `target` is "numpy", "jax" or "torch". The variable comes first, then every other variable
        of the formula in order of appearance; a keyword of Python gets an underscore behind. With
        `value` the function returns the value and the derivative, which share work. It is called
        `derivative` or `value_and_derivative` where no `name` is given. Raises ArgumentError for
        another target, DerivantError where a part has no code.

        >>> from derivant.derivation import derive
        >>> for line in derive("norm2(A*x - b)^2", wrt="x").code(value=True).splitlines():
        ...     print(line.strip())
        def value_and_derivative(x, A, b):
        \"\"\"The value and the derivative of norm2(A x - b)^2 by x.
        <BLANKLINE>
        By x: 2 A' (A x - b)
        Shapes: x: (n), A: (m, n), b: (m); result: (n)
        \"\"\"
        r = A @ x - b
        return r @ r, 2 * (A.T @ r)
        """
        expr = self.expr
        if self.layout == "vec":
            expr = as_shown(expr, self.expression("numpy"), self.question.variables)
        return self.question.code(target, {self.wrt: (expr, self._described())}, value, name)

    def __call__(self, sizes: Mapping[str, int] | None = None, **values: Operand) -> Array:
        """The derivative at these values of the variables, by name."""
        if sizes is not None and not isinstance(sizes, Mapping):
            raise ArgumentError(f"values are given by name, as in r({self.wrt}=...)")
        shown = [v for v in self.question.variables if v.params["name"] in values]
        found: Array = evaluate_all([self.expr, *shown], values, sizes)[0]
        return found

    def operator(self, **arrays: Operand) -> Jacobian:
        """The derivative at arrays as a linear map that keeps its structure.

        `arrays` has the variables by name; that of the derivative shows its sizes where it is gone
        from the formula. Raises ArgumentError where an array is missing, ShapeError where one does
        not fit.

        >>> import numpy as np
        >>> from derivant.derivation import derive
        >>> r = derive("X*W", wrt="X", shapes="X: N D, W: D M")
        >>> r.operator(X=np.ones((64, 30)), W=np.ones((30, 20))).structure
        'delta[i,k] W[l,j]'
        """
        return operator_of(self.form, self.form.to_expr(), self.wrt, self._rank, arrays)

    def __matmul__(self, inner: Derivative) -> Derivative:
        """The chain rule: the derivative of z by y times that of y by x."""
        if not isinstance(inner, Derivative):
            return NotImplemented
        product, form = chained(self.form.to_expr(), self._rank, inner.form.to_expr())
        found = form.to_expr()
        check = checked_product(product, found, (self.check, inner.check))
        outer = self.problem
        (whole,) = replaced([outer.value], {outer.variable: inner.problem.value})
        problem = Problem(whole, inner.problem.variable)
        question = Question(whole, tuple(variables(whole)))
        return Derivative(inner.wrt, 1, self.said, found, form, check, question, problem)

    @property
    def _rank(self) -> int:
        """How many of the last axes are those of the variable."""
        return len(self.problem.variable.shape)

    def __str__(self) -> str:
        power = "" if self.order == 1 else str(self.order).translate(RAISED)
        sign = f"∂{power}/∂{shown_name(self.wrt)}{power}"
        return f"{sign} = {self._described()}      {self._remark()}"

    def _repr_latex_(self) -> str:
        order = "" if self.order == 1 else f"^{{{self.order}}}"
        below = rf"\partial {name_latex(self.wrt)}{order}"
        return rf"$\displaystyle \frac{{\partial{order}}}{{{below}}} = {self.latex}$"

    def _repr_html_(self) -> str:
        order = "" if self.order == 1 else f"<sup>{self.order}</sup>"
        left = f"∂{order}/∂{name_html(self.wrt)}{order}"
        shown, remark = shared_html(self._shown()), escape(self._remark())
        return f"<div>{left} = {shown}<br><small>{remark}</small></div>"

    def _remark(self) -> str:
        """The shape, and how the answer was checked."""
        shape = ", ".join(map(str, self.shape))
        what = f"shape ({shape})" if shape else "a number"
        return f"{what}      {self.check}"


def _condition_text(condition: Condition) -> str:
    """A condition in the names of the formula."""
    form = form_of(condition.payload)
    text = text_of(length_of(Forms(form).best(form.sum)))
    return f"{text} {SAID[condition.kind]}"


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives(Mapping[str, Derivative]):
    """The derivatives of one formula by several variables, by name.

    >>> from derivant.derivation import derive
    >>> for name, r in derive("x'*A*x", wrt=["x", "A"]).items():
    ...     print(name, r.text)
    x (A + A') x
    A x x'

    Of order 2 two names are a block, the derivative by the second of the gradient by the first.

    >>> print(derive("x'*A*x", wrt=["x", "A"], order=2)["x", "x"].text)
    A + A'
    """

    found: dict[str, Derivative]
    block: Callable[[str, str], Derivative] | None = None

    def __getitem__(self, name: str | tuple[str, str]) -> Derivative:
        if isinstance(name, str):
            return self.found[canonical_name(name)]
        pair = name if isinstance(name, tuple) and len(name) == 2 else ()
        names = [canonical_name(n) for n in pair if isinstance(n, str)]
        if self.block is None or len(names) != 2 or not {*names} <= {*self.found}:
            raise KeyError(name)
        first, second = names
        return self.found[first] if first == second else self.block(first, second)

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return "\n".join(map(str, self.found.values()))

    def _repr_html_(self) -> str:
        return "".join(r._repr_html_() for r in self.found.values())

    def code(self, target: str = "numpy", value: bool = False, name: str | None = None) -> str:
        """A self-contained function that computes all derivatives, as a tuple, sharing work.

        The variables come first, in the order that was asked for. With `value` the function
        returns the value and the tuple. Raises what `Derivative.code` raises.

        >>> from derivant.derivation import derive
        >>> print(derive("x'*A*x", wrt=["x", "A"]).code().splitlines()[-1].strip())
        return (A + A.T) @ x, np.outer(x, x)
        """
        answers = {name: (r.expr, r._described()) for name, r in self.found.items()}
        return next(iter(self.found.values())).question.code(target, answers, value, name)
