"""The exception tree. Every error raised on purpose is one of these.

DerivantError
  +- ShapeError            also ValueError: sizes that do not fit
  +- DTypeError            also TypeError: a dtype that cannot be used there
  +- AxisError             also ValueError and IndexError: an axis that is not there
  +- BoundsError           also IndexError: an index outside its axis
  +- ArgumentError         also TypeError and ValueError: an argument that cannot be read
  +- DifferentiationError  also ValueError: a derivative that does not exist or cannot be taken
  +- LinAlgError           also numpy.linalg.LinAlgError: a singular or indefinite matrix
  +- NanError              also FloatingPointError: debug_nans found one
  +- MissingExtraError     also ImportError: an optional package is not installed
"""

import numpy as np


class DerivantError(Exception):
    """The root of every error that derivant raises on purpose."""


class ShapeError(DerivantError, ValueError):
    """Sizes that do not fit together."""


class DTypeError(DerivantError, TypeError):
    """A dtype that cannot be used there."""


class AxisError(DerivantError, np.exceptions.AxisError):
    """An axis that the array does not have."""

    def __init__(self, message: str) -> None:
        np.exceptions.AxisError.__init__(self, message)


class BoundsError(DerivantError, IndexError):
    """An index outside its axis."""


class ArgumentError(DerivantError, TypeError, ValueError):
    """An argument that cannot be read."""


class DifferentiationError(DerivantError, ValueError):
    """A derivative that does not exist or cannot be taken."""


class LinAlgError(DerivantError, np.linalg.LinAlgError):
    """A matrix that is singular, indefinite or has repeated eigenvalues where it must not."""


class NanError(DerivantError, FloatingPointError):
    """The first NaN or infinity, found by debug_nans."""


class MissingExtraError(DerivantError, ImportError):
    """An optional package is needed; the message has the pip line."""
