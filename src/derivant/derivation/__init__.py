"""Floor 8: closed forms of derivatives, checked before they are shown."""

from derivant.derivation.derive import derive
from derivant.derivation.result import Derivative, Derivatives

__all__ = ["Derivative", "Derivatives", "derive"]
