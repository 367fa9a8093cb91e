"""The recorded past as a place to be in: a position in the record list, and the machine as it was there.

Nothing executes.  A resume in either direction is a search over the list (rdb.record.replay) and one move; where each instruction
must be looked at (a step within a range, reads for rwatch and awatch), it is a walk.
"""

from __future__ import annotations

from collections.abc import Sequence

from rdb.arch.base import Arch, Bank
from rdb.errors import RdbError
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Reason,
    Resume,
    Signalled,
    Stepped,
    Watch,
    WatchKind,
)
from rdb.linux.ptrace import Memory
from rdb.record.address_space import AddressSpace
from rdb.record.machine import Machine
from rdb.record.record_list import RecordList
from rdb.record.replay import Found, search
from rdb.record.single_step import Until
from rdb.target.native import NativeTarget

_SIGINT = 2
Banks = tuple[bytearray, bytearray]


class Past:
    """`position` is where we are; at the newest one the process itself is the truth, and `machine.banks` are stale."""

    def __init__(self, process: NativeTarget, arch: Arch, log: RecordList, space: AddressSpace) -> None:
        self.process, self.arch, self.log = process, arch, log
        self.position = 0
        self.machine = Machine(self.live_banks(), process.read_memory, process.write_memory, space.switch)
        self.interrupted = False

    @property
    def replaying(self) -> bool:
        """Whether we are in the past at all."""
        return self.position < self.log.high

    @property
    def pc(self) -> int:
        banks = self.machine.banks if self.replaying else self.live_banks()
        return int.from_bytes(self.arch.registers.get(self.arch.registers[self.arch.pc], banks), "little")

    @property
    def memory(self) -> Memory:
        return self.process.memory

    def live_banks(self) -> Banks:
        """The registers of the thread itself."""
        return bytearray(self.process.read_bank(Bank.GENERAL)), bytearray(self.process.read_bank(Bank.EXTENDED))

    def goto(self, position: int) -> None:
        """Move to any position of the history."""
        if not self.log.low <= position <= self.log.high:
            raise RdbError(f"Target insn not found at {position}.")
        if not self.replaying:
            self.machine.banks = self.live_banks()
        self.log.move(self.position, position, self.machine)
        self.position = position
        self._put(self.arch.pc, self.log.pc(position))

    def make_present(self) -> None:
        """Give the thread the registers of this position, and cut off the future."""
        kernels = f"orig_{self.arch.syscall.number}"
        if kernels in self.arch.registers.by_name:
            # No system call is under way that the kernel could want to restart.
            self._put(kernels, -1)
        for bank in Bank:
            self.process.write_bank(bank, bytes(self.machine.banks[bank]))
        self.log.cut(self.position, self.pc)

    def _put(self, name: str, value: int) -> None:
        register = self.arch.registers[name]
        mask = (1 << 8 * register.size) - 1
        self.arch.registers.put(register, self.machine.banks, (value & mask).to_bytes(register.size, "little"))

    # -- resuming

    def resume(self, request: Resume, until: Until) -> tuple[Reason, ...]:
        """Go where `request` leads; every reason to stop there."""
        self.interrupted = False
        if request.step:
            return self._steps(request, until)
        found = search(self.log, self.position, request.direction, until, self.process.read_memory)
        if any(watch.kind is not WatchKind.WRITE for watch in until.watches):
            return self._walk(request.direction, until, found)
        self.goto(found.position)
        return found.reasons

    def _steps(self, request: Resume, until: Until) -> tuple[Reason, ...]:
        """Step by step, once or while pc stays within the range."""
        while not self.interrupted:
            found = self._one(request.direction, until)
            if found is not None:
                return found
            pc = self.pc
            if request.within is None or pc not in request.within:
                return (Stepped(),)
            if request.direction is Direction.REVERSE and pc == request.within.start:
                return (Stepped(),)
        return (Signalled(_SIGINT),)

    def _one(self, direction: Direction, until: Until) -> tuple[Reason, ...] | None:
        """Move by one instruction; the reasons to stop there, or None."""
        forward = direction is Direction.FORWARD
        target = self.position + (1 if forward else -1)
        if not self.log.low <= target <= self.log.high:
            return (EndOfHistory(direction),)
        watched = [(watch, self.memory.read_some(watch.address, watch.length)) for watch in until.watches]
        read = self._reads(self.position, until.watches) if forward else set()
        self.goto(target)
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
        return tuple(reasons) or None

    def _walk(self, direction: Direction, until: Until, found: Found) -> tuple[Reason, ...]:
        """Reads are not in the log: walk, and look at each instruction's operands, as far as the search says."""
        while self.position != found.position and not self.interrupted:
            reasons = self._one(direction, until)
            if reasons is not None:
                return reasons
        return found.reasons if not self.interrupted else (Signalled(_SIGINT),)

    def _reads(self, position: int, watches: Sequence[Watch]) -> set[Watch]:
        """The watches that the instruction at `position`, where the machine stands, reads, of those that care."""
        watches = [watch for watch in watches if watch.kind is not WatchKind.WRITE]
        if not watches:
            return set()
        code = self.memory.read_some(self.log.pc(position), self.arch.max_instruction)
        view = _MachineView(self.arch, self.machine)
        result = set()
        for operand in self.arch.effects(code, self.log.pc(position)).reads:
            address, size = operand.extent(view)
            result |= {watch for watch in watches if watch.touches(address, size)}
        return result


class _MachineView:
    """The machine as a CpuView, for evaluating operands in the past."""

    def __init__(self, arch: Arch, machine: Machine) -> None:
        self._arch, self._machine = arch, machine

    def register(self, name: str) -> int:
        table = self._arch.registers
        return int.from_bytes(table.get(table[name], self._machine.banks), "little")

    def memory(self, address: int, size: int) -> bytes:
        return self._machine.read(address, size)
