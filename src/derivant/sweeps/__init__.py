"""Floor 2: the one reverse sweep and the one forward sweep, over any carrier's graph."""

from derivant.sweeps.forward import pushforward
from derivant.sweeps.reverse import pullback
from derivant.sweeps.setting import Setting

__all__ = ["Setting", "pullback", "pushforward"]
