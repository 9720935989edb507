"""An independent reading of index notation: a printed line is evaluated by loops over its letters.

Nothing of derivant takes part. A sum sign binds the factors behind it up to the next sign.
"""

from __future__ import annotations

import re
from itertools import product

import numpy as np

TOKEN = re.compile(
    r"\s*(∂[^\s()/]+/∂[\w,]+|Σ_\w+|δ_\w+|1\[|[^\W\d_](?:(?![¹²³⁴])[\w,])*|\d+(?:\.\d+)?"
    r"|[⁻¹²³⁴]+|[-+/()\]>])"
)
RAISED = str.maketrans("⁻¹²³⁴", "-1234")
FUNCTIONS = {
    "relu": lambda x: max(x, 0.0),
    "abs": abs,
    "sign": np.sign,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
}


class Reader:
    """Evaluates one text; `arrays` by name, `derivatives` by (part, variable).

    `sizes` are those of the letters of the result.
    """

    def __init__(self, text, arrays, derivatives, sizes):
        self.tokens, place = [], 0
        while place < len(text.rstrip()):
            found = TOKEN.match(text, place)
            assert found, f"{text[place:]!r} of {text!r}"
            self.tokens.append(found[1])
            place = found.end()
        self.arrays, self.derivatives, self.sizes = arrays, derivatives, sizes
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def sum(self, letters):
        total, sign = 0.0, 1
        if self.peek() == "-":
            sign = -1
            self.next()
        while True:
            total += sign * self.product(letters)
            if self.peek() not in ("+", "-"):
                return total
            sign = 1 if self.next() == "+" else -1

    def product(self, letters):
        value = 1.0
        while self.peek() and self.peek() not in ("+", "-", ")", "]", ">"):
            if self.peek() == "/":
                self.next()
                value /= self.power(letters)
            elif self.peek().startswith("Σ"):
                return value * self.summed(letters)
            else:
                value *= self.power(letters)
        return value

    def summed(self, letters):
        bound, start, total = self.next()[2:], self.at, 0.0
        sizes = [range(self.size_of(c, start)) for c in bound]
        for chosen in product(*sizes):
            self.at = start
            total += self.product({**letters, **dict(zip(bound, chosen, strict=True))})
        return total

    def size_of(self, letter, start):
        for token in self.tokens[start:]:
            for name, index in self.indexed(token):
                if letter in index and name in self.arrays:
                    return self.arrays[name].shape[index.index(letter)]
        for token in self.tokens[start:]:  # a unit tensor with a letter of the result
            if token.startswith("δ") and letter in token:
                return self.sizes[token[2:].replace(letter, "")]
        raise AssertionError(f"{letter} has no size in {self.tokens}")

    def indexed(self, token):
        parts = token.replace("∂", "").split("/") if token.startswith("∂") else [token]
        return [(p.partition("_")[0], p.partition("_")[2]) for p in parts]

    def power(self, letters):
        value = self.factor(letters)
        while self.peek() and self.peek()[0] in "⁻¹²³⁴":
            value **= int(self.next().translate(RAISED))
        return value

    def factor(self, letters):
        token = self.next()
        if token == "(":
            value = self.sum(letters)
            assert self.next() == ")"
            return value
        if token == "1[":
            value = self.sum(letters)
            assert (self.next(), self.next(), self.next()) == (">", "0", "]")
            return float(value > 0)
        if token[0].isdigit():
            return float(token)
        if self.peek() == "(" and token in FUNCTIONS:
            return FUNCTIONS[token](self.factor(letters))
        return self.entry(token, letters)

    def places(self, index, letters):
        """Letters by their values; numbers count from 1."""
        parts = index.split(",") if "," in index else index
        return tuple(int(c) - 1 if c.isdecimal() else letters[c] for c in parts)

    def entry(self, token, letters):
        (name, index), *below = self.indexed(token)
        places = self.places(index, letters)
        if name == "δ":
            return float(places[0] == places[1])
        if below:
            ((variable, more),) = below
            places += self.places(more, letters)
            return self.derivatives[name, variable][places]
        return self.arrays[name][places]


def entries(text, letters, shape, arrays, derivatives):
    """The array whose entries, by these letters, are what the text says."""
    found = np.zeros(shape)
    sizes = dict(zip(letters, shape, strict=True))
    for places in np.ndindex(*shape):
        reader = Reader(text, arrays, derivatives, sizes)
        found[places] = reader.sum(dict(zip(letters, places, strict=True)))
        assert reader.at == len(reader.tokens), text
    return found
