"""Recording what is not a plain instruction: repeated strings, slow instructions, system calls (rdb.record.system_call).

All are recorded by comparison (rdb.record.comparison).  What may have been written bounds what is compared; where nobody can
tell, all writable memory is compared and the record is marked as a gap.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence

from rdb.arch.base import Bank, Flow
from rdb.arch.linux.structures import Abi
from rdb.arch.process_record import Plan, extents
from rdb.errors import CannotAccessMemory, CannotRecord
from rdb.events import Accessed, Reason, Watch
from rdb.linux import procfs
from rdb.linux.stepper import TRAPPED
from rdb.record.address_space import AddressSpace
from rdb.record.comparison import Comparison, Stretches, writable
from rdb.record.departures import Departure, Departures
from rdb.record.outside import Outside
from rdb.record.signal_delivery import SignalDelivery
from rdb.record.single_step import Arrived, SingleStepRecorder
from rdb.record.system_call import Ended, Refused, SystemCalls, UnderWay

# A repeated string instruction is stepped through if it is short, else run to its end at once.
_SHORT_REPEAT = 8

Result = Arrived | Refused | Departure | UnderWay | Ended | tuple[Reason, ...]


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
        """`warn` tells a sentence; `compare_limit` says how many bytes may be compared where all memory would have to be."""
        self.recorder, self.delivery, self.warn, self.compare_limit = recorder, delivery, warn, compare_limit
        self._warned: set[object] = set()
        self.calls = SystemCalls(recorder, space, outside, abi, delivery, departures, self._all_memory, self._warn_once)

    def execute(self, plan: Plan, watches: Sequence[Watch]) -> Result:
        """Record the instruction of `plan`, at which the thread stands."""
        before = self.watched(watches)
        read = self._is_read(plan, watches)
        if plan.effects.flow is Flow.SYSTEM_CALL:
            result: Result = self.calls.perform(plan)
        elif plan.effects.repeated:
            result = self.repeated(plan)
        else:
            result = self.slow(plan)
        return self.triggered(before, read) if isinstance(result, tuple) else result

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
        status = self._run_past(plan) if plan.effects.overruns else self.recorder.stepper.once()
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
            status = self.recorder.stepper.once()
            if status != TRAPPED:
                return self._failed(comparison, status)
            if recorder.pc != pc:
                comparison.commit()
                return ()
        while recorder.pc == pc:
            status = self.recorder.stepper.once() if overwritten else self._run_into({end})
            if status != TRAPPED:
                return self._failed(comparison, status)
        comparison.commit()
        return ()

    # -- how it is done

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

    def _all_memory(self) -> Stretches:
        """All that could have been written, or CannotRecord where that is more than may be compared."""
        stretches, limit = writable(procfs.mappings(self.recorder.stepper.pid)), self.compare_limit()
        size = sum(size for _, size in stretches)
        if limit is not None and size > limit:
            pc = self.recorder.pc
            why = f'{size} bytes would have to be compared (see "set record full compare-limit")'
            raise CannotRecord(pc, self.recorder.stepper.memory.read_some(pc, self.recorder.arch.max_instruction), why)
        return stretches

    def _code(self, plan: Plan) -> str:
        return self.recorder.memory(plan.pc, plan.effects.length).hex(" ")

    def _warn_once(self, key: object, sentence: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            self.warn(sentence)

    # -- watchpoints

    def watched(self, watches: Sequence[Watch]) -> list[tuple[Watch, bytes]]:
        """What the watches that can be read hold now."""
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

    def triggered(self, before: list[tuple[Watch, bytes]], read: Collection[Watch] = ()) -> tuple[Reason, ...]:
        """The watches to stop for, now that they are changed from `before`, or were read."""
        reasons: list[Reason] = []
        for watch, old in before:
            new = self.recorder.stepper.memory.read_some(watch.address, watch.length)
            if watch.triggers(new != old, watch in read):
                reasons.append(Accessed(watch, old, new))
        return tuple(reasons)

