"""Run control: resume, wait, decide; one code path for both directions.

`go` drives a walk (rdb.walks).  Each leg inserts what the user wants to stop for and what the walk needs, resumes the target,
waits, and decides: a reason of the user's (a breakpoint whose condition holds, a watchpoint whose value changed, a signal to
stop for, the end of history or of the process) ends the walk, so does its own arrival; everything else goes on.

Run control knows lines, frames and breakpoints, never the record list: whether the target runs or searches is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from rdb.breakpoints import BreakpointTable, Stoppoint, Watchpoint
from rdb.errors import CannotAccessMemory, RdbError
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Direction,
    EndOfHistory,
    Executed,
    Forked,
    Reason,
    RecordEnded,
    RecordingStopped,
    Resume,
    Signalled,
    Stepped,
    Stop,
    Watch,
    WatchKind,
)
from rdb.expr.evaluate import evaluate_condition, evaluate_traced
from rdb.expr.scope import Scope, Trace
from rdb.expr.value import Value
from rdb.linux.signals import Disposition
from rdb.stops import (
    BreakpointHit,
    Caught,
    ConditionFailed,
    Show,
    StepDone,
    StopReport,
    WatchpointOutOfScope,
    WatchpointTriggered,
)
from rdb.symbols.unwind import Frame, FrameId
from rdb.target.base import Target
from rdb.walks import Continue, Place, Walk

# After these a walk just goes on.
_NO_ARRIVAL = (Executed, Forked, RecordEnded)
# A watched value of more bytes is compared in software.
_LARGEST_WATCH = 32


class Program(Scope, Place, Protocol):
    """What run control needs of the session: the scope of expressions, the place of walks, the target on top."""

    @property
    def target(self) -> Target: ...

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
        self.pending_signal = 0
        self.tell: Callable[[Reason], None] = lambda reason: None
        self._inserted: set[int] = set()
        self._watched: dict[Watch, Watchpoint] = {}
        self._scope_begins: dict[int, int] = {}
        self._interrupted = False

    # -- moving

    def go(self, walk: Walk, count: int = 1, again: Callable[[], Walk] | None = None) -> StopReport:
        """Carry out a walk, `count` times with `again` making each further one; the stop that ended it."""
        start = self._frame_id()
        while True:
            report = self._go_once(walk, start)
            count -= 1
            if count <= 0 or again is None or not isinstance(report.reasons[0], StepDone):
                return report
            walk = again()

    def _go_once(self, walk: Walk, start: FrameId | None) -> StopReport:
        self._interrupted = False
        begun = walk.begun()
        if begun is not None:
            return self._report(Stop((begun,), self.program.target.thread), (begun,), start)
        while True:
            stop = self._leg(walk)
            reasons = self._decide(stop, walk)
            if reasons:
                return self._report(stop, reasons, start)
            if stop.reason(Executed) is not None:
                # Nothing that the walk was looking for exists in the new program.
                walk = Continue(walk.place, Direction.FORWARD)

    def interrupt(self) -> None:
        """Stop the program as soon as possible; may be called from a signal handler."""
        self._interrupted = True
        self.program.target.interrupt()

    def _leg(self, walk: Walk) -> Stop:
        """One resume and its wait, with everything inserted that must be."""
        self.program.follow()
        request, target = walk.request(), self.program.target
        signal = 0
        if target.is_live and request.direction is Direction.FORWARD:
            signal, self.pending_signal = self.pending_signal, 0
        software = self._insert(walk.stops, request.direction)
        if software:
            request = Resume(request.direction, step=True)
        target.pass_silently([n for n, d in self.signals.items() if not d.stop and not d.tell and d.forward])
        target.stop_at_births([each for each in ("fork", "vfork") if self.breakpoints.catching(each)], self.program.kept_births)
        target.resume(Resume(request.direction, request.step, request.within, signal))
        stop = target.wait()
        self.program.moved()
        return stop

    # -- what is inserted

    def _insert(self, stops: Iterable[int], direction: Direction) -> bool:
        """Make the target look for the user's and the walk's stops; whether software watchpoints need single steps."""
        target = self.program.target
        self._scope_begins = dict(self._beginnings_of_scopes()) if direction is Direction.REVERSE else {}
        wanted = set(stops) | self.program.internal_stops | set(self._scope_begins.values())
        for breakpoint in self.breakpoints.breakpoints:
            if breakpoint.enabled:
                wanted |= {location.address for location in breakpoint.locations}
        wanted |= {each.left_at for each in self.breakpoints.watchpoints if each.enabled and each.left_at is not None}
        for address in self._inserted - wanted:
            target.remove_breakpoint(address)
        for address in wanted:
            self._insert_one(target, address)
        self._inserted = wanted
        return self._insert_watches(target)

    def _beginnings_of_scopes(self) -> Iterator[tuple[int, int]]:
        """For each watchpoint on locals its number, and the entry of their function: going backwards they end there."""
        for watchpoint in self.breakpoints.watchpoints:
            if watchpoint.enabled and watchpoint.frame is not None:
                yield watchpoint.number, watchpoint.frame.function_start

    def _insert_one(self, target: Target, address: int) -> None:
        try:
            target.insert_breakpoint(address)
        except CannotAccessMemory:
            numbers = [breakpoint.number for breakpoint in self.breakpoints.at(address)]
            if numbers:
                raise RdbError(
                    f"Warning:\nCannot insert breakpoint {numbers[0]}.\nCannot access memory at address {address:#x}\n"
                ) from None

    def _insert_watches(self, target: Target) -> bool:
        for watch in self._watched:
            target.remove_watch(watch)
        self._watched = {}
        software = False
        for watchpoint in self.breakpoints.watchpoints:
            if not watchpoint.enabled or watchpoint.node is None:
                continue
            if not watchpoint.hardware and not self._is_seen(watchpoint, target):
                software = True
                continue
            for watch in self.watches(watchpoint):
                try:
                    target.insert_watch(watch)
                except RdbError:
                    raise RdbError(
                        f"Could not insert hardware watchpoint {watchpoint.number}.\n"
                        "Could not insert hardware breakpoints:\n"
                        "You may have requested too many hardware breakpoints/watchpoints.\n"
                    ) from None
                self._watched[watch] = watchpoint
        return software

    def _is_seen(self, watchpoint: Watchpoint, target: Target) -> bool:
        """Whether the target notices every change of a software watchpoint's value, so that no single steps are needed."""
        if not target.sees_all_writes:
            return False
        _, trace = self._evaluate(watchpoint)
        return bool(trace.memory) and all(name in _FRAME_REGISTERS for name in trace.registers)

    def watches(self, watchpoint: Watchpoint) -> list[Watch]:
        """The memory that the value of a watchpoint depends on at this moment."""
        _, trace = self._evaluate(watchpoint)
        return [Watch(address, size, watchpoint.kind) for address, size in trace.memory]

    def can_use_hardware(self, trace: Trace) -> bool:
        """Whether an expression with this trace can be watched by the target instead of by single steps."""
        if not trace.memory or any(size > _LARGEST_WATCH for _, size in trace.memory):
            return False
        if any(name not in _FRAME_REGISTERS for name in trace.registers):
            return False
        wanted = [Watch(address, size, WatchKind.WRITE) for address, size in trace.memory]
        return self.program.target.can_watch(wanted)

    def withdraw(self) -> None:
        """Another target takes the place of this one, which stays: nothing is left inserted in it."""
        target = self.program.target
        for address in self._inserted:
            target.remove_breakpoint(address)
        for watch in self._watched:
            target.remove_watch(watch)
        self.forget_inserted()

    def forget_inserted(self) -> None:
        """The target that things were inserted into is gone, or another one is on top of it now."""
        self._inserted = set()
        self._watched = {}

    # -- deciding

    def _decide(self, stop: Stop, walk: Walk) -> tuple[Reason, ...]:
        """The reasons to end the walk here; none to go on."""
        executed = stop.reason(Executed)
        if executed is not None:
            self.program.replaced(executed)
        if stop.ended or self._frame_id() is None:
            return stop.reasons
        reasons: list[Reason] = []
        for reason in stop.reasons:
            if isinstance(reason, Signalled):
                reasons += self._on_signal(reason)
            elif isinstance(reason, AtBreakpoint):
                reasons += self._on_breakpoint(reason.address)
                if walk.forward:
                    reasons += self._on_return(reason.address)
            elif isinstance(reason, Forked):
                reasons += self._on_event(reason.how, f"{reason.how}ed process {reason.child}", f"process {reason.child}")
            elif isinstance(reason, Executed):
                reasons += self._on_event("exec", f"exec'd {reason.path}", f'program "{reason.path}"')
            elif isinstance(reason, (EndOfHistory, RecordingStopped)):
                reasons.append(reason)
        reasons += self._on_watchpoints(stop)
        if stop.reason(RecordEnded) is not None:
            self.program.end_recording()
        if reasons or any(isinstance(reason, _NO_ARRIVAL) for reason in stop.reasons):
            return tuple(reasons)
        own = self._own_arrival(stop, walk)
        if own is None and self._interrupted:
            return (Signalled(2),)
        return (own,) if own is not None else ()

    def _own_arrival(self, stop: Stop, walk: Walk) -> Reason | None:
        """Whether the walk is done; a step made only for a software watchpoint is not its business."""
        stepped = stop.reason(Stepped) is not None
        if stepped and not walk.request().step:
            return walk.arrived(stop) if self.program.pc in walk.stops else None
        return walk.arrived(stop)

    def _on_signal(self, signal: Signalled) -> Sequence[Reason]:
        disposition = self.signals.get(signal.number, Disposition(True, True, True))
        self.pending_signal = signal.number if disposition.forward else 0
        if disposition.stop:
            return (signal,)
        if disposition.tell:
            self.tell(signal)
        return ()

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
        reasons = []
        for catchpoint in self.breakpoints.catching(event):
            catchpoint.seen = seen
            if self._counts(catchpoint):
                if catchpoint.temporary:
                    self.breakpoints.delete(catchpoint.number)
                reasons.append(Caught(catchpoint, what))
        return reasons

    def _on_return(self, address: int) -> Sequence[Reason]:
        """The watchpoints on locals of the frame that has just returned to `address` go with it."""
        gone = [each for each in self.breakpoints.watchpoints if each.left_at == address and each.frame is not None]
        gone = [each for each in gone if each.enabled and each.frame is not None and not self._lives(each.frame)]
        for watchpoint in gone:
            self.breakpoints.delete(watchpoint.number)
        return [WatchpointOutOfScope(each) for each in gone]

    def _counts(self, stoppoint: Stoppoint) -> bool:
        """Whether a hit is one that the user wants: the condition holds, nothing is left to ignore; counts it."""
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

    # -- watchpoints

    def _on_watchpoints(self, stop: Stop) -> list[Reason]:
        touched: dict[int, Accessed] = {}
        for reason in stop.reasons:
            if isinstance(reason, Accessed) and reason.watch in self._watched:
                touched[self._watched[reason.watch].number] = reason
        reasons: list[Reason] = []
        for watchpoint in self.breakpoints.watchpoints:
            if watchpoint.enabled and self._has_left_scope(watchpoint):
                self.breakpoints.delete(watchpoint.number)
                reasons.append(WatchpointOutOfScope(watchpoint))
            elif watchpoint.enabled and (watchpoint.number in touched or not watchpoint.hardware):
                reasons += self._check(watchpoint, touched.get(watchpoint.number))
        return reasons

    def _has_left_scope(self, watchpoint: Watchpoint) -> bool:
        """Whether the frame of a watchpoint on locals is over, or, backwards, at its very beginning."""
        if watchpoint.frame is None:
            return False
        if self.program.pc == self._scope_begins.get(watchpoint.number):
            return self._frame_id() == watchpoint.frame
        return not self._lives(watchpoint.frame)

    def _check(self, watchpoint: Watchpoint, touched: Accessed | None) -> Sequence[Reason]:
        """Whether a watchpoint has triggered: its value differs from the one last seen, or it was read."""
        new, _ = self._evaluate(watchpoint)
        old = watchpoint.value
        changed = (new.data if new else None) != (old.data if old else None)
        if changed:
            watchpoint.value = new
        if watchpoint.kind is WatchKind.READ:
            # The CPU cannot watch for reads alone: an access that wrote is none.  Writes before it were nobody's concern.
            reports, changed = touched is not None and touched.before == touched.after, False
        else:
            reports = changed if watchpoint.kind is WatchKind.WRITE else touched is not None
        if not reports or not self._counts(watchpoint):
            return ()
        return (WatchpointTriggered(watchpoint, old if changed else None, new, changed),)

    def _evaluate(self, watchpoint: Watchpoint) -> tuple[Value | None, Trace]:
        assert watchpoint.node is not None
        try:
            return evaluate_traced(watchpoint.node, self._scope_of(watchpoint))
        except RdbError:
            return None, Trace()

    def _scope_of(self, watchpoint: Watchpoint) -> Scope:
        return self.program if watchpoint.frame is None else _InFrame(self.program, self._find(watchpoint.frame))

    def _find(self, identity: FrameId) -> Frame | None:
        """The living frame with this identity."""
        for frame in self.program.frames():
            if frame.id == identity:
                return frame
            if frame.cfa > identity.cfa:
                return None
        return None

    def _lives(self, identity: FrameId) -> bool:
        return self._find(identity) is not None

    def refresh_watchpoints(self) -> None:
        """Look at all watched values again: the user moved or changed the program otherwise than by running it."""
        for watchpoint in self.breakpoints.watchpoints:
            watchpoint.value, _ = self._evaluate(watchpoint)

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

    def _report(self, stop: Stop, reasons: tuple[Reason, ...], start: FrameId | None) -> StopReport:
        """GDB tells the frame, unless a step ended in the function where it began: then the line is enough."""
        self._enter_inlined_breakpoint(reasons)
        frame = next(iter(self.program.frames()), None) if not stop.ended else None
        show = Show.FRAME
        if frame is None:
            show = Show.NOTHING
        elif isinstance(reasons[0], StepDone) and start is not None and frame.id == start:
            show = Show.LINE
        return StopReport(stop, reasons, frame, show)


class _InFrame:
    """The program as a Scope, seen from one particular frame."""

    def __init__(self, program: Program, frame: Frame | None) -> None:
        self._program, self.frame = program, frame
        self.table, self.arch, self.settings = program.table, program.arch, program.settings
        self.convenience, self.history = program.convenience, program.history
        self.frames, self.read_memory, self.write_memory = program.frames, program.read_memory, program.write_memory
        self.write_register = program.write_register

    def read_register(self, name: str) -> bytes:
        if self.frame is None:
            return self._program.read_register(name)
        return self.frame.register(name).to_bytes(self.arch.registers[name].size, "little")


# Registers that an address of a local depends on; they stay what they are as long as the frame lives.
_FRAME_REGISTERS = ("rbp", "rsp", "fs_base", "gs_base", "ebp", "esp", "rip")
