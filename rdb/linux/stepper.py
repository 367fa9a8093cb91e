"""The innermost loop of a debugger: one instruction of one thread, as fast as Python and the kernel allow.

A Stepper keeps the general registers of a stopped thread in one buffer that each step refreshes in place, and calls the C
function ptrace with arguments that were computed once.  It knows nothing of breakpoints; whoever uses it sees to that.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from rdb.linux import ptrace

# What waitpid reports for a stop with SIGTRAP and no event.
TRAPPED = 0x057F


class Stepper:
    """Single steps of thread `pid`; `general` always holds its current general registers."""

    def __init__(self, pid: int, size: int, memory: ptrace.Memory) -> None:
        self.pid = pid
        self.memory = memory
        self.general = bytearray(size)
        self._buffer = (ctypes.c_char * size).from_buffer(self.general)
        self.refresh()

    def refresh(self) -> None:
        """Read the general registers again, after somebody else changed them."""
        self.general[:] = ptrace.get_registers(self.pid, len(self.general))

    def write_back(self) -> None:
        """Give the thread the registers that are in `general`."""
        ptrace.set_registers(self.pid, self.general)

    def stepping(self) -> Callable[[], int]:
        """A function that executes one instruction and returns the wait status; TRAPPED is the usual one."""
        call, wait, pid, flags = ptrace.raw, os.waitpid, self.pid, ptrace.WAIT_ALL
        step, fetch = int(ptrace.Request.SINGLESTEP), int(ptrace.Request.GETREGS)
        where = ctypes.addressof(self._buffer)

        def once() -> int:
            call(step, pid, 0, 0)
            status = wait(pid, flags)[1]
            call(fetch, pid, 0, where)
            return status

        return once

    def step(self, signal: int = 0) -> int:
        """Execute one instruction, or enter the handler of `signal`; the wait status."""
        ptrace.step(self.pid, signal)
        return self.arrived()

    def run_to(self, address: int, trap: bytes) -> int:
        """Run until the code at `address` is reached, by a temporary trap there; the wait status.

        If the trap was hit, pc is put back onto `address` by the caller's knowledge of the CPU: pc is one past it.
        """
        saved = self.memory.read(address, len(trap))
        self.memory.write(address, trap)
        try:
            ptrace.cont(self.pid)
            return self.arrived()
        finally:
            if os.path.exists(f"/proc/{self.pid}"):
                self.memory.write(address, saved)

    def arrived(self) -> int:
        """Wait for the next stop and refresh the registers; the wait status."""
        _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
        if os.WIFSTOPPED(status):
            self.refresh()
        return status
