"""Run control: resume, wait, decide; one code path for both directions.

`go` drives a walk (rdb.walks).  Each leg inserts what the user wants to stop for and what the walk needs, resumes the target,
waits, and decides: a reason of the user's (a breakpoint whose condition holds, a watchpoint whose value changed, a signal to
stop for, the end of history or of the process) ends the walk, so does its own arrival; everything else goes on.

A walk belongs to the thread in which it was begun.  Where another thread stops for the walk's sake, or for a breakpoint that is
none of its business, the walk goes on in its own thread; where another thread stops for the user's sake, the walk is over and
that thread is the current one.  When the thread of a walk ends, the others go on until something stops them.

*Scheduler locking* says whether the others move while the current thread does.  In the present they run or stay.  The past is one
order of all threads' instructions and can only be played as it was: there the others move in any case, and locked means that
nothing they come upon stops the program.  So `on` and `step` lock in both directions of time; `off` and `replay` never do, for
the recorded order is all the locking that a replay can need.

Run control knows lines, frames, threads and breakpoints, never the record list: whether the target runs or searches is not its
business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from rdb.breakpoints import BreakpointTable, Catchpoint, Stoppoint
from rdb.errors import CannotAccessMemory, NoRegisters, RdbError
from rdb.events import (
    INTERRUPT,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Executed,
    Forked,
    Reason,
    RecordEnded,
    RecordingStopped,
    Resume,
    RunnerEnded,
    Signalled,
    Stepped,
    Stop,
    SystemCall,
)
from rdb.expr.evaluate import evaluate_condition
from rdb.legs import Continue, Place, Walk
from rdb.linux.signals import Disposition
from rdb.linux.signals import name as signal_name
from rdb.stops import BreakpointHit, Caught, ConditionFailed, Show, StepDone, StopReport
from rdb.symbols.unwind import FrameId
from rdb.target.base import Target
from rdb.threads import Threads
from rdb.watchpoints import Watched, Watchpoints

# After these a walk just goes on.
_NO_ARRIVAL = (Executed, Forked, RecordEnded, SystemCall)


class Program(Watched, Place, Protocol):
    """What run control needs of the session: the scope of expressions, the place of walks, the target on top."""

    @property
    def thread_table(self) -> Threads: ...

    @property
    def kept_births(self) -> Collection[str]:
        """By which calls a child is made that must not run before it has been decided about."""

    def follow(self) -> None:
        """Decide about the child for which the program has stopped; who is resumed may be another afterwards."""

    def replaced(self, executed: Executed) -> None:
        """The program has become another one."""

    def end_recording(self) -> None:
        """What the program is about to do cannot be recorded: it goes on without."""

    def moved(self) -> None:
        """State changed: frames and whatever was derived from it are stale."""

    @property
    def internal_stops(self) -> frozenset[int]: ...

    def on_internal_stop(self, address: int) -> None:
        """The program passed an address that the session itself is interested in."""


class RunControl:
    def __init__(self, program: Program, breakpoints: BreakpointTable, signals: dict[int, Disposition]) -> None:
        self.program, self.breakpoints, self.signals = program, breakpoints, signals
        self.watchpoints = Watchpoints(program, breakpoints, self._counts)
        self.tell: Callable[[Reason], None] = lambda reason: None
        self._pending_signals: dict[int, int] = {}
        self._inserted: set[int] = set()
        self._walker = self._passing = 0
        self._locked = False
        self._interrupted = False

    # -- moving

    def go(self, walk: Walk, count: int = 1, again: Callable[[], Walk] | None = None) -> StopReport:
        """Carry out a walk, `count` times with `again` making each further one; the stop that ended it."""
        self.program.follow()
        start, began_in = self._frame_id(), self.program.target.thread
        while True:
            report = self._go_once(walk, start, began_in)
            count -= 1
            if count <= 0 or again is None or not isinstance(report.reasons[0], StepDone):
                return report
            walk = again()

    def _go_once(self, walk: Walk, start: FrameId | None, began_in: int) -> StopReport:
        self._walker, self._passing = self.program.target.thread, 0
        self._locked = self._locks(walk)
        walk.into_handler = self._stands_for_signal()
        begun = walk.begun()
        if begun is not None:
            return self._report(Stop((begun,), self._walker), (begun,), start, began_in)
        while True:
            self._follow()
            walk = self._in_its_thread(walk)
            stop = Stop((INTERRUPT,), self._walker) if self.take_interrupt() else self._leg(walk)
            reasons = self._decide(stop, walk)
            if reasons:
                return self._report(stop, reasons, start, began_in)
            if stop.reason(Executed) is not None:
                # Nothing that the walk was looking for exists in the new program.
                walk = Continue(walk.place, Direction.FORWARD)

    def _stands_for_signal(self) -> bool:
        """Whether the user has been told of a signal that the current thread gets next."""
        target = self.program.target
        if target.is_live or not target.threads():
            return self.pending_signal != 0
        info = target.signal_info()
        return bool(info) and self._is_for_user(int.from_bytes(info[:4], "little"))

    def _locks(self, walk: Walk) -> bool:
        mode = self.program.settings.text("scheduler-locking")
        return mode == "on" or (mode == "step" and walk.stepping)

    def _follow(self) -> None:
        """Decide about a child of the program; where it is followed, the walk goes on in it."""
        before = self.program.target
        self.program.follow()
        if self.program.target is not before:
            self._walker = self.program.target.thread

    def _in_its_thread(self, walk: Walk) -> Walk:
        """Make the walk's thread the current one; if it has ended, the others just go on."""
        target = self.program.target
        if target.thread == self._walker:
            return walk
        if self._walker not in target.threads():
            self._walker = target.thread
            return Continue(walk.place, walk.direction)
        target.select_thread(self._walker)
        self.program.moved()
        return walk

    def interrupt(self) -> None:
        """Stop the program as soon as possible, now or when it moves; from a signal handler, or from another system thread."""
        self._interrupted = True
        self.program.target.interrupt()

    def take_interrupt(self) -> bool:
        """Whether an interrupt was asked for that no stop has answered; it is the caller's to answer."""
        interrupted, self._interrupted = self._interrupted, False
        if interrupted:
            self.program.target.forget_interrupt()
        return interrupted

    def _leg(self, walk: Walk) -> Stop:
        """One resume and its wait, with everything inserted that must be."""
        request, target = walk.request(), self.program.target
        if self._insert(walk.stops, request.direction):
            request = Resume(request.direction, step=True)
        signal, alone = 0, self._locked
        if not target.is_live and request.direction is Direction.FORWARD and self._passing:
            # Another thread stands at a breakpoint that did not count: it passes it, then it is the walk's turn again.
            target.select_thread(self._passing)
            request = Resume(step=True)
        elif target.is_live and request.direction is Direction.FORWARD:
            receiver = self._receiver(target)
            if receiver != target.thread:
                # Another thread has a signal to get: one step takes it into its handler, then it is the walk's turn again.
                target.select_thread(receiver)
                request, alone = Resume(step=True), True
            signal = self._pending_signals.pop(receiver, 0)
        target.pass_silently(self._silent)
        target.stop_at_births([each for each in ("fork", "vfork") if self.breakpoints.catching(each)], self.program.kept_births)
        target.stop_at_calls(self.breakpoints.calls)
        target.resume(Resume(request.direction, request.step, request.within, signal, alone))
        stop = target.wait()
        if stop.answers_interrupt:
            self._interrupted = False
        self._passing = stop.thread if stop.thread != self._walker and stop.reason(AtBreakpoint) else 0
        self.program.moved()
        return stop

    def _receiver(self, target: Target) -> int:
        """The thread that is to get its pending signal with the next resume; the current one if there is no other."""
        others = set() if self._locked else self._pending_signals.keys() & set(target.threads())
        return min(others - {target.thread}, default=target.thread)

    @property
    def pending_signal(self) -> int:
        """The signal that the current thread will get when it goes on, 0 for none."""
        return self._pending_signals.get(self.program.target.thread, 0)

    @pending_signal.setter
    def pending_signal(self, number: int) -> None:
        self._pending_signals[self.program.target.thread] = number

    def forget_signals(self) -> None:
        """The threads that were to get signals are gone."""
        self._pending_signals.clear()

    # -- what is inserted

    def _insert(self, stops: Iterable[int], direction: Direction) -> bool:
        """Make the target look for the user's and the walk's stops; whether software watchpoints need single steps."""
        target = self.program.target
        wanted = set(stops) | self.program.internal_stops | self.watchpoints.stops(direction)
        for breakpoint in self.breakpoints.breakpoints:
            if breakpoint.enabled:
                wanted |= {location.address for location in breakpoint.locations}
        for address in self._inserted - wanted:
            target.remove_breakpoint(address)
        for address in wanted:
            self._insert_one(target, address)
        self._inserted = wanted
        return self.watchpoints.insert()

    def _insert_one(self, target: Target, address: int) -> None:
        try:
            target.insert_breakpoint(address)
        except CannotAccessMemory:
            numbers = [breakpoint.number for breakpoint in self.breakpoints.at(address)]
            if numbers:
                raise RdbError(
                    f"Warning:\nCannot insert breakpoint {numbers[0]}.\nCannot access memory at address {address:#x}\n"
                ) from None

    def withdraw(self) -> None:
        """Another target takes the place of this one, which stays: nothing is left inserted in it."""
        target = self.program.target
        for address in self._inserted:
            target.remove_breakpoint(address)
        self.watchpoints.withdraw()
        self.forget_inserted()

    def forget_inserted(self) -> None:
        """The target that things were inserted into is gone, or another one is on top of it now."""
        self._inserted = set()
        self.watchpoints.forget_inserted()

    # -- deciding

    def _decide(self, stop: Stop, walk: Walk) -> tuple[Reason, ...]:
        """The reasons to end the walk here; none to go on."""
        executed = stop.reason(Executed)
        if executed is not None:
            self.program.replaced(executed)
        if stop.ended or not self._has_registers:
            return stop.reasons
        reasons: list[Reason] = []
        for reason in stop.reasons:
            if isinstance(reason, Signalled):
                reasons += self._on_signal(reason)
            elif isinstance(reason, AtBreakpoint):
                reasons += self._on_breakpoint(reason.address)
            elif isinstance(reason, Forked):
                reasons += self._on_event(reason.how, f"{reason.how}ed process {reason.child}", f"process {reason.child}")
            elif isinstance(reason, Executed):
                reasons += self._on_event("exec", f"exec'd {reason.path}", f'program "{reason.path}"')
            elif isinstance(reason, SystemCall):
                reasons += self._on_call(reason)
            elif isinstance(reason, (EndOfHistory, RecordingStopped, RunnerEnded)):
                reasons.append(reason)
        reasons += self.watchpoints.on_stop(stop, walk.forward)
        if stop.reason(RecordEnded) is not None:
            self.program.end_recording()
        if reasons or any(isinstance(reason, _NO_ARRIVAL) for reason in stop.reasons):
            return tuple(reasons)
        own = self._own_arrival(stop, walk)
        return (own,) if own is not None else ()

    @property
    def _is_foreign(self) -> bool:
        """Whether a thread has moved that is locked: then what it came upon does not count."""
        return self._locked and self.program.target.thread != self._walker

    def _own_arrival(self, stop: Stop, walk: Walk) -> Reason | None:
        """Whether the walk is done; another thread's stop is not its business, nor a step made only for a software watchpoint."""
        if stop.thread != self._walker:
            return None
        stepped = stop.reason(Stepped) is not None
        if stepped and not walk.request().step:
            return walk.arrived(stop) if self.program.pc in walk.stops else None
        return walk.arrived(stop)

    def _on_signal(self, signal: Signalled) -> Sequence[Reason]:
        disposition = self._disposition(signal.number)
        if self.program.target.is_live:
            self.pending_signal = signal.number if disposition.forward else 0
        catchpoints = self.breakpoints.catching_number("signal", signal.number)
        if catchpoints:
            return self._caught(catchpoints, f"signal {signal_name(signal.number)}")
        if disposition.stop and not self._is_foreign:
            return (signal,)
        if disposition.tell:
            self.tell(signal)
        return ()

    def _is_for_user(self, number: int) -> bool:
        """Whether the program stops for a signal, or may do so."""
        return self._disposition(number).stop or bool(self.breakpoints.catching_number("signal", number))

    @property
    def _silent(self) -> list[int]:
        """The signals that the program gets without a stop and without a word."""
        silent = [number for number, each in self.signals.items() if each.forward and not each.tell and not each.stop]
        catchpoints = self.breakpoints.catching("signal")
        return [number for number in silent if not any(each.is_about(number) for each in catchpoints)] if catchpoints else silent

    def _disposition(self, number: int) -> Disposition:
        return self.signals.get(number, Disposition(True, True, True))

    def _on_breakpoint(self, address: int) -> Sequence[Reason]:
        if address in self.program.internal_stops:
            self.program.on_internal_stop(address)
        reasons = []
        for breakpoint in self.breakpoints.at(address):
            if self._counts(breakpoint):
                if breakpoint.temporary:
                    self.breakpoints.delete(breakpoint.number)
                reasons.append(BreakpointHit(breakpoint))
        return reasons

    def _on_event(self, event: str, what: str, seen: str) -> Sequence[Reason]:
        """The catchpoints for an event."""
        catchpoints = self.breakpoints.catching(event)
        for catchpoint in catchpoints:
            catchpoint.seen = seen
        return self._caught(catchpoints, what)

    def _on_call(self, call: SystemCall) -> Sequence[Reason]:
        """The catchpoints for a system call."""
        name = self.program.arch.syscall.names.get(call.number, call.number)
        catchpoints = self.breakpoints.catching_number("syscall", call.number)
        return self._caught(catchpoints, f"{'returned from' if call.returned else 'call to'} syscall {name}")

    def _caught(self, catchpoints: Iterable[Catchpoint], what: str) -> Sequence[Reason]:
        reasons = []
        for catchpoint in catchpoints:
            if self._counts(catchpoint):
                if catchpoint.temporary:
                    self.breakpoints.delete(catchpoint.number)
                reasons.append(Caught(catchpoint, what))
        return reasons

    def _counts(self, stoppoint: Stoppoint) -> bool:
        """Whether a hit is one that the user wants: in that thread, the condition holds, nothing is left to ignore; counts it."""
        thread = self.program.thread_table.of(self.program.target.thread).number
        if self._is_foreign or stoppoint.thread not in (None, thread):
            return False
        if stoppoint.condition_node is not None and not self._holds(stoppoint):
            return False
        stoppoint.hits += 1
        if stoppoint.ignore > 0:
            stoppoint.ignore -= 1
            return False
        if stoppoint.once:
            stoppoint.enabled = False
        return True

    def _holds(self, stoppoint: Stoppoint) -> bool:
        assert stoppoint.condition_node is not None
        try:
            return evaluate_condition(stoppoint.condition_node, self.program)
        except RdbError as error:
            self.tell(ConditionFailed(stoppoint.number, str(error)))
            return True

    @property
    def _has_registers(self) -> bool:
        try:
            return self.program.pc >= 0
        except NoRegisters:
            return False

    # -- reporting

    def _frame_id(self) -> FrameId | None:
        frame = next(iter(self.program.frames()), None)
        return frame.id if frame is not None else None

    def _enter_inlined_breakpoint(self, reasons: tuple[Reason, ...]) -> None:
        """At a breakpoint on an inlined function, or on a line or address within one, the call is entered already.

        A breakpoint on a function that begins with an inlined call is about the function: the call is yet to come.
        """
        hits = [reason.breakpoint for reason in reasons if isinstance(reason, BreakpointHit)]
        beginning = self.program.innermost.inlined_out if hits and self.program.innermost is not None else 0
        if not beginning:
            return
        names = {hit.spec.rpartition(":")[2].strip() for hit in hits}
        elsewhere = None if all(name.isidentifier() for name in names) else 0
        self.program.show_inlined(0)
        inlined = [frame.name for frame, _ in zip(self.program.frames(), range(beginning))]
        self.program.show_inlined(next((n for n, name in enumerate(inlined) if name in names), elsewhere))

    def _report(self, stop: Stop, reasons: tuple[Reason, ...], start: FrameId | None, began_in: int) -> StopReport:
        """GDB tells the frame, unless a step ended in the thread and the function where it began: then the line is enough."""
        self._enter_inlined_breakpoint(reasons)
        frame = next(iter(self.program.frames()), None) if not stop.ended else None
        show = Show.FRAME
        if frame is None:
            show = Show.NOTHING
        elif isinstance(reasons[0], StepDone) and start is not None and (frame.id, stop.thread) == (start, began_in):
            show = Show.LINE
        return StopReport(stop, reasons, frame, show, frame is not None and stop.thread != began_in)
