"""Where a command has come to, as rdb sees it and as gdb does, and why it stopped there."""

from __future__ import annotations

from typing import NamedTuple

from rdb.events import (
    Direction,
    EndOfHistory,
    Exited,
    Killed,
    RecordingStopped,
    Signalled,
)
from rdb.linux import signals
from rdb.session import Session
from rdb.stops import (
    BreakpointHit,
    FunctionFinished,
    LocationReached,
    StepDone,
    StopReport,
    WatchpointOutOfScope,
    WatchpointTriggered,
)

_KINDS = {
    BreakpointHit: "breakpoint",
    FunctionFinished: "finished",
    LocationReached: "location",
    StepDone: "step",
    EndOfHistory: "end of history",
    RecordingStopped: "recording stopped",
    WatchpointTriggered: "watchpoint",
    WatchpointOutOfScope: "scope",
}
_COMMANDS = ("step", "next", "stepi", "nexti")


class Place(NamedTuple):
    """The function and line of the innermost frame, pc, and the kind of stop ("error" for a command that was refused)."""

    function: str | None
    line: int | None
    pc: int
    kind: str


def kind(report: StopReport) -> str:
    """Why it stopped, in a word or two."""
    names = []
    for reason in report.reasons:
        if isinstance(reason, Exited):
            names.append(f"exited {reason.status}")
        elif isinstance(reason, Killed):
            names.append(f"killed by {signals.name(reason.number)}")
        elif isinstance(reason, Signalled):
            names.append(signals.name(reason.number))
        elif isinstance(reason, (BreakpointHit, WatchpointTriggered)):
            stoppoint = reason.breakpoint if isinstance(reason, BreakpointHit) else reason.watchpoint
            names.append(f"{_KINDS[type(reason)]} {stoppoint.number}")
        else:
            names.append(_KINDS.get(type(reason), type(reason).__name__))
    return ", ".join(names)


def place(report: StopReport) -> Place:
    """Where a report says that the program stands."""
    frame = report.frame
    if frame is None:
        return Place(None, None, 0, kind(report))
    return Place(frame.name, frame.line.line if frame.line else None, frame.pc, kind(report))


def perform(session: Session, command: str) -> StopReport:
    """Carry out a command of GDB's that moves the program, through the session: "reverse-step 3", "until 20", "finish"."""
    word, _, argument = command.partition(" ")
    direction = Direction.REVERSE if word.startswith("reverse-") else None
    word = word.removeprefix("reverse-")
    if word in _COMMANDS:
        report: StopReport = getattr(session, word)(int(argument or 1), direction)
        return report
    if word == "continue":
        return session.cont(direction)
    if word == "finish":
        return session.finish(direction)
    if word in ("until", "advance"):
        return session.until_location(argument, word == "until") if argument else session.until()
    raise ValueError(command)
