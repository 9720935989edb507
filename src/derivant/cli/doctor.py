"""`derivant doctor`: what is active on this machine, and why."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np

from derivant.base.loader import EXTRAS
from derivant.calculus.transforms import grad
from derivant.compiler import jit
from derivant.compiler.pool import workers_wanted
from derivant.compiler.running import why_not_native

PACKAGES = {"sklearn": "scikit-learn"}  # where a package is not called as its module
CLOSE = 1e-12


class Finding(NamedTuple):
    """One thing that was looked at: whether it works as it should, and what is to be said."""

    subject: str
    good: bool
    says: str


def add_options(command: argparse.ArgumentParser) -> None:
    """The command has none."""
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the findings; 1 where a number is wrong."""
    numbers = _numbers()
    findings = [*_surroundings(), _compiled(), *_extras(), *numbers]
    width = max(len(f.subject) for f in findings) + 2
    for finding in findings:
        print(f"{'ok' if finding.good else '--'}  {finding.subject:{width}}{finding.says}")
    return 0 if all(f.good for f in numbers) else 1


def _surroundings() -> list[Finding]:
    where = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()}"
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    threads = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.endswith("_NUM_THREADS")]
    return [
        Finding("derivant", True, f"{version('derivant')}; {where} on {platform.machine()}"),
        Finding("numpy", True, f"{np.__version__}, products by {blas['name']} {blas['version']}"),
        Finding("scipy", True, version("scipy")),
        Finding("threads", True, f"{workers_wanted() + 1} for long loops of compiled functions; "
                f"products: {', '.join(threads) or 'as the BLAS decides'}"),
    ]  # fmt: skip


def _compiled() -> Finding:
    why = why_not_native()
    if why is None:
        return Finding("jit", True, f"native code by llvmlite {version('llvmlite')}")
    return Finding("jit", False, f"run by NumPy, row by row, which is slower: {why}")


def _extras() -> list[Finding]:
    found = []
    for module, extra in EXTRAS.items():
        name = PACKAGES.get(module, module)
        try:
            found.append(Finding(name, True, version(name)))
        except PackageNotFoundError:
            says = f"not installed; pip install 'derivant[{extra}]'"
            found.append(Finding(name, False, f"{says} where you want it"))
    return found


def _numbers() -> list[Finding]:
    """A gradient known by hand, eager and compiled."""
    A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    by_hand = (A + A.T) @ x
    eager = grad(lambda x: x @ A @ x)
    found = []
    for name, slope in (("eager gradient", eager(x)), ("compiled gradient", jit(eager)(x))):
        error = float(np.max(np.abs(slope - by_hand) / by_hand))
        found.append(Finding(name, error < CLOSE, f"of x'Ax: relative error {error:.0e}"))
    return found
