"""Evaluates matrix notation as it is written, by rules of its own: what a reader would compute.

Vectors are columns; a product of one by one is a number; the size of I is among the values. Knows
nothing of expressions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Value = npt.NDArray[np.float64]
TOKEN = re.compile(r"\s*(\d+\.?\d*(?:e[-+]?\d+)?|[A-Za-z_]\w*|\.\^|\./|[-+∘/^'(),])")


def column(value: Value) -> Value:
    """An array as matrix notation has it: a number, or two axes."""
    array = np.asarray(value, float)
    return array.reshape(-1, 1) if array.ndim == 1 else array


def product(a: Value, b: Value) -> Value:
    """A matrix product, or a multiple where either is a number."""
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    c = a @ b
    return c[0, 0] if c.shape == (1, 1) else c


def diag(a: Value) -> Value:
    """A diagonal matrix of a column, or the diagonal of a matrix."""
    return np.diag(a[:, 0]) if a.shape[1] == 1 else column(np.diag(a))


def total(a: Value, axis: Value | None = None) -> Value:
    """The sum of all entries, or a column of the sums along an axis."""
    return np.asarray(a.sum()) if axis is None else column(a.sum(int(axis)))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sum": total,
    "norm2": lambda a: np.sqrt((a**2).sum()),
    "sqrt": np.sqrt,
    "tr": lambda a: np.asarray(np.trace(a)),
    "diag": diag,
    "ones": lambda *shape: column(np.ones([int(s) for s in shape])),
    "zeros": lambda *shape: column(np.zeros([int(s) for s in shape])),
}


class Calculator:
    """Reads a text from left to right: sums of products of powers."""

    def __init__(self, text: str, values: Mapping[str, Value]) -> None:
        self.tokens = TOKEN.findall(text) + [""]
        assert "".join(self.tokens) == re.sub(r"\s", "", text), text
        self.values = values

    @property
    def ahead(self) -> str:
        return str(self.tokens[0])

    def take(self, token: str = "") -> str:
        assert not token or self.ahead == token, (token, self.tokens)
        return str(self.tokens.pop(0))

    def sum(self) -> Value:
        negative = self.ahead == "-" and bool(self.take())
        total = self.quotient()
        total = -total if negative else total
        while self.ahead in ("+", "-") and self.ahead:
            sign = self.take()
            term = self.quotient()
            assert term.shape == total.shape or not (term.ndim and total.ndim)
            total = total + term if sign == "+" else total - term
        return total

    def quotient(self) -> Value:
        above = self.chain()
        while self.ahead in ("/", "./"):
            mark = self.take()
            below = self.factor()
            assert below.ndim == 0 if mark == "/" else below.shape == above.shape or not above.ndim
            above = above / below
        return above

    def chain(self) -> Value:
        result = self.factor()
        while self.ahead and self.ahead not in "+-/),./":
            if self.ahead == "∘":
                self.take()
                other = self.factor()
                assert other.shape == result.shape
                result = result * other
            else:
                result = product(result, self.factor())
        return result

    def factor(self) -> Value:
        value = self.atom()
        while self.ahead in ("'", "^", ".^"):
            mark = self.take()
            if mark == "'":
                value = value.T
                continue
            assert mark == ".^" or value.ndim == 0
            negative = self.ahead == "-" and bool(self.take())
            exponent = self.atom()
            value = value ** (-exponent if negative else exponent)
        return value

    def atom(self) -> Value:
        token = self.take()
        if token == "(":
            value = self.sum()
            self.take(")")
            return value
        if token[0].isdigit():
            return np.asarray(float(token))
        if token == "I":
            return np.eye(int(self.values[token]))
        if self.ahead != "(" or token not in FUNCTIONS:
            return column(self.values[token])
        self.take("(")
        arguments = [self.sum()]
        while self.ahead == ",":
            self.take()
            arguments.append(self.sum())
        self.take(")")
        return FUNCTIONS[token](*arguments)


def calculated(text: str, values: Mapping[str, Value]) -> Value:
    """The value of a text in matrix notation."""
    calculator = Calculator(text, values)
    value = calculator.sum()
    assert calculator.ahead == ""
    return value
