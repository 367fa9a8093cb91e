"""The single-step recorder: before each instruction save what it is about to change, then let the CPU execute it.

There are two ways through it.

* The *burst* is for plain instructions, nearly all: the plan (rdb.arch.process_record) says which registers and which memory, and
  the step loop (rdb.linux.step_loop) keeps their old contents and steps.  It does so without us once it knows an instruction; we
  are needed for those that are new, write vector registers or store to pages with code or watched bytes.  After the burst the
  records are made of what it kept, all at once (rdb.record.burst).
* The *comparison* (rdb.record.comparison) is for everything else: state is copied, the instruction runs, and what differs is
  recorded.

Recording is transactional: the record of an instruction that did not execute (a fault, a signal that came first) is taken back.

Breakpoints are not written into memory while recording; pc is looked up in a set instead.  Watchpoints are noticed by the
instructions that write (or, for rwatch and awatch, read) the watched bytes, so they need no debug registers.

What is known of an instruction holds as long as its bytes do.  Stores to code are noticed; code that may change without that
(rdb.record.changing_code, and with the compiled recorder whatever can be written to) is looked at each time.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rdb.address import Range
from rdb.arch.base import Arch, Bank, Register
from rdb.arch.process_record import Plan, prepare
from rdb.events import NO_CALLS, AtBreakpoint, Calls, Reason, Stepped, Watch, WatchKind
from rdb.linux import procfs
from rdb.linux.procfs import PAGE
from rdb.linux.step_loop import EVERYWHERE, MOST_SAVED
from rdb.linux.stepper import TRAPPED, Stepper
from rdb.record.changing_code import CodeMap
from rdb.record.entry import padded
from rdb.record.record_list import RecordList

if TYPE_CHECKING:
    from rdb.record.burst import Weaver
    from rdb.record.comparison import Comparison

_PAGE_SHIFT = PAGE.bit_length() - 1
# So many bytes are not searched for instructions one by one.
_LARGE = 64
_pack = struct.Struct("<Q").pack


@dataclass(frozen=True)
class Until:
    """What ends a run of the recorder, beside what the program does.

    breakpoints  addresses to stop in front of
    within       go on while pc is in there (a stepping range)
    watches      stretches of memory to watch
    count        at most so many instructions
    passed       signals whose delivery in the past is not stopped for
    calls        system calls to stop in front of and behind
    """

    breakpoints: Collection[int] = ()
    within: Range = EVERYWHERE
    watches: Sequence[Watch] = ()
    count: int | None = None
    passed: Collection[int] = range(1, 65)
    calls: Calls = NO_CALLS


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
    """A plain plan, made ready for the burst: its layout's number, what is saved beside general registers (`reach` says how much
    of the extended bank that takes), and what the step loop may be told of it.

    The bytes behind each slice, size or address pad the saved piece to whole words.
    """

    layout: int
    extended: tuple[tuple[slice, bytes], ...]
    reach: int
    writes: tuple[tuple[int, Callable[[], int], bytes], ...]
    entry: bytes | None


class Decoded(NamedTuple):
    """What the instruction `code` was found to be; `step` is None when it is none for a burst."""

    code: bytes
    plan: Plan
    step: PlainStep | None


class SingleStepRecorder:
    """Records the thread that `stepper` has selected into a record list; what it knows of instructions is the process's."""

    def __init__(self, arch: Arch, stepper: Stepper, log: RecordList) -> None:
        self.arch, self.stepper, self.log = arch, stepper, log
        # Threads end, also that whose turn it is.
        self.process = procfs.process_of(stepper.pid)
        self.words = memoryview(stepper.general).cast("Q")
        self.pc_index = arch.registers[arch.pc].pieces[0].offset // 8
        self._steps: dict[int, PlainStep] = {}
        self._plans: dict[int, Plan] = {}
        self._decoded: dict[int, Decoded] = {}
        self._code_pages: set[int] = set()
        # The pages with code that may change unnoticed, so far as anybody has asked: what is there is looked at each time.
        self._unsteady: dict[int, bool] = {}
        self._map: CodeMap | None = None
        # Whether nobody else executes and records instructions.
        self.is_alone = True
        self._watches: Sequence[Watch] = ()
        self._under_way: list[Comparison] = []
        self.settle: Callable[[], None] = lambda: None
        self._weaver: Weaver | None = None
        # Counts how often code may have changed.
        self.generation = 0

    # -- the thread as a CpuView

    @property
    def pc(self) -> int:
        return self.words[self.pc_index]

    def register(self, name: str) -> int:
        index = self.arch.registers.words.get(name)
        if index is not None:
            return self.words[index]
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
        when the instructions or the room are used up.
        """
        segment, room = self.log.room()
        self._look_out_for(until)
        self.stepper.loop.begin(min(limit, room), until.within)
        try:
            return self._stride(until)
        finally:
            self.weaver.weave(segment.trace, segment.values)

    @property
    def weaver(self) -> Weaver:
        """What makes the records after a burst."""
        if self._weaver is None:
            from rdb.record.burst import Weaver

            self._weaver = Weaver(self.stepper.loop)
        return self._weaver

    def _stride(self, until: Until) -> Outcome:
        """Work out what the step loop does not know, and let it go on, until there is a reason to stop."""
        loop, steps, words, pc_index = self.stepper.loop, self._steps, self.words, self.pc_index
        breakpoints, within, watches = until.breakpoints, until.within, until.watches
        bounded = within is not EVERYWHERE
        single = any(watch.kind is not WatchKind.WRITE for watch in watches)
        pc = words[pc_index]
        while loop.has_room():
            step = steps.get(pc)
            if step is None or watches or self._is_unsteady(pc):
                plan = self._plans.get(pc)
                if plan is None or self._is_unsteady(pc):
                    plan = self._prepare(pc)
                if pc not in steps or self._touches(plan, watches):
                    return Slow(plan)
                step = steps[pc]
            stale, saved = False, b""
            if step.extended or step.writes:
                saving = self._save(step)
                if saving is None:
                    return Slow(self._plans[pc])
                saved, stale = saving
            if step.entry is not None and pc not in breakpoints and not self._is_unsteady(pc):
                loop.know(pc, step.entry)
            loop.put(step.layout, saved)
            status = loop.go(single or stale)
            if status != TRAPPED:
                return Arrived(status)
            if stale:
                self.forget_code()
            pc = words[pc_index]
            if pc in breakpoints:
                return (AtBreakpoint(pc),)
            if bounded and pc not in within:
                return (Stepped(),)
        return None

    def _save(self, step: PlainStep) -> tuple[bytes, bool] | None:
        """What the instruction is about to change beside general registers, and whether code is in that.

        None if it is not readable, or is memory that a system call under way may write at the same time.
        """
        saved, stale = b"", False
        if step.extended:
            extended = self.extended(step.reach)
            saved = b"".join(extended[piece] + padding for piece, padding in step.extended)
        for size, address_of, padding in step.writes:
            address = address_of()
            try:
                old = os.pread(self.stepper.memory.file, size, address)
            except (OSError, OverflowError):
                return None
            if len(old) != size:
                return None
            if any(comparison.touches(address, size) for comparison in self._under_way):
                return None
            saved += _pack(address) + old + padding
            stale = stale or self._holds_code(address, size)
        return saved, stale

    def _look_out_for(self, until: Until) -> None:
        """Make the step loop stop at breakpoints, and at stores to pages with watched bytes."""
        for address in until.breakpoints:
            self.stepper.loop.forget(address)
        if until.watches is not self._watches:
            self._watches = until.watches
            self._leave_stores()

    def _leave_stores(self) -> None:
        """Have stores to code, or to what is watched, left to us by the step loop."""
        watched = (_pages(watch.address, watch.length) for watch in self._watches)
        written = (_pages(start, len(data)) for comparison in self._under_way for start, data in comparison.memory)
        self.stepper.loop.leave_stores(self._code_pages.union(*watched, *written))

    def mind(self, under_way: list[Comparison]) -> None:
        """These system calls are under way in other threads: what they may write is not for the step loop to write to.

        `settle` is called to record what they have written so far.
        """
        had, self._under_way = any(each.memory for each in self._under_way), under_way
        if had or any(each.memory for each in under_way):
            self._leave_stores()

    def about_to_copy(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Somebody is about to compare this memory: first record what calls under way have written there."""
        if any(comparison.touches(*stretch) for comparison in self._under_way for stretch in stretches):
            self.settle()

    def forget_code(self) -> None:
        """Code may have changed: compare every instruction with what was decoded, before it is executed again."""
        self.generation += 1
        self._steps.clear()
        self._plans.clear()
        self._code_pages.clear()
        self._unsteady.clear()
        self._map = None
        self.stepper.loop.forget_all()
        self._leave_stores()

    def wrote(self, address: int, size: int) -> None:
        """Somebody other than a plain instruction wrote memory, and has recorded it."""
        for comparison in self._under_way:
            comparison.keep_up(address, size)
        if self._holds_code(address, size) or not self.is_alone and self._is_steady_code(address):
            self.forget_code()

    def _is_steady_code(self, address: int) -> bool:
        """Whether somebody else may know instructions at `address`, and not look whether they are still there."""
        code = self._code_map()
        mapping = code.at(address)
        return mapping is not None and mapping.executable and not code.can_change(mapping)

    def _holds_code(self, address: int, size: int) -> bool:
        """Whether instructions that we know lie in these bytes; in case of doubt, when there are many bytes, yes."""
        if self._code_pages.isdisjoint(_pages(address, size)):
            return False
        longest = self.arch.max_instruction
        near = range(address - longest + 1, address + size)
        return size > _LARGE or any(
            pc + (self._plans[pc].effects.length or longest) > address for pc in near if pc in self._plans
        )

    def _is_unsteady(self, pc: int) -> bool:
        """Whether the code at `pc` may change without our noticing."""
        page = pc >> _PAGE_SHIFT
        if page not in self._unsteady:
            code = self._code_map()
            # An instruction may reach into the next page.
            mappings = [code.at(each << _PAGE_SHIFT) for each in (page, page + 1)]
            can_change = code.has_two_addresses if self.is_alone else code.can_change
            self._unsteady[page] = any(mapping is not None and can_change(mapping) for mapping in mappings)
        return self._unsteady[page]

    def _code_map(self) -> CodeMap:
        self._map = self._map or CodeMap(self.process)
        return self._map

    def _prepare(self, pc: int) -> Plan:
        """The plan of the instruction that is now at `pc`; from here on a store to it is noticed."""
        code = self.stepper.memory.read_some(pc, self.arch.max_instruction)
        decoded = self._decoded.get(pc)
        if decoded is None or decoded.code != code[: len(decoded.code)]:
            decoded = self._decoded[pc] = self._decode(code, pc)
        self._plans[pc] = decoded.plan
        if decoded.step is not None:
            self._steps[pc] = decoded.step
        else:
            self._steps.pop(pc, None)
        for page in _pages(pc, len(decoded.code) or 1):
            self._code_pages.add(page)
            self.stepper.loop.leave_store(page)
        return decoded.plan

    def _decode(self, code: bytes, pc: int) -> Decoded:
        plan = prepare(self.arch, code, pc, self.words)
        return Decoded(code[: plan.effects.length or None], plan, self._make_ready(plan) if plan.plain else None)

    def _make_ready(self, plan: Plan) -> PlainStep | None:
        """What a burst needs to execute a plain plan; None if the plan saves more than there is room for."""
        loop = self.stepper.loop
        layout = self.log.layouts.layout(plan.pc, (*plan.general, *plan.extended), [size for size, _ in plan.writes])
        if layout.size > MOST_SAVED:
            return None
        entry = None
        if not plan.extended and len(plan.writes) <= 1:
            entry = loop.entry(plan.pc, layout.number, *((plan.writes[0][0], plan.places[0]) if plan.writes else ()))
        self.weaver.add(layout)
        return PlainStep(
            layout.number,
            tuple((slice(offset, offset + size), _padding(size)) for _, offset, size in plan.extended),
            max((self.arch.registers.leading, *(offset + size for _, offset, size in plan.extended))),
            tuple((size, address_of, _padding(size)) for size, address_of in plan.writes),
            entry,
        )

    def _touches(self, plan: Plan, watches: Sequence[Watch]) -> bool:
        """Whether a plain instruction is about to write, or read, watched bytes that somebody wants to know about."""
        for operands, kinds in ((plan.writes, _ON_WRITE), (plan.reads, _ON_READ)):
            for size, address_of in operands:
                address = address_of()
                for watch in watches:
                    if watch.kind in kinds and watch.touches(address, size):
                        return True
        return False


def _pages(address: int, size: int) -> range:
    """The numbers of the pages that hold these bytes."""
    return range(address >> _PAGE_SHIFT, (address + size - 1 >> _PAGE_SHIFT) + 1)


def _padding(size: int) -> bytes:
    return bytes(padded(size) - size)


_ON_WRITE = (WatchKind.WRITE, WatchKind.ACCESS)
_ON_READ = (WatchKind.READ, WatchKind.ACCESS)
