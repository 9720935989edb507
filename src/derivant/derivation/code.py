"""A derivative as a function of Python that stands alone, and what its docstring says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from derivant.base.errors import ArgumentError, DerivantError
from derivant.carriers.expr import Expr
from derivant.notation import function_text, shown_name, text_of
from derivant.notation.standing import standing
from derivant.rewriting import normal_form

LONGEST = 120  # characters of a formula that a docstring shows


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What was derived: the value and its variables, in order of appearance."""

    value: Expr
    variables: tuple[Expr, ...]

    def code(
        self,
        target: str,
        answers: Mapping[str, tuple[Expr, str]],
        value: bool,
        name: str | None,
    ) -> str:
        """The function that returns the answers, each an expression and its text by variable."""
        if not isinstance(value, bool):
            raise ArgumentError(f"value is True or False, not {value!r:.40}")
        given = {str(v.params["name"]): v for v in self.variables}
        rest = [v for n, v in given.items() if n not in answers]
        parameters = [*(given[n] for n in answers), *rest]
        results = [expr for expr, _ in answers.values()]
        if value:
            results.insert(0, normal_form(self.value))
        return function_text(
            target,
            name or ("value_and_derivative" if value else "derivative"),
            parameters,
            results,
            self._about(answers, parameters, value),
            labels=self._labels(answers, value),
            nested=value and len(answers) > 1,
        )

    @staticmethod
    def _labels(answers: Mapping[str, object], value: bool) -> list[str]:
        """What long results are called."""
        many = len(answers) > 1
        names = [f"d_{name}" for name in answers] if many else ["derivative"]
        return ["value", *names] if value else names

    def _about(
        self, answers: Mapping[str, tuple[Expr, str]], parameters: Sequence[Expr], value: bool
    ) -> list[str]:
        """The lines of the docstring: the formula, the answers, the shapes."""
        formula = _formula(self.value)
        what = "The value and the derivative" if value else "The derivative"
        many = len(answers) > 1
        by = ", ".join(map(shown_name, answers))
        of = f" of {formula}" if 0 < len(formula) <= LONGEST else ""
        lines = [f"{what}{'s' if many else ''}{of} by {by}.", ""]
        for name, (_, text) in answers.items():
            if len(text) <= LONGEST:
                lines.append(f"By {shown_name(name)}: {text}")
        shapes = [f"{v.params['name']}: {_shape(v)}" for v in parameters]
        returned = [_shape(expr) for expr, _ in answers.values()]
        lines.append("; ".join(["Shapes: " + ", ".join(shapes), "result: " + ", ".join(returned)]))
        return lines


def _formula(value: Expr) -> str:
    """The text of the value, empty where it is too large to be written."""
    try:
        return text_of(standing(value))
    except DerivantError:
        return ""


def _shape(x: Expr) -> str:
    return f"({', '.join(map(str, x.shape))})" if x.shape else "a number"
