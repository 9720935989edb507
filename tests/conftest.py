"""What holds for every test: one BLAS thread a worker, no windows, no deadlines."""

import os

from hypothesis import settings

# The workers of `pytest -n` inherit these: as many threads as cores in each would only queue.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

# A deadline measures the machine that the tests happen to share, not the code.
settings.register_profile("derivant", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("derivant")
