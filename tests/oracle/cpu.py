"""A CPU to try instructions on: a child process whose registers are set, which executes one instruction, and is read again.

The child shares two stretches of memory with its tracer, below 4 GiB so that 32-bit code reaches them: a page of code, which the
child may not write, and an arena for the instruction's operands with nothing mapped around it.  The child never runs any other
code, so nothing that an instruction does to it matters.  A 64-bit child runs 32-bit code too: the code segment selects the mode.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import TYPE_CHECKING

from rdb.arch.x86 import xstate
from rdb.linux import ptrace
from rdb.linux.ptrace import Request

if TYPE_CHECKING:
    from typing import Self

# Below 2 GB, where every operand reaches, and above the heap of a Python that is not a PIE: since Linux 6.9 it begins anywhere
# in the first GB.
CODE = 0x60000000
ARENA = 0x68000000
ARENA_SIZE = 1 << 16
ENTRY = CODE + 0x800
PAGE = 4096
TRAP = b"\xcc"

_PROT_READ, _PROT_WRITE, _PROT_EXEC = 1, 2, 4
_MAP_SHARED_ANONYMOUS_FIXED = 0x1 | 0x20 | 0x100000
# A program must ask for AMX tiles (linux, Documentation/arch/x86/xstate.rst).
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM = 158, 0x1023
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def map_shared(address: int, size: int, protection: int = _PROT_READ | _PROT_WRITE) -> memoryview:
    """Memory at an address, which children share."""
    if _libc.mmap(address, size, protection, _MAP_SHARED_ANONYMOUS_FIXED, -1, 0) != address:
        raise OSError(ctypes.get_errno(), f"cannot map {address:#x}")
    return memoryview((ctypes.c_char * size).from_address(address)).cast("B")


def unmap(memory: memoryview, address: int) -> None:
    """Give such memory back; `memory` is not to be used any more."""
    size = memory.nbytes
    memory.release()
    if _libc.munmap(address, size):
        raise OSError(ctypes.get_errno(), f"cannot unmap {address:#x}")


class Cpu:
    """A context manager; `arena` is the operands' memory, `general` and `extended` are the banks after the last execution."""

    def __init__(self, general_size: int, extended_size: int) -> None:
        self.code = map_shared(CODE, PAGE, _PROT_READ | _PROT_WRITE | _PROT_EXEC)
        self.code[:] = TRAP * PAGE
        self.arena = map_shared(ARENA, ARENA_SIZE)
        self._general = ctypes.create_string_buffer(general_size)
        self._extended = ctypes.create_string_buffer(extended_size)
        self._vector = _Iovec(ctypes.addressof(self._extended), extended_size)
        self.pid = self._fork()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, ptrace.WAIT_ALL)
        unmap(self.code, CODE)
        unmap(self.arena, ARENA)

    @staticmethod
    def _fork() -> int:
        pid = os.fork()
        if pid == 0:
            _libc.mprotect(CODE, PAGE, _PROT_READ | _PROT_EXEC)
            _libc.syscall(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, xstate.TILE_DATA)
            ptrace.trace_me()
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(1)
        os.waitpid(pid, ptrace.WAIT_ALL)
        ptrace.set_options(pid, ptrace.Option.EXITKILL)
        return pid

    def place(self, code: bytes) -> None:
        """Write `code` at ENTRY, and traps behind it."""
        self.code[ENTRY - CODE : ENTRY - CODE + 16] = code.ljust(16, TRAP)

    def set(self, general: bytes, extended: bytes) -> None:
        ctypes.memmove(self._general, general, len(general))
        ctypes.memmove(self._extended, extended, len(extended))
        self._vector.size = len(extended)
        if ptrace.raw(Request.SETREGS, self.pid, 0, ctypes.addressof(self._general)):
            raise OSError(ctypes.get_errno(), "the kernel refuses the registers")
        if ptrace.raw(Request.SETREGSET, self.pid, ptrace.NT_X86_XSTATE, ctypes.addressof(self._vector)):
            raise OSError(ctypes.get_errno(), "the kernel refuses the extended state")

    def get(self) -> tuple[bytes, bytes]:
        """Both banks as they are now."""
        ptrace.raw(Request.GETREGS, self.pid, 0, ctypes.addressof(self._general))
        self._vector.size = len(self._extended)
        ptrace.raw(Request.GETREGSET, self.pid, ptrace.NT_X86_XSTATE, ctypes.addressof(self._vector))
        return self._general.raw, self._extended.raw

    def step(self) -> int:
        """Execute one instruction; the signal that the child has stopped with, SIGTRAP if all went well."""
        return self._resume(Request.SINGLESTEP)

    def run(self) -> int:
        """Execute up to the next trap, which is anywhere else on the page of code; the signal."""
        return self._resume(Request.CONT)

    def _resume(self, request: Request) -> int:
        ptrace.raw(request, self.pid, 0, 0)
        status = os.waitpid(self.pid, ptrace.WAIT_ALL)[1]
        if not os.WIFSTOPPED(status):
            raise ChildProcessError(f"the child is gone, wait status {status:#x}")
        return os.WSTOPSIG(status)
