"""record and its kin: keeping the past, moving in it, and telling about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rdb.commands.answers import ProgramOutput, RecordStatus
from rdb.commands.arguments import number_of
from rdb.commands.program import process_id
from rdb.commands.registry import Repeat, command
from rdb.commands.telling import tell_frame
from rdb.errors import RdbError, UsageError

if TYPE_CHECKING:
    from rdb.commands.console import Console

NOT_RECORDING = 'No recording is currently active.\nUse the "record full" or "record btrace" command first.'


def _recording(console: Console) -> None:
    if console.session.record_status() is None:
        raise RdbError(NOT_RECORDING)


@command("record", "rec", group="obscure", repeat=Repeat.NEVER)
def record(console: Console, arguments: str) -> None:
    """Record what the program does from now on, so that it can go backwards.
    Every instruction is kept with what it changes: see "set record full insn-number-max"."""
    session = console.session
    if process_id(session) is None:
        raise RdbError("Process record: the program is not being run.")
    if session.record_status() is not None:
        raise RdbError('The process is already being recorded.  Use "record stop" to stop recording first.')
    session.record()


command("record full", group="obscure", repeat=Repeat.NEVER)(record)
command("target record-full", group="obscure", repeat=Repeat.NEVER)(record)


@command("record btrace", "b", group="obscure", repeat=Repeat.NEVER)
def record_btrace(console: Console, arguments: str) -> None:
    """Not available: rdb records everything by itself and needs no processor trace."""
    raise RdbError("Target does not support branch tracing.")


@command("record stop", "s", group="obscure", repeat=Repeat.NEVER)
def record_stop(console: Console, arguments: str) -> str:
    """Stop recording and forget the past; the program goes on from where it stands."""
    _recording(console)
    console.session.record_stop()
    return "Process record is stopped and all execution logs are deleted."


@command("record delete", "del", "d", group="obscure", repeat=Repeat.NEVER)
def record_delete(console: Console, arguments: str) -> str | None:
    """While replaying, forget what comes after this moment, and go on recording from here."""
    _recording(console)
    if not console.session.need_recording().replaying:
        return "Already at end of record list."
    if console.from_prompt:
        console.demand("Delete the log from this point forward and begin to record the running message at current PC?", "")
    console.session.record_delete()
    return None


def _goto(console: Console, position: int) -> Iterator[object]:
    recording = console.session.need_recording()
    here = recording.position
    if not recording.log.low <= position <= recording.log.high:
        raise UsageError("Target insn not found.")
    if position == here:
        raise UsageError("Already at target insn.")
    yield f"Go {'forward' if position > here else 'backward'} to insn number {position}"
    console.session.record_goto(position)
    yield from tell_frame(console, console.session.need_frame(), level=True)


@command("record goto", group="obscure", arguments="begin|start|end|NUMBER", any_argument=True)
def record_goto(console: Console, arguments: str) -> Iterator[object]:
    """Go to a moment of the recording, given by the number of an instruction."""
    if not arguments:
        raise UsageError("Command requires an argument (insn number to go to).")
    _recording(console)
    yield from _goto(console, number_of(console.session, arguments))


@command("record goto begin", "start", group="obscure")
def record_goto_begin(console: Console, arguments: str) -> Iterator[object]:
    """Go to the beginning of the recording."""
    _recording(console)
    yield from _goto(console, console.session.need_recording().log.low)


@command("record goto end", group="obscure")
def record_goto_end(console: Console, arguments: str) -> Iterator[object]:
    """Go to the end of the recording."""
    _recording(console)
    yield from _goto(console, console.session.need_recording().log.high)


@command("info record", "rec", group="status")
def info_record(console: Console, arguments: str) -> object:
    """Tell about the recording: how much is kept, and where in it the program stands."""
    status = console.session.record_status()
    if status is None:
        return "No recording is currently active."
    return RecordStatus(
        status.replaying,
        status.low,
        status.current,
        status.high,
        status.limit,
        status.bytes_used,
        status.bytes_limit,
        status.seconds,
        status.gaps,
        status.verified,
        status.missed,
    )


_STREAMS = {1: "Standard output", 2: "Standard error"}


@command("info output", group="status", arguments="[DESCRIPTOR|all]")
def info_output(console: Console, arguments: str) -> Iterator[object]:
    """Show what the program had written by now, since recording began.
    Without an argument: to standard output and standard error, in the order of time, as it would be seen on a terminal.
    With a number: through that descriptor.  With "all": through each descriptor that something was written through.
    A descriptor counts as what its number was when the program wrote.  In the past, what was written later is left out.
    What was written before recording began, or without passing through the program's memory (sendfile), is not known."""
    _recording(console)
    recording = console.session.need_recording()
    wanted: list[tuple[str, tuple[int, ...]]]
    if arguments == "all":
        wanted = [(_title(number), (number,)) for number in recording.outside.output.descriptors()]
        if not wanted:
            yield "The program has written nothing since recording began."
    elif arguments:
        number = number_of(console.session, arguments)
        wanted = [(_title(number), (number,))]
    else:
        wanted = [("Standard output and standard error", tuple(_STREAMS))]
    for title, descriptors in wanted:
        written = recording.written(descriptors)
        yield ProgramOutput(title, written.data, written.size, written.later)


def _title(descriptor: int) -> str:
    return _STREAMS.get(descriptor, f"Descriptor {descriptor}")
