"""From tokens to a small syntax tree, a flat list in which operands stand before their users.

Operators wait on a stack until their right operand is complete, so that deep nesting needs no
recursion; so do parentheses, the braces of an exponent and the bars of a norm. From loose to
tight: comparisons; + and -; * / @ .* ./ and operands side by side; the sign; powers, from the
right; transposes, indices and calls. Knows nothing of shapes or of what names mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import pairwise
from typing import NoReturn

from derivant.notation.lexer import BESIDE, OPENS_EXPONENT, Token, pointed, tokens_of

DEPTH = 200  # open parentheses and operators that wait
BINDING = {
    "<": 1, ">": 1, "<=": 1, ">=": 1, "==": 1, "!=": 1, "&": 2, "+": 3, "-": 3, "*": 4, "·": 4,
    "/": 4, "@": 4, ".*": 4, "./": 4, BESIDE: 4, "neg": 5, "pos": 5,
}  # fmt: skip
COMPARED = ("<", ">", "<=", ">=", "==", "!=")
POWER = 6
UNCLEAR = ("/", "./", "soft./", ".*", "soft.*", "@")
POSTFIX = ("'", ".T", "^T")
CLOSES = {")": ("call", "("), "}": ("{",), "||": ("||",)}
CLOSING = {"call": ")", "(": ")", "{": "}", "||": "||"}
PROSE = {"K", "lam", "where"}  # functions whose names are as often those of something else
NOT_CLOSED = {"{": "this brace is not closed", "||": "these bars are not closed"}


@dataclass(frozen=True, slots=True)
class Node:
    """An operator, call, name, number or string, its operands by their place in the list."""

    op: str
    args: tuple[int, ...]
    start: int
    end: int
    text: str = ""
    options: tuple[tuple[str, int], ...] = ()
    at: int = 0  # where the operator itself stands
    prefixed: bool = False  # a call with np. before it


@dataclass(frozen=True, slots=True)
class Statement:
    """`name = value`, or a value alone."""

    name: str | None
    value: int
    start: int
    end: int


@dataclass(slots=True)
class Pending:
    """What waits on the stack: an operator, an open parenthesis or an open call."""

    op: str
    token: Token
    binding: int
    exponent: bool = False
    args: list[int] = field(default_factory=list)
    options: list[tuple[str, int]] = field(default_factory=list)
    key: str | None = None
    prefixed: bool = False


def _with_calls(text: str, tokens: list[Token], functions: frozenset[str]) -> list[Token]:
    """The tokens, where a function and a parenthesis behind a space are a call, no product."""
    named = {t.text for t, after in pairwise(tokens) if t.kind == "name" and after.text == "="}
    kept: list[Token] = []
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        name = kept[-1] if kept else token
        opens = token.text == BESIDE and after.text == "(" and name.kind == "name"
        if opens and len(kept) > 1 and kept[-2].text == "np.":
            continue
        if opens and name.text not in named:
            if name.text in functions:
                continue
            _check_spelling(text, name, functions)
        alone = token.text == BESIDE and name.kind == "name" and name.text not in named
        if alone and after.kind == "name" and name.text in functions - PROSE:
            hint = f"write {name.text}({after.text})"
            raise pointed(text, name.start, name.end, f"{name.text} is a function", hint)
        kept.append(token)
    return kept


def _is_where(tokens: list[Token], k: int) -> bool:
    """Whether a token says that a definition follows: a name and an equals sign."""
    if tokens[k].text != "where" or tokens[k].kind != "name":
        return False
    behind = [t.text for t in tokens[k + 1 : k + 4] if t.text != BESIDE]
    return behind[1:2] == ["="]


def _defined_first(tokens: list[Token]) -> list[Token]:
    """The tokens of `..., where u1 = ..., u2 = ...` as those of `u1 = ...; u2 = ...; ...`."""
    k = next((k for k, token in enumerate(tokens) if _is_where(tokens, k)), None)
    if k is None:
        return tokens
    whole, rest, end = tokens[:k], tokens[k + 1 : -1], tokens[-1]
    while whole and whole[-1].text in (",", BESIDE):
        whole.pop()
    depth, ordered = 0, rest[1:] if rest[0].text == BESIDE else rest
    for place, token in enumerate(ordered):
        depth += (token.text in ("(", "{")) - (token.text in (")", "}"))
        if token.text == "," and not depth:
            ordered[place] = replace(token, text=";")
    return [*ordered, Token("op", ";", end.start, end.end), *whole, end]


def value_span(text: str) -> tuple[int, int]:
    """Where the value stands: behind the names that are given first, before those behind `where`.

    >>> text = "u = A*x; u'*v, where v = u + x"
    >>> text[slice(*value_span(text))]
    " u'*v"
    """
    tokens = tokens_of(text)
    stop = next((k for k in range(len(tokens)) if _is_where(tokens, k)), len(tokens) - 1)
    start = max([t.end for t in tokens[:stop] if t.text == ";"], default=0)
    while stop and tokens[stop - 1].text in (",", BESIDE):
        stop -= 1
    return start, tokens[stop].start


def _check_spelling(text: str, name: Token, functions: frozenset[str]) -> None:
    """Refuse sofmax (x), which would be a product with a variable."""
    shown = name.text[:40]
    near = get_close_matches(shown, functions, 1, 0.8) if len(shown) > 2 else []
    if near:
        hint = f"did you mean {near[0]}? For a product write {shown}*(...)"
        raise pointed(text, name.start, name.end, f"there is no function {shown}", hint)


class Grammar:
    """Reads the tokens of one text; `functions` are names that open a call behind a space too."""

    __slots__ = (
        "_functions",
        "_operands",
        "_place",
        "_stack",
        "_text",
        "nodes",
        "statements",
        "tokens",
    )

    def __init__(self, text: str, functions: frozenset[str] = frozenset()) -> None:
        self._text = text
        self.tokens = _with_calls(text, _defined_first(tokens_of(text)), functions)
        self._place = 0
        self._stack: list[Pending] = []
        self._operands: list[int] = []
        self.nodes: list[Node] = []
        self.statements: list[Statement] = []

    def read(self) -> None:
        """All statements."""
        while self._now.kind != "end":
            if self._now.text in (";", "\n") and self._now.kind == "op":
                self._place += 1
                continue
            self._statement()
        if not self.statements:
            raise pointed(self._text, 0, 1, "the formula is empty", "write one such as x'*A*x")
        for statement in self.statements[:-1]:
            if statement.name is None:
                message = "only the last line may be without a name"
                hint = "write name = ... before it"
                raise pointed(self._text, statement.start, statement.end, message, hint)

    @property
    def _now(self) -> Token:
        return self.tokens[self._place]

    def _statement(self) -> None:
        first, name = self._now, None
        if first.kind == "name" and self.tokens[self._place + 1].text == "=":
            name = first.text
            self._place += 2
        value = self._expression()
        self.statements.append(Statement(name, value, first.start, self.nodes[value].end))

    def _expression(self) -> int:
        while True:
            self._operand()
            if not self._after_operand():
                self._reduce(0)
                if self._stack:
                    self._not_closed(self._stack[-1])
                return self._operands.pop()

    def _not_closed(self, frame: Pending) -> NoReturn:
        message = NOT_CLOSED.get(frame.op, "this parenthesis is not closed")
        self._fail(frame.token, message, f"add a {CLOSING[frame.op]}")

    # Where an operand must come

    def _operand(self) -> None:
        """Signs, brackets and calls that open, then a name, number or string."""
        while True:
            token = self._now
            self._place += 1
            prefixed = token.text == "np." and token.kind == "mark"
            if prefixed:
                token = self._now
                self._place += 1
            if token.kind in ("number", "string", "index"):
                return self._push(Node(token.kind, (), token.start, token.end, token.text))
            if token.kind == "name":
                if self._now.text != "(":
                    kind = "constant" if prefixed else "name"
                    return self._push(Node(kind, (), token.start, token.end, token.text))
                self._wait(Pending("call", token, 0, prefixed=prefixed))
                self._place += 1
                self._keyword()
            elif token.text in ("+", "-"):
                self._sign(token)
            elif token.text in ("(", "||") or self._opens_exponent(token):
                self._wait(Pending(token.text, token, 0))
            else:
                self._missing(token)

    def _sign(self, token: Token) -> None:
        after = bool(self._stack) and self._stack[-1].op in OPENS_EXPONENT
        sign = "neg" if token.text == "-" else "pos"
        inside = after or (bool(self._stack) and self._stack[-1].exponent)
        self._wait(Pending(sign, token, BINDING["neg"], inside))

    def _opens_exponent(self, token: Token) -> bool:
        """Braces stand behind a power only, as in A^{-1}."""
        before = self.tokens[self._place - 2] if self._place > 1 else token
        return token.text == "{" and before.text == "^"

    def _missing(self, token: Token) -> None:
        if token.text == ")" and self._stack and self._stack[-1].op == "call":
            self._fail(token, "the function has no argument here", "give it one, as in exp(x)")
        if token.text == "{":
            self._fail(token, "the character '{' cannot be read here", "use parentheses")
        before = self.tokens[self._place - 2] if self._place > 1 else None
        place = token if token.kind != "end" or before is None else before
        what = "the formula ends where" if token.kind == "end" else "here"
        self._fail(place, f"{what} a name, a number or ( must come", "complete the expression")

    def _keyword(self) -> None:
        """The name of an option, as in axis=1."""
        token = self._now
        if token.kind == "name" and self.tokens[self._place + 1].text == "=":
            self._stack[-1].key = token.text
            self._place += 2

    def _wait(self, pending: Pending) -> None:
        if len(self._stack) >= DEPTH:
            self._fail(
                pending.token,
                f"more than {DEPTH} parentheses and signs are open here",
                "give parts of it a name, as in z = ...; exp(z)",
            )
        self._stack.append(pending)

    # Where an operator may come

    def _after_operand(self) -> bool:
        """Transposes and what closes; True where an operator or comma asks for an operand."""
        while True:
            token = self._now
            if token.kind == "end" or token.text in (";", "\n"):
                return False
            self._place += 1
            if token.kind == "mark" and token.text in POSTFIX:
                self._transpose(token)
            elif token.kind == "index":
                self._index(token)
            elif token.text[:2] in CLOSES:
                self._close(token)
            elif token.text == ",":
                self._comma(token)
                return True
            elif token.text in BINDING or (token.kind == "mark" and token.text != "np."):
                self._infix(token)
                return True
            elif token.text == "=":
                self._fail(token, "= gives a name to a whole line", "write name = expression")
            else:
                self._fail(token, "an operator must come before this", "write * for a product")

    def _infix(self, token: Token) -> None:
        op = token.text
        if op in OPENS_EXPONENT:
            self._reduce(POWER + 1)
            self._wait(Pending(op, token, POWER))
            return
        self._reduce(BINDING[op])
        if op in COMPARED and self.nodes[self._operands[-1]].op in COMPARED:
            self._fail(token, "two comparisons in a row", "write logical_and(x > 0, x < 1)")
        if op == BESIDE and self.nodes[self._operands[-1]].op in UNCLEAR:
            message = "it is not clear what this product is a part of"
            self._fail(
                token, message, "write * for it, or parentheses around what belongs together"
            )
        op = "*" if op in ("·", BESIDE) else "soft" + op if token.soft else op
        self._wait(Pending(op, token, BINDING[token.text]))

    def _transpose(self, token: Token) -> None:
        """A quote takes the power before it; .T binds tighter, as in Python."""
        while token.text != ".T" and self._stack:
            top = self._stack[-1]
            if top.op not in OPENS_EXPONENT and not top.exponent:
                break
            self._apply(self._stack.pop())
        arg = self._operands.pop()
        start = self.nodes[arg].start
        self._push(Node("transpose", (arg,), start, token.end, token.text, (), token.start))

    def _index(self, token: Token) -> None:
        """Entries at places; an index binds tighter than any operator."""
        arg = self._operands.pop()
        node = self.nodes[arg]
        if node.op in ("number", "string"):
            self._fail(token, "an index stands behind an array", "write * for a product")
        self._push(Node("index", (arg,), node.start, token.end, token.text, (), token.start))

    def _close(self, token: Token) -> None:
        self._reduce(0)
        frame = self._stack[-1] if self._stack else None
        if frame is None or frame.op not in CLOSES[token.text[:2]]:
            self._closes_nothing(token, frame)
        self._stack.pop()
        start = frame.token.start
        if frame.op in ("(", "{"):
            self._push(Node("group", (self._operands.pop(),), start, token.end))
            return
        self._argument(frame)
        name = frame.token.text if frame.op == "call" else token.text
        args, options = tuple(frame.args), tuple(frame.options)
        self._push(Node("call", args, start, token.end, name, options, start, frame.prefixed))

    def _closes_nothing(self, token: Token, frame: Pending | None) -> NoReturn:
        if token.text[0] == "|" and all(pending.op != "||" for pending in self._stack):
            self._fail(token, "an operator must come before this", "write * for a product")
        if frame is not None:
            self._not_closed(frame)
        hint = "remove it, or add a " + ("{" if token.text == "}" else "(")
        self._fail(token, f"this {token.text} closes nothing", hint)

    def _comma(self, token: Token) -> None:
        self._reduce(0)
        if not self._stack or self._stack[-1].op != "call":
            self._fail(token, "a comma stands between arguments only", "use ; between lines")
        self._argument(self._stack[-1])
        self._keyword()

    def _argument(self, frame: Pending) -> None:
        value = self._operands.pop()
        if frame.key is not None:
            frame.options.append((frame.key, value))
            frame.key = None
        else:
            frame.args.append(value)

    def _reduce(self, binding: int) -> None:
        """Apply what binds at least so tightly; parentheses stay."""
        while self._stack and self._stack[-1].binding >= max(binding, 1):
            self._apply(self._stack.pop())

    def _apply(self, pending: Pending) -> None:
        right = self._operands.pop()
        at, end = pending.token.start, self.nodes[right].end
        if pending.op in ("neg", "pos"):
            self._push(Node(pending.op, (right,), at, end, "", (), at))
            return
        left = self._operands.pop()
        start = self.nodes[left].start
        self._push(Node(pending.op, (left, right), start, end, pending.token.text, (), at))

    def _push(self, node: Node) -> None:
        self.nodes.append(node)
        self._operands.append(len(self.nodes) - 1)

    def _fail(self, token: Token, message: str, hint: str) -> NoReturn:
        raise pointed(self._text, token.start, max(token.end, token.start + 1), message, hint)
