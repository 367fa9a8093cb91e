"""What the kernel keeps about the signals of a process: which are caught, which are blocked, where handlers have their stack.

Which signals are caught and blocked stands in /proc.  Alternate stacks and handlers can only be asked for by the thread itself,
by calls that we inject; so whoever wants to know them asks when it is safe to inject (rdb.linux.inject), and remembers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

from rdb.arch.linux.structures import Abi
from rdb.errors import RdbError
from rdb.linux import procfs
from rdb.linux.inject import Injector

# <linux/signal.h>: flags of an alternate stack.
SS_DISABLE = 2
SS_AUTODISARM = 1 << 31
_SCRATCH = 64
_RED_ZONE = 128
_EFAULT = -14


def dispositions(thread: int) -> tuple[int, int]:
    """The signals that have a handler and those that are ignored explicitly, bit N - 1 for signal N."""
    status = procfs.status(thread)
    return int(status["SigCgt"], 16), int(status["SigIgn"], 16)


def blocked(thread: int) -> int:
    """The signals that the thread has blocked at this moment, bit N - 1 for signal N."""
    return int(procfs.status(thread)["SigBlk"], 16)


def bit(number: int) -> int:
    """The bit of a signal in a set of signals."""
    return 1 << number - 1


def send(process: int, thread: int, number: int) -> None:
    """tgkill(2)."""
    ctypes.CDLL(None, use_errno=True).tgkill(process, thread, number)


@dataclass(frozen=True)
class AlternateStack:
    """A stack_t, sigaltstack(2): where handlers that were set with SA_ONSTACK have their stack."""

    start: int = 0
    size: int = 0
    flags: int = SS_DISABLE

    @property
    def top(self) -> int:
        return self.start + self.size

    @property
    def enabled(self) -> bool:
        return self.size > 0 and not self.flags & SS_DISABLE

    def holds(self, sp: int) -> bool:
        """Whether a stack pointer is on it; one that disarms itself is never in use as far as the kernel knows."""
        return not self.flags & SS_AUTODISARM and self.start < sp <= self.top

    def after_delivery(self) -> AlternateStack:
        """What is left of it when a handler has been entered."""
        return AlternateStack() if self.flags & SS_AUTODISARM else self


def alternate_stack(injector: Injector, abi: Abi, sp: int) -> AlternateStack:
    """The alternate stack of the thread that `injector` makes calls in, and whose stack pointer is `sp`."""
    data = _asked(injector, sp, abi.sizes["stack_t"], "sigaltstack", 0)
    start, size = (int.from_bytes(data[at : at + abi.word], "little") for at in (0, 2 * abi.word))
    # SS_ONSTACK is no property of the stack but tells where the thread is.
    return AlternateStack(start, size, int.from_bytes(data[abi.word : abi.word + 4], "little") & ~1)


def _asked(injector: Injector, sp: int, size: int, name: str, *arguments: int) -> bytes:
    """What a call writes through its last argument: at first below the stack, else where the program may write at all."""
    for place in _places(injector, sp):
        saved = injector.memory.read_some(place, size)
        if len(saved) < size:
            continue
        try:
            result = injector.call(name, *arguments, place)
            answer = injector.memory.read(place, size)
        finally:
            injector.memory.write(place, saved)
        if result != _EFAULT:
            return answer
    raise RdbError(f"The kernel cannot be asked by {name}: no memory can be written.")


def _places(injector: Injector, sp: int) -> Iterator[int]:
    yield (sp - _RED_ZONE - _SCRATCH) & ~15
    yield from (mapping.start for mapping in procfs.mappings(injector.pid) if mapping.writable and not mapping.shared)
