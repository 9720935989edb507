"""The structure of a Jacobian as a line of text: delta[i,k] W[l,j], sums over repeated letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TypeAlias

from derivant.base.graph import ancestors
from derivant.carriers.expr import Expr
from derivant.rewriting.choices import share_of_larger
from derivant.rewriting.linear_form import Factor, Kind, LinearForm, LinearTerm

# An expression in a slot, and how its variables are called.
Label: TypeAlias = tuple[Expr, Mapping[str, str]]
ALPHABET = "ijklmnpqrstuvwxyzabcefgh"
MOST_NODES = 10
LONGEST = 48


def structure_text(form: LinearForm, labels: Sequence[Label]) -> str:
    """The sum of terms in index form: letters of the output first, then those of the input."""
    names = _Names(form, labels)
    text = ""
    for term in form.terms:
        number, body = abs(term.number), names.term(term)
        if number != 1 or not body:
            body = f"{number:.6g} {body}".strip()
        sign = "-" if term.number < 0 else "+"
        text += f" {sign} {body}" if text else body if sign == "+" else f"-{body}"
    return text or "0"


def letters_text(out_rank: int, in_rank: int) -> str:
    """The letters of a map of which nothing is known."""
    names = _alphabet(out_rank + in_rank)
    joined = ",".join(names[:out_rank]) + (";" if out_rank and in_rank else "")
    return f"D[{joined}{','.join(names[out_rank:])}]"


def _alphabetic(name: str) -> tuple[str, int]:
    return name[1:], ALPHABET.index(name[0])


def _alphabet(size: int) -> list[str]:
    numbered = (f"{c}{k}" for k in count(1) for c in ALPHABET)
    return [*ALPHABET, *(next(numbered) for _ in range(max(0, size - len(ALPHABET))))][:size]


class _Names:
    """What factors and letters are called in one text."""

    def __init__(self, form: LinearForm, labels: Sequence[Label]) -> None:
        self._rank = len(form.out_shape) + len(form.in_shape)
        self._labels = labels
        self._moves: dict[tuple[str, int], str] = {}
        found: dict[tuple[str, int], None] = {}
        for factor in (f for t in form.terms for f in t.factors if f.kind is not Kind.DENSE):
            found[_key(factor)] = None
        for letter in "PTD":
            keys = [k for k in found if k[0] == letter]
            for n, key in enumerate(keys, 1):
                self._moves[key] = letter if len(keys) == 1 else f"{letter}{n}"

    def term(self, term: LinearTerm) -> str:
        """The factors of a term, unit tensors first."""
        places = (*term.rows, *term.cols)
        names, words = dict[int, str](), list[str]()
        alphabet = iter(_alphabet(len(places) + len(term.letters)))
        for c in places:
            own = next(alphabet)
            if names.setdefault(c, own) != own:
                words.append(f"delta[{names[c]},{own}]")
        words.sort()
        for c in term.letters:
            if c not in names:
                names[c] = next(alphabet)
        for factor in term.factors:
            text, letters = self._factor(factor), [names[c] for c in factor.index]
            letters = sorted(letters, key=_alphabetic) if factor.kind is Kind.SELECT else letters
            if text[:-1].isidentifier() and text[-1] == "'" and len(letters) == 2:
                text, letters = text[:-1], letters[::-1]
            words.append(text + (f"[{','.join(letters)}]" if letters else ""))
        return " ".join(words)

    def _factor(self, factor: Factor) -> str:
        if factor.kind is not Kind.DENSE:
            return self._moves[_key(factor)]
        text = described(*self._labels[factor.slot])
        return _closed(text)


def _key(factor: Factor) -> tuple[str, int]:
    if factor.map is not None:
        return "D", id(factor.map)
    return "T" if factor.band else "P", factor.slot


def described(expression: Expr, names: Mapping[str, str]) -> str:
    """A short expression in words of the table; a long one by the name of its row."""
    nodes = ancestors([expression])
    if len(nodes) > MOST_NODES:
        return str(expression.primitive.name)
    known: dict[int, str] = {}
    for node in nodes:
        known[id(node)] = _written(node, [known[id(x)] for x in node.inputs], names)
    text = known[id(expression)]
    return text if len(text) <= LONGEST else str(expression.primitive.name)


def _written(node: Expr, operands: Sequence[str], names: Mapping[str, str]) -> str:
    row = node.primitive
    if row.name == "variable":
        return names.get(node.params["name"], node.params["name"].strip())
    if row.name == "const":
        value = node.params["value"]
        return f"{value:.6g}" if not node.shape else "c"
    if row.name in ("bind", "astype", "positive", "broadcast_to", "inside"):
        return operands[0]
    if row.name == "getitem":
        return f"{_closed(operands[0])}[{', '.join(map(_item, node.params['key']))}]"
    if row.name == "where" and _guards(node.inputs[0]):
        return operands[2]
    if row.name == "where" and share_of_larger(node, node.inputs) is not None:
        return f"0.5 (1 + sign({operands[2].removeprefix('step(')})"
    if row.name in ("add", "subtract") and operands[1] == "0":
        return operands[0]
    if row.name == "matrix_transpose":
        return f"{_closed(operands[0])}'"
    if row.text and "(" not in row.text:
        try:
            return row.text.format(*map(_closed, operands), **node.params)
        except (IndexError, KeyError):
            pass
    return f"{row.name}({', '.join(operands)})"


def _item(item: object) -> str:
    """One item of a key as it is written."""
    if not isinstance(item, tuple):
        return str(item)
    start, size, step = item[:3]
    stop = start + size * step
    return f"{start}:{stop if stop >= 0 else ''}" + (f":{step}" if step != 1 else "")


def _guards(condition: Expr) -> bool:
    """Whether a condition only takes care of one number, as rules at hard points do."""
    const = [x for x in condition.inputs if x.primitive.name == "const" and not x.shape]
    return condition.primitive.name == "equal" and bool(const)


def _closed(text: str) -> str:
    """An operand in parentheses where it is more than a word or a call."""
    depth = 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c in " +-*/" and not depth:
            return f"({text})"
    return text
