"""Data that comes with scikit-learn, split once and for all into training and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from derivant.base.loader import load


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and integer labels, for training and for testing."""

    x_train: npt.NDArray[np.float32]
    y_train: npt.NDArray[np.intp]
    x_test: npt.NDArray[np.float32]
    y_test: npt.NDArray[np.intp]


def digits(test_fraction: float = 0.2, seed: int = 0) -> Split:
    """scikit-learn's digits: 1797 images of 8 x 8, scaled to [0, 1], ten classes.

    The split is stratified: each class gives the same fraction to the test set. Raises
    MissingExtraError where scikit-learn is not installed.

    >>> digits().x_test.shape
    (360, 64)
    """
    bunch = load("sklearn.datasets").load_digits()
    x = np.asarray(bunch.data, np.float32) / np.float32(16)
    y = np.asarray(bunch.target, np.intp)
    parts = load("sklearn.model_selection").train_test_split(
        x, y, test_size=test_fraction, stratify=y, random_state=seed
    )
    return Split(parts[0], parts[2], parts[1], parts[3])
