"""Floor 6: from expressions to programs that run; `jit`."""

from derivant.compiler.compiled import Compiled, jit

compile = jit

__all__ = ["Compiled", "compile", "jit"]
