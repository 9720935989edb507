"""Native code: modules compiled by LLVM, the addresses of kernels, and the loop that runs them.

A kernel is compiled once in a process for each structure; a program is a list of addresses and
records, so that a new program of known kernels compiles nothing.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from typing import Any

from derivant.base.loader import LazyModule
from derivant.compiler.blas import product_text
from derivant.compiler.ir_loops import kernel_text
from derivant.compiler.kernels import Kernel

llvm: Any = LazyModule("llvmlite.binding")
_LOCK = threading.RLock()
_ADDRESSES: dict[Kernel, int] = {}
_PRODUCTS: dict[tuple[str, str], int] = {}
_DRIVER: list[Any] = []
_ENGINES: list[Any] = []  # kept: they own the code
NOTES = """
!0 = distinct !{}
!1 = distinct !{!1, !2, !3}
!2 = !{!"llvm.loop.parallel_accesses", !0}
!3 = !{!"llvm.loop.vectorize.enable", i1 true}
"""
# Reads the data pointers of arrays and numbers from their objects: of both they are at byte 16
# (PyArrayObject.data, and the value of a Python or NumPy float); the flags of an array at byte 64.
# Then it calls one kernel after the other. It answers 0, or 1 + the place of an array whose flags
# say that it is not C-contiguous and aligned.
DRIVER = """
define i64 @drive(ptr %program, ptr %objects, ptr %table) {
entry:
  %count = load i64, ptr %program
  %p1 = getelementptr i64, ptr %program, i64 1
  %kernels = load i64, ptr %p1
  %kinds = getelementptr i64, ptr %program, i64 2
  br label %fill
fill:
  %i = phi i64 [ 0, %entry ], [ %i1, %filled ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %start
one:
  %kp = getelementptr i64, ptr %kinds, i64 %i
  %kind = load i64, ptr %kp
  %op = getelementptr ptr, ptr %objects, i64 %i
  %object = load ptr, ptr %op
  %header = getelementptr i8, ptr %object, i64 16
  %slot = getelementptr ptr, ptr %table, i64 %i
  %isnumber = icmp eq i64 %kind, 1
  br i1 %isnumber, label %number, label %array
number:
  store ptr %header, ptr %slot
  br label %filled
array:
  %data = load ptr, ptr %header
  store ptr %data, ptr %slot
  %fp = getelementptr i8, ptr %object, i64 64
  %flags = load i32, ptr %fp
  %both = and i32 %flags, 257
  %good = icmp eq i32 %both, 257
  br i1 %good, label %filled, label %bad
bad:
  %place = add i64 %i, 1
  ret i64 %place
filled:
  %i1 = add i64 %i, 1
  br label %fill
start:
  %first = getelementptr i64, ptr %kinds, i64 %count
  br label %next
next:
  %k = phi i64 [ 0, %start ], [ %k1, %run ]
  %at = phi ptr [ %first, %start ], [ %at1, %run ]
  %left = icmp slt i64 %k, %kernels
  br i1 %left, label %run, label %done
run:
  %code = load ptr, ptr %at
  %np = getelementptr i64, ptr %at, i64 1
  %n = load i64, ptr %np
  %lp = getelementptr i64, ptr %at, i64 2
  %length = load i64, ptr %lp
  %record = getelementptr i64, ptr %at, i64 3
  call void %code(ptr %record, ptr %table, i64 0, i64 %n)
  %at1 = getelementptr i64, ptr %record, i64 %length
  %k1 = add i64 %k, 1
  br label %next
done:
  ret i64 0
}
"""
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


def compiled(text: str) -> Any:
    """An engine with the functions of a module, optimised."""
    machine = _machine()
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = True
    options.loop_interleaving = True
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _ENGINES.append(engine)
    return engine


def product_address(kind: str, dtype: str) -> int:
    """The address of the kernel of gemm or gemv."""
    with _LOCK:
        key = (kind, dtype)
        if key not in _PRODUCTS:
            engine = compiled(product_text(kind, dtype))
            _PRODUCTS[key] = engine.get_function_address(f"{kind}_{dtype}")
        return _PRODUCTS[key]


def driver() -> Any:
    """The native function that runs a program: `drive(program, objects, table)`; no GIL inside."""
    with _LOCK:
        if not _DRIVER:
            address = compiled(DRIVER).get_function_address("drive")
            kind = ctypes.CFUNCTYPE(
                ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
            )
            _DRIVER.append(kind(address))
        return _DRIVER[0]


def addresses(kernels: Sequence[Kernel]) -> list[int]:
    """The addresses of kernels; those that are new are compiled together."""
    with _LOCK:
        new = [k for k in dict.fromkeys(kernels) if k not in _ADDRESSES]
        if new:
            texts, declared = [], set[str]()
            for place, kernel in enumerate(new):
                text, intrinsics = kernel_text(kernel, f"k{place}")
                texts.append(text)
                declared |= intrinsics
            engine = compiled("\n".join([*sorted(declared), *texts, NOTES]))
            for place, kernel in enumerate(new):
                _ADDRESSES[kernel] = engine.get_function_address(f"k{place}")
        return [_ADDRESSES[k] for k in kernels]
