"""The record target: the stratum that remembers what the program does, and takes it back.

It lies above the process and has two modes.

*Recording*: the program stands at the newest position of the record list.  A resume forwards records each instruction and then
executes it.

*Replaying*: the program is looked at somewhere in its past.  Nothing executes; a resume in either direction is a search over the
record list (where is the next breakpoint, who changed the watched bytes) and one move there.  Memory is written through to the
process, registers are kept here (`machine.banks`), because the threads themselves stay where recording left them.

Positions count instructions (rdb.record.record_list).  Writing to the past makes what came after it untrue: the user is asked,
the future is cut off, and the process takes over from there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdb.arch.base import Arch, Bank
from rdb.arch.linux.structures import ABIS
from rdb.errors import CannotWriteSignal, RdbError
from rdb.events import (
    NO_CALLS,
    Calls,
    Direction,
    Reason,
    Resume,
    Stop,
    Watch,
)
from rdb.interruption import whole
from rdb.linux import doorbell
from rdb.linux.inject import Injector
from rdb.record.address_space import AddressSpace
from rdb.record.comparison import Comparison
from rdb.record.departures import Departures
from rdb.record.entry import Kind
from rdb.record.execution import Execution
from rdb.record.kernel_state import Process
from rdb.record.limits import Limits
from rdb.record.output import Written
from rdb.record.outside import Outside
from rdb.record.past import Past
from rdb.record.record_list import RecordList
from rdb.record.schedule import Schedule
from rdb.record.signal_delivery import SignalDelivery
from rdb.record.single_step import SingleStepRecorder, Until
from rdb.record.slices import SLICE
from rdb.record.special import SpecialSteps
from rdb.record.verify import Verifier
from rdb.settings import Settings
from rdb.target.base import Stratum, Target
from rdb.target.native import NativeTarget

if TYPE_CHECKING:
    from rdb.record.compiled.recorder import CompiledRecorder

# The instructions that are executed between two signals that come too fast: some milliseconds.
_COMPILED_PATIENCE = 64 * SLICE
# Of a thread of the past where the program goes on.
_LOST = "LWP {} has ended in the meantime; the program goes on without it, and who joins it waits for ever."


@dataclass(frozen=True)
class Status:
    """What `info record` tells: positions as in rdb.record.record_list, sizes in bytes."""

    replaying: bool
    low: int
    current: int
    high: int
    limit: int | None
    bytes_used: int
    bytes_limit: int | None
    seconds: float
    gaps: int
    verified: int
    missed: int


class RecordTarget(Target):
    stratum = Stratum.RECORD
    name = "record-full"
    title = "Process record and replay target"

    def __init__(
        self,
        process: NativeTarget,
        arch: Arch,
        settings: Settings,
        query: Callable[[str], bool],
        warn: Callable[[str], None],
    ) -> None:
        """Begin to record `process`, which lies beneath.  `query` asks the user yes or no, `warn` tells a sentence."""
        super().__init__()
        self.process, self.arch, self.settings, self.query, self.warn = process, arch, settings, query, warn
        self.log = RecordList(process.threads()[0])
        for thread in process.threads()[1:]:
            self.log.turns.born(thread, 0)
        self._breakpoints: set[int] = set()
        self._watches: list[Watch] = []
        self._calls = NO_CALLS
        self._request = Resume()
        self._executing = False
        self._tracer = threading.get_native_id()
        self._pin()
        self.stepper = process.stepper()
        self.recorder = SingleStepRecorder(arch, self.stepper, self.log)
        injector = Injector(process.thread, arch, process.memory, process.options)
        self.space = AddressSpace(process.memory, injector, warn)
        abi = ABIS[arch.syscall.abi]
        self.outside = Outside(Process(process.pid, injector), self.recorder, abi)
        self.delivery = SignalDelivery(self.recorder, injector, abi, self.outside.ledger, warn)
        self.departures = Departures(process, self.recorder, settings, self._ask)
        self.special = SpecialSteps(
            self.recorder,
            self.space,
            self.outside,
            abi,
            self.delivery,
            self.departures,
            warn,
            lambda: settings.limit("record full compare-limit"),
        )
        self.past = Past(process, arch, self.log, self.space)
        self.verifier = Verifier(self.recorder, warn)
        self.limits = Limits(settings, self.log, self._ask, self._forget)
        self.schedule = Schedule(
            process, self.recorder, self.past.machine, injector, self.special.calls, self.departures.forked
        )
        self.execution = Execution(
            process,
            settings,
            self.recorder,
            self.schedule,
            self.special,
            self.delivery,
            self.departures,
            self.verifier,
            self.limits,
        )
        self.pace = self.execution.pace
        process.unheard = self.interrupt
        self._take_over()
        self.execution.compiled = self._compile(injector)
        if self.execution.compiled:
            self.schedule.slices.is_circling = self.execution.compiled.is_circling
        self.delivery.held.patience = _COMPILED_PATIENCE if self.execution.compiled else SLICE

    # -- modes

    @property
    def replaying(self) -> bool:
        return self.past.replaying

    @property
    def position(self) -> int:
        return self.past.position

    def status(self) -> Status:
        log, limits = self.log, self.limits
        size = log.bytes_used, limits.bytes
        seconds = self.pace.at(self.position) - self.pace.at(log.low)
        counts = sum(segment.gaps for segment in log), self.verifier.checked, self.verifier.missed
        return Status(self.replaying, log.low, self.position, log.high, limits.instructions, *size, seconds, *counts)

    def written(self, descriptors: Collection[int]) -> Written:
        """What the program had written through some descriptors, at the position looked at."""
        return self.outside.output.written(descriptors, self.position)

    @whole()
    def goto(self, position: int) -> None:
        """Move to any position of the history."""
        self.past.goto(position)
        self._looked_back()

    @whole()
    def go_live(self) -> None:
        """Make the present out of where we are: cut off the future and give the thread its registers.

        What the kernel keeps for the program is put back as far as that can be done; the user is told what has moved on.
        """
        if self.replaying:
            lost, unborn = self.past.lost(), self.past.unborn()
            self.delivery.cut()
            self.execution.forget_calls()
            self.past.make_present()
            for thread in unborn:
                self.schedule.end(thread)
            self.schedule.switch(self.process.thread)
            for thread in lost:
                self.warn(_LOST.format(thread))
            moved = str(self.outside.cut(self.position))
            self.pace.cut(self.position)
            for _ in self._in_turn():
                self.delivery.learn()
            self.recorder.forget_code()
            if moved:
                self.warn(moved)

    @whole()
    def finish(self) -> None:
        """Stop recording; the program goes on from the position that is being looked at."""
        self.go_live()
        current = self.process.thread
        for thread in self.process.threads():
            self.schedule.switch(thread)
            self.delivery.let_go()
        if self.execution.compiled is not None:
            self.execution.compiled.let_go()
        self.process.select_thread(current)
        self._end()

    # -- state

    @property
    def thread(self) -> int:
        return self.past.thread if self.replaying else self.beneath.thread

    def threads(self) -> list[int]:
        return self.past.threads() if self.replaying else self.beneath.threads()

    def select_thread(self, thread: int) -> None:
        if self.replaying:
            self.past.select(thread)
        else:
            self.beneath.select_thread(thread)

    def read_bank(self, bank: Bank) -> bytes:
        return self.past.bank(bank) if self.replaying else self.beneath.read_bank(bank)

    def write_bank(self, bank: Bank, data: bytes) -> None:
        if self.replaying:
            if self.thread in self.past.lost():
                raise RdbError(f"LWP {self.thread} has ended in the meantime: its registers cannot be changed.")
            self._ask_to_cut(
                "Because GDB is in replay mode, writing the value of a register will destroy the execution log from this point "
                "onward.  Write all registers?"
            )
        self.delivery.calls.forget()
        with self._user_change():
            self.beneath.write_bank(bank, data)

    def signal_info(self) -> bytes:
        """In the past: of the signal that is about to be delivered."""
        return self.past.signal_info() if self.replaying else self.delivery.info(self.thread)

    def set_signal_info(self, info: bytes) -> None:
        if self.replaying:
            raise CannotWriteSignal
        self.delivery.change(self.thread, info)

    def write_memory(self, address: int, data: bytes) -> None:
        if self.replaying:
            self._ask_to_cut(
                "Because GDB is in replay mode, writing to memory will make the execution log unusable from this point onward.  "
                f"Write memory at address {address:#x}?"
            )
        with self._user_change((address, len(data))):
            self.beneath.write_memory(address, data)
        # It may have been code.
        self.recorder.forget_code()

    def _ask_to_cut(self, question: str) -> None:
        if not self.query(question):
            raise RdbError("Process record canceled the operation.")
        self.go_live()

    @contextlib.contextmanager
    def _user_change(self, *stretches: tuple[int, int]) -> Iterator[None]:
        """What the user changes in the present becomes part of the history, so that going back undoes it too."""
        with whole():
            self.schedule.switch(self.process.thread)
            comparison = Comparison(self.recorder, stretches)
            yield
            self.stepper.refresh()
            comparison.commit(Kind.USER)
            self.past.position = self.log.high

    # -- what to stop for

    def insert_breakpoint(self, address: int) -> None:
        self.beneath.read_memory(address, 1)
        self._breakpoints.add(address)

    def remove_breakpoint(self, address: int) -> None:
        self._breakpoints.discard(address)

    def can_watch(self, watches: Sequence[Watch]) -> bool:
        return True

    @property
    def sees_all_writes(self) -> bool:
        return True

    def insert_watch(self, watch: Watch) -> None:
        self._watches.append(watch)

    def remove_watch(self, watch: Watch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)

    def pass_silently(self, signals: Collection[int]) -> None:
        self.execution.silent = self.delivery.held.silent = frozenset(signals)
        self.beneath.pass_silently(signals)

    def stop_at_calls(self, calls: Calls) -> None:
        self._calls = calls

    def stop_at_births(self, stops: Collection[str], keeps: Collection[str]) -> None:
        self.departures.stop_at_births(stops, keeps)

    # -- movement

    @property
    def can_reverse(self) -> bool:
        return True

    @property
    def is_live(self) -> bool:
        return not self.replaying

    def resume(self, request: Resume) -> None:
        self._request = request

    def wait(self) -> Stop:
        request = self._request
        if self.replaying or request.direction is Direction.REVERSE:
            until = Until(
                frozenset(self._breakpoints), watches=tuple(self._watches), passed=self.execution.silent, calls=self._calls
            )
            reasons = self.past.resume(request, until)
            self._looked_back()
        else:
            self._executing = True
            self.process.give_terminal()
            try:
                with doorbell.answered(self._ask_again):
                    reasons = self._record(request)
            finally:
                self.process.take_terminal()
                self._executing = False
        stop = Stop(reasons, self.thread)
        if not stop.ended:
            self.process.answer_unheard()
        interrupted = self.past.interrupted
        self.forget_interrupt()
        return stop.interrupted() if interrupted else stop

    def interrupt(self) -> None:
        self.past.interrupted = self.execution.interrupted = True
        if self._executing and threading.get_native_id() == self._tracer:
            self.execution.interrupt()
        elif self._executing:
            self.process.send_stop()

    def _ask_again(self) -> None:
        """An interrupt was asked for, and the program runs still: what was to stop it may have been taken by a call of ours."""
        if self.execution.interrupted:
            self.execution.interrupt()

    def forget_interrupt(self) -> None:
        self.past.interrupted = self.execution.interrupted = False

    def kill(self) -> None:
        self._end()
        self.beneath.kill()

    def detach(self, signal: int = 0) -> None:
        self.finish()
        self.beneath.detach(signal)

    def close(self) -> None:
        self._end()

    # -- how it is done

    def _record(self, request: Resume) -> tuple[Reason, ...]:
        until = Until(frozenset(self._breakpoints), request.within or Until().within, tuple(self._watches), calls=self._calls)
        try:
            reasons = self.execution.run(request, until)
        finally:
            self.past.position = self.log.high
        self.limits.prune()
        return reasons

    def _looked_back(self) -> None:
        if self.replaying:
            self.delivery.left()

    def _forget(self, low: int) -> None:
        """The log begins at `low` now."""
        self.outside.prune(low)
        self.pace.prune(low)

    def _take_over(self) -> None:
        """Put each thread where recording can begin."""
        for _ in self._in_turn():
            self.delivery.calls.begin()
            # The kernel writes the new CPU number into a registered rseq area on the next return to the program: let that be now.
            self.space.let_kernel_write()
            self.delivery.learn()

    def _in_turn(self) -> Iterator[None]:
        """Give the turn to each thread; afterwards the current one has it."""
        current = self.process.thread
        for thread in self.process.threads():
            self.schedule.switch(thread)
            yield
        self.schedule.switch(current)

    def _ask(self, question: str) -> bool:
        """Ask the user, while the program has the terminal."""
        self.process.take_terminal()
        try:
            return self.query(question)
        finally:
            self.process.give_terminal()

    def _compile(self, injector: Injector) -> CompiledRecorder | None:
        """The compiled recorder, if it is wanted, and can be had for this CPU and in this program."""
        engine = self.settings["record full engine"]
        translator = None if engine == "step" else self.arch.translator()
        if translator is None:
            if engine == "compiled":
                self.warn("Code for this CPU cannot be translated; recording in single steps.")
            return None
        from rdb.record.compiled.expansion import Expansion
        from rdb.record.compiled.image_files import ImageFiles
        from rdb.record.compiled.recorder import CompiledRecorder

        files = ImageFiles(translator) if self.settings.flag("record full translation-cache") else None
        try:
            limit, interrupted = lambda: self.limits.bytes, lambda: self.execution.interrupted
            compiled = CompiledRecorder(self.recorder, injector, translator, limit, files, interrupted)
        except RdbError as error:
            self.warn(f"{error}  Recording in single steps.")
            return None
        self.past.expand = Expansion(self.recorder, self.log).expand
        self.limits.ring = compiled.ring
        return compiled

    def _pin(self) -> None:
        """Debugger and program on one CPU: a step is then a switch of context, not a message between CPUs."""
        self._cpus = os.sched_getaffinity(0)
        self._their_cpus = os.sched_getaffinity(self.process.pid)
        shared = sorted(self._cpus & self._their_cpus) or sorted(self._cpus)
        # Debuggers that run side by side spread over the CPUs.
        one = {shared[self.process.pid % len(shared)]}
        os.sched_setaffinity(0, one)
        self.process.pin(one)

    def _end(self) -> None:
        """Recording is over: undo what it takes, and keep what is of use for the next time."""
        self.process.unheard = self.process.interrupt
        self.schedule.close()
        os.sched_setaffinity(0, self._cpus)
        try:
            self.process.pin(self._their_cpus)
        except OSError:
            pass  # the process is gone
        if self.execution.compiled is not None:
            self.execution.compiled.translations.keep()
