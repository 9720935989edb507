"""The workers that share long loops: every chunk of every job is done once, however late one is."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
import pytest

from derivant.compiler.engine import compiled
from derivant.compiler.libm import libm_address
from derivant.compiler.pool import Pool, pool_text, workers_wanted

# A kernel that adds 1 to each entry of its part, and a way to call the pool from outside.
COUNTING = """
define void @count(ptr %rec, ptr %table, i64 %low, i64 %high) {
entry:
  br label %head
head:
  %i = phi i64 [ %low, %entry ], [ %i1, %head ]
  %p = getelementptr i64, ptr %table, i64 %i
  %old = atomicrmw add ptr %p, i64 1 seq_cst, align 8
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %high
  br i1 %more, label %head, label %done
done:
  ret void
}
define void @share(ptr %table, i64 %high) {
  call void @parallel(ptr @count, ptr null, ptr %table, i64 %high, i64 1)
  ret void
}
"""
WRITTEN = "store atomic i64 0, ptr @pool.done monotonic, align 8"  # the last of what a job is
JOBS = 300


def slow_to_publish() -> str:
    """The pool's text with a rest between what a job is and its being offered."""
    text = pool_text()
    assert text.count(WRITTEN) == 1
    rest = f"call i32 inttoptr (i64 {libm_address('usleep')} to ptr)(i32 100)"
    return text.replace(WRITTEN, f"{WRITTEN}\n  {rest}")


@pytest.mark.skipif(
    workers_wanted() < 1 or libm_address("usleep") is None, reason="needs POSIX threads"
)
def test_a_late_worker_takes_nothing_of_the_next_job() -> None:
    engine = compiled(slow_to_publish() + COUNTING)
    pool: Any = Pool()
    pool.start(engine)
    share = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(
        engine.get_function_address("share")
    )
    wrong: list[int] = []

    def run() -> None:
        for job in range(JOBS):
            size = 3 if job % 2 else 40
            marks = np.zeros(64, np.int64)
            share(marks.ctypes.data, size)
            if (marks != (np.arange(64) < size)).any():
                wrong.append(job)

    caller = threading.Thread(target=run, daemon=True)
    caller.start()
    caller.join(30)
    assert not caller.is_alive(), "a job was waited for that had too many chunks"
    pool.stop()
    assert not wrong
