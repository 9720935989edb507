"""`derivant minimize`: a problem and its data in, the optimum as numbers out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from derivant.cli.solve import add_problem, stated
from derivant.cli.tables import read_data, write_result
from derivant.stationary import MinimizeResult, minimize


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    command.description = (
        'Example: derivant minimize "norm2(X*w - y)^2" --over w --data X=a.csv,y=b.npy'
    )
    add_problem(command)
    command.add_argument("--data", default="", help="X=a.csv,y=b.npy,c=0.5 or all.npz")
    command.add_argument("--start", default="", help="a start for the unknowns, as data are given")
    command.add_argument("--out", type=Path, metavar="FILE", help=".npz, .json, .npy or .csv")
    command.add_argument("--json", action="store_true", help="print one object")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Minimise, print or write; status 2 where no optimum was found."""
    problem = stated(options)
    found = minimize(
        options.objective, data=read_data(options.data), start=read_data(options.start), **problem
    )
    if not found.success:
        print(f"derivant minimize: {found.message}", file=sys.stderr)
        return 2
    if options.out is not None:
        write_result(options.out, found.x)
    print(json.dumps(_as_object(found)) if options.json else _told(found, options.out is None))
    return 0


def _as_object(found: MinimizeResult) -> dict[str, object]:
    return {
        "x": {name: np.asarray(value).tolist() for name, value in found.x.items()},
        "fun": found.fun,
        "nit": found.nit,
        "message": found.message,
        "multipliers": {k: np.asarray(v).tolist() for k, v in found.multipliers.items()},
        "kkt_residual": found.kkt_residual,
    }


def _told(found: MinimizeResult, with_values: bool) -> str:
    lines = [f"{n} = {np.asarray(v)}" for n, v in found.x.items()] if with_values else []
    lines += [f"value = {found.fun:.12g}", found.message]
    return "\n".join(lines)
