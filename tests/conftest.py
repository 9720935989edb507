"""What holds for every test: one BLAS thread a worker, no windows, no deadlines, own numbers."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

# The workers of `pytest -n` inherit these: as many threads as cores in each would only queue.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# A deadline measures the machine that the tests happen to share, not the code. A run decides on a
# change, so the same code has the same examples; `--hypothesis-profile explore` seeks new ones.
settings.register_profile("explore", deadline=None, max_examples=50, print_blob=True)
settings.register_profile("derivant", settings.get_profile("explore"), derandomize=True)
settings.load_profile("derivant")


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request: pytest.FixtureRequest) -> None:
    """A test draws the same numbers whichever tests ran before it, in this process or another."""
    generator = getattr(request.module, "RNG", None)
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = np.random.default_rng(0).bit_generator.state
