"""How names are spelled: θ, theta and, with a number, θ₁ and theta1 are one name each.

Knows nothing of what a name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from unicodedata import is_normalized, normalize

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip
LATIN = {letter: name for name, letter in GREEK.items()} | {"ϵ": "epsilon", "ϕ": "phi", "µ": "mu"}
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
PARTS = re.compile(r"([^\W\d_]+)(\d*|_\w*)")  # a word, and the number or index behind it


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """The one spelling of a name: a Greek letter is its Latin name, a subscript is a number.

    >>> canonical_name("θ"), canonical_name("λ₁"), canonical_name("W1")
    ('theta', 'lambda1', 'W1')
    """
    return _respelled(name.translate(SUBSCRIPTS), LATIN)


def shown_name(name: str) -> str:
    """The name as a reader sees it.

    >>> shown_name("theta"), shown_name("lambda1"), shown_name("W1")
    ('θ', 'λ1', 'W1')
    """
    return _respelled(name, GREEK)


def meant(name: str, known: Iterable[str]) -> str:
    """What is said of a name that is none of those known: which there are, which one is near.

    >>> meant("thta", ["theta", "X"])
    'its variables are θ, X; did you mean θ?'
    >>> meant("x1", [])
    'it has no variables'
    """
    spelled = {n.casefold(): n for n in known}
    if not spelled:
        return "it has no variables"
    plain = canonical_name(name)
    near = get_close_matches(plain.casefold(), spelled, 1, 0.5)
    hint = f"; did you mean {shown_name(spelled[near[0]])}?" if near else ""
    whole = next((n for n in spelled.values() if len(n) > 1 and plain and plain in n), None)
    if whole is not None and len(plain) == 1 and whole.isalpha():
        hint = f"; {whole} is one name, a product is {'*'.join(whole)}"
    return f"its variables are {', '.join(map(shown_name, spelled.values()))}{hint}"


def _respelled(name: str, letters: dict[str, str]) -> str:
    parts = PARTS.fullmatch(name)
    return name if parts is None else letters.get(parts[1], parts[1]) + parts[2]


def is_name(name: str) -> bool:
    """Whether a text is a name, all its letters as Python spells them.

    Look-alikes such as the wide a are none: Python takes them for the plain letter.

    >>> is_name("W_1"), is_name("θ₂"), is_name("2x"), is_name("ａ")
    (True, True, False, False)
    """
    plain = canonical_name(name)
    return plain.isidentifier() and is_normalized("NFKC", plain)


def odd_letter(name: str) -> tuple[str, str]:
    """The first letter that keeps a text from being a name, and the plain one in its place."""
    odd = next((c for c in name if not is_name("a" + c)), name[0])
    plain = normalize("NFKC", odd)
    return odd, plain if is_name("a" + plain) else ""
