"""Recording system calls.

What a call may write is copied before it, and what differs afterwards is recorded (rdb.record.comparison).  Between the two the
thread is in the kernel, perhaps for long: a call is an object, begun and finished apart, so that other threads can have their
turns meanwhile.  A call that was left under way has its place in the history where it returns.

Two calls belong to threads.  One that makes a thread is finished when both it and the new thread stand.  One that ends a thread
is recorded with what the kernel writes then; nobody returns from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rdb.arch.base import Bank
from rdb.arch.linux import syscalls
from rdb.arch.linux.structures import Abi
from rdb.arch.linux.syscalls import NUMBER_MASK, SyscallEffects
from rdb.arch.linux.terms import Call
from rdb.arch.linux.terms import Kind as CallKind
from rdb.arch.process_record import Plan
from rdb.linux import procfs, ptrace
from rdb.linux.stepper import TRAPPED
from rdb.record.address_space import AddressSpace
from rdb.record.comparison import Comparison, Stretches
from rdb.record.departures import Departure, Departures
from rdb.record.entry import Kind
from rdb.record.file_writes import FileWrites
from rdb.record.machine import Banks
from rdb.record.mapping_call import MappingCall
from rdb.record.outside import Outside, Passage
from rdb.record.signal_delivery import SignalDelivery
from rdb.record.single_step import Arrived, SingleStepRecorder
from rdb.record.thread_end import written_at_end


@dataclass(frozen=True)
class Refused:
    """A system call that must not be performed under recording; nothing has happened."""

    name: str


@dataclass(frozen=True)
class SystemCall:
    """A call that has been begun, with what is needed to record it when it returns."""

    number: int
    name: str | None
    arguments: Sequence[int]
    effects: SyscallEffects
    comparison: Comparison
    mapping: MappingCall
    passage: Passage | None

    @property
    def may_be_left(self) -> bool:
        """Whether other threads may run meanwhile: not while the address space changes, or nobody knows what is written."""
        return not self.effects.unknown and self.effects.kind in (CallKind.NOTHING, CallKind.REGISTERS)


@dataclass(frozen=True)
class UnderWay:
    """The call blocks, and is left to return when it may."""

    call: SystemCall


@dataclass(frozen=True)
class Ended:
    """The thread has ended by its call; `registers` are its last."""

    registers: Banks


class SystemCalls:
    """Performs and records the system calls of whatever thread `recorder` stands for.

    `enter` makes that thread step into the kernel for a kind of call: the wait status, or None where it blocks and this is to be
    told, or where it has ended; `wake` makes it come back, `to_call` makes it run to where a call begins or ends.  `is_last` says
    whether the thread is the only one, `gave_way` is told when it has given way to others.  All are set by whoever schedules.
    `all_memory` gives what is compared where nobody knows what a call writes; `warn` tells the user a sentence, once.
    """

    def __init__(
        self,
        recorder: SingleStepRecorder,
        space: AddressSpace,
        outside: Outside,
        abi: Abi,
        delivery: SignalDelivery,
        departures: Departures,
        all_memory: Callable[[], Stretches],
        warn: Callable[[object, str], None],
    ) -> None:
        self.recorder, self.space, self.outside, self.abi, self.delivery = recorder, space, outside, abi, delivery
        self.departures, self.all_memory, self.warn = departures, all_memory, warn
        self._files = FileWrites(outside.process)
        self.enter: Callable[[CallKind, bool], int | None] = lambda kind, may_be_left: recorder.stepper.once()
        self.wake: Callable[[], int] = recorder.stepper.arrived
        self.to_call: Callable[[], int] = recorder.stepper.arrived
        self.is_last: Callable[[], bool] = lambda: True
        self.gave_way: Callable[[], None] = lambda: None

    def perform(self, plan: Plan) -> Arrived | Refused | Departure | UnderWay | Ended | tuple[()]:
        """The system call that the thread is about to make by the instruction of `plan`."""
        recorder, convention = self.recorder, self.recorder.arch.syscall
        number = recorder.register(convention.number) & NUMBER_MASK
        name = convention.names.get(number)
        arguments = self._arguments(plan)
        effects = syscalls.effects(name, arguments, recorder, self.abi)
        ends_thread = name == "exit" and not self.is_last()
        departure = None if ends_thread else self.departures.leaving(effects, arguments)
        if departure is not None:
            return departure
        if self._refuses(effects, arguments):
            return Refused(name or "unknown")
        if effects.unknown:
            self.warn(name, f"The effect of the system call {name or 'unknown'} is recorded by comparing memory.")
        if name in _ASYNCHRONOUS:
            self.warn(name, f"What {_ASYNCHRONOUS[name]} writes between two system calls is not undone in the past.")
        extended = recorder.extended(recorder.arch.registers.sizes[Bank.EXTENDED]) if ends_thread else bytearray()
        call = self._begin(number, name, arguments, effects, ends_thread)
        status = self._enter(call)
        if ends_thread and (status is None or not os.WIFSTOPPED(status)):
            recorder.log.calls.add(recorder.log.high, call.number, returns=False)
            call.comparison.commit(Kind.SYSTEM_CALL)
            return Ended((bytearray(call.comparison.general), extended))
        return UnderWay(call) if status is None else self.finish(call, status)

    def _enter(self, call: SystemCall) -> int | None:
        """Make the thread step into the kernel, with the mask that the call is to have; the status, or None where it blocks."""
        held = self.delivery.held
        if held.leaves_handler(call.name):
            status = held.come_back(call.name, self.to_call)
            return self.delivery.stand_ready() if status == ptrace.IN_CALL else status
        if held.is_on and held.concerns(call.name):
            status = held.enter(self.to_call)
            if status != ptrace.IN_CALL:
                return status
        if not held.is_on:
            return self.enter(call.effects.kind, call.may_be_left and not self.is_last())
        came = self.enter(call.effects.kind, call.effects.kind not in (CallKind.EXIT, CallKind.FORK, CallKind.EXEC))
        if came is None:
            came = self.wake()
            held.end()
            if came in (TRAPPED, ptrace.INTERRUPTED):
                self._forget_failure(call.comparison)
        return came

    def _begin(
        self, number: int, name: str | None, arguments: Sequence[int], effects: SyscallEffects, ends_thread: bool
    ) -> SystemCall:
        recorder = self.recorder
        if ends_thread:
            written = written_at_end(self.space.injector, self.abi)
        else:
            written = self.all_memory() if effects.unknown else self._mapped(effects.writes)
        in_files = self._mapped(self._files.stretches(name, Call.of(arguments, recorder, self.abi)))
        extended = None if effects.kind in (CallKind.SIGRETURN, CallKind.REGISTERS) else 0
        call = SystemCall(
            number,
            name,
            arguments,
            effects,
            Comparison(recorder, [*written, *in_files], extended),
            MappingCall(self.space, self.abi, effects, arguments),
            self.outside.enters(name, arguments),
        )
        self.delivery.calls.give_back()
        return call

    def finish(self, call: SystemCall, status: int, interrupted: bool = False) -> Arrived | tuple[()]:
        """The thread, which is the recorder's, has stopped in this call with `status`; `interrupted` if we have made it stop."""
        recorder, comparison = self.recorder, call.comparison
        if status >> 16 == ptrace.Event.EXEC:
            return Arrived(status)
        if interrupted and os.WIFSTOPPED(status):
            self._forget_failure(comparison)
        if not os.WIFSTOPPED(status) or self.delivery.calls.is_undecided() or self._not_begun(comparison):
            return self._interrupted(comparison, status)
        if call.effects.kind is not CallKind.SIGRETURN:
            self.clear_trap_flag()
        result = recorder.register(recorder.arch.syscall.result)
        self.outside.leaves(call.passage, recorder.log.high, result)
        change = call.mapping.done(result)
        comparison.add(call.mapping.emptied)
        recorder.log.calls.add(recorder.log.high, call.number)
        comparison.commit(Kind.SYSTEM_CALL, call.effects.unknown, change)
        if change is not None and change.touches_code:
            recorder.forget_code()
        if change is not None:
            self._files.mappings_changed()
        signalled = self.delivery.came_with_call(status)
        self.delivery.called(call.name, call.arguments)
        if call.name == "sched_yield":
            self.gave_way()
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

    def _refuses(self, effects: SyscallEffects, arguments: Sequence[int]) -> bool:
        """Whether a call must not be made: it makes a process that shares our memory and runs at the same time."""
        return self._clone_flags(effects, arguments) & (_CLONE_VM | _CLONE_VFORK | _CLONE_THREAD) == _CLONE_VM

    def _clone_flags(self, effects: SyscallEffects, arguments: Sequence[int]) -> int:
        if effects.name == "clone3":
            return int.from_bytes(self.recorder.stepper.memory.read_some(arguments[0], 8), "little")
        return arguments[0] if effects.name == "clone" else 0

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

    def _forget_failure(self, comparison: Comparison) -> None:
        """Take the thread back to its call if that has failed only for our interrupt: no such call has done anything."""
        if self._has_been_interrupted():
            self.recorder.stepper.general[:] = comparison.general
            self.recorder.stepper.write_back()

    def _has_been_interrupted(self) -> bool:
        table, convention = self.recorder.arch.registers, self.recorder.arch.syscall
        result = table.get(table[convention.result], (self.recorder.stepper.general, b""))
        return int.from_bytes(result, "little", signed=True) == _EINTR

    def _not_begun(self, comparison: Comparison) -> bool:
        """Whether a signal has come before the call began."""
        return self.recorder.pc == comparison.pc and comparison.unchanged()

    def _interrupted(self, comparison: Comparison, status: int) -> Arrived | tuple[()]:
        """A signal came before the call was done; what the call has written so far (nanosleep's remaining time) is recorded."""
        if os.WIFSTOPPED(status):
            if self.delivery.calls.is_undecided():
                self.delivery.calls.take_back(comparison.general)
            if not comparison.unchanged():
                comparison.commit(Kind.SYSTEM_CALL)
        return () if status == TRAPPED else Arrived(status)

    def clear_trap_flag(self) -> None:
        """The CPU saves the flags in r11, with the trap flag by which we step (Intel SDM volume 2, SYSCALL)."""
        recorder = self.recorder
        saved = recorder.arch.registers.by_name.get("r11")
        if saved is not None:
            index = saved.pieces[0].offset // 8
            if recorder.words[index] & recorder.arch.trap_flag and not self.delivery.is_traced:
                recorder.words[index] &= ~recorder.arch.trap_flag
                recorder.stepper.write_back()


_LARGE = 1 << 20
# The calls by which a program begins to have the kernel work behind its back, and what for.
_ASYNCHRONOUS = {"io_uring_setup": "io_uring", "io_setup": "asynchronous input and output"}
# <linux/sched.h>
_CLONE_VM, _CLONE_VFORK, _CLONE_THREAD = 0x100, 0x4000, 0x10000
_EINTR = -4
