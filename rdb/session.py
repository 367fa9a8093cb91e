"""A debugging session: the façade that the prompt, scripts, servers and tests all use, and rdb's public Python API.

A Session never prints, prompts or reads input.  Questions go to the `query` callback, remarks (a warning, a library that is
missing) to `notify`; everything else is a return value or an RdbError.

    with Session() as session:
        session.load("./crashes")
        session.break_at("main")
        session.run()
        session.record()
        report = session.cont()
        session.watch("node->next", location=True)
        report = session.cont(Direction.REVERSE)
        print(report.frame.line)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from rdb import new_image
from rdb.arch.base import Bank
from rdb.errors import RdbError
from rdb.events import Direction, Executed, Exited, Killed, Reason, Resume, Stop
from rdb.interruption import whole
from rdb.legs import Continue, ReverseFinish, ToPlaces, Walk
from rdb.linux import signals
from rdb.returned import returned_value
from rdb.run_control import RunControl
from rdb.stopping import Stopping
from rdb.stops import FunctionFinished, LocationReached, Show, StopReport
from rdb.symbols.unwind import Frame
from rdb.target.base import Stratum
from rdb.walks import Finish, FinishInlined, Instruction, SourceLine

if TYPE_CHECKING:
    from rdb.record.target import RecordTarget, Status


class Session(Stopping):
    """One program being debugged: what is asked to stop it, how it is moved, and the recording of its past."""

    def __init__(
        self,
        query: Callable[[str], bool] = lambda question: True,
        notify: Callable[[object], None] = lambda remark: None,
    ) -> None:
        """`query` answers a question with yes or no; `notify` is told sentences and reasons that end no command."""
        super().__init__(query, notify)
        self.signals = signals.defaults()
        self.run_control = RunControl(self, self.breakpoints, self.signals)
        self.run_control.tell = notify
        self.last_report: StopReport | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the session: launched programs are killed, attached ones let go."""
        for debuggee in self.debuggees:
            process = debuggee.process
            if process is not None:
                if process.attached:
                    self.detach_debuggee(debuggee)
                else:
                    self.kill_debuggee(debuggee)

    # -- the process

    def run(self, stop_at: str | None = None) -> StopReport:
        """Start the program and let it run.

        `stop_at` is "main" for a temporary breakpoint there, "first instruction" to stop before anything has executed.
        """
        if self.program is None:
            raise RdbError("No executable file specified.\nUse the \"file\" or \"exec-file\" command.")
        if self.alive:
            self.kill()
        self._launch()
        if stop_at == "first instruction":
            return self._note(self._standing(LocationReached()))
        if stop_at is not None:
            self.break_at(stop_at, temporary=True)
        return self._go(lambda: Continue(self, Direction.FORWARD))

    def attach(self, pid: int) -> StopReport:
        """Take over a running process."""
        self._attach(pid)
        return self._note(self._standing(LocationReached()))

    def kill(self) -> int:
        """Kill the process; its pid."""
        pid = self.need_process().pid
        self.kill_debuggee(self.debuggee)
        self._tell(self._without_thread())
        return pid

    def detach(self) -> int:
        """Let the process go on without us; its pid."""
        pid = self.need_process().pid
        self.detach_debuggee(self.debuggee, self.run_control.pending_signal)
        self._tell(self._without_thread())
        return pid

    def _ended(self) -> None:
        super()._ended()
        self.run_control.forget_signals()
        self.run_control.forget_inserted()

    def _withdraw(self) -> None:
        self.run_control.withdraw()

    def _replaced(self, executed: Executed) -> None:
        self.run_control.forget_inserted()
        left = new_image.leave(self.breakpoints)
        super()._replaced(executed)
        for sentence in new_image.disable_missing(left, self):
            self.notify(sentence)
        self.run_control.watchpoints.refresh()

    # -- moving

    @property
    def direction(self) -> Direction:
        """What `set exec-direction` says."""
        return Direction(self.settings.text("exec-direction"))

    def need_direction(self, direction: Direction | None) -> Direction:
        """A direction in which the target can go; None means the session's."""
        self.need_process()
        wanted = direction or self.direction
        if wanted is Direction.REVERSE and not self.target.can_reverse:
            raise RdbError("Target native does not support this command.")
        return wanted

    def cont(self, direction: Direction | None = None) -> StopReport:
        """continue and reverse-continue."""
        return self._go(lambda: Continue(self, self.need_direction(direction)))

    def step(self, count: int = 1, direction: Direction | None = None) -> StopReport:
        """To another source line, into calls."""
        return self._lines(count, direction, over=False)

    def next(self, count: int = 1, direction: Direction | None = None) -> StopReport:
        """To another source line, over calls."""
        return self._lines(count, direction, over=True)

    def _lines(self, count: int, direction: Direction | None, over: bool) -> StopReport:
        wanted = self.need_direction(direction)

        def walk() -> Walk:
            line = SourceLine(self, wanted, over, enter_all=self.settings.flag("step-mode"))
            if line.blind is not None:
                self.notify(f"Single stepping until exit from function {line.blind},\nwhich has no line number information.")
            return line

        return self._go(walk, count)

    def stepi(self, count: int = 1, direction: Direction | None = None) -> StopReport:
        """One instruction."""
        return self._instructions(count, direction, over=False)

    def nexti(self, count: int = 1, direction: Direction | None = None) -> StopReport:
        """One instruction, over calls."""
        return self._instructions(count, direction, over=True)

    def _instructions(self, count: int, direction: Direction | None, over: bool) -> StopReport:
        wanted = self.need_direction(direction)

        def walk() -> Walk:
            return Instruction(self, wanted, over, handlers=wanted is Direction.REVERSE or not self.target.is_live)

        return self._go(walk, count)

    def until(self) -> StopReport:
        """Like next, but never back to earlier code of the function (forwards only)."""
        return self._go(lambda: SourceLine(self, self.need_direction(None), over=True, onwards=True))

    def until_location(self, spec: str, only_this_frame: bool) -> StopReport:
        """until LOCATION (only in this frame) and advance LOCATION; both also stop when the current function returns."""
        direction = self.need_direction(None)

        def walk() -> Walk:
            frame, caller = self.frame_at(0), self.frame_at(1)
            assert frame is not None
            targets = [(place.address, frame.id if only_this_frame else None) for place in self.locations(spec)]
            if caller is not None:
                targets.append((caller.pc, caller.id))
            return ToPlaces(self, direction, targets=tuple(targets))

        return self._go(walk)

    def finish(self, direction: Direction | None = None) -> StopReport:
        """Out of the selected frame: forwards to its caller, with the value returned; backwards to its call."""
        wanted = self.need_direction(direction)
        return self._go(lambda: self._way_out(wanted))

    def _way_out(self, direction: Direction) -> Walk:
        frame = self.need_frame()
        if frame.inlined:
            return FinishInlined(self, direction, frame)
        while frame.is_artificial and frame.older is not None:
            frame = frame.older
        caller = frame.caller
        if caller is None or next(iter(self._older(frame)), None) is None:
            raise RdbError('"finish" not meaningful in the outermost frame.')
        return ReverseFinish(self, frame) if direction is Direction.REVERSE else Finish(self, frame, caller)

    def _older(self, frame: Frame) -> Iterable[Frame]:
        return (each for each in self.frames() if each.level > frame.level)

    def _go(self, begin: Callable[[], Walk], count: int = 1) -> StopReport:
        """Carry out `count` walks, each as `begin` makes it where the program stands then."""
        return self._note(self._or_death(lambda: self.run_control.go(begin(), count, begin)))

    def _or_death(self, move: Callable[[], StopReport]) -> StopReport:
        """The report of a move; a process that turns out to have been killed while it stood has moved to its end."""
        try:
            return move()
        except RdbError:
            process = self.process
            if process is None or not process.is_dead:
                raise
            process.resume(Resume())
            stop = process.wait()
            return StopReport(stop, stop.reasons, None, Show.NOTHING)

    def _keep_status(self, stop: Stop) -> None:
        """$_exitcode or $_exitsignal, whichever the end of the program gives; the other is void."""
        for name, reason in (("_exitcode", stop.reason(Exited)), ("_exitsignal", stop.reason(Killed))):
            self.convenience.pop(name, None)
            if reason is not None:
                self.set_convenience(name, reason.status if isinstance(reason, Exited) else reason.number)

    def _note(self, report: StopReport) -> StopReport:
        """Keep the session in step with a stop."""
        if report.stop.ended:
            self._keep_status(report.stop)
            self._ended()
            report = replace(report, remarks=self._without_thread())
        elif self.process is not None and self.process.attached and self.target.is_live:
            self.process.rest()
        self.prune()
        report = self._with_value(report)
        self.last_report = report
        return report

    def _with_value(self, report: StopReport) -> StopReport:
        """Add what the finished function returned."""
        finished = report.reason(FunctionFinished)
        if not isinstance(finished, FunctionFinished) or finished.function is None:
            return report
        banks = (self.target.read_bank(Bank.GENERAL), self.target.read_bank(Bank.EXTENDED))
        value = returned_value(self.arch, banks, self.read_memory, finished.function)
        if value is None:
            return report
        told = FunctionFinished(finished.function, value, self.remember(value))
        return replace(report, reasons=tuple(told if reason is finished else reason for reason in report.reasons))

    def _standing(self, *reasons: Reason) -> StopReport:
        """A report of where the program stands, without having moved."""
        return StopReport(Stop(reasons, self.target.thread), reasons, next(iter(self.frames()), None), Show.FRAME)

    def interrupt(self) -> None:
        """Stop the program soon, now or when it moves; may be called from a signal handler."""
        self.run_control.interrupt()

    def take_interrupt(self) -> bool:
        """Whether an interrupt was asked for that no stop has answered; it is the caller's to answer."""
        return self.run_control.take_interrupt()

    # -- recording

    def record(self) -> None:
        """Begin to record; a child for which the program has stopped is decided about first."""
        with whole():
            self.need_process()
            if self.recording is not None:
                raise RdbError("The process is already being recorded.  Use \"record stop\" to stop recording first.")
            from rdb.record.target import RecordTarget

            self.follow()
            process = self.need_process()
            process.leave_call()
            recording = RecordTarget(process, self.arch, self.settings, self.query, self.notify)
            recording.pace.tell = self.notify
            self.targets.push(recording)
            self.run_control.forget_inserted()
            self.moved()

    def need_recording(self) -> RecordTarget:
        recording = self.recording
        if recording is None:
            raise RdbError("No record target is currently active.\nUse one of the \"target record-<TAB><TAB>\" commands first.")
        return recording

    def record_stop(self) -> None:
        """Stop recording and forget the past; the program goes on from where it is looked at."""
        with whole():
            recording, process = self.need_recording(), self.need_process()
            try:
                if recording.replaying:
                    self.run_control.forget_signals()
                recording.finish()
            except RdbError:
                if not process.is_dead:
                    raise
            self.targets.remove(Stratum.RECORD)
            self.run_control.forget_inserted()
            self.moved()
            self._tell(self._without_thread())

    def record_delete(self) -> bool:
        """Forget what comes after the position being looked at; whether there was anything to forget."""
        recording = self.need_recording()
        if not recording.replaying:
            return False
        recording.go_live()
        self.moved()
        return True

    def record_goto(self, position: int | None, end: bool = False) -> StopReport:
        """Move to a position of the history: a number, the oldest (None), or with `end` the newest."""
        recording = self.need_recording()

        def move() -> StopReport:
            with whole():
                recording.goto(recording.log.high if end else recording.log.low if position is None else position)
                self.moved()
                self.run_control.watchpoints.refresh()
            return self._standing(LocationReached())

        return self._note(self._or_death(move))

    def record_status(self) -> Status | None:
        """What `info record` tells; None when nothing is recorded."""
        return self.recording.status() if self.recording is not None else None
