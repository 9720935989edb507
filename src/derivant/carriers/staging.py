"""Who turns loops and branches into nodes while a function is traced; nobody outside of a trace.

The transforms that the user calls are floors above the compiler and below it stand the carriers:
both meet here. It knows neither how a loop is written down nor how it is run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol


class Stage(Protocol):
    """What writes down a loop or a branch whose numbers are not known yet."""

    def scan(
        self, f: Callable[..., Any], init: Any, xs: Any, length: int, reverse: bool
    ) -> tuple[Any, Any]:
        """A loop over leading axes."""
        ...

    def fori_loop(self, lower: Any, upper: Any, body: Callable[..., Any], init: Any) -> Any:
        """A loop over whole numbers."""
        ...

    def while_loop(self, condition: Callable[..., Any], body: Callable[..., Any], init: Any) -> Any:
        """A loop whose number of steps the numbers decide."""
        ...

    def cond(
        self, predicate: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any]
    ) -> Any:
        """A branch that the numbers decide."""
        ...


STAGE: ContextVar[Stage | None] = ContextVar("derivant_stage", default=None)
# The traces under way in all threads: while there are none, no call needs to look whose it is in.
OPEN: list[Stage] = []
