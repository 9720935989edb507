"""A claim whose shapes do not fit, read with a transpose put in or left out, or factors exchanged.

Works on the text, since such a claim is no expression. Knows not which of the readings is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from derivant.notation.lexer import BESIDE, Token, marks_of, tokens_of

MARKS = ("'", ".T", "^T")
MOST_PLACES = 14  # where a transpose may stand
PRODUCTS = ("*", "@", BESIDE)


@dataclass(frozen=True, slots=True)
class Turned:
    """A claim with other transposes, and what has to stand for what."""

    text: str
    said: str
    kind: str = "transpose"


def turned_claims(claim: str) -> Iterator[Turned]:
    """The claim with one transpose changed, with factors exchanged, with two transposes."""
    tokens = [t for t in tokens_of(claim) if t.kind != "end"]
    mark = ".T" if marks_of(tokens)[1] is not None else "'"
    places = list(_places(tokens))[:MOST_PLACES]
    for place in places:
        yield _changed(claim, tokens, (place,), mark)
    yield from _exchanged(claim, tokens)
    for pair in combinations(places, 2):
        yield _changed(claim, tokens, pair, mark)


def _exchanged(claim: str, tokens: Sequence[Token]) -> Iterator[Turned]:
    """The claim with the factors on both sides of one product exchanged."""
    for k, token in enumerate(tokens):
        if token.text not in PRODUCTS or not 0 < k < len(tokens) - 1:
            continue
        first = _start(tokens, k - 2 if tokens[k - 1].text in MARKS else k - 1)
        last = _end(tokens, k + 1)
        left, right = claim[tokens[first].start : tokens[k - 1].end], claim[
            tokens[k + 1].start : tokens[last].end
        ]  # fmt: skip
        old = claim[tokens[first].start : tokens[last].end]
        new = right + claim[tokens[k - 1].end : tokens[k + 1].start] + left
        text = claim[: tokens[first].start] + new + claim[tokens[last].end :]
        yield Turned(text, f"{new} has to stand for {old}", "order")


def _end(tokens: Sequence[Token], k: int) -> int:
    """The token that a part ends with: a name, or what closes its parenthesis, and a transpose."""
    opens = k + 1 < len(tokens) and tokens[k].kind == "name" and tokens[k + 1].text == "("
    last = k + 1 if opens else k
    if tokens[last].text == "(":
        depth = 0
        for j in range(last, len(tokens)):
            depth += {"(": 1, ")": -1}.get(tokens[j].text, 0)
            if depth == 0:
                last = j
                break
    return last + 1 if last + 1 < len(tokens) and tokens[last + 1].text in MARKS else last


def _places(tokens: Sequence[Token]) -> Iterator[int]:
    """The names and closing parentheses that a transpose may stand behind."""
    opened: list[int] = []
    for k, token in enumerate(tokens):
        behind = tokens[k + 1].text if k + 1 < len(tokens) else ""
        if token.text == "(":
            opened.append(k)
        elif token.text == ")":
            opened.pop()
            yield k
        elif token.kind == "name" and behind != "(":
            yield k


def _changed(claim: str, tokens: Sequence[Token], chosen: Sequence[int], mark: str) -> Turned:
    """The claim with a transpose behind each chosen place, or without the one that is there."""
    text, said = claim, list[str]()
    for k in reversed(chosen):  # what stands before keeps its place
        start, end = tokens[_start(tokens, k)].start, tokens[k].end
        has = k + 1 < len(tokens) and tokens[k + 1].text in MARKS
        last, new = (tokens[k + 1].end, "") if has else (end, mark)
        text = text[:end] + new + text[last:]
        said.insert(0, f"{claim[start:end]}{new} has to stand for {claim[start:last]}")
    return Turned(text, " and ".join(said))


def _start(tokens: Sequence[Token], k: int) -> int:
    """The token that a part begins with: that of its opening parenthesis, or of a call's name."""
    if tokens[k].text != ")":
        return k
    depth = 0
    for j in range(k, -1, -1):
        depth += {")": 1, "(": -1}.get(tokens[j].text, 0)
        if depth == 0:
            return j - 1 if j and tokens[j - 1].kind == "name" else j
    return 0
