"""Making a stopped thread perform a system call of ours.

The call runs on a system call instruction that the process already has, in the vdso, so no byte of the program is touched; its
registers are put back afterwards.  Signals are blocked meanwhile, so that none arrives where nobody would look for it; but not
those that the CPU raises, since the kernel resets the handler of one that it must force on a thread.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
from collections.abc import Iterator

from rdb.arch.base import Arch, Bank
from rdb.errors import RdbError
from rdb.linux import procfs, ptrace

# The highest error number, linux, include/linux/err.h.
_LAST_ERROR = 4095
_FAULTS = (signals.SIGTRAP, signals.SIGSEGV, signals.SIGBUS, signals.SIGFPE, signals.SIGILL)
ALL_BUT_FAULTS = (~sum(1 << number - 1 for number in _FAULTS)).to_bytes(ptrace.SIGSET_SIZE, "little", signed=True)


class Injector:
    """System calls in thread `pid`, which must be stopped whenever one is asked for."""

    def __init__(self, pid: int, arch: Arch, memory: ptrace.Memory) -> None:
        self.pid = pid
        self.arch = arch
        self.memory = memory
        self._gadget: int | None = None
        self._numbers = {name: number for number, name in arch.syscall.names.items()}

    def call(self, name: str, *arguments: int) -> int:
        """Perform a system call; its result, negative for an error number."""
        table, convention = self.arch.registers, self.arch.syscall
        saved = bytes(ptrace.get_registers(self.pid, table.sizes[Bank.GENERAL]))
        banks = (bytearray(saved), bytearray())
        values = {convention.number: self._numbers[name], f"orig_{convention.number}": -1, self.arch.pc: self._where()}
        values.update(zip(convention.arguments, (*arguments, *(0,) * 6)))
        for register, value in values.items():
            size = table[register].size
            table.put(table[register], banks, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))
        mask = ptrace.signal_mask(self.pid)
        ptrace.set_signal_mask(self.pid, ALL_BUT_FAULTS)
        ptrace.set_registers(self.pid, banks[0])
        try:
            self._step()
            after = ptrace.get_registers(self.pid, len(saved))
        finally:
            ptrace.set_registers(self.pid, saved)
            ptrace.set_signal_mask(self.pid, mask)
        result = table.get(table[convention.result], (after, b""))
        error = int.from_bytes(result, "little", signed=True)
        return error if -_LAST_ERROR <= error < 0 else int.from_bytes(result, "little")

    def map(self, address: int, size: int, protection: int, flags: int, file: int, offset: int) -> int:
        """mmap(2); `offset` is in bytes, whatever the name and the units of the call are here."""
        convention = self.arch.syscall
        return self.call(convention.map_call, address, size, protection, flags, file, offset // convention.map_unit)

    @contextlib.contextmanager
    def scratch(self, data: bytes) -> Iterator[int]:
        """Where `data` lies meanwhile: below the stack's red zone, or elsewhere if the stack is used up."""
        place = self._place(len(data))
        saved = self.memory.read(place, len(data))
        self.memory.write(place, data)
        try:
            yield place
        finally:
            self.memory.write(place, saved)

    def _place(self, size: int) -> int:
        """Memory that the program, and so the kernel on its behalf, may write."""
        registers = (ptrace.get_registers(self.pid, self.arch.registers.sizes[Bank.GENERAL]), b"")
        stack = int.from_bytes(self.arch.registers.get(self.arch.registers[self.arch.sp], registers), "little")
        near = (stack - 256 - size) & ~15
        writable = [mapping for mapping in procfs.mappings(self.pid) if mapping.writable]
        if any(mapping.start <= near and near + size <= mapping.end for mapping in writable):
            return near
        for mapping in writable:
            if not mapping.shared and mapping.size >= size:
                return mapping.start
        raise RdbError("The process has no memory that it may write.")

    def call_with_path(self, name: str, path: str, *arguments: int) -> int:
        """Like call, with a path as the first argument."""
        with self.scratch(os.fsencode(path) + b"\0") as place:
            return self.call(name, place, *arguments)

    def _step(self) -> None:
        ptrace.step(self.pid)
        _, status = os.waitpid(self.pid, ptrace.WAIT_ALL)
        if not os.WIFSTOPPED(status):
            raise RdbError("The program ended while its past was being restored.")

    def _where(self) -> int:
        if self._gadget is None:
            self._gadget = self._find_gadget()
        return self._gadget

    def _find_gadget(self) -> int:
        for mapping in procfs.mappings(self.pid):
            if mapping.name == "[vdso]":
                at = self.memory.read(mapping.start, mapping.size).find(self.arch.syscall.instruction)
                if at >= 0:
                    return mapping.start + at
        raise RdbError("The process has no vdso: its address space cannot be restored.")
