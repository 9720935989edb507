"""Floor 8: closed forms of derivatives, checked before they are shown."""

from derivant.derivation.counterexample import Counterexample
from derivant.derivation.derive import derive
from derivant.derivation.entries import DerivativeEntry
from derivant.derivation.lines import Derivation, Line
from derivant.derivation.result import Derivative, Derivatives
from derivant.derivation.verify import Verdict, verify

__all__ = [
    "Counterexample",
    "Derivation",
    "Derivative",
    "DerivativeEntry",
    "Derivatives",
    "Line",
    "Verdict",
    "derive",
    "verify",
]
