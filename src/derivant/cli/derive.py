"""`derivant derive`: a formula in, its derivative out."""

from __future__ import annotations

import argparse
import json

from derivant.base.errors import ArgumentError, DerivantError
from derivant.derivation import Derivative, derive

LIBRARIES = ("numpy", "jax", "torch")


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.description = 'Example: derivant derive "x\'*A*x" --wrt x'
    command.add_argument("formula", help="in matrix notation (x'*A*x) or NumPy's (x.T @ A @ x)")
    command.add_argument("--wrt", required=True, help="the variable, or several: W1,W2")
    command.add_argument("--shape", help='sizes of the names: "A: n n, x: n"')
    command.add_argument("--assume", help='facts: "A: symmetric"')
    command.add_argument("--order", type=int, default=1)
    command.add_argument("--cotangent", help="a name for the upstream gradient")
    command.add_argument("--notation", default="auto", choices=("auto", "matrix", "numpy"))
    command.add_argument(
        "--format",
        default="text",
        choices=("text", "latex", *LIBRARIES),
        help="the formula, or a self-contained function for a library",
    )
    command.add_argument(
        "--value", action="store_true", help="with a library: return the value too, sharing work"
    )
    command.add_argument("--steps", action="store_true", help="show the derivation, line by line")
    command.add_argument("--json", action="store_true", help="print one object")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Derive by each variable and print."""
    names = [name.strip() for name in options.wrt.split(",") if name.strip()]
    if not names:
        raise ArgumentError("--wrt names no variable")
    if options.value and options.format not in LIBRARIES:
        raise ArgumentError(f"--value is for code: add --format {', '.join(LIBRARIES)}")
    found = derive(
        options.formula,
        names,
        options.shape,
        options.assume,
        options.order,
        options.cotangent,
        options.notation,
    )
    assert not isinstance(found, Derivative)
    answers = list(found.values())
    if options.json:
        objects = [_as_object(options.formula, answer) for answer in answers]
        print(json.dumps(objects[0] if len(objects) == 1 else objects, ensure_ascii=False))
        return 0
    if options.format in LIBRARIES:
        print(found.code(options.format, options.value), end="")
        return 0
    if options.format == "latex":
        for answer in answers:
            print(answer.latex)
        return 0
    print(answers[0].said)
    for answer in answers:
        if options.steps:
            print(answer.derivation)
        print(answer)
    return 0


def _as_object(formula: str, answer: Derivative) -> dict[str, object]:
    """What `--json` prints of an answer; null for code that a library has no words for."""
    check = answer.check
    steps = [
        {"rule": s.rule, "before": s.before, "after": s.after, "source": s.source}
        for s in answer.steps
    ]
    return {
        "expression": formula,
        "notation": "numpy" if answer.said.startswith("read as NumPy") else "matrix",
        "wrt": answer.wrt,
        "order": answer.order,
        "shape": [str(size) for size in answer.shape],
        "text": answer.text,
        "latex": answer.latex,
        "code": {library: _code(answer, library) for library in LIBRARIES},
        "expression_numpy": answer.expression("numpy"),
        "steps": steps,
        "check": {
            "max_relative_error": check.max_relative_error,
            "sizes": list(check.sizes),
            "samples": check.samples,
        },
    }


def _code(answer: Derivative, library: str) -> str | None:
    try:
        return answer.code(library)
    except DerivantError:
        return None
