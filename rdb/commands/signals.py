"""handle, info signals, signal and queue-signal: what happens to the signals of the program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rdb.commands.arguments import number_of
from rdb.commands.program import process_id
from rdb.commands.registry import Repeat, command
from rdb.commands.telling import tell_stop
from rdb.errors import RdbError, UsageError
from rdb.linux import signals

if TYPE_CHECKING:
    from rdb.commands.console import Console

HEADING = "Signal        Stop\tPrint\tPass to program\tDescription"
NUMERIC = 'Only signals 1-15 are valid as numeric signals.\nUse "info signals" for a list of symbolic signals.'
# Each action, the least number of letters that stands for it, and what it changes.
ACTIONS: tuple[tuple[str, int, dict[str, bool]], ...] = (
    ("stop", 1, {"stop": True, "tell": True}),
    ("ignore", 1, {"forward": False}),
    ("print", 2, {"tell": True}),
    ("pass", 2, {"forward": True}),
    ("nostop", 3, {"stop": False}),
    ("noignore", 3, {"forward": True}),
    ("noprint", 4, {"tell": False, "stop": False}),
    ("nopass", 4, {"forward": False}),
)


def _row(console: Console, number: int) -> str:
    row = console.session.signals[number]
    words = "\t".join("Yes" if flag else "No" for flag in (row.stop, row.tell, row.forward))
    return f"{signals.name(number):13} {words}\t\t{signals.describe(number)}"


def _signal(console: Console, text: str) -> int:
    """The number of a signal given by name, or by an expression whose value is GDB's number of it."""
    number = signals.number_of(text)
    if number is None:
        number = signals.number_of(str(number_of(console.session, text)))
    if number is None:
        raise UsageError(NUMERIC)
    return number


@command("info signals", "handle", group="status", arguments="[SIGNAL]", completes="signal")
def info_signals(console: Console, arguments: str) -> Iterator[str]:
    """Tell what happens when the program gets a signal: whether it stops, is told to you, and is passed to the program."""
    yield HEADING
    if arguments:
        yield _row(console, _signal(console, arguments))
        return
    yield ""
    yield from (_row(console, number) for number in signals.listed())
    yield '\nUse the "handle" command to change these tables.'


@command("handle", group="running", arguments="SIGNAL ... ACTION ...", completes="handled")
def handle(console: Console, arguments: str) -> Iterator[str]:
    """Say what happens when the program gets a signal.
    Signals are names, numbers from 1 to 15, ranges of these, or `all` for all but those that the debugger uses.
    Actions: stop, nostop, print, noprint, pass (the program sees it), nopass; ignore is nopass, noignore is pass.  An action is
    for the signals in front of it.  It holds in both directions: the recorded past stops where a signal was passed to the
    program, whatever that made of it, and where an instruction of the program's own has trapped."""
    if not arguments:
        raise UsageError("Argument required (signal to handle).")
    table = console.session.signals
    chosen: set[int] = set()
    for word in arguments.split():
        change = next((change for name, least, change in ACTIONS if len(word) >= least and name.startswith(word)), None)
        if change is None:
            for number, sure in _chosen(word):
                if sure or number in chosen or _is_sure(console, number):
                    chosen.add(number)
                else:
                    yield "Not confirmed, unchanged."
            continue
        for number in chosen:
            table[number] = replace(table[number], **change)
    if chosen and console.from_prompt:
        yield HEADING
        yield from (_row(console, number) for number in signals.listed() if number in chosen)


def _chosen(word: str) -> Iterable[tuple[int, bool]]:
    """The signals that a word of `handle` names, each with whether it may be changed without asking."""
    if "all".startswith(word):
        return [(number, True) for number in signals.listed() if signals.name(number) not in signals.OURS]
    first, dash, last = word.partition("-")
    if first.isdecimal() and (last.isdecimal() or not dash):
        low, high = sorted((int(first), int(last or first)))
        if low < 1 or high > 15:
            raise UsageError(NUMERIC)
        found = [signals.number_of(str(number)) for number in range(low, high + 1)]
    else:
        found = [signals.number_of(word)]
        if found == [None]:
            raise UsageError(f'Unrecognized or ambiguous flag word: "{word}".')
    return [(number, signals.name(number) not in signals.OURS) for number in found if number is not None]


def _is_sure(console: Console, number: int) -> bool:
    return console.confirm(f"{signals.name(number)} is used by the debugger. \nAre you sure you want to change it? ")


def _given(console: Console, arguments: str) -> int:
    """The signal that signal and queue-signal are given; 0 is none."""
    if process_id(console.session) is None:
        raise RdbError("The program is not being run.")
    if not arguments:
        raise UsageError("Argument required (signal number).")
    return 0 if arguments == "0" else _signal(console, arguments)


@command("signal", group="running", arguments="SIGNAL", repeat=Repeat.NEVER, completes="signal")
def signal(console: Console, arguments: str) -> Iterator[object]:
    """Continue the program with a signal; with 0, without the one that it has stopped for."""
    number = _given(console, arguments)
    if console.from_prompt:
        yield f"Continuing with signal {signals.name(number)}." if number else "Continuing with no signal."
    console.session.run_control.pending_signal = number
    yield from tell_stop(console, console.session.cont())


@command("queue-signal", group="running", arguments="SIGNAL", repeat=Repeat.NEVER, completes="signal")
def queue_signal(console: Console, arguments: str) -> None:
    """Have the current thread get a signal when it goes on next, whatever makes it go on; 0 for none."""
    number = _given(console, arguments)
    if number and not console.session.signals[number].forward:
        raise RdbError("Signal handling set to not pass this signal to the program.")
    console.session.run_control.pending_signal = number
