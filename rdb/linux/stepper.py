"""One stopped thread, its registers, and what makes it go: by single steps, or until something happens.

A Stepper keeps the general registers in one buffer that every movement refreshes in place.  It knows nothing of breakpoints;
whoever uses it sees to that.  Many steps at once are made by its `loop` (rdb.linux.step_loop).
"""

from __future__ import annotations

import ctypes
import os

from rdb.linux import ptrace
from rdb.linux.step_loop import TRAPPED, StepLoop

__all__ = ["TRAPPED", "Stepper"]


class Stepper:
    """Thread `pid`, by ptrace; `general` always holds its current general registers, `size` bytes."""

    def __init__(self, pid: int, size: int, memory: ptrace.Memory) -> None:
        self.pid = pid
        self.memory = memory
        self.general = bytearray(size)
        self._extended = bytearray()
        self._vector = ptrace.Iovec()
        self.loop = StepLoop(pid, self.general, memory.file, self.arrived)
        self.refresh()

    def once(self) -> int:
        """Execute one instruction; the wait status, TRAPPED as a rule."""
        self.loop.begin(1)
        return self.loop.go()

    def refresh(self) -> None:
        """Read the general registers again, after somebody else changed them."""
        self.general[:] = ptrace.get_registers(self.pid, len(self.general))

    def extended(self, size: int) -> memoryview:
        """The first `size` bytes of the extended bank as the kernel has it; valid until the next call."""
        if len(self._extended) != size:
            self._extended = bytearray(size)
            self._vector = ptrace.Iovec(ctypes.addressof(ctypes.c_char.from_buffer(self._extended)), size)
        self._vector.size = size
        ptrace.raw(ptrace.Request.GETREGSET, self.pid, ptrace.NT_X86_XSTATE, ctypes.addressof(self._vector))
        return memoryview(self._extended)

    def write_back(self) -> None:
        """Give the thread the registers that are in `general`."""
        ptrace.set_registers(self.pid, self.general)

    def step(self, signal: int = 0) -> int:
        """Execute one instruction, or enter the handler of `signal`; the wait status."""
        ptrace.step(self.pid, signal)
        return self.arrived()

    def run(self) -> int:
        """Run until something happens; the wait status."""
        ptrace.cont(self.pid)
        return self.arrived()

    def reap(self) -> int:
        """Wait for the next stop, or the end, without touching the registers; the wait status."""
        return os.waitpid(self.pid, ptrace.WAIT_ALL)[1]

    def arrived(self) -> int:
        """Wait for the next stop and refresh the registers; the wait status."""
        _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
        if os.WIFSTOPPED(status):
            self.refresh()
        return status
