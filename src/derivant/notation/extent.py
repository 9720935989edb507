"""How long and how deep a formula would be if it were written out: what is shared counts each time.

Known before anything is written, from the normal form alone.
"""

from __future__ import annotations

from derivant.base.errors import DerivantError
from derivant.base.graph import enter_all
from derivant.carriers.expr import Expr
from derivant.rewriting import Form
from derivant.rewriting import Sum as Terms

LONGEST = 20_000  # factors and functions
DEEPEST = 100  # functions and parentheses within one another


class Extents:
    """The lengths and depths of the payloads of a form, each computed once."""

    __slots__ = ("_form", "_known")

    def __init__(self, form: Form) -> None:
        self._form = form
        self._known: dict[int, tuple[int, int]] = {}

    def fits(self, total: Terms) -> bool:
        """Whether a sum of the form can be written as one formula.

        >>> import derivant as dv
        >>> from derivant.carriers.trace import symbols
        >>> from derivant.rewriting import form_of
        >>> e = symbols("x:")
        >>> for _ in range(50):
        ...     e = dv.tanh(e * dv.exp(e))
        >>> form = form_of(e)
        >>> Extents(form).fits(form.sum)
        False
        """
        standing = payloads_of(total)
        enter_all(self._known, standing, self.needed, self._extent)
        found = [self._known[id(x)] for x in standing]
        length = len(standing) + sum(size for size, _ in found)
        return length <= LONGEST and all(depth <= DEEPEST for _, depth in found)

    def _extent(self, node: Expr) -> tuple[int, int]:
        """The length and the depth of one payload; those of what stands inside it are known."""
        known = [self._known[id(x)] for x in self.needed(node)]
        length = 1 + sum(size for size, _ in known)
        return length, 1 + max((depth for _, depth in known), default=0)

    def needed(self, node: Expr) -> list[Expr]:
        """What stands inside a payload, once for each place."""
        inside = self._form.inside(node)
        return list(node.inputs) if inside is None else payloads_of(inside)

    def refuse(self) -> DerivantError:
        """What to say of a form that does not fit."""
        return DerivantError(
            f"this is too large to be written as one formula: more than {LONGEST} factors, or "
            f"{DEEPEST} functions within one another; code() writes it line by line"
        )


def payloads_of(total: Terms) -> list[Expr]:
    """The expressions that stand in a sum, once for each place."""
    return [a.payload for t in total.terms for a in t.atoms if a.payload is not None]
