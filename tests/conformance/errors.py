"""PyTorch's error samples: where it refuses, we do too, and name every operand's shape.

A composition reaches our functions with operands of its own making, so of its messages only the
kind is checked, with Tensors, whose operators are ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from tests.conformance.checks import quiet
from tests.conformance.exceptions import ACCEPTED, TAKEN
from tests.conformance.names import COMPOSED, NAMES
from tests.conformance.samples import (
    DIFFERENTIABLE,
    changed,
    described,
    in_numpy,
    leaves_of,
    seeded,
)
from tests.conformance.words import NoCounterpartError

import derivant as dv


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error sample: the arguments, and what PyTorch says."""

    name: str
    number: int
    text: str
    says: str
    arguments: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]
    skipped: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one error sample went: right, wrong (and what is), or skipped (and why)."""

    wrong: str = ""
    skipped: str = ""


REAL = (torch.float64, torch.float32, torch.int64, torch.int32, torch.bool, torch.uint8)


def refusals(name: str) -> list[Refusal]:
    """The error samples of an operator."""
    entry = DIFFERENTIABLE[name]
    if entry.error_inputs_func is None:
        return []
    seeded(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(entry.error_inputs("cpu"))
    return [refusal(name, number, error) for number, error in enumerate(found)]


def refusal(name: str, number: int, error: Any) -> Refusal:
    sample = error.sample_input
    tree = (sample.input, tuple(sample.args), dict(sample.kwargs))
    tensors = [t for t in leaves_of(tree) if isinstance(t, torch.Tensor)]
    skipped = why_skipped(tree, tensors, str(error.error_regex))
    return Refusal(
        name,
        number,
        f"{name}{changed(tree, described)}",
        str(error.error_regex),
        (None, (), {}) if skipped else changed(tree, in_numpy),
        shapes_named(name, tensors),
        skipped,
    )


def why_skipped(tree: Any, tensors: list[torch.Tensor], says: str) -> str:
    """The reason that a sample has no counterpart in any function of ours; empty if it may."""
    first, args, kwargs = tree
    if "out" in kwargs:
        return "out="
    if any(t.dtype not in REAL for t in tensors) or complex in map(type, leaves_of(tree)):
        return "complex and half numbers"
    if any(t.ndim > 64 for t in tensors):
        return "more axes than NumPy has"
    if any(isinstance(leaf, torch.dtype) for leaf in leaves_of(kwargs)):
        return "dtype="
    operands = [x for x in (first, *args[:1]) if isinstance(x, (torch.Tensor, int, float))]
    if not says and any(not isinstance(x, torch.Tensor) for x in operands):
        return "Python numbers as operands, which ours take"
    return mixed(tensors, says)


def mixed(tensors: list[torch.Tensor], says: str) -> str:
    """PyTorch refuses some mixtures of dtypes that NumPy promotes."""
    kinds = {t.dtype for t in tensors}
    dtypes = ("dtype", "should be the same", "scalar type", "same type")
    return "dtypes that promote" if len(kinds) > 1 and any(d in says for d in dtypes) else ""


def shapes_named(name: str, tensors: list[torch.Tensor]) -> tuple[tuple[int, ...], ...]:
    """The shapes that the message must hold."""
    shapes = tuple(tuple(t.shape) for t in tensors[: TAKEN.get(name)])
    return () if name in COMPOSED else shapes


def verdict(r: Refusal) -> Verdict:
    """Whether we refuse this sample as we should."""
    if r.skipped:
        return Verdict(skipped=r.skipped)
    kinds = (recorded,) if r.name in COMPOSED else (lambda leaf: leaf, recorded)
    wrong = ""
    for convert in kinds:
        first, args, kwargs = changed(r.arguments, convert)
        try:
            wrong = wrong or refused(partial(NAMES[r.name], first, *args, **kwargs), r.shapes)
        except NoCounterpartError as reason:
            return Verdict(skipped=str(reason))
    accepted = [a.reason for a in ACCEPTED if a.entry == r.name and a.says in r.says]
    if wrong and accepted:
        return Verdict(skipped=accepted[0])
    return Verdict(wrong=wrong)


def recorded(leaf: Any) -> Any:
    """An array of numbers as a Tensor."""
    return dv.tensor(leaf) if getattr(leaf, "dtype", None) in ("float32", "float64") else leaf


def refused(call: Callable[[], Any], shapes: Sequence[tuple[int, ...]]) -> str:
    """What is wrong with what this call raises."""
    with quiet():
        try:
            call()
        except dv.DerivantError as error:
            missing = [s for s in shapes if not any(t in str(error) for t in texts(s))]
            return f"{error} (without the shapes {missing})" if missing else ""
        except NoCounterpartError:
            raise
        except Exception as error:  # any kind but our own is what the check looks for
            return f"{type(error).__name__}: {error}"
    return "no error"


def texts(shape: tuple[int, ...]) -> tuple[str, str]:
    """A shape as a message may write it: (3,) or (3)."""
    return str(shape), "(" + ", ".join(map(str, shape)) + ")"
