"""The worker threads that share long loops: native code, parked while there is nothing to do.

A loop is cut into chunks along its outermost axis; the caller and the workers take one after the
other. The counter of chunks has the number of the job in its upper half, and is set past every
chunk before the next job is written down, so that a worker that is late never takes a chunk of
another job. One job runs at a time: who comes second runs alone.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from typing import Any

from derivant.compiler.libm import libm_address

CALLS = ("pthread_mutex_init", "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_cond_init",
         "pthread_cond_wait", "pthread_cond_broadcast", "sched_yield")  # fmt: skip
SPINS = 3000  # looks at the counter before a worker sleeps
STOP_SECONDS = 2.0
FIELDS = ("next", "done", "code", "record", "table", "high", "grain", "chunks", "busy", "sleepers",
          "workers", "stop")  # fmt: skip


def workers_wanted() -> int:
    """One for each core but one; none where there are no POSIX threads."""
    if sys.platform == "win32" or any(libm_address(name) is None for name in CALLS):
        return 0
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) - 1
    return (os.cpu_count() or 1) - 1


# A line of the cache for each word, so that waiting does not slow down who works.
STATE = "\n".join(f"@pool.{name} = internal global i64 0, align 64" for name in FIELDS)
# @parallel is for the driver; @work is what a worker does; the rest sets the state.
TEXT = """
STATE
@pool.mutex = internal global [16 x i64] zeroinitializer, align 64
@pool.cond = internal global [16 x i64] zeroinitializer, align 64

define internal void @chunks(i64 %job) {
entry:
  br label %look
look:
  %now = load atomic i64, ptr @pool.next seq_cst, align 8
  %its = lshr i64 %now, 32
  %mine = icmp eq i64 %its, %job
  %index = and i64 %now, 4294967295
  %count = load atomic i64, ptr @pool.chunks acquire, align 8
  %left = icmp ult i64 %index, %count
  %go = and i1 %mine, %left
  br i1 %go, label %take, label %done
take:
  %code = load atomic i64, ptr @pool.code monotonic, align 8
  %record = load atomic i64, ptr @pool.record monotonic, align 8
  %table = load atomic i64, ptr @pool.table monotonic, align 8
  %high = load atomic i64, ptr @pool.high monotonic, align 8
  %grain = load atomic i64, ptr @pool.grain monotonic, align 8
  %then = add i64 %now, 1
  %pair = cmpxchg ptr @pool.next, i64 %now, i64 %then seq_cst seq_cst, align 8
  %taken = extractvalue { i64, i1 } %pair, 1
  br i1 %taken, label %run, label %look
run:
  %low = mul i64 %index, %grain
  %end = add i64 %low, %grain
  %short = icmp slt i64 %end, %high
  %stop = select i1 %short, i64 %end, i64 %high
  %codep = inttoptr i64 %code to ptr
  %recordp = inttoptr i64 %record to ptr
  %tablep = inttoptr i64 %table to ptr
  call void %codep(ptr %recordp, ptr %tablep, i64 %low, i64 %stop)
  %old = atomicrmw add ptr @pool.done, i64 1 seq_cst, align 8
  br label %look
done:
  ret void
}

define internal void @parallel(ptr %code, ptr %record, ptr %table, i64 %high, i64 %grain) {
entry:
  %workers = load atomic i64, ptr @pool.workers monotonic, align 8
  %some = icmp sgt i64 %workers, 0
  br i1 %some, label %try, label %alone
try:
  %pair = cmpxchg ptr @pool.busy, i64 0, i64 1 seq_cst seq_cst, align 8
  %free = extractvalue { i64, i1 } %pair, 1
  br i1 %free, label %publish, label %alone
alone:
  call void %code(ptr %record, ptr %table, i64 0, i64 %high)
  ret void
publish:
  %codei = ptrtoint ptr %code to i64
  %recordi = ptrtoint ptr %record to i64
  %tablei = ptrtoint ptr %table to i64
  %more = add i64 %high, %grain
  %upper = sub i64 %more, 1
  %count = sdiv i64 %upper, %grain
  %before = load atomic i64, ptr @pool.next monotonic, align 8
  %over = or i64 %before, 4294967295
  store atomic i64 %over, ptr @pool.next seq_cst, align 8
  fence seq_cst
  store atomic i64 %codei, ptr @pool.code monotonic, align 8
  store atomic i64 %recordi, ptr @pool.record monotonic, align 8
  store atomic i64 %tablei, ptr @pool.table monotonic, align 8
  store atomic i64 %high, ptr @pool.high monotonic, align 8
  store atomic i64 %grain, ptr @pool.grain monotonic, align 8
  store atomic i64 %count, ptr @pool.chunks monotonic, align 8
  store atomic i64 0, ptr @pool.done monotonic, align 8
  %last = lshr i64 %before, 32
  %job = add i64 %last, 1
  %first = shl i64 %job, 32
  store atomic i64 %first, ptr @pool.next seq_cst, align 8
  %asleep = load atomic i64, ptr @pool.sleepers seq_cst, align 8
  %wake = icmp sgt i64 %asleep, 0
  br i1 %wake, label %call, label %share
call:
  call i32 @libc.pthread_mutex_lock(ptr @pool.mutex)
  call i32 @libc.pthread_cond_broadcast(ptr @pool.cond)
  call i32 @libc.pthread_mutex_unlock(ptr @pool.mutex)
  br label %share
share:
  %own = and i64 %job, 4294967295
  call void @chunks(i64 %own)
  br label %wait
wait:
  %k = phi i64 [ 0, %share ], [ %k1, %again ], [ %k1, %yield ]
  %done = load atomic i64, ptr @pool.done seq_cst, align 8
  %all = icmp eq i64 %done, %count
  br i1 %all, label %finish, label %rest
rest:
  %k1 = add i64 %k, 1
  %long = icmp ugt i64 %k1, SPINS
  br i1 %long, label %yield, label %again
again:
  br label %wait
yield:
  call i32 @libc.sched_yield()
  br label %wait
finish:
  store atomic i64 0, ptr @pool.busy seq_cst, align 8
  ret void
}

define void @work() {
entry:
  br label %begin
begin:
  %last = phi i64 [ 0, %entry ], [ %its, %got ], [ %last, %woken ]
  br label %spin
spin:
  %k = phi i64 [ 0, %begin ], [ %k1, %idle ]
  %stop = load atomic i64, ptr @pool.stop seq_cst, align 8
  %stopped = icmp ne i64 %stop, 0
  br i1 %stopped, label %leave, label %look
look:
  %now = load atomic i64, ptr @pool.next seq_cst, align 8
  %its = lshr i64 %now, 32
  %new = icmp ne i64 %its, %last
  br i1 %new, label %got, label %idle
got:
  call void @chunks(i64 %its)
  br label %begin
idle:
  %k1 = add i64 %k, 1
  %long = icmp ugt i64 %k1, SPINS
  br i1 %long, label %sleep, label %spin
sleep:
  call i32 @libc.pthread_mutex_lock(ptr @pool.mutex)
  %s0 = atomicrmw add ptr @pool.sleepers, i64 1 seq_cst, align 8
  br label %check
check:
  %now2 = load atomic i64, ptr @pool.next seq_cst, align 8
  %its2 = lshr i64 %now2, 32
  %same = icmp eq i64 %its2, %last
  %stop2 = load atomic i64, ptr @pool.stop seq_cst, align 8
  %on = icmp eq i64 %stop2, 0
  %stay = and i1 %same, %on
  br i1 %stay, label %park, label %woken
park:
  call i32 @libc.pthread_cond_wait(ptr @pool.cond, ptr @pool.mutex)
  br label %check
woken:
  %s1 = atomicrmw sub ptr @pool.sleepers, i64 1 seq_cst, align 8
  call i32 @libc.pthread_mutex_unlock(ptr @pool.mutex)
  br label %begin
leave:
  ret void
}

define void @workers(i64 %count) {
  store atomic i64 %count, ptr @pool.workers seq_cst, align 8
  ret void
}

define void @reset() {
  store atomic i64 0, ptr @pool.workers seq_cst, align 8
  store atomic i64 0, ptr @pool.sleepers seq_cst, align 8
  store atomic i64 0, ptr @pool.busy seq_cst, align 8
  store atomic i64 0, ptr @pool.stop seq_cst, align 8
  store atomic i64 0, ptr @pool.chunks seq_cst, align 8
  call i32 @libc.pthread_mutex_init(ptr @pool.mutex, ptr null)
  call i32 @libc.pthread_cond_init(ptr @pool.cond, ptr null)
  ret void
}

define void @halt() {
  store atomic i64 0, ptr @pool.workers seq_cst, align 8
  store atomic i64 1, ptr @pool.stop seq_cst, align 8
  call i32 @libc.pthread_mutex_lock(ptr @pool.mutex)
  call i32 @libc.pthread_cond_broadcast(ptr @pool.cond)
  call i32 @libc.pthread_mutex_unlock(ptr @pool.mutex)
  ret void
}
"""


def pool_text() -> str:
    """The functions of the pool, and the state that they share."""
    text = TEXT.replace("STATE", STATE).replace("SPINS", str(SPINS))
    for name in CALLS:
        text = text.replace(f"@libc.{name}", f"inttoptr (i64 {libm_address(name) or 0} to ptr)")
    return text


# Where there are no POSIX threads: every loop runs alone.
ALONE_TEXT = """
define internal void @parallel(ptr %code, ptr %record, ptr %table, i64 %high, i64 %grain) {
  call void %code(ptr %record, ptr %table, i64 0, i64 %high)
  ret void
}
"""


class Pool:
    """The workers of this process; started by the first program that has long loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._functions: dict[str, Any] = {}

    def start(self, engine: Any) -> None:
        """Start the workers of the pool in an engine's code, once in a process."""
        with self._lock:
            count = workers_wanted()
            if self._threads or count < 1:
                return
            if not self._functions:
                kind = ctypes.CFUNCTYPE(None)
                for name in ("work", "reset", "halt"):
                    self._functions[name] = kind(engine.get_function_address(name))
                counted = ctypes.CFUNCTYPE(None, ctypes.c_int64)
                self._functions["workers"] = counted(engine.get_function_address("workers"))
                atexit.register(self.stop)
                os.register_at_fork(after_in_child=self._forked)
            self._functions["reset"]()
            work = self._functions["work"]
            names = [f"derivant-{k}" for k in range(count)]
            self._threads = [threading.Thread(target=work, name=n, daemon=True) for n in names]
            for thread in self._threads:
                thread.start()
            self._functions["workers"](count)

    def stop(self) -> None:
        """Let the workers go, before their code goes."""
        with self._lock:
            if self._threads:
                self._functions["halt"]()
                for thread in self._threads:
                    thread.join(STOP_SECONDS)
                self._threads = []

    def _forked(self) -> None:
        """A child has no workers; it starts its own when it plans a long loop."""
        self._lock = threading.Lock()
        self._threads = []
        self._functions["reset"]()


POOL = Pool()
