"""Find what the user calls an array, and where: only when an error is about to be raised."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import FrameType

PACKAGE = "derivant"
DEPTH = 60


def user_frames() -> Iterator[FrameType]:
    """The frames above derivant's own, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(DEPTH):
        if frame is None:
            return
        if frame.f_globals.get("__name__", "").partition(".")[0] != PACKAGE:
            yield frame
        frame = frame.f_back


def user_line() -> str:
    """The file and line of the user's code that led here."""
    for frame in user_frames():
        return f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return "unknown line"


def names_of(operands: Sequence[object]) -> list[str | None]:
    """The name of each operand in the nearest user frame that has one, or an attribute of a local.

    Only arrays are looked up: small numbers have many names.
    """
    frame = next(user_frames(), None)
    if frame is None:
        return [None] * len(operands)
    scopes = (frame.f_locals, frame.f_globals)
    return [_name(operand, scopes) if hasattr(operand, "shape") else None for operand in operands]


def _name(operand: object, scopes: Sequence[dict[str, object]]) -> str | None:
    for scope in scopes:
        for name, value in list(scope.items()):
            if value is operand and not name.startswith("_"):
                return name
    for name, value in list(scopes[0].items()):
        for attribute, inner in list(getattr(value, "__dict__", {}).items()):
            if inner is operand:
                return f"{name}.{attribute}"
    return None
