"""Value, vjp, jvp and double backward of one problem, theirs and ours, and how far apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tests.conformance.samples import DIFFERENTIABLE, Numbers, Problem
from tests.conformance.words import NoCounterpartError
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

import derivant as dv

CHECKS = ("value", "vjp", "jvp", "double backward")
TOLERANCE = 1e-9
# Derivatives smaller than this beside the value are compared as if they were of this size:
# what cancellation leaves of numbers of size 1 has no digits.
SMALLEST = 1e-3
Results = dict[str, list[Numbers] | None]


@dataclass(frozen=True, slots=True)
class Directions:
    """Random cotangents of the outputs, and two sets of tangents of the inputs."""

    outputs: list[Numbers]
    inputs: list[Numbers]
    second: list[Numbers]


@contextmanager
def quiet() -> Iterator[None]:
    """Samples at the edge of a domain make NumPy and PyTorch warn."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def directions(p: Problem, outputs: Sequence[torch.Tensor]) -> Directions:
    """The same for both sides, and for every run."""
    rng = np.random.default_rng(p.number)

    def like(arrays: Sequence[Any]) -> list[Numbers]:
        return [np.asarray(rng.standard_normal(tuple(a.shape))) for a in arrays]

    return Directions(like(outputs), like(p.primals), like(p.primals))


def theirs(p: Problem) -> tuple[Results, Directions]:
    """What PyTorch has; None where it has no such derivative."""
    entry = DIFFERENTIABLE[p.name]
    leaves = [torch.tensor(a, requires_grad=True) for a in p.primals]
    outputs = p.theirs(*leaves)
    ways = directions(p, outputs)
    values: Results = {"value": [numbers(t) for t in outputs]}
    seeds = [torch.tensor(w, requires_grad=True) for w in ways.outputs]
    slopes = pulled(outputs, leaves, seeds, entry.supports_gradgrad)
    values["vjp"] = [numbers(g) for g in slopes]
    values["jvp"] = values["double backward"] = None
    if entry.supports_gradgrad:
        tangents = [torch.tensor(u) for u in ways.inputs]
        both = pulled(slopes, [*leaves, *seeds], tangents, False)
        values["double backward"] = [numbers(g) for g in both[: len(leaves)]]
        values["jvp"] = [numbers(g) for g in both[len(leaves) :]]
    if entry.supports_forward_ad:
        values["jvp"] = pushed(p, ways.inputs)
    return values, ways


def numbers(tensor: torch.Tensor) -> Numbers:
    return tensor.numpy(force=True)


def pulled(
    outputs: Sequence[torch.Tensor],
    leaves: Sequence[torch.Tensor],
    seeds: Sequence[torch.Tensor],
    again: bool,
) -> list[torch.Tensor]:
    """The gradient of the outputs at these cotangents; zeros where there is none."""
    pairs = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if not pairs:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(
        [o for o, _ in pairs],
        list(leaves),
        [s for _, s in pairs],
        create_graph=again,
        retain_graph=True,
        allow_unused=True,
    )
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)]


def pushed(p: Problem, tangents: Sequence[Numbers]) -> list[Numbers]:
    """Forward mode of PyTorch; zeros where an output has no tangent."""
    with forward_ad.dual_level():
        duals = [
            forward_ad.make_dual(torch.tensor(x), torch.tensor(t))
            for x, t in zip(p.primals, tangents, strict=True)
        ]
        parts = [forward_ad.unpack_dual(o) for o in p.theirs(*duals)]
        return [
            numbers(torch.zeros_like(part.primal) if part.tangent is None else part.tangent)
            for part in parts
        ]


def ours(p: Problem, ways: Directions) -> Iterator[tuple[str, Callable[[], list[Numbers]]]]:
    """The same of derivant, each to be called; the value of plain arrays and of Tensors."""

    def slopes(*values: Any) -> Any:
        return dv.vjp(p.ours, *values)[1](ways.outputs)

    yield "value", lambda: arrays(p.ours(*p.primals))
    yield "value", lambda: arrays(p.ours(*map(dv.tensor, p.primals)))
    yield "vjp", lambda: arrays(slopes(*p.primals))
    yield "jvp", lambda: arrays(tangents_of(p, ways))
    yield (
        "double backward",
        lambda: arrays(dv.vjp(slopes, *p.primals)[1](tuple(ways.inputs))),
    )


def tangents_of(p: Problem, ways: Directions) -> list[Any]:
    """J u, zeros for an output that depends on no variable."""
    values, moved = dv.jvp(p.ours, tuple(p.primals), tuple(ways.inputs))
    pairs = zip(values, moved, strict=True)
    return [np.zeros(np.shape(v)) if t is None else t for v, t in pairs]


def arrays(values: Sequence[Any]) -> list[Numbers]:
    return [v.numpy() if isinstance(v, dv.Tensor) else np.asarray(v) for v in values]


def far(ours: Numbers, theirs: Numbers) -> str:
    """How two arrays differ; empty where they agree."""
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, PyTorch {theirs.shape}"
    if ours.dtype != theirs.dtype:
        return f"dtype {ours.dtype}, PyTorch {theirs.dtype}"
    finite = np.isfinite(theirs)
    if not np.array_equal(finite, np.isfinite(ours)):
        return f"{ours.tolist()}, PyTorch {theirs.tolist()}"
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=True):
        return f"{ours[~finite].tolist()}, PyTorch {theirs[~finite].tolist()}"
    if not finite.any():
        return ""
    size = max(float(np.abs(theirs[finite]).max()), SMALLEST)
    away = float(np.abs(ours[finite] - theirs[finite]).max()) / size
    return f"relative error {away:.2g}" if away > TOLERANCE else ""


def all_far(ours: Sequence[Numbers], theirs: Sequence[Numbers]) -> str:
    """How two lists of arrays differ."""
    if len(ours) != len(theirs):
        return f"{len(ours)} results, PyTorch {len(theirs)}"
    return "; ".join(text for a, b in zip(ours, theirs, strict=True) if (text := far(a, b)))


def disagreements(p: Problem) -> dict[str, str]:
    """What differs, by check. An operation of ours that refuses differs too."""
    found: dict[str, str] = {}
    # the fast attention of PyTorch has no second derivative, the plain one has
    with quiet(), sdpa_kernel(SDPBackend.MATH):
        expected, ways = theirs(p)
        for check, compute in ours(p, ways):
            reference = expected[check]
            if reference is None or check in found:
                continue
            try:
                text = all_far(compute(), reference)
            except NoCounterpartError:
                raise
            except Exception as error:  # whatever ours raises where PyTorch does not is wrong
                text = f"{type(error).__name__}: {error}"
            if text:
                found[check] = text
    return found
