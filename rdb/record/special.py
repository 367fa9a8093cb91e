"""Recording what is not a plain instruction: repeated strings, slow instructions, system calls.

All are recorded by comparison (rdb.record.comparison).  What may have been written bounds what is compared; where nobody can
tell, all writable memory is compared and the record is marked as a gap.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rdb.arch.base import Bank, Flow
from rdb.arch.linux import syscalls
from rdb.arch.linux.structures import Abi
from rdb.arch.linux.syscalls import SyscallEffects
from rdb.arch.linux.terms import Kind as CallKind
from rdb.arch.process_record import Plan, extents
from rdb.errors import CannotAccessMemory, CannotRecord
from rdb.events import Accessed, Reason, Watch
from rdb.linux import procfs, ptrace
from rdb.linux.stepper import TRAPPED
from rdb.record.address_space import AddressSpace
from rdb.record.comparison import Comparison, Stretches, writable
from rdb.record.departures import Departure, Departures
from rdb.record.entry import Kind
from rdb.record.mapping_call import MappingCall
from rdb.record.outside import Outside
from rdb.record.signal_delivery import SignalDelivery
from rdb.record.single_step import Arrived, SingleStepRecorder

# A repeated string instruction is stepped through if it is short, else run to its end at once.
_SHORT_REPEAT = 8


@dataclass(frozen=True)
class Refused:
    """A system call that must not be performed under recording; nothing has happened."""

    kind: CallKind
    name: str


Result = Arrived | Refused | Departure | tuple[Reason, ...]


class SpecialSteps:
    """Executes and records one special instruction at a time; each method returns () when all is well."""

    def __init__(
        self,
        recorder: SingleStepRecorder,
        space: AddressSpace,
        outside: Outside,
        abi: Abi,
        delivery: SignalDelivery,
        departures: Departures,
        warn: Callable[[str], None],
        compare_limit: Callable[[], int | None],
    ) -> None:
        """`warn` tells the user a sentence.

        `compare_limit` says how many bytes may be compared where all memory would have to be.
        """
        self.recorder, self.space, self.outside, self.abi = recorder, space, outside, abi
        self.delivery = delivery
        self.departures, self.warn = departures, warn
        self.compare_limit = compare_limit
        self._warned: set[object] = set()

    def execute(self, plan: Plan, watches: Sequence[Watch]) -> Result:
        """Record the instruction of `plan`, at which the thread stands."""
        before = self._watched(watches)
        read = self._is_read(plan, watches)
        if plan.effects.flow is Flow.SYSTEM_CALL:
            result = self.system_call(plan)
        elif plan.effects.repeated:
            result = self.repeated(plan)
        else:
            result = self.slow(plan)
        if isinstance(result, tuple):
            return self._triggered(before, read)
        return result

    # -- instructions

    def slow(self, plan: Plan) -> Result:
        """An instruction whose effects are an upper bound, or not known at all."""
        gap = plan.effects.unknown_memory
        stretches = self._all_memory() if gap else extents(plan.effects, self.recorder)
        if gap:
            self._warn_once(
                self._code(plan), f"The instruction {self._code(plan)} at {plan.pc:#x} is recorded by comparing memory."
            )
        comparison = Comparison(self.recorder, stretches, self._extended_size(plan))
        traced = self.delivery.is_traced
        status = self._run_past(plan) if plan.effects.overruns else self._step()
        if status != TRAPPED:
            return self._failed(comparison, status)
        if plan.effects.saves_flags and not traced:
            self._clear_saved_trap_flag(comparison)
        comparison.commit(gap=gap)
        return Arrived(status) if plan.effects.flow is Flow.TRAP and self.delivery.is_trap() else ()

    def _extended_size(self, plan: Plan) -> int:
        """How much of the extended bank to compare: all of it where the instruction works on what lies beyond the usual."""
        table = self.recorder.arch.registers
        end = max((offset + size for offset, size in plan.effects.extended), default=0)
        return table.leading if end <= table.leading else table.sizes[Bank.EXTENDED]

    def _run_past(self, plan: Plan) -> int:
        """An instruction that one step does not stop behind: run into traps at the places where it can go."""
        end = plan.pc + plan.effects.length
        return self._run_into({end, plan.effects.target or end})

    def repeated(self, plan: Plan) -> Result:
        """A string instruction with a repeat prefix, which the kernel would step one iteration at a time."""
        recorder, pc = self.recorder, plan.pc
        stretches = extents(plan.effects, recorder)
        comparison = Comparison(recorder, stretches, extended=0)
        end = pc + plan.effects.length
        overwritten = any(address < end + 1 and end < address + size for address, size in stretches)
        for _ in range(_SHORT_REPEAT):
            status = self._step()
            if status != TRAPPED:
                return self._failed(comparison, status)
            if recorder.pc != pc:
                comparison.commit()
                return ()
        while recorder.pc == pc:
            status = self._step() if overwritten else self._run_into({end})
            if status != TRAPPED:
                return self._failed(comparison, status)
        comparison.commit()
        return ()

    # -- the kernel

    def system_call(self, plan: Plan) -> Result:
        """The system call that the thread is about to make by the instruction of `plan`."""
        recorder, convention = self.recorder, self.recorder.arch.syscall
        name = convention.names.get(recorder.register(convention.number))
        arguments = self._arguments(plan)
        effects = syscalls.effects(name, arguments, recorder, self.abi)
        departure = self.departures.leaving(effects, arguments)
        if departure is not None:
            return departure
        if self._refuses(effects, arguments):
            return Refused(effects.kind, name or "unknown")
        if effects.unknown:
            self._warn_once(name, f"The effect of the system call {name or 'unknown'} is recorded by comparing memory.")
        comparison = Comparison(
            recorder,
            self._all_memory() if effects.unknown else self._mapped(effects.writes),
            extended=None if effects.kind in (CallKind.SIGRETURN, CallKind.REGISTERS) else 0,
        )
        mapping = MappingCall(self.space, self.abi, effects, arguments)
        passage = self.outside.enters(name, arguments)
        self.delivery.calls.give_back()
        status = self._step()
        if status >> 16 == ptrace.Event.EXEC:
            return Arrived(status)
        if not os.WIFSTOPPED(status) or self.delivery.calls.is_undecided() or self._not_begun(comparison):
            return self._interrupted(comparison, status)
        if effects.kind is not CallKind.SIGRETURN:
            self._clear_trap_flag()
        self.outside.leaves(passage, recorder.log.high, recorder.register(convention.result))
        change = mapping.done(recorder.register(convention.result))
        comparison.add(mapping.emptied)
        comparison.commit(Kind.SYSTEM_CALL, effects.unknown, change)
        if change is not None and change.touches_code:
            recorder.forget_code()
        signalled = self.delivery.came_with_call(status)
        self.delivery.called(name, arguments)
        return Arrived(status) if signalled else ()

    # -- how it is done

    def _arguments(self, plan: Plan) -> list[int]:
        """The arguments of the system call; one in memory that cannot be read counts as zero (the kernel refuses the call)."""
        recorder = self.recorder
        result = []
        for place in recorder.arch.syscall.arguments_at(recorder.memory(plan.pc, plan.effects.length)):
            value = recorder.register(place.strip("()"))
            if place.startswith("("):
                value = int.from_bytes(recorder.stepper.memory.read_some(value, self.abi.word), "little")
            result.append(value)
        return result

    def _step(self) -> int:
        """One instruction; a fork on the way is seen to by the process target, and the instruction finished."""
        stepper = self.recorder.stepper
        status = stepper.once()
        while self.departures.forked(status):
            status = stepper.step()
        return status

    def _refuses(self, effects: SyscallEffects, arguments: Sequence[int]) -> bool:
        """Whether a call must not be made: it makes a thread that would run unrecorded."""
        if effects.kind is CallKind.FORK and effects.name in ("clone", "clone3"):
            flags = arguments[0] if effects.name == "clone" else int.from_bytes(self.recorder.memory(arguments[0], 8), "little")
            return bool(flags & _CLONE_VM) and not flags & _CLONE_VFORK
        return False

    def _run_into(self, places: set[int]) -> int:
        """Run until pc reaches one of the places, by traps that are there only meanwhile."""
        recorder, stepper, trap = self.recorder, self.recorder.stepper, self.recorder.arch.breakpoint
        saved = {place: stepper.memory.read(place, len(trap)) for place in places}
        for place in places:
            stepper.memory.write(place, trap)
        status = stepper.run()
        if os.WIFSTOPPED(status):
            for place, code in saved.items():
                stepper.memory.write(place, code)
            if status == TRAPPED and recorder.pc - len(trap) in places:
                recorder.words[recorder.pc_index] -= len(trap)
                stepper.write_back()
        return status

    def _clear_saved_trap_flag(self, comparison: Comparison) -> None:
        """The instruction has pushed the flags, with the trap flag by which we step; popped again, it would stay set."""
        memory = self.recorder.stepper.memory
        for address, _ in comparison.memory:
            saved = int.from_bytes(memory.read(address, 2), "little")
            memory.write(address, (saved & ~self.recorder.arch.trap_flag).to_bytes(2, "little"))

    def _failed(self, comparison: Comparison, status: int) -> Result:
        """The instruction did not complete; what it did in part is recorded, so that it can be undone."""
        if os.WIFSTOPPED(status) and not comparison.unchanged():
            comparison.commit()
        return Arrived(status)

    def _not_begun(self, comparison: Comparison) -> bool:
        """Whether a signal has come before the call began."""
        return self.recorder.pc == comparison.pc and comparison.unchanged()

    def _interrupted(self, comparison: Comparison, status: int) -> Result:
        """A signal came before the call was done; what the call has written so far (nanosleep's remaining time) is recorded."""
        if os.WIFSTOPPED(status):
            if self.delivery.calls.is_undecided():
                self.delivery.calls.take_back(comparison.general)
            if not comparison.unchanged():
                comparison.commit(Kind.SYSTEM_CALL)
        return () if status == TRAPPED else Arrived(status)

    def _clear_trap_flag(self) -> None:
        """The CPU saves the flags in r11, with the trap flag by which we step (Intel SDM volume 2, SYSCALL)."""
        recorder = self.recorder
        saved = recorder.arch.registers.by_name.get("r11")
        if saved is not None:
            index = saved.pieces[0].offset // 8
            if recorder.words[index] & recorder.arch.trap_flag and not self.delivery.is_traced:
                recorder.words[index] &= ~recorder.arch.trap_flag
                recorder.stepper.write_back()

    def _all_memory(self) -> Stretches:
        """All that could have been written, or CannotRecord where that is more than may be compared."""
        stretches, limit = writable(procfs.mappings(self.recorder.stepper.pid)), self.compare_limit()
        size = sum(size for _, size in stretches)
        if limit is not None and size > limit:
            pc = self.recorder.pc
            why = f'{size} bytes would have to be compared (see "set record full compare-limit")'
            raise CannotRecord(pc, self.recorder.stepper.memory.read_some(pc, self.recorder.arch.max_instruction), why)
        return stretches

    def _mapped(self, stretches: Sequence[tuple[int, int]]) -> Stretches:
        """Cut what a call may write to what is mapped: a buffer may be declared larger than memory."""
        if not any(size > _LARGE for _, size in stretches):
            return list(stretches)
        mappings = procfs.mappings(self.recorder.stepper.pid)
        return [
            (max(address, m.start), min(address + size, m.end) - max(address, m.start))
            for address, size in stretches
            for m in mappings
            if m.start < address + size and address < m.end
        ]

    def _code(self, plan: Plan) -> str:
        return self.recorder.memory(plan.pc, plan.effects.length).hex(" ")

    def _warn_once(self, key: object, sentence: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            self.warn(sentence)

    # -- watchpoints

    def _watched(self, watches: Sequence[Watch]) -> list[tuple[Watch, bytes]]:
        result = []
        for watch in watches:
            try:
                result.append((watch, self.recorder.memory(watch.address, watch.length)))
            except CannotAccessMemory:
                continue
        return result

    def _is_read(self, plan: Plan, watches: Sequence[Watch]) -> set[Watch]:
        """The watches that the instruction is about to read."""
        result = set()
        for size, address_of in plan.reads:
            address = address_of()
            result |= {watch for watch in watches if watch.touches(address, size)}
        return result

    def _triggered(self, before: list[tuple[Watch, bytes]], read: set[Watch]) -> tuple[Reason, ...]:
        reasons: list[Reason] = []
        for watch, old in before:
            new = self.recorder.stepper.memory.read_some(watch.address, watch.length)
            if watch.triggers(new != old, watch in read):
                reasons.append(Accessed(watch, old, new))
        return tuple(reasons)


_LARGE = 1 << 20
# <linux/sched.h>
_CLONE_VM, _CLONE_VFORK = 0x100, 0x4000
