"""A process in which one system call at a time is made, with any arguments, and all its memory watched.

The program is tests/programs/syscalls.c.  A call is one single step over `syscall` (x86_64) or `int $0x80` (i386): before it the
registers and the arena are filled, and all writable memory is read; after it, again.
"""

from __future__ import annotations

import os
import signal
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from rdb.arch.i386.syscalls import NUMBERS as NUMBERS_I386
from rdb.arch.linux.structures import I386, X86_64, Abi
from rdb.arch.linux.syscalls import SyscallEffects, effects
from rdb.arch.x86_64.syscalls import NUMBERS as NUMBERS_X86_64
from rdb.linux import launch, procfs, ptrace
from tests.arch.linux.drafting import ARENA, PAGE
from tests.build import program

# struct user_regs_struct, <sys/user.h>
REGISTERS = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
    *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
)


Snapshot = list[tuple[int, bytes]]


@dataclass(frozen=True)
class Entrance:
    """How an ABI makes a call: where its instruction is behind the stop, and which registers it takes."""

    abi: Abi
    numbers: dict[str, int]
    offset: int
    arguments: Sequence[str]


def _by_name(numbers: dict[int, str]) -> dict[str, int]:
    return {name: number for number, name in numbers.items()}


ENTRANCES = {
    "x86_64": Entrance(X86_64, _by_name(NUMBERS_X86_64), 0, ["rdi", "rsi", "rdx", "r10", "r8", "r9"]),
    "i386": Entrance(I386, _by_name(NUMBERS_I386), 3, ["rbx", "rcx", "rdx", "rsi", "rdi", "rbp"]),
}


class Workbench:
    """The process, from start to close."""

    def __init__(self) -> None:
        path = program("syscalls.c", "-O0", "-g", "-static")
        self.pid = launch.start(str(path), "", {"LC_ALL": "C"})
        os.sched_setaffinity(self.pid, {min(os.sched_getaffinity(0))})  # or rseq's area changes by itself
        ptrace.set_options(self.pid, ptrace.Option.EXITKILL)
        self.memory = ptrace.Memory(self.pid)
        self.last, self._alive = "start", True
        self._watchdog = threading.Timer(60, os.kill, (self.pid, signal.SIGKILL))
        self._watchdog.start()
        ptrace.cont(self.pid)
        self._wait()
        self._registers = dict(zip(REGISTERS, struct.unpack("<27Q", ptrace.get_registers(self.pid, 216))))

    def close(self) -> None:
        self._watchdog.cancel()
        self.memory.close()
        if self._alive:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _wait(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self._alive = os.WIFSTOPPED(status)
        assert self._alive and os.WSTOPSIG(status) == signal.SIGTRAP, f"{self.last}: status {status:#x}"

    def _snapshot(self) -> Snapshot:
        """All writable memory: address and contents of each mapping."""
        writable = [mapping for mapping in procfs.mappings(self.pid) if mapping.writable]
        return [(mapping.start, self.memory.read_some(mapping.start, mapping.size)) for mapping in writable]

    def call(
        self, entrance: Entrance, name: str, arguments: Sequence[int], arena: bytes
    ) -> tuple[int, SyscallEffects, list[int]]:
        """Make a call: its result, the effects that were declared, and the addresses that changed nevertheless."""
        self.last = f"{entrance.abi.name} {name}{tuple(hex(argument) for argument in arguments)}"
        registers = self._registers | dict(zip(entrance.arguments, [*arguments, 0, 0, 0, 0, 0, 0]))
        registers |= {"rax": entrance.numbers[name], "orig_rax": (1 << 64) - 1, "rip": self._registers["rip"] + entrance.offset}
        self.memory.write(ARENA, arena)
        ptrace.set_registers(self.pid, struct.pack("<27Q", *[registers[name] & (1 << 64) - 1 for name in REGISTERS]))
        declared = effects(name, [registers[argument] for argument in entrance.arguments], _View(self.memory), entrance.abi)
        before = self._snapshot()
        ptrace.step(self.pid)
        self._wait()
        after = self._snapshot()
        result = struct.unpack_from("<q", ptrace.get_registers(self.pid, 216), 8 * REGISTERS.index("rax"))[0]
        return result, declared, [] if declared.unknown else undeclared(before, after, declared)


class _View:
    """A CpuView of the process."""

    def __init__(self, memory: ptrace.Memory) -> None:
        self.memory = memory.read

    def register(self, name: str) -> int:
        raise NotImplementedError


def undeclared(before: Snapshot, after: Snapshot, declared: SyscallEffects) -> list[int]:
    """The addresses that are mapped before and after, differ, and lie in no declared stretch."""
    if before == after:
        return []
    stretches = [(at, at + size) for at, size in declared.writes + declared.discards]
    old, new = _by_page(before), _by_page(after)
    changed = [page for page in new.keys() & old.keys() if old[page] != new[page]]
    addresses = (page + i for page in sorted(changed) for i in range(PAGE) if old[page][i] != new[page][i])
    return [address for address in addresses if not any(start <= address < end for start, end in stretches)]


def _by_page(snapshot: Snapshot) -> dict[int, bytes]:
    return {start + at: data[at : at + PAGE] for start, data in snapshot for at in range(0, len(data), PAGE)}
