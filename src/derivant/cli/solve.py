"""`derivant solve`: an optimisation problem in, its optimum in closed form out."""

from __future__ import annotations

import argparse
import json
from typing import Any

from derivant.stationary import Solution, solve


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.description = 'Example: derivant solve "x\'*x" --over x --subject-to "lam: A*x = y"'
    add_problem(command)
    command.add_argument(
        "--least-norm", action="store_true", help="of many least points the one of least norm"
    )
    command.add_argument("--format", default="text", choices=("text", "latex", "numpy", "code"))
    command.add_argument("--steps", action="store_true", help="show how it was found")
    command.add_argument("--json", action="store_true", help="print one object")
    command.set_defaults(run=run)


def add_problem(command: argparse.ArgumentParser) -> None:
    """The options that state a problem."""
    command.add_argument("objective", help="in matrix notation or NumPy's")
    command.add_argument("--over", required=True, help="the unknown, or several: w,c")
    command.add_argument(
        "--subject-to", action="append", default=[], help='as "A*x = b", "lam: A*x = b", "x >= 0"'
    )
    command.add_argument("--maximize", action="store_true", help="the greatest point instead")
    command.add_argument("--shape", help='sizes of the names: "A: n n, x: n"')
    command.add_argument("--assume", help='facts: "A: spd"')
    command.add_argument("--notation", default="auto", choices=("auto", "matrix", "numpy"))


def stated(options: argparse.Namespace) -> dict[str, Any]:
    """The problem of the options as `solve` and `minimize` take it."""
    return {
        "over": [name.strip() for name in options.over.split(",") if name.strip()],
        "subject_to": options.subject_to,
        "assume": options.assume,
        "shapes": options.shape,
        "notation": options.notation,
        "sense": "maximize" if options.maximize else "minimize",
    }


def run(options: argparse.Namespace) -> int:
    """Solve and print."""
    answer = solve(options.objective, **stated(options), least_norm=options.least_norm)
    if options.json:
        print(json.dumps(_as_object(options.objective, answer), ensure_ascii=False))
    elif options.format == "code":
        print(answer.code("numpy"))
    elif options.format == "latex":
        print(answer.latex)
    elif options.format == "numpy":
        for name, text in answer.expressions("solution").items():
            print(f"{name} = {text}")
    else:
        print(_with_steps(answer) if options.steps else answer)
    return 0


def _with_steps(answer: Solution) -> str:
    lines = [f"{k} {step}" for k, step in enumerate(answer.steps, 1)]
    first, rest = str(answer).split("\n", 1)
    return "\n".join([first, *lines, rest])


def _as_object(objective: str, answer: Solution) -> dict[str, object]:
    return {
        "expression": objective,
        "notation": answer.said,
        "text": answer.text,
        "latex": answer.latex,
        "solution": answer.expressions("solution"),
        "multipliers": answer.expressions("multipliers"),
        "value": answer.expression("numpy", of="value"),
        "conditions": list(answer.conditions),
        "kind": answer.kind,
        "code": {"numpy": answer.code("numpy")},
        "steps": [{"rule": s.rule, "result": s.result} for s in answer.steps],
        "check": {"residual": answer.check.residual, "sizes": list(answer.check.sizes)},
    }
