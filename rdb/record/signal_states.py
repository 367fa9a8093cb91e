"""What the kernel keeps for the signals of a thread, as states of the ledger: the mask and the alternate stack.

The delivery of signals (rdb.record.signal_delivery) sees every change of them and tells the ledger, so that a program that goes
on from its past has the mask and the alternate stack of that moment.
"""

from __future__ import annotations

from dataclasses import dataclass

from rdb.arch.linux.structures import Abi
from rdb.errors import PtraceFailed
from rdb.linux import ptrace, signal_state
from rdb.linux.signal_state import AlternateStack
from rdb.record.kernel_state import CannotPutBack, NoOwner, Process, State


@dataclass(frozen=True)
class SignalMask:
    """The signals that a thread has blocked: a sigset_t."""

    thread: int

    def read(self, process: Process) -> object:
        try:
            return ptrace.signal_mask(self.thread)
        except PtraceFailed:
            raise NoOwner() from None

    def write(self, process: Process, value: object) -> None:
        assert isinstance(value, bytes)
        try:
            ptrace.set_signal_mask(self.thread, value)
        except PtraceFailed as error:
            raise CannotPutBack(str(error)) from None

    def title(self, process: Process, value: object) -> str:
        return "the signal mask"

    def loss(self, process: Process, value: object) -> str:
        return "changed the signal mask"

    def within(self) -> State | None:
        return None


@dataclass(frozen=True)
class SignalStack:
    """The alternate stack of a thread: an AlternateStack."""

    thread: int
    abi: Abi

    def __hash__(self) -> int:
        return hash(self.thread)

    def read(self, process: Process) -> object:
        self._aim(process)
        try:
            return signal_state.alternate_stack(process.injector, self.abi)
        except PtraceFailed:
            raise NoOwner() from None

    def write(self, process: Process, value: object) -> None:
        assert isinstance(value, AlternateStack)
        self._aim(process)
        if signal_state.set_alternate_stack(process.injector, self.abi, value):
            raise CannotPutBack("sigaltstack")

    def _aim(self, process: Process) -> None:
        process.injector.pid = self.thread

    def title(self, process: Process, value: object) -> str:
        return "the alternate stack"

    def loss(self, process: Process, value: object) -> str:
        return "changed the alternate stack"

    def within(self) -> State | None:
        return None
