"""run, continue, step and their kin, in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import RunTill
from rdb.commands.arguments import count_of
from rdb.commands.frames import frame_line
from rdb.commands.program import live, process_id
from rdb.commands.registry import Repeat, command
from rdb.commands.stack import selected
from rdb.commands.telling import tell_stop
from rdb.errors import NoProcess, RdbError, UsageError
from rdb.events import Direction
from rdb.stops import BreakpointHit

if TYPE_CHECKING:
    from rdb.breakpoints import Breakpoint
    from rdb.commands.console import Console
    from rdb.session import Session
    from rdb.stops import StopReport

REVERSE = Direction.REVERSE


# Starting and ending.


def _start(console: Console, arguments: str, stop_at: str | None) -> Iterator[object]:
    session = console.session
    if process_id(session) is not None:
        if console.from_prompt:
            console.demand("The program being debugged has been started already.\nStart it from the beginning? ",
                           "Program not restarted.")
        session.kill()
    if session.program is None:
        raise UsageError('No executable file specified.\nUse the "file" or "exec-file" command.')
    if arguments:
        session.settings["args"] = arguments
    if stop_at == "main":
        point = session.break_at("main", temporary=True)
        yield from announce_breakpoint(console, point)
    if console.from_prompt:
        yield f"Starting program: {session.program} {session.settings.text('args')}"
    report = session.run("first instruction" if stop_at == "first" else None)
    if stop_at == "first":
        yield "\nProgram stopped."
    yield from tell_stop(console, report)


def announce_breakpoint(console: Console, point: Breakpoint) -> Iterator[object]:
    """What is told of a new breakpoint."""
    from rdb.commands.stopping import mention

    yield mention(point)


@command("run", "r", group="running", arguments="[ARGUMENTS]", repeat=Repeat.NEVER, completes="file")
def run(console: Console, arguments: str) -> Iterator[object]:
    """Start the program.
    ARGUMENTS are passed through the shell, so they may be quoted and redirected; without any, those of the last time (or of
    `set args`) are used."""
    yield from _start(console, arguments, None)


@command("start", group="running", arguments="[ARGUMENTS]", repeat=Repeat.NEVER, completes="file")
def start(console: Console, arguments: str) -> Iterator[object]:
    """Start the program and stop it in main."""
    yield from _start(console, arguments, "main")


@command("starti", group="running", arguments="[ARGUMENTS]", repeat=Repeat.NEVER, completes="file")
def starti(console: Console, arguments: str) -> Iterator[object]:
    """Start the program and stop it at its first instruction."""
    yield from _start(console, arguments, "first")


@command("kill", "k", group="running", repeat=Repeat.NEVER)
def kill(console: Console, arguments: str) -> str:
    """Kill the program."""
    process = live(console.session)
    console.demand("Kill the program being debugged? ")
    console.session.kill()
    return f"[Inferior {console.session.debuggee.number} (process {process}) killed]"


@command("attach", group="running", arguments="PROCESS", repeat=Repeat.NEVER, completes="process")
def attach(console: Console, arguments: str) -> Iterator[object]:
    """Debug a process that runs already, given by its number."""
    if not arguments:
        raise UsageError("Argument required (process-id to attach).")
    if not arguments.isdigit():
        raise UsageError(f"Illegal process-id: {arguments}.")
    session = console.session
    if process_id(session) is not None:
        if console.from_prompt:
            console.demand("A program is being debugged already.  Kill it? ", "Not killed.")
        session.kill()
    if console.from_prompt:
        name = f"program: {session.program}, " if session.program else ""
        yield f"Attaching to {name}process {arguments}"
    yield from tell_stop(console, _attached(session, int(arguments)))


def _attached(session: Session, process: int) -> StopReport:
    """Attach; what the system refuses is told in GDB's words."""
    try:
        return session.attach(process)
    except NoProcess:
        raise RdbError("ptrace: No such process.") from None
    except PermissionError:
        raise RdbError("ptrace: Operation not permitted.") from None


@command("detach", group="running", repeat=Repeat.NEVER)
def detach(console: Console, arguments: str) -> Iterator[str]:
    """Let the program go on by itself, and stop debugging it."""
    session = console.session
    process = live(console.session)
    if console.from_prompt:
        yield f"Detaching from program: {session.program or ''}, process {process}"
    session.detach()
    yield f"[Inferior {session.debuggee.number} (process {process}) detached]"


# Moving.


def _continue(console: Console, arguments: str, direction: Direction | None) -> Iterator[object]:
    live(console.session)
    if arguments:
        yield _pass_breakpoint(console, count_of(console.session, arguments))
    elif console.from_prompt:
        yield "Continuing."
    yield from tell_stop(console, console.session.cont(direction))


def _pass_breakpoint(console: Console, count: int) -> str | None:
    """Make the breakpoint at which the program stands pass `count` - 1 times; what is told of it."""
    report = console.session.last_report
    hit = report.reason(BreakpointHit) if report is not None else None
    if not isinstance(hit, BreakpointHit):
        return "Not stopped at any breakpoint; argument ignored.\nContinuing." if console.from_prompt else None
    point = hit.breakpoint
    point.ignore = max(count - 1, 0)
    crossings = f"next {point.ignore} crossings" if point.ignore > 1 else "next crossing"
    told = f"Will ignore {crossings} of breakpoint {point.number}.  " if point.ignore else \
        f"Will stop next time breakpoint {point.number} is reached.  "
    return told + "Continuing." if console.from_prompt else None


@command("continue", "fg", "c", group="running", arguments="[N]")
def continue_(console: Console, arguments: str) -> Iterator[object]:
    """Go on until something stops the program.
    With N, pass the breakpoint at which it stands N - 1 times more."""
    yield from _continue(console, arguments, None)


@command("reverse-continue", "rc", group="running", arguments="[N]")
def reverse_continue(console: Console, arguments: str) -> Iterator[object]:
    """Run backwards until something stops the program, or the recording begins."""
    _only_forward(console, "reverse-continue")
    yield from _continue(console, arguments, REVERSE)


def _only_forward(console: Console, name: str) -> None:
    if console.session.settings.text("exec-direction") == "reverse":
        raise UsageError(f"Already in reverse mode.  Use '{name.removeprefix('reverse-')}' or 'set exec-dir forward'.")


STEPS = (
    ("step", "s", "step", "Step until another source line is reached, into functions that are called."),
    ("next", "n", "next", "Step until another source line is reached, over functions that are called."),
    ("stepi", "si", "stepi", "Step one instruction."),
    ("nexti", "ni", "nexti", "Step one instruction, over functions that are called."),
)


def _declare_step(name: str, alias: str, method: str, meaning: str) -> None:
    def move(console: Console, arguments: str, direction: Direction | None) -> Iterator[object]:
        live(console.session)
        count = count_of(console.session, arguments)
        report: StopReport = getattr(console.session, method)(count, direction)
        yield from tell_stop(console, report)

    def forward(console: Console, arguments: str) -> Iterator[object]:
        yield from move(console, arguments, None)

    def backward(console: Console, arguments: str) -> Iterator[object]:
        _only_forward(console, f"reverse-{name}")
        yield from move(console, arguments, REVERSE)

    forward.__doc__ = f"{meaning}\nWith N, do so N times, or until the program stops for another reason."
    backward.__doc__ = f"{meaning[:-1]}, backwards.\nWith N, do so N times, or until the program stops for another reason."
    aliases = {"step": "rs", "next": "rn", "stepi": "rsi", "nexti": "rni"}
    command(name, alias, group="running", arguments="[N]")(forward)
    command(f"reverse-{name}", aliases[name], group="running", arguments="[N]")(backward)


for _row in STEPS:
    _declare_step(*_row)


def _finish(console: Console, arguments: str, direction: Direction | None) -> Iterator[object]:
    live(console.session)
    if arguments:
        raise UsageError("The \"finish\" command does not take any arguments.")
    session, here = console.session, selected(console)
    reverse = direction is REVERSE or session.settings.text("exec-direction") == "reverse"
    if len(_two_frames(console, here.level)) < 2:
        raise UsageError('"finish" not meaningful in the outermost frame.')
    if console.from_prompt:
        yield RunTill(reverse, frame_line(session, here, here.level))
    yield from tell_stop(console, session.finish(direction))


def _two_frames(console: Console, level: int) -> list[object]:
    from itertools import islice

    return list(islice(console.session.frames(), level, level + 2))


@command("finish", "fin", group="running")
def finish(console: Console, arguments: str) -> Iterator[object]:
    """Run until the selected frame returns, and print the value that it returns."""
    yield from _finish(console, arguments, None)


@command("reverse-finish", group="running")
def reverse_finish(console: Console, arguments: str) -> Iterator[object]:
    """Run backwards until just before the selected frame was called."""
    _only_forward(console, "reverse-finish")
    yield from _finish(console, arguments, REVERSE)


@command("until", "u", group="running", arguments="[LOCATION]", completes="location")
def until(console: Console, arguments: str) -> Iterator[object]:
    """Like next, but never go back in a loop; with a location, run until there or until the frame returns."""
    live(console.session)
    session = console.session
    yield from tell_stop(console, session.until_location(arguments, True) if arguments else session.until())


@command("advance", group="running", arguments="LOCATION", completes="location")
def advance(console: Console, arguments: str) -> Iterator[object]:
    """Run until a location, or until the frame returns."""
    live(console.session)
    if not arguments:
        raise UsageError("Argument required (a location).")
    yield from tell_stop(console, console.session.until_location(arguments, False))


@command("jump", "j", group="running", arguments="LOCATION", completes="location")
def jump(console: Console, arguments: str) -> Iterator[object]:
    """Go on at another place."""
    live(console.session)
    if not arguments:
        raise UsageError("Argument required (starting address).")
    session = console.session
    locations = session.locations(arguments)
    if len(locations) != 1:
        raise UsageError("Unreasonable jump request")
    address = locations[0].address
    session.write_register(session.arch.pc, address.to_bytes(session.arch.pointer_size, "little"))
    if console.from_prompt:
        yield f"Continuing at {address:#x}."
    yield from tell_stop(console, session.cont())


@command("return", group="running", arguments="[EXPRESSION]", completes="expression", repeat=Repeat.NEVER)
def return_(console: Console, arguments: str) -> None:
    """Not provided: rdb does not pop frames; reverse-finish goes back to the call."""
    selected(console)
    raise RdbError("rdb does not pop frames; use \"finish\", or \"reverse-finish\" to go back before the call.")


@command("tty", group="running", arguments="TERMINAL", completes="file")
def tty(console: Console, arguments: str) -> None:
    """Set the terminal that the program is given the next time it starts."""
    if not arguments:
        raise UsageError("Argument required (terminal name for running target process).")
    console.session.settings["inferior-tty"] = arguments
