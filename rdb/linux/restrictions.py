"""A program may restrict its own system calls (seccomp(2)); those that it performs for us must not fall under that.

A filter that it has inherited, in a container for instance, is ours as well and lets pass what we need.  One that it has put on
itself may kill it for a call that it would never make.  Such filters are suspended meanwhile, which the kernel lets only a tracer
with CAP_SYS_ADMIN do (PTRACE_O_SUSPEND_SECCOMP, ptrace(2)); for others there is no such call.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import lru_cache

from rdb.errors import CallsRestricted, PtraceFailed
from rdb.linux import procfs, ptrace
from rdb.linux.ptrace import Option


@contextlib.contextmanager
def suspended(thread: int, options: Option) -> Iterator[None]:
    """Free a stopped thread, traced with `options`, of what it has forbidden itself; CallsRestricted if that cannot be."""
    if _filters(thread) <= _inherited():
        yield
        return
    try:
        ptrace.set_options(thread, options | Option.SUSPEND_SECCOMP)
    except PtraceFailed as error:
        raise CallsRestricted(thread) from error
    try:
        yield
    finally:
        with contextlib.suppress(PtraceFailed):
            ptrace.set_options(thread, options)


def _filters(thread: int) -> int:
    """How many filters a thread is under: proc(5), "Seccomp_filters", of Linux 5.9; of strict mode and older kernels one."""
    status = procfs.status(thread)
    return max(int(status.get("Seccomp_filters", 0)), int(status.get("Seccomp", "0") != "0"))


@lru_cache(maxsize=1)
def _inherited() -> int:
    return _filters(os.getpid())
