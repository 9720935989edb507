"""The turns of a loop as native code: a program run again and again, and what happens in between.

A carry goes on by two addresses that change places, rows by addresses that grow.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from derivant.compiler.driver import words_read

# What happens between turns: where to look whether there is another (-1: nowhere), how many copies
# there are before a turn, how many after it, how many entries take the address of another, how
# many go on; then source, place and bytes of each copy; entry, other and the difference of the two
# addresses that the other has in turn; entry and bytes to go on.
REPEAT = f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal ptr @copies(ptr %table, ptr %list, i64 %count) {{
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %one ]
  %at = phi ptr [ %list, %entry ], [ %next, %one ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %one, label %done
one:
{words_read("at", "source", "place", "bytes")}
  %sp = getelementptr ptr, ptr %table, i64 %source
  %s = load ptr, ptr %sp
  %dp = getelementptr ptr, ptr %table, i64 %place
  %d = load ptr, ptr %dp
  call void @llvm.memcpy.p0.p0.i64(ptr %d, ptr %s, i64 %bytes, i1 false)
  %i1 = add i64 %i, 1
  %next = getelementptr i64, ptr %at, i64 3
  br label %head
done:
  ret ptr %at
}}

define i64 @repeat(ptr %frame, ptr %changes, i64 %turns) {{
entry:
  %tablep = getelementptr ptr, ptr %frame, i64 1
  %table = load ptr, ptr %tablep
{words_read("changes", "stop", "before", "after", "swaps", "moves")}
  %first = getelementptr i64, ptr %changes, i64 5
  %stops = icmp sge i64 %stop, 0
  br label %head
head:
  %t = phi i64 [ 0, %entry ], [ %t1, %again ]
  %more = icmp slt i64 %t, %turns
  br i1 %more, label %turn, label %end
turn:
  %second = call ptr @copies(ptr %table, ptr %first, i64 %before)
  call void @run(ptr %frame)
  %third = call ptr @copies(ptr %table, ptr %second, i64 %after)
  br label %swap
swap:
  %i = phi i64 [ 0, %turn ], [ %i1, %swapped ]
  %sat = phi ptr [ %third, %turn ], [ %snext, %swapped ]
  %smore = icmp slt i64 %i, %swaps
  br i1 %smore, label %swapped, label %move
swapped:
{words_read("sat", "entryslot", "otherslot", "difference")}
  %ep = getelementptr i64, ptr %table, i64 %entryslot
  %op = getelementptr i64, ptr %table, i64 %otherslot
  %o = load i64, ptr %op
  store i64 %o, ptr %ep
  %o1 = xor i64 %o, %difference
  store i64 %o1, ptr %op
  %i1 = add i64 %i, 1
  %snext = getelementptr i64, ptr %sat, i64 3
  br label %swap
move:
  %j = phi i64 [ 0, %swap ], [ %j1, %moved ]
  %mat = phi ptr [ %sat, %swap ], [ %mnext, %moved ]
  %mmore = icmp slt i64 %j, %moves
  br i1 %mmore, label %moved, label %ask
moved:
{words_read("mat", "slot", "step")}
  %mp = getelementptr i64, ptr %table, i64 %slot
  %m = load i64, ptr %mp
  %m1 = add i64 %m, %step
  store i64 %m1, ptr %mp
  %j1 = add i64 %j, 1
  %mnext = getelementptr i64, ptr %mat, i64 2
  br label %move
ask:
  %t1 = add i64 %t, 1
  br i1 %stops, label %look, label %again
look:
  %fp = getelementptr ptr, ptr %table, i64 %stop
  %f = load ptr, ptr %fp
  %flag = load i8, ptr %f
  %on = icmp ne i8 %flag, 0
  br i1 %on, label %again, label %stopped
again:
  br label %head
stopped:
  ret i64 %t1
end:
  ret i64 %t
}}
"""


def repeat_text(run: int) -> str:
    """The function `repeat`, for programs that are run by the function at an address."""
    return REPEAT.replace("@run(", f"inttoptr (i64 {run} to ptr)(")


def repeat_at(address: int) -> Callable[[int, int, int], int]:
    """The function at an address: frame, changes, most turns; how many there were.

    Other threads of Python may run meanwhile.
    """
    word = ctypes.c_int64
    function: Callable[[int, int, int], int] = ctypes.CFUNCTYPE(word, word, word, word)(address)
    return function
