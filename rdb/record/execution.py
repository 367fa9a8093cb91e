"""The program runs and is recorded: one resume in the present, from its beginning to its stop.

Three parties work together here.  The schedule says whose turn it is (rdb.record.schedule).  The recorder executes and records
the plain instructions of the thread in turn, in bursts (rdb.record.single_step), and the special steps all others, system calls
among them (rdb.record.special).  What they meet that is no instruction is decided about here: signals, ends, limits, interrupts.

A resume that steps is about one thread; the others have their turns meanwhile, and stop only for breakpoints, watchpoints and
signals.  A thread that stands at a breakpoint when it gets its turn has reached it, save the one with which the resume began, as
long as it has not moved.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from rdb.arch.base import Flow
from rdb.arch.linux.syscalls import NUMBER_MASK
from rdb.arch.process_record import Plan
from rdb.errors import CannotRecord, ProgramEnded, RdbError
from rdb.events import (
    AtBreakpoint,
    Exited,
    Killed,
    Reason,
    RecordingStopped,
    Resume,
    RunnerEnded,
    Signalled,
    Stepped,
    SystemCall,
)
from rdb.linux import ptrace
from rdb.linux.ptrace import TRAPPED
from rdb.record.deliveries import signalled
from rdb.record.departures import STOPPED, Departure, Departures
from rdb.record.limits import Limits
from rdb.record.pace import Pace
from rdb.record.record_list import RecordList
from rdb.record.schedule import Returned, Schedule
from rdb.record.signal_delivery import SignalDelivery
from rdb.record.single_step import Arrived, SingleStepRecorder, Slow, Until
from rdb.record.slices import SLICE
from rdb.record.special import Result, SpecialSteps
from rdb.record.system_call import Ended, Refused, UnderWay
from rdb.record.verify import Verifier
from rdb.settings import Settings
from rdb.target.native import NativeTarget

if TYPE_CHECKING:
    from rdb.record.compiled.recorder import CompiledRecorder

# Nobody looks up but for an interrupt, or at the end of a slice.
_COMPILED_BURST = 1 << 40
Reasons = tuple[Reason, ...]


class Execution:
    """Runs the program of `process` and records it into the log of `recorder`.

    `silent` are the signals that are delivered without a stop.
    """

    def __init__(
        self,
        process: NativeTarget,
        settings: Settings,
        recorder: SingleStepRecorder,
        schedule: Schedule,
        special: SpecialSteps,
        delivery: SignalDelivery,
        departures: Departures,
        verifier: Verifier,
        limits: Limits,
    ) -> None:
        self.process, self.settings, self.recorder, self.schedule, self.limits = process, settings, recorder, schedule, limits
        self.special, self.delivery, self.departures, self.verifier = special, delivery, departures, verifier
        self.log: RecordList = recorder.log
        self.pace = Pace()
        special.calls.outside.before_terminal = self.pace.hide
        self.silent: Collection[int] = frozenset()
        self.compiled: CompiledRecorder | None = None
        self.interrupted = False
        self._until = Until()
        self._step: int | None = None
        self._single = False
        self._beginner: int | None = None
        # The place at which each thread, by its number, was told to be about to make a call; where a call was told to return.
        self._told: dict[int, int | None] = {}
        self._told_return: int | None = None

    def run(self, request: Resume, until: Until) -> Reasons:
        """Run until there is a reason to stop, for the thread that then is the process's current one."""
        self.pace.begin(self.log.high)
        try:
            return self._run(request, until)
        except ProgramEnded as end:
            return self._end(end.status if end.thread == self.process.pid else self.schedule.wait_for_end())
        except RdbError:
            # Killed by somebody: whatever was asked of a process that is going is refused, in one way or another.
            if self.process.stands:
                raise
            return self._end(self.schedule.wait_for_end())
        finally:
            self.pace.end(self.log.high)

    def _run(self, request: Resume, until: Until) -> Reasons:
        schedule = self.schedule
        self._until, self._single = until, request.step and request.within is None
        schedule.alone = request.alone
        schedule.slices.begin()
        schedule.switch(self.process.thread)
        self._beginner = schedule.thread
        self._step = schedule.thread if request.step else None
        reasons = self._deliver(request.signal) if request.signal else None
        while reasons is None:
            try:
                reasons = self._turn()
            except CannotRecord as error:
                reasons = (RecordingStopped(f"{error}\n{STOPPED}"),)
        if not any(isinstance(reason, (Exited, Killed)) for reason in reasons):
            status = schedule.hold()
            self.delivery.held.lift_all()
            reasons = reasons if status is None else self._end(status)
        return reasons

    def interrupt(self) -> None:
        """Make the run end soon; in the system thread that runs it, a signal handler for instance."""
        self.interrupted = True
        self.schedule.interrupt()

    # -- turns

    def _turn(self) -> Reasons | None:
        """One slice of the thread in turn, then the turn goes on; the reasons to stop."""
        high, thread = self.log.high, self.schedule.thread
        mine = thread == self._step
        if self.interrupted:
            return self._interrupted()
        room = self.limits.room(self._most)
        if not room:
            return (RecordingStopped(STOPPED),)
        reasons = self._record(self.delivery.held.hold(1 if self._single and mine else room))
        self.pace.look(self.log.high, lambda: self.limits.taken, not self.special.calls.outside.line_is_open)
        self.schedule.spend(self.log.high - high)
        if self.schedule.thread == thread:
            self.delivery.held.spend(self.log.high - high)
        if reasons is None and self._single and mine and self.log.high > high and thread not in self.schedule.left:
            return (Stepped(),)
        if reasons is None and self.schedule.is_over():
            reasons = self._give_turn()
        return reasons

    def _give_turn(self) -> Reasons | None:
        """It is the turn of the next thread."""
        had = self.schedule.thread
        returned = self.schedule.next()
        if returned is not None:
            return self._returned(returned)
        return self._at_breakpoint() if self.schedule.thread != had else None

    def _returned(self, returned: Returned) -> Reasons | None:
        """A thread that was in a call has the turn again."""
        if not os.WIFSTOPPED(returned.status):
            return self._end(self.schedule.wait_for_end())
        if returned.call is None:
            return self._arrived(returned.status)
        high, then = self.log.high, returned.call.comparison.before
        before = [(watch, then(watch.address, now)) for watch, now in self.special.watched(self._until.watches)]
        result: Result = self.special.calls.finish(returned.call, returned.status, self.interrupted)
        if isinstance(result, tuple):
            result = self.special.triggered(before)
        reasons = self._outcome(result)
        if reasons is None and self._single and returned.thread == self._step and self.log.high > high:
            return (Stepped(),)
        return reasons

    def _interrupted(self) -> Reasons:
        if self.schedule.thread in self.schedule.threads.ids and self.schedule.thread not in self.schedule.left:
            self.schedule.stand_ready()
        return (Signalled(signal.SIGINT),)

    @property
    def _most(self) -> int:
        """How many instructions to record before looking up."""
        return _COMPILED_BURST if self.compiled else self.schedule.rest or SLICE

    # -- instructions

    def _record(self, limit: int) -> Reasons | None:
        if not self.settings.flag("record full verify"):
            return self._execute(limit)
        copy, high, thread = self.verifier.before(), self.log.high, self.schedule.thread
        reasons = self._execute(1)
        if thread == self.schedule.thread:
            self.verifier.after(copy, high)
        return reasons

    def _execute(self, limit: int) -> Reasons | None:
        if not self.delivery.is_traced:
            return self._burst(limit)
        # The program traces itself: a SIGTRAP of its own follows each instruction.
        high = self.log.high
        reasons = self._burst(1)
        if self.log.high == high or any(isinstance(reason, (Signalled, Exited, Killed)) for reason in reasons or ()):
            return reasons
        return self._arrived(TRAPPED)

    def _burst(self, limit: int) -> Reasons | None:
        """Record plain instructions, and the special one at which they end."""
        until = self._until if self._step in (None, self.schedule.thread) else replace(self._until, within=Until().within)
        high = self.log.high
        if self.compiled:
            outcome = self.compiled.burst(until, limit, self.schedule.rest)
        else:
            outcome = self.recorder.burst(until, limit)
        if self.compiled and self.schedule.left:
            self.schedule.keep_up(high)
        if self.log.high > high:
            self._beginner = None
        if isinstance(outcome, Slow):
            return self._begun(outcome.plan) or self._outcome(self.special.execute(outcome.plan, until.watches))
        return self._arrived(outcome.status) if isinstance(outcome, Arrived) else outcome

    def _outcome(self, result: Result) -> Reasons | None:
        """The reasons to stop after a special step."""
        if isinstance(result, Refused):
            why = f"Process record does not support the system call {result.name} here."
            return (RecordingStopped(f"{why}\n{STOPPED}"),)
        if isinstance(result, Departure):
            return self.departures.decide(result)
        if isinstance(result, UnderWay):
            self.schedule.leave(result.call)
            return None
        if isinstance(result, Ended):
            return self._ended(result)
        self.schedule.births()
        born, returned = self.departures.births(), self._returned_from_call()
        told = born if returned is None else (*born, returned)
        if isinstance(result, Arrived):
            return (*told, *(self._arrived(result.status) or ())) or None
        if returned is not None:
            return (*told, *result, *(self._at_breakpoint() or ()))
        return (*told, *result) or self._behind()

    # -- system calls to stop for

    @property
    def _stops_for_calls(self) -> bool:
        return bool(self._until.calls) and not (self._single and self.schedule.thread == self._step)

    def _begun(self, plan: Plan) -> Reasons | None:
        """The call that the thread in turn is about to make, if it is one to stop for that was not told yet."""
        if plan.effects.flow is not Flow.SYSTEM_CALL or not self._stops_for_calls:
            return None
        call = self.recorder.register(self.recorder.arch.syscall.number) & NUMBER_MASK
        number = self.schedule.number(self.schedule.thread)
        place = self.log.turns.previous(number, self.log.high, self.log.low)
        if call not in self._until.calls or (number in self._told and self._told[number] == place):
            return None
        self._told[number] = place
        return (SystemCall(call),)

    def _returned_from_call(self) -> SystemCall | None:
        """The call that the thread in turn has just made, if it is one to stop for."""
        call = self.log.calls.returned(self.log.high, self._until.calls) if self._stops_for_calls else None
        if call is None or self._told_return == self.log.high:
            return None
        self._told_return = self.log.high
        return call

    def forget_calls(self) -> None:
        """The program goes on from its past: what was told of its calls is no more."""
        self._told.clear()
        self._told_return = None

    def _behind(self) -> Reasons | None:
        """Why to stop behind an instruction that was executed outside a burst."""
        if self._step == self.schedule.thread and self.recorder.pc not in self._until.within:
            return self._at_breakpoint() or (Stepped(),)
        return self._at_breakpoint()

    def _at_breakpoint(self) -> Reasons | None:
        pc = self.recorder.pc
        at = pc in self._until.breakpoints and self.schedule.thread != self._beginner
        return (AtBreakpoint(pc),) if at else None

    # -- what is no instruction

    def _ended(self, ended: Ended) -> Reasons | None:
        """The thread in turn has ended by a call of its own, and others live."""
        self.schedule.ended(ended.registers)
        if self.schedule.thread == self._step:
            self._step, self._single = None, False
        if self.schedule.alone:
            self.schedule.alone = False
            self.schedule.switch(self.schedule.threads.ids[0])
            return (RunnerEnded(),)
        return None

    def _arrived(self, status: int) -> Reasons | None:
        """What a wait status that is no step means; None when recording goes on."""
        if not os.WIFSTOPPED(status):
            return self._end(status if self.schedule.thread == self.process.pid else self.schedule.wait_for_end())
        if status >> 16 == ptrace.Event.EXEC:
            return (self.process.executed(),)
        if self.departures.forked(status):
            return self.departures.births() or None
        number, info = os.WSTOPSIG(status), self.delivery.arrived()
        if self.process.took_stop(info):
            self.delivery.drop()
            return None
        if number in self.silent:
            return self._deliver(number)
        return (signalled(info),)

    def _end(self, status: int) -> Reasons:
        self.process.free_strays()
        if os.WIFEXITED(status):
            return (Exited(os.WEXITSTATUS(status)),)
        return (Killed(os.WTERMSIG(status)),)

    def _deliver(self, number: int) -> Reasons | None:
        """Have the thread in turn get a signal; the first instruction of the handler is where a step is done."""
        high = self.log.high
        status = self.delivery.deliver(number)
        if status != TRAPPED:
            return self._arrived(status)
        if self.log.high == high:
            return None
        self._beginner = None
        if self._single and self._step == self.schedule.thread:
            return self._at_breakpoint() or (Stepped(),)
        return self._behind()
