"""A stop told to the user: why, where, the source line, and the expressions on display.

The commands of the breakpoints that were hit run after the command that resumed the program; a first command `silent` keeps the
stop from being told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rdb.commands.answers import Raw, ShownValue
from rdb.commands.frames import frame_line
from rdb.commands.listing import Listing
from rdb.commands.script import LineSource
from rdb.commands.thread_ids import label
from rdb.events import (
    EndOfHistory,
    Exited,
    Forked,
    Killed,
    LibrariesChanged,
    Reason,
    RecordingStopped,
    RunnerEnded,
    Signalled,
    ThreadCreated,
    ThreadExited,
    WatchKind,
)
from rdb.linux import signals
from rdb.stops import (
    BreakpointHit,
    Caught,
    ConditionFailed,
    FunctionFinished,
    Show,
    StopReport,
    WatchpointOutOfScope,
    WatchpointTriggered,
)

if TYPE_CHECKING:
    from rdb.commands.console import Console
    from rdb.symbols.unwind import Frame

Teller = Callable[["Console", Any, StopReport | None], Iterator[object]]


def tell_frame(console: Console, frame: Frame, how: Show = Show.FRAME, level: bool = False) -> Iterator[object]:
    """A frame and its source line; where there is no line the frame itself is told in its place."""
    if how is Show.NOTHING:
        return
    session, listing = console.session, console.state(Listing)
    line = frame.line
    if how is Show.FRAME or line is None:
        yield frame_line(session, frame, frame.level if level else None)
    if line is not None:
        middle = frame.pc if how is Show.LINE and frame.shows_address and session.settings.flag("print address") else None
        yield listing.stop_at(session, line.path, line.directory, line.line, middle)


def tell_stop(console: Console, report: StopReport) -> Iterator[object]:
    """All that is told of a stop.  Breakpoint commands are queued to run after the command."""
    commands = _queue_commands(console, report)
    silent = bool(commands) and commands[0].strip() == "silent"
    reasons = () if silent else _told(report)
    first = [reason for reason in reasons if isinstance(reason, BEFORE_SWITCHING)]
    for early in first:
        yield from tell_reason(console, early, report)
    if report.switched:
        yield f"[Switching to {console.session.current_thread().target_id}]"
    if silent:
        return
    for reason in reasons[len(first):]:
        yield from tell_reason(console, reason, report)
    yield from report.remarks
    if report.frame is not None:
        yield from tell_frame(console, report.frame, report.show)
    finished = report.reason(FunctionFinished)
    if isinstance(finished, FunctionFinished):
        yield from _returned(console, finished)
    if report.frame is not None:
        from rdb.commands.data import show_displays

        yield from show_displays(console)


# GDB says these as soon as it knows of them, the others when it has settled in the thread that stopped.
BEFORE_SWITCHING = (Signalled, EndOfHistory, RecordingStopped, RunnerEnded, WatchpointOutOfScope)


def _told(report: StopReport) -> tuple[Reason, ...]:
    """The reasons that are told: of several breakpoints at one place only the first."""
    hit = next((number for number, reason in enumerate(report.reasons) if isinstance(reason, (BreakpointHit, Caught))), None)
    reasons = report.reasons if hit is None else report.reasons[: hit + 1]
    return tuple(sorted(reasons, key=lambda reason: not isinstance(reason, BEFORE_SWITCHING)))


def who(console: Console) -> str:
    """The current thread as stops tell it, once there has been more than one; else nothing."""
    session = console.session
    inferiors = len(session.debuggees) > 1
    if not session.thread_table.several and not inferiors:
        return ""
    thread = session.current_thread()
    number = label(session, thread.number)
    return f'Thread {number} "{thread.name}"' if thread.name else f"Thread {number}"


def _hit(console: Console) -> str:
    thread = who(console)
    return f"{thread} hit " if thread else ""


def tell_reason(console: Console, reason: object, report: StopReport | None = None) -> Iterator[object]:
    """Why the program stopped, in a sentence or two; a remark that is a sentence already is told as it is."""
    teller = TELLERS.get(type(reason))
    if teller is not None:
        yield from teller(console, reason, report)
    elif isinstance(reason, str):
        yield reason


def _queue_commands(console: Console, report: StopReport) -> list[str]:
    """Queue the commands of every breakpoint that was hit; those of the first one."""
    scripts: list[list[str]] = []
    for reason in report.reasons:
        point = getattr(reason, "breakpoint", None) or getattr(reason, "watchpoint", None)
        if point is not None and point.commands:
            scripts.append(point.commands)
    for script in scripts:
        lines = script[1:] if script[0].strip() == "silent" else script
        console.after_command.append(_runner(console, lines))
    return scripts[0] if scripts else []


def _runner(console: Console, lines: list[str]) -> Callable[[], None]:
    return lambda: console.run_lines(LineSource(iter(lines)))


def _breakpoint(console: Console, reason: BreakpointHit, report: StopReport | None) -> Iterator[object]:
    point = reason.breakpoint
    yield Raw(f"\n{_hit(console)}{'Temporary breakpoint' if point.temporary else 'Breakpoint'} {point.number}, ")


def _caught(console: Console, reason: Caught, report: StopReport | None) -> Iterator[object]:
    point = reason.breakpoint
    # gdb 13 does not say it of signals.
    temporary = point.temporary and point.event != "signal"
    yield Raw(f"\n{_hit(console)}{'Temporary catchpoint' if temporary else 'Catchpoint'} {point.number} ({reason.what}), ")


def _condition_failed(console: Console, reason: ConditionFailed, report: StopReport | None) -> Iterator[object]:
    yield f"Error in testing condition for breakpoint {reason.number}:\n{reason.why}"


def _watchpoint(console: Console, reason: WatchpointTriggered, report: StopReport | None) -> Iterator[object]:
    point, scope = reason.watchpoint, console.session
    lead = f"\n{_hit(console)}{point.title} {point.number}: {point.expression}\n\n"

    def shown(label: str, value: Any) -> object:
        return ShownValue(value, scope, None, f"{label} = ") if value is not None else f"{label} = <unreadable>"

    yield Raw(lead)
    if reason.changed and point.kind is not WatchKind.READ:
        yield shown("Old value", reason.old)
        yield shown("New value", reason.new)
    else:
        yield shown("Value", reason.new)


def _out_of_scope(console: Console, reason: WatchpointOutOfScope, report: StopReport | None) -> Iterator[object]:
    yield (f"\nWatchpoint {reason.watchpoint.number} deleted because the program has left the block in\n"
           "which its expression is valid.")


def _process(report: StopReport | None) -> int:
    return report.stop.thread if report is not None else 0


def _signal_text(number: int) -> str:
    return f"{signals.name(number)}, {signals.describe(number)}"


def _signal(console: Console, reason: Signalled, report: StopReport | None) -> Iterator[object]:
    yield f"\n{who(console) or 'Program'} received signal {_signal_text(reason.number)}."


def _end_of_history(console: Console, reason: EndOfHistory, report: StopReport | None) -> Iterator[object]:
    yield "\nNo more reverse-execution history."


def _recording_stopped(console: Console, reason: RecordingStopped, report: StopReport | None) -> Iterator[object]:
    yield reason.why


def _runner_ended(console: Console, reason: RunnerEnded, report: StopReport | None) -> Iterator[object]:
    yield "No unwaited-for children left."


def _exited(console: Console, reason: Exited, report: StopReport | None) -> Iterator[object]:
    how = f"with code 0{reason.status:o}" if reason.status else "normally"
    yield f"[Inferior {console.session.debuggee.number} (process {_process(report)}) exited {how}]"


def _killed(console: Console, reason: Killed, report: StopReport | None) -> Iterator[object]:
    yield f"\nProgram terminated with signal {_signal_text(reason.number)}.\nThe program no longer exists."


def _libraries(console: Console, reason: LibrariesChanged, report: StopReport | None) -> Iterator[object]:
    yield "Stopped due to shared library event (no libraries added or removed)"


def _forked(console: Console, reason: Forked, report: StopReport | None) -> Iterator[object]:
    if console.session.settings.flag("print inferior-events"):
        yield f"[Detaching after {reason.how} from child process {reason.child}]"


def _thread_created(console: Console, reason: ThreadCreated, report: StopReport | None) -> Iterator[object]:
    if console.session.settings.flag("print thread-events"):
        yield f"[New {console.session.thread_of(reason.thread).target_id}]"


def _thread_exited(console: Console, reason: ThreadExited, report: StopReport | None) -> Iterator[object]:
    if console.session.settings.flag("print thread-events"):
        yield f"[{console.session.thread_of(reason.thread).target_id} exited]"


def _returned(console: Console, reason: FunctionFinished) -> Iterator[object]:
    if reason.value is not None and console.session.settings.flag("print finish"):
        lead = f"Value returned is ${reason.history_number} = "
        yield ShownValue(reason.value, console.session, None, lead)


TELLERS: dict[type, Teller] = {
    BreakpointHit: _breakpoint, Caught: _caught, ConditionFailed: _condition_failed,
    WatchpointTriggered: _watchpoint, WatchpointOutOfScope: _out_of_scope, Signalled: _signal,
    EndOfHistory: _end_of_history, RecordingStopped: _recording_stopped, RunnerEnded: _runner_ended,
    Exited: _exited, Killed: _killed, LibrariesChanged: _libraries, Forked: _forked,
    ThreadCreated: _thread_created, ThreadExited: _thread_exited,
}
