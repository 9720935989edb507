"""A loop while it grows: instructions of one shape that will be fused, not yet laid out."""

from __future__ import annotations

from dataclasses import dataclass, field

from derivant.compiler.kernels import Apply, Literal
from derivant.compiler.program import Instruction
from derivant.compiler.views import View


@dataclass(slots=True)
class Group:
    """A loop that is still growing: its instructions, what they read, what they make."""

    shape: tuple[int, ...]
    members: list[Instruction] = field(default_factory=list)
    reads: dict[View, int] = field(default_factory=dict)
    literals: dict[Literal, int] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)  # value: place among the applications
    body: list[Apply] = field(default_factory=list)
    reduces: list[tuple[Instruction, int]] = field(default_factory=list)
    axes: tuple[int, ...] = ()
