"""`python -m benchmarks [NAME...]`: measure, print a Markdown table, say what does not hold."""

from __future__ import annotations

import sys

from benchmarks import (
    closed_forms,
    compile_time,
    eager,
    elementwise,
    jacobians,
    micrograd_demo,
    overhead,
    recurrent,
    solving,
    startup,
    training,
)
from benchmarks.timing import HEADER

WORKLOADS = {
    "compile": compile_time,
    "eager": eager,
    "elementwise": elementwise,
    "overhead": overhead,
    "startup": startup,
    "micrograd": micrograd_demo,
    "closed_forms": closed_forms,
    "jacobians": jacobians,
    "solving": solving,
    "training": training,
    "recurrent": recurrent,
}


def main(names: list[str]) -> int:
    """Print the lines of the named workloads, or of all; 1 where a target does not hold."""
    failed = 0
    print(HEADER)
    for name in names or list(WORKLOADS):
        for row in WORKLOADS[name].rows():
            print(row.markdown(), flush=True)
            failed += not row.holds
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
