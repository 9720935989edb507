"""What importing derivant costs, and how long a process takes to its first gradient."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.timing import Row, excess, interleaved

# An installed package has its bytecode; a setting that forbids writing it would time the compiler.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
GRADIENT = (
    "import numpy as np, derivant as dv;dv.grad(lambda x: dv.sum(dv.tanh(x) ** 2))(np.ones(3))"
)


def process(code: str) -> None:
    """Run a line of Python in a fresh process."""
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)


def rows() -> Iterator[Row]:
    """The lines of the table."""
    times = interleaved(
        {
            "numpy": lambda: process("import numpy"),
            "derivant": lambda: process("import numpy, derivant"),
            "gradient": lambda: process(GRADIENT),
            "empty": lambda: process(""),
        }
    )
    value, spread = excess(times["derivant"], times["numpy"], 1e-3)
    yield Row(
        "import derivant above import numpy", f"+{value:.0f} ms", spread, "<= 60 ms", value <= 60
    )
    value, spread = excess(times["gradient"], [0.0] * len(times["gradient"]), 1.0)
    yield Row("process start to first gradient", f"{value:.3f} s", spread, "<= 0.3 s", value <= 0.3)
