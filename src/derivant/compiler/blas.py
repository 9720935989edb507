"""BLAS by the addresses that SciPy exports, as kernels that take a record like all others.

The Cython module is loaded by its file under a name of our own: importing scipy.linalg, which
holds it, would cost a third of a second. (SciPy's `cython_blas.__pyx_capi__` is documented for
this use.)
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
from collections.abc import Sequence
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
         "sC", "factor", "adds", "scale", "scaled")  # fmt: skip


def record_lines() -> list[str]:
    """The words of the record as 64-bit registers of their names."""
    lines = []
    for k, word in enumerate(WORDS):
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


def alpha_lines(word: str) -> list[str]:
    """The known factor times the number in memory, where there is one of 4 or 8 bytes."""
    narrow = _narrowed("%scale.8", word)
    wide = "fpext float %scale.4 to double" if word == "double" else "fadd float %scale.4, -0.0"
    return [
        "%factor.d = bitcast i64 %factor to double",
        f"%factor.w = {_narrowed('%factor.d', word)}",
        "%scale.slot = getelementptr ptr, ptr %table, i64 %scale",
        "%scale.at = load ptr, ptr %scale.slot",
        "switch i64 %scaled, label %scale.end [ i64 4, label %scale.float",
        "i64 8, label %scale.double ]",
        "scale.float:",
        "%scale.4 = load float, ptr %scale.at",
        f"%scale.f = {wide}",
        "br label %scale.end",
        "scale.double:",
        "%scale.8 = load double, ptr %scale.at",
        f"%scale.d = {narrow}",
        "br label %scale.end",
        "scale.end:",
        f"%scale.w = phi {word} [ 1.0, %entry ], [ %scale.f, %scale.float ], "
        "[ %scale.d, %scale.double ]",
        f"%alpha = fmul {word} %factor.w, %scale.w",
    ]


def matrix_lines() -> list[str]:
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
    lines = [f"define void @{kind}_{dtype}(ptr %rec, ptr %table, i64 %low, i64 %high) {{"]
    return "\n".join([*lines, *_stacked(kind, dtype, []), "}"])


def scaled_text(dtype: str, other: str) -> str:
    """The kernel of gemm with a factor that is read at the call; it is added to the result.

    BLAS leaves the product out where the factor is 0, whatever is in it, and is not said to take
    infinities; for these the function `other` of the three matrices and the factor is called.
    """
    word = NAMES[dtype][0]
    fabs = f"@llvm.fabs.f{64 if word == 'double' else 32}"
    usual = [
        f"%size = call {word} {fabs}({word} %alpha)",
        f"%some = fcmp ogt {word} %size, 0.0",
        f"%finite = fcmp olt {word} %size, 0x7FF0000000000000",
        "%usual = and i1 %some, %finite",
        "br i1 %usual, label %product, label %other",
        "other:",
        f"call void {other}(ptr %rec, ptr %A.at, ptr %B.at, ptr %C.at, {word} %alpha)",
        "br label %next",
        "product:",
    ]
    return "\n".join(
        [
            f"declare {word} {fabs}({word})",
            f"define void @scaled_{dtype}(ptr %rec, ptr %table, i64 %low, i64 %high) {{",
            *_stacked("gemm", dtype, usual),
            "}",
        ]
    )


def _stacked(kind: str, dtype: str, before: Sequence[str]) -> list[str]:
    """The lines of a kernel: for each product of a stack what comes before it, and the call."""
    word, letter = NAMES[dtype]
    if kind == "gemm":
        places = [*_ints("m", "n", "k", "lda", "ldb", "ldc"), *_letters("ta", "tb")]
        inside = "%ta.c %tb.c %m.i %n.i %k.i %alpha.p %A.at %lda.i %B.at %ldb.i %beta.p"
    else:
        places = [*_ints("m", "n", "lda", "ldb", "ldc"), *_letters("ta")]
        inside = "%ta.c %m.i %n.i %alpha.p %A.at %lda.i %B.at %ldb.i %beta.p"
    types = ", ".join(f"ptr {x}" for x in [*inside.split(), "%C.at", "%ldc.i"])
    return [
        "entry:",
        *record_lines(),
        *places,
        f"%alpha.p = alloca {word}",
        f"%beta.p = alloca {word}",
        *alpha_lines(word),
        f"store {word} %alpha, ptr %alpha.p",
        f"%adds.w = uitofp i64 %adds to {word}",
        f"store {word} %adds.w, ptr %beta.p",
        f"%blas = inttoptr i64 {blas_address(letter + kind)} to ptr",
        "br label %head",
        "head:",
        "%i = phi i64 [ %low, %scale.end ], [ %i1, %next ]",
        "%more = icmp slt i64 %i, %high",
        "br i1 %more, label %body, label %done",
        "body:",
        *matrix_lines(),
        *before,
        f"call void %blas({types})",
        "br label %next",
        "next:",
        "%i1 = add i64 %i, 1",
        "br label %head",
        "done:",
        "ret void",
    ]


def gemm_function(dtype: str) -> str:
    """A function that other kernels of a module call: C = A B by gemm."""
    word, letter = NAMES[dtype]
    sizes = ("m", "n", "k", "lda", "ldb", "ldc")
    given = ", ".join(["ptr %A", "ptr %B", "ptr %C", *(f"i64 %{x}" for x in (*sizes, "ta", "tb"))])
    inside = "%ta.c %tb.c %m.i %n.i %k.i %one %A %lda.i %B %ldb.i %zero %C %ldc.i"
    lines = [
        f"define internal fastcc void @gemm({given}) noinline {{",
        "entry:",
        *_ints(*sizes),
        *_letters("ta", "tb"),
        f"%one = alloca {word}",
        f"%zero = alloca {word}",
        f"store {word} 1.0, ptr %one",
        f"store {word} 0.0, ptr %zero",
        f"%blas = inttoptr i64 {blas_address(letter + 'gemm')} to ptr",
        f"call void %blas({', '.join(f'ptr {x}' for x in inside.split())})",
        "ret void",
        "}",
    ]
    return "\n".join(lines)
