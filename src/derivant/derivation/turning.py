"""A claim whose shapes do not fit, read with a transpose put in or left out.

Works on the text, since such a claim is no expression. Knows not which of the readings is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from derivant.notation.lexer import Token, marks_of, tokens_of

MARKS = ("'", ".T", "^T")
MOST_PLACES = 14  # where a transpose may stand
MOST_TURNS = 2


@dataclass(frozen=True, slots=True)
class Turned:
    """A claim with other transposes, and what has to stand for what."""

    text: str
    said: str


def turned_claims(claim: str) -> Iterator[Turned]:
    """The claim with one transpose changed, then with two."""
    tokens = [t for t in tokens_of(claim) if t.kind != "end"]
    mark = ".T" if marks_of(tokens)[1] is not None else "'"
    places = list(_places(tokens))[:MOST_PLACES]
    for chosen in chain.from_iterable(combinations(places, n + 1) for n in range(MOST_TURNS)):
        yield _changed(claim, tokens, chosen, mark)


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
