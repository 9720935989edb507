"""From a text to its tokens, with the place of each, and the errors that point at a place.

Knows what a number, a name and an operator look like in both notations; not what they mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from derivant.base.errors import ArgumentError, ShapeError

LENGTH = 10_000  # characters of a text
TOKENS = 1_000
DIGITS = 40  # of one number
WIDTH = 88  # characters of the text that an error shows

Refusal: TypeAlias = type[ArgumentError] | type[ShapeError]

SPELLINGS = str.maketrans({"−": "-", "’": "'", "′": "'", "\t": " ", "\r": " "})
TOKEN = re.compile(
    r"""(?P<space>[ ]+)
    |(?P<number>(?:[0-9]+(?:\.(?:(?![*/^])|(?=\*\*))[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<prefix>(?:jnp|numpy|np)\.(?:linalg\.)?(?!T\b)(?=[^\W\d]))
    |(?P<name>[^\W\d]\w*)
    |(?P<mark>\.T\b|\^\ *T\b|\^\ *-\ *T\b|\*\*|\.\*(?!\*)|\./(?!/)|\.\^|[\^@'])
    |(?P<op>[-+*/(),;=\n])
    """,
    re.VERBOSE,
)
STRING = re.compile(r"""'([^'\n]{0,200})'|"([^"\n]{0,200})\"""")
OPENS_EXPONENT = {"^", "**", ".^"}
MATRIX_MARKS = {"'", ".*", "./", ".^", "^", "^T"}
NUMPY_MARKS = {"@", ".T", "**", "np."}
HINTS = {
    "[": "write the array as a variable, and an index as a row of its own",
    "{": "use parentheses",
    "|": "write abs(x), norm2(x) or det(X)",
    "²": "write ^2 or **2",
    "³": "write ^3 or **3",
    "·": "write * or dot(x, y)",
    "×": "write *",
    "∘": "write .* or, in NumPy notation, *",
    "∂": "give the formula alone and say with `wrt` by what to differentiate",
    "\\": "write inv(A)*b",
    "<": "a formula is no condition; write step(y - x)",
    ">": "a formula is no condition; write step(x - y)",
    ".": "write .* ./ .^ between operands, .T behind one, or digits around it",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind (number, name, string, op, mark or end) and its place."""

    kind: str
    text: str
    start: int
    end: int
    soft: bool = False  # an elementwise mark behind a number, as in 1./x: either notation has it


def pointed(
    text: str, start: int, end: int, message: str, hint: str = "", kind: Refusal = ArgumentError
) -> ArgumentError | ShapeError:
    """The error with the line of the text, a caret under the place and a suggestion."""
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", start)
    stop = len(text) if stop < 0 else stop
    left = max(begin, start - WIDTH // 2)
    right = min(stop, left + WIDTH)
    shown = ("..." if left > begin else "") + text[left:right] + ("..." if right < stop else "")
    indent = start - left + (3 if left > begin else 0)
    carets = "^" * max(1, min(end, right) - start)
    lines = [message, "  " + shown, "  " + " " * indent + carets]
    return kind("\n".join(lines + ([hint] if hint else [])))


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, an `end` behind them; ArgumentError where a character has no place."""
    if len(text) > LENGTH:
        raise ArgumentError(
            f"the formula has {len(text)} characters; at most {LENGTH} are read: "
            "split it into a Python function"
        )
    plain = text.translate(SPELLINGS)
    found: list[Token] = []
    place = depth = 0
    while place < len(plain):
        token = _token(text, plain, place, found)
        place = token.end
        if token.kind == "space" or (token.text == "\n" and depth):
            continue
        depth += (token.text == "(") - (token.text == ")")
        found.append(token)
        if len(found) > TOKENS:
            raise pointed(text, token.start, token.end, f"more than {TOKENS} names and operators")
    return [*found, Token("end", "", len(text), len(text))]


def _token(text: str, plain: str, place: int, found: list[Token]) -> Token:
    last = found[-1] if found else Token("op", "(", 0, 0)
    operand = last.kind in ("number", "name", "string") or last.text in (")", "'", ".T", "^T")
    string = STRING.match(plain, place) if plain[place] in "'\"" and not operand else None
    if string is not None:
        return Token("string", string[1] or string[2] or "", place, string.end())
    match = TOKEN.match(plain, place)
    if match is None or not _readable(match):
        character = text[place] if match is None else _unreadable(match[0])
        at = place if match is None else place + match[0].index(character)
        message = f"the character {character!r} cannot be read here"
        raise pointed(text, at, at + 1, message, HINTS.get(character, ""))
    kind, piece = str(match.lastgroup), match[0]
    _check_neighbours(text, kind, piece, place, last)
    if piece.startswith("^") and len(piece) > 1:
        if "-" in piece:
            hint = "write (A^-1)' for it"
            raise pointed(text, place, match.end(), "the inverse transpose is not read", hint)
        piece = "^T"
    if kind == "prefix":
        kind, piece = "mark", "np."
    soft = kind == "mark" and piece in (".*", "./") and last.kind == "number"
    return Token(kind, piece, place, match.end(), soft and last.end == place)


def _readable(match: re.Match[str]) -> bool:
    return match.lastgroup != "name" or match[0].isidentifier()


def _unreadable(name: str) -> str:
    return next((c for c in name if not ("a" + c).isidentifier()), name[0])


def _check_neighbours(text: str, kind: str, piece: str, place: int, last: Token) -> None:
    """Refuse 2x, and numbers that are too long or too large."""
    if kind == "name" and last.kind == "number" and last.end == place:
        hint = f"write {last.text}*{piece}"
        raise pointed(text, last.start, place + len(piece), "a product needs its sign", hint)
    if kind != "number":
        return
    if len(piece) > DIGITS:
        raise pointed(text, place, place + len(piece), f"a number of more than {DIGITS} signs")
    if not float(piece) <= 1e300:
        raise pointed(text, place, place + len(piece), "a number too large for a float")


def marks_of(tokens: list[Token]) -> tuple[Token | None, Token | None]:
    """The first mark of matrix notation, and the first of NumPy notation."""
    marks = [t for t in tokens if t.kind == "mark" and not t.soft]
    matrix = next((t for t in marks if t.text in MATRIX_MARKS), None)
    return matrix, next((t for t in marks if t.text in NUMPY_MARKS), None)
