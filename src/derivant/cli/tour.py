"""`derivant tour`: the lecture, worked; every line under a command is what that command prints."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable

import numpy as np

from derivant.base.errors import ArgumentError
from derivant.base.loader import LazyModule
from derivant.cli.main import main
from derivant.cli.tour_stops import STOPS, Part, Stop

inspect = LazyModule("inspect")
COLUMNS = 90
PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_,")


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.add_argument(
        "stops", nargs="*", type=int, metavar="STOP", help="the numbers of the stops; all if none"
    )
    command.add_argument("--list", action="store_true", help="only the titles")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the stops that are asked for."""
    for number in options.stops:
        if not 1 <= number <= len(STOPS):
            raise ArgumentError(f"there is no stop {number}; they are 1 to {len(STOPS)}")
    for number in options.stops or range(1, len(STOPS) + 1):
        stop = STOPS[number - 1]
        print(f"{number:2} {stop.title}")
        if not options.list:
            _show(stop)
    return 0


def _show(stop: Stop) -> None:
    for part in stop.parts:
        print()
        _show_part(part)
    print("\n")


def _show_part(part: Part) -> None:
    if isinstance(part, str):
        print(textwrap.fill(part, COLUMNS))
    elif isinstance(part, tuple):
        print("$ derivant", " ".join(map(_quoted, part)))
        main(part)
    else:
        print(_body(part))
        with np.printoptions(precision=4):
            found = part()
        for value in found if isinstance(found, tuple) else (found,):
            print(f"    {value}")


def _quoted(word: str) -> str:
    """A word as a shell takes it; formulas have quotes of one kind only."""
    return word if PLAIN.issuperset(word) else f'"{word}"'


def _body(function: Callable[[], object]) -> str:
    """The lines of a small program, as they would be typed: its head and docstring are not."""
    body = textwrap.dedent("\n".join(inspect.getsource(function).splitlines()[2:]))
    return "\n".join(f">>> {line.removeprefix('return ')}" for line in body.splitlines())
