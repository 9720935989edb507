"""`derivant verify`: is a claimed derivative right, and what is wrong with it."""

from __future__ import annotations

import argparse
import json

from derivant.base.errors import ArgumentError
from derivant.derivation import Verdict, verify


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.description = (
        'Example: derivant verify "x\'*A*x" --wrt x --claim "2*A*x". '
        "Exit status 0: right; 1: not right; 2: the input cannot be read."
    )
    command.add_argument("formula", help="in matrix notation (x'*A*x) or NumPy's (x.T @ A @ x)")
    command.add_argument("--wrt", required=True, help="the variable")
    command.add_argument("--claim", required=True, help="the derivative that is claimed")
    command.add_argument("--shape", help='sizes of the names: "A: n n, x: n"')
    command.add_argument("--assume", help='facts: "A: symmetric"')
    command.add_argument("--order", type=int, default=1, choices=(1, 2))
    command.add_argument("--cotangent", help="a name for the upstream gradient")
    command.add_argument("--notation", default="auto", choices=("auto", "matrix", "numpy"))
    command.add_argument("--layout", default="tensor", choices=("tensor", "vec"))
    command.add_argument("--json", action="store_true", help="print one object")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, print, and answer with 0 for right and 1 for not."""
    if "," in options.wrt:
        raise ArgumentError(f"a claim is about one variable; --wrt has {options.wrt}")
    verdict = verify(
        options.formula,
        options.wrt,
        options.claim,
        options.shape,
        options.assume,
        options.order,
        options.cotangent,
        options.notation,
        options.layout,
    )
    if options.json:
        print(json.dumps(_as_object(options, verdict), ensure_ascii=False))
    else:
        print(verdict.said)
        print(verdict)
    return 0 if verdict.right else 1


def _as_object(options: argparse.Namespace, verdict: Verdict) -> dict[str, object]:
    found = verdict.counterexample
    return {
        "expression": options.formula,
        "claim": options.claim,
        "notation": verdict.said,
        "wrt": verdict.wrt,
        "order": options.order,
        "right": verdict.right,
        "kind": verdict.kind,
        "diagnosis": verdict.diagnosis,
        "derivative": verdict.derivative,
        "difference": verdict.difference,
        "counterexample": None
        if found is None
        else {
            "values": {name: value.tolist() for name, value in found.items()},
            "sizes": found.sizes,
            "derivative": found.derivative.tolist(),
            "claim": found.claim.tolist(),
        },
    }
