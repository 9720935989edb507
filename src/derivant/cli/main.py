"""`derivant`: reads the command line, hands over, turns errors into a message and status 2."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from derivant.base.errors import DerivantError
from derivant.base.loader import load

OPTIONS = re.compile(r'\b(notation|layout)="(\w+)"')  # as Python says them

MINUS = re.compile(r"-(?![-h])|-h(?!$)")

# Each is a module of its own here, loaded when it is asked for: `derive` need not wait for `train`.
COMMANDS = {
    "derive": "the derivative of a formula, in closed form and checked",
    "solve": "the optimum of a formula in closed form, verified",
    "minimize": "the optimum of a formula for data from files, by exact derivatives",
    "verify": "whether a claimed derivative is right, and what is wrong with it",
    "shapes": "what each name must be, and the shapes of the value and of its derivatives",
    "train": "train a network on a data set",
    "tour": "the lecture on vector and tensor derivatives, worked",
    "doctor": "what is active here, and why",
}


def parser(asked: str | None) -> argparse.ArgumentParser:
    """The commands, and the options of the one that is asked for."""
    top = argparse.ArgumentParser(
        prog="derivant", description="Tensor calculus and automatic differentiation."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in COMMANDS.items():
        command = commands.add_parser(name, help=about)
        if name == asked:
            load(f"derivant.cli.{name}").add_options(command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it did, 1 when its answer is no, 2 when the input cannot be used."""
    given = sys.argv[1:] if arguments is None else arguments
    asked = next((word for word in given if not word.startswith("-")), None)
    options = parser(asked).parse_args(list(map(_readable, given)))
    for name in ("formula", "claim"):
        if hasattr(options, name):
            setattr(options, name, getattr(options, name).strip())
    try:
        return int(options.run(options))
    except DerivantError as error:
        message = OPTIONS.sub(r"--\1 \2", str(error))
        print(f"derivant {options.command}: {message}", file=sys.stderr)
        return 2


def _readable(argument: str) -> str:
    """A formula such as -cos(x) with a space before it: it is no option."""
    return f" {argument}" if MINUS.match(argument) else argument
