"""`derivant`: reads the command line, hands over, turns errors into a message and status 2."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from derivant.base.errors import DerivantError
from derivant.cli.derive import add_derive
from derivant.cli.minimize import add_minimize
from derivant.cli.shapes import add_shapes
from derivant.cli.solve import add_solve
from derivant.cli.train import add_train
from derivant.cli.verify import add_verify

OPTIONS = re.compile(r'\b(notation|layout)="(\w+)"')  # as Python says them

MINUS = re.compile(r"-(?![-h])|-h(?!$)")


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="derivant", description="Tensor calculus and automatic differentiation."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_derive(commands)
    add_solve(commands)
    add_minimize(commands)
    add_verify(commands)
    add_shapes(commands)
    add_train(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it did, 1 when its answer is no, 2 when the input cannot be used."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(list(map(_readable, given)))
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


if __name__ == "__main__":
    sys.exit(main())
