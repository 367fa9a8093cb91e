"""Getting inside a block: its instructions are executed again by single steps, and their entries take its place in the log.

Blocks hold nothing that would not do the same again (rdb.arch.translation), so the thread is given the
registers of the block's beginning, steps through it, and is put back.  What it comes to must be what the record says came of
the block when it was first executed: swapped records hold exactly that.  Where it is not (memory that is shared with another
process may hold something else by now) the block cannot be entered, and says so.
"""

from __future__ import annotations

from rdb.arch.base import Arch, Bank
from rdb.errors import RdbError
from rdb.linux import ptrace
from rdb.linux.inject import ALL_BUT_FAULTS
from rdb.record.compiled.block import Block
from rdb.record.compiled.segment import BlockSegment
from rdb.record.machine import Banks, Machine
from rdb.record.record_list import RecordList
from rdb.record.segment import Segment
from rdb.record.single_step import Arrived, Outcome, SingleStepRecorder, Until


class _One:
    """A record list of one segment, for a recorder to append to."""

    def __init__(self, log: RecordList, first: int) -> None:
        self.layouts = log.layouts
        self.segment = log.entries_from(first)

    def room(self) -> tuple[Segment, int]:
        self.segment.grows()
        return self.segment, self.segment.room


class Expansion:
    """Expands blocks of `log`, with the thread and the plans of `steps`."""

    def __init__(self, steps: SingleStepRecorder, log: RecordList) -> None:
        self._steps, self._log = steps, log
        self._arch: Arch = steps.arch

    def expand(self, position: int, machine: Machine) -> None:
        """Put entries in the place of the block that begins at `position`, where the machine stands."""
        segment = self._log.nearest(position)
        assert isinstance(segment, BlockSegment)
        execution, index = segment.execution(position)
        assert index == 0
        block = segment.block(execution)
        entries = self._step_through(block, position, segment.thread, machine)
        before = segment.part(segment.trace_start, execution)
        parts = [before, entries, segment.part(execution + 1, segment.trace_end)]
        self._log.replace(segment, [part for part in parts if len(part)])

    def _step_through(self, block: Block, position: int, thread: int, machine: Machine) -> Segment:
        stepper = self._steps.stepper
        live = bytearray(stepper.general), self._extended()
        mask = ptrace.signal_mask(stepper.pid)
        ptrace.set_signal_mask(stepper.pid, ALL_BUT_FAULTS)
        try:
            self._put(machine.banks[thread], block.pc)
            entries = self._record(block, position)
            after = self._banks()
            entries.move(0, len(entries), False, Machine({thread: after}, machine.read, machine.write, machine.remap))
        finally:
            self._put(live)
            ptrace.set_signal_mask(stepper.pid, mask)
        return entries

    def _record(self, block: Block, position: int) -> Segment:
        """The thread stands at the beginning of the block: record its instructions one by one."""
        steps, log = self._steps, self._steps.log
        one = _One(self._log, position)
        steps.forget_code()
        steps.log = one  # type: ignore[assignment]
        try:
            while len(one.segment) < len(block):
                done = len(one.segment)
                if steps.pc != block.addresses[done] or not self._goes_on(steps.burst(Until(), len(block) - done)):
                    raise RdbError(f"The block at {block.pc:#x} cannot be executed again.")
        finally:
            steps.log = log
            steps.forget_code()
        return one.segment

    def _goes_on(self, outcome: Outcome) -> bool:
        """Whether a burst has ended without having failed."""
        return outcome is None or isinstance(outcome, Arrived) and ptrace.tells_nothing(self._steps.stepper.pid, outcome.status)

    def _extended(self) -> bytearray:
        """The extended bank of the thread as the kernel has it."""
        return bytearray(self._steps.stepper.extended(self._arch.registers.sizes[Bank.EXTENDED]))

    def _banks(self) -> Banks:
        return bytearray(self._steps.stepper.general), self._arch.normal(self._extended())

    def _put(self, banks: Banks, pc: int | None = None) -> None:
        """Give the thread registers."""
        steps = self._steps
        steps.stepper.general[:] = banks[Bank.GENERAL]
        if pc is not None:
            steps.words[steps.pc_index] = pc
        steps.stepper.write_back()
        ptrace.set_extended(steps.stepper.pid, banks[Bank.EXTENDED])
