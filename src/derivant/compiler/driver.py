"""The native loop that runs a program, and how it reads the objects of a call.

A call hands over its arguments, and a list of what is made for it. Their headers are read where
CPython and NumPy keep them, so that a call costs no Python work for each array: type at byte 8 of
any object; of an array data at 16, rank at 24, sizes at 32, dtype at 56, flags at 64; the value of
a Python or NumPy number at 16, and there the length of a list or tuple; the items of a list are at
what 24 points to, those of a tuple follow. `objects_lie_as_thought` looks first.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from derivant.compiler.program import Value

Words = npt.NDArray[np.int64]
_PAIR = (object(), object())
# Python 3.14 keeps the hash of a tuple before its items.
TUPLE_ITEMS = 24 if ctypes.c_int64.from_address(id(_PAIR) + 24).value == id(_PAIR[0]) else 32
ARRAY, NUMBER, LIST, TUPLE, FIXED = range(5)
CONTIGUOUS, ALIGNED, WRITEABLE = 1, 0x100, 0x400
PLACES = """
  %{0}.p = getelementptr i64, ptr %{1}, i64 {2}
  %{0} = load i64, ptr %{0}.p"""


def words_read(base: str, *names: str) -> str:
    """Loads of the words that follow one another at a place."""
    return "".join(PLACES.format(name, base, k) for k, name in enumerate(names))


def _objects(*names: str) -> str:
    """Loads of the arguments of a call."""
    return "".join(
        f"""
  %{name}.p = getelementptr ptr, ptr %args, i64 {k}
  %{name} = load ptr, ptr %{name}.p"""
        for k, name in enumerate(names)
    )


def _python(name: str) -> str:
    """A function of the interpreter, by address."""
    address = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    return f"inttoptr (i64 {address} to ptr)"


# The signature: how many containers, nodes and arguments there are, then each node: the container
# it is in and its position there, its kind, type, dtype (of a fixed object: itself), flags (of a
# container: length), rank, its place in the table (of a container: its number), sizes. Container 0
# is the tuple of arguments, 1 the list of what is made for the call. Then a count, and pairs of
# places with their bytes, which must not overlap. The program: a count, then for each kernel its
# address, the length of its outermost axis, the length of its record, how much of that axis one
# thread takes at a time (0: all of it), and the record. @call is called like Python's own; its
# arguments are a frame (an array of three words: the program, the table, whether other threads of
# Python may run meanwhile), a signature, the arguments and what is made. Its answer is False where
# an object is not what the signature says: then nothing was run.
DRIVER = f"""
define internal i64 @bind(ptr %frame, ptr %signature, ptr %args, ptr %made) {{
entry:
  %tablep = getelementptr ptr, ptr %frame, i64 1
  %table = load ptr, ptr %tablep
{words_read("signature", "inside", "count", "given")}
  %containers = alloca ptr, i64 %inside
  %argsitems = getelementptr i8, ptr %args, i64 {TUPLE_ITEMS}
  store ptr %argsitems, ptr %containers
  %madep = getelementptr i8, ptr %made, i64 24
  %madeitems = load ptr, ptr %madep
  %c1 = getelementptr ptr, ptr %containers, i64 1
  store ptr %madeitems, ptr %c1
  %first = getelementptr i64, ptr %signature, i64 3
  %argscountp = getelementptr i64, ptr %args, i64 2
  %argscount = load i64, ptr %argscountp
  %asmany = icmp eq i64 %argscount, %given
  br i1 %asmany, label %fill, label %bad
fill:
  %i = phi i64 [ 0, %entry ], [ %i1, %filled ]
  %at = phi ptr [ %first, %entry ], [ %next, %filled ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %pairs
one:
{words_read("at", "parent", "position", "kind", "type", "descr", "mask", "rank", "place")}
  %sizes = getelementptr i64, ptr %at, i64 8
  %next = getelementptr i64, ptr %sizes, i64 %rank
  %cp = getelementptr ptr, ptr %containers, i64 %parent
  %items = load ptr, ptr %cp
  %op = getelementptr ptr, ptr %items, i64 %position
  %object = load ptr, ptr %op
  %tp = getelementptr i8, ptr %object, i64 8
  %t = load i64, ptr %tp
  %slot = getelementptr ptr, ptr %table, i64 %place
  %inner = getelementptr ptr, ptr %containers, i64 %place
  %header = getelementptr i8, ptr %object, i64 16
  %isfixed = icmp eq i64 %kind, {FIXED}
  br i1 %isfixed, label %fixed, label %typed
fixed:
  %own = ptrtoint ptr %object to i64
  %its = icmp eq i64 %own, %descr
  br i1 %its, label %filled, label %bad
typed:
  %same = icmp eq i64 %t, %type
  br i1 %same, label %which, label %bad
which:
  %length = load i64, ptr %header
  %long = icmp eq i64 %length, %mask
  switch i64 %kind, label %array [ i64 {NUMBER}, label %number
    i64 {LIST}, label %list
    i64 {TUPLE}, label %tuple ]
list:
  %lp = getelementptr i8, ptr %object, i64 24
  %li = load ptr, ptr %lp
  store ptr %li, ptr %inner
  br i1 %long, label %filled, label %bad
tuple:
  %ti = getelementptr i8, ptr %object, i64 {TUPLE_ITEMS}
  store ptr %ti, ptr %inner
  br i1 %long, label %filled, label %bad
number:
  store ptr %header, ptr %slot
  br label %filled
array:
  %data = load ptr, ptr %header
  store ptr %data, ptr %slot
  %rp = getelementptr i8, ptr %object, i64 24
  %r32 = load i32, ptr %rp
  %r = zext i32 %r32 to i64
  %dp = getelementptr i8, ptr %object, i64 56
  %d = load i64, ptr %dp
  %fp = getelementptr i8, ptr %object, i64 64
  %f32 = load i32, ptr %fp
  %f = zext i32 %f32 to i64
  %kept = and i64 %f, %mask
  %good1 = icmp eq i64 %kept, %mask
  %good2 = icmp eq i64 %d, %descr
  %good3 = icmp eq i64 %r, %rank
  %good12 = and i1 %good1, %good2
  %good = and i1 %good12, %good3
  %sp = getelementptr i8, ptr %object, i64 32
  %theirs = load ptr, ptr %sp
  br i1 %good, label %size, label %bad
size:
  %k = phi i64 [ 0, %array ], [ %k1, %fits ]
  %further = icmp slt i64 %k, %rank
  br i1 %further, label %compare, label %filled
compare:
  %ap = getelementptr i64, ptr %theirs, i64 %k
  %a = load i64, ptr %ap
  %bp = getelementptr i64, ptr %sizes, i64 %k
  %b = load i64, ptr %bp
  %k1 = add i64 %k, 1
  %equal = icmp eq i64 %a, %b
  br i1 %equal, label %fits, label %bad
fits:
  br label %size
filled:
  %i1 = add i64 %i, 1
  br label %fill
pairs:
  %np = load i64, ptr %at
  %firstpair = getelementptr i64, ptr %at, i64 1
  br label %pair
pair:
  %j = phi i64 [ 0, %pairs ], [ %j1, %apart ]
  %pat = phi ptr [ %firstpair, %pairs ], [ %nextpair, %apart ]
  %pmore = icmp slt i64 %j, %np
  br i1 %pmore, label %two, label %bound
two:
{words_read("pat", "px", "py", "bytesx", "bytesy")}
  %nextpair = getelementptr i64, ptr %pat, i64 4
  %xs = getelementptr i64, ptr %table, i64 %px
  %x = load i64, ptr %xs
  %ys = getelementptr i64, ptr %table, i64 %py
  %y = load i64, ptr %ys
  %xend = add i64 %x, %bytesx
  %yend = add i64 %y, %bytesy
  %o1 = icmp ult i64 %x, %yend
  %o2 = icmp ult i64 %y, %xend
  %overlap = and i1 %o1, %o2
  %j1 = add i64 %j, 1
  br i1 %overlap, label %bad, label %apart
apart:
  br label %pair
bound:
  ret i64 0
bad:
  ret i64 1
}}

define void @run(ptr %frame) {{
entry:
  %program = load ptr, ptr %frame
  %tablep = getelementptr ptr, ptr %frame, i64 1
  %table = load ptr, ptr %tablep
  br label %start
start:
  %kernels = load i64, ptr %program
  %firstkernel = getelementptr i64, ptr %program, i64 1
  br label %step
step:
  %n = phi i64 [ 0, %start ], [ %n1, %ran ]
  %here = phi ptr [ %firstkernel, %start ], [ %there, %ran ]
  %left = icmp slt i64 %n, %kernels
  br i1 %left, label %run, label %done
run:
  %code = load ptr, ptr %here
{words_read("here", "address", "high", "words", "grain")}
  %record = getelementptr i64, ptr %here, i64 4
  %serial = icmp eq i64 %grain, 0
  br i1 %serial, label %alone, label %shared
alone:
  call void %code(ptr %record, ptr %table, i64 0, i64 %high)
  br label %ran
shared:
  call void @parallel(ptr %code, ptr %record, ptr %table, i64 %high, i64 %grain)
  br label %ran
ran:
  %there = getelementptr i64, ptr %record, i64 %words
  %n1 = add i64 %n, 1
  br label %step
done:
  ret void
}}

define ptr @call(ptr %self, ptr %args, i64 %count) {{
entry:
{_objects("block", "words", "given", "made")}
  %framep = getelementptr i8, ptr %block, i64 16
  %frame = load ptr, ptr %framep
  %signaturep = getelementptr i8, ptr %words, i64 16
  %signature = load ptr, ptr %signaturep
  %bad = call i64 @bind(ptr %frame, ptr %signature, ptr %given, ptr %made)
  %refused = icmp ne i64 %bad, 0
  br i1 %refused, label %end, label %go
go:
  %longp = getelementptr i64, ptr %frame, i64 2
  %long = load i64, ptr %longp
  %lets = icmp ne i64 %long, 0
  br i1 %lets, label %free, label %held
free:
  %state = call ptr {_python("PyEval_SaveThread")}()
  call void @run(ptr %frame)
  call void {_python("PyEval_RestoreThread")}(ptr %state)
  br label %end
held:
  call void @run(ptr %frame)
  br label %end
end:
  %answer = select i1 %refused, i64 {id(False)}, i64 {id(True)}
  %object = inttoptr i64 %answer to ptr
  call void {_python("Py_IncRef")}(ptr %object)
  ret ptr %object
}}
"""
NOTHING: Words = np.array([2, 0, 0, 0], np.int64)  # of a later segment: the table is filled
ARGS, MADE = 0, 1
METH_FASTCALL = 0x80
ENDLESS = 1 << 62  # bytes: an array so long is overlapped by all that begin before its end


@dataclass(frozen=True, slots=True)
class Node:
    """An object of a call: the number of the container that it is in, and its position there."""

    parent: int
    position: int
    what: Any  # its type; of a fixed object itself


@dataclass(frozen=True, slots=True)
class Apart:
    """Two arrays, by their places, that must not overlap; ordered: the first lies before."""

    first: int
    second: int
    ordered: bool


def signature(
    containers: Sequence[tuple[Node, int]],
    fixed: Sequence[Node],
    arrays: Sequence[tuple[Node, Value]],
    written: Iterable[int],
    apart: Sequence[Apart],
    given: int,
) -> Words:
    """The words of a signature.

    `containers` have their lengths, and are numbered from 2; `arrays` are arrays and numbers in the
    order of the table, `written` the places of those that are written to; `given` is how many
    arguments there are.
    """
    wanted = set(written)
    words = [2 + len(containers), len(containers) + len(fixed) + len(arrays), given]
    for number, (node, length) in enumerate(containers):
        kind = LIST if node.what is list else TUPLE
        words += [node.parent, node.position, kind, id(node.what), 0, length, 0, 2 + number]
    for node in fixed:
        words += [node.parent, node.position, FIXED, 0, id(node.what), 0, 0, 0]
    for place, (node, value) in enumerate(arrays):
        words += [node.parent, node.position]
        if node.what is np.ndarray:
            mask = CONTIGUOUS | ALIGNED | (WRITEABLE if place in wanted else 0)
            words += [ARRAY, id(node.what), id(np.dtype(value.dtype)), mask]
            words += [len(value.shape), place, *value.shape]
        else:
            words += [NUMBER, id(node.what), 0, 0, 0, place]
    sizes = [value.nbytes for _, value in arrays]
    full = [pair for pair in apart if sizes[pair.first] and sizes[pair.second]]
    words.append(len(full))
    for pair in full:
        words += [pair.first, pair.second, sizes[pair.first]]
        words.append(ENDLESS if pair.ordered else sizes[pair.second])
    return np.array(words, np.int64)


class _MethodDef(ctypes.Structure):
    """How CPython describes a function that is written in C."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


_DEFINITIONS: list[_MethodDef] = []  # kept: functions point to them


def builtin(address: int) -> Callable[[Words, Words, Any, list[Any]], bool]:
    """The function @call at this address as Python calls its own: nothing is converted."""
    definition = _MethodDef(b"call", address, METH_FASTCALL, None)
    _DEFINITIONS.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = (ctypes.POINTER(_MethodDef), ctypes.c_void_p, ctypes.c_void_p)
    function: Callable[[Words, Words, Any, list[Any]], bool] = make(definition, None, None)
    return function


def objects_lie_as_thought() -> bool:
    """Whether this interpreter and this NumPy keep the headers of objects as the driver reads."""
    array, numbers = np.arange(6.0).reshape(2, 3), [1.5, np.float64(2.5), np.float32(3.5)]
    whole: list[Any] = [array, *numbers]
    size = ctypes.sizeof(ctypes.c_void_p)
    if size != 8 or object.__basicsize__ != 16 or np.ndarray.__basicsize__ < 72:
        return False
    word = ctypes.c_int64.from_address
    header = id(array)
    sizes = word(header + 32).value
    flags = ctypes.c_int32.from_address(header + 64).value
    items = word(id(whole) + 24).value
    return (
        word(header + 8).value == id(np.ndarray)
        and word(header + 16).value == array.ctypes.data
        and ctypes.c_int32.from_address(header + 24).value == 2
        and [word(sizes).value, word(sizes + 8).value] == [2, 3]
        and word(header + 56).value == id(array.dtype)
        and flags & (CONTIGUOUS | ALIGNED | WRITEABLE) == CONTIGUOUS | ALIGNED | WRITEABLE
        and [word(id(_PAIR) + TUPLE_ITEMS + 8 * k).value for k in range(2)]
        == [id(x) for x in _PAIR]
        and [word(id(_PAIR) + 16).value, word(id(whole) + 16).value] == [2, 4]
        and [word(items + 8 * k).value for k in range(4)] == [id(x) for x in whole]
        and ctypes.c_double.from_address(id(numbers[0]) + 16).value == 1.5
        and ctypes.c_double.from_address(id(numbers[1]) + 16).value == 2.5
        and ctypes.c_float.from_address(id(numbers[2]) + 16).value == 3.5
    )
