"""Random programs: compiled = eager = evaluated, on every layout of memory.

Many programs are one compiled function, so that they share the work of compiling. All 5,000:
`python -m pytest -m slow tests/compiler/test_fuzz.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import derivant as dv
from compiler.random_programs import LAYOUTS, Program, random_program
from derivant.carriers.evaluate import evaluate_all
from derivant.carriers.expr import symbol
from derivant.compiler.arguments import Arguments, native
from derivant.compiler.running import runner, strictness

TOGETHER = 20
FEW, MANY = 250, 2500  # of each kind


def layout(k: int) -> Callable[..., Any]:
    return LAYOUTS[list(LAYOUTS)[k % len(LAYOUTS)]]


def programs(first: int, exact: bool) -> list[Program]:
    """Programs of consecutive seeds on inputs that lie in memory in turn each way."""
    made = []
    for seed in range(first, first + TOGETHER):
        inputs = [layout(seed + k)(x) for k, x in enumerate(random_program(seed, exact).inputs)]
        made.append(random_program(seed, exact, inputs))
    return made


def bits(x: Any) -> Any:
    """Numbers as what may not differ: NaN is NaN, zeros have signs."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return (x,)
    return np.where(np.isnan(x), 7.0, x), np.isnan(x), np.signbit(x) & ~np.isnan(x)


def differ(a: Any, b: Any, rtol: float, signs: bool) -> str:
    """What is wrong with a result; empty where nothing is. No tolerance: to the bit."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.newbyteorder("=") != b.dtype.newbyteorder("="):
        return f"{a.dtype} {a.shape} for {b.dtype} {b.shape}"
    if not rtol:
        a, b = (a, b) if signs or a.dtype.kind != "f" else (a + 0.0, b + 0.0)
        return "" if all(map(np.array_equal, bits(a), bits(b))) else f"{a!r} for {b!r}"
    with np.errstate(all="ignore"):
        good = np.allclose(a, b, rtol=rtol, atol=rtol, equal_nan=True)
    return "" if good else f"{a!r} for {b!r}"


def tolerance(program: Program) -> float:
    """What the last bits of the operations may come to, in the narrowest of the dtypes."""
    return 2e-3 if any(x.dtype.itemsize == 4 for x in program.inputs) else 1e-9


def check(made: Sequence[Program], first: int, exact: bool) -> None:
    """All targets on all programs at once; the seeds of those that differ.

    Zeros have signs in strict programs alone: where a zero cotangent meets a number that is not
    finite, somewhere in the array, eager repairs the whole array and loses them.
    """
    places = list(itertools.accumulate((len(p.inputs) for p in made), initial=0))

    def together(*arrays: Any) -> Any:
        return [p(*arrays[a:b]) for p, a, b in zip(made, places, places[1:], strict=False)]

    arrays = [x for p in made for x in p.inputs]
    with np.errstate(all="ignore"):
        wanted = together(*arrays)
        compiled = dv.jit(together)
        found = {"native": compiled(*arrays)}
        graph = compiled.traced(Arguments(arrays, {}, frozenset())).graph
        with strictness(True):
            flat = runner(graph)(list(map(native, arrays)))
        found["strict"] = regrouped(flat, wanted)
        found["evaluated"] = [
            evaluated(p, arrays[a:b]) or theirs
            for p, a, b, theirs in zip(made, places, places[1:], wanted, strict=False)
        ]
    wrong = [
        f"seed {first + k} ({'exact' if exact else 'smooth'}), {target}, result {n}: {text}"
        for target, results in found.items()
        for k, (ours, theirs) in enumerate(zip(results, wanted, strict=True))
        for n, (a, b) in enumerate(zip(ours, theirs, strict=True))
        if (text := differ(a, b, 0 if exact else tolerance(made[k]), target != "native"))
    ]
    assert not wrong, "\n".join(wrong)


def evaluated(program: Program, arrays: Sequence[Any]) -> Any:
    """The results by way of a formula, loops unrolled; none where a branch needs the numbers."""
    variables = [symbol(f"x{k}", x.shape, x.dtype.newbyteorder("=")) for k, x in enumerate(arrays)]
    try:
        traced = program(*variables)
    except dv.DifferentiationError as error:
        if "truth value" not in str(error):
            raise
        return None
    return evaluate_all(traced, dict(zip(variables, arrays, strict=True)))


def regrouped(flat: Sequence[Any], like: Sequence[Sequence[Any]]) -> list[list[Any]]:
    source = iter(flat)
    return [[next(source) for _ in group] for group in like]


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "smooth"])
@pytest.mark.parametrize("first", range(0, FEW, TOGETHER))
def test_compiled_is_eager_is_evaluated(first: int, exact: bool) -> None:
    check(programs(first, exact), first, exact)


@pytest.mark.slow
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "smooth"])
@pytest.mark.parametrize("first", range(FEW, MANY, TOGETHER))
def test_many(first: int, exact: bool) -> None:
    check(programs(first, exact), first, exact)
