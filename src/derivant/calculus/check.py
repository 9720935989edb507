"""Check derivatives against differences: what a user's own operation is tried with, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from derivant.base.errors import ArgumentError, DifferentiationError
from derivant.base.tree import flatten, matching_leaves, unflatten
from derivant.base.types import Function
from derivant.calculus.arguments import read_argument
from derivant.calculus.transforms import jvp, named_after, vjp
from derivant.carriers.tensor import Tensor

MODES = ("forward", "reverse")


def check_grads(
    f: Function,
    args: Sequence[object],
    order: int = 2,
    modes: Sequence[str] = MODES,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
) -> None:
    """Compare the derivatives of `f` at `args` with Richardson differences, up to an order.

    Forward: J v against (4 D(h/2) - D(h)) / 3 with D(h) = (f(x + h v) - f(x - h v)) / 2h along a
    random direction v. Reverse: <w, J v> = <J'w, v>. Order 2 and above check the derivative
    functions in the same way. Returns nothing; raises DifferentiationError that says which order,
    mode and output disagree and by how much. Tolerances default to the dtype's.

    >>> check_grads(lambda x: x * x, (np.array([1.0, 2.0]),))
    """
    unknown = set(modes) - set(MODES)
    if unknown:
        raise ArgumentError(f"modes are 'forward' and 'reverse', not {sorted(unknown)}")
    single = any(getattr(leaf, "dtype", None) == np.float32 for leaf in flatten(list(args))[0])
    tolerance = (rtol or (2e-2 if single else 1e-6), atol or (2e-3 if single else 1e-8))
    _check(f, list(args), order, tuple(modes), tolerance, np.random.default_rng(seed), 1)


def _check(
    f: Function,
    args: list[Any],
    order: int,
    modes: Sequence[str],
    tolerance: tuple[float, float],
    rng: np.random.Generator,
    now: int,
) -> None:
    name = getattr(f, "__name__", "the function")
    tangents = [_direction(a, f"argument {i} of {name}", rng) for i, a in enumerate(args)]
    numeric = [np.asarray(_number(d)) for d in _differences(f, args, tangents, tolerance)]
    if "forward" in modes:
        exact = [_number(t) for t in flatten(jvp(f, args, tangents)[1])[0]]
        for place, (mine, theirs) in enumerate(zip(exact, numeric, strict=True)):
            _compare(mine, theirs, tolerance, f"order {now}, forward, output {place} of {name}")
    if "reverse" in modes:
        _check_reverse(f, args, tangents, numeric, tolerance, rng, f"order {now}, reverse, {name}")
    if now < order:
        for mode in modes:
            g = _derivative(f, args, tangents, mode, rng)
            _check(g, args, order, modes, tolerance, rng, now + 1)


def _check_reverse(
    f: Function,
    args: list[Any],
    tangents: list[Any],
    numeric: list[Any],
    tolerance: tuple[float, float],
    rng: np.random.Generator,
    what: str,
) -> None:
    out, pull = vjp(f, *args)
    weights = _direction(out, "output", rng)
    cotangents = pull(weights)
    left = sum(np.sum(w * d) for w, d in zip(_numbers(weights), numeric, strict=True))
    right = sum(
        np.sum(g * t) for g, t in zip(_numbers(list(cotangents)), _numbers(tangents), strict=True)
    )
    _compare(right, left, tolerance, what)


def _derivative(f: Function, args: list[Any], tangents: list[Any], mode: str, rng: Any) -> Function:
    """The derivative in a fixed direction, or with fixed weights, as a function."""
    if mode == "forward":
        return named_after(f, lambda *a: jvp(f, a, tangents)[1], "jvp")
    weights = _direction(f(*args), "output", rng)
    return named_after(f, lambda *a: _moving(vjp(f, *a)[1](weights)), "vjp")


def _moving(tree: Any) -> list[Any]:
    return [leaf for leaf in flatten(tree)[0] if leaf is not None]


def _direction(argument: Any, name: str, rng: np.random.Generator) -> Any:
    """A random tangent for each variable of an argument."""
    read = read_argument(argument, lambda: name)
    return read.shaped([_random(leaf, rng) for leaf in read.variables])


def _random(leaf: Any, rng: np.random.Generator) -> Any:
    dtype = getattr(leaf, "dtype", np.dtype(np.float64))
    return rng.standard_normal(np.shape(leaf) if isinstance(leaf, float) else leaf.shape).astype(
        dtype
    )[()]


def _moved(args: list[Any], tangents: list[Any], step: float) -> list[Any]:
    moved = []
    for argument, tangent in zip(args, tangents, strict=True):
        leaves, structure = flatten(argument)
        moving: list[Any] = matching_leaves(structure, tangent)
        pairs = zip(leaves, moving, strict=True)
        shifted = [x if t is None else _number(x) + _cast(step * t, x) for x, t in pairs]
        moved.append(unflatten(structure, shifted))
    return moved


def _cast(step: Any, like: Any) -> Any:
    return np.asarray(step, dtype=getattr(like, "dtype", np.float64))[()]


def _differences(
    f: Function, args: list[Any], tangents: list[Any], tolerance: tuple[float, float]
) -> list[Any]:
    step = 1e-2 if tolerance[0] > 1e-3 else 1e-4
    coarse, fine = (_central(f, args, tangents, h) for h in (step, step / 2))
    return [(4 * b - a) / 3 for a, b in zip(coarse, fine, strict=True)]


def _central(f: Function, args: list[Any], tangents: list[Any], step: float) -> list[Any]:
    high, low = (_numbers(f(*_moved(args, tangents, s))) for s in (step, -step))
    return [(a - b) / (2 * step) for a, b in zip(high, low, strict=True)]


def _numbers(tree: Any) -> list[Any]:
    return [
        np.asarray(_number(leaf), dtype=np.float64) for leaf in flatten(tree)[0] if leaf is not None
    ]


def _number(leaf: Any) -> Any:
    return leaf.numpy() if isinstance(leaf, Tensor) else leaf


def _compare(mine: Any, theirs: Any, tolerance: tuple[float, float], what: str) -> None:
    rtol, atol = tolerance
    mine, theirs = np.asarray(mine, dtype=np.float64), np.asarray(theirs)
    scale = max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
    error = float(np.max(np.abs(mine - theirs), initial=0.0)) if mine.size else 0.0
    if not error <= rtol * scale + atol:
        raise DifferentiationError(
            f"check_grads: {what}: the derivative is {mine}, differences give {theirs}, "
            f"off by {error:.3g} (allowed {rtol * scale + atol:.3g})"
        )
