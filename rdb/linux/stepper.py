"""The innermost loop of a debugger: one instruction of one thread, as fast as Python and the kernel allow.

A step is three system calls: ptrace(SINGLESTEP), wait4, ptrace(GETREGS).  Made through ctypes one by one they cost more than the
kernel's own work; so on an x86-64 host they are made by sixty bytes of machine code that Python calls once.  Elsewhere the same
three calls are made from Python.

A Stepper keeps the general registers of a stopped thread in one buffer that each step refreshes in place.  It knows nothing of
breakpoints; whoever uses it sees to that.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Callable

from rdb.linux import ptrace

# What waitpid reports for a stop with SIGTRAP and no event.
TRAPPED = 0x057F

# long step(void), with the block {pid, wait status, where the registers go} at the address that is put into rbx.
# Returns the wait status, or the negative error number of the call that failed.
_STEP = bytes.fromhex(
    "53"  #                   push   %rbx
    "48bb 0000000000000000"  # movabs $block,%rbx
    "b865000000 bf09000000"  # mov    $SYS_ptrace,%eax ; mov $PTRACE_SINGLESTEP,%edi
    "488b33 31d2 4531d2"  #   mov    (%rbx),%rsi ; xor %edx,%edx ; xor %r10d,%r10d
    "0f05 4885c0 7834"  #     syscall ; test %rax,%rax ; js end
    "b83d000000 488b3b"  #    mov    $SYS_wait4,%eax ; mov (%rbx),%rdi
    "488d7308 ba00000040"  #  lea    8(%rbx),%rsi ; mov $__WALL,%edx
    "4531d2 0f05"  #          xor    %r10d,%r10d ; syscall
    "4885c0 7819"  #          test   %rax,%rax ; js end
    "b865000000 bf0c000000"  # mov   $SYS_ptrace,%eax ; mov $PTRACE_GETREGS,%edi
    "488b33 31d2 4c8b5310"  # mov    (%rbx),%rsi ; xor %edx,%edx ; mov 16(%rbx),%r10
    "0f05 486343 08"  #       syscall ; movslq 8(%rbx),%rax
    "5b c3"  #                end: pop %rbx ; ret
)
_BLOCK_AT = 3


class Stepper:
    """Single steps of thread `pid`; `general` always holds its current general registers.

    `once()` executes one instruction and returns the wait status, TRAPPED as a rule.  A negative answer is a wait that a signal
    to the debugger has interrupted: the step is under way, and arrived() waits for its end.
    """

    def __init__(self, pid: int, size: int, memory: ptrace.Memory) -> None:
        self.pid = pid
        self.memory = memory
        self.general = bytearray(size)
        self._buffer = (ctypes.c_char * size).from_buffer(self.general)
        self._extended = bytearray()
        self._vector = ptrace.Iovec()
        self._page: mmap.mmap | None = None
        self.once: Callable[[], int] = self._native() if os.uname().machine == "x86_64" else self._python
        self.refresh()

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

    def arrived(self) -> int:
        """Wait for the next stop and refresh the registers; the wait status."""
        _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
        if os.WIFSTOPPED(status):
            self.refresh()
        return status

    def _python(self) -> int:
        ptrace.raw(ptrace.Request.SINGLESTEP, self.pid, 0, 0)
        return self.arrived()

    def _native(self) -> Callable[[], int]:
        """The machine code for this thread, as a Python function; _python where code cannot be mapped."""
        try:
            page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        except OSError:
            return self._python
        start = ctypes.addressof(ctypes.c_char.from_buffer(page))
        block = start + mmap.PAGESIZE // 2
        page[: len(_STEP)] = _STEP
        page[_BLOCK_AT : _BLOCK_AT + 8] = struct.pack("<Q", block)
        page[mmap.PAGESIZE // 2 : mmap.PAGESIZE // 2 + 24] = struct.pack("<QqQ", self.pid, 0, ctypes.addressof(self._buffer))
        self._page = page
        # PYFUNCTYPE: the interpreter's lock is kept, since giving it away and back costs more than there is to gain.
        return ctypes.PYFUNCTYPE(ctypes.c_long)(start)
