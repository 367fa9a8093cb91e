"""What the kernel keeps about the signals of a process: which are caught, which are blocked, where handlers have their stack.

Which signals are caught and blocked stands in /proc.  Alternate stacks and handlers can only be asked for by the thread itself,
by calls that we inject; so whoever wants to know them asks when it is safe to inject (rdb.linux.inject), and remembers.
"""

from __future__ import annotations

from dataclasses import dataclass

from rdb.arch.linux.structures import Abi
from rdb.linux import procfs, ptrace
from rdb.linux.inject import Injector

# <linux/signal.h>: flags of an alternate stack.
SS_DISABLE = 2
_SS_ONSTACK = 1
SS_AUTODISARM = 1 << 31
# <asm-generic/signal-defs.h>
_SA_RESETHAND = 1 << 31


def sets(thread: int) -> tuple[int, int, int]:
    """The signals that have a handler, that are ignored explicitly, and that the thread has blocked; bit N - 1 for signal N."""
    status = procfs.status(thread)
    return int(status["SigCgt"], 16), int(status["SigIgn"], 16), int(status["SigBlk"], 16)


def bit(number: int) -> int:
    """The bit of a signal in a set of signals."""
    return 1 << number - 1


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


def alternate_stack(injector: Injector, abi: Abi) -> AlternateStack:
    """The alternate stack of the thread that `injector` makes calls in."""
    with injector.scratch(bytes(abi.sizes["stack_t"])) as place:
        injector.call("sigaltstack", 0, place)
        data = injector.memory.read(place, abi.sizes["stack_t"])
    start, size = (int.from_bytes(data[at : at + abi.word], "little") for at in (0, 2 * abi.word))
    # SS_ONSTACK is no property of the stack but tells where the thread is.
    return AlternateStack(start, size, int.from_bytes(data[abi.word : abi.word + 4], "little") & ~_SS_ONSTACK)


def set_alternate_stack(injector: Injector, abi: Abi, stack: AlternateStack) -> int:
    """Give the thread an alternate stack; the result of the call."""
    words = (stack.start, stack.flags, stack.size)
    with injector.scratch(b"".join(word.to_bytes(abi.word, "little") for word in words)) as place:
        return injector.call("sigaltstack", place, 0)


def action(injector: Injector, abi: Abi, number: int) -> bytes:
    """The kernel's struct sigaction of a signal: handler, flags, restorer and mask; empty for a signal that has none."""
    with injector.scratch(bytes(abi.sizes["sigaction"])) as place:
        if injector.call("rt_sigaction", number, 0, place, ptrace.SIGSET_SIZE):
            return b""
        return injector.memory.read(place, abi.sizes["sigaction"])


def set_action(injector: Injector, number: int, value: bytes) -> int:
    """Give a signal a struct sigaction as the kernel has it; the result of the call."""
    with injector.scratch(value) as place:
        return injector.call("rt_sigaction", number, place, 0, ptrace.SIGSET_SIZE)


def handler(value: bytes, abi: Abi) -> int:
    """The handler in a struct sigaction of the kernel; SIG_DFL is 0, SIG_IGN is 1."""
    return int.from_bytes(value[: abi.word], "little")


def with_handler(value: bytes, abi: Abi, address: int) -> bytes:
    """A struct sigaction of the kernel with another handler."""
    return address.to_bytes(abi.word, "little") + value[abi.word :]


def is_for_once(value: bytes, abi: Abi) -> bool:
    """Whether a struct sigaction of the kernel has SA_RESETHAND: its handler is taken away when it is entered."""
    return bool(int.from_bytes(value[abi.word : 2 * abi.word], "little") & _SA_RESETHAND)
