"""A derivative as an answer: text, NumPy code, its shape, its check; called, it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from derivant.base.dims import Shape
from derivant.base.errors import ArgumentError, DerivantError
from derivant.base.types import Array, Operand
from derivant.carriers.evaluate import evaluate
from derivant.carriers.expr import Expr
from derivant.derivation.checking import Check
from derivant.notation import (
    Forms,
    Node,
    length_of,
    numpy_text,
    shown_name,
    text_of,
    vec_form,
)
from derivant.rewriting import Condition, Form, Step, form_of

SAID = {"nonzero": "not 0", "invertible": "invertible"}


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
    layout: str = "tensor"

    @property
    def text(self) -> str:
        """Matrix notation where there is one, index notation otherwise."""
        forms = Forms(self.form)
        found = self._document(forms)
        return text_of(forms.indexed(self.form.sum) if found is None else found)

    def _document(self, forms: Forms) -> Node | None:
        """Matrix notation in the layout, None where there is none."""
        flat = self.layout == "vec" and len(self.form.sum.shape) == 4
        return vec_form(forms, self.form.sum) if flat else forms.matrix(self.form.sum)

    @property
    def index_text(self) -> str:
        """One entry in index notation: axes of the value first, then those of the variable."""
        return text_of(Forms(self.form).indexed(self.form.sum))

    @property
    def shape(self) -> Shape:
        """The shape, of numbers and named sizes."""
        return tuple(self.expr.shape)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The rewrites that led to the normal form."""
        return self.form.steps

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
        forms = Forms(self.form)
        found = self._document(forms)
        if found is None and self.layout == "vec":
            raise DerivantError(
                "a term does not split into two matrices, so that it has no Kronecker form; "
                'layout="tensor" has it'
            )
        return numpy_text(forms.contractions(self.form.sum) if found is None else found)

    def __call__(self, sizes: Mapping[str, int] | None = None, **values: Operand) -> Array:
        """The derivative at these values of the variables, by name."""
        return evaluate(self.expr, values, sizes)

    def __str__(self) -> str:
        power = "" if self.order == 1 else "²"
        sign = f"∂{power}/∂{shown_name(self.wrt)}{power}"
        shape = ", ".join(map(str, self.shape))
        what = f"shape ({shape})" if shape else "a number"
        return f"{sign} = {self.text}      {what}      {self.check}"

    def _repr_html_(self) -> str:
        escaped = str(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<pre>{escaped}</pre>"


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
    """

    found: dict[str, Derivative]

    def __getitem__(self, name: str) -> Derivative:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        return "\n".join(map(str, self.found.values()))
