"""BLAS by the addresses that SciPy exports, as kernels that take a record like all others.

The Cython module is loaded by its file under a name of our own: importing scipy.linalg, which
holds it, would cost a third of a second. (SciPy's `cython_blas.__pyx_capi__` is documented for
this use.)
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
from functools import lru_cache
from pathlib import Path

from derivant.base.errors import MissingExtraError

NAMES = {"float64": ("double", "d"), "float32": ("float", "s")}


@lru_cache(maxsize=1)
def _capsules() -> dict[str, object]:
    """The functions of SciPy's BLAS, by name."""
    package = importlib.util.find_spec("scipy")
    if package is None or not package.submodule_search_locations:
        raise MissingExtraError("scipy is not installed; pip install scipy")
    folder = Path(package.submodule_search_locations[0]) / "linalg"
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = folder / f"cython_blas{suffix}"
        if path.exists():
            spec = importlib.util.spec_from_file_location("_derivant_blas.cython_blas", path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            found: dict[str, object] = module.__pyx_capi__
            return found
    raise MissingExtraError("this SciPy has no cython_blas; pip install --upgrade scipy")


def blas_address(name: str) -> int:
    """Where a function such as `dgemm` is in memory; its arguments are pointers, as Fortran's."""
    capsule = _capsules()[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    assert address is not None
    return int(address)


WORDS = ("A", "offA", "B", "offB", "C", "m", "n", "k", "lda", "ldb", "ldc", "ta", "tb", "sA", "sB",
         "sC", "factor", "adds")  # fmt: skip


def _loaded(words: tuple[str, ...]) -> list[str]:
    """The words of the record as 64-bit registers of these names."""
    lines = []
    for k, word in enumerate(words):
        lines.append(f"%{word}.p = getelementptr i64, ptr %rec, i64 {k}")
        lines.append(f"%{word} = load i64, ptr %{word}.p")
    return lines


def _ints(*words: str) -> list[str]:
    """Places on the stack with these words as C ints."""
    lines = []
    for word in words:
        lines += [
            f"%{word}.i = alloca i32",
            f"%{word}.t = trunc i64 %{word} to i32",
            f"store i32 %{word}.t, ptr %{word}.i",
        ]
    return lines


def _letters(*words: str) -> list[str]:
    """Places on the stack with 'T' or 'N'."""
    lines = []
    for word in words:
        lines += [
            f"%{word}.c = alloca i8",
            f"%{word}.b = icmp ne i64 %{word}, 0",
            f"%{word}.s = select i1 %{word}.b, i8 84, i8 78",
            f"store i8 %{word}.s, ptr %{word}.c",
        ]
    return lines


def _addresses() -> list[str]:
    """The three matrices of the product number %i of the stack."""
    lines = []
    for name in ("A", "B", "C"):
        lines += [
            f"%{name}.slot = getelementptr ptr, ptr %table, i64 %{name}",
            f"%{name}.base = load ptr, ptr %{name}.slot",
            f"%{name}.step = mul i64 %i, %s{name}",
        ]
        offset = f"%{name}.step"
        if name != "C":
            lines.append(f"%{name}.off = add i64 %{name}.step, %off{name}")
            offset = f"%{name}.off"
        lines.append(f"%{name}.at = getelementptr i8, ptr %{name}.base, i64 {offset}")
    return lines


def _narrowed(name: str, word: str) -> str:
    return f"fptrunc double {name} to float" if word == "float" else f"fadd double {name}, -0.0"


def product_text(kind: str, dtype: str) -> str:
    """The kernel of gemm or gemv: one call for each product of a stack."""
    word, letter = NAMES[dtype]
    address = blas_address(letter + kind)
    if kind == "gemm":
        places = [*_ints("m", "n", "k", "lda", "ldb", "ldc"), *_letters("ta", "tb")]
        inside = "%ta.c %tb.c %m.i %n.i %k.i %alpha %A.at %lda.i %B.at %ldb.i %beta %C.at %ldc.i"
    else:
        places = [*_ints("m", "n", "lda", "ldb", "ldc"), *_letters("ta")]
        inside = "%ta.c %m.i %n.i %alpha %A.at %lda.i %B.at %ldb.i %beta %C.at %ldc.i"
    types = ", ".join(f"ptr {x}" for x in inside.split())
    lines = [
        f"define void @{kind}_{dtype}(ptr %rec, ptr %table, i64 %low, i64 %high) {{",
        "entry:",
        *_loaded(WORDS),
        *places,
        f"%alpha = alloca {word}",
        f"%beta = alloca {word}",
        "%factor.d = bitcast i64 %factor to double",
        f"%factor.w = {_narrowed('%factor.d', word)}",
        f"store {word} %factor.w, ptr %alpha",
        f"%adds.w = uitofp i64 %adds to {word}",
        f"store {word} %adds.w, ptr %beta",
        f"%blas = inttoptr i64 {address} to ptr",
        "br label %head",
        "head:",
        "%i = phi i64 [ %low, %entry ], [ %i1, %body ]",
        "%more = icmp slt i64 %i, %high",
        "br i1 %more, label %body, label %done",
        "body:",
        *_addresses(),
        f"call void %blas({types})",
        "%i1 = add i64 %i, 1",
        "br label %head",
        "done:",
        "ret void",
        "}",
    ]
    return "\n".join(lines)
