"""The stopped thread whose turn it is, its registers, and what makes it go: by single steps, or until something happens.

A Stepper keeps the general registers in one buffer that every movement refreshes in place.  It knows nothing of breakpoints;
whoever uses it sees to that.  Many steps at once are made by its `loop` (rdb.linux.step_loop), which keeps what it knows of the
program's instructions when another thread is selected.

A step of a thread that is being interrupted (PTRACE_INTERRUPT) may be told in two parts: first INTERRUPTED, while the trap by
which the step ends is pending still.  `settled` makes one of them, so that everybody above sees either a step that was made or
one that was not.
"""

from __future__ import annotations

import ctypes
import os

from rdb.linux import ptrace
from rdb.linux.ptrace import INTERRUPTED
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
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self.general))
        self.loop = StepLoop(pid, self.general, memory.file, self.arrived, self.settled)
        self.refresh()

    def select(self, pid: int) -> None:
        """From now on it is the turn of thread `pid` of the same process."""
        self.pid = pid
        self.loop.select(pid)
        self.refresh()

    def once(self) -> int:
        """Execute one instruction; the wait status, TRAPPED as a rule."""
        self.loop.begin(1)
        return self.loop.go()

    def refresh(self) -> None:
        """Read the general registers again, after somebody else changed them."""
        ptrace.fetch_registers(self.pid, self._address)

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
        ptrace.store_registers(self.pid, self._address)

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
        return ptrace.wait(self.pid)

    def arrived(self) -> int:
        """Wait for the next stop and refresh the registers; the wait status."""
        return self.settled(ptrace.wait(self.pid))

    def settled(self, status: int) -> int:
        """The thread has stopped with this status: refresh the registers; the status of the step as a whole."""
        while status == INTERRUPTED and ptrace.is_about_to_trap(self.pid):
            # Nothing is executed: the trap is taken on the way back to the program, if no other interrupt comes first.
            ptrace.step(self.pid)
            status = ptrace.wait(self.pid)
        if os.WIFSTOPPED(status):
            self.refresh()
        return ptrace.told(self.pid, status)
