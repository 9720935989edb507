"""Native code: modules compiled by LLVM, the addresses of kernels, and the loop that runs them.

A kernel is compiled once in a process for each structure; a program is a list of addresses and
records, so that a new program of known kernels compiles nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from derivant.base.loader import LazyModule
from derivant.compiler.blas import product_text
from derivant.compiler.chains import CHAIN
from derivant.compiler.driver import DRIVER, Words, builtin
from derivant.compiler.ir_loops import kernel_text
from derivant.compiler.ir_repeat import repeat_at, repeat_text
from derivant.compiler.ir_writer import Heavy
from derivant.compiler.kernels import Kernel
from derivant.compiler.pool import ALONE_TEXT, POOL, pool_text, workers_wanted
from derivant.compiler.small import matrix_text
from derivant.compiler.squares import square_text

MOST_INLINE = 3  # uses of a long function in a module, above which it is called
# The text is vectors already: these passes take a tenth of the time of LLVM's own levels, and what
# they leave costs nothing.
PASSES = (
    "always_inliner", "sroa", "instruction_combine", "simplify_cfg", "loop_rotate",
    "instruction_combine",
)  # fmt: skip
llvm: Any = LazyModule("llvmlite.binding")
_LOCK = threading.RLock()
_ADDRESSES: dict[Kernel, int] = {}
_PRODUCTS: dict[tuple[str, str], int] = {}
_DRIVER: list[tuple[Callable[[Words, Words, Any, list[Any]], bool], Any]] = []
_REPEATER: list[Callable[[int, int, int], int]] = []
_ENGINES: list[Any] = []  # kept: they own the code
_TARGET: list[Any] = []


def _machine() -> Any:
    """The target machine of this processor."""
    if not _TARGET:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        target = llvm.Target.from_default_triple()
        features = llvm.get_host_cpu_features().flatten()
        machine = target.create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True
        )
        _TARGET.append(machine)
    return _TARGET[0]


@cache
def fuses() -> bool:
    """Whether this processor multiplies and adds with one rounding."""
    return bool(llvm.get_host_cpu_features().get("fma")) or _machine().triple.startswith("aarch64")


def compiled(text: str) -> Any:
    """An engine with the functions of a module, optimised; vectors are as they are written."""
    machine = _machine()
    module = llvm.parse_assembly(text)
    passes = llvm.create_new_module_pass_manager()
    for name in PASSES:
        getattr(passes, f"add_{name}_pass")()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _ENGINES.append(engine)
    return engine


def product_address(kind: str, dtype: str) -> int:
    """The address of the kernel of a product: gemm, gemv, small, scaled, square, unit0 or unit1."""
    with _LOCK:
        key = (kind, dtype)
        if key not in _PRODUCTS:
            texts = {"gemm": product_text, "gemv": product_text, "small": matrix_text}
            text = {**texts, "scaled": matrix_text}.get(kind, square_text)(kind, dtype)
            engine = compiled(text)
            _PRODUCTS[key] = engine.get_function_address(f"{kind}_{dtype}")
        return _PRODUCTS[key]


def driver() -> Callable[[Words, Words, Any, list[Any]], bool]:
    """The native function that runs a program; see `driver`."""
    with _LOCK:
        if not _DRIVER:
            engine = compiled(
                DRIVER + CHAIN + (pool_text() if workers_wanted() > 0 else ALONE_TEXT)
            )
            _DRIVER.append((builtin(engine.get_function_address("call")), engine))
        return _DRIVER[0][0]


def chain_address() -> int:
    """The address of the kernel that runs other kernels row by row together."""
    driver()
    return int(_DRIVER[0][1].get_function_address("chain"))


def repeater() -> Callable[[int, int, int], int]:
    """The native function that runs a program again and again; see `ir_repeat`."""
    driver()
    with _LOCK:
        if not _REPEATER:
            run = int(_DRIVER[0][1].get_function_address("run"))
            engine = compiled(repeat_text(run))
            _REPEATER.append(repeat_at(engine.get_function_address("repeat")))
        return _REPEATER[0]


def start_workers() -> None:
    """Start the threads that share long loops; nothing where they are."""
    driver()
    POOL.start(_DRIVER[0][1])


def addresses(kernels: Sequence[Kernel]) -> list[int]:
    """The addresses of kernels; those that are new are compiled together."""
    with _LOCK:
        new = [k for k in dict.fromkeys(kernels) if k not in _ADDRESSES]
        if new:
            engine = compiled(module_text(new))
            for place, kernel in enumerate(new):
                _ADDRESSES[kernel] = engine.get_function_address(f"k{place}")
        return [_ADDRESSES[k] for k in kernels]


def module_text(kernels: Sequence[Kernel]) -> str:
    """The functions of kernels, named k0, k1, ..., with all that they call."""
    texts: list[str] = []
    declared: set[str] = set()
    functions: Counter[Heavy] = Counter()
    for place, kernel in enumerate(kernels):
        text, intrinsics, heavy = kernel_text(kernel, f"k{place}", fuses())
        texts.append(text)
        declared |= intrinsics
        functions += heavy
    for function, uses in functions.items():
        text, intrinsics = function.text(inline=uses <= MOST_INLINE)
        texts.append(text)
        declared |= intrinsics
    return "\n".join([*sorted(declared), *texts])
