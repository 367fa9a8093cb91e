"""The recorded past as a place to be in: a position in the record list, and the machine as it was there.

Nothing executes.  A resume in either direction is a search over the list (rdb.record.replay) and one move; where each instruction
must be looked at (a step within a range, reads for rwatch and awatch), it is a walk.

One thread is the current one: its registers are looked at, and it is the one that steps.  Its next instruction may lie behind
those of other threads; a step passes over these, and ends early where one of them gives a reason to stop.  The current thread is
then the one that the reason is about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rdb.address import Range
from rdb.arch.base import Arch, Bank
from rdb.errors import RdbError
from rdb.events import (
    INTERRUPT,
    NO_CALLS,
    Accessed,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Reason,
    Resume,
    Stepped,
    Watch,
    WatchKind,
)
from rdb.linux.ptrace import Memory
from rdb.record.address_space import AddressSpace
from rdb.record.deliveries import signalled
from rdb.record.machine import Banks, Machine
from rdb.record.mappings import MappingChange
from rdb.record.record_list import RecordList
from rdb.record.replay import Found, search, survivor, uneventful
from rdb.record.single_step import Until
from rdb.target.native import NativeTarget

# How many instructions a move takes before it looks for an interrupt: a few milliseconds, or some hundred by single-step records.
_STAGE = 1 << 19
# So many steps are made one by one before it is looked how far they lead: most lines are left sooner.
_FEW = 8


class _Interrupted(Exception):
    """An interrupt was asked for during a search or between two stages of a move."""


class Past:
    """`position` is where we are, `number` the current thread's (rdb.record.turns).

    At the newest position the process itself is the truth, and `machine.banks` are stale, save those of threads that have ended.
    """

    def __init__(self, process: NativeTarget, arch: Arch, log: RecordList, space: AddressSpace) -> None:
        self.process, self.arch, self.log = process, arch, log
        self.position = 0
        self.number = 0
        self.machine = Machine({}, process.read_memory, process.write_memory, self._remap, space.aliased)
        self._space = space
        self.interrupted = False
        # Takes a position at which a block begins, and the machine that stands there: makes the block's instructions positions.
        self.expand: Callable[[int, Machine], None] = _nothing_to_expand

    @property
    def replaying(self) -> bool:
        """Whether we are in the past at all."""
        return self.position < self.log.high

    @property
    def thread(self) -> int:
        """The id of the current thread."""
        return self.log.turns.lives[self.number].thread

    @property
    def pc(self) -> int:
        return self._pc(self.bank(Bank.GENERAL) if self.replaying else self.process.read_bank(Bank.GENERAL))

    @property
    def memory(self) -> Memory:
        return self.process.memory

    def threads(self) -> list[int]:
        """The ids of the threads that exist where we are."""
        return [self.log.turns.lives[number].thread for number in self._existing()]

    def lost(self) -> list[int]:
        """The ids of threads that exist here and have ended since; RdbError if that is all of them: nobody could go on."""
        lives, existing = self.log.turns.lives, self._existing()
        lost = [lives[number].thread for number in existing if lives[number].died is not None]
        if len(lost) == len(existing):
            raise RdbError("All threads that exist at this point have ended in the meantime: the program cannot go on from here.")
        return lost

    def unborn(self) -> list[int]:
        """The ids of threads that live, but do not exist here yet."""
        return [life.thread for life in self.log.turns.lives if life.died is None and life.born > self.position]

    def _existing(self) -> list[int]:
        return self.log.turns.existing(self.position)

    def select(self, thread: int) -> None:
        """Make a thread that exists here the current one."""
        number = self.log.turns.number(thread, self.position)
        if number is None:
            raise RdbError(f"LWP {thread} does not exist at this point of the recording.")
        self.number = number

    def bank(self, bank: Bank) -> bytes:
        """A register bank of the current thread, in the past."""
        banks = self.machine.banks[self.number]
        self._put(banks, self.arch.pc, self.log.pc_of(self.number, self.position))
        return bytes(banks[bank])

    def live_banks(self, thread: int) -> Banks:
        """The registers of a thread of the process."""
        current = self.process.thread
        self.process.select_thread(thread)
        banks = bytearray(self.process.read_bank(Bank.GENERAL)), bytearray(self.process.read_bank(Bank.EXTENDED))
        self.process.select_thread(current)
        return banks

    # -- moving

    def goto(self, position: int) -> None:
        """Move to any position of the history; the current thread is the one whose instruction comes there."""
        if not self.log.low <= position <= self.log.high:
            raise RdbError(f"Target insn not found at {position}.")
        self._move(position, self.log.turns.at(position))

    def _move(self, position: int, number: int) -> None:
        if not self.replaying:
            self._leave_present()
        boundary = self.log.boundary(position)
        self.log.move(self.position, boundary, self.machine)
        if boundary != position:
            self.expand(boundary, self.machine)
            self.log.move(boundary, position, self.machine)
        self.position, self.number = position, survivor(self.log, number, position)
        if not self.replaying:
            self.process.select_thread(self.thread)

    def _leave_present(self) -> None:
        """From here on the registers are ours."""
        for number in self.log.turns.existing(self.log.high):
            life = self.log.turns.lives[number]
            general, extended = self.live_banks(life.thread)
            self.machine.banks[number] = banks = self.arch.settled(general), extended
            life.pc = self._pc(banks[Bank.GENERAL])

    def _remap(self, change: MappingChange, forward: bool, number: int) -> None:
        """Do or undo what a call of thread `number` did to the address space."""
        lives = self.log.turns.lives
        if lives[number].died is None:
            self._space.injector.pid = lives[number].thread
        elif change.rseq is not None or change.segments is not None:
            return  # it was the thread's own, and went with it
        else:
            self._space.injector.pid = next(life.thread for life in lives if life.died is None)
        self._space.switch(change, forward)

    def make_present(self) -> None:
        """Give the threads the registers of this position, and cut off the future.

        Those that have ended since do not come back: it is as if they ended here.
        """
        kernels = f"orig_{self.arch.syscall.number}"
        lost = [number for number in self._existing() if self.log.turns.lives[number].died is not None]
        current = next(number for number in (self.number, *self._existing()) if number not in lost)
        for number in self._existing():
            if number in lost:
                continue
            self.number = number
            banks = self.machine.banks[number]
            if kernels in self.arch.registers.by_name:
                # No system call is under way that the kernel could want to restart.
                self._put(banks, kernels, -1)
            self.process.select_thread(self.thread)
            for bank in Bank:
                self.process.write_bank(bank, self.bank(bank))
        self.number = current
        self.process.select_thread(self.thread)
        self.log.cut(self.position)
        for number in lost:
            self.log.turns.died(number, self.position)

    def _pc(self, general: bytes | bytearray) -> int:
        return int.from_bytes(self.arch.registers.get(self.arch.registers[self.arch.pc], (general, b"")), "little")

    def _put(self, banks: Banks, name: str, value: int) -> None:
        register = self.arch.registers[name]
        mask = (1 << 8 * register.size) - 1
        self.arch.registers.put(register, banks, (value & mask).to_bytes(register.size, "little"))

    def signal_info(self) -> bytes:
        """The siginfo_t of the signal that the current thread is about to get; b"" if there is none."""
        delivery = self.log.deliveries.at(self.position)
        return delivery.info if delivery is not None and delivery.number == self.number else b""

    # -- resuming

    def resume(self, request: Resume, until: Until) -> tuple[Reason, ...]:
        """Go where `request` leads; every reason to stop there, for the thread that is then the current one."""
        if not self.replaying:
            self.select(self.process.thread)
        try:
            if request.step:
                return self._steps(request, until)
            found = self._search(request.direction, until)
            if any(watch.kind is not WatchKind.WRITE for watch in until.watches):
                return self._walk(request.direction, until, found)
            self._travel(found)
            return found.reasons
        except _Interrupted:
            return (INTERRUPT,)

    def _give_up(self) -> None:
        if self.interrupted:
            raise _Interrupted

    def _search(self, direction: Direction, until: Until) -> Found:
        self._give_up()
        self.log.look_up = self._give_up
        try:
            return search(self.log, self.number, self.position, direction, until, self.process.read_memory)
        finally:
            self.log.look_up = None

    def _travel(self, found: Found) -> None:
        """Move there in stages, between which an interrupt is answered."""
        while abs(found.position - self.position) > 2 * _STAGE:
            self._give_up()
            stage = self.log.boundary(self.position + (_STAGE if found.position > self.position else -_STAGE))
            self._move(stage, self.log.turns.at(stage))
        self._give_up()
        self._move(found.position, found.number)

    def _steps(self, request: Resume, until: Until) -> tuple[Reason, ...]:
        """Step by step, once or while pc stays within the range; what is long is searched through, and moved over at once."""
        number, steps = self.number, 0
        if request.within is None:
            until = replace(until, calls=NO_CALLS)
        while not self.interrupted:
            steps += 1
            if request.within is not None and steps % _FEW == 0:
                self._run_ahead(request.direction, request.within, until)
            reasons = self._step(request.direction, until)
            if reasons is not None:
                return reasons
            pc = self.pc
            if request.within is None or pc not in request.within or self.number != number:
                return (Stepped(),)
            if request.direction is Direction.REVERSE and pc == request.within.start:
                return (Stepped(),)
        return (INTERRUPT,)

    def _run_ahead(self, direction: Direction, within: Range, until: Until) -> None:
        """Go on stepping in a range, as far as nothing but that happens."""
        if self._own(direction) != self.position - (direction is Direction.REVERSE):
            return
        if all(watch.kind is WatchKind.WRITE for watch in until.watches):
            end = uneventful(self.log, self.position, direction, within, until, self.process.read_memory)
            self._travel(Found(end, self.number, ()))

    def _step(self, direction: Direction, until: Until) -> tuple[Reason, ...] | None:
        """Let the current thread make a step; the reasons to stop on the way or there, or None."""
        forward = direction is Direction.FORWARD
        own = self._own(direction)
        if own is None:
            return self._step_without(direction, until)
        # Where it stands in front of its instruction, or behind it.
        near = own if forward else own + 1
        if near != self.position:
            reasons = self._pass(direction, until, near)
            if reasons is not None:
                return reasons
        return self._one(direction, until)

    def _own(self, direction: Direction) -> int | None:
        """The next instruction of the current thread in `direction`."""
        if direction is Direction.REVERSE:
            return self.log.turns.previous(self.number, self.position, self.log.low)
        return self.log.next_of(self.number, self.position)

    def _step_without(self, direction: Direction, until: Until) -> tuple[Reason, ...]:
        """The current thread has no more instruction: go to the end of history, or backwards in front of what made it."""
        born = self.log.turns.lives[self.number].born
        if direction is Direction.FORWARD or born <= self.log.low:
            end = self.log.high if direction is Direction.FORWARD else self.log.low
            return self._pass(direction, until, end) or (EndOfHistory(direction),)
        return self._pass(direction, until, born) or self._one(direction, until) or (Stepped(),)

    def _pass(self, direction: Direction, until: Until, position: int) -> tuple[Reason, ...] | None:
        """Go to `position` over what other threads did; the reasons to stop on the way or there, or None."""
        forward = direction is Direction.FORWARD
        found = self._search(direction, until)
        if (found.position > position) if forward else (found.position < position):
            found = Found(position, self.number, ())
        if any(watch.kind is not WatchKind.WRITE for watch in until.watches):
            return self._walk(direction, until, found) or None
        self._travel(found)
        return found.reasons or None

    def _one(self, direction: Direction, until: Until) -> tuple[Reason, ...] | None:
        """Move by one instruction, whosever it is; the reasons to stop there, or None."""
        forward = direction is Direction.FORWARD
        target = self.position + (1 if forward else -1)
        if not self.log.low <= target <= self.log.high:
            return (EndOfHistory(direction),)
        stepping = self.number
        number = self.log.turns.at(min(self.position, target))
        watched = [(watch, self.memory.read_some(watch.address, watch.length)) for watch in until.watches]
        read = self._reads(self.position, until.watches) if forward else set()
        self._move(target, number)
        if not forward:
            read = self._reads(target, until.watches)
        reasons: list[Reason] = []
        for watch, old in watched:
            new = self.memory.read_some(watch.address, watch.length)
            if watch.triggers(old != new, watch in read):
                reasons.append(Accessed(watch, *((old, new) if forward else (new, old))))
        if not reasons and target == (self.log.high if forward else self.log.low):
            return (EndOfHistory(direction),)
        if self.pc in until.breakpoints:
            reasons.append(AtBreakpoint(self.pc))
        calls = self.log.calls.returned(target, until.calls), self.log.calls.begun(target, until.calls)
        reasons += [call for call in calls if call is not None]
        delivery = self.log.deliveries.at(target, until.passed)
        if delivery is not None:
            reasons.append(signalled(delivery.info))
            self.number = delivery.number
        if not reasons and self.log.turns.lives[stepping].exists(target):
            self.number = stepping
        return tuple(reasons) or None

    def _walk(self, direction: Direction, until: Until, found: Found) -> tuple[Reason, ...]:
        """Reads are not in the log: walk, and look at each instruction's operands, as far as the search says."""
        while self.position != found.position and not self.interrupted:
            reasons = self._one(direction, until)
            if reasons is not None:
                return reasons
        self._travel(found)
        return found.reasons

    def _reads(self, position: int, watches: Sequence[Watch]) -> set[Watch]:
        """The watches that the instruction at `position`, where the machine stands, reads, of those that care."""
        watches = [watch for watch in watches if watch.kind is not WatchKind.WRITE]
        if not watches:
            return set()
        pc = self.log.pc(position)
        code = self.memory.read_some(pc, self.arch.max_instruction)
        view = _MachineView(self.arch, self.machine, self.log.turns.at(position))
        result = set()
        for operand in self.arch.effects(code, pc).reads:
            address, size = operand.extent(view)
            result |= {watch for watch in watches if watch.touches(address, size)}
        return result


def _nothing_to_expand(position: int, machine: Machine) -> None:
    raise AssertionError(f"a machine can stand at {position} only")


class _MachineView:
    """One thread of the machine as a CpuView, for evaluating operands in the past."""

    def __init__(self, arch: Arch, machine: Machine, number: int) -> None:
        self._arch, self._machine, self._number = arch, machine, number

    def register(self, name: str) -> int:
        table = self._arch.registers
        return int.from_bytes(table.get(table[name], self._machine.banks[self._number]), "little")

    def memory(self, address: int, size: int) -> bytes:
        return self._machine.read(address, size)
