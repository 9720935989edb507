"""`derivant shapes`: what each name of a formula must be, and the shapes of its derivatives."""

from __future__ import annotations

import argparse
import json

from derivant.base.dims import Shape
from derivant.notation import read_formula, shown_name


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.description = 'Example: derivant shapes "x\'*A*x"'
    command.add_argument("formula", help="in matrix notation (x'*A*x) or NumPy's (x.T @ A @ x)")
    command.add_argument("--shape", help='sizes that are known: "A: n n, x: n"')
    command.add_argument("--assume", help='facts: "A: symmetric"')
    command.add_argument("--notation", default="auto", choices=("auto", "matrix", "numpy"))
    command.add_argument("--json", action="store_true", help="print one object")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read the formula and print a line for each name."""
    formula = read_formula(options.formula, options.shape, options.assume, options.notation)
    value = tuple(formula.expression.shape)
    names = {name: tuple(v.shape) for name, v in formula.variables.items()}
    if options.json:
        found = {
            "expression": options.formula,
            "notation": formula.said,
            "value": _texts(value),
            "names": {name: _texts(shape) for name, shape in names.items()},
            "derivatives": {name: _texts(value + shape) for name, shape in names.items()},
        }
        print(json.dumps(found, ensure_ascii=False))
        return 0
    print(formula.said)
    rows = [(shown_name(name), _words(shape), value + shape) for name, shape in names.items()]
    widths = [max((len(row[k]) for row in rows), default=0) for k in (0, 1)]
    for name, words, derivative in rows:
        line = f"  {name:{widths[0]}}  {words:{widths[1]}}  derivative by {name:{widths[0]}}"
        print(f"{line}  {_words(derivative)}")
    return 0


def _texts(shape: Shape) -> list[str]:
    return [str(size) for size in shape]


def _words(shape: Shape) -> str:
    """A shape as a reader says it."""
    if not shape:
        return "a number"
    word = {1: "a vector", 2: "a matrix"}.get(len(shape), "an array")
    return f"{word} ({', '.join(_texts(shape))})"
