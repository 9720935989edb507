"""PyTorch's operator samples as problems: arrays, a function of theirs and one of ours."""

from __future__ import annotations

import random
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tests.conformance.names import NAMES

with warnings.catch_warnings():
    # what PyTorch imports for its own tests warns in versions of Python newer than it
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

Numbers = npt.NDArray[Any]
DTYPES = {torch.float64: "float64", torch.float32: "float32", torch.int64: "int64"}


def key_of(entry: Any) -> str:
    """The name of an operator, and its variant if it has one."""
    variant = entry.variant_test_name
    return f"{entry.name}/{variant}" if variant else entry.name


DIFFERENTIABLE = {key_of(entry): entry for entry in op_db if entry.supports_autograd}


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of a variable in the arguments."""

    number: int


def changed(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """The arguments with each leaf replaced; containers keep their kind."""
    if isinstance(tree, dict):
        return {name: changed(value, leaf) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(changed(value, leaf) for value in tree)
    return leaf(tree)


def leaves_of(tree: Any) -> Iterator[Any]:
    """The leaves in order."""
    if isinstance(tree, (list, tuple, dict)):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves_of(part)
    else:
        yield tree


def in_numpy(leaf: Any) -> Any:
    """A tensor as an array, a dtype by its name."""
    if isinstance(leaf, torch.Tensor):
        return leaf.detach().resolve_conj().numpy().copy()
    return DTYPES.get(leaf, leaf) if isinstance(leaf, torch.dtype) else leaf


def copied(leaf: Any) -> Any:
    """A tensor of its own."""
    return leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf


def described(leaf: Any) -> Any:
    """A tensor by its shape, for the name of a sample."""
    return Shape(tuple(leaf.shape)) if isinstance(leaf, torch.Tensor) else leaf


class Shape(tuple[int, ...]):
    """A shape that says what it is the shape of."""

    def __repr__(self) -> str:
        return f"array{tuple(self)}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One sample. Both functions take the primals and give a list of the real outputs."""

    name: str
    number: int
    text: str
    arguments: tuple[Any, ...]  # input, args and kwargs, of arrays
    primals: list[Numbers]
    theirs: Callable[..., list[torch.Tensor]]
    ours: Callable[..., list[Any]]


def seeded(name: str) -> None:
    """The samples of an operator are the same in every run, alone or among others."""
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def problems(name: str) -> list[Problem]:
    """All samples of an operator, float64, that have something to differentiate by."""
    entry = DIFFERENTIABLE[name]
    seeded(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = list(entry.sample_inputs("cpu", torch.float64, requires_grad=True))
    return [problem(name, number, sample) for number, sample in enumerate(samples)]


def problem(name: str, number: int, sample: Any) -> Problem:
    """One sample, taken apart."""
    entry = DIFFERENTIABLE[name]
    tree = (sample.input, tuple(sample.args), dict(sample.kwargs))
    moving = [t for t in leaves_of(tree) if isinstance(t, torch.Tensor) and t.requires_grad]
    holes = {id(t): Hole(i) for i, t in enumerate(moving)}
    opened = changed(tree, lambda leaf: holes.get(id(leaf), leaf))
    constants = changed(opened, in_numpy)

    def theirs(*values: torch.Tensor) -> list[torch.Tensor]:
        # copies, since some operators write to what is not differentiated (running means)
        first, args, kwargs = filled(changed(opened, copied), values)
        result = entry.gradcheck_wrapper(entry, first, *args, **kwargs)
        result = sample.output_process_fn_grad(result)
        return [t for t in leaves_of(as_tuple(result)) if is_real(t)]

    def ours(*values: Any) -> list[Any]:
        first, args, kwargs = filled(constants, values)
        return list(leaves_of(as_tuple(NAMES[name](first, *args, **kwargs))))

    return Problem(
        name,
        number,
        f"{name}{changed(tree, described)}",
        changed(tree, in_numpy),
        [in_numpy(t) for t in moving],
        theirs,
        ours,
    )


def filled(tree: Any, values: Sequence[Any]) -> Any:
    """The arguments with these in place of the variables."""
    return changed(tree, lambda leaf: values[leaf.number] if isinstance(leaf, Hole) else leaf)


def as_tuple(result: Any) -> Any:
    """One result or several, named or not, as a plain container."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def is_real(leaf: Any) -> bool:
    """Whether an output is numbers that a derivative may be of; places of extrema are not."""
    return isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
