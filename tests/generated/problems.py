"""A row at one of its cases, with sampled operands; and comparisons of numbers."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivant.calculus.transforms import vjp
from derivant.carriers.tensor import Tensor
from derivant.primitives import Case, Primitive, apply
from derivant.primitives.domains import sample_all

SIZES = ((3, 4, 2, 5), (4, 2, 3, 6), (5, 3, 4, 2))  # of the names of a case, in sorted order
STEP = 2.0**-8
SAME = {"float64": 1e-11, "float32": 2e-4}  # one derivative computed in two ways

FLOOR = 1e-3  # operands are near 1 in size: below this a result may be rounding alone

Complaints = Iterator[str]


@dataclass(frozen=True)
class Problem:
    """A row at one of its cases: arrays, and which of them are variables."""

    row: Primitive
    arrays: list[Any]
    params: dict[str, Any]
    rng: np.random.Generator

    @property
    def variables(self) -> list[int]:
        """The operands that are differentiated by."""
        return [i for i, a in enumerate(self.arrays) if a.dtype.kind == "f"]

    def function(self, places: Sequence[int]) -> Callable[..., Any]:
        """The row as a function of the operands at these places."""

        def call(*values: Any) -> Any:
            operands = list(self.arrays)
            for place, value in zip(places, values, strict=True):
                operands[place] = value
            return apply(self.row, tuple(operands), self.params)

        return call

    def at(self, places: Sequence[int]) -> list[Any]:
        """The operands at these places."""
        return [self.arrays[i] for i in places]


def names_of(case: Case) -> list[str]:
    """The named sizes of a case."""
    return sorted({s for shape in case.shapes for s in shape if isinstance(s, str)})


def filled(case: Case, sizes: dict[str, Any]) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """The shapes and the parameters of a case with its names replaced."""
    shapes = [tuple(sizes.get(s, s) for s in shape) for shape in case.shapes]  # type: ignore[arg-type]
    return shapes, {key: _filled(value, sizes) for key, value in case.params.items()}


def _filled(value: Any, sizes: dict[str, Any]) -> Any:
    """A parameter given as a function of sizes, called with those it names."""
    code = getattr(value, "__code__", None)
    if code is None:
        return value
    return value(*(sizes[name] for name in code.co_varnames[: code.co_argcount]))


def sizes_of(case: Case, turn: int = 0) -> dict[str, int]:
    """Sizes for the names of a case; another set each turn."""
    return {name: SIZES[turn][i % 4] for i, name in enumerate(names_of(case))}


def problem(row: Primitive, case: Case, dtype: str = "float64", turn: int = 0) -> Problem:
    """The row at a case with sampled operands, the same at every run."""
    rng = np.random.default_rng(zlib.crc32(f"{row.name} {case.shapes} {turn}".encode()))
    shapes, params = filled(case, sizes_of(case, turn))
    domains = case.domains or row.domain
    if len(domains) < len(shapes):
        domains = (*domains, *domains[-1:] * (len(shapes) - len(domains)))
    return Problem(row, list(sample_all(domains, shapes, rng, dtype)), params, rng)


# Numbers


def outputs_of(value: Any) -> list[Any]:
    """A result as a list: rows may have several."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def numbers(value: Any) -> Any:
    """The array of a Tensor, or what came."""
    return value.data if isinstance(value, Tensor) else value


def largest(*arrays: Any) -> float:
    """The largest absolute entry."""
    return max((float(np.max(np.abs(a), initial=0.0)) for a in arrays), default=0.0)


def far(a: Any, b: Any, tolerance: float, scale: float = FLOOR) -> str:
    """How two arrays differ in more than `tolerance` of the largest entry; empty if they do not."""
    a, b = np.asarray(numbers(a)), np.asarray(numbers(b))
    if a.shape != b.shape:
        return f"shape {a.shape} against {b.shape}"
    if a.dtype.kind != "f" and b.dtype.kind != "f":
        return "" if np.array_equal(a, b) else "not the same whole numbers"
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return "" if np.array_equal(a, b, equal_nan=True) else "NaN or infinity in one of them"
    error = largest(a.astype(float) - b.astype(float))
    limit = tolerance * max(largest(a, b), scale)
    return f"differ by {error:.2e}, allowed {limit:.2e}" if error > limit else ""


def like(rng: np.random.Generator, value: Any) -> Any:
    """A random array of the shape and dtype of a value, between 1/4 and 1 in size."""
    value = np.asarray(numbers(value))
    signs = rng.choice([-1.0, 1.0], value.shape)
    drawn = np.asarray(rng.uniform(0.25, 1.0, value.shape) * signs)
    return drawn.astype(value.dtype if value.dtype.kind == "f" else np.float64)


def seeds_for(rng: np.random.Generator, value: Any) -> Any:
    """A cotangent for a result of one or several arrays; zero for whole numbers."""
    drawn = [
        like(rng, v) if np.asarray(v).dtype.kind == "f" else np.zeros_like(v)
        for v in outputs_of(value)
    ]
    return tuple(drawn) if isinstance(value, tuple) else drawn[0]


def paired(a: Any, b: Any) -> tuple[float, float]:
    """The inner product of two lists of arrays in double precision, and the sum of sizes."""
    total = size = 0.0
    for x, y in zip(outputs_of(a), outputs_of(b), strict=True):
        product = np.asarray(numbers(x), dtype=float) * np.asarray(numbers(y), dtype=float)
        total += float(product.sum())
        size += float(np.abs(product).sum())
    return total, size


def differences(f: Callable[..., Any], xs: Sequence[Any], vs: Sequence[Any]) -> list[Any]:
    """The directional derivative by central differences at three steps, extrapolated twice."""
    columns = []
    for h in (STEP, STEP / 2, STEP / 4):
        ahead = outputs_of(f(*(x + h * v for x, v in zip(xs, vs, strict=True))))
        behind = outputs_of(f(*(x - h * v for x, v in zip(xs, vs, strict=True))))
        columns.append([(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)])
    result = []
    for coarse, middle, fine in zip(*columns, strict=True):
        one, two = middle + (middle - coarse) / 3, fine + (fine - middle) / 3
        result.append(two + (two - one) / 15)
    return result


def gradient_of(f: Callable[..., Any], w: Any) -> Callable[..., Any]:
    """x -> J(x)' w, through the table again."""
    return lambda *xs: vjp(f, *xs)[1](w)
