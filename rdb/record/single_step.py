"""The single-step recorder: before each instruction save what it is about to change, then let the CPU execute it.

There are two ways through it.

* The *burst* is for plain instructions, nearly all: the plan (rdb.arch.process_record) says which registers and which memory,
  their old contents go straight into the newest segment, the instruction is stepped, and its layout number ends the record.
* The *comparison* (rdb.record.comparison) is for everything else: state is copied, the instruction runs, what differs is recorded.

Recording is transactional: the record of an instruction that did not execute (a fault, a signal that came first) is taken back.

Breakpoints are not written into memory while recording; pc is looked up in a set instead.  Watchpoints are noticed by the
instructions that write (or, for rwatch and awatch, read) the watched bytes, so they need no debug registers.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rdb.arch.base import Arch, Bank, Register
from rdb.arch.process_record import Plan, prepare
from rdb.events import AtBreakpoint, Reason, Stepped, Watch, WatchKind
from rdb.linux.procfs import PAGE
from rdb.linux.stepper import TRAPPED, Stepper
from rdb.record.entry import padded
from rdb.record.record_list import RecordList

_PAGE_SHIFT = PAGE.bit_length() - 1
# Instructions per burst: how long an interrupt may have to wait, some tens of milliseconds.
_BURST = 2048
_pack = struct.Struct("<Q").pack
_EVERYWHERE = range(1 << 64)


@dataclass(frozen=True)
class Until:
    """What ends a run of the recorder, beside what the program does.

    breakpoints  addresses to stop in front of
    within       go on while pc is in there (a stepping range)
    watches      stretches of memory to watch
    count        at most so many instructions
    """

    breakpoints: Collection[int] = ()
    within: Collection[int] = _EVERYWHERE
    watches: Sequence[Watch] = ()
    count: int | None = None


@dataclass(frozen=True)
class Arrived:
    """A step ended with another wait status than the usual one; nothing of the instruction was recorded."""

    status: int


@dataclass
class Slow:
    """The burst met an instruction that it cannot do; `plan` is its plan."""

    plan: Plan


Outcome = Arrived | Slow | tuple[Reason, ...] | None


class PlainStep(NamedTuple):
    """A plain plan, made ready for the burst: its layout's number, where in the banks the saved pieces are, what is written.

    Bytes behind each slice pad the saved piece to whole words.
    """

    layout: int
    general: tuple[slice, ...]
    extended: tuple[tuple[slice, bytes], ...]
    writes: tuple[tuple[int, Callable[[], int], bytes], ...]


class SingleStepRecorder:
    """Records one thread of one process into a record list."""

    def __init__(self, arch: Arch, stepper: Stepper, log: RecordList) -> None:
        self.arch, self.stepper, self.log = arch, stepper, log
        self.words = memoryview(stepper.general).cast("Q")
        self.pc_index = arch.registers[arch.pc].pieces[0].offset // 8
        self._steps: dict[int, PlainStep] = {}
        self._plans: dict[int, Plan] = {}
        self._code_pages: set[int] = set()

    # -- the thread as a CpuView

    @property
    def pc(self) -> int:
        return self.words[self.pc_index]

    def register(self, name: str) -> int:
        register = self.arch.registers[name]
        return int.from_bytes(self._register_bytes(register), "little")

    def _register_bytes(self, register: Register) -> bytes:
        general_only = all(piece.bank is Bank.GENERAL for piece in register.pieces) and register.view is None
        extended = b"" if general_only else self.extended()
        return self.arch.registers.get(register, (self.stepper.general, extended))

    def memory(self, address: int, size: int) -> bytes:
        return self.stepper.memory.read(address, size)

    def extended(self, size: int | None = None) -> bytearray:
        """The extended bank of the thread, in normal form: its first `size` bytes, or as much as ordinary programs use."""
        return self.arch.normal(bytes(self.stepper.extended(size or self.arch.registers.leading)))

    # -- recording

    def burst(self, until: Until, limit: int) -> Outcome:
        """Record at most `limit` plain instructions.

        The answer says why it ended: reasons to stop, an instruction that is not plain, a status that is not a step's, or None
        when the instructions or the room in the segment are used up.
        """
        segment, room = self.log.room()
        values, append = segment.values, segment.trace.append
        steps, words, pc_index, general = self._steps, self.words, self.pc_index, self.stepper.general
        once, read, file = self.stepper.once, os.pread, self.stepper.memory.file
        breakpoints, within, code_pages, pack = until.breakpoints, until.within, self._code_pages, _pack
        watches = until.watches
        bounded = within is not _EVERYWHERE
        pc = words[pc_index]
        for _ in range(min(limit, room)):
            step = steps.get(pc)
            if step is None or watches:
                plan = self._plans.get(pc) or self._prepare(pc)
                if not plan.plain or self._touches(plan, watches):
                    return Slow(plan)
                step = steps[pc]
            layout, saved, saved_extended, writes = step
            start = len(values)
            for piece in saved:
                values += general[piece]
            if saved_extended:
                extended = self.extended()
                for piece, padding in saved_extended:
                    values += extended[piece]
                    values += padding
            stale = False
            for size, address_of, padding in writes:
                address = address_of()
                try:
                    old = read(file, size, address)
                except (OSError, OverflowError):
                    old = b""
                if len(old) != size:
                    del values[start:]
                    return Slow(self._plans[pc])
                values += pack(address)
                values += old
                values += padding
                if address >> _PAGE_SHIFT in code_pages or address + size - 1 >> _PAGE_SHIFT in code_pages:
                    stale = True
            status = once()
            if status != TRAPPED:
                if status < 0:
                    status = self.stepper.arrived()
                if status != TRAPPED:
                    del values[start:]
                    return Arrived(status)
            append(layout)
            if stale:
                self.forget_code()
            pc = words[pc_index]
            if pc in breakpoints:
                return (AtBreakpoint(pc),)
            if bounded and pc not in within:
                return (Stepped(),)
        return None

    def forget_code(self) -> None:
        """Code may have changed: decode everything again."""
        self._steps.clear()
        self._plans.clear()
        self._code_pages.clear()

    def wrote(self, address: int, size: int) -> None:
        """Somebody other than a plain instruction wrote memory."""
        if any(page in self._code_pages for page in range(address >> _PAGE_SHIFT, (address + size - 1 >> _PAGE_SHIFT) + 1)):
            self.forget_code()

    def _prepare(self, pc: int) -> Plan:
        code = self.stepper.memory.read_some(pc, self.arch.max_instruction)
        plan = self._plans[pc] = prepare(self.arch, code, pc, self.words)
        if plan.plain:
            pieces = (*plan.general, *plan.extended)
            self._steps[pc] = PlainStep(
                self.log.layouts.layout(pc, pieces, [size for size, _ in plan.writes]).number,
                tuple(slice(offset, offset + size) for _, offset, size in plan.general),
                tuple((slice(offset, offset + size), _padding(size)) for _, offset, size in plan.extended),
                tuple((size, address_of, _padding(size)) for size, address_of in plan.writes),
            )
        self._code_pages.add(pc >> _PAGE_SHIFT)
        self._code_pages.add(pc + max(plan.effects.length, 1) - 1 >> _PAGE_SHIFT)
        return plan

    def _touches(self, plan: Plan, watches: Sequence[Watch]) -> bool:
        """Whether a plain instruction is about to write, or read, watched bytes that somebody wants to know about."""
        for operands, kinds in ((plan.writes, _ON_WRITE), (plan.reads, _ON_READ)):
            for size, address_of in operands:
                address = address_of()
                for watch in watches:
                    if watch.kind in kinds and address < watch.address + watch.length and watch.address < address + size:
                        return True
        return False


def _padding(size: int) -> bytes:
    return bytes(padded(size) - size)


_ON_WRITE = (WatchKind.WRITE, WatchKind.ACCESS)
_ON_READ = (WatchKind.READ, WatchKind.ACCESS)
