"""Floor 8: closed forms of derivatives, checked before they are shown."""

from derivant.derivation.counterexample import Counterexample
from derivant.derivation.derive import derive
from derivant.derivation.result import Derivative, Derivatives
from derivant.derivation.verify import Verdict, verify

__all__ = ["Counterexample", "Derivative", "Derivatives", "Verdict", "derive", "verify"]
