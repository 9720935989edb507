"""Where derivant does not do as PyTorch does, each with the reason.

A difference is a sample whose result is another. Where PyTorch is wrong the tests prove it: by
differences of the function itself, or by PyTorch's own other mode. A sample that both accept and
only one should, or that differs for no reason listed here, is a failure; so is an entry of these
lists that nothing needs any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Proof = Literal["differences", "reverse mode", "convention", "refused"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Samples of an operator, the checks in which they differ, and why that is right."""

    entry: str
    checks: tuple[str, ...]
    proof: Proof
    reason: str
    where: Callable[..., bool] = lambda *args, **kwargs: True


@dataclass(frozen=True, slots=True)
class Accepted:
    """Error samples that are no error for us. `says` is a part of PyTorch's message, or empty."""

    entry: str
    says: str
    reason: str


ALL = ("value", "vjp", "jvp", "double backward")
SLOPES = ("vjp", "jvp", "double backward")


def spectral_at_zero(x: Any, order: Any, **options: Any) -> bool:
    """A norm of singular values of the matrix 0."""
    return x.ndim == 2 and order in ("nuc", 2, -2)


def broken_order(x: Any, order: Any, **options: Any) -> bool:
    return order == 3.5


DIFFERENCES = (
    Difference(
        "linalg.norm/subgradients_at_zero",
        SLOPES,
        "convention",
        "the subgradient of least norm at 0 is 0 (conventions), where PyTorch takes U V'; its "
        "second derivative does not exist and is refused",
        spectral_at_zero,
    ),
    Difference(
        "linalg.norm/subgradients_at_zero",
        ("double backward",),
        "convention",
        "the Hessian of a norm at 0 is NaN (conventions): it does not exist; PyTorch has 0",
        broken_order,
    ),
    Difference(
        "cholesky_inverse",
        ("jvp",),
        "reverse mode",
        "PyTorch's forward mode loses half of the digits; its own reverse mode agrees with ours",
    ),
    Difference(
        "nn.functional.hardsigmoid",
        ("vjp", "jvp"),
        "differences",
        "PyTorch's slope is 1/6 rounded to float32",
    ),
    Difference(
        "einsum",
        ALL,
        "refused",
        "'...' of the operands that the result has not: an error in NumPy too",
        lambda arrays, pattern: "..." in pattern and "..." not in pattern.split("->")[1],
    ),
    Difference(
        "tensordot",
        ALL,
        "refused",
        "axes of sizes 1 and 2 do not pair: an error in NumPy too",
        lambda x, y, dims: x.shape == (1, 1, 1),
    ),
)

OPTION = "an option of a composition that is written in this directory"
BROADCAST = "the operands broadcast, as in NumPy"

ACCEPTED = (
    Accepted("index_add", "source tensor shape must match", BROADCAST),
    Accepted("linalg.cross", "same number of dimensions", BROADCAST),
    Accepted("masked_fill", "0-dimensional value", BROADCAST),
    Accepted("roll", "`shifts` required", "no shift at all moves nothing, as in NumPy"),
    Accepted("roll", "must align", "shifts and axes broadcast, as in NumPy"),
    Accepted("mean", "could not infer output dtype", "means of integers are floats, as in NumPy"),
    Accepted("narrow", "", "a slice ends where the array does, as Python's"),
    Accepted("nn.functional.embedding", "must be 2-D", "take is of arrays of any rank"),
    Accepted("nn.functional.hardtanh", "cannot be greater", "clip takes them, as NumPy's"),
    Accepted("kthvalue", "out of range", OPTION),
    Accepted("nn.functional.group_norm", "", OPTION),
    Accepted("nn.functional.hinge_embedding_loss", "valid value", OPTION),
    Accepted("nn.functional.huber_loss", "", OPTION),
    Accepted("nn.functional.l1_loss", "valid value", OPTION),
    Accepted("nn.functional.margin_ranking_loss", "valid value", OPTION),
    Accepted("nn.functional.poisson_nll_loss", "valid value", OPTION),
    Accepted("nn.functional.prelu", "", OPTION),
    Accepted("nn.functional.rms_norm", "", OPTION),
    Accepted("nn.functional.soft_margin_loss", "valid value", OPTION),
    Accepted("nn.functional.softshrink", "lambda must be", OPTION),
    Accepted("nn.functional.triplet_margin_loss", "", OPTION),
    Accepted("rot90", "rotation dims", OPTION),
)

# How many of the arguments our function takes, where a layer of PyTorch has more.
TAKEN = {"nn.functional.conv1d": 2, "nn.functional.conv2d": 2}
