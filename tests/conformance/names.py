"""The map from PyTorch's operators to derivant's functions.

RENAMED are one function of ours each, with other names or orders of its arguments; COMPOSED are
several. A key is the operator's name, with "/" and the variant where PyTorch tells variants apart.
"""

from __future__ import annotations

from tests.conformance import (
    adapt_elementwise,
    adapt_indexing,
    adapt_layout,
    adapt_linalg,
    adapt_losses,
    adapt_networks,
    adapt_reductions,
)
from tests.conformance.words import Table

PARTS = (
    adapt_elementwise,
    adapt_indexing,
    adapt_layout,
    adapt_linalg,
    adapt_losses,
    adapt_networks,
    adapt_reductions,
)

RENAMED: Table = {name: f for part in PARTS for name, f in part.RENAMED.items()}
COMPOSED: Table = {name: f for part in PARTS for name, f in part.COMPOSED.items()}
NAMES: Table = dict(sorted((RENAMED | COMPOSED).items()))
