"""Making a stopped thread perform a system call of ours.

The call runs on a system call instruction that the process already has, in the vdso, so no byte of the program is touched; its
registers are put back afterwards.  Signals are blocked meanwhile, so that none arrives where nobody would look for it; but not
those that the CPU raises, since the kernel resets the handler of one that it must force on a thread.  SIGSTOP always comes.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
from collections.abc import Callable, Iterator, Mapping, Sequence

from rdb.arch.base import Arch, Bank
from rdb.errors import ProgramEnded, PtraceFailed, RdbError
from rdb.linux import procfs, ptrace, restrictions

# The highest error number, linux, include/linux/err.h.
_LAST_ERROR = 4095
FAULTS = (signals.SIGTRAP, signals.SIGSEGV, signals.SIGBUS, signals.SIGFPE, signals.SIGILL)


def all_but(*numbers: int) -> bytes:
    """The sigset_t of all signals but these."""
    return (~sum(1 << number - 1 for number in numbers)).to_bytes(ptrace.SIGSET_SIZE, "little", signed=True)


ALL_BUT_FAULTS = all_but(*FAULTS)


class Borrowed:
    """A stopped thread that executes something of ours; `general` are its general registers."""

    def __init__(self, thread: int, arch: Arch, general: bytearray) -> None:
        self._thread, self._arch, self._general = thread, arch, general
        self.set({f"orig_{arch.syscall.number}": -1})

    def get(self, name: str) -> int:
        return int.from_bytes(self._arch.registers.get(self._arch.registers[name], (self._general, b"")), "little")

    def set(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            register = self._arch.registers[name]
            number = value & (1 << 8 * register.size) - 1
            self._arch.registers.put(register, (self._general, bytearray()), number.to_bytes(register.size, "little"))

    def run(self) -> int:
        """Execute from pc on until a trap or a fault; the wait status.  ProgramEnded if it ended."""
        return self._go(ptrace.cont)

    def step(self) -> int:
        """Execute one instruction; the wait status.  ProgramEnded if it ended."""
        return self._go(ptrace.step)

    def enter(self) -> None:
        """Execute up to where a system call is entered.  ProgramEnded if the thread ended."""
        self._go(ptrace.run_to_call)

    def resume(self) -> int:
        """Go on from inside a system call; the wait status.  ProgramEnded if the thread ended."""
        return self._wait_after(ptrace.cont)

    def _go(self, request: Callable[[int], None]) -> int:
        ptrace.set_registers(self._thread, self._general)
        return self._wait_after(request)

    def _wait_after(self, request: Callable[[int], None]) -> int:
        status = ptrace.INTERRUPTED
        while ptrace.tells_nothing(self._thread, status):
            request(self._thread)
            status = ptrace.wait(self._thread)
        if not os.WIFSTOPPED(status):
            raise ProgramEnded(self._thread, status)
        self._general[:] = ptrace.get_registers(self._thread, len(self._general))
        return status


class Injector:
    """System calls in thread `pid`, traced with `options`, which must be stopped whenever one is asked for."""

    def __init__(self, pid: int, arch: Arch, memory: ptrace.Memory, options: ptrace.Option) -> None:
        self.pid, self._options = pid, options
        self.arch = arch
        self.memory = memory
        self._gadget: int | None = None
        self._numbers = {name: number for number, name in arch.syscall.names.items()}

    def call(self, name: str, *arguments: int) -> int:
        """Perform a system call; its result, negative for an error number.  CallsRestricted if it would be forbidden."""
        convention = self.arch.syscall
        with restrictions.suspended(self.pid, self._options), self.borrowed() as thread:
            self._aim(thread, name, arguments)
            thread.step()
            result = thread.get(convention.result)
        error = result - (1 << 8 * self.arch.registers[convention.result].size)
        return error if error >= -_LAST_ERROR else result

    def suspend(self, mask: bytes, number: int) -> list[bytes]:
        """Have the thread wait by rt_sigsuspend until a signal of this number interrupts it, which must come.

        The answer is the siginfo_t of each signal that came, none of which was delivered.  The thread has its registers back, but
        not its mask: it stands as one that was interrupted while it waited with `mask`.
        """
        general, own = ptrace.get_registers(self.pid, self.arch.registers.sizes[Bank.GENERAL]), ptrace.signal_mask(self.pid)
        came: list[bytes] = []
        with self.scratch(mask) as place:
            while not came or ptrace.signal_number(came[-1]) != number:
                thread = Borrowed(self.pid, self.arch, bytearray(general))
                self._aim(thread, "rt_sigsuspend", (place, len(mask)))
                ptrace.set_signal_mask(self.pid, ALL_BUT_FAULTS)
                thread.enter()
                ptrace.set_signal_mask(self.pid, own)
                thread.resume()
                came.append(ptrace.signal_info(self.pid))
        ptrace.set_registers(self.pid, general)
        return came

    def prepare(self, name: str, *arguments: int) -> None:
        """Put the thread in front of a system call from which it will not return, with signals blocked."""
        general = ptrace.get_registers(self.pid, self.arch.registers.sizes[Bank.GENERAL])
        self._aim(Borrowed(self.pid, self.arch, general), name, arguments)
        ptrace.set_registers(self.pid, general)
        ptrace.set_signal_mask(self.pid, ALL_BUT_FAULTS)

    def _aim(self, thread: Borrowed, name: str, arguments: Sequence[int]) -> None:
        convention = self.arch.syscall
        thread.set({convention.number: self._numbers[name], self.arch.pc: self._where()})
        thread.set(dict(zip(convention.arguments, (*arguments, *(0,) * 6))))

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

    @contextlib.contextmanager
    def borrowed(self, extended: bool = False) -> Iterator[Borrowed]:
        """The thread, to execute something of ours, which may change extended registers only if that is said.

        Its registers and its signal mask are put back afterwards.
        """
        sizes = self.arch.registers.sizes
        general, mask = ptrace.get_registers(self.pid, sizes[Bank.GENERAL]), ptrace.signal_mask(self.pid)
        vectors = ptrace.get_extended(self.pid, sizes[Bank.EXTENDED]) if extended else b""
        ptrace.set_signal_mask(self.pid, ALL_BUT_FAULTS)
        try:
            yield Borrowed(self.pid, self.arch, bytearray(general))
        finally:
            # One that has ended, or was killed, needs nothing back.
            with contextlib.suppress(PtraceFailed):
                ptrace.set_registers(self.pid, general)
                if vectors:
                    ptrace.set_extended(self.pid, vectors)
                ptrace.set_signal_mask(self.pid, mask)

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
