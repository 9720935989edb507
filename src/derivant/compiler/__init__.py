"""Floor 6: from expressions to programs that run; `jit`."""

from derivant.compiler.compiled import Compiled, jit

__all__ = ["Compiled", "jit"]
