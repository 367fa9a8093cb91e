"""A process that the debugged one has just made, until it is decided what becomes of it.

The kernel hands it to us as it is born: traced, stopped before its first instruction (ptrace(2), PTRACE_O_TRACEFORK).  The child
of a fork has a copy of its parent's memory, with the traps that were in it, and of its debug registers; the child of a vfork has
its parent's memory itself.  It never runs with anything of ours: `free` sees to that, before it is let go or debugged itself.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rdb.errors import CannotAccessMemory, PtraceFailed
from rdb.linux import debug_registers, procfs, ptrace, wards

# The first status of one whose parent we have started, or attached to (ptrace(2)), as waitid(2) gives it.
_FIRST = (ptrace.STOPPED >> 8, ptrace.INTERRUPTED >> 8)
# So long we wait for a process to be born, and so long before we look again, in seconds.
_BIRTH, _PAUSE = 5.0, 0.0005
# How a child came, by the event that told of it.
HOW = {ptrace.Event.FORK: "fork", ptrace.Event.VFORK: "vfork", ptrace.Event.CLONE: "fork"}
# The processes that are debugged; others that we trace have just been born, or are kept.
debugged: set[int] = set()


def strays() -> list[Newborn]:
    """Children of whom their parent has not told, because it was killed as it made them: nobody knows yet that they stand."""
    found = []
    for pid in procfs.tracees(os.getpid()):
        if pid not in debugged:
            with contextlib.suppress(ChildProcessError):
                if _told(pid) in _FIRST:
                    found.append(Newborn(pid, "fork"))
    return found


def _told(pid: int) -> int | None:
    """The status of a process that nobody has taken; one that has just been born soon stops, when it gets a CPU."""
    end = time.monotonic() + _BIRTH
    while True:
        runs = procfs.thread_state(pid, pid) == "R"
        told = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG | ptrace.WAIT_ALL)
        if told is not None or not runs or time.monotonic() > end:
            return told.si_status if told is not None else None
        time.sleep(_PAUSE)


@dataclass(frozen=True)
class Newborn:
    """The child `pid`, made by the system call `how` (fork or vfork)."""

    pid: int
    how: str

    def free(self, traps: Mapping[int, bytes], cpus: Collection[int] | None = None, mask: bytes | None = None) -> None:
        """Wait until it has stopped, and take out of it what it has from us.

        `traps` are addresses with the program's own code there, `cpus` what it may run on if its parent was bound elsewhere,
        `mask` the signals that it has blocked if its parent's mask was another.  A child that has been killed meanwhile is no
        error.
        """
        try:
            _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
            if not os.WIFSTOPPED(status):
                return
            memory = ptrace.Memory(self.pid)
        except (ChildProcessError, OSError):
            return
        for address, code in traps.items():
            try:
                memory.write(address, code)
            except CannotAccessMemory:
                pass  # unmapped meanwhile
        memory.close()
        try:
            debug_registers.load(self.pid, [])
            if cpus is not None:
                os.sched_setaffinity(self.pid, cpus)
            if mask is not None:
                ptrace.set_signal_mask(self.pid, mask)
        except (PtraceFailed, OSError):
            pass  # killed meanwhile

    def let_go(self) -> None:
        """It runs on its own from here on."""
        wards.let_go(self.pid)
        try:
            ptrace.detach(self.pid)
        except PtraceFailed:
            pass  # killed meanwhile: its parent will see it

    def kill(self) -> None:
        """It never runs at all."""
        try:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, ptrace.WAIT_ALL)
        except (ProcessLookupError, ChildProcessError):
            pass
