"""A system call that a signal has interrupted, and that the kernel has not decided about yet.

The kernel leaves the call with a result that no program ever sees (ERESTARTSYS and its kin).  What comes of it is decided when
the signal has been dealt with: the call begins again, by itself or, so that only the time that remains is slept, as
restart_syscall(2); or the handler finds that it has failed with EINTR.

For the history nothing has happened: the thread stands in front of the call, with the registers of before it, and that is what
everybody sees.  What the kernel had left is kept here and given back when the thread is made to move from just there.
"""

from __future__ import annotations

from dataclasses import dataclass

from rdb.linux.ptrace import UNDECIDED
from rdb.record.single_step import SingleStepRecorder


@dataclass(frozen=True)
class _Left:
    """The general registers before the call, and those that the kernel left."""

    before: bytes
    after: bytes


class InterruptedCalls:
    """At most one for each thread that `recorder` records."""

    def __init__(self, recorder: SingleStepRecorder) -> None:
        self.recorder = recorder
        self._left: dict[int, _Left] = {}

    def is_undecided(self) -> bool:
        """Whether the call that the thread comes from has such a result."""
        table, convention = self.recorder.arch.registers, self.recorder.arch.syscall
        result = table.get(table[convention.result], (self.recorder.stepper.general, b""))
        return int.from_bytes(result, "little", signed=True) in UNDECIDED

    def begin(self) -> None:
        """Recording begins: a thread that stands inside a call (attached to, interrupted) is put in front of it."""
        stepper, table, convention = self.recorder.stepper, self.recorder.arch.registers, self.recorder.arch.syscall
        kernels = f"orig_{convention.number}"
        if kernels not in table.by_name or not self.is_undecided():
            return
        banks = (bytearray(stepper.general), bytearray())
        number = table.get(table[kernels], banks)
        if int.from_bytes(number, "little", signed=True) < 0:
            return
        pc = table[self.recorder.arch.pc]
        place = int.from_bytes(table.get(pc, banks), "little") - len(convention.instruction)
        table.put(pc, banks, place.to_bytes(pc.size, "little"))
        table.put(table[convention.number], banks, number)
        table.put(table[kernels], banks, b"\xff" * len(number))
        self.take_back(bytes(banks[0]))

    def take_back(self, before: bytes) -> None:
        """Put the thread in front of the call again, where its registers were `before`."""
        stepper = self.recorder.stepper
        self._left[stepper.pid] = _Left(before, bytes(stepper.general))
        stepper.general[:] = before
        stepper.write_back()

    def give_back(self) -> None:
        """The thread is about to move: if it stands in front of an interrupted call, let the kernel decide about that."""
        stepper = self.recorder.stepper
        left = self._left.pop(stepper.pid, None)
        if left is not None and left.before == stepper.general:
            stepper.general[:] = left.after
            stepper.write_back()

    def ended(self, thread: int) -> None:
        """A thread is no more."""
        self._left.pop(thread, None)

    def forget(self) -> None:
        """The threads are about to be given other registers: their calls are not under way any more."""
        self._left.clear()
