"""From a text to its tokens, with the place of each, and the errors that point at a place.

Knows what a number, a name and an operator look like in both notations; not what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import TypeAlias

from derivant.base.errors import ArgumentError, ShapeError
from derivant.notation.spelling import is_name, odd_letter

LENGTH = 10_000  # characters of a text
TOKENS = 1_000
DIGITS = 40  # of one number
WIDTH = 88  # characters of the text that an error shows
UNSEEN = "�"

Refusal: TypeAlias = type[ArgumentError] | type[ShapeError]

SPELLINGS = str.maketrans(
    {"−": "-", "’": "'", "′": "'", "∘": "⊙", "⋅": "·", "⊤": "ᵀ", "“": '"', "”": '"'}
    | dict.fromkeys("\t\r\xa0\u2009\u202f\u3000", " ")
)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
TOKEN = re.compile(
    r"""(?P<space>[ ]+)
    |(?P<number>(?:[0-9]+(?:\.(?:(?![*/^])|(?=\*\*))[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<prefix>(?:jax\.numpy|jnp|numpy|np)\.(?:linalg\.)?(?!T\b)(?=[^\W\d]))
    |(?P<name>[^\W\d⁰¹²³⁴-⁹ᵀ](?:[^\W⁰¹²³⁴-⁹ᵀ])*)
    |(?P<inverse>\^\ *-\ *(?:T\b|ᵀ)|\^\ *\{\ *-\ *(?:T|ᵀ)\ *\}|⁻ᵀ)
    |(?P<turned>\^\ *(?:T\b|ᵀ)|\^\ *\{\ *(?:T|ᵀ)\ *\}|ᵀ)
    |(?P<raised>⁻?[⁰¹²³⁴-⁹]+)
    |(?P<mark>\.T\b|\*\*|\.\*(?!\*)|\./(?!/)|\.\^|[\^@'⊙·])
    |(?P<index>\[[^\[\]\n]{0,200}\])
    |(?P<bars>(?:\|\||‖)(?:_[A-Za-z0-9](?![A-Za-z0-9_]))?)
    |(?P<op><=|>=|==|!=|[-+*/(){},;=<>&\n])
    """,
    re.VERBOSE,
)
STRING = re.compile(r"""'([^'\n]{0,200})'|"([^"\n]{0,200})\"""")
NAMED = {"prefix": "np.", "turned": "^T"}
OPERANDS = ("number", "name", "string", "closing", "index")
OPENS_EXPONENT = {"^", "**", ".^"}
BESIDE = " "  # the mark of a product without a sign
MATRIX_MARKS = {"'", ".*", "./", ".^", "^", "^T", "·", BESIDE}
NUMPY_MARKS = {"@", ".T", "**", "np."}
NOT_NAMES = frozenset(("if", "else", "where", "for", "and", "or", "not", "is", "in", "import"))
LETTERS = 3  # of what may be a product without spaces, as AXb; longer ones are words
HINTS = {
    "[": "an index ends with ], as in x[1:] or X[:, 0]; brackets in brackets are not read",
    "|": "write abs(x) or det(X); ||x|| is the norm",
    "×": "write *",
    "∂": "give the formula alone and say with `wrt` by what to differentiate",
    "\\": "write inv(A)*b",
    ".": "write .* ./ .^ between operands, .T behind one, sum(x) for x.sum()",
    "∇": "give the formula alone and say with `wrt` by what to differentiate",
    "√": "write sqrt(x)",
    "⁻": "write ^-1",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind (number, name, string, op, mark or end) and its place."""

    kind: str
    text: str
    start: int
    end: int
    soft: bool = False  # an elementwise mark behind a number, as in 1./x: either notation has it


def printable(text: str) -> str:
    """The text in one line, with a mark for each character that has no picture."""
    return text if text.isprintable() else "".join(c if c.isprintable() else UNSEEN for c in text)


def pointed(
    text: str, start: int, end: int, message: str, hint: str = "", kind: Refusal = ArgumentError
) -> ArgumentError | ShapeError:
    """The error with the line of the text, a caret under the place and a suggestion."""
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", start)
    stop = len(text) if stop < 0 else stop
    left = max(begin, start - WIDTH // 2)
    right = min(stop, left + WIDTH)
    line = printable(text[left:right])
    shown = ("..." if left > begin else "") + line + ("..." if right < stop else "")
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
        tokens, place = _tokens_at(text, plain, place, found)
        if tokens and found and _side_by_side(found[-1], tokens[0]):
            found.append(Token("mark", BESIDE, tokens[0].start, tokens[0].end))
        for token in tokens:
            if token.text == "\n" and depth and token.kind == "op":
                continue
            if token.kind == "op":
                depth += (token.text in ("(", "{")) - (token.text in (")", "}"))
            found.append(token)
        if len(found) > TOKENS:
            last = found[-1]
            raise pointed(text, last.start, last.end, f"more than {TOKENS} names and operators")
    return [*found, Token("end", "", len(text), len(text))]


def _side_by_side(left: Token, right: Token) -> bool:
    """Whether two tokens are a product without a sign: A x, x'x, 2 (x + y), A (x - b).

    A name with a parenthesis right behind it is a call, brackets right behind an operand are its
    index, and no number stands on the right.
    """
    ends = left.kind in ("number", "name", "index") or (
        left.kind != "string" and left.text in (")", "}", "'", "^T")
    )
    if ends and right.kind == "index":
        return left.kind != "number" and right.start > left.end
    if not ends or not (right.kind == "name" or (right.kind == "op" and right.text == "(")):
        return False
    return left.kind != "name" or right.kind == "name" or right.start > left.end


def _tokens_at(text: str, plain: str, place: int, found: list[Token]) -> tuple[list[Token], int]:
    """What stands at a place, and where it ends; spaces are no tokens."""
    last = found[-1] if found else Token("op", "(", 0, 0)
    operand = last.kind in OPERANDS or last.text in (")", "}", "'", ".T", "^T")
    string = STRING.match(plain, place) if plain[place] in "'\"" and not operand else None
    if string is not None:
        text_in = string[1] or string[2] or ""
        return [Token("string", text_in, place, string.end())], string.end()
    match = TOKEN.match(plain, place)
    if match is None or (match.lastgroup == "name" and not is_name(match[0])):
        raise _no_token(text, place, match)
    kind, piece, end = str(match.lastgroup), match[0], match.end()
    if kind == "space":
        return [], end
    if kind == "raised":
        return _superscript(text, piece, place), end
    if kind == "bars":
        return _bars(piece, place, operand)
    _check_neighbours(text, kind, piece, place, last)
    if kind == "inverse":
        raise pointed(text, place, end, "the inverse transpose is not read", "write (A^-1)' for it")
    if kind in NAMED:
        kind, piece = "mark", NAMED[kind]
    soft = kind == "mark" and piece in (".*", "./") and last.kind == "number"
    piece = ".*" if piece == "⊙" else piece
    return [Token(kind, piece, place, end, soft and last.end == place)], end


def _superscript(text: str, piece: str, place: int) -> list[Token]:
    """A raised number as the power that it is."""
    end = place + len(piece)
    digits = piece.lstrip("⁻").translate(SUPERSCRIPTS)
    _check_number(text, digits, place)
    sign = [Token("op", "-", place, end)] if piece[0] == "⁻" else []
    return [Token("mark", "^", place, end), *sign, Token("number", digits, place, end)]


def _bars(piece: str, place: int, operand: bool) -> tuple[list[Token], int]:
    """The bars of a norm: behind an operand they close it, and say which norm it is."""
    bars = 1 if piece[0] == "‖" else 2
    if not operand:
        return [Token("op", "||", place, place + bars)], place + bars
    end = place + len(piece)
    return [Token("closing", "||" + piece[bars:], place, end)], end


def _no_token(text: str, place: int, match: re.Match[str] | None) -> ArgumentError | ShapeError:
    """The character that is none of those that formulas are made of."""
    character, plain = (text[place], "") if match is None else odd_letter(match[0])
    at = place if match is None else place + match[0].index(character)
    hint = f"write {plain}" if plain else HINTS.get(character, "")
    return pointed(text, at, at + 1, f"the character {character!r} cannot be read here", hint)


def _check_neighbours(text: str, kind: str, piece: str, place: int, last: Token) -> None:
    """Refuse 2x, and numbers that are too long or too large."""
    if kind == "name" and last.kind == "number" and last.end == place:
        hint = f"write {text[last.start : last.end]}*{piece}"
        raise pointed(text, last.start, place + len(piece), "a product needs its sign", hint)
    if kind == "number":
        _check_number(text, piece, place)


def _check_number(text: str, piece: str, place: int) -> None:
    if len(piece) > DIGITS:
        raise pointed(text, place, place + len(piece), f"a number of more than {DIGITS} signs")
    if not float(piece) <= 1e300:
        raise pointed(text, place, place + len(piece), "a number too large for a float")


def check_names(text: str, tokens: list[Token], given: Container[str]) -> None:
    """Refuse x'Ax and x^TAx, where Ax is one name and x another, and words of a language."""
    single = {t.text for t in tokens if t.kind == "name" and len(t.text) == 1}
    for k, token in enumerate(tokens):
        if token.kind != "name" or token.text in given:
            continue
        before = tokens[k - 1].text if k else ""
        turned = before == "^" and token.text[0] == "T"
        if not turned and BESIDE not in (before, tokens[k + 1].text):
            continue
        letters = token.text[1:] if turned else token.text
        if token.text in NOT_NAMES and tokens[k + 1].text != "(":
            hint = "write a formula alone; what holds of its names is said with `assume`"
            raise pointed(text, token.start, token.end, f"{token.text} cannot be read here", hint)
        if _may_be_product(letters, turned, single):
            hint = f"write {'*'.join(letters)}, or give the shape of {token.text}"
            hint = f"write ^T {' '.join(letters)}" if turned else hint
            message = f"{token.text} is one name"
            raise pointed(text, token.start, token.end, message, hint)


def _may_be_product(letters: str, turned: bool, single: set[str]) -> bool:
    """Whether a name may be meant as a product of names of one letter, one of them a matrix."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= LETTERS):
        return False
    mixed = len(letters) > 1 and not letters.islower()
    return (turned or mixed) and not single.isdisjoint(letters)


def marks_of(tokens: list[Token]) -> tuple[Token | None, Token | None]:
    """The first mark of matrix notation, and the first of NumPy notation."""
    marks = [t for t in tokens if t.kind == "mark" and not t.soft]
    matrix = next((t for t in marks if t.text in MATRIX_MARKS), None)
    return matrix, next((t for t in marks if t.text in NUMPY_MARKS), None)
